//! The shipped feature files: all that the lab can carry passes on it, and each scenario fails where the lab is broken in a
//! way that it is there to find. A scenario that no fault can fail does not ship.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's way to fail; helpers of tests are not recognised as such"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

use lanherd_types::test_folder::TestFolder;
use serde_json::Value;

/// One row of the table: a scenario of a file, a fault of the lab under which it must fail, and what the failure must say.
struct Row {
    file: &'static str,
    scenario: &'static str,
    fault: &'static str,
    says: &'static str,
}

const fn row(
    file: &'static str,
    scenario: &'static str,
    fault: &'static str,
    says: &'static str,
) -> Row {
    Row {
        file,
        scenario,
        fault,
        says,
    }
}

/// Those that run only where they are asked for: they are proved to fail. Those of a soak are too long to see pass here.
const ON_REQUEST: [(&str, &str); 6] = [
    (
        "ipv6_router_requirements",
        "The router hears clients that were quiet for five minutes",
    ),
    ("reboot", "The router reboots, and everybody is back"),
    ("soak", "24-hour soak does not degrade"),
    (
        "ipv6_router_requirements",
        "A router whose line is down is no default router",
    ),
    (
        "ipv6_router_requirements",
        "The old prefix is withdrawn when the line gets another",
    ),
    (
        "ipv6_router_requirements",
        "Unique local prefixes survive a reboot",
    ),
];

/// What proves that the scenarios can fail.
const TWIN: &[Row] = &[
    // It takes five minutes, and so begins first.
    row(
        ON_REQUEST[0].0,
        ON_REQUEST[0].1,
        "mld_snooping",
        "no router answered 3 router solicitations",
    ),
    row(
        "capacity",
        "The virtual router carries as many clients as it has addresses",
        "dhcp_short_pool",
        "5 clients have been online, and at least 30 should",
    ),
    row(
        "clean_host",
        "Nothing stays when everybody leaves in order",
        "dhcp_nak",
        "nak",
    ),
    row(
        "clean_host",
        "Nothing stays of clients that crashed and vanished",
        "dhcp_lost_acks",
        "no_ack",
    ),
    row(
        "crash",
        "A client crashes and comes back as it was",
        "dhcp_wrong_router",
        "its router does not answer its pings",
    ),
    row(
        "crash",
        "Somebody takes something away from a client: delete_link",
        "dhcp_wrong_router",
        "its router does not answer its pings",
    ),
    row(
        "crash",
        "Somebody takes something away from a client: delete_namespace",
        "dhcp_wrong_router",
        "its router does not answer its pings",
    ),
    row(
        "crash",
        "Somebody takes something away from a client: remove_address",
        "dhcp_wrong_router",
        "its router does not answer its pings",
    ),
    row(
        "crash",
        "Somebody takes something away from a client: kill_sockets",
        "dhcp_wrong_router",
        "its router does not answer its pings",
    ),
    row(
        "first_ping",
        "Ten devices ping Google DNS",
        "dhcp_wrong_router",
        "8.8.8.8): timeout",
    ),
    row(
        "first_ping",
        "Ten devices ping Google DNS",
        "router_reboot",
        "no_carrier",
    ),
    row(
        "first_ping",
        "Ten devices ping Google DNS",
        "router_reset",
        "no_carrier",
    ),
    row(
        "first_ping",
        "Every device reaches its own router, again and again",
        "ping_loss",
        "packet loss is",
    ),
    row(
        "first_ping",
        "No ping is answered twice",
        "ping_duplicates",
        "answers to pings that had been answered already",
    ),
    row(
        "full_pool",
        "The one too many gets no offer, and nobody else loses anything",
        "dhcp_short_pool",
        "no_offer",
    ),
    row(
        "full_pool",
        "An address that was given back goes to who waits for it",
        "dhcp_short_pool",
        "no_offer",
    ),
    row(
        "join_storm",
        "A whole house comes back at once",
        "dhcp_wrong_router",
        "its router does not answer its pings",
    ),
    row(
        "join_storm",
        "All devices forget their leases and ask at once",
        "dhcp_lost_acks",
        "no_ack",
    ),
    row(
        "joins",
        "Fifty clients join at once and none shares an address",
        "dhcp_duplicates",
        "address_conflict",
    ),
    row(
        "joins",
        "Devices of every kind get the same from the router",
        "dhcp_lost_acks",
        "no_ack",
    ),
    row(
        "joins",
        "Leases are what the router's administrator wanted",
        "dhcp_wrong_dns",
        "had another dns than",
    ),
    row(
        "joins",
        "Nobody waits long for a lease",
        "dhcp_slow",
        "the p95 DHCP time is",
    ),
    row(
        "joins",
        "What the router says can be read",
        "dhcp_malformed_option",
        "option 6 at byte",
    ),
    row(
        "joins",
        "Nobody waits long for a lease",
        "dhcp_own_address",
        "bad_lease",
    ),
    row(
        "joins",
        "Devices of every kind get the same from the router",
        "dhcp_garbage",
        "malformed",
    ),
    row(
        "reboot",
        "A router that keeps its leases gives everybody the same address again",
        "dhcp_mute",
        "no_offer",
    ),
    row(
        "reboot",
        "A router that forgets its leases gives nobody another's address",
        "dhcp_duplicates",
        "address_conflict",
    ),
    row(
        "renewal",
        "A renewed lease is the same lease",
        "dhcp_nak_known",
        "nak",
    ),
    row(
        "renewal",
        "Any server may extend a lease",
        "dhcp_nak_known",
        "nak",
    ),
    row(
        "renewal",
        "A released address is given back and can be had again",
        "dhcp_short_pool",
        "no_offer",
    ),
    row(
        "renewal",
        "Short leases go on and on",
        "dhcp_nak_known",
        "nak",
    ),
    row(
        "renewal",
        "Clients get over a lease that ran out",
        "dhcp_exhausted",
        "no_offer",
    ),
    row(
        "resolver",
        "Every client can look a name up",
        "dns_servfail",
        "servfail",
    ),
    row(
        "resolver",
        "Every client can look a name up",
        "dns_mute",
        "timeout",
    ),
    row(
        "resolver",
        "The resolver stands a whole school that opens its browsers",
        "dns_limit",
        "refused",
    ),
    row(
        "resolver",
        "A name leads to a page",
        "http_unavailable",
        "503",
    ),
    row(
        "soak",
        "Half a minute, to see the soak itself at work",
        "router_leak",
        "ping_rtt of",
    ),
    row(
        "soak",
        "Guests come and go in ones and in crowds while the soak runs",
        "dhcp_lost_acks",
        "no_ack",
    ),
    row(
        "traffic_mix",
        "An ordinary evening",
        "ping_loss",
        "packet loss is",
    ),
    row(
        "traffic_mix",
        "A program of the tester's own in every client",
        "dhcp_wrong_router",
        "exit code 1",
    ),
    row(
        "vanish",
        "A device that was switched off without a word gets its address back",
        "dhcp_wrong_router",
        "its router does not answer its pings",
    ),
    row(
        "vanish",
        "Guests come and go all evening",
        "dhcp_expire_early",
        "address_conflict",
    ),
    row(
        "vanish",
        "New devices come when others have gone for good",
        "dhcp_short_pool",
        "no_offer",
    ),
    row(
        "ipv6_advertisements",
        "A router that is asked answers at once",
        "ra_slow",
        "the median join time is",
    ),
    row(
        "ipv6_advertisements",
        "A router that is there stays there",
        "ra_silent",
        "router_lost",
    ),
    row(
        "ipv6_advertisements",
        "A router that is there stays there",
        "ra_flap",
        "router_lost",
    ),
    row(
        "ipv6_advertisements",
        "The resolver stays between two advertisements",
        "ra_short_dns",
        "no_resolver",
    ),
    row(
        "ipv6_advertisements",
        "What the lab's router advertises is what clients have",
        "ra_wrong_dns",
        "dns6 2001:db8:77::dead",
    ),
    row(
        "ipv6_delegation",
        "Each router behind the router is delegated a prefix of its own",
        "dhcp6_no_prefix",
        "no delegated prefix within",
    ),
    row(
        "ipv6_delegation",
        "A prefix is delegated beside a leased address",
        "dhcp6_no_prefix",
        "NoPrefixAvail",
    ),
    row(
        "ipv6_delegation",
        "The router knows the way to what it has delegated",
        "dhcp6_no_route",
        "from the delegated prefix (2001:4860:4860::8888): timeout",
    ),
    row(
        "ipv6_delegation",
        "A delegated prefix is renewed with its lease",
        "dhcp6_no_binding",
        "NoBinding",
    ),
    row(
        "ipv6_leases",
        "A DHCPv6 lease is there soon",
        "dhcp6_slow",
        "the median join time is",
    ),
    row(
        "ipv6_leases",
        "Clients get addresses by DHCPv6 where the router says so",
        "dhcp6_garbage",
        "malformed: no usable answer of a DHCPv6 server",
    ),
    row(
        "ipv6_leases",
        "A DHCPv6 lease is extended",
        "dhcp6_forgets",
        "NoBinding",
    ),
    row(
        "ipv6_renumbering",
        "Leased addresses go with the prefix",
        "dhcp6_keeps_stale",
        "still used an address of 2001:db8:77::/64",
    ),
    row(ON_REQUEST[1].0, ON_REQUEST[1].1, "dhcp_mute", "no_offer"),
    row(ON_REQUEST[2].0, ON_REQUEST[2].1, "dhcp_lost_acks", "no_ack"),
    row(
        "ipv6_advertisements",
        "The router answers whoever asks",
        "ra_mute",
        "no_router",
    ),
    row(
        "ipv6_advertisements",
        "The router answers whoever asks",
        "ra_garbage",
        "malformed: no usable router advertisement",
    ),
    row(
        "ipv6_advertisements",
        "Dual-stack clients are usable in both families",
        "ra_no_autonomous",
        "no_prefix",
    ),
    row(
        "ipv6_advertisements",
        "Dual-stack clients are usable in both families",
        "ra_zero_lifetime",
        "its router lifetime is 0",
    ),
    row(
        "ipv6_advertisements",
        "Dual-stack clients are usable in both families",
        "nd_answers_all",
        "address_conflict",
    ),
    row(
        "ipv6_advertisements",
        "Lifetimes are short enough for a line that gets another prefix",
        "ra_long_lifetimes",
        "were advertised longer lifetimes",
    ),
    row(
        "ipv6_advertisements",
        "Every client reaches the router over IPv6",
        "nd_mute",
        "(fe80::1): timeout",
    ),
    row(
        "ipv6_advertisements",
        "Every client reaches the router over IPv6",
        "ra_wrong_router",
        "(fe80::dead): timeout",
    ),
    row(
        "ipv6_advertisements",
        "Every client reaches Google DNS over IPv6",
        "v6_blackhole",
        "(2001:4860:4860::8888): timeout",
    ),
    row(
        "ipv6_advertisements",
        "What the lab's router advertises is what clients have",
        "ra_no_dns",
        "dns6 none",
    ),
    row(
        "ipv6_advertisements",
        "What the lab's router advertises is what clients have",
        "ra_rogue",
        "2001:db8:bad::/64",
    ),
    row(
        "ipv6_leases",
        "Clients get addresses by DHCPv6 where the router says so",
        "dhcp6_mute",
        "no_advertise",
    ),
    row(
        "ipv6_leases",
        "Clients get addresses by DHCPv6 where the router says so",
        "dhcp6_exhausted",
        "no_addresses",
    ),
    row(
        "ipv6_leases",
        "Clients get addresses by DHCPv6 where the router says so",
        "dhcp6_lost_replies",
        "no_reply",
    ),
    row(
        "ipv6_leases",
        "Clients get addresses by DHCPv6 where the router says so",
        "dhcp6_duplicates",
        "address_conflict",
    ),
    row(
        "ipv6_leases",
        "A DHCPv6 lease is extended",
        "dhcp6_no_binding",
        "NoBinding",
    ),
    row(
        "ipv6_leases",
        "A DHCPv6 lease is right on its link",
        "dhcp6_not_on_link",
        "NotOnLink",
    ),
    row(
        "ipv6_mostly",
        "Clients that are told to do without IPv4 reach it through the NAT64",
        "pref64_dead",
        "64:ff9b::808:808: ",
    ),
    row(
        "ipv6_renumbering",
        "The old prefix is withdrawn, and nobody uses it any more",
        "ra_stale_prefix",
        "used a stale prefix for longer than 2s",
    ),
    row(
        "ipv6_renumbering",
        "A router that reboots has its clients back in both families",
        "ra_forgets_prefix",
        "used a stale prefix for longer than 2s",
    ),
    row(
        "ipv6_renumbering",
        "A router that reboots has its clients back in both families",
        "dhcp_wrong_router",
        "did not recover within 1m",
    ),
    row(
        "ipv6_resolver",
        "The resolver answers over IPv6",
        "dns_no_aaaa",
        "nodata",
    ),
    row(
        "ipv6_resolver",
        "The resolver answers over IPv6",
        "ra_no_dns",
        "no_resolver",
    ),
    row(
        "ipv6_resolver",
        "A name leads to a page over IPv6",
        "v6_blackhole",
        "timeout: connecting",
    ),
    row(
        "ipv6_resolver",
        "A connection comes about over IPv6",
        "dns_no_aaaa",
        "no_name",
    ),
    row(
        "ipv6_router_requirements",
        "A solicitation is answered in time",
        "ra_mute",
        "no_router",
    ),
    row(
        "ipv6_router_requirements",
        "Advertisements to all keep their distance while many join",
        "ra_flood",
        "and 3s should lie between them",
    ),
    row(
        "ipv6_router_requirements",
        "Advertisements keep coming",
        "ra_silent",
        "no router advertised to all twice",
    ),
    row(
        "ipv6_router_requirements",
        "A router whose line is down is no default router",
        "ra_default_without_wan",
        "still had a default router within 10s",
    ),
    row(
        "ipv6_router_requirements",
        "The old prefix is withdrawn when the line gets another",
        "ra_stale_prefix",
        "used a stale prefix for longer than 10s",
    ),
    row(
        "ipv6_router_requirements",
        "Unique local prefixes survive a reboot",
        "ra_new_ula",
        "fd00:77::/64 before, and now",
    ),
    row(
        "ipv6_router_requirements",
        "Hosts may form addresses of every prefix, and reach each other in it",
        "ra_no_on_link",
        "has the flag A, and not L",
    ),
    row(
        "ipv6_router_requirements",
        "Routes to the site's own prefixes are advertised",
        "ra_no_route",
        "ra-route (RFC 7084, 4.3 (L-3)",
    ),
    row(
        "ipv6_advertisements",
        "Dual-stack clients are usable in both families",
        "ra_wrong_prefix",
        "addresses are formed with prefixes of 64 bits only",
    ),
    row(
        "ipv6_router_requirements",
        "Hosts may form addresses of every prefix, and reach each other in it",
        "ra_no_autonomous",
        "no_prefix",
    ),
    row(
        "ipv6_router_requirements",
        "Nobody has the addresses that clients form",
        "dad_squatter",
        "somebody else had an IPv6 address",
    ),
    row(
        "ipv6_router_requirements",
        "What routers advertise breaks no requirement",
        "ra_long_lifetimes",
        "ra-lifetime-limits (RFC 9096, 3.4)",
    ),
    row(
        "ipv6_router_requirements",
        "What routers advertise breaks no requirement",
        "ra_flood",
        "ra-rate (RFC 4861, 6.2.6",
    ),
];

/// The faults that a tester who is late may not see: round trips that grow by less than it is late, questions that no longer come at
/// once, leases that end between two looks.
const PACED: [&str; 3] = ["dhcp_expire_early", "dns_limit", "router_leak"];

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn bdd(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_lanherd"))
        .current_dir(project())
        .arg("bdd")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("lanherd runs")
}

/// What the scenarios of a file of results came to: by name, whether it passed, and what its steps say. None where nothing ran.
fn scenarios(results: &Path) -> BTreeMap<String, (bool, String)> {
    let text = match fs::read(results) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return BTreeMap::new(),
        Err(error) => panic!("{}: {error}", results.display()),
    };
    let features: Value = serde_json::from_slice(&text).expect("json");
    let list = |value: &Value, key: &str| value[key].as_array().cloned().unwrap_or_default();
    let mut all = BTreeMap::new();
    for element in features
        .as_array()
        .expect("features")
        .iter()
        .flat_map(|f| list(f, "elements"))
    {
        let mut passed = list(&element, "after").is_empty();
        let mut said = String::new();
        for step in list(&element, "steps") {
            passed &= step["result"]["status"] == "passed";
            said.push_str(step["result"]["error_message"].as_str().unwrap_or_default());
        }
        let name = element["name"].as_str().expect("a name").to_owned();
        assert!(
            all.insert(name.clone(), (passed, said)).is_none(),
            "two scenarios are called {name}"
        );
    }
    all
}

/// Runs jobs, a few at a time: each waits most of its time.
fn side_by_side<T: Sync>(jobs: &[T], work: impl Fn(&T) -> Result<(), String> + Sync) {
    let next = Mutex::new(jobs.iter());
    let failures = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let Some(job) = next.lock().expect("not poisoned").next() else {
                        return;
                    };
                    if let Err(failure) = work(job) {
                        failures.lock().expect("not poisoned").push(failure);
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().expect("not poisoned");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
}

#[test]
fn all_that_the_lab_can_carry_passes_and_is_in_the_table() {
    let folder = TestFolder::new("features");
    let results = folder.file("results.json");
    let output = bdd(&[
        "features",
        "--lab",
        // What breaks something on purpose breaks no more than the lab.
        "--tags",
        "@destructive or not @soak",
        "--seed",
        "7",
        "--json",
        &results.to_string_lossy(),
    ]);
    let told = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{told}");
    let on_request = ON_REQUEST.map(|(_, scenario)| scenario.to_owned());
    let ran: BTreeSet<_> = scenarios(&results).into_keys().chain(on_request).collect();
    let table: BTreeSet<_> = TWIN.iter().map(|row| row.scenario.to_owned()).collect();
    assert_eq!(
        ran, table,
        "the table has at least one row for each scenario that can run on the lab"
    );
}

#[test]
fn every_scenario_fails_for_the_stated_cause_where_the_lab_is_broken() {
    let folder = TestFolder::new("features");
    let number = Mutex::new(0..);
    side_by_side(TWIN, |row| {
        let number = number
            .lock()
            .expect("not poisoned")
            .next()
            .expect("a number");
        let results = folder.file(&format!("{number}.json"));
        let name = format!("^{}$", row.scenario.replace('(', "\\(").replace(')', "\\)"));
        let file = format!("features/{}.feature", row.file);
        // What runs on request only is asked for by its tag.
        let tags = if ON_REQUEST.contains(&(row.file, row.scenario)) {
            "@soak or @destructive or not @soak"
        } else {
            "not @nothing"
        };
        let run = || {
            // What the run before came to is not this one's.
            if let Err(error) = fs::remove_file(&results) {
                assert_eq!(
                    error.kind(),
                    io::ErrorKind::NotFound,
                    "{}",
                    results.display()
                );
            }
            bdd(&[
                &file,
                "--lab",
                "--tags",
                tags,
                "--lab-fault",
                row.fault,
                "--name",
                &name,
                "--seed",
                "7",
                "--lease-timeout",
                "8s",
                "--json",
                &results.to_string_lossy(),
            ])
        };
        let mut output = run();
        // Where the machine was too busy to tell, or to bring about what the fault needs, that is no verdict.
        for _ in 0..4 {
            let is_too_slow = || {
                PACED.contains(&row.fault)
                    && String::from_utf8_lossy(&output.stderr).contains("the tester is saturated")
            };
            let is_verdict = match scenarios(&results).get(row.scenario) {
                Some((true, _)) => !is_too_slow(),
                Some((false, said)) => !said.starts_with("inconclusive: "),
                None => true,
            };
            if is_verdict {
                break;
            }
            output = run();
        }
        let told = String::from_utf8_lossy(&output.stdout);
        let wrong = |why: &str| {
            Err(format!(
                "{}: {} under {}: {why}\n{told}",
                row.file, row.scenario, row.fault
            ))
        };
        if output.status.code() != Some(1) {
            let said = String::from_utf8_lossy(&output.stderr);
            return wrong(&format!(
                "exit code {:?}, not 1\n{said}",
                output.status.code()
            ));
        }
        match scenarios(&results).get(row.scenario) {
            None => wrong("it did not run"),
            Some((true, _)) => wrong("it passed"),
            Some((false, said)) if !said.contains(row.says) => {
                wrong(&format!("it does not say {:?}", row.says))
            }
            Some(_) => Ok(()),
        }
    });
}
