//! Availability: what a router's outage costs is told, and what the tester itself did is not taken for one.

use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::common::host::{Host, PARENT};
use super::common::report::Report;
use super::common::router::Router;
use super::common::{seconds, wait_for};

fn outages(report: &Report) -> &[Value] {
    let latest = report.0["outages"]["latest"].as_array();
    latest.expect("a list of outages")
}

fn share(report: &Report) -> f64 {
    let share = report.0["availability"]["share"].as_f64();
    share.unwrap_or_else(|| panic!("no availability in {:#}", report.0))
}

/// Takes the router's end of the wire down or up.
fn wire(host: &Host, state: &str) {
    let command = ["ip", "link", "set", "lan", state];
    let outcome = host.start_on_router("wire", &command).finish(seconds(10));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
}

#[test]
fn an_outage_in_the_middle_of_a_soak_is_in_the_last_line_the_report_and_the_page() {
    let (host, _router) = Host::with_dnsmasq();
    let page = host.folder().join("page.html");
    let running = host.lanherd(&[
        "soak",
        "--parent",
        PARENT,
        "--clients",
        "3",
        "--ping",
        "router",
        "--every",
        "200ms",
        "--interval",
        "1s",
        "--for",
        "20s",
        "--report",
        &host.folder().join("report.json").to_string_lossy(),
        "--html",
        &page.to_string_lossy(),
    ]);
    wait_for("some looks", seconds(60), || {
        let looks = running.stderr().matches("3 of 3 online").count();
        (looks >= 3).then_some(())
    });
    wire(&host, "down");
    std::thread::sleep(seconds(5));
    wire(&host, "up");
    let outcome = running.finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);

    let report = host.report();
    assert_eq!(report.0["ended"], "time_over");
    let availability = share(&report);
    assert!((0.4..0.9).contains(&availability), "{availability}");
    let [outage] = outages(&report) else {
        panic!("{:#}", report.0["outages"]);
    };
    assert_eq!(report.0["outages"]["count"], 1);
    assert_eq!((&outage["clients"], &outage["of"]), (&3.into(), &3.into()));
    assert_eq!(outage["cause"], "no_carrier");
    let lasted = outage["most_back_ms"].as_f64().expect("it is over");
    // The kernel tells of a carrier up to a second late (linkwatch).
    assert!((3_500.0..15_000.0).contains(&lasted), "{outage}");
    for client in report.clients() {
        let own = client["availability"].as_f64().expect("a share");
        assert!((0.4..0.9).contains(&own), "{client}");
    }
    let lost = report.0["availability"]["unavailable_ms"]["no_carrier"].as_f64();
    let lost = lost.expect("by cause");
    assert!(lost >= 3.0 * 3_500.0, "{lost}");

    let summary = outcome.stdout.lines();
    let summary: Vec<_> = summary.filter(|l| l.contains("clients online")).collect();
    let [summary] = summary[..] else {
        panic!("{}", outcome.stdout);
    };
    for word in [", availability ", ", 1 outage of ", "(100 % of the herd)"] {
        assert!(summary.contains(word), "{word} is not in {summary}");
    }
    assert!(!summary.contains("availability 100 %"), "{summary}");
    let page = std::fs::read_to_string(page).expect("a page");
    for word in [
        "<h2>Verdict</h2>",
        "1 outage of ",
        "<h2>Outages</h2>",
        "no_carrier",
        "class=\"flawed\"",
    ] {
        assert!(page.contains(word), "{word} is not in {page}");
    }
}

#[test]
fn a_tester_that_is_stopped_for_longer_than_a_lease_does_not_blame_the_router() {
    let host = Host::new();
    // The shortest lease that udhcpd gives, as it gives none below ten seconds without asking for more.
    let _router = Router::udhcpd(&host, "10.66.1.0", "10.66.1.250", 20);
    let running = host.up(4, &["--ping", "router", "--every", "500ms", "--for", "60s"]);
    running.wait_online(4, seconds(60));
    running.signal(Signal::SIGSTOP);
    std::thread::sleep(seconds(35));
    running.go_on();
    let outcome = running.finish(seconds(120));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let report = host.report();
    assert_eq!(outages(&report), &[] as &[Value], "{}", outcome.stderr);
    assert!(
        (share(&report) - 1.0).abs() < 1e-9,
        "{:#}",
        report.0["availability"]
    );
    let tester = &report.0["tester"];
    assert!(tester["stalls"].as_u64() >= Some(1), "{tester}");
    assert!(tester["stalled_ms"].as_f64() >= Some(34_000.0), "{tester}");
    assert!(tester["leases_lost"].as_u64() >= Some(1), "{tester}");
    let excused = report.0["availability"]["tester_ms"].as_f64();
    assert!(excused >= Some(4.0 * 33_000.0), "{excused:?}");
    let said = &outcome.stderr;
    assert!(said.contains("the tester stood still"), "{said}");
    assert!(!said.contains("outage"), "{said}");
    let last = &outcome.stdout;
    assert!(last.contains("the tester stood still for"), "{last}");
}

#[test]
fn lost_pings_are_said_to_be_lost_though_the_run_is_none_that_failed() {
    let host = Host::new();
    let running = host.lanherd(&[
        "up",
        "--lab",
        "--lab-fault",
        "ping-loss",
        "--clients",
        "5",
        "--ping",
        "router",
        "--every",
        "100ms",
        "--for",
        "5s",
    ]);
    let outcome = running.finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let last = outcome.stdout.lines().last().expect("a last line");
    assert!(last.contains(" pings lost ("), "{last}");
    assert!(!last.contains("pings answered"), "{last}");
    assert!(last.contains("availability 100 %"), "{last}");
}

#[test]
fn how_a_herd_that_was_told_to_stop_ended_is_in_its_report() {
    let (host, _router) = Host::with_dnsmasq();
    let running = host.up(2, &[]);
    host.wait_configured(2, seconds(30));
    std::thread::sleep(Duration::from_millis(500));
    let stop = host.lanherd(&["stop"]).finish(seconds(30));
    assert_eq!(stop.code, Some(0), "{}", stop.stderr);
    let outcome = running.finish(seconds(30));
    let report = host.report();
    assert_eq!(report.0["ended"], "stopped");
    assert_eq!(report.0["complete"], true);
    assert!(
        outcome.stdout.contains("stopped after"),
        "{}",
        outcome.stdout
    );
}
