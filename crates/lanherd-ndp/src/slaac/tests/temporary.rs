//! Temporary addresses (RFC 8981): when they come, how long they stay, and that they overlap.

use std::collections::BTreeSet;

use super::*;

fn with_temporary() -> Config {
    Config {
        temporary: Some(TemporaryPolicy::RFC_8981),
        ..config()
    }
}

impl Harness {
    fn temporary(&self) -> Vec<InterfaceAddress> {
        let all = self.addresses();
        all.into_iter()
            .filter(|it| it.kind == AddressKind::Temporary)
            .collect()
    }

    fn preferred_temporary(&self) -> usize {
        let all = self.temporary();
        all.iter()
            .filter(|it| !it.preferred.has_come(self.now))
            .count()
    }
}

// RFC 8981, 3.4: a temporary address is valid and preferred as its prefix, but for so long since it was formed at most.
// RFC 8981, 3.8: a temporary address is preferred for up to two fifths less than a day, by chance.
#[test]
fn s14_a_temporary_address_lasts_two_days_and_is_preferred_for_less_than_one() {
    let mut spread = Vec::new();
    for seed in 0..200 {
        let mut harness = Harness::new(with_temporary(), seed);
        harness.tell(Host::start);
        harness.until(0.0);
        harness.receive(&ra(0, vec![pio(home(), u32::MAX, u32::MAX)]));
        let [temporary] = harness.temporary()[..] else {
            panic!("not one");
        };
        assert_eq!(temporary.valid, harness.at(f64::from(2 * DAY)));
        let preferred = temporary.preferred.remaining(harness.now).expect("an end");
        spread.push(preferred.as_secs_f64() / f64::from(DAY));
        // The prefix' own lifetimes are shorter.
        let mut harness = Harness::new(with_temporary(), seed);
        harness.tell(Host::start);
        harness.until(0.0);
        harness.receive(&ra(0, vec![pio(home(), 7200, 3600)]));
        let temporary = harness.temporary()[0];
        let wanted = (harness.at(7200.0), harness.at(3600.0));
        assert_eq!((temporary.valid, temporary.preferred), wanted);
    }
    assert!(
        spread.iter().all(|share| (0.6..=1.0).contains(share)),
        "{spread:?}"
    );
    assert!(spread.iter().any(|share| *share < 0.65) && spread.iter().any(|share| *share > 0.95));
}

// RFC 8981, 3.5: the next temporary address is formed before the last one is deprecated.
// RFC 8981, 3.3.1: the identifier of a temporary address is random, a new one each time.
#[test]
fn s14_a_week_of_temporary_addresses_has_always_one_that_is_preferred() {
    let mut harness = Harness::soliciting_with(with_temporary());
    let options = || vec![pio(home(), 30 * DAY, 7 * DAY)];
    let mut seen = BTreeSet::new();
    // An advertisement each ten minutes, for a week.
    for round in 0..7 * 144 {
        harness.until(f64::from(round) * 600.0);
        harness.receive(&ra(1800, options()));
        let all = harness.temporary();
        assert!(all.len() <= 3, "{all:?}");
        let preferred = harness.preferred_temporary();
        assert!((1..=2).contains(&preferred), "{all:?}");
        seen.extend(all.iter().map(|it| it.address));
    }
    // Each lasts 0.6 to 1 day.
    assert!((7..=12).contains(&seen.len()), "{}", seen.len());
    let formed = |event: &Event| match event {
        Event::AddressFormed {
            address,
            kind: AddressKind::Temporary,
        } => Some(*address),
        _ => None,
    };
    let formed: Vec<_> = harness
        .events
        .iter()
        .filter_map(|(_, it)| formed(it))
        .collect();
    assert_eq!(formed.iter().collect::<BTreeSet<_>>().len(), formed.len());
    // Never for a moment was there none: the next came 5 s before.
    let mut preferred = 0_i32;
    for (at, event) in &harness.events {
        match event {
            Event::AddressUsable {
                kind: AddressKind::Temporary,
                ..
            } => preferred += 1,
            Event::AddressDeprecated { address, .. } if formed.contains(address) => preferred -= 1,
            _ => {}
        }
        assert!(*at < 0.001 || preferred >= 1, "{at}");
    }
}

// RFC 8981, 3.4: none is formed that would be preferred for less than REGEN_ADVANCE.
#[test]
fn s14_no_temporary_address_is_formed_that_would_be_over_at_once() {
    for (preferred, count) in [(0, 0), (5, 0), (6, 1)] {
        let mut harness = Harness::soliciting_with(with_temporary());
        harness.receive(&ra(1800, vec![pio(home(), DAY, preferred)]));
        assert_eq!(harness.temporary().len(), count, "{preferred}");
    }
    // A prefix that is deprecated by its router gets no other in its place.
    let mut harness = Harness::configured_with(with_temporary(), DAY, DAY);
    harness.receive(&ra(1800, vec![pio(home(), DAY, 0)]));
    harness.until(5.0 * 3600.0);
    assert_eq!(
        (harness.temporary().len(), harness.preferred_temporary()),
        (1, 0)
    );
}

// RFC 8981, 3.4: a temporary address is valid and preferred as its prefix, but for so long since it was formed at most.
#[test]
fn s14_advertisements_do_not_extend_a_temporary_address_beyond_its_days() {
    let mut harness = Harness::configured_with(with_temporary(), DAY, DAY / 2);
    let first = harness.temporary()[0].address;
    for hour in 1..60 {
        harness.until(f64::from(hour * HOUR));
        harness.receive(&ra(1800, vec![pio(home(), DAY, DAY / 2)]));
        let stands = harness.temporary().iter().any(|it| it.address == first);
        assert_eq!(stands, hour < 48, "{hour}");
    }
}

// RFC 8981, 3.4: a temporary address that somebody else has is replaced, three times, and then given up.
#[test]
fn s14_three_others_are_tried_and_then_the_prefix_has_none() {
    let config = Config {
        verifies: true,
        ..with_temporary()
    };
    let mut harness = Harness::soliciting_with(config);
    harness.receive(&ra(1800, vec![pio(home(), DAY, DAY)]));
    let mut tried = BTreeSet::new();
    for attempt in 0..4 {
        let [temporary] = harness.temporary()[..] else {
            panic!("not one: {:?}", harness.temporary());
        };
        tried.insert(temporary.address);
        harness.forget();
        harness.verify(temporary.address, Verification::Duplicate(Some(RIVAL)));
        let duplicate = Event::AddressDuplicate {
            address: temporary.address,
            holder: Some(RIVAL),
            retried: attempt < 3,
        };
        assert_eq!(harness.happened(), [duplicate]);
        harness.until(f64::from(attempt) + 1.0);
    }
    assert_eq!((tried.len(), harness.temporary()), (4, vec![]));
    harness.until(3600.0);
    harness.receive(&ra(1800, vec![pio(home(), DAY, DAY)]));
    assert_eq!(harness.temporary(), []);
}

#[test]
fn s14_a_policy_that_prefers_for_longer_than_it_is_valid_is_cut() {
    let policy = TemporaryPolicy {
        preferred: Duration::from_secs(7200),
        valid: Duration::from_secs(3600),
    };
    let config = Config {
        temporary: Some(policy),
        ..config()
    };
    let harness = Harness::configured_with(config, DAY, DAY);
    let temporary = harness.temporary()[0];
    assert_eq!(temporary.valid, harness.at(3600.0));
    assert!(temporary.preferred <= temporary.valid);
}
