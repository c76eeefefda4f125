//! Clients that are routers: a prefix is asked for, stands on the link behind them, and ends.

use super::*;

const LENT: &str = "2001:db8:77:8000::/60";
const BEHIND: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0x8000, 0, 0, 0, 1);

fn lent(text: &str) -> Prefix {
    text.parse().expect("a prefix")
}

impl Timeline {
    /// A router that wants a prefix, beside this one.
    fn router(router: Advertised, delegates: Option<(&str, u32, u32)>) -> Self {
        let mut timeline = Self::new(|config| config.delegated = WantedPrefix::of_length(60));
        timeline.router = Some(router);
        if let Some(router) = &mut timeline.router {
            // It is told once, and for longer than all of these tests.
            router.body.lifetime = u16::MAX;
        }
        timeline.server = Serves::Leases;
        timeline.delegates =
            delegates.map(|(text, preferred, valid)| (lent(text), preferred, valid));
        timeline.start();
        timeline
    }

    /// What stands behind it: of each prefix the address.
    fn behind(&self) -> Vec<(String, Option<Ipv6Addr>)> {
        let delegated = self.set.delegated.iter();
        delegated
            .map(|it| (it.prefix.to_string(), it.address))
            .collect()
    }
}

fn dhcp6(kind: MessageType) -> Sent6 {
    Sent6::Dhcp6(kind)
}

// RFC 7084, 4.2: a router asks for a prefix where the M or the O flag is 1, and where neither is it may.
#[test]
fn a_prefix_is_asked_for_whatever_the_flags_say_and_addresses_only_with_the_m_flag() {
    for (managed, other) in [(false, false), (false, true), (true, false), (true, true)] {
        let options = [prefix(PREFIX, 1800, 3600)];
        let router = advertised(managed, other, &options);
        let mut timeline = Timeline::router(router, Some((LENT, 3600, 7200)));
        timeline.run(10.0);
        let state = timeline.stack.state();
        assert!(state.is_usable, "{:?}", timeline.failures());
        let delegated: Vec<_> = state.delegated().map(|it| it.prefix).collect();
        assert_eq!(delegated, [lent(LENT)]);
        let origins: Vec<_> = state.global().map(|it| it.origin).collect();
        let mut wanted = vec![AddressOrigin::Stable, AddressOrigin::Delegated];
        if managed {
            wanted.insert(1, AddressOrigin::Dhcp6);
        }
        assert_eq!(origins, wanted, "{managed} {other}");
        assert_eq!(
            timeline.sent(dhcp6(MessageType::InformationRequest)).len(),
            0
        );
        // Its resolvers are those of the lease.
        assert_eq!(state.resolvers.len(), 1);
    }
}

// RFC 7084, 4.3: each link behind a router has 64 bits of what is delegated to it.
#[test]
fn the_link_behind_has_the_first_64_bits_and_the_same_lifetimes() {
    let mut timeline = Timeline::router(advertised(true, false, &[]), Some((LENT, 600, 1200)));
    timeline.run(1.2);
    assert_eq!(timeline.stack.phase(), Phase::Dhcp6);
    assert_eq!(timeline.behind(), []);
    timeline.run(8.0);
    assert_eq!(timeline.behind(), [(LENT.to_owned(), Some(BEHIND))]);
    let delegated = timeline.set.delegated[0];
    let left = |until: Option<Instant>| (until.expect("an end") - timeline.now).as_secs();
    let (preferred, valid) = (left(delegated.preferred_until), left(delegated.valid_until));
    assert!((590..600).contains(&preferred) && (1190..1200).contains(&valid));
    let state = timeline.stack.state();
    let behind: Vec<_> = state.behind().map(|it| (it.address, it.state)).collect();
    assert_eq!(behind, [(BEHIND, AddressState::Preferred)]);
    let last = state.global().last().map(|it| it.address);
    assert_eq!(
        last,
        Some(BEHIND),
        "what is on the link itself is used first"
    );
    // A prefix of 64 bits is one link; of a longer one there is no link.
    for (text, address) in [
        ("2001:db8:77:9::/64", Some("2001:db8:77:9::1")),
        ("2001:db8:77:9::/72", None),
    ] {
        let mut timeline = Timeline::router(advertised(true, false, &[]), Some((text, 600, 1200)));
        timeline.run(10.0);
        let address = address.map(|it| it.parse().expect("an address"));
        assert_eq!(timeline.behind(), [(text.to_owned(), address)]);
    }
}

#[test]
fn a_router_without_its_prefix_cannot_be_used_and_says_why() {
    let router = advertised(true, false, &[prefix(PREFIX, 1800, 3600)]);
    let mut timeline = Timeline::router(router.clone(), None);
    timeline.run(100.0);
    assert_eq!(timeline.ups(), [] as [f64; 0]);
    let (at, what, failure) = timeline.failure();
    assert!(is_about(at, 30.0) && what == "overdue");
    assert_eq!(failure.cause, Cause::NoAddresses, "{failure}");
    assert!(failure.detail.contains("no delegated prefix"), "{failure}");
    assert!(timeline.stack.state().lease.is_some(), "the address it has");
    assert_eq!(timeline.stack.phase(), Phase::Dhcp6);
    // It asks on, and can be used when there is one.
    timeline.delegates = Some((lent(LENT), 3600, 7200));
    timeline.run(4000.0);
    assert_eq!(timeline.ups().len(), 1);
    // A server may not even say that it has none.
    let mut timeline = Timeline::router(router.clone(), None);
    timeline.knows_prefixes = false;
    timeline.run(40.0);
    let (_, _, failure) = timeline.failure();
    assert_eq!(failure.cause, Cause::NoAddresses, "{failure}");
    assert!(
        failure.detail.contains("says nothing of a prefix"),
        "{failure}"
    );
    // Nobody answers at all.
    let mut timeline = Timeline::router(router, None);
    timeline.server = Serves::Nothing;
    timeline.run(40.0);
    let (_, _, failure) = timeline.failure();
    assert_eq!(failure.cause, Cause::NoAdvertise, "{failure}");
}

#[test]
fn the_m_flag_that_comes_later_has_an_address_asked_for_beside_the_prefix() {
    let router = advertised(false, false, &[prefix(PREFIX, 1800, 3600)]);
    let mut timeline = Timeline::router(router, Some((LENT, 3600, 7200)));
    timeline.run(10.0);
    assert_eq!(
        timeline.stack.state().lease.as_ref().map(|it| it.ias.len()),
        Some(1)
    );
    timeline.router = Some(advertised(true, false, &[prefix(PREFIX, 1800, 3600)]));
    timeline.advertise();
    timeline.run(10.0);
    let origins: Vec<_> = timeline
        .stack
        .state()
        .global()
        .map(|it| it.origin)
        .collect();
    assert!(origins.contains(&AddressOrigin::Dhcp6), "{origins:?}");
    assert_eq!(timeline.sent(dhcp6(MessageType::Renew)).len(), 1);
    assert_eq!(timeline.sent(dhcp6(MessageType::Solicit)).len(), 1);
    // When it goes again nothing is given back.
    timeline.router = Some(advertised(false, false, &[prefix(PREFIX, 1800, 3600)]));
    timeline.advertise();
    timeline.run(1500.0);
    assert!(timeline.stack.is_usable() && timeline.behind().len() == 1);
    assert_eq!(timeline.failures(), []);
}

// RFC 9915, 18.2.10.1: a valid lifetime of 0 takes an address or prefix away at once.
#[test]
fn a_renewal_prolongs_a_prefix_puts_another_in_its_place_or_takes_it_away() {
    let router = advertised(true, false, &[prefix(PREFIX, 3000, 9000)]);
    let mut timeline = Timeline::router(router, Some((LENT, 2400, 3600)));
    timeline.run(1900.0);
    assert_eq!(timeline.sent(dhcp6(MessageType::Renew)).len(), 1);
    let left = timeline.set.delegated[0].valid_until.expect("an end") - timeline.now;
    assert!(left > Duration::from_secs(3400), "{left:?}");
    // Another is delegated beside; the old one ends by its own time.
    let other = "2001:db8:78:8000::/60";
    timeline.delegates = Some((lent(other), 2400, 3600));
    timeline.tell(Stack6::renew);
    timeline.run(1.0);
    assert_eq!(timeline.behind().len(), 2);
    timeline.run(3600.0);
    let prefixes: Vec<_> = timeline
        .behind()
        .into_iter()
        .map(|(text, _)| text)
        .collect();
    assert_eq!(prefixes, [other]);
    assert_eq!(timeline.failures(), [], "never without one");
    // It is withdrawn: the client is without, and says so.
    timeline.delegates = Some((lent(other), 0, 0));
    timeline.tell(Stack6::renew);
    timeline.run(1.0);
    assert_eq!(timeline.behind(), []);
    let (_, what, failure) = timeline.failure();
    assert_eq!(
        (what, failure.cause),
        ("lost", Cause::AddressExpired),
        "{failure}"
    );
    assert!(timeline.stack.state().global().next().is_some());
    timeline.delegates = Some((lent(LENT), 2400, 3600));
    timeline.run(4000.0);
    assert_eq!(timeline.behind(), [(LENT.to_owned(), Some(BEHIND))]);
    assert_eq!(timeline.ups().len(), 2);
}

#[test]
fn a_prefix_that_nobody_extends_ends_with_its_time() {
    let router = advertised(false, false, &[prefix(PREFIX, 86_400, 86_400)]);
    let mut timeline = Timeline::router(router, Some((LENT, 2400, 3600)));
    timeline.run(10.0);
    timeline.server = Serves::Nothing;
    timeline.run(2500.0);
    let state = timeline.stack.state();
    let behind: Vec<_> = state.behind().map(|it| it.state).collect();
    assert_eq!(behind, [AddressState::Deprecated]);
    assert_eq!(timeline.failures(), []);
    timeline.run(1200.0);
    assert_eq!(timeline.behind(), []);
    let (at, what, failure) = timeline.failures().swap_remove(0);
    assert_eq!(
        (what, failure.cause),
        ("lost", Cause::AddressExpired),
        "{failure}"
    );
    assert!((3600.0..3605.0).contains(&at), "{at}");
}

// RFC 9915, 18.2.12: after the link was away addresses are confirmed; with prefixes all is rebound, in the same time.
#[test]
fn a_prefix_is_written_down_taken_up_by_the_next_life_and_given_back() {
    let router = advertised(false, false, &[prefix(PREFIX, 3000, 9000)]);
    let mut timeline = Timeline::router(router.clone(), Some((LENT, 2400, 3600)));
    timeline.run(10.0);
    let written = timeline.written.clone().expect("a lease");
    assert_eq!(written.lease.prefixes().count(), 1);
    let held = timeline.stack.held(written.clone()).expect("held");
    assert_eq!(held.lease.prefixes().count(), 1);

    let mut next = Timeline::new(|config| config.delegated = Some(WantedPrefix::ANY));
    next.router = Some(router);
    next.server = Serves::Leases;
    next.delegates = Some((lent(LENT), 2400, 3600));
    next.stack.start(Some(written.lease), next.now);
    next.drain();
    next.run(10.0);
    assert_eq!(next.sent(dhcp6(MessageType::Rebind)).len(), 1);
    assert_eq!(next.sent(dhcp6(MessageType::Solicit)).len(), 0);
    assert_eq!(next.behind(), [(LENT.to_owned(), Some(BEHIND))]);
    next.tell(Stack6::release);
    next.run(2.0);
    assert_eq!(next.sent(dhcp6(MessageType::Release)).len(), 1);
    assert_eq!((next.behind(), next.written.is_none()), (vec![], true));
}

#[test]
fn an_address_behind_is_enough_where_the_link_itself_has_none() {
    let mut timeline = Timeline::router(advertised(false, true, &[]), Some((LENT, 3600, 7200)));
    timeline.run(10.0);
    assert!(timeline.stack.is_usable(), "{:?}", timeline.failures());
    assert_eq!(timeline.global(), [] as [Ipv6Addr; 0]);
    let first = timeline.stack.state().global().next().map(|it| it.address);
    assert_eq!(first, Some(BEHIND));
}
