//! Echo messages (RFC 792, RFC 4443): pure. A request as bytes, and which request a received message is about.
//!
//! `surge_ping` reads of which request a message speaks, errors with the packet that they quote included. Four things it
//! does not tell, and they are asked of etherparse here: whether the checksum of an IPv4 message is sound, which
//! payload came back, whether an error quotes an echo request at all and not a fragment or another protocol, and whether
//! an error comes from the client's own stack.

use std::net::{IpAddr, Ipv6Addr};

use etherparse::checksum::Sum16BitWords;
use etherparse::{
    IcmpEchoHeader, Icmpv4Header, Icmpv4Type, Icmpv6Header, Icmpv6Type, IpNumber, Ipv4HeaderSlice,
    LaxIpSlice, icmpv4, icmpv6,
};
use socket2::Type;
use surge_ping::{Icmpv4Packet, Icmpv6Packet, PingIdentifier, PingSequence};

/// The header's length in bytes, of either family.
pub const HEADER_LEN: usize = 8;
/// The code of ICMPv6's "destination unreachable" that says that the source failed the policy of a router (RFC 4443, 3.1).
const SOURCE_REFUSED: u8 = 5;
/// The length of a nonce in bytes.
const NONCE_LEN: usize = 8;
/// As many bytes as `ping(8)` sends.
const PAYLOAD_LEN: usize = 7 * NONCE_LEN;
/// The length of a request.
const REQUEST_LEN: usize = HEADER_LEN + PAYLOAD_LEN;

/// One echo request: whom it goes to, and what only it carries.
///
/// A raw socket receives all answers that come to its namespace, those to a `ping(8)` beside it as well. Identifier and
/// sequence number are 32 bits that others choose, too; so an answer is believed for the nonce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EchoRequest {
    /// Whom it goes to.
    pub target: IpAddr,
    /// The client's address that it comes from, which stands on any of its links; `None`: the kernel chooses (RFC 6724).
    pub source: Option<Ipv6Addr>,
    /// The identifier, drawn at random for each client.
    pub id: u16,
    /// The sequence number.
    pub sequence: u16,
    /// What the payload is made of, drawn at random for each request.
    pub nonce: u64,
}

/// What became of a request, as a message tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was answered.
    Reply,
    /// A router or the target says that it cannot be delivered.
    Unreachable,
    /// The client's own stack says so: nobody answered its ARP requests or neighbour solicitations.
    HostDown,
    /// The time to live (the hop limit) ran out on the way.
    TimeExceeded,
    /// A router does not forward what comes from this source.
    SourceRefused,
    /// A router says that it is larger than the next link can carry.
    TooBig,
}

/// Whether a message is about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belonging {
    /// It is: it carries what only that request carried.
    Own,
    /// It is a reply with the request's numbers, from its target, but does not carry what was sent.
    Altered,
    /// It is about something else.
    Foreign,
}

/// A received message whose checksum is sound, and the request that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IcmpEvent<'a> {
    /// The address that the request went to.
    pub target: IpAddr,
    /// The request's identifier.
    pub id: u16,
    /// The request's sequence number.
    pub sequence: u16,
    /// What became of the request.
    pub verdict: Verdict,
    /// Of an error: the ICMP header that it quotes.
    quoted_header: &'a [u8],
    /// The payload that came back, or as much of it as an error quotes.
    payload: &'a [u8],
}

impl EchoRequest {
    /// The request, without an IP header. The checksum of one in IPv6 is 0: the kernel sets it (RFC 3542, 3.1).
    pub fn message(self) -> [u8; REQUEST_LEN] {
        let echo = IcmpEchoHeader {
            id: self.id,
            seq: self.sequence,
        };
        let payload = self.payload();
        let mut message = [0; REQUEST_LEN];
        let (header, rest) = message.split_at_mut(HEADER_LEN);
        match self.target {
            IpAddr::V4(_) => {
                let kind = Icmpv4Type::EchoRequest(echo);
                header.copy_from_slice(&Icmpv4Header::with_checksum(kind, &payload).to_bytes());
            }
            IpAddr::V6(_) => {
                let kind = Icmpv6Type::EchoRequest(echo);
                header.copy_from_slice(&Icmpv6Header::new(kind).to_bytes());
            }
        }
        rest.copy_from_slice(&payload);
        message
    }

    fn payload(self) -> [u8; PAYLOAD_LEN] {
        let mut payload = [0; PAYLOAD_LEN];
        for part in payload.chunks_exact_mut(NONCE_LEN) {
            part.copy_from_slice(&self.nonce.to_be_bytes());
        }
        payload
    }
}

impl IcmpEvent<'_> {
    /// Whether this is about `request`.
    pub fn belongs_to(&self, request: EchoRequest) -> Belonging {
        let names =
            (self.target, self.id, self.sequence) == (request.target, request.id, request.sequence);
        if !names {
            return Belonging::Foreign;
        }
        let sent = request.payload();
        match self.verdict {
            Verdict::Reply if self.payload == sent => Belonging::Own,
            Verdict::Reply => Belonging::Altered,
            // A router quotes eight bytes of the message at least (RFC 792): then the checksum in them, which depends on
            // the nonce, has to do. What follows the payload is padding, and extensions (RFC 4884, 5).
            _ if self.payload.len() < NONCE_LEN => {
                if request.message().starts_with(self.quoted_header) {
                    Belonging::Own
                } else {
                    Belonging::Foreign
                }
            }
            _ => {
                let length = self.payload.len().min(sent.len());
                if self.payload[..length] == sent[..length] {
                    Belonging::Own
                } else {
                    Belonging::Foreign
                }
            }
        }
    }
}

/// Reads an IPv4 packet, with its header, as an event about a request; `None`: it is none, or not sound.
///
/// The kernel checks the IP header of what a raw socket receives, but not the message's checksum.
pub fn read(packet: &[u8]) -> Option<IcmpEvent<'_>> {
    let (header, message) = opened(packet)?;
    if sum(message) != 0 {
        return None;
    }
    let (source, destination) = (header.source_addr(), header.destination_addr());
    let decoded = Icmpv4Packet::decode(packet, Type::RAW, source, destination).ok()?;
    let verdict = match (decoded.get_icmp_type().0, decoded.get_icmp_code().0) {
        (icmpv4::TYPE_ECHO_REPLY, 0) => Verdict::Reply,
        (icmpv4::TYPE_DEST_UNREACH, _) if source == destination => Verdict::HostDown,
        (icmpv4::TYPE_DEST_UNREACH, _) => Verdict::Unreachable,
        (icmpv4::TYPE_TIME_EXCEEDED, _) => Verdict::TimeExceeded,
        _ => return None,
    };
    let target = decoded.get_real_dest().into();
    let numbers = (decoded.get_identifier(), decoded.get_sequence());
    event(message, verdict, target, numbers)
}

/// Reads an `ICMPv6` message from `source` to `own` as an event about a request. It has no IP header, as the kernel takes that off, and its
/// checksum is sound, as the kernel drops all others (RFC 3542, 3.1).
pub fn read_v6(message: &[u8], source: Ipv6Addr, own: Ipv6Addr) -> Option<IcmpEvent<'_>> {
    let decoded = Icmpv6Packet::decode(message, source).ok()?;
    let verdict = match (decoded.get_icmpv6_type().0, decoded.get_icmpv6_code().0) {
        (icmpv6::TYPE_ECHO_REPLY, 0) => Verdict::Reply,
        (icmpv6::TYPE_DST_UNREACH, _) if source == own => Verdict::HostDown,
        (icmpv6::TYPE_DST_UNREACH, SOURCE_REFUSED) => Verdict::SourceRefused,
        (icmpv6::TYPE_PACKET_TOO_BIG, _) => Verdict::TooBig,
        (icmpv6::TYPE_DST_UNREACH, _) => Verdict::Unreachable,
        (icmpv6::TYPE_TIME_EXCEEDED, _) => Verdict::TimeExceeded,
        _ => return None,
    };
    let target = decoded.get_real_dest().into();
    let numbers = (decoded.get_identifier(), decoded.get_sequence());
    event(message, verdict, target, numbers)
}

/// Makes the event about the request to `target` with these numbers of what else the message says of it.
fn event(
    message: &[u8],
    verdict: Verdict,
    target: IpAddr,
    (id, sequence): (PingIdentifier, PingSequence),
) -> Option<IcmpEvent<'_>> {
    let (_, content) = message.split_at_checked(HEADER_LEN)?;
    let (quoted_header, payload) = match verdict {
        Verdict::Reply => (&[][..], content),
        Verdict::Unreachable
        | Verdict::HostDown
        | Verdict::TimeExceeded
        | Verdict::SourceRefused
        | Verdict::TooBig => quoted(content)?,
    };
    Some(IcmpEvent {
        target,
        id: id.into_u16(),
        sequence: sequence.into_u16(),
        verdict,
        quoted_header,
        payload,
    })
}

/// A whole packet's header, and what it carries.
fn opened(packet: &[u8]) -> Option<(Ipv4HeaderSlice<'_>, &[u8])> {
    let header = Ipv4HeaderSlice::from_slice(packet).ok()?;
    let content = packet.get(header.slice().len()..usize::from(header.total_len()))?;
    Some((header, content))
}

/// The ICMP header of the echo request that an error quotes, and what it quotes of the payload; `None` where it quotes
/// something else, or a later fragment. Routers may cut the packet short, so its length is not believed.
fn quoted(packet: &[u8]) -> Option<(&[u8], &[u8])> {
    let (ip, _) = LaxIpSlice::from_slice(packet).ok()?;
    let content = ip.payload();
    let request = match content.ip_number {
        IpNumber::ICMP => icmpv4::TYPE_ECHO_REQUEST,
        IpNumber::IPV6_ICMP => icmpv6::TYPE_ECHO_REQUEST,
        _ => return None,
    };
    let (echo, payload) = content.payload.split_at_checked(HEADER_LEN)?;
    (!content.fragmented && echo.starts_with(&[request, 0])).then_some((echo, payload))
}

/// The checksum, as it stands in memory; 0 over a message that has a sound one.
pub fn sum(message: &[u8]) -> u16 {
    Sum16BitWords::new().add_slice(message).ones_complement()
}

#[cfg(test)]
mod tests;
