//! A router that is overloaded: a leak that slows it down, and a resolver with a limit. Pure: time is a parameter.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// By how much each answer is later than the one before under [`Fault::RouterLeak`](lanherd_types::fault::Fault::RouterLeak).
pub const LEAK_STEP: Duration = Duration::from_micros(20);
/// The longest delay under [`Fault::RouterLeak`](lanherd_types::fault::Fault::RouterLeak).
pub const LEAK_CEILING: Duration = Duration::from_secs(2);

/// How long an answer takes under [`Fault::DnsLimit`](lanherd_types::fault::Fault::DnsLimit), as if it were asked for upstream.
pub const DNS_UPSTREAM: Duration = Duration::from_millis(100);
/// How many questions are under way at a time under [`Fault::DnsLimit`](lanherd_types::fault::Fault::DnsLimit): what dnsmasq
/// forwards at most where nothing else is said (`dns-forward-max`).
pub const DNS_UNDER_WAY: usize = 150;

/// What has been lost since the leak began.
#[derive(Debug, Default)]
pub(crate) struct Leak {
    answers: u32,
}

impl Leak {
    /// One more answer is made; returns by how much it is late.
    pub(crate) fn answer(&mut self) -> Duration {
        self.answers = self.answers.saturating_add(1);
        self.delay()
    }

    /// By how much the last answer was late.
    pub(crate) fn delay(&self) -> Duration {
        LEAK_STEP.saturating_mul(self.answers).min(LEAK_CEILING)
    }
}

/// The questions that a resolver has asked upstream.
#[derive(Debug, Default)]
pub(crate) struct Upstream {
    /// When each is answered, in order.
    ends: VecDeque<Instant>,
}

impl Upstream {
    /// Asks one more question; `None`: there are too many.
    pub(crate) fn ask(&mut self, now: Instant) -> Option<Duration> {
        while self.ends.front().is_some_and(|end| *end <= now) {
            self.ends.pop_front();
        }
        if self.ends.len() >= DNS_UNDER_WAY {
            return None;
        }
        self.ends.push_back(now + DNS_UPSTREAM);
        Some(DNS_UPSTREAM)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leak_makes_each_answer_later_up_to_its_ceiling() {
        let mut leak = Leak::default();
        for answers in 1..=100_000 {
            assert_eq!(leak.answer(), LEAK_STEP * answers);
        }
        assert_eq!(leak.delay(), LEAK_CEILING);
        assert_eq!(leak.answer(), LEAK_CEILING);
        leak.answers = u32::MAX;
        assert_eq!(leak.answer(), LEAK_CEILING);
    }

    #[test]
    fn so_many_questions_are_under_way_at_a_time_and_one_more_when_one_is_answered() {
        let (mut upstream, start) = (Upstream::default(), Instant::now());
        let later = start + DNS_UPSTREAM / 2;
        assert!(upstream.ask(start).is_some());
        for _ in 1..DNS_UNDER_WAY {
            assert_eq!(upstream.ask(later), Some(DNS_UPSTREAM));
        }
        assert_eq!(upstream.ask(later), None);
        assert_eq!(upstream.ask(start + DNS_UPSTREAM), Some(DNS_UPSTREAM));
        assert_eq!(upstream.ask(start + DNS_UPSTREAM), None);
        assert_eq!(upstream.ask(later + DNS_UPSTREAM), Some(DNS_UPSTREAM));
    }
}
