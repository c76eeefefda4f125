//! How often routers are asked, from which address, and when that ends.

use super::*;
use crate::packet::ALL_ROUTERS;

fn backoff() -> Config {
    let usual = Config::new(MAC, SECRET).solicitations;
    assert_eq!(usual, Solicitations::RFC_7559);
    Config {
        solicitations: usual,
        ..config()
    }
}

// RFC 4861, 6.3.7: three solicitations at most are sent, 4 s apart, where a persona says so.
// RFC 4861, 6.3.7: a host that is not answered concludes that there is no router, and goes on listening.
#[test]
fn s1_a_mute_router_is_asked_three_times_4_s_apart_and_given_up_a_second_later() {
    let mut harness = Harness::soliciting();
    harness.until(1000.0);
    assert_eq!(harness.solicitations(), [0.0, 4.0, 8.0]);
    let unanswered = Event::Unanswered { solicitations: 3 };
    assert_eq!(harness.events.last(), Some(&(9.0, unanswered)));
    assert_eq!(harness.state(), "listening");
    harness.receive(&ra(1800, vec![]));
    assert_eq!(harness.state(), "configured");
    assert_eq!(harness.sent.len(), 3);
}

// RFC 4861, 6.3.7: the first solicitation waits a random time of up to 1 s.
#[test]
fn s1_a_thousand_hosts_switched_on_together_ask_over_a_whole_second() {
    let first = |seed| {
        let config = Config {
            start_delay: Config::new(MAC, SECRET).start_delay,
            ..config()
        };
        let mut harness = Harness::new(config, seed);
        harness.tell(Host::start);
        harness.until(1.0);
        harness.solicitations()[0]
    };
    let times: Vec<f64> = (0..1000).map(first).collect();
    assert!(times.iter().all(|time| (0.0..=1.0).contains(time)));
    for tenth in 0..10_u32 {
        let tenth = f64::from(tenth) / 10.0;
        let within = times
            .iter()
            .filter(|time| (tenth..tenth + 0.1).contains(*time));
        assert!(within.count() > 50, "{tenth}");
    }
}

// RFC 7559, 2: solicitations go on with an exponential backoff from 4 s up to an hour.
#[test]
fn s1_with_backoff_a_mute_router_is_asked_for_days_ever_less_often() {
    let mut harness = Harness::soliciting_with(backoff());
    harness.until(2.0 * 86_400.0);
    let times = harness.solicitations();
    let waits: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((3.6..=4.4).contains(&waits[0]), "{waits:?}");
    for pair in waits.windows(2).filter(|pair| pair[1] < 3240.0) {
        let ratio = pair[1] / pair[0];
        assert!((1.9..=2.1).contains(&ratio), "{waits:?}");
    }
    let late = &waits[12..];
    assert!(
        late.iter().all(|wait| (3240.0..=3960.0).contains(wait)),
        "{waits:?}"
    );
    assert!((50..70).contains(&times.len()), "{}", times.len());
    assert_eq!(harness.state(), "soliciting");
    // That there is none is told once, a second after the third.
    let told: Vec<_> = harness
        .events
        .iter()
        .filter_map(|(at, event)| match event {
            Event::Unanswered { solicitations } => Some((*at, *solicitations)),
            _ => None,
        })
        .collect();
    let [(at, 3)] = told[..] else {
        panic!("{told:?}")
    };
    assert!((at - times[2] - 1.0).abs() < 0.01, "{at} {times:?}");
}

// RFC 4861, 4.1: a solicitation from :: has no source link-layer address, and any other has.
#[test]
fn s2_a_solicitation_comes_from_the_link_local_address_with_the_hardware_address() {
    let harness = Harness::soliciting();
    let packet = &harness.sent[0].1;
    assert_eq!(Some(packet.source), harness.host.link_local());
    assert_eq!(packet.message.source_link_layer(), Some(MAC));
    assert_eq!(
        (packet.source_mac, packet.destination),
        (Some(MAC), ALL_ROUTERS)
    );
    // The address stands before anything is sent from it.
    let mut host = Host::new(config(), fastrand::Rng::with_seed(1));
    let now = Instant::now();
    host.start(now);
    host.handle_timeout(now);
    let outputs: Vec<_> = std::iter::from_fn(|| host.poll_output()).collect();
    let place = |is_it: fn(&Output) -> bool| outputs.iter().position(is_it).expect("such");
    let set = place(|it| matches!(it, Output::Configure(Change::SetAddress(_))));
    assert!(
        set < place(|it| matches!(it, Output::Transmit(_))),
        "{outputs:?}"
    );
}

// RFC 4861, 4.1: a solicitation from :: has no source link-layer address, and any other has.
#[test]
fn s2_an_early_solicitation_comes_from_nobody_and_goes_on_from_the_address() {
    let config = Config {
        verifies: true,
        solicits_early: true,
        ..config()
    };
    let mut harness = Harness::soliciting_with(config);
    assert_eq!(
        (harness.state(), harness.solicitations()),
        ("tentative", vec![0.0])
    );
    let packet = &harness.sent[0].1;
    assert!(packet.source.is_unspecified());
    assert_eq!(packet.message.options, []);
    harness.until(1.0);
    let own = harness.host.addresses().next().expect("one").address;
    harness.verify(own, Verification::Unique);
    harness.until(100.0);
    let sources: Vec<_> = harness
        .sent
        .iter()
        .map(|(at, it)| (*at, it.source))
        .collect();
    assert_eq!(sources[1..], [(4.0, own), (8.0, own)]);
}

// RFC 4861, 6.3.7: once it has asked, a host stops asking when a default router answers.
#[test]
fn s3_an_answer_ends_the_asking_and_is_timed() {
    let mut harness = Harness::soliciting();
    harness.until(4.25);
    harness.receive(&ra(1800, vec![]));
    harness.until(100.0);
    assert_eq!(harness.solicitations(), [0.0, 4.0]);
    let answered = Event::Answered {
        router: ROUTER,
        after: Duration::from_millis(4250),
        unicast: false,
    };
    assert!(harness.happened().contains(&answered));
    // The next advertisement answers nothing.
    harness.receive(&ra(1800, vec![]));
    assert_eq!(harness.happened(), []);
}

// RFC 4861, 6.3.7: once it has asked, a host stops asking when a default router answers.
// RFC 7559, 2.1: an advertisement of a router that is no default router stops nothing.
#[test]
fn s3_an_advertisement_of_lifetime_0_does_not_end_the_asking_whatever_it_carries() {
    let mut harness = Harness::soliciting();
    harness.until(1.0);
    harness.receive(&ra(0, vec![pio(home(), DAY, DAY)]));
    assert_eq!(harness.addresses().len(), 1);
    harness.until(100.0);
    assert_eq!(harness.solicitations(), [0.0, 4.0, 8.0]);
    assert_eq!(harness.state(), "listening");

    let mut harness = Harness::soliciting_with(backoff());
    harness.until(1.0);
    harness.receive(&ra(0, vec![]));
    harness.until(100.0);
    assert!(harness.sent.len() >= 4, "{:?}", harness.solicitations());
}

// RFC 4861, 6.3.7: a host that knows a router already asks at least once.
#[test]
fn s3_an_advertisement_before_the_first_solicitation_is_taken_and_one_solicitation_is_sent() {
    let config = Config {
        start_delay: Duration::from_secs(1)..=Duration::from_secs(1),
        ..config()
    };
    let mut harness = Harness::soliciting_with(config);
    assert_eq!(harness.state(), "delaying");
    harness.receive(&ra(1800, vec![pio(home(), DAY, DAY)]));
    assert_eq!(harness.addresses().len(), 1);
    assert_eq!(harness.routes(), [(Prefix::DEFAULT, ROUTER)]);
    harness.until(100.0);
    assert_eq!(harness.solicitations(), [1.0]);
    assert_eq!(harness.state(), "configured");
}

// Field practice: a host can be told to solicit at once.
#[test]
fn a_host_that_is_told_to_solicit_asks_at_once_and_until_it_is_answered() {
    let mut harness = Harness::configured();
    harness.until(60.0);
    harness.tell(Host::solicit);
    harness.until(64.5);
    assert_eq!(harness.solicitations(), [60.0, 64.0]);
    harness.receive(&ra(1800, vec![pio(home(), DAY, 4 * HOUR)]));
    harness.until(100.0);
    assert_eq!(harness.sent.len(), 2);
    assert_eq!(harness.state(), "configured");
}

#[test]
fn a_host_that_stops_takes_everything_back_and_can_be_started_again() {
    let mut harness = Harness::configured();
    harness.tell(Host::stop);
    assert_eq!(
        (
            harness.host.addresses().count(),
            harness.host.routes().count()
        ),
        (0, 0)
    );
    let lost = Event::RouterLost {
        router: ROUTER,
        why: RouterLoss::Stopped,
    };
    assert!(harness.happened().contains(&lost));
    assert_eq!(harness.host.poll_timeout(), None);
    harness.receive(&ra(1800, vec![pio(home(), DAY, DAY)]));
    assert_eq!(harness.ignored(), [(Ignored::NotStarted, None)]);
    harness.tell(Host::start);
    harness.until(1.0);
    harness.receive(&ra(1800, vec![pio(home(), DAY, DAY)]));
    assert_eq!(harness.addresses().len(), 1);
}

#[test]
fn an_advertisement_for_another_host_is_ignored() {
    let mut harness = Harness::soliciting();
    let mut packet = ra(1800, vec![pio(home(), DAY, DAY)]);
    packet.destination = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 77);
    harness.receive(&packet);
    assert_eq!(harness.ignored(), [(Ignored::NotForUs, None)]);
    assert_eq!(harness.addresses(), []);
    packet.destination = harness.host.link_local().expect("one");
    harness.receive(&packet);
    let is_unicast = |event: &Event| matches!(event, Event::Answered { unicast: true, .. });
    assert!(harness.happened().iter().any(is_unicast));
}
