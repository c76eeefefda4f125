//! Pictures of a herd: what is shown of it, whoever shows it.
//!
//! Over HTTP they are the documents of the JSON API ([`http::api`](crate::http::api)), so their fields are an interface. Durations
//! in fields ending in `_ms` are milliseconds; moments are seconds since the pool began.

mod cell;

use std::collections::BTreeMap;

use lanherd_audit::{RouterFindings, RouterFound};
use serde::{Deserialize, Serialize};

pub use self::cell::Cell;
use crate::activity::{ByKind, Kind};
use crate::control::Row;
use crate::identity::PoolName;
use crate::phase::Phase;
use crate::pool::{Census, ClientStatus, Event, Figures, HerdStatus, Share};
use crate::report::{AvailabilityEntry, BreachEntry, Client, Outages, Percentiles, Sums};
use crate::stats::{ActivityStats, Distribution, Tally};

/// The versions of the pictures as JSON: one, so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ApiVersion {
    /// What this module describes.
    #[serde(rename = "lanherd.api/1")]
    One,
}

/// The herd at a glance, at most a second old.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Herd {
    /// Which format this is.
    pub schema: ApiVersion,
    /// The name of the pool.
    pub pool: PoolName,
    /// When the run began, by the tester's clock (RFC 3339, UTC): the moment that seconds are counted from.
    #[serde(default)]
    pub began: String,
    /// The latest event that had happened, by its number.
    pub sequence: u64,
    /// How many clients are in each phase; every phase is named.
    pub phases: BTreeMap<Phase, u32>,
    /// How much of the time that clients should have been usable they were.
    #[serde(default)]
    pub availability: AvailabilityEntry,
    /// When most of the herd was down at once, for reasons that are the router's.
    #[serde(default)]
    pub outages: Outages,
    /// Sums over all clients that the herd ever had.
    pub sums: Sums,
    /// What clients did, in the same form for every kind.
    #[serde(default)]
    pub activities: Vec<ActivitySum>,
    /// Until so much of what outages took was back.
    pub outage_recovery_ms: BTreeMap<Share, Percentiles>,
    /// The latest second.
    pub lately: Point,
}

/// One activity, of one client or of the herd, in the same form for every kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ActivitySum {
    /// The word of its kind.
    pub kind: String,
    /// What it is done to.
    pub subject: String,
    /// Attempts that were wanted, those that could not be made included.
    pub attempts: u64,
    /// Those of them that succeeded.
    pub succeeded: u64,
    /// Attempts that came to an answer, by what was answered; empty where the kind does not tell answers apart.
    pub answers: BTreeMap<String, u64>,
    /// Attempts that came to no answer, by cause.
    pub failed: BTreeMap<String, u64>,
    /// How long those took that came to an answer.
    #[serde(with = "crate::report::empty_object")]
    pub ms: Option<Percentiles>,
}

/// A kind of activity, for whoever reads points without knowing the kinds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindWords {
    /// The word that stands for it in `activities`.
    pub kind: String,
    /// One time of it.
    pub one: String,
    /// Several: a [`Point`] has its work under this name.
    pub many: String,
    /// What became of those that went well.
    pub succeeded: String,
    /// What became of the others.
    pub failed: String,
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
    /// What clients did, by kind.
    #[serde(flatten, with = "of_a_point")]
    pub activities: ByKind<Work>,
}

/// The work of each kind under `pings`, `lookups` and so on; and the round trips of pings under a name of their own, as version 1 of
/// the API had them from the first.
mod of_a_point {
    use serde::de::Error as _;
    use serde::ser::SerializeMap as _;
    use serde::{Deserialize, Deserializer, Serializer};
    use serde_json::{Map, Value};

    use super::{ByKind, Kind, Work};
    use crate::report::OrEmpty;

    pub fn serialize<S: Serializer>(all: &ByKind<Work>, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(None)?;
        map.serialize_entry("ping_ms", &OrEmpty::from(all[Kind::Ping].ms))?;
        for (kind, work) in all.iter() {
            map.serialize_entry(kind.about().many, work)?;
        }
        map.end()
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<ByKind<Work>, D::Error> {
        let mut fields = Map::<String, Value>::deserialize(from)?;
        let mut all = ByKind::default();
        for kind in Kind::ALL {
            if let Some(work) = fields.remove(kind.about().many) {
                all[*kind] = serde_json::from_value(work).map_err(D::Error::custom)?;
            }
        }
        Ok(all)
    }
}

/// What clients did of one kind since the point before.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Work {
    /// Attempts that have come to their end, those that could not be made included.
    pub attempts: u64,
    /// Those of them that did not succeed.
    pub failed: u64,
    /// How long those took that came to an answer. Of several looks the percentiles are the longest of any look.
    #[serde(with = "crate::report::empty_object")]
    pub ms: Option<Percentiles>,
}

/// An outage, or a fault that was made on purpose, where it lies in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mark {
    /// `outage`, or the fault's name.
    pub what: String,
    /// Its beginning, in seconds since the pool began.
    pub from: f64,
    /// Its end, in seconds since the pool began; the beginning again for what happens at one moment, `None` while it
    /// lasts.
    pub to: Option<f64>,
}

/// How the herd was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LiveHistory {
    /// Which format this is.
    pub schema: ApiVersion,
    /// When the run began, by the tester's clock (RFC 3339, UTC): the moment that seconds are counted from.
    #[serde(default)]
    pub began: String,
    /// A point a second, the oldest first; of the latest ten minutes.
    pub points: Vec<Point>,
    /// The whole run in 600 points at most, the oldest first. Of several seconds a point has the fewest clients online,
    /// the most wanted, the sums of counts, and the longest of times.
    #[serde(default)]
    pub whole: Vec<Point>,
    /// Outages and faults, the latest 200, the oldest first.
    #[serde(default)]
    pub marks: Vec<Mark>,
    /// The kinds of activity: how the work of each is called in a point, and how it reads.
    #[serde(default)]
    pub kinds: Vec<KindWords>,
}

/// Every client, in few words.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClientList {
    /// Which format this is.
    pub schema: ApiVersion,
    /// The name of the pool.
    pub pool: PoolName,
    /// All events up to this one are in it; later ones may be.
    pub sequence: u64,
    /// Every client, by number.
    pub clients: Vec<Cell>,
}

/// The routers of IPv6 that clients have heard.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouterList {
    /// Which format this is.
    pub schema: ApiVersion,
    /// The name of the pool.
    pub pool: PoolName,
    /// Each as it last advertised itself: flags, prefixes, routes, preference.
    pub routers: Vec<RouterFound>,
    /// What of it breaks a requirement of an RFC, what binds most first.
    pub breaches: Vec<BreachEntry>,
}

/// All about one client.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct One {
    /// Which format this is.
    pub schema: ApiVersion,
    /// Until its lease ends if nobody extends it, in seconds; `None` without a lease, or for one without an end.
    pub lease_remaining_seconds: Option<u64>,
    /// All else, as reports have it.
    pub client: Client,
    /// What it did, in the same form for every kind.
    #[serde(default)]
    pub activities: Vec<ActivitySum>,
    /// Its latest events, the oldest first.
    pub events: Vec<Event>,
}

impl From<&ActivityStats> for ActivitySum {
    fn from(stats: &ActivityStats) -> Self {
        let answers = stats.answers.iter();
        let failed = stats.failed.iter();
        Self {
            kind: stats.kind().about().word.to_owned(),
            subject: stats.subject.to_string(),
            attempts: stats.attempts(),
            succeeded: stats.successes(),
            answers: answers.map(|(word, n)| (word.to_string(), *n)).collect(),
            failed: failed.map(|(word, n)| ((*word).to_owned(), *n)).collect(),
            ms: Percentiles::of_distribution(&stats.time),
        }
    }
}

impl KindWords {
    /// Those of every kind.
    pub(super) fn all() -> Vec<Self> {
        let of = |kind: &Kind| {
            let about = kind.about();
            Self {
                kind: about.word.to_owned(),
                one: about.one.to_owned(),
                many: about.many.to_owned(),
                succeeded: about.succeeded.to_owned(),
                failed: about.failed.to_owned(),
            }
        };
        Kind::ALL.iter().map(of).collect()
    }
}

impl Herd {
    pub(super) fn new(
        pool: &PoolName,
        began: &str,
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
            schema: ApiVersion::One,
            pool: pool.clone(),
            began: began.to_owned(),
            sequence,
            phases: Phase::ALL.iter().map(of).collect(),
            availability: AvailabilityEntry::from(figures),
            outages: Outages::from(figures),
            sums: Sums::from(figures),
            activities: figures.activities.values().map(ActivitySum::from).collect(),
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
            activities: ByKind::new(|kind| Work::since(kind, figures, earlier)),
        }
    }

    /// This point and the one after it as one.
    pub(super) fn merged_with(&self, next: &Self) -> Self {
        Self {
            after: next.after,
            online: self.online.min(next.online),
            wanted: self.wanted.max(next.wanted),
            joins: self.joins + next.joins,
            failures: self.failures + next.failures,
            activities: self
                .activities
                .map(|kind, work| work.merged_with(next.activities[kind])),
        }
    }
}

impl Work {
    /// What was counted of a kind since there were these `earlier` figures, over all that it was done to.
    fn since(kind: Kind, now: &Figures, earlier: &Figures) -> Self {
        let (mut attempts, mut failed) = (0, 0);
        let mut times: Option<Tally> = None;
        for stats in now.of(kind) {
            let before = earlier.activities.get(&stats.subject);
            let since = |now: u64, earlier: Option<u64>| now.saturating_sub(earlier.unwrap_or(0));
            attempts += since(stats.attempts(), before.map(ActivityStats::attempts));
            failed += since(stats.failures(), before.map(ActivityStats::failures));
            let nothing = Distribution::default();
            let taken = stats
                .time
                .since(before.map_or(&nothing, |before| &before.time));
            match &mut times {
                Some(all) => all.add(&taken),
                None => times = Some(taken),
            }
        }
        Self {
            attempts,
            failed,
            ms: times.and_then(|all| Percentiles::of_tally(&all)),
        }
    }

    fn merged_with(self, next: Self) -> Self {
        Self {
            attempts: self.attempts + next.attempts,
            failed: self.failed + next.failed,
            ms: longest(self.ms, next.ms),
        }
    }
}

/// How outages are named among the marks.
pub(super) const OUTAGE: &str = "outage";

impl Mark {
    /// Whether it is an outage, and no fault that was made on purpose.
    pub fn is_outage(&self) -> bool {
        self.what == OUTAGE
    }

    /// One that lasts from now on.
    pub(super) fn begun(what: &str, from: f64) -> Self {
        Self {
            what: what.to_owned(),
            from,
            to: None,
        }
    }
}

/// The longer of each.
fn longest(one: Option<Percentiles>, next: Option<Percentiles>) -> Option<Percentiles> {
    match (one, next) {
        (Some(one), Some(next)) => Some(Percentiles {
            p50: one.p50.max(next.p50),
            p95: one.p95.max(next.p95),
            p99: one.p99.max(next.p99),
            max: one.max.max(next.max),
        }),
        (one, next) => one.or(next),
    }
}

impl ClientList {
    pub(super) fn new(pool: &PoolName, sequence: u64, herd: &HerdStatus) -> Self {
        Self {
            schema: ApiVersion::One,
            pool: pool.clone(),
            sequence,
            clients: herd.clients.iter().map(Cell::from).collect(),
        }
    }
}

impl RouterList {
    pub(super) fn new(pool: &PoolName, heard: RouterFindings) -> Self {
        Self {
            schema: ApiVersion::One,
            pool: pool.clone(),
            breaches: heard.breaches.iter().map(BreachEntry::from).collect(),
            routers: heard.routers,
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
            schema: ApiVersion::One,
            lease_remaining_seconds,
            client,
            activities: status
                .activities
                .iter()
                .map(|stats| ActivitySum::from(&**stats))
                .collect(),
            events,
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Times that are all the same.
    pub fn percentiles(ms: f64) -> Percentiles {
        Percentiles {
            p50: ms,
            p95: ms,
            p99: ms,
            max: ms,
        }
    }
}
