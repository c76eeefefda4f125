//! What the caller is told to make of the interface: only what changes, and in time.

use super::*;

// RFC 4862, 5.5.4: an address is not used beyond its valid lifetime.
#[test]
fn an_advertisement_that_says_the_same_is_told_only_when_half_of_what_stands_is_over() {
    let mut harness = Harness::configured_with(config(), 1000, 800);
    for second in 1..=10 {
        harness.until(f64::from(second * 10));
        harness.receive(&ra(1800, vec![pio(home(), 1000, 800)]));
        assert_eq!((harness.changed(), harness.happened()), (vec![], vec![]));
    }
    // In a day of one advertisement each 10 s, a change for each half of each lifetime, and no event.
    let mut told = 0;
    for second in 11..8640 {
        harness.until(f64::from(second * 10));
        harness.receive(&ra(1800, vec![pio(home(), 1000, 800)]));
        told += harness.changed().len();
    }
    assert_eq!(harness.events, []);
    // The address each 400 s, its prefix' route each 500, the default route each 900.
    let wanted = 86_400 / 400 + 86_400 / 500 + 86_400 / 900;
    assert!(
        (wanted - 40..=wanted + 10).contains(&told),
        "{told}, not {wanted}"
    );
}

#[test]
fn what_stands_is_renewed_before_it_ends_when_advertisements_stay_away() {
    let mut harness = Harness::configured_with(config(), 1000, 1000);
    harness.until(100.0);
    harness.receive(&ra(1800, vec![pio(home(), 1000, 1000)]));
    assert_eq!(harness.changed(), []);
    harness.until(999.0);
    let renewed: Vec<f64> = harness
        .changes
        .iter()
        .filter(|(_, change)| matches!(change, Change::SetAddress(_)))
        .map(|(at, _)| *at)
        .collect();
    assert_eq!(renewed, [750.0]);
    assert_eq!(harness.address().valid, harness.at(1100.0));
}

#[test]
fn a_shorter_lifetime_is_told_at_once_and_one_that_counts_down_is_not() {
    let mut harness = Harness::configured_with(config(), DAY, 2 * HOUR);
    harness.until(100.0);
    // A router that counts down.
    harness.receive(&ra(1800, vec![pio(home(), DAY - 101, 2 * HOUR - 101)]));
    assert_eq!(harness.changed(), []);
    harness.receive(&ra(1800, vec![pio(home(), DAY - 100, HOUR)]));
    let [Change::SetAddress(address)] = harness.changed()[..] else {
        panic!("not one change");
    };
    assert_eq!(address.preferred, harness.at(3700.0));
    harness.receive(&ra(60, vec![]));
    let [Change::SetRoute(route)] = harness.changed()[..] else {
        panic!("not one change");
    };
    assert_eq!(route.valid, harness.at(160.0));
}

#[test]
fn what_was_removed_by_others_is_told_again_on_demand() {
    let mut harness = Harness::configured();
    harness.receive(&ra(1800, vec![NdOption::Mtu(1400)]));
    let standing = harness.host.addresses().count() + harness.host.routes().count();
    harness.forget();
    harness.tell(Host::repeat);
    assert_eq!(harness.changed().len(), standing + 1);
    assert_eq!(
        harness.host.addresses().count() + harness.host.routes().count(),
        standing
    );
    assert_eq!(harness.happened(), []);
}

#[test]
fn routes_go_before_the_addresses_and_come_after_them() {
    let mut harness = Harness::soliciting();
    harness.forget();
    harness.receive(&ra(1800, vec![pio(home(), DAY, DAY)]));
    let is_address =
        |change: &Change| matches!(change, Change::SetAddress(_) | Change::RemoveAddress(_));
    let kinds: Vec<bool> = harness.changed().iter().map(is_address).collect();
    assert_eq!(kinds, [true, false, false]);
    harness.tell(Host::stop);
    let kinds: Vec<bool> = harness.changed().iter().map(is_address).collect();
    assert_eq!(kinds, [false, false, true, true]);
}
