//! How one client behaves.

use std::ops::RangeInclusive;
use std::time::Duration;

use crate::options::code;
use lanherd_types::identity::Mac;

/// Behaviour of one client. [`Config::new`] is what RFC 2131 says.
#[derive(Debug, Clone)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "independent of each other: each is something that a device does or does not do"
)]
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
    /// Whether it asks to be granted an address at once, by an ACK to its DISCOVER (option 80, RFC 4039).
    pub rapid_commit: bool,
    /// Whether it can do without IPv4 and asks if it should (RFC 8925): 108 stands in its list of parameters, and what the
    /// server says to it is done. Without this, 108 in [`Config::parameter_requests`] is only part of how it looks.
    pub v6_only: bool,
    /// How it calls itself in option 61, the same in all messages.
    pub client_id: ClientId,
    /// The host name to send (option 12).
    pub hostname: Option<String>,
    /// Option 55, the same in all messages that have it (RFC 2131, 4.4.1); empty: none. 121 stands before 3, as RFC 3442
    /// asks.
    pub parameter_requests: Vec<u8>,
    /// Option 57, in bytes with IP and UDP headers; `None`: not sent. 1500; less than 576 counts as 576 (RFC 2132, 9.10).
    pub max_message_size: Option<u16>,
    /// Option 60 (RFC 2132, 9.13).
    pub vendor_class: Option<String>,
    /// Option 77: each with its length before it (RFC 3004, 4); of each the first 255 bytes. Empty: none.
    pub user_class: Vec<String>,
    /// Option 125 (RFC 3925, 4). Empty: none.
    pub vendor_options: Vec<VendorOptions>,
    /// More options for every message that asks for something, in this order; one that the client would send by itself is
    /// replaced. Those that are the state machine's are passed over: [`Config::OWN_OPTIONS`].
    pub extra: Vec<(u8, Vec<u8>)>,
    /// In which order the options of a message stand: those named here first, the others after them in the usual order,
    /// which is 53, 61, 50, 54, 80, 57, 12, 55, 60, 77, 125, then [`Config::extra`]. Which message has which option follows
    /// table 5 of RFC 2131.
    pub option_order: Vec<u8>,
}

impl Config {
    /// The options that only the state machine writes: framing, and what says which message it is, from whom, and about
    /// what.
    pub const OWN_OPTIONS: &[u8] = &[
        code::PAD,
        code::REQUESTED_ADDRESS,
        code::OVERLOAD,
        code::MESSAGE_TYPE,
        code::SERVER_ID,
        code::CLIENT_ID,
        code::RAPID_COMMIT,
        code::END,
    ];

    /// The default behaviour of the client with that MAC.
    pub fn new(mac: Mac) -> Self {
        Self {
            mac,
            start_delay: Duration::from_secs(1)..=Duration::from_secs(10),
            broadcast: false,
            offers: OfferPolicy::First,
            conflict_detection: false,
            rapid_commit: false,
            v6_only: false,
            client_id: ClientId::None,
            hostname: None,
            parameter_requests: vec![
                code::SUBNET_MASK,
                // RFC 3442: option 121 is asked for before option 3.
                code::CLASSLESS_ROUTES,
                code::ROUTERS,
                code::DNS_SERVERS,
                code::DOMAIN_NAME,
                code::DOMAIN_SEARCH,
                code::MTU,
                code::RENEWAL_TIME,
                code::REBINDING_TIME,
            ],
            max_message_size: Some(1500),
            vendor_class: None,
            user_class: Vec::new(),
            vendor_options: Vec::new(),
            extra: Vec::new(),
            option_order: Vec::new(),
        }
    }

    // RFC 2131, 4.4.1: the first message waits a random time between 1 and 10 s.
    pub(super) fn random_start_delay(&self, rng: &mut fastrand::Rng) -> Duration {
        let (&least, &most) = (self.start_delay.start(), self.start_delay.end());
        least + most.saturating_sub(least).mul_f64(rng.f64())
    }
}

/// Which offer a client takes (RFC 2131, 4.4.1 leaves it to the client).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferPolicy {
    /// The first offer is taken.
    First,
    /// The best of those that come within this time after the first: the address asked for, if it is among them, then
    /// the longest lease, then the one that came first.
    Window(Duration),
}

/// What a client has to say in the terms of one vendor (RFC 3925, 4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendorOptions {
    /// The vendor's number (IANA, Private Enterprise Numbers).
    pub enterprise: u32,
    /// The vendor's options, each with code and length; the first 255 bytes.
    pub data: Vec<u8>,
}

/// How a client calls itself (option 61).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientId {
    /// Not at all: servers know it by its hardware address.
    None,
    /// Hardware type 1 and the MAC (RFC 2132, 9.14).
    Mac,
    /// Type 255, an IAID and a DUID (RFC 4361, 6.1). The DUID is of type 3, the MAC (RFC 8415, 11.4), and the IAID the MAC's
    /// last four bytes: both follow from who the client is, so they survive every restart without being stored, and an
    /// operator finds the MAC in the server's log.
    Duid,
    /// These bytes: the type, and what it is called. At least two (RFC 2132, 9.14).
    Raw(Vec<u8>),
}

impl ClientId {
    /// The value of option 61.
    pub(super) fn value(&self, mac: Mac) -> Option<Vec<u8>> {
        match self {
            Self::None => None,
            // RFC 2132, 9.14: a client identifier of type 1 is the hardware address.
            Self::Mac => Some([[1].as_slice(), &mac.octets()].concat()),
            // RFC 4361, 6.1: a client identifier of type 255 has an IAID and a DUID, the same after a restart.
            Self::Duid => {
                let mac = mac.octets();
                Some([[255].as_slice(), &mac[2..], &[0, 3, 0, 1], &mac].concat())
            }
            Self::Raw(bytes) => Some(bytes.clone()),
        }
    }
}
