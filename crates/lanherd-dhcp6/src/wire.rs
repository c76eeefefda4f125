//! The message on the wire (RFC 9915, 8 and 21): our own walker and ordered encoder, for clients and servers.
//!
//! Everything decoded here comes from the network and is hostile until proved otherwise. Decoding never panics, and it
//! either understands a message or names the option and the byte where it stopped.

use super::options::{DhcpOption, Options, code};
use super::remark::Notes;
use super::walk;
use lanherd_types::words;

/// Type and transaction id.
const HEADER_LEN: usize = 4;
/// The bits of a transaction id.
const XID_MASK: u32 = 0xff_ffff;
/// The messages between relays and servers (RFC 9915, 9), whose fields are others.
const RELAYED: [u8; 2] = [12, 13];

words! {
    /// The message types (RFC 9915, 7.3).
    MessageType {
        /// 1, from a client: who has addresses or prefixes?
        Solicit = "solicit",
        /// 2, from a server: have these.
        Advertise = "advertise",
        /// 3, from a client: those, please.
        Request = "request",
        /// 4, from a client: are these right on this link?
        Confirm = "confirm",
        /// 5, from a client to its server: more time, please.
        Renew = "renew",
        /// 6, from a client to any server: more time, please.
        Rebind = "rebind",
        /// 7, from a server: the answer to all of these but a SOLICIT without rapid commit.
        Reply = "reply",
        /// 8, from a client: no longer needed.
        Release = "release",
        /// 9, from a client: somebody else uses it.
        Decline = "decline",
        /// 10, from a server: ask again.
        Reconfigure = "reconfigure",
        /// 11, from a client: no addresses, only the rest is wanted.
        InformationRequest = "information_request",
    }
}

impl MessageType {
    /// Its number on the wire.
    pub const fn number(self) -> u8 {
        match self {
            Self::Solicit => 1,
            Self::Advertise => 2,
            Self::Request => 3,
            Self::Confirm => 4,
            Self::Renew => 5,
            Self::Rebind => 6,
            Self::Reply => 7,
            Self::Release => 8,
            Self::Decline => 9,
            Self::Reconfigure => 10,
            Self::InformationRequest => 11,
        }
    }

    /// The type with that number; `None` for those of relays, and of later RFCs.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|kind| kind.number() == number)
    }

    /// Whether servers send it.
    pub const fn is_servers(self) -> bool {
        match self {
            Self::Advertise | Self::Reply | Self::Reconfigure => true,
            Self::Solicit
            | Self::Request
            | Self::Confirm
            | Self::Renew
            | Self::Rebind
            | Self::Release
            | Self::Decline
            | Self::InformationRequest => false,
        }
    }
}

/// A `DHCPv6` message between client and server: type, transaction, and the options in the order in which they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is.
    pub message_type: MessageType,
    /// The transaction, of which 24 bits count; answers carry the question's. A RECONFIGURE has 0.
    pub xid: u32,
    /// Its options, in their order on the wire.
    pub options: Options,
    /// What was noted when it was read; empty for one that was not.
    pub notes: Notes,
}

impl Message {
    /// A message without options.
    pub fn new(message_type: MessageType, xid: u32) -> Self {
        Self {
            message_type,
            xid: xid & XID_MASK,
            options: Options::new(),
            notes: Notes::default(),
        }
    }

    /// A server's answer to `question`: its transaction, and its client identifier where it has one (RFC 9915, 18.3). The server's own
    /// is left to the caller.
    pub fn answer_to(question: &Self, message_type: MessageType) -> Self {
        let mut answer = Self::new(message_type, question.xid);
        if let Some(client) = question.options.get(code::CLIENT_ID) {
            answer.options.push(code::CLIENT_ID, client);
        }
        answer
    }

    /// Reads a message.
    ///
    /// An option that cannot be what its RFC says is left out, as is one that stands where it cannot or a second time, and stands in
    /// [`Message::notes`] with its offset; so a typed read of a decoded message never passes over a malformed value in silence. An
    /// error is only what leaves nothing to read, or nothing that could be relied on (see [`Remark`](super::Remark)).
    // Field practice: no bytes make the DHCPv6 decoder panic, and an error names option and offset.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let Some((&[number, xid @ ..], _)) = bytes.split_first_chunk::<HEADER_LEN>() else {
            return Err(DecodeError::TooShort {
                length: bytes.len(),
            });
        };
        if RELAYED.contains(&number) {
            return Err(DecodeError::Relayed(number));
        }
        // RFC 9915, 16: a message of an unknown type is dropped.
        let message_type =
            MessageType::from_number(number).ok_or(DecodeError::UnknownType(number))?;
        let (options, malformed) = walk::read(bytes, HEADER_LEN)?;
        let [high, middle, low] = xid;
        let is_reconfigure = message_type == MessageType::Reconfigure;
        Ok(Self {
            message_type,
            xid: u32::from_be_bytes([0, high, middle, low]),
            options,
            notes: Notes {
                malformed,
                bytes: is_reconfigure.then(|| bytes.to_vec()),
            },
        })
    }

    /// Writes the message, its options in their order.
    ///
    /// An error where the value of an option has more bytes than its length can say.
    pub fn encode(&self) -> Result<Vec<u8>, EncodeError> {
        let mut bytes = Vec::with_capacity(HEADER_LEN + self.options.wire_len());
        let [_, high, middle, low] = self.xid.to_be_bytes();
        bytes.extend([self.message_type.number(), high, middle, low]);
        write(&mut bytes, &self.options)?;
        Ok(bytes)
    }
}

fn write(bytes: &mut Vec<u8>, options: &Options) -> Result<(), EncodeError> {
    for option in options {
        let length = option.wire_len();
        let length = u16::try_from(length).map_err(|_| EncodeError {
            option: option.code,
            length,
        })?;
        let DhcpOption {
            code,
            value,
            nested,
            ..
        } = option;
        bytes.extend(code.to_be_bytes());
        bytes.extend(length.to_be_bytes());
        bytes.extend(value);
        write(bytes, nested)?;
    }
    Ok(())
}

/// An option that is too long to be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("option {option} has {length} bytes, and cannot have more than 65535")]
pub struct EncodeError {
    /// The option's number.
    pub option: u16,
    /// The length of its value in bytes.
    pub length: usize,
}

/// Why bytes are no `DHCPv6` message between client and server. Offsets count from the message's first byte, that is, in the UDP
/// payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It ends before the options begin.
    #[error("{length} bytes are no dhcpv6 message: type and transaction id alone take 4")]
    TooShort {
        /// All that there is, in bytes.
        length: usize,
    },
    /// It is a message between a relay and a server.
    #[error("message type {0} is one between relays and servers, and not for hosts")]
    Relayed(u8),
    /// Its type is none of RFC 9915.
    #[error("message type {0} is none of rfc 9915 between clients and servers")]
    UnknownType(u8),
    /// An option runs past the end of the message.
    #[error("option {option} at byte {offset} runs past the end of the message")]
    Truncated {
        /// The option's number.
        option: u16,
        /// Where the number stands.
        offset: usize,
    },
    /// The last byte is no option.
    #[error("the byte at {offset} is too few for the number of an option")]
    Leftover {
        /// Where it stands.
        offset: usize,
    },
}

impl DecodeError {
    /// Every word of [`DecodeError::as_str`].
    pub const WORDS: &[&str] = &[
        "too_short",
        "relayed",
        "unknown_type",
        "truncated_option",
        "leftover",
    ];

    /// The kind of error in one word: the label in metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => "too_short",
            Self::Relayed(_) => "relayed",
            Self::UnknownType(_) => "unknown_type",
            Self::Truncated { .. } => "truncated_option",
            Self::Leftover { .. } => "leftover",
        }
    }
}

impl From<walk::Broken> for DecodeError {
    fn from(broken: walk::Broken) -> Self {
        let offset = broken.offset;
        match broken.option {
            Some(option) => Self::Truncated { option, offset },
            None => Self::Leftover { offset },
        }
    }
}

#[cfg(test)]
mod tests;
