//! Ctrl-C at any instant of a run: nothing is left on the machine.
//!
//! The instants are drawn from a fixed seed. `LANHERD_INTERRUPTIONS=500` interrupts that often instead of the usual number.

use std::fs;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::common::host::{Host, PARENT};
use super::common::process::Running;
use super::common::router::Router;
use super::common::{seconds, wait_for};

/// How often each command is interrupted, where nothing else is said.
const INTERRUPTIONS: usize = 30;

fn interruptions() -> usize {
    match std::env::var("LANHERD_INTERRUPTIONS") {
        Ok(number) => number.parse().expect("LANHERD_INTERRUPTIONS is a number"),
        Err(_) => INTERRUPTIONS,
    }
}

/// Runs to its end once, and is then interrupted again and again, at instants up to its end and a little beyond.
fn interrupt(host: &Host, start: impl Fn() -> Running, seed: u64) {
    let before = host.snapshot();
    let began = Instant::now();
    let whole = start().finish(seconds(120));
    assert_eq!(whole.code, Some(0), "{}{}", whole.stdout, whole.stderr);
    let takes = began.elapsed();
    assert_eq!(host.snapshot(), before);
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut cut_short = 0;
    let number = interruptions();
    for round in 0..number {
        let delay = takes.mul_f64(rng.f64() * 1.1);
        let mut running = start();
        std::thread::sleep(delay);
        if !running.has_ended() {
            running.signal_if_it_runs(Signal::SIGINT);
        }
        let outcome = running.finish(seconds(120));
        cut_short += usize::from(outcome.code != Some(0));
        // A signal that comes before it is listened for ends the program before it has made anything.
        assert!(
            matches!(outcome.code, Some(0 | 130) | None),
            "round {round}, after {delay:?}: {:?}\n{}{}",
            outcome.code,
            outcome.stdout,
            outcome.stderr
        );
        let after = host.snapshot();
        assert!(
            after == before,
            "round {round}, after {delay:?}: {:#?}\n{}{}",
            after.files.difference(&before.files).collect::<Vec<_>>(),
            outcome.stdout,
            outcome.stderr
        );
    }
    assert!(
        cut_short > number / 2,
        "only {cut_short} of {number} were cut short"
    );
}

#[test]
fn ctrl_c_at_any_instant_of_up_leaves_nothing() {
    let (host, _router) = Host::with_dnsmasq();
    let start = || {
        host.lanherd(&[
            "up",
            "--parent",
            PARENT,
            "--clients",
            "6",
            "--ping",
            "router",
            "--every",
            "100ms",
            "--for",
            "300ms",
        ])
    };
    interrupt(&host, start, 11);
}

/// Short scenarios, so that a great part of the time one is being torn down.
const FEATURE: &str = "\
Feature: Short ones
  Scenario Outline: Of <number> clients
    Given I create <number> virtual clients using macvlan
    When all clients attempt to ping the router
    Then all clients should respond successfully

    Examples:
      | number |
      | 4      |
      | 1      |
      | 6      |
      | 3      |
      | 5      |
";

#[test]
fn ctrl_c_at_any_instant_of_feature_files_leaves_nothing() {
    let host = Host::new();
    let _router = Router::dnsmasq(&host, "10.66.1.0,10.66.9.250", "1h", &[]);
    let feature = host.folder().join("short.feature");
    fs::write(&feature, FEATURE).expect("written");
    let feature = feature.to_string_lossy().into_owned();
    let start = || host.lanherd(&["bdd", "--parent", PARENT, &feature]);
    interrupt(&host, start, 12);
}

#[test]
fn scenarios_side_by_side_never_stand_in_each_others_place() {
    let host = Host::new();
    let before = host.snapshot();
    let feature = host.folder().join("many.feature");
    let examples = "      | 1 |\n      | 2 |\n      | 3 |\n".repeat(20);
    let text = FEATURE.split("      | 4 ").next().expect("its beginning");
    fs::write(&feature, format!("{text}{examples}")).expect("written");
    let feature = feature.to_string_lossy().into_owned();
    let outcome = host
        .lanherd(&["bdd", "--lab", "-c", "6", &feature])
        .finish(seconds(300));
    assert_eq!(
        outcome.code,
        Some(0),
        "{}{}",
        outcome.stdout,
        outcome.stderr
    );
    wait_for("nothing is left", Duration::from_secs(10), || {
        (host.snapshot() == before).then_some(())
    });
}
