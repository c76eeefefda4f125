//! What a report says of families, and of a client's IPv6.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::time::Instant;

use lanherd_audit::{Breach, RouterFindings, RouterFound};
use lanherd_types::ipv6::Prefix;
use serde::{Deserialize, Serialize};

use super::{Client, LastFailure, Report};
use crate::client::ipv6::{
    AddressOrigin, AddressState, HeldAddress, HeldRouter, Ipv6EventKind, Ipv6State,
};
use crate::clock::now;
use crate::family::{Families, Family};
use crate::identity::Mac;
use crate::phase::{Cause, Phase};
use crate::pool::{ClientStatus, FamilyStatus, Figures};
use crate::stats::milliseconds;

/// How a client stands in a family.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FamilyEntry {
    /// Whether it is usable in it.
    pub up: bool,
    /// From the first message of that family until it was usable, the latest time.
    pub acquire_ms: Option<f64>,
    /// For how long it should have been usable in it.
    pub wanted_ms: f64,
    /// For how long of that it was.
    pub usable_ms: f64,
    /// The latest failure in it, also where it has recovered since.
    pub last_failure: Option<LastFailure>,
}

/// What a client has, or had last, of IPv6.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ipv6Entry {
    /// Its addresses, the link-local one among them.
    pub addresses: Vec<AddressEntry>,
    /// Its default routers, in the order in which they are used.
    pub routers: Vec<RouterEntry>,
    /// The resolvers, those of DHCPv6 before those of routers.
    pub dns: Vec<Ipv6Addr>,
    /// The names that are searched.
    pub search: Vec<String>,
    /// The prefixes whose hosts are on the link.
    pub on_link: Vec<Prefix>,
    /// The prefixes that were delegated to it.
    pub delegated: Vec<Prefix>,
    /// The prefixes of the NAT64.
    pub pref64: Vec<Prefix>,
    /// Whether a router says that addresses are leased by DHCPv6 (the M flag).
    pub managed: bool,
    /// Whether a router says that other configuration is told by DHCPv6 (the O flag).
    pub other: bool,
    /// The MTU that a router advertises, in bytes.
    pub mtu: Option<u32>,
    /// The DUID of the server whose lease it has; `None`: it has none.
    pub lease_server: Option<String>,
    /// For how long it preferred addresses of a prefix that its router had replaced by another, in all.
    pub stale_prefix_ms: f64,
}

/// An IPv6 address of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressEntry {
    /// The address on its interface.
    pub address: Ipv6Addr,
    /// Where it is from.
    pub origin: AddressOrigin,
    /// Whether it can be used.
    pub state: AddressState,
    /// For how long it is still preferred; `None`: for ever.
    pub preferred_seconds: Option<u64>,
    /// For how long it is still valid; `None`: for ever.
    pub valid_seconds: Option<u64>,
}

/// A default router of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouterEntry {
    /// Its link-local address.
    pub address: Ipv6Addr,
    /// Its hardware address, where it was heard.
    pub mac: Option<Mac>,
    /// How much it is preferred, in one word: low, medium or high.
    pub preference: String,
    /// Whether it answers, as far as is known.
    pub reachable: bool,
    /// For how long it is still a default router; `None`: for ever.
    pub lifetime_seconds: Option<u64>,
}

/// What there is to say of the whole herd's IPv6.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ipv6Summary {
    /// What happened, by kind: of each client, so that one advertisement to a thousand clients counts a thousand times.
    pub events: BTreeMap<Ipv6EventKind, u64>,
    /// How many outages there were in each family; one of both counts in each.
    pub outages: BTreeMap<Family, u64>,
    /// How often a client preferred addresses of a prefix that its router had replaced by another.
    pub stale_prefixes: u64,
    /// For how long, all together.
    pub stale_prefix_ms: f64,
    /// For how long at most, one client at a stretch.
    pub longest_stale_prefix_ms: f64,
    /// The routers that clients have heard, each as it last advertised itself: flags, prefixes, routes, preference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routers: Vec<RouterFound>,
    /// What of it breaks a requirement of an RFC, what binds most first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaches: Vec<BreachEntry>,
}

/// A requirement that a router breaks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BreachEntry {
    /// How much the requirement binds: must, should or remark.
    pub level: String,
    /// The requirement's name, as audits have it.
    pub requirement: String,
    /// The RFC and its section.
    pub source: String,
    /// Who: an address and a MAC, or what is known of them.
    pub sender: String,
    /// What was seen the first time, with values and the byte.
    pub what: String,
    /// How often it was seen.
    pub times: u64,
    /// When it was first seen, in seconds since the pool began.
    pub first_seconds: f64,
    /// When it was last seen, likewise.
    pub last_seconds: f64,
}

impl From<&Breach> for BreachEntry {
    fn from(breach: &Breach) -> Self {
        Self {
            level: breach.level.to_string(),
            requirement: breach.requirement.to_owned(),
            source: breach.source.to_owned(),
            sender: breach.sender.clone(),
            what: breach.what.clone(),
            times: breach.times,
            first_seconds: breach.first_seconds,
            last_seconds: breach.last_seconds,
        }
    }
}

impl Ipv6Summary {
    /// Of a herd that is to have IPv6.
    pub(super) fn of(figures: &Figures) -> Option<Self> {
        let has_ipv6 = !figures.uptime_by_family.is_empty() || !figures.ipv6_events.is_empty();
        let stale = figures.stale_prefix;
        has_ipv6.then(|| Self {
            events: figures.ipv6_events.clone(),
            outages: figures.outages_by_family.clone(),
            stale_prefixes: stale.count,
            stale_prefix_ms: milliseconds(stale.total),
            longest_stale_prefix_ms: milliseconds(stale.longest),
            routers: Vec::new(),
            breaches: Vec::new(),
        })
    }
}

impl Report {
    /// Tells of the routers that clients have heard, where clients are to have IPv6.
    #[must_use]
    pub fn with_routers(mut self, heard: &RouterFindings) -> Self {
        if let Some(ipv6) = &mut self.ipv6 {
            ipv6.routers.clone_from(&heard.routers);
            ipv6.breaches = heard.breaches.iter().map(BreachEntry::from).collect();
        }
        self
    }

    /// Whether clients were to have IPv6, looked for a router of it in vain, and none of them ever had one.
    pub fn had_no_ipv6_router(&self) -> bool {
        let found = self
            .ipv6
            .as_ref()
            .and_then(|ipv6| ipv6.events.get(&Ipv6EventKind::RouterFound));
        let has_failed = |client: &Client| {
            let entry = client.by_family.get(&Family::Ipv6);
            let failure = entry.and_then(|entry| entry.last_failure.as_ref());
            failure.is_some_and(|failure| failure.cause == Cause::NoRouter)
        };
        found.is_none_or(|count| *count == 0) && self.clients.iter().any(has_failed)
    }
}

impl Client {
    /// In which families it is usable, where it is to have IPv6: `IPv4 up, IPv6 down`.
    pub fn families_told(&self) -> Option<String> {
        let told = self.by_family.iter().map(|(family, entry)| {
            let is = if entry.up { "up" } else { "down" };
            format!("{} {is}", family.name())
        });
        (!self.by_family.is_empty()).then(|| told.collect::<Vec<_>>().join(", "))
    }

    /// The family that is missing to a client that is to have both and is usable in one.
    pub fn missing_family(&self) -> Option<Family> {
        let up = |family| self.by_family.get(&family).map(|entry| entry.up);
        match (up(Family::Ipv4), up(Family::Ipv6)) {
            (Some(true), Some(false)) => Some(Family::Ipv6),
            (Some(false), Some(true)) => Some(Family::Ipv4),
            _ => None,
        }
    }

    /// The same in a word: both, none, IPv4 or IPv6.
    pub fn usable_over(&self) -> &'static str {
        let [ipv4, ipv6] = [Family::Ipv4, Family::Ipv6].map(|family| self.is_usable_over(family));
        match (ipv4, ipv6) {
            (true, true) => "both",
            (true, false) => Family::Ipv4.name(),
            (false, true) => Family::Ipv6.name(),
            (false, false) => "none",
        }
    }

    /// Whether it is usable in a family; of one that is to have only IPv4 its phase says it.
    pub fn is_usable_over(&self, family: Family) -> bool {
        match self.by_family.get(&family) {
            Some(entry) => entry.up,
            None if is_ipv4(&self.families) => {
                family == Family::Ipv4 && self.phase == Phase::Online
            }
            None => false,
        }
    }

    /// The IPv6 address that it has and sends from beyond the link.
    pub fn address6(&self) -> Option<Ipv6Addr> {
        let ipv6 = self.ipv6.as_ref().filter(|_| self.phase.has_address());
        ipv6?.address()
    }
}

/// Of a client that is to have only IPv4 nothing is said by family: the rest says it.
#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "the shape that serde calls"
)]
pub(super) const fn is_ipv4(families: &Families) -> bool {
    matches!(families, Families::Ipv4)
}

/// How a client stands in each family, where it is to have IPv6.
pub(super) fn by_family(client: &ClientStatus) -> BTreeMap<Family, FamilyEntry> {
    let mut all = BTreeMap::new();
    if client.families.include(Family::Ipv6) {
        for (family, status) in client.by_family.iter() {
            if let Some(status) = status {
                all.insert(family, FamilyEntry::from(status));
            }
        }
    }
    all
}

impl From<&FamilyStatus> for FamilyEntry {
    fn from(status: &FamilyStatus) -> Self {
        Self {
            up: status.is_up,
            acquire_ms: status.took.map(milliseconds),
            wanted_ms: milliseconds(status.wanted),
            usable_ms: milliseconds(status.usable),
            last_failure: status.failure.as_ref().map(LastFailure::from),
        }
    }
}

impl Ipv6Entry {
    pub(super) fn of(client: &ClientStatus) -> Option<Self> {
        let state: &Ipv6State = client.ipv6.as_deref()?;
        let now = now();
        Some(Self {
            addresses: state
                .addresses
                .iter()
                .map(|held| AddressEntry::of(held, now))
                .collect(),
            routers: state
                .routers
                .iter()
                .map(|held| RouterEntry::of(held, now))
                .collect(),
            dns: state.resolvers.clone(),
            search: state.search.clone(),
            on_link: state.on_link.clone(),
            delegated: state.delegated().map(|leased| leased.prefix).collect(),
            pref64: state.pref64.clone(),
            managed: state.managed,
            other: state.other,
            mtu: state.mtu,
            lease_server: state.lease.as_ref().map(|lease| lease.server.to_string()),
            stale_prefix_ms: milliseconds(client.stale_prefix),
        })
    }

    /// The address that it sends from beyond the link: a preferred one, before a deprecated one.
    pub fn address(&self) -> Option<Ipv6Addr> {
        // As `Ipv6State::global` has them.
        let rank = |held: &&AddressEntry| {
            let is_deprecated = held.state == AddressState::Deprecated;
            (is_deprecated, held.origin.rank())
        };
        let is_usable = |held: &&AddressEntry| {
            held.origin.rank().is_some() && held.state != AddressState::Tentative
        };
        let usable = self.addresses.iter().filter(is_usable);
        usable.min_by_key(rank).map(|held| held.address)
    }
}

impl AddressEntry {
    fn of(held: &HeldAddress, now: Instant) -> Self {
        Self {
            address: held.address,
            origin: held.origin,
            state: held.state,
            preferred_seconds: seconds_left(held.preferred_until, now),
            valid_seconds: seconds_left(held.valid_until, now),
        }
    }
}

impl RouterEntry {
    fn of(held: &HeldRouter, now: Instant) -> Self {
        Self {
            address: held.address,
            mac: held.mac,
            preference: held.preference.to_string(),
            reachable: held.is_reachable,
            lifetime_seconds: seconds_left(held.valid_until, now),
        }
    }
}

fn seconds_left(until: Option<Instant>, now: Instant) -> Option<u64> {
    until.map(|until| until.saturating_duration_since(now).as_secs())
}
