//! One direction of a stream: bytes of no meaning sent at a rate, or received and counted.

use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::task::yield_now;
use tokio::time::{Instant, sleep_until};

use crate::byte_clock::ByteClock;
use lanherd_net::bulk::{Bulk, CHUNK};

/// How much, and for how long, is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sending {
    /// In bits a second; `None`: as fast as it goes.
    pub rate: Option<u64>,
    /// For so long.
    pub lasts: Duration,
    /// So many bytes are the end, too.
    pub most: u64,
}

/// What was sent.
#[derive(Debug)]
pub struct Sent {
    /// Bytes that the kernel took.
    pub bytes: u64,
    /// From the beginning to the end.
    pub took: Duration,
    /// For how long, all in all, this came late to what was due at the rate.
    pub late: Duration,
    /// Why it came to an end.
    pub end: TransferEnd,
}

/// Timers are as coarse as this: who comes no later is not late.
const COARSE: Duration = Duration::from_millis(5);

/// Why a transfer came to an end.
#[derive(Debug)]
pub enum TransferEnd {
    /// The time is over; of what is received: the sender has ended.
    Whole,
    /// There were as many bytes as may be.
    Limit,
    /// Nothing came for so long.
    Stalled(Duration),
    /// The connection broke.
    Broken(io::Error),
}

/// Sends over `stream`, which is [shaped](Bulk::shape) for that rate, and neither ends it nor waits until it has arrived.
pub async fn send<S: Bulk>(stream: &S, sending: Sending) -> Sent {
    let began = Instant::now();
    let clock = sending.rate.map(ByteClock::new);
    let mut over = pin!(sleep_until(began + sending.lasts));
    let (mut bytes, mut late) = (0, Duration::ZERO);
    let end = loop {
        let elapsed = began.elapsed();
        let is_over = elapsed >= sending.lasts;
        let left = sending.most - bytes;
        if left == 0 {
            break TransferEnd::Limit;
        }
        let mut may = left;
        if let Some(clock) = clock {
            // What was due by the end is sent behind it, as far as there is room: it does not depend on when this is woken.
            let due = clock.due(elapsed.min(sending.lasts)).saturating_sub(bytes);
            if due < clock.quantum() && !is_over {
                let next = began + clock.when(bytes + clock.quantum()).min(sending.lasts);
                sleep_until(next).await;
                let since = Instant::now().saturating_duration_since(next);
                if since > COARSE {
                    late += since;
                }
                continue;
            }
            may = may.min(due);
        }
        if is_over && (clock.is_none() || may == 0) {
            break TransferEnd::Whole;
        }
        let may = usize::try_from(may).unwrap_or(CHUNK);
        let sent = tokio::select! {
            biased;
            sent = stream.send_filler(may) => sent,
            () = over.as_mut() => break TransferEnd::Whole,
        };
        match sent {
            Ok(sent) => bytes += sent as u64,
            Err(error) => break TransferEnd::Broken(error),
        }
        // Whoever finds room every time would keep all others from theirs.
        yield_now().await;
    };
    Sent {
        bytes,
        took: began.elapsed(),
        late,
        end,
    }
}

/// How something is received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Receiving {
    /// How much has come is measured so long after the first byte.
    pub measured: Duration,
    /// If nothing comes for so long, it has stalled.
    pub patience: Duration,
    /// So many bytes are the end, too.
    pub most: u64,
}

/// What was received.
#[derive(Debug)]
pub struct Received {
    /// All bytes that came, those behind the end of the time included.
    pub bytes: u64,
    /// From the first byte to the last.
    pub took: Duration,
    /// The longest time in which nothing came, between the first byte and the last, or the end of the time that is measured.
    pub longest_gap: Duration,
    /// How many bytes had come when the time was over, and how long it was; of one that ended before, all of them, and all of the time:
    /// a sender's time ends before that of whoever receives.
    pub measured: (u64, Duration),
    /// Why it came to an end.
    pub end: TransferEnd,
}

/// Receives from `stream` until the sender ends it, and neither waits nor ends it on this side.
pub async fn receive<S: Bulk>(stream: &S, receiving: Receiving) -> Received {
    let mut meter = Meter::new(receiving.measured);
    let mut quiet = pin!(sleep_until(Instant::now() + receiving.patience));
    // Set with the first byte.
    let mut over = pin!(sleep_until(Instant::now() + receiving.patience));
    let end = loop {
        let left = receiving.most - meter.bytes;
        if left == 0 {
            break TransferEnd::Limit;
        }
        let most = usize::try_from(left).unwrap_or(CHUNK).min(CHUNK);
        let arrived = tokio::select! {
            biased;
            // Before the end of the time: what had arrived by then counts, also where this comes late to read it.
            arrived = stream.discard(most) => arrived,
            () = over.as_mut(), if meter.is_measuring() => {
                meter.time_is_over(Instant::now());
                continue;
            }
            () = quiet.as_mut() => {
                let until = meter.last() + receiving.patience;
                if until <= Instant::now() {
                    break TransferEnd::Stalled(receiving.patience);
                }
                quiet.as_mut().reset(until);
                continue;
            }
        };
        match arrived {
            Ok(0) => break TransferEnd::Whole,
            Ok(bytes) => {
                let now = Instant::now();
                if let Some(until) = meter.arrived(bytes as u64, now) {
                    over.as_mut().reset(until);
                } else if meter.is_measuring() && over.deadline() <= now {
                    meter.time_is_over(now);
                }
            }
            Err(error) => break TransferEnd::Broken(error),
        }
        yield_now().await;
    };
    meter.ended(end)
}

/// Counts what arrives. Pure: time is a parameter.
#[derive(Debug)]
struct Meter {
    wanted: Duration,
    began: Instant,
    /// Of the first byte and the last.
    span: Option<(Instant, Instant)>,
    bytes: u64,
    longest_gap: Duration,
    measured: Option<(u64, Duration)>,
}

impl Meter {
    fn new(wanted: Duration) -> Self {
        Self {
            wanted,
            began: Instant::now(),
            span: None,
            bytes: 0,
            longest_gap: Duration::ZERO,
            measured: None,
        }
    }

    /// Whether the end of the time has yet to come.
    const fn is_measuring(&self) -> bool {
        self.span.is_some() && self.measured.is_none()
    }

    /// When something came last; before that, when it began.
    fn last(&self) -> Instant {
        self.span.map_or(self.began, |(_, last)| last)
    }

    /// So much came now; returns when the time is over, where it has just begun.
    fn arrived(&mut self, bytes: u64, now: Instant) -> Option<Instant> {
        self.bytes += bytes;
        let Some((_, last)) = &mut self.span else {
            self.span = Some((now, now));
            return Some(now + self.wanted);
        };
        self.longest_gap = self.longest_gap.max(now - *last);
        *last = now;
        None
    }

    fn time_is_over(&mut self, now: Instant) {
        if let Some((first, last)) = self.span {
            self.longest_gap = self.longest_gap.max(now - last);
            self.measured = Some((self.bytes, now - first));
        }
    }

    fn ended(self, end: TransferEnd) -> Received {
        let took = self
            .span
            .map_or(Duration::ZERO, |(first, last)| last - first);
        Received {
            bytes: self.bytes,
            took,
            longest_gap: self.longest_gap,
            measured: self.measured.unwrap_or((self.bytes, self.wanted)),
            end,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn what_came_is_measured_when_the_time_is_over_and_gaps_are_of_that_time() {
        let start = Instant::now();
        let mut meter = Meter::new(10 * SECOND);
        assert!(!meter.is_measuring());
        let over = meter.arrived(1_000, start + SECOND).expect("begun");
        assert_eq!(over, start + 11 * SECOND);
        assert_eq!(meter.arrived(500, start + 3 * SECOND), None);
        assert!(meter.is_measuring());
        meter.time_is_over(over);
        assert!(!meter.is_measuring());
        meter.arrived(7, start + 12 * SECOND);
        let received = meter.ended(TransferEnd::Whole);
        assert_eq!(received.measured, (1_500, 10 * SECOND));
        assert_eq!(received.longest_gap, 9 * SECOND);
        assert_eq!((received.bytes, received.took), (1_507, 11 * SECOND));
    }

    #[test]
    fn a_sender_that_ends_a_moment_before_the_time_has_sent_for_all_of_it() {
        let start = Instant::now();
        let mut meter = Meter::new(10 * SECOND);
        meter.arrived(1_000, start);
        meter.arrived(1_000, start + 9 * SECOND);
        let received = meter.ended(TransferEnd::Whole);
        assert_eq!(received.measured, (2_000, 10 * SECOND));
        assert_eq!(
            (received.took, received.longest_gap),
            (9 * SECOND, 9 * SECOND)
        );
    }
}
