//! Reads the options of a message: where each begins and ends, which may stand where, and which can be relied on.

use std::collections::BTreeSet;
use std::ops::Range;

use super::options::code;
use super::remark::is_length;
use super::{DhcpOption, IaKind, Options, Remark, RemarkReason};

/// Number and length of an option.
const HEADER_LEN: usize = 4;

/// What the options stand in. There are no more levels than these, so nothing nests deeper.
// RFC 9915, 21: options stand within options two deep at most, and where each may stand is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    Message,
    /// An identity association.
    Ia(IaKind),
    /// An address in an association.
    Address,
    /// A prefix in an association.
    Prefix,
}

impl Level {
    /// The option that makes it.
    const fn code(self) -> Option<u16> {
        match self {
            Self::Message => None,
            Self::Ia(kind) => Some(kind.code()),
            Self::Address => Some(code::IA_ADDRESS),
            Self::Prefix => Some(code::IA_PREFIX),
        }
    }

    /// The level that an option makes that has options within it, and how many bytes stand before these.
    const fn within(option: u16) -> Option<(Self, usize)> {
        Some(match option {
            code::IA_NA => (Self::Ia(IaKind::Addresses), 12),
            code::IA_TA => (Self::Ia(IaKind::TemporaryAddresses), 4),
            code::IA_PD => (Self::Ia(IaKind::Prefixes), 12),
            code::IA_ADDRESS => (Self::Address, 24),
            code::IA_PREFIX => (Self::Prefix, 25),
            _ => return None,
        })
    }

    /// Whether `option` may stand here.
    // RFC 9915, 16: options that are not known are kept as they are, and pass for absent.
    const fn allows(self, option: u16) -> bool {
        match option {
            code::IA_ADDRESS => matches!(
                self,
                Self::Ia(IaKind::Addresses | IaKind::TemporaryAddresses)
            ),
            code::IA_PREFIX => matches!(self, Self::Ia(IaKind::Prefixes)),
            code::PREFIX_EXCLUDE => matches!(self, Self::Prefix),
            code::IA_NA
            | code::IA_TA
            | code::IA_PD
            | code::CLIENT_ID
            | code::SERVER_ID
            | code::OPTION_REQUEST
            | code::PREFERENCE
            | code::ELAPSED_TIME
            | code::AUTHENTICATION
            | code::SERVER_UNICAST
            | code::RAPID_COMMIT
            | code::RECONFIGURE_MESSAGE
            | code::RECONFIGURE_ACCEPT
            | code::INFORMATION_REFRESH_TIME
            | code::SOL_MAX_RT
            | code::INF_MAX_RT => matches!(self, Self::Message),
            _ => true,
        }
    }
}

/// Whether the option may stand only once where it stands (RFC 9915, 21). Of an option that is not known nobody can tell.
const fn is_singleton(option: u16) -> bool {
    matches!(
        option,
        code::CLIENT_ID
            | code::SERVER_ID
            | code::OPTION_REQUEST
            | code::PREFERENCE
            | code::ELAPSED_TIME
            | code::AUTHENTICATION
            | code::SERVER_UNICAST
            | code::STATUS
            | code::RAPID_COMMIT
            | code::USER_CLASS
            | code::RECONFIGURE_MESSAGE
            | code::RECONFIGURE_ACCEPT
            | code::DNS_SERVERS
            | code::DOMAIN_SEARCH
            | code::SNTP_SERVERS
            | code::INFORMATION_REFRESH_TIME
            | code::CLIENT_FQDN
            | code::NTP_SERVERS
            | code::PREFIX_EXCLUDE
            | code::SOL_MAX_RT
            | code::INF_MAX_RT
            | code::CAPTIVE_PORTAL
    )
}

/// Where the options of a field stop making sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken {
    /// The option's number, where so much is there.
    pub option: Option<u16>,
    pub offset: usize,
    /// The length that it says.
    pub length: usize,
}

/// Reads the options of a message, which begin at byte `start` of `bytes`; says of those that were passed over which and why.
pub(super) fn read(bytes: &[u8], start: usize) -> Result<(Options, Vec<Remark>), Broken> {
    let mut walker = Walker {
        bytes,
        remarks: Vec::new(),
    };
    let options = walker.walk(start..bytes.len(), Level::Message)?;
    Ok((options, walker.remarks))
}

struct Walker<'a> {
    bytes: &'a [u8],
    remarks: Vec<Remark>,
}

impl Walker<'_> {
    fn walk(&mut self, field: Range<usize>, level: Level) -> Result<Options, Broken> {
        let mut options = Options::new();
        let mut seen = BTreeSet::new();
        let mut offset = field.start;
        while offset < field.end {
            let (option, value) = self.header(offset, field.end)?;
            if let Some(read) = self.option(option, offset, value.clone(), level, &mut seen) {
                options.push_option(read);
            }
            offset = value.end;
        }
        Ok(options)
    }

    /// The number of the option at `offset`, and where its value stands.
    fn header(&self, offset: usize, end: usize) -> Result<(u16, Range<usize>), Broken> {
        let short = |at: usize| {
            let bytes = self.bytes.get(at..at + 2).filter(|_| at + 2 <= end)?;
            bytes.try_into().ok().map(u16::from_be_bytes)
        };
        let option = short(offset);
        let length = short(offset + 2).map_or(0, usize::from);
        let broken = Broken {
            option,
            offset,
            length,
        };
        let start = offset + HEADER_LEN;
        // RFC 9915, 21.1: no option is longer than what it stands in.
        match option {
            Some(option) if start + length <= end => Ok((option, start..start + length)),
            Some(_) | None => Err(broken),
        }
    }

    /// One option; `None` where it is passed over, which is remarked upon.
    // Field practice: a malformed DHCPv6 option costs that option alone.
    fn option(
        &mut self,
        option: u16,
        offset: usize,
        value: Range<usize>,
        level: Level,
        seen: &mut BTreeSet<(u16, u32)>,
    ) -> Option<DhcpOption> {
        let length = value.len();
        let refuse = |walker: &mut Self, reason| {
            walker.remarks.push(Remark {
                option,
                inside: level.code(),
                offset: Some(offset),
                length,
                reason,
            });
            None
        };
        if !level.allows(option) {
            return refuse(self, RemarkReason::Misplaced);
        }
        if !is_length(option, length) {
            return refuse(self, RemarkReason::Length);
        }
        let bytes = self.bytes.get(value.clone())?;
        let Some((within, fixed)) = Level::within(option) else {
            if !is_well_formed(option, bytes) {
                return refuse(self, RemarkReason::Value);
            }
            // RFC 9915, 21: of an option that may stand once the first counts, and instances are never joined.
            if is_singleton(option) && !seen.insert((option, 0)) {
                return refuse(self, RemarkReason::Duplicate);
            }
            let mut read = DhcpOption::container(option, bytes, Options::new());
            read.offset = Some(offset);
            return Some(read);
        };
        let Some((fixed_bytes, _)) = bytes.split_at_checked(fixed) else {
            return refuse(self, RemarkReason::Length);
        };
        // An identity association has its number first.
        if let (Level::Ia(_), Some((iaid, _))) = (within, fixed_bytes.split_first_chunk())
            && !seen.insert((option, u32::from_be_bytes(*iaid)))
        {
            return refuse(self, RemarkReason::Duplicate);
        }
        // A prefix has its length behind its lifetimes.
        if within == Level::Prefix && fixed_bytes.get(8).is_some_and(|bits| *bits > 128) {
            return refuse(self, RemarkReason::Value);
        }
        let fixed_bytes = fixed_bytes.to_vec();
        let nested = match self.walk(value.start + fixed..value.end, within) {
            Ok(nested) => nested,
            Err(broken) => {
                self.remarks.push(Remark {
                    option: broken.option.unwrap_or_default(),
                    inside: Some(option),
                    offset: Some(broken.offset),
                    length: broken.length,
                    reason: RemarkReason::Truncated,
                });
                return None;
            }
        };
        let mut read = DhcpOption::container(option, fixed_bytes, nested);
        read.offset = Some(offset);
        Some(read)
    }
}

/// Whether a value that has parts is made of whole ones.
fn is_well_formed(option: u16, value: &[u8]) -> bool {
    match option {
        code::USER_CLASS => are_items(value),
        code::VENDOR_CLASS => value.get(4..).is_some_and(are_items),
        code::VENDOR_OPTIONS => value.get(4..).is_some_and(are_suboptions),
        code::NTP_SERVERS => are_suboptions(value),
        _ => true,
    }
}

/// Lengths of two bytes, and what they say.
fn are_items(mut value: &[u8]) -> bool {
    while !value.is_empty() {
        let item = value.split_first_chunk().and_then(|(length, rest)| {
            rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
        });
        let Some((_, rest)) = item else {
            return false;
        };
        value = rest;
    }
    true
}

/// The suboptions in `value`: number and value of each; ends early where they are not whole.
pub(super) fn suboptions(value: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = value;
    std::iter::from_fn(move || {
        let (code, after) = rest.split_first_chunk()?;
        let (length, after) = after.split_first_chunk()?;
        let (value, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        rest = after;
        Some((u16::from_be_bytes(*code), value))
    })
}

fn are_suboptions(value: &[u8]) -> bool {
    let whole: usize = suboptions(value)
        .map(|(_, value)| HEADER_LEN + value.len())
        .sum();
    whole == value.len()
}
