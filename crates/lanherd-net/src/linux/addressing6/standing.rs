//! What of IPv6 stands in a client's namespace, what leads from there to something else, and what the kernel has made of it. Pure.

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use netlink_packet_route::address::AddressFlags;

use crate::config::LINK_INDEX;
use crate::lan::ipv6::{Address6, Delegated6, Neighbour6, RouterPreference};
use crate::linux::addressing::steps::{Step, StepKind};
use crate::netlink::request6::{self, FoundAddress, INFINITE, RouteKey};

/// What the kernel counts in seconds may differ by as much from what is wanted.
pub(super) const TOLERANCE: Duration = Duration::from_secs(2);

/// What of IPv6 stands in a client's namespace, as far as lanherd has set it and nobody has removed it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::linux) struct Standing6 {
    pub(super) addresses: Vec<StandingAddress>,
    pub(super) routes: Vec<StandingRoute>,
    pub(super) neighbours: Vec<Neighbour6>,
    /// Few clients have any.
    pub(super) delegated: Box<[StandingDelegated]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StandingAddress {
    pub(super) wanted: Address6,
    /// Whether the kernel still asks if somebody has it.
    pub(super) is_tentative: bool,
    /// Whether an earlier process has set it, and this one has not wanted it yet.
    pub(super) is_found: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StandingRoute {
    pub(super) key: RouteKey,
    pub(super) preference: RouterPreference,
    pub(super) mtu: Option<u32>,
    pub(super) hop_limit: Option<u8>,
    pub(super) source: Option<Ipv6Addr>,
    pub(super) until: Option<Instant>,
    /// Whether an earlier process has set it, and this one has not wanted it yet.
    pub(super) is_found: bool,
}

/// A delegated prefix of which something was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StandingDelegated {
    pub(super) wanted: Delegated6,
    /// Whether an earlier process has set it, and this one has not wanted it yet.
    pub(super) is_found: bool,
    /// Whether a part of it has gone, and it is to be set again where it is still wanted.
    pub(super) is_lost: bool,
}

/// What leads from what stands to what is to stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::linux) struct Plan6 {
    pub steps: Vec<Step>,
    /// What stands once they have been carried out.
    pub standing: Standing6,
    /// When the kernel is to be told anew, at the latest.
    pub again_by: Option<Instant>,
    /// The addresses that an earlier process has set and the kernel has asked about: nobody else has them.
    pub unique: Vec<Ipv6Addr>,
    /// Whether something stays that is not wanted.
    pub keeps_found: bool,
}

/// What the kernel has made of what stood.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::linux) struct Examined6 {
    /// What stands now.
    pub standing: Standing6,
    /// The addresses that nobody else has.
    pub unique: Vec<Ipv6Addr>,
    /// Those that somebody else has.
    pub duplicate: Vec<Ipv6Addr>,
    /// What somebody else has removed, for a person to read.
    pub lost: Vec<String>,
    /// Removes what the kernel keeps and does not use.
    pub steps: Vec<Step>,
}

impl Standing6 {
    /// Whether nothing stands.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
            && self.routes.is_empty()
            && self.neighbours.is_empty()
            && self.delegated.is_empty()
    }

    /// The addresses that stand on the interface, and on the link behind the client.
    pub fn addresses(&self) -> impl Iterator<Item = Ipv6Addr> {
        let own = self.addresses.iter();
        let own = own.map(|standing| standing.wanted.address);
        let delegated = self.delegated.iter();
        own.chain(delegated.filter_map(|standing| standing.wanted.address))
    }

    /// Whether a route leads through `gateway`.
    pub fn leads_through(&self, gateway: Ipv6Addr) -> bool {
        self.routes
            .iter()
            .any(|route| route.key.gateway == Some(gateway))
    }

    /// The routers through which its routes lead.
    pub fn routers(&self) -> impl Iterator<Item = Ipv6Addr> {
        self.routes.iter().filter_map(|route| route.key.gateway)
    }

    /// The kernel has removed the neighbours, as it does when a link loses its carrier.
    pub fn neighbours_were_flushed(&mut self) {
        self.neighbours.clear();
    }

    /// What is found in a namespace, set by a process that was killed: addresses that it, or an advertisement, has set, and routes of
    /// the same kind. Whatever of it is wanted is told to the kernel anew.
    #[must_use]
    pub fn with_found(self, addresses: &[FoundAddress], routes: &[RouteKey], now: Instant) -> Self {
        let end = |seconds| match seconds {
            INFINITE => None,
            seconds => Some(now + Duration::from_secs(u64::from(seconds))),
        };
        let addresses = addresses
            .iter()
            .filter(|found| found.is_ours || found.valid != INFINITE)
            .map(|found| StandingAddress {
                wanted: Address6 {
                    address: found.address,
                    prefix_len: found.prefix_len,
                    is_on_link: !found.flags.contains(AddressFlags::Noprefixroute),
                    preferred_until: end(found.preferred),
                    valid_until: end(found.valid),
                    detects_duplicates: !found.flags.contains(AddressFlags::Nodad),
                },
                is_tentative: found.flags.contains(AddressFlags::Tentative),
                is_found: true,
            })
            .collect();
        let routes = routes
            .iter()
            .map(|key| StandingRoute {
                key: *key,
                preference: RouterPreference::default(),
                mtu: None,
                hop_limit: None,
                source: None,
                until: Some(now),
                is_found: true,
            })
            .collect();
        Self {
            addresses,
            routes,
            ..self
        }
    }

    /// What has become of this, as the kernel has `addresses` and `routes` now.
    pub fn examine(
        &self,
        addresses: &[FoundAddress],
        routes: &[RouteKey],
        now: Instant,
    ) -> Examined6 {
        let mut examined = Examined6::default();
        for standing in &self.addresses {
            let address = standing.wanted.address;
            let found = addresses.iter().find(|found| found.address == address);
            let has = |flag| found.is_some_and(|found| found.flags.contains(flag));
            if has(AddressFlags::Dadfailed) {
                // One without end stays, and is not used (RFC 4862, 5.4.5).
                examined.duplicate.push(address);
                let prefix_len = standing.wanted.prefix_len;
                examined.steps.push(remove(
                    address_words(address, prefix_len),
                    request6::delete_address(LINK_INDEX, address, prefix_len),
                ));
            } else if found.is_some() {
                let is_tentative = standing.is_tentative && has(AddressFlags::Tentative);
                if standing.is_tentative && !is_tentative {
                    examined.unique.push(address);
                }
                examined.standing.addresses.push(StandingAddress {
                    is_tentative,
                    ..*standing
                });
            } else if standing.is_tentative {
                // The kernel itself removes one that ends anyhow.
                examined.duplicate.push(address);
            } else if !is_over(standing.wanted.valid_until, now + TOLERANCE) {
                let words = address_words(address, standing.wanted.prefix_len);
                examined.lost.push(words);
            }
        }
        for standing in &self.routes {
            if routes.contains(&standing.key) {
                examined.standing.routes.push(*standing);
            } else if !is_over(standing.until, now + TOLERANCE) {
                examined.lost.push(route_words(&standing.key));
            }
        }
        examined.standing.neighbours.clone_from(&self.neighbours);
        examined.standing.delegated.clone_from(&self.delegated);
        examined
    }
}

pub(super) fn is_over(until: Option<Instant>, now: Instant) -> bool {
    until.is_some_and(|until| until <= now)
}

/// The kernel refuses a destination with bits set beyond its prefix.
pub(super) fn network(address: Ipv6Addr, prefix_len: u8) -> Ipv6Addr {
    let mask = u128::MAX
        .checked_shl(128 - u32::from(prefix_len.min(128)))
        .unwrap_or(0);
    Ipv6Addr::from_bits(address.to_bits() & mask)
}

pub(super) fn address_words(address: Ipv6Addr, prefix_len: u8) -> String {
    format!("address {address}/{prefix_len}")
}

pub(super) fn route_words(key: &RouteKey) -> String {
    let RouteKey {
        destination,
        prefix_len,
        ..
    } = key;
    match key.gateway {
        Some(gateway) => format!("route to {destination}/{prefix_len} through {gateway}"),
        None => format!("route to {destination}/{prefix_len} on the link"),
    }
}

pub(super) fn set(words: String, request: crate::netlink::Request) -> Step {
    Step {
        words,
        request,
        kind: StepKind::Set,
    }
}

pub(super) fn remove(words: String, request: crate::netlink::Request) -> Step {
    Step {
        words,
        request,
        kind: StepKind::Remove,
    }
}
