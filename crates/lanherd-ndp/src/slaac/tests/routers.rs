//! The default router list, routes through routers, and what ends them.

use super::*;
use crate::NeighbourAdvertisement;
use crate::message::Body;
use crate::message::Message;

fn preferring(preference: Preference) -> RouterAdvertisement {
    RouterAdvertisement {
        preference,
        ..body(1800)
    }
}

fn route(text: &str, preference: Preference, lifetime: u32) -> NdOption {
    NdOption::Route(RouteInformation {
        prefix: prefix(text),
        preference,
        lifetime: Lifetime::from_secs(lifetime),
    })
}

fn lost(router: Ipv6Addr, why: RouterLoss) -> Event {
    Event::RouterLost { router, why }
}

/// A host with two routers, of which the second is as good as the first.
fn two() -> Harness {
    let mut harness = Harness::soliciting();
    harness.receive(&ra(1800, vec![]));
    harness.receive(&ra_from(OTHER_ROUTER, body(1800), vec![]));
    harness.forget();
    harness
}

// RFC 4861, 6.3.4: a router with a lifetime above 0 is a default router for that long.
// RFC 4861, 6.3.5: a router whose lifetime has ended is no default router any more.
// RFC 4861, 6.3.4: a lifetime counts from when the advertisement arrived.
#[test]
fn s7_a_router_is_found_and_its_silence_ends_it() {
    let mut harness = Harness::soliciting();
    harness.until(2.0);
    harness.receive(&ra(1800, vec![]));
    let found = Event::RouterFound {
        router: ROUTER,
        mac: Some(ROUTER_MAC),
        until: harness.at(1802.0),
        preference: Preference::Medium,
    };
    assert!(harness.happened().contains(&found));
    harness.until(1801.9);
    assert_eq!(harness.routes(), [(Prefix::DEFAULT, ROUTER)]);
    harness.until(1802.0);
    assert_eq!((harness.routes(), harness.state()), (vec![], "listening"));
    assert_eq!(harness.happened(), [lost(ROUTER, RouterLoss::Expired)]);
}

// RFC 4861, 6.3.4: a router whose lifetime is 0 is no default router from that moment.
#[test]
fn s7_a_lifetime_of_0_removes_a_router_at_once_and_what_else_it_says_stays() {
    let mut harness = Harness::configured();
    harness.until(10.0);
    harness.receive(&ra(0, vec![pio(home(), DAY, 4 * HOUR)]));
    assert_eq!(harness.happened(), [lost(ROUTER, RouterLoss::Withdrawn)]);
    assert_eq!((harness.routes(), harness.state()), (vec![], "listening"));
    assert_eq!(
        (harness.addresses().len(), harness.on_link()),
        (1, vec![home()])
    );
    harness.receive(&ra(1800, vec![]));
    assert_eq!(harness.state(), "configured");
}

// RFC 4191, 3.2: of two routes to one destination the one of the higher preference is used.
#[test]
fn s7_routers_are_used_in_the_order_of_their_preferences() {
    let mut harness = Harness::soliciting();
    let third = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 3);
    harness.receive(&ra_from(ROUTER, preferring(Preference::Low), vec![]));
    harness.receive(&ra_from(OTHER_ROUTER, preferring(Preference::High), vec![]));
    harness.receive(&ra_from(third, preferring(Preference::Medium), vec![]));
    let used: Vec<_> = harness
        .routes()
        .into_iter()
        .map(|(_, router)| router)
        .collect();
    assert_eq!(used, [OTHER_ROUTER, third, ROUTER]);
    assert_eq!(harness.host.default_router(), Some(OTHER_ROUTER));
    harness.receive(&ra_from(ROUTER, preferring(Preference::High), vec![]));
    harness.receive(&ra_from(OTHER_ROUTER, preferring(Preference::Low), vec![]));
    assert_eq!(harness.host.default_router(), Some(ROUTER));
}

// RFC 4191, 3.1: hosts of the types A and B ignore routes.
#[test]
fn s7_a_host_of_type_a_heeds_no_preference_and_one_of_type_b_no_route() {
    for (host_type, first, routes) in [
        (HostType::A, ROUTER, 2),
        (HostType::B, OTHER_ROUTER, 2),
        (HostType::C, OTHER_ROUTER, 3),
    ] {
        let mut harness = Harness::soliciting_with(Config {
            host_type,
            ..config()
        });
        let options = vec![route("fd00:99::/48", Preference::Medium, 600)];
        harness.receive(&ra_from(ROUTER, preferring(Preference::Low), options));
        harness.receive(&ra_from(OTHER_ROUTER, preferring(Preference::High), vec![]));
        assert_eq!(harness.host.default_router(), Some(first), "{host_type}");
        assert_eq!(harness.routes().len(), routes, "{host_type}");
    }
}

#[test]
fn s7_no_two_routes_to_one_destination_have_the_same_metric() {
    let mut harness = Harness::soliciting();
    for last in 1..=16 {
        let router = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last);
        let preference = Preference::ALL[usize::from(last % 3)];
        harness.receive(&ra_from(router, preferring(preference), vec![]));
        if last % 2 == 0 {
            harness.until(f64::from(last));
            harness.tell(|host, now| host.handle_unreachable(router, now));
        }
    }
    let metrics: std::collections::BTreeSet<u32> =
        harness.host.routes().map(|route| route.metric).collect();
    assert_eq!((metrics.len(), harness.host.routes().count()), (16, 16));
}

// RFC 4861, 6.3.4: a host keeps two routers at least.
#[test]
fn s7_of_more_routers_than_are_kept_the_one_that_was_heard_longest_ago_goes() {
    let mut harness = Harness::soliciting();
    let nobody = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 1, 0);
    harness.receive(&ra_from(nobody, body(0), vec![]));
    for last in 1..=17 {
        harness.until(f64::from(last));
        let router = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, last);
        harness.receive(&ra_from(router, body(1800), vec![]));
    }
    assert_eq!(harness.host.routes().count(), 16);
    assert!(
        harness
            .happened()
            .contains(&lost(ROUTER, RouterLoss::Displaced))
    );
    // One that is no default router takes no other's place.
    harness.receive(&ra_from(nobody, body(0), vec![]));
    assert_eq!(
        (harness.host.routes().count(), harness.happened()),
        (16, vec![])
    );
}

// RFC 4191, 3.1: a route is known by prefix and router, and a lifetime of 0 removes it.
#[test]
fn s8_routes_are_taken_from_each_router_and_removed_by_a_lifetime_of_0() {
    let mut harness = Harness::soliciting();
    let far = prefix("fd00:99::/48");
    harness.receive(&ra(1800, vec![route("fd00:99::/48", Preference::Low, 600)]));
    let options = vec![route("fd00:99::/48", Preference::High, 600)];
    harness.receive(&ra_from(OTHER_ROUTER, body(0), options));
    let wanted = [
        (far, OTHER_ROUTER),
        (far, ROUTER),
        (Prefix::DEFAULT, ROUTER),
    ];
    assert_eq!(harness.routes(), wanted);
    let options = vec![route("fd00:99::/48", Preference::High, 0)];
    harness.receive(&ra_from(OTHER_ROUTER, body(0), options));
    assert_eq!(harness.routes(), wanted[1..]);
    harness.until(600.0);
    assert_eq!(harness.routes(), wanted[2..]);
}

// RFC 4191, 3.1: a route to everything overrides lifetime and preference of the router.
#[test]
fn s8_a_route_to_everything_stands_for_what_the_router_says_of_itself() {
    let mut harness = Harness::soliciting();
    // The example of the RFC.
    harness.receive(&ra(100, vec![route("::/0", Preference::Low, 200)]));
    let standing = *harness.host.routes().next().expect("a route");
    let wanted = (Preference::Low, harness.at(200.0));
    assert_eq!((standing.preference, standing.valid), wanted);
    harness.until(150.0);
    assert_eq!(harness.routes(), [(Prefix::DEFAULT, ROUTER)]);
    // Of a router that is none by its lifetime.
    harness.receive(&ra_from(
        OTHER_ROUTER,
        body(0),
        vec![route("::/0", Preference::High, 200)],
    ));
    assert_eq!(harness.host.default_router(), Some(OTHER_ROUTER));
    harness.receive(&ra_from(
        OTHER_ROUTER,
        body(1800),
        vec![route("::/0", Preference::High, 0)],
    ));
    assert_eq!(harness.host.default_router(), Some(ROUTER));
    assert!(
        harness
            .happened()
            .contains(&lost(OTHER_ROUTER, RouterLoss::Withdrawn))
    );
}

#[test]
fn s8_routes_beyond_what_is_kept_are_ignored_and_told() {
    let mut harness = Harness::soliciting();
    let far = |number: u16| route(&format!("fd00:{number:x}::/48"), Preference::Medium, 600);
    harness.receive(&ra(1800, (1..=65).map(far).collect()));
    assert_eq!(harness.ignored(), [(Ignored::OverLimit, Some(24))]);
    assert_eq!(harness.routes().len(), 65);
}

// RFC 4861, 6.3.6: routers that answer come before those that do not, and those are tried in turn.
#[test]
fn s18_a_router_that_does_not_answer_gives_way_and_comes_back() {
    let mut harness = two();
    assert_eq!(harness.host.default_router(), Some(ROUTER));
    harness.tell(|host, now| host.handle_unreachable(ROUTER, now));
    assert_eq!(harness.happened(), [Event::RouterUnreachable(ROUTER)]);
    assert_eq!(harness.host.default_router(), Some(OTHER_ROUTER));
    // When none answers, the one that fell silent first is tried first, and then the other.
    harness.until(10.0);
    harness.tell(|host, now| host.handle_unreachable(OTHER_ROUTER, now));
    assert_eq!(harness.host.default_router(), Some(ROUTER));
    harness.until(20.0);
    harness.tell(|host, now| host.handle_unreachable(ROUTER, now));
    assert_eq!(harness.host.default_router(), Some(OTHER_ROUTER));
    harness.forget();
    harness.tell(|host, now| host.handle_reachable(ROUTER, now));
    assert_eq!(harness.happened(), [Event::RouterReachable(ROUTER)]);
    assert_eq!(harness.host.default_router(), Some(ROUTER));
    // An advertisement says that it is there, too.
    harness.receive(&ra_from(OTHER_ROUTER, preferring(Preference::High), vec![]));
    assert_eq!(harness.host.default_router(), Some(OTHER_ROUTER));
}

#[test]
fn s18_a_route_that_gives_way_is_removed_before_it_stands_again_with_another_metric() {
    let mut harness = two();
    let before = *harness
        .host
        .routes()
        .find(|it| it.gateway == Some(ROUTER))
        .expect("one");
    harness.tell(|host, now| host.handle_unreachable(ROUTER, now));
    let [Change::RemoveRoute(removed), Change::SetRoute(set)] = harness.changed()[..] else {
        panic!("not two changes");
    };
    assert_eq!(removed, before);
    assert!(set.metric > 8000 && set.gateway == Some(ROUTER));
}

fn says_of_itself(router: bool, override_: bool, told: Option<Mac>) -> Packet {
    let body = Body::NeighbourAdvertisement(NeighbourAdvertisement {
        router,
        solicited: false,
        override_,
        target: ROUTER,
    });
    let options = told.map(NdOption::TargetLinkLayer).into_iter().collect();
    let message = Message::new(body, options);
    Packet::new(ROUTER_MAC, ROUTER, crate::packet::ALL_NODES, message)
}

// RFC 4861, 7.2.5: a router that says it is none is removed from the list at once.
#[test]
fn s19_a_router_that_says_it_is_a_host_is_none_any_more_nor_are_its_routes() {
    let mut harness = two();
    harness.receive(&ra(
        1800,
        vec![route("fd00:99::/48", Preference::Medium, 600)],
    ));
    harness.forget();
    harness.receive(&says_of_itself(true, true, Some(ROUTER_MAC)));
    assert_eq!(harness.routes().len(), 3);
    harness.receive(&says_of_itself(false, false, Some(ROUTER_MAC)));
    assert_eq!(harness.happened(), [lost(ROUTER, RouterLoss::NotRouter)]);
    assert_eq!(harness.routes(), [(Prefix::DEFAULT, OTHER_ROUTER)]);
    // Its next advertisement says otherwise.
    harness.receive(&ra(1800, vec![]));
    assert_eq!(harness.routes().len(), 2);
}

// RFC 4861, 7.2.5: a router that says it is none is removed from the list at once.
#[test]
fn s19_who_names_another_hardware_address_is_believed_only_where_it_overrides() {
    let mut harness = two();
    harness.receive(&says_of_itself(false, false, Some(RIVAL)));
    assert_eq!(harness.routes().len(), 2);
    harness.receive(&says_of_itself(false, true, Some(RIVAL)));
    assert_eq!(harness.routes().len(), 1);
}

// RFC 4861, 6.3.4: 0 is unspecified, and changes nothing.
#[test]
fn s6_what_one_router_leaves_unspecified_stays_as_another_said() {
    let mut harness = Harness::soliciting();
    let said = RouterAdvertisement {
        hop_limit: Some(64),
        reachable: Some(Duration::from_secs(30)),
        retransmit: Some(Duration::from_secs(1)),
        ..body(1800)
    };
    harness.receive(&ra_from(ROUTER, said, vec![]));
    let link = LinkParameters {
        mtu: None,
        hop_limit: Some(64),
        reachable: Some(Duration::from_secs(30)),
        retransmit: Some(Duration::from_secs(1)),
    };
    assert!(harness.changed().contains(&Change::SetLink(link)));
    harness.receive(&ra_from(OTHER_ROUTER, body(1800), vec![]));
    let is_link = |change: &Change| matches!(change, Change::SetLink(_));
    assert!(!harness.changed().iter().any(is_link));
    let said = RouterAdvertisement {
        hop_limit: Some(255),
        ..body(1800)
    };
    harness.receive(&ra_from(OTHER_ROUTER, said, vec![]));
    let link = LinkParameters {
        hop_limit: Some(255),
        ..link
    };
    assert_eq!(harness.changed(), [Change::SetLink(link)]);
}

// RFC 4861, 6.3.4: an MTU counts from 1,280 up to the link's own.
#[test]
fn s21_an_mtu_counts_within_its_range_and_is_named_beyond() {
    for (mtu, is_taken) in [
        (1279, false),
        (1280, true),
        (1500, true),
        (1501, false),
        (0, false),
    ] {
        let mut harness = Harness::soliciting();
        harness.receive(&ra(1800, vec![NdOption::Mtu(mtu)]));
        let set = harness
            .changed()
            .into_iter()
            .find_map(|change| match change {
                Change::SetLink(link) => link.mtu,
                _ => None,
            });
        assert_eq!(set, Some(mtu).filter(|_| is_taken));
        let ignored = [(Ignored::MtuOutOfRange, Some(5))];
        assert_eq!(harness.ignored(), ignored[usize::from(is_taken)..]);
    }
}

#[test]
fn an_mtu_counts_up_to_that_of_a_link_which_carries_more_or_less() {
    let mut harness = Harness::soliciting();
    let now = harness.now;
    harness.host.set_link_mtu(9000, now);
    harness.receive(&ra(1800, vec![NdOption::Mtu(9000)]));
    assert_eq!(harness.host.link().mtu, Some(9000));
    harness.receive(&ra(1800, vec![NdOption::Mtu(9001)]));
    assert_eq!(harness.host.link().mtu, Some(9000));
    let now = harness.now;
    harness.host.set_link_mtu(1500, now);
    assert_eq!(harness.host.link().mtu, None, "the link's own");
    harness.receive(&ra(1800, vec![NdOption::Mtu(9000)]));
    assert_eq!(harness.host.link().mtu, None);
}

fn flags(managed: bool, other: bool, lifetime: u16) -> RouterAdvertisement {
    RouterAdvertisement {
        managed,
        other,
        ..body(lifetime)
    }
}

fn flags_changed(managed: bool, other: bool, wanted: DhcpWanted) -> Event {
    Event::FlagsChanged {
        managed,
        other,
        wanted,
    }
}

// RFC 4861, 4.2: the M flag asks for addresses by DHCPv6, and makes the O flag redundant.
#[test]
fn s22_flags_of_any_router_ask_for_dhcpv6_and_are_told_when_they_change() {
    let mut harness = Harness::soliciting();
    assert_eq!(harness.host.dhcp_wanted(), DhcpWanted::Nothing);
    harness.receive(&ra_from(ROUTER, flags(false, true, 1800), vec![]));
    let told = flags_changed(false, true, DhcpWanted::Stateless);
    assert!(harness.happened().contains(&told));
    harness.receive(&ra_from(OTHER_ROUTER, flags(true, false, 600), vec![]));
    let told = flags_changed(true, true, DhcpWanted::Stateful);
    assert!(harness.happened().contains(&told));
    // Two routers that do not agree are no change each time.
    harness.receive(&ra_from(ROUTER, flags(false, true, 1800), vec![]));
    harness.receive(&ra_from(OTHER_ROUTER, flags(true, false, 600), vec![]));
    assert_eq!(harness.happened(), []);
    // The second falls silent.
    harness.until(600.0);
    let told = flags_changed(false, true, DhcpWanted::Stateless);
    assert!(harness.happened().contains(&told));
}

#[test]
fn s22_flags_of_a_sender_that_is_no_router_count_for_an_hour_and_a_half() {
    let mut harness = Harness::soliciting();
    harness.receive(&ra_from(ROUTER, flags(true, false, 0), vec![]));
    assert_eq!(harness.host.dhcp_wanted(), DhcpWanted::Stateful);
    harness.until(5399.0);
    assert_eq!(harness.host.dhcp_wanted(), DhcpWanted::Stateful);
    harness.until(5400.0);
    assert_eq!(harness.host.dhcp_wanted(), DhcpWanted::Nothing);
}

#[test]
fn s22_a_device_may_ask_for_dhcpv6_whatever_the_flags_say() {
    for (dhcp, wanted) in [
        (DhcpPolicy::Always, DhcpWanted::Stateful),
        (DhcpPolicy::Never, DhcpWanted::Nothing),
    ] {
        let mut harness = Harness::soliciting_with(Config { dhcp, ..config() });
        assert_eq!(harness.host.dhcp_wanted(), wanted);
        harness.receive(&ra_from(ROUTER, flags(true, true, 1800), vec![]));
        assert_eq!(harness.host.dhcp_wanted(), wanted);
    }
}
