//! How much of what happens in IPv6 is to be shown.

use crate::client::ipv6::{AddressOrigin, Ipv6Event, Ipv6EventKind};
use crate::ndp::slaac;

impl Ipv6Event {
    /// Why a router advertisement breaks the protocol, in one word, if it is that.
    pub fn advertisement_flaw(&self) -> Option<&'static str> {
        match self {
            Self::Host(slaac::Event::Ignored { reason, .. }) if reason.is_malformed() => {
                Some(reason.as_str())
            }
            Self::Host(slaac::Event::Remarked { remark, .. }) if remark.reason.is_malformed() => {
                Some(remark.reason.as_str())
            }
            Self::Refused(refused) => Some(refused.reason.as_str()),
            _ => None,
        }
    }
}

impl AddressOrigin {
    /// Whether the address was formed from an advertised prefix.
    pub const fn is_formed(self) -> bool {
        matches!(self, Self::Stable | Self::Temporary)
    }
}

impl Ipv6EventKind {
    /// Whether it is a step that clients take all the time, and of which a herd takes too many to be read.
    pub const fn is_step(self) -> bool {
        match self {
            Self::RouterFound
            | Self::RouterAnswered
            | Self::Reattached
            | Self::AddressFormed
            | Self::AddressUsable
            | Self::AddressPreferred
            | Self::ResolversChanged
            | Self::Pref64Changed
            | Self::FlagsChanged
            | Self::PortalChanged
            | Self::EncryptedDnsChanged
            | Self::DelegationPreferred
            | Self::LeaseProbed
            | Self::LeaseBound
            | Self::LeaseRenewed
            | Self::Informed
            | Self::Answered => true,
            Self::RouterLost
            | Self::RouterUnreachable
            | Self::RouterReachable
            | Self::RouterUnanswered
            | Self::AddressDeprecated
            | Self::AddressLost
            | Self::AddressDuplicate
            | Self::AddressUnverified
            | Self::Disabled
            | Self::Renumbered
            | Self::LeaseReduced
            | Self::LeaseLost
            | Self::LeaseRefused
            | Self::LeaseUnanswered
            | Self::Reconfigured
            | Self::FromAfar
            | Self::RateLimited
            | Self::Ignored
            | Self::Remarked
            | Self::Malformed => false,
        }
    }

    /// Whether something is wrong.
    pub const fn is_bad(self) -> bool {
        match self {
            Self::RouterLost
            | Self::RouterUnreachable
            | Self::RouterUnanswered
            | Self::AddressLost
            | Self::AddressDuplicate
            | Self::AddressUnverified
            | Self::Disabled
            | Self::LeaseReduced
            | Self::LeaseLost
            | Self::LeaseRefused
            | Self::LeaseUnanswered
            | Self::RateLimited
            | Self::Ignored
            | Self::Remarked
            | Self::Malformed => true,
            Self::RouterFound
            | Self::RouterReachable
            | Self::RouterAnswered
            | Self::Reattached
            | Self::AddressFormed
            | Self::AddressUsable
            | Self::AddressDeprecated
            | Self::AddressPreferred
            | Self::Renumbered
            | Self::ResolversChanged
            | Self::Pref64Changed
            | Self::FlagsChanged
            | Self::PortalChanged
            | Self::EncryptedDnsChanged
            | Self::DelegationPreferred
            | Self::LeaseProbed
            | Self::LeaseBound
            | Self::LeaseRenewed
            | Self::Informed
            | Self::Reconfigured
            | Self::Answered
            | Self::FromAfar => false,
        }
    }
}
