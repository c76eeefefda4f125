//! What all workloads have in common: attempts at an interval, each on its own.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{Excuse, Outcome, Place, Workload};
use crate::lan::Port;

/// How often something is attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pace {
    /// How many attempts; `None`: until the client goes.
    pub count: Option<u32>,
    /// From one attempt to the next, whether or not that has come to its end.
    pub interval: Duration,
}

/// Carries `workload` out `here`, beginning after `delay`, and tells every outcome to `report`.
///
/// A late outcome does not delay the next attempt, unless too many are late. Dropping the future ends it; attempts in flight are then not reported.
pub async fn run<P: Port>(
    workload: Arc<Workload>,
    here: Arc<Place<P>>,
    delay: Duration,
    report: impl Fn(Outcome),
) {
    let pace = workload.pace();
    let mut remaining = pace.count;
    let mut ticker = interval_at(
        Instant::now() + delay,
        pace.interval.max(Duration::from_millis(1)),
    );
    ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut in_flight = JoinSet::new();
    let most = workload.most_in_flight();
    loop {
        tokio::select! {
            _ = ticker.tick(), if remaining != Some(0) && in_flight.len() < most => {
                if let Some(count) = &mut remaining {
                    *count -= 1;
                }
                let (workload, here) = (Arc::clone(&workload), Arc::clone(&here));
                in_flight.spawn(async move { workload.attempt(&here).await });
            }
            Some(ended) = in_flight.join_next() => {
                // A panic in an attempt is the tester's fault, not the router's.
                report(ended.unwrap_or_else(|_| workload.excused(Excuse::Tester)));
            }
            else => return,
        }
    }
}
