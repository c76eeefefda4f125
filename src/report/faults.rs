//! What a report says of faults that were made on purpose.

use std::collections::BTreeMap;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

use super::Percentiles;
use crate::fault::Fault;
use crate::pool::{Figures, InjectedFault};
use crate::stats::milliseconds;

/// Faults that were made on purpose.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Faults {
    /// How many there were.
    pub count: u64,
    /// How many of each kind.
    pub kinds: BTreeMap<Fault, FaultSum>,
    /// The latest 200, oldest first.
    pub latest: Vec<FaultReport>,
}

/// Faults of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultSum {
    /// How many were made.
    pub count: u64,
    /// Until all clients that one took offline were back.
    #[serde(with = "super::empty_object")]
    pub recovery_ms: Option<Percentiles>,
}

/// One fault that was made on purpose.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FaultReport {
    /// What was broken.
    pub fault: Fault,
    /// When it began (RFC 3339, UTC).
    pub began: String,
    /// The same, counted from the beginning of the pool, as the times of events are.
    pub began_ms: f64,
    /// For how long it was to last; 0: it happens at one moment.
    pub lasts_ms: f64,
    /// How many clients were online that it could take offline.
    pub clients: u64,
    /// How many of them it took offline, those that have left the herd since not counted.
    pub offline: u64,
    /// How long after its beginning all of these were back; `None`: they were not, or it took nobody offline.
    pub recovered_ms: Option<f64>,
}

impl From<&Figures> for Faults {
    fn from(figures: &Figures) -> Self {
        let one = |injected: &InjectedFault| {
            let began = figures.began.unwrap_or(UNIX_EPOCH) + injected.began;
            FaultReport {
                fault: injected.fault,
                began: humantime::format_rfc3339_millis(began).to_string(),
                began_ms: milliseconds(injected.began),
                lasts_ms: milliseconds(injected.lasts),
                clients: injected.clients as u64,
                offline: injected.offline as u64,
                recovered_ms: injected.recovered.map(milliseconds),
            }
        };
        Self {
            count: figures.faults.values().sum(),
            kinds: kinds(figures),
            latest: figures.latest_faults.iter().map(one).collect(),
        }
    }
}

impl Faults {
    /// How many were made before the oldest of the latest: of these nothing is known but their number.
    pub fn left_out(&self) -> u64 {
        self.count.saturating_sub(self.latest.len() as u64)
    }
}

/// How many of each kind there were, and how long it took clients to recover from them.
pub(super) fn kinds(figures: &Figures) -> BTreeMap<Fault, FaultSum> {
    let sum = |(fault, count): (&Fault, &u64)| {
        let recovery = figures.fault_recovery.get(fault);
        let sum = FaultSum {
            count: *count,
            recovery_ms: recovery.and_then(Percentiles::of_distribution),
        };
        (*fault, sum)
    };
    figures.faults.iter().map(sum).collect()
}
