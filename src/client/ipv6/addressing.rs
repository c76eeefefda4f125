//! What a client's link is to have of IPv6, and what the client has of it, from what its machines say.

use std::cmp::Reverse;
use std::net::Ipv6Addr;
use std::time::Instant;

use super::state::{HeldAddress, HeldRouter, Ipv6State};
use super::{AddressOrigin, AddressState};
use crate::dhcp6::{self, LeasedAddress};
use crate::lan::ipv6::{Address6, Addressing6, Delegated6, Neighbour6, Route6, RouterPreference};
use crate::ndp::Preference;
use crate::ndp::slaac::{AddressKind, Host, InterfaceAddress};
use lanherd_types::identity::Mac;
use lanherd_types::ipv6::Prefix;

/// The length of a formed address' prefix (RFC 4862, 5.5.3 d: prefix and identifier have 128 bits, and identifiers 64).
const FORMED_LEN: u8 = 64;

/// What the machines have come to.
pub(super) struct Machines<'a> {
    pub(super) host: &'a Host,
    pub(super) dhcp: &'a dhcp6::Client,
    /// The lease whose addresses are being probed.
    pub(super) probing: Option<&'a dhcp6::Lease>,
}

impl Machines<'_> {
    /// What is leased: what is being probed, with all that is in use already, or what is in use.
    fn leased(&self) -> impl Iterator<Item = &LeasedAddress> {
        let lease = self.probing.or_else(|| self.dhcp.lease());
        lease.into_iter().flat_map(dhcp6::Lease::addresses)
    }

    /// What the link is to have.
    pub(super) fn addressing(&self) -> Addressing6 {
        let mut addressing = Addressing6::default();
        let formed = self.host.addresses().map(|it| self.formed(it));
        addressing.addresses.extend(formed);
        for leased in self.leased() {
            let is_known = |it: &Address6| it.address == leased.address;
            if !addressing.addresses.iter().any(is_known) {
                addressing.addresses.push(self.leased_address(leased));
            }
        }
        self.routes(&mut addressing);
        addressing.delegated = self.delegated();
        addressing.sources = self.temporary();
        (addressing.resolvers, addressing.search) = self.resolvers();
        addressing
    }

    /// Resolvers and search list, those of DHCPv6 first.
    // RFC 8106, 5.3.1: resolvers of DHCP come before those of routers.
    fn resolvers(&self) -> (Vec<Ipv6Addr>, Vec<String>) {
        let parameters = match (self.dhcp.lease(), self.dhcp.state().information()) {
            (Some(lease), _) => Some(&lease.parameters),
            (None, information) => information.map(|information| &information.parameters),
        };
        let (servers, names) = parameters.map_or((&[][..], &[][..]), |parameters| {
            (&parameters.dns, &parameters.search)
        });
        (
            merged(servers, self.host.resolvers()),
            merged(names, self.host.search()),
        )
    }

    fn formed(&self, own: &InterfaceAddress) -> Address6 {
        let verifies = self.host.config().verifies;
        match own.kind {
            AddressKind::LinkLocal => Address6::link_local(own.address, verifies),
            // What is on the link is a route of its own, where a router said so.
            AddressKind::Stable | AddressKind::Temporary => Address6 {
                address: own.address,
                prefix_len: FORMED_LEN,
                is_on_link: false,
                preferred_until: own.preferred.moment(),
                valid_until: own.valid.moment(),
                detects_duplicates: verifies,
            },
        }
    }

    fn leased_address(&self, leased: &LeasedAddress) -> Address6 {
        Address6 {
            address: leased.address,
            prefix_len: LeasedAddress::<Instant>::PREFIX_LEN,
            is_on_link: false,
            preferred_until: leased.lifetimes.preferred_until,
            valid_until: leased.lifetimes.valid_until,
            detects_duplicates: self.dhcp.config().duplicate_detection,
        }
    }

    /// The temporary addresses that new things are sent from, the latest first.
    fn temporary(&self) -> Vec<Ipv6Addr> {
        let all = self.host.addresses();
        let mut usable: Vec<_> = all
            .filter(|own| own.kind == AddressKind::Temporary && self.host.is_usable(own.address))
            .collect();
        usable.sort_by_key(|own| Reverse(own.preferred));
        usable.iter().map(|own| own.address).collect()
    }

    /// What is delegated, and the client's address of each: the first of the first part that may go on a link. There the client is the
    /// router, and needs ask nobody.
    // RFC 7084, 4.3: each link behind a router has 64 bits of what is delegated to it.
    fn delegated(&self) -> Vec<Delegated6> {
        let lease = self.dhcp.lease().into_iter();
        let delegated = lease.flat_map(dhcp6::Lease::prefixes);
        delegated
            .map(|it| Delegated6 {
                prefix: it.prefix,
                address: it.parts(FORMED_LEN).next().map(router_in),
                preferred_until: it.lifetimes.preferred_until,
                valid_until: it.lifetimes.valid_until,
            })
            .collect()
    }

    fn routes(&self, addressing: &mut Addressing6) {
        let link = self.host.link();
        let mut routes: Vec<_> = self.host.routes().collect();
        routes.sort_by_key(|route| route.metric);
        for route in routes {
            addressing.routes.push(Route6 {
                destination: route.prefix.address(),
                prefix_len: route.prefix.length(),
                gateway: route.gateway,
                preference: preference(route.preference),
                until: route.valid.moment(),
                mtu: link.mtu,
                hop_limit: link.hop_limit,
            });
        }
        // The kernel makes an entry of whoever advertises: one that is set is not counted in its one neighbour table.
        let advertisers = self.host.advertisers();
        addressing.neighbours = advertisers.map(neighbour).collect();
    }

    /// Whether the neighbours that were set are those that there should be.
    pub(super) fn knows_neighbours(&self, set: &Addressing6) -> bool {
        self.host
            .advertisers()
            .map(neighbour)
            .eq(set.neighbours.iter().copied())
    }

    /// What the client has, but for whether that can be used.
    pub(super) fn state(&self, now: Instant) -> Ipv6State {
        let (managed, other) = self.host.flags();
        let of_routers = self.host.routes().filter(|route| route.gateway.is_none());
        let mut state = Ipv6State {
            addresses: self.held_addresses(now),
            routers: self.held_routers(),
            on_link: of_routers.map(|route| route.prefix).collect(),
            pref64: self.host.pref64(),
            managed,
            other,
            mtu: self.host.link().mtu,
            lease: self.dhcp.lease().cloned().map(Box::new),
            ..Ipv6State::default()
        };
        (state.resolvers, state.search) = self.resolvers();
        state.give_room_back();
        state
    }

    fn held_addresses(&self, now: Instant) -> Vec<HeldAddress> {
        let formed = self.host.addresses().map(|own| HeldAddress {
            address: own.address,
            origin: match own.kind {
                AddressKind::LinkLocal => AddressOrigin::LinkLocal,
                AddressKind::Stable => AddressOrigin::Stable,
                AddressKind::Temporary => AddressOrigin::Temporary,
            },
            state: address_state(
                self.host.is_usable(own.address),
                own.preferred.moment(),
                now,
            ),
            preferred_until: own.preferred.moment(),
            valid_until: own.valid.moment(),
        });
        let in_use = |address| {
            let lease = self.dhcp.lease().into_iter();
            lease
                .flat_map(dhcp6::Lease::addresses)
                .any(|it| it.address == address)
        };
        let leased = self.leased().map(|leased| HeldAddress {
            address: leased.address,
            origin: AddressOrigin::Dhcp6,
            state: address_state(
                in_use(leased.address),
                leased.lifetimes.preferred_until,
                now,
            ),
            preferred_until: leased.lifetimes.preferred_until,
            valid_until: leased.lifetimes.valid_until,
        });
        let mut held: Vec<HeldAddress> = formed.collect();
        for leased in leased {
            if !held.iter().any(|it| it.address == leased.address) {
                held.push(leased);
            }
        }
        let behind = self.delegated().into_iter().filter_map(|it| {
            Some(HeldAddress {
                address: it.address?,
                origin: AddressOrigin::Delegated,
                state: address_state(true, it.preferred_until, now),
                preferred_until: it.preferred_until,
                valid_until: it.valid_until,
            })
        });
        held.extend(behind);
        held
    }

    fn held_routers(&self) -> Vec<HeldRouter> {
        let routers = self.host.default_routers().into_iter();
        let routers = routers.map(|router| HeldRouter {
            address: router.address,
            mac: router.mac,
            preference: router.preference,
            is_reachable: router.is_reachable,
            valid_until: router.until.moment(),
        });
        routers.collect()
    }

    /// The address that messages are sent from.
    pub(super) fn link_local(&self) -> Option<Ipv6Addr> {
        self.host.link_local()
    }
}

/// Of an address that may be used, or not yet, by the end of its preferred lifetime.
// RFC 4862, 5.5.4: an address whose preferred lifetime has ended is deprecated, and stays.
fn address_state(is_usable: bool, preferred_until: Option<Instant>, now: Instant) -> AddressState {
    if !is_usable {
        AddressState::Tentative
    } else if preferred_until.is_some_and(|end| end <= now) {
        AddressState::Deprecated
    } else {
        AddressState::Preferred
    }
}

/// The address of a link's router: the first beyond that of all routers (RFC 4291, 2.6.1).
fn router_in(link: Prefix) -> Ipv6Addr {
    Ipv6Addr::from_bits(link.address().to_bits() | 1)
}

const fn neighbour((address, mac): (Ipv6Addr, Option<Mac>)) -> Neighbour6 {
    Neighbour6 {
        address,
        mac,
        is_router: true,
    }
}

fn merged<T: Clone + PartialEq>(first: &[T], then: &[T]) -> Vec<T> {
    let mut merged: Vec<T> = Vec::new();
    for one in first.iter().chain(then) {
        if !merged.contains(one) {
            merged.push(one.clone());
        }
    }
    merged
}

const fn preference(preference: Preference) -> RouterPreference {
    match preference {
        Preference::Low => RouterPreference::Low,
        Preference::Medium => RouterPreference::Medium,
        Preference::High => RouterPreference::High,
    }
}

/// The frame of a DHCPv6 client's message.
pub(super) fn dhcp6_frame(
    mac: Mac,
    link_local: Ipv6Addr,
    message: &dhcp6::Message,
) -> Option<Vec<u8>> {
    let ends = crate::lan::frame6::Ends6::to_group(mac, link_local, dhcp6::ALL_SERVERS);
    crate::lan::frame6::dhcp6_frame(&ends, &message.encode().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merged_list_has_each_once_and_those_of_dhcp_first() {
        assert_eq!(merged(&[1, 2], &[3, 1]), [1, 2, 3]);
        assert!(merged::<u8>(&[], &[]).is_empty());
    }
}
