//! What Prometheus' own tool says of the rules, and of the dashboards' expressions.

use std::fs;
use std::process::Command;

use serde_json::json;

use super::shown::{DASHBOARDS, EXAMPLE, filled, queries, read};
use super::{file, succeeds};
use lanherd_testkit::folder::TestFolder;

#[test]
fn the_rules_are_rules() {
    succeeds(
        Command::new("promtool")
            .args(["check", "rules"])
            .args(["lanherd.rules.yml", "lanherd.alerts.yml"].map(file)),
    );
}

#[test]
fn the_configuration_of_prometheus_is_one() {
    succeeds(
        Command::new("promtool")
            .args(["check", "config"])
            .arg(file("prometheus.yml")),
    );
}

#[test]
fn the_rules_record_and_raise_what_they_should() {
    succeeds(
        Command::new("promtool")
            .args(["test", "rules"])
            .arg(file("lanherd.rules.test.yml")),
    );
}

/// The linter's target-promql-rule.
#[test]
fn every_expression_of_a_dashboard_is_promql() {
    let folder = TestFolder::new("dashboards");
    for name in DASHBOARDS {
        let rules: Vec<_> = queries(&read(name))
            .iter()
            .enumerate()
            // Each with a label of its own: two panels may ask the same.
            .map(|(i, query)| {
                let expr = filled(&query.expr, EXAMPLE);
                assert!(
                    !expr.contains('$'),
                    "{}: a variable that is not known: {expr}",
                    query.of
                );
                json!({"record": "asked", "expr": expr, "labels": {"n": i.to_string()}})
            })
            .collect();
        assert!(!rules.is_empty());
        let path = folder.path().join(name);
        // JSON is YAML.
        let text = json!({"groups": [{"name": name, "rules": rules}]}).to_string();
        fs::write(&path, text).expect("written");
        succeeds(Command::new("promtool").args(["check", "rules"]).arg(&path));
    }
}

/// Two runs, one after the other at one address, are the hardest case: they share all series.
#[test]
fn a_run_is_compared_by_what_happened_in_it_alone() {
    let folder = TestFolder::new("dashboards");
    let values = [
        ("__rate_interval", "4m"),
        ("__interval_ms", "60000"),
        ("__interval", "1m"),
        ("__range", "1h"),
        ("job", ".+"),
        ("instance", ".+"),
        ("by", "pool"),
        ("baseline", "first"),
        ("candidate", "second"),
        ("shift", "1h"),
    ];
    let compare = read("lanherd-compare.json");
    let figure = |run: &str| {
        let of = format!("{}: Failures {run}", compare["title"].as_str().unwrap());
        let query = queries(&compare)
            .into_iter()
            .find(|query| query.of == of && query.instant)
            .unwrap_or_else(|| panic!("{of} is asked"));
        let happened = if run == "baseline" { 120 } else { 600 };
        // At its edges a run is blurred by the span of a rate: here 4 minutes of 60, of which half is lost.
        let expr = filled(&query.expr, &values);
        let expr = format!("round({expr} / {happened}, 0.1)");
        json!({"expr": expr, "eval_time": "2h", "exp_samples": [{"labels": "{}", "value": 1}]})
    };
    let tests = json!({"tests": [{
        "interval": "1m",
        "input_series": [
            {
                "series": r#"lanherd_client_failures_total{job="l", instance="a", stage="dhcp", cause="nak"}"#,
                // 2 a minute for an hour; 10 a minute for another, from 0 again.
                "values": "0+2x60 0+10x60",
            },
            {
                "series": r#"lanherd_run_info{job="l", instance="a", pool="first", seed="7"}"#,
                "values": "1x60 stale",
            },
            {
                "series": r#"lanherd_run_info{job="l", instance="a", pool="second", seed="7"}"#,
                "values": "_x60 1x60",
            },
        ],
        "promql_expr_test": [figure("baseline"), figure("candidate")],
    }]});
    let path = folder.path().join("compare.json");
    fs::write(&path, tests.to_string()).expect("written");
    succeeds(Command::new("promtool").args(["test", "rules"]).arg(&path));
}
