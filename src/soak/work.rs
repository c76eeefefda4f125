//! What clients did in a soak: pings, lookups, fetches and commands, told apart by whom or what they were of.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::phase::words;
use crate::pool::Figures;
use crate::stats::{Distribution, Outcomes, Packed};

words! {
    /// What clients do.
    WorkKind {
        /// Echo requests to a target.
        Ping = "ping",
        /// Lookups of a name.
        Dns = "dns",
        /// Fetches of a URL.
        Http = "http",
        /// Runs of a command line.
        Command = "command",
    }
}

/// What clients did, and of what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    /// What.
    pub kind: WorkKind,
    /// The target, name, URL or command line.
    pub of: String,
}

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
pub(super) fn between(before: &Figures, now: &Figures) -> Vec<(Work, WorkSpan)> {
    let mut work = Vec::new();
    collect(&mut work, WorkKind::Ping, &before.pings, &now.pings);
    collect(&mut work, WorkKind::Dns, &before.dns, &now.dns);
    collect(&mut work, WorkKind::Http, &before.http, &now.http);
    collect(
        &mut work,
        WorkKind::Command,
        &before.commands,
        &now.commands,
    );
    work
}

fn collect<K: Ord + Display, S: Outcomes>(
    work: &mut Vec<(Work, WorkSpan)>,
    kind: WorkKind,
    before: &BTreeMap<K, S>,
    now: &BTreeMap<K, S>,
) {
    let nothing = Distribution::default();
    work.extend(now.iter().map(|(of, stats)| {
        let earlier = before.get(of);
        let span = WorkSpan {
            succeeded: stats
                .successes()
                .saturating_sub(earlier.map_or(0, Outcomes::successes)),
            failed: stats
                .failures()
                .saturating_sub(earlier.map_or(0, Outcomes::failures)),
            time: stats
                .time()
                .since(earlier.map_or(&nothing, Outcomes::time))
                .into(),
        };
        let of = of.to_string();
        (Work { kind, of }, span)
    }));
}
