//! Ethernet frames that carry IPv6: what the shared raw socket reads of neighbour discovery and DHCPv6, and how such frames are
//! made. Pure; the bytes read are hostile.

use std::io;
use std::net::Ipv6Addr;
use std::ops::Range;
use std::time::Instant;

use etherparse::checksum::Sum16BitWords;
use etherparse::{
    EtherType, Ethernet2Slice, IpNumber, Ipv6ExtensionSlice, Ipv6Slice, PacketBuilder,
};

use crate::lan::ipv6::Packet6;
use lanherd_types::identity::Mac;

/// The port that DHCPv6 clients listen on (RFC 8415, 7.2).
pub const DHCP6_CLIENT_PORT: u16 = 546;
/// The port that DHCPv6 servers listen on (RFC 8415, 7.2).
pub const DHCP6_SERVER_PORT: u16 = 547;

/// The ICMPv6 types of neighbour discovery that are of interest (RFC 4861, 4.2 to 4.5).
pub(crate) const ROUTER_SOLICITATION: u8 = 133;
pub(crate) const ROUTER_ADVERTISEMENT: u8 = 134;
pub(crate) const NEIGHBOUR_SOLICITATION: u8 = 135;
pub(crate) const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
pub(crate) const REDIRECT: u8 = 137;
/// The type of a report of multicast listeners (RFC 3810, 5.2).
pub(crate) const LISTENER_REPORT: u8 = 143;

/// The length of a UDP header, in bytes.
const UDP_HEADER: usize = 8;
/// Where a solicitation and an advertisement have the address that they are about (RFC 4861, 4.3 and 4.4).
const TARGET: Range<usize> = 8..24;
/// The hop limit of what is sent here and is not neighbour discovery: the kernel's own.
const HOP_LIMIT: u8 = 64;

/// Whether a checksum has been put into a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Summing {
    /// The checksum is there.
    Done,
    /// Not yet: the frame comes from this machine, which leaves summing to the hardware.
    Pending,
}

/// What a frame carries for clients of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Frame6 {
    /// A message of neighbour discovery, of this type.
    Discovery(u8, Packet6),
    /// A datagram for a DHCPv6 client.
    Dhcp(Packet6),
}

impl Frame6 {
    /// The packet, whatever it carries.
    pub(crate) fn into_packet(self) -> Packet6 {
        match self {
            Self::Discovery(_, packet) | Self::Dhcp(packet) => packet,
        }
    }

    /// Reads a frame that was `received` at that moment; `None` where it carries neither.
    pub(crate) fn parse(frame: &[u8], summing: Summing, received: Instant) -> Option<Self> {
        let ethernet = Ethernet2Slice::from_slice_without_fcs(frame).ok()?;
        if ethernet.ether_type() != EtherType::IPV6 {
            return None;
        }
        let ip = Ipv6Slice::from_slice(ethernet.payload_slice()).ok()?;
        let (header, carried) = (ip.header(), ip.payload());
        // One that is alone is a fragment as well (RFC 6980, 5).
        let mut fragment_offset = None;
        for extension in ip.extensions().clone() {
            if let Ipv6ExtensionSlice::Fragment(fragment) = extension {
                fragment_offset = Some(fragment.fragment_offset().value());
            }
        }
        if fragment_offset.is_some_and(|offset| offset > 0) {
            return None;
        }
        let mut packet = Packet6 {
            received,
            link_source: Mac(ethernet.source()),
            link_destination: Mac(ethernet.destination()),
            source: header.source_addr(),
            destination: header.destination_addr(),
            hop_limit: header.hop_limit(),
            is_fragment: fragment_offset.is_some(),
            is_sound: false,
            frame: Vec::new(),
            content: 0..0,
        };
        let bytes = carried.payload;
        packet.is_sound = !packet.is_fragment
            && (summing == Summing::Pending || is_sound(&packet, carried.ip_number, bytes));
        match carried.ip_number {
            IpNumber::IPV6_ICMP => {
                let kind = *bytes.first()?;
                if !(ROUTER_ADVERTISEMENT..=REDIRECT).contains(&kind) {
                    return None;
                }
                packet.content = place(frame, bytes)?;
                packet.frame = frame.to_vec();
                Some(Self::Discovery(kind, packet))
            }
            IpNumber::UDP => {
                let port = bytes.get(2..4)?;
                if port != DHCP6_CLIENT_PORT.to_be_bytes() {
                    return None;
                }
                let length = u16::from_be_bytes(*bytes.get(4..6)?.first_chunk()?);
                let end = if carried.fragmented {
                    bytes.len()
                } else {
                    usize::from(length)
                };
                packet.content = place(frame, bytes.get(UDP_HEADER..end)?)?;
                packet.frame = frame.to_vec();
                Some(Self::Dhcp(packet))
            }
            _ => None,
        }
    }
}

/// Where a part of a frame stands in it.
fn place(frame: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = part.as_ptr().addr().checked_sub(frame.as_ptr().addr())?;
    Some(start..start + part.len())
}

/// Whether the checksum over pseudo-header and payload is right (RFC 8200, 8.1). A UDP datagram must have one.
fn is_sound(packet: &Packet6, carried: IpNumber, bytes: &[u8]) -> bool {
    let has_one = carried != IpNumber::UDP || bytes.get(6..8) != Some(&[0, 0]);
    has_one && checksum(packet.source, packet.destination, carried, bytes) == Some(0)
}

/// The checksum over pseudo-header and payload, in network byte order; 0 where the payload has a right one already.
fn checksum(
    source: Ipv6Addr,
    destination: Ipv6Addr,
    carried: IpNumber,
    bytes: &[u8],
) -> Option<u16> {
    let length = u32::try_from(bytes.len()).ok()?;
    let sum = Sum16BitWords::new()
        .add_slice(&source.octets())
        .add_slice(&destination.octets())
        .add_slice(&length.to_be_bytes())
        .add_2bytes([0, carried.0])
        .add_slice(bytes);
    Some(sum.ones_complement())
}

/// Whom a message of neighbour discovery is about: the target of a solicitation or an advertisement.
pub(crate) fn target(message: &[u8]) -> Option<Ipv6Addr> {
    let octets: [u8; 16] = message.get(TARGET)?.try_into().ok()?;
    Some(octets.into())
}

/// The link address of a multicast group (RFC 2464, 7).
pub const fn group_mac(group: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = group.octets();
    Mac([0x33, 0x33, a, b, c, d])
}

/// The ends of a packet on this link: link address and address of its source, and of its destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends6 {
    /// Who puts the frame on the link.
    pub link_source: Mac,
    /// Whom it is addressed to.
    pub link_destination: Mac,
    /// The packet's source.
    pub source: Ipv6Addr,
    /// The packet's destination.
    pub destination: Ipv6Addr,
}

impl Ends6 {
    /// From a client to a group of hosts on the link.
    pub const fn to_group(mac: Mac, source: Ipv6Addr, group: Ipv6Addr) -> Self {
        Self {
            link_source: mac,
            link_destination: group_mac(group),
            source,
            destination: group,
        }
    }
}

/// The frame that carries an ICMPv6 `message` of neighbour discovery, with hop limit 255 (RFC 4861, 4.1). Its checksum is filled in,
/// whatever stands there. `None` where it is no message, or too long for a packet.
pub fn discovery_frame(ends: &Ends6, message: &[u8]) -> Option<Vec<u8>> {
    let mut message = message.to_vec();
    message.get_mut(2..4)?.fill(0);
    let sum = checksum(ends.source, ends.destination, IpNumber::IPV6_ICMP, &message)?;
    message.get_mut(2..4)?.copy_from_slice(&sum.to_ne_bytes());
    let builder = PacketBuilder::ethernet2(
        ends.link_source.octets(),
        ends.link_destination.octets(),
    )
    .ipv6(ends.source.octets(), ends.destination.octets(), u8::MAX);
    let mut frame = Vec::with_capacity(builder.size(message.len()));
    builder
        .write(&mut frame, IpNumber::IPV6_ICMP, &message)
        .ok()?;
    Some(frame)
}

/// The frame that carries a DHCPv6 `message` from a client to servers. `None` where it is too long for a packet.
pub fn dhcp6_frame(ends: &Ends6, message: &[u8]) -> Option<Vec<u8>> {
    let builder =
        PacketBuilder::ethernet2(ends.link_source.octets(), ends.link_destination.octets())
            .ipv6(ends.source.octets(), ends.destination.octets(), HOP_LIMIT)
            .udp(DHCP6_CLIENT_PORT, DHCP6_SERVER_PORT);
    let mut frame = Vec::with_capacity(builder.size(message.len()));
    builder.write(&mut frame, message).ok()?;
    Some(frame)
}

/// Whether a frame may be sent for the client with this MAC: it is one of IPv6, and says that it is the client's.
pub fn check_frame(mac: Mac, frame: &[u8]) -> io::Result<()> {
    let refused = |words: String| Err(io::Error::new(io::ErrorKind::InvalidInput, words));
    let ethernet = match Ethernet2Slice::from_slice_without_fcs(frame) {
        Ok(ethernet) => ethernet,
        Err(error) => return refused(format!("no Ethernet frame: {error}")),
    };
    if ethernet.ether_type() != EtherType::IPV6 {
        return refused("a frame that carries no IPv6".to_owned());
    }
    let source = Mac(ethernet.source());
    if source != mac {
        return refused(format!("a frame from {source}, and the client is {mac}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
