//! DHCP messages that nobody can use: what broken servers, and networks that damage packets, have been seen to send.

use std::net::Ipv6Addr;
use std::ops::Range;

use lanherd_net::frame6::{Ends6, discovery_frame};
use lanherd_types::identity::Mac;

/// Where a message has its transaction (RFC 2131, 2), and the magic cookie (3).
const XID: Range<usize> = 4..8;
const MAGIC_COOKIE: Range<usize> = 236..240;
const OPTIONS: usize = 240;
/// "You need to have a message type": the option that every DHCP message has (RFC 2132, 9.6).
const MESSAGE_TYPE: u8 = 53;

/// How a message is spoilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Not a byte is left.
    Empty,
    /// It ends somewhere in the fixed fields or the cookie.
    Truncated,
    /// It is no DHCP message by its cookie.
    WrongCookie,
    /// Its first option claims to be longer than the message.
    OptionOverrun,
    /// Its message type has a length of two.
    OptionLength,
    /// It answers somebody else's question.
    WrongXid,
    /// Noise of the same length.
    Noise,
}

impl Shape {
    pub(crate) const ALL: [Self; 7] = [
        Self::Empty,
        Self::Truncated,
        Self::WrongCookie,
        Self::OptionOverrun,
        Self::OptionLength,
        Self::WrongXid,
        Self::Noise,
    ];

    /// What is left of an encoded message.
    pub(crate) fn spoil(self, mut bytes: Vec<u8>, rng: &mut fastrand::Rng) -> Vec<u8> {
        match self {
            Self::Empty => bytes.clear(),
            Self::Truncated => bytes.truncate(rng.usize(1..OPTIONS)),
            Self::WrongCookie => flip(&mut bytes, MAGIC_COOKIE, rng),
            Self::WrongXid => flip(&mut bytes, XID, rng),
            Self::OptionOverrun => {
                bytes.truncate(OPTIONS);
                bytes.extend([MESSAGE_TYPE, rng.u8(128..), rng.u8(..)]);
            }
            Self::OptionLength => {
                bytes.truncate(OPTIONS);
                bytes.extend([MESSAGE_TYPE, 2, 5, rng.u8(..), u8::MAX]);
            }
            Self::Noise => {
                rng.fill(&mut bytes);
                // Noise that happens to be a message would be none; a BOOTP operation is 1 or 2.
                if let Some(op) = bytes.first_mut() {
                    *op |= 0x80;
                }
            }
        }
        bytes
    }
}

/// How a router advertisement is spoilt so that it has to be ignored (RFC 4861, 6.1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiscoveryShape {
    /// As if a router had forwarded it.
    HopLimit,
    /// Its checksum is wrong.
    Checksum,
    /// Its fixed fields are not whole.
    Truncated,
    /// Its first option has no length.
    ZeroLength,
    /// It comes from beyond the link.
    GlobalSource,
    /// It has a code that no advertisement has.
    Code,
}

/// Where a frame of IPv6 has its hop limit, and where the message begins.
const HOP_LIMIT: usize = 21;
const DISCOVERY: usize = 54;

impl DiscoveryShape {
    pub(crate) const ALL: [Self; 6] = [
        Self::HopLimit,
        Self::Checksum,
        Self::Truncated,
        Self::ZeroLength,
        Self::GlobalSource,
        Self::Code,
    ];

    /// Spoils the frame of an advertisement with options.
    pub(crate) fn spoil(self, frame: &mut Vec<u8>, rng: &mut fastrand::Rng) {
        let Some((mut ends, mut message)) = taken_apart(frame) else {
            return;
        };
        match self {
            Self::HopLimit => return frame[HOP_LIMIT] = rng.u8(..u8::MAX),
            Self::Checksum => return flip(frame, DISCOVERY + 2..DISCOVERY + 4, rng),
            Self::Truncated => message.truncate(rng.usize(8..16)),
            Self::ZeroLength => message[17] = 0,
            Self::GlobalSource => {
                ends.source = Ipv6Addr::new(0x2001, 0xdb8, rng.u16(..), 0, 0, 0, 0, 1);
            }
            Self::Code => message[1] = rng.u8(1..),
        }
        if let Some(spoilt) = discovery_frame(&ends, &message) {
            *frame = spoilt;
        }
    }
}

/// The ends of a frame, and its message, where that is an advertisement with an option.
fn taken_apart(frame: &[u8]) -> Option<(Ends6, Vec<u8>)> {
    let mac = |at: usize| Some(Mac(*frame.get(at..)?.first_chunk()?));
    let address = |at: usize| Some(Ipv6Addr::from(*frame.get(at..)?.first_chunk::<16>()?));
    let message = frame.get(DISCOVERY..)?;
    let ends = Ends6 {
        link_source: mac(6)?,
        link_destination: mac(0)?,
        source: address(22)?,
        destination: address(38)?,
    };
    (message.len() > 18).then(|| (ends, message.to_vec()))
}

/// How a DHCPv6 message is spoilt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dhcp6Shape {
    /// Not a byte is left.
    Empty,
    /// It ends within its type and transaction.
    Truncated,
    /// Its first option claims to be longer than the message.
    OptionOverrun,
    /// A byte is left over behind its options.
    Leftover,
    /// It answers somebody else's question.
    WrongXid,
    /// It is of a type that nobody knows.
    UnknownType,
}

impl Dhcp6Shape {
    pub(crate) const ALL: [Self; 6] = [
        Self::Empty,
        Self::Truncated,
        Self::OptionOverrun,
        Self::Leftover,
        Self::WrongXid,
        Self::UnknownType,
    ];

    /// What is left of an encoded message.
    pub(crate) fn spoil(self, mut bytes: Vec<u8>, rng: &mut fastrand::Rng) -> Vec<u8> {
        match self {
            Self::Empty => bytes.clear(),
            Self::Truncated => bytes.truncate(rng.usize(1..4)),
            Self::OptionOverrun => {
                bytes.truncate(4);
                bytes.extend([0, 1, rng.u8(1..), rng.u8(..), rng.u8(..)]);
            }
            Self::Leftover => bytes.push(rng.u8(..)),
            Self::WrongXid => flip(&mut bytes, 1..4, rng),
            Self::UnknownType => {
                if let Some(kind) = bytes.first_mut() {
                    *kind = rng.u8(128..);
                }
            }
        }
        bytes
    }
}

/// Changes one bit there at least.
fn flip(bytes: &mut [u8], place: Range<usize>, rng: &mut fastrand::Rng) {
    let noise = rng.u32(1..).to_be_bytes();
    let place = bytes.get_mut(place).into_iter().flatten();
    for (byte, noise) in place.zip(noise) {
        *byte ^= noise;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanherd_dhcp::Message;
    use lanherd_dhcp::options::MessageType;
    use lanherd_ndp::{NdOption, Packet, RouterAdvertisement};

    #[test]
    fn no_spoilt_message_can_be_taken_for_the_answer() {
        let request = Message::request(MessageType::Discover, Mac([2, 0, 0, 0, 0, 1]), 0x1234_5678);
        let whole = Message::reply_to(&request, MessageType::Ack).encode();
        for shape in Shape::ALL {
            for seed in 0..200 {
                let mut rng = fastrand::Rng::with_seed(seed);
                let spoilt = shape.spoil(whole.clone(), &mut rng);
                match Message::decode(&spoilt) {
                    Ok(message) => {
                        assert_eq!(shape, Shape::WrongXid, "seed {seed}");
                        assert_ne!(message.xid, request.xid);
                    }
                    Err(_) => assert_ne!(shape, Shape::WrongXid, "seed {seed}"),
                }
            }
        }
    }

    #[test]
    fn no_spoilt_advertisement_is_one_that_a_host_may_heed() {
        let body = RouterAdvertisement::default();
        let mac = Mac([2, 0, 0, 0, 0, 1]);
        let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
        let options = vec![NdOption::SourceLinkLayer(mac), NdOption::Mtu(1400)];
        let whole = Packet::router_advertisement(mac, source, body, options);
        let whole = whole.to_frame().expect("a frame");
        assert!(Packet::from_frame(&whole).is_ok());
        for shape in DiscoveryShape::ALL {
            for seed in 0..200 {
                let mut spoilt = whole.clone();
                shape.spoil(&mut spoilt, &mut fastrand::Rng::with_seed(seed));
                let read = Packet::from_frame(&spoilt);
                assert!(read.is_err(), "{shape:?}, seed {seed}: {read:?}");
            }
        }
    }

    #[test]
    fn no_spoilt_dhcpv6_message_can_be_taken_for_the_answer() {
        let mut answer = lanherd_dhcp6::Message::new(lanherd_dhcp6::MessageType::Reply, 0x12_3456);
        answer.options.push(1, [0, 3, 0, 1, 2, 0, 0, 0, 0, 1]);
        let whole = answer.encode().expect("short");
        for shape in Dhcp6Shape::ALL {
            for seed in 0..200 {
                let mut rng = fastrand::Rng::with_seed(seed);
                let spoilt = shape.spoil(whole.clone(), &mut rng);
                match lanherd_dhcp6::Message::decode(&spoilt) {
                    Ok(message) => {
                        assert_eq!(shape, Dhcp6Shape::WrongXid, "seed {seed}");
                        assert_ne!(message.xid, answer.xid);
                    }
                    Err(_) => assert_ne!(shape, Dhcp6Shape::WrongXid, "seed {seed}"),
                }
            }
        }
    }

    #[test]
    fn the_same_seed_spoils_in_the_same_way() {
        for shape in Shape::ALL {
            let spoil = || shape.spoil(vec![7; 300], &mut fastrand::Rng::with_seed(1));
            assert_eq!(spoil(), spoil());
        }
    }
}
