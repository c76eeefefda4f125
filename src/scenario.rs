//! A scenario: everything that `lanherd up` can be told, in one validated value, from options or from a TOML file.
//!
//! ```
//! use lanherd::scenario::Scenario;
//!
//! let scenario = Scenario::from_toml(
//!     r#"
//!     lab = true
//!     clients = 10
//!     ping = ["Google DNS", "router"]
//!     for = "1m"
//!     "#,
//! )?;
//! assert_eq!(scenario.clients.get(), 10);
//! # Ok::<(), lanherd::scenario::TextError>(())
//! ```

mod activities;
mod draft;
mod group;
mod lab_ipv6;
mod mistake;
mod shared;
mod soak;
#[cfg(test)]
#[cfg(feature = "cli")]
mod tests;
mod values;

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

pub use self::activities::WantedActivities;
pub use self::draft::Draft;
#[cfg(feature = "cli")]
pub use self::draft::families;
pub use self::group::{GroupDraft, GroupPlan};
pub use self::lab_ipv6::LabIpv6;
pub use self::mistake::Mistake;
pub use self::shared::{DeviceProfile, Ipv6Settings};
pub use self::soak::SoakDraft;
pub use self::values::{
    ClientCount, ClientCountError, MetricsAddressError, Timespan, metrics_address,
};
use crate::activity::Activity;
use crate::chaos::{ChaosPlan, UplinkKind};
use crate::family::{Families, Family};
use crate::fault::Fault;
use crate::identity::{PoolName, Seed};
use crate::lab::{AddressRange, LabConfig, LeaseTime};
use crate::lan::linux::MacvlanMode;
use crate::metrics::RunLabels;
use crate::objective::Objective;
use crate::pool::{DhcpSettings, PoolConfig, RestartPolicy};
use crate::soak::SoakSettings;
pub use crate::text_error::TextError;
use crate::units::Rate;

/// The JSON schema (draft 7, which editors of TOML read) of a scenario file.
///
/// What depends on several keys at once, [`Draft::check`] alone can tell.
pub const SCHEMA: &str = include_str!("../schemas/lanherd.scenario-1.schema.json");

/// A run that makes sense: made by [`Draft::check`] or [`Scenario::from_toml`].
///
/// It is serialised, under the names of the options, into the `parameters` of a report.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Scenario {
    /// Where the clients stand.
    #[serde(flatten)]
    pub uplink: ScenarioUplink,
    /// How many there are, those of groups included.
    pub clients: ClientCount,
    /// Their pool's name.
    pub pool: PoolName,
    /// Which families they are to have addresses of.
    #[serde(rename = "family", skip_serializing_if = "is_default")]
    pub families: Families,
    /// How their IPv6 behaves.
    #[serde(flatten)]
    pub ipv6: Ipv6Settings,
    /// How they see each other.
    pub mode: MacvlanMode,
    /// How many may begin to join in a time; `None`: as many as `outstanding` lets in.
    pub join_rate: Option<Rate>,
    /// How many may be joining at one time.
    pub outstanding: NonZeroU32,
    /// What they do whenever they are online.
    #[serde(flatten)]
    pub workload: Workload,
    /// How long to go on once each client has come online or failed; `None`: until interrupted.
    #[serde(rename = "for")]
    pub hold: Option<Timespan>,
    /// How failures are answered.
    #[serde(flatten)]
    pub restart: RestartPolicy,
    /// How long a client may take to get a lease.
    pub lease_timeout: Timespan,
    /// The longest random wait before a client's first DHCP message.
    pub start_delay: Timespan,
    /// Whether servers are asked to broadcast their replies.
    pub broadcast: bool,
    /// Whether what a killed run of the pool left is taken over.
    pub adopt: bool,
    /// Where metrics are served.
    pub metrics: Option<SocketAddr>,
    /// Whether metrics have gauges of each client.
    pub metrics_per_client: bool,
    /// What is said of the run in its metrics.
    #[serde(rename = "label", skip_serializing_if = "RunLabels::is_empty")]
    pub labels: RunLabels,
    /// Where the token stands that whoever asks there must have.
    pub metrics_token_file: Option<PathBuf>,
    /// Who may ask there, and whether over TLS, in the form of Prometheus' `web.config`.
    pub web_config: Option<PathBuf>,
    /// From what MACs and random choices are derived; `None`: as whoever runs it likes.
    pub seed: Option<Seed>,
    /// Where the report goes.
    pub report: Option<PathBuf>,
    /// Where the report for people goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub html: Option<PathBuf>,
    /// What should not be so in the end.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fail_if: Vec<Objective>,
    /// What makes it a soak, if it is one.
    pub soak: Option<SoakSettings>,
    /// What clients look like to servers.
    #[serde(flatten)]
    pub profile: DeviceProfile,
    /// What is broken on purpose.
    pub chaos: Option<ChaosPlan>,
    /// Clients that differ from the others.
    #[serde(rename = "group", skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupPlan>,
}

/// Whether nothing need be said of it.
fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Where clients stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScenarioUplink {
    /// On this interface.
    Parent(String),
    /// On an embedded virtual router.
    Lab {
        /// How long its leases last.
        lease: LeaseTime,
        /// The addresses that it gives out; enough for all clients.
        range: AddressRange,
        /// What is broken from the beginning.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        faults: Vec<Fault>,
        /// What of IPv6 it speaks, where some clients are to have it; `None`: what is usual.
        #[serde(rename = "lab-ipv6", skip_serializing_if = "Option::is_none")]
        ipv6: Option<LabIpv6>,
    },
}

impl ScenarioUplink {
    /// The interface that it names; of a lab, that of the lab's usual uplink.
    pub fn parent(&self) -> &str {
        match self {
            Self::Parent(parent) => parent,
            Self::Lab { .. } => LabConfig::UPLINK,
        }
    }

    /// Which kind it is, for chaos.
    pub const fn kind(&self) -> UplinkKind {
        match self {
            Self::Parent(_) => UplinkKind::Parent,
            Self::Lab { .. } => UplinkKind::Lab,
        }
    }
}

/// What clients do whenever they are online.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Workload {
    /// What they do to what, each once.
    #[serde(flatten)]
    pub activities: WantedActivities,
    /// From one time of each to the next; not above the scenario's `hold`.
    pub every: Timespan,
    /// How long each may take.
    pub timeout: Timespan,
}

impl Workload {
    /// How long each time may take where nothing else is said.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

    /// As clients are told.
    pub fn activities(&self) -> Vec<Activity> {
        activities::standing(&self.activities, self.every.0, self.timeout.0)
    }

    /// The longest that one time of anything can take.
    pub fn patience(&self) -> Duration {
        let all = self.activities();
        all.iter().map(Activity::patience).max().unwrap_or_default()
    }
}

impl Scenario {
    /// How many clients may be joining at one time where nothing else is said.
    pub const OUTSTANDING: NonZeroU32 = NonZeroU32::new(64).unwrap();
    /// How long a client may take to get a lease where nothing else is said.
    pub const LEASE_TIMEOUT: Timespan = Timespan(PoolConfig::LEASE_DEADLINE);

    /// Reads a scenario file's text. Unknown keys are errors.
    pub fn from_toml(text: &str) -> Result<Self, TextError> {
        Self::from_toml_with(text, |_| {})
    }

    /// The same, with what `change` says otherwise.
    pub fn from_toml_with(text: &str, change: impl FnOnce(&mut Draft)) -> Result<Self, TextError> {
        let mut draft = Draft::from_toml(text)?;
        change(&mut draft);
        draft
            .check()
            .map_err(|mistake| TextError::of_keys(&mistake.keys(), &mistake, text))
    }

    /// How its pool runs.
    pub fn pool_config(&self) -> PoolConfig {
        let dhcp = self.ipv6.apply(DhcpSettings {
            start_delay: self.start_delay.0,
            broadcast: self.broadcast,
            conflict_detection: self.profile.conflict_detection,
            personas: self.profile.personas(),
            ..DhcpSettings::default()
        });
        let groups = self.groups.iter().map(|group| group.group(&dhcp));
        PoolConfig {
            seed: self.seed.unwrap_or_default(),
            join_rate: self.join_rate,
            outstanding: self.outstanding,
            restart: self.restart.clone(),
            lease_deadline: self.lease_timeout.0,
            families: self.families,
            groups: groups.collect(),
            dhcp,
            activities: self.workload.activities(),
            labels: self.labels.clone(),
            metrics_per_client: self.metrics_per_client,
            ..PoolConfig::new(self.pool.clone())
        }
    }

    /// Whether some clients are to have IPv6.
    pub fn has_ipv6(&self) -> bool {
        let groups = self.groups.iter().map(|group| group.families);
        let mut all = groups.chain([self.families]);
        all.any(|families| families.include(Family::Ipv6))
    }

    /// How many clients are in no group but the pool's own.
    pub fn ungrouped(&self) -> u32 {
        let grouped = self.groups.iter().map(|group| group.clients.get());
        self.clients.get() - grouped.sum::<u32>()
    }

    /// Which kind of uplink it is, for chaos: a lab speaks IPv6 where any client does.
    pub fn uplink_kind(&self) -> UplinkKind {
        match self.uplink.kind() {
            UplinkKind::Lab if self.has_ipv6() => UplinkKind::Ipv6Lab,
            kind => kind,
        }
    }

    /// What the lab is to be like, where the clients stand on one.
    pub fn lab_config(&self) -> Option<LabConfig> {
        match &self.uplink {
            ScenarioUplink::Parent(_) => None,
            ScenarioUplink::Lab {
                lease,
                range,
                faults,
                ipv6,
            } => Some(LabConfig {
                range: *range,
                lease: *lease,
                faults: faults.clone(),
                seed: self.seed.unwrap_or_default(),
                ipv6: self.has_ipv6().then(|| LabIpv6::config(ipv6.as_ref())),
                ..LabConfig::default()
            }),
        }
    }
}

impl Draft {
    /// Reads a scenario file's text. Unknown keys are errors; the whole is not checked yet.
    pub fn from_toml(text: &str) -> Result<Self, TextError> {
        toml::from_str(text).map_err(|error| TextError::of_toml(&error, text))
    }
}
