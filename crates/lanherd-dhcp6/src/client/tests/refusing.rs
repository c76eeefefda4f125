//! What servers refuse, with each status code.

use super::*;

// RFC 9915, 18.2.10.1: what a server has no binding for is used no more, and requested anew.
#[test]
fn a_lease_that_its_server_does_not_know_is_requested_from_it() {
    // As dnsmasq and ISC's dhcpd answer after they have forgotten.
    let mut harness = Harness::bound();
    harness.until(1800.0);
    harness.forget();
    harness.reply(1, &[refused(IaKind::Addresses, StatusCode::NoBinding)]);
    let happened = harness.happened();
    assert!(matches!(happened[0], Event::Refused { .. }));
    assert_eq!(happened[1], Event::Lost(LossReason::NoBinding));
    assert_eq!(harness.lines(), ["request to 1 na[2001:db8:77::50]"]);
    harness.reply(1, &[leased(&[ADDRESS], HOUR)]);
    assert_eq!(harness.used(), [address(ADDRESS)]);
    assert!(matches!(harness.happened()[..], [Event::Bound { .. }]));

    // A status at the top without any identity association means all of them.
    let mut harness = Harness::bound();
    harness.until(1800.0);
    harness.forget();
    harness.reply_status(1, StatusCode::NoBinding, &[]);
    assert!(
        harness
            .happened()
            .contains(&Event::Lost(LossReason::NoBinding))
    );
}

// RFC 9915, 18.2.10.1: what a server has no binding for is used no more, and requested anew.
#[test]
fn what_a_server_does_know_goes_on_while_the_rest_is_requested() {
    let config = config().with_prefix(MAC, None);
    let ias = [leased(&[ADDRESS], HOUR), delegated(&[PREFIX], HOUR)];
    let mut harness = Harness::holding(config, &ias);
    harness.until(1800.0);
    let unknown = refused(IaKind::Prefixes, StatusCode::NoBinding);
    harness.reply(1, &[leased(&[ADDRESS], HOUR), unknown]);
    let what = Gone {
        addresses: vec![],
        prefixes: vec![prefix(PREFIX)],
    };
    let reason = LossReason::NoBinding;
    let happened = harness.happened();
    assert!(happened.contains(&Event::Gone { what, reason }));
    assert!(
        happened
            .iter()
            .any(|event| matches!(event, Event::Renewed { .. }))
    );
    assert_eq!(harness.used(), [address(ADDRESS)]);
    let all = "na[2001:db8:77::50] pd[2001:db8:7700::/56]";
    assert_eq!(
        harness.lines(),
        [format!("renew to 1 {all}"), format!("request to 1 {all}")]
    );
    assert_eq!(harness.state(), "requesting");
    // Nobody answers: what is held goes on.
    harness.until(2200.0);
    assert_eq!(harness.state(), "bound");
    assert_eq!(harness.used(), [address(ADDRESS)]);
}

// RFC 9915, 18.2.10.1: after NotOnLink the REQUEST is sent again without addresses, and then all begins anew.
#[test]
fn not_on_link_makes_a_request_without_addresses_and_then_a_solicit() {
    for at_the_top in [true, false] {
        let mut harness = Harness::requesting();
        harness.forget();
        let refuse = |harness: &mut Harness| {
            if at_the_top {
                harness.reply_status(1, StatusCode::NotOnLink, &[]);
            } else {
                // As dnsmasq: beside another status at the top.
                let ia = refused(IaKind::Addresses, StatusCode::NotOnLink);
                harness.reply_status(1, StatusCode::NoAddrsAvail, &[ia]);
            }
        };
        refuse(&mut harness);
        assert_eq!(line(harness.last()), "request to 1 na[]");
        assert!(
            harness
                .refusals()
                .iter()
                .any(|(_, code)| *code == StatusCode::NotOnLink)
        );
        refuse(&mut harness);
        harness.until(0.0);
        assert_eq!(line(harness.last()), "solicit na[]");
    }
}

// RFC 9915, 18.2.10.1: a server that has no addresses or prefixes costs these alone, and is asked on.
#[test]
fn no_addresses_in_the_reply_makes_the_client_ask_the_next_server_and_then_anew() {
    let mut harness = Harness::soliciting();
    for number in [1, 2] {
        let offer = harness.answer(MessageType::Advertise, number, &[leased(&[ADDRESS], HOUR)]);
        harness.receive(&offer);
    }
    harness.until(1.2);
    assert_eq!(line(harness.last()), "request to 1 na[2001:db8:77::50]");
    harness.reply(1, &[refused(IaKind::Addresses, StatusCode::NoAddrsAvail)]);
    assert_eq!(line(harness.last()), "request to 2 na[2001:db8:77::50]");
    harness.reply_status(2, StatusCode::NoAddrsAvail, &[]);
    harness.until(1.2);
    assert_eq!(line(harness.last()), "solicit na[]");
    assert_eq!(
        harness.refusals(),
        [
            (Some(IaKind::Addresses), StatusCode::NoAddrsAvail),
            (None, StatusCode::NoAddrsAvail)
        ]
    );
}

// RFC 9915, 18.2.10.1: a server that has no addresses or prefixes costs these alone, and is asked on.
#[test]
fn no_prefix_costs_the_prefix_alone() {
    let config = config().with_prefix(MAC, Some(56));
    let ias = [
        leased(&[ADDRESS], HOUR),
        refused(IaKind::Prefixes, StatusCode::NoPrefixAvail),
    ];
    let mut harness = Harness::holding(config, &ias);
    assert_eq!(harness.used(), [address(ADDRESS)]);
    harness.until(1800.0);
    assert_eq!(
        line(harness.last()),
        "renew to 1 na[2001:db8:77::50] pd[::/56]"
    );
    harness.reply(1, &ias);
    assert_eq!(
        harness.refusals(),
        [(Some(IaKind::Prefixes), StatusCode::NoPrefixAvail)]
    );
    assert_eq!(harness.state(), "bound");
}

// RFC 9915, 18.2.10: after UnspecFail the message is sent again when it would have been without an answer.
#[test]
fn a_server_that_fails_is_asked_again_in_its_time() {
    for code in [
        StatusCode::UnspecFail,
        StatusCode::UseMulticast,
        StatusCode::Other(7),
        StatusCode::Other(u16::MAX),
    ] {
        let mut harness = Harness::requesting();
        let due = harness.client.poll_timeout();
        harness.reply_status(1, code, &[leased(&[ADDRESS], HOUR)]);
        assert_eq!(harness.refusals(), [(None, code)]);
        assert_eq!(
            (harness.state(), harness.client.poll_timeout()),
            ("requesting", due)
        );

        let mut harness = Harness::bound();
        harness.until(1800.0);
        let due = harness.client.poll_timeout();
        harness.reply_status(1, code, &[]);
        assert_eq!(
            (harness.state(), harness.client.poll_timeout()),
            ("renewing", due)
        );
        assert_eq!(harness.used(), [address(ADDRESS)]);
    }
}

#[test]
fn a_refused_renewal_is_no_extension_and_no_loop() {
    let mut harness = Harness::bound();
    harness.until(1800.0);
    for code in [
        StatusCode::NoAddrsAvail,
        StatusCode::UnspecFail,
        StatusCode::Other(9),
    ] {
        harness.reply(1, &[refused(IaKind::Addresses, code)]);
        assert_eq!(harness.refusals(), [(Some(IaKind::Addresses), code)]);
        assert_eq!(harness.state(), "renewing");
    }
    // One that says nothing at all.
    harness.reply(1, &[]);
    assert_eq!(harness.state(), "renewing");
    assert_eq!(harness.times(MessageType::Renew).len(), 1);
    harness.until(2880.0);
    assert_eq!(harness.state(), "rebinding");
    assert_eq!(harness.used(), [address(ADDRESS)]);
}

// RFC 9915, 14.1: no more than 20 messages are sent in 20 s, whatever servers say.
// Field practice: after refusals in a row there is a delay that doubles before the next SOLICIT.
#[test]
fn a_server_that_offers_and_refuses_on_and_on_is_asked_ever_less_often() {
    let mut harness = Harness::soliciting();
    let end = harness.at(600.0);
    while harness.now < end {
        match harness.state() {
            "soliciting" => {
                let mut offer =
                    harness.answer(MessageType::Advertise, 1, &[leased(&[ADDRESS], HOUR)]);
                offer.options.push(code::PREFERENCE, [255]);
                harness.receive(&offer);
            }
            "requesting" => {
                harness.reply(1, &[refused(IaKind::Addresses, StatusCode::NoAddrsAvail)]);
            }
            _ => {
                let due = harness.client.poll_timeout().expect("a timer");
                harness.until((due - harness.start).as_secs_f64() + 1e-9);
            }
        }
    }
    let solicits = harness.times(MessageType::Solicit);
    assert!(solicits.len() < 20, "{solicits:?}");
    assert_window(&harness.sent);
}

/// Asserts that no 20 seconds have more than 20 messages.
#[track_caller]
pub(super) fn assert_window(sent: &[(f64, Message)]) {
    for pair in sent.windows(21) {
        assert!(
            pair[20].0 - pair[0].0 >= 20.0 - 1e-6,
            "21 from {} on",
            pair[0].0
        );
    }
}

// RFC 9915, 14.1: no more than 20 messages are sent in 20 s, whatever servers say.
#[test]
fn a_client_that_is_told_to_hurry_is_slowed_down() {
    let mut harness = Harness::bound();
    for _ in 0..100 {
        harness.tell(Client::rebind);
        harness.tell(Client::confirm);
        harness.until(harness.seconds() + 0.1);
    }
    harness.until(60.0);
    assert_window(&harness.sent);
    assert!(
        harness
            .events
            .iter()
            .any(|(_, event)| matches!(event, Event::RateLimited { .. }))
    );
}

// RFC 9915, 18.2.10.1: a valid lifetime of 0 takes an address or prefix away at once.
#[test]
fn a_message_that_gives_an_address_and_takes_it_away_gives_nothing() {
    let mut ia = leased(&[ADDRESS], HOUR);
    ia.options
        .push_address(&IaAddress::new(address(ADDRESS), 0, 0));
    let mut harness = Harness::soliciting();
    let offer = harness.answer(MessageType::Advertise, 1, std::slice::from_ref(&ia));
    harness.receive(&offer);
    assert_eq!(harness.ignored(), [Ignored::NothingOffered]);
    let mut harness = Harness::requesting();
    harness.reply(1, &[ia]);
    assert!(harness.happened().is_empty());
    harness.until(0.0);
    assert_eq!(line(harness.last()), "solicit na[]");
}
