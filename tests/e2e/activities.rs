//! Lookups, fetches and commands of a herd, and that nothing of them is left behind.

mod families;

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
        &["--stream", "both 1 Mbit/s to sink.lab.test for 500ms"],
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
        ("streams", "streams_succeeded"),
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
        let streams = &client["streams"][0];
        assert_eq!(streams["server"], "203.0.113.81:4374");
        for direction in ["up", "down"] {
            let bytes = &streams[direction]["bytes"];
            assert!(bytes.as_u64() > Some(40_000), "{streams:#}");
        }
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
        "streams succeeded",
    ] {
        assert!(words.contains(word), "{word:?} is not in\n{words}");
    }
    assert_eq!(host.snapshot(), before);
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
