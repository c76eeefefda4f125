//! What a soak did over its time.

use std::time::Duration;

use super::marks::bands;
use crate::activity::Kind;
use crate::page::Page;
use crate::page::chart::{TimeAxis, lines, shares};
use crate::report::{Report, Soak};
use crate::soak::TimelineEntry;

/// What a soak did over its time.
pub(super) fn over_time(page: &mut Page, report: &Report, soak: &Soak) {
    let timeline = &soak.timeline;
    let at: Vec<f64> = timeline.iter().map(|line| line.at_ms / 1_000.0).collect();
    // The times of a soak are counted from the moment at which its herd had joined.
    let joined = Duration::try_from_secs_f64(soak.joined_ms / 1_000.0).ok();
    let began = humantime::parse_rfc3339(&report.started).ok();
    let began = began.and_then(|began| began.checked_add(joined?));
    let last = at.last().copied().unwrap_or_default();
    let bands = began.map_or_else(Vec::new, |began| bands(report, began, last));
    let axis = TimeAxis {
        at: &at,
        began,
        bands: &bands,
        goes_on: None,
    };
    let of = |pick: &dyn Fn(&TimelineEntry) -> Option<f64>| timeline.iter().map(pick).collect();
    page.heading("Over time");
    page.body().add(&lines(
        "Clients",
        "",
        &axis,
        &[
            ("online", of(&|line| Some(line.online as f64))),
            ("wanted", of(&|line| Some(line.wanted as f64))),
        ],
    ));
    let usable = of(&|line| Some(line.availability()? * 100.0));
    page.body().add(&shares(
        "Availability",
        &axis,
        &[("usable of wanted", usable)],
    ));
    for kind in Kind::ALL {
        let attempts = |line: &TimelineEntry| line.activities[*kind];
        let about = kind.about();
        // Of what was never done nothing is drawn.
        let is_done = |line: &TimelineEntry| {
            attempts(line).is_some_and(|some| some.succeeded + some.failed > 0)
        };
        if !timeline.iter().any(is_done) {
            continue;
        }
        let times = [
            ("median", of(&|line| attempts(line)?.p50_ms)),
            ("99 of 100", of(&|line| attempts(line)?.p99_ms)),
        ];
        page.body()
            .add(&lines(about.time.chart, "ms", &axis, &times));
        let failures = of(&|line| attempts(line)?.failures().map(|share| share * 100.0));
        let failures = [(about.failed, failures)];
        page.body()
            .add(&lines(about.failures.chart, "%", &axis, &failures));
    }
    page.body().add(&lines(
        "Restarts, from one look to the next",
        "",
        &axis,
        &[("restarts", of(&|line| Some(line.restarts as f64)))],
    ));
    let mib = |bytes: u64| bytes as f64 / 1_048_576.0;
    page.body().add(&lines(
        "The tester's own memory",
        "MiB",
        &axis,
        &[("resident", of(&|line| Some(mib(line.resident_bytes))))],
    ));
}
