//! What a whole herd has measured since its beginning.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Distribution, PingStats};
use crate::lan::PingOutcome;
use crate::target::Target;

/// The sums of a herd since its beginning, over all clients that it ever had: what has left stays counted. They only
/// grow, so that what lies between two moments is their difference.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// From a client's first admission to its first time online.
    pub joins: Distribution,
    /// From the first DHCP message of an acquisition to the acknowledgement.
    pub dhcp: Distribution,
    /// What became of all echo requests, by target.
    pub pings: BTreeMap<Target, PingStats>,
    /// Restarts of clients.
    pub restarts: u64,
    /// Clients that were given up.
    pub give_ups: u64,
}

impl Figures {
    /// A client came online for the first time, so long after it was admitted.
    pub fn joined(&mut self, after: Duration) {
        self.joins.record(after);
    }

    /// A lease was acquired.
    pub fn bound(&mut self, took: Duration) {
        self.dhcp.record(took);
    }

    /// An echo request came to its end.
    pub fn pinged(&mut self, target: Target, outcome: PingOutcome) {
        self.pings_of(target).record(outcome);
    }

    /// The figures of one target, begun where there are none.
    pub fn pings_of(&mut self, target: Target) -> &mut PingStats {
        self.pings
            .entry(target)
            .or_insert_with(|| PingStats::new(target, target.address()))
    }

    /// The round trips of all pings of all targets.
    pub fn round_trips(&self) -> Distribution {
        let mut all = Distribution::default();
        for stats in self.pings.values() {
            all.add(&stats.rtt);
        }
        all
    }
}
