//! Names, pings and requests in trouble.

use std::net::SocketAddr;

use etherparse::PacketBuilder;
use simple_dns::{CLASS, Name, Packet, Question, RCODE, TYPE};

use super::*;
use crate::faults::PING_LOSS_PERCENT;
use crate::faults::overload::{DNS_UNDER_WAY, LEAK_CEILING, LEAK_STEP};

pub(super) fn query(name: &str) -> Vec<u8> {
    let mut query = Packet::new_query(7);
    let name = Name::new_unchecked(name);
    let question = Question::new(name, TYPE::A.into(), CLASS::IN.into(), false);
    query.questions.push(question);
    query.build_bytes_vec().expect("bytes")
}

pub(super) fn ping() -> Vec<u8> {
    let mut packet = Vec::new();
    PacketBuilder::ipv4([10, 77, 0, 10], [10, 77, 0, 1], 64)
        .icmpv4_echo_request(7, 9)
        .write(&mut packet, b"payload")
        .expect("written");
    packet
}

impl StateLan {
    /// What a service answers at once.
    pub(super) fn say(&mut self, service: Service, bytes: &[u8]) -> Vec<Datagram> {
        let from = SocketAddr::from(([10, 77, 0, 10], 4711));
        self.state.hear_datagram(service, 2, from, bytes, self.now);
        self.said(service)
    }

    fn said(&mut self, service: Service) -> Vec<Datagram> {
        std::iter::from_fn(|| self.state.next_datagram(service, self.now)).collect()
    }

    /// The codes of what the resolver says at once.
    fn resolve(&mut self) -> Vec<RCODE> {
        codes(&self.say(Service::Dns, &query("dns.google")))
    }
}

fn codes(said: &[Datagram]) -> Vec<RCODE> {
    let code = |datagram: &Datagram| {
        let reply = Packet::parse(&datagram.bytes).expect("a message");
        reply.rcode()
    };
    said.iter().map(code).collect()
}

#[test]
fn an_answer_goes_back_by_the_socket_that_was_asked() {
    let mut lan = StateLan::new();
    for (service, bytes) in [(Service::Dns, query("dns.google")), (Service::Echo, ping())] {
        let said = lan.say(service, &bytes);
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].socket, 2);
        assert_eq!(said[0].to.to_string(), "10.77.0.10:4711");
    }
}

#[test]
fn a_mute_resolver_is_silent_and_a_failing_one_says_so() {
    let mut lan = StateLan::new();
    lan.inject(Fault::DnsMute, 10);
    lan.inject(Fault::DnsServfail, 20);
    assert_eq!(lan.resolve(), []);
    lan.wait(10_000);
    assert_eq!(lan.resolve(), [RCODE::ServerFailure]);
    lan.wait(10_000);
    assert_eq!(lan.resolve(), [RCODE::NoError]);
    assert_eq!(
        [Fault::DnsMute, Fault::DnsServfail].map(|fault| lan.effects(fault)),
        [1, 1]
    );
}

#[test]
fn a_limited_resolver_answers_a_hundred_and_fifty_questions_at_once_and_refuses_the_rest() {
    let mut lan = StateLan::new();
    lan.inject(Fault::DnsLimit, 60);
    for _ in 0..DNS_UNDER_WAY {
        assert_eq!(lan.resolve(), []);
    }
    assert_eq!(lan.resolve(), [RCODE::Refused]);
    assert_eq!(
        lan.state.service_deadline(Service::Dns),
        Some(lan.now + DNS_UPSTREAM)
    );
    lan.wait(100);
    let said = lan.said(Service::Dns);
    assert_eq!(codes(&said), [RCODE::NoError; DNS_UNDER_WAY]);
    assert_eq!(lan.resolve(), []);
    assert_eq!(lan.effects(Fault::DnsLimit), 152);
    // What is under way when the fault ends is answered at once, and nothing is remembered of it.
    for _ in 0..DNS_UNDER_WAY {
        lan.resolve();
    }
    lan.heal();
    assert_eq!(lan.said(Service::Dns).len(), DNS_UNDER_WAY);
    lan.inject(Fault::DnsLimit, 60);
    assert_eq!(lan.resolve(), []);
}

#[test]
fn of_a_hundred_pings_about_thirty_are_lost_and_the_same_for_the_same_seed() {
    let lost = |seed: u64| {
        let config = LabConfig {
            seed: lanherd_types::identity::Seed(seed),
            ..LabConfig::default()
        };
        let mut lan = StateLan::new();
        lan.state = State::new(&config, lan.now).expect("a router");
        lan.inject(Fault::PingLoss, 60);
        let answered = (0..2_000).map(|_| lan.say(Service::Echo, &ping()).len());
        let answered: Vec<usize> = answered.collect();
        let lost = answered.iter().filter(|answers| **answers == 0).count();
        assert_eq!(lan.effects(Fault::PingLoss), lost as u64);
        lan.wait(60_000);
        assert_eq!(lan.say(Service::Echo, &ping()).len(), 1);
        (lost, answered)
    };
    let (count, pattern) = lost(1);
    let expected = usize::from(PING_LOSS_PERCENT) * 20;
    assert!(count.abs_diff(expected) < 80, "{count} of 2000");
    assert_eq!(lost(1).1, pattern);
    assert_ne!(lost(2).1, pattern);
}

#[test]
fn the_kernel_answers_pings_but_under_faults_of_theirs() {
    let mut lan = StateLan::new();
    assert!(!lan.state.answers_pings(lan.now));
    for fault in [Fault::PingLoss, Fault::PingDuplicates, Fault::RouterLeak] {
        lan.inject(fault, 10);
        assert!(lan.state.answers_pings(lan.now), "{fault}");
        assert_eq!(
            lan.state.service_deadline(Service::Echo),
            Some(lan.now + Duration::from_secs(10))
        );
        lan.wait(10_000);
        assert!(!lan.state.answers_pings(lan.now), "{fault}");
    }
}

#[test]
fn every_ping_is_answered_twice_and_a_lost_one_not_at_all() {
    let mut lan = StateLan::new();
    lan.inject(Fault::PingDuplicates, 60);
    assert_eq!(lan.say(Service::Echo, &ping()).len(), 2);
    assert_eq!(lan.effects(Fault::PingDuplicates), 1);
    lan.inject(Fault::PingLoss, 60);
    let answers: Vec<_> = (0..100)
        .map(|_| lan.say(Service::Echo, &ping()).len())
        .collect();
    assert!(answers.iter().all(|answers| [0, 2].contains(answers)));
    let answered = answers.iter().filter(|answers| **answers == 2).count();
    assert_eq!(lan.effects(Fault::PingDuplicates), 1 + answered as u64);
}

#[test]
fn a_leak_makes_every_answer_later_than_the_one_before_whatever_it_is_to() {
    let mut lan = StateLan::new();
    lan.inject(Fault::RouterLeak, 60);
    for (number, service) in (1..).zip([Service::Dns, Service::Echo, Service::Dns]) {
        let bytes = match service {
            Service::Dns => query("dns.google"),
            Service::Echo => ping(),
        };
        assert_eq!(lan.say(service, &bytes), []);
        assert_eq!(
            lan.state.queue(service).due(),
            Some(lan.now + LEAK_STEP * number)
        );
        lan.now += LEAK_STEP * number;
        assert_eq!(lan.said(service).len(), 1);
    }
    assert_eq!(lan.ask(&discover(1)), None);
    assert_eq!(lan.state.waiting.due(), Some(lan.now + LEAK_STEP * 4));
    assert_eq!(lan.state.hear_request(lan.now).at, lan.now + LEAK_STEP * 5);
    for _ in 0..200_000 {
        lan.state.hear_request(lan.now);
    }
    assert_eq!(lan.state.hear_request(lan.now).at, lan.now + LEAK_CEILING);
    assert_eq!(lan.effects(Fault::RouterLeak), 200_006);

    // When it is over, what waits goes at once, and nothing is remembered.
    assert_eq!(lan.say(Service::Echo, &ping()), []);
    lan.heal();
    assert_eq!(lan.said(Service::Echo).len(), 1);
    assert_eq!(lan.out().len(), 1);
    assert_eq!(lan.state.hear_request(lan.now).at, lan.now);
    lan.inject(Fault::RouterLeak, 60);
    assert_eq!(lan.state.hear_request(lan.now).at, lan.now + LEAK_STEP);
}

#[test]
fn what_is_late_for_two_faults_waits_for_the_one_that_is_left() {
    let mut lan = StateLan::new();
    lan.inject(Fault::RouterLeak, 60);
    lan.inject(Fault::DhcpSlow, 1);
    lan.inject(Fault::DnsLimit, 60);
    lan.ask(&discover(1));
    lan.resolve();
    assert_eq!(lan.state.waiting.due(), Some(lan.now + LEAK_STEP + SLOW));
    lan.state
        .end_faults(lan.now, |fault, _| fault == Fault::DhcpSlow);
    assert_eq!(lan.state.waiting.due(), Some(lan.now + LEAK_STEP * 2));
    lan.state
        .end_faults(lan.now, |fault, _| fault == Fault::RouterLeak);
    assert_eq!(lan.state.waiting.due(), Some(lan.now));
    assert_eq!(
        lan.state.dns_waiting.due(),
        Some(lan.now + DNS_UPSTREAM),
        "it is still asked for upstream"
    );
}

#[test]
fn a_router_that_is_down_says_nothing_and_forgets_what_it_would_have_said() {
    let mut lan = StateLan::new();
    lan.inject(Fault::DnsLimit, 60);
    lan.resolve();
    lan.inject(Fault::RouterReboot, 5);
    assert_eq!(lan.resolve(), []);
    lan.wait(1_000);
    assert_eq!(lan.said(Service::Dns), []);
    assert_eq!(lan.say(Service::Echo, &ping()), []);
}

#[test]
fn a_web_server_is_unavailable_for_so_long() {
    let mut lan = StateLan::new();
    lan.inject(Fault::HttpUnavailable, 10);
    assert!(lan.state.hear_request(lan.now).is_unavailable);
    lan.wait(10_000);
    assert!(!lan.state.hear_request(lan.now).is_unavailable);
    assert_eq!(lan.effects(Fault::HttpUnavailable), 1);
}

#[test]
fn what_is_broken_from_the_beginning_is_so_before_the_first_message_and_until_it_is_ended() {
    let mut lan = StateLan::new();
    let config = LabConfig {
        faults: vec![Fault::DhcpExhausted, Fault::DnsMute],
        ..LabConfig::default()
    };
    lan.state = State::new(&config, lan.now).expect("a router");
    assert_eq!(lan.ask(&discover(1)), None);
    lan.wait(1_000_000_000);
    assert_eq!(lan.resolve(), []);
    let on = |lan: &StateLan| lan.state.faults(lan.now);
    assert_eq!(
        on(&lan),
        [(Fault::DhcpExhausted, None), (Fault::DnsMute, None)]
    );
    // What ends by itself is ended without them.
    lan.inject(Fault::DhcpMute, 10);
    lan.state.end_faults(lan.now, |_, until| until.is_some());
    assert_eq!(on(&lan).len(), 2);
    lan.state
        .end_faults(lan.now, |fault, _| fault == Fault::DhcpExhausted);
    assert_eq!(on(&lan), [(Fault::DnsMute, None)]);
    lan.join(1);

    let wrong = LabConfig {
        faults: vec![Fault::Crash],
        ..LabConfig::default()
    };
    assert_eq!(
        State::new(&wrong, lan.now).err(),
        Some(LabFaultError::NotTheRouters(Fault::Crash))
    );
}
