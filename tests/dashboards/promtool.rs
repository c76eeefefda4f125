//! What Prometheus' own tool says of the rules, and of the dashboards' expressions.

use std::fs;
use std::process::Command;

use serde_json::json;

use super::house::Folder;
use super::shown::{DASHBOARDS, EXAMPLE, filled, queries, read};
use super::{file, succeeds};

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
    let folder = Folder::new();
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
