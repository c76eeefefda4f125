//! Address conflict detection: probes, announcements, DECLINE and defence (RFC 5227), at which second.

use super::*;

const DECLINE: &str =
    "decline ciaddr=0.0.0.0 50=192.168.1.50 54=192.168.1.1 0.0.0.0 > 255.255.255.255";

fn careful() -> Config {
    Config {
        conflict_detection: true,
        ..config()
    }
}

/// What another host says that has the address.
fn claim() -> Arp {
    Arp {
        op: ArpOp::Reply,
        ..Arp::announcement(RIVAL, ADDRESS)
    }
}

/// A client that probes [`ADDRESS`] since second 0.
fn probing_on(terms: Terms) -> Bench {
    let mut bench = Bench::requesting_with(careful());
    bench.receive(&bench.ack(SERVER, ADDRESS, terms));
    assert_eq!(bench.state(), "probing");
    bench.forget();
    bench
}

fn probing() -> Bench {
    probing_on(HOUR)
}

/// A client that found [`ADDRESS`] free, and has announced it; its clock at second 20.
fn guarding() -> Bench {
    let mut bench = probing();
    bench.until(20.0);
    assert_eq!(bench.state(), "bound");
    bench.forget();
    bench
}

#[track_caller]
fn assert_lost_and_declined(bench: &mut Bench, reason: LossReason) {
    assert_eq!(
        bench.happened(),
        [
            Event::Conflict {
                address: ADDRESS,
                holder: RIVAL
            },
            Event::Lost(reason)
        ]
    );
    assert_eq!(lines(bench), [DECLINE]);
    assert_eq!((bench.state(), bench.client.lease()), ("init", None));
    assert_eq!(bench.client.listens_for(), None);
}

// RFC 2131, 3.1(5): an address is probed before it is used, where that is asked for.
// RFC 5227, 2.1.1: three probes, 1 to 2 s apart, the first after 0 to 1 s, then 2 s of waiting.
// RFC 5227, 2.3: a new address is announced twice, 2 s apart.
#[test]
fn an_address_is_probed_three_times_before_it_is_bound_and_then_announced_twice() {
    for seed in 0..200 {
        let mut bench = Bench::new(careful(), seed);
        bench.tell(Client::start);
        bench.until(0.0);
        bench.receive(&bench.offer(SERVER, ADDRESS));
        bench.receive(&bench.ack(SERVER, ADDRESS, HOUR));
        bench.forget();
        assert_eq!(bench.client.listens_for(), Some(ADDRESS));
        assert_eq!(bench.client.lease(), None, "probed is not held");
        bench.until(100.0);

        let expected = [
            Arp::probe(MAC, ADDRESS),
            Arp::probe(MAC, ADDRESS),
            Arp::probe(MAC, ADDRESS),
            Arp::announcement(MAC, ADDRESS),
            Arp::announcement(MAC, ADDRESS),
        ];
        let (times, arps): (Vec<f64>, Vec<Arp>) = bench.arps.iter().copied().unzip();
        assert_eq!(arps, expected);
        // PROBE_WAIT, PROBE_MIN to PROBE_MAX, ANNOUNCE_WAIT, ANNOUNCE_INTERVAL.
        assert!((0.0..=1.0).contains(&times[0]), "{times:?}");
        assert_waits(&times, &[1.5, 1.5, 2.0, 2.0], 0.5);
        assert!(
            (times[3] - times[2] - 2.0).abs() < 1e-6 && (times[4] - times[3] - 2.0).abs() < 1e-6
        );
        let [(bound, Event::Bound { reboot: false, .. })] = bench.events.as_slice() else {
            panic!("{:?}", bench.events);
        };
        assert!(
            (bound - times[3]).abs() < 1e-6,
            "announced when it is bound"
        );
        assert!(bench.sent.is_empty());
        assert_eq!(bench.client.listens_for(), Some(ADDRESS));
    }
}

// RFC 5227, 2.1.1: three probes, 1 to 2 s apart, the first after 0 to 1 s, then 2 s of waiting.
#[test]
fn the_waits_of_different_clients_differ() {
    let first = |seed| {
        let mut bench = Bench::new(careful(), seed);
        bench.tell(|client, now| client.reboot(ADDRESS, now));
        bench.until(0.0);
        bench.receive(&bench.ack(SERVER, ADDRESS, HOUR));
        bench.until(10.0);
        bench.arps[0].0
    };
    let waits: Vec<f64> = (0..200).map(first).collect();
    assert!(waits.iter().any(|wait| *wait < 0.1) && waits.iter().any(|wait| *wait > 0.9));
}

// RFC 2131, 3.1(5): an address is probed before it is used, where that is asked for.
#[test]
fn without_conflict_detection_there_is_neither_arp_nor_a_wait_and_nothing_is_listened_for() {
    let mut bench = Bench::requesting();
    bench.receive(&bench.ack(SERVER, ADDRESS, HOUR));
    assert_eq!((bench.state(), bench.client.listens_for()), ("bound", None));
    bench.happened();
    bench.hear(&claim());
    bench.hear(&claim());
    bench.until(100.0);
    assert_eq!((bench.arps.len(), bench.events.len()), (0, 0));
    assert_eq!(bench.state(), "bound");
}

#[test]
fn a_rebooted_address_is_probed_too_and_the_lease_counts_from_its_request() {
    let mut bench = Bench::rebooting_with(careful());
    bench.receive(&bench.ack(SERVER, ADDRESS, HOUR));
    bench.until(20.0);
    let Some(Event::Bound {
        lease,
        reboot: true,
    }) = bench.happened().pop()
    else {
        panic!("not bound");
    };
    assert_eq!(lease.requested_at, bench.start);
}

// RFC 5227, 2.1.1: while an address is probed, another's probe for it is a conflict.
// RFC 2131, 4.4.4: a conflict makes the client DECLINE, to everybody, with 50 and 54 and ciaddr 0.
#[test]
fn whoever_answers_a_probe_or_probes_too_makes_the_client_decline() {
    let rivals = [
        claim(),
        Arp::announcement(RIVAL, ADDRESS),
        Arp::probe(RIVAL, ADDRESS),
        // A request for somebody else's address by its holder.
        Arp {
            sender: ADDRESS,
            ..Arp::probe(RIVAL, SERVER)
        },
    ];
    for rival in rivals {
        // Before the first probe, between two, and after the last.
        for second in [0.0, 2.0, 4.0] {
            let mut bench = probing();
            bench.until(second);
            assert_eq!(bench.state(), "probing");
            bench.hear(&rival);
            assert_eq!(
                bench.happened(),
                [Event::Conflict {
                    address: ADDRESS,
                    holder: RIVAL
                }]
            );
            assert_eq!(
                (lines(&bench), bench.state()),
                (vec![DECLINE.to_owned()], "init")
            );
            let declined = &bench.last().message;
            assert_eq!((declined.secs, declined.broadcast), (0, false));
        }
    }
}

#[test]
fn own_packets_and_those_about_other_addresses_are_no_conflict() {
    let innocent = [
        Arp::probe(MAC, ADDRESS),
        Arp::announcement(MAC, ADDRESS),
        Arp::probe(RIVAL, OTHER_ADDRESS),
        Arp::announcement(RIVAL, OTHER_ADDRESS),
        // Somebody who has an address asks for ours.
        Arp {
            sender: OTHER_ADDRESS,
            ..Arp::probe(RIVAL, ADDRESS)
        },
        // A reply to a probe of ours for another address.
        Arp {
            op: ArpOp::Reply,
            ..Arp::probe(RIVAL, ADDRESS)
        },
    ];
    for mut bench in [probing(), guarding()] {
        let state = bench.state();
        for arp in &innocent {
            bench.hear(arp);
        }
        assert_eq!((bench.state(), bench.events.len()), (state, 0));
        assert!(bench.sent.is_empty() && bench.arps.is_empty());
    }
    // In use it is the kernel that answers probes.
    let mut bench = guarding();
    bench.hear(&Arp::probe(RIVAL, ADDRESS));
    assert_eq!(
        (bench.state(), bench.events.len(), bench.arps.len()),
        ("bound", 0, 0)
    );
}

// RFC 2131, 3.1(5): after DECLINE at least 10 s pass.
#[test]
fn after_a_decline_ten_seconds_pass_and_the_address_is_not_asked_for_again() {
    for seed in 0..100 {
        let mut bench = Bench::new(careful(), seed);
        bench.tell(|client, now| client.reboot(ADDRESS, now));
        bench.until(0.0);
        bench.receive(&bench.ack(SERVER, ADDRESS, HOUR));
        bench.hear(&claim());
        bench.forget();
        bench.until(11.5);
        assert_eq!(
            lines(&bench),
            ["discover ciaddr=0.0.0.0 0.0.0.0 > 255.255.255.255"]
        );
        assert!(
            (10.0..=11.0).contains(&bench.times()[0]),
            "{:?}",
            bench.times()
        );
        assert_eq!(bench.last().message.secs, 0, "a new acquisition");
    }
}

/// Lets `bench` run into `times` conflicts, its clock at the last; the seconds from each DECLINE to the next DISCOVER.
fn squat(bench: &mut Bench, times: usize) -> Vec<f64> {
    let mut waits = Vec::new();
    for _ in 0..times {
        bench.receive(&bench.ack(SERVER, ADDRESS, HOUR));
        bench.hear(&claim());
        let declined = bench.seconds();
        let due = bench.client.poll_timeout().expect("a DISCOVER to come");
        bench.until((due - bench.start).as_secs_f64());
        assert_eq!(bench.state(), "selecting");
        waits.push(bench.seconds() - declined);
        bench.receive(&bench.offer(SERVER, ADDRESS));
    }
    waits
}

// RFC 5227, 2.1.1: after 10 conflicts an address is tried once a minute at most.
#[test]
fn from_the_tenth_conflict_on_there_is_one_try_a_minute() {
    let mut bench = Bench::requesting_with(careful());
    let waits = squat(&mut bench, 14);
    for (number, wait) in (1..).zip(&waits) {
        let base = if number < 10 { 10.0 } else { 60.0 };
        assert!((base..=base + 1.0).contains(wait), "{number}: {waits:?}");
    }
}

#[test]
fn conflicts_are_forgotten_ten_minutes_after_the_last() {
    let mut bench = Bench::requesting_with(careful());
    squat(&mut bench, 12);
    bench.receive(&bench.ack(SERVER, ADDRESS, HOUR));
    bench.until(bench.seconds() + 700.0);
    assert_eq!(bench.state(), "bound");
    bench.tell(Client::decline);
    let wait = bench.client.poll_timeout().expect("a timer") - bench.now;
    assert!(wait <= Duration::from_secs(11), "{wait:?}");
}

// RFC 5227, 2.4: an address in use is defended once in 10 s, then given up.
#[test]
fn an_address_in_use_is_defended_once_and_given_up_at_the_second_conflict_within_ten_seconds() {
    let mut bench = guarding();
    bench.hear(&claim());
    assert_eq!(
        bench.happened(),
        [Event::Defended {
            address: ADDRESS,
            against: RIVAL
        }]
    );
    assert_eq!(bench.arps, [(20.0, Arp::announcement(MAC, ADDRESS))]);
    assert_eq!(bench.state(), "bound");
    bench.until(29.9);
    bench.hear(&claim());
    assert_lost_and_declined(&mut bench, LossReason::Conflict);
    bench.forget();
    bench.until(41.0);
    assert_eq!(
        lines(&bench),
        ["discover ciaddr=0.0.0.0 0.0.0.0 > 255.255.255.255"]
    );
    assert!(bench.times()[0] >= 39.9);
}

// RFC 5227, 2.4: an address in use is defended once in 10 s, then given up.
#[test]
fn conflicts_ten_seconds_apart_are_each_defended() {
    let mut bench = guarding();
    for number in 0..20_u8 {
        bench.until(20.0 + 10.0 * f64::from(number));
        bench.hear(&claim());
    }
    assert_eq!(
        (bench.state(), bench.arps.len(), bench.events.len()),
        ("bound", 20, 20)
    );
    assert!(bench.sent.is_empty());
}

#[test]
fn the_address_is_defended_in_every_state_that_uses_it() {
    for (second, state) in [(1800.0, "renewing"), (3150.0, "rebinding")] {
        let mut bench = guarding();
        bench.until(second);
        assert_eq!(bench.state(), state);
        let due = bench.client.poll_timeout();
        bench.forget();
        bench.hear(&claim());
        assert_eq!((bench.state(), bench.arps.len()), (state, 1));
        assert_eq!(bench.client.poll_timeout(), due, "the lease's timers go on");
        bench.happened();
        bench.hear(&claim());
        assert_lost_and_declined(&mut bench, LossReason::Conflict);
    }
    let mut bench = guarding();
    bench.tell(Client::reconnect);
    bench.forget();
    bench.hear(&claim());
    assert_eq!((bench.state(), bench.arps.len()), ("confirming", 1));
    bench.happened();
    bench.hear(&claim());
    assert_lost_and_declined(&mut bench, LossReason::Conflict);
}

#[test]
fn a_conflict_between_the_two_announcements_is_defended_and_the_second_still_goes_out() {
    let mut bench = probing();
    while bench.arps.len() < 4 {
        bench.until((bench.client.poll_timeout().expect("a timer") - bench.start).as_secs_f64());
    }
    bench.hear(&claim());
    bench.until(20.0);
    assert_eq!(
        bench.arps.len(),
        6,
        "three probes, two announcements, one defence"
    );
}

#[test]
fn a_lease_that_runs_out_while_it_is_probed_was_never_held_and_all_begins_anew() {
    let mut bench = probing_on(Terms::of(3));
    bench.until(3.0);
    assert_eq!(bench.ignored(), [Ignored::LeaseRunOut]);
    assert_eq!(
        (lines(&bench), bench.times()),
        (
            vec!["discover ciaddr=0.0.0.0 50=192.168.1.50 0.0.0.0 > 255.255.255.255".to_owned()],
            vec![3.0]
        )
    );
    bench.hear(&claim());
    assert_eq!((bench.state(), bench.events.len()), ("selecting", 0));
}

#[test]
fn t1_and_t2_that_come_while_probing_are_acted_upon_as_soon_as_the_address_is_bound() {
    let terms = |t1, t2| Terms {
        lease: 60,
        t1: Some(t1),
        t2: Some(t2),
    };
    for (terms, state) in [(terms(1, 50), "renewing"), (terms(1, 2), "rebinding")] {
        let mut bench = probing_on(terms);
        bench.until(8.0);
        let bound = bench.events[0].0;
        assert_eq!((bench.state(), bench.times()), (state, vec![bound]));
        assert_eq!(bench.arps.len(), 5 - usize::from(bound > 6.0));
    }
}

#[test]
fn replies_to_a_client_that_probes_are_passed_over() {
    let mut bench = Bench::requesting_with(careful());
    let (ack, nak) = (bench.ack(SERVER, ADDRESS, HOUR), bench.nak(SERVER));
    bench.receive(&ack);
    bench.happened();
    bench.receive(&ack);
    bench.receive(&nak);
    assert_eq!(bench.ignored(), [Ignored::Unexpected; 2]);
    assert_eq!(bench.state(), "probing");
}

#[test]
fn release_while_probing_gives_back_what_was_granted_and_loses_nothing_that_was_held() {
    let mut bench = probing();
    bench.tell(Client::release);
    assert_eq!(
        lines(&bench),
        ["release ciaddr=192.168.1.50 54=192.168.1.1 192.168.1.50 > 192.168.1.1"]
    );
    assert_eq!((bench.state(), bench.events.len()), ("stopped", 0));
}
