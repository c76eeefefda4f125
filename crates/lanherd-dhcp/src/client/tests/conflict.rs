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
fn probing_on(terms: Terms) -> Harness {
    let mut harness = Harness::requesting_with(careful());
    harness.receive(&harness.ack(SERVER, ADDRESS, terms));
    assert_eq!(harness.state(), "probing");
    harness.forget();
    harness
}

fn probing() -> Harness {
    probing_on(HOUR)
}

/// A client that found [`ADDRESS`] free, and has announced it; its clock at second 20.
fn guarding() -> Harness {
    let mut harness = probing();
    harness.until(20.0);
    assert_eq!(harness.state(), "bound");
    harness.forget();
    harness
}

#[track_caller]
fn assert_lost_and_declined(harness: &mut Harness, reason: LossReason) {
    assert_eq!(
        harness.happened(),
        [
            Event::Conflict {
                address: ADDRESS,
                holder: RIVAL
            },
            Event::Lost(reason)
        ]
    );
    assert_eq!(lines(harness), [DECLINE]);
    assert_eq!((harness.state(), harness.client.lease()), ("init", None));
    assert_eq!(harness.client.listens_for(), None);
}

// RFC 2131, 3.1(5): an address is probed before it is used, where that is asked for.
// RFC 5227, 2.1.1: three probes, 1 to 2 s apart, the first after 0 to 1 s, then 2 s of waiting.
// RFC 5227, 2.3: a new address is announced twice, 2 s apart.
#[test]
fn an_address_is_probed_three_times_before_it_is_bound_and_then_announced_twice() {
    for seed in 0..200 {
        let mut harness = Harness::new(careful(), seed);
        harness.tell(Client::start);
        harness.until(0.0);
        harness.receive(&harness.offer(SERVER, ADDRESS));
        harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
        harness.forget();
        assert_eq!(harness.client.listens_for(), Some(ADDRESS));
        assert_eq!(harness.client.lease(), None, "probed is not held");
        harness.until(100.0);

        let expected = [
            Arp::probe(MAC, ADDRESS),
            Arp::probe(MAC, ADDRESS),
            Arp::probe(MAC, ADDRESS),
            Arp::announcement(MAC, ADDRESS),
            Arp::announcement(MAC, ADDRESS),
        ];
        let (times, arps): (Vec<f64>, Vec<Arp>) = harness.arps.iter().copied().unzip();
        assert_eq!(arps, expected);
        // PROBE_WAIT, PROBE_MIN to PROBE_MAX, ANNOUNCE_WAIT, ANNOUNCE_INTERVAL.
        assert!((0.0..=1.0).contains(&times[0]), "{times:?}");
        assert_waits(&times, &[1.5, 1.5, 2.0, 2.0], 0.5);
        assert!(
            (times[3] - times[2] - 2.0).abs() < 1e-6 && (times[4] - times[3] - 2.0).abs() < 1e-6
        );
        let [(bound, Event::Bound { reboot: false, .. })] = harness.events.as_slice() else {
            panic!("{:?}", harness.events);
        };
        assert!(
            (bound - times[3]).abs() < 1e-6,
            "announced when it is bound"
        );
        assert!(harness.sent.is_empty());
        assert_eq!(harness.client.listens_for(), Some(ADDRESS));
    }
}

// RFC 5227, 2.1.1: three probes, 1 to 2 s apart, the first after 0 to 1 s, then 2 s of waiting.
#[test]
fn the_waits_of_different_clients_differ() {
    let first = |seed| {
        let mut harness = Harness::new(careful(), seed);
        harness.tell(|client, now| client.reboot(ADDRESS, now));
        harness.until(0.0);
        harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
        harness.until(10.0);
        harness.arps[0].0
    };
    let waits: Vec<f64> = (0..200).map(first).collect();
    assert!(waits.iter().any(|wait| *wait < 0.1) && waits.iter().any(|wait| *wait > 0.9));
}

// RFC 2131, 3.1(5): an address is probed before it is used, where that is asked for.
#[test]
fn without_conflict_detection_there_is_neither_arp_nor_a_wait_and_nothing_is_listened_for() {
    let mut harness = Harness::requesting();
    harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
    assert_eq!(
        (harness.state(), harness.client.listens_for()),
        ("bound", None)
    );
    harness.happened();
    harness.hear(&claim());
    harness.hear(&claim());
    harness.until(100.0);
    assert_eq!((harness.arps.len(), harness.events.len()), (0, 0));
    assert_eq!(harness.state(), "bound");
}

#[test]
fn a_rebooted_address_is_probed_too_and_the_lease_counts_from_its_request() {
    let mut harness = Harness::rebooting_with(careful());
    harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
    harness.until(20.0);
    let Some(Event::Bound {
        lease,
        reboot: true,
    }) = harness.happened().pop()
    else {
        panic!("not bound");
    };
    assert_eq!(lease.requested_at, harness.start);
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
            let mut harness = probing();
            harness.until(second);
            assert_eq!(harness.state(), "probing");
            harness.hear(&rival);
            assert_eq!(
                harness.happened(),
                [Event::Conflict {
                    address: ADDRESS,
                    holder: RIVAL
                }]
            );
            assert_eq!(
                (lines(&harness), harness.state()),
                (vec![DECLINE.to_owned()], "init")
            );
            let declined = &harness.last().message;
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
    for mut harness in [probing(), guarding()] {
        let state = harness.state();
        for arp in &innocent {
            harness.hear(arp);
        }
        assert_eq!((harness.state(), harness.events.len()), (state, 0));
        assert!(harness.sent.is_empty() && harness.arps.is_empty());
    }
    // In use it is the kernel that answers probes.
    let mut harness = guarding();
    harness.hear(&Arp::probe(RIVAL, ADDRESS));
    assert_eq!(
        (harness.state(), harness.events.len(), harness.arps.len()),
        ("bound", 0, 0)
    );
}

// RFC 2131, 3.1(5): after DECLINE at least 10 s pass.
#[test]
fn after_a_decline_ten_seconds_pass_and_the_address_is_not_asked_for_again() {
    for seed in 0..100 {
        let mut harness = Harness::new(careful(), seed);
        harness.tell(|client, now| client.reboot(ADDRESS, now));
        harness.until(0.0);
        harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
        harness.hear(&claim());
        harness.forget();
        harness.until(11.5);
        assert_eq!(
            lines(&harness),
            ["discover ciaddr=0.0.0.0 0.0.0.0 > 255.255.255.255"]
        );
        assert!(
            (10.0..=11.0).contains(&harness.times()[0]),
            "{:?}",
            harness.times()
        );
        assert_eq!(harness.last().message.secs, 0, "a new acquisition");
    }
}

/// Lets `harness` run into `times` conflicts, its clock at the last; the seconds from each DECLINE to the next DISCOVER.
fn squat(harness: &mut Harness, times: usize) -> Vec<f64> {
    let mut waits = Vec::new();
    for _ in 0..times {
        harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
        harness.hear(&claim());
        let declined = harness.seconds();
        let due = harness.client.poll_timeout().expect("a DISCOVER to come");
        harness.until((due - harness.start).as_secs_f64());
        assert_eq!(harness.state(), "selecting");
        waits.push(harness.seconds() - declined);
        harness.receive(&harness.offer(SERVER, ADDRESS));
    }
    waits
}

// RFC 5227, 2.1.1: after 10 conflicts an address is tried once a minute at most.
#[test]
fn from_the_tenth_conflict_on_there_is_one_try_a_minute() {
    let mut harness = Harness::requesting_with(careful());
    let waits = squat(&mut harness, 14);
    for (number, wait) in (1..).zip(&waits) {
        let base = if number < 10 { 10.0 } else { 60.0 };
        assert!((base..=base + 1.0).contains(wait), "{number}: {waits:?}");
    }
}

#[test]
fn conflicts_are_forgotten_ten_minutes_after_the_last() {
    let mut harness = Harness::requesting_with(careful());
    squat(&mut harness, 12);
    harness.receive(&harness.ack(SERVER, ADDRESS, HOUR));
    harness.until(harness.seconds() + 700.0);
    assert_eq!(harness.state(), "bound");
    harness.tell(Client::decline);
    let wait = harness.client.poll_timeout().expect("a timer") - harness.now;
    assert!(wait <= Duration::from_secs(11), "{wait:?}");
}

// RFC 5227, 2.4: an address in use is defended once in 10 s, then given up.
#[test]
fn an_address_in_use_is_defended_once_and_given_up_at_the_second_conflict_within_ten_seconds() {
    let mut harness = guarding();
    harness.hear(&claim());
    assert_eq!(
        harness.happened(),
        [Event::Defended {
            address: ADDRESS,
            against: RIVAL
        }]
    );
    assert_eq!(harness.arps, [(20.0, Arp::announcement(MAC, ADDRESS))]);
    assert_eq!(harness.state(), "bound");
    harness.until(29.9);
    harness.hear(&claim());
    assert_lost_and_declined(&mut harness, LossReason::Conflict);
    harness.forget();
    harness.until(41.0);
    assert_eq!(
        lines(&harness),
        ["discover ciaddr=0.0.0.0 0.0.0.0 > 255.255.255.255"]
    );
    assert!(harness.times()[0] >= 39.9);
}

// RFC 5227, 2.4: an address in use is defended once in 10 s, then given up.
#[test]
fn conflicts_ten_seconds_apart_are_each_defended() {
    let mut harness = guarding();
    for number in 0..20_u8 {
        harness.until(20.0 + 10.0 * f64::from(number));
        harness.hear(&claim());
    }
    assert_eq!(
        (harness.state(), harness.arps.len(), harness.events.len()),
        ("bound", 20, 20)
    );
    assert!(harness.sent.is_empty());
}

#[test]
fn the_address_is_defended_in_every_state_that_uses_it() {
    for (second, state) in [(1800.0, "renewing"), (3150.0, "rebinding")] {
        let mut harness = guarding();
        harness.until(second);
        assert_eq!(harness.state(), state);
        let due = harness.client.poll_timeout();
        harness.forget();
        harness.hear(&claim());
        assert_eq!((harness.state(), harness.arps.len()), (state, 1));
        assert_eq!(
            harness.client.poll_timeout(),
            due,
            "the lease's timers go on"
        );
        harness.happened();
        harness.hear(&claim());
        assert_lost_and_declined(&mut harness, LossReason::Conflict);
    }
    let mut harness = guarding();
    harness.tell(Client::reconnect);
    harness.forget();
    harness.hear(&claim());
    assert_eq!((harness.state(), harness.arps.len()), ("confirming", 1));
    harness.happened();
    harness.hear(&claim());
    assert_lost_and_declined(&mut harness, LossReason::Conflict);
}

#[test]
fn a_conflict_between_the_two_announcements_is_defended_and_the_second_still_goes_out() {
    let mut harness = probing();
    while harness.arps.len() < 4 {
        harness
            .until((harness.client.poll_timeout().expect("a timer") - harness.start).as_secs_f64());
    }
    harness.hear(&claim());
    harness.until(20.0);
    assert_eq!(
        harness.arps.len(),
        6,
        "three probes, two announcements, one defence"
    );
}

#[test]
fn a_lease_that_runs_out_while_it_is_probed_was_never_held_and_all_begins_anew() {
    let mut harness = probing_on(Terms::of(3));
    harness.until(3.0);
    assert_eq!(harness.ignored(), [Ignored::LeaseRunOut]);
    assert_eq!(
        (lines(&harness), harness.times()),
        (
            vec!["discover ciaddr=0.0.0.0 50=192.168.1.50 0.0.0.0 > 255.255.255.255".to_owned()],
            vec![3.0]
        )
    );
    harness.hear(&claim());
    assert_eq!((harness.state(), harness.events.len()), ("selecting", 0));
}

#[test]
fn t1_and_t2_that_come_while_probing_are_acted_upon_as_soon_as_the_address_is_bound() {
    let terms = |t1, t2| Terms {
        lease: 60,
        t1: Some(t1),
        t2: Some(t2),
    };
    for (terms, state) in [(terms(1, 50), "renewing"), (terms(1, 2), "rebinding")] {
        let mut harness = probing_on(terms);
        harness.until(8.0);
        let bound = harness.events[0].0;
        assert_eq!((harness.state(), harness.times()), (state, vec![bound]));
        assert_eq!(harness.arps.len(), 5 - usize::from(bound > 6.0));
    }
}

#[test]
fn replies_to_a_client_that_probes_are_passed_over() {
    let mut harness = Harness::requesting_with(careful());
    let (ack, nak) = (harness.ack(SERVER, ADDRESS, HOUR), harness.nak(SERVER));
    harness.receive(&ack);
    harness.happened();
    harness.receive(&ack);
    harness.receive(&nak);
    assert_eq!(harness.ignored(), [Ignored::Unexpected; 2]);
    assert_eq!(harness.state(), "probing");
}

#[test]
fn release_while_probing_gives_back_what_was_granted_and_loses_nothing_that_was_held() {
    let mut harness = probing();
    harness.tell(Client::release);
    assert_eq!(
        lines(&harness),
        ["release ciaddr=192.168.1.50 54=192.168.1.1 192.168.1.50 > 192.168.1.1"]
    );
    assert_eq!((harness.state(), harness.events.len()), ("stopped", 0));
}
