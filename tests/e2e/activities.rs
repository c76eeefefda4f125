//! Lookups, fetches and commands of a herd, and that nothing of them is left behind.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;

use lanherd::lan::netns::NetNs;
use nix::sys::signal::Signal;
use serde_json::json;

use super::common::host::Host;
use super::common::router::Router;
use super::common::{seconds, wait_for};

/// What every client is to be told by its command.
const WHOSE: &str = r#"test -n "$LANHERD_ADDRESS" && ip -4 -o address show lan0 | grep -q " $LANHERD_ADDRESS/" &&
    grep -q "^nameserver $LANHERD_ROUTER" /etc/resolv.conf && echo "$LANHERD_NAMESPACE is $LANHERD_CLIENT""#;

/// Processes of the machine whose command line has this word.
fn processes(host: &Host, word: &str) -> usize {
    let script = format!("grep -lz {word} /proc/[0-9]*/cmdline | wc -l");
    // The shell and grep are two of them.
    let count: usize = host
        .must(&["sh", "-c", &script])
        .trim()
        .parse()
        .expect("a number");
    count.saturating_sub(2)
}

#[test]
fn a_person_without_privileges_sees_lookups_fetches_and_commands_of_a_herd_in_the_lab() {
    let host = Host::new();
    let before = host.snapshot();
    let report = host.folder().join("report.json");
    let command = [
        &[
            "setpriv",
            "--reuid",
            "65534",
            "--regid",
            "65534",
            "--clear-groups",
            "--inh-caps=-all",
            "--bounding-set=-all",
            "/run/bin/lanherd",
        ][..],
        &["up", "--lab", "--clients", "3", "--for", "2s", "--report"],
        &[report.to_str().expect("a path")],
        &["--resolve", "router.lab.test", "--ping", "router.lab.test"],
        &["--ping", "client 1", "--run-command", WHOSE],
        &["--fetch", "http://www.lab.test/"],
        &["--connect", "router:80", "--connect", "www.lab.test:80"],
    ]
    .concat();
    let outcome = host.start("lanherd", &command).finish(seconds(60));
    assert_eq!(
        outcome.code,
        Some(0),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
    let report = host.report();
    for (wanted, succeeded) in [
        ("fetches", "fetches_succeeded"),
        ("lookups", "lookups_succeeded"),
        ("commands", "commands_succeeded"),
        ("connections", "connections_succeeded"),
    ] {
        assert!(report.total(wanted) >= 3, "{wanted}");
        assert_eq!(report.total(wanted), report.total(succeeded), "{wanted}");
    }
    for client in report.clients() {
        let lookups = &client["lookups"][0];
        assert_eq!(lookups["name"], "router.lab.test");
        assert_eq!(lookups["addresses"], json!(["10.77.0.1"]));
        assert_eq!(lookups["server"], "10.77.0.1");
        assert!(
            lookups["time_ms"]["median"].as_f64() > Some(0.0),
            "{lookups}"
        );
        let (name, number) = (
            client["namespace"].as_str().expect("a name"),
            &client["number"],
        );
        let said = format!("{name} is {number}\n");
        assert_eq!(client["commands"][0]["output"], said.as_str());
        let connections = &client["connections"][0];
        assert_eq!(connections["target"], "router:80");
        assert_eq!(connections["server"], "10.77.0.1:80");
        let median = &connections["time_ms"]["median"];
        assert!(median.as_f64() > Some(0.0), "{connections:#}");
        let fetches = &client["fetches"][0];
        assert!(fetches["bytes"].as_u64() > Some(0), "{fetches:#}");
        assert!(
            fetches["statuses"]["200"].as_u64() >= Some(1),
            "{fetches:#}"
        );
    }
    let words = outcome.stdout;
    for word in [
        "resolve router.lab.test",
        "lookups succeeded",
        "fetches succeeded",
        "commands succeeded",
        "connect router:80",
        "connections succeeded",
    ] {
        assert!(words.contains(word), "{word:?} is not in\n{words}");
    }
    assert_eq!(host.snapshot(), before);
}

/// What every client that has IPv6 is to be told by its command.
const WHOSE6: &str = r#"ip -6 -o address show lan0 | grep -q " $LANHERD_ADDRESS6/" && ping -6 -c 1 -W 5 "$LANHERD_ROUTER6" > /dev/null &&
    grep -qx "nameserver fd00:77::1" /etc/resolv.conf && getent ahostsv6 www.lab.test | head -n 1"#;

/// What is told of an activity: its list in a report, what it is done to, where that was, and over which family.
struct Worked {
    list: &'static str,
    subject: &'static str,
    at: &'static str,
    family: &'static str,
}

const fn worked(
    list: &'static str,
    subject: &'static str,
    at: &'static str,
    family: &'static str,
) -> Worked {
    Worked {
        list,
        subject,
        at,
        family,
    }
}

const WORKED: [Worked; 9] = [
    worked("pings", "the router", "10.77.0.1", "ipv4"),
    worked("pings", "the router over IPv6", "fe80::1", "ipv6"),
    worked(
        "pings",
        "Google DNS over IPv6",
        "2001:4860:4860::8888",
        "ipv6",
    ),
    worked("lookups", "www.lab.test", "10.77.0.1", "ipv4"),
    worked(
        "lookups",
        "www.lab.test AAAA over IPv6",
        "fd00:77::1",
        "ipv6",
    ),
    worked(
        "fetches",
        "http://www.lab.test/ over IPv6",
        "[2001:db8:203::80]:80",
        "ipv6",
    ),
    worked(
        "fetches",
        "http://[2001:db8:203::80]/",
        "[2001:db8:203::80]:80",
        "ipv6",
    ),
    worked("connections", "router:80 over IPv6", "[fe80::1]:80", "ipv6"),
    // Whichever the client has: IPv6 first, once it has both.
    worked(
        "connections",
        "www.lab.test:80",
        "[2001:db8:203::80]:80",
        "either",
    ),
];

impl Worked {
    fn check(&self, client: &serde_json::Value) {
        let of = |entry: &&serde_json::Value| {
            let mut keys = ["target", "name", "url"].iter();
            keys.find_map(|key| entry[key].as_str()) == Some(self.subject)
        };
        let mut all = client[self.list].as_array().expect("a list").iter();
        let entry = all.find(of);
        let entry = entry.unwrap_or_else(|| panic!("{}: {client:#}", self.subject));
        let at = entry.get("server").unwrap_or(&entry["address"]);
        assert_eq!(at, self.at, "{entry:#}");
        let families = entry.get("families");
        if self.family == "ipv4" {
            // As reports have always had it.
            assert!(families.is_none(), "{entry:#}");
            return;
        }
        let families = families.unwrap_or_else(|| panic!("{entry:#}"));
        let ipv6 = &families["ipv6"];
        assert!(ipv6["succeeded"].as_u64() >= Some(1), "{entry:#}");
        assert_eq!(ipv6["succeeded"], ipv6["attempts"], "{entry:#}");
        if self.family == "ipv6" {
            assert!(families.get("ipv4").is_none(), "{entry:#}");
        }
    }
}

#[test]
fn a_herd_of_both_families_works_over_each_as_it_is_told_and_over_either_as_names_have_it() {
    let host = Host::new();
    let before = host.snapshot();
    let report = host.folder().join("report.json");
    let command = [
        &["up", "--lab", "--family", "dual", "--clients", "2"][..],
        &["--for", "3s", "--every", "500ms", "--report"],
        &[report.to_str().expect("a path")],
        &["--ping", "router", "--ping", "router over ipv6"],
        &["--ping", "Google DNS over ipv6"],
        &["--ping", "client 1 over ipv6"],
        &["--resolve", "www.lab.test"],
        &["--resolve", "www.lab.test AAAA over ipv6"],
        &["--fetch", "http://www.lab.test/ over ipv6"],
        &["--fetch", "http://[2001:db8:203::80]/"],
        &["--connect", "router:80 over ipv6"],
        &["--connect", "www.lab.test:80"],
        &["--run-command", WHOSE6],
    ]
    .concat();
    let outcome = host.lanherd(&command).finish(seconds(90));
    assert_eq!(
        outcome.code,
        Some(0),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
    let report = host.report();
    for client in report.clients() {
        for worked in &WORKED {
            worked.check(client);
        }
        let lookups = client["lookups"].as_array().expect("a list");
        let found: Vec<_> = lookups
            .iter()
            .map(|lookup| &lookup["addresses"][0])
            .collect();
        assert_eq!(found, ["203.0.113.80", "2001:db8:203::80"]);
        // None began before there was IPv6.
        let commands = &client["commands"][0];
        assert_eq!(commands["succeeded"], commands["attempts"], "{commands:#}");
        let output = commands["output"].as_str().expect("a text");
        assert!(output.starts_with("2001:db8:203::80 "), "{output}");
    }
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_herd_of_both_families_asks_a_real_resolver_over_ipv6_for_addresses_of_ipv6() {
    let host = Host::new();
    let script = "ip -6 address add fd00:77::1/64 dev lan nodad
        tries=0
        until ip -6 address show dev lan scope link -tentative | grep -q inet6; do
            tries=$((tries + 1)); [ $tries -lt 500 ]; sleep 0.02
        done";
    let ready = host.start_on_router("addresses", &["sh", "-ec", script]);
    assert_eq!(ready.finish(seconds(30)).code, Some(0));
    let more = [
        "--port=53",
        "--no-resolv",
        "--no-hosts",
        "--address=/www.test.example/10.66.0.1",
        "--address=/www.test.example/fd00:77::1",
        "--host-record=four.test.example,10.66.0.1",
        "--local=/test.example/",
        "--enable-ra",
        "--ra-param=lan,4,1800",
        "--dhcp-range=fd00:77::,ra-stateless,64,10m",
        "--dhcp-option=option6:dns-server,[fd00:77::1]",
    ];
    let _router = Router::dnsmasq(&host, "10.66.1.0,10.66.1.250", "1h", &more);
    let outcome = host
        .up(
            2,
            &[
                "--family",
                "dual",
                "--for",
                "3s",
                "--every",
                "500ms",
                "--resolve",
                "www.test.example AAAA over ipv6",
                "--resolve",
                "four.test.example AAAA",
                "--ping",
                "www.test.example over ipv6",
                "--ping",
                "router over ipv6",
            ],
        )
        .finish(seconds(90));
    // No name of IPv4 alone has an address of IPv6.
    assert_eq!(
        outcome.code,
        Some(1),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
    let report = host.report();
    for client in report.clients() {
        for lookup in client["lookups"].as_array().expect("a list") {
            let (server, rcode) = match lookup["name"].as_str() {
                Some("www.test.example AAAA over IPv6") => ("fd00:77::1", "noerror"),
                Some("four.test.example AAAA") => ("10.66.0.1", "nodata"),
                other => panic!("{other:?}"),
            };
            assert_eq!(lookup["server"], server, "{lookup:#}");
            let rcodes = lookup["rcodes"].as_object().expect("an object");
            assert_eq!(rcodes.keys().collect::<Vec<_>>(), [rcode], "{lookup:#}");
            if rcode == "noerror" {
                assert_eq!(lookup["addresses"], json!(["fd00:77::1"]));
            }
        }
        for ping in client["pings"].as_array().expect("a list") {
            assert_eq!(ping["received"], ping["sent"], "{ping:#}");
            assert!(ping["received"].as_u64() >= Some(1), "{ping:#}");
            let target = ping["target"].as_str().expect("a target");
            let address = ping["address"].as_str().expect("an address");
            let start = if target.starts_with("www") {
                "fd00:77::1"
            } else {
                "fe80::"
            };
            assert!(address.starts_with(start), "{ping:#}");
        }
    }
}

#[test]
fn what_goes_over_a_family_that_no_client_is_to_have_is_refused_before_it_begins() {
    let host = Host::new();
    let command = [
        "up",
        "--lab",
        "--clients",
        "1",
        "--ping",
        "router over ipv6",
    ];
    let outcome = host.lanherd(&command).finish(seconds(30));
    assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
    let words = "ping the router over IPv6 goes over IPv6, which these clients are not to have: say family dual";
    assert!(outcome.stderr.contains(words), "{}", outcome.stderr);
}

#[test]
fn what_never_succeeds_fails_the_run_and_is_told_with_its_particulars() {
    let host = Host::new();
    let before = host.snapshot();
    let outcome = host
        .lanherd(&[
            "up",
            "--lab",
            "--clients",
            "2",
            "--for",
            "2s",
            "--resolve",
            "nobody.lab.test",
            "--fetch",
            "http://router.lab.test:81/",
            "--connect",
            "router:81",
            "--run-command",
            "echo out of paper; exit 3",
        ])
        .finish(seconds(60));
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    for line in [
        "ns1, ns2: nobody.lab.test from 10.77.0.1: nxdomain",
        "ns1, ns2: http://router.lab.test:81/ from 10.77.0.1:81: refused: connecting: ",
        "ns1, ns2: router:81 (10.77.0.1:81): refused: ",
        "ns1, ns2: \"echo out of paper; exit 3\": exit code 3: out of paper",
    ] {
        assert!(
            outcome.stdout.contains(line),
            "{line:?} is not in\n{}",
            outcome.stdout
        );
    }
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_ping_that_a_command_sends_is_not_taken_for_the_clients_own() {
    let host = Host::new();
    let report = host.folder().join("report.json");
    let outcome = host
        .lanherd(&[
            "up",
            "--lab",
            "--clients",
            "5",
            "--for",
            "4s",
            "--report",
            report.to_str().expect("a path"),
            "--ping",
            "router",
            "--every",
            "200ms",
            "--run-command",
            "ping -c 1 -W 1 \"$LANHERD_ROUTER\"",
        ])
        .finish(seconds(60));
    assert_eq!(
        outcome.code,
        Some(0),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
    let report = host.report();
    assert!(report.total("pings_received") > 0 && report.total("commands_succeeded") > 0);
    assert_eq!(report.total("ping_duplicates"), 0);
}

#[test]
fn broken_chunks_are_the_servers_and_not_the_testers() {
    let host = Host::new();
    let _router = Router::dnsmasq(&host, "10.66.1.0,10.66.1.250", "1h", &[]);
    let listener = NetNs::open(&host.router_namespace())
        .and_then(|namespace| namespace.with(|| TcpListener::bind("10.66.0.1:80")))
        .expect("entered")
        .expect("port 80");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let _ = stream.read(&mut [0; 2_048]);
            let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
            // A client that left meanwhile does not read it.
            let _ = write!(stream, "{head}ZZZ\r\nabc");
        }
    });
    let outcome = host
        .up(1, &["--for", "2s", "--fetch", "http://10.66.0.1/"])
        .finish(seconds(60));
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    let words = "http://10.66.0.1/ from 10.66.0.1:80: malformed: ";
    assert!(outcome.stdout.contains(words), "{}", outcome.stdout);
    let report = host.report();
    let clients = report.clients();
    let failed = clients[0]["fetches"][0]["failed"].as_object();
    let failed = failed.expect("an object");
    assert_eq!(failed.keys().collect::<Vec<_>>(), ["malformed"]);
}

#[test]
fn a_herd_behind_a_real_resolver_fetches_by_name() {
    let host = Host::new();
    let dns = [
        "--port=53",
        "--no-resolv",
        "--no-hosts",
        "--address=/www.test.example/10.66.0.1",
    ];
    let _router = Router::dnsmasq(&host, "10.66.1.0,10.66.1.250", "1h", &dns);
    let listener = NetNs::open(&host.router_namespace())
        .and_then(|namespace| namespace.with(|| TcpListener::bind("10.66.0.1:80")))
        .expect("entered")
        .expect("port 80");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut request = [0; 2_048];
            let length = stream.read(&mut request).unwrap_or_default();
            let head = String::from_utf8_lossy(&request[..length]).to_lowercase();
            let status = if head.contains("\r\nhost: www.test.example\r\n") {
                "200 OK"
            } else {
                "400 Bad Request"
            };
            // A client that left meanwhile does not read it.
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Length: 6\r\n\r\npaper\n"
            );
        }
    });
    let before = host.snapshot();
    let outcome = host
        .up(
            4,
            &[
                "--for",
                "2s",
                "--resolve",
                "www.test.example",
                "--fetch",
                "http://www.test.example/",
            ],
        )
        .finish(seconds(60));
    assert_eq!(
        outcome.code,
        Some(0),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
    let report = host.report();
    assert_eq!(report.total("fetches"), report.total("fetches_succeeded"));
    for client in report.clients() {
        let fetches = &client["fetches"][0];
        let statuses = fetches["statuses"].as_object().expect("an object");
        assert_eq!(statuses.keys().collect::<Vec<_>>(), ["200"]);
        for phase in ["dns", "connect", "first_byte", "transfer"] {
            assert!(
                fetches["phases_ms"][phase]["median"].is_number(),
                "{fetches:#}"
            );
        }
        assert_eq!(client["lookups"][0]["addresses"], json!(["10.66.0.1"]));
    }
    assert_eq!(host.snapshot().links, before.links);
}

#[test]
fn commands_end_with_a_pool_that_is_killed_on_a_real_parent_and_in_the_lab() {
    for (place, word) in [(&["--parent", "lan0"][..], "86421"), (&["--lab"], "86422")] {
        let (host, _router) = Host::with_dnsmasq();
        let line = format!("setsid sleep {word} & sleep {word} & sleep {word}; true");
        let arguments = [
            &["up", "--clients", "2", "--every", "5s", "--timeout", "1h"],
            place,
            &["--run-command", &line],
        ]
        .concat();
        let running = host.lanherd(&arguments);
        wait_for("commands run", seconds(60), || {
            (processes(&host, word) >= 4).then_some(())
        });
        running.signal(Signal::SIGKILL);
        drop(running);
        wait_for("no process is left", seconds(10), || {
            (processes(&host, word) == 0).then_some(())
        });
        // What a real parent's run left by name can be removed, as nothing lives in it.
        let outcome = host.lanherd(&["clean"]).finish(seconds(30));
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        assert!(fs::read_dir(host.path("/run/netns")).map_or(0, Iterator::count) == 0);
    }
}
