//! What a report says of a soak beside the state of its herd.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::faults::{FaultSum, kinds};
use super::{ActivityEntry, AllPercentiles, Percentiles};
use crate::activity::ByKind;
use crate::fault::Fault;
use crate::phase::Cause;
use crate::pool::Figures;
use crate::soak::{Comparison, SoakRecord, TimelineEntry, Turnover};
use crate::stats::milliseconds;

/// A soak, as far as it has come.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Soak {
    /// From one look at the herd, and one rolling report, to the next.
    pub interval_ms: f64,
    /// From the beginning of the run until the herd had joined: where the times below are counted from.
    pub joined_ms: f64,
    /// How many clients came and went.
    pub turnover: Turnover,
    /// Sums over all clients that the herd ever had.
    pub sums: Sums,
    /// A line for each look; for several, where there were more than 2,000.
    pub timeline: Vec<TimelineEntry>,
    /// The first hour against the last; `None` as long as they cannot be told apart.
    pub comparison: Option<Comparison>,
}

/// Sums over all clients that the herd ever had, those that have left among them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sums {
    /// Clients that came online.
    pub joins: u64,
    /// Leases that were acquired.
    pub leases: u64,
    /// Restarts of clients.
    pub restarts: u64,
    /// Clients that were given up.
    pub give_ups: u64,
    /// Lives that ended with a failure, and troubles that clients mended by themselves, by cause.
    pub failures: BTreeMap<Cause, u64>,
    /// Leases that ran out or were refused while held.
    pub leases_lost: u64,
    /// Outages of most of the herd.
    pub outages: u64,
    /// Faults that were made on purpose, by kind.
    pub faults: BTreeMap<Fault, FaultSum>,
    /// The distributions of what took time.
    pub percentiles: AllPercentiles,
    /// What clients did: a list for each kind, with an entry for each thing that it was done to.
    #[serde(flatten, with = "super::activities::lists")]
    pub activities: Vec<ActivityEntry>,
}

impl Soak {
    /// What is known of a soak that looks every `interval`, and whose herd had `joined` so long after the beginning.
    pub fn new(record: &SoakRecord, interval: Duration, joined: Duration) -> Self {
        Self {
            interval_ms: milliseconds(interval),
            joined_ms: milliseconds(joined),
            turnover: record.turnover,
            sums: Sums::from(&record.figures),
            timeline: record.timeline.clone(),
            comparison: record.comparison.clone(),
        }
    }
}

impl From<&Figures> for Sums {
    fn from(figures: &Figures) -> Self {
        Self {
            joins: figures.join.count(),
            leases: figures.dhcp.count(),
            restarts: figures.restarts,
            give_ups: figures.give_ups,
            failures: figures.failures.clone(),
            leases_lost: figures.leases_lost,
            outages: figures.outages,
            faults: kinds(figures),
            percentiles: AllPercentiles {
                join_ms: Percentiles::of_distribution(&figures.join),
                dhcp_ms: Percentiles::of_distribution(&figures.dhcp),
                activities: ByKind::new(|kind| Percentiles::of_all(figures.of(kind))),
            },
            activities: figures
                .activities
                .values()
                .map(ActivityEntry::from)
                .collect(),
        }
    }
}
