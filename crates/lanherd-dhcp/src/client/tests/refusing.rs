//! NAKs: from whom they count, and what follows.

use super::*;

fn refused(server_id: Option<Ipv4Addr>) -> Event {
    Event::Refused {
        server_id,
        message: None,
    }
}

/// Clients in the four states in which a NAK may come, with their names.
fn four() -> [Harness; 4] {
    let mut renewing = Harness::bound();
    renewing.until(1800.0);
    let mut rebinding = Harness::bound();
    rebinding.until(3150.0);
    let mut all = [
        Harness::requesting(),
        Harness::rebooting(),
        renewing,
        rebinding,
    ];
    for harness in &mut all {
        harness.events.clear();
    }
    assert_eq!(
        all.each_ref().map(Harness::state),
        ["requesting", "rebooting", "renewing", "rebinding"]
    );
    all
}

// RFC 2131, 3.1(5): a NAK returns to INIT from every state that has asked.
#[test]
fn a_nak_returns_to_init_in_every_state_and_the_address_is_not_asked_for_again() {
    let lost = Event::Lost(LossReason::Nak);
    let expected = [
        vec![refused(Some(SERVER))],
        vec![refused(Some(SERVER))],
        vec![refused(Some(SERVER)), lost.clone()],
        vec![refused(Some(SERVER)), lost],
    ];
    for (mut harness, events) in four().into_iter().zip(expected) {
        harness.receive(&harness.nak(SERVER));
        assert_eq!((harness.happened(), harness.state()), (events, "init"));
        assert_eq!(
            harness.client.poll_timeout(),
            Some(harness.now),
            "the first NAK has no delay"
        );
        assert_eq!(harness.client.lease(), None);
        harness.until(harness.seconds());
        assert_eq!(
            line(harness.last()),
            "discover ciaddr=0.0.0.0 0.0.0.0 > 255.255.255.255"
        );
    }
}

// Field practice: a NAK counts from the server that was asked, and from any where all were.
#[test]
fn a_foreign_nak_counts_only_where_all_servers_were_asked() {
    for mut harness in four() {
        let state = harness.state();
        harness.receive(&harness.nak(OTHER_SERVER));
        match state {
            "requesting" | "renewing" => {
                assert_eq!(
                    (harness.ignored(), harness.state()),
                    (vec![Ignored::ForeignServer], state)
                );
            }
            _ => assert_eq!(harness.state(), "init"),
        }
    }
}

#[test]
fn a_nak_without_a_server_identifier_is_obeyed_in_every_state() {
    for mut harness in four() {
        let mut nak = harness.nak(SERVER);
        nak.options.remove(code::SERVER_ID);
        harness.receive(&nak);
        assert!(matches!(
            harness.happened().as_slice(),
            [Event::Refused {
                server_id: None,
                ..
            }] | [
                Event::Refused {
                    server_id: None,
                    ..
                },
                Event::Lost(LossReason::Nak)
            ]
        ));
        assert_eq!(harness.state(), "init");
    }
}

#[test]
fn a_nak_of_another_transaction_or_before_any_is_passed_over() {
    for mut harness in four() {
        let state = harness.state();
        let mut nak = harness.nak(SERVER);
        nak.xid ^= 1;
        harness.receive(&nak);
        assert_eq!(
            (harness.ignored(), harness.state()),
            (vec![Ignored::ForeignXid], state)
        );
    }
    let requesting = Harness::requesting();
    let mut harness = Harness::bound();
    harness.receive(&requesting.nak(SERVER));
    assert_eq!(
        (harness.ignored(), harness.state()),
        (vec![Ignored::Unexpected], "bound")
    );
}

#[test]
fn the_servers_words_are_passed_on_and_safe_to_print() {
    let mut harness = Harness::requesting();
    let mut nak = harness.nak(SERVER);
    nak.options.push(code::MESSAGE, *b"wrong\x1bnetwork\0");
    harness.receive(&nak);
    let message = Some("wrong\u{fffd}network".to_owned());
    assert_eq!(
        harness.happened(),
        [Event::Refused {
            server_id: Some(SERVER),
            message
        }]
    );
}

/// Refuses every request that `harness` sends from now on, `times` times; the seconds at which it sent DISCOVER.
fn nak_loop(harness: &mut Harness, times: usize) -> Vec<f64> {
    let mut discovers = Vec::new();
    for _ in 0..times {
        harness.receive(&harness.nak(SERVER));
        let due = harness.client.poll_timeout().expect("a DISCOVER to come");
        harness.until((due - harness.start).as_secs_f64());
        assert_eq!(harness.state(), "selecting");
        discovers.push(harness.seconds());
        harness.receive(&harness.offer(SERVER, ADDRESS));
    }
    discovers
}

// Field practice: after NAKs in a row there is a delay that doubles.
#[test]
fn a_server_that_refuses_on_and_on_is_asked_ever_less_often() {
    let mut harness = Harness::requesting();
    let discovers = nak_loop(&mut harness, 10);
    assert!(discovers[0] < 1e-6);
    for (pair, base) in discovers
        .windows(2)
        .zip([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 64.0, 64.0])
    {
        let wait = pair[1] - pair[0];
        assert!(
            (0.75 * base - 1e-6..=1.25 * base + 1e-6).contains(&wait),
            "{discovers:?}"
        );
    }
}

#[test]
fn a_lease_ends_the_delay_after_refusals() {
    let mut harness = Harness::requesting();
    nak_loop(&mut harness, 6);
    harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
    assert_eq!(harness.state(), "bound");
    harness.tell(Client::renew);
    harness.receive(&harness.nak(SERVER));
    assert_eq!(harness.client.poll_timeout(), Some(harness.now));
}
