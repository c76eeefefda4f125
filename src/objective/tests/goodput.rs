//! Objectives of goodputs.

use super::*;
use crate::activity::stream::StreamDetail;
use lanherd_net::bulk::TcpFigures;
use lanherd_stream::client::{DirectionStreamed, Streamed};
use lanherd_stream::limiter::Limiter;

/// Streams of a herd: each with its goodput in Mbit/s, and whose limit it was.
fn streamed(all: &[(f64, Limiter)]) -> Figures {
    let plan = Kind::Stream.read("down to sink.lab.test").expect("a plan");
    let mut stats = ActivityStats::new(plan);
    for (mega, limiter) in all {
        // Over a second: so many bits.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let measured = (mega * 1e6 / 8.0) as u64;
        let down = DirectionStreamed {
            measured,
            took: ms(1_000),
            bytes: measured,
            longest_gap: Duration::ZERO,
            tcp: TcpFigures::default(),
            congestion_control: "cubic".to_owned(),
            limiter: *limiter,
        };
        let streamed = Streamed {
            up: None,
            down: Some(down),
        };
        stats.record(&AttemptOutcome {
            ending: Ending::Answered {
                answer: None,
                is_success: true,
            },
            took: Some(ms(1)),
            phases: Vec::new(),
            family: None,
            detail: Detail::Stream(StreamDetail::streamed(None, streamed)),
            why: None,
        });
    }
    Figures {
        activities: [(stats.subject.clone(), stats)].into(),
        ..Figures::default()
    }
}

#[test]
fn a_goodput_that_is_too_low_is_the_routers_unless_an_end_was_the_limit_of_it() {
    let mixed = streamed(&[
        (2.0, Limiter::Receiver),
        (6.0, Limiter::Network),
        (10.0, Limiter::Rate),
    ]);
    for (text, verdict, says) in [
        (
            "goodput < 6 Mbit/s",
            Verdict::Passed,
            "the goodput is 6 Mbit/s, of 3 streams, at least 6 Mbit/s",
        ),
        (
            "goodput < 7 Mbit/s",
            Verdict::Inconclusive,
            "the tester or the sink was the limit of 1 of them",
        ),
        (
            "goodput < 9 Mbit/s",
            Verdict::Failed,
            "it should be at least 9 Mbit/s",
        ),
        (
            "minimum goodput < 5 Mbit/s",
            Verdict::Inconclusive,
            "the minimum goodput is 2 Mbit/s",
        ),
        (
            "minimum goodput < 7 Mbit/s",
            Verdict::Failed,
            "the minimum goodput is 2 Mbit/s",
        ),
        (
            "maximum goodput > 9 Mbit/s",
            Verdict::Failed,
            "it should be at most 9 Mbit/s",
        ),
        (
            "download goodput < 5 Mbit/s",
            Verdict::Passed,
            "the download goodput",
        ),
        (
            "upload goodput < 5 Mbit/s",
            Verdict::Failed,
            "there is no upload goodput to compare with 5 Mbit/s: nobody streamed anything",
        ),
    ] {
        let judgement = fails_if(text).judge(&mixed);
        assert_eq!(judgement.verdict, verdict, "{text}: {}", judgement.words);
        assert!(
            judgement.words.contains(says),
            "{text}: {}",
            judgement.words
        );
    }
    let why = refused("goodput < 5");
    assert!(why.contains("5 Mbit/s or 500 kbit/s"), "{why}");
}

#[test]
fn a_fast_stream_may_be_slow_since_the_tester_comes_late_and_a_slow_one_may_not() {
    for (mega, verdict) in [(4.0, Verdict::Failed), (400.0, Verdict::Inconclusive)] {
        let mut figures = streamed(&[(mega, Limiter::Network)]);
        (0..100).for_each(|_| figures.doubt.wakings.record(ms(20)));
        let judgement = fails_if("goodput < 1 Gbit/s").judge(&figures);
        assert_eq!(judgement.verdict, verdict, "{}", judgement.words);
        let says_so = judgement.words.contains("woke up to 20 ms late");
        assert_eq!(
            says_so,
            verdict == Verdict::Inconclusive,
            "{}",
            judgement.words
        );
    }
}
