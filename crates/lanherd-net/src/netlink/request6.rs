//! The requests about IPv6 that lanherd makes of the kernel, each a function of plain values.

use std::net::{IpAddr, Ipv6Addr};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_REPLACE};
use netlink_packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, CacheInfo,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteMetric,
    RoutePreference, RouteProtocol, RouteScope, RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use super::request::Request;
use crate::lan::ipv6::{Neighbour6, RouterPreference};
use lanherd_types::ipv6::Prefix;

/// Marks an address as set by lanherd (`IFA_PROTO`): what the kernel uses itself is below 4.
pub(crate) const OURS: u8 = 0x6c;
/// Who sets what becomes of a delegated prefix: DHCP.
const DELEGATED: RouteProtocol = RouteProtocol::Dhcp;
/// A lifetime without end, in seconds (RFC 4861, 4.6.2; the kernel uses the same number).
pub(crate) const INFINITE: u32 = u32::MAX;

/// An address, with the seconds that are left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AddressRequest {
    pub address: Ipv6Addr,
    pub prefix_len: u8,
    pub is_on_link: bool,
    pub preferred: u32,
    pub valid: u32,
    pub detects_duplicates: bool,
}

/// Adds an address, or changes its lifetimes; the kernel adds the route to the prefix where that is on the link.
pub(crate) fn add_address(index: u32, wanted: &AddressRequest) -> Request {
    let mut message = address_message(index, wanted.address, wanted.prefix_len);
    let mut flags = AddressFlags::empty();
    if !wanted.is_on_link {
        flags |= AddressFlags::Noprefixroute;
    }
    if !wanted.detects_duplicates {
        flags |= AddressFlags::Nodad;
    }
    let mut lifetimes = CacheInfo::default();
    lifetimes.ifa_preferred = wanted.preferred;
    lifetimes.ifa_valid = wanted.valid;
    message.attributes.extend([
        AddressAttribute::CacheInfo(lifetimes),
        AddressAttribute::Flags(flags),
        AddressAttribute::Protocol(AddressProtocol::Other(OURS)),
    ]);
    Request::new(
        RouteNetlinkMessage::NewAddress(message),
        NLM_F_CREATE | NLM_F_REPLACE,
    )
}

/// Removes an address.
pub(crate) fn delete_address(index: u32, address: Ipv6Addr, prefix_len: u8) -> Request {
    let message = address_message(index, address, prefix_len);
    Request::new(RouteNetlinkMessage::DelAddress(message), 0)
}

fn address_message(index: u32, address: Ipv6Addr, prefix_len: u8) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet6;
    message.header.prefix_len = prefix_len;
    message.header.index = index;
    message.attributes = vec![
        AddressAttribute::Local(IpAddr::V6(address)),
        AddressAttribute::Address(IpAddr::V6(address)),
    ];
    message
}

/// An address that the kernel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FoundAddress {
    pub address: Ipv6Addr,
    pub prefix_len: u8,
    pub flags: AddressFlags,
    /// The seconds that are left of it.
    pub preferred: u32,
    pub valid: u32,
    pub is_ours: bool,
}

/// Asks for the IPv6 addresses of all links.
pub(super) fn get_addresses() -> RouteNetlinkMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet6;
    RouteNetlinkMessage::GetAddress(message)
}

/// The address that an answer tells of, if the link has that number.
pub(super) fn address_of(message: &RouteNetlinkMessage, index: u32) -> Option<FoundAddress> {
    let RouteNetlinkMessage::NewAddress(message) = message else {
        return None;
    };
    if message.header.index != index || message.header.family != AddressFamily::Inet6 {
        return None;
    }
    let mut found = FoundAddress {
        address: Ipv6Addr::UNSPECIFIED,
        prefix_len: message.header.prefix_len,
        flags: AddressFlags::from_bits_retain(message.header.flags.bits().into()),
        preferred: INFINITE,
        valid: INFINITE,
        is_ours: false,
    };
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Address(IpAddr::V6(address)) => found.address = *address,
            AddressAttribute::Flags(flags) => found.flags = *flags,
            AddressAttribute::CacheInfo(lifetimes) => {
                (found.preferred, found.valid) = (lifetimes.ifa_preferred, lifetimes.ifa_valid);
            }
            AddressAttribute::Protocol(protocol) => found.is_ours = u8::from(*protocol) == OURS,
            _ => {}
        }
    }
    (!found.address.is_unspecified()).then_some(found)
}

/// A route, with the seconds that are left of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RouteRequest {
    pub key: RouteKey,
    pub preference: RouterPreference,
    /// The seconds until the kernel removes it; `None`: never.
    pub expires: Option<u32>,
    pub mtu: Option<u32>,
    pub hop_limit: Option<u8>,
    /// The address that what goes this way comes from, where its sender says nothing else.
    pub source: Option<Ipv6Addr>,
}

/// What tells a route from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RouteKey {
    pub destination: Ipv6Addr,
    pub prefix_len: u8,
    /// The kernel takes the route with the lowest. Routes of one metric through different gateways would share the traffic.
    pub metric: u32,
    pub gateway: Option<Ipv6Addr>,
}

/// Adds a route through the link, or replaces the one to the same destination with the same metric.
pub(crate) fn add_route(index: u32, wanted: &RouteRequest) -> Request {
    let mut message = route_message(index, &wanted.key);
    // One that is no link-local address need not lie in a prefix of the link's.
    if wanted
        .key
        .gateway
        .is_some_and(|gateway| !gateway.is_unicast_link_local())
    {
        message.header.flags = RouteFlags::Onlink;
    }
    let preference = match wanted.preference {
        RouterPreference::Low => RoutePreference::Low,
        RouterPreference::Medium => RoutePreference::Medium,
        RouterPreference::High => RoutePreference::High,
    };
    message
        .attributes
        .push(RouteAttribute::Preference(preference));
    message
        .attributes
        .extend(wanted.expires.map(RouteAttribute::Expires));
    let source = wanted.source.map(RouteAddress::Inet6);
    message
        .attributes
        .extend(source.map(RouteAttribute::PrefSource));
    let mtu = wanted.mtu.map(RouteMetric::Mtu);
    let hop_limit = wanted
        .hop_limit
        .map(|hops| RouteMetric::Hoplimit(hops.into()));
    let metrics: Vec<_> = mtu.into_iter().chain(hop_limit).collect();
    if !metrics.is_empty() {
        message.attributes.push(RouteAttribute::Metrics(metrics));
    }
    Request::new(
        RouteNetlinkMessage::NewRoute(message),
        NLM_F_CREATE | NLM_F_REPLACE,
    )
}

/// Removes a route.
pub(crate) fn delete_route(index: u32, key: &RouteKey) -> Request {
    Request::new(RouteNetlinkMessage::DelRoute(route_message(index, key)), 0)
}

fn route_message(index: u32, key: &RouteKey) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet6;
    message.header.destination_prefix_length = key.prefix_len;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Ra;
    message.header.kind = RouteType::Unicast;
    message.header.scope = RouteScope::Universe;
    message.attributes.push(RouteAttribute::Oif(index));
    message
        .attributes
        .push(RouteAttribute::Priority(key.metric));
    if key.prefix_len > 0 {
        let destination = RouteAddress::Inet6(key.destination);
        message
            .attributes
            .push(RouteAttribute::Destination(destination));
    }
    if let Some(gateway) = key.gateway {
        message
            .attributes
            .push(RouteAttribute::Gateway(RouteAddress::Inet6(gateway)));
    }
    message
}

/// Has what is sent into a prefix answered as unreachable where no longer prefix has a way. Such a route has no end by itself: the kernel
/// takes a time for it, and forgets that.
// RFC 7084, 4.2: what of a delegated prefix is on no link of the router's leads nowhere.
pub(crate) fn add_unreachable(prefix: Prefix) -> Request {
    Request::new(
        RouteNetlinkMessage::NewRoute(unreachable_message(prefix)),
        NLM_F_CREATE | NLM_F_REPLACE,
    )
}

/// Takes that back.
pub(crate) fn delete_unreachable(prefix: Prefix) -> Request {
    let message = unreachable_message(prefix);
    Request::new(RouteNetlinkMessage::DelRoute(message), 0)
}

fn unreachable_message(prefix: Prefix) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet6;
    message.header.destination_prefix_length = prefix.length();
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = DELEGATED;
    message.header.kind = RouteType::Unreachable;
    message.header.scope = RouteScope::Universe;
    message
        .attributes
        .push(RouteAttribute::Destination(RouteAddress::Inet6(
            prefix.address(),
        )));
    message
}

/// The prefix that an answer says is unreachable, if lanherd may have set that.
pub(super) fn unreachable_of(message: &RouteNetlinkMessage) -> Option<Prefix> {
    let RouteNetlinkMessage::NewRoute(message) = message else {
        return None;
    };
    let header = &message.header;
    let is_meant = header.table == RouteHeader::RT_TABLE_MAIN
        && header.kind == RouteType::Unreachable
        && header.protocol == DELEGATED;
    let mut attributes = message.attributes.iter();
    let destination = attributes.find_map(|attribute| match attribute {
        RouteAttribute::Destination(RouteAddress::Inet6(address)) => Some(*address),
        _ => None,
    })?;
    Prefix::new(destination, header.destination_prefix_length).filter(|_| is_meant)
}

/// Asks for the IPv6 routes of all tables.
pub(super) fn get_routes() -> RouteNetlinkMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet6;
    RouteNetlinkMessage::GetRoute(message)
}

/// Asks which way the kernel would take to `destination`.
pub(super) fn get_route_to(destination: Ipv6Addr) -> RouteNetlinkMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet6;
    message.header.destination_prefix_length = 128;
    message
        .attributes
        .push(RouteAttribute::Destination(RouteAddress::Inet6(
            destination,
        )));
    RouteNetlinkMessage::GetRoute(message)
}

/// Whether an answer tells of a way that ends in the namespace itself.
pub(super) fn is_local(message: &RouteNetlinkMessage) -> bool {
    matches!(message, RouteNetlinkMessage::NewRoute(message) if message.header.kind == RouteType::Local)
}

/// The route that an answer tells of, if it is one of the main table through the link with that number that lanherd may have set.
pub(super) fn route_of(message: &RouteNetlinkMessage, index: u32) -> Option<RouteKey> {
    let RouteNetlinkMessage::NewRoute(message) = message else {
        return None;
    };
    let header = &message.header;
    let mut key = RouteKey {
        destination: Ipv6Addr::UNSPECIFIED,
        prefix_len: header.destination_prefix_length,
        metric: 0,
        gateway: None,
    };
    let mut link = None;
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Oif(number) => link = Some(*number),
            RouteAttribute::Priority(metric) => key.metric = *metric,
            RouteAttribute::Destination(RouteAddress::Inet6(address)) => key.destination = *address,
            RouteAttribute::Gateway(RouteAddress::Inet6(address)) => key.gateway = Some(*address),
            _ => {}
        }
    }
    let is_meant = link == Some(index)
        && header.table == RouteHeader::RT_TABLE_MAIN
        && header.kind == RouteType::Unicast
        && header.protocol == RouteProtocol::Ra;
    is_meant.then_some(key)
}

/// Writes a neighbour into the table so that it is not counted there (`NTF_EXT_LEARNED`), and is looked after as any other. One
/// whose link address is not known is asked for it at once.
pub fn add_neighbour(index: u32, neighbour: &Neighbour6) -> Request {
    let mut message = neighbour_message(index, neighbour.address);
    message.header.flags = NeighbourFlags::ExtLearned;
    if neighbour.is_router {
        message.header.flags |= NeighbourFlags::Router;
    }
    if let Some(mac) = neighbour.mac {
        message.header.state = NeighbourState::Stale;
        message
            .attributes
            .push(NeighbourAttribute::LinkLayerAddress(mac.octets().to_vec()));
    } else {
        message.header.state = NeighbourState::None;
        message.header.flags |= NeighbourFlags::Use;
    }
    Request::new(
        RouteNetlinkMessage::NewNeighbour(message),
        NLM_F_CREATE | NLM_F_REPLACE,
    )
}

/// Asks for the IPv6 neighbours of all links.
pub(super) fn get_neighbours() -> RouteNetlinkMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Inet6;
    RouteNetlinkMessage::GetNeighbour(message)
}

/// The neighbour that an answer tells of and the state of its entry, if it is on the link with that number.
pub(super) fn neighbour_of(
    message: &RouteNetlinkMessage,
    index: u32,
) -> Option<(Ipv6Addr, NeighbourState)> {
    let RouteNetlinkMessage::NewNeighbour(message) = message else {
        return None;
    };
    if message.header.ifindex != index {
        return None;
    }
    let address = message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            NeighbourAttribute::Destination(NeighbourAddress::Inet6(address)) => Some(*address),
            _ => None,
        })?;
    Some((address, message.header.state))
}

/// Removes a neighbour from the table.
pub fn delete_neighbour(index: u32, address: Ipv6Addr) -> Request {
    Request::new(
        RouteNetlinkMessage::DelNeighbour(neighbour_message(index, address)),
        0,
    )
}

fn neighbour_message(index: u32, address: Ipv6Addr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Inet6;
    message.header.ifindex = index;
    message.header.kind = RouteType::Unicast;
    message
        .attributes
        .push(NeighbourAttribute::Destination(NeighbourAddress::Inet6(
            address,
        )));
    message
}
