//! Groups of a scenario: clients that behave, ping and are supervised in ways of their own.

use serde::{Deserialize, Deserializer, Serialize};

use super::activities::{self, WantedActivities};
use super::shared::{DeviceProfile, Ipv6Settings, Whole, WorkloadDraft};
use super::{ClientCount, Mistake, Timespan, Workload, is_default};
use crate::dhcp::{Device, Persona};
use crate::family::{Families, Family};
use crate::pool::{DhcpSettings, Group, GroupName, Restart, RestartPolicy};
use lanherd_types::ipv6::{AddressFormation, WantedPrefix};

/// One table `[[group]]` of a scenario file. What is left out is as it is for the whole herd.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, remote = "Self")]
pub struct GroupDraft {
    /// Its name: the label `group` in metrics.
    pub name: GroupName,
    /// How many clients.
    pub clients: ClientCount,
    /// Which families they are to have addresses of.
    #[serde(rename = "family", alias = "families")]
    pub families: Option<Families>,
    /// The prefix that they want to have delegated, as routers of links of their own.
    #[serde(default, deserialize_with = "super::values::wanted_prefix_in_file")]
    pub delegated_prefix: Option<WantedPrefix>,
    /// Which addresses they form of advertised prefixes.
    pub ipv6_addresses: Option<AddressFormation>,
    /// Whether they use IPv6 addresses without finding out whether somebody else has them.
    pub no_dad: Option<bool>,
    /// The well-known device that they look like.
    pub device: Option<Device>,
    /// What they say of themselves, beside or in place of what the device says.
    pub persona: Option<Persona>,
    /// Whether they look for others with their addresses.
    pub conflict_detection: Option<bool>,
    /// What they do whenever they are online; of the kinds of which nothing is said, what the whole herd does.
    #[serde(skip)]
    pub activities: WantedActivities,
    /// From one attempt to the next of the same.
    pub every: Option<Timespan>,
    /// How long each of them may take.
    pub timeout: Option<Timespan>,
    /// Which ends lead to a restart.
    pub restart: Option<Restart>,
    /// More restarts than this within `period`, and a client is given up.
    pub intensity: Option<u32>,
    /// The window in which restarts are counted.
    pub period: Option<Timespan>,
}

/// A group that makes sense.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct GroupPlan {
    /// The name of the group.
    pub name: GroupName,
    /// How many clients.
    pub clients: ClientCount,
    /// Which families they are to have addresses of.
    #[serde(rename = "family", skip_serializing_if = "is_default")]
    pub families: Families,
    /// How their IPv6 behaves.
    #[serde(flatten)]
    pub ipv6: Ipv6Settings,
    /// What they look like.
    #[serde(flatten)]
    pub profile: DeviceProfile,
    /// What they do whenever they are online.
    #[serde(flatten)]
    pub workload: Workload,
    /// How failures are answered.
    #[serde(flatten)]
    pub restart: RestartPolicy,
}

impl<'de> Deserialize<'de> for GroupDraft {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let (draft, activities) = activities::beside(from, |own| Self::deserialize(own))?;
        Ok(Self {
            activities,
            ..draft
        })
    }
}

impl GroupDraft {
    /// A group that is in all else as the whole herd is.
    pub fn new(name: GroupName, clients: ClientCount) -> Self {
        Self {
            name,
            clients,
            families: None,
            delegated_prefix: None,
            ipv6_addresses: None,
            no_dad: None,
            device: None,
            persona: None,
            conflict_detection: None,
            activities: WantedActivities::default(),
            every: None,
            timeout: None,
            restart: None,
            intensity: None,
            period: None,
        }
    }

    /// As the table of this place, counted from 0, among the groups of `whole`.
    pub(super) fn check(&self, index: usize, whole: &Whole) -> Result<GroupPlan, Mistake> {
        self.plan(whole)
            .map_err(|mistake| self.mistaken(index, mistake))
    }

    /// A mistake in this group.
    pub(super) fn mistaken(&self, index: usize, mistake: Mistake) -> Mistake {
        Mistake::Group {
            name: self.name.clone(),
            index,
            mistake: Box::new(mistake),
        }
    }

    fn plan(&self, whole: &Whole) -> Result<GroupPlan, Mistake> {
        let policy = whole.restart.clone();
        let profile = DeviceProfile {
            device: self.device,
            persona: self.persona.clone(),
            conflict_detection: self.conflict_detection.unwrap_or(whole.conflict_detection),
        };
        profile.check()?;
        let mut work = WorkloadDraft {
            activities: self.activities.or(&whole.work.activities),
            every: self.every,
            timeout: self.timeout,
            hold: whole.work.hold,
        };
        // Of a group that does nothing the herd's times say nothing.
        if !work.activities.is_empty() {
            work.every = self.every.or(whole.work.every);
            work.timeout = self.timeout.or(whole.work.timeout);
        }
        let families = self.families.unwrap_or(whole.families);
        work.activities.check_families(families)?;
        let own = Ipv6Settings {
            delegated_prefix: self.delegated_prefix,
            ipv6_addresses: self.ipv6_addresses,
            no_dad: self.no_dad.unwrap_or_default(),
        };
        own.check(families)?;
        let ipv6 = if families.include(Family::Ipv6) {
            Ipv6Settings {
                delegated_prefix: own.delegated_prefix.or(whole.ipv6.delegated_prefix),
                ipv6_addresses: own.ipv6_addresses.or(whole.ipv6.ipv6_addresses),
                no_dad: self.no_dad.unwrap_or(whole.ipv6.no_dad),
            }
        } else {
            own
        };
        work.activities.check_sources(ipv6)?;
        Ok(GroupPlan {
            name: self.name.clone(),
            clients: self.clients,
            families,
            ipv6,
            profile,
            workload: work.check()?,
            restart: RestartPolicy {
                restart: self.restart.unwrap_or(policy.restart),
                intensity: self.intensity.unwrap_or(policy.intensity),
                period: self.period.map_or(policy.period, |period| period.0),
                ..policy
            },
        })
    }
}

impl GroupPlan {
    /// As the pool wants it; what is the same for all groups comes from `own`.
    pub(super) fn group(&self, own: &DhcpSettings) -> Group {
        Group {
            name: self.name.clone(),
            restart: self.restart.clone(),
            families: self.families,
            dhcp: self.ipv6.apply(DhcpSettings {
                conflict_detection: self.profile.conflict_detection,
                personas: self.profile.personas(),
                ..own.clone()
            }),
            activities: self.workload.activities(),
        }
    }
}
