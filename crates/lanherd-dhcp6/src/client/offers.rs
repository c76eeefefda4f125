//! ADVERTISEs, and the choice among them (RFC 9915, 18.2.9).

use std::cmp::Reverse;

use crate::lease::Lease;

/// How many are kept: more are no competition but a flood.
pub(super) const MAX_OFFERS: usize = 32;
/// The preference that ends the wait for others (RFC 9915, 18.2.1).
pub(super) const HIGHEST_PREFERENCE: u8 = 255;

/// What a server offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer {
    /// Option 7; 0 where there is none.
    pub(super) preference: u8,
    /// For how many of the wanted identity associations it has something.
    pub(super) served: usize,
    /// What it would lease.
    pub(super) lease: Lease,
}

/// Takes the best: the highest preference, then the one that offers for most of what is wanted, then the one that came first.
// RFC 9915, 18.2.9: the ADVERTISE with the highest preference is taken, then the one that offers most, then the first.
pub(super) fn take_best(offers: &mut Vec<Offer>) -> Option<Offer> {
    let rank = |(_, offer): &(usize, &Offer)| Reverse((offer.preference, offer.served));
    let (best, _) = offers.iter().enumerate().min_by_key(rank)?;
    Some(offers.remove(best))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Duid, Parameters};

    // RFC 9915, 18.2.9: the ADVERTISE with the highest preference is taken, then the one that offers most, then the first.
    #[test]
    fn preference_wins_then_what_is_offered_then_the_first() {
        let offer = |number, preference, served| Offer {
            preference,
            served,
            lease: Lease {
                server: Duid::uuid([number; 16]),
                ias: Vec::new(),
                parameters: Parameters::default(),
                reconfigure: None,
            },
        };
        let mut offers = vec![
            offer(1, 0, 2),
            offer(2, 7, 1),
            offer(3, 7, 2),
            offer(4, 7, 2),
        ];
        let order: Vec<u8> = std::iter::from_fn(|| take_best(&mut offers))
            .map(|offer| offer.lease.server.as_bytes()[2])
            .collect();
        assert_eq!(order, [3, 4, 2, 1]);
    }
}
