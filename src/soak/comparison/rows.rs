//! The figures of two windows, and what became of each.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::time::Duration;

use super::{ComparedFigure, ComparisonRow, Side};
use crate::activity::Subject;
use crate::pool::Uptime;
use crate::soak::spans::{SoakSpan, Windows};
use crate::soak::verdict::{self, SampleCounts, Verdict};
use crate::soak::work::WorkSpan;
use crate::stats::{Signal, Tally, milliseconds};

/// A measurement, and how often it was seen.
type Sample = (f64, u64);

/// The samples of a figure in a window.
type SamplesOf<'a> = &'a dyn Fn(&[SoakSpan]) -> Vec<Sample>;

/// What of a figure may be the tester's own doing, by the rule that objectives are judged by (docs/verdicts.md).
#[derive(Clone, Copy)]
enum RowDoubt<'a> {
    /// Nothing that could be told apart.
    Nothing,
    /// Of each time, what the tester was later in the last window than in the first.
    Lateness(Signal),
    /// Something of both windows: these samples are left without it.
    Part(SamplesOf<'a>),
}

/// Every figure of which there are samples in either window.
pub(super) fn rows(windows: &Windows<'_>) -> Vec<ComparisonRow> {
    let row = |figure: ComparedFigure, target, samples: SamplesOf<'_>, excuse: RowDoubt<'_>| {
        let (first, last) = (samples(windows.first), samples(windows.last));
        let row = ComparisonRow {
            figure,
            target,
            first: Side::of(&first),
            last: Side::of(&last),
            verdict: judge(figure, windows, (first, last), excuse),
        };
        (row.first.samples + row.last.samples > 0).then_some(row)
    };
    let times = |figure: ComparedFigure, target, samples: SamplesOf<'_>| {
        let excuse = figure
            .signal()
            .map_or(RowDoubt::Nothing, RowDoubt::Lateness);
        row(figure, target, samples, excuse)
    };
    let acquired = |figure, tally: fn(&SoakSpan) -> &Tally| {
        times(figure, None, &|window| sum(window.iter().map(tally)))
    };
    let spans = |of: fn(&SoakSpan) -> f64| {
        move |window: &[SoakSpan]| verdict::samples(window.iter().map(of))
    };
    let uptimes = |of: fn(&Uptime) -> Option<f64>| {
        move |window: &[SoakSpan]| {
            verdict::samples(window.iter().filter_map(|span| of(&span.uptime)))
        }
    };
    let mut rows = vec![
        row(
            ComparedFigure::Availability,
            None,
            &uptimes(Uptime::availability),
            RowDoubt::Part(&uptimes(Uptime::availability_without_tester)),
        ),
        acquired(ComparedFigure::JoinTime, |span| &span.calm.joins),
        acquired(ComparedFigure::StormJoinTime, |span| &span.storm.joins),
        acquired(ComparedFigure::DhcpTime, |span| &span.calm.dhcp),
        acquired(ComparedFigure::StormDhcpTime, |span| &span.storm.dhcp),
    ];
    for subject in subjects(windows) {
        let (kind, of) = (subject.kind(), || Some(subject.to_string()));
        rows.push(times(ComparedFigure::Time(kind), of(), &|window| {
            let spans = window.iter().filter_map(|span| span.of(&subject));
            sum(spans.map(|span| span.time.tally()))
        }));
        let all = |window: &[SoakSpan]| {
            let spans = window.iter().filter_map(|span| span.of(&subject));
            verdict::samples(spans.filter_map(WorkSpan::failures))
        };
        let left = |window: &[SoakSpan]| {
            verdict::samples(window.iter().filter_map(|span| {
                let share = span.of(&subject)?.failures()?;
                Some(share * (1.0 - span.excused_share(kind)))
            }))
        };
        rows.push(row(
            ComparedFigure::Failures(kind),
            of(),
            &all,
            RowDoubt::Part(&left),
        ));
    }
    rows.extend([
        row(
            ComparedFigure::Restarts,
            None,
            &spans(|span| span.an_hour(span.restarts)),
            RowDoubt::Part(&spans(|span| {
                span.an_hour(span.restarts.saturating_sub(span.excused.restarts))
            })),
        ),
        row(
            ComparedFigure::ResidentMemory,
            None,
            &spans(|span| span.footprint.resident_bytes as f64),
            RowDoubt::Nothing,
        ),
        row(
            ComparedFigure::Descriptors,
            None,
            &spans(|span| span.footprint.descriptors as f64),
            RowDoubt::Nothing,
        ),
    ]);
    rows.into_iter().flatten().collect()
}

/// What became of a figure, whose samples in both windows are given. What has drifted is looked at once more without what may be
/// the tester's own doing.
fn judge(
    figure: ComparedFigure,
    windows: &Windows<'_>,
    (first, last): (Vec<Sample>, Vec<Sample>),
    excuse: RowDoubt<'_>,
) -> Verdict {
    let rule = figure.rule();
    let verdict_of = |first: &SampleCounts, last: &SampleCounts| match figure {
        // Of all that is compared less is better, so that of what is missing is looked at.
        ComparedFigure::Availability => rule.judge(&missing(first), &missing(last)),
        _ => rule.judge(first, last),
    };
    let verdict = verdict_of(&first, &last);
    if verdict != Verdict::Drifted {
        return verdict;
    }
    let without_tester = match excuse {
        RowDoubt::Nothing => return verdict,
        RowDoubt::Lateness(signal) => {
            let more = lateness(windows.last).saturating_sub(lateness(windows.first));
            let without = |ms: f64| {
                let took = Duration::from_secs_f64(ms / 1e3);
                milliseconds(signal.without_tester(took, more))
            };
            let last: Vec<_> = last
                .iter()
                .map(|(value, count)| (without(*value), *count))
                .collect();
            verdict_of(&first, &last)
        }
        RowDoubt::Part(left) => verdict_of(&left(windows.first), &left(windows.last)),
    };
    match without_tester {
        Verdict::Drifted => Verdict::Drifted,
        _ => Verdict::Inconclusive,
    }
}

/// How late the tester woke in a window, but for one waking in a hundred.
fn lateness(window: &[SoakSpan]) -> Duration {
    let mut all = Tally::default();
    for span in window {
        all.add(&span.wakings);
    }
    all.quantile(0.99).unwrap_or_default()
}

/// What shares lack of the whole, ascending as samples are.
fn missing(shares: &SampleCounts) -> Vec<(f64, u64)> {
    let missing = shares
        .iter()
        .rev()
        .map(|(share, count)| (1.0 - share, *count));
    missing.collect()
}

/// What clients did in either window, each once, in order of kinds.
fn subjects(windows: &Windows<'_>) -> BTreeSet<Subject> {
    let spans = windows.last.iter().chain(windows.first);
    let work = spans.flat_map(|span| &span.work);
    work.map(|(subject, _)| subject.clone()).collect()
}

/// All samples of many spans, in milliseconds.
fn sum(tallies: impl Iterator<Item = impl Borrow<Tally>>) -> Vec<(f64, u64)> {
    let mut all = Tally::default();
    tallies.for_each(|tally| all.add(tally.borrow()));
    all.values()
        .map(|(value, count)| (milliseconds(value), count))
        .collect()
}
