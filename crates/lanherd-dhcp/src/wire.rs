//! The message on the wire (RFC 2131, 2; RFC 2132; RFC 3396): our own walker and ordered encoder.
//!
//! Everything decoded here comes from the network and is hostile until proved otherwise. Decoding never panics, and it
//! either understands a message or names the option and the byte where it stopped. Two liberties are taken, because
//! servers in the field need them: the end option may be missing, and bytes after it are not looked at.

use std::net::Ipv4Addr;

use super::options::{MessageType, Options, code, parse_routes};
use super::remark::{Notes, Remark, RemarkReason, is_length};
use lanherd_types::identity::Mac;

/// The fixed fields, without the magic cookie.
const HEADER_LEN: usize = 236;
/// The first four bytes of the options field (RFC 2131, 3).
const MAGIC_COOKIE: [u8; 4] = [99, 130, 83, 99];
/// What BOOTP relays and servers may ask for at least (RFC 1542, 2.1; row by row the size of a BOOTP message).
const MIN_LEN: usize = 300;
/// Ethernet in `htype` (RFC 1700), and the length of its addresses in `hlen`.
const ETHERNET: (u8, u8) = (1, 6);
/// Where the fields are that option 52 may turn into more options.
const SNAME: std::ops::Range<usize> = 44..108;
const FILE: std::ops::Range<usize> = 108..236;

/// Who speaks (RFC 2131, 2: `op`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `BOOTREQUEST`, 1: a client.
    Request,
    /// `BOOTREPLY`, 2: a server.
    Reply,
}

/// A DHCP message: the fixed fields and the options in the order in which they stand.
///
/// `hops`, `sname` and `file` are not kept: they are for relays and boot loaders. Options that stand in `file` and
/// `sname` (option 52) are, after those of the options field; option 52 itself is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Which side sends the message (`op`).
    pub op: Op,
    /// The transaction; replies carry the request's.
    pub xid: u32,
    /// Whole seconds since the client began.
    pub secs: u16,
    /// The B flag: replies are to be broadcast (RFC 2131, 4.1).
    pub broadcast: bool,
    /// The client's address, where it has one and answers ARP for it.
    pub ciaddr: Ipv4Addr,
    /// "Your" address: the one that the server offers or grants.
    pub yiaddr: Ipv4Addr,
    /// The next server of a boot.
    pub siaddr: Ipv4Addr,
    /// The relay agent.
    pub giaddr: Ipv4Addr,
    /// The client's hardware address.
    pub chaddr: Mac,
    /// The options of the message.
    pub options: Options,
    /// What was noted when it was read; empty for one that was not.
    pub notes: Notes,
}

impl Message {
    /// A client's message: option 53, and zeros wherever nothing is known yet.
    pub fn request(message_type: MessageType, chaddr: Mac, xid: u32) -> Self {
        let mut options = Options::new();
        options.push(code::MESSAGE_TYPE, [message_type.number()]);
        Self {
            op: Op::Request,
            xid,
            secs: 0,
            broadcast: false,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            siaddr: Ipv4Addr::UNSPECIFIED,
            giaddr: Ipv4Addr::UNSPECIFIED,
            chaddr,
            options,
            notes: Notes::default(),
        }
    }

    /// A server's answer to `request`: `xid`, flags, `giaddr` and `chaddr` as in the request (RFC 2131, table 3), option
    /// 53, and the client identifier where the request had one (RFC 6842, 3). The addresses are left to the caller.
    pub fn reply_to(request: &Self, message_type: MessageType) -> Self {
        let mut reply = Self::request(message_type, request.chaddr, request.xid);
        reply.op = Op::Reply;
        reply.broadcast = request.broadcast;
        reply.giaddr = request.giaddr;
        if let Some(client_id) = request.options.get(code::CLIENT_ID) {
            reply.options.push(code::CLIENT_ID, client_id);
        }
        reply
    }

    /// The type of the message (option 53).
    pub fn message_type(&self) -> Option<MessageType> {
        self.options.message_type()
    }

    /// Reads a message.
    ///
    /// An option whose value cannot be what its RFC says is left out, and stands in [`Message::notes`] with its offset; so a
    /// typed read of a decoded message never passes over a malformed value in silence. An error is only what leaves nothing to
    /// read, or nothing that could be relied on (see [`Remark`]): the fixed fields, options that run past their field, a
    /// malformed option 52 or 53.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let too_short = DecodeError::TooShort {
            length: bytes.len(),
        };
        let (header, rest) = bytes
            .split_first_chunk::<HEADER_LEN>()
            .ok_or(too_short.clone())?;
        let (cookie, _) = rest.split_first_chunk::<4>().ok_or(too_short)?;
        // RFC 2131, 3: the options begin with the magic cookie.
        if *cookie != MAGIC_COOKIE {
            return Err(DecodeError::MagicCookie(*cookie));
        }
        let &[op, htype, hlen, _hops, x0, x1, x2, x3, s0, s1, flags, _, ..] = header;
        let op = match op {
            1 => Op::Request,
            2 => Op::Reply,
            other => return Err(DecodeError::UnknownOp(other)),
        };
        if (htype, hlen) != ETHERNET {
            return Err(DecodeError::NotEthernet { htype, hlen });
        }
        let mut chaddr = [0; 6];
        chaddr.copy_from_slice(&header[28..34]);
        let (options, notes) = decode_options(bytes)?;
        Ok(Self {
            op,
            xid: u32::from_be_bytes([x0, x1, x2, x3]),
            secs: u16::from_be_bytes([s0, s1]),
            broadcast: flags & 0x80 != 0,
            ciaddr: address_at(header, 12),
            yiaddr: address_at(header, 16),
            siaddr: address_at(header, 20),
            giaddr: address_at(header, 24),
            chaddr: Mac(chaddr),
            options,
            notes,
        })
    }

    /// Writes the message: options in their order, long ones split (RFC 3396, 5), then the end option, then zeros up to
    /// the 300 bytes of a BOOTP message, below which some servers and relays drop it.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(MIN_LEN);
        let op = match self.op {
            Op::Request => 1,
            Op::Reply => 2,
        };
        bytes.extend([op, ETHERNET.0, ETHERNET.1, 0]);
        bytes.extend(self.xid.to_be_bytes());
        bytes.extend(self.secs.to_be_bytes());
        bytes.extend([if self.broadcast { 0x80 } else { 0 }, 0]);
        for address in [self.ciaddr, self.yiaddr, self.siaddr, self.giaddr] {
            bytes.extend(address.octets());
        }
        bytes.extend(self.chaddr.octets());
        bytes.resize(HEADER_LEN, 0);
        bytes.extend(MAGIC_COOKIE);
        for (code, value) in self.options.iter() {
            encode_option(&mut bytes, code, value);
        }
        bytes.push(code::END);
        // RFC 1542, 2.1: a message has 300 bytes at least.
        if bytes.len() < MIN_LEN {
            bytes.resize(MIN_LEN, 0);
        }
        bytes
    }
}

/// Why bytes are no DHCP message. Offsets count from the message's first byte, that is, in the UDP payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// It ends before the options begin.
    #[error("{length} bytes are no dhcp message: the fixed fields alone take 240")]
    TooShort {
        /// All that there is, in bytes.
        length: usize,
    },
    /// `op` is neither 1 nor 2.
    #[error("op is {0}, neither a request (1) nor a reply (2)")]
    UnknownOp(u8),
    /// `htype` and `hlen` are not those of Ethernet.
    #[error("hardware type {htype} with addresses of {hlen} bytes is not ethernet (1 and 6)")]
    NotEthernet {
        /// The hardware type.
        htype: u8,
        /// The length of its addresses in bytes.
        hlen: u8,
    },
    /// The options do not begin with 99.130.83.99: BOOTP of another vendor, or no DHCP at all.
    #[error("the magic cookie is {0:?}, not [99, 130, 83, 99]")]
    MagicCookie([u8; 4]),
    /// An option runs past the end of its field.
    #[error("option {option} at byte {offset} runs past the end of its field")]
    Truncated {
        /// The option's code.
        option: u8,
        /// Where the code stands.
        offset: usize,
    },
    /// An option's value has a length that its RFC does not allow.
    #[error("option {option} at byte {offset} cannot be {length} bytes long")]
    Length {
        /// The option's code.
        option: u8,
        /// Where the code stands; where an option is split, the first part's.
        offset: usize,
        /// The length of its value in bytes; where an option is split, of all parts.
        length: usize,
    },
    /// An option's value has the right length, and says what its RFC does not allow.
    #[error("option {option} at byte {offset} has an invalid value")]
    Value {
        /// The option's code.
        option: u8,
        /// Where the code stands; where an option is split, the first part's.
        offset: usize,
    },
}

impl DecodeError {
    /// The kind of error in one word: the label in metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::TooShort { .. } => "too_short",
            Self::UnknownOp(_) => "unknown_op",
            Self::NotEthernet { .. } => "not_ethernet",
            Self::MagicCookie(_) => "magic_cookie",
            Self::Truncated { .. } => "truncated_option",
            Self::Length { .. } => "option_length",
            Self::Value { .. } => "option_value",
        }
    }
}

fn address_at(header: &[u8; HEADER_LEN], offset: usize) -> Ipv4Addr {
    let mut octets = [0; 4];
    octets.copy_from_slice(&header[offset..offset + 4]);
    octets.into()
}

fn encode_option(bytes: &mut Vec<u8>, code: u8, value: &[u8]) {
    if value.is_empty() {
        bytes.extend([code, 0]);
    }
    // RFC 3396, 5: a long option is written in parts.
    for part in value.chunks(usize::from(u8::MAX)) {
        bytes.push(code);
        bytes.extend(u8::try_from(part.len()));
        bytes.extend(part);
    }
}

/// The options of a whole message, which is known to be long enough: those of the options field, then of `file`, then of
/// `sname`, as option 52 says (RFC 2131, 4.1; RFC 3396, 5).
fn decode_options(bytes: &[u8]) -> Result<(Options, Notes), DecodeError> {
    let mut found = Found::default();
    // RFC 2131, 2: a message of 312 bytes of options and more is accepted.
    found.walk(bytes, HEADER_LEN + MAGIC_COOKIE.len()..bytes.len())?;
    // RFC 2131, 4.1: options may go on in file and sname, as option 52 says.
    let overload = match found.options.get(code::OVERLOAD).as_deref() {
        None => 0,
        Some(&[value @ 1..=3]) => value,
        Some(&[_]) => {
            return Err(DecodeError::Value {
                option: code::OVERLOAD,
                offset: found.offset(code::OVERLOAD),
            });
        }
        Some(other) => return Err(found.length_error(code::OVERLOAD, other.len())),
    };
    if overload & 1 != 0 {
        found.walk(bytes, FILE)?;
    }
    if overload & 2 != 0 {
        found.walk(bytes, SNAME)?;
    }
    // It has done its work. Kept, it would lie about a message that is written again.
    found.options.remove(code::OVERLOAD);
    found.offsets.retain(|(code, _)| *code != code::OVERLOAD);
    found.check_message_type()?;
    let malformed = found.take_malformed();
    let notes = Notes {
        offsets: found.offsets,
        malformed,
    };
    Ok((found.options, notes))
}

/// Options and where each code was first seen.
#[derive(Default)]
struct Found {
    options: Options,
    offsets: Vec<(u8, usize)>,
}

impl Found {
    /// Collects the options of one field.
    fn walk(&mut self, bytes: &[u8], field: std::ops::Range<usize>) -> Result<(), DecodeError> {
        let Some(field_bytes) = bytes.get(..field.end) else {
            return Ok(());
        };
        let mut offset = field.start;
        while let Some(&option) = field_bytes.get(offset) {
            match option {
                code::PAD => offset += 1,
                code::END => break,
                _ => {
                    // Field practice: no bytes make the decoder panic, and an error names option and offset.
                    let value = field_bytes
                        .get(offset + 1)
                        .and_then(|&length| {
                            field_bytes.get(offset + 2..offset + 2 + usize::from(length))
                        })
                        .ok_or(DecodeError::Truncated { option, offset })?;
                    if !self.offsets.iter().any(|(seen, _)| *seen == option) {
                        self.offsets.push((option, offset));
                    }
                    self.options.push(option, value);
                    offset += 2 + value.len();
                }
            }
        }
        Ok(())
    }

    fn offset(&self, code: u8) -> usize {
        self.offsets
            .iter()
            .find(|(seen, _)| *seen == code)
            .map_or(0, |(_, offset)| *offset)
    }

    fn length_error(&self, option: u8, length: usize) -> DecodeError {
        DecodeError::Length {
            option,
            offset: self.offset(option),
            length,
        }
    }

    /// Without its type a message says nothing (RFC 2131, 3).
    fn check_message_type(&self) -> Result<(), DecodeError> {
        let length = self.options.get(code::MESSAGE_TYPE).map(|it| it.len());
        match length {
            Some(length) if !is_length(code::MESSAGE_TYPE, length) => {
                Err(self.length_error(code::MESSAGE_TYPE, length))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// Removes the options whose values cannot be what their RFCs say, and says which.
    // Field practice: a malformed option of no importance costs that option alone.
    fn take_malformed(&mut self) -> Vec<Remark> {
        let mut malformed = Vec::new();
        for &(option, offset) in &self.offsets {
            let value = self.options.get(option).unwrap_or_default();
            let length = value.len();
            let reason = if !is_length(option, length) {
                RemarkReason::Length
            } else if option == code::CLASSLESS_ROUTES && parse_routes(&value).is_none() {
                RemarkReason::Value
            } else {
                continue;
            };
            malformed.push(Remark {
                option,
                offset: Some(offset),
                length,
                reason,
            });
        }
        for remark in &malformed {
            self.options.remove(remark.option);
        }
        malformed
    }
}

#[cfg(test)]
mod tests;
