//! IPv6 that was usable, and is no more: for which cause exactly.

use super::*;

fn usable(server: Serves) -> Timeline {
    let (managed, options) = match server {
        Serves::Nothing => (false, vec![prefix(PREFIX, 1800, 3600)]),
        _ => (true, Vec::new()),
    };
    let mut timeline = Timeline::beside(advertised(managed, false, &options), server);
    timeline.run(10.0);
    assert!(timeline.stack.is_usable());
    timeline
}

#[test]
fn a_router_that_says_farewell() {
    let mut timeline = usable(Serves::Nothing);
    let mut router = timeline.router.take().expect("a router");
    router.body.lifetime = 0;
    timeline.router = Some(router);
    timeline.advertise();
    timeline.run(1.0);
    let (_, what, failure) = timeline.failure();
    assert_eq!((what, failure.cause), ("lost", Cause::RouterLost));
    assert!(failure.detail.contains("withdrawn"), "{failure}");
    // The address stays, and is used when the router is back.
    assert_eq!(timeline.global().len(), 1);
    timeline.run(40.0);
    assert_eq!(timeline.failures().len(), 2, "and then it is overdue");
    timeline.router = Some(advertised(false, false, &[prefix(PREFIX, 1800, 3600)]));
    timeline.advertise();
    timeline.run(1.0);
    assert!(timeline.stack.is_usable());
}

#[test]
fn a_router_that_falls_silent() {
    let mut timeline = usable(Serves::Nothing);
    timeline.router = None;
    timeline.run(1780.0);
    assert_eq!(timeline.failures(), []);
    timeline.run(25.0);
    let (_, what, failure) = timeline.failure();
    // The router's lifetime and the prefix' preferred one are the same here.
    assert_eq!((what, failure.cause), ("lost", Cause::RouterLost));
    assert!(failure.detail.contains("expired"), "{failure}");
}

#[test]
fn one_of_two_routers_is_no_loss() {
    let mut timeline = usable(Serves::Nothing);
    let second = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
    let Advertised { body, options } = timeline.router.clone().expect("a router");
    let other = Packet::router_advertisement(Mac([2, 0, 0, 0, 0, 2]), second, body, options);
    let frame = other.to_frame().expect("a frame");
    timeline
        .coming
        .push((timeline.now, Coming::Discovery(frame)));
    timeline.run(1.0);
    assert_eq!(timeline.stack.state().routers.len(), 2);
    timeline.tell(|stack, now| stack.handle_router(ROUTER, Reachability::Unreachable, now));
    assert_eq!(timeline.stack.state().router(), Some(second));
    timeline.tell(|stack, now| stack.handle_router(ROUTER, Reachability::Reachable, now));
    assert_eq!(timeline.stack.state().router(), Some(ROUTER));
    assert_eq!(timeline.failures(), []);
}

#[test]
fn a_prefix_that_is_withdrawn() {
    let mut timeline = usable(Serves::Nothing);
    timeline.router = Some(advertised(false, false, &[prefix(PREFIX, 0, 3600)]));
    timeline.advertise();
    timeline.run(1.0);
    let (_, what, failure) = timeline.failure();
    assert_eq!((what, failure.cause), ("lost", Cause::AddressExpired));
    assert!(failure.detail.contains("its router says so"), "{failure}");
}

#[test]
fn a_prefix_that_is_replaced_is_no_loss() {
    let mut timeline = usable(Serves::Nothing);
    let other = "2001:db8:88::/64";
    let both = [prefix(PREFIX, 0, 3600), prefix(other, 1800, 3600)];
    timeline.router = Some(advertised(false, false, &both));
    timeline.advertise();
    timeline.run(5.0);
    assert!(timeline.kinds().contains(&Ipv6EventKind::Renumbered));
    assert!(timeline.stack.is_usable());
    let state = timeline.stack.state();
    let global: Vec<_> = state.global().map(|it| it.state).collect();
    assert_eq!(global, [AddressState::Preferred, AddressState::Deprecated]);
    let other: Prefix = other.parse().expect("a prefix");
    let first = state.global().next().expect("one");
    assert!(other.contains(first.address));
}

#[test]
fn a_lease_that_the_server_knows_nothing_of_or_that_runs_out() {
    let mut timeline = usable(Serves::Leases);
    timeline.server = Serves::ForgetsWith(StatusCode::NotOnLink);
    timeline.router = Some(advertised(true, false, &[]));
    timeline.run(900.0);
    timeline.advertise();
    timeline.run(1000.0);
    let failures = timeline.failures();
    assert_eq!(failures[0].2.cause, Cause::NotOnLink, "{failures:?}");

    let mut timeline = usable(Serves::Leases);
    timeline.server = Serves::Nothing;
    for _ in 0..8 {
        timeline.run(1000.0);
        timeline.advertise();
    }
    let failures = timeline.failures();
    let (at, what, failure) = &failures[0];
    // The preferred lifetime is an hour.
    assert!(
        *what == "lost" && is_about(*at, 3602.0) || *at < 3604.0,
        "{failures:?}"
    );
    assert_eq!(failure.cause, Cause::AddressExpired);
    assert_eq!(timeline.global(), [] as [Ipv6Addr; 0], "and valid for two");
}
