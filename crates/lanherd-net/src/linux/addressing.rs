//! From a lease to what the kernel is asked to set, and what of it is missing of what the kernel has. Pure.

pub(super) mod steps;

use std::net::Ipv4Addr;

use netlink_packet_route::route::RouteProtocol;

use crate::netlink::request::Reach;
use lanherd_dhcp::{Lease, Route};
use lanherd_types::identity::Mac;

/// The smallest MTU that a host must accept from a server, in bytes (RFC 2132, 5.1).
const SMALLEST_MTU: u16 = 68;
/// For so many neighbours at most a place is made: a lease may name any number of routers and resolvers.
const MOST_EXPECTED: usize = 8;

/// What is set in a client's namespace while it holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Addressing {
    address: Ipv4Addr,
    prefix_len: u8,
    routes: Vec<Route>,
    /// Whether the route to the prefix stands, which the kernel adds with the address.
    reaches_prefix: bool,
    neighbour: Option<(Ipv4Addr, Mac)>,
    /// The neighbours that will be spoken to: they do not count in the kernel's ARP table, which is one for all namespaces.
    expected: Vec<Ipv4Addr>,
    mtu: u32,
}

/// What the LAN itself says about every client's addressing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Surroundings {
    /// The parent's MTU, in bytes: no macvlan on it can have a larger one.
    pub mtu: u32,
    /// A neighbour that is to be known for good where it is the client's router.
    pub neighbour: Option<(Ipv4Addr, Mac)>,
}

impl Addressing {
    /// Makes the addressing that `lease` asks for.
    ///
    /// Of several routes to one destination the first counts. An MTU above the parent's, or below what RFC 2132 allows,
    /// is left aside.
    pub fn of(lease: &Lease, surroundings: &Surroundings) -> Self {
        let mut routes: Vec<Route> = Vec::with_capacity(lease.routes.len());
        for route in lease.routes.iter().map(on_its_boundary) {
            let is_new = routes.iter().all(|known| {
                (known.destination, known.prefix_len) != (route.destination, route.prefix_len)
            });
            if is_new {
                routes.push(route);
            }
        }
        // Gateways may be reachable only through routes to the link itself: those come first.
        routes.sort_by_key(|route| !route.gateway.is_unspecified());
        let gateway = lease.router();
        let neighbour = surroundings
            .neighbour
            .filter(|(address, _)| Some(*address) == gateway);
        let expected = expected(lease, &routes, neighbour.map(|(address, _)| address));
        Self {
            address: lease.address,
            prefix_len: lease.prefix_len,
            routes,
            reaches_prefix: true,
            neighbour,
            expected,
            mtu: lease
                .mtu
                .filter(|mtu| *mtu >= SMALLEST_MTU)
                .map(u32::from)
                .filter(|mtu| *mtu <= surroundings.mtu)
                .unwrap_or(surroundings.mtu),
        }
    }

    /// Makes the addressing that was found in a namespace: of the routes, those that a DHCP client has set, and the one to
    /// the prefix.
    pub fn found(
        (address, prefix_len): (Ipv4Addr, u8),
        standing: &[(Route, RouteProtocol)],
        mtu: u32,
    ) -> Self {
        // It is the DHCP client's own where it was lost once.
        let prefix = to_prefix(address, prefix_len);
        let routes = standing
            .iter()
            .filter(|(route, protocol)| *protocol == RouteProtocol::Dhcp && *route != prefix)
            .map(|(route, _)| *route)
            .collect();
        Self {
            address,
            prefix_len,
            routes,
            reaches_prefix: standing.iter().any(|(route, _)| *route == prefix),
            neighbour: None,
            expected: Vec::new(),
            mtu,
        }
    }

    /// The kernel has removed the neighbours, as it does when a link loses its carrier; the permanent one stays.
    pub fn neighbours_were_flushed(&mut self) {
        self.expected.clear();
    }

    /// The link's MTU while this stands, in bytes.
    pub fn mtu(&self) -> u32 {
        self.mtu
    }

    /// Returns what of this addressing is missing among the link's addresses and routes; `None` if nothing is. Who has set
    /// them does not matter.
    pub fn loss(
        &self,
        addresses: &[(Ipv4Addr, u8)],
        routes: &[(Route, RouteProtocol)],
    ) -> Option<Loss> {
        let stands = |route: &Route| routes.iter().any(|(standing, _)| standing == route);
        if !addresses.contains(&(self.address, self.prefix_len)) {
            // Its routes went with it.
            return Some(Loss {
                words: address_words(self),
                left: None,
            });
        }
        let (left, missing): (Vec<_>, Vec<_>) = self.routes.iter().copied().partition(stands);
        let lost_prefix = self
            .prefix_route()
            .filter(|route| self.reaches_prefix && !stands(route));
        let words: Vec<_> = lost_prefix
            .iter()
            .chain(&missing)
            .map(route_words)
            .collect();
        (!words.is_empty()).then(|| Loss {
            words: words.join(" and "),
            left: Some(Self {
                routes: left,
                reaches_prefix: self.reaches_prefix && lost_prefix.is_none(),
                ..self.clone()
            }),
        })
    }

    /// The route to the prefix, where the kernel adds one with the address and the lease does not put another in its
    /// place.
    fn prefix_route(&self) -> Option<Route> {
        let route = to_prefix(self.address, self.prefix_len);
        let is_replaced = self.routes.iter().any(|other| {
            (other.destination, other.prefix_len) == (route.destination, route.prefix_len)
        });
        let is_added = route.prefix_len < 32 && route.destination.octets()[0] != 0;
        (is_added && !is_replaced).then_some(route)
    }

    fn reach(&self, route: &Route) -> Reach {
        let in_prefix = route.gateway.is_unspecified()
            || network(route.gateway, self.prefix_len) == network(self.address, self.prefix_len);
        if in_prefix {
            Reach::Prefix
        } else {
            Reach::OnLink
        }
    }
}

/// What of a client's addressing somebody else removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loss {
    /// The address or routes that were removed, for a person to read.
    pub words: String,
    /// The addressing that is left.
    pub left: Option<Addressing>,
}

/// The neighbours that a client with this lease will speak to: gateways, resolvers, and the server that renews it.
fn expected(lease: &Lease, routes: &[Route], permanent: Option<Ipv4Addr>) -> Vec<Ipv4Addr> {
    let is_near = |address: &Ipv4Addr| {
        network(*address, lease.prefix_len) == network(lease.address, lease.prefix_len)
    };
    let gateways = routes.iter().map(|route| route.gateway);
    let others = lease.dns.iter().copied().chain([lease.server_id]);
    let mut expected = Vec::new();
    for address in gateways.chain(others.filter(is_near)) {
        let is_meant = !address.is_unspecified() && address != lease.address;
        if is_meant && Some(address) != permanent && !expected.contains(&address) {
            expected.push(address);
        }
    }
    expected.truncate(MOST_EXPECTED);
    expected
}

/// The kernel refuses a destination with bits set beyond its prefix; servers do send them.
fn on_its_boundary(route: &Route) -> Route {
    Route {
        destination: network(route.destination, route.prefix_len),
        ..*route
    }
}

/// The route to an address's prefix.
fn to_prefix(address: Ipv4Addr, prefix_len: u8) -> Route {
    Route {
        destination: network(address, prefix_len),
        prefix_len,
        gateway: Ipv4Addr::UNSPECIFIED,
    }
}

fn network(address: Ipv4Addr, prefix_len: u8) -> Ipv4Addr {
    let mask = u32::MAX
        .checked_shl(32 - u32::from(prefix_len.min(32)))
        .unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & mask)
}

fn address_words(addressing: &Addressing) -> String {
    format!("address {}/{}", addressing.address, addressing.prefix_len)
}

fn route_words(route: &Route) -> String {
    let Route {
        destination,
        prefix_len,
        gateway,
    } = route;
    if gateway.is_unspecified() {
        format!("route to {destination}/{prefix_len} on the link")
    } else {
        format!("route to {destination}/{prefix_len} through {gateway}")
    }
}

#[cfg(test)]
mod tests;
