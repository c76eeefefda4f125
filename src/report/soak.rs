//! What a report says of a soak beside the state of its herd.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::faults::{FaultSum, kinds};
use super::{AllPercentiles, Commands, Fetches, Lookups, Percentiles, Pings};
use crate::fault::Fault;
use crate::phase::Cause;
use crate::pool::Figures;
use crate::soak::{Comparison, Line, Record, Turnover};
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
    pub timeline: Vec<Line>,
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
    /// Distributions.
    pub percentiles: AllPercentiles,
    /// All pings, one entry a target.
    pub pings: Vec<Pings>,
    /// All lookups, one entry a name.
    #[serde(default)]
    pub lookups: Vec<Lookups>,
    /// All fetches, one entry a URL.
    #[serde(default)]
    pub fetches: Vec<Fetches>,
    /// All commands, one entry a command line.
    #[serde(default)]
    pub commands: Vec<Commands>,
}

impl Soak {
    /// What is known of a soak that looks every `interval`, and whose herd had `joined` so long after the beginning.
    pub fn new(record: &Record, interval: Duration, joined: Duration) -> Self {
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
                ping_ms: Percentiles::of_all(figures.pings.values()),
                dns_ms: Percentiles::of_all(figures.dns.values()),
                http_ms: Percentiles::of_all(figures.http.values()),
                command_ms: Percentiles::of_all(figures.commands.values()),
            },
            pings: figures.pings.values().map(Pings::from).collect(),
            lookups: figures.dns.values().map(Lookups::from).collect(),
            fetches: figures.http.values().map(Fetches::from).collect(),
            commands: figures.commands.values().map(Commands::from).collect(),
        }
    }
}
