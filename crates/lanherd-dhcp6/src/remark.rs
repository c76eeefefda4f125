//! Options that a server sent and that were not used as they stand: which, where in the message, and why.
//!
//! One malformed option costs that option, and where it stands within another nothing beside it. Essential is only what tells where
//! options begin and end: an option that runs past the message makes the message void, and one that runs past the option around it
//! costs that.

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
        /// It runs past the end of the option that it stands in: that one is passed over.
        Truncated = "truncated",
        /// It may stand once, and stands there a second time; or a second identity association has its number: the first counts
        /// (RFC 9915, 21).
        Duplicate = "duplicate",
        /// It cannot stand there, as an address outside an identity association: it is passed over (RFC 9915, 21.6, 21.22).
        Misplaced = "misplaced",
        /// It has more entries than are kept: the rest is passed over.
        OverLimit = "over_limit",
        /// It is preferred for longer than it is valid: it is passed over (RFC 9915, 21.6, 21.22).
        Lifetimes = "lifetimes",
        /// Its T1 is greater than its T2: it is passed over (RFC 9915, 21.4, 21.21).
        Timers = "timers",
        /// Its T1 comes when all that it holds has run out already: what it holds is used, and lost at its end.
        LateTimers = "late_timers",
        /// An identity association that nobody asked for: it is passed over.
        Unasked = "unasked",
    }
}

impl RemarkReason {
    /// Whether the option breaks its RFC in a way that costs the client something.
    pub const fn is_malformed(self) -> bool {
        match self {
            Self::Length
            | Self::Value
            | Self::Truncated
            | Self::Duplicate
            | Self::Misplaced
            | Self::Lifetimes
            | Self::Timers
            | Self::LateTimers => true,
            Self::OverLimit | Self::Unasked => false,
        }
    }
}

/// One option that was not used as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Remark {
    /// The option's number.
    pub option: u16,
    /// The number of the option that it stands in; `None`: it stands in the message itself.
    pub inside: Option<u16>,
    /// Where the number stands, counted from the message's first byte. `None`: the message was never on a wire.
    pub offset: Option<usize>,
    /// The length of its value in bytes, as it says itself.
    pub length: usize,
    /// Why the option was of no use.
    pub reason: RemarkReason,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "option {}", self.option)?;
        if let Some(inside) = self.inside {
            write!(f, " in option {inside}")?;
        }
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
            RemarkReason::Truncated => write!(
                f,
                " runs past the end of the option around it: both are passed over"
            ),
            RemarkReason::Duplicate => {
                write!(f, " stands there a second time: the first counts")
            }
            RemarkReason::Misplaced => write!(f, " cannot stand there: passed over"),
            RemarkReason::OverLimit => write!(
                f,
                " has more than is kept in its {length} bytes: the rest is passed over"
            ),
            RemarkReason::Lifetimes => {
                write!(f, " is preferred for longer than it is valid: passed over")
            }
            RemarkReason::Timers => write!(f, " has a T1 greater than its T2: passed over"),
            RemarkReason::LateTimers => write!(
                f,
                " has a T1 that comes when all in it has run out already: it cannot be renewed"
            ),
            RemarkReason::Unasked => write!(f, " was not asked for: passed over"),
        }
    }
}

/// What was noted of a message while it was read. It is no part of what the message says, so messages that differ in it
/// alone are equal.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    /// The options that were passed over, and are not among the message's options.
    pub(super) malformed: Vec<Remark>,
    /// Of a RECONFIGURE its bytes: the digest in it is over all of them, also over what was passed over.
    pub(super) bytes: Option<Vec<u8>>,
}

impl Notes {
    /// The options that were passed over, in the order in which they stood.
    pub fn malformed(&self) -> &[Remark] {
        &self.malformed
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
    Between(usize, usize),
    AtLeast(usize),
    /// So many, once or more often.
    TimesOf(usize),
}

impl Lengths {
    const fn allow(&self, length: usize) -> bool {
        match self {
            Self::Exactly(wanted) => length == *wanted,
            Self::Between(least, most) => *least <= length && length <= *most,
            Self::AtLeast(least) => length >= *least,
            Self::TimesOf(unit) => length > 0 && length.is_multiple_of(*unit),
        }
    }
}

/// Whether a value of `length` bytes is one that the option can have by its RFC (RFC 9915, 21, where nothing else is said). Of an option
/// that is not known here, any.
pub(super) const fn is_length(option: u16, length: usize) -> bool {
    let lengths = match option {
        code::RAPID_COMMIT | code::RECONFIGURE_ACCEPT => Lengths::Exactly(0),
        code::PREFERENCE | code::RECONFIGURE_MESSAGE => Lengths::Exactly(1),
        code::ELAPSED_TIME => Lengths::Exactly(2),
        code::INFORMATION_REFRESH_TIME | code::SOL_MAX_RT | code::INF_MAX_RT => Lengths::Exactly(4),
        code::SERVER_UNICAST => Lengths::Exactly(16), // RFC 8415, 21.12
        code::CLIENT_ID | code::SERVER_ID => Lengths::Between(3, 130),
        code::PREFIX_EXCLUDE => Lengths::Between(2, 17), // RFC 6603, 4.2
        code::DNS_SERVERS | code::SNTP_SERVERS => Lengths::TimesOf(16), // RFC 3646, 3; RFC 4075, 4
        // An empty list asks for nothing, and says so: dhclient -6 -S has sent it.
        code::OPTION_REQUEST => return length.is_multiple_of(2),
        code::DOMAIN_SEARCH | code::CAPTIVE_PORTAL => Lengths::AtLeast(1), // RFC 3646, 4; RFC 8910, 2.2
        code::STATUS | code::USER_CLASS => Lengths::AtLeast(2),
        code::VENDOR_CLASS | code::VENDOR_OPTIONS | code::NTP_SERVERS => Lengths::AtLeast(4), // RFC 5908, 4
        code::AUTHENTICATION => Lengths::AtLeast(11),
        _ => return true,
    };
    lengths.allow(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_names_the_option_the_byte_and_what_becomes_of_it() {
        let remark = |reason, inside, length| Remark {
            option: 5,
            inside,
            offset: Some(70),
            length,
            reason,
        };
        for (remark, text) in [
            (
                remark(RemarkReason::Length, Some(3), 1),
                "option 5 in option 3 at byte 70 is 1 byte long, which it cannot be: passed over",
            ),
            (
                remark(RemarkReason::Misplaced, None, 24),
                "option 5 at byte 70 cannot stand there: passed over",
            ),
            (
                remark(RemarkReason::Lifetimes, Some(3), 24),
                "option 5 in option 3 at byte 70 is preferred for longer than it is valid: passed over",
            ),
        ] {
            assert_eq!(remark.to_string(), text);
        }
        let unwritten = Remark {
            offset: None,
            ..remark(RemarkReason::Duplicate, None, 0)
        };
        assert_eq!(
            unwritten.to_string(),
            "option 5 stands there a second time: the first counts"
        );
    }
}
