//! How long things took, over all clients.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::activity::{ByKind, fields};
use crate::pool::HerdStatus;
use crate::stats::{ActivityStats, Distribution, Tally, milliseconds};

/// Distributions over all clients.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AllPercentiles {
    /// From a client's first admission to its first time online.
    #[serde(with = "empty_object")]
    pub join_ms: Option<Percentiles>,
    /// From the first DHCP message of a client's latest acquisition to the acknowledgement.
    #[serde(with = "empty_object")]
    pub dhcp_ms: Option<Percentiles>,
    /// Of what clients did, by kind, over all that it was done to: how long those took that came to an answer; no more exact than
    /// each client's own.
    #[serde(flatten, with = "by_kind")]
    pub activities: ByKind<Option<Percentiles>>,
}

fields! {
    /// The times of each kind under `ping_ms`, `dns_ms` and so on.
    by_kind, Option<Percentiles> as OrEmpty, |kind| format!("{}_ms", kind.about().word)
}

/// Percentiles of nothing are `{}`.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct OrEmpty(#[serde(with = "empty_object")] Option<Percentiles>);

impl From<Option<Percentiles>> for OrEmpty {
    fn from(percentiles: Option<Percentiles>) -> Self {
        Self(percentiles)
    }
}

impl From<OrEmpty> for Option<Percentiles> {
    fn from(read: OrEmpty) -> Self {
        read.0
    }
}

/// The values below or at which so many hundredths of all lie, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// The median: half of all.
    pub p50: f64,
    /// 95 of 100.
    pub p95: f64,
    /// 99 of 100.
    pub p99: f64,
    /// All of them: the largest value.
    pub max: f64,
}

impl AllPercentiles {
    pub(super) fn of(herd: &HerdStatus) -> Self {
        let clients = || herd.clients.iter();
        Self {
            join_ms: Percentiles::of(herd.clients.iter().filter_map(|c| c.join).collect()),
            dhcp_ms: Percentiles::of(herd.clients.iter().filter_map(|c| c.dhcp).collect()),
            activities: ByKind::new(|kind| {
                Percentiles::of_all(clients().flat_map(|client| client.of(kind)))
            }),
        }
    }
}

impl Percentiles {
    /// Exact, by nearest rank; `None` of nothing.
    pub(super) fn of(mut durations: Vec<Duration>) -> Option<Self> {
        durations.sort_unstable();
        let at = |percent: usize| {
            let rank = (durations.len() * percent).div_ceil(100);
            durations
                .get(rank.saturating_sub(1))
                .copied()
                .map(milliseconds)
        };
        Some(Self {
            p50: at(50)?,
            p95: at(95)?,
            p99: at(99)?,
            max: at(100)?,
        })
    }

    /// Of the times of many figures together.
    pub(super) fn of_all<'a>(all: impl Iterator<Item = &'a ActivityStats>) -> Option<Self> {
        Self::of_distribution(&all.map(|stats| &stats.time).sum())
    }

    pub(crate) fn of_tally(durations: &Tally) -> Option<Self> {
        let at = |quantile| durations.quantile(quantile).map(milliseconds);
        Some(Self {
            p50: at(0.50)?,
            p95: at(0.95)?,
            p99: at(0.99)?,
            max: at(1.0)?,
        })
    }

    pub(crate) fn of_distribution(durations: &Distribution) -> Option<Self> {
        let at = |quantile| durations.quantile(quantile).map(milliseconds);
        Some(Self {
            p50: at(0.50)?,
            p95: at(0.95)?,
            p99: at(0.99)?,
            max: durations.max().map(milliseconds)?,
        })
    }
}

/// Figures of nothing are `{}`, so that a reader may look for `p50` without asking for null first.
pub(crate) mod empty_object {
    use serde::ser::SerializeMap;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::Percentiles;

    #[allow(clippy::ref_option, reason = "serde's signature")]
    pub fn serialize<S: Serializer>(
        figures: &Option<Percentiles>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        match figures {
            Some(figures) => figures.serialize(serializer),
            None => serializer.serialize_map(Some(0))?.end(),
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Percentiles>, D::Error> {
        #[derive(Deserialize)]
        struct Object {
            #[serde(flatten)]
            figures: Option<Percentiles>,
        }
        Ok(Object::deserialize(deserializer)?.figures)
    }
}
