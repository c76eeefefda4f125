//! After the link was away, and after a restart.

use super::*;

fn stored() -> Lease {
    Harness::bound().client.lease().expect("a lease").clone()
}

/// A client that asks about the lease of before.
fn restored_with(config: Config, lease: Lease) -> Harness {
    let mut harness = Harness::new(config, 1);
    harness.tell(|client, now| client.restore(lease, now));
    harness.until(0.0);
    harness
}

// RFC 9915, 18.2.12: after the link was away addresses are confirmed; with prefixes all is rebound, in the same time.
// RFC 9915, 18.2.3: CONFIRM has the addresses that are held, without their times, and asks for nothing else.
// RFC 9915, 21.4: a client sends all times as 0.
#[test]
fn addresses_are_confirmed_and_used_meanwhile() {
    let mut harness = Harness::bound();
    harness.until(100.0);
    harness.tell(Client::reconnect);
    harness.until(100.0);
    assert_eq!(harness.state(), "confirming");
    assert_eq!(harness.used(), [address(ADDRESS)]);
    let options = &harness.last().options;
    let codes: Vec<u16> = options.iter().map(|option| option.code).collect();
    assert_eq!(codes, [code::CLIENT_ID, code::IA_NA, code::ELAPSED_TIME]);
    let ia = options.ias().next().expect("an IA");
    let leased = ia.addresses().next().expect("an address");
    assert_eq!((ia.t1, ia.t2, leased.preferred, leased.valid), (0, 0, 0, 0));
    assert_eq!(harness.lines(), ["confirm na[2001:db8:77::50]"]);
    // Any server's word will do, and no word is success.
    harness.reply(9, &[]);
    assert!(matches!(
        harness.happened()[..],
        [Event::Renewed {
            by: Means::Confirm,
            ..
        }]
    ));
    assert_eq!(harness.state(), "bound");
    // Its times are what they were.
    harness.forget();
    harness.until(1800.0);
    assert_eq!(line(harness.last()), "renew to 1 na[2001:db8:77::50]");
}

// RFC 9915, 18.2.3: CONFIRM is sent for 10 s, after 1 s, doubled up to 4 s.
// RFC 9915, 18.2.3: a lease that nobody confirms is used on.
#[test]
fn a_lease_that_nobody_confirms_is_used_on_after_ten_seconds() {
    let mut harness = Harness::bound();
    harness.until(100.0);
    harness.tell(Client::reconnect);
    harness.until(120.0);
    let times = harness.times(MessageType::Confirm);
    assert!((4..=5).contains(&times.len()), "{times:?}");
    let (at, event) = &harness.events[0];
    assert_eq!(*event, Event::Unanswered(Unanswered::Confirming));
    assert!((at - 110.0).abs() < 1e-6, "{at}");
    assert_eq!(harness.events.len(), 1);
    assert_eq!(
        (harness.state(), harness.used()),
        ("bound", vec![address(ADDRESS)])
    );
}

// RFC 9915, 18.2.10.3: a lease is lost when all that answer say NotOnLink; one Success is enough.
#[test]
fn a_lease_that_is_wrong_on_this_link_is_lost_unless_another_server_knows_better() {
    let mut harness = Harness::bound();
    harness.tell(Client::reconnect);
    harness.until(0.0);
    harness.reply_status(1, StatusCode::NotOnLink, &[]);
    assert_eq!(harness.refusals(), [(None, StatusCode::NotOnLink)]);
    assert_eq!(harness.state(), "confirming");
    harness.until(1.2);
    assert_eq!(harness.happened(), [Event::Lost(LossReason::NotOnLink)]);
    assert_eq!(line(harness.last()), "solicit na[]");

    let mut harness = Harness::bound();
    harness.tell(Client::reconnect);
    harness.until(0.0);
    harness.reply_status(1, StatusCode::NotOnLink, &[]);
    harness.until(0.5);
    harness.reply_status(2, StatusCode::Success, &[]);
    assert_eq!(harness.state(), "bound");
    assert_eq!(harness.used(), [address(ADDRESS)]);

    // What says nothing of the link decides nothing.
    let mut harness = Harness::bound();
    harness.tell(Client::confirm);
    harness.until(0.0);
    for code in [
        StatusCode::UnspecFail,
        StatusCode::NoBinding,
        StatusCode::Other(99),
    ] {
        harness.reply_status(1, code, &[]);
        assert_eq!(harness.state(), "confirming");
    }
}

// RFC 9915, 18.2.12: after the link was away addresses are confirmed; with prefixes all is rebound, in the same time.
#[test]
fn with_a_prefix_all_is_rebound_in_the_time_of_a_confirm() {
    let ias = [leased(&[ADDRESS], HOUR), delegated(&[PREFIX], HOUR)];
    let mut harness = Harness::holding(config().with_prefix(MAC, None), &ias);
    harness.tell(Client::reconnect);
    harness.until(20.0);
    let times = harness.times(MessageType::Rebind);
    assert!((4..=5).contains(&times.len()), "{times:?}");
    assert_eq!(
        harness.happened(),
        [Event::Unanswered(Unanswered::Confirming)]
    );
    assert_eq!(harness.state(), "bound");

    harness.tell(Client::reconnect);
    harness.until(20.0);
    harness.reply(2, &ias);
    assert!(matches!(
        harness.happened()[..],
        [Event::Renewed {
            by: Means::Rebind,
            ..
        }]
    ));
    let lease = harness.client.lease().expect("a lease");
    assert_eq!(
        (lease.server.clone(), harness.state()),
        (server(2), "bound")
    );
}

// RFC 9915, 18.2.12: a client begins again with the lease of before, and uses it when it is confirmed.
#[test]
fn a_lease_of_before_is_confirmed_before_it_is_used() {
    let mut harness = restored_with(config(), stored());
    assert_eq!(harness.lines(), ["confirm na[2001:db8:77::50]"]);
    assert_eq!(harness.client.lease(), None);
    harness.until(11.0);
    assert!(matches!(
        harness.happened()[..],
        [
            Event::Unanswered(Unanswered::Confirming),
            Event::Bound {
                by: Means::Silence,
                ..
            }
        ]
    ));
    assert_eq!(harness.used(), [address(ADDRESS)]);

    let mut harness = restored_with(config(), stored());
    harness.reply_status(1, StatusCode::NotOnLink, &[]);
    harness.until(1.2);
    assert_eq!(line(harness.last()), "solicit na[]");
    assert!(
        !harness
            .happened()
            .contains(&Event::Lost(LossReason::NotOnLink))
    );

    // Its addresses are probed as new ones are.
    let careful = Config {
        duplicate_detection: true,
        ..config()
    };
    let mut harness = restored_with(careful, stored());
    harness.reply_status(1, StatusCode::Success, &[]);
    assert_eq!(harness.state(), "probing");
    assert_eq!(harness.client.lease(), None);
    let now = harness.now;
    harness
        .client
        .handle_dad(address(ADDRESS), DadOutcome::Unique, now);
    assert_eq!(harness.used(), [address(ADDRESS)]);
}

#[test]
fn what_is_not_wanted_any_more_or_has_run_out_is_not_asked_about() {
    let mut other = stored();
    other.ias[0].iaid = 7;
    let mut harness = restored_with(config(), other);
    assert_eq!(harness.lines(), ["solicit na[]"]);
    let mut harness = Harness::new(config(), 1);
    harness.now = harness.at(8000.0);
    let lease = stored();
    harness.tell(|client, now| client.restore(lease, now));
    harness.until(8000.0);
    assert_eq!(harness.lines(), ["solicit na[]"]);
}

// RFC 9915, 18.2.12: after the link was away addresses are confirmed; with prefixes all is rebound, in the same time.
#[test]
fn without_a_lease_all_begins_afresh_when_the_link_is_back() {
    for mut harness in [Harness::soliciting(), Harness::requesting()] {
        let before = harness.last().xid;
        harness.until(5.0);
        harness.forget();
        harness.tell(Client::reconnect);
        harness.until(5.0);
        let now = harness.last();
        assert_eq!(now.message_type, MessageType::Solicit);
        assert_ne!(now.xid, before);
    }
    let mut harness = Harness::new(config(), 1);
    harness.tell(Client::reconnect);
    assert_eq!(harness.client.poll_timeout(), None);
}
