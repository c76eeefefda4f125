//! Metrics as `OpenTelemetry` has them: the request of OTLP over HTTP in its JSON encoding.
//!
//! The names are those of Prometheus, so that one dashboard fits both. What grows is cumulative, and begins with the process.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};
use serde_json::{Value, json};

use super::Metrics;

/// The number that OTLP has for `AGGREGATION_TEMPORALITY_CUMULATIVE`.
const CUMULATIVE: u8 = 2;

impl Metrics {
    /// An `ExportMetricsServiceRequest` of all metrics, as they are now, of a run that began at `started`.
    ///
    /// OTLP wants it sent by POST as `application/json` to a path that ends with `/v1/metrics`. `instance` is the resource's
    /// `service.instance.id`: what two runs at one time do not share.
    pub fn otlp(&self, instance: &str, started: SystemTime, now: SystemTime) -> Value {
        if let Some(gauges) = &self.per_client {
            gauges.refresh();
        }
        request(&self.registry.gather(), instance, started, now)
    }
}

fn request(
    families: &[MetricFamily],
    instance: &str,
    started: SystemTime,
    now: SystemTime,
) -> Value {
    let version = env!("CARGO_PKG_VERSION");
    let times = Times {
        started: nanoseconds(started),
        now: nanoseconds(now),
    };
    let metrics: Vec<_> = families
        .iter()
        .filter_map(|family| metric(family, &times))
        .collect();
    json!({ "resourceMetrics": [{
        "resource": { "attributes": [
            attribute("service.name", "lanherd"),
            attribute("service.version", version),
            attribute("service.instance.id", instance),
        ]},
        "scopeMetrics": [{
            "scope": { "name": "lanherd", "version": version },
            "metrics": metrics,
        }],
    }]})
}

/// In nanoseconds since 1970, as text: 64 bits are more than a number of JSON has for certain.
struct Times {
    started: String,
    now: String,
}

fn nanoseconds(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    since.as_nanos().to_string()
}

/// `None`: a kind of Prometheus' that no family here is of.
fn metric(family: &MetricFamily, times: &Times) -> Option<Value> {
    let points = |point: fn(&Metric, &Times) -> Value| -> Vec<Value> {
        let metrics = family.get_metric().iter();
        metrics.map(|metric| point(metric, times)).collect()
    };
    let (kind, data) = match family.get_field_type() {
        MetricType::COUNTER => (
            "sum",
            json!({
                "dataPoints": points(|metric, times| number(metric, metric.get_counter().get_value(), times)),
                "aggregationTemporality": CUMULATIVE,
                "isMonotonic": true,
            }),
        ),
        MetricType::GAUGE => (
            "gauge",
            json!({ "dataPoints": points(|metric, times| number(metric, metric.get_gauge().get_value(), times)) }),
        ),
        MetricType::HISTOGRAM => (
            "histogram",
            json!({ "dataPoints": points(histogram), "aggregationTemporality": CUMULATIVE }),
        ),
        MetricType::SUMMARY | MetricType::UNTYPED => return None,
    };
    Some(json!({
        "name": family.name(),
        "description": family.help(),
        "unit": unit(family.name()),
        kind: data,
    }))
}

/// The unit by UCUM, which OTLP wants; Prometheus has it in the name.
fn unit(name: &str) -> &'static str {
    let name = name.strip_suffix("_total").unwrap_or(name);
    match name.rsplit('_').next() {
        Some("seconds") => "s",
        Some("bytes") => "By",
        Some("ratio") => "1",
        _ => "",
    }
}

fn attribute(key: &str, value: &str) -> Value {
    json!({ "key": key, "value": { "stringValue": value } })
}

fn attributes(metric: &Metric) -> Vec<Value> {
    let pair = |label: &LabelPair| attribute(label.name(), label.value());
    metric.get_label().iter().map(pair).collect()
}

fn number(metric: &Metric, value: f64, times: &Times) -> Value {
    json!({
        "attributes": attributes(metric),
        "startTimeUnixNano": times.started,
        "timeUnixNano": times.now,
        "asDouble": double(value),
    })
}

/// JSON has no word for what is no number; the JSON encoding of protobuf has these.
fn double(value: f64) -> Value {
    if value.is_finite() {
        json!(value)
    } else if value.is_nan() {
        json!("NaN")
    } else if value > 0.0 {
        json!("Infinity")
    } else {
        json!("-Infinity")
    }
}

/// Prometheus' buckets hold what the smaller ones hold as well; those of OTLP hold only their own.
fn histogram(metric: &Metric, times: &Times) -> Value {
    let histogram = metric.get_histogram();
    let finite = histogram
        .get_bucket()
        .iter()
        .filter(|bucket| bucket.upper_bound().is_finite());
    let mut below = 0;
    let (mut bounds, mut counts) = (Vec::new(), Vec::new());
    for bucket in finite {
        bounds.push(bucket.upper_bound());
        counts.push(bucket.cumulative_count().saturating_sub(below).to_string());
        below = bucket.cumulative_count();
    }
    let count = histogram.get_sample_count();
    counts.push(count.saturating_sub(below).to_string());
    json!({
        "attributes": attributes(metric),
        "startTimeUnixNano": times.started,
        "timeUnixNano": times.now,
        "count": count.to_string(),
        "sum": double(histogram.get_sample_sum()),
        "bucketCounts": counts,
        "explicitBounds": bounds,
    })
}

#[cfg(test)]
mod tests {
    use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts, Registry};

    use super::*;

    fn exported() -> Value {
        let registry = Registry::new();
        let lost = IntCounterVec::new(Opts::new("lost_total", "Lost."), &["target"]);
        let lost = lost.expect("a counter");
        lost.with_label_values(&["router"]).inc_by(3);
        let size = IntGauge::new("held_bytes", "Held.").expect("a gauge");
        size.set(-7);
        let options = HistogramOpts::new("took_seconds", "Took.").buckets(vec![0.5, 1.0]);
        let took = Histogram::with_opts(options).expect("a histogram");
        for seconds in [0.25, 0.5, 0.75, 4.0] {
            took.observe(seconds);
        }
        registry.register(Box::new(lost)).expect("registered");
        registry.register(Box::new(size)).expect("registered");
        registry.register(Box::new(took)).expect("registered");
        let started = UNIX_EPOCH + Duration::from_secs(100);
        let now = started + Duration::from_millis(1_500);
        request(&registry.gather(), "home@1", started, now)
    }

    #[test]
    fn each_kind_of_metric_is_one_of_otlp() {
        let request = exported();
        let resource = &request["resourceMetrics"][0];
        let metrics = &resource["scopeMetrics"][0]["metrics"];
        let attributes = &resource["resource"]["attributes"];
        assert_eq!(attributes[0], attribute("service.name", "lanherd"));
        assert_eq!(attributes[2], attribute("service.instance.id", "home@1"));
        assert_eq!(
            metrics[0],
            json!({
                "name": "held_bytes", "description": "Held.", "unit": "By",
                "gauge": { "dataPoints": [{
                    "attributes": [], "asDouble": -7.0,
                    "startTimeUnixNano": "100000000000", "timeUnixNano": "101500000000",
                }]},
            })
        );
        let lost = &metrics[1];
        assert_eq!(lost["sum"]["isMonotonic"], true);
        assert_eq!(lost["sum"]["aggregationTemporality"], 2);
        let point = &lost["sum"]["dataPoints"][0];
        assert_eq!(point["asDouble"], 3.0);
        assert_eq!(point["attributes"], json!([attribute("target", "router")]));
    }

    #[test]
    fn buckets_hold_only_their_own_and_one_more_than_there_are_bounds() {
        let request = exported();
        let took = &request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][2];
        assert_eq!(took["unit"], "s");
        let point = &took["histogram"]["dataPoints"][0];
        assert_eq!(point["explicitBounds"], json!([0.5, 1.0]));
        assert_eq!(point["bucketCounts"], json!(["2", "1", "1"]));
        assert_eq!((&point["count"], &point["sum"]), (&json!("4"), &json!(5.5)));
    }

    #[test]
    fn what_is_no_number_is_said_as_protobuf_says_it() {
        assert_eq!(double(f64::NAN), json!("NaN"));
        assert_eq!(double(f64::NEG_INFINITY), json!("-Infinity"));
        assert_eq!(double(0.5), json!(0.5));
    }
}
