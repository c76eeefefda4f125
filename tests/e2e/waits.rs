//! Waits of feature files: one that runs out fails its scenario where the tester was on time, and is inconclusive where the tester
//! itself was late.

use std::fs;

use nix::sys::signal::Signal;

use super::common::capture::Capture;
use super::common::host::{Host, PARENT};
use super::common::process::{Outcome, Running};
use super::common::{seconds, wait_for};

/// Starts `lanherd bdd` on the lab with a scenario of these steps, the results of which are written as `JUnit`'s XML.
fn start(host: &Host, steps: &str, more: &[&str]) -> Running {
    let file = |name: &str| host.folder().join(name).to_string_lossy().into_owned();
    let (feature, junit) = (file("test.feature"), file("junit.xml"));
    let text = format!("Feature: f\n  Scenario: s\n{steps}");
    fs::write(&feature, text).expect("a feature file");
    let arguments = ["bdd", &feature, "--lab", "--junit", &junit];
    host.lanherd(&[&arguments, more].concat())
}

/// Stops the program `after` this step has begun to be waited for, for so long.
fn stop(running: &Running, after: u64, lasts: u64) {
    std::thread::sleep(seconds(after));
    running.signal(Signal::SIGSTOP);
    std::thread::sleep(seconds(lasts));
    running.go_on();
}

#[track_caller]
fn assert_inconclusive(host: &Host, outcome: &Outcome, said: &str) {
    let Outcome { stdout, stderr, .. } = outcome;
    assert_eq!(outcome.code, Some(125), "{stdout}\n{stderr}");
    assert!(stdout.contains(said), "{stdout}");
    let lateness = "but the tester itself woke up to ";
    assert!(stdout.contains(lateness), "{stdout}");
    let xml = fs::read_to_string(host.folder().join("junit.xml")).expect("results");
    assert!(
        xml.contains("type=\"inconclusive\"") && !xml.contains("<failure"),
        "{xml}"
    );
}

/// Runs the same without a stop until the tester was on time, which a busy machine may need several times for.
#[track_caller]
fn assert_failed_on_time(begin: impl Fn() -> Running, said: &str) {
    for attempt in 0.. {
        let outcome = begin().finish(seconds(90));
        let Outcome { stdout, stderr, .. } = &outcome;
        assert!(stdout.contains(said), "{stdout}\n{stderr}");
        if outcome.code == Some(125) && attempt < 4 {
            continue;
        }
        assert_eq!(outcome.code, Some(1), "{stdout}\n{stderr}");
        assert!(!stdout.contains("inconclusive"), "{stdout}");
        return;
    }
}

/// A router that is silent for as long as the scenario lasts, which says by this file that the wait is about to begin.
fn silent_router(host: &Host, wait: &str) -> (std::path::PathBuf, String) {
    let begun = host.folder().join("begun");
    let _ = fs::remove_file(&begun);
    let steps = format!(
        "    Given I create 2 virtual clients using macvlan\n    When the router suffers from dhcp_mute for 2m\n    And all clients \
         run the command \"touch {}\"\n    And all clients vanish without releasing\n    Then {wait}\n",
        begun.display()
    );
    (begun, steps)
}

#[track_caller]
fn a_wait_is_judged_beside_the_tester(wait: &str, said: &str) {
    let host = Host::new();
    let (begun, steps) = silent_router(&host, wait);
    let running = start(&host, &steps, &[]);
    wait_for("the scenario comes to its wait", seconds(60), || {
        begun.exists().then_some(())
    });
    stop(&running, 2, 5);
    assert_inconclusive(&host, &running.finish(seconds(90)), said);
    assert_failed_on_time(|| start(&host, &steps, &[]), said);
}

#[test]
fn clients_that_do_not_recover_in_time_have_failed_unless_the_tester_was_late() {
    a_wait_is_judged_beside_the_tester(
        "all clients should recover within 8s",
        "2 of 2 clients did not recover within 8s",
    );
}

#[test]
fn clients_that_hold_no_lease_in_time_have_failed_unless_the_tester_was_late() {
    a_wait_is_judged_beside_the_tester(
        "all clients should hold a valid lease within 8s",
        "2 of 2 clients did not hold a valid lease within 8s",
    );
}

#[test]
fn clients_that_recover_late_since_the_tester_was_have_not_failed() {
    let host = Host::new();
    let begun = host.folder().join("begun");
    let steps = format!(
        "    Given I create 2 virtual clients using macvlan\n    When all clients run the command \"touch {}\"\n    And all clients \
         vanish without releasing\n    And 7s pass\n    Then all clients should recover within 10s\n",
        begun.display()
    );
    let running = start(&host, &steps, &[]);
    wait_for("the scenario comes to its wait", seconds(60), || {
        begun.exists().then_some(())
    });
    // It stands still from the second second to the twelfth, and looks at its clients for the first time then.
    stop(&running, 2, 10);
    let outcome = running.finish(seconds(90));
    assert_inconclusive(&host, &outcome, "all recovered, but after ");
    assert!(
        outcome.stdout.contains(": it should be within 10s; but"),
        "{}",
        outcome.stdout
    );
    let outcome = start(&host, &steps, &[]).finish(seconds(90));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stdout);
}

#[test]
fn clients_without_a_lease_in_time_have_failed_unless_the_tester_was_late() {
    let host = Host::new();
    let steps = "    Given a client may take 8s to get a lease\n    And I create 2 virtual clients using macvlan\n";
    let said = "2 of 2 clients did not get online";
    let mute = ["--lab-fault", "dhcp_mute"];
    let running = start(&host, steps, &mute);
    // As the program sees them, in its sandbox.
    let names = format!("/proc/{}/root/run/netns", running.pid());
    wait_for("the clients are made", seconds(60), || {
        (fs::read_dir(&names).ok()?.count() >= 2).then_some(())
    });
    stop(&running, 3, 5);
    assert_inconclusive(&host, &running.finish(seconds(90)), said);
    assert_failed_on_time(|| start(&host, steps, &mute), said);
}

#[test]
fn a_command_that_was_killed_at_its_time_has_failed_unless_the_tester_was_late() {
    let host = Host::new();
    let begun = host.folder().join("begun");
    let steps = format!(
        "    Given I create 2 virtual clients using macvlan\n    When all clients run the command \"touch {}; sleep 60\" within \
         8s\n    Then all clients should respond successfully\n",
        begun.display()
    );
    let said = "2 of 2 clients did not respond successfully";
    let running = start(&host, &steps, &[]);
    wait_for("a command begins", seconds(60), || {
        begun.exists().then_some(())
    });
    stop(&running, 1, 4);
    assert_inconclusive(&host, &running.finish(seconds(90)), said);
    assert_failed_on_time(|| start(&host, &steps, &[]), said);
}

#[test]
fn a_silence_before_the_first_scenario_is_asked_about_again_where_the_tester_was_late() {
    let host = Host::new();
    let feature = host.folder().join("test.feature");
    let text = "Feature: f\n  Scenario: s\n    Given I create 1 virtual client using macvlan\n    Then all clients should hold a \
                valid lease within 5s\n";
    fs::write(&feature, text).expect("a feature file");
    let feature = feature.to_string_lossy().into_owned();
    let capture = Capture::start(&host);
    let running = host.lanherd(&["bdd", &feature, "--parent", PARENT, "--lease-timeout=10s"]);
    capture.wait_for("somebody asks", seconds(60), |seen| {
        (!seen.is_empty()).then_some(())
    });
    stop(&running, 3, 5);
    let outcome = running.finish(seconds(120));
    let Outcome { stdout, stderr, .. } = &outcome;
    let again = "no DHCP server was heard on lan0, but the tester itself woke up to ";
    assert!(
        stderr.contains(again) && stderr.contains("late in that time: asking again"),
        "{stdout}\n{stderr}"
    );
    // There is none, and the tester is on time now.
    assert!(
        stdout.contains("no DHCP server answers on lan0"),
        "{stdout}\n{stderr}"
    );
    assert_eq!(outcome.code, Some(1), "{stdout}\n{stderr}");
}

#[test]
fn a_run_whose_clients_are_not_online_has_failed_unless_the_tester_was_late() {
    let host = Host::new();
    let up = || {
        host.lanherd(&[
            "up",
            "--lab",
            "--lab-fault=dhcp_mute",
            "--clients=2",
            "--lease-timeout=8s",
            "--intensity=0",
            "--for=1m",
        ])
    };
    let running = up();
    stop(&running, 4, 4);
    let outcome = running.finish(seconds(90));
    let Outcome { stdout, stderr, .. } = &outcome;
    assert_eq!(outcome.code, Some(125), "{stdout}\n{stderr}");
    let said = "0 of 2 clients were online at the end; but the tester itself woke up to ";
    assert!(stderr.contains(said), "{stdout}\n{stderr}");
    // A busy machine may be late of itself, but not each time.
    let fails = (0..4).any(|_| up().finish(seconds(90)).code == Some(1));
    assert!(fails, "it never fails on a tester that is on time");
}
