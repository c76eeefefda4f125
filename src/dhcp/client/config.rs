//! How one client behaves.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::dhcp::options::code;
use crate::identity::Mac;

/// Behaviour of one client. [`Config::new`] is what RFC 2131 says.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its hardware address.
    pub mac: Mac,
    /// The first DISCOVER, or the REQUEST of INIT-REBOOT, waits a random time in this range, so that machines switched
    /// on together do not speak together. 1 s to 10 s (RFC 2131, 4.4.1).
    pub start_delay: RangeInclusive<Duration>,
    /// Whether replies must be broadcast until it has an address. Off: it can receive unicast before (RFC 2131, 4.1).
    pub broadcast: bool,
    /// Which offer it takes.
    pub offers: OfferPolicy,
    /// Whether it looks for others with its address (RFC 5227): before it uses one, which then takes 4 to 7 s longer, and
    /// for as long as it uses it. Off: it believes the server.
    pub conflict_detection: bool,
    /// How it calls itself in option 61, the same in all messages.
    pub client_id: ClientId,
    /// Option 12.
    pub hostname: Option<String>,
    /// Option 55, the same in all messages that have it (RFC 2131, 4.4.1); empty: none. 121 stands before 3, as RFC 3442
    /// asks.
    pub parameter_requests: Vec<u8>,
    /// Option 57, in bytes with IP and UDP headers. 1500; less than 576 counts as 576 (RFC 2132, 9.10).
    pub max_message_size: u16,
}

impl Config {
    /// The default behaviour of the client with that MAC.
    pub fn new(mac: Mac) -> Self {
        Self {
            mac,
            start_delay: Duration::from_secs(1)..=Duration::from_secs(10),
            broadcast: false,
            offers: OfferPolicy::First,
            conflict_detection: false,
            client_id: ClientId::None,
            hostname: None,
            parameter_requests: vec![
                code::SUBNET_MASK,
                code::CLASSLESS_ROUTES,
                code::ROUTERS,
                code::DNS_SERVERS,
                code::DOMAIN_NAME,
                code::DOMAIN_SEARCH,
                code::MTU,
                code::RENEWAL_TIME,
                code::REBINDING_TIME,
            ],
            max_message_size: 1500,
        }
    }

    pub(super) fn random_start_delay(&self, rng: &mut fastrand::Rng) -> Duration {
        let (&least, &most) = (self.start_delay.start(), self.start_delay.end());
        least + most.saturating_sub(least).mul_f64(rng.f64())
    }
}

/// Which offer a client takes (RFC 2131, 4.4.1 leaves it to the client).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferPolicy {
    /// The first.
    First,
    /// The best of those that come within this time after the first: the address asked for, if it is among them, then
    /// the longest lease, then the one that came first.
    Window(Duration),
}

/// How a client calls itself (option 61). A DUID (RFC 4361) has its place here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientId {
    /// Not at all: servers know it by its hardware address.
    None,
    /// Hardware type 1 and the MAC (RFC 2132, 9.14).
    Mac,
}

impl ClientId {
    /// The value of option 61.
    pub(super) fn value(self, mac: Mac) -> Option<Vec<u8>> {
        match self {
            Self::None => None,
            Self::Mac => Some([[1].as_slice(), &mac.octets()].concat()),
        }
    }
}
