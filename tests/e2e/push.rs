//! What a run pushes, and tells of, by itself: to a real Pushgateway, and to a server and a program of the test's.

use std::fs;
use std::path::PathBuf;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::common::host::Host;
use super::common::process::Running;
use super::common::{seconds, wait_for};

/// A server that writes each body that is posted to it into a line of a file, as JSON beside its path, and takes it.
const TAKER: &str = r#"
import json, sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Taker(BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with open(sys.argv[1], "a") as taken:
            taken.write(json.dumps({"path": self.path, "type": self.headers["content-type"], "body": body}) + "\n")
        self.send_response(200)
        self.end_headers()
HTTPServer(("127.0.0.1", 4318), Taker).serve_forever()
"#;

/// A machine on which such a server runs, and where what it takes is.
fn with_taker() -> (Host, Running, PathBuf) {
    let host = Host::new();
    let taken = host.folder().join("taken.jsonl");
    let server = host.start("taker", &["python3", "-c", TAKER, &taken.to_string_lossy()]);
    listens(&host, 4318);
    (host, server, taken)
}

fn listens(host: &Host, port: u16) {
    let look = format!("sport = :{port}");
    wait_for("a server listens", seconds(20), || {
        let found = host.must(&["ss", "-Hltn", &look]);
        (!found.is_empty()).then_some(())
    });
}

fn lines(file: &std::path::Path) -> Vec<Value> {
    let text = fs::read_to_string(file).unwrap_or_default();
    let read = |line| serde_json::from_str(line).expect("json");
    text.lines().map(read).collect()
}

/// No process stays that was there for the run.
fn no_sender_is_left(host: &Host) {
    wait_for("the sender ends", seconds(40), || {
        (host.run(&["pgrep", "-f", "push-sender"]).code == Some(1)).then_some(())
    });
}

#[test]
fn a_run_of_seconds_in_its_sandbox_leaves_its_figures_at_a_pushgateway() {
    let host = Host::new();
    let gateway = "prometheus-pushgateway";
    let _gateway = host.start(gateway, &[gateway, "--web.listen-address=127.0.0.1:9091"]);
    listens(&host, 9091);
    let run = host.lanherd(&[
        "up",
        "--lab",
        "--clients",
        "3",
        "--pool",
        "home",
        "--for",
        "1s",
        "--push-gateway",
        "http://127.0.0.1:9091",
    ]);
    let outcome = run.finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let kept = host.must(&["curl", "-sS", "http://127.0.0.1:9091/metrics"]);
    // The last push is that of a herd that has left.
    let gone = r#"lanherd_client_transitions_total{from="leaving",instance="",job="lanherd",pool="home",to="gone"} 3"#;
    assert!(kept.contains(gone), "{kept}");
    assert!(kept.contains(r#"push_failure_time_seconds{instance="",job="lanherd",pool="home"} 0"#));
    no_sender_is_left(&host);
}

#[test]
fn metrics_are_posted_by_otlp_at_intervals_and_at_the_end() {
    let (host, _server, taken) = with_taker();
    let run = host.lanherd(&[
        "up",
        "--lab",
        "--clients",
        "2",
        "--for",
        "3s",
        "--push-otlp",
        "http://127.0.0.1:4318",
        "--push-every",
        "1s",
    ]);
    let outcome = run.finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    let pushes = lines(&taken);
    assert!(pushes.len() >= 3, "{} pushes", pushes.len());
    let last = pushes.last().expect("a push");
    assert_eq!(last["path"], "/v1/metrics");
    assert_eq!(last["type"], "application/json");
    let metrics = &last["body"]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"];
    let join = metrics
        .as_array()
        .expect("metrics")
        .iter()
        .find(|metric| metric["name"] == "lanherd_client_join_duration_seconds")
        .expect("the times to join");
    assert_eq!(join["unit"], "s");
    assert_eq!(join["histogram"]["dataPoints"][0]["count"], "2");
}

#[test]
fn failures_are_told_once_each_and_how_the_run_ended_last() {
    let (host, _server, taken) = with_taker();
    let told = host.folder().join("told.jsonl");
    let command = format!("cat >> {}", told.display());
    let run = host.lanherd(&[
        "up",
        "--lab",
        "--lab-fault",
        "dhcp_mute",
        "--clients",
        "8",
        "--lease-timeout",
        "2s",
        "--for",
        "1s",
        "--on-failure",
        &command,
        "--on-failure",
        "http://127.0.0.1:4318/alert",
    ]);
    let outcome = run.finish(seconds(60));
    // On a machine that is too busy for a verdict it is inconclusive.
    let is_told_of = matches!(outcome.code, Some(1 | 125));
    assert!(is_told_of, "{:?}: {}", outcome.code, outcome.stderr);
    let told = lines(&told);
    let of = |event: &str| -> Vec<&Value> {
        told.iter().filter(|told| told["event"] == event).collect()
    };
    let failed = of("failed");
    assert_eq!(
        failed.len(),
        1,
        "eight clients failed for one cause: {told:?}"
    );
    assert_eq!(failed[0]["cause"], "no_offer");
    assert_eq!(failed[0]["pool"], "ns");
    assert_eq!(of("outage_began").len(), 1, "{told:?}");
    let last = told.last().expect("something was told");
    assert_eq!(last["event"], "ended");
    assert_eq!(last["exit_code"].as_i64(), outcome.code.map(i64::from));
    assert!(
        last["reasons"].to_string().contains("0 of 8 clients"),
        "{last}"
    );
    let posted: Vec<_> = lines(&taken)
        .into_iter()
        .map(|taken| taken["body"].clone())
        .collect();
    assert_eq!(posted, told, "both are told the same");
}

#[test]
fn feature_files_push_as_well_and_tell_which_scenarios_did_not_pass() {
    let (host, _server, taken) = with_taker();
    let feature = host.folder().join("two.feature");
    let steps = "    Given I create 2 virtual clients using macvlan\n";
    let text = format!(
        "Feature: Two\n  Scenario: Well\n{steps}  Scenario: Ill\n{steps}    When all clients attempt to ping \"10.77.9.9\"\n    \
         Then all clients should respond successfully\n"
    );
    fs::write(&feature, text).expect("the folder is ours");
    let url = "http://127.0.0.1:4318";
    let path = feature.to_string_lossy();
    let run = host.lanherd(&[
        "bdd",
        &path,
        "--lab",
        "--push-otlp",
        url,
        "--on-failure",
        &format!("{url}/alert"),
    ]);
    let outcome = run.finish(seconds(90));
    assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
    let taken = lines(&taken);
    assert!(taken.iter().any(|taken| taken["path"] == "/v1/metrics"));
    let last = taken.iter().rfind(|taken| taken["path"] == "/alert");
    let ended = &last.expect("the end is told of")["body"];
    assert_eq!(
        (&ended["event"], &ended["exit_code"]),
        (&"ended".into(), &1.into())
    );
    let reasons = ended["reasons"].as_array().expect("reasons");
    assert_eq!(reasons.len(), 1, "{ended}");
    assert!(
        reasons[0].to_string().contains("two.feature:4  Ill"),
        "{ended}"
    );
}

#[test]
fn nobody_who_listens_and_a_command_that_hangs_cost_a_line_and_no_verdict() {
    let host = Host::new();
    let run = host.lanherd(&[
        "up",
        "--lab",
        "--clients",
        "2",
        "--for",
        "1s",
        "--push-gateway",
        "http://127.0.0.1:9",
        "--push-otlp",
        "http://127.0.0.1:9",
    ]);
    let outcome = run.finish(seconds(60));
    assert_eq!(outcome.code, Some(0), "{}", outcome.stderr);
    for url in [
        "http://127.0.0.1:9/metrics/job/lanherd/pool/ns",
        "http://127.0.0.1:9/v1/metrics",
    ] {
        let says = format!("error: the last metrics are not at {url}");
        assert!(outcome.stderr.contains(&says), "{}", outcome.stderr);
    }
    let run = host.lanherd(&[
        "up",
        "--lab",
        "--clients",
        "2",
        "--on-failure",
        "sleep 86423; true",
    ]);
    run.wait_online(2, seconds(30));
    run.signal(Signal::SIGINT);
    let outcome = run.finish(seconds(60));
    assert_eq!(outcome.code, Some(130), "{}", outcome.stderr);
    let says = r#"error: "sleep 86423; true" was not told of a failure: it took longer than 10s, and was ended"#;
    assert!(outcome.stderr.contains(says), "{}", outcome.stderr);
    assert_eq!(host.run(&["pgrep", "-f", "sleep 86423"]).code, Some(1));
    no_sender_is_left(&host);
}

#[test]
fn the_sender_of_a_killed_run_tells_the_failure_that_it_was_told_last_and_ends() {
    let (host, _server, taken) = with_taker();
    let url = "http://127.0.0.1:4318";
    // The first failure holds the sender up until the run is dead; the second waits behind it.
    let slow = format!(
        "cat > /dev/null; touch {0}/told; sleep 6",
        host.folder().display()
    );
    let run = host.lanherd(&[
        "up",
        "--lab",
        "--lab-fault",
        "dhcp_mute",
        "--clients",
        "8",
        "--lease-timeout",
        "2s",
        "--on-failure",
        &slow,
        "--on-failure",
        url,
    ]);
    wait_for("a failure is told", seconds(60), || {
        host.folder().join("told").exists().then_some(())
    });
    run.signal(Signal::SIGKILL);
    run.finish(seconds(10));
    assert!(
        lines(&taken).is_empty(),
        "the sender is still at the command"
    );
    no_sender_is_left(&host);
    let told = lines(&taken);
    assert_eq!(told[0]["body"]["event"], "failed", "{told:?}");
    assert!(told.iter().all(|told| told["body"]["event"] != "ended"));
}
