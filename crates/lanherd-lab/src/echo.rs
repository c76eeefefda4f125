//! What the router itself answers to a ping (RFC 792) while the kernel does not: pure, a packet in, a message out.

use etherparse::{Icmpv4Header, Icmpv4Slice, Icmpv4Type, Ipv4HeaderSlice};
use lanherd_net::icmp::sum;

/// The reply to an echo request, without an IP header; `None`: the packet, with one, is no such request.
pub(super) fn reply(packet: &[u8]) -> Option<Vec<u8>> {
    let header = Ipv4HeaderSlice::from_slice(packet).ok()?;
    let message = packet.get(header.slice().len()..)?;
    let request = Icmpv4Slice::from_slice(message).ok()?;
    let Icmpv4Type::EchoRequest(echo) = request.icmp_type() else {
        return None;
    };
    if sum(message) != 0 {
        return None;
    }
    let payload = request.payload();
    let reply = Icmpv4Header::with_checksum(Icmpv4Type::EchoReply(echo), payload);
    Some([&reply.to_bytes(), payload].concat())
}

/// The types of an echo request and its reply over IPv6 (RFC 4443, 4).
const ECHO_REQUEST: u8 = 128;
const ECHO_REPLY: u8 = 129;
/// What stands before the payload: type, code, checksum, identifier, number.
const HEADER: usize = 8;

/// The reply to an echo request over IPv6, which comes from a raw socket, and so without an IP header and with a sound checksum; the
/// kernel fills in that of the reply (RFC 3542, 3.1). `None`: it is no such request.
pub(super) fn reply6(message: &[u8]) -> Option<Vec<u8>> {
    let is_request = message.len() >= HEADER && message.starts_with(&[ECHO_REQUEST, 0]);
    is_request.then(|| {
        let mut reply = message.to_vec();
        reply[..4].copy_from_slice(&[ECHO_REPLY, 0, 0, 0]);
        reply
    })
}

#[cfg(test)]
mod tests {
    use etherparse::{IcmpEchoHeader, PacketBuilder};

    use super::*;

    fn request(payload: &[u8]) -> Vec<u8> {
        let mut packet = Vec::new();
        PacketBuilder::ipv4([10, 77, 0, 10], [8, 8, 8, 8], 64)
            .icmpv4_echo_request(7, 9)
            .write(&mut packet, payload)
            .expect("written");
        packet
    }

    #[test]
    fn a_reply_has_what_the_request_had_and_a_sound_checksum() {
        for payload in [&b""[..], b"odd", b"even", &[0xff; 1472]] {
            let reply = reply(&request(payload)).expect("a reply");
            let read = Icmpv4Slice::from_slice(&reply).expect("a message");
            let echo = IcmpEchoHeader { id: 7, seq: 9 };
            assert_eq!(read.icmp_type(), Icmpv4Type::EchoReply(echo));
            assert_eq!(read.payload(), payload);
            let header = read.header().icmp_type;
            assert_eq!(read.checksum(), header.calc_checksum(payload));
        }
    }

    #[test]
    fn over_ipv6_the_reply_has_what_the_request_had() {
        let request = [128, 0, 9, 9, 0, 7, 0, 9, b'x'];
        let reply = reply6(&request).expect("a reply");
        assert_eq!(reply, [129, 0, 0, 0, 0, 7, 0, 9, b'x']);
        assert_eq!(reply6(&reply), None, "an answer to an answer");
        for length in 0..8 {
            assert_eq!(reply6(&request[..length]), None, "{length} bytes");
        }
    }

    #[test]
    fn what_is_no_sound_request_is_not_answered() {
        let good = request(b"payload");
        assert_eq!(reply(&[]), None);
        for length in 1..28 {
            assert_eq!(reply(&good[..length]), None, "{length} bytes");
        }
        for at in 20..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 0x10;
            assert_eq!(reply(&bad), None, "byte {at}");
        }
        let mut answer = good;
        let message = reply(&answer).expect("a reply");
        answer.truncate(20);
        answer.extend(message);
        assert_eq!(reply(&answer), None, "an answer to an answer");
    }
}
