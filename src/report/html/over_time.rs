//! What a soak did over its time.

use std::time::Duration;

use super::marks::bands;
use crate::activity::Kind;
use crate::activity::kind::Times;
use crate::page::Page;
use crate::page::chart::{TimeAxis, lines, shares};
use crate::report::{Report, Soak};
use crate::soak::TimelineEntry;

/// What a soak did over its time.
pub(super) fn over_time(page: &mut Page, report: &Report, soak: &Soak) {
    let timeline = &soak.timeline;
    let at: Vec<f64> = timeline.iter().map(|line| line.at_ms / 1_000.0).collect();
    // The times of a soak are counted from the moment at which its herd had joined.
    let joined = Duration::from_secs_f64(soak.joined_ms.max(0.0) / 1_000.0);
    let began = humantime::parse_rfc3339(&report.started).ok();
    let began = began.map(|began| began + joined);
    let last = at.last().copied().unwrap_or_default();
    let bands = began.map_or_else(Vec::new, |began| bands(report, began, last));
    let axis = TimeAxis {
        at: &at,
        began,
        bands: &bands,
    };
    let of = |pick: &dyn Fn(&TimelineEntry) -> Option<f64>| timeline.iter().map(pick).collect();
    page.heading("Over time");
    page.raw(&lines(
        "Clients",
        "",
        &axis,
        &[
            ("wanted", of(&|line| Some(line.wanted as f64))),
            ("online", of(&|line| Some(line.online as f64))),
        ],
    ));
    let usable = of(&|line| Some(line.availability()? * 100.0));
    page.raw(&shares(
        "Availability",
        &axis,
        &[("usable of wanted", usable)],
    ));
    for kind in Kind::ALL {
        let attempts = |line: &TimelineEntry| line.activities[*kind];
        let about = kind.about();
        // Charts of the first kinds are always there: that nothing of them was done is seen, too.
        let is_optional = about.layout.times == Times::Apart;
        if is_optional && timeline.iter().all(|line| attempts(line).is_none()) {
            continue;
        }
        let times = [
            ("median", of(&|line| attempts(line)?.p50_ms)),
            ("99 of 100", of(&|line| attempts(line)?.p99_ms)),
        ];
        page.raw(&lines(about.time.chart, "ms", &axis, &times));
        let failures = of(&|line| attempts(line)?.failures().map(|share| share * 100.0));
        let failures = [(about.failed, failures)];
        page.raw(&lines(about.failures.chart, "%", &axis, &failures));
    }
    page.raw(&lines(
        "Restarts, from one look to the next",
        "",
        &axis,
        &[("restarts", of(&|line| Some(line.restarts as f64)))],
    ));
    let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
    page.raw(&lines(
        "The tester's own memory",
        "MiB",
        &axis,
        &[("resident", of(&|line| Some(mib(line.resident_bytes))))],
    ));
}
