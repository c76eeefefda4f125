//! What a `DHCPv6` server gives out.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;
use std::time::Duration;

use lanherd_dhcp6::Prefix;

/// What a lab's `DHCPv6` server gives out. How long it is preferred and valid stands in [`Ipv6Config`](crate::Ipv6Config), as
/// advertisements say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dhcp6Config {
    /// The addresses, in the LAN's first prefix.
    pub range: HostRange,
    /// What is delegated in parts; `None`: nothing.
    pub delegated: Option<Prefix>,
    /// The length of each part, in bits.
    pub delegated_length: u8,
    /// T1, in whole seconds; `None`: half of the preferred lifetime.
    pub t1: Option<Duration>,
    /// T2, in whole seconds; `None`: four fifths of the preferred lifetime.
    pub t2: Option<Duration>,
    /// Whether a client that asks for it is given an address at once.
    pub rapid_commit: bool,
    /// Whether clients that accept it are given a key, and told to ask again when the LAN's prefix changes (RECONFIGURE).
    pub reconfigure: bool,
    /// How much the server wants to be chosen (option 7).
    pub preference: u8,
    /// The longest time between SOLICITs (option 82); `None`: not sent.
    pub sol_max_rt: Option<Duration>,
    /// The longest time between INFORMATION-REQUESTs (option 83); `None`: not sent.
    pub inf_max_rt: Option<Duration>,
    /// When to ask again for what is not leased (option 32); `None`: not sent.
    pub refresh: Option<Duration>,
    /// How long something offered is kept for its client. Default: a minute.
    pub offer_hold: Duration,
    /// How long an address is set aside that a client found in use. Default: ten minutes.
    pub decline_hold: Duration,
}

/// How many parts are delegated at most.
const MOST_PARTS: u64 = 1 << 16;

impl Default for Dhcp6Config {
    fn default() -> Self {
        Self {
            range: HostRange::default(),
            // The upper half of the site.
            delegated: Prefix::new(
                Ipv6Addr::new(0x2001, 0x0db8, 0x0077, 0x8000, 0, 0, 0, 0),
                49,
            ),
            delegated_length: 60,
            t1: None,
            t2: None,
            rapid_commit: true,
            reconfigure: true,
            preference: 0,
            sol_max_rt: None,
            inf_max_rt: None,
            refresh: None,
            offer_hold: Duration::from_secs(60),
            decline_hold: Duration::from_secs(600),
        }
    }
}

impl Dhcp6Config {
    /// How many parts can be delegated.
    pub(super) fn parts(&self) -> u64 {
        let Some(all) = self.delegated else { return 0 };
        let bits = u32::from(self.delegated_length.saturating_sub(all.length()));
        1_u64
            .checked_shl(bits)
            .unwrap_or(MOST_PARTS)
            .min(MOST_PARTS)
    }

    /// Whether parts of that length can be delegated.
    pub(crate) fn is_delegable(&self) -> bool {
        self.delegated.is_none_or(|all| {
            (all.length()..=64).contains(&self.delegated_length) && !all.address().is_unspecified()
        })
    }
}

/// A range of hosts in a prefix of 64 bits, both ends included: `::1:0-::1:ffff`. The router, `::1`, is not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HostRange {
    first: u64,
    last: u64,
}

/// Why a text is no range of hosts.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no range of hosts: write the lower and the higher end without their prefix, above ::1, as ::1:0-::1:ffff"
)]
pub struct HostRangeError(String);

impl HostRange {
    /// The lowest of them.
    pub(super) const fn first(self) -> u64 {
        self.first
    }

    /// How many there are.
    pub(super) const fn len(self) -> u64 {
        (self.last - self.first).saturating_add(1)
    }
}

impl Default for HostRange {
    /// The numbers of 65,536 hosts.
    fn default() -> Self {
        Self {
            first: 0x1_0000,
            last: 0x1_ffff,
        }
    }
}

lanherd_types::serde_as_text!(HostRange);

impl fmt::Display for HostRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = |number: u64| Ipv6Addr::from_bits(number.into());
        // Not as an IPv4 address in other words, which hosts below 2^32 would be.
        let written = |number: u64| {
            let groups = host(number).segments();
            let groups = groups.iter().skip(4).map(|group| format!("{group:x}"));
            let groups: Vec<_> = groups.skip_while(|group| group == "0").collect();
            format!("::{}", groups.join(":"))
        };
        write!(f, "{}-{}", written(self.first), written(self.last))
    }
}

impl FromStr for HostRange {
    type Err = HostRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let read = || {
            let (first, last) = text.split_once('-')?;
            let host = |end: &str| {
                let address: Ipv6Addr = end.trim().parse().ok()?;
                u64::try_from(address.to_bits()).ok()
            };
            let (first, last) = (host(first)?, host(last)?);
            (first > 1 && first <= last).then_some(Self { first, last })
        };
        read().ok_or_else(|| HostRangeError(text.to_owned()))
    }
}
