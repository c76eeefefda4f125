//! The figures of two windows, and what became of each.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::time::Duration;

use super::{Figure, Row, Side};
use crate::activity::Subject;
use crate::pool::Uptime;
use crate::soak::spans::{Span, Windows};
use crate::soak::verdict::{self, Samples, Verdict};
use crate::soak::work::WorkSpan;
use crate::stats::{Signal, Tally, milliseconds};

/// A measurement, and how often it was seen.
type Sample = (f64, u64);

/// The samples of a figure in a window.
type SamplesOf<'a> = &'a dyn Fn(&[Span]) -> Vec<Sample>;

/// What of a figure may be the tester's own doing, by the rule that objectives are judged by (docs/verdicts.md).
#[derive(Clone, Copy)]
enum Excuse<'a> {
    /// Nothing that could be told apart.
    Nothing,
    /// Of each time, what the tester was later in the last window than in the first.
    Lateness(Signal),
    /// Something of both windows: these samples are left without it.
    Part(SamplesOf<'a>),
}

/// Every figure of which there are samples in either window.
pub(super) fn rows(windows: &Windows<'_>) -> Vec<Row> {
    let row = |figure: Figure, target, samples: SamplesOf<'_>, excuse: Excuse<'_>| {
        let (first, last) = (samples(windows.first), samples(windows.last));
        let row = Row {
            figure,
            target,
            first: Side::of(&first),
            last: Side::of(&last),
            verdict: judge(figure, windows, (first, last), excuse),
        };
        (row.first.samples + row.last.samples > 0).then_some(row)
    };
    let times = |figure: Figure, target, samples: SamplesOf<'_>| {
        let excuse = figure.signal().map_or(Excuse::Nothing, Excuse::Lateness);
        row(figure, target, samples, excuse)
    };
    let acquired = |figure, tally: fn(&Span) -> &Tally| {
        times(figure, None, &|window| sum(window.iter().map(tally)))
    };
    let spans =
        |of: fn(&Span) -> f64| move |window: &[Span]| verdict::samples(window.iter().map(of));
    let uptimes = |of: fn(&Uptime) -> Option<f64>| {
        move |window: &[Span]| verdict::samples(window.iter().filter_map(|span| of(&span.uptime)))
    };
    let mut rows = vec![
        row(
            Figure::Availability,
            None,
            &uptimes(Uptime::availability),
            Excuse::Part(&uptimes(Uptime::availability_without_tester)),
        ),
        acquired(Figure::JoinTime, |span| &span.calm.joins),
        acquired(Figure::StormJoinTime, |span| &span.storm.joins),
        acquired(Figure::DhcpTime, |span| &span.calm.dhcp),
        acquired(Figure::StormDhcpTime, |span| &span.storm.dhcp),
    ];
    for subject in subjects(windows) {
        let (kind, of) = (subject.kind(), || Some(subject.to_string()));
        rows.push(times(Figure::Time(kind), of(), &|window| {
            let spans = window.iter().filter_map(|span| span.of(&subject));
            sum(spans.map(|span| span.time.tally()))
        }));
        let all = |window: &[Span]| {
            let spans = window.iter().filter_map(|span| span.of(&subject));
            verdict::samples(spans.filter_map(WorkSpan::failures))
        };
        let left = |window: &[Span]| {
            verdict::samples(window.iter().filter_map(|span| {
                let share = span.of(&subject)?.failures()?;
                Some(share * (1.0 - span.excused_share(kind)))
            }))
        };
        rows.push(row(Figure::Failures(kind), of(), &all, Excuse::Part(&left)));
    }
    rows.extend([
        row(
            Figure::Restarts,
            None,
            &spans(|span| span.an_hour(span.restarts)),
            Excuse::Part(&spans(|span| {
                span.an_hour(span.restarts.saturating_sub(span.excused.restarts))
            })),
        ),
        row(
            Figure::ResidentMemory,
            None,
            &spans(|span| span.footprint.resident_bytes as f64),
            Excuse::Nothing,
        ),
        row(
            Figure::Descriptors,
            None,
            &spans(|span| span.footprint.descriptors as f64),
            Excuse::Nothing,
        ),
    ]);
    rows.into_iter().flatten().collect()
}

/// What became of a figure, whose samples in both windows are given. What has drifted is looked at once more without what may be
/// the tester's own doing.
fn judge(
    figure: Figure,
    windows: &Windows<'_>,
    (first, last): (Vec<Sample>, Vec<Sample>),
    excuse: Excuse<'_>,
) -> Verdict {
    let rule = figure.rule();
    let verdict_of = |first: &Samples, last: &Samples| match figure {
        // Of all that is compared less is better, so that of what is missing is looked at.
        Figure::Availability => rule.judge(&missing(first), &missing(last)),
        _ => rule.judge(first, last),
    };
    let verdict = verdict_of(&first, &last);
    if verdict != Verdict::Drifted {
        return verdict;
    }
    let without_tester = match excuse {
        Excuse::Nothing => return verdict,
        Excuse::Lateness(signal) => {
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
        Excuse::Part(left) => verdict_of(&left(windows.first), &left(windows.last)),
    };
    match without_tester {
        Verdict::Drifted => Verdict::Drifted,
        _ => Verdict::Inconclusive,
    }
}

/// How late the tester woke in a window, but for one waking in a hundred.
fn lateness(window: &[Span]) -> Duration {
    let mut all = Tally::default();
    for span in window {
        all.add(&span.wakings);
    }
    all.quantile(0.99).unwrap_or_default()
}

/// What shares lack of the whole, ascending as samples are.
fn missing(shares: &Samples) -> Vec<(f64, u64)> {
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
