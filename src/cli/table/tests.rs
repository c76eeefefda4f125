//! What is shown of which run.

use std::collections::BTreeSet;

use lanherd::activity::Kind;
use lanherd::report::Ended;

use super::*;

/// A report of `online` clients with a ping each, and of `failed` ones that never had an offer.
fn report(online: u32, failed: u32) -> Report {
    let client = |number: u32| {
        let mut client = serde_json::json!({
            "number": number,
            "group": "ns",
            "namespace": format!("ns{number}"),
            "mac": format!("02:00:00:00:00:{number:02x}"),
            "address": "10.77.0.10/16",
            "router": "10.77.0.1",
            "dns": ["10.77.0.1"],
            "lease_seconds": 3600,
            "join_ms": 12.5,
            "dhcp_ms": 3.25,
            "restarts": 0,
            "phase": "online",
            "cause": null,
            "last_failure": null,
            "pings": [{
                "target": "Google DNS", "address": "8.8.8.8", "sent": 1, "received": 1, "lost": {},
                "min_ms": 0.08, "median_ms": 0.08, "p99_ms": 0.08, "max_ms": 0.08
            }],
        });
        if number > online {
            client["phase"] = "failed".into();
            client["cause"] = "no_offer".into();
            client["address"] = serde_json::Value::Null;
            client["pings"] = serde_json::json!([]);
            client["last_failure"] = serde_json::json!({
                "stage": "dhcp", "cause": "no_offer", "detail": "nobody answered for 30s"
            });
        }
        client
    };
    let figures = serde_json::json!({"p50": 1.0, "p95": 20.0, "p99": 300.0, "max": 4000.0});
    let report = serde_json::json!({
        "schema": "lanherd.report/1",
        "started": "2026-01-01T00:00:00.000Z",
        "duration_ms": 412.0,
        "complete": true,
        "soak": null,
        "seed": 0,
        "parameters": {},
        "totals": {
            "wanted": online + failed, "online": online, "failed": failed, "restarts": 0,
            "pings": online, "pings_sent": online, "pings_received": online, "leaked_objects": 0
        },
        "percentiles": {"join_ms": figures, "dhcp_ms": {}, "ping_ms": {}},
        "clients": (1..=online + failed).map(client).collect::<Vec<_>>(),
    });
    serde_json::from_value(report).expect("a report")
}

#[test]
fn a_small_herd_is_shown_client_by_client_and_summed_up() {
    let text = render(&report(2, 0), TableRows::Auto, Paint::None);
    let lines: Vec<&str> = text.lines().collect();
    let ns2 = lines
        .iter()
        .find(|line| line.contains("ns2"))
        .expect("a row");
    for word in [
        "02:00:00:00:00:02",
        "10.77.0.10/16",
        "3.25 ms",
        "1/1  0.08 ms",
    ] {
        assert!(ns2.contains(word), "{word:?} is not in {ns2:?}");
    }
    assert!(
        text.contains("ping Google DNS") && !text.contains("state"),
        "{text}"
    );
    assert_eq!(
        lines.last().copied(),
        Some("2 of 2 clients online, 2 of 2 pings answered, nothing left behind, 0.41 s")
    );
}

#[test]
fn what_was_lost_is_said_in_the_last_line_and_has_a_colour() {
    let mut report = report(3, 0);
    report.ended = Some(Ended::Interrupted);
    let pings = &mut report.totals.activities[Kind::Ping].attempts;
    (pings.all, pings.succeeded) = (480, 360);
    report.availability.share = Some(0.932);
    report.outages = serde_json::from_value(serde_json::json!({"count": 1, "latest": [{
        "began": "2026-01-01T00:00:10.000Z", "began_ms": 10_000.0, "ended_ms": 15_000.0,
        "clients": 3, "of": 3, "cause": "no_carrier", "fault": null,
        "half_back_ms": 4_900.0, "most_back_ms": 5_000.0, "all_back_ms": 5_000.0
    }]}))
    .expect("outages");
    let flaws = [
        "availability 93.2 %",
        "1 outage of 5.0 s (100 % of the herd)",
        "120 of 480 pings lost (25 %)",
    ];
    let all = format!(
        "3 of 3 clients online, {}, nothing left behind, interrupted after 0.41 s",
        flaws.join(", ")
    );
    assert_eq!(summary(&report, Paint::None), all);
    let coloured = summary(&report, Paint::Colours);
    for flaw in flaws {
        let flaw = format!("\u{1b}[33m{flaw}\u{1b}[39m");
        assert!(coloured.contains(&flaw), "{coloured:?}");
    }
    assert_eq!(coloured.matches('\u{1b}').count(), 6, "{coloured:?}");
}

#[test]
fn no_line_of_the_table_is_wider_than_what_it_is_for() {
    let mut report = report(3, 0);
    let servers = (1..=200).map(|n| std::net::Ipv4Addr::new(10, 0, 0, n));
    report.clients[0].dns = servers.collect();
    report.clients[1].router = Some(std::net::Ipv4Addr::new(10, 77, 0, 2));
    for target in ["Cloudflare DNS", "the router", "192.168.177.142"] {
        for client in &mut report.clients {
            let mut pings = client.activities[0].clone();
            pings.subject = target.to_owned();
            client.activities.push(pings);
        }
    }
    let text = render(&report, TableRows::Auto, Paint::None);
    let widest = text.lines().map(|line| line.chars().count()).max();
    assert!(widest <= Some(100), "{widest:?}\n{text}");
    assert!(text.contains("197"), "{text}");
    for whole in ["02:00:00:00:00:01", "10.77.0.10/16", "10.77.0.2 "] {
        assert!(text.contains(whole), "{whole} is not in\n{text}");
    }
    // There is no room for names: they stand below.
    for whole in ["(1)", "(4)", "\n(1) ping 192.168.177.142\n"] {
        assert!(text.contains(whole), "{whole} is not in\n{text}");
    }
}

#[test]
fn words_of_the_header_stay_whole() {
    let mut report = report(3, 0);
    report.clients[1].router = Some(std::net::Ipv4Addr::new(10, 77, 0, 2));
    let ping_too = |report: &mut Report, target: &str| {
        for client in &mut report.clients {
            let mut pings = client.activities[0].clone();
            pings.subject = target.to_owned();
            client.activities.push(pings);
        }
    };
    let assert_words = |report: &Report, of_targets: &[&str]| {
        let text = render(report, TableRows::Auto, Paint::None);
        let header = text.lines().take_while(|line| !line.contains('─'));
        let words: BTreeSet<&str> = header.flat_map(str::split_whitespace).collect();
        let names = "client MAC address router time to lease".split(' ');
        let expected: BTreeSet<&str> = names.chain(of_targets.iter().copied()).collect();
        assert_eq!(words, expected, "{text}");
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{widest:?}\n{text}");
        text
    };
    ping_too(&mut report, "Cloudflare DNS");
    ping_too(&mut report, "the router");
    assert_words(&report, &["ping", "Cloudflare", "Google", "DNS", "the"]);
    ping_too(&mut report, "9.9.9.9");
    let text = assert_words(&report, &["(1)", "(2)", "(3)", "(4)"]);
    let last =
        "\n(1) ping 9.9.9.9\n(2) ping Cloudflare DNS\n(3) ping Google DNS\n(4) ping the router\n";
    assert!(text.contains(last), "{text}");
}

/// A dual client that is usable in IPv4 alone, and why.
fn without_ipv6(report: &mut Report, cause: &str) {
    let entry = |up: bool| {
        let failure = serde_json::json!({"stage": "router", "cause": cause, "family": "ipv6", "detail": "nobody advertised"});
        serde_json::json!({
            "up": up, "acquire_ms": null, "wanted_ms": 1.0, "usable_ms": 0.0,
            "last_failure": if up { serde_json::Value::Null } else { failure }
        })
    };
    for client in &mut report.clients {
        let mut value = serde_json::to_value(&*client).expect("json");
        value["families"] = "dual".into();
        value["by_family"] = serde_json::json!({"ipv4": entry(true), "ipv6": entry(false)});
        value["phase"] = "partial".into();
        value["cause"] = cause.into();
        value["last_failure"] = value["by_family"]["ipv6"]["last_failure"].clone();
        *client = serde_json::from_value(value).expect("a client");
    }
}

#[test]
fn where_no_router_has_ipv6_it_is_said_which_family_is_missing_and_what_to_do() {
    let mut report = report(2, 0);
    assert!(!render(&report, TableRows::Auto, Paint::None).contains("--family"));
    without_ipv6(&mut report, "no_router");
    let text = render(&report, TableRows::Auto, Paint::None);
    for words in [
        "partial, no IPv6:",
        "ns1, ns2: partial, no IPv6: router: no_router: nobody advertised",
        "If the router is meant to have IPv4 alone, run with --family ipv4;",
    ] {
        assert!(text.contains(words), "{words:?} is not in\n{text}");
    }
    // It was there, and is lost.
    let found = serde_json::json!({
        "events": {"router_found": 2}, "outages": {}, "stale_prefixes": 0, "stale_prefix_ms": 0.0, "longest_stale_prefix_ms": 0.0
    });
    report.ipv6 = Some(serde_json::from_value(found).expect("a summary"));
    assert!(!render(&report, TableRows::Auto, Paint::None).contains("--family"));
}

#[test]
fn what_is_done_over_both_families_has_one_column_with_ipv4_above_ipv6() {
    let mut report = report(1, 0);
    let ping = report.clients[0].activities[0].clone();
    let over = |words: &str, answered: u64| {
        let mut ping = ping.clone();
        ping.subject = format!("Google DNS{words}");
        ping.succeeded = answered;
        ping
    };
    report.clients[0].activities = vec![over(" over IPv4", 1), over(" over IPv6", 0)];
    let text = render(&report, TableRows::Auto, Paint::None);
    let table = text.lines().take(4).collect::<Vec<_>>();
    // No line ends before a unit.
    assert!(text.contains("1/1  0.08 ms"), "{text}");
    assert!(table[0].ends_with("ping Google DNS"), "{text}");
    assert!(
        table[2].contains("1/1") && table[3].contains("0/1"),
        "{text}"
    );
    // Where nothing is said it went over IPv4, too.
    report.clients[0].activities = vec![over("", 1), over(" over IPv6", 0)];
    assert_eq!(
        render(&report, TableRows::Auto, Paint::None)
            .lines()
            .take(4)
            .collect::<Vec<_>>(),
        table
    );
    let mut either = over("", 1);
    let over_ipv6 = serde_json::json!({"ipv6": {"attempts": 1, "succeeded": 1}});
    either.families = serde_json::from_value(over_ipv6).expect("by family");
    report.clients[0].activities = vec![either, over(" over IPv6", 0)];
    let text_of_both = render(&report, TableRows::Auto, Paint::None);
    assert!(
        text_of_both
            .lines()
            .take(2)
            .any(|line| line.contains("over")),
        "{text_of_both}"
    );
    report.clients[0].activities = vec![over(" over IPv4", 1), over(" over IPv6", 0)];
    // The same without a word is another thing.
    report.clients[0].activities.push(over("", 1));
    let text = render(&report, TableRows::Auto, Paint::None);
    let header = text.lines().take_while(|line| !line.contains('─'));
    assert_eq!(
        header.flat_map(|line| line.matches("over")).count(),
        2,
        "{text}"
    );
}

#[test]
fn who_has_given_his_address_back_is_shown_without() {
    let mut report = report(2, 0);
    report.clients[1].phase = Phase::Released;
    report.clients[1].address = Some("10.77.0.99/16".to_owned());
    assert!(!render(&report, TableRows::Auto, Paint::None).contains("10.77.0.99"));
}

#[test]
fn what_is_the_same_for_all_is_said_once() {
    let text = render(&report(2, 1), TableRows::Auto, Paint::None);
    assert!(
        text.contains("\nrouter 10.77.0.1, DNS 10.77.0.1 for all\n"),
        "{text}"
    );
    assert!(
        !text.lines().next().expect("a header").contains("router"),
        "{text}"
    );
}

#[test]
fn a_full_table_of_neighbours_is_told_of_in_the_last_line() {
    let mut report = report(2, 0);
    report.tester.neighbour_table_full.ipv4 = Some(3);
    report.tester.neighbour_table_full.ipv6 = Some(0);
    let text = render(&report, TableRows::Auto, Paint::None);
    let told = ", this host's ARP table was full 3 times, nothing left behind, 0.41 s";
    assert!(text.ends_with(told), "{text}");
}

#[test]
fn a_saturated_tester_is_told_of_in_the_last_line() {
    let mut report = report(2, 0);
    report.tester.saturated = true;
    report.tester.scheduler_lag_ms = report.percentiles.join_ms;
    let text = render(&report, TableRows::Auto, Paint::None);
    assert!(
        text.ends_with(", tester saturated (up to 4.00 s late), nothing left behind, 0.41 s"),
        "{text}"
    );
}

#[test]
fn a_failed_client_has_its_cause_in_the_table_and_the_particulars_below() {
    let text = render(&report(1, 1), TableRows::Auto, Paint::None);
    assert!(text.contains("failed: no_offer"), "{text}");
    assert!(
        text.contains("\nns2: failed: dhcp: no_offer: nobody answered for 30s\n"),
        "{text}"
    );
}

#[test]
fn of_a_large_herd_only_failures_are_shown_and_percentiles() {
    let text = render(&report(60, 25), TableRows::Auto, Paint::None);
    assert!(!text.contains("ns60 "), "{text}");
    assert!(text.contains("ns80") && !text.contains("ns81"), "{text}");
    assert!(text.contains("and 5 more that failed"), "{text}");
    assert!(
        text.contains("\nns61, ns62, ns63, ns64, ns65 and 20 more: failed: dhcp: no_offer: nobody"),
        "{text}"
    );
    assert!(
        text.contains("time to join: median 1.00 ms, 95 % 20 ms, 99 % 300 ms, longest 4.00 s"),
        "{text}"
    );
    assert!(render(&report(60, 0), TableRows::All, Paint::None).contains("ns60"));
}

#[test]
fn a_target_that_never_answered_is_named_with_the_cause() {
    let mut report = report(1, 0);
    let pings = &mut report.clients[0].activities[0];
    (pings.attempts, pings.succeeded) = (3, 0);
    pings.time_ms.median = None;
    pings.failed.insert("timeout".to_owned(), 3);
    let text = render(&report, TableRows::Auto, Paint::None);
    assert!(text.contains("0/3"), "{text}");
    assert!(
        text.contains("\nns1: no answer from Google DNS: timeout\n"),
        "{text}"
    );
}
