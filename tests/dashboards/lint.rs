//! The rules of Grafana's dashboard-linter, by its names for them, and some of the house.

use regex::Regex;
use serde_json::Value;

use super::shown::{DASHBOARDS, list, panels, read, text};

/// A rule: its name, and what it finds wrong in a dashboard.
type Rule = (&'static str, fn(&Value) -> Vec<String>);

const RULES: &[Rule] = &[
    ("template-datasource-rule", template_datasource),
    ("template-job-rule", |d| template(d, "job", "Job")),
    ("template-instance-rule", |d| {
        template(d, "instance", "Instance")
    }),
    ("template-label-promql-rule", template_label_promql),
    (
        "template-on-time-change-reload-rule",
        template_on_time_change_reload,
    ),
    ("panel-datasource-rule", panel_datasource),
    ("panel-title-description-rule", panel_title_description),
    ("panel-units-rule", panel_units),
    ("panel-no-targets-rule", panel_no_targets),
    ("target-rate-interval-rule", target_rate_interval),
    ("target-job-rule", |d| target_matcher(d, r#"job=~"$job""#)),
    ("target-instance-rule", |d| {
        target_matcher(d, r#"instance=~"$instance""#)
    }),
    ("target-counter-agg-rule", target_counter_agg),
    ("uneditable-dashboard", uneditable),
    ("no fixed identity", no_fixed_identity),
    ("verdicts have thresholds", verdicts_have_thresholds),
    ("panels have numbers and places", numbers_and_places),
];

const SOURCE: &str = "${datasource}";

/// The units in use; Grafana's linter has the list of all.
const UNITS: [&str; 9] = [
    "none",
    "string",
    "short",
    "percentunit",
    "s",
    "ops",
    "reqps",
    "pps",
    "bytes",
];

fn variables(dashboard: &Value) -> &[Value] {
    list(dashboard, "/templating/list")
}

/// What is wrong with each panel.
fn each_panel(dashboard: &Value, wrong: impl Fn(&Value) -> bool) -> Vec<String> {
    panels(dashboard)
        .filter(|panel| wrong(panel))
        .map(|panel| text(panel, "/title").to_owned())
        .collect()
}

/// What is wrong with the expression of each target of a panel; annotations are asked in the same way.
fn each_expression(dashboard: &Value, wrong: impl Fn(&str) -> bool) -> Vec<String> {
    super::shown::queries(dashboard)
        .into_iter()
        .filter(|query| wrong(&query.expr))
        .map(|query| format!("{}: {}", query.of, query.expr))
        .collect()
}

/// `complaint`, unless all is well.
fn unless(well: bool, complaint: &str) -> Vec<String> {
    if well {
        Vec::new()
    } else {
        vec![complaint.to_owned()]
    }
}

fn template_datasource(dashboard: &Value) -> Vec<String> {
    let sources: Vec<_> = variables(dashboard)
        .iter()
        .filter(|variable| variable["type"] == "datasource")
        .collect();
    let well = matches!(sources[..], [source] if source["name"] == "datasource"
        && source["label"] == "Data source" && source["query"] == "prometheus");
    unless(well, "one variable `datasource`, labelled `Data source`")
}

fn template(dashboard: &Value, name: &str, label: &str) -> Vec<String> {
    let well = variables(dashboard).iter().any(|variable| {
        variable["name"] == name
            && variable["label"] == label
            && variable["type"] == "query"
            && text(variable, "/datasource/uid") == SOURCE
            && variable["multi"] == true
            && variable["allValue"] == ".+"
    });
    unless(well, name)
}

fn template_label_promql(dashboard: &Value) -> Vec<String> {
    let values =
        Regex::new(r"^label_(values|names)\([a-z_]+(\{[^}]*\})?(, \$?[a-z]+)?\)$").unwrap();
    variables(dashboard)
        .iter()
        .filter(|variable| variable["type"] == "query")
        .filter(|variable| !values.is_match(text(variable, "/query/query")))
        .map(|variable| text(variable, "/name").to_owned())
        .collect()
}

fn template_on_time_change_reload(dashboard: &Value) -> Vec<String> {
    variables(dashboard)
        .iter()
        .filter(|variable| variable["type"] == "query" && variable["refresh"] != 2)
        .map(|variable| text(variable, "/name").to_owned())
        .collect()
}

fn panel_datasource(dashboard: &Value) -> Vec<String> {
    each_panel(dashboard, |panel| {
        text(panel, "/datasource/uid") != SOURCE
            || list(panel, "/targets")
                .iter()
                .any(|target| text(target, "/datasource/uid") != SOURCE)
    })
}

fn panel_title_description(dashboard: &Value) -> Vec<String> {
    each_panel(dashboard, |panel| {
        text(panel, "/title").is_empty() || text(panel, "/description").is_empty()
    })
}

fn panel_units(dashboard: &Value) -> Vec<String> {
    each_panel(dashboard, |panel| {
        !UNITS.contains(&text(panel, "/fieldConfig/defaults/unit"))
    })
}

fn panel_no_targets(dashboard: &Value) -> Vec<String> {
    each_panel(dashboard, |panel| {
        list(panel, "/targets").is_empty()
            || list(panel, "/targets")
                .iter()
                .any(|target| text(target, "/expr").is_empty())
    })
}

fn target_rate_interval(dashboard: &Value) -> Vec<String> {
    let ranged = Regex::new(r"\bi?rate\([^\[]*\[([^\]]*)\]").unwrap();
    each_expression(dashboard, |expr| {
        ranged
            .captures_iter(expr)
            .any(|found| &found[1] != "$__rate_interval")
    })
}

/// Every selector, of every family, has the matcher.
fn target_matcher(dashboard: &Value, matcher: &str) -> Vec<String> {
    let selector = Regex::new(r"\b(?:lanherd|process)_\w+(\{[^}]*\})?").unwrap();
    each_expression(dashboard, |expr| {
        let mut selectors = selector.captures_iter(expr).peekable();
        selectors.peek().is_none()
            || selectors.any(|found| {
                found
                    .get(1)
                    .is_none_or(|braces| !braces.as_str().contains(matcher))
            })
    })
}

fn target_counter_agg(dashboard: &Value) -> Vec<String> {
    let counter = Regex::new(r"\w+_total\{[^}]*\}").unwrap();
    each_expression(dashboard, |expr| {
        counter.find_iter(expr).any(|found| {
            let before = &expr[..found.start()];
            let is_asked = ["rate(", "irate(", "increase("]
                .iter()
                .any(|function| before.ends_with(function));
            !is_asked || !expr[found.end()..].starts_with('[')
        })
    })
}

fn uneditable(dashboard: &Value) -> Vec<String> {
    unless(dashboard["editable"] == false, "editable")
}

/// It can be imported anywhere, beside what is there: Grafana gives it an identity of its own.
fn no_fixed_identity(dashboard: &Value) -> Vec<String> {
    let mut fixed = unless(
        dashboard.get("uid").is_none() && dashboard["id"].is_null(),
        "the dashboard's own",
    );
    for annotation in list(dashboard, "/annotations/list") {
        if text(annotation, "/datasource/uid") != SOURCE {
            fixed.push(text(annotation, "/name").to_owned());
        }
    }
    fixed
}

/// A single figure that is good or bad says which, by its colour.
fn verdicts_have_thresholds(dashboard: &Value) -> Vec<String> {
    const VERDICTS: [&str; 17] = [
        "Availability",
        "Clients online",
        "Clients given up",
        "Failures",
        "Outages",
        "Pings lost",
        "Pings lost by target",
        "Lookups failed",
        "Fetches failed",
        "Exit code not 0",
        "Leases lost",
        "Malformed",
        "Malformed messages",
        "Tester saturated",
        "Restarts",
        "Budget used",
        "Left behind",
    ];
    let mut wrong = each_panel(dashboard, |panel| {
        panel["type"] == "stat"
            && VERDICTS.contains(&text(panel, "/title"))
            && list(panel, "/fieldConfig/defaults/thresholds/steps").len() < 2
    });
    wrong.extend(unless(
        panels(dashboard).any(|panel| VERDICTS.contains(&text(panel, "/title"))),
        "there is no verdict",
    ));
    wrong
}

fn numbers_and_places(dashboard: &Value) -> Vec<String> {
    let all = list(dashboard, "/panels");
    let place = |panel: &Value| {
        ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap_or(999))
    };
    let mut wrong = Vec::new();
    for (i, panel) in all.iter().enumerate() {
        let [x, y, w, h] = place(panel);
        let meets_another = all[i + 1..].iter().any(|other| {
            let [ox, oy, ow, oh] = place(other);
            panel["id"] == other["id"] || (x < ox + ow && ox < x + w && y < oy + oh && oy < y + h)
        });
        if x + w > 24 || panel["id"].is_null() || meets_another {
            wrong.push(text(panel, "/title").to_owned());
        }
    }
    wrong
}

#[test]
fn the_dashboards_keep_the_rules_of_grafanas_linter() {
    for name in DASHBOARDS {
        let dashboard = read(name);
        for (rule, wrong) in RULES {
            let wrong = wrong(&dashboard);
            assert!(wrong.is_empty(), "{name}: {rule}: {wrong:#?}");
        }
    }
}

/// A way to break each rule: where, and with what.
const BREAKS: &[(&str, &str, &str)] = &[
    (
        "template-datasource-rule",
        "/templating/list/0/name",
        "\"ds\"",
    ),
    ("template-job-rule", "/templating/list/1/allValue", "\".*\""),
    (
        "template-instance-rule",
        "/templating/list/2/multi",
        "false",
    ),
    (
        "template-label-promql-rule",
        "/templating/list/1/query/query",
        "\"label_values(up\"",
    ),
    (
        "template-on-time-change-reload-rule",
        "/templating/list/1/refresh",
        "1",
    ),
    (
        "panel-datasource-rule",
        "/panels/1/datasource/uid",
        "\"P1809\"",
    ),
    (
        "panel-title-description-rule",
        "/panels/1/description",
        "\"\"",
    ),
    (
        "panel-units-rule",
        "/panels/1/fieldConfig/defaults/unit",
        "\"furlong\"",
    ),
    ("panel-no-targets-rule", "/panels/1/targets", "[]"),
    (
        "target-rate-interval-rule",
        "/panels/1/targets/0/expr",
        "\"rate(lanherd_outages_total{}[5m])\"",
    ),
    (
        "target-job-rule",
        "/panels/1/targets/0/expr",
        "\"lanherd_clients{instance=~\\\"$instance\\\"}\"",
    ),
    (
        "target-instance-rule",
        "/panels/1/targets/0/expr",
        "\"lanherd_clients{job=~\\\"$job\\\"}\"",
    ),
    (
        "target-instance-rule",
        "/panels/1/targets/0/expr",
        "\"lanherd_clients\"",
    ),
    (
        "target-counter-agg-rule",
        "/panels/1/targets/0/expr",
        "\"sum(lanherd_outages_total{})\"",
    ),
    ("uneditable-dashboard", "/editable", "true"),
    ("no fixed identity", "/id", "7"),
    (
        "no fixed identity",
        "/annotations/list/0/datasource/uid",
        "\"P1809\"",
    ),
    (
        "verdicts have thresholds",
        "/panels/1/fieldConfig/defaults/thresholds/steps",
        "[]",
    ),
    ("panels have numbers and places", "/panels/2/gridPos/x", "0"),
    ("panels have numbers and places", "/panels/2/id", "2"),
];

#[test]
fn each_rule_finds_what_breaks_it() {
    let whole = read(DASHBOARDS[0]);
    for (rule, place, value) in BREAKS {
        let mut broken = whole.clone();
        *broken
            .pointer_mut(place)
            .unwrap_or_else(|| panic!("{place} is there")) = serde_json::from_str(value).unwrap();
        let (_, wrong) = RULES
            .iter()
            .find(|(name, _)| name == rule)
            .unwrap_or_else(|| panic!("{rule} is a rule"));
        assert!(
            !wrong(&broken).is_empty(),
            "{rule} does not see {place} = {value}"
        );
    }
    for (rule, _) in RULES {
        assert!(
            BREAKS.iter().any(|(name, ..)| name == rule),
            "{rule} is never broken"
        );
    }
}
