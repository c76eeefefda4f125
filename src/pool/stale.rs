//! For how long clients use addresses of a prefix that their router does not advertise any more. Pure.
//!
//! A router that reboots and gets another prefix should say that the old one is not to be used (RFC 9096, 3.5). Of one that does not,
//! clients go on sending from addresses that nobody routes to. That is counted from the advertisement that names another prefix until
//! no address of the old one is preferred.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use crate::client::ipv6::{AddressState, Ipv6State};
use crate::identity::ClientNumber;
use lanherd_types::ipv6::Prefix;

/// All clients that prefer, or have preferred, addresses of a stale prefix.
#[derive(Debug, Default)]
pub(super) struct StalePrefixes {
    /// Those that do, since when.
    now: BTreeMap<(ClientNumber, Prefix), Instant>,
    /// Those that will, once it is known that nobody else has their address.
    verifying: BTreeSet<(ClientNumber, Prefix)>,
    /// For how long each did before, in all.
    before: BTreeMap<ClientNumber, Duration>,
    ended: StaleTime,
}

/// For how long clients preferred addresses of stale prefixes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StaleTime {
    /// How often a client did.
    pub count: u64,
    /// For how long, all together.
    pub total: Duration,
    /// For how long at most, at a stretch.
    pub longest: Duration,
}

impl StaleTime {
    fn lasted(&mut self, lasted: Duration) {
        self.count += 1;
        self.total += lasted;
        self.longest = self.longest.max(lasted);
    }
}

impl StalePrefixes {
    /// A router advertises another prefix to a client, which has this of IPv6.
    pub(super) fn renumbered(
        &mut self,
        number: ClientNumber,
        old: Prefix,
        new: Prefix,
        state: Option<&Ipv6State>,
        now: Instant,
    ) {
        self.end(now, |stale| *stale == (number, new));
        self.verifying.remove(&(number, new));
        let Some(state) = state else { return };
        if prefers(state, old) {
            self.now.entry((number, old)).or_insert(now);
        } else if has(state, old, AddressState::Tentative) {
            self.verifying.insert((number, old));
        }
    }

    /// All that a client has of IPv6 now.
    pub(super) fn told(&mut self, number: ClientNumber, state: &Ipv6State, now: Instant) {
        self.end(now, |(client, prefix)| {
            *client == number && !prefers(state, *prefix)
        });
        if self.verifying.is_empty() {
            return;
        }
        let running = &mut self.now;
        self.verifying.retain(|stale| {
            let (client, prefix) = *stale;
            if client != number {
                return true;
            }
            if prefers(state, prefix) {
                running.entry(*stale).or_insert(now);
                return false;
            }
            has(state, prefix, AddressState::Tentative)
        });
    }

    /// The life of a client has ended, and with it its addresses.
    pub(super) fn ended(&mut self, number: ClientNumber, now: Instant) {
        self.end(now, |(client, _)| *client == number);
        self.verifying.retain(|(client, _)| *client != number);
    }

    /// A client that is no more; the sums keep its time.
    pub(super) fn forget(&mut self, number: ClientNumber) {
        self.before.remove(&number);
    }

    /// For how long a client did, in all.
    pub(super) fn of(&self, number: ClientNumber, now: Instant) -> Duration {
        let running = self.now.iter();
        let running = running
            .filter(|((client, _), _)| *client == number)
            .map(|(_, since)| now.saturating_duration_since(*since));
        let before = self.before.get(&number).copied();
        running.sum::<Duration>() + before.unwrap_or_default()
    }

    /// Of all clients, until now.
    pub(super) fn all(&self, now: Instant) -> StaleTime {
        let mut all = self.ended;
        for since in self.now.values() {
            all.lasted(now.saturating_duration_since(*since));
        }
        all
    }

    fn end(&mut self, now: Instant, mut is_over: impl FnMut(&(ClientNumber, Prefix)) -> bool) {
        if self.now.is_empty() {
            return;
        }
        let (before, ended) = (&mut self.before, &mut self.ended);
        self.now.retain(|stale, since| {
            if !is_over(stale) {
                return true;
            }
            let lasted = now.saturating_duration_since(*since);
            *before.entry(stale.0).or_default() += lasted;
            ended.lasted(lasted);
            false
        });
    }
}

/// Whether an address of the prefix is chosen for what is new.
fn prefers(state: &Ipv6State, prefix: Prefix) -> bool {
    has(state, prefix, AddressState::Preferred)
}

/// Whether an address of the prefix is in that state.
fn has(state: &Ipv6State, prefix: Prefix, wanted: AddressState) -> bool {
    let mut all = state.addresses.iter();
    all.any(|held| held.state == wanted && prefix.contains(held.address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::ipv6::{AddressOrigin, HeldAddress};

    const ONE: ClientNumber = ClientNumber(1);

    fn prefix(text: &str) -> Prefix {
        text.parse().expect("a prefix")
    }

    fn state(addresses: &[(&str, AddressState)]) -> Ipv6State {
        let held = |(address, state): &(&str, AddressState)| HeldAddress {
            address: address.parse().expect("an address"),
            origin: AddressOrigin::Stable,
            state: *state,
            preferred_until: None,
            valid_until: None,
        };
        Ipv6State {
            addresses: addresses.iter().map(held).collect(),
            ..Ipv6State::default()
        }
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn time_on_a_stale_prefix_ends_when_no_address_of_it_is_preferred() {
        let (old, new) = (prefix("2001:db8:1::/64"), prefix("2001:db8:2::/64"));
        let start = Instant::now();
        let mut stale = StalePrefixes::default();
        let before = state(&[("2001:db8:1::5", AddressState::Preferred)]);
        stale.renumbered(ONE, old, new, Some(&before), start);
        let both = [
            ("2001:db8:1::5", AddressState::Preferred),
            ("2001:db8:2::5", AddressState::Preferred),
        ];
        stale.told(ONE, &state(&both), start + seconds(1));
        assert_eq!(stale.of(ONE, start + seconds(10)), seconds(10));
        let after = [
            ("2001:db8:1::5", AddressState::Deprecated),
            ("2001:db8:2::5", AddressState::Preferred),
        ];
        stale.told(ONE, &state(&after), start + seconds(30));
        let told = StaleTime {
            count: 1,
            total: seconds(30),
            longest: seconds(30),
        };
        assert_eq!(stale.all(start + seconds(99)), told);
        assert_eq!(stale.of(ONE, start + seconds(99)), seconds(30));
        stale.forget(ONE);
        assert_eq!(stale.all(start + seconds(99)), told);
    }

    #[test]
    fn a_prefix_that_was_withdrawn_or_comes_back_is_not_stale() {
        let (old, new) = (prefix("2001:db8:1::/64"), prefix("2001:db8:2::/64"));
        let start = Instant::now();
        let mut stale = StalePrefixes::default();
        let withdrawn = state(&[("2001:db8:1::5", AddressState::Deprecated)]);
        stale.renumbered(ONE, old, new, Some(&withdrawn), start);
        stale.renumbered(ONE, old, new, None, start);
        assert_eq!(stale.all(start + seconds(9)), StaleTime::default());
        let preferred = state(&[("2001:db8:1::5", AddressState::Preferred)]);
        stale.renumbered(ONE, old, new, Some(&preferred), start);
        stale.renumbered(ONE, new, old, Some(&preferred), start + seconds(4));
        assert_eq!(stale.all(start + seconds(9)).total, seconds(4));
        stale.renumbered(ONE, old, new, Some(&preferred), start + seconds(9));
        stale.ended(ONE, start + seconds(10));
        assert_eq!(stale.of(ONE, start + seconds(99)), seconds(5));
    }

    // A prefix may be replaced while the kernel still asks who else has its address, which is used afterwards.
    #[test]
    fn an_address_that_is_verified_after_its_prefix_was_replaced_is_used_from_then_on() {
        let (old, new) = (prefix("2001:db8:1::/64"), prefix("2001:db8:2::/64"));
        let (mut stale, begun) = (StalePrefixes::default(), Instant::now());
        let at = |seconds| begun + Duration::from_secs(seconds);
        let with = |is| state(&[("2001:db8:1::7", is)]);
        stale.renumbered(ONE, old, new, Some(&with(AddressState::Tentative)), at(0));
        stale.told(ONE, &with(AddressState::Tentative), at(1));
        assert_eq!(stale.of(ONE, at(1)), Duration::ZERO, "it is not used yet");
        stale.told(ONE, &with(AddressState::Preferred), at(2));
        assert_eq!(stale.of(ONE, at(9)), Duration::from_secs(7));
        stale.told(ONE, &with(AddressState::Deprecated), at(10));
        assert_eq!(stale.all(at(20)).longest, Duration::from_secs(8));
        // Somebody else had it, or the old prefix is back: nothing is counted.
        for back in [false, true] {
            let two = ClientNumber(2);
            stale.renumbered(two, old, new, Some(&with(AddressState::Tentative)), at(20));
            if back {
                stale.renumbered(two, new, old, Some(&with(AddressState::Tentative)), at(21));
            } else {
                stale.told(two, &state(&[]), at(21));
            }
            stale.told(two, &with(AddressState::Preferred), at(22));
            assert_eq!(stale.of(two, at(30)), Duration::ZERO, "{back}");
        }
    }
}
