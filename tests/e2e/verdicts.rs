//! Three verdicts: what holds has passed, what does not has failed, and what may be the tester's own doing is inconclusive.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::Signal;
use serde_json::Value;

use super::common::host::Host;
use super::common::process::{Outcome, Running};
use super::common::{seconds, wait_for};

/// A command that says when it has begun, and takes a second.
fn second_long(begun: &str) -> String {
    format!("touch {begun}; sleep 1")
}

/// Stops the program for three seconds as soon as a client's command has begun.
fn stop_in_the_middle(running: &Running, begun: &Path) {
    wait_for("a command begins", seconds(60), || {
        begun.exists().then_some(())
    });
    running.signal(Signal::SIGSTOP);
    std::thread::sleep(seconds(3));
    running.go_on();
}

fn objectives(host: &Host) -> Vec<(String, String)> {
    let report = host.report();
    let all = report.0["objectives"].as_array().expect("objectives");
    let text = |one: &Value, field: &str| one[field].as_str().expect("text").to_owned();
    all.iter()
        .map(|one| (text(one, "text"), text(one, "verdict")))
        .collect()
}

#[track_caller]
fn assert_code(outcome: &Outcome, code: i32) {
    let Outcome { stdout, stderr, .. } = outcome;
    assert_eq!(outcome.code, Some(code), "{stdout}\n{stderr}");
}

/// `lanherd up --lab` with two clients that run a command, with these conditions.
fn up(host: &Host, command: &str, conditions: &[&str]) -> Running {
    let report = host.folder().join("report.json");
    let mut arguments = vec![
        "up",
        "--lab",
        "--clients=2",
        "--run-command",
        command,
        "--every=500ms",
        "--timeout=20s",
        "--for=2s",
        "--report",
        report.to_str().expect("text"),
    ];
    arguments.extend(conditions.iter().flat_map(|one| ["--fail-if", one]));
    host.lanherd(&arguments)
}

#[test]
fn what_holds_passes_and_what_does_not_fails_the_run_and_both_are_told() {
    let host = Host::new();
    let outcome = up(&host, "true", &["failed commands > 50 %"]).finish(seconds(60));
    assert_code(&outcome, 0);
    let said = "passed: failed commands > 50 %: the share of failed commands is 0 %";
    assert!(outcome.stdout.contains(said), "{}", outcome.stdout);

    let conditions = [
        "failed commands > 50 %",
        "restarts < 1",
        "packet loss > 1 %",
    ];
    let outcome = up(&host, "true", &conditions).finish(seconds(60));
    assert_code(&outcome, 1);
    for said in [
        "failed: restarts < 1: there were 0 restarts: it should be at least 1",
        "failed: packet loss > 1 %: there is no packet loss to compare with 1 %: nobody pinged",
    ] {
        assert!(outcome.stdout.contains(said), "{}", outcome.stdout);
    }
    let verdicts: Vec<_> = objectives(&host).into_iter().map(|(_, v)| v).collect();
    assert_eq!(verdicts, ["passed", "failed", "failed"]);
}

#[test]
fn a_condition_that_cannot_be_meant_ends_the_run_before_it_begins() {
    let host = Host::new();
    let outcome = up(&host, "true", &["p95 dsn > 5 ms"]).finish(seconds(20));
    assert_code(&outcome, 2);
    assert!(
        outcome.stderr.contains("did you mean \"p95 dns\"?"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_time_that_was_long_since_the_tester_stood_still_is_inconclusive_and_has_its_exit_code() {
    let host = Host::new();
    let begun = host.folder().join("begun");
    let command = second_long(begun.to_str().expect("text"));
    let running = up(
        &host,
        &command,
        &["maximum command > 2s", "failed commands > 50 %"],
    );
    stop_in_the_middle(&running, &begun);
    let outcome = running.finish(seconds(60));
    assert_code(&outcome, 125);
    for said in [
        "inconclusive: maximum command > 2s: the maximum command time is ",
        "but the tester itself woke up to ",
        "passed: failed commands > 50 %",
    ] {
        assert!(outcome.stdout.contains(said), "{}", outcome.stdout);
    }
    let verdicts: Vec<_> = objectives(&host).into_iter().map(|(_, v)| v).collect();
    assert_eq!(verdicts, ["inconclusive", "passed"]);
}

#[test]
fn a_feature_files_objective_is_inconclusive_where_the_tester_stood_still_and_no_failure_in_junit()
{
    let host = Host::new();
    let (begun, junit) = (host.folder().join("begun"), host.folder().join("junit.xml"));
    let feature = host.folder().join("test.feature");
    let text = format!(
        "Feature: f\n  Scenario: s\n    Given I create 1 virtual client using macvlan\n    When all clients run the command \
         \"{}\"\n    Then the maximum command time should be below 2s\n    And all clients should respond successfully\n",
        second_long(begun.to_str().expect("text"))
    );
    fs::write(&feature, text).expect("a feature file");
    let running = host.lanherd(&[
        "bdd",
        "--lab",
        feature.to_str().expect("text"),
        "--junit",
        junit.to_str().expect("text"),
    ]);
    stop_in_the_middle(&running, &begun);
    let outcome = running.finish(seconds(60));
    assert_code(&outcome, 125);
    let said = "it should be below 2 s; but the tester itself woke up to ";
    assert!(outcome.stdout.contains(said), "{}", outcome.stdout);
    let xml = fs::read_to_string(junit).expect("results");
    assert!(
        xml.contains("type=\"inconclusive\"") && !xml.contains("<failure"),
        "{xml}"
    );
}

/// Programs that do nothing but take the processors, twice as many as there are; they end with this.
struct Load(Vec<Child>);

impl Load {
    fn on_all_processors() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        let spin = || {
            Command::new("sh")
                .args(["-c", "timeout 300 sh -c 'while :; do :; done'"])
                .stdin(Stdio::null())
                .spawn()
                .expect("a shell")
        };
        Self((0..2 * processors).map(|_| spin()).collect())
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        for child in &mut self.0 {
            // The shell's only child is the timeout, which hands the signal on.
            let timeout = super::common::process::child_of(child.id());
            if let Some(pid) = timeout {
                let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
                let _ = nix::sys::signal::kill(pid, Signal::SIGTERM);
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Bounds that a healthy lab holds on an idle machine.
const TIGHT: [&str; 9] = [
    "median ping > 1 ms",
    "p95 ping > 1 ms",
    "median dns > 2 ms",
    "p95 dns > 3 ms",
    "maximum dns > 5 ms",
    "p95 http > 10 ms",
    "p99 http > 15 ms",
    "p95 dhcp > 30 ms",
    "p95 join > 100 ms",
];

/// In its long form, `LANHERD_VERDICTS=100`, until so many objectives did not hold; else until a few.
#[test]
fn a_healthy_lab_is_blamed_for_nothing_by_a_tester_that_is_kept_busy() {
    let wanted: usize = std::env::var("LANHERD_VERDICTS")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(3);
    let host = Host::new();
    let report = host.folder().join("report.json");
    let load = Load::on_all_processors();
    let (mut missed, mut runs) = (0, 0);
    while missed < wanted {
        runs += 1;
        assert!(runs <= 10 + wanted, "only {missed} objectives did not hold");
        let mut arguments = vec![
            "nice",
            "-n",
            "10",
            "/run/bin/lanherd",
            "up",
            "--lab",
            "--clients=20",
            "--ping=router",
            "--resolve=router.lab.test",
            "--fetch=http://www.lab.test/",
            "--every=100ms",
            "--timeout=10s",
            "--for=3s",
            "--report",
            report.to_str().expect("text"),
        ];
        arguments.extend(TIGHT.iter().flat_map(|one| ["--fail-if", one]));
        let outcome = host.start("nice", &arguments).finish(seconds(120));
        let verdicts = objectives(&host);
        let blamed: Vec<_> = verdicts.iter().filter(|(_, v)| v == "failed").collect();
        let tester = &host.report().0["tester"];
        assert!(
            blamed.is_empty(),
            "{blamed:?} with a tester of {tester}\n{}",
            outcome.stdout
        );
        missed += verdicts.iter().filter(|(_, v)| v == "inconclusive").count();
        eprintln!("{missed} inconclusive, none failed, the tester: {tester}");
    }
    drop(load);
}
