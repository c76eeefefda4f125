use etherparse::PacketBuilder;

use super::*;

const fn micros(count: u64) -> Duration {
    Duration::from_micros(count)
}

/// The reply to a request, as a packet.
fn reply(request: EchoRequest) -> Vec<u8> {
    let mut packet = Vec::new();
    let payload = &request.message()[icmp::HEADER_LEN..];
    let IpAddr::V4(target) = request.target else {
        panic!("IPv4")
    };
    PacketBuilder::ipv4(target.octets(), [10, 77, 0, 10], 64)
        .icmpv4_echo_reply(request.id, request.sequence)
        .write(&mut packet, payload)
        .expect("written");
    packet
}

#[test]
fn an_answer_that_comes_again_counts_for_its_target_until_it_is_asked_for() {
    let request = |host, sequence| EchoRequest {
        target: IpAddr::from([10, 77, 0, host]),
        source: None,
        id: 7,
        sequence,
        nonce: u64::from(sequence) + 1,
    };
    let target = |host| request(host, 0).target;
    let again = |answered: &mut Answered, request| {
        let packet = reply(request);
        answered.again(&icmp::read(&packet).expect("a reply"));
    };
    let mut answered = Answered::default();
    // Nobody waited for this one, so it was too late.
    again(&mut answered, request(1, 0));
    answered.remember(request(1, 1));
    answered.remember(request(2, 2));
    for (host, sequence) in [(1, 1), (1, 1), (2, 2), (1, 2), (1, 9)] {
        again(&mut answered, request(host, sequence));
    }
    // It has the same numbers, but answers what somebody else has sent.
    let foreign = EchoRequest {
        nonce: 99,
        ..request(1, 1)
    };
    again(&mut answered, foreign);
    assert_eq!((answered.take(target(1)), answered.take(target(2))), (2, 1));
    assert_eq!((answered.take(target(1)), answered.take(target(2))), (0, 0));
    again(&mut answered, request(1, 1));
    assert_eq!(answered.take(target(1)), 1);
    // As many as are remembered, and no more, however many there are.
    for sequence in 0..1_000 {
        answered.remember(request(1, sequence));
    }
    for sequence in 0..1_000 {
        again(&mut answered, request(1, sequence));
    }
    assert_eq!(answered.take(target(1)), REMEMBERED as u64);
}

#[test]
fn an_answer_that_came_in_time_and_was_read_late_is_one_and_one_that_came_late_is_none() {
    let sent = Moment::now();
    let read = Moment {
        steady: sent.steady + micros(90_000),
        wall: sent.wall + micros(90_000),
    };
    let outcome = |stamp| {
        let answer = Answer {
            verdict: Verdict::Reply,
            stamp: Some(sent.wall + micros(stamp)),
            read,
        };
        answer.outcome(sent, micros(50_000))
    };
    assert_eq!(outcome(50_000), PingOutcome::Reply(micros(50_000)));
    assert_eq!(outcome(50_001), PingOutcome::Lost(PingCause::Timeout));
}
