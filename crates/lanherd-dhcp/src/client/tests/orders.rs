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
fn holders() -> [Bench; 4] {
    let mut all = [10.0, 1800.0, 3150.0, 10.0].map(|second| {
        let mut bench = Bench::bound();
        bench.until(second);
        bench
    });
    all[3].tell(Client::reconnect);
    for bench in &mut all {
        bench.forget();
    }
    assert_eq!(
        all.each_ref().map(Bench::state),
        ["bound", "renewing", "rebinding", "confirming"]
    );
    all
}

/// A server's answer to an INFORM: no address, no lease time.
fn parameters(bench: &Bench) -> Message {
    let mut ack = bench.reply(MessageType::Ack, SERVER);
    ack.ciaddr = ADDRESS;
    ack.options
        .push_addresses(code::DNS_SERVERS, &[OTHER_SERVER]);
    ack
}

// Field practice: a client can be told to renew, rebind, release, decline and inform at once.
#[test]
fn decline_gives_up_the_lease_from_every_state_that_holds_one() {
    for mut bench in holders() {
        let second = bench.seconds();
        bench.tell(Client::decline);
        assert_eq!(lines(&bench), [DECLINE]);
        assert_eq!(bench.happened(), [Event::Lost(LossReason::Declined)]);
        assert_eq!((bench.state(), bench.client.lease()), ("init", None));
        bench.forget();
        bench.until(second + 11.5);
        assert_eq!(lines(&bench), [DISCOVER]);
        assert!((10.0..=11.0).contains(&(bench.times()[0] - second)));
    }
}

#[test]
fn decline_at_the_moment_of_being_bound_sends_no_announcement() {
    let mut bench = Bench::requesting_with(Config {
        conflict_detection: true,
        ..config()
    });
    bench.receive(&bench.ack(SERVER, ADDRESS, HOUR));
    while bench.state() == "probing" {
        bench.now = bench.client.poll_timeout().expect("a timer");
        bench.tell(Client::handle_timeout);
    }
    bench.forget();
    bench.tell(Client::decline);
    bench.until(bench.seconds() + 9.0);
    assert_eq!(
        (lines(&bench), bench.arps.len()),
        (vec![DECLINE.to_owned()], 0)
    );
}

#[test]
fn decline_without_an_address_does_nothing() {
    for mut bench in [
        Bench::new(config(), 1),
        Bench::selecting(),
        Bench::requesting(),
        Bench::rebooting(),
    ] {
        let (state, due) = (bench.state(), bench.client.poll_timeout());
        bench.forget();
        bench.tell(Client::decline);
        assert_eq!((bench.state(), bench.client.poll_timeout()), (state, due));
        assert!(bench.sent.is_empty() && bench.events.is_empty());
    }
}

// RFC 2131, 4.3.5: the ACK to an INFORM needs no lease time, and grants nothing.
// Field practice: a client can be told to renew, rebind, release, decline and inform at once.
#[test]
fn inform_asks_the_leases_server_and_takes_an_ack_without_a_lease_time() {
    for mut bench in holders() {
        let (state, lease) = (bench.state(), bench.client.lease().cloned());
        let due = bench.client.poll_timeout();
        bench.tell(Client::inform);
        assert_eq!(lines(&bench), [INFORM]);
        bench.receive(&parameters(&bench));
        let events = bench.happened();
        let [Event::Informed { server_id, options }] = events.as_slice() else {
            panic!("{events:?}");
        };
        assert_eq!(
            (*server_id, options.addresses(code::DNS_SERVERS)),
            (SERVER, vec![OTHER_SERVER])
        );
        assert_eq!(
            (bench.state(), bench.client.lease().cloned()),
            (state, lease)
        );
        assert_eq!(bench.client.poll_timeout(), due, "no timer is left over");
    }
}

// RFC 2131, 4.4.3: INFORM is sent four times at most.
#[test]
fn an_inform_without_an_answer_is_sent_four_times() {
    let mut bench = Bench::bound();
    bench.until(10.0);
    bench.tell(Client::inform);
    bench.until(200.0);
    assert_eq!(lines(&bench), [INFORM; 4]);
    assert_waits(&bench.times(), &[4.0, 8.0, 16.0], 1.0);
    let xids: Vec<u32> = bench
        .sent
        .iter()
        .map(|(_, sent)| sent.message.xid)
        .collect();
    assert!(xids.iter().all(|xid| *xid == xids[0]), "one transaction");
    assert!(bench.last().message.secs >= 25);
    let [(at, Event::Unanswered(Unanswered::Informing))] = bench.events.as_slice() else {
        panic!("{:?}", bench.events);
    };
    assert!((10.0 + 56.0..=10.0 + 64.0).contains(at), "{at}");
    assert_eq!(bench.state(), "bound");
}

#[test]
fn an_inform_and_a_renewal_run_side_by_side() {
    let mut bench = Bench::bound();
    bench.until(1799.0);
    bench.tell(Client::inform);
    let parameters = parameters(&bench);
    bench.until(1800.0);
    assert_eq!(bench.state(), "renewing");
    let renewed = bench.ack(SERVER, ADDRESS, HOUR);
    assert_ne!(renewed.xid, parameters.xid);
    bench.receive(&renewed);
    assert_eq!(bench.state(), "bound");
    bench.receive(&parameters);
    let events = bench.happened();
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
    let mut bench = Bench::bound();
    bench.until(10.0);
    bench.tell(Client::inform);
    let ack = parameters(&bench);
    let mut foreign = ack.clone();
    foreign.xid ^= 1;
    bench.receive(&foreign);
    bench.receive(&bench.nak(SERVER));
    bench.receive(&bench.offer(SERVER, ADDRESS));
    let mut anonymous = ack.clone();
    anonymous.options.remove(code::SERVER_ID);
    bench.receive(&anonymous);
    assert_eq!(
        bench.ignored(),
        [
            Ignored::ForeignXid,
            Ignored::Unexpected,
            Ignored::Unexpected,
            Ignored::NoServerId
        ]
    );
    bench.receive(&ack);
    assert!(matches!(
        bench.happened().as_slice(),
        [Event::Informed { .. }]
    ));
    bench.receive(&ack);
    assert_eq!(bench.ignored(), [Ignored::Unexpected], "answered already");
}

#[test]
fn an_inform_ends_with_its_lease_and_a_second_one_takes_the_place_of_the_first() {
    let mut bench = Bench::bound();
    bench.tell(Client::inform);
    let first = parameters(&bench);
    bench.tell(Client::inform);
    bench.receive(&first);
    assert_eq!(bench.ignored(), [Ignored::ForeignXid]);
    bench.tell(Client::release);
    assert_eq!(bench.client.poll_timeout(), None);

    let mut bench = Bench::bound();
    bench.until(3599.0);
    bench.tell(Client::inform);
    bench.forget();
    bench.until(3660.0);
    assert!(
        bench
            .kinds()
            .iter()
            .all(|(_, kind)| *kind == MessageType::Discover)
    );
    assert_eq!(bench.happened(), [Event::Lost(LossReason::Expired)]);
}

#[test]
fn inform_without_a_lease_does_nothing() {
    for mut bench in [Bench::selecting(), Bench::requesting(), Bench::rebooting()] {
        bench.forget();
        bench.tell(Client::inform);
        assert!(bench.sent.is_empty() && bench.events.is_empty());
    }
    let mut bench = Bench::bound();
    bench.now = bench.start + Duration::from_secs(3600);
    bench.tell(Client::inform);
    assert_eq!(
        (bench.happened(), bench.sent.len()),
        (vec![Event::Lost(LossReason::Expired)], 0)
    );
}

// RFC 2131, 3.7: a lease is confirmed when the link was away, and used meanwhile.
#[test]
fn a_lease_is_confirmed_in_the_words_of_init_reboot_and_kept_meanwhile() {
    for mut bench in holders() {
        let lease = bench.client.lease().cloned();
        bench.tell(Client::reconnect);
        assert_eq!(
            (lines(&bench), bench.state()),
            (vec![CONFIRM.to_owned()], "confirming")
        );
        assert_eq!(bench.client.lease().cloned(), lease);
        let second = bench.now;
        bench.receive(&bench.ack(OTHER_SERVER, ADDRESS, HOUR));
        let Some(Event::Renewed {
            lease,
            by: Extension::Reboot,
        }) = bench.happened().pop()
        else {
            panic!("not confirmed");
        };
        assert_eq!(
            (lease.requested_at, lease.server_id),
            (second, OTHER_SERVER)
        );
        assert_eq!(
            (bench.state(), bench.client.lease()),
            ("bound", Some(&lease))
        );
    }
}

#[test]
fn a_confirmed_address_is_announced_anew_where_conflicts_are_detected_and_not_probed() {
    let mut bench = Bench::requesting_with(Config {
        conflict_detection: true,
        ..config()
    });
    bench.receive(&bench.ack(SERVER, ADDRESS, HOUR));
    bench.until(20.0);
    bench.forget();
    bench.tell(Client::reconnect);
    bench.receive(&bench.ack(SERVER, ADDRESS, HOUR));
    assert_eq!(bench.state(), "bound");
    bench.until(30.0);
    let announcement = Arp::announcement(MAC, ADDRESS);
    assert_eq!(bench.arps, [(20.0, announcement), (22.0, announcement)]);
}

// RFC 2131, 3.2(3): without an answer the lease is used until its timers come.
#[test]
fn a_lease_that_nobody_confirms_is_used_until_its_timers_come() {
    let mut bench = Bench::bound();
    bench.until(100.0);
    bench.tell(Client::reconnect);
    bench.until(1799.0);
    assert_eq!(lines(&bench), [CONFIRM, CONFIRM]);
    assert_waits(&bench.times(), &[4.0], 1.0);
    assert_eq!(bench.happened(), [Event::Unanswered(Unanswered::Rebooting)]);
    assert_eq!(bench.state(), "bound");
    bench.until(1800.0);
    assert_eq!(bench.state(), "renewing");

    // A renewal that was under way is taken up again.
    bench.tell(Client::reconnect);
    bench.forget();
    bench.until(1815.0);
    assert_eq!(bench.state(), "renewing");
    assert_eq!(
        lines(&bench),
        [
            CONFIRM,
            "request ciaddr=192.168.1.50 192.168.1.50 > 192.168.1.1"
        ]
    );
}

#[test]
fn a_lease_that_is_refused_or_runs_out_while_it_is_confirmed_is_lost() {
    let mut bench = Bench::bound();
    bench.tell(Client::reconnect);
    bench.receive(&bench.nak(OTHER_SERVER));
    assert!(matches!(
        bench.happened().as_slice(),
        [Event::Refused { .. }, Event::Lost(LossReason::Nak)]
    ));
    bench.until(0.0);
    assert_eq!(line(bench.last()), DISCOVER);

    let mut bench = Bench::bound();
    bench.until(3598.0);
    bench.tell(Client::reconnect);
    bench.forget();
    bench.until(3600.0);
    assert_eq!(bench.happened(), [Event::Lost(LossReason::Expired)]);
    assert_eq!(lines(&bench), [DISCOVER_AGAIN]);
}

#[test]
fn a_link_that_comes_and_goes_asks_anew_each_time_and_an_old_answer_does_not_count() {
    let mut bench = Bench::bound();
    bench.tell(Client::reconnect);
    let old = bench.ack(SERVER, ADDRESS, HOUR);
    bench.tell(Client::reconnect);
    assert_eq!(lines(&bench), [CONFIRM, CONFIRM]);
    bench.receive(&old);
    assert_eq!(bench.ignored(), [Ignored::ForeignXid]);
    bench.receive(&bench.ack(SERVER, OTHER_ADDRESS, HOUR));
    assert_eq!(bench.ignored(), [Ignored::OtherAddress]);
    assert_eq!(bench.state(), "confirming");
}

#[test]
fn without_a_lease_all_begins_afresh_at_once() {
    let mut waiting = Bench::new(Config::new(MAC), 1);
    waiting.tell(Client::start);
    let mut waiting_to_reboot = Bench::new(Config::new(MAC), 1);
    waiting_to_reboot.tell(|client, now| client.reboot(ADDRESS, now));
    let mut refused = Bench::requesting();
    refused.receive(&refused.nak(SERVER));
    let mut expired = Bench::bound();
    expired.until(3600.0);
    let mut probing = Bench::requesting_with(Config {
        conflict_detection: true,
        ..config()
    });
    probing.receive(&probing.ack(SERVER, ADDRESS, HOUR));
    let cases = [
        (waiting, "init", DISCOVER),
        (Bench::selecting(), "selecting", DISCOVER),
        (Bench::requesting(), "requesting", DISCOVER),
        (refused, "init", DISCOVER),
        (expired, "selecting", DISCOVER_AGAIN),
        (waiting_to_reboot, "init_reboot", CONFIRM),
        (Bench::rebooting(), "rebooting", CONFIRM),
        (probing, "probing", CONFIRM),
    ];
    for (mut bench, state, expected) in cases {
        assert_eq!(bench.state(), state);
        let xid = bench.sent.last().map(|(_, sent)| sent.message.xid);
        bench.forget();
        bench.tell(Client::reconnect);
        assert_eq!(lines(&bench), [expected], "{state}");
        let message = &bench.last().message;
        assert_ne!(Some(message.xid), xid, "{state}");
        assert_eq!(message.secs, 0, "{state}");
        assert!(bench.events.is_empty(), "{state}");
    }
    let mut stopped = Bench::new(config(), 1);
    stopped.tell(Client::reconnect);
    assert_eq!((stopped.state(), stopped.sent.len()), ("stopped", 0));
}

#[test]
fn a_client_that_confirms_can_be_told_to_renew_and_to_release() {
    let confirming = || {
        let mut bench = Bench::bound();
        bench.tell(Client::reconnect);
        bench.forget();
        bench
    };
    let mut bench = confirming();
    bench.tell(Client::renew);
    assert_eq!(bench.state(), "renewing");
    let mut bench = confirming();
    bench.tell(Client::rebind);
    assert_eq!(bench.state(), "rebinding");
    let mut bench = confirming();
    bench.tell(Client::release);
    assert_eq!(bench.happened(), [Event::Lost(LossReason::Released)]);
    assert_eq!(bench.state(), "stopped");
}

#[test]
fn the_options_of_an_answer_are_passed_on_as_they_stand() {
    let mut bench = Bench::bound();
    bench.tell(Client::inform);
    let mut ack = parameters(&bench);
    ack.options.push(224, *b"anything");
    bench.receive(&ack);
    let expected: Options = ack.options;
    assert!(matches!(
        bench.happened().as_slice(),
        [Event::Informed { options, .. }] if *options == expected
    ));
}
