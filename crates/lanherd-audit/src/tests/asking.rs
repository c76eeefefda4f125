//! Who is asked, how often, and of whom it is told that he does not answer.

use lanherd_dhcp6::{Message, MessageType};
use lanherd_ndp::{Body, Message as NdMessage, NeighbourAdvertisement};

use super::*;

/// Hears `frames` at their moments and asks every second, until `end`; the questions after the first three, and the report.
fn follow(frames: &[(f64, Vec<u8>)], end: u32) -> (Vec<(u32, &'static str)>, Report) {
    let mut audit = Audit::new(settings(true));
    let mut asked = Vec::new();
    assert_eq!(audit.questions(Duration::ZERO).len(), 3);
    let mut frames = frames.iter().peekable();
    for second in 1..=end {
        let now = seconds(f64::from(second));
        while let Some((at, frame)) = frames.next_if(|(at, _)| seconds(*at) <= now) {
            audit.hear(seconds(*at), frame);
        }
        let questions = audit.questions(now);
        for question in &questions {
            match answer(question) {
                Some(answer) => _ = audit.hear(now, &answer),
                None => asked.push((second, kind(question))),
            }
        }
    }
    (asked, audit.report(seconds(f64::from(end)), 0))
}

/// How a router answers whoever asks for its link-layer address; `None`: that was not asked.
fn answer(question: &[u8]) -> Option<Vec<u8>> {
    let target = target(question)?;
    told(target, true)
}

/// Whose link-layer address is asked for.
fn target(question: &[u8]) -> Option<Ipv6Addr> {
    let question = Packet::from_frame(question).ok()?;
    match question.message.body {
        Body::NeighbourSolicitation { target } => Some(target),
        _ => None,
    }
}

fn told(target: Ipv6Addr, router: bool) -> Option<Vec<u8>> {
    let body = Body::NeighbourAdvertisement(NeighbourAdvertisement {
        router,
        solicited: true,
        override_: true,
        target,
    });
    let message = NdMessage::new(body, vec![NdOption::TargetLinkLayer(ROUTER)]);
    let mut packet = Packet::new(ROUTER, target, address("fe80::a"), message);
    packet.destination_mac = Some(OTHER);
    packet.to_frame()
}

fn kind(frame: &[u8]) -> &'static str {
    match Packet::from_frame(frame) {
        Ok(packet) => {
            assert_eq!(packet.message.body, Body::RouterSolicitation);
            "router solicitation"
        }
        Err(_) => match Message::decode(&frame[62..]).expect("DHCPv6").message_type {
            MessageType::Solicit => "solicit",
            MessageType::InformationRequest => "information request",
            other => panic!("{other:?}"),
        },
    }
}

fn frame() -> Vec<u8> {
    advertisement(body(), sound_options())
}

#[test]
fn a_router_that_answers_is_not_asked_again() {
    let (asked, report) = follow(&[(0.4, frame())], 60);
    assert_eq!(asked, []);
    assert_eq!(report.breaches, []);
}

// RFC 4861, 6.2.6.
#[test]
fn a_router_that_does_not_answer_is_told_after_it_was_asked_twice() {
    let (asked, report) = follow(&[(20.0, frame())], 60);
    let again = "router solicitation";
    assert_eq!(asked, [(20, again), (25, again)]);
    assert_eq!(names(&report.breaches), ["ra-solicited"]);
    assert!(
        report.breaches[0]
            .what
            .starts_with("asked 2 times after it was heard")
    );
    // It answers the second: the first was lost.
    let (_, report) = follow(&[(20.0, frame()), (27.0, frame())], 60);
    assert_eq!(report.breaches, []);
    // The audit ends before its time is over.
    let (asked, report) = follow(&[(20.0, frame())], 28);
    assert_eq!(asked.len(), 2);
    assert_eq!(report.breaches, []);
}

#[test]
fn an_audit_that_only_listens_asks_nothing_and_tells_no_silence() {
    let mut audit = audit();
    assert_eq!(audit.questions(Duration::ZERO), Vec::<Vec<u8>>::new());
    audit.hear(seconds(20.0), &frame());
    assert_eq!(audit.questions(seconds(30.0)), Vec::<Vec<u8>>::new());
    assert_eq!(audit.report(seconds(60.0), 0).breaches, []);
}

#[test]
fn many_new_routers_are_not_asked_by_many_solicitations() {
    let frames: Vec<_> = (0..100_u16)
        .map(|number| {
            let source = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, number + 1);
            let packet = Packet::router_advertisement(ROUTER, source, body(), sound_options());
            let frame = packet.to_frame().expect("a frame");
            (f64::from(number) * 10.0 + 10.0, frame)
        })
        .collect();
    let (asked, report) = follow(&frames, 1_200);
    assert_eq!(asked.len(), 2, "beside the first: {asked:?}");
    assert_eq!(report.routers.len(), MAX_ROUTERS);
    assert_eq!(report.withheld.untold_routers, 100 - MAX_ROUTERS as u64);
}

// RFC 7084, L-8.
#[test]
fn a_flag_that_nobody_keeps_is_told_after_the_right_question_was_asked_twice_more() {
    for (managed, question) in [(true, "solicit"), (false, "information request")] {
        let body = RouterAdvertisement {
            managed,
            other: !managed,
            ..body()
        };
        let promise = advertisement(body, sound_options());
        let (asked, report) = follow(&[(0.2, promise.clone())], 30);
        assert_eq!(asked, [(5, question), (10, question), (15, question)]);
        assert_eq!(names(&report.breaches), ["dhcp6-flags"]);
        // A router that comes up later is not blamed for a server that was not asked since.
        let (_, report) = follow(&[(40.0, promise)], 42);
        assert_eq!(report.breaches, []);
    }
}

// RFC 4861, 7.2.4.
#[test]
fn a_router_that_does_not_tell_its_link_layer_address_or_says_that_it_is_none_is_told() {
    let follow = |answers: fn(u32) -> Option<bool>| {
        let mut audit = Audit::new(settings(true));
        let mut asked = 0;
        for second in 0..30 {
            let now = seconds(f64::from(second));
            if second == 1 {
                audit.hear(now, &frame());
            }
            for question in audit.questions(now) {
                let Some(target) = target(&question) else {
                    continue;
                };
                assert_eq!(target, address("fe80::1"));
                asked += 1;
                if let Some(told) = answers(asked).and_then(|router| told(target, router)) {
                    audit.hear(now, &told);
                }
            }
        }
        let report = audit.report(seconds(30.0), 0);
        let about = |breach: &&Breach| breach.requirement.starts_with("nd-");
        let told: Vec<Breach> = report.breaches.iter().filter(about).cloned().collect();
        (asked, told)
    };
    let (asked, told) = follow(|_| None);
    assert_eq!((asked, names(&told)), (3, vec!["nd-answers"]));
    assert!(told[0].what.starts_with("asked 3 times"), "{told:?}");
    // The first was lost.
    assert_eq!(follow(|asked| (asked == 2).then_some(true)), (2, vec![]));
    let (asked, told) = follow(|_| Some(false));
    assert_eq!((asked, names(&told)), (1, vec!["nd-router"]));
}
