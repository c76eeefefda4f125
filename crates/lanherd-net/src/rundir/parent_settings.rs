//! What an interface of the host loses when it is taken down, and how it gets that back.
//!
//! The kernel removes the IPv6 addresses, the routes and the permanent neighbours of an interface that goes down, and of
//! the VLANs on it, which go down with it; when it comes up again it sets only what it derives by itself. What a person or
//! a program had set is read before, and set again afterwards. What was learnt and has a lifetime is not: whoever
//! learnt it learns it again.

use std::collections::HashSet;
use std::fmt;
use std::io;
use std::net::IpAddr;
use std::thread;
use std::time::{Duration, Instant};

use netlink_packet_core::{NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::address::{AddressAttribute, AddressHeaderFlags, AddressMessage};
use netlink_packet_route::link::{InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkMessage};
use netlink_packet_route::neighbour::{NeighbourMessage, NeighbourState};
use netlink_packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteMessage, RouteNextHopFlags, RouteProtocol,
    RouteType,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use nix::errno::Errno;

use serde::{Deserialize, Serialize};

use super::state_file::{Content, Hex};
use super::text_format;
use crate::netlink::name_of;
use crate::netlink::{Netlink, NetlinkError, Request, request};

/// How long, and how long apart, what an interface that has just come up does not take yet is tried again: the kernel
/// checks an IPv6 address for about a second, and a cable is ready after a few.
pub(crate) const SETTLING: Duration = Duration::from_secs(10);
pub(crate) const SETTLING_PAUSE: Duration = Duration::from_millis(100);

/// An interface as it was before it was taken down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "StoredSettings", into = "StoredSettings")]
pub(crate) struct ParentSettings {
    /// Its name, for a person to read.
    pub name: String,
    /// Its interface index, which a change of its name leaves as it is.
    pub index: u32,
    /// The settings that are to be restored, in this order.
    lost: Vec<RouteNetlinkMessage>,
}

/// A setting that the kernel refused when it was to be restored.
#[derive(Debug)]
pub(crate) struct Refused {
    message: RouteNetlinkMessage,
    error: NetlinkError,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", words(&self.message), self.error)
    }
}

impl ParentSettings {
    /// Reads what the interface with this number would lose, in the namespace of the socket.
    pub fn read(netlink: &mut Netlink, index: u32) -> io::Result<Self> {
        let links = netlink.links()?;
        let name = links
            .iter()
            .find(|link| link.header.index == index)
            .and_then(name_of)
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?
            .clone();
        let going_down = with_its_vlans(&links, index);
        let mut lost = Vec::new();
        for message in netlink.dump(RouteNetlinkMessage::GetAddress(AddressMessage::default()))? {
            lost.extend(address(message, &going_down));
        }
        for message in netlink.dump(RouteNetlinkMessage::GetNeighbour(
            NeighbourMessage::default(),
        ))? {
            lost.extend(neighbour(message, &going_down));
        }
        let (mut on_link, mut through_gateways) = (Vec::new(), Vec::new());
        for message in routes(netlink)? {
            let Some(route) = route(message, &going_down) else {
                continue;
            };
            // Gateways are reached through routes to the link itself: those come first.
            if has_gateway(&route) {
                through_gateways.push(RouteNetlinkMessage::NewRoute(route));
            } else {
                on_link.push(RouteNetlinkMessage::NewRoute(route));
            }
        }
        lost.append(&mut on_link);
        lost.append(&mut through_gateways);
        Ok(Self { name, index, lost })
    }

    /// Brings the interface up; `false` where it is no more. One that is up already stays so.
    pub fn bring_up(&self, netlink: &mut Netlink) -> io::Result<bool> {
        let Some(link) = netlink.link_by_index(self.index)? else {
            return Ok(false);
        };
        if !link.header.flags.contains(LinkFlags::Up) {
            netlink
                .send_one(request::up(self.index))
                .map_err(|error| io::Error::other(error.to_string()))?;
        }
        Ok(true)
    }

    /// Sets again what is missing, and returns what was refused: a moment later it may be taken, since a route may need
    /// an IPv6 address that is still being checked for duplicates, or a carrier.
    pub fn set_again(&self, netlink: &mut Netlink) -> io::Result<Vec<Refused>> {
        let is_route =
            |message: &&RouteNetlinkMessage| matches!(message, RouteNetlinkMessage::NewRoute(_));
        let (routes_lost, others): (Vec<_>, Vec<_>) = self.lost.iter().partition(is_route);
        let mut refused = send(netlink, others)?;
        // The kernel, or whoever configures this host, may have been quicker.
        let standing: HashSet<SavedRouteKey> = routes(netlink)?
            .iter()
            .filter_map(|message| match message {
                RouteNetlinkMessage::NewRoute(route) => Some(key(route)),
                _ => None,
            })
            .collect();
        let missing = routes_lost.into_iter().filter(|message| match message {
            RouteNetlinkMessage::NewRoute(route) => !standing.contains(&key(route)),
            _ => false,
        });
        refused.extend(send(netlink, missing)?);
        Ok(refused)
    }

    /// Sets again what was refused a moment ago.
    pub fn try_again(netlink: &mut Netlink, refused: &[Refused]) -> io::Result<Vec<Refused>> {
        send(netlink, refused.iter().map(|refused| &refused.message))
    }

    /// Brings the interface up that a killed run had taken down, and sets again what stood on it; waits for its carrier,
    /// and until it takes all, [`SETTLING`] at most. `false` where it is no more.
    pub fn restore(&self) -> io::Result<bool> {
        let mut netlink = Netlink::open()?;
        if !self.bring_up(&mut netlink)? {
            return Ok(false);
        }
        let began = Instant::now();
        let mut refused = self.set_again(&mut netlink)?;
        loop {
            let link = netlink.link_by_index(self.index)?;
            let sends = LinkFlags::Running | LinkFlags::LowerUp;
            let is_ready = link.is_some_and(|link| link.header.flags.contains(sends));
            if is_ready && refused.is_empty() || began.elapsed() >= SETTLING {
                break;
            }
            thread::sleep(SETTLING_PAUSE);
            refused = Self::try_again(&mut netlink, &refused)?;
        }
        if refused.is_empty() {
            return Ok(true);
        }
        let refused: Vec<_> = refused.iter().map(ToString::to_string).collect();
        Err(io::Error::other(format!(
            "it is up again, but what stood on it could not be set again: {}",
            refused.join("; ")
        )))
    }
}

/// The file about an interface that was taken down.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredSettings {
    pub interface: String,
    pub index: u32,
    /// The messages that set it again (`rtnetlink(7)`), each with its header.
    pub set_again: Vec<Hex>,
}

impl From<ParentSettings> for StoredSettings {
    fn from(settings: ParentSettings) -> Self {
        let message = |message| {
            let payload = NetlinkPayload::InnerMessage(message);
            let mut message = NetlinkMessage::new(NetlinkHeader::default(), payload);
            message.finalize();
            let mut bytes = vec![0; message.buffer_len()];
            message.serialize(&mut bytes);
            Hex(bytes)
        };
        Self {
            interface: settings.name,
            index: settings.index,
            set_again: settings.lost.into_iter().map(message).collect(),
        }
    }
}

impl TryFrom<StoredSettings> for ParentSettings {
    type Error = String;

    fn try_from(stored: StoredSettings) -> Result<Self, Self::Error> {
        let message = |Hex(bytes): Hex| {
            let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&bytes)
                .map_err(|error| error.to_string())?;
            match message.payload {
                NetlinkPayload::InnerMessage(message) => Ok(message),
                _ => Err("a netlink message that sets nothing".to_owned()),
            }
        };
        Ok(Self {
            name: stored.interface,
            index: stored.index,
            lost: stored
                .set_again
                .into_iter()
                .map(message)
                .collect::<Result<_, String>>()?,
        })
    }
}

impl Content for ParentSettings {
    const KIND: &'static str = "record of a parent's settings";
    const REMEDY: &'static str =
        "remove it, and see whether the parent is up and configured as it should be";
    const FIRST_KEY: &'static str = "interface ";

    fn parse_text_format(text: &str) -> Option<Self> {
        text_format::parent_settings(text)
    }
}

fn send<'a>(
    netlink: &mut Netlink,
    messages: impl IntoIterator<Item = &'a RouteNetlinkMessage>,
) -> io::Result<Vec<Refused>> {
    let messages: Vec<_> = messages.into_iter().collect();
    let requests: Vec<Request> = messages
        .iter()
        .map(|message| request::again((*message).clone()))
        .collect();
    let answers = netlink.send(requests)?;
    let refused = messages
        .into_iter()
        .zip(answers)
        .filter_map(|(message, answer)| match answer {
            Err(error) if !error.is(Errno::EEXIST) => Some(Refused {
                message: message.clone(),
                error,
            }),
            _ => None,
        });
    Ok(refused.collect())
}

fn routes(netlink: &mut Netlink) -> io::Result<Vec<RouteNetlinkMessage>> {
    let mut routes = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut wanted = RouteMessage::default();
        wanted.header.address_family = family;
        match netlink.dump(RouteNetlinkMessage::GetRoute(wanted)) {
            Ok(found) => routes.extend(found),
            // A kernel without IPv6.
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(routes)
}

/// The interface and the VLANs on it, and on those, by number: the kernel takes them down, and brings them up, together.
fn with_its_vlans(links: &[LinkMessage], index: u32) -> HashSet<u32> {
    let mut found = HashSet::from([index]);
    loop {
        let more: Vec<u32> = links
            .iter()
            .filter(|link| is_vlan(link) && !found.contains(&link.header.index))
            .filter(|link| {
                link.attributes.iter().any(|attribute| {
                    matches!(attribute, LinkAttribute::Link(below) if found.contains(below))
                })
            })
            .map(|link| link.header.index)
            .collect();
        if more.is_empty() {
            return found;
        }
        found.extend(more);
    }
}

fn is_vlan(link: &LinkMessage) -> bool {
    link.attributes.iter().any(|attribute| match attribute {
        LinkAttribute::LinkInfo(info) => info
            .iter()
            .any(|info| matches!(info, LinkInfo::Kind(InfoKind::Vlan))),
        _ => false,
    })
}

/// An IPv6 address that somebody has set; those of IPv4 stay.
fn address(message: RouteNetlinkMessage, on: &HashSet<u32>) -> Option<RouteNetlinkMessage> {
    let RouteNetlinkMessage::NewAddress(address) = message else {
        return None;
    };
    let header = &address.header;
    let is_meant = header.family == AddressFamily::Inet6
        && on.contains(&header.index)
        && header.flags.contains(AddressHeaderFlags::Permanent);
    is_meant.then_some(RouteNetlinkMessage::NewAddress(address))
}

fn neighbour(message: RouteNetlinkMessage, on: &HashSet<u32>) -> Option<RouteNetlinkMessage> {
    let RouteNetlinkMessage::NewNeighbour(neighbour) = message else {
        return None;
    };
    let header = &neighbour.header;
    let is_meant = matches!(header.family, AddressFamily::Inet | AddressFamily::Inet6)
        && header.state == NeighbourState::Permanent
        && on.contains(&header.ifindex);
    is_meant.then_some(RouteNetlinkMessage::NewNeighbour(neighbour))
}

/// A route that the kernel does not set by itself, as it can be asked for.
fn route(message: RouteNetlinkMessage, on: &HashSet<u32>) -> Option<RouteMessage> {
    let RouteNetlinkMessage::NewRoute(mut route) = message else {
        return None;
    };
    let header = &route.header;
    let by_the_kernel =
        header.protocol == RouteProtocol::Kernel && header.kind != RouteType::Unicast;
    let is_learnt = matches!(
        header.protocol,
        RouteProtocol::Ra | RouteProtocol::IcmpRedirect
    );
    let mut goes_through = false;
    let mut expires = false;
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Oif(index) => goes_through |= on.contains(index),
            RouteAttribute::MultiPath(hops) => {
                goes_through |= hops.iter().any(|hop| on.contains(&hop.interface_index));
            }
            RouteAttribute::CacheInfo(info) => expires |= info.expires != 0,
            _ => {}
        }
    }
    if by_the_kernel || is_learnt || expires || !goes_through {
        return None;
    }
    // What the kernel tells of a route's state it does not take in a request.
    route.header.flags &= RouteFlags::Onlink;
    route
        .attributes
        .retain(|attribute| !matches!(attribute, RouteAttribute::CacheInfo(_)));
    for attribute in &mut route.attributes {
        if let RouteAttribute::MultiPath(hops) = attribute {
            for hop in hops {
                hop.flags &= RouteNextHopFlags::Onlink;
            }
        }
    }
    Some(route)
}

fn has_gateway(route: &RouteMessage) -> bool {
    route.attributes.iter().any(|attribute| {
        matches!(
            attribute,
            RouteAttribute::Gateway(_) | RouteAttribute::Via(_) | RouteAttribute::MultiPath(_)
        )
    })
}

/// The key by which the kernel distinguishes routes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct SavedRouteKey {
    is_inet6: bool,
    table: u32,
    destination: Option<IpAddr>,
    prefix_len: u8,
    tos: u8,
    priority: u32,
}

fn key(route: &RouteMessage) -> SavedRouteKey {
    let header = &route.header;
    let mut key = SavedRouteKey {
        is_inet6: header.address_family == AddressFamily::Inet6,
        table: header.table.into(),
        destination: None,
        prefix_len: header.destination_prefix_length,
        tos: header.tos,
        priority: 0,
    };
    for attribute in &route.attributes {
        match attribute {
            RouteAttribute::Table(table) => key.table = *table,
            RouteAttribute::Priority(priority) => key.priority = *priority,
            RouteAttribute::Destination(RouteAddress::Inet(address)) => {
                key.destination = Some((*address).into());
            }
            RouteAttribute::Destination(RouteAddress::Inet6(address)) => {
                key.destination = Some((*address).into());
            }
            _ => {}
        }
    }
    key
}

fn words(message: &RouteNetlinkMessage) -> String {
    match message {
        RouteNetlinkMessage::NewRoute(route) => {
            let SavedRouteKey {
                destination,
                prefix_len,
                ..
            } = key(route);
            match destination {
                Some(destination) => format!("route to {destination}/{prefix_len}"),
                None => "default route".to_owned(),
            }
        }
        RouteNetlinkMessage::NewAddress(message) => {
            let prefix_len = message.header.prefix_len;
            message
                .attributes
                .iter()
                .find_map(|attribute| match attribute {
                    AddressAttribute::Address(address) => {
                        Some(format!("address {address}/{prefix_len}"))
                    }
                    _ => None,
                })
                .unwrap_or_else(|| "address".to_owned())
        }
        _ => "neighbour".to_owned(),
    }
}

#[cfg(test)]
mod tests;
