//! From nothing to a lease, when servers are silent, slow or quick.

use std::collections::HashSet;

use super::*;

// RFC 9915, 18.2.2: REQUEST names the chosen server, and has all that is wanted with what it offered.
#[test]
fn a_lease_takes_four_messages() {
    let mut harness = Harness::soliciting();
    let offer = harness.answer(MessageType::Advertise, 1, &[leased(&[ADDRESS], HOUR)]);
    harness.receive(&offer);
    assert_eq!(harness.state(), "soliciting");
    harness.until(1.2);
    let mut reply = harness.answer(MessageType::Reply, 1, &[leased(&[ADDRESS], HOUR)]);
    reply
        .options
        .push_addresses(code::DNS_SERVERS, &[address("2001:db8::53")]);
    harness.receive(&reply);
    assert_eq!(
        harness.lines(),
        ["solicit na[]", "request to 1 na[2001:db8:77::50]"]
    );
    let Some(Event::Bound {
        lease,
        by: Means::Request,
    }) = harness.happened().pop()
    else {
        panic!("not bound");
    };
    assert_eq!(lease.server, server(1));
    assert_eq!(lease.parameters.dns, [address("2001:db8::53")]);
    assert_eq!(lease.renew_at(), Some(harness.at(1.2 + 1800.0)));
    assert_eq!(lease.rebind_at(), Some(harness.at(1.2 + 2880.0)));
    assert_eq!(lease.expires_at(), Some(harness.at(1.2 + 7200.0)));
    assert_eq!(
        (harness.state(), harness.client.lease()),
        ("bound", Some(&lease))
    );
}

// RFC 9915, 16.1: each exchange has a random transaction id, the same in all its messages.
#[test]
fn a_thousand_clients_choose_as_many_transaction_ids_and_keep_them_for_an_exchange() {
    let xid = |seed| {
        let mut harness = Harness::new(config(), seed);
        harness.tell(Client::start);
        harness.until(100.0);
        let xids: HashSet<u32> = harness.sent.iter().map(|(_, it)| it.xid).collect();
        assert_eq!(xids.len(), 1, "one exchange");
        xids.into_iter().next().expect("one")
    };
    let xids: HashSet<u32> = (0..1000).map(xid).collect();
    // Of 2^24, a thousand meet by chance once in thirty times.
    assert!(xids.len() >= 998, "{}", xids.len());
    assert!(xids.iter().all(|xid| *xid <= 0xff_ffff));
    let mut harness = Harness::requesting();
    harness.until(10.0);
    let xids: HashSet<u32> = harness.sent.iter().map(|(_, it)| it.xid).collect();
    assert_eq!(xids.len(), 2, "SOLICIT and REQUEST");
}

// RFC 9915, 18.2.1: the first message waits a random time between 0 and 1 s.
// RFC 9915, 18.2.6: an INFORMATION-REQUEST that refreshes waits a random time, too.
#[test]
fn the_first_message_of_each_kind_waits_a_random_time_of_up_to_a_second() {
    let lease = Harness::bound().client.lease().cloned().expect("a lease");
    let first = |seed: u64, command: &dyn Fn(&mut Client, Instant)| {
        let config = Config {
            start_delay: Config::new(MAC).start_delay,
            ..config()
        };
        let mut harness = Harness::new(config, seed);
        harness.tell(command);
        assert!(harness.sent.is_empty());
        harness.until(1.0);
        harness.sent[0].0
    };
    let restore = move |client: &mut Client, now| client.restore(lease.clone(), now);
    for command in [
        &Client::start as &dyn Fn(&mut Client, Instant),
        &Client::inform,
        &restore,
    ] {
        let times: Vec<f64> = (0..500).map(|seed| first(seed, command)).collect();
        assert!(times.iter().all(|time| (0.0..=1.0).contains(time)));
        for tenth in 0..10 {
            let within = f64::from(tenth) / 10.0..f64::from(tenth + 1) / 10.0;
            let count = times.iter().filter(|time| within.contains(time)).count();
            assert!(count > 25, "{count} in {within:?}");
        }
    }
}

// RFC 9915, 18.2.1: SOLICIT is sent again after 1 s and a little more, then doubled up to SOL_MAX_RT, without an end.
// RFC 9915, 18.2.1: each message that a client sends says for how long it has been trying.
#[test]
fn a_mute_link_is_asked_on_and_on_up_to_once_an_hour() {
    let mut harness = Harness::soliciting();
    harness.until(30_000.0);
    let times = harness.times(MessageType::Solicit);
    assert_waits(&times[..8], &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0], 0.3);
    let last: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let hours = &last[last.len() - 4..];
    assert!(
        hours.iter().all(|wait| (3240.0..=3960.0).contains(wait)),
        "{hours:?}"
    );
    for (seconds, message) in &harness.sent {
        let elapsed = message.options.short(code::ELAPSED_TIME).expect("option 8");
        let expected = (seconds * 100.0).min(65_535.0);
        assert!(
            (f64::from(elapsed) - expected).abs() <= 1.0,
            "{seconds} {elapsed}"
        );
    }
    assert_eq!(harness.state(), "soliciting");
}

// RFC 9915, 21.24: SOL_MAX_RT and INF_MAX_RT count within 60 to 86400 s, and from a message that is ignored, too.
// RFC 9915, 18.2.9: an ADVERTISE without any address or prefix is ignored, and does not change when SOLICIT is sent again.
#[test]
fn an_advertise_that_offers_nothing_sets_the_longest_wait_and_nothing_else() {
    let mut harness = Harness::soliciting();
    let due = harness.client.poll_timeout();
    let mut nothing = harness.answer(
        MessageType::Advertise,
        1,
        &[refused(IaKind::Addresses, StatusCode::NoAddrsAvail)],
    );
    nothing
        .options
        .push(code::SOL_MAX_RT, 60_u32.to_be_bytes())
        .push(code::PREFERENCE, [255]);
    harness.receive(&nothing);
    assert_eq!(harness.client.poll_timeout(), due);
    assert_eq!(harness.ignored(), [Ignored::NothingOffered]);
    harness.until(1000.0);
    let times = harness.times(MessageType::Solicit);
    let last = times[times.len() - 1] - times[times.len() - 2];
    assert!((54.0..=66.0).contains(&last), "{last}");
}

// RFC 9915, 18.2.2: REQUEST is sent 10 times, after 1 s, doubled up to 30 s.
// RFC 9915, 18.2.2: where the chosen server does not answer, or has nothing, the next is asked, and then all begins anew.
#[test]
fn a_request_without_an_answer_is_sent_ten_times_and_then_all_begins_anew() {
    let mut harness = Harness::requesting();
    harness.forget();
    harness.until(2.0);
    let first = harness.sent[0].1.xid;
    harness.until(250.0);
    let requests = harness.times(MessageType::Request);
    assert_eq!(requests.len(), 9, "and the one that was forgotten");
    assert!(harness.sent[..9].iter().all(|(_, it)| it.xid == first));
    assert_eq!(
        harness.happened(),
        [Event::Unanswered(Unanswered::Requesting)]
    );
    let solicits = harness.times(MessageType::Solicit);
    assert!((140.0..220.0).contains(&solicits[0]), "{solicits:?}");
    assert!(solicits[0] - requests[8] > 26.0);
}

// RFC 9915, 18.2.1: a REPLY to SOLICIT counts with option 14, where that was asked for.
#[test]
fn rapid_commit_takes_two_messages_and_only_with_its_option() {
    let rapid = || Config {
        rapid_commit: true,
        ..config()
    };
    let mut harness = Harness::soliciting_with(rapid());
    assert!(harness.last().options.contains(code::RAPID_COMMIT));
    harness.reply(1, &[leased(&[ADDRESS], HOUR)]);
    assert_eq!(harness.ignored(), [Ignored::NoRapidCommit]);
    assert_eq!(harness.state(), "soliciting");
    let mut reply = harness.answer(MessageType::Reply, 1, &[leased(&[ADDRESS], HOUR)]);
    reply.options.push(code::RAPID_COMMIT, []);
    harness.receive(&reply);
    assert_eq!(harness.used(), [address(ADDRESS)]);
    assert!(matches!(
        harness.happened()[..],
        [Event::Bound {
            by: Means::RapidCommit,
            ..
        }]
    ));
    assert_eq!(harness.lines(), ["solicit na[]"]);

    // Who has not asked for it takes none.
    let mut harness = Harness::soliciting();
    assert!(!harness.last().options.contains(code::RAPID_COMMIT));
    let mut reply = harness.answer(MessageType::Reply, 1, &[leased(&[ADDRESS], HOUR)]);
    reply.options.push(code::RAPID_COMMIT, []);
    harness.receive(&reply);
    assert_eq!(harness.ignored(), [Ignored::NoRapidCommit]);

    // A server without it advertises as ever.
    let mut harness = Harness::soliciting_with(rapid());
    let offer = harness.answer(MessageType::Advertise, 1, &[leased(&[ADDRESS], HOUR)]);
    harness.receive(&offer);
    harness.until(1.2);
    assert!(!harness.last().options.contains(code::RAPID_COMMIT));
    harness.reply(1, &[leased(&[ADDRESS], HOUR)]);
    assert_eq!(harness.state(), "bound");

    // One that has nothing left says so in a REPLY: the SOLICIT goes on as if it had not come.
    let mut harness = Harness::soliciting_with(rapid());
    let due = harness.client.poll_timeout();
    let mut reply = harness.answer(
        MessageType::Reply,
        1,
        &[refused(IaKind::Addresses, StatusCode::NoAddrsAvail)],
    );
    reply.options.push(code::RAPID_COMMIT, []);
    harness.receive(&reply);
    assert_eq!(harness.client.poll_timeout(), due);
    assert_eq!(
        harness.refusals(),
        [(Some(IaKind::Addresses), StatusCode::NoAddrsAvail)]
    );
}

// RFC 9915, 11: the client's DUID is the same in all its messages.
// RFC 9915, 12: the number of an identity association is the same after a restart.
#[test]
fn duid_and_iaid_follow_from_the_mac_in_every_message() {
    let mut harness = Harness::bound_on(Terms::of(600, 1200));
    harness.until(600.0);
    harness.tell(Client::inform);
    harness.tell(Client::confirm);
    harness.until(601.0);
    harness.tell(Client::decline);
    harness.until(620.0);
    harness.tell(Client::release);
    let mut harness_again = Harness::requesting();
    harness_again.tell(Client::release);
    let sent = harness.sent.iter().chain(&harness_again.sent);
    let mut kinds = HashSet::new();
    for (_, message) in sent {
        kinds.insert(message.message_type);
        assert_eq!(
            message.options.duid(code::CLIENT_ID),
            Some(Duid::link_layer(MAC))
        );
        assert!(message.options.ias().all(|ia| ia.iaid == IAID));
    }
    assert_eq!(kinds.len(), 8, "{kinds:?}");
}

// RFC 9915, 21.7: SOLICIT, REQUEST, RENEW and REBIND ask for option 82 and for what else is of use.
// RFC 9915, 18.2.6: INFORMATION-REQUEST asks for options 32 and 83, and for nothing that is leased.
#[test]
fn each_message_asks_for_what_it_must_and_for_what_the_device_wants() {
    let config = || Config {
        requests: vec![
            code::NTP_SERVERS,
            code::DNS_SERVERS,
            code::INFORMATION_REFRESH_TIME,
        ],
        ..config().with_prefix(MAC, None)
    };
    let ias = [leased(&[ADDRESS], HOUR), delegated(&[PREFIX], HOUR)];
    let mut harness = Harness::holding(config(), &ias);
    harness.until(3000.0);
    harness.tell(Client::release);
    let mut informing = Harness::new(config(), 1);
    informing.tell(Client::inform);
    informing.until(0.0);
    let soliciting = Harness::soliciting_with(config());
    let sent = harness
        .sent
        .iter()
        .chain(&informing.sent)
        .chain(&soliciting.sent);
    for (_, message) in sent {
        let expected: &[u16] = match message.message_type {
            MessageType::InformationRequest => &[56, 23, 32, 83],
            MessageType::Release => &[],
            _ => &[56, 23, 82, 67],
        };
        assert_eq!(message.options.requests(), expected, "{}", line(message));
    }
    let information = informing.last();
    assert_eq!(information.options.ias().count(), 0);
}

#[test]
fn a_device_looks_as_its_options_say() {
    let config = Config {
        reconfigure: true,
        user_class: vec![b"office".to_vec()],
        vendor_class: Some(VendorClass {
            enterprise: 311,
            data: vec![b"MSFT 5.0".to_vec()],
        }),
        extra: vec![
            (code::CLIENT_FQDN, vec![0]),
            (code::SERVER_ID, vec![1, 2, 3]),
            (999, vec![7]),
        ],
        option_order: vec![code::ELAPSED_TIME, code::CLIENT_ID],
        ..config()
    };
    let harness = Harness::soliciting_with(config);
    let options = &harness.last().options;
    let order: Vec<u16> = options.iter().map(|option| option.code).collect();
    assert_eq!(order, [8, 1, 3, 6, 20, 15, 16, 39, 999]);
    assert_eq!(options.get(15), Some(b"\0\x06office".as_slice()));
    assert_eq!(
        options.get(16),
        Some(b"\0\0\x01\x37\0\x08MSFT 5.0".as_slice())
    );
}
