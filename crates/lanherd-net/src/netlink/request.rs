//! The requests that lanherd makes of the kernel, each a function of plain values.

use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsRawFd, RawFd};

use netlink_packet_core::{NLM_F_APPEND, NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE};
use netlink_packet_route::address::{AddressAttribute, AddressMessage};
use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoMacVlan, LinkAttribute, LinkMessage, MacVlanMode,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourFlags, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::nsid::{NsidAttribute, NsidMessage};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteMessage, RouteProtocol, RouteScope,
    RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::{LinkMacVlan, LinkUnspec};

use lanherd_dhcp::Route;
use lanherd_types::identity::Mac;

/// One request of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub(super) message: RouteNetlinkMessage,
    pub(super) flags: u16,
}

impl Request {
    pub(super) const fn new(message: RouteNetlinkMessage, flags: u16) -> Self {
        Self { message, flags }
    }
}

/// Sets again what the kernel told of an address, a route or a neighbour; refused with `EEXIST` where it stands.
pub(crate) fn again(message: RouteNetlinkMessage) -> Request {
    // Of routes to one destination there may be several, and each but the first is added to the others.
    let flags = match message {
        RouteNetlinkMessage::NewRoute(_) => NLM_F_CREATE | NLM_F_APPEND,
        _ => NLM_F_CREATE | NLM_F_EXCL,
    };
    Request::new(message, flags)
}

/// What a macvlan is to be.
#[derive(Debug, Clone, Copy)]
pub struct Macvlan<'a> {
    /// Its name in its namespace.
    pub name: &'a str,
    /// Its number there: fixed, so that nobody need look it up.
    pub index: u32,
    /// The number of the parent, in the namespace of the socket that the request is sent through.
    pub parent: u32,
    /// How macvlans of one parent see each other.
    pub mode: MacVlanMode,
    /// Its hardware address, which no other in the LAN may have.
    pub mac: Mac,
    /// The namespace that it is made in: a descriptor.
    pub namespace: RawFd,
    /// How many broadcasts may wait for it.
    pub broadcast_queue: u32,
}

/// Makes a macvlan directly inside a namespace; it is down.
pub fn add_macvlan(macvlan: &Macvlan<'_>) -> Request {
    let message = LinkMacVlan::new(macvlan.name, macvlan.parent, macvlan.mode)
        .append_info_data(InfoMacVlan::BcQueueLen(macvlan.broadcast_queue))
        .index(macvlan.index)
        .address(macvlan.mac.octets().to_vec())
        .setns_by_fd(macvlan.namespace)
        .build();
    Request::new(
        RouteNetlinkMessage::NewLink(message),
        NLM_F_CREATE | NLM_F_EXCL,
    )
}

/// Brings a link up.
pub fn up(index: u32) -> Request {
    Request::new(
        RouteNetlinkMessage::SetLink(LinkUnspec::new_with_index(index).up().build()),
        0,
    )
}

/// Takes a link down.
pub fn down(index: u32) -> Request {
    Request::new(
        RouteNetlinkMessage::SetLink(LinkUnspec::new_with_index(index).down().build()),
        0,
    )
}

/// Keeps a link that is down from taking a link-local IPv6 address when it comes up, and so from speaking IPv6 at all.
pub fn no_ipv6(index: u32) -> Request {
    let mut message = LinkUnspec::new_with_index(index).build();
    message
        .attributes
        .push(LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(
            vec![AfSpecInet6::AddrGenMode(In6AddrGenMode::None)],
        )]));
    Request::new(RouteNetlinkMessage::SetLink(message), 0)
}

/// Gives a link an address of its own.
pub fn set_mac(index: u32, mac: Mac) -> Request {
    let message = LinkUnspec::new_with_index(index)
        .address(mac.octets().to_vec())
        .build();
    Request::new(RouteNetlinkMessage::SetLink(message), 0)
}

/// Sets a link's MTU, in bytes.
pub fn set_mtu(index: u32, mtu: u32) -> Request {
    Request::new(
        RouteNetlinkMessage::SetLink(LinkUnspec::new_with_index(index).mtu(mtu).build()),
        0,
    )
}

/// Deletes a link.
pub fn delete_link(index: u32) -> Request {
    Request::new(
        RouteNetlinkMessage::DelLink(LinkUnspec::new_with_index(index).build()),
        0,
    )
}

/// Deletes a link in the namespace that has that number (nsid) in the socket's.
pub(crate) fn delete_link_in(number: i32, index: u32) -> Request {
    Request::new(RouteNetlinkMessage::DelLink(link_in(number, index)), 0)
}

/// Asks for a link in the namespace that has that number (nsid) in the socket's.
pub(super) fn get_link_in(number: i32, index: u32) -> RouteNetlinkMessage {
    RouteNetlinkMessage::GetLink(link_in(number, index))
}

/// `IFLA_TARGET_NETNSID`, which an earlier kernel called `IFLA_IF_NETNSID`.
fn link_in(number: i32, index: u32) -> LinkMessage {
    let mut message = LinkUnspec::new_with_index(index).build();
    message.attributes.push(LinkAttribute::IfNetnsId(number));
    message
}

/// Asks for the link called `name`.
pub(super) fn get_link(name: &str) -> RouteNetlinkMessage {
    let mut message = LinkMessage::default();
    message
        .attributes
        .push(LinkAttribute::IfName(name.to_owned()));
    RouteNetlinkMessage::GetLink(message)
}

/// Asks for the link with this number.
pub(super) fn get_link_by_index(index: u32) -> RouteNetlinkMessage {
    RouteNetlinkMessage::GetLink(LinkUnspec::new_with_index(index).build())
}

/// Asks for the IPv4 addresses of all links.
pub(super) fn get_addresses() -> RouteNetlinkMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    RouteNetlinkMessage::GetAddress(message)
}

/// The address and prefix length that an answer tells of, if the link has that number.
pub(super) fn address_of(message: &RouteNetlinkMessage, index: u32) -> Option<(Ipv4Addr, u8)> {
    let RouteNetlinkMessage::NewAddress(message) = message else {
        return None;
    };
    if message.header.index != index {
        return None;
    }
    message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            AddressAttribute::Local(IpAddr::V4(address)) => {
                Some((*address, message.header.prefix_len))
            }
            _ => None,
        })
}

/// Asks for the IPv4 routes of all tables.
pub(super) fn get_routes() -> RouteNetlinkMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    RouteNetlinkMessage::GetRoute(message)
}

/// The route that an answer tells of and who has set it, if it is a unicast one of the main table through the link with
/// that number.
pub(super) fn route_of(
    message: &RouteNetlinkMessage,
    index: u32,
) -> Option<(Route, RouteProtocol)> {
    let RouteNetlinkMessage::NewRoute(message) = message else {
        return None;
    };
    let header = &message.header;
    let mut route = Route {
        destination: Ipv4Addr::UNSPECIFIED,
        prefix_len: header.destination_prefix_length,
        gateway: Ipv4Addr::UNSPECIFIED,
    };
    let mut link = None;
    for attribute in &message.attributes {
        match attribute {
            RouteAttribute::Oif(number) => link = Some(*number),
            RouteAttribute::Destination(RouteAddress::Inet(address)) => {
                route.destination = *address;
            }
            RouteAttribute::Gateway(RouteAddress::Inet(address)) => route.gateway = *address,
            _ => {}
        }
    }
    let is_meant = link == Some(index)
        && header.table == RouteHeader::RT_TABLE_MAIN
        && header.kind == RouteType::Unicast;
    is_meant.then_some((route, header.protocol))
}

/// Adds an address with its broadcast address; the kernel adds the route to the prefix.
pub fn add_address(index: u32, address: Ipv4Addr, prefix_len: u8) -> Request {
    let mut message = address_message(index, address, prefix_len);
    // Prefixes of 31 and 32 bits have no broadcast address (RFC 3021).
    if prefix_len < 31 {
        let broadcast = Ipv4Addr::from_bits(address.to_bits() | u32::MAX >> prefix_len);
        message
            .attributes
            .push(AddressAttribute::Broadcast(broadcast));
    }
    Request::new(
        RouteNetlinkMessage::NewAddress(message),
        NLM_F_CREATE | NLM_F_REPLACE,
    )
}

/// Removes an address, and with it the routes that go out from it.
pub fn delete_address(index: u32, address: Ipv4Addr, prefix_len: u8) -> Request {
    let message = address_message(index, address, prefix_len);
    Request::new(RouteNetlinkMessage::DelAddress(message), 0)
}

fn address_message(index: u32, address: Ipv4Addr, prefix_len: u8) -> AddressMessage {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.prefix_len = prefix_len;
    message.header.index = index;
    message.attributes = vec![
        AddressAttribute::Local(IpAddr::V4(address)),
        AddressAttribute::Address(IpAddr::V4(address)),
    ];
    message
}

/// Where a route's gateway is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Within a prefix that the link has an address in.
    Prefix,
    /// On the link all the same, although no address says so.
    OnLink,
}

/// Adds a route through the link, or replaces the one to the same destination.
pub fn add_route(index: u32, route: &Route, reach: Reach, source: Ipv4Addr) -> Request {
    let mut message = route_message(index, route);
    message
        .attributes
        .push(RouteAttribute::PrefSource(RouteAddress::Inet(source)));
    match reach {
        Reach::Prefix => {}
        Reach::OnLink => message.header.flags = RouteFlags::Onlink,
    }
    Request::new(
        RouteNetlinkMessage::NewRoute(message),
        NLM_F_CREATE | NLM_F_REPLACE,
    )
}

/// Removes a route.
pub fn delete_route(index: u32, route: &Route) -> Request {
    Request::new(
        RouteNetlinkMessage::DelRoute(route_message(index, route)),
        0,
    )
}

fn route_message(index: u32, route: &Route) -> RouteMessage {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.destination_prefix_length = route.prefix_len;
    message.header.table = RouteHeader::RT_TABLE_MAIN;
    message.header.protocol = RouteProtocol::Dhcp;
    message.header.kind = RouteType::Unicast;
    message.header.scope = RouteScope::Link;
    message.attributes.push(RouteAttribute::Oif(index));
    if route.prefix_len > 0 {
        message
            .attributes
            .push(RouteAttribute::Destination(RouteAddress::Inet(
                route.destination,
            )));
    }
    if !route.gateway.is_unspecified() {
        message.header.scope = RouteScope::Universe;
        message
            .attributes
            .push(RouteAttribute::Gateway(RouteAddress::Inet(route.gateway)));
    }
    message
}

/// Writes a neighbour into the ARP table for good; such entries do not count against the table's limits.
pub fn add_neighbour(index: u32, address: Ipv4Addr, mac: Mac) -> Request {
    let mut message = neighbour_message(index, address);
    message.header.state = NeighbourState::Permanent;
    message
        .attributes
        .push(NeighbourAttribute::LinkLayerAddress(mac.octets().to_vec()));
    Request::new(
        RouteNetlinkMessage::NewNeighbour(message),
        NLM_F_CREATE | NLM_F_REPLACE,
    )
}

/// Makes a place in the ARP table for a neighbour that will be spoken to, so that it does not count against the table's limits
/// (`NTF_EXT_LEARNED`). It is asked for its address when it is first spoken to, and looked after, as any other. Refused with `EEXIST`
/// where it is there.
pub(crate) fn expect_neighbour(index: u32, address: Ipv4Addr) -> Request {
    let mut message = neighbour_message(index, address);
    message.header.state = NeighbourState::None;
    message.header.flags = NeighbourFlags::ExtLearned;
    Request::new(
        RouteNetlinkMessage::NewNeighbour(message),
        NLM_F_CREATE | NLM_F_EXCL,
    )
}

/// Removes a neighbour from the ARP table.
pub fn delete_neighbour(index: u32, address: Ipv4Addr) -> Request {
    Request::new(
        RouteNetlinkMessage::DelNeighbour(neighbour_message(index, address)),
        0,
    )
}

fn neighbour_message(index: u32, address: Ipv4Addr) -> NeighbourMessage {
    let mut message = NeighbourMessage::default();
    message.header.family = AddressFamily::Inet;
    message.header.ifindex = index;
    message.header.kind = RouteType::Unicast;
    message
        .attributes
        .push(NeighbourAttribute::Destination(NeighbourAddress::Inet(
            address,
        )));
    message
}
/// Numbers a namespace in that of the socket, as the kernel likes; refused with `EEXIST` where it has a number.
pub fn number(namespace: &impl AsRawFd) -> Request {
    let mut message = naming(namespace);
    message.attributes.push(NsidAttribute::Id(-1));
    Request::new(RouteNetlinkMessage::NewNsId(message), 0)
}

/// Asks for a namespace's number.
pub fn get_number(namespace: &impl AsRawFd) -> RouteNetlinkMessage {
    RouteNetlinkMessage::GetNsId(naming(namespace))
}

/// Asks for the numbers of all namespaces that have one.
pub(super) fn get_numbers() -> RouteNetlinkMessage {
    RouteNetlinkMessage::GetNsId(NsidMessage::default())
}

/// Asks for the namespace of that number: refused with `ENOENT` where there is none, or nothing keeps it any more.
pub(super) fn get_by_number(number: i32) -> RouteNetlinkMessage {
    let mut message = NsidMessage::default();
    message.attributes.push(NsidAttribute::Id(number));
    RouteNetlinkMessage::GetNsId(message)
}

fn naming(namespace: &impl AsRawFd) -> NsidMessage {
    let mut message = NsidMessage::default();
    // An open descriptor is no negative number.
    let descriptor = namespace.as_raw_fd().cast_unsigned();
    message.attributes.push(NsidAttribute::Fd(descriptor));
    message
}

/// The number that an answer names; `None`: the namespace has none.
pub fn number_of(message: &RouteNetlinkMessage) -> Option<i32> {
    let RouteNetlinkMessage::NewNsId(message) = message else {
        return None;
    };
    message
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            NsidAttribute::Id(number) if *number >= 0 => Some(*number),
            _ => None,
        })
}
