//! How long things took, over all clients.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::pool::HerdStatus;
use crate::stats::{Distribution, Outcomes, Tally, milliseconds};

/// Distributions over all clients.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AllPercentiles {
    /// From a client's first admission to its first time online.
    #[serde(with = "empty_object")]
    pub join_ms: Option<Percentiles>,
    /// From the first DHCP message of a client's latest acquisition to the acknowledgement.
    #[serde(with = "empty_object")]
    pub dhcp_ms: Option<Percentiles>,
    /// The round trips of all pings of all clients; no more exact than each client's own.
    #[serde(with = "empty_object")]
    pub ping_ms: Option<Percentiles>,
    /// Until lookups were answered, of all names.
    #[serde(with = "empty_object", default)]
    pub dns_ms: Option<Percentiles>,
    /// Fetches that came to their end, of all URLs.
    #[serde(with = "empty_object", default)]
    pub http_ms: Option<Percentiles>,
    /// Runs of commands that ended by themselves, of all command lines.
    #[serde(with = "empty_object", default)]
    pub command_ms: Option<Percentiles>,
}

/// The values below or at which so many hundredths of all lie, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// 95 of 100.
    pub p95: f64,
    /// 99 of 100.
    pub p99: f64,
    /// All.
    pub max: f64,
}

impl AllPercentiles {
    pub(super) fn of(herd: &HerdStatus) -> Self {
        let clients = || herd.clients.iter();
        Self {
            join_ms: Percentiles::of(herd.clients.iter().filter_map(|c| c.join).collect()),
            dhcp_ms: Percentiles::of(herd.clients.iter().filter_map(|c| c.dhcp).collect()),
            ping_ms: Percentiles::of_all(clients().flat_map(|c| c.pings.values()).map(|s| &**s)),
            dns_ms: Percentiles::of_all(clients().flat_map(|c| c.dns.values()).map(|s| &**s)),
            http_ms: Percentiles::of_all(clients().flat_map(|c| c.http.values()).map(|s| &**s)),
            command_ms: Percentiles::of_all(
                clients().flat_map(|c| c.commands.values()).map(|s| &**s),
            ),
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
    pub(super) fn of_all<'a, S: Outcomes + 'a>(all: impl Iterator<Item = &'a S>) -> Option<Self> {
        Self::of_distribution(&all.map(S::time).sum())
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
