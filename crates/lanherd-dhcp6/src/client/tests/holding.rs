//! A lease from T1 to its end.

use super::*;

// RFC 9915, 18.2.4: RENEW names the lease's server, and has all that is wanted with what is held.
// RFC 9915, 18.2.4: RENEW is sent until T2, after 10 s, doubled up to 600 s.
// RFC 9915, 18.2.4: at T2 the RENEW gives way to a REBIND.
// RFC 9915, 18.2.5: REBIND is RENEW without a server.
// RFC 9915, 18.2.5: REBIND is sent until all has run out, after 10 s, doubled up to 600 s.
// RFC 9915, 18.2.5: when all has run out all begins anew.
#[test]
fn an_unanswered_lease_is_renewed_from_t1_rebound_from_t2_and_lost_at_its_end() {
    let mut harness = Harness::bound();
    harness.until(7200.0 + 0.5);
    let renews = harness.times(MessageType::Renew);
    let rebinds = harness.times(MessageType::Rebind);
    assert!((renews[0] - 1800.0).abs() < 1e-6 && (rebinds[0] - 2880.0).abs() < 1e-6);
    assert_waits(&renews[..6], &[10.0, 20.0, 40.0, 80.0, 160.0], 0.25);
    assert!(renews.iter().all(|time| *time < 2880.0));
    assert_waits(&rebinds[..6], &[10.0, 20.0, 40.0, 80.0, 160.0], 0.25);
    let last = rebinds.windows(2).map(|pair| pair[1] - pair[0]).next_back();
    assert!(last.is_some_and(|wait| (540.0..=660.0).contains(&wait)));
    let expired = (7200.0, Event::Lost(LossReason::Expired));
    assert_eq!(harness.events, [expired]);
    let solicits = harness.times(MessageType::Solicit);
    assert_eq!(solicits, [7200.0]);
    let lines = harness.lines();
    assert_eq!(lines[0], "renew to 1 na[2001:db8:77::50]");
    assert!(lines.contains(&"rebind na[2001:db8:77::50]".to_owned()));
    // What was held is asked for again.
    assert_eq!(
        lines.last().map(String::as_str),
        Some("solicit na[2001:db8:77::50]")
    );
    assert_eq!(harness.used(), Vec::<Ipv6Addr>::new());
}

#[test]
fn a_renewed_lease_counts_from_its_reply() {
    let mut harness = Harness::bound();
    harness.until(1801.0);
    harness.reply(1, &[leased(&[ADDRESS], HOUR)]);
    let Some(Event::Renewed {
        lease,
        by: Means::Renew,
    }) = harness.happened().pop()
    else {
        panic!("not renewed");
    };
    assert_eq!(lease.renew_at(), Some(harness.at(3601.0)));
    assert_eq!(lease.expires_at(), Some(harness.at(9001.0)));
    assert_eq!(harness.state(), "bound");
}

// RFC 9915, 18.2.5: while REBINDING any server may extend the lease, which is then its own.
#[test]
fn while_renewing_only_the_leases_server_counts_and_while_rebinding_any() {
    let mut harness = Harness::bound();
    harness.until(1800.0);
    harness.reply(2, &[leased(&[ADDRESS], HOUR)]);
    assert_eq!(harness.ignored(), [Ignored::ForeignServer]);
    assert_eq!(harness.state(), "renewing");
    harness.until(2880.0);
    harness.reply(2, &[leased(&[ADDRESS], HOUR)]);
    let lease = harness.client.lease().expect("a lease");
    assert_eq!(lease.server, server(2));
    assert!(matches!(
        harness.happened()[..],
        [Event::Renewed {
            by: Means::Rebind,
            ..
        }]
    ));
    harness.until(2880.0 + 1800.0);
    assert_eq!(line(harness.last()), "renew to 2 na[2001:db8:77::50]");
}

// RFC 9915, 18.2.10.1: a valid lifetime of 0 takes an address or prefix away at once.
#[test]
fn a_lifetime_of_0_takes_an_address_away_at_once_and_what_comes_in_its_place_is_used() {
    // As Kea renumbers: a new address, and the old one with 0.
    let mut harness = Harness::bound();
    harness.until(1800.0);
    let mut ia = leased(&[OTHER_ADDRESS], HOUR);
    ia.options
        .push_address(&IaAddress::new(address(ADDRESS), 0, 0));
    harness.reply(1, &[ia]);
    let what = Gone {
        addresses: vec![address(ADDRESS)],
        prefixes: vec![],
    };
    let reason = LossReason::Withdrawn;
    let happened = harness.happened();
    assert_eq!(happened[0], Event::Gone { what, reason });
    assert!(matches!(happened[1], Event::Renewed { .. }));
    assert_eq!(harness.used(), [address(OTHER_ADDRESS)]);
    assert_eq!(harness.state(), "bound");

    // All of it, with nothing in its place.
    let mut harness = Harness::bound();
    harness.until(1800.0);
    harness.reply(1, &[leased(&[ADDRESS], Terms::of(0, 0))]);
    assert_eq!(harness.happened(), [Event::Lost(LossReason::Withdrawn)]);
    harness.until(1801.0);
    assert_eq!(line(harness.last()), "solicit na[]");

    // One that was never held is none.
    let mut harness = Harness::bound();
    harness.until(1800.0);
    let mut ia = leased(&[ADDRESS], HOUR);
    ia.options
        .push_address(&IaAddress::new(address(OTHER_ADDRESS), 0, 0));
    harness.reply(1, &[ia]);
    assert!(matches!(harness.happened()[..], [Event::Renewed { .. }]));
    assert_eq!(harness.used(), [address(ADDRESS)]);
}

// RFC 9915, 18.2.10.1: what is not valid any more is used no more, each address and prefix by itself.
#[test]
fn each_address_ends_at_its_own_time() {
    let mut ia = leased(
        &[ADDRESS],
        Terms {
            valid: 300,
            preferred: 300,
            t1: 1000,
            t2: 2000,
        },
    );
    ia.options
        .push_address(&IaAddress::new(address(OTHER_ADDRESS), 5000, 5000));
    let mut harness = Harness::holding(config(), &[ia]);
    harness.until(299.0);
    assert_eq!(harness.used().len(), 2);
    assert_eq!(harness.client.poll_timeout(), Some(harness.at(300.0)));
    harness.until(300.0);
    assert_eq!(harness.used(), [address(OTHER_ADDRESS)]);
    let what = Gone {
        addresses: vec![address(ADDRESS)],
        prefixes: vec![],
    };
    let reason = LossReason::Expired;
    assert_eq!(harness.happened(), [Event::Gone { what, reason }]);
    harness.until(1000.0);
    assert_eq!(line(harness.last()), "renew to 1 na[2001:db8:77::51]");
}

// RFC 9915, 21.4: T1 and T2 of 0 are 0.5 and 0.8 of the shortest preferred lifetime.
// RFC 9915, 7.7: a time of 0xffffffff never comes.
#[test]
fn t1_and_t2_that_the_server_leaves_to_the_client_are_parts_of_the_preferred_lifetime() {
    let never = u32::MAX;
    let times = |terms: Terms| {
        let harness = Harness::bound_on(terms);
        let lease = harness.client.lease().expect("a lease").clone();
        let after = |at: Option<Instant>| at.map(|at| (at - harness.start).as_secs_f64());
        [lease.renew_at(), lease.rebind_at(), lease.expires_at()].map(after)
    };
    let terms = |t1, t2, preferred, valid| Terms {
        t1,
        t2,
        preferred,
        valid,
    };
    for (given, expected) in [
        (
            terms(0, 0, 1000, 2000),
            [Some(500.0), Some(800.0), Some(2000.0)],
        ),
        (
            terms(100, 0, 1000, 2000),
            [Some(100.0), Some(800.0), Some(2000.0)],
        ),
        (
            terms(900, 0, 1000, 2000),
            [Some(900.0), Some(900.0), Some(2000.0)],
        ),
        (
            terms(0, 900, 1000, 2000),
            [Some(500.0), Some(900.0), Some(2000.0)],
        ),
        (
            terms(0, 80, 1000, 2000),
            [Some(50.0), Some(80.0), Some(2000.0)],
        ),
        (terms(never, never, 1000, 2000), [None, None, Some(2000.0)]),
        (terms(0, 0, never, never), [None, None, None]),
        (terms(0, 0, 1000, never), [Some(500.0), Some(800.0), None]),
        // Deprecated from the beginning: it is extended while it is valid.
        (
            terms(0, 0, 0, 2000),
            [Some(1000.0), Some(1600.0), Some(2000.0)],
        ),
        (terms(0, 0, 1, 100), [Some(1.0), Some(1.0), Some(100.0)]),
    ] {
        assert_eq!(times(given), expected);
    }
}

// RFC 9915, 7.7: a time of 0xffffffff never comes.
#[test]
fn a_lease_without_an_end_has_no_timer() {
    let mut harness = Harness::bound_on(Terms::of(u32::MAX, u32::MAX));
    assert_eq!(harness.client.poll_timeout(), None);
    harness.until(1e8);
    assert!(harness.sent.is_empty());
    harness.tell(Client::renew);
    assert_eq!(line(harness.last()), "renew to 1 na[2001:db8:77::50]");
}

// RFC 9915, 21.4: an identity association whose T1 is greater than its T2 is passed over.
// RFC 9915, 21.6: an address or prefix that is preferred for longer than it is valid is passed over.
#[test]
fn what_contradicts_itself_is_passed_over_and_named() {
    let wrong = Terms {
        t1: 2000,
        t2: 1000,
        ..HOUR
    };
    let mut harness = Harness::requesting();
    harness.reply(1, &[leased(&[ADDRESS], wrong)]);
    assert_eq!(harness.remarked(), [(code::IA_NA, RemarkReason::Timers)]);
    assert_eq!(harness.used(), Vec::<Ipv6Addr>::new());

    let mut ia = leased(&[ADDRESS], HOUR);
    for (text, preferred, valid) in [
        (OTHER_ADDRESS, 3601, 3600),
        ("ff02::1", 3600, 3600),
        ("fe80::1", 3600, 3600),
        ("::1", 3600, 3600),
    ] {
        ia.options
            .push_address(&IaAddress::new(address(text), preferred, valid));
    }
    let mut harness = Harness::requesting();
    harness.reply(1, &[ia]);
    assert_eq!(harness.used(), [address(ADDRESS)]);
    let value = (code::IA_ADDRESS, RemarkReason::Value);
    let lifetimes = (code::IA_ADDRESS, RemarkReason::Lifetimes);
    assert_eq!(harness.remarked(), [lifetimes, value, value, value]);

    let late = Terms {
        t1: 7200,
        t2: 8000,
        ..HOUR
    };
    let mut harness = Harness::requesting();
    harness.reply(1, &[leased(&[ADDRESS], late)]);
    assert_eq!(
        harness.remarked(),
        [(code::IA_NA, RemarkReason::LateTimers)]
    );
    assert_eq!(harness.used(), [address(ADDRESS)]);
}

// RFC 9915, 18.2.4: all that a server leased is extended at once, at the earliest T1 and T2.
// RFC 9915, 18.2: all that is wanted is asked for in one message, and again when a server had only a part of it.
#[test]
fn the_earliest_timer_extends_everything() {
    let config = config().with_prefix(MAC, Some(56));
    let early = Terms {
        t1: 100,
        t2: 200,
        ..HOUR
    };
    let ias = [leased(&[ADDRESS], HOUR), delegated(&[PREFIX], early)];
    let mut harness = Harness::holding(config, &ias);
    harness.until(100.0);
    let all = "na[2001:db8:77::50] pd[2001:db8:7700::/56]";
    assert_eq!(harness.lines(), [format!("renew to 1 {all}")]);
    harness.until(200.0);
    assert_eq!(harness.lines().last(), Some(&format!("rebind {all}")));
}

// RFC 9915, 18.2.10.1: an identity association that is not in a REPLY is kept, and asked for again.
#[test]
fn what_a_reply_does_not_mention_is_kept_and_asked_for_again_as_if_nobody_had_answered() {
    let config = config().with_prefix(MAC, Some(56));
    let ias = [leased(&[ADDRESS], HOUR), delegated(&[PREFIX], HOUR)];
    let mut harness = Harness::holding(config, &ias);
    harness.until(1800.0);
    harness.reply(1, &ias[..1]);
    assert_eq!(harness.state(), "renewing");
    let lease = harness.client.lease().expect("a lease").clone();
    assert_eq!(lease.prefixes().count(), 1);
    // The address has got its hour, the prefix has not.
    let ends: Vec<Option<Instant>> = [IaKind::Addresses, IaKind::Prefixes]
        .map(|kind| lease.ia(kind, IAID).expect("an IA").last_end())
        .to_vec();
    assert_eq!(ends, [Some(harness.at(9000.0)), Some(harness.at(7200.0))]);
    harness.forget();
    harness.until(1812.0);
    assert_eq!(harness.times(MessageType::Renew).len(), 1);
    // At the T2 of the prefix any server is asked.
    harness.until(2880.0);
    assert_eq!(harness.state(), "rebinding");
    harness.reply(1, &ias);
    assert_eq!(harness.state(), "bound");
}

// Field practice: a DHCPv6 client can be told to renew, rebind, confirm, release, decline and inform at once.
#[test]
fn a_lease_is_renewed_and_rebound_when_told() {
    let mut harness = Harness::bound();
    harness.tell(Client::renew);
    assert_eq!(harness.lines(), ["renew to 1 na[2001:db8:77::50]"]);
    harness.tell(Client::renew);
    assert_eq!(harness.lines(), Vec::<String>::new(), "it is being asked");
    harness.tell(Client::rebind);
    assert_eq!(harness.lines(), ["rebind na[2001:db8:77::50]"]);
    let mut idle = Harness::soliciting();
    idle.forget();
    for order in [
        Client::renew,
        Client::rebind,
        Client::confirm,
        Client::decline,
    ] {
        idle.tell(order);
    }
    assert!(idle.sent.is_empty() && idle.events.is_empty());
}

#[test]
fn who_slept_past_t2_rebinds_and_who_slept_past_the_end_begins_anew() {
    let mut harness = Harness::bound();
    harness.sleep_until(3000.0);
    assert_eq!(harness.lines(), ["rebind na[2001:db8:77::50]"]);
    let mut harness = Harness::bound();
    harness.sleep_until(7300.0);
    assert_eq!(harness.happened(), [Event::Lost(LossReason::Expired)]);
    // An answer that comes after the end extends nothing.
    let mut harness = Harness::bound();
    harness.until(1800.0);
    let late = harness.answer(MessageType::Reply, 1, &[leased(&[ADDRESS], HOUR)]);
    harness.now = harness.at(7200.0);
    harness.receive(&late);
    let happened = harness.happened();
    assert_eq!(happened[0], Event::Lost(LossReason::Expired));
    assert!(matches!(happened[1], Event::Ignored { .. }));
    assert_eq!(harness.used(), Vec::<Ipv6Addr>::new());
}

// RFC 9915, 18.2.10.5: what a server does not tell any more is used no more.
#[test]
fn parameters_are_those_of_the_last_reply() {
    let mut harness = Harness::requesting();
    let mut reply = harness.answer(MessageType::Reply, 1, &[leased(&[ADDRESS], HOUR)]);
    reply
        .options
        .push_addresses(code::DNS_SERVERS, &[address("2001:db8::53")]);
    harness.receive(&reply);
    harness.until(1800.0);
    harness.reply(1, &[leased(&[ADDRESS], HOUR)]);
    let lease = harness.client.lease().expect("a lease");
    assert!(lease.parameters.dns.is_empty());
}
