//! The report of a run: what became of every client, for programs to read.
//!
//! Its fields are an interface, described by the JSON schema [`SCHEMA`]; a change that breaks a reader gets a new
//! [`ReportVersion`]. Durations are in milliseconds, exact to the microsecond; but of more than 32 round trips the percentiles
//! are as exact as the distribution they come from, at most too long, and never longer than the longest: 1 % in a soak's
//! sums ([`Precision::Ample`](crate::stats::Precision)), 7 % on a LAN and 25 % at worst in those of a client
//! ([`Precision::Fixed`](crate::stats::Precision)).

mod activities;
mod availability;
mod faults;
mod file;
mod html;
mod ipv6;
mod objectives;
mod percentiles;
mod soak;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize, Serializer};

pub use self::activities::{ActivityEntry, TimeSummary, Total};
pub use self::availability::{
    AvailabilityEntry, Ended, FamilyAvailability, Lost, OutageReport, Outages,
};
pub use self::faults::{FaultReport, FaultSum, Faults};
pub use self::file::{
    ReportFileError, check_apart, check_outputs, check_writable, is_replaced, is_standard_output,
    write, write_bytes,
};
pub use self::ipv6::{AddressEntry, BreachEntry, FamilyEntry, Ipv6Entry, Ipv6Summary, RouterEntry};
pub use self::objectives::{ObjectiveEntry, Unit};
pub use self::percentiles::{AllPercentiles, Percentiles};
pub(crate) use self::percentiles::{OrEmpty, empty_object};
pub use self::soak::{Soak, Sums};
use crate::activity::{ByKind, Kind};
use crate::dhcp::{Flaw, Lifetime};
use crate::family::{Families, Family};
use crate::identity::{ClientNumber, Mac, Seed};
use crate::objective::Judgement;
use crate::phase::{Cause, Failure, Phase, Stage};
use crate::pool::{ClientStatus, Figures, FlawSum, GroupName, HerdStatus};
use crate::stats::milliseconds;
use crate::tester::{Lag, NeighbourOverflows};

/// The JSON schema (draft 2020-12) of [`Report`].
pub const SCHEMA: &str = include_str!("../schemas/lanherd.report-1.schema.json");

/// What a report says of a run beside the state of its herd.
#[derive(Debug, Clone)]
pub struct RunSummary {
    /// The settings that it ran under, as an object.
    pub parameters: serde_json::Value,
    /// From which MACs and all random choices were derived.
    pub seed: Seed,
    /// When it began.
    pub started: SystemTime,
    /// How long it lasted, tear-down included.
    pub duration: Duration,
    /// How many things that lanherd made it could not remove.
    pub leaked_objects: u64,
    /// How it ended; `None`: it has not, and this is how it stands.
    pub ended: Option<Ended>,
    /// Whether it has come to the end that it was to come to.
    pub complete: bool,
    /// How late the tester itself was.
    pub lag: Lag,
    /// What became of its objectives.
    pub objectives: Vec<Judgement>,
    /// What more there is to say of a soak.
    pub soak: Option<Soak>,
}

/// The report of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Which report this is.
    pub schema: ReportVersion,
    /// The version of lanherd that made the run; empty in a report from before this was told.
    #[serde(default)]
    pub version: String,
    /// When the run began (RFC 3339, UTC).
    pub started: String,
    /// How long it lasted, tear-down included; or has lasted so far.
    pub duration_ms: f64,
    /// Whether the run has come to its end. A report that says no is of a soak that was interrupted; or, where `ended` is
    /// `None`, was written on the way: nothing was torn down yet, so nothing could be left behind.
    pub complete: bool,
    /// How the run ended; `None`: it has not, or the report is from before this was told.
    #[serde(default)]
    pub ended: Option<Ended>,
    /// From which MACs and all random choices were derived.
    pub seed: Seed,
    /// The settings that it ran under.
    pub parameters: serde_json::Value,
    /// Sums since the pool began.
    pub totals: Totals,
    /// How much of the time that clients should have been usable they were.
    #[serde(default)]
    pub availability: AvailabilityEntry,
    /// When most of the herd was down at once, for reasons that are the router's.
    #[serde(default)]
    pub outages: Outages,
    /// What was broken on purpose.
    #[serde(default)]
    pub faults: Faults,
    /// Distributions over the clients that are listed below.
    pub percentiles: AllPercentiles,
    /// Whether the tester itself kept up; of a report from before it was asked, that it did.
    #[serde(default)]
    pub tester: TesterEntry,
    /// The objectives that the run was given, and what became of each.
    #[serde(default)]
    pub objectives: Vec<ObjectiveEntry>,
    /// What was wrong with servers' messages, by kind.
    #[serde(default)]
    pub flaws: Vec<Flaws>,
    /// What there is to say of IPv6; only where clients are to have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<Ipv6Summary>,
    /// Every client that there was at the end, by number; of those that had left, the latest twenty, and of a soak none.
    pub clients: Vec<Client>,
    /// What more there is to say of a soak; `None` for other runs.
    pub soak: Option<Soak>,
}

/// One kind of flaw of servers' messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flaws {
    /// The option that it is about; `None`: the message as a whole.
    pub option: Option<u8>,
    /// In which way, in one word of a closed list.
    pub reason: String,
    /// Whether it makes the message malformed; others are only more than a client keeps.
    pub malformed: bool,
    /// How often it was met.
    pub count: u64,
    /// The latest, with the byte where the option stood, for a person to read.
    pub last: String,
}

impl Flaws {
    fn of(flaw: &Flaw, sum: &FlawSum) -> Self {
        Self {
            option: flaw.option(),
            reason: flaw.reason().to_owned(),
            malformed: flaw.is_malformed(),
            count: sum.count,
            last: sum.last.clone(),
        }
    }
}

/// The versions of the report: one, so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReportVersion {
    /// What this module describes.
    #[serde(rename = "lanherd.report/1")]
    One,
}

/// The herd at the end, and sums since the pool began over all clients that it ever had, those that have left among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Clients that should have been online at the end: all but those told to go.
    pub wanted: u64,
    /// Clients that were online at the end.
    pub online: u64,
    /// Clients that were given up.
    pub failed: u64,
    /// Restarts of clients.
    pub restarts: u64,
    /// What was attempted, by kind.
    #[serde(flatten, with = "activities::totals")]
    pub activities: ByKind<Total>,
    /// Things that lanherd made and could not remove.
    pub leaked_objects: u64,
    /// Leases for which no RELEASE could be sent in the end.
    #[serde(default)]
    pub leases_unreleased: u64,
}

/// Whether the tester itself kept up: times are the router's alone only as far as it did.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct TesterEntry {
    /// How late it woke, of all its wakings, one every 10 ms; below 1 ms no machine is late.
    #[serde(with = "empty_object")]
    pub scheduler_lag_ms: Option<Percentiles>,
    /// Whether it was ever saturated ([`tester`](crate::tester)).
    pub saturated: bool,
    /// How often it stood still for seconds: stopped, suspended, or without time to run.
    #[serde(default)]
    pub stalls: u64,
    /// For how long, in all.
    #[serde(default)]
    pub stalled_ms: f64,
    /// Leases that were lost by that.
    #[serde(default)]
    pub leases_lost: u64,
    /// How often the kernel's tables of neighbours were full, so that packets were lost on this host; of a family nothing where that
    /// cannot be seen.
    #[serde(default, skip_serializing_if = "NeighbourOverflows::is_unknown")]
    pub neighbour_table_full: NeighbourOverflows,
}

impl TesterEntry {
    /// How late it has been so far.
    pub fn of(lag: &Lag) -> Self {
        Self {
            scheduler_lag_ms: Percentiles::of_distribution(lag.all()),
            saturated: lag.was_saturated(),
            stalls: 0,
            stalled_ms: 0.0,
            leases_lost: 0,
            neighbour_table_full: lag.neighbour_overflows(),
        }
    }
}

/// One client, as it stood when the report was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Client {
    /// Its number in the pool.
    pub number: ClientNumber,
    /// The group that it is in.
    pub group: GroupName,
    /// Its network namespace.
    pub namespace: String,
    /// The address of its macvlan.
    pub mac: Mac,
    /// The address that it holds, or held last, with its prefix's length: `10.0.0.7/24`.
    pub address: Option<String>,
    /// The router of that lease.
    pub router: Option<Ipv4Addr>,
    /// The DNS servers of that lease.
    pub dns: Vec<Ipv4Addr>,
    /// The duration of that lease in seconds; `None` without a lease, or for one without an end.
    pub lease_seconds: Option<u64>,
    /// From its first admission to its first time online.
    pub join_ms: Option<f64>,
    /// From the first DHCP message of its latest acquisition to the acknowledgement.
    pub dhcp_ms: Option<f64>,
    /// How often it was restarted.
    pub restarts: u32,
    /// Which share of the time that it should have been usable it was, from 0 to 1; `None` where that was no time.
    #[serde(default)]
    pub availability: Option<f64>,
    /// For how long it should have been usable.
    #[serde(default)]
    pub wanted_ms: f64,
    /// For how long of that it was.
    #[serde(default)]
    pub usable_ms: f64,
    /// Which families it is to have addresses of; left out where that is only IPv4.
    #[serde(default, skip_serializing_if = "ipv6::is_ipv4")]
    pub families: Families,
    /// How it stands in each of them; left out likewise.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_family: BTreeMap<Family, FamilyEntry>,
    /// What it has, or had last, of IPv6.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ipv6: Option<Ipv6Entry>,
    /// What it was doing at the end.
    pub phase: Phase,
    /// Why it was not online, where it should have been.
    pub cause: Option<Cause>,
    /// Its latest failure, also where it has recovered since.
    pub last_failure: Option<LastFailure>,
    /// What it did: a list for each kind, with an entry for each thing that it was done to.
    #[serde(flatten, with = "activities::lists")]
    pub activities: Vec<ActivityEntry>,
}

/// A failure, with its particulars for a person to read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastFailure {
    /// The stage it happened in.
    pub stage: Stage,
    /// The reason, in one of the words that metrics have for it.
    pub cause: Cause,
    /// The family that it is of; left out where of none in particular.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
    /// What exactly was seen.
    pub detail: String,
}

impl Report {
    /// The report of `run`, whose herd was in this state *before* it was torn down: afterwards no client is online. What it
    /// has done since its pool began is in `figures`.
    pub fn new(herd: &HerdStatus, figures: &Figures, run: RunSummary) -> Self {
        Self {
            schema: ReportVersion::One,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: humantime::format_rfc3339_millis(run.started).to_string(),
            duration_ms: milliseconds(run.duration),
            complete: run.complete,
            ended: run.ended,
            seed: run.seed,
            parameters: run.parameters,
            totals: Totals::of(herd, figures, run.leaked_objects),
            availability: AvailabilityEntry::from(figures),
            outages: Outages::from(figures),
            faults: Faults::from(figures),
            percentiles: AllPercentiles::of(herd),
            tester: TesterEntry {
                stalls: figures.stalls,
                stalled_ms: milliseconds(figures.stalled),
                leases_lost: figures.leases_lost_by_tester,
                ..TesterEntry::of(&run.lag)
            },
            objectives: run.objectives.iter().map(ObjectiveEntry::from).collect(),
            flaws: herd
                .flaws
                .iter()
                .map(|(flaw, sum)| Flaws::of(flaw, sum))
                .collect(),
            ipv6: Ipv6Summary::of(figures),
            clients: herd.clients.iter().map(Client::from).collect(),
            soak: run.soak,
        }
    }
}

impl Totals {
    fn of(herd: &HerdStatus, figures: &Figures, leaked_objects: u64) -> Self {
        let clients_in = |wanted: fn(Phase) -> bool| {
            herd.clients
                .iter()
                .filter(|client| wanted(client.phase))
                .count() as u64
        };
        let total = |kind: Kind| {
            let all = figures.activities.values();
            Total::of(&all.filter(move |stats| stats.kind() == kind), kind.about())
        };
        Self {
            activities: ByKind::new(total),
            wanted: clients_in(Phase::is_wanted),
            online: clients_in(|phase| phase == Phase::Online),
            failed: clients_in(|phase| phase == Phase::Failed),
            restarts: figures.restarts,
            leaked_objects,
            leases_unreleased: 0,
        }
    }
}

impl Serialize for ClientStatus {
    /// As [`Client`], so that there is one form of a client for all who read it.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Client::from(self).serialize(serializer)
    }
}

impl Client {
    /// The address that it has; of one that has given it back, or lost it, none.
    pub fn held_address(&self) -> Option<&String> {
        self.address.as_ref().filter(|_| self.phase.has_address())
    }
}

impl From<&ClientStatus> for Client {
    fn from(client: &ClientStatus) -> Self {
        let lease = client.lease.as_ref();
        let cause = client.failure.as_ref().map(|failure| failure.cause);
        Self {
            number: client.identity.number,
            group: client.group.clone(),
            namespace: client.identity.namespace.clone(),
            mac: client.identity.mac,
            address: lease.map(|lease| format!("{}/{}", lease.address, lease.prefix_len)),
            router: lease.and_then(crate::dhcp::Lease::router),
            dns: lease.map(|lease| lease.dns.clone()).unwrap_or_default(),
            lease_seconds: lease.and_then(|lease| seconds(lease.lifetime)),
            join_ms: client.join.map(milliseconds),
            dhcp_ms: client.dhcp.map(milliseconds),
            restarts: client.restarts,
            availability: client.availability(),
            wanted_ms: milliseconds(client.wanted),
            usable_ms: milliseconds(client.usable),
            families: client.families,
            by_family: ipv6::by_family(client),
            ipv6: Ipv6Entry::of(client),
            phase: client.phase,
            cause: cause.filter(|_| is_short_of_online(client.phase)),
            last_failure: client.failure.as_ref().map(LastFailure::from),
            activities: client
                .activities
                .iter()
                .map(|stats| ActivityEntry::from(&**stats))
                .collect(),
        }
    }
}

impl From<&Failure> for LastFailure {
    fn from(failure: &Failure) -> Self {
        Self {
            stage: failure.stage,
            cause: failure.cause,
            family: failure.family,
            detail: failure.detail.clone(),
        }
    }
}

/// Whether a client in this phase should be online and is not.
const fn is_short_of_online(phase: Phase) -> bool {
    match phase {
        Phase::Queued
        | Phase::Namespace
        | Phase::Link
        | Phase::Dhcp
        | Phase::Configure
        | Phase::Router
        | Phase::Dhcp6
        | Phase::Dad
        | Phase::Partial
        | Phase::NoCarrier
        | Phase::Backoff
        | Phase::Failed => true,
        Phase::Online | Phase::Released | Phase::V6Only | Phase::Leaving | Phase::Gone => false,
    }
}

const fn seconds(lifetime: Lifetime) -> Option<u64> {
    match lifetime {
        Lifetime::Infinite => None,
        Lifetime::Finite { lease, .. } => Some(lease.as_secs()),
    }
}

#[cfg(test)]
mod tests;
