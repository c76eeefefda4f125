//! From INIT to BOUND, when servers are silent, slow, many or wrong.

use std::collections::HashSet;

use super::*;

// RFC 2131, 4.1: before an address is bound a message goes from 0.0.0.0 to everybody.
#[test]
fn a_lease_takes_four_messages() {
    let mut bench = Bench::requesting();
    bench.receive(&bench.ack(SERVER, ADDRESS, HOUR));
    assert_eq!(
        lines(&bench),
        [
            "discover ciaddr=0.0.0.0 0.0.0.0 > 255.255.255.255",
            "request ciaddr=0.0.0.0 50=192.168.1.50 54=192.168.1.1 0.0.0.0 > 255.255.255.255",
        ]
    );
    let Some(Event::Bound {
        lease,
        reboot: false,
    }) = bench.happened().pop()
    else {
        panic!("not bound");
    };
    assert_eq!(
        (lease.address, lease.server_id, lease.requested_at),
        (ADDRESS, SERVER, bench.start)
    );
    assert_eq!(
        (bench.state(), bench.client.lease()),
        ("bound", Some(&lease))
    );
}

// RFC 2131, table 5: a REQUEST for an offer has the xid of the OFFER.
// RFC 2131, 3.1(3): a REQUEST for an offer has the secs of its DISCOVER.
#[test]
fn a_request_keeps_the_xid_and_the_secs_of_its_discover() {
    let mut bench = Bench::selecting();
    bench.until(20.0);
    let discover = bench.last().message.clone();
    assert!(discover.secs > 0);
    bench.receive(&bench.offer(SERVER, ADDRESS));
    bench.until(60.0);
    let requests: Vec<&Message> = bench
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
    let mut bench = Bench::selecting();
    bench.until(500.0);
    for (seconds, transmit) in &bench.sent {
        assert!((f64::from(transmit.message.secs) - seconds.floor()).abs() < 1.0);
    }
}

// RFC 2131, 4.4.1: each transaction has a random xid.
#[test]
fn a_thousand_clients_choose_as_many_xids() {
    let xid = |seed| {
        let mut bench = Bench::new(config(), seed);
        bench.tell(Client::start);
        bench.until(0.0);
        bench.last().message.xid
    };
    assert_eq!((0..1000).map(xid).collect::<HashSet<u32>>().len(), 1000);
}

// RFC 2131, 4.4.1: the first message waits a random time between 1 and 10 s.
#[test]
fn the_first_message_waits_a_random_time_between_one_and_ten_seconds() {
    let first = |seed: u64, command: fn(&mut Client, Instant)| {
        let mut bench = Bench::new(Config::new(MAC), seed);
        bench.tell(command);
        bench.until(10.0);
        bench.times()[0]
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
    let mut bench = Bench::selecting();
    bench.until(330.0);
    assert_waits(
        &bench.times(),
        &[4.0, 8.0, 16.0, 32.0, 64.0, 64.0, 64.0, 64.0],
        1.0,
    );
    let xids: HashSet<u32> = bench
        .sent
        .iter()
        .map(|(_, transmit)| transmit.message.xid)
        .collect();
    assert_eq!(xids.len(), 1, "one transaction");
    assert_eq!(bench.state(), "selecting");
}

// RFC 2131, 3.1(5): a REQUEST for an offer is sent again four times, then all begins anew.
#[test]
fn a_request_without_an_answer_is_sent_five_times_and_then_all_begins_anew() {
    let mut bench = Bench::requesting();
    let xid = bench.last().message.xid;
    bench.until(140.0);
    let requests = bench
        .sent
        .iter()
        .filter(|(_, t)| t.message.message_type() == Some(MessageType::Request));
    let times: Vec<f64> = requests.map(|(seconds, _)| *seconds).collect();
    assert_waits(&times, &[4.0, 8.0, 16.0, 32.0], 1.0);

    let (restarted, discover) = &bench.sent[6];
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
            bench.start,
            bench.start + Duration::from_secs_f64(*restarted)
        ),
        "the same acquisition"
    );
    assert!(
        bench
            .happened()
            .contains(&Event::Unanswered(Unanswered::Requesting))
    );
}

// RFC 2131, 4.4.1: a reply with another xid is not for this client.
// RFC 2131, 2: a reply has op 2 and the client's own chaddr.
#[test]
fn replies_that_are_not_for_this_transaction_are_passed_over() {
    let mut bench = Bench::selecting();
    let wrong = |change: fn(&mut Message)| {
        let mut offer = bench.offer(SERVER, ADDRESS);
        change(&mut offer);
        offer
    };
    let wrongs = [
        (wrong(|m| m.op = Op::Request), Ignored::NotAReply),
        (
            wrong(|m| m.chaddr = Mac([2, 0, 0x5e, 0x10, 0, 2])),
            Ignored::ForeignMac,
        ),
        (wrong(|m| m.xid ^= 1), Ignored::ForeignXid),
        (
            wrong(|m| _ = m.options.remove(code::MESSAGE_TYPE)),
            Ignored::NoMessageType,
        ),
        (
            wrong(|m| {
                m.options.set(code::MESSAGE_TYPE, [9]);
            }),
            Ignored::UnknownMessageType,
        ),
        (
            wrong(|m| {
                m.options.set(code::MESSAGE_TYPE, [1]);
            }),
            Ignored::Unexpected,
        ),
        (
            wrong(|m| _ = m.options.remove(code::SERVER_ID)),
            Ignored::NoServerId,
        ),
        (
            wrong(|m| _ = m.options.set(code::SERVER_ID, [255; 4])),
            Ignored::NoServerId,
        ),
        (
            wrong(|m| m.yiaddr = Ipv4Addr::UNSPECIFIED),
            Ignored::UnusableAddress,
        ),
        (
            wrong(|m| m.yiaddr = Ipv4Addr::new(224, 0, 0, 1)),
            Ignored::UnusableAddress,
        ),
        (bench.ack(SERVER, ADDRESS, HOUR), Ignored::Unexpected),
        (bench.nak(SERVER), Ignored::Unexpected),
    ];
    for (message, reason) in wrongs {
        bench.receive(&message);
        assert_eq!(bench.ignored(), [reason]);
        assert_eq!(
            (bench.state(), bench.sent.len()),
            ("selecting", 1),
            "{reason}"
        );
    }
}

// RFC 6842, 3: a client identifier that a server echoes must be the own one.
#[test]
fn a_client_identifier_that_is_echoed_must_be_the_one_that_was_sent() {
    for (client_id, ours) in [
        (ClientId::None, None),
        (ClientId::Mac, Some([1, 2, 0, 0x5e, 0x10, 0, 1])),
    ] {
        let mut bench = Bench::selecting_with(Config {
            client_id: client_id.clone(),
            ..config()
        });
        assert_eq!(
            bench.last().message.options.get(code::CLIENT_ID).as_deref(),
            ours.as_ref().map(<[u8; 7]>::as_slice)
        );

        let mut foreign = bench.offer(SERVER, ADDRESS);
        foreign
            .options
            .set(code::CLIENT_ID, [1, 2, 0, 0x5e, 0x10, 0, 2]);
        bench.receive(&foreign);
        assert_eq!(bench.ignored(), [Ignored::ForeignClientId]);

        let mut silent = bench.offer(SERVER, ADDRESS);
        silent.options.remove(code::CLIENT_ID);
        let mut twin = Bench::selecting_with(Config {
            client_id,
            ..config()
        });
        twin.receive(&silent);
        assert_eq!(
            twin.state(),
            "requesting",
            "servers before RFC 6842 echo none"
        );
        bench.receive(&bench.offer(SERVER, ADDRESS));
        assert_eq!(bench.state(), "requesting");
    }
}

// RFC 2131, 4.1: the broadcast flag is set only when asked for, and only without an address.
#[test]
fn the_broadcast_flag_is_set_only_when_asked_for_and_only_without_an_address() {
    for broadcast in [false, true] {
        let mut bench = Bench::selecting_with(Config {
            broadcast,
            ..config()
        });
        bench.receive(&bench.offer(SERVER, ADDRESS));
        assert!(
            bench
                .sent
                .iter()
                .all(|(_, transmit)| transmit.message.broadcast == broadcast)
        );
        bench.receive(&bench.ack(SERVER, ADDRESS, HOUR));
        bench.tell(Client::renew);
        bench.tell(Client::rebind);
        bench.tell(Client::release);
        assert!(
            bench.sent[2..]
                .iter()
                .all(|(_, transmit)| !transmit.message.broadcast)
        );
    }
}

// RFC 2131, 4.4.1: which OFFER is taken follows a stated policy.
#[test]
fn the_first_offer_is_taken_and_later_ones_are_passed_over() {
    let mut bench = Bench::selecting();
    let late = bench.offer(OTHER_SERVER, OTHER_ADDRESS);
    bench.receive(&bench.offer(SERVER, ADDRESS));
    bench.receive(&late);
    assert_eq!(bench.ignored(), [Ignored::Unexpected]);
    assert_eq!(
        bench.last().message.options.address(code::SERVER_ID),
        Some(SERVER)
    );
}

// RFC 2131, 4.4.1: which OFFER is taken follows a stated policy.
#[test]
fn a_window_collects_offers_and_takes_the_longest_lease() {
    let offers = OfferPolicy::Window(Duration::from_secs(2));
    let mut bench = Bench::selecting_with(Config { offers, ..config() });
    bench.until(3.0);
    let mut longer = bench.offer(OTHER_SERVER, OTHER_ADDRESS);
    longer.options.set(code::LEASE_TIME, 7200_u32.to_be_bytes());
    bench.receive(&bench.offer(SERVER, ADDRESS));
    bench.until(4.5);
    bench.receive(&longer);
    assert_eq!(bench.sent.len(), 1, "no DISCOVER while offers are at hand");
    bench.until(6.0);
    assert_eq!(bench.times(), [0.0, 5.0]);
    assert_eq!(
        bench.last().message.options.address(code::SERVER_ID),
        Some(OTHER_SERVER)
    );
    assert_eq!(
        bench
            .last()
            .message
            .options
            .address(code::REQUESTED_ADDRESS),
        Some(OTHER_ADDRESS)
    );
}

#[test]
fn a_window_prefers_the_address_that_was_held_before() {
    let offers = OfferPolicy::Window(Duration::from_secs(2));
    let mut bench = Bench::new(Config { offers, ..config() }, 1);
    bench.tell(|client, now| client.reboot(ADDRESS, now));
    bench.until(14.0);
    assert_eq!(
        line(bench.last()),
        "discover ciaddr=0.0.0.0 50=192.168.1.50 0.0.0.0 > 255.255.255.255"
    );
    let mut longer = bench.offer(OTHER_SERVER, OTHER_ADDRESS);
    longer.options.set(code::LEASE_TIME, 7200_u32.to_be_bytes());
    bench.receive(&longer);
    bench.receive(&bench.offer(SERVER, ADDRESS));
    bench.until(16.0);
    assert_eq!(
        bench
            .last()
            .message
            .options
            .address(code::REQUESTED_ADDRESS),
        Some(ADDRESS)
    );
}

#[test]
fn a_flood_of_offers_is_cut() {
    let offers = OfferPolicy::Window(Duration::from_secs(2));
    let mut bench = Bench::selecting_with(Config { offers, ..config() });
    let offer = bench.offer(SERVER, ADDRESS);
    for _ in 0..40 {
        bench.receive(&offer);
    }
    assert_eq!(bench.ignored(), [Ignored::TooManyOffers; 8]);
}

// RFC 2131, 3.1(4): an ACK counts only from the server that was chosen.
#[test]
fn an_ack_that_grants_nothing_usable_is_passed_over_and_the_request_goes_on() {
    let mut bench = Bench::requesting();
    let wrong = |change: fn(&mut Message)| {
        let mut ack = bench.ack(SERVER, ADDRESS, HOUR);
        change(&mut ack);
        ack
    };
    let wrongs = [
        (
            wrong(|m| _ = m.options.remove(code::LEASE_TIME)),
            Ignored::NoLeaseTime,
        ),
        (
            bench.ack(SERVER, ADDRESS, Terms::of(0)),
            Ignored::ZeroLeaseTime,
        ),
        (
            wrong(|m| _ = m.options.remove(code::SERVER_ID)),
            Ignored::NoServerId,
        ),
        (
            bench.ack(OTHER_SERVER, ADDRESS, HOUR),
            Ignored::ForeignServer,
        ),
        (
            bench.ack(SERVER, OTHER_ADDRESS, HOUR),
            Ignored::OtherAddress,
        ),
        (
            wrong(|m| m.yiaddr = Ipv4Addr::UNSPECIFIED),
            Ignored::UnusableAddress,
        ),
    ];
    for (message, reason) in wrongs {
        bench.receive(&message);
        assert_eq!(
            (bench.ignored(), bench.state()),
            (vec![reason], "requesting")
        );
    }
    bench.receive(&bench.ack(SERVER, ADDRESS, HOUR));
    assert_eq!(bench.state(), "bound");
}

// RFC 2131, 4.4.1: the lease counts from when its REQUEST was first sent.
#[test]
fn the_lease_counts_from_the_first_request_however_late_the_ack_is() {
    let mut bench = Bench::selecting();
    bench.until(3.0);
    bench.receive(&bench.offer(SERVER, ADDRESS));
    bench.until(40.0);
    bench.receive(&bench.ack(SERVER, ADDRESS, HOUR));
    let requested_at = bench.start + Duration::from_secs(3);
    let lease = bench.client.lease().expect("a lease");
    assert_eq!(lease.requested_at, requested_at);
    let renewal = requested_at + Duration::from_secs(1800);
    assert_eq!(bench.client.poll_timeout(), Some(renewal));
}

// RFC 2131, 4.4.5: a lease that has run out when its ACK comes is not taken.
#[test]
fn a_lease_that_has_run_out_when_its_ack_comes_is_not_taken_and_all_begins_anew() {
    let mut bench = Bench::requesting();
    bench.until(20.0);
    let ack = bench.ack(SERVER, ADDRESS, Terms::of(20));
    bench.forget();
    bench.receive(&ack);
    assert_eq!(
        (bench.ignored(), bench.state()),
        (vec![Ignored::LeaseRunOut], "init")
    );
    bench.until(20.0);
    assert_eq!(
        lines(&bench),
        ["discover ciaddr=0.0.0.0 0.0.0.0 > 255.255.255.255"]
    );
}

// RFC 2131, 4.4.2: a REQUEST for a remembered address has option 50, and not 54.
#[test]
fn a_remembered_address_is_requested_without_a_server_and_bound() {
    let mut bench = Bench::rebooting();
    assert_eq!(
        lines(&bench),
        ["request ciaddr=0.0.0.0 50=192.168.1.50 0.0.0.0 > 255.255.255.255"]
    );
    bench.receive(&bench.ack(OTHER_SERVER, ADDRESS, HOUR));
    assert_eq!(bench.state(), "bound");
    assert!(matches!(
        bench.happened().as_slice(),
        [Event::Bound { reboot: true, .. }]
    ));
}

// RFC 2131, 4.4.1: DISCOVER asks for the address that was held before.
// RFC 2131, 3.2(3): a remembered address that nobody confirms is asked for by DISCOVER.
#[test]
fn a_remembered_address_that_nobody_confirms_becomes_a_hint() {
    let mut bench = Bench::rebooting();
    bench.until(14.0);
    assert_waits(&bench.times(), &[4.0, 8.0], 1.0);
    assert_eq!(
        lines(&bench)[1..],
        [
            "request ciaddr=0.0.0.0 50=192.168.1.50 0.0.0.0 > 255.255.255.255",
            "discover ciaddr=0.0.0.0 50=192.168.1.50 0.0.0.0 > 255.255.255.255",
        ]
    );
    assert_eq!(bench.happened(), [Event::Unanswered(Unanswered::Rebooting)]);
    bench.receive(&bench.offer(SERVER, OTHER_ADDRESS));
    bench.receive(&bench.ack(SERVER, OTHER_ADDRESS, HOUR));
    assert_eq!(
        bench.client.lease().map(|lease| lease.address),
        Some(OTHER_ADDRESS)
    );
}

// Field practice: an ACK for another address than was asked for grants nothing.
#[test]
fn a_remembered_address_confirmed_as_another_is_passed_over() {
    let mut bench = Bench::rebooting();
    bench.receive(&bench.ack(SERVER, OTHER_ADDRESS, HOUR));
    assert_eq!(
        (bench.ignored(), bench.state()),
        (vec![Ignored::OtherAddress], "rebooting")
    );
    bench.receive(&bench.offer(SERVER, ADDRESS));
    assert_eq!(
        (bench.ignored(), bench.state()),
        (vec![Ignored::Unexpected], "rebooting")
    );
}

#[test]
fn values_that_cannot_be_used_are_reported_before_the_lease() {
    let mut bench = Bench::requesting();
    let mut ack = bench.ack(SERVER, ADDRESS, HOUR);
    ack.options
        .push(code::SUBNET_MASK, [255, 0, 255, 0])
        .push(code::MTU, [0, 68]);
    bench.receive(&ack);
    assert!(matches!(
        bench.events.as_slice(),
        [
            (_, Event::Remarked { .. }),
            (_, Event::Remarked { .. }),
            (_, Event::Bound { .. })
        ]
    ));
    let value = RemarkReason::Value;
    assert_eq!(
        bench.remarked(),
        [(code::SUBNET_MASK, value), (code::MTU, value)]
    );
}

#[test]
fn a_second_start_changes_nothing() {
    for mut bench in [
        Bench::selecting(),
        Bench::requesting(),
        Bench::rebooting(),
        Bench::bound(),
    ] {
        let (state, timeout) = (bench.state(), bench.client.poll_timeout());
        bench.forget();
        bench.tell(Client::start);
        bench.tell(|client, now| client.reboot(OTHER_ADDRESS, now));
        assert_eq!(
            (bench.state(), bench.client.poll_timeout()),
            (state, timeout)
        );
        assert!(bench.sent.is_empty() && bench.events.is_empty());
    }
}

#[test]
fn a_client_that_was_not_started_does_nothing() {
    let mut bench = Bench::new(config(), 1);
    bench.tell(Client::renew);
    bench.tell(Client::rebind);
    bench.tell(Client::release);
    bench.tell(Client::handle_timeout);
    assert_eq!(
        (bench.state(), bench.client.poll_timeout()),
        ("stopped", None)
    );
    assert!(bench.sent.is_empty() && bench.events.is_empty());
}
