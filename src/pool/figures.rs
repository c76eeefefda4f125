//! What a pool has counted since it began, of all clients, those that have left included.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::outage::{Outage, Share};
use super::recovery::InjectedFault;
use super::stale::StaleTime;
use crate::activity::{Kind, Subject};
use crate::client::FlawSum;
use crate::client::ipv6::Ipv6EventKind;
use crate::dhcp::Flaw;
use crate::family::Family;
use crate::fault::Fault;
use crate::phase::Cause;
use crate::stats::{ActivityStats, Distribution, Uptime};
use crate::tester::Doubt;

/// Sums and distributions since the pool began: two of them, one later than the other, tell what happened between.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// When the pool began; `None` where they are no pool's.
    pub began: Option<SystemTime>,
    /// For how long clients were usable of the time that they were wanted.
    pub uptime: Uptime,
    /// From admission to the first time online.
    pub join: Distribution,
    /// From the first DHCP message of an acquisition to the acknowledgement.
    pub dhcp: Distribution,
    /// All that clients did, by what it was done to.
    pub activities: BTreeMap<Subject, ActivityStats>,
    /// Lives that ended with a failure, and troubles that clients mended by themselves, by cause.
    pub failures: BTreeMap<Cause, u64>,
    /// How often clients were restarted.
    pub restarts: u64,
    /// Clients that were given up.
    pub give_ups: u64,
    /// Leases that ran out or were refused while held, but for those of `leases_lost_by_tester`.
    pub leases_lost: u64,
    /// What was wrong with servers' messages, by kind.
    pub flaws: BTreeMap<Flaw, FlawSum>,
    /// Leases that were lost because the tester stood still.
    pub leases_lost_by_tester: u64,
    /// How often the tester stood still, for seconds.
    pub stalls: u64,
    /// For how long it did, in all.
    pub stalled: Duration,
    /// How many outages there were.
    pub outages: u64,
    /// The latest [`Outage::KEPT`] of them, oldest first.
    pub latest_outages: Vec<Outage>,
    /// Until so much of what outages took was back.
    pub outage_recovery: BTreeMap<Share, Distribution>,
    /// The time of each family that clients are to have; only where some are to have IPv6.
    pub uptime_by_family: BTreeMap<Family, Uptime>,
    /// How many outages there were in each family; one of both counts in each. Only where some clients are to have IPv6.
    pub outages_by_family: BTreeMap<Family, u64>,
    /// What happened in IPv6, by kind.
    pub ipv6_events: BTreeMap<Ipv6EventKind, u64>,
    /// What broke the protocol in router advertisements, by reason.
    pub advertisement_flaws: BTreeMap<&'static str, FlawSum>,
    /// For how long clients used prefixes that their router had replaced.
    pub stale_prefix: StaleTime,
    /// What of all this may be the tester's own doing.
    pub doubt: Doubt,
    /// Faults that were made on purpose, by kind.
    pub faults: BTreeMap<Fault, u64>,
    /// The latest [`InjectedFault::KEPT`] of them, oldest first.
    pub latest_faults: Vec<InjectedFault>,
    /// Until all clients that faults took offline were back, by kind.
    pub fault_recovery: BTreeMap<Fault, Distribution>,
}

impl Figures {
    /// Which share of the time in which clients should have been usable they were, from 0 to 1; `None` where none was
    /// wanted yet.
    pub fn availability(&self) -> Option<f64> {
        self.uptime.availability()
    }

    /// The flaws that make a message malformed.
    pub fn malformed(&self) -> impl Iterator<Item = (&Flaw, &FlawSum)> {
        self.flaws.iter().filter(|(flaw, _)| flaw.is_malformed())
    }

    /// How often servers' messages, or options in them, were malformed.
    pub fn malformed_count(&self) -> u64 {
        self.malformed().map(|(_, sum)| sum.count).sum()
    }

    /// The figures of all activities of a kind, one for each thing that it was done to.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &ActivityStats> {
        let all = self.activities.values();
        all.filter(move |stats| stats.kind() == kind)
    }

    pub(super) fn failed(&mut self, cause: Cause) {
        *self.failures.entry(cause).or_default() += 1;
    }

    pub(super) fn back(&mut self, share: Share, took: Duration) {
        self.outage_recovery.entry(share).or_default().record(took);
    }

    pub(super) fn fault_injected(&mut self, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
    }

    pub(super) fn recovered(&mut self, fault: Fault, took: Duration) {
        self.fault_recovery.entry(fault).or_default().record(took);
    }
}
