//! From INIT to BOUND, when servers are silent, slow or wrong.

use std::collections::HashSet;

use super::*;

// RFC 2131, 4.1: before an address is bound a message goes from 0.0.0.0 to everybody.
#[test]
fn a_lease_takes_four_messages() {
    let mut harness = Harness::requesting();
    harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
    assert_eq!(
        lines(&harness),
        [
            "discover ciaddr=0.0.0.0 0.0.0.0 > 255.255.255.255",
            "request ciaddr=0.0.0.0 50=192.168.1.50 54=192.168.1.1 0.0.0.0 > 255.255.255.255",
        ]
    );
    let Some(Event::Bound {
        lease,
        reboot: false,
    }) = harness.happened().pop()
    else {
        panic!("not bound");
    };
    assert_eq!(
        (lease.address, lease.server_id, lease.requested_at),
        (ADDRESS, SERVER, harness.start)
    );
    assert_eq!(
        (harness.state(), harness.client.lease()),
        ("bound", Some(&lease))
    );
}

// RFC 2131, table 5: a REQUEST for an offer has the xid of the OFFER.
// RFC 2131, 3.1(3): a REQUEST for an offer has the secs of its DISCOVER.
#[test]
fn a_request_keeps_the_xid_and_the_secs_of_its_discover() {
    let mut harness = Harness::selecting();
    harness.until(20.0);
    let discover = harness.last().message.clone();
    assert!(discover.secs > 0);
    harness.receive(&harness.offer(SERVER, ADDRESS));
    harness.until(60.0);
    let requests: Vec<&Message> = harness
        .sent
        .iter()
        .map(|(_, t)| &t.message)
        .filter(|m| m.message_type() == Some(MessageType::Request))
        .collect();
    assert!(requests.len() > 2);
    assert!(
        requests
            .iter()
            .all(|request| (request.xid, request.secs) == (discover.xid, discover.secs))
    );
}

// RFC 2131, table 5: secs is the time since the client began, and 0 in RELEASE and DECLINE.
#[test]
fn secs_counts_from_the_first_discover_on() {
    let mut harness = Harness::selecting();
    harness.until(500.0);
    for (seconds, transmit) in &harness.sent {
        assert!((f64::from(transmit.message.secs) - seconds.floor()).abs() < 1.0);
    }
}

// RFC 2131, 4.4.1: each transaction has a random xid.
#[test]
fn a_thousand_clients_choose_as_many_xids() {
    let xid = |seed| {
        let mut harness = Harness::new(config(), seed);
        harness.tell(Client::start);
        harness.until(0.0);
        harness.last().message.xid
    };
    assert_eq!((0..1000).map(xid).collect::<HashSet<u32>>().len(), 1000);
}

// RFC 2131, 4.4.1: the first message waits a random time between 1 and 10 s.
#[test]
fn the_first_message_waits_a_random_time_between_one_and_ten_seconds() {
    let first = |seed: u64, command: fn(&mut Client, Instant)| {
        let mut harness = Harness::new(Config::new(MAC), seed);
        harness.tell(command);
        harness.until(10.0);
        harness.times()[0]
    };
    for command in [Client::start, |client: &mut Client, now| {
        client.reboot(ADDRESS, now);
    }] {
        let times: Vec<f64> = (0..500).map(|seed| first(seed, command)).collect();
        assert!(times.iter().all(|time| (1.0..=10.0).contains(time)));
        for second in 1..10 {
            let within = f64::from(second)..f64::from(second + 1);
            assert!(
                times.iter().filter(|time| within.contains(time)).count() > 25,
                "second {second}"
            );
        }
    }
}

// RFC 2131, 4.1: a message is sent again after 4, 8, 16, 32, 64 s, each off by up to 1 s.
#[test]
fn a_mute_network_is_asked_again_after_4_8_16_32_and_then_always_64_seconds() {
    let mut harness = Harness::selecting();
    harness.until(330.0);
    assert_waits(
        &harness.times(),
        &[4.0, 8.0, 16.0, 32.0, 64.0, 64.0, 64.0, 64.0],
        1.0,
    );
    let xids: HashSet<u32> = harness
        .sent
        .iter()
        .map(|(_, transmit)| transmit.message.xid)
        .collect();
    assert_eq!(xids.len(), 1, "one transaction");
    assert_eq!(harness.state(), "selecting");
}

// RFC 2131, 3.1(5): a REQUEST for an offer is sent again four times, then all begins anew.
#[test]
fn a_request_without_an_answer_is_sent_five_times_and_then_all_begins_anew() {
    let mut harness = Harness::requesting();
    let xid = harness.last().message.xid;
    harness.until(140.0);
    let requests = harness
        .sent
        .iter()
        .filter(|(_, t)| t.message.message_type() == Some(MessageType::Request));
    let times: Vec<f64> = requests.map(|(seconds, _)| *seconds).collect();
    assert_waits(&times, &[4.0, 8.0, 16.0, 32.0], 1.0);

    let (restarted, discover) = &harness.sent[6];
    assert_eq!(
        line(discover),
        "discover ciaddr=0.0.0.0 0.0.0.0 > 255.255.255.255"
    );
    assert!(
        (59.0 + 63.0 - 3.0..=61.0 + 65.0 + 3.0).contains(restarted),
        "{restarted}"
    );
    assert_ne!(discover.message.xid, xid);
    assert_eq!(
        discover.message.secs,
        timers::secs(
            harness.start,
            harness.start + Duration::from_secs_f64(*restarted)
        ),
        "the same acquisition"
    );
    assert!(
        harness
            .happened()
            .contains(&Event::Unanswered(Unanswered::Requesting))
    );
}

// RFC 2131, 4.1: the broadcast flag is set only when asked for, and only without an address.
#[test]
fn the_broadcast_flag_is_set_only_when_asked_for_and_only_without_an_address() {
    for broadcast in [false, true] {
        let mut harness = Harness::selecting_with(Config {
            broadcast,
            ..config()
        });
        harness.receive(&harness.offer(SERVER, ADDRESS));
        assert!(
            harness
                .sent
                .iter()
                .all(|(_, transmit)| transmit.message.broadcast == broadcast)
        );
        harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
        harness.tell(Client::renew);
        harness.tell(Client::rebind);
        harness.tell(Client::release);
        assert!(
            harness.sent[2..]
                .iter()
                .all(|(_, transmit)| !transmit.message.broadcast)
        );
    }
}

// RFC 2131, 3.1(4): an ACK counts only from the server that was chosen.
#[test]
fn an_ack_that_grants_nothing_usable_is_passed_over_and_the_request_goes_on() {
    let mut harness = Harness::requesting();
    let wrong = |change: fn(&mut Message)| {
        let mut ack = harness.ack(SERVER, ADDRESS, HOUR);
        change(&mut ack);
        ack
    };
    let wrongs = [
        (
            wrong(|m| _ = m.options.remove(code::LEASE_TIME)),
            Ignored::NoLeaseTime,
        ),
        (
            harness.ack(SERVER, ADDRESS, Terms::of(0)),
            Ignored::ZeroLeaseTime,
        ),
        (
            wrong(|m| _ = m.options.remove(code::SERVER_ID)),
            Ignored::NoServerId,
        ),
        (
            harness.ack(OTHER_SERVER, ADDRESS, HOUR),
            Ignored::ForeignServer,
        ),
        (
            harness.ack(SERVER, OTHER_ADDRESS, HOUR),
            Ignored::OtherAddress,
        ),
        (
            wrong(|m| m.yiaddr = Ipv4Addr::UNSPECIFIED),
            Ignored::UnusableAddress,
        ),
    ];
    for (message, reason) in wrongs {
        harness.receive(&message);
        assert_eq!(
            (harness.ignored(), harness.state()),
            (vec![reason], "requesting")
        );
    }
    harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
    assert_eq!(harness.state(), "bound");
}

// RFC 2131, 4.4.1: the lease counts from when its REQUEST was first sent.
#[test]
fn the_lease_counts_from_the_first_request_however_late_the_ack_is() {
    let mut harness = Harness::selecting();
    harness.until(3.0);
    harness.receive(&harness.offer(SERVER, ADDRESS));
    harness.until(40.0);
    harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
    let requested_at = harness.start + Duration::from_secs(3);
    let lease = harness.client.lease().expect("a lease");
    assert_eq!(lease.requested_at, requested_at);
    let renewal = requested_at + Duration::from_secs(1800);
    assert_eq!(harness.client.poll_timeout(), Some(renewal));
}

// RFC 2131, 4.4.5: a lease that has run out when its ACK comes is not taken.
#[test]
fn a_lease_that_has_run_out_when_its_ack_comes_is_not_taken_and_all_begins_anew() {
    let mut harness = Harness::requesting();
    harness.until(20.0);
    let ack = harness.ack(SERVER, ADDRESS, Terms::of(20));
    harness.forget();
    harness.receive(&ack);
    assert_eq!(
        (harness.ignored(), harness.state()),
        (vec![Ignored::LeaseRunOut], "init")
    );
    harness.until(20.0);
    assert_eq!(
        lines(&harness),
        ["discover ciaddr=0.0.0.0 0.0.0.0 > 255.255.255.255"]
    );
}

#[test]
fn values_that_cannot_be_used_are_reported_before_the_lease() {
    let mut harness = Harness::requesting();
    let mut ack = harness.ack(SERVER, ADDRESS, HOUR);
    ack.options
        .push(code::SUBNET_MASK, [255, 0, 255, 0])
        .push(code::MTU, [0, 68]);
    harness.receive(&ack);
    assert!(matches!(
        harness.events.as_slice(),
        [
            (_, Event::Remarked { .. }),
            (_, Event::Remarked { .. }),
            (_, Event::Bound { .. })
        ]
    ));
    let value = RemarkReason::Value;
    assert_eq!(
        harness.remarked(),
        [(code::SUBNET_MASK, value), (code::MTU, value)]
    );
}

#[test]
fn a_second_start_changes_nothing() {
    for mut harness in [
        Harness::selecting(),
        Harness::requesting(),
        Harness::rebooting(),
        Harness::bound(),
    ] {
        let (state, timeout) = (harness.state(), harness.client.poll_timeout());
        harness.forget();
        harness.tell(Client::start);
        harness.tell(|client, now| client.reboot(OTHER_ADDRESS, now));
        assert_eq!(
            (harness.state(), harness.client.poll_timeout()),
            (state, timeout)
        );
        assert!(harness.sent.is_empty() && harness.events.is_empty());
    }
}

#[test]
fn a_client_that_was_not_started_does_nothing() {
    let mut harness = Harness::new(config(), 1);
    harness.tell(Client::renew);
    harness.tell(Client::rebind);
    harness.tell(Client::release);
    harness.tell(Client::handle_timeout);
    assert_eq!(
        (harness.state(), harness.client.poll_timeout()),
        ("stopped", None)
    );
    assert!(harness.sent.is_empty() && harness.events.is_empty());
}
