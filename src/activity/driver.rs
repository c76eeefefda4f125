//! What all activities have in common: attempts at an interval, each on its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::{Activity, AttemptOutcome, ClientContext, SkipReason};
use crate::lan::Port;

/// Carries `activity` out `here`, beginning after `delay`, and tells every outcome to `report`.
///
/// A late outcome does not delay the next attempt, unless too many are late. Dropping the future ends it; attempts in flight are then not reported.
pub async fn run<P: Port>(
    activity: Arc<Activity>,
    here: Arc<ClientContext<P>>,
    delay: Duration,
    report: impl Fn(AttemptOutcome),
) {
    let pace = activity.pace();
    let mut remaining = pace.count;
    let mut ticker = interval_at(
        Instant::now() + delay,
        pace.interval.max(Duration::from_millis(1)),
    );
    ticker.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut in_flight = JoinSet::new();
    let most = activity.subject.kind().most_in_flight();
    loop {
        tokio::select! {
            _ = ticker.tick(), if remaining != Some(0) && in_flight.len() < most => {
                if let Some(count) = &mut remaining {
                    *count -= 1;
                }
                let (activity, here) = (Arc::clone(&activity), Arc::clone(&here));
                in_flight.spawn(async move { activity.attempt(&here).await });
            }
            Some(ended) = in_flight.join_next() => {
                // A panic in an attempt is the tester's fault, not the router's.
                report(ended.unwrap_or_else(|_| activity.skipped(SkipReason::Tester)));
            }
            else => return,
        }
    }
}
