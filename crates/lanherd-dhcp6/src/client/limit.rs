//! How much is sent at most (RFC 9915, 14.1).

use std::collections::VecDeque;
use std::time::Instant;

use super::RateLimit;

/// Remembers when the last messages were sent.
#[derive(Debug, Clone)]
pub(super) struct Limiter {
    limit: RateLimit,
    sent: VecDeque<Instant>,
}

impl Limiter {
    pub(super) const fn new(limit: RateLimit) -> Self {
        Self {
            limit,
            sent: VecDeque::new(),
        }
    }

    /// Notes a message that is sent now, if it may be; `Err`: when it may.
    ///
    /// It looks at each message sent, where a token bucket of the same rate would let twice as many pass in a bad moment.
    pub(super) fn pass(&mut self, now: Instant) -> Result<(), Instant> {
        let RateLimit { messages, per } = self.limit;
        let room = usize::try_from(messages.max(1)).unwrap_or(usize::MAX);
        while self.sent.len() >= room {
            match self.sent.front() {
                Some(first) if *first + per > now => return Err(*first + per),
                _ => self.sent.pop_front(),
            };
        }
        self.sent.push_back(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    // RFC 9915, 14.1: no more than 20 messages are sent in 20 s, whatever servers say.
    #[test]
    fn twenty_messages_pass_at_once_and_the_next_when_the_first_is_20_s_old() {
        let mut limiter = Limiter::new(RateLimit::DEFAULT);
        let start = Instant::now();
        for second in 0..20_u64 {
            let at = start + Duration::from_millis(second * 10);
            assert_eq!(limiter.pass(at), Ok(()));
        }
        let free = start + Duration::from_secs(20);
        assert_eq!(limiter.pass(start + Duration::from_secs(19)), Err(free));
        assert_eq!(limiter.pass(free), Ok(()));
        assert_eq!(
            limiter.pass(free),
            Err(free + Duration::from_millis(10)),
            "as the second is too young"
        );
    }
}
