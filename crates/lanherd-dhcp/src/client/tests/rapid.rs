//! Rapid commit: an ACK to a DISCOVER (RFC 4039).

use super::*;

fn eager() -> Bench {
    Bench::selecting_with(Config {
        rapid_commit: true,
        ..config()
    })
}

fn committed(bench: &Bench, address: Ipv4Addr) -> Message {
    let mut ack = bench.ack(SERVER, address, HOUR);
    ack.options.push(code::RAPID_COMMIT, []);
    ack
}

// RFC 4039, 3.1: an ACK to a DISCOVER counts with option 80, where that was asked for.
#[test]
fn a_lease_takes_two_messages() {
    let mut bench = eager();
    let discover = &bench.last().message;
    assert_eq!(
        discover.options.get(code::RAPID_COMMIT).as_deref(),
        Some([].as_slice())
    );
    bench.receive(&committed(&bench, ADDRESS));
    let Some(Event::Bound {
        lease,
        reboot: false,
    }) = bench.happened().pop()
    else {
        panic!("not bound");
    };
    assert_eq!((lease.address, lease.server_id), (ADDRESS, SERVER));
    assert_eq!(
        lease.requested_at, bench.start,
        "it counts from the DISCOVER"
    );
    assert_eq!((bench.state(), bench.sent.len()), ("bound", 1));
}

// RFC 4039, 3.1: an ACK to a DISCOVER counts with option 80, where that was asked for.
#[test]
fn an_ack_without_the_option_or_that_was_not_asked_for_is_passed_over() {
    let mut bench = eager();
    bench.receive(&bench.ack(SERVER, ADDRESS, HOUR));
    assert_eq!(
        (bench.ignored(), bench.state()),
        (vec![Ignored::Unexpected], "selecting")
    );

    let mut bench = Bench::selecting();
    bench.receive(&committed(&bench, ADDRESS));
    assert_eq!(
        (bench.ignored(), bench.state()),
        (vec![Ignored::Unexpected], "selecting")
    );
}

#[test]
fn an_ack_that_grants_nothing_of_use_is_passed_over() {
    let mut bench = eager();
    bench.receive(&committed(&bench, Ipv4Addr::BROADCAST));
    let mut nameless = committed(&bench, ADDRESS);
    nameless.options.remove(code::SERVER_ID);
    bench.receive(&nameless);
    assert_eq!(
        bench.ignored(),
        [Ignored::UnusableAddress, Ignored::NoServerId]
    );
    assert_eq!(bench.state(), "selecting");
}

// RFC 4039, 3.1: a server without rapid commit offers as ever.
#[test]
fn a_server_that_does_not_know_the_option_offers_as_ever() {
    let mut bench = eager();
    bench.receive(&bench.offer(SERVER, ADDRESS));
    assert!(!bench.last().message.options.contains(code::RAPID_COMMIT));
    bench.receive(&bench.ack(SERVER, ADDRESS, HOUR));
    assert_eq!(bench.state(), "bound");
}

#[test]
fn an_ack_ends_the_choice_among_offers() {
    let mut bench = Bench::selecting_with(Config {
        rapid_commit: true,
        offers: OfferPolicy::Window(Duration::from_secs(2)),
        ..config()
    });
    bench.receive(&bench.offer(OTHER_SERVER, OTHER_ADDRESS));
    bench.receive(&committed(&bench, ADDRESS));
    assert_eq!(
        bench.client.lease().map(|lease| lease.address),
        Some(ADDRESS)
    );
}

#[test]
fn a_committed_address_is_probed_where_conflicts_are_detected() {
    let mut bench = Bench::selecting_with(Config {
        rapid_commit: true,
        conflict_detection: true,
        ..config()
    });
    bench.receive(&committed(&bench, ADDRESS));
    assert_eq!(bench.state(), "probing");
}

#[test]
fn a_lease_that_ran_out_before_its_ack_came_is_asked_for_anew() {
    let mut bench = eager();
    bench.until(3.0);
    let mut ack = bench.ack(SERVER, ADDRESS, Terms::of(2));
    ack.options.push(code::RAPID_COMMIT, []);
    let xid = bench.last().message.xid;
    bench.receive(&ack);
    assert_eq!(
        (bench.ignored(), bench.state()),
        (vec![Ignored::LeaseRunOut], "selecting")
    );
    assert_ne!(bench.last().message.xid, xid);
}
