//! Offers, and the choice among them.

use std::cmp::Reverse;
use std::net::Ipv4Addr;

use crate::options::code;
use crate::{Ignored, Message, lease};

/// How many are kept: more are no competition but a flood.
pub(super) const MAX_OFFERS: usize = 32;

/// What a server offers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) address: Ipv4Addr,
    pub(super) server_id: Ipv4Addr,
    /// 0 where the offer does not say. It must (RFC 2131, table 3), but only the ACK counts.
    pub(super) lease_seconds: u32,
}

impl Offer {
    pub(super) fn from_message(message: &Message) -> Result<Self, Ignored> {
        let (address, server_id) = lease::granted(message)?;
        Ok(Self {
            address,
            server_id,
            lease_seconds: message.options.seconds(code::LEASE_TIME).unwrap_or(0),
        })
    }
}

/// The address asked for, then the longest lease, then the first.
// RFC 2131, 4.4.1: which OFFER is taken follows a stated policy.
pub(super) fn choose(offers: &[Offer], hint: Option<Ipv4Addr>) -> Option<Offer> {
    let rank = |offer: &&Offer| Reverse((Some(offer.address) == hint, offer.lease_seconds));
    offers.iter().min_by_key(rank).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 2131, 4.4.1: which OFFER is taken follows a stated policy.
    #[test]
    fn the_address_asked_for_wins_then_the_longest_lease_then_the_first() {
        let offer = |host, lease_seconds| Offer {
            address: Ipv4Addr::new(10, 0, 0, host),
            server_id: Ipv4Addr::new(10, 0, 0, 1),
            lease_seconds,
        };
        let offers = [offer(5, 60), offer(6, 600), offer(7, 600), offer(8, 0)];
        assert_eq!(choose(&offers, None), Some(offers[1]));
        assert_eq!(choose(&offers, Some(offers[3].address)), Some(offers[3]));
        assert_eq!(choose(&offers, Some(Ipv4Addr::LOCALHOST)), Some(offers[1]));
        assert_eq!(choose(&[], None), None);
    }
}
