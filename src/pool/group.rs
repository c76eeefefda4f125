//! Groups: clients of one herd that are supervised, and behave, alike.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use super::{DhcpSettings, PoolConfig, RestartPolicy};
use crate::activity::Activity;
use crate::client::ipv6;
use crate::family::{Families, Family};
use crate::identity::{Identity, PoolName};
use crate::metrics::Metrics;
use crate::ndp::slaac::Secret;

/// The random stream of what a client's IPv6 identifiers are made from; its lives use their incarnation's number.
const IPV6_SECRET: u64 = u64::MAX - 1;

/// The name of a group: the label `group` in metrics. Letters, digits, `-` and `_`; 1 to 32 of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct GroupName(Arc<str>);

impl GroupName {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 32;

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no group name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no group name: use 1 to 32 letters, digits, - or _")]
pub struct GroupNameError(String);

lanherd_types::serde_as_text!(GroupName);

impl FromStr for GroupName {
    type Err = GroupNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let well_formed = (1..=Self::MAX_LEN).contains(&text.len())
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if well_formed {
            Ok(Self(text.into()))
        } else {
            Err(GroupNameError(text.to_owned()))
        }
    }
}

/// A pool's own group bears its name.
impl From<&PoolName> for GroupName {
    fn from(pool: &PoolName) -> Self {
        Self(pool.as_str().into())
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What clients of one group have in common.
#[derive(Debug, Clone)]
pub struct Group {
    /// The name of the group: a label in metrics.
    pub name: GroupName,
    /// How failures of its clients are answered.
    pub restart: RestartPolicy,
    /// Which families they are to have addresses of.
    pub families: Families,
    /// How they behave towards servers.
    pub dhcp: DhcpSettings,
    /// What each does whenever it is online.
    pub activities: Vec<Activity>,
}

/// A group of a running pool, with its metrics.
#[derive(Debug)]
pub(super) struct RunningGroup {
    pub(super) name: GroupName,
    pub(super) restart: RestartPolicy,
    pub(super) families: Families,
    pub(super) dhcp: DhcpSettings,
    pub(super) activities: Arc<[Arc<Activity>]>,
    /// Shared by all clients of the group: a clone of its own takes each most of a kibibyte.
    pub(super) metrics: Arc<Metrics>,
}

impl RunningGroup {
    pub(super) fn new(group: &Group, metrics: &Metrics) -> Self {
        let metrics = metrics.of_group(group.name.as_str());
        metrics.expect_families(group.families);
        for activity in &group.activities {
            metrics.expect(activity, group.families);
        }
        Self {
            name: group.name.clone(),
            restart: group.restart.clone(),
            families: group.families,
            dhcp: group.dhcp.clone(),
            activities: group.activities.iter().cloned().map(Arc::new).collect(),
            metrics: Arc::new(metrics),
        }
    }

    /// How the IPv6 of the client of that identity behaves, where the group has it. Its identifiers are the same in all its lives,
    /// and in all runs with one seed.
    pub(super) fn ipv6_config(
        &self,
        identity: &Identity,
        pool: &PoolConfig,
    ) -> Option<ipv6::Config> {
        if !self.families.include(Family::Ipv6) {
            return None;
        }
        let mut rng = pool.seed.rng(identity.number, IPV6_SECRET);
        let secret = Secret(rng.u128(..).to_be_bytes());
        let mut config = ipv6::Config::new(identity.mac, secret, pool.lease_deadline);
        let longest = self.dhcp.start_delay;
        config.host.start_delay = Duration::ZERO..=longest;
        config.dhcp6.start_delay = Duration::ZERO..=longest;
        config.set_verifies(self.dhcp.verifies_ipv6);
        for persona in self.dhcp.personas.iter().filter_map(|it| it.ipv6.as_ref()) {
            if let Err(error) = config.apply(persona) {
                // It was looked at when the pool began.
                tracing::warn!(client = %identity.namespace, %error, "a persona is left out");
            }
        }
        if let Some(formation) = self.dhcp.ipv6_addresses {
            config.set_formation(formation);
        }
        config.delegated = self.dhcp.delegated_prefix;
        Some(config)
    }

    /// What a client of the group does whenever it is online, together with what every client of the pool does.
    pub(super) fn activities_with(&self, extra: &[Arc<Activity>]) -> Arc<[Arc<Activity>]> {
        if extra.is_empty() {
            return Arc::clone(&self.activities);
        }
        self.activities
            .iter()
            .chain(extra)
            .map(Arc::clone)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_fits_a_label_and_a_command_line() {
        for name in ["phones", "IoT-2", "a", &"x".repeat(32)] {
            assert_eq!(name.parse::<GroupName>().expect(name).as_str(), name);
        }
        for name in ["", "two words", "späße", "a\"b", &"x".repeat(33)] {
            assert!(name.parse::<GroupName>().is_err(), "{name}");
        }
    }
}
