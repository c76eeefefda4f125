//! Pictures of a herd: what is shown of it, whoever shows it.
//!
//! Over HTTP they are the documents of the JSON API ([`http::api`](crate::http::api)), so their fields are an interface. Durations
//! in fields ending in `_ms` are milliseconds; moments are seconds since the pool began.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::control::Row;
use crate::identity::{ClientNumber, PoolName};
use crate::phase::{Cause, Phase};
use crate::pool::{Census, ClientStatus, Event, Figures, GroupName, HerdStatus, Share};
use crate::report::{Client, Percentiles, Sums};
use crate::stats::Tally;

/// The versions of the pictures as JSON: one, so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// What this module describes.
    #[serde(rename = "lanherd.api/1")]
    One,
}

/// The herd at a glance, at most a second old.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Herd {
    /// Which format this is.
    pub schema: Version,
    /// The pool.
    pub pool: PoolName,
    /// The latest event that had happened, by its number.
    pub sequence: u64,
    /// How many clients are in each phase; every phase is named.
    pub phases: BTreeMap<Phase, u32>,
    /// Sums over all clients that the herd ever had.
    pub sums: Sums,
    /// Until so much of what outages took was back.
    pub outage_recovery_ms: BTreeMap<Share, Percentiles>,
    /// The latest second.
    pub lately: Point,
}

/// One moment, and what happened since the one before, about a second earlier.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// When, in seconds since the pool began.
    pub after: f64,
    /// Clients that are online.
    pub online: u32,
    /// Clients that should be online.
    pub wanted: u32,
    /// Clients that came online for the first time.
    pub joins: u64,
    /// Lives that ended with a failure, and troubles.
    pub failures: u64,
    /// Round trips of pings.
    #[serde(with = "crate::report::empty_object")]
    pub ping_ms: Option<Percentiles>,
}

/// How the herd was, a point a second.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Which format this is.
    pub schema: Version,
    /// The oldest first; of the latest ten minutes.
    pub points: Vec<Point>,
}

/// Every client, in few words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clients {
    /// Which format this is.
    pub schema: Version,
    /// The pool.
    pub pool: PoolName,
    /// All events up to this one are in it; later ones may be.
    pub sequence: u64,
    /// Every client, by number.
    pub clients: Vec<Cell>,
}

/// One client among many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cell {
    /// Its number in the pool.
    pub number: ClientNumber,
    /// The group that it is in.
    pub group: GroupName,
    /// What it is doing.
    pub phase: Phase,
    /// Why it failed last, also where it has recovered since.
    pub last_cause: Option<Cause>,
    /// How often it was restarted.
    pub restarts: u32,
}

/// All about one client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct One {
    /// Which format this is.
    pub schema: Version,
    /// Until its lease ends if nobody extends it, in seconds; `None` without a lease, or for one without an end.
    pub lease_remaining_seconds: Option<u64>,
    /// All else, as reports have it.
    pub client: Client,
    /// Its latest events, the oldest first.
    pub events: Vec<Event>,
}

impl Herd {
    pub(super) fn new(
        pool: &PoolName,
        sequence: u64,
        census: &Census,
        figures: &Figures,
        lately: Point,
    ) -> Self {
        let of = |phase: &Phase| (*phase, census.of(*phase));
        let recovery = |(share, took): (&Share, &_)| {
            Percentiles::of_distribution(took).map(|took| (*share, took))
        };
        Self {
            schema: Version::One,
            pool: pool.clone(),
            sequence,
            phases: Phase::ALL.iter().map(of).collect(),
            sums: Sums::from(figures),
            outage_recovery_ms: figures
                .outage_recovery
                .iter()
                .filter_map(recovery)
                .collect(),
            lately,
        }
    }
}

impl Point {
    /// How it is `after` so many seconds, and what happened since there were these `earlier` figures.
    pub(super) fn new(after: f64, census: &Census, figures: &Figures, earlier: &Figures) -> Self {
        let wanted = Phase::ALL.iter().filter(|phase| phase.is_wanted());
        let failures = |figures: &Figures| figures.failures.values().sum::<u64>();
        Self {
            after,
            online: census.of(Phase::Online),
            wanted: wanted.map(|phase| census.of(*phase)).sum(),
            joins: figures.join.count().saturating_sub(earlier.join.count()),
            failures: failures(figures).saturating_sub(failures(earlier)),
            ping_ms: round_trips(figures, earlier).and_then(|all| Percentiles::of_tally(&all)),
        }
    }
}

fn round_trips(figures: &Figures, earlier: &Figures) -> Option<Tally> {
    let since = |(target, now): (&_, &crate::stats::PingStats)| match earlier.pings.get(target) {
        Some(before) => now.rtt.since(&before.rtt),
        None => now.rtt.since(&crate::stats::Distribution::default()),
    };
    figures.pings.iter().map(since).reduce(|mut all, more| {
        all.add(&more);
        all
    })
}

impl Clients {
    pub(super) fn new(pool: &PoolName, sequence: u64, herd: &HerdStatus) -> Self {
        Self {
            schema: Version::One,
            pool: pool.clone(),
            sequence,
            clients: herd.clients.iter().map(Cell::from).collect(),
        }
    }
}

impl From<&ClientStatus> for Cell {
    fn from(client: &ClientStatus) -> Self {
        Self {
            number: client.identity.number,
            group: client.group.clone(),
            phase: client.phase,
            last_cause: client.failure.as_ref().map(|failure| failure.cause),
            restarts: client.restarts,
        }
    }
}

impl One {
    pub(super) fn new(status: &ClientStatus, events: Vec<Event>) -> Self {
        let Row {
            lease_remaining_seconds,
            client,
        } = Row::from(status);
        Self {
            schema: Version::One,
            lease_remaining_seconds,
            client,
            events,
        }
    }
}
