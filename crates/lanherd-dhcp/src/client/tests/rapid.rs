//! Rapid commit: an ACK to a DISCOVER (RFC 4039).

use super::*;

fn eager() -> Harness {
    Harness::selecting_with(Config {
        rapid_commit: true,
        ..config()
    })
}

fn committed(harness: &Harness, address: Ipv4Addr) -> Message {
    let mut ack = harness.ack(SERVER, address, HOUR);
    ack.options.push(code::RAPID_COMMIT, []);
    ack
}

// RFC 4039, 3.1: an ACK to a DISCOVER counts with option 80, where that was asked for.
#[test]
fn a_lease_takes_two_messages() {
    let mut harness = eager();
    let discover = &harness.last().message;
    assert_eq!(
        discover.options.get(code::RAPID_COMMIT).as_deref(),
        Some([].as_slice())
    );
    harness.receive(&committed(&harness, ADDRESS));
    let Some(Event::Bound {
        lease,
        reboot: false,
    }) = harness.happened().pop()
    else {
        panic!("not bound");
    };
    assert_eq!((lease.address, lease.server_id), (ADDRESS, SERVER));
    assert_eq!(
        lease.requested_at, harness.start,
        "it counts from the DISCOVER"
    );
    assert_eq!((harness.state(), harness.sent.len()), ("bound", 1));
}

// RFC 4039, 3.1: an ACK to a DISCOVER counts with option 80, where that was asked for.
#[test]
fn an_ack_without_the_option_or_that_was_not_asked_for_is_passed_over() {
    let mut harness = eager();
    harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
    assert_eq!(
        (harness.ignored(), harness.state()),
        (vec![Ignored::Unexpected], "selecting")
    );

    let mut harness = Harness::selecting();
    harness.receive(&committed(&harness, ADDRESS));
    assert_eq!(
        (harness.ignored(), harness.state()),
        (vec![Ignored::Unexpected], "selecting")
    );
}

#[test]
fn an_ack_that_grants_nothing_of_use_is_passed_over() {
    let mut harness = eager();
    harness.receive(&committed(&harness, Ipv4Addr::BROADCAST));
    let mut nameless = committed(&harness, ADDRESS);
    nameless.options.remove(code::SERVER_ID);
    harness.receive(&nameless);
    assert_eq!(
        harness.ignored(),
        [Ignored::UnusableAddress, Ignored::NoServerId]
    );
    assert_eq!(harness.state(), "selecting");
}

// RFC 4039, 3.1: a server without rapid commit offers as ever.
#[test]
fn a_server_that_does_not_know_the_option_offers_as_ever() {
    let mut harness = eager();
    harness.receive(&harness.offer(SERVER, ADDRESS));
    assert!(!harness.last().message.options.contains(code::RAPID_COMMIT));
    harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
    assert_eq!(harness.state(), "bound");
}

#[test]
fn an_ack_ends_the_choice_among_offers() {
    let mut harness = Harness::selecting_with(Config {
        rapid_commit: true,
        offers: OfferPolicy::Window(Duration::from_secs(2)),
        ..config()
    });
    harness.receive(&harness.offer(OTHER_SERVER, OTHER_ADDRESS));
    harness.receive(&committed(&harness, ADDRESS));
    assert_eq!(
        harness.client.lease().map(|lease| lease.address),
        Some(ADDRESS)
    );
}

#[test]
fn a_committed_address_is_probed_where_conflicts_are_detected() {
    let mut harness = Harness::selecting_with(Config {
        rapid_commit: true,
        conflict_detection: true,
        ..config()
    });
    harness.receive(&committed(&harness, ADDRESS));
    assert_eq!(harness.state(), "probing");
}

#[test]
fn a_lease_that_ran_out_before_its_ack_came_is_asked_for_anew() {
    let mut harness = eager();
    harness.until(3.0);
    let mut ack = harness.ack(SERVER, ADDRESS, Terms::of(2));
    ack.options.push(code::RAPID_COMMIT, []);
    let xid = harness.last().message.xid;
    harness.receive(&ack);
    assert_eq!(
        (harness.ignored(), harness.state()),
        (vec![Ignored::LeaseRunOut], "selecting")
    );
    assert_ne!(harness.last().message.xid, xid);
}
