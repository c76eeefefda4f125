//! What of a valid message was not used as it stands: which option, where, and why.
//!
//! One malformed option costs that option and nothing else (RFC 4861, 6.1.2; RFC 8106, 5.3.1; RFC 8781, 4), but for a length
//! of 0, which voids the message.

use std::fmt;

use lanherd_types::words;

words! {
    /// Why an option, or a field, was not used as it stands: a closed list.
    RemarkReason {
        /// It has a length that its RFC does not allow: it is passed over.
        Length = "length",
        /// It, or a part of it, says what its RFC does not allow: that part is passed over.
        Value = "value",
        /// It does not belong into a message of that kind (RFC 4861, 4.6): it is passed over.
        Misplaced = "misplaced",
        /// It has bits set beyond its prefix (RFC 4861, 4.6.2; RFC 4191, 2.3): they are cleared.
        HostBits = "host_bits",
        /// The preference of the router is the reserved one (RFC 4191, 2.2): it counts as medium.
        ReservedPreference = "reserved_preference",
        /// There are more than are kept: the rest is passed over.
        OverLimit = "over_limit",
    }
}

impl RemarkReason {
    /// Whether it breaks its RFC. What is only more than is kept does not.
    pub const fn is_malformed(self) -> bool {
        match self {
            Self::Length
            | Self::Value
            | Self::Misplaced
            | Self::HostBits
            | Self::ReservedPreference => true,
            Self::OverLimit => false,
        }
    }
}

/// One option, or field, that was not used as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Remark {
    /// The option's type; `None`: a fixed field of the message.
    pub option: Option<u8>,
    /// Where it stands, counted from the first byte of the IPv6 header; of an option, its type.
    pub offset: usize,
    /// The length of the whole option in bytes; of a field, of the field.
    pub length: usize,
    /// Why the option was of no use.
    pub reason: RemarkReason,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.option {
            Some(option) => write!(f, "option {option}")?,
            None => f.write_str("the field")?,
        }
        write!(f, " at byte {} ", self.offset)?;
        match self.reason {
            RemarkReason::Length => write!(
                f,
                "is {} bytes long, which it cannot be: passed over",
                self.length
            ),
            RemarkReason::Value => f.write_str("has an invalid value: passed over"),
            RemarkReason::Misplaced => {
                f.write_str("does not belong into this message: passed over")
            }
            RemarkReason::HostBits => f.write_str("has bits set beyond its prefix: cleared"),
            RemarkReason::ReservedPreference => {
                f.write_str("has the reserved preference: it counts as medium")
            }
            RemarkReason::OverLimit => f.write_str("is more than is kept: the rest is passed over"),
        }
    }
}

/// What was noted of a message while it was read. It is no part of what the message says, so messages that differ in it
/// alone are equal.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    pub(crate) remarks: Vec<Remark>,
    /// The offset of each option that was kept, in their order.
    pub(crate) offsets: Vec<usize>,
}

impl Notes {
    /// What was not used as it stands, in the order in which it stood.
    pub fn remarks(&self) -> &[Remark] {
        &self.remarks
    }

    /// Where the option stood that is the message's option number `index`, counted from the first byte of the IPv6 header;
    /// `None`: it was never on a wire.
    pub fn offset(&self, index: usize) -> Option<usize> {
        self.offsets.get(index).copied()
    }
}

impl PartialEq for Notes {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Notes {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remark_names_the_option_the_byte_and_what_becomes_of_it() {
        for reason in RemarkReason::ALL {
            let mut remark = Remark {
                option: Some(3),
                offset: 56,
                length: 24,
                reason: *reason,
            };
            let text = remark.to_string();
            assert!(text.starts_with("option 3 at byte 56 "), "{text}");
            remark.option = None;
            assert!(remark.to_string().starts_with("the field at byte 56 "));
        }
    }
}
