//! What a dashboard asks: its panels and annotations, with their variables filled in.

use std::fs;

use serde_json::Value;

/// The dashboards that are shipped.
pub const DASHBOARDS: [&str; 2] = ["lanherd-soak.json", "lanherd-compare.json"];

/// Reads a dashboard.
pub fn read(name: &str) -> Value {
    let text = fs::read_to_string(super::file(name)).expect("a dashboard");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The elements of a list; none where there is none.
pub fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The text at a place; empty where there is none.
pub fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The panels that show something: all but the rows' titles.
pub fn panels(dashboard: &Value) -> impl Iterator<Item = &Value> {
    list(dashboard, "/panels")
        .iter()
        .filter(|panel| text(panel, "/type") != "row")
}

/// One question to Prometheus.
#[derive(Debug, Clone)]
pub struct Query {
    /// Which panel, or annotation, it is of.
    pub of: String,
    /// With the variables in it.
    pub expr: String,
    /// Whether it is asked of one moment only.
    pub instant: bool,
}

/// All that a dashboard asks.
pub fn queries(dashboard: &Value) -> Vec<Query> {
    let title = text(dashboard, "/title");
    let of_panels = panels(dashboard).flat_map(|panel| {
        list(panel, "/targets").iter().map(move |target| Query {
            of: format!(
                "{title}: {} {}",
                text(panel, "/title"),
                text(target, "/legendFormat")
            ),
            expr: text(target, "/expr").to_owned(),
            instant: target["instant"] == true,
        })
    });
    let of_annotations = list(dashboard, "/annotations/list")
        .iter()
        .map(|annotation| Query {
            of: format!("{title}: annotation {}", text(annotation, "/name")),
            expr: text(annotation, "/expr").to_owned(),
            instant: false,
        });
    of_panels.chain(of_annotations).collect()
}

/// What Grafana puts in the place of each variable: names longer than their beginnings come first.
pub type Values<'a> = [(&'a str, &'a str)];

/// Fills in the variables of an expression, as Grafana does before it asks.
pub fn filled(expr: &str, values: &Values) -> String {
    values.iter().fold(expr.to_owned(), |expr, (name, value)| {
        expr.replace(&format!("${name}"), value)
    })
}

/// Values under which every expression can be parsed.
pub const EXAMPLE: &Values = &[
    ("__rate_interval", "4s"),
    ("__interval_ms", "1000"),
    ("__interval", "1s"),
    ("__range", "1m"),
    ("job", ".+"),
    ("instance", ".+"),
    ("by", "pool"),
    ("baseline", "first"),
    ("candidate", "second"),
    ("shift", "1s"),
];
