//! What clients did in a soak, told apart by what it was done to.

use crate::activity::Subject;
use crate::pool::Figures;
use crate::stats::{ActivityStats, Distribution, Packed};

/// How often, and how long it took.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WorkSpan {
    /// Attempts that succeeded.
    pub succeeded: u64,
    /// Attempts that did not, those that were never made included.
    pub failed: u64,
    /// How long those took that came to an answer.
    pub time: Packed,
}

impl WorkSpan {
    /// The share of attempts that failed, 0 to 1; `None` where there were none.
    pub fn failures(&self) -> Option<f64> {
        share(self.failed, self.succeeded)
    }

    /// Takes in another.
    pub fn add(&mut self, other: &Self) {
        self.succeeded += other.succeeded;
        self.failed += other.failed;
        let mut time = self.time.tally();
        time.add(&other.time.tally());
        self.time = time.into();
    }
}

/// The share that is `one` of it and another; `None` of nothing.
pub(super) fn share(one: u64, another: u64) -> Option<f64> {
    let all = one + another;
    (all > 0).then(|| one as f64 / all as f64)
}

/// What was done between two states of the same figures.
pub(super) fn between(before: &Figures, now: &Figures) -> Vec<(Subject, WorkSpan)> {
    let nothing = Distribution::default();
    let all = now.activities.iter();
    all.map(|(subject, stats)| {
        let earlier = before.activities.get(subject);
        let since = |now: u64, earlier: Option<u64>| now.saturating_sub(earlier.unwrap_or(0));
        let times = earlier.map_or(&nothing, |earlier| &earlier.time);
        let span = WorkSpan {
            succeeded: since(stats.successes(), earlier.map(ActivityStats::successes)),
            failed: since(stats.failures(), earlier.map(ActivityStats::failures)),
            time: stats.time.since(times).into(),
        };
        (subject.clone(), span)
    })
    .collect()
}
