//! How one client's IPv6 behaves.

use std::time::Duration;

use crate::dhcp6;
use crate::ndp::slaac::{self, Identifiers, Secret, TemporaryPolicy};
use lanherd_types::identity::Mac;
use lanherd_types::ipv6::{AddressFormation, IdentifierKind, WantedPrefix};

/// Behaviour of one client's IPv6. [`Config::new`] is what the RFCs say.
#[derive(Debug, Clone)]
pub struct Config {
    /// How it configures itself from what routers advertise.
    pub host: slaac::Config,
    /// How it behaves towards DHCPv6 servers. Whether it probes addresses [`Config::set_verifies`] says for both.
    pub dhcp6: dhcp6::Config,
    /// The prefix that it wants to have delegated, as the router of a link behind it: it asks whatever routers' flags say, and its IPv6
    /// can be used once it has one.
    pub delegated: Option<WantedPrefix>,
    /// How long it may take until IPv6 can be used.
    pub deadline: Duration,
    /// What its identifiers are made from.
    pub(super) secret: Secret,
}

impl Config {
    /// What the RFCs say for the client with that MAC, whose identifiers follow from the secret (RFC 7217).
    pub fn new(mac: Mac, secret: Secret, deadline: Duration) -> Self {
        Self {
            host: slaac::Config::new(mac, secret),
            dhcp6: dhcp6::Config::new(mac),
            delegated: None,
            deadline,
            secret,
        }
    }

    /// Says whether addresses are verified before they are used (RFC 4862, 5.4), formed ones and leased ones.
    pub const fn set_verifies(&mut self, verifies: bool) {
        self.host.verifies = verifies;
        self.dhcp6.duplicate_detection = verifies;
    }

    /// Says what the identifiers of its addresses are made of.
    pub(super) fn set_identifiers(&mut self, kind: IdentifierKind) {
        let secret = self.secret;
        self.host.identifiers = match kind {
            IdentifierKind::Stable => Identifiers::Stable {
                secret,
                network: Vec::new(),
            },
            IdentifierKind::Eui64 => Identifiers::Eui64,
            IdentifierKind::Random => Identifiers::Random { secret },
        };
    }

    /// Says which addresses it forms of advertised prefixes.
    pub fn set_formation(&mut self, formation: AddressFormation) {
        self.set_identifiers(match formation {
            AddressFormation::Stable | AddressFormation::Temporary => IdentifierKind::Stable,
            AddressFormation::Eui64 => IdentifierKind::Eui64,
        });
        self.host.temporary = match formation {
            AddressFormation::Stable | AddressFormation::Eui64 => None,
            AddressFormation::Temporary => Some(TemporaryPolicy::RFC_8981),
        };
    }
}
