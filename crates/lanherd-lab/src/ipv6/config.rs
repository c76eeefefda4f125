//! What of IPv6 a lab is to speak.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use lanherd_ndp::{Preference, Prefix};

use crate::dhcp6::Dhcp6Config;

/// The router's link-local address.
pub(crate) const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// The longest time that lifetimes on the wire can say, in seconds; one more is for ever.
const MOST_SECONDS: u64 = u32::MAX as u64 - 1;

/// What of IPv6 a lab speaks. `Default`: hosts form addresses of `2001:db8:77::/64` and `fd00:77::/64`, with the lifetimes of RFC 9096; the
/// router advertises each ten minutes, names itself as resolver and `64:ff9b::/96` as NAT64, and has the IPv6 addresses of Google's and
/// Cloudflare's resolvers, [`Ipv6Config::WEB`] and [`Ipv6Config::SINK`] within reach.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "the flags of the message and of its options"
)]
pub struct Ipv6Config {
    /// The prefixes of the LAN, each of 64 bits; the router has the address `::1` in each. A new number from the provider changes all
    /// but the unique local ones (RFC 4193).
    pub prefixes: Vec<Prefix>,
    /// Whether hosts of these prefixes are said to be on the link (L).
    pub on_link: bool,
    /// Whether hosts may form addresses of them (A).
    pub autonomous: bool,
    /// How long addresses of them are preferred, in whole seconds.
    pub preferred: Duration,
    /// How long they are valid, in whole seconds.
    pub valid: Duration,
    /// How long the router is a default router after each advertisement, 65,535 s at most; zero: it is none.
    pub router_lifetime: Duration,
    /// How much it is preferred to others (RFC 4191).
    pub preference: Preference,
    /// From one unsolicited advertisement to the next, at most; a third of it at least (RFC 4861, 6.2.1).
    pub interval: Duration,
    /// Whether addresses are leased by `DHCPv6`, and said to be (M). Prefixes are delegated to whoever asks, with it and without.
    pub managed: bool,
    /// Whether other parameters are (O).
    pub other: bool,
    /// The resolvers to name; `None`: the router, by its unique local address where it has one; empty: none.
    pub resolvers: Option<Vec<Ipv6Addr>>,
    /// Destinations that the router says it leads to (RFC 4191, 2.3).
    pub routes: Vec<Prefix>,
    /// The prefix under which IPv4 addresses are reached, of 96 bits; `None`: none is named, and none is translated.
    pub pref64: Option<Prefix>,
    /// Whether the resolver makes up AAAA records of that prefix for names that have none (RFC 6147).
    pub dns64: bool,
    /// Addresses on the router's far side that answer pings, DNS and HTTP.
    pub aliases: Vec<Ipv6Addr>,
    /// What is leased by `DHCPv6`: addresses, where `managed` says so, and prefixes; and what parameters are told, to whoever asks.
    pub dhcp: Dhcp6Config,
}

impl Default for Ipv6Config {
    fn default() -> Self {
        let documentation = [0x2001, 0x0db8, 0x0077];
        let unique_local = [0xfd00, 0x0077, 0x0000];
        Self {
            prefixes: vec![site(documentation, 64), site(unique_local, 64)],
            on_link: true,
            autonomous: true,
            // By RFC 9096 (3.4): ND_PREFERRED_LIMIT and ND_VALID_LIMIT.
            preferred: Duration::from_secs(2700),
            valid: Duration::from_secs(5400),
            router_lifetime: Duration::from_secs(2700),
            preference: Preference::Medium,
            interval: Duration::from_secs(600),
            managed: false,
            other: false,
            resolvers: None,
            routes: vec![site(documentation, 48), site(unique_local, 48)],
            pref64: Some(Self::PREF64),
            dns64: false,
            aliases: vec![Self::GOOGLE, Self::CLOUDFLARE, Self::WEB, Self::SINK],
            dhcp: Dhcp6Config::default(),
        }
    }
}

/// A prefix of a site whose first three groups are given.
const fn site([a, b, c]: [u16; 3], length: u8) -> Prefix {
    match Prefix::new(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), length) {
        Some(prefix) => prefix,
        None => Prefix::DEFAULT,
    }
}

/// Why an IPv6 configuration is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Ipv6ConfigError {
    /// There is no prefix.
    #[error("the lab needs a prefix of its own: write prefixes = [\"2001:db8:77::/64\"]")]
    NoPrefix,
    /// No addresses can be formed of a prefix of that length (RFC 4862, 5.5.3), or no host can have one.
    #[error("{0} is no prefix of a LAN: use one of 64 bits, such as 2001:db8:77::/64")]
    Prefix(Prefix),
    /// The router would advertise too often, or not often enough (RFC 4861, 6.2.1).
    #[error("an interval of {} between advertisements: use 3s to 30m", humantime::format_duration(*.0))]
    Interval(Duration),
    /// A router cannot say that (RFC 4861, 4.2).
    #[error("a router lifetime of {}: use 0s to 65535s", humantime::format_duration(*.0))]
    RouterLifetime(Duration),
    /// What is preferred has to be valid (RFC 4861, 4.6.2).
    #[error("preferred for {} and valid for {}: a prefix is valid for a second at least, and preferred no longer", humantime::format_duration(*.0), humantime::format_duration(*.1))]
    Lifetimes(Duration, Duration),
    /// The router translates for prefixes of 96 bits only.
    #[error("{0} is no prefix for a NAT64 here: use one of 96 bits, such as 64:ff9b::/96")]
    Pref64(Prefix),
    /// An alias lies in one of the LAN's own prefixes, or no host can have it.
    #[error("the alias {0} lies on the LAN, or is no host's: choose another")]
    Alias(Ipv6Addr),
    /// No part of that length can be delegated.
    #[error(
        "parts of {1} bits of {0} cannot be delegated: use a prefix of 64 bits or less, and a length from its own to 64"
    )]
    Delegated(Prefix, u8),
    /// IPv6 needs more (RFC 8200, 5).
    #[error("an mtu of {0} is too small for ipv6: use 1280 to 65535")]
    Mtu(u16),
}

impl Ipv6ConfigError {
    /// The key that is most to blame.
    pub(crate) const fn key(&self) -> &'static str {
        match self {
            Self::NoPrefix | Self::Prefix(_) => "ipv6.prefixes",
            Self::Interval(_) => "ipv6.interval",
            Self::RouterLifetime(_) => "ipv6.router-lifetime",
            Self::Lifetimes(..) => "ipv6.preferred",
            Self::Pref64(_) => "ipv6.pref64",
            Self::Alias(_) => "ipv6.aliases",
            Self::Delegated(..) => "ipv6.dhcp.delegated-length",
            Self::Mtu(_) => "mtu",
        }
    }
}

impl Ipv6Config {
    /// The IPv6 address of `dns.google`.
    pub const GOOGLE: Ipv6Addr = Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888);
    /// The IPv6 address of `one.one.one.one`.
    pub const CLOUDFLARE: Ipv6Addr = Ipv6Addr::new(0x2606, 0x4700, 0x4700, 0, 0, 0, 0, 0x1111);
    /// The IPv6 address that web sites have (RFC 3849): `www` of the lab's domain, `www.example.com` and `www.example.org`.
    pub const WEB: Ipv6Addr = Ipv6Addr::new(0x2001, 0x0db8, 0x0203, 0, 0, 0, 0, 0x80);
    /// The IPv6 address that the sink for streams of traffic has (RFC 3849): `sink` of the lab's domain.
    pub const SINK: Ipv6Addr = Ipv6Addr::new(0x2001, 0x0db8, 0x0203, 0, 0, 0, 0, 0x81);
    /// The well-known prefix for IPv4 addresses (RFC 6052, 2.1).
    pub const PREF64: Prefix = match Prefix::new(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, 0, 0), 96)
    {
        Some(prefix) => prefix,
        None => Prefix::DEFAULT,
    };

    /// The router's link-local address.
    pub const fn router(&self) -> Ipv6Addr {
        LINK_LOCAL
    }

    /// The address under which an IPv4 address is reached through the NAT64, where there is one (RFC 6052, 2.2).
    pub fn translated(&self, address: Ipv4Addr) -> Option<Ipv6Addr> {
        let prefix = self.pref64?.address().to_bits();
        Some(Ipv6Addr::from_bits(prefix | u128::from(address.to_bits())))
    }

    pub(crate) fn check(&self, mtu: Option<u16>) -> Result<(), Ipv6ConfigError> {
        if self.prefixes.is_empty() {
            return Err(Ipv6ConfigError::NoPrefix);
        }
        let is_unusable =
            |prefix: &&Prefix| prefix.length() != 64 || !is_ordinary(prefix.address());
        if let Some(prefix) = self.prefixes.iter().find(is_unusable) {
            return Err(Ipv6ConfigError::Prefix(*prefix));
        }
        if !(Duration::from_secs(3)..=Duration::from_secs(1800)).contains(&self.interval) {
            return Err(Ipv6ConfigError::Interval(self.interval));
        }
        if self.router_lifetime > Duration::from_secs(u16::MAX.into()) {
            return Err(Ipv6ConfigError::RouterLifetime(self.router_lifetime));
        }
        if self.preferred > self.valid || !(1..=MOST_SECONDS).contains(&self.valid.as_secs()) {
            return Err(Ipv6ConfigError::Lifetimes(self.preferred, self.valid));
        }
        if let Some(prefix) = self.pref64.filter(|prefix| prefix.length() != 96) {
            return Err(Ipv6ConfigError::Pref64(prefix));
        }
        let is_here = |alias: Ipv6Addr| self.prefixes.iter().any(|prefix| prefix.contains(alias));
        let is_bad = |alias: &&Ipv6Addr| !is_ordinary(**alias) || is_here(**alias);
        if let Some(alias) = self.aliases.iter().find(is_bad) {
            return Err(Ipv6ConfigError::Alias(*alias));
        }
        if let Some(all) = self.dhcp.delegated.filter(|_| !self.dhcp.is_delegable()) {
            return Err(Ipv6ConfigError::Delegated(all, self.dhcp.delegated_length));
        }
        match mtu.filter(|mtu| *mtu < 1280) {
            Some(mtu) => Err(Ipv6ConfigError::Mtu(mtu)),
            None => Ok(()),
        }
    }
}

/// Whether a host can have it beyond its link.
fn is_ordinary(address: Ipv6Addr) -> bool {
    lanherd_types::ipv6::is_host(address) && !Prefix::LINK_LOCAL.contains(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_configuration_holds_and_what_cannot_be_is_refused_by_its_key() {
        let usual = Ipv6Config::default();
        assert_eq!(usual.check(None), Ok(()));
        assert_eq!(usual.check(Some(1280)), Ok(()));
        let prefix = |text: &str| text.parse::<Prefix>().expect("a prefix");
        let bad = [
            (
                Ipv6Config {
                    prefixes: vec![],
                    ..usual.clone()
                },
                "ipv6.prefixes",
            ),
            (
                Ipv6Config {
                    prefixes: vec![prefix("2001:db8::/56")],
                    ..usual.clone()
                },
                "ipv6.prefixes",
            ),
            (
                Ipv6Config {
                    prefixes: vec![prefix("fe80::/64")],
                    ..usual.clone()
                },
                "ipv6.prefixes",
            ),
            (
                Ipv6Config {
                    prefixes: vec![prefix("ff02::/64")],
                    ..usual.clone()
                },
                "ipv6.prefixes",
            ),
            (
                Ipv6Config {
                    interval: Duration::from_secs(2),
                    ..usual.clone()
                },
                "ipv6.interval",
            ),
            (
                Ipv6Config {
                    interval: Duration::from_secs(1801),
                    ..usual.clone()
                },
                "ipv6.interval",
            ),
            (
                Ipv6Config {
                    router_lifetime: Duration::from_secs(65_536),
                    ..usual.clone()
                },
                "ipv6.router-lifetime",
            ),
            (
                Ipv6Config {
                    preferred: Duration::from_secs(5401),
                    ..usual.clone()
                },
                "ipv6.preferred",
            ),
            (
                Ipv6Config {
                    preferred: Duration::ZERO,
                    valid: Duration::ZERO,
                    ..usual.clone()
                },
                "ipv6.preferred",
            ),
            (
                Ipv6Config {
                    pref64: Some(prefix("64:ff9b::/64")),
                    ..usual.clone()
                },
                "ipv6.pref64",
            ),
            (
                Ipv6Config {
                    aliases: vec![Ipv6Addr::LOCALHOST],
                    ..usual.clone()
                },
                "ipv6.aliases",
            ),
            (
                Ipv6Config {
                    aliases: vec!["fd00:77::5".parse().expect("an address")],
                    ..usual.clone()
                },
                "ipv6.aliases",
            ),
        ];
        for (config, key) in bad {
            let error = config.check(None).expect_err(key);
            assert_eq!(error.key(), key, "{error}");
        }
        assert_eq!(usual.check(Some(1279)), Err(Ipv6ConfigError::Mtu(1279)));
    }

    #[test]
    fn an_ipv4_address_stands_at_the_end_of_the_nat64s_prefix() {
        let config = Ipv6Config::default();
        let translated = config.translated(Ipv4Addr::new(8, 8, 8, 8)).expect("one");
        assert_eq!(translated.to_string(), "64:ff9b::808:808");
        let without = Ipv6Config {
            pref64: None,
            ..config
        };
        assert_eq!(without.translated(Ipv4Addr::new(8, 8, 8, 8)), None);
    }
}
