//! How one client's IPv6 behaves.

use std::time::Duration;

use crate::dhcp6;
use crate::ndp::slaac::{self, Secret};
use lanherd_types::identity::Mac;

/// Behaviour of one client's IPv6. [`Config::new`] is what the RFCs say.
#[derive(Debug, Clone)]
pub struct Config {
    /// How it configures itself from what routers advertise.
    pub host: slaac::Config,
    /// How it behaves towards DHCPv6 servers. Whether it probes addresses [`Config::set_verifies`] says for both.
    pub dhcp6: dhcp6::Config,
    /// How long it may take until IPv6 can be used.
    pub deadline: Duration,
}

impl Config {
    /// What the RFCs say for the client with that MAC, whose identifiers follow from the secret (RFC 7217).
    pub fn new(mac: Mac, secret: Secret, deadline: Duration) -> Self {
        Self {
            host: slaac::Config::new(mac, secret),
            dhcp6: dhcp6::Config::new(mac),
            deadline,
        }
    }

    /// Says whether addresses are verified before they are used (RFC 4862, 5.4), formed ones and leased ones.
    pub const fn set_verifies(&mut self, verifies: bool) {
        self.host.verifies = verifies;
        self.dhcp6.duplicate_detection = verifies;
    }
}
