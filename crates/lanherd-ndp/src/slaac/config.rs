//! How one host behaves.

use std::ops::RangeInclusive;
use std::time::Duration;

use lanherd_types::identity::Mac;
use lanherd_types::words;

use super::identifier::{Identifiers, Secret};

/// Behaviour of one host. [`Config::new`] is what the RFCs say.
#[derive(Debug, Clone)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent of each other: each is something that a device does or does not do"
)]
pub struct Config {
    /// Its hardware address.
    pub mac: Mac,
    /// The MTU of its link in bytes: what a router advertises counts from 1,280 up to this (RFC 4861, 6.3.4).
    pub link_mtu: u32,
    /// Before it does anything it waits a random time in this range, so that machines switched on together do not speak
    /// together. 0 to 1 s (RFC 4861, 6.3.7; RFC 4862, 5.4.2).
    pub start_delay: RangeInclusive<Duration>,
    /// How often it asks for routers: on and on, ever less often, by RFC 7559, which updates RFC 4861.
    pub solicitations: Solicitations,
    /// Whether it asks from `::` while its link-local address is being verified, rather than wait for that.
    pub solicits_early: bool,
    /// How the identifiers of its lasting addresses are made.
    pub identifiers: Identifiers,
    /// Its temporary addresses (RFC 8981); `None`: it has none.
    pub temporary: Option<TemporaryPolicy>,
    /// Whether its addresses are verified (RFC 4862, 5.4) before they are used: the outcome is told by
    /// [`Host::handle_verification`](super::Host::handle_verification).
    pub verifies: bool,
    /// Whether a valid lifetime below two hours is taken with reserve (RFC 4862, 5.5.3 e). Off: it is taken as it stands, as
    /// newer hosts do, so that stale prefixes can be withdrawn.
    pub two_hour_rule: bool,
    /// Whether a new address is told to all routers at once (RFC 9131).
    pub gratuitous_advertisements: bool,
    /// What of preferences and routes it heeds.
    pub host_type: HostType,
    /// When it asks for `DHCPv6`.
    pub dhcp: DhcpPolicy,
}

impl Config {
    /// What the RFCs say, for the host with that MAC, whose identifiers are made by RFC 7217 (RFC 8064, 3).
    pub fn new(mac: Mac, secret: Secret) -> Self {
        Self {
            mac,
            link_mtu: 1500,
            start_delay: Duration::ZERO..=Duration::from_secs(1),
            solicitations: Solicitations::RFC_7559,
            solicits_early: false,
            identifiers: Identifiers::Stable {
                secret,
                network: Vec::new(),
            },
            temporary: None,
            verifies: true,
            two_hour_rule: true,
            gratuitous_advertisements: true,
            host_type: HostType::C,
            dhcp: DhcpPolicy::Flags,
        }
    }

    // RFC 4861, 6.3.7: the first solicitation waits a random time of up to 1 s.
    pub(super) fn random_start_delay(&self, rng: &mut fastrand::Rng) -> Duration {
        let (&least, &most) = (self.start_delay.start(), self.start_delay.end());
        least + most.saturating_sub(least).mul_f64(rng.f64())
    }
}

/// How often a host asks for routers, as long as none answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Solicitations {
    /// So often, so far apart.
    Fixed {
        /// How often: 3 (`MAX_RTR_SOLICITATIONS`).
        count: u32,
        /// How far apart: 4 s (`RTR_SOLICITATION_INTERVAL`).
        interval: Duration,
    },
    /// On and on, ever less often (RFC 7559).
    Backoff {
        /// After the first: 4 s (IRT).
        initial: Duration,
        /// At most: an hour (MRT).
        longest: Duration,
    },
}

impl Solicitations {
    /// Three, 4 s apart (RFC 4861, 10).
    // RFC 4861, 6.3.7: three solicitations at most are sent, 4 s apart, where a persona says so.
    pub const RFC_4861: Self = Self::Fixed {
        count: 3,
        interval: Duration::from_secs(4),
    };
    /// On and on, from 4 s up to an hour apart (RFC 7559, 2).
    pub const RFC_7559: Self = Self::Backoff {
        initial: Duration::from_secs(4),
        longest: Duration::from_secs(3600),
    };
}

/// A host's temporary addresses (RFC 8981, 3.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemporaryPolicy {
    /// The longest that one is preferred: a day.
    pub preferred: Duration,
    /// The longest that one is valid: two days.
    pub valid: Duration,
}

impl TemporaryPolicy {
    /// A day, and two days.
    pub const RFC_8981: Self = Self {
        preferred: Duration::from_secs(86_400),
        valid: Duration::from_secs(2 * 86_400),
    };
}

words! {
    /// Which of three kinds of host it is (RFC 4191, 3).
    HostType {
        /// It heeds neither preferences nor routes.
        A = "a",
        /// It heeds preferences of routers.
        B = "b",
        /// It heeds preferences, and routes through them.
        C = "c",
    }
}

words! {
    /// When a host asks for `DHCPv6`.
    DhcpPolicy {
        /// As the routers' flags say.
        Flags = "flags",
        /// For addresses, whatever the flags say, and without a router, too (RFC 4862, 5.5.2).
        Always = "always",
        /// Not at all.
        Never = "never",
    }
}

words! {
    /// What a host should ask `DHCPv6` for.
    DhcpWanted {
        /// The host need not ask for anything.
        Nothing = "nothing",
        /// Parameters, but no addresses (the O flag).
        Stateless = "stateless",
        /// Addresses, and parameters.
        Stateful = "stateful",
    }
}
