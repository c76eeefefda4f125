//! Prefixes: which are on the link, which addresses are formed with, and for how long.

use super::*;

fn with(prefix: Prefix, change: impl FnOnce(&mut PrefixInformation)) -> NdOption {
    let NdOption::Prefix(mut information) = pio(prefix, DAY, 4 * HOUR) else {
        unreachable!();
    };
    change(&mut information);
    NdOption::Prefix(information)
}

fn deprecated(address: Ipv6Addr, announced: bool) -> Event {
    Event::AddressDeprecated { address, announced }
}

fn lost(address: Ipv6Addr) -> Event {
    let why = AddressLoss::Expired;
    Event::AddressLost { address, why }
}

// RFC 4862, 5.5.3: a link-local prefix is ignored.
#[test]
fn s9_a_link_local_prefix_is_nothing_a_router_has_to_advertise() {
    for text in ["fe80::/64", "fe80::/10", "febf:1::/64"] {
        let mut harness = Harness::soliciting();
        harness.receive(&ra(1800, vec![pio(prefix(text), DAY, DAY)]));
        assert_eq!(
            harness.ignored(),
            [(Ignored::LinkLocalPrefix, Some(3))],
            "{text}"
        );
        assert_eq!(
            (harness.addresses(), harness.on_link()),
            (vec![], vec![]),
            "{text}"
        );
    }
    for text in ["ff02::/64", "::/64", "::1/128"] {
        let mut harness = Harness::soliciting();
        harness.receive(&ra(1800, vec![pio(prefix(text), DAY, DAY)]));
        assert_eq!(
            harness.ignored(),
            [(Ignored::UnusablePrefix, Some(3))],
            "{text}"
        );
        assert_eq!(harness.addresses(), [], "{text}");
    }
}

// RFC 4862, 5.5.3: a prefix that is preferred for longer than it is valid forms no address.
#[test]
fn s9_preferred_beyond_valid_forms_no_address_and_stays_on_the_link() {
    let mut harness = Harness::soliciting();
    harness.receive(&ra(1800, vec![pio(home(), 100, 101)]));
    assert_eq!(
        harness.ignored(),
        [(Ignored::PreferredBeyondValid, Some(3))]
    );
    assert_eq!(
        (harness.addresses(), harness.on_link()),
        (vec![], vec![home()])
    );
}

// RFC 4862, 5.5.3: a prefix and an identifier of 64 bits have 128 together, or form no address.
#[test]
fn s9_a_prefix_of_56_bits_forms_no_address_and_is_on_the_link() {
    let mut harness = Harness::soliciting();
    let wide = prefix("2001:db8:7700::/56");
    harness.receive(&ra(1800, vec![pio(wide, DAY, DAY)]));
    assert_eq!(harness.ignored(), [(Ignored::PrefixLength, Some(3))]);
    assert_eq!(
        (harness.addresses(), harness.on_link()),
        (vec![], vec![wide])
    );
}

// RFC 4862, 5.5.3: a prefix without the A flag forms no address.
// RFC 4862, 5.5.3: a prefix that is new and not valid forms no address.
#[test]
fn s9_on_the_link_and_for_addresses_are_two_things() {
    let mut harness = Harness::soliciting();
    let option = with(home(), |it| it.autonomous = false);
    harness.receive(&ra(1800, vec![option]));
    assert_eq!(
        (harness.addresses(), harness.on_link()),
        (vec![], vec![home()])
    );
    let option = with(other(), |it| it.on_link = false);
    harness.receive(&ra(1800, vec![option]));
    assert_eq!(harness.on_link(), [home()]);
    assert!(other().contains(harness.address().address));
    let gone = prefix("2001:db8:99::/64");
    harness.receive(&ra(1800, vec![pio(gone, 0, 0)]));
    assert_eq!(
        (harness.addresses().len(), harness.on_link()),
        (1, vec![home()])
    );
    assert_eq!(harness.ignored(), []);
}

// RFC 4861, 6.3.4: a prefix with the L flag is on the link for its valid lifetime, and no longer from a lifetime of 0 on.
// RFC 4861, 6.3.5: a prefix whose lifetime has ended is not on the link any more.
#[test]
fn s9_a_prefix_is_on_the_link_until_its_lifetime_ends_or_is_0() {
    let mut harness = Harness::soliciting();
    harness.receive(&ra(
        1800,
        vec![pio(home(), 100, 100), pio(other(), DAY, DAY)],
    ));
    harness.until(99.0);
    assert_eq!(harness.on_link(), [home(), other()]);
    // Without the flag nothing is said about it.
    harness.receive(&ra(1800, vec![with(other(), |it| it.on_link = false)]));
    harness.until(100.0);
    assert_eq!(harness.on_link(), [other()]);
    harness.receive(&ra(1800, vec![pio(other(), 0, 0)]));
    assert_eq!(harness.on_link(), []);
}

#[test]
fn s9_prefixes_beyond_what_is_kept_are_ignored_and_told() {
    let mut harness = Harness::soliciting();
    let all = (1..=17).map(|number| prefix(&format!("2001:db8:{number:x}::/64")));
    harness.receive(&ra(1800, all.map(|it| pio(it, DAY, DAY)).collect()));
    let over = (Ignored::OverLimit, Some(3));
    assert_eq!(harness.ignored(), [over, over]);
    assert_eq!(
        (harness.addresses().len(), harness.on_link().len()),
        (16, 16)
    );
}

// RFC 4862, 5.5.3: what remains of a valid lifetime is not shortened to less than two hours.
#[test]
fn s10_the_two_hour_rule() {
    // What was advertised, what is advertised after an hour, and what remains then.
    for (before, now, remains, is_told) in [
        // Above two hours, or above what remains: as it stands.
        (DAY, 3 * HOUR, 3 * HOUR, false),
        (2 * HOUR, 90 * 60, 90 * 60, false),
        (90 * 60, DAY, DAY, false),
        // Two hours at most remain: nothing changes.
        (3 * HOUR, 60, 2 * HOUR, true),
        (2 * HOUR, 60, HOUR, true),
        (2 * HOUR, 0, HOUR, true),
        // More remains: two hours.
        (DAY, 60, 2 * HOUR, true),
        (DAY, 0, 2 * HOUR, true),
        (DAY, 2 * HOUR, 2 * HOUR, true),
    ] {
        let mut harness = Harness::configured_with(config(), before, 600);
        harness.until(3600.0);
        harness.forget();
        harness.receive(&ra(1800, vec![pio(home(), now, 0)]));
        let wanted = harness.at(3600.0 + f64::from(remains));
        assert_eq!(harness.host.prefixes[1].valid, wanted, "{before} {now}");
        let told = [(Ignored::TwoHourRule, Some(3))];
        assert_eq!(
            harness.ignored(),
            told[usize::from(!is_told)..],
            "{before} {now}"
        );
        harness.until(3600.0 + f64::from(remains));
        assert_eq!(harness.addresses(), []);
    }
}

#[test]
fn s10_without_the_two_hour_rule_a_prefix_can_be_withdrawn() {
    let config = Config {
        two_hour_rule: false,
        ..config()
    };
    let mut harness = Harness::configured_with(config.clone(), DAY, 4 * HOUR);
    let address = harness.address().address;
    harness.receive(&ra(1800, vec![pio(home(), 60, 60)]));
    harness.until(60.0);
    assert_eq!(harness.addresses(), []);
    assert!(harness.happened().contains(&lost(address)));
    let mut harness = Harness::configured_with(config, DAY, 4 * HOUR);
    harness.receive(&ra(1800, vec![pio(home(), 0, 0)]));
    assert_eq!(harness.addresses(), []);
    assert!(harness.happened().contains(&lost(address)));
}

// RFC 4862, 5.5.4: an address whose preferred lifetime has ended is deprecated, and stays.
// RFC 4862, 5.5.3: the preferred lifetime is always taken as it stands.
#[test]
fn s11_a_preferred_lifetime_of_0_deprecates_at_once_and_another_prefers_again() {
    let mut harness = Harness::configured();
    let address = harness.address().address;
    harness.until(10.0);
    harness.receive(&ra(1800, vec![pio(home(), DAY, 0)]));
    assert_eq!(harness.happened(), [deprecated(address, true)]);
    let [Change::SetAddress(set)] = harness.changed()[..] else {
        panic!("not one change");
    };
    assert_eq!((set.address, set.preferred), (address, harness.at(10.0)));
    assert!(set.valid > harness.at(3600.0));
    // Said again it is nothing new.
    harness.until(20.0);
    harness.receive(&ra(1800, vec![pio(home(), DAY, 0)]));
    assert_eq!((harness.happened(), harness.changed()), (vec![], vec![]));
    harness.receive(&ra(1800, vec![pio(home(), DAY, 600)]));
    assert_eq!(harness.happened(), [Event::AddressPreferred(address)]);
    assert_eq!(harness.address().preferred, harness.at(620.0));
}

// RFC 4862, 5.5.4: an address whose preferred lifetime has ended is deprecated, and stays.
// RFC 4862, 5.5.4: an address is not used beyond its valid lifetime.
// RFC 4861, 6.3.4: a lifetime counts from when the advertisement arrived.
#[test]
fn s12_lifetimes_run_from_the_arrival_and_end_one_after_the_other() {
    let mut harness = Harness::soliciting();
    harness.until(5.0);
    harness.receive(&ra(0, vec![pio(home(), 200, 100)]));
    let address = harness.address().address;
    harness.until(300.0);
    let ends: Vec<_> = harness
        .events
        .iter()
        .filter(|(at, _)| *at > 5.0)
        .cloned()
        .collect();
    // The advertisement was an answer, if of no router: nothing says that there was none.
    let wanted = [(105.0, deprecated(address, false)), (205.0, lost(address))];
    assert_eq!(ends, wanted);
}

// RFC 4861, 4.6.2: a lifetime of 0xffffffff does not end.
#[test]
fn s12_an_infinite_lifetime_never_ends() {
    let mut harness = Harness::soliciting();
    harness.receive(&ra(0, vec![pio(home(), u32::MAX, u32::MAX)]));
    harness.until(100.0 * 366.0 * 86_400.0);
    assert_eq!(harness.address().valid, Until::NEVER);
    assert_eq!(harness.on_link(), [home()]);
}

// RFC 7217, 5: an identifier depends on prefix, interface, network, counter and secret.
#[test]
fn s13_addresses_are_the_same_in_every_run_and_differ_between_prefixes() {
    let run = |seed| {
        let mut harness = Harness::new(config(), seed);
        harness.tell(Host::start);
        harness.until(0.0);
        harness.receive(&ra(
            1800,
            vec![pio(home(), DAY, DAY), pio(other(), DAY, DAY)],
        ));
        let all: Vec<_> = harness.host.addresses().map(|it| it.address).collect();
        all
    };
    assert_eq!(run(1), run(2));
    let low = |address: &Ipv6Addr| address.to_bits() & u128::from(u64::MAX);
    let identifiers: std::collections::BTreeSet<u128> = run(1).iter().map(low).collect();
    assert_eq!(identifiers.len(), 3);
}

// RFC 4291, 2.5.1: an identifier of 64 bits is made of a hardware address of 48.
#[test]
fn s13_a_device_may_show_its_hardware_address() {
    let config = Config {
        identifiers: Identifiers::Eui64,
        ..config()
    };
    let harness = Harness::configured_with(config, DAY, DAY);
    assert_eq!(
        harness.address().address.to_string(),
        "2001:db8:77::5eff:fe10:32"
    );
    let link_local = harness.host.link_local().expect("one");
    assert_eq!(link_local.to_string(), "fe80::5eff:fe10:32");
}

#[test]
fn a_prefix_that_another_follows_is_renumbered_whether_it_is_announced_or_not() {
    let renumbered = |announced| Event::PrefixRenumbered {
        router: ROUTER,
        old: home(),
        new: other(),
        announced,
    };
    // At once, and told.
    let mut harness = Harness::configured();
    let old = harness.address().address;
    harness.receive(&ra(
        1800,
        vec![pio(home(), HOUR, 0), pio(other(), DAY, DAY)],
    ));
    let happened = harness.happened();
    assert!(happened.contains(&renumbered(true)), "{happened:?}");
    assert!(happened.contains(&deprecated(old, true)), "{happened:?}");
    // At once, and in silence: the old address stays preferred, which is the bug that half of all routers have.
    let mut harness = Harness::configured();
    harness.receive(&ra(1800, vec![pio(other(), DAY, DAY)]));
    assert!(harness.happened().contains(&renumbered(false)));
    let preferred = harness
        .addresses()
        .iter()
        .filter(|it| !it.preferred.has_come(harness.now))
        .count();
    assert_eq!(preferred, 2);
    // The new one first, the old one later.
    let mut harness = Harness::configured();
    harness.receive(&ra(
        1800,
        vec![pio(home(), DAY, DAY), pio(other(), DAY, DAY)],
    ));
    assert!(
        !harness
            .happened()
            .iter()
            .any(|it| matches!(it, Event::PrefixRenumbered { .. }))
    );
    harness.receive(&ra(1800, vec![pio(other(), DAY, DAY)]));
    assert_eq!(harness.happened(), [renumbered(false)]);
    // Another router's other prefix is no renumbering.
    let mut harness = Harness::configured();
    harness.receive(&ra_from(
        OTHER_ROUTER,
        body(1800),
        vec![pio(other(), DAY, DAY)],
    ));
    assert!(
        !harness
            .happened()
            .iter()
            .any(|it| matches!(it, Event::PrefixRenumbered { .. }))
    );
}

#[test]
fn s25_it_is_known_which_router_advertises_which_prefix() {
    let mut harness = Harness::configured();
    harness.receive(&ra_from(
        OTHER_ROUTER,
        body(1800),
        vec![pio(other(), DAY, DAY)],
    ));
    let advertisers = |prefix| harness.host.advertisers_of(prefix).collect::<Vec<_>>();
    assert_eq!(advertisers(home()), [ROUTER]);
    assert_eq!(advertisers(other()), [OTHER_ROUTER]);
}

// RFC 9762: a prefix with the P flag is told, and used all the same.
#[test]
fn s26_a_prefix_that_should_rather_be_delegated_is_told_once() {
    let mut harness = Harness::soliciting();
    let option = with(home(), |it| it.delegation_preferred = true);
    for times in [1, 0] {
        harness.receive(&ra(1800, vec![option.clone()]));
        let told = Event::DelegationPreferred(home());
        let told = harness
            .happened()
            .into_iter()
            .filter(|it| *it == told)
            .count();
        assert_eq!(told, times);
    }
    assert_eq!(harness.addresses().len(), 1);
}

#[test]
fn what_is_of_no_use_is_told_once_for_as_long_as_it_is_said() {
    let mut harness = Harness::soliciting();
    let bad = || ra(1800, vec![pio(home(), 100, 101), NdOption::Mtu(9000)]);
    harness.receive(&bad());
    assert_eq!(harness.ignored().len(), 2);
    for _ in 0..10 {
        harness.receive(&bad());
        assert_eq!(harness.ignored(), []);
    }
    harness.receive(&ra(1800, vec![]));
    harness.receive(&bad());
    assert_eq!(harness.ignored().len(), 2);
    // An option that the codec passed over, too.
    let mut packet = ra(1800, vec![]);
    packet.message.notes.remarks.push(crate::Remark {
        option: Some(5),
        offset: 64,
        length: 16,
        reason: crate::RemarkReason::Length,
    });
    for times in [1, 0] {
        harness.receive(&packet);
        let is_remark = |it: &Event| matches!(it, Event::Remarked { .. });
        let told = harness.happened().into_iter().filter(is_remark).count();
        assert_eq!(told, times);
    }
}
