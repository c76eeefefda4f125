//! What is measured of a scenario: what its clients did, and how late the tester was.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::{milliseconds, some_milliseconds};
use crate::activity::ByKind;
use crate::activity::kind::TimeLayout;
use crate::pool::Figures;
use crate::stats::{ActivityStats, Distribution};

/// How late the tester itself was in a scenario: what it measured is the router's only where this is little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lateness {
    /// The median of its wakings.
    #[serde(serialize_with = "milliseconds", rename = "p50_ms")]
    pub p50: Duration,
    /// What 99 of 100 do not exceed.
    #[serde(serialize_with = "milliseconds", rename = "p99_ms")]
    pub p99: Duration,
    /// The latest waking of all.
    #[serde(serialize_with = "milliseconds", rename = "max_ms")]
    pub max: Duration,
}

/// What its clients did in a scenario, in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScenarioSums {
    /// Clients that came online for the first time, and how long that took.
    pub joins: Timing,
    /// Acquisitions of leases.
    pub dhcp: Timing,
    /// What clients did, by kind: attempts that came to an answer, and how many failed.
    #[serde(flatten, serialize_with = "by_kind")]
    pub activities: ByKind<(Timing, u64)>,
    /// Restarts of clients.
    pub restarts: u64,
    /// Failures of clients, by cause.
    pub failures: BTreeMap<&'static str, u64>,
}

/// Each kind under the name of several; of those that lie flat in reports, how many failed stands beside.
fn by_kind<S: Serializer>(all: &ByKind<(Timing, u64)>, to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(None)?;
    for (kind, (timing, failed)) in all.iter() {
        let about = kind.about();
        map.serialize_entry(about.many, timing)?;
        if let TimeLayout::Beside(_) = about.layout.times {
            map.serialize_entry(&format!("{}_{}", about.many, about.layout.failed), failed)?;
        }
    }
    map.end()
}

/// How often something happened, and how long it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// How often it happened.
    pub count: u64,
    /// The median, where there is one.
    #[serde(serialize_with = "some_milliseconds", rename = "p50_ms")]
    pub p50: Option<Duration>,
    /// What 95 of 100 do not exceed.
    #[serde(serialize_with = "some_milliseconds", rename = "p95_ms")]
    pub p95: Option<Duration>,
    /// What 99 of 100 do not exceed.
    #[serde(serialize_with = "some_milliseconds", rename = "p99_ms")]
    pub p99: Option<Duration>,
    /// The longest time of all.
    #[serde(serialize_with = "some_milliseconds", rename = "max_ms")]
    pub max: Option<Duration>,
}

impl From<&Distribution> for Timing {
    fn from(all: &Distribution) -> Self {
        Self {
            count: all.count(),
            p50: all.quantile(0.5),
            p95: all.quantile(0.95),
            p99: all.quantile(0.99),
            max: all.quantile(1.0),
        }
    }
}

impl From<&Figures> for ScenarioSums {
    fn from(figures: &Figures) -> Self {
        let failures = figures.failures.iter();
        Self {
            joins: Timing::from(&figures.join),
            dhcp: Timing::from(&figures.dhcp),
            activities: ByKind::new(|kind| {
                let times: Distribution = figures.of(kind).map(|stats| &stats.time).sum();
                let failed = figures.of(kind).map(ActivityStats::failures).sum();
                (Timing::from(&times), failed)
            }),
            restarts: figures.restarts,
            failures: failures
                .map(|(cause, count)| (cause.as_str(), *count))
                .collect(),
        }
    }
}
