//! What a pool tells of its herd.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::group::GroupName;
use crate::dhcp::Lease;
use crate::identity::{ClientNumber, Identity};
use crate::lan::{CleanupError, SabotageError};
use crate::phase::{Failure, Phase};
use crate::stats::PingStats;
use crate::target::Target;

/// How many clients are in each phase: cheap to ask for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Census {
    by_phase: BTreeMap<Phase, u32>,
}

impl Census {
    /// How many are in `phase`.
    pub fn of(&self, phase: Phase) -> u32 {
        self.by_phase.get(&phase).copied().unwrap_or_default()
    }

    /// How many there are in all.
    pub fn total(&self) -> u32 {
        self.by_phase.values().sum()
    }

    /// Whether nobody is on the way: every client is online, released, failed or gone.
    pub fn is_settled(&self) -> bool {
        self.by_phase.keys().all(|phase| {
            matches!(
                phase,
                Phase::Online | Phase::Released | Phase::V6Only | Phase::Failed | Phase::Gone
            )
        })
    }

    pub(super) fn enter(&mut self, phase: Phase) {
        *self.by_phase.entry(phase).or_default() += 1;
    }

    pub(super) fn leave(&mut self, phase: Phase) {
        if let Some(count) = self.by_phase.get_mut(&phase) {
            *count -= 1;
            if *count == 0 {
                self.by_phase.remove(&phase);
            }
        }
    }
}

impl FromIterator<(Phase, u32)> for Census {
    fn from_iter<I: IntoIterator<Item = (Phase, u32)>>(counts: I) -> Self {
        Self {
            by_phase: counts.into_iter().filter(|(_, count)| *count > 0).collect(),
        }
    }
}

/// The whole herd at one moment.
#[derive(Debug, Clone)]
pub struct HerdStatus {
    /// Every client, by number; of those that have left, the latest twenty.
    pub clients: Vec<ClientStatus>,
}

/// One client at one moment.
#[derive(Debug, Clone)]
pub struct ClientStatus {
    /// Who it is.
    pub identity: Identity,
    /// The group that it is in.
    pub group: GroupName,
    /// What it is doing.
    pub phase: Phase,
    /// Its latest failure, also when it has recovered since.
    pub failure: Option<Failure>,
    /// The lease it holds, or held last.
    pub lease: Option<Lease>,
    /// From its first admission to its first time online.
    pub join: Option<Duration>,
    /// From the first DHCP message of its latest acquisition to the acknowledgement.
    pub dhcp: Option<Duration>,
    /// How often it was restarted.
    pub restarts: u32,
    /// All pings since it was created, restarts included, by target.
    pub pings: BTreeMap<Target, Arc<PingStats>>,
}

/// The answer to one ping of many clients.
#[derive(Debug, Clone)]
pub struct PingReport {
    /// Every client that was asked, by number.
    pub clients: BTreeMap<ClientNumber, PingStats>,
}

impl PingReport {
    /// The clients of which some request was not answered.
    pub fn failed(&self) -> impl Iterator<Item = (ClientNumber, &PingStats)> {
        self.clients
            .iter()
            .filter(|(_, stats)| !stats.is_lossless())
            .map(|(number, stats)| (*number, stats))
    }

    /// Whether there were clients, and all requests of all were answered.
    pub fn is_success(&self) -> bool {
        !self.clients.is_empty() && self.failed().next().is_none()
    }
}

/// What a tear-down did.
#[derive(Debug, Clone, Default)]
pub struct TearDownReport {
    /// How many clients were torn down.
    pub clients: u32,
    /// How many leases were released.
    pub released: u32,
    /// The steps that failed, with the client they belong to; every other step was done all the same.
    pub errors: Vec<(ClientNumber, CleanupError)>,
}

/// What came of one fault that was made on purpose, for one client.
pub type Sabotaged = (ClientNumber, Result<(), SabotageError>);
