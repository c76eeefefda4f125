//! DHCP messages that nobody can use: what broken servers, and networks that damage packets, have been seen to send.

use std::ops::Range;

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
    use lanherd_types::identity::Mac;

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
    fn the_same_seed_spoils_in_the_same_way() {
        for shape in Shape::ALL {
            let spoil = || shape.spoil(vec![7; 300], &mut fastrand::Rng::with_seed(1));
            assert_eq!(spoil(), spoil());
        }
    }
}
