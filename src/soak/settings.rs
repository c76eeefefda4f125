//! What a soak does beside holding its herd.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Serialize;

use crate::identity::{ClientNumber, Seed};
use crate::units::{Rate, serde_duration};

/// What a soak does. It is serialised, under the names of the options, into the `parameters` of a report.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SoakSettings {
    /// From one look at the herd, and one rolling report, to the next.
    #[serde(with = "serde_duration")]
    pub interval: Duration,
    /// How many clients leave in a time, as many new ones coming in their place.
    pub churn: Option<Rate>,
    /// Clients that leave and come together.
    #[serde(flatten)]
    pub storm: Option<Storm>,
    /// How many clients fall silent in a time, as many new ones coming in their place.
    pub vanish: Option<Rate>,
    /// Whether a figure that drifted fails the run.
    pub fail_on_drift: bool,
}

/// Many clients that leave at once, and as many that come together when those have gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Storm {
    /// How many clients join at once.
    #[serde(rename = "storm")]
    pub clients: NonZeroU32,
    /// From one storm to the next.
    #[serde(rename = "storm-every", with = "serde_duration")]
    pub every: Duration,
}

impl SoakSettings {
    /// From one look to the next where nothing else is said.
    pub const INTERVAL: Duration = Duration::from_secs(60);
    /// No client has this number, so that what is drawn for it is the soak's own.
    pub(super) const NOBODY: ClientNumber = ClientNumber(0);

    /// By what it is chosen who leaves.
    pub fn choices(seed: Seed) -> fastrand::Rng {
        seed.rng(Self::NOBODY, u64::MAX)
    }
}

impl Default for SoakSettings {
    fn default() -> Self {
        Self {
            interval: Self::INTERVAL,
            churn: None,
            storm: None,
            vanish: None,
            fail_on_drift: false,
        }
    }
}
