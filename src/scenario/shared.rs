//! What is said alike of the whole herd and of each of its groups.

use std::time::Duration;

use serde::Serialize;

use super::activities::WantedActivities;
use super::{Mistake, Timespan, Workload, is_default};
use crate::activity::Pace;
use crate::client::ipv6;
use crate::dhcp::{Device, Persona};
use crate::family::{Families, Family};
use crate::identity::{ClientNumber, Identity, PoolName, Seed};
use crate::pool::{DhcpSettings, MAX_CLIENTS, RestartPolicy};
use lanherd_types::ipv6::{AddressFormation, WantedPrefix};

/// The shortest time that a timer can keep apart.
const TICK: Timespan = Timespan(Duration::from_millis(1));

/// What holds for a group where the group itself says nothing else.
pub(super) struct Whole {
    pub(super) restart: RestartPolicy,
    pub(super) families: Families,
    pub(super) ipv6: Ipv6Settings,
    pub(super) conflict_detection: bool,
    pub(super) work: WorkloadDraft,
}

/// How clients' IPv6 behaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Ipv6Settings {
    /// The prefix that they want to have delegated, as routers of links of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delegated_prefix: Option<WantedPrefix>,
    /// Which addresses they form of advertised prefixes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ipv6_addresses: Option<AddressFormation>,
    /// Whether they use addresses without finding out whether somebody else has them.
    #[serde(skip_serializing_if = "is_default")]
    pub no_dad: bool,
}

impl Ipv6Settings {
    /// Checks that clients have the IPv6 of which something is said.
    pub(super) fn check(self, families: Families) -> Result<(), Mistake> {
        if families.include(Family::Ipv6) {
            return Ok(());
        }
        let key = match self {
            Self {
                delegated_prefix: Some(_),
                ..
            } => "delegated-prefix",
            Self {
                ipv6_addresses: Some(_),
                ..
            } => "ipv6-addresses",
            Self { no_dad: true, .. } => "no-dad",
            _ => return Ok(()),
        };
        Err(Mistake::WithoutIpv6(key))
    }

    /// As the pool wants it; all else as in `settings`.
    pub(super) fn apply(self, settings: DhcpSettings) -> DhcpSettings {
        DhcpSettings {
            verifies_ipv6: !self.no_dad,
            ipv6_addresses: self.ipv6_addresses,
            delegated_prefix: self.delegated_prefix,
            ..settings
        }
    }
}

/// What clients look like to servers.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct DeviceProfile {
    /// The well-known device.
    pub device: Option<Device>,
    /// What they say of themselves, beside or in place of what the device says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persona: Option<Persona>,
    /// Whether they look for others with their addresses (RFC 5227).
    pub conflict_detection: bool,
}

impl DeviceProfile {
    /// Checks that a persona makes sense for the herd's first and last client.
    pub(super) fn check(&self) -> Result<(), Mistake> {
        for number in [1, MAX_CLIENTS] {
            let pool = PoolName::default();
            let identity = Identity::derive(&pool, ClientNumber(number), Seed::default());
            for persona in self.personas() {
                persona.config(&identity).map_err(Mistake::Persona)?;
                if let Some(ipv6) = &persona.ipv6 {
                    ipv6::Config::check(ipv6, identity.mac).map_err(Mistake::Persona)?;
                }
            }
        }
        Ok(())
    }

    /// What makes them look so, in the order in which it is applied.
    pub(super) fn personas(&self) -> Vec<Persona> {
        let device = self.device.map(Device::persona);
        device.into_iter().chain(self.persona.clone()).collect()
    }
}

/// What is said about what clients do, of the whole herd or of a group.
#[derive(Debug, Clone)]
pub(super) struct WorkloadDraft {
    pub(super) activities: WantedActivities,
    pub(super) every: Option<Timespan>,
    pub(super) timeout: Option<Timespan>,
    pub(super) hold: Option<Timespan>,
}

impl WorkloadDraft {
    pub(super) fn check(self) -> Result<Workload, Mistake> {
        let is_none = self.activities.is_empty();
        if is_none && self.every.is_some() {
            return Err(Mistake::NothingToDo("every"));
        }
        if is_none && self.timeout.is_some() {
            return Err(Mistake::NothingToDo("timeout"));
        }
        for subject in self.activities.iter() {
            let kind = subject.kind();
            kind.read(&subject.to_string())
                .map_err(|why| Mistake::NotToBeDone { kind, why })?;
        }
        let every =
            at_least_a_tick("every", self.every)?.unwrap_or(Timespan(Pace::DEFAULT_INTERVAL));
        let timeout = at_least_a_tick("timeout", self.timeout)?
            .unwrap_or(Timespan(Workload::DEFAULT_TIMEOUT));
        if let Some(hold) = self.hold.filter(|hold| !is_none && *hold < every) {
            return Err(Mistake::NoTimeToWork { every, hold });
        }
        Ok(Workload {
            activities: self.activities.each_once(),
            every,
            timeout,
        })
    }
}

/// A time that a timer can keep, if one is given.
pub(super) fn at_least_a_tick(
    key: &'static str,
    span: Option<Timespan>,
) -> Result<Option<Timespan>, Mistake> {
    match span {
        Some(span) if span < TICK => Err(Mistake::TooShort(key, TICK)),
        Some(_) | None => Ok(span),
    }
}
