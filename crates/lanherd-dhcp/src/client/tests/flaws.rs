//! Servers whose messages are not as they should be: what it costs the client, and what is told.

use super::*;

/// What is left of `message` on the wire after `change`, as the client reads it.
fn over_the_wire(message: &Message, change: impl FnOnce(&mut Vec<u8>)) -> Message {
    let mut bytes = message.encode();
    change(&mut bytes);
    Message::decode(&bytes).expect("a message")
}

/// The same with an option of that code and value at its end, whatever length it has.
fn with_option(message: &Message, code: u8, value: &[u8]) -> Message {
    let mut message = message.clone();
    message.options.push(code, value);
    over_the_wire(&message, |_| {})
}

// Field practice: a malformed option of no importance costs that option alone.
#[test]
fn a_malformed_option_of_no_importance_costs_that_option_in_offer_ack_and_renewal() {
    let mut harness = Harness::selecting();
    harness.receive(&with_option(
        &harness.offer(SERVER, ADDRESS),
        code::DNS_SERVERS,
        &[1; 5],
    ));
    assert_eq!(
        harness.remarked(),
        [(code::DNS_SERVERS, RemarkReason::Length)]
    );
    assert_eq!(harness.state(), "requesting");
    let ack = harness.ack(SERVER, ADDRESS, HOUR);
    harness.receive(&with_option(&ack, code::DNS_SERVERS, &[1; 5]));
    let Some((_, Event::Remarked { remark, message })) = harness.events.first() else {
        panic!("{:?}", harness.events);
    };
    assert_eq!(
        remark.to_string(),
        "option 6 at byte 267 is 5 bytes long, which it cannot be: passed over"
    );
    assert_eq!(
        message.and_then(|message| message.kind),
        Some(MessageType::Ack)
    );
    let lease = harness.client.lease().expect("a lease");
    assert_eq!((lease.address, lease.dns.len()), (ADDRESS, 0));
    harness.until(1800.0);
    harness.forget();
    harness.tell(Client::renew);
    let ack = harness.ack(SERVER, ADDRESS, HOUR);
    harness.receive(&with_option(&ack, code::ROUTERS, &[1; 3]));
    assert_eq!(
        (harness.remarked(), harness.state()),
        (vec![(code::ROUTERS, RemarkReason::Length)], "bound")
    );
}

#[test]
fn every_option_but_the_essential_ones_may_be_malformed() {
    for option in 1..=254 {
        if [
            code::OVERLOAD,
            code::MESSAGE_TYPE,
            code::SERVER_ID,
            code::LEASE_TIME,
            // Its own echo must be the one that was sent.
            code::CLIENT_ID,
        ]
        .contains(&option)
        {
            continue;
        }
        for length in 0..=9_u8 {
            let mut harness = Harness::requesting();
            let ack = harness.ack(SERVER, ADDRESS, Terms::of(3600));
            harness.receive(&with_option(&ack, option, &vec![255; usize::from(length)]));
            assert_eq!(
                harness.state(),
                "bound",
                "option {option} of {length} bytes"
            );
        }
    }
}

// RFC 2131, table 3: an OFFER or ACK names its server, and an ACK has a lease time.
#[test]
fn an_ack_whose_essential_options_are_malformed_is_void_and_named() {
    for (option, reason) in [
        (code::SERVER_ID, Ignored::NoServerId),
        (code::LEASE_TIME, Ignored::NoLeaseTime),
    ] {
        let mut harness = Harness::requesting();
        let mut ack = harness.ack(SERVER, ADDRESS, HOUR);
        ack.options.remove(option);
        harness.receive(&with_option(&ack, option, &[10, 0, 0]));
        let events = harness.happened();
        assert!(
            matches!(
                events[..],
                [
                    Event::Remarked { remark, .. },
                    Event::Ignored { reason: why, .. },
                ] if remark.option == option && why == reason
            ),
            "{events:?}"
        );
        assert_eq!(harness.state(), "requesting");
        harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
        assert_eq!(harness.state(), "bound", "a good one is taken as ever");
    }
}

#[test]
fn a_server_that_offers_its_own_address_is_not_asked_for_it() {
    let mut harness = Harness::selecting();
    harness.receive(&harness.offer(SERVER, SERVER));
    let Some((_, Event::Ignored { reason, message })) = harness.events.first() else {
        panic!("{:?}", harness.events);
    };
    assert_eq!(*reason, Ignored::ServersAddress);
    assert_eq!(
        message.map(|heard| (heard.kind, heard.server_id, heard.address)),
        Some((Some(MessageType::Offer), Some(SERVER), SERVER))
    );
    assert_eq!((harness.state(), harness.sent.len()), ("selecting", 1));
    harness.receive(&harness.offer(OTHER_SERVER, OTHER_ADDRESS));
    assert_eq!(harness.state(), "requesting", "another server's is taken");
}

// RFC 1122, 3.2.1.3: no address is used that no host can have.
#[test]
fn an_address_that_no_client_can_use_is_refused_in_every_state_before_it_is_used() {
    let broadcast = Ipv4Addr::new(192, 168, 1, 63);
    let mask = [255, 255, 255, 192];
    let offered = |mut harness: Harness| {
        let mut offer = harness.offer(SERVER, broadcast);
        offer.options.push(code::SUBNET_MASK, mask);
        harness.receive(&offer);
        harness
    };
    let mut selecting = offered(Harness::selecting());
    assert_eq!(
        (selecting.ignored(), selecting.state()),
        (vec![Ignored::BroadcastAddress], "selecting")
    );

    // Its mask comes with the ACK only; with a lease in use, with the renewal's.
    let narrow = [255, 255, 255, 240];
    let mut renewing = Harness::bound();
    renewing.until(1800.0);
    let mut rebinding = Harness::bound();
    rebinding.until(3150.0);
    let mut confirming = Harness::bound();
    confirming.tell(Client::reconnect);
    for mut harness in [
        Harness::requesting(),
        Harness::rebooting(),
        renewing,
        rebinding,
        confirming,
    ] {
        let state = harness.state();
        harness.forget_events();
        let mut ack = harness.ack(SERVER, ADDRESS, HOUR);
        ack.options.push(code::SUBNET_MASK, narrow);
        ack.yiaddr = Ipv4Addr::new(192, 168, 1, 48);
        harness.receive(&ack);
        assert_eq!(
            (harness.ignored(), harness.state()),
            (vec![Ignored::NetworkAddress], state)
        );
    }
}

#[test]
fn a_lease_whose_renewals_are_acknowledged_without_a_time_ends_and_each_is_told() {
    let mut harness = Harness::bound();
    let mut ignored = 0;
    let mut answered = 0;
    while harness.state() != "init" && harness.state() != "selecting" {
        let due = harness.client.poll_timeout().expect("a timer");
        harness.until((due - harness.start).as_secs_f64());
        if harness.sent.len() > answered && harness.client.lease().is_some() {
            answered = harness.sent.len();
            let mut ack = harness.ack(SERVER, ADDRESS, HOUR);
            ack.options.remove(code::LEASE_TIME);
            harness.receive(&ack);
            ignored += 1;
        }
    }
    let told = harness.happened();
    let of_acks = told.iter().filter(|event| {
        matches!(
            event,
            Event::Ignored {
                reason: Ignored::NoLeaseTime,
                message: Some(heard),
            } if heard.kind == Some(MessageType::Ack)
        )
    });
    assert!(ignored > 3);
    assert_eq!(of_acks.count(), ignored);
    assert!(told.contains(&Event::Lost(LossReason::Expired)));
}

#[test]
fn a_refusals_text_is_cut_and_that_is_told() {
    let mut harness = Harness::requesting();
    harness.forget_events();
    let mut nak = harness.nak(SERVER);
    nak.options.push(code::MESSAGE, vec![b'n'; 1000]);
    harness.receive(&nak);
    let events = harness.happened();
    let [
        Event::Remarked { remark, .. },
        Event::Refused {
            message: Some(text),
            ..
        },
    ] = &events[..]
    else {
        panic!("{events:?}");
    };
    assert_eq!(
        (remark.option, remark.reason),
        (code::MESSAGE, RemarkReason::OverLimit)
    );
    assert!(text.chars().count() < 170 && text.ends_with("(1000 characters in all)"));
}
