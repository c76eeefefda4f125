//! How one client behaves.

use std::ops::RangeInclusive;
use std::time::Duration;

use lanherd_types::identity::Mac;

use crate::options::code;
use crate::{Duid, IaKind};

/// Behaviour of one client. [`Config::new`] is what RFC 9915 says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent of each other: each is something that a device does or does not do"
)]
pub struct Config {
    /// How it calls itself, in all messages and after every restart (RFC 9915, 11).
    pub duid: Duid,
    /// What it wants to be leased, in the order in which it asks; none: it asks for nothing but information.
    pub ias: Vec<WantedIa>,
    /// The first message, and each INFORMATION-REQUEST that refreshes, waits a random time in this range, so that machines
    /// switched on together do not speak together. 0 s to 1 s (RFC 9915, 18.2.1, 18.2.3, 18.2.6).
    pub start_delay: RangeInclusive<Duration>,
    /// Whether it asks to be granted what it wants at once, by a REPLY to its SOLICIT (option 14).
    pub rapid_commit: bool,
    /// Whether it accepts RECONFIGURE, if a key came for it (option 20).
    pub reconfigure: bool,
    /// Whether it drops a RECONFIGURE whose number is no greater than the last of its server (RFC 9915, 20.3: MUST). dibbler sends 0 in
    /// each, and none of its RECONFIGUREs counts then.
    pub detects_replay: bool,
    /// Whether its addresses are probed before they are used: [`Event::Probe`](super::Event::Probe) names them, and
    /// [`Client::handle_dad`](super::Client::handle_dad) says what came of it (RFC 9915, 18.2.10.1: MUST).
    pub duplicate_detection: bool,
    /// Whether INFORMATION-REQUESTs do without its DUID (RFC 7844, 4.3.1).
    pub is_anonymous: bool,
    /// How much it sends at most.
    pub rate_limit: RateLimit,
    /// Option 6, beside what the state machine needs (82, 83, 32, 67), which follows.
    pub requests: Vec<u16>,
    /// Option 15: each with its length before it; of each the first 65,535 bytes. Empty: none.
    pub user_class: Vec<Vec<u8>>,
    /// Option 16: the vendor that made the device, and what it says of it; `None`: it is not sent.
    pub vendor_class: Option<VendorClass>,
    /// More options for every message that asks for something, in this order; one that the client would send by itself is
    /// replaced. Those that are the state machine's are passed over: [`Config::OWN_OPTIONS`].
    pub extra: Vec<(u16, Vec<u8>)>,
    /// In which order the options of a message stand: those named here first, the others after them in the usual order, which is 1,
    /// 2, 3 and 25, 6, 8, 14, 20, 15, 16, then [`Config::extra`].
    pub option_order: Vec<u16>,
}

impl Config {
    /// The options that only the state machine writes: what says who the client is, which message it is, and about what.
    pub const OWN_OPTIONS: &[u16] = &[
        code::CLIENT_ID,
        code::SERVER_ID,
        code::IA_NA,
        code::IA_TA,
        code::IA_ADDRESS,
        code::ELAPSED_TIME,
        code::RELAY_MESSAGE,
        code::AUTHENTICATION,
        code::SERVER_UNICAST,
        code::STATUS,
        code::RAPID_COMMIT,
        code::INTERFACE_ID,
        code::RECONFIGURE_MESSAGE,
        code::RECONFIGURE_ACCEPT,
        code::IA_PD,
        code::IA_PREFIX,
    ];

    /// The default behaviour of the client with that MAC: one address, and a DUID and an IAID that follow from the MAC.
    pub fn new(mac: Mac) -> Self {
        Self {
            duid: Duid::link_layer(mac),
            ias: vec![WantedIa::addresses(Self::iaid(mac))],
            start_delay: Duration::ZERO..=Duration::from_secs(1),
            rapid_commit: false,
            reconfigure: false,
            detects_replay: true,
            duplicate_detection: true,
            is_anonymous: false,
            rate_limit: RateLimit::DEFAULT,
            requests: vec![code::DNS_SERVERS, code::DOMAIN_SEARCH],
            user_class: Vec::new(),
            vendor_class: None,
            extra: Vec::new(),
            option_order: Vec::new(),
        }
    }

    /// The number of the identity associations of the client with that MAC: its last four bytes, the same after a restart.
    // RFC 9915, 12: the number of an identity association is the same after a restart.
    pub fn iaid(mac: Mac) -> u32 {
        let [_, _, a, b, c, d] = mac.octets();
        u32::from_be_bytes([a, b, c, d])
    }

    /// The same client, which also wants a prefix, of `length` bits if it can be had.
    #[must_use]
    pub fn with_prefix(mut self, mac: Mac, length: Option<u8>) -> Self {
        self.ias.push(WantedIa::prefixes(Self::iaid(mac), length));
        self
    }

    pub(super) fn random_start_delay(&self, rng: &mut fastrand::Rng) -> Duration {
        let (&least, &most) = (self.start_delay.start(), self.start_delay.end());
        least + most.saturating_sub(least).mul_f64(rng.f64())
    }

    pub(super) fn wants_prefixes(&self) -> bool {
        self.ias.iter().any(|ia| ia.kind == IaKind::Prefixes)
    }
}

/// Something that a client wants to be leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantedIa {
    /// Addresses, or prefixes.
    pub kind: IaKind,
    /// The number of the identity association; of each kind each has another (RFC 9915, 12).
    pub iaid: u32,
    /// How many bits the prefix should have, 1 to 128 (RFC 8168); `None`: it does not say.
    pub prefix_length: Option<u8>,
}

impl WantedIa {
    /// An IA of addresses (`IA_NA`).
    pub const fn addresses(iaid: u32) -> Self {
        Self {
            kind: IaKind::Addresses,
            iaid,
            prefix_length: None,
        }
    }

    /// Prefixes, of `length` bits if it can be had.
    pub const fn prefixes(iaid: u32, length: Option<u8>) -> Self {
        Self {
            kind: IaKind::Prefixes,
            iaid,
            prefix_length: length,
        }
    }

    pub(super) const fn name(self) -> (IaKind, u32) {
        (self.kind, self.iaid)
    }
}

/// How much a client sends at most (RFC 9915, 14.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// So many messages, 1 at least,
    pub messages: u32,
    /// in any time so long.
    pub per: Duration,
}

impl RateLimit {
    /// 20 messages in 20 seconds, as RFC 9915 (14.1) proposes.
    pub const DEFAULT: Self = Self {
        messages: 20,
        per: Duration::from_secs(20),
    };
}

/// Who made the client (RFC 9915, 21.16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorClass {
    /// The vendor's number (IANA, Private Enterprise Numbers).
    pub enterprise: u32,
    /// What it says of the device; of each the first 65,535 bytes.
    pub data: Vec<Vec<u8>>,
}
