//! ICMP echo: one client, one target, at an interval.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::lan::{PingCause, PingOutcome, Port};
use crate::target::Target;

/// What to ping, how often, and how long to wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PingSpec {
    /// Whom.
    pub target: Target,
    /// How many requests; `None`: until the client goes.
    pub count: Option<u32>,
    /// From one request to the next, whether or not it was answered.
    pub interval: Duration,
    /// How long an answer may take.
    pub timeout: Duration,
}

impl PingSpec {
    /// One request per second at most, and a second to answer.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);
    /// How long an answer may take where nothing else is said.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(2);

    /// One request to `target`.
    pub fn once(target: Target) -> Self {
        Self::times(target, 1)
    }

    /// `count` requests to `target`, one a second.
    pub fn times(target: Target, count: u32) -> Self {
        Self {
            target,
            count: Some(count),
            interval: Self::DEFAULT_INTERVAL,
            timeout: Self::DEFAULT_TIMEOUT,
        }
    }

    /// Requests to `target` every `interval`, until the client goes.
    pub fn every(target: Target, interval: Duration) -> Self {
        Self {
            target,
            count: None,
            interval,
            timeout: Self::DEFAULT_TIMEOUT,
        }
    }

    /// The longest that a run of a given count can last; `None` for one without end.
    pub fn duration(&self) -> Option<Duration> {
        let gaps = self.count?.saturating_sub(1);
        Some(
            self.interval
                .saturating_mul(gaps)
                .saturating_add(self.timeout),
        )
    }
}

/// Numbers a client's echo requests: its runs share one ICMP identifier, so no two may be in flight with one number.
#[derive(Debug, Clone, Default)]
pub struct Sequence(Arc<AtomicU16>);

impl Sequence {
    fn next(&self) -> u16 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Pings `address` as `spec` says, beginning after `delay`, and tells every outcome to `report`.
///
/// A late answer does not delay the next request. Dropping the future ends it; requests in flight are then not reported.
pub async fn run<P: Port>(
    port: Arc<P>,
    address: Option<Ipv4Addr>,
    spec: PingSpec,
    delay: Duration,
    sequence: Sequence,
    report: impl Fn(PingOutcome),
) {
    let mut remaining = spec.count;
    let mut ticker = interval_at(
        Instant::now() + delay,
        spec.interval.max(Duration::from_millis(1)),
    );
    ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut in_flight = JoinSet::new();
    loop {
        tokio::select! {
            _ = ticker.tick(), if remaining != Some(0) => {
                if let Some(count) = &mut remaining {
                    *count -= 1;
                }
                let Some(address) = address else {
                    report(PingOutcome::Lost(PingCause::NoTarget));
                    continue;
                };
                let (port, number, timeout) = (Arc::clone(&port), sequence.next(), spec.timeout);
                in_flight.spawn(async move { port.ping(address, number, timeout).await });
            }
            Some(ended) = in_flight.join_next() => {
                // A panic in the port's ping is the tester's fault, not the router's.
                report(ended.unwrap_or(PingOutcome::Lost(PingCause::Tester)));
            }
            else => return,
        }
    }
}
