//! Echo messages (RFC 792): pure, what is sent as bytes, and what came as a packet that says nothing else than it seems.

use std::net::Ipv4Addr;

use etherparse::checksum::Sum16BitWords;

/// Types of messages (RFC 792).
pub(crate) const ECHO_REPLY: u8 = 0;
pub(crate) const DESTINATION_UNREACHABLE: u8 = 3;
pub(crate) const ECHO_REQUEST: u8 = 8;
pub(crate) const TIME_EXCEEDED: u8 = 11;

/// The header's length in bytes.
pub(crate) const HEADER_LEN: usize = 8;
/// The shortest IPv4 header, in bytes (RFC 791, 3.1).
const IP_HEADER_LEN: usize = 20;
const ICMP: u8 = 1;

/// As many bytes as `ping(8)` sends.
const PAYLOAD: [u8; 56] = [0x6c; 56];
/// The length of a request.
const REQUEST_LEN: usize = HEADER_LEN + PAYLOAD.len();

/// Which request, and whom it was sent to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Echo {
    pub target: Ipv4Addr,
    pub id: u16,
    pub sequence: u16,
}

/// What became of a request, as a packet tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    /// It was answered.
    Reply,
    /// Type 3, from somebody on the way or from the target.
    Unreachable,
    /// Type 3, from the client's own stack: nobody answered its ARP requests.
    HostDown,
    /// Type 11.
    TimeExceeded,
}

impl Echo {
    /// The request, without an IP header.
    pub fn request(self) -> [u8; REQUEST_LEN] {
        let mut message = [0; REQUEST_LEN];
        message[0] = ECHO_REQUEST;
        message[4..6].copy_from_slice(&self.id.to_be_bytes());
        message[6..8].copy_from_slice(&self.sequence.to_be_bytes());
        message[HEADER_LEN..].copy_from_slice(&PAYLOAD);
        let checksum = sum(&message).to_ne_bytes();
        message[2..4].copy_from_slice(&checksum);
        message
    }
}

/// What a packet, with its IP header, says of which request; `None`: nothing that would hold.
///
/// The kernel checks the IP header of what a raw socket hears, but not the message's checksum.
pub(crate) fn heard(packet: &[u8]) -> Option<(Echo, Word)> {
    let (source, destination, message) = opened(packet)?;
    if sum(message) != 0 {
        return None;
    }
    let (header, quoted) = message.split_at_checked(HEADER_LEN)?;
    match (header[0], header[1]) {
        (ECHO_REPLY, 0) => Some((named(source, header)?, Word::Reply)),
        (kind @ (DESTINATION_UNREACHABLE | TIME_EXCEEDED), _) => {
            // The request's IP header, and its first eight bytes.
            let (_, target, request) = opened(quoted)?;
            let is_request =
                quoted.get(9) == Some(&ICMP) && request.starts_with(&[ECHO_REQUEST, 0]);
            let word = match kind {
                TIME_EXCEEDED => Word::TimeExceeded,
                _ if source == destination => Word::HostDown,
                _ => Word::Unreachable,
            };
            Some((named(target, request)?, word)).filter(|_| is_request)
        }
        _ => None,
    }
}

/// Source and destination of a packet, and what is in it.
fn opened(packet: &[u8]) -> Option<(Ipv4Addr, Ipv4Addr, &[u8])> {
    // Its length is in words of four bytes (RFC 791, 3.1).
    let header_len = usize::from(packet.first()? & 0xf) * 4;
    if header_len < IP_HEADER_LEN {
        return None;
    }
    let (header, content) = packet.split_at_checked(header_len)?;
    Some((address(header, 12)?, address(header, 16)?, content))
}

fn address(header: &[u8], at: usize) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = header.get(at..at + 4)?.try_into().ok()?;
    Some(octets.into())
}

/// The request to `target` that the header of a message names.
fn named(target: Ipv4Addr, header: &[u8]) -> Option<Echo> {
    let number = |at: usize| {
        let bytes: [u8; 2] = header.get(at..at + 2)?.try_into().ok()?;
        Some(u16::from_be_bytes(bytes))
    };
    Some(Echo {
        target,
        id: number(4)?,
        sequence: number(6)?,
    })
}

/// The checksum, as it stands in memory; 0 over a message that has a sound one.
pub(crate) fn sum(message: &[u8]) -> u16 {
    Sum16BitWords::new().add_slice(message).ones_complement()
}

#[cfg(test)]
mod tests {
    use etherparse::icmpv4::{DestUnreachableHeader, TimeExceededCode};
    use etherparse::{IcmpEchoHeader, Icmpv4Slice, Icmpv4Type, PacketBuilder};

    use super::*;

    const CLIENT: [u8; 4] = [10, 77, 0, 10];
    const TARGET: [u8; 4] = [8, 8, 8, 8];
    const ROUTER: [u8; 4] = [10, 77, 0, 1];
    const ECHO: Echo = Echo {
        target: Ipv4Addr::new(8, 8, 8, 8),
        id: 0xbeef,
        sequence: 0xff01,
    };

    fn packet(source: [u8; 4], destination: [u8; 4], kind: Icmpv4Type, payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        PacketBuilder::ipv4(source, destination, 64)
            .icmpv4(kind)
            .write(&mut packet, payload)
            .expect("written");
        packet
    }

    fn header() -> IcmpEchoHeader {
        IcmpEchoHeader {
            id: ECHO.id,
            seq: ECHO.sequence,
        }
    }

    fn reply() -> Vec<u8> {
        packet(TARGET, CLIENT, Icmpv4Type::EchoReply(header()), &PAYLOAD)
    }

    /// What a router quotes of a request: its IP header and eight bytes.
    fn quoted() -> Vec<u8> {
        let mut quoted = packet(CLIENT, TARGET, Icmpv4Type::EchoRequest(header()), &PAYLOAD);
        quoted.truncate(28);
        quoted
    }

    fn unreachable(source: [u8; 4], quoted: &[u8]) -> Vec<u8> {
        let kind = Icmpv4Type::DestinationUnreachable(DestUnreachableHeader::Host);
        packet(source, CLIENT, kind, quoted)
    }

    #[test]
    fn a_request_is_one_to_an_independent_decoder() {
        let request = ECHO.request();
        let read = Icmpv4Slice::from_slice(&request).expect("a message");
        assert_eq!(read.icmp_type(), Icmpv4Type::EchoRequest(header()));
        assert_eq!(read.payload(), PAYLOAD);
        let checksum = read.header().icmp_type.calc_checksum(read.payload());
        assert_eq!(read.checksum(), checksum);
    }

    #[test]
    fn each_answer_is_told_apart_and_names_its_request() {
        let late = Icmpv4Type::TimeExceeded(TimeExceededCode::TtlExceededInTransit);
        for (packet, word) in [
            (reply(), Word::Reply),
            (unreachable(ROUTER, &quoted()), Word::Unreachable),
            (unreachable(CLIENT, &quoted()), Word::HostDown),
            (packet(ROUTER, CLIENT, late, &quoted()), Word::TimeExceeded),
        ] {
            assert_eq!(heard(&packet), Some((ECHO, word)));
        }
    }

    #[test]
    fn what_is_cut_off_or_altered_says_nothing() {
        for good in [reply(), unreachable(ROUTER, &quoted())] {
            for length in 0..good.len() {
                assert_eq!(heard(&good[..length]), None, "{length} bytes");
            }
            for at in 20..good.len() {
                let mut bad = good.clone();
                bad[at] ^= 0x10;
                assert_eq!(heard(&bad), None, "byte {at}");
            }
        }
    }

    #[test]
    fn an_error_about_something_else_than_a_request_says_nothing() {
        let answer = packet(CLIENT, TARGET, Icmpv4Type::EchoReply(header()), &PAYLOAD);
        assert_eq!(heard(&unreachable(ROUTER, &answer[..28])), None);
        let mut udp = quoted();
        udp[9] = 17;
        assert_eq!(heard(&unreachable(ROUTER, &udp)), None);
        // A header that says of itself that it is shorter than any.
        let mut short = quoted();
        short[0] = 0x41;
        assert_eq!(heard(&unreachable(ROUTER, &short)), None);
        let request = packet(TARGET, CLIENT, Icmpv4Type::EchoRequest(header()), &PAYLOAD);
        assert_eq!(heard(&request), None);
    }
}
