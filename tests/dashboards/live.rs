//! The real thing: two real runs with faults, a real Prometheus that scrapes them, and every question asked of it.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lanherd_testkit::folder::TestFolder;
use nix::sys::signal::Signal;
use regex::Regex;
use serde_json::{Value, json};

use super::file;
use super::programs::{Program, Prometheus, free_ports};
use super::shown::{DASHBOARDS, Query, filled, queries, read};

/// How often Prometheus scrapes and looks at rules.
const SCRAPE: &str = "1s";
/// Before this the runs have hardly begun.
const FIRST_LOOK: Duration = Duration::from_secs(30);
/// After this, what shows nothing will not.
const PATIENCE: Duration = Duration::from_secs(85);

/// What makes every family move before the first look: failures, restarts, an outage and recoveries among them.
const CHAOS: &str = "every 3s: crash, kill-sockets, delete-link; at 5s, lasts 2s: router-reboot; at 9s, lasts 4s: dhcp-nak; \
                     at 14s, lasts 3s: dns-mute; at 18s, lasts 3s: dns-servfail; at 18s, lasts 3s: http-unavailable; \
                     at 22s, lasts 4s: ping-loss, ping-duplicates; at 27s, lasts 6s: dhcp-malformed-option; \
                     at 34s, lasts 6s: dhcp-own-address; at 36s, lasts 6s: ra-garbage; at 43s, lasts 6s: ra-flood";

/// A run of the binary in a lab of its own.
fn run(folder: &TestFolder, pool: &str, firmware: &str, metrics: SocketAddr) -> Program {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lanherd"));
    command
        .args(["up", "--lab", "--lab-lease", "10s", "--clients", "10"])
        // Both families, so that the row of IPv6 has data.
        .args(["--family", "dual"])
        .args(["--mode", "private", "--for", "110s", "--intensity", "1000"])
        // So that not all have joined before the first scrape.
        .args(["--join-rate", "2/s"])
        .args(["--ping", "router", "--ping", "Google DNS"])
        .args(["--resolve", "router.lab.test"])
        .args(["--fetch", "http://www.lab.test/", "--run-command", "true"])
        .args(["--chaos", CHAOS, "--pool", pool])
        .args(["--label", &format!("firmware={firmware}")])
        .args(["--metrics", &metrics.to_string()]);
    Program::start(&mut command, folder.path().join(format!("{pool}.log")))
}

fn seconds_since_epoch(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).expect("after 1970");
    format!("{:.3}", since.as_secs_f64())
}

/// Whether an answer has a value that is a number.
pub fn has_data(answer: &Value) -> bool {
    let is_number = |sample: &Value| {
        sample[1]
            .as_str()
            .and_then(|value| value.parse::<f64>().ok())
            .is_some_and(|value| !value.is_nan())
    };
    answer["result"].as_array().is_some_and(|all| {
        all.iter().any(|series| {
            is_number(&series["value"])
                || series["values"]
                    .as_array()
                    .is_some_and(|values| values.iter().any(is_number))
        })
    })
}

/// Those that do not show anything.
fn without_data(prometheus: &Prometheus, asked: Vec<Query>, began: SystemTime) -> Vec<Query> {
    let now = SystemTime::now();
    let (start, end) = (seconds_since_epoch(began), seconds_since_epoch(now));
    asked
        .into_iter()
        .filter(|Query { expr, instant, .. }| {
            let answer = if *instant {
                prometheus.ask("/api/v1/query", &[("query", expr), ("time", &end)])
            } else {
                let span = [
                    ("query", expr.as_str()),
                    ("start", &start),
                    ("end", &end),
                    ("step", SCRAPE),
                ];
                prometheus.ask("/api/v1/query_range", &span)
            };
            !has_data(&answer)
        })
        .collect()
}

/// The names of the families that a file of rules asks for, and of what it records.
fn families_in_rules() -> (BTreeSet<String>, BTreeSet<String>) {
    let families = Regex::new(r"(?m)(?:^|[^:\w])((?:lanherd|process)_\w+)").unwrap();
    let records = Regex::new(r"(?m)- record: (\S+)$").unwrap();
    let text: String = ["lanherd.rules.yml", "lanherd.alerts.yml"]
        .iter()
        .map(|name| fs::read_to_string(file(name)).expect("rules"))
        .collect();
    let names = |regex: &Regex| {
        regex
            .captures_iter(&text)
            .map(|found| found[1].to_owned())
            .collect()
    };
    (names(&families), names(&records))
}

#[test]
fn every_panel_annotation_and_rule_has_data_of_a_real_run_with_faults() {
    let folder = TestFolder::new("dashboards");
    let [first, second, own] = free_ports();
    let pools = ["a", "b"].map(|word| format!("d{}{word}", std::process::id()));
    let rules = ["lanherd.rules.yml", "lanherd.alerts.yml"].map(file);
    let config = json!({
        "global": {"scrape_interval": SCRAPE, "scrape_timeout": SCRAPE, "evaluation_interval": SCRAPE},
        "rule_files": rules,
        "scrape_configs": [{
            "job_name": "lanherd",
            "static_configs": [{"targets": [first.to_string(), second.to_string()]}],
        }],
    });
    let mut prometheus = Prometheus::start(folder.path(), &config, own);
    // It scrapes some seconds after it is ready. What happened before would be no rate of anything.
    let until = Instant::now() + FIRST_LOOK;
    while !has_data(&prometheus.ask("/api/v1/query", &[("query", "count(up) == 2")])) {
        assert!(Instant::now() < until, "{}", prometheus.program.said());
        std::thread::sleep(Duration::from_millis(100));
    }
    let (began, start) = (SystemTime::now(), Instant::now());
    let mut runs = [
        run(&folder, &pools[0], "1.0", first),
        run(&folder, &pools[1], "2.0", second),
    ];

    // As Grafana fills them in, for a minute on the screen at a scrape each second.
    let values = [
        ("__rate_interval", "4s"),
        ("__interval_ms", "1000"),
        ("__interval", "1s"),
        ("__range", "2m"),
        ("job", "lanherd"),
        ("instance", ".+"),
        ("by", "firmware"),
        ("baseline", "1.0"),
        ("candidate", "2.0"),
        ("shift", "1s"),
    ];
    let mut asked: Vec<_> = DASHBOARDS
        .iter()
        .flat_map(|name| queries(&read(name)))
        .collect();
    let (families, records) = families_in_rules();
    assert!(asked.len() > 60 && families.len() > 10 && records.len() > 5);
    for query in &mut asked {
        query.expr = filled(&query.expr, &values);
    }
    asked.extend(families.iter().chain(&records).map(|name| Query {
        of: format!("rules: {name}"),
        expr: name.clone(),
        instant: false,
    }));

    std::thread::sleep(FIRST_LOOK.saturating_sub(start.elapsed()));
    loop {
        for run in &mut runs {
            run.assert_runs();
        }
        prometheus.program.assert_runs();
        asked = without_data(&prometheus, asked, began);
        if asked.is_empty() {
            break;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "{}\nwithout data: {asked:#?}",
            runs[0].said()
        );
        std::thread::sleep(Duration::from_secs(2));
    }
    // An unknown family is answered, too: with success, and nothing.
    let nothing = prometheus.ask("/api/v1/query", &[("query", "lanherd_no_such_family")]);
    assert!(!has_data(&nothing), "{nothing}");
    let rules = prometheus.ask("/api/v1/rules", &[]);
    for group in rules["groups"].as_array().expect("groups of rules") {
        for rule in group["rules"].as_array().expect("rules") {
            assert_eq!(rule["health"], "ok", "{rule:#}");
        }
    }

    for run in &mut runs {
        // Clients that are down at the very moment make 1 of it.
        let code = run.end(Signal::SIGINT).code();
        assert!(
            matches!(code, Some(0 | 1 | 130)),
            "{code:?}\n{}",
            run.said()
        );
    }
    prometheus.program.end(Signal::SIGTERM);
}
