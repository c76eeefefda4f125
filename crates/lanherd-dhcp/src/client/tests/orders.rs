//! What a client does at once when it is told to: decline, inform, reconnect.

use super::*;
use crate::Options;

const DECLINE: &str =
    "decline ciaddr=0.0.0.0 50=192.168.1.50 54=192.168.1.1 0.0.0.0 > 255.255.255.255";
const INFORM: &str = "inform ciaddr=192.168.1.50 192.168.1.50 > 192.168.1.1";
const DISCOVER: &str = "discover ciaddr=0.0.0.0 0.0.0.0 > 255.255.255.255";
const DISCOVER_AGAIN: &str = "discover ciaddr=0.0.0.0 50=192.168.1.50 0.0.0.0 > 255.255.255.255";
const CONFIRM: &str = "request ciaddr=0.0.0.0 50=192.168.1.50 0.0.0.0 > 255.255.255.255";

/// Clients in the four states that hold a lease, each at the beginning of it.
fn holders() -> [Harness; 4] {
    let mut all = [10.0, 1800.0, 3150.0, 10.0].map(|second| {
        let mut harness = Harness::bound();
        harness.until(second);
        harness
    });
    all[3].tell(Client::reconnect);
    for harness in &mut all {
        harness.forget();
    }
    assert_eq!(
        all.each_ref().map(Harness::state),
        ["bound", "renewing", "rebinding", "confirming"]
    );
    all
}

/// A server's answer to an INFORM: no address, no lease time.
fn parameters(harness: &Harness) -> Message {
    let mut ack = harness.reply(MessageType::Ack, SERVER);
    ack.ciaddr = ADDRESS;
    ack.options
        .push_addresses(code::DNS_SERVERS, &[OTHER_SERVER]);
    ack
}

// Field practice: a client can be told to renew, rebind, release, decline and inform at once.
#[test]
fn decline_gives_up_the_lease_from_every_state_that_holds_one() {
    for mut harness in holders() {
        let second = harness.seconds();
        harness.tell(Client::decline);
        assert_eq!(lines(&harness), [DECLINE]);
        assert_eq!(harness.happened(), [Event::Lost(LossReason::Declined)]);
        assert_eq!((harness.state(), harness.client.lease()), ("init", None));
        harness.forget();
        harness.until(second + 11.5);
        assert_eq!(lines(&harness), [DISCOVER]);
        assert!((10.0..=11.0).contains(&(harness.times()[0] - second)));
    }
}

#[test]
fn decline_at_the_moment_of_being_bound_sends_no_announcement() {
    let mut harness = Harness::requesting_with(Config {
        conflict_detection: true,
        ..config()
    });
    harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
    while harness.state() == "probing" {
        harness.now = harness.client.poll_timeout().expect("a timer");
        harness.tell(Client::handle_timeout);
    }
    harness.forget();
    harness.tell(Client::decline);
    harness.until(harness.seconds() + 9.0);
    assert_eq!(
        (lines(&harness), harness.arps.len()),
        (vec![DECLINE.to_owned()], 0)
    );
}

#[test]
fn decline_without_an_address_does_nothing() {
    for mut harness in [
        Harness::new(config(), 1),
        Harness::selecting(),
        Harness::requesting(),
        Harness::rebooting(),
    ] {
        let (state, due) = (harness.state(), harness.client.poll_timeout());
        harness.forget();
        harness.tell(Client::decline);
        assert_eq!(
            (harness.state(), harness.client.poll_timeout()),
            (state, due)
        );
        assert!(harness.sent.is_empty() && harness.events.is_empty());
    }
}

// RFC 2131, 4.3.5: the ACK to an INFORM needs no lease time, and grants nothing.
// Field practice: a client can be told to renew, rebind, release, decline and inform at once.
#[test]
fn inform_asks_the_leases_server_and_takes_an_ack_without_a_lease_time() {
    for mut harness in holders() {
        let (state, lease) = (harness.state(), harness.client.lease().cloned());
        let due = harness.client.poll_timeout();
        harness.tell(Client::inform);
        assert_eq!(lines(&harness), [INFORM]);
        harness.receive(&parameters(&harness));
        let events = harness.happened();
        let [Event::Informed { server_id, options }] = events.as_slice() else {
            panic!("{events:?}");
        };
        assert_eq!(
            (*server_id, options.addresses(code::DNS_SERVERS)),
            (SERVER, vec![OTHER_SERVER])
        );
        assert_eq!(
            (harness.state(), harness.client.lease().cloned()),
            (state, lease)
        );
        assert_eq!(harness.client.poll_timeout(), due, "no timer is left over");
    }
}

// RFC 2131, 4.4.3: INFORM is sent four times at most.
#[test]
fn an_inform_without_an_answer_is_sent_four_times() {
    let mut harness = Harness::bound();
    harness.until(10.0);
    harness.tell(Client::inform);
    harness.until(200.0);
    assert_eq!(lines(&harness), [INFORM; 4]);
    assert_waits(&harness.times(), &[4.0, 8.0, 16.0], 1.0);
    let xids: Vec<u32> = harness
        .sent
        .iter()
        .map(|(_, sent)| sent.message.xid)
        .collect();
    assert!(xids.iter().all(|xid| *xid == xids[0]), "one transaction");
    assert!(harness.last().message.secs >= 25);
    let [(at, Event::Unanswered(Unanswered::Informing))] = harness.events.as_slice() else {
        panic!("{:?}", harness.events);
    };
    assert!((10.0 + 56.0..=10.0 + 64.0).contains(at), "{at}");
    assert_eq!(harness.state(), "bound");
}

#[test]
fn an_inform_and_a_renewal_run_side_by_side() {
    let mut harness = Harness::bound();
    harness.until(1799.0);
    harness.tell(Client::inform);
    let parameters = parameters(&harness);
    harness.until(1800.0);
    assert_eq!(harness.state(), "renewing");
    let renewed = harness.ack(SERVER, ADDRESS, HOUR);
    assert_ne!(renewed.xid, parameters.xid);
    harness.receive(&renewed);
    assert_eq!(harness.state(), "bound");
    harness.receive(&parameters);
    let events = harness.happened();
    assert!(
        matches!(
            events.as_slice(),
            [Event::Renewed { .. }, Event::Informed { .. }]
        ),
        "{events:?}"
    );
}

#[test]
fn what_answers_an_inform_must_be_an_ack_of_its_transaction_from_a_server() {
    let mut harness = Harness::bound();
    harness.until(10.0);
    harness.tell(Client::inform);
    let ack = parameters(&harness);
    let mut foreign = ack.clone();
    foreign.xid ^= 1;
    harness.receive(&foreign);
    harness.receive(&harness.nak(SERVER));
    harness.receive(&harness.offer(SERVER, ADDRESS));
    let mut anonymous = ack.clone();
    anonymous.options.remove(code::SERVER_ID);
    harness.receive(&anonymous);
    assert_eq!(
        harness.ignored(),
        [
            Ignored::ForeignXid,
            Ignored::Unexpected,
            Ignored::Unexpected,
            Ignored::NoServerId
        ]
    );
    harness.receive(&ack);
    assert!(matches!(
        harness.happened().as_slice(),
        [Event::Informed { .. }]
    ));
    harness.receive(&ack);
    assert_eq!(harness.ignored(), [Ignored::Unexpected], "answered already");
}

#[test]
fn an_inform_ends_with_its_lease_and_a_second_one_takes_the_place_of_the_first() {
    let mut harness = Harness::bound();
    harness.tell(Client::inform);
    let first = parameters(&harness);
    harness.tell(Client::inform);
    harness.receive(&first);
    assert_eq!(harness.ignored(), [Ignored::ForeignXid]);
    harness.tell(Client::release);
    assert_eq!(harness.client.poll_timeout(), None);

    let mut harness = Harness::bound();
    harness.until(3599.0);
    harness.tell(Client::inform);
    harness.forget();
    harness.until(3660.0);
    assert!(
        harness
            .kinds()
            .iter()
            .all(|(_, kind)| *kind == MessageType::Discover)
    );
    assert_eq!(harness.happened(), [Event::Lost(LossReason::Expired)]);
}

#[test]
fn inform_without_a_lease_does_nothing() {
    for mut harness in [
        Harness::selecting(),
        Harness::requesting(),
        Harness::rebooting(),
    ] {
        harness.forget();
        harness.tell(Client::inform);
        assert!(harness.sent.is_empty() && harness.events.is_empty());
    }
    let mut harness = Harness::bound();
    harness.now = harness.start + Duration::from_secs(3600);
    harness.tell(Client::inform);
    assert_eq!(
        (harness.happened(), harness.sent.len()),
        (vec![Event::Lost(LossReason::Expired)], 0)
    );
}

// RFC 2131, 3.7: a lease is confirmed when the link was away, and used meanwhile.
#[test]
fn a_lease_is_confirmed_in_the_words_of_init_reboot_and_kept_meanwhile() {
    for mut harness in holders() {
        let lease = harness.client.lease().cloned();
        harness.tell(Client::reconnect);
        assert_eq!(
            (lines(&harness), harness.state()),
            (vec![CONFIRM.to_owned()], "confirming")
        );
        assert_eq!(harness.client.lease().cloned(), lease);
        let second = harness.now;
        harness.receive(&harness.ack(OTHER_SERVER, ADDRESS, HOUR));
        let Some(Event::Renewed {
            lease,
            by: Extension::Reboot,
        }) = harness.happened().pop()
        else {
            panic!("not confirmed");
        };
        assert_eq!(
            (lease.requested_at, lease.server_id),
            (second, OTHER_SERVER)
        );
        assert_eq!(
            (harness.state(), harness.client.lease()),
            ("bound", Some(&lease))
        );
    }
}

#[test]
fn a_confirmed_address_is_announced_anew_where_conflicts_are_detected_and_not_probed() {
    let mut harness = Harness::requesting_with(Config {
        conflict_detection: true,
        ..config()
    });
    harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
    harness.until(20.0);
    harness.forget();
    harness.tell(Client::reconnect);
    harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
    assert_eq!(harness.state(), "bound");
    harness.until(30.0);
    let announcement = Arp::announcement(MAC, ADDRESS);
    assert_eq!(harness.arps, [(20.0, announcement), (22.0, announcement)]);
}

// RFC 2131, 3.2(3): without an answer the lease is used until its timers come.
#[test]
fn a_lease_that_nobody_confirms_is_used_until_its_timers_come() {
    let mut harness = Harness::bound();
    harness.until(100.0);
    harness.tell(Client::reconnect);
    harness.until(1799.0);
    assert_eq!(lines(&harness), [CONFIRM, CONFIRM]);
    assert_waits(&harness.times(), &[4.0], 1.0);
    assert_eq!(
        harness.happened(),
        [Event::Unanswered(Unanswered::Rebooting)]
    );
    assert_eq!(harness.state(), "bound");
    harness.until(1800.0);
    assert_eq!(harness.state(), "renewing");

    // A renewal that was under way is taken up again.
    harness.tell(Client::reconnect);
    harness.forget();
    harness.until(1815.0);
    assert_eq!(harness.state(), "renewing");
    assert_eq!(
        lines(&harness),
        [
            CONFIRM,
            "request ciaddr=192.168.1.50 192.168.1.50 > 192.168.1.1"
        ]
    );
}

#[test]
fn a_lease_that_is_refused_or_runs_out_while_it_is_confirmed_is_lost() {
    let mut harness = Harness::bound();
    harness.tell(Client::reconnect);
    harness.receive(&harness.nak(OTHER_SERVER));
    assert!(matches!(
        harness.happened().as_slice(),
        [Event::Refused { .. }, Event::Lost(LossReason::Nak)]
    ));
    harness.until(0.0);
    assert_eq!(line(harness.last()), DISCOVER);

    let mut harness = Harness::bound();
    harness.until(3598.0);
    harness.tell(Client::reconnect);
    harness.forget();
    harness.until(3600.0);
    assert_eq!(harness.happened(), [Event::Lost(LossReason::Expired)]);
    assert_eq!(lines(&harness), [DISCOVER_AGAIN]);
}

#[test]
fn a_link_that_comes_and_goes_asks_anew_each_time_and_an_old_answer_does_not_count() {
    let mut harness = Harness::bound();
    harness.tell(Client::reconnect);
    let old = harness.ack(SERVER, ADDRESS, HOUR);
    harness.tell(Client::reconnect);
    assert_eq!(lines(&harness), [CONFIRM, CONFIRM]);
    harness.receive(&old);
    assert_eq!(harness.ignored(), [Ignored::ForeignXid]);
    harness.receive(&harness.ack(SERVER, OTHER_ADDRESS, HOUR));
    assert_eq!(harness.ignored(), [Ignored::OtherAddress]);
    assert_eq!(harness.state(), "confirming");
}

#[test]
fn without_a_lease_all_begins_afresh_at_once() {
    let mut waiting = Harness::new(Config::new(MAC), 1);
    waiting.tell(Client::start);
    let mut waiting_to_reboot = Harness::new(Config::new(MAC), 1);
    waiting_to_reboot.tell(|client, now| client.reboot(ADDRESS, now));
    let mut refused = Harness::requesting();
    refused.receive(&refused.nak(SERVER));
    let mut expired = Harness::bound();
    expired.until(3600.0);
    let mut probing = Harness::requesting_with(Config {
        conflict_detection: true,
        ..config()
    });
    probing.receive(&probing.ack(SERVER, ADDRESS, HOUR));
    let cases = [
        (waiting, "init", DISCOVER),
        (Harness::selecting(), "selecting", DISCOVER),
        (Harness::requesting(), "requesting", DISCOVER),
        (refused, "init", DISCOVER),
        (expired, "selecting", DISCOVER_AGAIN),
        (waiting_to_reboot, "init_reboot", CONFIRM),
        (Harness::rebooting(), "rebooting", CONFIRM),
        (probing, "probing", CONFIRM),
    ];
    for (mut harness, state, expected) in cases {
        assert_eq!(harness.state(), state);
        let xid = harness.sent.last().map(|(_, sent)| sent.message.xid);
        harness.forget();
        harness.tell(Client::reconnect);
        assert_eq!(lines(&harness), [expected], "{state}");
        let message = &harness.last().message;
        assert_ne!(Some(message.xid), xid, "{state}");
        assert_eq!(message.secs, 0, "{state}");
        assert!(harness.events.is_empty(), "{state}");
    }
    let mut stopped = Harness::new(config(), 1);
    stopped.tell(Client::reconnect);
    assert_eq!((stopped.state(), stopped.sent.len()), ("stopped", 0));
}

#[test]
fn a_client_that_confirms_can_be_told_to_renew_and_to_release() {
    let confirming = || {
        let mut harness = Harness::bound();
        harness.tell(Client::reconnect);
        harness.forget();
        harness
    };
    let mut harness = confirming();
    harness.tell(Client::renew);
    assert_eq!(harness.state(), "renewing");
    let mut harness = confirming();
    harness.tell(Client::rebind);
    assert_eq!(harness.state(), "rebinding");
    let mut harness = confirming();
    harness.tell(Client::release);
    assert_eq!(harness.happened(), [Event::Lost(LossReason::Released)]);
    assert_eq!(harness.state(), "stopped");
}

#[test]
fn the_options_of_an_answer_are_passed_on_as_they_stand() {
    let mut harness = Harness::bound();
    harness.tell(Client::inform);
    let mut ack = parameters(&harness);
    ack.options.push(224, *b"anything");
    harness.receive(&ack);
    let expected: Options = ack.options;
    assert!(matches!(
        harness.happened().as_slice(),
        [Event::Informed { options, .. }] if *options == expected
    ));
}
