//! Soaks: clients come and go, the report is always whole, and what drifts is found.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use dhcproto::v4::MessageType;
use lanherd_testkit::folder::TestFolder;
use nix::sys::signal::Signal;
use serde_json::Value;

use super::common::capture::Capture;
use super::common::host::{Host, PARENT};
use super::common::process::Running;
use super::common::report::Report;
use super::common::{seconds, wait_for};

/// A soak of ten on `lan0` that looks every second, with its report at [`report_path`].
fn soak(host: &Host, more: &[&str]) -> Running {
    soak_with_report(host, &report_path(host).to_string_lossy(), more)
}

fn soak_with_report(host: &Host, report: &str, more: &[&str]) -> Running {
    let arguments = [
        "soak",
        "--parent",
        PARENT,
        "--clients",
        "10",
        "--ping",
        "8.8.8.8",
        "--every",
        "200ms",
        "--interval",
        "1s",
        "--report",
        report,
    ];
    host.lanherd(&[&arguments, more].concat())
}

fn report_path(host: &Host) -> PathBuf {
    host.folder().join("report.json")
}

fn number(value: &Value, field: &str) -> u64 {
    value[field]
        .as_u64()
        .unwrap_or_else(|| panic!("{field} is no number in {value:#}"))
}

/// The totals are the sums of the soak, those that have left among them, which did more than those that are there; and the last
/// line says the same.
#[track_caller]
fn totals_are_of_everybody(report: &Report, said: &str) {
    let sums = &report.0["soak"]["sums"]["pings"];
    let answered = |pings: &Value| number(&pings.as_array().expect("pings")[0], "received");
    let all = answered(sums);
    let present: u64 = report
        .clients()
        .iter()
        .map(|client| answered(&client["pings"]))
        .sum();
    assert_eq!(report.total("pings_received"), all);
    assert!(present < all, "{present} of those present, {all} of all");
    assert_eq!(
        report.total("restarts"),
        number(&report.0["soak"]["sums"], "restarts")
    );
    let wanted = report.total("pings");
    assert!(
        said.contains(&format!(" of {wanted} pings ")),
        "{wanted} in {said}"
    );
}

#[track_caller]
fn timeline(report: &Report) -> &[Value] {
    let lines = report.0["soak"]["timeline"].as_array();
    lines.expect("a timeline")
}

#[test]
fn clients_come_and_go_in_order_and_in_the_end_all_are_there_and_nothing_is_left() {
    let (host, _router) = Host::with_dnsmasq();
    let capture = Capture::start(&host);
    let before = host.snapshot();
    let mut running = soak(
        &host,
        &[
            "--for",
            "15s",
            "--churn",
            "60/m",
            "--storm",
            "5",
            "--storm-every",
            "4s",
            "--vanish",
            "12/m",
            "--seed",
            "7",
        ],
    );
    // Whoever reads finds a whole report at any moment, and more in it each time.
    let (mut seen, mut reads, until) = (BTreeSet::new(), 0, Instant::now() + seconds(60));
    while !running.has_ended() {
        assert!(Instant::now() < until, "the soak does not end");
        if report_path(&host).exists() {
            let report = host.report();
            if report.0["complete"] == false {
                seen.insert(timeline(&report).len());
            }
            reads += 1;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let outcome = running.finish(seconds(10));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    // On a busy machine far fewer than the fifty a second that are tried; but more than there were reports.
    assert!(seen.len() >= 10 && reads > 20, "{seen:?} in {reads} reads");

    let report = host.report();
    assert_eq!(report.0["complete"], true);
    assert_eq!(report.0["ended"], "time_over");
    totals_are_of_everybody(&report, &outcome.stdout);
    assert_eq!((report.total("wanted"), report.total("online")), (10, 10));
    assert_eq!(report.total("leaked_objects"), 0);
    let soak = &report.0["soak"];
    let turnover = &soak["turnover"];
    let (left, vanished) = (number(turnover, "left"), number(turnover, "vanished"));
    assert_eq!(number(turnover, "came"), left + vanished);
    assert_eq!(number(turnover, "storms"), 3);
    assert!(left >= 15 + 4 && vanished >= 1, "{turnover}");
    // On a busy machine one of a storm may be chosen to leave who has not joined yet.
    let (joins, all) = (number(&soak["sums"], "joins"), 10 + left + vanished);
    let storms = number(turnover, "storms");
    assert!(
        (all - storms..=all).contains(&joins),
        "{joins} joins of {all}"
    );
    // Those that are there are the latest.
    assert!(report.clients().iter().any(|c| number(c, "number") > 20));

    // All that left in order handed their leases back, and those alone.
    capture.wait_for("the RELEASEs", seconds(5), |messages| {
        let released = messages
            .iter()
            .filter(|seen| seen.kind() == Some(MessageType::Release))
            .map(|seen| seen.message.chaddr().to_vec());
        (released.collect::<BTreeSet<_>>().len() as u64 == left + 10).then_some(())
    });
    assert!(
        outcome.stdout.contains("without a word"),
        "{}",
        outcome.stdout
    );
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_soak_that_is_killed_leaves_its_last_report_and_says_that_it_is_not_the_end() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let running = soak(&host, &["--for", "1h"]);
    let lines = || Some(timeline(&host.report()).len()).filter(|lines| *lines >= 3);
    wait_for("the first report", seconds(30), || {
        report_path(&host).exists().then_some(())
    });
    wait_for("three lines", seconds(30), lines);
    running.signal(Signal::SIGKILL);
    running.finish(seconds(30));
    let report = host.report();
    assert_eq!(report.0["complete"], false);
    assert_eq!(report.total("online"), 10);
    assert!(timeline(&report).len() >= 3);
    let clean = host.lanherd(&["clean"]).finish(seconds(30));
    assert_eq!(clean.code, Some(0), "{}", clean.stderr);
    assert_eq!(host.snapshot().links, before.links);
}

#[test]
fn ctrl_c_ends_a_soak_in_order_with_its_report_and_comparison() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let running = soak(&host, &["--for", "72h", "--churn", "30/m"]);
    wait_for("the first report", seconds(30), || {
        report_path(&host).exists().then_some(())
    });
    wait_for("some lines", seconds(30), || {
        (timeline(&host.report()).len() >= 6).then_some(())
    });
    running.signal(Signal::SIGINT);
    let outcome = running.finish(seconds(30));
    assert_eq!(outcome.code, Some(130), "{}", outcome.stderr);
    let report = host.report();
    // It was to last for three days.
    assert_eq!(report.0["complete"], false);
    assert_eq!(report.0["ended"], "interrupted");
    assert!(
        outcome.stdout.contains("interrupted after"),
        "{}",
        outcome.stdout
    );
    assert_eq!(report.total("leaked_objects"), 0);
    let rows = report.0["soak"]["comparison"]["rows"].as_array();
    let rows = rows.expect("a comparison");
    assert!(rows.iter().any(|row| row["figure"] == "ping_rtt"));
    assert!(outcome.stdout.contains("verdict"), "{}", outcome.stdout);
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_soak_that_is_interrupted_before_its_herd_has_joined_is_not_complete_either() {
    let (host, _router) = Host::with_dnsmasq();
    let running = soak(&host, &["--for", "72h", "--join-rate", "1/s"]);
    host.wait_configured(2, seconds(30));
    running.signal(Signal::SIGINT);
    let outcome = running.finish(seconds(30));
    assert_eq!(outcome.code, Some(130), "{}", outcome.stderr);
    let report = host.report();
    assert_eq!(report.0["soak"], Value::Null, "it has not begun");
    assert_eq!(report.0["complete"], false);
    assert_eq!(report.0["ended"], "interrupted");
}

#[test]
fn a_full_disk_is_told_once_stops_nothing_and_keeps_the_last_good_report() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    host.must(&["mkdir", "/run/small"]);
    host.must(&[
        "mount",
        "-t",
        "tmpfs",
        "-o",
        "size=256k",
        "none",
        "/run/small",
    ]);
    let path = host.path("/run/small/report.json");
    let running = soak_with_report(&host, "/run/small/report.json", &["--for", "14s"]);
    let lines = || {
        if path.exists() {
            timeline(&Report::read(&path)).len()
        } else {
            0
        }
    };
    wait_for("two lines", seconds(30), || (lines() >= 2).then_some(()));
    // It fails when nothing more fits.
    host.run(&["dd", "if=/dev/zero", "of=/run/small/filler", "bs=4k"]);
    wait_for("it is said", seconds(10), || {
        running.stderr().contains("the soak goes on").then_some(())
    });
    let kept = lines();
    std::thread::sleep(seconds(2));
    assert_eq!(lines(), kept, "a report was written to a full disk");
    host.must(&["rm", "/run/small/filler"]);
    wait_for("it is written again", seconds(10), || {
        (lines() > kept + 2).then_some(())
    });
    let outcome = running.finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let told = |words: &str| outcome.stderr.matches(words).count();
    assert_eq!(
        (told("the soak goes on"), told("written again")),
        (1, 1),
        "{}",
        outcome.stderr
    );
    let report = Report::read(&path);
    assert_eq!(report.0["complete"], true);
    assert!(timeline(&report).len() >= 14);
    let files = std::fs::read_dir(path.parent().expect("a folder")).expect("the folder");
    assert_eq!(files.count(), 1, "drafts were left beside the report");
    host.must(&["umount", "/run/small"]);
    host.must(&["rmdir", "/run/small"]);
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_target_that_begins_to_be_lost_has_drifted_and_fails_the_run_if_that_was_asked_for() {
    let (host, _router) = Host::with_dnsmasq();
    // The timeout is far longer than a busy machine is late: the losses are nobody's but the router's.
    let arguments = ["--for", "27s", "--timeout", "1s", "--fail-on-drift"];
    let running = soak(&host, &arguments);
    wait_for("the first report", seconds(30), || {
        report_path(&host).exists().then_some(())
    });
    wait_for("the first third is over", seconds(30), || {
        (timeline(&host.report()).len() >= 12).then_some(())
    });
    let gone = ["ip", "address", "delete", "8.8.8.8/32", "dev", "lo"];
    let outcome = host.start_on_router("ip", &gone).finish(seconds(10));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let outcome = running.finish(seconds(60));
    assert_eq!(
        outcome.code,
        Some(1),
        "{}\n{}",
        outcome.stdout,
        outcome.stderr
    );
    assert!(
        outcome.stdout.contains("this drifted: lost pings 8.8.8.8"),
        "{}",
        outcome.stdout
    );
    let comparison = &host.report().0["soak"]["comparison"];
    assert_eq!(comparison["drifted"], true);
    let rows = comparison["rows"].as_array().expect("rows");
    let loss = rows.iter().find(|row| row["figure"] == "ping_loss");
    let loss = loss.expect("a row");
    assert_eq!(loss["verdict"], "drifted");
    let mean = loss["last"]["mean"].as_f64().expect("a mean");
    assert!(mean > 0.9, "{loss:#}");
}

#[test]
fn the_page_is_renewed_with_the_report_and_can_be_made_of_it_afterwards() {
    let (host, _router) = Host::with_dnsmasq();
    let html = host.folder().join("soak.html");
    let page = html.to_string_lossy().into_owned();
    let mut running = soak(&host, &["--for", "6s", "--html", &page]);
    let read = || std::fs::read_to_string(&html).unwrap_or_default();
    wait_for("a page of a soak that goes on", seconds(60), || {
        read().contains("The run has not ended").then_some(())
    });
    assert!(!running.has_ended(), "the page came too late");
    let outcome = running.finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(!read().contains("The run has not ended"), "{}", read());

    let (report, again) = (report_path(&host), host.folder().join("again.html"));
    let (report, again) = (report.to_string_lossy(), again.to_string_lossy());
    let outcome = host
        .lanherd(&["report", &report, "--html", &again])
        .finish(seconds(30));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    assert!(
        outcome.stdout.contains("10 of 10 clients online"),
        "{}",
        outcome.stdout
    );
    assert_eq!(std::fs::read_to_string(&*again).expect("the page"), read());
    // What is no report, or is the report itself, is not written over.
    for (arguments, word) in [
        (["report", &page, "--html", &again], "is no report"),
        (
            ["report", &report, "--html", &report],
            "is the report itself",
        ),
    ] {
        let outcome = host.lanherd(&arguments).finish(seconds(30));
        assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
        assert!(outcome.stderr.contains(word), "{}", outcome.stderr);
    }
}

/// The script that soaks the lab for as long as one likes, in its short form. A debug build will do: what it looks at, leaks and what
/// lasts, does not depend on optimisation.
fn two_minutes_in_the_lab(family: &str, clients: &str) -> String {
    let id = std::process::id();
    let folder = TestFolder::new("soak");
    let output = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/soak"))
        .args(["2", family])
        .env("LANHERD", env!("CARGO_BIN_EXE_lanherd"))
        .env("FOLDER", folder.path())
        .env("POOL", format!("s{id}{}", &family[..1]))
        .env("CLIENTS", clients)
        .stdin(Stdio::null())
        .output()
        .expect("the script runs");
    let (results, complaints) = (output.stdout, output.stderr);
    let results = String::from_utf8_lossy(&results);
    let complaints = String::from_utf8_lossy(&complaints);
    assert!(output.status.success(), "{results}\n{complaints}");
    results.into_owned()
}

#[test]
fn two_minutes_in_the_lab_with_all_faults_end_with_what_was_there_after_the_first() {
    println!("{}", two_minutes_in_the_lab("ipv4", "200"));
}

#[test]
fn two_minutes_in_the_lab_with_all_faults_of_both_families_end_with_what_was_there_after_the_first()
{
    println!("{}", two_minutes_in_the_lab("dual", "50"));
}
