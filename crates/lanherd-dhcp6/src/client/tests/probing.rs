//! Whether somebody else has an address, before it is used and later.

use super::*;

fn careful() -> Config {
    Config {
        duplicate_detection: true,
        ..config()
    }
}

const DUPLICATE: DadOutcome = DadOutcome::Duplicate {
    holder: Some(RIVAL),
};

impl Harness {
    fn outcome(&mut self, text: &str, outcome: DadOutcome) {
        self.tell(|client, now| client.handle_dad(address(text), outcome, now));
    }

    /// A client that was leased two addresses and waits for what is said of them.
    fn probing() -> Self {
        let mut harness = Self::requesting_with(careful());
        harness.reply(1, &[leased(&[ADDRESS, OTHER_ADDRESS], HOUR)]);
        harness
    }
}

// RFC 9915, 18.2.10.1: an address is used when nobody else on the link is found to have it.
#[test]
fn addresses_are_used_when_all_of_them_are_found_unique() {
    let mut harness = Harness::probing();
    let happened = harness.happened();
    let [Event::Probe { lease, addresses }] = &happened[..] else {
        panic!("{happened:?}");
    };
    assert_eq!(addresses, &[address(ADDRESS), address(OTHER_ADDRESS)]);
    assert_eq!(lease.addresses().count(), 2);
    assert_eq!((harness.state(), harness.client.lease()), ("probing", None));
    harness.outcome(ADDRESS, DadOutcome::Unique);
    harness.outcome(ADDRESS, DadOutcome::Unique);
    assert_eq!(harness.state(), "probing");
    harness.outcome(OTHER_ADDRESS, DadOutcome::Unique);
    assert!(matches!(harness.happened()[..], [Event::Bound { .. }]));
    assert_eq!(harness.used().len(), 2);
    // A renewed lease of the same addresses is not probed again; a new address is, and the others go on meanwhile.
    harness.until(1800.0);
    harness.reply(1, &[leased(&[ADDRESS, OTHER_ADDRESS], HOUR)]);
    assert_eq!(harness.state(), "bound");
    harness.until(3600.0);
    harness.forget();
    harness.tell(Client::renew);
    let third = "2001:db8:77::52";
    harness.reply(1, &[leased(&[ADDRESS, third], HOUR)]);
    let Some(Event::Probe { addresses, .. }) = harness.happened().pop() else {
        panic!("not probed");
    };
    assert_eq!(addresses, [address(third)]);
    assert!(harness.client.lease().is_some());
    harness.outcome(third, DadOutcome::Unique);
    assert!(matches!(harness.happened()[..], [Event::Renewed { .. }]));
}

// RFC 9915, 18.2.8: DECLINE names the lease's server, and has the addresses that somebody else has, and no prefix.
// RFC 9915, 18.2.8: DECLINE is sent 4 times, after 1 s, doubled.
// RFC 9915, 18.2.8: what nobody else has is kept when addresses are declined, and they are asked for anew.
#[test]
fn an_address_that_somebody_else_has_is_declined_and_the_others_are_used() {
    let mut harness = Harness::probing();
    harness.forget();
    harness.outcome(ADDRESS, DUPLICATE);
    assert!(harness.sent.is_empty(), "the other is still being probed");
    harness.outcome(OTHER_ADDRESS, DadOutcome::Unique);
    assert_eq!(
        harness.happened(),
        [Event::Conflict {
            address: address(ADDRESS),
            holder: Some(RIVAL)
        }]
    );
    assert_eq!(harness.state(), "declining");
    harness.until(20.0);
    assert_waits(&harness.times(MessageType::Decline), &[1.0, 2.0, 4.0], 0.25);
    assert_eq!(harness.lines()[0], "decline to 1 na[2001:db8:77::50]");
    let happened = harness.happened();
    assert_eq!(happened[0], Event::Unanswered(Unanswered::Declining));
    assert!(matches!(happened[1], Event::Bound { .. }));
    assert_eq!(harness.used(), [address(OTHER_ADDRESS)]);

    // Alone it is asked for anew, and later each time.
    let mut harness = Harness::requesting_with(careful());
    harness.reply(1, &[leased(&[ADDRESS], HOUR)]);
    harness.outcome(ADDRESS, DUPLICATE);
    harness.reply_status(1, StatusCode::Success, &[]);
    assert!(
        harness
            .happened()
            .contains(&Event::Answered(MessageType::Decline))
    );
    harness.until(0.0);
    assert_eq!(line(harness.last()), "solicit na[]");
    assert_eq!(harness.used(), Vec::<Ipv6Addr>::new());
}

// RFC 9915, 18.2.10.2: any REPLY ends a RELEASE or a DECLINE, whatever its status.
// RFC 9915, 18.2.8: what nobody else has is kept when addresses are declined, and they are asked for anew.
#[test]
fn an_address_in_use_is_declined_when_somebody_else_has_it_or_when_told() {
    let ias = [leased(&[ADDRESS], HOUR), delegated(&[PREFIX], HOUR)];
    let decline = |harness: &mut Harness| harness.tell(Client::decline);
    let conflict = |harness: &mut Harness| harness.outcome(ADDRESS, DUPLICATE);
    for (how, reason) in [
        (&decline as &dyn Fn(&mut Harness), LossReason::Declined),
        (&conflict, LossReason::Conflict),
    ] {
        let mut harness = Harness::bound();
        how(&mut harness);
        assert_eq!(harness.lines(), ["decline to 1 na[2001:db8:77::50]"]);
        assert_eq!(harness.happened().last(), Some(&Event::Lost(reason)));
        assert_eq!(harness.used(), Vec::<Ipv6Addr>::new());

        // A prefix goes on.
        let mut harness = Harness::holding(config().with_prefix(MAC, None), &ias);
        how(&mut harness);
        let what = Gone {
            addresses: vec![address(ADDRESS)],
            prefixes: vec![],
        };
        let gone = Event::Gone { what, reason };
        assert_eq!(harness.happened().last(), Some(&gone));
        assert_eq!(harness.lines(), ["decline to 1 na[2001:db8:77::50]"]);
        harness.reply_status(1, StatusCode::NoBinding, &[]);
        assert_eq!(harness.state(), "bound");
        harness.until(1800.0);
        assert_eq!(
            line(harness.last()),
            "renew to 1 na[] pd[2001:db8:7700::/56]"
        );
    }
    // Of an address that it does not have, and of prefixes alone, there is nothing to decline.
    let mut harness = Harness::bound();
    harness.outcome(OTHER_ADDRESS, DUPLICATE);
    harness.outcome(ADDRESS, DadOutcome::Unique);
    let mut routed = Harness::holding(config().with_prefix(MAC, None), &ias[1..]);
    routed.tell(Client::decline);
    assert!(harness.sent.is_empty() && routed.sent.is_empty());
    assert_eq!((harness.state(), routed.state()), ("bound", "bound"));
}

#[test]
fn an_outcome_that_does_not_come_is_not_waited_for_for_ever() {
    let mut harness = Harness::probing();
    harness.forget();
    harness.until(20.0);
    let (at, event) = &harness.events[0];
    assert_eq!(*event, Event::Unanswered(Unanswered::Probing));
    assert!((at - 10.0).abs() < 1e-6, "{at}");
    assert!(matches!(harness.events[1].1, Event::Bound { .. }));
}

#[test]
fn what_runs_out_while_it_is_probed_is_never_used() {
    let mut harness = Harness::requesting_with(careful());
    harness.reply(1, &[leased(&[ADDRESS], Terms::of(2, 3))]);
    harness.forget();
    harness.until(3.0);
    assert_eq!(line(harness.last()), "solicit na[2001:db8:77::50]");
    assert!(harness.events.is_empty());
}

// Field practice: after refusals in a row there is a delay that doubles before the next SOLICIT.
#[test]
fn a_server_that_leases_what_others_have_is_asked_ever_less_often() {
    let mut harness = Harness::requesting_with(careful());
    let mut solicits = Vec::new();
    for _ in 0..10 {
        harness.reply(1, &[leased(&[ADDRESS], HOUR)]);
        harness.outcome(ADDRESS, DUPLICATE);
        harness.reply_status(1, StatusCode::Success, &[]);
        while harness.state() != "soliciting" {
            let due = harness.client.poll_timeout().expect("a timer");
            harness.until((due - harness.start).as_secs_f64() + 1e-9);
        }
        solicits.push(harness.seconds());
        let mut offer = harness.answer(MessageType::Advertise, 1, &[leased(&[ADDRESS], HOUR)]);
        offer.options.push(code::PREFERENCE, [255]);
        harness.receive(&offer);
    }
    let expected = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 64.0, 64.0];
    assert_waits(&solicits, &expected, 0.26);
}

// RFC 9915, 18.2.10.1: an address is used when nobody else on the link is found to have it.
#[test]
fn what_is_still_being_probed_when_the_link_comes_back_is_as_if_it_had_not_come() {
    let mut harness = Harness::probing();
    harness.outcome(ADDRESS, DadOutcome::Unique);
    harness.outcome(OTHER_ADDRESS, DadOutcome::Unique);
    harness.until(1800.0);
    let third = "2001:db8:77::52";
    harness.reply(1, &[leased(&[ADDRESS, third], HOUR)]);
    harness.forget();
    harness.tell(Client::reconnect);
    let happened = harness.happened();
    let [Event::Renewed { lease, .. }] = &happened[..] else {
        panic!("{happened:?}");
    };
    let told: Vec<Ipv6Addr> = lease.addresses().map(|it| it.address).collect();
    assert_eq!(told, [address(ADDRESS), address(OTHER_ADDRESS)]);
    harness.until(1800.0);
    assert_eq!(
        harness.lines(),
        ["confirm na[2001:db8:77::50 2001:db8:77::51]"]
    );
    harness.reply(1, &[]);
    assert_eq!(harness.used(), told);

    // With nothing else left, nothing is used until it is confirmed and probed again.
    let mut harness = Harness::requesting_with(careful());
    harness.reply(1, &[leased(&[ADDRESS], HOUR)]);
    harness.outcome(ADDRESS, DadOutcome::Unique);
    harness.until(1800.0);
    let mut ia = leased(&[third], HOUR);
    ia.options
        .push_address(&IaAddress::new(address(ADDRESS), 0, 0));
    harness.reply(1, &[ia]);
    harness.forget();
    harness.tell(Client::reconnect);
    assert_eq!(harness.happened(), [Event::Lost(LossReason::Withdrawn)]);
    harness.until(1800.0);
    harness.reply(1, &[]);
    assert_eq!((harness.state(), harness.used()), ("probing", vec![]));
    harness.outcome(third, DadOutcome::Unique);
    assert_eq!(harness.used(), [address(third)]);
}
