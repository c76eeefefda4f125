//! IPv6 that can be used: what it takes, and how long.

use super::*;

#[test]
fn a_prefix_and_a_router_are_enough_after_two_looks_for_duplicates() {
    let router = advertised(false, false, &[prefix(PREFIX, 1800, 3600)]);
    let mut timeline = Timeline::beside(router, Serves::Nothing);
    assert_eq!(timeline.stack.phase(), Phase::Dad);
    timeline.run(1.005);
    assert_eq!(timeline.stack.phase(), Phase::Router);
    timeline.run(0.5);
    assert_eq!(timeline.stack.phase(), Phase::Dad);
    timeline.run(8.0);
    let ups = timeline.ups();
    assert!(ups.len() == 1 && is_about(ups[0], 2.01), "{ups:?}");
    let Some((_, Output6::Up(took))) = timeline
        .said
        .iter()
        .find(|(_, said)| matches!(said, Output6::Up(_)))
    else {
        panic!("not up");
    };
    // It counts from the first message, which was sent when the link-local address was usable.
    assert!(is_about(took.as_secs_f64(), 1.01), "{took:?}");
    assert_eq!(timeline.stack.phase(), Phase::Online);
    let state = timeline.stack.state();
    assert!(state.is_usable && state.lease.is_none());
    assert_eq!(state.router(), Some(ROUTER));
    assert_eq!(state.routers[0].mac, Some(ROUTER_MAC));
    let global: Vec<_> = state.global().map(|it| (it.origin, it.state)).collect();
    assert_eq!(global, [(AddressOrigin::Stable, AddressState::Preferred)]);
    assert!(
        timeline
            .sent
            .iter()
            .all(|(_, it)| !matches!(it, Sent6::Dhcp6(_)))
    );
    // The kernel is told once of the link-local address and once of what the router says.
    assert_eq!(timeline.settings, 2);
}

#[test]
fn a_dhcpv6_client_is_made_when_routers_say_that_something_is_to_be_had_and_behaves_as_it_was_told()
{
    let neither = advertised(false, false, &[prefix(PREFIX, 1800, 3600)]);
    let mut timeline = Timeline::new(|config| config.dhcp6.rapid_commit = true);
    timeline.router = Some(neither);
    timeline.server = Serves::Leases;
    timeline.start();
    timeline.run(5.0);
    timeline.tell(Stack6::renew);
    timeline.tell(Stack6::release);
    timeline.tell(Stack6::reconnect);
    timeline.run(5.0);
    assert!(timeline.stack.dhcp.made().is_none());
    timeline.router = Some(advertised(true, false, &[prefix(PREFIX, 1800, 3600)]));
    timeline.advertise();
    timeline.run(5.0);
    let made = timeline.stack.dhcp.made().expect("it asks");
    assert!(made.config().rapid_commit && made.lease().is_some());
    assert_eq!(made.config().duid, Duid::link_layer(MAC));
}

#[test]
fn without_the_look_for_duplicates_it_is_usable_as_soon_as_the_router_answers() {
    let mut timeline = Timeline::new(|config| config.set_verifies(false));
    timeline.router = Some(advertised(false, false, &[prefix(PREFIX, 1800, 3600)]));
    timeline.start();
    timeline.run(1.0);
    assert!(is_about(timeline.ups()[0], 0.01), "{:?}", timeline.ups());
    assert_eq!(timeline.stack.state().global().count(), 1);
    assert!(
        timeline
            .set
            .addresses
            .iter()
            .all(|it| !it.detects_duplicates)
    );
}

#[test]
fn what_is_to_stand_on_the_link_is_what_the_router_says() {
    let mut router = advertised(
        false,
        false,
        &[prefix(PREFIX, 1800, 3600), NdOption::Mtu(1480)],
    );
    router.body.hop_limit = Some(32);
    let mut timeline = Timeline::beside(router, Serves::Nothing);
    timeline.run(5.0);
    let Addressing6 {
        addresses,
        routes,
        neighbours,
        ..
    } = &timeline.set;
    let [link_local, global] = addresses.as_slice() else {
        panic!("{addresses:?}");
    };
    assert!(link_local.is_on_link && link_local.valid_until.is_none());
    assert!(!global.is_on_link && global.prefix_len == 64);
    let end = |seconds| Some(timeline.start + Duration::from_secs(seconds) + DETECTION + LATENCY);
    assert_eq!(global.preferred_until, end(1800));
    assert_eq!(global.valid_until, end(3600));
    let led: Vec<_> = routes
        .iter()
        .map(|it| (it.prefix_len, it.gateway, it.mtu, it.hop_limit))
        .collect();
    let (mtu, hops) = (Some(1480), Some(32));
    assert_eq!(led, [(64, None, mtu, hops), (0, Some(ROUTER), mtu, hops)]);
    assert_eq!(neighbours.len(), 1);
    assert_eq!(neighbours[0].mac, Some(ROUTER_MAC));
}

#[test]
fn what_is_only_prolonged_is_not_set_each_time() {
    let router = advertised(false, false, &[prefix(PREFIX, 1800, 3600)]);
    let mut timeline = Timeline::beside(router, Serves::Nothing);
    timeline.run(5.0);
    let (before, said) = (timeline.settings, timeline.said.len());
    for _ in 0..100 {
        timeline.advertise();
        timeline.run(5.0);
    }
    assert_eq!((timeline.settings, timeline.said.len()), (before, said));
    // After half of the lifetimes they are.
    for _ in 0..100 {
        timeline.advertise();
        timeline.run(10.0);
    }
    assert!(
        timeline.settings > before && timeline.settings < before + 5,
        "{}",
        timeline.settings
    );
    assert_eq!(timeline.failures(), []);
}

#[test]
fn what_the_kernel_wants_to_be_told_again_is_told_again() {
    let router = advertised(false, false, &[prefix(PREFIX, 1800, 3600)]);
    let mut timeline = Timeline::beside(router, Serves::Nothing);
    timeline.run(5.0);
    let before = timeline.settings;
    let again_by = Some(timeline.now + Duration::from_secs(60));
    timeline.stack.configured(Configured6 {
        again_by,
        keeps_found: false,
    });
    timeline.run(59.0);
    assert_eq!(timeline.settings, before);
    timeline.run(2.0);
    assert_eq!(timeline.settings, before + 1);
    // And what somebody else removed.
    timeline.tell(Stack6::unconfigured);
    assert_eq!(timeline.settings, before + 2);
    timeline.run(600.0);
    assert_eq!(timeline.settings, before + 2);
}

#[test]
fn an_address_that_somebody_else_has_is_replaced() {
    let router = advertised(false, false, &[prefix(PREFIX, 1800, 3600)]);
    let mut timeline = Timeline::beside(router, Serves::Nothing);
    timeline.run(1.5);
    let taken = timeline.global()[0];
    timeline.squatters.insert(taken);
    timeline.run(5.0);
    assert!(timeline.kinds().contains(&Ipv6EventKind::AddressDuplicate));
    assert_eq!(timeline.ups().len(), 1);
    let [other] = timeline.global()[..] else {
        panic!("{:?}", timeline.global());
    };
    assert_ne!(other, taken);
    assert_eq!(timeline.failures(), []);
}

#[test]
fn another_link_is_asked_about_when_the_carrier_is_back() {
    let router = advertised(false, false, &[prefix(PREFIX, 1800, 3600)]);
    let mut timeline = Timeline::beside(router, Serves::Nothing);
    timeline.run(5.0);
    timeline.tell(Stack6::carrier_lost);
    assert!(!timeline.stack.is_usable() && !timeline.stack.state().is_usable);
    timeline.run(60.0);
    assert_eq!(timeline.failures(), [], "nothing can be had without a link");
    let before = timeline.sent(Sent6::RouterSolicitation).len();
    timeline.tell(Stack6::reconnect);
    assert_eq!(timeline.sent(Sent6::RouterSolicitation).len(), before + 1);
    assert!(!timeline.stack.is_usable());
    timeline.run(1.0);
    assert!(timeline.stack.is_usable());
    assert_eq!(timeline.ups().len(), 2);
    // On another link, with another router and prefix, the old addresses go.
    timeline.tell(Stack6::carrier_lost);
    let other = "2001:db8:88::/64";
    timeline.router = Some(advertised(false, false, &[prefix(other, 1800, 3600)]));
    timeline.tell(Stack6::reconnect);
    timeline.run(3.0);
    assert!(timeline.stack.is_usable());
    assert!(timeline.kinds().contains(&Ipv6EventKind::Renumbered));
}

#[test]
fn what_an_earlier_process_has_left_stays_until_it_is_usable_or_was_not_in_time() {
    let router = advertised(false, false, &[prefix(PREFIX, 1800, 3600)]);
    for has_found in [false, true] {
        let mut timeline = Timeline::new(|_| {});
        timeline.has_found = has_found;
        timeline.router = Some(router.clone());
        timeline.start();
        timeline.run(1.5);
        assert!(timeline.set.keeps_found);
        timeline.run(5.0);
        assert!(timeline.stack.is_usable());
        // Of one that found nothing nothing is set only to say so.
        let wanted = if has_found { (3, false) } else { (2, true) };
        assert_eq!((timeline.settings, timeline.set.keeps_found), wanted);
    }
    let mut timeline = Timeline::new(|_| {});
    timeline.has_found = true;
    timeline.start();
    timeline.run(40.0);
    assert_eq!(timeline.failure().1, "overdue");
    assert!(!timeline.set.keeps_found);
}
