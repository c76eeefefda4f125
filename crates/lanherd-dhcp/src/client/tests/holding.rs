//! BOUND, RENEWING, REBINDING, and the end of a lease.

use super::*;

const RENEW: &str = "request ciaddr=192.168.1.50 192.168.1.50 > 192.168.1.1";
const REBIND: &str = "request ciaddr=192.168.1.50 192.168.1.50 > 255.255.255.255";
const DISCOVER_AGAIN: &str = "discover ciaddr=0.0.0.0 50=192.168.1.50 0.0.0.0 > 255.255.255.255";
const RELEASE: &str = "release ciaddr=192.168.1.50 54=192.168.1.1 192.168.1.50 > 192.168.1.1";

// RFC 2131, 4.4.5: more is asked for again after half of what remains, and not under 60 s.
#[test]
fn a_mute_server_is_asked_at_half_of_what_remains_until_the_lease_is_gone() {
    let mut harness = Harness::bound();
    harness.until(3600.0);
    let timeline: Vec<(f64, String)> = harness
        .sent
        .iter()
        .map(|(seconds, transmit)| (seconds.floor(), line(transmit)))
        .collect();
    let expected: Vec<(f64, String)> = [
        // T1 at 1800; then half of what remains to T2 at 3150, at least a minute.
        (1800, RENEW),
        (2475, RENEW),
        (2812, RENEW),
        (2981, RENEW),
        (3065, RENEW),
        (3125, RENEW),
        // T2; then half of what remains to the end at 3600, at least a minute.
        (3150, REBIND),
        (3375, REBIND),
        (3487, REBIND),
        (3547, REBIND),
        (3600, DISCOVER_AGAIN),
    ]
    .map(|(seconds, line)| (f64::from(seconds), line.to_owned()))
    .into();
    assert_eq!(timeline, expected);
    assert_eq!(harness.events, [(3600.0, Event::Lost(LossReason::Expired))]);
}

// RFC 2131, 4.4.1: the lease counts from when its REQUEST was first sent.
#[test]
fn a_renewal_moves_all_timers_and_counts_from_its_own_request() {
    let mut harness = Harness::bound();
    harness.until(2500.0);
    assert_eq!(harness.state(), "renewing");
    harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
    let Some(Event::Renewed {
        lease,
        by: Extension::Renew,
    }) = harness.happened().pop()
    else {
        panic!("not renewed");
    };
    assert_eq!(
        lease.requested_at,
        harness.start + Duration::from_secs(2475)
    );
    assert_eq!(harness.state(), "bound");
    harness.forget();
    harness.until(2475.0 + 1800.0);
    assert_eq!(lines(&harness), [RENEW]);
}

// RFC 2131, 4.4.1: a reply with another xid is not for this client.
#[test]
fn the_answer_to_an_earlier_renewal_is_passed_over() {
    let mut harness = Harness::bound();
    harness.until(1800.0);
    let stale = harness.ack(SERVER, ADDRESS, HOUR);
    harness.until(2480.0);
    harness.receive(&stale);
    assert_eq!(
        (harness.ignored(), harness.state()),
        (vec![Ignored::ForeignXid], "renewing")
    );
}

// RFC 2131, 4.4.5: while REBINDING any server may extend the lease.
#[test]
fn a_rebinding_takes_the_ack_of_any_server_which_then_is_the_one_to_renew_with() {
    let mut harness = Harness::bound();
    harness.until(3200.0);
    assert_eq!(harness.state(), "rebinding");
    harness.receive(&harness.ack(OTHER_SERVER, ADDRESS, HOUR));
    assert!(matches!(
        harness.happened().as_slice(),
        [Event::Renewed {
            by: Extension::Rebind,
            ..
        }]
    ));
    harness.forget();
    harness.until(3150.0 + 1800.0);
    assert_eq!(
        lines(&harness),
        ["request ciaddr=192.168.1.50 192.168.1.50 > 192.168.1.2"]
    );
}

// Field practice: an ACK for another address than was asked for grants nothing.
#[test]
fn an_extension_that_changes_the_address_is_passed_over() {
    let mut harness = Harness::bound();
    for (second, state) in [(1900.0, "renewing"), (3200.0, "rebinding")] {
        harness.until(second);
        harness.receive(&harness.ack(SERVER, OTHER_ADDRESS, HOUR));
        assert_eq!(
            (harness.ignored(), harness.state()),
            (vec![Ignored::OtherAddress], state)
        );
        harness.receive(&harness.offer(SERVER, ADDRESS));
        assert_eq!(
            (harness.ignored(), harness.state()),
            (vec![Ignored::Unexpected], state)
        );
    }
}

#[test]
fn an_extension_may_change_options_and_terms() {
    let mut harness = Harness::bound();
    harness.until(1800.0);
    let mut ack = harness.ack(SERVER, ADDRESS, Terms::of(100));
    ack.options
        .push_addresses(code::DNS_SERVERS, &[OTHER_SERVER]);
    harness.receive(&ack);
    let lease = harness.client.lease().expect("a lease").clone();
    assert_eq!(lease.dns, [OTHER_SERVER]);
    assert_eq!(
        lease.expires_at(),
        Some(harness.start + Duration::from_secs(1900))
    );
    harness.until(1900.0);
    assert!(
        harness
            .happened()
            .contains(&Event::Lost(LossReason::Expired))
    );
}

// RFC 2131, 4.4.1: DISCOVER asks for the address that was held before.
// RFC 2131, 4.4.5: a lease that ends is used no more, and all begins anew.
#[test]
fn a_lease_that_was_lost_is_asked_for_again_at_once_and_a_reply_after_its_end_does_not_revive_it() {
    let mut harness = Harness::bound();
    harness.until(3599.0);
    let ack = harness.ack(SERVER, ADDRESS, HOUR);
    harness.forget();
    harness.now = harness.start + Duration::from_secs(3600);
    harness.receive(&ack);
    assert_eq!(harness.events.remove(0).1, Event::Lost(LossReason::Expired));
    assert_eq!(harness.ignored(), [Ignored::Unexpected]);
    harness.until(3600.0);
    assert_eq!(lines(&harness), [DISCOVER_AGAIN]);
    assert_eq!(harness.last().message.secs, 0, "a new acquisition");
}

#[test]
fn a_machine_that_slept_catches_up_without_messages_that_are_too_late() {
    let mut harness = Harness::bound();
    harness.sleep_until(3200.0);
    assert_eq!(
        (harness.state(), lines(&harness)),
        ("rebinding", vec![REBIND.to_owned()])
    );

    let mut harness = Harness::bound();
    harness.sleep_until(9000.0);
    assert_eq!(
        (harness.state(), lines(&harness)),
        ("selecting", vec![DISCOVER_AGAIN.to_owned()])
    );
    assert_eq!(harness.happened(), [Event::Lost(LossReason::Expired)]);
}

// RFC 2131, 3.3: a lease of 0xffffffff never ends and has no timers.
#[test]
fn an_infinite_lease_has_no_timers_and_is_renewed_only_when_told() {
    let mut harness = Harness::bound_on(Terms::of(u32::MAX));
    assert_eq!(harness.client.poll_timeout(), None);
    harness.tell(Client::renew);
    harness.until(150.0);
    assert_eq!(lines(&harness), [RENEW; 3]);
    assert_eq!(harness.times(), [0.0, 60.0, 120.0]);
    harness.receive(&harness.ack(SERVER, ADDRESS, Terms::of(u32::MAX)));
    assert_eq!(
        (harness.state(), harness.client.poll_timeout()),
        ("bound", None)
    );
}

// Field practice: a client can be told to renew, rebind, release, decline and inform at once.
#[test]
fn renew_and_rebind_act_at_once_with_a_new_xid_each() {
    let mut harness = Harness::bound();
    harness.until(10.0);
    harness.tell(Client::renew);
    harness.tell(Client::renew);
    assert_eq!(harness.state(), "renewing");
    harness.tell(Client::rebind);
    harness.tell(Client::rebind);
    assert_eq!(harness.state(), "rebinding");
    harness.tell(Client::renew);
    assert_eq!(harness.state(), "rebinding", "T2 is not taken back");
    assert_eq!(lines(&harness), [RENEW, RENEW, REBIND, REBIND, REBIND]);
    assert_eq!(harness.times(), [10.0; 5]);
    let mut xids: Vec<u32> = harness
        .sent
        .iter()
        .map(|(_, transmit)| transmit.message.xid)
        .collect();
    xids.sort_unstable();
    xids.dedup();
    assert_eq!(xids.len(), 5);
}

#[test]
fn secs_of_an_extension_counts_from_the_first_request_for_it() {
    let mut harness = Harness::bound();
    harness.until(3400.0);
    let secs: Vec<u16> = harness
        .sent
        .iter()
        .map(|(_, transmit)| transmit.message.secs)
        .collect();
    assert_eq!(secs, [0, 675, 1012, 1181, 1265, 1325, 1350, 1575]);
}

// RFC 2131, 4.4.6: a client that leaves gives its lease back.
#[test]
fn release_gives_the_lease_back_from_every_state_that_holds_one() {
    for second in [10.0, 1800.0, 3150.0] {
        let mut harness = Harness::bound();
        harness.until(second);
        harness.forget();
        harness.tell(Client::release);
        assert_eq!(lines(&harness), [RELEASE]);
        assert_eq!(harness.last().message.secs, 0);
        assert_eq!(harness.happened(), [Event::Lost(LossReason::Released)]);
        assert_eq!(
            (harness.state(), harness.client.poll_timeout()),
            ("stopped", None)
        );

        harness.tell(Client::start);
        harness.until(second);
        assert_eq!(
            line(harness.last()),
            "discover ciaddr=0.0.0.0 0.0.0.0 > 255.255.255.255"
        );
    }
}

#[test]
fn release_without_a_lease_stops_and_sends_nothing() {
    for mut harness in [Harness::selecting(), Harness::rebooting()] {
        harness.forget();
        harness.tell(Client::release);
        assert_eq!(
            (harness.state(), harness.client.poll_timeout()),
            ("stopped", None)
        );
        assert!(harness.sent.is_empty() && harness.events.is_empty());
    }
}

#[test]
fn release_while_requesting_gives_back_what_the_server_may_have_granted() {
    let mut harness = Harness::requesting();
    harness.forget();
    harness.tell(Client::release);
    assert_eq!(lines(&harness), [RELEASE]);
    assert_eq!((harness.state(), harness.events.len()), ("stopped", 0));
}

#[test]
fn releasing_a_lease_that_has_just_run_out_sends_no_release() {
    let mut harness = Harness::bound();
    harness.now = harness.start + Duration::from_secs(3600);
    harness.tell(Client::release);
    assert_eq!(
        (harness.happened(), harness.sent.len()),
        (vec![Event::Lost(LossReason::Expired)], 0)
    );
    assert_eq!(harness.state(), "stopped");
}
