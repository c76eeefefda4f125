//! From INIT-REBOOT, with a remembered address.

use super::*;

// RFC 2131, 4.4.2: a REQUEST for a remembered address has option 50, and not 54.
#[test]
fn a_remembered_address_is_requested_without_a_server_and_bound() {
    let mut harness = Harness::rebooting();
    assert_eq!(
        lines(&harness),
        ["request ciaddr=0.0.0.0 50=192.168.1.50 0.0.0.0 > 255.255.255.255"]
    );
    harness.receive(&harness.ack(OTHER_SERVER, ADDRESS, HOUR));
    assert_eq!(harness.state(), "bound");
    assert!(matches!(
        harness.happened().as_slice(),
        [Event::Bound { reboot: true, .. }]
    ));
}

// RFC 2131, 4.4.1: DISCOVER asks for the address that was held before.
// RFC 2131, 3.2(3): a remembered address that nobody confirms is asked for by DISCOVER.
#[test]
fn a_remembered_address_that_nobody_confirms_becomes_a_hint() {
    let mut harness = Harness::rebooting();
    harness.until(14.0);
    assert_waits(&harness.times(), &[4.0, 8.0], 1.0);
    assert_eq!(
        lines(&harness)[1..],
        [
            "request ciaddr=0.0.0.0 50=192.168.1.50 0.0.0.0 > 255.255.255.255",
            "discover ciaddr=0.0.0.0 50=192.168.1.50 0.0.0.0 > 255.255.255.255",
        ]
    );
    assert_eq!(
        harness.happened(),
        [Event::Unanswered(Unanswered::Rebooting)]
    );
    harness.receive(&harness.offer(SERVER, OTHER_ADDRESS));
    harness.receive(&harness.ack(SERVER, OTHER_ADDRESS, HOUR));
    assert_eq!(
        harness.client.lease().map(|lease| lease.address),
        Some(OTHER_ADDRESS)
    );
}

// Field practice: an ACK for another address than was asked for grants nothing.
#[test]
fn a_remembered_address_confirmed_as_another_is_passed_over() {
    let mut harness = Harness::rebooting();
    harness.receive(&harness.ack(SERVER, OTHER_ADDRESS, HOUR));
    assert_eq!(
        (harness.ignored(), harness.state()),
        (vec![Ignored::OtherAddress], "rebooting")
    );
    harness.receive(&harness.offer(SERVER, ADDRESS));
    assert_eq!(
        (harness.ignored(), harness.state()),
        (vec![Ignored::Unexpected], "rebooting")
    );
}
