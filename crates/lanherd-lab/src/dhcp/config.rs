//! What a server gives out.

use std::time::Duration;

use crate::config::LeaseTime;
use crate::range::{AddressRange, Subnet};
use lanherd_dhcp::options::Options;

/// What a server gives out. [`LabConfig::server`](crate::LabConfig::server) makes one that is whole.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    /// The addresses that it leases.
    pub range: AddressRange,
    /// Their subnet. Its router's address is the server identifier (option 54).
    pub subnet: Subnet,
    /// How long a lease lasts (option 51).
    pub lease: LeaseTime,
    /// T1 (option 58), in whole seconds; `None`: not sent. Neither it nor T2 goes with an infinite lease.
    pub t1: Option<Duration>,
    /// T2 (option 59), in whole seconds; `None`: not sent.
    pub t2: Option<Duration>,
    /// Whether a client that asks for it (option 80) is granted an address at once (RFC 4039).
    pub rapid_commit: bool,
    /// For how long clients that ask (option 108) are to do without IPv4 (RFC 8925), in whole seconds; `None`: they are not.
    pub v6_only: Option<Duration>,
    /// Sent where the client asks for them, in the client's order; in this one where it has no list (option 55).
    pub known: Options,
    /// Sent in every OFFER and ACK, after the others.
    pub always: Options,
    /// How long an offered address is kept for its client. Default: a minute, in which a client gives up (RFC 2131, 4.1).
    pub offer_hold: Duration,
    /// How long an address is set aside that a client found in use. Default: ten minutes.
    pub decline_hold: Duration,
}

impl Default for ServerConfig {
    /// The default range and lease time, and no parameters.
    fn default() -> Self {
        let range = AddressRange::default();
        Self {
            range,
            subnet: range.subnet(),
            lease: LeaseTime::default(),
            t1: None,
            t2: None,
            rapid_commit: false,
            v6_only: None,
            known: Options::new(),
            always: Options::new(),
            offer_hold: Duration::from_secs(60),
            decline_hold: Duration::from_secs(600),
        }
    }
}
