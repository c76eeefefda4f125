//! Which addresses are formed: of the MAC, stable ones, and temporary ones over days.

use super::*;
use lanherd_types::ipv6::AddressFormation;

const DAY: f64 = 86_400.0;

fn forming(formation: AddressFormation) -> Timeline {
    let mut timeline = Timeline::new(|config| config.set_formation(formation));
    let mut router = advertised(false, false, &[prefix(PREFIX, 7 * 86_400, 30 * 86_400)]);
    router.body.lifetime = u16::MAX;
    timeline.router = Some(router);
    timeline.start();
    timeline.run(10.0);
    timeline
}

impl Timeline {
    fn of_origin(&self, origin: AddressOrigin) -> Vec<(Ipv6Addr, AddressState)> {
        let all = self.stack.state().addresses.iter();
        all.filter(|it| it.origin == origin)
            .map(|it| (it.address, it.state))
            .collect()
    }
}

#[test]
fn a_setting_says_which_addresses_are_formed() {
    let stable = forming(AddressFormation::Stable);
    let eui64 = forming(AddressFormation::Eui64);
    let formed = |timeline: &Timeline| timeline.of_origin(AddressOrigin::Stable)[0].0;
    assert_ne!(formed(&stable), formed(&eui64));
    assert_eq!(formed(&eui64).to_string(), "2001:db8:77::5eff:fe10:1");
    let link_local = eui64.stack.state().link_local().expect("one");
    assert_eq!(link_local.to_string(), "fe80::5eff:fe10:1");
    for timeline in [stable, eui64] {
        assert_eq!(timeline.of_origin(AddressOrigin::Temporary), []);
        assert_eq!(timeline.set.sources, [] as [Ipv6Addr; 0]);
    }
}

// RFC 8981, 3.5: the next temporary address is formed before the last one is deprecated.
#[test]
fn two_days_of_temporary_addresses_have_always_one_that_is_sent_from() {
    let mut timeline = forming(AddressFormation::Temporary);
    let stable = timeline.of_origin(AddressOrigin::Stable);
    let first = timeline.of_origin(AddressOrigin::Temporary);
    assert_eq!(first.len(), 1);
    let mut seen = vec![first[0].0];
    let mut deprecated = 0;
    // An advertisement each twenty minutes.
    while (timeline.now - timeline.start).as_secs_f64() < 2.0 * DAY + 600.0 {
        timeline.advertise();
        timeline.run(1200.0);
        let now = timeline.of_origin(AddressOrigin::Temporary);
        let is_preferred = |it: &&(Ipv6Addr, AddressState)| it.1 == AddressState::Preferred;
        let preferred: Vec<_> = now.iter().filter(is_preferred).map(|it| it.0).collect();
        assert!(!preferred.is_empty(), "{now:?}");
        // New things are sent from the latest of them, whatever chooses.
        let latest = *preferred.last().expect("one");
        assert_eq!(timeline.set.sources.first(), Some(&latest), "{now:?}");
        let state = timeline.stack.state();
        let first = state.global().next().map(|it| it.origin);
        assert_eq!(first, Some(AddressOrigin::Temporary));
        deprecated += now.len() - preferred.len();
        seen.extend(now.iter().map(|it| it.0));
        seen.sort_unstable();
        seen.dedup();
    }
    // Each is preferred for 14 to 24 hours, and gone after two days.
    assert!((3..=5).contains(&seen.len()), "{seen:?}");
    assert!(deprecated > 0);
    let left = timeline.of_origin(AddressOrigin::Temporary);
    assert!(left.iter().all(|it| *it != first[0]), "{left:?}");
    assert_eq!(timeline.of_origin(AddressOrigin::Stable), stable);
    assert_eq!(timeline.failures(), []);
}

// RFC 8981, 3.4: a temporary address that somebody else has is replaced, three times, and then given up.
#[test]
fn a_temporary_address_that_somebody_has_is_replaced() {
    let mut timeline = Timeline::new(|config| config.set_formation(AddressFormation::Temporary));
    timeline.router = Some(advertised(false, false, &[prefix(PREFIX, 86_400, 86_400)]));
    timeline.start();
    timeline.run(1.1);
    let taken: Vec<_> = timeline
        .set
        .addresses
        .iter()
        .map(|it| it.address)
        .filter(|it| !it.is_unicast_link_local())
        .collect();
    let stable = timeline.of_origin(AddressOrigin::Stable)[0].0;
    let temporary = taken.into_iter().find(|it| *it != stable).expect("one");
    timeline.squatters.insert(temporary);
    timeline.run(10.0);
    let now = timeline.of_origin(AddressOrigin::Temporary);
    assert!(now.len() == 1 && now[0].0 != temporary, "{now:?}");
    assert_eq!(now[0].1, AddressState::Preferred);
    assert!(timeline.kinds().contains(&Ipv6EventKind::AddressDuplicate));
}
