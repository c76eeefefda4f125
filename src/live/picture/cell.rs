//! One client among many, as it is shown, and how it follows what happens.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::family::{Families, Family};
use crate::identity::ClientNumber;
use crate::phase::{Cause, Phase};
use crate::pool::{ClientStatus, EventKind, GroupName};

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
    /// Whether it is usable in each family; left out where it is to have only IPv4.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub up: BTreeMap<Family, bool>,
}

impl Cell {
    /// The family that it is usable in, where it is to have both and is usable in one.
    pub fn only_family(&self) -> Option<Family> {
        let up = |family| self.up.get(&family).copied();
        match (up(Family::Ipv4), up(Family::Ipv6)) {
            (Some(true), Some(false)) => Some(Family::Ipv4),
            (Some(false), Some(true)) => Some(Family::Ipv6),
            _ => None,
        }
    }

    /// ` (IPv4 up, IPv6 down)`, where it is to have IPv6.
    pub fn families(&self) -> Option<String> {
        let word = |is_up| if is_up { "up" } else { "down" };
        let each = self.up.iter();
        let each = each.map(|(family, is_up)| format!("{} {}", family.name(), word(*is_up)));
        let each: Vec<String> = each.collect();
        (!each.is_empty()).then(|| format!(" ({})", each.join(", ")))
    }

    /// Takes in what happened to it. Returns whether that does not say how it stands in each family.
    pub fn apply(&mut self, what: &EventKind) -> bool {
        match what {
            EventKind::Phase { to, .. } => {
                self.phase = *to;
                return self.follow_phase();
            }
            EventKind::Failed { cause, .. } | EventKind::Troubled { cause, .. } => {
                self.last_cause = Some(*cause);
            }
            EventKind::FamilyUp { family, .. } => self.stands(*family, true),
            EventKind::FamilyDown { family, cause, .. } => {
                self.stands(*family, false);
                self.last_cause = Some(*cause);
            }
            _ => {}
        }
        false
    }

    fn stands(&mut self, family: Family, is_up: bool) {
        if let Some(up) = self.up.get_mut(&family) {
            *up = is_up;
        }
    }

    /// Without a link, or a life, there is no family. What was kept while the carrier was away is usable again without being told of, and
    /// one that does without IPv4 is online all the same.
    fn follow_phase(&mut self) -> bool {
        match self.phase {
            Phase::Queued
            | Phase::Namespace
            | Phase::Link
            | Phase::NoCarrier
            | Phase::Backoff
            | Phase::Failed
            | Phase::Leaving
            | Phase::Released
            | Phase::Gone => {
                self.up.values_mut().for_each(|up| *up = false);
                false
            }
            Phase::Online => self.up.values().any(|up| !up),
            Phase::Partial => self.only_family().is_none(),
            Phase::Dhcp
            | Phase::Configure
            | Phase::Router
            | Phase::Dhcp6
            | Phase::Dad
            | Phase::V6Only => false,
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
            up: match client.families {
                Families::Ipv4 => BTreeMap::new(),
                Families::Ipv6 | Families::Dual => {
                    let all = client.by_family.iter();
                    let wanted = all.filter_map(|(family, is)| Some((family, is.as_ref()?.is_up)));
                    wanted.collect()
                }
            },
        }
    }
}
