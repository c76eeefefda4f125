//! Identity associations: the addresses and prefixes that a server leases to a client (RFC 9915, 12 and 21.4 to 21.22; RFC 6603).

use std::net::Ipv6Addr;

use serde::{Deserialize, Serialize};

use super::options::code;
use super::{DhcpOption, Options, Status};
use lanherd_types::ipv6::Prefix;
use lanherd_types::words;

words! {
    /// What an identity association is for.
    IaKind {
        /// Addresses that are leased for as long as they are extended (option 3).
        Addresses = "na",
        /// Temporary addresses; RFC 9915 has done away with it, and no client of ours asks for it.
        TemporaryAddresses = "ta",
        /// Prefixes that are delegated to the client (option 25).
        Prefixes = "pd",
    }
}

impl IaKind {
    /// The number of its option.
    pub const fn code(self) -> u16 {
        match self {
            Self::Addresses => code::IA_NA,
            Self::TemporaryAddresses => code::IA_TA,
            Self::Prefixes => code::IA_PD,
        }
    }

    /// The kind whose option has that number.
    pub fn from_code(code: u16) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.code() == code)
    }
}

/// An identity association as it stands in a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ia {
    /// What it is for.
    pub kind: IaKind,
    /// Its number, which the client chose.
    pub iaid: u32,
    /// Seconds until its server is asked for more; 0: the client may choose; `0xffffffff`: never. `IA_TA` has none.
    pub t1: u32,
    /// Seconds until any server is asked for more, likewise.
    pub t2: u32,
    /// What stands in it: addresses or prefixes, and a status.
    pub options: Options,
    /// Where it stands in its message, in bytes; `None`: it was never on a wire.
    pub offset: Option<usize>,
}

impl Ia {
    /// An empty one without times, as clients send them.
    pub const fn new(kind: IaKind, iaid: u32) -> Self {
        Self {
            kind,
            iaid,
            t1: 0,
            t2: 0,
            options: Options::new(),
            offset: None,
        }
    }

    /// Reads an option; `None` where it is no identity association, or too short for one.
    pub fn read(option: &DhcpOption) -> Option<Self> {
        let kind = IaKind::from_code(option.code)?;
        let word = |at: usize| {
            let bytes = option.value.get(at..at + 4)?;
            bytes.try_into().ok().map(u32::from_be_bytes)
        };
        let has_times = kind != IaKind::TemporaryAddresses;
        Some(Self {
            kind,
            iaid: word(0)?,
            t1: if has_times { word(4)? } else { 0 },
            t2: if has_times { word(8)? } else { 0 },
            options: option.nested.clone(),
            offset: option.offset(),
        })
    }

    /// As an option.
    pub fn to_option(&self) -> DhcpOption {
        let mut value = self.iaid.to_be_bytes().to_vec();
        if self.kind != IaKind::TemporaryAddresses {
            value.extend(self.t1.to_be_bytes());
            value.extend(self.t2.to_be_bytes());
        }
        DhcpOption::container(self.kind.code(), value, self.options.clone())
    }

    /// The addresses in it.
    pub fn addresses(&self) -> impl Iterator<Item = IaAddress> {
        self.options.iter().filter_map(IaAddress::read)
    }

    /// The prefixes in it.
    pub fn prefixes(&self) -> impl Iterator<Item = IaPrefix> {
        self.options.iter().filter_map(IaPrefix::read)
    }

    /// What the server says of all of it; success where it says nothing.
    pub fn status(&self) -> Status {
        self.options.status()
    }
}

impl Options {
    /// The identity associations, in their order.
    pub fn ias(&self) -> impl Iterator<Item = Ia> {
        self.iter().filter_map(Ia::read)
    }

    /// Appends an identity association.
    pub fn push_ia(&mut self, ia: &Ia) -> &mut Self {
        self.push_option(ia.to_option())
    }

    /// Appends an address of an identity association.
    pub fn push_address(&mut self, address: &IaAddress) -> &mut Self {
        self.push_option(address.to_option())
    }

    /// Appends a prefix of an identity association.
    pub fn push_prefix(&mut self, prefix: &IaPrefix) -> &mut Self {
        self.push_option(prefix.to_option())
    }
}

/// An address in an identity association (RFC 9915, 21.6). Its prefix is all of its 128 bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IaAddress {
    /// The address that is leased, or asked for.
    pub address: Ipv6Addr,
    /// Seconds for which it is preferred; `0xffffffff`: for ever.
    pub preferred: u32,
    /// Seconds for which it is valid; 0: it is not any more; `0xffffffff`: for ever.
    pub valid: u32,
    /// What stands in it: a status, if anything.
    pub options: Options,
    /// Where it stands in its message, in bytes; `None`: it was never on a wire.
    pub offset: Option<usize>,
}

impl IaAddress {
    /// One with those lifetimes, in seconds; clients send 0 (RFC 9915, 21.6).
    pub const fn new(address: Ipv6Addr, preferred: u32, valid: u32) -> Self {
        Self {
            address,
            preferred,
            valid,
            options: Options::new(),
            offset: None,
        }
    }

    /// Reads an option; `None` where it is no address, or too short for one.
    pub fn read(option: &DhcpOption) -> Option<Self> {
        if option.code != code::IA_ADDRESS {
            return None;
        }
        let (address, rest) = option.value.split_first_chunk::<16>()?;
        let (preferred, rest) = rest.split_first_chunk()?;
        let (valid, _) = rest.split_first_chunk()?;
        Some(Self {
            address: (*address).into(),
            preferred: u32::from_be_bytes(*preferred),
            valid: u32::from_be_bytes(*valid),
            options: option.nested.clone(),
            offset: option.offset(),
        })
    }

    /// As an option.
    pub fn to_option(&self) -> DhcpOption {
        let mut value = self.address.octets().to_vec();
        value.extend(self.preferred.to_be_bytes());
        value.extend(self.valid.to_be_bytes());
        DhcpOption::container(code::IA_ADDRESS, value, self.options.clone())
    }
}

/// A prefix in an identity association (RFC 9915, 21.22).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IaPrefix {
    /// The prefix; from a client `::` with the length that it would like.
    pub prefix: Prefix,
    /// Seconds for which it is preferred; `0xffffffff`: for ever.
    pub preferred: u32,
    /// Seconds for which it is valid; 0: it is not any more; `0xffffffff`: for ever.
    pub valid: u32,
    /// What stands in it: a status, and the excluded prefix (RFC 6603).
    pub options: Options,
    /// Where it stands in its message, in bytes; `None`: it was never on a wire.
    pub offset: Option<usize>,
}

impl IaPrefix {
    /// One with those lifetimes, in seconds; clients send 0 (RFC 9915, 21.22).
    pub const fn new(prefix: Prefix, preferred: u32, valid: u32) -> Self {
        Self {
            prefix,
            preferred,
            valid,
            options: Options::new(),
            offset: None,
        }
    }

    /// Reads an option; `None` where it is no prefix, too short for one, or longer than 128 bits.
    pub fn read(option: &DhcpOption) -> Option<Self> {
        if option.code != code::IA_PREFIX {
            return None;
        }
        let (preferred, rest) = option.value.split_first_chunk()?;
        let (valid, rest) = rest.split_first_chunk()?;
        let (&length, rest) = rest.split_first()?;
        let (address, _) = rest.split_first_chunk::<16>()?;
        Some(Self {
            prefix: Prefix::new((*address).into(), length)?,
            preferred: u32::from_be_bytes(*preferred),
            valid: u32::from_be_bytes(*valid),
            options: option.nested.clone(),
            offset: option.offset(),
        })
    }

    /// As an option.
    pub fn to_option(&self) -> DhcpOption {
        let mut value = self.preferred.to_be_bytes().to_vec();
        value.extend(self.valid.to_be_bytes());
        value.push(self.prefix.length());
        value.extend(self.prefix.address().octets());
        DhcpOption::container(code::IA_PREFIX, value, self.options.clone())
    }

    /// The part of it that is not the client's (RFC 6603); `None` where none stands, or one that is no part of it.
    pub fn excluded(&self) -> Option<ExcludedPrefix> {
        ExcludedPrefix::parse(self.prefix, self.options.get(code::PREFIX_EXCLUDE)?)
    }

    /// Puts `excluded` in it.
    #[must_use]
    pub fn excluding(mut self, excluded: ExcludedPrefix) -> Self {
        let value = excluded.to_bytes(self.prefix);
        self.options.set(code::PREFIX_EXCLUDE, value);
        self
    }
}

/// The part of a delegated prefix that the server uses on its link to the client (RFC 6603).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ExcludedPrefix(pub Prefix);

impl ExcludedPrefix {
    /// Reads the value of option 67 within the prefix `delegated` (RFC 6603, 4.2); `None` where its length is not more than the
    /// delegated one's, or more than 128, or its bits are fewer or more than that needs.
    // RFC 6603, 4.2: an excluded prefix is longer than the delegated one, and only the bits between stand in the option.
    pub fn parse(delegated: Prefix, value: &[u8]) -> Option<Self> {
        let (&length, subnet) = value.split_first()?;
        let bits = length
            .checked_sub(delegated.length())
            .filter(|bits| *bits > 0)?;
        if length > 128 || subnet.len() != usize::from(bits.div_ceil(8)) {
            return None;
        }
        let mut left = [0; 16];
        left[..subnet.len()].copy_from_slice(subnet);
        // The bits stand at the left of their bytes, and go behind those of the delegated prefix.
        let bits = u128::from_be_bytes(left) >> delegated.length();
        Prefix::new(
            Ipv6Addr::from_bits(delegated.address().to_bits() | bits),
            length,
        )
        .map(Self)
    }

    /// The value of option 67 within the prefix `delegated`; empty where it is no part of that.
    pub fn to_bytes(self, delegated: Prefix) -> Vec<u8> {
        let Self(prefix) = self;
        let bits = prefix.length().saturating_sub(delegated.length());
        if bits == 0 || !delegated.contains(prefix.address()) {
            return Vec::new();
        }
        let left = (prefix.address().to_bits() << delegated.length()).to_be_bytes();
        let mut value = vec![prefix.length()];
        value.extend(&left[..usize::from(bits.div_ceil(8))]);
        value
    }
}

#[cfg(test)]
mod tests;
