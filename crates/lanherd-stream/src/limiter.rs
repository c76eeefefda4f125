//! Whose limit a stream's speed was, by what the sender's kernel says. Pure.

use std::time::Duration;

use lanherd_net::bulk::TcpFigures;
use lanherd_types::words;

words! {
    /// What kept a stream from being faster.
    Limiter {
        /// Its own rate: it was not to be faster.
        Rate = "rate",
        /// What lies between both ends: the window of congestion was full all the time.
        Network = "network",
        /// The one that sends: it had nothing to send at times, or no room to put it.
        Sender = "sender",
        /// The one that receives: it did not read as fast as bytes came.
        Receiver = "receiver",
    }
}

/// What whoever sent had to do with a speed.
#[derive(Debug, Clone, Copy, Default)]
pub struct Work {
    /// What its kernel says.
    pub tcp: TcpFigures,
    /// For how long it sent.
    pub took: Duration,
    /// For how long, all in all, it came late to what was due at a rate.
    pub late: Duration,
}

/// A stream that comes to this share of its rate was not to be faster.
const REACHED: f64 = 0.95;
/// More than this share of the time is enough to be the limit.
const SHARE: f64 = 0.2;

impl Limiter {
    /// Of a stream that came to `goodput` bits a second, and had so much to do in so long a time.
    ///
    /// The kernel counts for how long there was something under way ([`TcpFigures::busy`]), and for how much of that the receiver's
    /// window or the sender's buffer was the limit; the rest was the window of congestion's, and so the network's. Without a rate whoever
    /// sends has always something to send; with one it rests between what is due, and what is missing is its own where it came late
    /// for at least half of that.
    pub fn of(work: &Work, goodput: f64, rate: Option<u64>) -> Self {
        if rate.is_some_and(|rate| goodput >= rate as f64 * REACHED) {
            return Self::Rate;
        }
        let took = work.took.as_secs_f64().max(1e-6);
        let busy = work.tcp.busy.as_secs_f64();
        let share = |part: Duration| part.as_secs_f64() / busy.max(1e-6);
        let was_idle = match rate {
            Some(rate) => {
                let missing = 1.0 - goodput / rate as f64;
                work.late.as_secs_f64() / took >= missing / 2.0
            }
            None => (took - busy) / took > SHARE,
        };
        if was_idle || share(work.tcp.buffer_limited) > SHARE {
            Self::Sender
        } else if share(work.tcp.receiver_limited) > SHARE {
            Self::Receiver
        } else {
            Self::Network
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_the_rate_if_it_was_reached_and_else_whose_share_is_more_than_a_fifth() {
        let ms = Duration::from_millis;
        let of = |busy, receiver, buffer| TcpFigures {
            busy: ms(busy),
            receiver_limited: ms(receiver),
            buffer_limited: ms(buffer),
            ..TcpFigures::default()
        };
        let limiter = |tcp, late, goodput, rate| {
            let work = Work {
                tcp,
                took: ms(10_000),
                late: ms(late),
            };
            Limiter::of(&work, goodput, rate)
        };
        let all = of(10_000, 0, 0);
        let rate = Some(1_000_000);
        assert_eq!(limiter(all, 0, 951_000.0, rate), Limiter::Rate);
        assert_eq!(limiter(all, 0, 949_000.0, rate), Limiter::Network);
        assert_eq!(limiter(all, 0, 1e9, None), Limiter::Network);
        // It rests between what is due, and the network was dead for a second; or it was late for that second itself.
        let rests = of(3_500, 0, 0);
        assert_eq!(limiter(rests, 0, 900_000.0, rate), Limiter::Network);
        assert_eq!(limiter(rests, 400, 900_000.0, rate), Limiter::Network);
        assert_eq!(limiter(rests, 600, 900_000.0, rate), Limiter::Sender);
        for (figures, is) in [
            (of(7_900, 0, 0), Limiter::Sender),
            (of(8_100, 0, 0), Limiter::Network),
            (of(10_000, 0, 2_100), Limiter::Sender),
            (of(10_000, 2_100, 0), Limiter::Receiver),
            (of(10_000, 1_900, 1_900), Limiter::Network),
            (of(0, 0, 0), Limiter::Sender),
        ] {
            assert_eq!(limiter(figures, 0, 1e6, None), is, "{figures:?}");
        }
    }
}
