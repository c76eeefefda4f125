//! One client's place in the pool: what is known of it over all its lives.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::ActorRef;
use tokio::task::JoinHandle;

use super::group::RunningGroup;
use super::restart::RestartHistory;
use super::status::{ClientStatus, FamilyStatus};
use crate::client::ClientMsg;
use crate::client::ipv6::Ipv6State;
use crate::dhcp::Lease;
use crate::dhcp6;
use crate::family::{ByFamily, Family};
use crate::identity::Identity;
use crate::lan::ipv6::Held6;
use crate::phase::{Cause, Failure, Phase, Stage};
use crate::stats::{ActivityStats, ClientStats};

/// Tells the lives of one client apart, so that what an earlier one said late is not taken for the present one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Incarnation(pub(super) u32);

/// A client as its supervisor knows it.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) identity: Arc<Identity>,
    pub(super) group: Arc<RunningGroup>,
    pub(super) child: ChildState,
    pub(super) incarnation: Incarnation,
    /// Changed only through the herd, which keeps the census.
    pub(super) phase: Phase,
    pub(super) lease: LeaseRecord,
    /// How it stands in each family that it is to have.
    pub(super) families: ByFamily<FamilyRecord>,
    /// All that it told last of what it has of IPv6.
    pub(super) ipv6: Option<Arc<Ipv6State>>,
    /// The DHCPv6 lease of a client that was taken over, until it has said what it has itself.
    pub(super) remembered6: Option<Box<Held6>>,
    pub(super) failure: Option<Failure>,
    pub(super) history: RestartHistory,
    pub(super) restarts: u32,
    /// Restarts since it was last online that an outage has paid for.
    pub(super) outage_tries: u32,
    pub(super) rng: fastrand::Rng,
    pub(super) admitted: Option<Instant>,
    pub(super) join: Option<Duration>,
    pub(super) dhcp: Option<Duration>,
    /// What it did in all its lives. The client's own: the pool only reads it.
    pub(super) stats: Arc<ClientStats>,
}

/// How a client stands in a family that it is to have.
#[derive(Debug, Clone, Default)]
pub(super) struct FamilyRecord {
    pub(super) standing: FamilyStanding,
    /// From the first message of that family until it was usable, the latest time.
    pub(super) took: Option<Duration>,
    /// The latest that failed.
    pub(super) failure: Option<Failure>,
}

/// Whether a client is usable in a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum FamilyStanding {
    /// Not yet, and nothing has failed.
    #[default]
    Joining,
    Up,
    Down,
    /// It need not be.
    Resting,
}

/// Where in its life a client is, and what the pool holds of it there.
#[derive(Debug)]
pub(super) enum ChildState {
    /// Waiting for admission; owns nothing.
    Queued,
    /// Its actor lives.
    Running(RunningChild),
    /// Its actor was told to stop.
    Stopping(RunningChild, AfterCleanup),
    /// Its actor has ended; what it owned is being removed.
    Cleaning(AfterCleanup),
    /// Removed; to be queued again.
    Backoff(RestartReason),
    /// Removed, for good.
    Ended,
}

/// A living actor.
#[derive(Debug)]
pub(super) struct RunningChild {
    pub(super) actor: ActorRef<ClientMsg>,
    pub(super) task: JoinHandle<()>,
}

/// How an actor ended.
#[derive(Debug)]
pub(super) enum ActorEnd {
    /// It stopped by itself.
    Stopped,
    /// It was killed.
    Killed,
    /// It failed, or panicked.
    Failed(Failure),
}

/// What comes after cleaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterCleanup {
    /// Another life, after this wait.
    Restart(RestartReason, Duration),
    /// Nothing: it failed for good.
    GiveUp,
    /// Nothing: it left.
    Gone,
}

/// Why there is another life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RestartReason {
    /// The one before failed.
    Failed(Cause),
    /// The one before ended by itself, and its restart type is permanent.
    Ended,
    /// Somebody wanted it.
    Ordered,
}

impl RestartReason {
    /// The label in metrics.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Failed(cause) => cause.as_str(),
            Self::Ended => "ended",
            Self::Ordered => "ordered",
        }
    }

    pub(super) const fn cause(self) -> Option<Cause> {
        match self {
            Self::Failed(cause) => Some(cause),
            Self::Ended | Self::Ordered => None,
        }
    }
}

/// What is known of a client's lease.
#[derive(Debug)]
pub(super) enum LeaseRecord {
    /// It never had one.
    Never,
    /// The server thinks that the client has it, also between two lives.
    Held(Lease),
    /// Released, expired or refused.
    Past(Lease),
}

impl LeaseRecord {
    pub(super) fn lease(&self) -> Option<&Lease> {
        match self {
            Self::Never => None,
            Self::Held(lease) | Self::Past(lease) => Some(lease),
        }
    }

    pub(super) fn held(&self) -> Option<&Lease> {
        match self {
            Self::Held(lease) => Some(lease),
            Self::Never | Self::Past(_) => None,
        }
    }

    pub(super) fn end(&mut self) {
        if let Self::Held(lease) = std::mem::replace(self, Self::Never) {
            *self = Self::Past(lease);
        }
    }
}

impl Slot {
    pub(super) fn new(identity: Identity, group: Arc<RunningGroup>, rng: fastrand::Rng) -> Self {
        Self {
            identity: Arc::new(identity),
            group,
            child: ChildState::Queued,
            incarnation: Incarnation::default(),
            phase: Phase::Queued,
            lease: LeaseRecord::Never,
            families: ByFamily::default(),
            ipv6: None,
            remembered6: None,
            failure: None,
            history: RestartHistory::default(),
            restarts: 0,
            outage_tries: 0,
            rng,
            admitted: None,
            join: None,
            dhcp: None,
            stats: Arc::default(),
        }
    }

    /// The DHCPv6 lease that the server thinks the client has, also between two lives.
    pub(super) fn lease6(&self, now: Instant) -> Option<Held6> {
        let own = || {
            let state = self.ipv6.as_ref()?;
            Some(Held6 {
                link_local: state.link_local()?,
                duid: dhcp6::Config::new(self.identity.mac).duid,
                lease: state.lease.as_deref().cloned()?,
                is_requested: false,
            })
        };
        let held = self.remembered6.as_deref().cloned().or_else(own)?;
        let ends = held.lease.expires_at();
        ends.is_none_or(|end| end > now).then_some(held)
    }

    /// The server has, or may give away, what was leased.
    pub(super) fn end_lease6(&mut self) {
        self.remembered6 = None;
        if let Some(state) = &mut self.ipv6
            && state.lease.is_some()
        {
            Arc::make_mut(state).lease = None;
        }
    }

    /// The actor, if it lives and was not told to leave.
    pub(super) fn actor(&self) -> Option<&ActorRef<ClientMsg>> {
        match &self.child {
            ChildState::Running(running) => Some(&running.actor),
            ChildState::Queued
            | ChildState::Stopping(..)
            | ChildState::Cleaning(_)
            | ChildState::Backoff(_)
            | ChildState::Ended => None,
        }
    }

    /// The stage of its life, for a failure that its actor could not tell itself.
    pub(super) fn stage(&self) -> Stage {
        match self.phase {
            Phase::Queued | Phase::Namespace | Phase::Backoff => Stage::Namespace,
            Phase::Link => Stage::Link,
            Phase::Dhcp => Stage::Dhcp,
            Phase::Configure | Phase::Dad => Stage::Configure,
            Phase::Router => Stage::Router,
            Phase::Dhcp6 => Stage::Dhcp6,
            Phase::Online
            | Phase::Partial
            | Phase::Released
            | Phase::V6Only
            | Phase::NoCarrier
            | Phase::Leaving
            | Phase::Failed
            | Phase::Gone => Stage::Online,
        }
    }

    /// Whether it is usable in a family.
    pub(super) fn is_up_in(&self, family: Family) -> bool {
        self.families.get(family).standing == FamilyStanding::Up
    }

    /// How it stands in a family, with the time that it was wanted and usable in it; `None`: it is not to have it.
    fn family(
        &self,
        family: Family,
        (wanted, usable): (Duration, Duration),
    ) -> Option<FamilyStatus> {
        let record = self.families.get(family);
        let is_wanted = self.group.families.include(family);
        is_wanted.then(|| FamilyStatus {
            is_up: self.is_up_in(family),
            rests: record.standing == FamilyStanding::Resting,
            took: record.took.or(self.dhcp.filter(|_| family == Family::Ipv4)),
            failure: record.failure.clone(),
            wanted,
            usable,
        })
    }

    /// All that is to be told of it, with what it did, the time that it was wanted and that it was usable, the same by family, and
    /// the time that it spent on stale prefixes.
    pub(super) fn status(
        &self,
        activities: Vec<Arc<ActivityStats>>,
        (wanted, usable): (Duration, Duration),
        by_family: &ByFamily<(Duration, Duration)>,
        stale: Duration,
    ) -> ClientStatus {
        ClientStatus {
            identity: Identity::clone(&self.identity),
            group: self.group.name.clone(),
            phase: self.phase,
            failure: self.failure.clone(),
            lease: self.lease.lease().cloned(),
            families: self.group.families,
            by_family: ByFamily::of(|family| self.family(family, *by_family.get(family))),
            ipv6: self.ipv6.clone(),
            stale_prefix: stale,
            join: self.join,
            dhcp: self.dhcp,
            restarts: self.restarts,
            wanted,
            usable,
            activities,
        }
    }
}
