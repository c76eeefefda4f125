//! `lanherd audit` beside real servers, a router that breaks rules, and none at all.

use std::fs;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::common::host::{Host, PARENT};
use super::common::process::{Outcome, Running};
use super::common::router::Router;
use super::common::{seconds, wait_for};

/// One audit that listens for that long.
fn audit(host: &Host, how_long: &str, more: &[&str]) -> Outcome {
    let arguments = [&["audit", "--parent", PARENT, "--for", how_long], more].concat();
    host.lanherd(&arguments).finish(seconds(120))
}

/// What it prints with `--json`.
fn report(outcome: &Outcome) -> Value {
    serde_json::from_str(&outcome.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{}{}", outcome.stdout, outcome.stderr))
}

fn names(report: &Value, level: &str) -> Vec<String> {
    let breaches = report["breaches"].as_array().expect("a list");
    let of_level = breaches.iter().filter(|breach| breach["level"] == level);
    of_level
        .map(|breach| breach["requirement"].as_str().expect("a name").to_owned())
        .collect()
}

/// dnsmasq that leases over both families and advertises itself, on a router with addresses of both.
fn dual_dnsmasq(host: &Host) -> Router {
    dnsmasq_with(host, "--dhcp-range=fd00:77::1000,fd00:77::1fff,64,10m")
}

fn dnsmasq_with(host: &Host, range6: &str) -> Router {
    // Before its link-local address is through duplicate detection, dnsmasq advertises from another, which hosts must drop.
    // A kernel that does not forward says in neighbour discovery that it is no router.
    let script = "echo 1 > /proc/sys/net/ipv6/conf/all/forwarding
        ip -6 address add fd00:77::1/64 dev lan nodad
        tries=0
        until ip -6 address show dev lan scope link -tentative | grep -q inet6; do
            tries=$((tries + 1)); [ $tries -lt 500 ]; sleep 0.02
        done";
    let ready = host.start_on_router("addresses", &["sh", "-ec", script]);
    assert_eq!(ready.finish(seconds(30)).code, Some(0));
    let more = [
        "--enable-ra",
        "--ra-param=lan,4,1800",
        range6,
        "--dhcp-option=option6:dns-server,[fd00:77::1]",
    ];
    Router::dnsmasq(host, "10.66.1.0,10.66.1.250", "1h", &more)
}

/// Advertises with a hop limit that says that a router forwarded it, every second.
fn advertise_wrongly(host: &Host) -> Running {
    let script = r#"
import socket, struct, time
link = socket.if_nametoindex("lan")
raw = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 64)
raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, link)
print("ready", flush=True)
for _ in range(120):
    raw.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0), ("ff02::1", 0, 0, link))
    time.sleep(1)
"#;
    let ready = "ip -6 address add fe80::66/64 dev lan nodad; exec python3 -c \"$1\"";
    let router = host.start_on_router("python", &["sh", "-ec", ready, "python", script]);
    wait_for("the script runs", seconds(30), || {
        router.stdout().contains("ready").then_some(())
    });
    router
}

#[test]
fn beside_dnsmasq_its_router_and_both_its_servers_are_told_and_the_machine_is_as_it_was() {
    let host = Host::new();
    let _router = dual_dnsmasq(&host);
    let before = host.snapshot();
    let outcome = audit(&host, "8s", &["--json"]);
    let found = report(&outcome);
    // dnsmasq 2.90 does not send the client identifier back.
    assert_eq!(names(&found, "must"), ["dhcp-client-id"], "{found:#}");
    // It has nothing but a unique local prefix, no option for routes, and is a default router all the same.
    let home = ["ra-route", "ra-unique-local-only"];
    assert_eq!(names(&found, "should"), home, "{found:#}");
    assert_eq!(outcome.code, Some(1), "{found:#}\n{}", outcome.stderr);
    assert_eq!(
        found["routers"].as_array().map(Vec::len),
        Some(1),
        "{found:#}"
    );
    assert_eq!(found["routers"][0]["managed"], true);
    assert_eq!(found["routers"][0]["prefixes"][0]["prefix"], "fd00:77::/64");
    assert_eq!(found["dhcp_servers"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["dhcp_servers"][0]["network"], "10.66.0.0/16");
    assert_eq!(found["dhcp6_servers"].as_array().map(Vec::len), Some(1));
    assert_eq!(found["dhcp6_servers"][0]["resolvers"][0], "fd00:77::1");
    assert_eq!(found["dhcp6_servers"][0]["status"], Value::Null);
    assert_eq!(found["withheld"]["frames_lost"], 0);
    assert_eq!(before, host.snapshot());
    // It has taken no lease.
    let text = audit(&host, "2s", &[]).stdout;
    assert!(text.contains("DHCP server 10.66.0.1 ("), "{text}");
    assert!(text.contains("1 OFFER"), "{text}");
    assert!(!text.contains("ACK"), "{text}");
}

#[test]
fn a_server_that_has_no_addresses_is_told_so_and_keeps_what_the_o_flag_promises() {
    let host = Host::new();
    let _router = dnsmasq_with(&host, "--dhcp-range=fd00:77::,ra-stateless,64,10m");
    let found = report(&audit(&host, "8s", &["--json"]));
    assert_eq!(found["routers"][0]["managed"], false, "{found:#}");
    assert_eq!(found["routers"][0]["other"], true, "{found:#}");
    let server = &found["dhcp6_servers"][0];
    assert_eq!(server["leases"], Value::Array(Vec::new()), "{found:#}");
    let status = server["status"].as_str().unwrap_or_default();
    assert!(status.starts_with("NoAddrsAvail"), "{found:#}");
    let home = ["ra-route", "ra-unique-local-only"];
    assert_eq!(names(&found, "should"), home, "{found:#}");
}

#[test]
fn an_advertisement_that_was_forwarded_breaks_a_must_with_its_byte() {
    let host = Host::new();
    let _router = advertise_wrongly(&host);
    let outcome = audit(&host, "3s", &[]);
    assert_eq!(
        outcome.code,
        Some(1),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
    assert!(
        outcome.stdout.contains("must    RFC 4861, 6.1.2"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome
            .stdout
            .contains("byte 7: its hop limit is 64, not 255"),
        "{}",
        outcome.stdout
    );
    // Hosts do not hear it, so it is no router to them.
    assert!(outcome.stdout.contains("no router advertised itself"));
}

#[test]
fn a_passive_audit_sends_nothing() {
    let host = Host::new();
    let router = dual_dnsmasq(&host);
    let found = report(&audit(&host, "3s", &["--json", "--passive"]));
    assert_eq!(found["solicited"], false);
    assert_eq!(found["dhcp_servers"], Value::Array(Vec::new()));
    assert!(!router.log().contains("DHCPDISCOVER"), "{}", router.log());
    assert!(!router.log().contains("DHCPSOLICIT"), "{}", router.log());
}

#[test]
fn ctrl_c_tells_what_was_found_until_then() {
    let host = Host::new();
    let _router = dual_dnsmasq(&host);
    let audit = host.lanherd(&["audit", "--parent", PARENT, "--for", "1h"]);
    wait_for("it listens", seconds(30), || {
        audit
            .stderr()
            .contains("listening on lan0 for 1h")
            .then_some(())
    });
    std::thread::sleep(seconds(2));
    audit.signal(Signal::SIGINT);
    let outcome = audit.finish(seconds(30));
    assert_eq!(outcome.code, Some(130), "{}", outcome.stderr);
    assert!(
        outcome.stdout.contains("DHCP server 10.66.0.1 ("),
        "{}",
        outcome.stdout
    );
}

#[test]
fn an_interface_that_cannot_be_listened_to_is_told_with_the_reason() {
    let host = Host::new();
    let refused = |parent: &str| {
        let outcome = host
            .lanherd(&["audit", "--parent", parent, "--for", "1s"])
            .finish(seconds(30));
        assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
        assert_eq!(outcome.stdout, "");
        outcome.stderr
    };
    assert!(refused("eth9").contains("interface eth9 does not exist"));
    assert!(refused("lo").contains("is no Ethernet interface"));
    host.must(&["ip", "link", "set", PARENT, "down"]);
    assert!(refused(PARENT).contains("is down; bring it up: ip link set lan0 up"));
}

#[test]
fn an_interface_that_goes_away_ends_the_audit_and_what_was_found_is_told() {
    let host = Host::new();
    let _router = dual_dnsmasq(&host);
    let audit = host.lanherd(&["audit", "--parent", PARENT, "--for", "1h"]);
    wait_for("it listens", seconds(30), || {
        audit.stderr().contains("listening on lan0").then_some(())
    });
    std::thread::sleep(seconds(2));
    host.must(&["ip", "link", "delete", PARENT]);
    let outcome = audit.finish(seconds(30));
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    assert!(
        outcome.stdout.contains("DHCP server 10.66.0.1 ("),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stderr.contains("could not be listened to after"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn without_the_right_to_listen_the_remedy_is_told() {
    let host = Host::new();
    let script = format!(
        "exec setpriv --reuid=65534 --regid=65534 --clear-groups lanherd audit --parent {PARENT} --for 1s"
    );
    let outcome = host.run(&["sh", "-c", &format!("PATH=/run/bin:$PATH; {script}")]);
    assert_eq!(outcome.code, Some(3), "{}", outcome.stderr);
    assert!(outcome.stderr.contains("CAP_NET_RAW"), "{}", outcome.stderr);
}

#[test]
fn the_page_about_audits_lists_every_requirement_as_the_program_has_it() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/audit.md"))
        .expect("docs/audit.md");
    for requirement in lanherd_audit::requirement::ALL {
        let row = format!(
            "| `{}` | {} | {} | {} |",
            requirement.name, requirement.level, requirement.text, requirement.source
        );
        assert!(page.contains(&row), "docs/audit.md lacks:\n{row}");
    }
}

/// A fault that shows within seconds, and the requirement that is named; without one the lab is right.
const AT_ONCE: [(Option<&str>, &str); 10] = [
    (None, ""),
    (Some("ra_flood"), "ra-rate"),
    (Some("ra_wrong_router"), "nd-answers"),
    (Some("ra_rogue"), "ra-several-routers"),
    (Some("ra_no_autonomous"), "ra-prefix-flags"),
    (Some("ra_long_lifetimes"), "ra-lifetime-limits"),
    (Some("ra_garbage"), "ra-valid"),
    (Some("ra_wrong_prefix"), "ra-autonomous-length"),
    (Some("nd_mute"), "nd-answers"),
    (Some("dhcp6_garbage"), "dhcp6-readable"),
];

#[test]
fn beside_the_lab_each_fault_that_shows_at_once_is_named_and_nothing_of_one_that_is_right() {
    let host = Host::new();
    let uplinks = AT_ONCE.iter().enumerate();
    let labs: Vec<_> = uplinks
        .map(|(number, (fault, _))| {
            let uplink = format!("lab{number}");
            let mut lab = vec!["lab", "--ipv6", "--uplink", &uplink];
            lab.extend(fault.iter().flat_map(|fault| ["--fault", fault]));
            (host.lanherd(&lab), uplink)
        })
        .collect();
    let audits: Vec<_> = labs
        .iter()
        .map(|(lab, uplink)| {
            wait_for("the lab is there", seconds(60), || {
                lab.stdout().contains("the lab is on").then_some(())
            });
            host.lanherd(&["audit", "--parent", uplink, "--for", "16s", "--json"])
        })
        .collect();
    for ((fault, requirement), audit) in AT_ONCE.iter().zip(audits) {
        let found = report(&audit.finish(seconds(120)));
        let mut named = names(&found, "must");
        named.extend(
            ["should", "remark"]
                .into_iter()
                .flat_map(|level| names(&found, level)),
        );
        match fault {
            None => assert_eq!(named, [""; 0], "{found:#}"),
            Some(fault) => {
                let is_named = named.iter().any(|name| name == requirement);
                assert!(is_named, "{fault}: {requirement} is not in {named:?}");
            }
        }
    }
}
