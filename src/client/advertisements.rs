//! Router advertisements as they stand on the wire: one that comes to a thousand clients is one. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use crate::metrics::PassedOver6;

/// So many routers are told apart: there are rarely more than two, and names off the wire have a bound.
const MOST_ROUTERS: usize = 64;
/// Of so many packets it is known that they have been counted: they come to all clients within moments.
const KNOWN: usize = 64;
/// Of so many advertisements and reasons it is known that what was passed over has been counted.
const KNOWN_PASSED_OVER: usize = 256;

/// Which advertisements have been counted.
#[derive(Debug, Default)]
pub(super) struct Advertisements {
    /// When each router advertised to all the last time.
    latest: BTreeMap<Ipv6Addr, Instant>,
    known: VecDeque<(Ipv6Addr, Instant)>,
    passed_over: VecDeque<(Ipv6Addr, Instant, PassedOver6)>,
}

/// An advertisement that had not been counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NewAdvertisement {
    /// Since the one before of the same router to all nodes, if this is to all.
    pub(super) gap: Option<Duration>,
}

impl Advertisements {
    /// A client has one of this router, read off the wire at that moment; `None`: another client had it before.
    pub(super) fn heard(
        &mut self,
        router: Ipv6Addr,
        received: Instant,
        to_all: bool,
    ) -> Option<NewAdvertisement> {
        // Nobody else has what is to one client, whoever else is answered at that moment.
        if !to_all {
            return Some(NewAdvertisement { gap: None });
        }
        // A client that is behind comes to those that others have had, in a flood to more than are known: each client has them in their order.
        if self
            .latest
            .get(&router)
            .is_some_and(|latest| received <= *latest)
        {
            return None;
        }
        let one = (router, received);
        // The latest stand at the end, and it is one of them where it is known.
        if self.known.iter().rev().any(|known| *known == one) {
            return None;
        }
        if self.known.len() == KNOWN {
            self.known.pop_front();
        }
        self.known.push_back(one);
        let mut gap = None;
        if self.latest.len() < MOST_ROUTERS || self.latest.contains_key(&router) {
            let before = self.latest.insert(router, received);
            gap = before.map(|before| received.saturating_duration_since(before));
        }
        Some(NewAdvertisement { gap })
    }

    /// A client passed this over in an advertisement that was read off the wire at that moment; whether no other has before.
    ///
    /// What is to one client alone was read at a moment of its own.
    pub(super) fn passed_over(
        &mut self,
        router: Ipv6Addr,
        received: Instant,
        what: PassedOver6,
    ) -> bool {
        let one = (router, received, what);
        // The latest stand at the end, and it is one of them where it is known.
        if self.passed_over.iter().rev().any(|known| *known == one) {
            return false;
        }
        if self.passed_over.len() == KNOWN_PASSED_OVER {
            self.passed_over.pop_front();
        }
        self.passed_over.push_back(one);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

    #[test]
    fn one_that_comes_to_many_clients_is_counted_once_and_the_gap_is_between_those_to_all() {
        let (mut all, start) = (Advertisements::default(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(
            all.heard(ROUTER, start, true),
            Some(NewAdvertisement { gap: None })
        );
        assert_eq!(all.heard(ROUTER, start, true), None);
        // The answer to one client's solicitation is no part of the schedule.
        assert_eq!(
            all.heard(ROUTER, at(3), false),
            Some(NewAdvertisement { gap: None })
        );
        assert!(
            all.heard(ROUTER, at(3), false).is_some(),
            "to another client"
        );
        let gap = Some(Duration::from_secs(10));
        assert_eq!(
            all.heard(ROUTER, at(10), true),
            Some(NewAdvertisement { gap })
        );
        assert_eq!(all.heard(ROUTER, at(10), true), None);
    }

    #[test]
    fn a_client_that_is_behind_in_a_flood_counts_none_again() {
        let (mut all, start) = (Advertisements::default(), Instant::now());
        assert!(all.heard(ROUTER, start, true).is_some());
        for number in 0..1_000_u16 {
            let stranger = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 1, number);
            let at = start + Duration::from_millis(number.into());
            assert!(all.heard(stranger, at, true).is_some());
        }
        assert_eq!(all.heard(ROUTER, start, true), None);
    }

    #[test]
    fn what_many_clients_pass_over_in_one_advertisement_is_counted_once_for_each_reason() {
        let (mut all, start) = (Advertisements::default(), Instant::now());
        let mtu = PassedOver6::Advertisement("mtu_out_of_range");
        let prefix = PassedOver6::Advertisement("prefix_length");
        let first: Vec<bool> = [mtu, prefix, mtu, prefix]
            .map(|what| all.passed_over(ROUTER, start, what))
            .into();
        assert_eq!(first, [true, true, false, false]);
        assert!(all.passed_over(ROUTER, start + Duration::from_secs(10), mtu));
        let another = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
        assert!(all.passed_over(another, start, mtu));
    }

    #[test]
    fn whatever_comes_no_more_is_kept_than_the_bounds_say() {
        let (mut all, start) = (Advertisements::default(), Instant::now());
        for number in 0..1_000_u16 {
            let router = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 1, number);
            assert!(all.heard(router, start, true).is_some());
            assert!(all.passed_over(router, start, PassedOver6::Advertisement("code")));
        }
        assert_eq!((all.latest.len(), all.known.len()), (MOST_ROUTERS, KNOWN));
        assert_eq!(all.passed_over.len(), KNOWN_PASSED_OVER);
    }
}
