//! DHCPv6, as the flags say: leases, parameters, and what orders make of them.

use super::*;

fn dhcp6(kind: MessageType) -> Sent6 {
    Sent6::Dhcp6(kind)
}

#[test]
fn the_m_flag_has_an_address_leased_and_looked_for() {
    let mut timeline = Timeline::beside(advertised(true, false, &[]), Serves::Leases);
    timeline.run(1.2);
    assert_eq!(timeline.stack.phase(), Phase::Dhcp6);
    let at = timeline
        .said
        .iter()
        .position(|(_, said)| *said == Output6::HearDhcp6);
    assert!(at.is_some(), "{:?}", timeline.said);
    timeline.run(1.1);
    assert_eq!(timeline.stack.phase(), Phase::Dad);
    assert_eq!(timeline.global(), [LEASED]);
    assert!(timeline.stack.state().lease.is_none());
    let written = timeline.written.as_ref().map(|it| it.is_requested);
    assert_eq!(written, Some(false), "before it is made use of");
    timeline.run(5.0);
    assert_eq!(timeline.ups().len(), 1);
    let state = timeline.stack.state();
    let written = timeline.written.as_ref().map(|it| &it.lease);
    assert_eq!(written, state.lease.as_deref());
    let global: Vec<_> = state
        .global()
        .map(|it| (it.address, it.origin, it.state))
        .collect();
    let wanted = (LEASED, AddressOrigin::Dhcp6, AddressState::Preferred);
    assert_eq!(global, [wanted]);
    assert!(state.lease.is_some() && state.managed);
    assert_eq!(state.resolvers.len(), 1);
    let leased = timeline
        .set
        .addresses
        .iter()
        .find(|it| it.address == LEASED);
    assert_eq!(
        leased.map(|it| (it.prefix_len, it.is_on_link)),
        Some((128, false))
    );
    // It is renewed in time, and nothing is said but that.
    timeline.run(1900.0);
    assert_eq!(timeline.sent(dhcp6(MessageType::Renew)).len(), 1);
    assert!(timeline.kinds().contains(&Ipv6EventKind::LeaseRenewed));
}

#[test]
fn the_o_flag_has_parameters_asked_for_and_no_address() {
    let router = advertised(false, true, &[prefix(PREFIX, 1800, 3600)]);
    let mut timeline = Timeline::beside(router, Serves::Leases);
    timeline.run(5.0);
    assert_eq!(
        timeline.sent(dhcp6(MessageType::InformationRequest)).len(),
        1
    );
    assert_eq!(timeline.sent(dhcp6(MessageType::Solicit)).len(), 0);
    let state = timeline.stack.state();
    assert_eq!(state.resolvers.len(), 1);
    assert!(state.is_usable && state.other && !state.managed && state.lease.is_none());
    // The flag goes, and with it what was told; the addresses stay.
    timeline.router = Some(advertised(false, false, &[prefix(PREFIX, 1800, 3600)]));
    timeline.advertise();
    timeline.run(1.0);
    let state = timeline.stack.state();
    assert!(state.resolvers.is_empty() && state.is_usable);
}

#[test]
fn no_address_of_dhcp6_beside_a_formed_one_is_no_failure() {
    let router = advertised(true, true, &[prefix(PREFIX, 1800, 3600)]);
    let mut timeline = Timeline::beside(router, Serves::Refuses(StatusCode::NoAddrsAvail));
    timeline.run(120.0);
    assert_eq!(timeline.ups().len(), 1);
    assert_eq!(timeline.failures(), []);
    assert!(timeline.kinds().contains(&Ipv6EventKind::LeaseRefused));
}

#[test]
fn a_lease_is_used_to_its_end_though_the_flag_has_gone() {
    let mut timeline = Timeline::beside(advertised(true, false, &[]), Serves::Leases);
    timeline.run(10.0);
    let router = advertised(false, false, &[]);
    timeline.router = Some(router);
    timeline.advertise();
    timeline.run(100.0);
    assert!(timeline.stack.state().lease.is_some() && timeline.stack.is_usable());
    assert_eq!(timeline.sent(dhcp6(MessageType::Release)).len(), 0);
}

#[test]
fn an_asking_without_a_lease_ends_with_the_flag() {
    let router = advertised(true, false, &[prefix(PREFIX, 1800, 3600)]);
    let mut timeline = Timeline::beside(router, Serves::Nothing);
    timeline.run(20.0);
    let asked = timeline.sent(dhcp6(MessageType::Solicit)).len();
    assert!(asked > 3, "{asked}");
    timeline.router = Some(advertised(false, true, &[prefix(PREFIX, 1800, 3600)]));
    timeline.server = Serves::Leases;
    timeline.advertise();
    timeline.run(200.0);
    assert_eq!(timeline.sent(dhcp6(MessageType::Solicit)).len(), asked);
    assert_eq!(
        timeline.sent(dhcp6(MessageType::InformationRequest)).len(),
        1
    );
}

#[test]
fn a_lease_that_is_given_back_is_asked_for_again_when_told_so() {
    let mut timeline = Timeline::beside(advertised(true, false, &[]), Serves::Leases);
    timeline.run(10.0);
    timeline.tell(Stack6::release);
    assert_eq!(timeline.global(), [] as [Ipv6Addr; 0]);
    assert_eq!(timeline.sent(dhcp6(MessageType::Release)).len(), 1);
    assert_eq!(timeline.written, None);
    assert!(!timeline.stack.is_wanted());
    timeline.run(100.0);
    assert_eq!(timeline.failures(), [], "it was told to");
    assert_eq!(
        timeline.sent(dhcp6(MessageType::Release)).len(),
        1,
        "answered"
    );
    timeline.tell(Stack6::renew);
    timeline.run(5.0);
    assert!(timeline.stack.is_usable() && timeline.global() == [LEASED]);
    assert_eq!(timeline.ups().len(), 2);
}

#[test]
fn formed_addresses_stay_when_a_lease_is_given_back() {
    let router = advertised(true, false, &[prefix(PREFIX, 1800, 3600)]);
    let mut timeline = Timeline::beside(router, Serves::Leases);
    timeline.run(10.0);
    assert_eq!(timeline.global().len(), 2);
    timeline.tell(Stack6::release);
    timeline.run(10.0);
    assert!(timeline.stack.is_usable() && timeline.global().len() == 1);
    assert_eq!(timeline.failures(), []);
}

#[test]
fn whoever_leaves_gives_its_lease_back_and_says_nothing_more() {
    let mut timeline = Timeline::beside(advertised(true, false, &[]), Serves::Leases);
    timeline.run(10.0);
    timeline.tell(Stack6::leave);
    assert_eq!(timeline.sent(dhcp6(MessageType::Release)).len(), 1);
    timeline.run(10_000.0);
    assert_eq!(timeline.failures(), []);
    assert_eq!(timeline.ups().len(), 1);
}

#[test]
fn a_lease_of_before_is_confirmed_before_any_router_has_spoken() {
    let mut first = Timeline::beside(advertised(true, false, &[]), Serves::Leases);
    first.run(10.0);
    let lease = first.stack.state().lease.clone().expect("a lease");
    let mut timeline = Timeline::new(|_| {});
    timeline.router = Some(advertised(true, false, &[]));
    timeline.server = Serves::Leases;
    timeline.stack.start(Some(*lease), timeline.now);
    timeline.drain();
    timeline.run(5.0);
    assert_eq!(timeline.sent(dhcp6(MessageType::Confirm)).len(), 1);
    assert_eq!(timeline.sent(dhcp6(MessageType::Solicit)).len(), 0);
    assert!(timeline.stack.is_usable() && timeline.global() == [LEASED]);
    // It says the same of itself in every life (RFC 9915, 11 and 12).
    let own = |timeline: &Timeline| timeline.stack.dhcp.get().config().duid.clone();
    assert_eq!(own(&first), own(&timeline));
}

#[test]
fn an_address_that_somebody_else_has_is_declined() {
    let mut timeline = Timeline::beside(advertised(true, false, &[]), Serves::Leases);
    timeline.squatters.insert(LEASED);
    timeline.run(25.0);
    assert!(!timeline.sent(dhcp6(MessageType::Decline)).is_empty());
    assert!(timeline.kinds().contains(&Ipv6EventKind::AddressDuplicate));
    timeline.squatters.clear();
    timeline.run(200.0);
    assert!(timeline.stack.is_usable());
}

#[test]
fn what_is_requested_is_written_down_until_it_is_known_what_came_of_it() {
    let router = advertised(true, false, &[]);
    let mut timeline = Timeline::beside(router, Serves::AdvertisesOnly);
    timeline.run(4.0);
    assert!(!timeline.sent(dhcp6(MessageType::Request)).is_empty());
    let written = timeline
        .written
        .as_ref()
        .expect("the server may have granted it");
    assert!(written.is_requested);
    assert_eq!(
        written
            .lease
            .addresses()
            .map(|it| it.address)
            .collect::<Vec<_>>(),
        [LEASED]
    );
    // Nobody has answered for ten REQUESTs, and another is to be chosen.
    timeline.server = Serves::Nothing;
    timeline.run(400.0);
    assert_eq!(timeline.written, None);
}
