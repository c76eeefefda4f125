//! NAKs: from whom they count, and what follows.

use super::*;

fn refused(server_id: Option<Ipv4Addr>) -> Event {
    Event::Refused {
        server_id,
        message: None,
    }
}

/// Clients in the four states in which a NAK may come, with their names.
fn four() -> [Bench; 4] {
    let mut renewing = Bench::bound();
    renewing.until(1800.0);
    let mut rebinding = Bench::bound();
    rebinding.until(3150.0);
    let mut all = [Bench::requesting(), Bench::rebooting(), renewing, rebinding];
    for bench in &mut all {
        bench.events.clear();
    }
    assert_eq!(
        all.each_ref().map(Bench::state),
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
    for (mut bench, events) in four().into_iter().zip(expected) {
        bench.receive(&bench.nak(SERVER));
        assert_eq!((bench.happened(), bench.state()), (events, "init"));
        assert_eq!(
            bench.client.poll_timeout(),
            Some(bench.now),
            "the first NAK has no delay"
        );
        assert_eq!(bench.client.lease(), None);
        bench.until(bench.seconds());
        assert_eq!(
            line(bench.last()),
            "discover ciaddr=0.0.0.0 0.0.0.0 > 255.255.255.255"
        );
    }
}

// Field practice: a NAK counts from the server that was asked, and from any where all were.
#[test]
fn a_foreign_nak_counts_only_where_all_servers_were_asked() {
    for mut bench in four() {
        let state = bench.state();
        bench.receive(&bench.nak(OTHER_SERVER));
        match state {
            "requesting" | "renewing" => {
                assert_eq!(
                    (bench.ignored(), bench.state()),
                    (vec![Ignored::ForeignServer], state)
                );
            }
            _ => assert_eq!(bench.state(), "init"),
        }
    }
}

#[test]
fn a_nak_without_a_server_identifier_is_obeyed_in_every_state() {
    for mut bench in four() {
        let mut nak = bench.nak(SERVER);
        nak.options.remove(code::SERVER_ID);
        bench.receive(&nak);
        assert!(matches!(
            bench.happened().as_slice(),
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
        assert_eq!(bench.state(), "init");
    }
}

#[test]
fn a_nak_of_another_transaction_or_before_any_is_passed_over() {
    for mut bench in four() {
        let state = bench.state();
        let mut nak = bench.nak(SERVER);
        nak.xid ^= 1;
        bench.receive(&nak);
        assert_eq!(
            (bench.ignored(), bench.state()),
            (vec![Ignored::ForeignXid], state)
        );
    }
    let requesting = Bench::requesting();
    let mut bench = Bench::bound();
    bench.receive(&requesting.nak(SERVER));
    assert_eq!(
        (bench.ignored(), bench.state()),
        (vec![Ignored::Unexpected], "bound")
    );
}

#[test]
fn the_servers_words_are_passed_on_and_safe_to_print() {
    let mut bench = Bench::requesting();
    let mut nak = bench.nak(SERVER);
    nak.options.push(code::MESSAGE, *b"wrong\x1bnetwork\0");
    bench.receive(&nak);
    let message = Some("wrong\u{fffd}network".to_owned());
    assert_eq!(
        bench.happened(),
        [Event::Refused {
            server_id: Some(SERVER),
            message
        }]
    );
}

/// Refuses every request that `bench` sends from now on, `times` times; the seconds at which it sent DISCOVER.
fn nak_loop(bench: &mut Bench, times: usize) -> Vec<f64> {
    let mut discovers = Vec::new();
    for _ in 0..times {
        bench.receive(&bench.nak(SERVER));
        let due = bench.client.poll_timeout().expect("a DISCOVER to come");
        bench.until((due - bench.start).as_secs_f64());
        assert_eq!(bench.state(), "selecting");
        discovers.push(bench.seconds());
        bench.receive(&bench.offer(SERVER, ADDRESS));
    }
    discovers
}

// Field practice: after NAKs in a row there is a delay that doubles.
#[test]
fn a_server_that_refuses_on_and_on_is_asked_ever_less_often() {
    let mut bench = Bench::requesting();
    let discovers = nak_loop(&mut bench, 10);
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
    let mut bench = Bench::requesting();
    nak_loop(&mut bench, 6);
    bench.receive(&bench.ack(SERVER, ADDRESS, HOUR));
    assert_eq!(bench.state(), "bound");
    bench.tell(Client::renew);
    bench.receive(&bench.nak(SERVER));
    assert_eq!(bench.client.poll_timeout(), Some(bench.now));
}
