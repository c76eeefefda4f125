//! What happened to a client's IPv6, for whoever follows events: what its machines say, and what could not be read.

mod words;

use std::net::Ipv6Addr;

use crate::dhcp6;
use crate::metrics::{CHECKSUM, FRAGMENTED, PassedOver6};
use crate::ndp::{self, slaac};
use lanherd_types::ipv6::Ipv6EventKind;

/// Something that happened to a client's IPv6.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ipv6Event {
    /// Its stateless configuration says so.
    Host(slaac::Event),
    /// Its DHCPv6 client says so.
    Dhcp6(dhcp6::Event),
    /// A server has told the client to do without IPv4 (RFC 8925), and no router advertises the prefix of a NAT64 (RFC 8781), by
    /// which hosts that have only IPv4 could be reached.
    NoNat64,
    /// A message of neighbour discovery was refused as a whole.
    Refused(ndp::Refused),
    /// A DHCPv6 message could not be read.
    Undecodable {
        /// Who sent it.
        source: Ipv6Addr,
        /// Why it could not be read.
        error: dhcp6::DecodeError,
    },
    /// The checksum of a DHCPv6 message is wrong, or it came in fragments, so that it was not read.
    Unsound {
        /// Who sent it.
        source: Ipv6Addr,
        /// Whether it is a fragment.
        is_fragment: bool,
    },
}

impl Ipv6Event {
    /// What it says was of no use of a message that came, if it does.
    pub const fn passed_over(&self) -> Option<PassedOver6> {
        Some(match self {
            Self::Host(slaac::Event::Ignored { reason, .. }) => {
                PassedOver6::Advertisement(reason.as_str())
            }
            Self::Host(slaac::Event::Remarked { remark, .. }) => {
                let option = match remark.option {
                    Some(option) => option,
                    None => 0,
                };
                PassedOver6::AdvertisementOption(option, remark.reason)
            }
            Self::Refused(refused) => PassedOver6::Advertisement(refused.reason.as_str()),
            Self::Dhcp6(dhcp6::Event::Ignored { reason, .. }) => {
                PassedOver6::Dhcp6(reason.as_str())
            }
            Self::Dhcp6(dhcp6::Event::Remarked { remark, .. }) => {
                PassedOver6::Dhcp6Option(remark.option, remark.reason)
            }
            Self::Undecodable { error, .. } => PassedOver6::Dhcp6(error.as_str()),
            Self::Unsound {
                is_fragment: true, ..
            } => PassedOver6::Dhcp6(FRAGMENTED),
            Self::Unsound {
                is_fragment: false, ..
            } => PassedOver6::Dhcp6(CHECKSUM),
            Self::Host(_) | Self::Dhcp6(_) | Self::NoNat64 => return None,
        })
    }

    /// What kind of thing it is.
    pub const fn kind(&self) -> Ipv6EventKind {
        match self {
            Self::Host(event) => kind_of_host(event),
            Self::Dhcp6(event) => kind_of_dhcp6(event),
            Self::NoNat64 => Ipv6EventKind::NoNat64,
            Self::Refused(_) | Self::Undecodable { .. } | Self::Unsound { .. } => {
                Ipv6EventKind::Malformed
            }
        }
    }
}

const fn kind_of_host(event: &slaac::Event) -> Ipv6EventKind {
    use slaac::Event;
    match event {
        Event::AddressFormed { .. } => Ipv6EventKind::AddressFormed,
        Event::AddressUsable { .. } => Ipv6EventKind::AddressUsable,
        Event::AddressDeprecated { .. } => Ipv6EventKind::AddressDeprecated,
        Event::AddressPreferred(_) => Ipv6EventKind::AddressPreferred,
        Event::AddressLost { .. } => Ipv6EventKind::AddressLost,
        Event::AddressDuplicate { .. } => Ipv6EventKind::AddressDuplicate,
        Event::VerificationUnanswered(_) => Ipv6EventKind::AddressUnverified,
        Event::Disabled => Ipv6EventKind::Disabled,
        Event::RouterFound { .. } => Ipv6EventKind::RouterFound,
        Event::RouterLost { .. } => Ipv6EventKind::RouterLost,
        Event::RouterUnreachable(_) => Ipv6EventKind::RouterUnreachable,
        Event::RouterReachable(_) => Ipv6EventKind::RouterReachable,
        Event::Answered { .. } => Ipv6EventKind::RouterAnswered,
        Event::Unanswered { .. } => Ipv6EventKind::RouterUnanswered,
        Event::Attached { .. } => Ipv6EventKind::Reattached,
        Event::PrefixRenumbered { .. } => Ipv6EventKind::Renumbered,
        Event::ResolversChanged { .. } => Ipv6EventKind::ResolversChanged,
        Event::Pref64Changed(_) => Ipv6EventKind::Pref64Changed,
        Event::FlagsChanged { .. } => Ipv6EventKind::FlagsChanged,
        Event::CaptivePortalChanged(_) => Ipv6EventKind::PortalChanged,
        Event::EncryptedDnsChanged(_) => Ipv6EventKind::EncryptedDnsChanged,
        Event::DelegationPreferred(_) => Ipv6EventKind::DelegationPreferred,
        Event::Ignored { .. } => Ipv6EventKind::Ignored,
        Event::Remarked { .. } => Ipv6EventKind::Remarked,
    }
}

const fn kind_of_dhcp6(event: &dhcp6::Event) -> Ipv6EventKind {
    use dhcp6::Event;
    match event {
        Event::Probe { .. } => Ipv6EventKind::LeaseProbed,
        Event::Bound { .. } => Ipv6EventKind::LeaseBound,
        Event::Renewed { .. } => Ipv6EventKind::LeaseRenewed,
        Event::Gone { .. } => Ipv6EventKind::LeaseReduced,
        Event::Lost(_) => Ipv6EventKind::LeaseLost,
        Event::Ignored { .. } => Ipv6EventKind::Ignored,
        Event::Remarked { .. } => Ipv6EventKind::Remarked,
        Event::FromAfar { .. } => Ipv6EventKind::FromAfar,
        Event::Refused { .. } => Ipv6EventKind::LeaseRefused,
        Event::Unanswered(_) => Ipv6EventKind::LeaseUnanswered,
        Event::Conflict { .. } => Ipv6EventKind::AddressDuplicate,
        Event::Informed(_) => Ipv6EventKind::Informed,
        Event::Reconfigured { .. } => Ipv6EventKind::Reconfigured,
        Event::Answered(_) => Ipv6EventKind::Answered,
        Event::RateLimited { .. } => Ipv6EventKind::RateLimited,
    }
}
