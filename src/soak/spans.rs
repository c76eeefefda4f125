//! The course of a soak in spans, fine where the first and the last hour may lie, coarse between them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::Footprint;
use super::work::{self, WorkSpan};
use crate::activity::{Kind, Subject};
use crate::pool::{Doubt, Figures, Uptime};
use crate::stats::{Signal, Tally};

/// What happened from one moment to another.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SoakSpan {
    /// When it begins, counted from the moment at which the herd had joined.
    pub from: Duration,
    /// When it ends.
    pub to: Duration,
    /// For how long clients were usable of the time that they were wanted.
    pub uptime: Uptime,
    /// Times to join and to a lease.
    pub calm: Acquisitions,
    /// The same while a storm's clients came back: many that join together wait for each other.
    pub storm: Acquisitions,
    /// What clients did.
    pub work: Vec<(Subject, WorkSpan)>,
    /// Restarts of clients.
    pub restarts: u64,
    /// What of all this may be the tester's own doing.
    pub excused: Excused,
    /// What the tester took at the end.
    pub footprint: Footprint,
    /// How late the tester woke.
    pub wakings: Tally,
}

/// What may be the tester's own doing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Excused {
    /// Attempts that did not succeed, of all subjects of a kind together.
    pub failures: BTreeMap<Signal, u64>,
    /// Restarts after failures of the tester's.
    pub restarts: u64,
}

impl Excused {
    fn between(before: &Doubt, now: &Doubt) -> Self {
        let failures = now.failures.iter().map(|(signal, count)| {
            let earlier = before.failures.get(signal).copied().unwrap_or_default();
            (*signal, count.saturating_sub(earlier))
        });
        Self {
            failures: failures.filter(|(_, count)| *count > 0).collect(),
            restarts: now.restarts.saturating_sub(before.restarts),
        }
    }

    fn add(&mut self, other: &Self) {
        for (signal, count) in &other.failures {
            *self.failures.entry(*signal).or_default() += count;
        }
        self.restarts += other.restarts;
    }
}

/// How long it took clients to come.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Acquisitions {
    /// From first admission to first time online.
    pub joins: Tally,
    /// From first DHCP message to acknowledgement.
    pub dhcp: Tally,
}

impl Acquisitions {
    fn add(&mut self, other: &Self) {
        self.joins.add(&other.joins);
        self.dhcp.add(&other.dhcp);
    }
}

impl SoakSpan {
    /// What happened between two states of the same figures; `storm`: while clients of a storm came back.
    pub fn between(
        (from, before): (Duration, &Figures),
        (to, now): (Duration, &Figures),
        storm: bool,
        footprint: Footprint,
    ) -> Self {
        let acquisitions = Acquisitions {
            joins: now.join.since(&before.join),
            dhcp: now.dhcp.since(&before.dhcp),
        };
        let (calm, storm) = if storm {
            (Acquisitions::default(), acquisitions)
        } else {
            (acquisitions, Acquisitions::default())
        };
        Self {
            from,
            to,
            uptime: now.uptime.since(&before.uptime),
            calm,
            storm,
            work: work::between(before, now),
            restarts: now.restarts.saturating_sub(before.restarts),
            excused: Excused::between(&before.doubt, &now.doubt),
            footprint,
            wakings: now.doubt.wakings.since(&before.doubt.wakings),
        }
    }

    /// How long it lasted.
    pub fn length(&self) -> Duration {
        self.to.saturating_sub(self.from)
    }

    /// So many in this span are so many in an hour.
    pub(super) fn an_hour(&self, count: u64) -> f64 {
        count as f64 / self.length().as_secs_f64().max(1e-3) * 3_600.0
    }

    /// Which share of the failures of one kind may be the tester's own doing, 0 to 1.
    pub(super) fn excused_share(&self, kind: Kind) -> f64 {
        let failed = self.all(kind).map_or(0, |all| all.failed);
        let excused = self.excused.failures.get(&Signal::Activity(kind)).copied();
        let excused = excused.unwrap_or_default().min(failed);
        excused as f64 / failed.max(1) as f64
    }

    fn middle(&self) -> Duration {
        self.from + self.length() / 2
    }

    /// All that clients did of one kind; `None` where nothing was to be done.
    pub fn all(&self, kind: Kind) -> Option<WorkSpan> {
        let of_kind = self.work.iter().filter(|(of, _)| of.kind() == kind);
        of_kind.fold(None, |all: Option<WorkSpan>, (_, span)| {
            let mut all = all.unwrap_or_default();
            all.add(span);
            Some(all)
        })
    }

    /// What clients did of one thing; `None` where nothing was to be done.
    pub fn of(&self, subject: &Subject) -> Option<&WorkSpan> {
        let mut all = self.work.iter();
        all.find_map(|(of, span)| (of == subject).then_some(span))
    }

    /// Takes in the span that follows.
    fn extend(&mut self, next: &Self) {
        self.to = next.to;
        self.uptime.add(&next.uptime);
        self.calm.add(&next.calm);
        self.storm.add(&next.storm);
        for (subject, span) in &next.work {
            match self.work.iter_mut().find(|(of, _)| of == subject) {
                Some((_, own)) => own.add(span),
                None => self.work.push((subject.clone(), span.clone())),
            }
        }
        self.restarts += next.restarts;
        self.excused.add(&next.excused);
        self.footprint = next.footprint;
        self.wakings.add(&next.wakings);
    }
}

/// All spans of a soak, without a gap. However long it lasts there are some hundred at most: short ones are joined
/// until each is about a thirtieth of the window that is compared, and what can lie in neither window is one.
#[derive(Debug, Clone, Default)]
pub struct SoakSpans(Vec<SoakSpan>);

/// The first and the last part of a soak.
#[derive(Debug, Clone, Copy)]
pub struct Windows<'a> {
    /// How long each is, to within a thirtieth.
    pub length: Duration,
    /// The spans of the first.
    pub first: &'a [SoakSpan],
    /// The spans of the last.
    pub last: &'a [SoakSpan],
}

impl SoakSpans {
    /// The longest window.
    pub const HOUR: Duration = Duration::from_secs(3_600);

    /// Adds what happened since the last one ended.
    pub fn push(&mut self, span: SoakSpan) {
        self.0.push(span);
        let window = self.window();
        let (fine, early, late) = (window / 30, window, self.end().saturating_sub(window));
        let mut kept: Vec<SoakSpan> = Vec::with_capacity(self.0.len());
        for span in self.0.drain(..) {
            match kept.last_mut() {
                Some(last) if Self::are_one(last, &span, fine, early, late) => last.extend(&span),
                Some(_) | None => kept.push(span),
            }
        }
        self.0 = kept;
    }

    /// Whether two neighbours need not be told apart.
    fn are_one(
        one: &SoakSpan,
        next: &SoakSpan,
        fine: Duration,
        early: Duration,
        late: Duration,
    ) -> bool {
        let length = next.to.saturating_sub(one.from);
        // The windows of a soak that is shorter than three hours still move.
        let is_between = early == Self::HOUR && one.from >= early && next.to + fine <= late;
        is_between || length <= fine
    }

    /// The first window and the last, which do not overlap; `None` as long as they cannot be told apart.
    pub fn windows(&self) -> Option<Windows<'_>> {
        let (length, end) = (self.window(), self.end());
        let first = self.0.partition_point(|span| span.middle() < length);
        let last = self
            .0
            .partition_point(|span| span.middle() <= end.saturating_sub(length));
        (0 < first && first <= last && last < self.0.len()).then(|| Windows {
            length,
            first: &self.0[..first],
            last: &self.0[last..],
        })
    }

    /// An hour, or a third of the whole where that is shorter.
    fn window(&self) -> Duration {
        Self::HOUR.min(self.end() / 3)
    }

    /// All of them, in order of time.
    pub fn iter(&self) -> impl Iterator<Item = &SoakSpan> {
        self.0.iter()
    }

    /// When the last span ends.
    pub fn end(&self) -> Duration {
        self.0.last().map_or(Duration::ZERO, |span| span.to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A soak that was looked at every `interval`; each second of it has one restart.
    fn soak(length: u64, interval: u64) -> (SoakSpans, usize) {
        let (mut spans, mut most) = (SoakSpans::default(), 0);
        for to in (interval..=length).step_by(usize::try_from(interval).expect("small")) {
            spans.push(SoakSpan {
                from: Duration::from_secs(to - interval),
                to: Duration::from_secs(to),
                restarts: interval,
                ..SoakSpan::default()
            });
            most = most.max(spans.0.len());
        }
        (spans, most)
    }

    #[test]
    fn the_windows_are_an_hour_or_a_third_and_nothing_is_lost_between() {
        for (length, interval) in [
            (60, 1),
            (120, 5),
            (900, 10),
            (3_600, 60),
            (10_800, 60),
            (14_000, 60),
            (72 * 3_600, 60),
            (30 * 86_400, 60),
            (72 * 3_600, 600),
        ] {
            let (spans, _) = soak(length, interval);
            let wanted = (length / 3).min(3_600);
            let windows = spans.windows().expect("windows");
            assert_eq!(windows.length.as_secs(), wanted);
            for (what, window) in [("first", windows.first), ("last", windows.last)] {
                let took = window[window.len() - 1].to.saturating_sub(window[0].from);
                let off = took.as_secs().abs_diff(wanted);
                assert!(
                    off <= (wanted / 30).max(interval),
                    "the {what} window of {length} s is {took:?}, not {wanted} s"
                );
            }
            assert_eq!(windows.first[0].from, Duration::ZERO);
            assert_eq!(spans.end().as_secs(), length / interval * interval);
            assert!(spans.0.windows(2).all(|two| two[0].to == two[1].from));
            let all: u64 = spans.0.iter().map(|span| span.restarts).sum();
            assert_eq!(all, spans.end().as_secs());
        }
    }

    #[test]
    fn a_month_takes_no_more_room_than_three_hours_and_an_hour_has_spans_enough() {
        let (_, hours) = soak(10_800, 1);
        let (month, most) = soak(30 * 86_400, 60);
        assert!(most <= 190 && hours <= 190, "{hours} {most}");
        let windows = month.windows().expect("windows");
        assert!(windows.first.len() >= 25 && windows.last.len() >= 25);
    }

    #[test]
    fn what_cannot_be_compared_has_no_windows() {
        assert!(SoakSpans::default().windows().is_none());
        assert!(soak(1, 1).0.windows().is_none());
        assert!(soak(3, 1).0.windows().is_some());
    }
}
