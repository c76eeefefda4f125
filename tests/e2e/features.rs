//! Feature files with the whole program on a machine with a real router: what passes, what fails, and what is left.

mod dead_router;
mod limits;

use std::fs;
use std::path::Path;

use nix::sys::signal::Signal;

use super::common::host::{Host, PARENT};
use super::common::process::{Outcome, Running};
use super::common::router::Router;
use super::common::seconds;

/// Starts `lanherd bdd` on a feature file of this text.
fn start(host: &Host, text: &str, more: &[&str]) -> Running {
    let file = host.folder().join("test.feature");
    fs::write(&file, text).expect("a feature file");
    let file = file.to_string_lossy().into_owned();
    host.lanherd(&[&["bdd", &file, "--parent", PARENT], more].concat())
}

/// A shipped feature file.
fn shipped(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("features")
        .join(name);
    path.to_string_lossy().into_owned()
}

#[track_caller]
fn assert_code(outcome: &Outcome, code: i32) {
    assert_eq!(
        outcome.code,
        Some(code),
        "{}\n{}",
        outcome.stdout,
        outcome.stderr
    );
}

const THREE_LINES: &str = "\
Feature: The first three lines
  Scenario: as they were written
    Given I create 10 virtual clients using macvlan
    When all clients attempt to ping Google DNS
    Then all clients should respond successfully
";

/// Two scenarios that a router which is there passes.
const TWO: &str = "\
Feature: Two
  Scenario: the first
    Given I create 2 virtual clients using macvlan
    Then all clients should hold a valid lease within 5s
  Scenario: the second
    Given I create 1 virtual client using macvlan
    Then all clients should hold a valid lease within 5s
";

#[test]
fn the_three_lines_that_began_it_all_pass_on_a_real_router_and_leave_nothing() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let outcome = start(&host, THREE_LINES, &[]).finish(seconds(60));
    assert_code(&outcome, 0);
    assert!(
        outcome.stdout.contains("1 scenario (1 passed)"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("nothing left behind"),
        "{}",
        outcome.stdout
    );
    assert_eq!(host.snapshot(), before);
}

#[test]
fn the_shipped_lease_features_pass_against_dnsmasq() {
    let host = Host::new();
    // As routers run it, but for the ping check, which makes each join wait for seconds.
    let _router = Router::dnsmasq(
        &host,
        "10.66.1.0,10.66.3.250",
        "2m",
        &["--dhcp-authoritative"],
    );
    let before = host.snapshot();
    let files = [
        shipped("joins.feature"),
        shipped("renewal.feature"),
        shipped("join_storm.feature"),
        shipped("vanish.feature"),
    ];
    let mut arguments = vec!["bdd", "--parent", PARENT, "--tags", "@leases and not @lab"];
    arguments.extend(files.iter().map(String::as_str));
    let outcome = host.lanherd(&arguments).finish(seconds(180));
    assert_code(&outcome, 0);
    // All of them, so that a tag that is lost does not make the test pass by running nothing.
    assert!(
        outcome.stdout.contains("12 scenarios (12 passed)"),
        "{}",
        outcome.stdout
    );
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_router_that_does_not_answer_fails_the_scenario_with_the_cause_and_nothing_is_left() {
    let host = Host::new();
    let before = host.snapshot();
    let outcome =
        start(&host, THREE_LINES, &["--lease-timeout", "6s", "--no-probe"]).finish(seconds(60));
    assert_code(&outcome, 1);
    assert!(
        outcome
            .stdout
            .contains("10 of 10 clients did not get online"),
        "{}",
        outcome.stdout
    );
    assert!(outcome.stdout.contains("no_offer"), "{}", outcome.stdout);
    assert_eq!(host.snapshot(), before);
}

#[test]
fn an_unknown_step_is_told_with_the_nearest_ones_and_nothing_is_left() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let text = THREE_LINES.replace("attempt to ping", "try to ping");
    let outcome = start(&host, &text, &[]).finish(seconds(60));
    assert_code(&outcome, 1);
    assert!(outcome.stdout.contains("1 undefined"), "{}", outcome.stdout);
    let hint = "When all clients attempt to ping Google DNS";
    assert!(
        outcome.stdout.contains(hint) && outcome.stderr.contains(hint),
        "{}",
        outcome.stderr
    );
    assert_eq!(host.snapshot(), before);
}

const LONG: &str = "\
Feature: Long
  Scenario: a step that takes its time
    Given I create 6 virtual clients using macvlan
    When all clients ping the router 600 times every 1s
    Then all clients should respond successfully
  Scenario: never come to
    When 1s pass
";

#[test]
fn ctrl_c_in_the_middle_of_a_step_leaves_nothing_and_the_results_are_written() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let results = host.folder().join("results.xml");
    let results = results.to_string_lossy().into_owned();
    let run = start(&host, LONG, &["--junit", &results]);
    host.wait_configured(6, seconds(30));
    run.signal(Signal::SIGINT);
    let outcome = run.finish(seconds(30));
    assert_code(&outcome, 130);
    assert!(
        outcome.stdout.contains("1 interrupted"),
        "{}",
        outcome.stdout
    );
    assert_eq!(host.snapshot(), before);
    let results = fs::read_to_string(results).expect("results");
    assert!(results.contains("interrupted"), "{results}");
}

#[test]
fn ctrl_c_while_clients_still_join_leaves_nothing() {
    let host = Host::new();
    let before = host.snapshot();
    let run = start(&host, THREE_LINES, &["--no-probe"]);
    super::common::wait_for("namespaces appear", seconds(20), || {
        host.path("/run/netns/ns5").exists().then_some(())
    });
    run.signal(Signal::SIGINT);
    assert_code(&run.finish(seconds(30)), 130);
    assert_eq!(host.snapshot(), before);
}

#[test]
fn what_a_killed_run_left_goes_with_the_next_one() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let run = start(&host, LONG, &[]);
    host.wait_configured(6, seconds(30));
    run.signal(Signal::SIGKILL);
    run.finish(seconds(10));
    assert_ne!(host.snapshot(), before, "SIGKILL leaves names behind");
    assert_code(&start(&host, THREE_LINES, &[]).finish(seconds(60)), 0);
    assert_eq!(host.snapshot(), before);
}

#[test]
fn a_real_router_reboots_by_command_and_everybody_is_back() {
    let (host, _router) = Host::with_dnsmasq();
    let before = host.snapshot();
    let file = shipped("reboot.feature");
    // What a router that is switched off and on does to the wire.
    let reboot = "ip link set lan0 down; (sleep 2; ip link set lan0 up) >/dev/null 2>&1 &";
    let arguments = [
        "bdd",
        &file,
        "--parent",
        PARENT,
        "--tags",
        "@destructive",
        "--reboot",
        reboot,
    ];
    let outcome = host.lanherd(&arguments).finish(seconds(90));
    assert_code(&outcome, 0);
    assert!(
        outcome.stdout.contains("1 scenario (1 passed)"),
        "{}",
        outcome.stdout
    );
    assert_eq!(host.snapshot(), before);
    // One that stays up was not rebooted, and one whose command fails neither.
    let arguments = [
        "bdd",
        &file,
        "--parent",
        PARENT,
        "--tags",
        "@destructive",
        "--reboot",
        "echo no >&2; exit 3",
    ];
    let outcome = host.lanherd(&arguments).finish(seconds(90));
    assert_code(&outcome, 1);
    assert!(
        outcome.stdout.contains("failed with exit status: 3: no"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_router_that_is_not_where_it_is_said_to_be_is_missed_by_clients_that_are_added_too() {
    let (host, _router) = Host::with_dnsmasq();
    for create in [
        "Given I create 2 virtual clients using macvlan",
        "When I add 2 clients",
    ] {
        let text = format!(
            "Feature: f\n  Scenario: s\n    Given the router is reachable at \"10.66.0.99\"\n    {create}\n"
        );
        let outcome = start(&host, &text, &[]).finish(seconds(60));
        assert_code(&outcome, 1);
        let complaint = "2 of 2 clients cannot reach the router at 10.66.0.99";
        assert!(outcome.stdout.contains(complaint), "{}", outcome.stdout);
    }
    let text = "Feature: f\n  Scenario: s\n    Given I create 2 virtual clients using macvlan\n    \
                When clients 0 to 4294967295 leave\n";
    let outcome = start(&host, text, &[]).finish(seconds(60));
    assert_code(&outcome, 1);
    assert!(
        outcome.stdout.contains("there is no client 0"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_parent_that_is_not_there_is_the_environments_fault_and_nothing_runs() {
    let host = Host::new();
    let file = host.folder().join("test.feature");
    fs::write(&file, THREE_LINES).expect("a feature file");
    let outcome = host
        .lanherd(&["bdd", &file.to_string_lossy(), "--parent", "nope0"])
        .finish(seconds(20));
    assert_code(&outcome, 3);
    assert!(outcome.stderr.contains("nope0"), "{}", outcome.stderr);
}

#[test]
fn an_empty_selection_is_an_error_that_names_its_reasons() {
    let host = Host::new();
    let outcome = start(&host, THREE_LINES, &["--tags", "@nobody"]).finish(seconds(20));
    assert_code(&outcome, 2);
    assert!(
        outcome.stderr.contains("none is left to run"),
        "{}",
        outcome.stderr
    );
}

#[test]
fn a_starter_is_written_once_and_passes_on_the_lab() {
    let host = Host::new();
    let folder = host.folder().join("features");
    let folder = folder.to_string_lossy().into_owned();
    assert_code(
        &host
            .lanherd(&["bdd", "--init", &folder])
            .finish(seconds(20)),
        0,
    );
    assert_code(
        &host
            .lanherd(&["bdd", "--init", &folder])
            .finish(seconds(20)),
        2,
    );
    let before = host.snapshot();
    let page = host.folder().join("page.html");
    let page = page.to_string_lossy().into_owned();
    let outcome = host
        .lanherd(&[
            "bdd",
            &folder,
            "--lab",
            "--concurrency",
            "3",
            "--html",
            &page,
        ])
        .finish(seconds(60));
    assert_code(&outcome, 0);
    assert_eq!(host.snapshot(), before);
    let page = fs::read_to_string(page).expect("a page");
    assert!(
        page.contains("4 passed") && page.contains("Every device reaches the internet"),
        "{page}"
    );
}

#[test]
fn one_file_that_is_no_gherkin_keeps_no_other_from_running_and_the_exit_code_says_so() {
    let host = Host::new();
    let folder = host.folder().join("suite");
    fs::create_dir(&folder).expect("a folder");
    fs::write(folder.join("good.feature"), TWO).expect("written");
    fs::write(
        folder.join("bad.feature"),
        "Feature: f\n  Scenario: s\n    When 1s pass\n    Foo\n",
    )
    .expect("written");
    let folder = folder.to_string_lossy().into_owned();
    let file = |name: &str| host.folder().join(name).to_string_lossy().into_owned();
    let (xml, again) = (file("r.xml"), file("again.txt"));
    let arguments = [
        "bdd",
        &folder,
        "--lab",
        "--pool",
        "mine",
        "--label",
        "firmware=7.59",
        "--junit",
        &xml,
        "--rerun",
        &again,
    ];
    let outcome = host.lanherd(&arguments).finish(seconds(60));
    assert_code(&outcome, 2);
    assert!(
        outcome.stdout.contains("(2 passed, 1 failed)"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome
            .stderr
            .contains("bad.feature:4: \"Foo\": this is no step"),
        "{}",
        outcome.stderr
    );
    let xml = fs::read_to_string(xml).expect("results");
    for says in [
        "bad.feature:4",
        r#"<property name="firmware" value="7.59"/>"#,
        r#"<property name="pool" value="mine"/>"#,
    ] {
        assert!(xml.contains(says), "{says}: {xml}");
    }
    // Nothing runs with --check, and what is wrong is said all the same.
    let outcome = host
        .lanherd(&["bdd", &folder, "--check"])
        .finish(seconds(20));
    assert_code(&outcome, 2);
    assert!(
        outcome.stdout.contains("0 unknown steps, 1 error"),
        "{}",
        outcome.stdout
    );
    let outcome = host
        .lanherd(&["bdd", &format!("{folder}/good.feature:6"), "--lab"])
        .finish(seconds(60));
    assert_code(&outcome, 0);
    assert!(
        outcome.stdout.contains("1 scenario (1 passed)"),
        "{}",
        outcome.stdout
    );
    let again = fs::read_to_string(again).expect("a list");
    assert!(again.ends_with("bad.feature\n"), "{again}");
}

#[test]
fn metrics_of_all_scenarios_are_served_while_they_run() {
    let host = Host::new();
    let (_router, token) = (
        Router::dnsmasq(&host, "10.66.1.0,10.66.1.250", "1h", &[]),
        host.folder().join("token"),
    );
    fs::write(&token, "0123456789abcdef0123456789abcdef").expect("written");
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(&token, permissions).expect("ours");
    let token = token.to_string_lossy().into_owned();
    let more = [
        "--metrics",
        "127.0.0.1:9321",
        "--metrics-token-file",
        &token,
        "--label",
        "firmware=7",
    ];
    let run = start(&host, LONG, &more);
    host.wait_configured(6, seconds(30));
    let url = "http://127.0.0.1:9321/metrics";
    let bearer = "Authorization: Bearer 0123456789abcdef0123456789abcdef";
    let metrics = host.must(&["curl", "-sSf", "-H", bearer, url]);
    assert!(
        metrics.contains("firmware=\"7\"") && metrics.contains("lanherd_"),
        "{metrics}"
    );
    let refused = host.run(&["curl", "-sSf", url]);
    assert_ne!(refused.code, Some(0), "{}", refused.stdout);
    run.signal(Signal::SIGINT);
    assert_code(&run.finish(seconds(30)), 130);
}

#[test]
fn a_scenario_that_is_tried_again_counts_once_and_github_is_told_where_it_failed() {
    let host = Host::new();
    let file = host.folder().join("again.feature");
    let text = "Feature: f\n  @retry(2)\n  Scenario: never well\n    Then all clients should respond successfully\n  \
                Scenario: well\n    When 1ms pass\n";
    fs::write(&file, text).expect("written");
    let (file, summary) = (file.to_string_lossy(), host.folder().join("summary.md"));
    let told = format!("GITHUB_STEP_SUMMARY={}", summary.display());
    let program = env!("CARGO_BIN_EXE_lanherd");
    let command = [
        "env",
        "GITHUB_ACTIONS=true",
        &told,
        program,
        "bdd",
        &file,
        "--lab",
    ];
    let outcome = host.start("bdd", &command).finish(seconds(60));
    assert_code(&outcome, 1);
    assert!(
        outcome.stdout.contains("tried 3 times) [1/2]"),
        "{}",
        outcome.stdout
    );
    assert!(
        outcome.stdout.contains("[2/2]") && !outcome.stdout.contains("[3/2]"),
        "{}",
        outcome.stdout
    );
    let annotation = format!("::error file={file},line=4,title=failed%3A never well::");
    assert_eq!(
        outcome.stdout.matches(&annotation).count(),
        1,
        "{}",
        outcome.stdout
    );
    let warning = "the scenario \"well\" has no Then";
    assert!(outcome.stderr.contains(warning), "{}", outcome.stderr);
    let summary = fs::read_to_string(summary).expect("a summary");
    assert!(summary.contains("| failed | never well |"), "{summary}");
}
