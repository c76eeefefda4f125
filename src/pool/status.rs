//! What a pool tells of its herd.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::group::GroupName;
use crate::activity::{Kind, Subject};
use crate::client::FlawSum;
use crate::client::ipv6::Ipv6State;
use crate::dhcp::{Flaw, Lease};
use crate::family::{ByFamily, Families};
use crate::identity::{ClientNumber, Identity};
use crate::lan::{CleanupError, InjectError};
use crate::phase::{Failure, Phase};
use crate::stats::ActivityStats;

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
                Phase::Online
                    | Phase::Partial
                    | Phase::Released
                    | Phase::V6Only
                    | Phase::Failed
                    | Phase::Gone
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

/// The whole herd at one moment. It is serialised as the clients of a report are: [`crate::report::Client`] reads it back, and
/// `schemas/lanherd.report-1.schema.json` describes it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct HerdStatus {
    /// Every client, by number; of those that have left, the latest twenty.
    pub clients: Vec<ClientStatus>,
    /// What was wrong with servers' messages since the pool began, by kind.
    pub flaws: BTreeMap<Flaw, FlawSum>,
}

/// How a client stands in one family that it is to have.
#[derive(Debug, Clone, Default)]
pub struct FamilyStatus {
    /// Whether it is usable in it.
    pub is_up: bool,
    /// Whether it was told to do without it, so that it need not be.
    pub rests: bool,
    /// From the first message of that family until it was usable, the latest time.
    pub took: Option<Duration>,
    /// The latest failure in it, also when it has recovered since.
    pub failure: Option<Failure>,
    /// For how long it should have been usable in it.
    pub wanted: Duration,
    /// For how long of that it was.
    pub usable: Duration,
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
    /// Which families it is to have addresses of.
    pub families: Families,
    /// How it stands in each of them.
    pub by_family: ByFamily<Option<FamilyStatus>>,
    /// What it has, or had last, of IPv6.
    pub ipv6: Option<Arc<Ipv6State>>,
    /// For how long it preferred addresses of a prefix that its router had replaced by another, in all.
    pub stale_prefix: Duration,
    /// From its first admission to its first time online.
    pub join: Option<Duration>,
    /// From the first DHCP message of its latest acquisition to the acknowledgement.
    pub dhcp: Option<Duration>,
    /// How often it was restarted.
    pub restarts: u32,
    /// For how long it should have been usable ([`Uptime`](crate::stats::Uptime)).
    pub wanted: Duration,
    /// For how long of that it was.
    pub usable: Duration,
    /// All that it did since it was created, restarts included, in order of what it was done to.
    pub activities: Vec<Arc<ActivityStats>>,
}

impl ClientStatus {
    /// Which share of the time that it should have been usable it was, from 0 to 1; `None` where that was no time.
    pub fn availability(&self) -> Option<f64> {
        let wanted = !self.wanted.is_zero();
        wanted.then(|| self.usable.as_secs_f64() / self.wanted.as_secs_f64())
    }

    /// The figures of one thing that it does.
    pub fn activity(&self, subject: &Subject) -> Option<&ActivityStats> {
        let mut all = self.activities.iter();
        let stats = all.find(|stats| stats.subject == *subject)?;
        Some(stats)
    }

    /// The figures of all that it does of a kind.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &ActivityStats> {
        let all = self.activities.iter().map(Arc::as_ref);
        all.filter(move |stats| stats.kind() == kind)
    }
}

/// What became of one activity of many clients.
#[derive(Debug, Clone)]
pub struct RunReport {
    /// Every client that was asked, by number.
    pub clients: BTreeMap<ClientNumber, ActivityStats>,
    /// How many of a client's attempts did not succeed for what may be the tester's own doing: it failed, or was late for half of
    /// the time that the attempt had. Who is not here has none.
    pub testers: BTreeMap<ClientNumber, u64>,
}

impl RunReport {
    /// The clients of which some attempt failed.
    pub fn failed(&self) -> impl Iterator<Item = (ClientNumber, &ActivityStats)> {
        self.clients
            .iter()
            .filter(|(_, stats)| !stats.is_success())
            .map(|(number, stats)| (*number, stats))
    }

    /// Whether all of a client's attempts that did not succeed may be the tester's own doing, and there are such.
    pub fn is_testers(&self, number: ClientNumber) -> bool {
        let testers = self.testers.get(&number).copied().unwrap_or_default();
        let failures = self.clients.get(&number).map_or(0, ActivityStats::failures);
        failures > 0 && testers >= failures
    }

    /// Whether there were clients, and all attempts of all succeeded.
    pub fn is_success(&self) -> bool {
        !self.clients.is_empty() && self.failed().next().is_none()
    }
}

/// What a tear-down did.
#[derive(Debug, Clone, Default)]
pub struct TearDownReport {
    /// How many clients were torn down.
    pub clients: u32,
    /// How many leases were given back: a RELEASE was sent for each. No server ever acknowledges one (RFC 2131, 4.4.6), so
    /// whether it was heard is not known.
    pub releases_sent: u32,
    /// For how many leases none could be sent: the server keeps them until they expire.
    pub releases_unsent: u32,
    /// The steps that failed, with the client they belong to; every other step was done all the same.
    pub errors: Vec<(ClientNumber, CleanupError)>,
}

/// What came of the injection of a fault, for one client.
pub type InjectionResult = (ClientNumber, Result<(), InjectError>);
