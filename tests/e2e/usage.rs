//! Mistakes of the person at the keyboard: a message that names the thing and the remedy, an exit code, nothing left.

use std::fs;

use super::common::host::Host;
use super::common::seconds;

/// lanherd ends with `code`, saying each of `words`, and the machine is as it was.
#[track_caller]
fn assert_refused(host: &Host, arguments: &[&str], code: i32, words: &[&str]) {
    let before = host.snapshot();
    let outcome = host.lanherd(arguments).finish(seconds(30));
    assert_eq!(
        outcome.code,
        Some(code),
        "{arguments:?}: {}",
        outcome.stderr
    );
    for word in words {
        assert!(
            outcome.stderr.contains(word),
            "{arguments:?}: {word:?} is not in {}",
            outcome.stderr
        );
    }
    assert_eq!(host.snapshot(), before);
}

#[test]
fn what_cannot_be_meant_is_a_usage_error() {
    let host = Host::new();
    let cases: [(&[&str], &str); 8] = [
        (&["up", "--parent", "lan0", "--clients", "0"], "clients"),
        (&["up", "--parent", "lan0", "--clients", "many"], "many"),
        (&["up", "--clients", "3"], "--parent"),
        (
            &[
                "up",
                "--parent",
                "lan0",
                "--clients",
                "3",
                "--mode",
                "public",
            ],
            "private",
        ),
        (
            &["up", "--parent", "lan0", "--clients", "3", "--pool", "ns1"],
            "ns1",
        ),
        (
            &[
                "up",
                "--parent",
                "lan0",
                "--clients",
                "3",
                "--join-rate",
                "fast",
            ],
            "fast",
        ),
        (
            &[
                "up",
                "--parent",
                "lan0",
                "--clients",
                "3",
                "--ping",
                "nowhere at all",
            ],
            "nowhere at all",
        ),
        (&["fly"], "fly"),
    ];
    for (arguments, word) in cases {
        assert_refused(&host, arguments, 2, &[word]);
    }
}

#[test]
fn a_parent_that_is_missing_is_named_with_those_that_are_there() {
    assert_refused(
        &Host::new(),
        &["up", "--parent", "eth9", "--clients", "3"],
        3,
        &["eth9", "lan0"],
    );
}

#[test]
fn a_parent_whose_name_is_too_long_is_told_so_with_those_that_are_there() {
    assert_refused(
        &Host::new(),
        &["up", "--parent", "enp0s31f6-office", "--clients", "3"],
        3,
        &["enp0s31f6-office", "at most 15 characters", "lan0"],
    );
}

#[test]
fn a_parent_that_is_down_is_named_with_what_to_do() {
    let host = Host::new();
    host.must(&["ip", "link", "set", "lan0", "down"]);
    assert_refused(
        &host,
        &["up", "--parent", "lan0", "--clients", "3"],
        3,
        &["lan0", "down"],
    );
}

#[test]
fn loopback_is_no_parent() {
    assert_refused(
        &Host::new(),
        &["up", "--parent", "lo", "--clients", "3"],
        3,
        &["lo"],
    );
}

#[test]
fn an_unknown_key_of_a_scenario_is_an_error_with_its_line_and_column() {
    let host = Host::new();
    let file = host.folder().join("wrong.toml");
    fs::write(&file, "parent = \"lan0\"\nclients = 3\nclinets = 4\n").expect("a file");
    assert_refused(
        &host,
        &["run", &file.to_string_lossy()],
        2,
        &["wrong.toml", "clinets", "line 3"],
    );
    assert_refused(
        &host,
        &["run", "/nonexistent.toml"],
        2,
        &["/nonexistent.toml"],
    );
}

#[test]
fn more_clients_than_the_lab_has_addresses_is_a_usage_error() {
    let arguments = [
        "up",
        "--lab",
        "--lab-range",
        "10.9.0.10-10.9.0.12",
        "--clients",
        "5",
    ];
    assert_refused(&Host::new(), &arguments, 2, &["10.9.0.10"]);
}

#[test]
fn the_doctor_finds_a_fit_machine_fit_and_an_unfit_parent_unfit() {
    let host = Host::new();
    let before = host.snapshot();
    let fit = host
        .lanherd(&["doctor", "--parent", "lan0"])
        .finish(seconds(30));
    assert_eq!(fit.code, Some(0), "{}{}", fit.stdout, fit.stderr);
    let unfit = host
        .lanherd(&["doctor", "--parent", "eth9"])
        .finish(seconds(30));
    assert_eq!(unfit.code, Some(3), "{}{}", unfit.stdout, unfit.stderr);
    assert!(unfit.stdout.contains("eth9") || unfit.stderr.contains("eth9"));
    assert_eq!(host.snapshot(), before);
}

#[test]
fn help_has_examples_and_goes_to_standard_output() {
    let host = Host::new();
    for arguments in [&["--help"][..], &["up", "--help"]] {
        let outcome = host.lanherd(arguments).finish(seconds(10));
        assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
        assert!(
            outcome.stdout.contains("lanherd up --"),
            "no example in {}",
            outcome.stdout
        );
    }
}

#[test]
fn feature_files_are_checked_whatever_they_would_run_on() {
    let host = Host::new();
    let file = host.folder().join("test.feature");
    let text = "Feature: f\n  Scenario: s\n    Given I create 1 virtual client using macvlan\n    Then all clients should hold no lease\n";
    fs::write(&file, text).expect("a feature file");
    let file = file.to_string_lossy().into_owned();
    for ground in [&["--lab"][..], &["--parent", "lan0"]] {
        let arguments = [&["bdd", file.as_str(), "--check"], ground].concat();
        let outcome = host.lanherd(&arguments).finish(seconds(30));
        assert_eq!(outcome.code, Some(0), "{ground:?}: {}", outcome.stderr);
    }
}
