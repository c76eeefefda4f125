//! What of IPv6 breaks the protocol.

use crate::client::ipv6::Ipv6Event;
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
