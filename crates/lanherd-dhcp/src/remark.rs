//! Options that a server sent and that were not used as they stand: which, where in the message, and why.
//!
//! One malformed option costs that option and nothing else, as with the clients of phones and computers. Essential is only
//! what a client cannot do without, and where it is missing or malformed, the message is void:
//!
//! - what tells where options begin and end: the lengths of options, and option 52 (RFC 2131, 4.1; RFC 2132, 2 and 9.3);
//! - option 53, the message type (RFC 2131, 3: "must be included in every DHCP message");
//! - option 54, the server identifier, in OFFER and ACK (RFC 2131, table 3: MUST);
//! - option 51, the lease time, in an ACK to a REQUEST (RFC 2131, table 3: MUST). In an OFFER it must stand, too, but there
//!   nothing depends on it.

use std::fmt;

use super::options::code;
use lanherd_types::words;

words! {
    /// Why an option was not used as it stands: a closed list.
    RemarkReason {
        /// Its value has a length that its RFC does not allow: it is passed over.
        Length = "length",
        /// Its value, or a part of it, says what its RFC does not allow: that part is passed over.
        Value = "value",
        /// It names the client itself where another host belongs: that part is passed over.
        OwnAddress = "own_address",
        /// It has more entries, or a longer text, than are kept: the rest is passed over.
        OverLimit = "over_limit",
        /// It has several names where one belongs (RFC 2132, 3.17): all of them are used.
        SeveralNames = "several_names",
    }
}

impl RemarkReason {
    /// Whether the option breaks its RFC in a way that costs the client something.
    pub const fn is_malformed(self) -> bool {
        match self {
            Self::Length | Self::Value | Self::OwnAddress => true,
            Self::OverLimit | Self::SeveralNames => false,
        }
    }
}

/// One option that was not used as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Remark {
    /// The option's code.
    pub option: u8,
    /// Where the code stands, counted from the message's first byte; where an option is split, the first part's. `None`:
    /// the message was never on a wire.
    pub offset: Option<usize>,
    /// The length of its value in bytes; where an option is split, of all parts.
    pub length: usize,
    /// Why the option was of no use.
    pub reason: RemarkReason,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "option {}", self.option)?;
        if let Some(offset) = self.offset {
            write!(f, " at byte {offset}")?;
        }
        let length = self.length;
        match self.reason {
            RemarkReason::Length => write!(
                f,
                " is {length} {}, which it cannot be: passed over",
                if length == 1 {
                    "byte long"
                } else {
                    "bytes long"
                }
            ),
            RemarkReason::Value => write!(f, " has an invalid value: passed over"),
            RemarkReason::OwnAddress => {
                write!(f, " names the client's own address: passed over")
            }
            RemarkReason::OverLimit => {
                write!(
                    f,
                    " has more than is kept in its {length} bytes: the rest is passed over"
                )
            }
            RemarkReason::SeveralNames => write!(
                f,
                " has several names: the first is the domain, all are searched"
            ),
        }
    }
}

/// What was noted of a message while it was read. It is no part of what the message says, so messages that differ in it
/// alone are equal.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    /// Where each code was first seen.
    pub(super) offsets: Vec<(u8, usize)>,
    /// The options that were malformed, and are not among the message's options.
    pub(super) malformed: Vec<Remark>,
}

impl Notes {
    /// The options that were malformed, in the order in which they stood; each code once.
    pub fn malformed(&self) -> &[Remark] {
        &self.malformed
    }

    /// Where the option of that code stood.
    pub fn offset(&self, code: u8) -> Option<usize> {
        let found = self.offsets.iter().find(|(seen, _)| *seen == code);
        found.map(|(_, offset)| *offset)
    }
}

impl PartialEq for Notes {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Notes {}

/// Which lengths, in bytes, the value of an option can have.
enum Lengths {
    Exactly(usize),
    AtLeast(usize),
    /// So many, once or more often.
    TimesOf(usize),
}

impl Lengths {
    const fn allow(&self, length: usize) -> bool {
        match self {
            Self::Exactly(wanted) => length == *wanted,
            Self::AtLeast(least) => length >= *least,
            Self::TimesOf(unit) => length > 0 && length.is_multiple_of(*unit),
        }
    }
}

/// Whether a value of `length` bytes is one that the option can have by its RFC (RFC 2132, 3 to 9, where nothing else is said).
/// Of an option that is not known here, any.
pub(super) const fn is_length(option: u8, length: usize) -> bool {
    let lengths = match option {
        code::RAPID_COMMIT => Lengths::Exactly(0), // RFC 4039, 4
        code::MESSAGE_TYPE | code::NETBIOS_NODE_TYPE => Lengths::Exactly(1),
        code::MAX_MESSAGE_SIZE | code::MTU => Lengths::Exactly(2),
        code::SUBNET_MASK
        | code::TIME_OFFSET
        | code::BROADCAST_ADDRESS
        | code::REQUESTED_ADDRESS
        | code::LEASE_TIME
        | code::SERVER_ID
        | code::RENEWAL_TIME
        | code::REBINDING_TIME
        | code::V6_ONLY => Lengths::Exactly(4), // 108: RFC 8925, 3.1
        code::ROUTERS
        | code::TIME_SERVERS
        | code::DNS_SERVERS
        | code::LOG_SERVERS
        | code::NTP_SERVERS
        | code::NETBIOS_NAME_SERVERS => Lengths::TimesOf(4),
        code::STATIC_ROUTES => Lengths::TimesOf(8),
        code::HOST_NAME | code::DOMAIN_NAME | code::MESSAGE => Lengths::AtLeast(1),
        code::CLASSLESS_ROUTES => Lengths::AtLeast(5), // RFC 3442
        _ => return true,
    };
    lengths.allow(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_names_the_option_the_byte_and_what_becomes_of_it() {
        let remark = |reason, length| Remark {
            option: 6,
            offset: Some(270),
            length,
            reason,
        };
        assert_eq!(
            remark(RemarkReason::Length, 5).to_string(),
            "option 6 at byte 270 is 5 bytes long, which it cannot be: passed over"
        );
        assert_eq!(
            remark(RemarkReason::Length, 1).to_string(),
            "option 6 at byte 270 is 1 byte long, which it cannot be: passed over"
        );
        for reason in RemarkReason::ALL {
            let text = remark(*reason, 5).to_string();
            assert!(text.starts_with("option 6 at byte 270 "), "{text}");
        }
    }
}
