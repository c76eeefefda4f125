//! Packets of neighbour discovery: what a raw socket reads and writes. Pure; the bytes read are hostile.
//!
//! A packet is read with all that a receiver must look at (RFC 4861, 6.1, 7.1 and 8.1; RFC 6980, 5): whoever has a
//! [`Packet`] has a valid message. What is refused names the reason and the byte. All offsets count from the first byte of
//! the IPv6 header.

mod headers;

use std::net::Ipv6Addr;

use lanherd_types::identity::Mac;
use lanherd_types::ipv6::Prefix;

use self::headers::Layout;
use crate::error::{Reason, Refused, Sender, Wrong};
use crate::message::{Body, Message, NeighbourAdvertisement, RouterAdvertisement};
use crate::options::{NdOption, code};

/// All nodes of the link (RFC 4291, 2.7.1).
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// All routers of the link (RFC 4291, 2.7.1).
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// The hop limit of all neighbour discovery: no router has forwarded it.
pub const HOP_LIMIT: u8 = 255;

/// The ethertype of IPv6 (RFC 2464, 3).
const ETHERTYPE: [u8; 2] = [0x86, 0xdd];
/// The length of an Ethernet header in bytes.
const ETHERNET_LEN: usize = 14;

/// The solicited-node group of `address` (RFC 4291, 2.7.1).
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let low = address.to_bits() & 0x00ff_ffff;
    Ipv6Addr::from_bits(0xff02_0000_0000_0000_0000_0001_ff00_0000 | low)
}

/// The Ethernet address of an IPv6 group (RFC 2464, 7).
pub const fn group_mac(group: Ipv6Addr) -> Mac {
    let octets = group.octets();
    Mac([0x33, 0x33, octets[12], octets[13], octets[14], octets[15]])
}

/// Whether `address` is a link-local unicast address (RFC 4291, 2.5.6).
pub fn is_link_local(address: Ipv6Addr) -> bool {
    Prefix::LINK_LOCAL.contains(address)
}

/// A valid packet of neighbour discovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The frame's source; `None`: it came without its frame.
    pub source_mac: Option<Mac>,
    /// The frame's destination; `None`: it came without its frame. To be sent, `None` is the group's that the destination is.
    pub destination_mac: Option<Mac>,
    /// The source; `::` while the sender has no address.
    pub source: Ipv6Addr,
    /// Whom it is for.
    pub destination: Ipv6Addr,
    /// What it carries behind its IPv6 header.
    pub message: Message,
}

impl Packet {
    /// Reads an Ethernet frame. Offsets count from its IPv6 header.
    pub fn from_frame(frame: &[u8]) -> Result<Self, Refused> {
        let refuse = |reason| Refused {
            reason,
            offset: 0,
            sender: None,
        };
        let Some((ethernet, packet)) = frame.split_first_chunk::<ETHERNET_LEN>() else {
            return Err(refuse(Reason::NotNeighbourDiscovery));
        };
        let &[
            d0,
            d1,
            d2,
            d3,
            d4,
            d5,
            s0,
            s1,
            s2,
            s3,
            s4,
            s5,
            type_high,
            type_low,
        ] = ethernet;
        if [type_high, type_low] != ETHERTYPE {
            return Err(refuse(Reason::NotNeighbourDiscovery));
        }
        let source_mac = Mac([s0, s1, s2, s3, s4, s5]);
        let mut packet = Self::decode_from(Some(source_mac), packet)?;
        // RFC 6085, 3: a packet for a group may come in a frame for one host.
        packet.destination_mac = Some(Mac([d0, d1, d2, d3, d4, d5]));
        Ok(packet)
    }

    /// Reads an IPv6 packet that came without its frame. Bytes beyond its length are not looked at.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refused> {
        Self::decode_from(None, bytes)
    }

    fn decode_from(mac: Option<Mac>, bytes: &[u8]) -> Result<Self, Refused> {
        let refuse = |wrong: Wrong, sender| Refused {
            reason: wrong.reason,
            offset: wrong.offset,
            sender,
        };
        let mut sender = Sender {
            mac,
            ..headers::ends(bytes).ok_or(Refused {
                reason: Reason::NotNeighbourDiscovery,
                offset: 0,
                sender: None,
            })?
        };
        let layout = headers::layout(bytes).map_err(|wrong| refuse(wrong, Some(sender)))?;
        sender.kind = Some(layout.kind);
        let message =
            valid_message(bytes, &layout, &sender).map_err(|wrong| refuse(wrong, Some(sender)))?;
        Ok(Self {
            source_mac: mac,
            destination_mac: None,
            source: sender.source,
            destination: sender.destination,
            message,
        })
    }

    /// Writes the IPv6 packet.
    // RFC 6980, 5: neighbour discovery is sent in one piece.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = vec![0; headers::IPV6_LEN];
        self.message.encode(&mut bytes);
        headers::finish(&mut bytes, self.source, self.destination);
        bytes
    }

    /// Writes the whole Ethernet frame, ready for a raw socket; `None`: it does not say from which hardware address, or to
    /// which and is not for a group.
    pub fn to_frame(&self) -> Option<Vec<u8>> {
        let source = self.source_mac?;
        let group = self.destination.is_multicast();
        let group = group.then(|| group_mac(self.destination));
        let destination = self.destination_mac.or(group)?;
        Some(
            [
                destination.octets().as_slice(),
                &source.octets(),
                &ETHERTYPE,
                &self.encode(),
            ]
            .concat(),
        )
    }

    /// A packet from `mac` to a group, or to a host whose hardware address is not known.
    pub fn new(mac: Mac, source: Ipv6Addr, destination: Ipv6Addr, message: Message) -> Self {
        Self {
            source_mac: Some(mac),
            destination_mac: None,
            source,
            destination,
            message,
        }
    }

    /// A router solicitation to all routers; `source` is `::` before there is an address.
    // RFC 4861, 4.1: a solicitation from :: has no source link-layer address, and any other has.
    pub fn router_solicitation(mac: Mac, source: Ipv6Addr) -> Self {
        let options = if source.is_unspecified() {
            Vec::new()
        } else {
            vec![NdOption::SourceLinkLayer(mac)]
        };
        let message = Message::new(Body::RouterSolicitation, options);
        Self::new(mac, source, ALL_ROUTERS, message)
    }

    /// A router advertisement to all nodes, from the router's link-local address.
    pub fn router_advertisement(
        mac: Mac,
        source: Ipv6Addr,
        body: RouterAdvertisement,
        options: Vec<NdOption>,
    ) -> Self {
        let message = Message::new(Body::RouterAdvertisement(body), options);
        Self::new(mac, source, ALL_NODES, message)
    }

    /// The question of duplicate address detection: from ::, to the solicited-node group (RFC 4862, 5.4.2).
    pub fn duplicate_address_detection(mac: Mac, target: Ipv6Addr) -> Self {
        let message = Message::new(Body::NeighbourSolicitation { target }, Vec::new());
        let unspecified = Ipv6Addr::UNSPECIFIED;
        Self::new(mac, unspecified, solicited_node(target), message)
    }

    /// An unsolicited neighbour advertisement to all routers, by which they know the address before its first packet back.
    // RFC 9131, 4.1: a new address is told to all routers, without the override flag.
    pub fn gratuitous_advertisement(mac: Mac, address: Ipv6Addr) -> Self {
        let body = Body::NeighbourAdvertisement(NeighbourAdvertisement {
            router: false,
            solicited: false,
            override_: false,
            target: address,
        });
        let message = Message::new(body, vec![NdOption::TargetLinkLayer(mac)]);
        Self::new(mac, address, ALL_ROUTERS, message)
    }
}

/// The message in a packet, when it holds all that is asked of it.
fn valid_message(bytes: &[u8], layout: &Layout, sender: &Sender) -> Result<Message, Wrong> {
    let Sender {
        source,
        destination,
        ..
    } = *sender;
    // RFC 4861, 6.1.2: a message with a hop limit other than 255 is discarded.
    if layout.hop_limit != HOP_LIMIT {
        let reason = Reason::HopLimit(layout.hop_limit);
        return Err(Wrong::new(reason, headers::HOP_LIMIT_AT));
    }
    // RFC 4861, 6.1.2: a message with a wrong checksum is discarded.
    headers::check_checksum(bytes, layout, source, destination)?;
    if source.is_multicast() || source.is_loopback() {
        let reason = Reason::SourceAddress(source);
        return Err(Wrong::new(reason, headers::SOURCE_AT));
    }
    let message = Message::decode(bytes, layout.message.clone(), layout.kind)?;
    let start = layout.message.start;
    let from_router = || {
        // RFC 4861, 6.1.2: a router speaks from a link-local address, or is not heard.
        if is_link_local(source) {
            Ok(())
        } else {
            let reason = Reason::SourceNotLinkLocal(source);
            Err(Wrong::new(reason, headers::SOURCE_AT))
        }
    };
    let unspecified_without_link_layer = || {
        let option = option_offset(&message, code::SOURCE_LINK_LAYER);
        match option.filter(|_| source.is_unspecified()) {
            // RFC 4861, 7.1.1: a question from :: with a source link-layer address is discarded.
            Some(offset) => Err(Wrong::new(Reason::UnspecifiedSourceWithLinkLayer, offset)),
            None => Ok(()),
        }
    };
    let unicast_target = |target: Ipv6Addr| {
        // RFC 4861, 7.1.1: a message about a group is discarded.
        if target.is_multicast() {
            Err(Wrong::new(Reason::MulticastTarget(target), start + 8))
        } else {
            Ok(())
        }
    };
    match message.body {
        Body::RouterSolicitation => unspecified_without_link_layer()?,
        Body::RouterAdvertisement(_) => from_router()?,
        Body::NeighbourSolicitation { target } => {
            unicast_target(target)?;
            unspecified_without_link_layer()?;
            // RFC 4861, 7.1.1: a question from :: is for a solicited-node group, or is discarded.
            if source.is_unspecified() && solicited_node(destination) != destination {
                let reason = Reason::UnspecifiedSourceToOther(destination);
                return Err(Wrong::new(reason, headers::DESTINATION_AT));
            }
        }
        Body::NeighbourAdvertisement(body) => {
            unicast_target(body.target)?;
            // RFC 4861, 7.1.2: an advertisement to a group with the solicited flag is discarded.
            if body.solicited && destination.is_multicast() {
                let reason = Reason::SolicitedToMulticast(destination);
                return Err(Wrong::new(reason, start + 4));
            }
        }
        Body::Redirect {
            target,
            destination,
        } => {
            from_router()?;
            // RFC 4861, 8.1: a redirect is to a link-local address or to the destination itself.
            let is_possible = is_link_local(target) || target == destination;
            if destination.is_multicast() || !is_possible {
                let reason = Reason::Redirection {
                    destination,
                    target,
                };
                return Err(Wrong::new(reason, start + 8));
            }
        }
    }
    Ok(message)
}

/// Where the first option of that type stands.
fn option_offset(message: &Message, code: u8) -> Option<usize> {
    let is_meant = |option: &NdOption| option.code() == code;
    let index = message.options.iter().position(is_meant)?;
    message.notes.offset(index)
}

#[cfg(test)]
mod tests;
