//! IPv6 that does not come in time: for which cause exactly.

use super::*;

/// Runs beyond the deadline; gives the cause, and what is said of it.
fn overdue(mut timeline: Timeline) -> (Stage, Cause, String) {
    timeline.run(29.9);
    assert_eq!(timeline.failures(), []);
    timeline.run(60.0);
    let (at, what, failure) = timeline.failure();
    assert!(
        what == "overdue" && is_about(at, 30.0),
        "{at} {what} {failure}"
    );
    (failure.stage, failure.cause, failure.detail)
}

#[test]
fn no_router() {
    let mut timeline = Timeline::new(|_| {});
    timeline.start();
    let (stage, cause, detail) = overdue(timeline);
    assert_eq!((stage, cause), (Stage::Router, Cause::NoRouter));
    assert!(
        detail.contains("for 4 router solicitations within 30s"),
        "{detail}"
    );
}

#[test]
fn a_router_that_is_no_default_router() {
    let mut router = advertised(false, false, &[prefix(PREFIX, 1800, 3600)]);
    router.body.lifetime = 0;
    let (stage, cause, detail) = overdue(Timeline::beside(router, Serves::Nothing));
    assert_eq!((stage, cause), (Stage::Router, Cause::NoRouter));
    assert!(detail.contains("router lifetime is 0"), "{detail}");
}

#[test]
fn advertisements_that_are_malformed() {
    let mut timeline = Timeline::new(|_| {});
    timeline.start();
    timeline.run(2.0);
    let mut frame = advertisement(&advertised(false, false, &[]));
    // The hop limit.
    frame[14 + 7] = 64;
    timeline
        .coming
        .push((timeline.now, Coming::Discovery(frame)));
    timeline.run(27.0);
    timeline.run(10.0);
    let (_, what, failure) = timeline.failure();
    assert_eq!((what, failure.cause), ("overdue", Cause::Malformed));
    assert!(failure.detail.contains("hop limit is 64"), "{failure}");
    assert!(timeline.kinds().contains(&Ipv6EventKind::Malformed));
}

#[test]
fn no_prefix() {
    let (stage, cause, detail) = overdue(Timeline::beside(
        advertised(false, false, &[]),
        Serves::Nothing,
    ));
    assert_eq!((stage, cause), (Stage::Router, Cause::NoPrefix));
    assert!(
        detail.contains("no prefix to form an address with"),
        "{detail}"
    );
    let deprecating = advertised(false, false, &[prefix(PREFIX, 0, 3600)]);
    let (_, cause, detail) = overdue(Timeline::beside(deprecating, Serves::Nothing));
    assert_eq!(cause, Cause::NoPrefix);
    assert!(detail.contains("is deprecated"), "{detail}");
}

#[test]
fn a_dhcp6_server_that_is_not_there_or_is_of_no_use() {
    let cases = [
        (Serves::Nothing, Cause::NoAdvertise, "no ADVERTISE for"),
        (Serves::AdvertisesOnly, Cause::NoReply, "no REPLY for"),
        (
            Serves::Refuses(StatusCode::NoAddrsAvail),
            Cause::NoAddresses,
            "NoAddrsAvail",
        ),
    ];
    for (server, cause, words) in cases {
        let managed = advertised(true, false, &[]);
        let (stage, found, detail) = overdue(Timeline::beside(managed, server));
        assert_eq!((stage, found), (Stage::Dhcp6, cause), "{detail}");
        assert!(detail.contains(words), "{detail}");
    }
}

#[test]
fn addresses_that_somebody_else_has() {
    let mut timeline = Timeline::beside(advertised(true, false, &[]), Serves::Leases);
    timeline.squatters.insert(LEASED);
    let (stage, cause, detail) = overdue(timeline);
    assert_eq!((stage, cause), (Stage::Dhcp6, Cause::AddressConflict));
    assert!(detail.contains(&LEASED.to_string()), "{detail}");
    assert!(detail.contains(&ROUTER_MAC.to_string()), "{detail}");
}

#[test]
fn a_link_local_address_that_somebody_else_has_ends_it_at_once() {
    let mut timeline = Timeline::new(|config| {
        config.host.identifiers = slaac::Identifiers::Eui64;
    });
    timeline.start();
    timeline.run(0.0);
    let link_local = timeline.set.addresses[0].address;
    timeline.squatters.insert(link_local);
    timeline.run(5.0);
    let (at, what, failure) = timeline.failure();
    assert!(what == "overdue" && is_about(at, 1.0), "{at} {what}");
    assert_eq!(failure.cause, Cause::AddressConflict);
    assert!(
        failure.detail.contains(&link_local.to_string()),
        "{failure}"
    );
    let Addressing6 {
        addresses, routes, ..
    } = &timeline.set;
    assert!(addresses.is_empty() && routes.is_empty());
    // It is tried again, ever less often, and nothing more is said of it.
    let before = timeline.settings;
    timeline.run(3600.0);
    let tries = (timeline.settings - before) / 2;
    assert!((8..=14).contains(&tries), "{tries}");
    assert_eq!(timeline.failures().len(), 1);
    timeline.squatters.clear();
    timeline.run(700.0);
    assert!(!timeline.set.addresses.is_empty());
    // Another link may be better.
    timeline.router = Some(advertised(false, false, &[prefix(PREFIX, 1800, 3600)]));
    timeline.tell(Stack6::carrier_lost);
    timeline.tell(Stack6::reconnect);
    timeline.run(5.0);
    assert!(timeline.stack.is_usable());
}

#[test]
fn what_comes_late_is_used_all_the_same() {
    let mut timeline = Timeline::new(|_| {});
    timeline.start();
    timeline.run(100.0);
    assert_eq!(timeline.failure().1, "overdue");
    timeline.router = Some(advertised(false, false, &[prefix(PREFIX, 1800, 3600)]));
    timeline.advertise();
    timeline.run(3.0);
    assert!(timeline.stack.is_usable());
    // Nobody has to wait for an advertisement when it is known that the router is there.
    let mut timeline = Timeline::new(|_| {});
    timeline.start();
    timeline.run(100.0);
    timeline.router = Some(advertised(false, false, &[prefix(PREFIX, 1800, 3600)]));
    timeline.tell(Stack6::ask_again);
    timeline.run(3.0);
    assert!(timeline.stack.is_usable());
}

#[test]
fn what_came_in_time_and_is_being_verified_is_not_given_up() {
    let router = advertised(false, false, &[prefix(PREFIX, 1800, 3600)]);
    let mut timeline = Timeline::new(|_| {});
    timeline.start();
    timeline.run(29.5);
    timeline.router = Some(router.clone());
    timeline.advertise();
    timeline.run(5.0);
    assert_eq!(timeline.failures(), []);
    assert!(is_about(timeline.ups()[0], 30.51), "{:?}", timeline.ups());
    // A kernel that does not say is another matter.
    let mut timeline = Timeline::new(|_| {});
    timeline.start();
    timeline.run(29.5);
    timeline.router = Some(router);
    timeline.advertise();
    timeline.run(0.1);
    timeline.coming.clear();
    timeline.run(30.0);
    let (at, _, failure) = timeline.failure();
    assert!((39.0..43.0).contains(&at), "{at}");
    assert_eq!(failure.cause, Cause::Kernel);
}
