//! IPv6 addresses and prefixes, as routers advertise and servers lease them.

mod words;

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

pub use self::words::{
    AddressFormation, AddressOrigin, AddressState, DhcpUse, IdentifierKind, Ipv6EventKind,
    SolicitationPolicy,
};

/// Whether a host can have this address, link-local or not: it is unicast, and no IPv4 address in other words (RFC 4291, 2.5.5.2),
/// which stands on no wire.
pub fn is_host(address: Ipv6Addr) -> bool {
    !(address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.to_ipv4_mapped().is_some())
}

/// An IPv6 prefix. The bits beyond its length are 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prefix {
    address: Ipv6Addr,
    length: u8,
}

impl Prefix {
    /// The prefix that every address is in: `::/0`.
    pub const DEFAULT: Self = Self {
        address: Ipv6Addr::UNSPECIFIED,
        length: 0,
    };
    /// `fe80::/10` (RFC 4291, 2.5.6).
    pub const LINK_LOCAL: Self = Self {
        address: Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0),
        length: 10,
    };

    /// `fe80::/64`, of which link-local addresses are (RFC 4291, 2.5.6).
    pub const LINK_LOCAL_64: Self = Self {
        length: 64,
        ..Self::LINK_LOCAL
    };

    /// The prefix of that length, in bits, that `address` is in; `None`: the length is above 128.
    // RFC 4861, 4.6.2: bits of a prefix beyond its length are ignored.
    pub const fn new(address: Ipv6Addr, length: u8) -> Option<Self> {
        if length > 128 {
            return None;
        }
        let mask = match length {
            0 => 0,
            length => u128::MAX << (128 - length),
        };
        Some(Self {
            address: Ipv6Addr::from_bits(address.to_bits() & mask),
            length,
        })
    }

    /// Its first address: its bits, and zeros.
    pub const fn address(self) -> Ipv6Addr {
        self.address
    }

    /// How many bits count, 0 to 128.
    pub const fn length(self) -> u8 {
        self.length
    }

    /// Whether `address` is in it.
    pub fn contains(self, address: Ipv6Addr) -> bool {
        Self::new(address, self.length) == Some(self)
    }

    /// Whether all of it is link-local (RFC 4291, 2.5.6).
    pub fn is_link_local(self) -> bool {
        self.length >= Self::LINK_LOCAL.length && Self::LINK_LOCAL.contains(self.address)
    }

    /// The `number`th part of it with `length` bits, counted from 0; `None` where it has no such part.
    pub fn part(self, length: u8, number: u128) -> Option<Self> {
        let bits = length.checked_sub(self.length)?;
        let room = 1_u128.checked_shl(bits.into());
        if length > 128 || room.is_some_and(|room| number >= room) {
            return None;
        }
        let shift = u32::from(128 - length);
        let offset = number.checked_shl(shift).unwrap_or(0);
        Self::new(Ipv6Addr::from_bits(self.address.to_bits() | offset), length)
    }
}

/// A prefix that a client wants to have delegated: of so many bits, or as the server likes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantedPrefix(Option<u8>);

impl WantedPrefix {
    /// Of whatever length.
    pub const ANY: Self = Self(None);

    /// Of so many bits, 1 to 64: a link has 64 (RFC 4291, 2.5.1); `None` beyond that.
    pub const fn of_length(length: u8) -> Option<Self> {
        match length {
            1..=64 => Some(Self(Some(length))),
            _ => None,
        }
    }

    /// How many bits it should have; `None`: that is not said.
    pub const fn length(self) -> Option<u8> {
        self.0
    }
}

crate::serde_as_text!(WantedPrefix);

impl fmt::Display for WantedPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(length) => f.pad(&length.to_string()),
            None => f.pad("any"),
        }
    }
}

/// Why a text is no length of a prefix to be delegated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no length of a delegated prefix: use 1 to 64, such as 56, or any for whatever the server gives"
)]
pub struct WantedPrefixError(String);

impl FromStr for WantedPrefix {
    type Err = WantedPrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || WantedPrefixError(text.to_owned());
        match text.trim() {
            "any" => Ok(Self::ANY),
            length => {
                let length = length.strip_prefix('/').unwrap_or(length).parse();
                let length = length.ok().and_then(Self::of_length);
                length.ok_or_else(refuse)
            }
        }
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}

impl fmt::Debug for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a text is no prefix.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no prefix: write it as 2001:db8:77::/48, with zeros beyond its length")]
pub struct PrefixError(String);

impl FromStr for Prefix {
    type Err = PrefixError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (address, length) = text.split_once('/')?;
            let address = address.parse().ok()?;
            let prefix = Self::new(address, length.parse().ok()?)?;
            (prefix.address == address).then_some(prefix)
        };
        read().ok_or_else(|| PrefixError(text.to_owned()))
    }
}

crate::serde_as_text!(Prefix);

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Prefix {
        text.parse().expect("a prefix")
    }

    #[test]
    fn a_host_has_a_unicast_address_of_its_own_family() {
        let is_host = |text: &str| is_host(text.parse().expect("an address"));
        for host in ["fe80::1", "2001:db8::53", "fd00::1", "64:ff9b::192.0.2.1"] {
            assert!(is_host(host), "{host}");
        }
        for nobody in ["::", "::1", "ff02::1", "::ffff:192.0.2.1"] {
            assert!(!is_host(nobody), "{nobody}");
        }
    }

    #[test]
    fn a_prefix_has_zeros_beyond_its_length() {
        let long: Ipv6Addr = "2001:db8:ffff:ffff::1".parse().expect("an address");
        let of = |length| Prefix::new(long, length).map(|prefix| prefix.to_string());
        assert_eq!(of(0), Some("::/0".to_owned()));
        assert_eq!(of(33), Some("2001:db8:8000::/33".to_owned()));
        assert_eq!(of(128), Some("2001:db8:ffff:ffff::1/128".to_owned()));
        assert_eq!(of(129), None);
        for text in ["2001:db8::", "2001:db8::1/64", "2001:db8::/129", "/64"] {
            assert_eq!(text.parse::<Prefix>(), Err(PrefixError(text.to_owned())));
        }
        assert!(prefix("2001:db8::/32").contains(long));
        assert!(!prefix("2001:db9::/32").contains(long));
        assert!(prefix("::/0").contains(long));
    }

    #[test]
    fn a_prefix_is_cut_into_parts() {
        let delegated = prefix("2001:db8:77::/48");
        let part = |length, number| delegated.part(length, number).map(|part| part.to_string());
        assert_eq!(part(64, 0), Some("2001:db8:77::/64".to_owned()));
        assert_eq!(part(64, 0xffff), Some("2001:db8:77:ffff::/64".to_owned()));
        assert_eq!(part(64, 0x1_0000), None);
        assert_eq!(part(48, 0), Some("2001:db8:77::/48".to_owned()));
        assert_eq!(part(48, 1), None);
        assert_eq!(part(47, 0), None);
        assert_eq!(part(129, 0), None);
        assert_eq!(
            prefix("::/0").part(128, u128::MAX).map(Prefix::address),
            Some(Ipv6Addr::from_bits(u128::MAX))
        );
    }

    #[test]
    fn only_what_is_link_local_as_a_whole_is_link_local() {
        for whole in [Prefix::LINK_LOCAL, Prefix::LINK_LOCAL_64] {
            assert!(whole.is_link_local());
        }
        assert!(prefix("febf:ffff::/32").is_link_local());
        for more in ["fe80::/9", "fec0::/10", "::/0"] {
            assert!(!prefix(more).is_link_local(), "{more}");
        }
    }

    #[test]
    fn a_prefix_is_text_in_files() {
        let text = "\"2001:db8:77::/48\"";
        let read: Prefix = serde_json::from_str(text).expect("a prefix");
        assert_eq!(serde_json::to_string(&read).expect("text"), text);
        let refused = serde_json::from_str::<Prefix>("\"2001:db8::1/64\"").expect_err("none");
        let refused = refused.to_string();
        assert!(
            refused.contains("\"2001:db8::1/64\" is no prefix: write it as"),
            "{refused}"
        );
    }
}
