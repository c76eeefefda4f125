//! Whether the tester itself keeps up: a tester that is late reports a router that is slow.
//!
//! A task wakes every [`PERIOD`] and notes how late it was. The last [`WINDOW`] of these are looked at together: if the
//! lateness that 99 of 100 of them do not exceed is above [`BOUND`], the tester is saturated, and what it measured then is
//! not the router's alone. The runtime's timers count whole milliseconds, so an idle tester is up to 2 ms late.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use crate::metrics::Metrics;
use crate::stats::Distribution;

/// From one waking to the next.
pub const PERIOD: Duration = Duration::from_millis(50);
/// So many wakings, ten seconds of them, are looked at together.
pub const WINDOW: usize = 200;
/// More than one waking in a hundred that is later than this is more than a tester may be late.
pub const BOUND: Duration = Duration::from_millis(10);

/// How late the tester was, in all and of late: pure.
#[derive(Debug, Clone, Default)]
pub struct Lag {
    all: Distribution,
    /// Of the latest wakings, whether each was too late.
    window: VecDeque<bool>,
    /// How many of them were.
    late: usize,
    was_saturated: bool,
}

/// What a waking says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The tester keeps up.
    KeepsUp,
    /// It does not, for the first time.
    Saturated,
    /// It does not, once more or still.
    StillSaturated,
}

impl Lag {
    /// Notes how late a waking was.
    pub fn record(&mut self, late: Duration) -> Verdict {
        self.all.record(late);
        if self.window.len() == WINDOW {
            let oldest = self.window.pop_front();
            self.late -= usize::from(oldest == Some(true));
        }
        self.window.push_back(late > BOUND);
        self.late += usize::from(late > BOUND);
        if !self.is_saturated() {
            return Verdict::KeepsUp;
        }
        if std::mem::replace(&mut self.was_saturated, true) {
            Verdict::StillSaturated
        } else {
            Verdict::Saturated
        }
    }

    /// Whether the tester is saturated now. The first window has to be full before anything is said.
    pub fn is_saturated(&self) -> bool {
        self.window.len() == WINDOW && self.late * 100 > WINDOW
    }

    /// Whether it ever was.
    pub const fn was_saturated(&self) -> bool {
        self.was_saturated
    }

    /// How late all wakings were.
    pub const fn all(&self) -> &Distribution {
        &self.all
    }
}

/// Watches the tester; ends when it is dropped.
#[derive(Debug)]
pub struct Tester {
    lag: Arc<Mutex<Lag>>,
    task: JoinHandle<()>,
}

impl Tester {
    /// Begins, and tells the metrics. Must be called within a Tokio runtime.
    pub fn watch(metrics: Metrics) -> Self {
        let lag = Arc::default();
        let task = tokio::spawn(watch(Arc::clone(&lag), metrics));
        Self { lag, task }
    }

    /// Where its figures are to be had, also when it has ended.
    pub fn figures(&self) -> Figures {
        Figures(Arc::clone(&self.lag))
    }
}

impl Drop for Tester {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The figures of a [`Tester`].
#[derive(Debug, Clone, Default)]
pub struct Figures(Arc<Mutex<Lag>>);

impl Figures {
    /// As they are now.
    pub fn now(&self) -> Lag {
        locked(&self.0).clone()
    }
}

async fn watch(lag: Arc<Mutex<Lag>>, metrics: Metrics) {
    let mut due = Instant::now();
    loop {
        due += PERIOD;
        sleep_until(due).await;
        let late = due.elapsed();
        let (verdict, is_saturated) = {
            let mut lag = locked(&lag);
            (lag.record(late), lag.is_saturated())
        };
        metrics.scheduler_lagged(late, is_saturated);
        if verdict == Verdict::Saturated {
            tracing::warn!(
                "the tester is saturated: within {WINDOW} wakings, more than 1 % were over {BOUND:?} late; round trips and \
                 times to join are not the router's alone; take fewer clients, longer intervals or a faster machine"
            );
        }
        // Each waking that a stall has swallowed was late, too, and is noted; but not those of a night in which the
        // process stood still.
        if late > PERIOD * u32::try_from(WINDOW).unwrap_or(u32::MAX) {
            due = Instant::now();
        }
    }
}

fn locked(lag: &Mutex<Lag>) -> MutexGuard<'_, Lag> {
    lag.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{PoolName, Seed};

    const GOOD: Duration = Duration::from_millis(1);
    const BAD: Duration = Duration::from_micros(10_001);

    fn after(wakings: &[(usize, Duration)]) -> Lag {
        let mut lag = Lag::default();
        for (count, late) in wakings {
            for _ in 0..*count {
                lag.record(*late);
            }
        }
        lag
    }

    #[test]
    fn a_tester_is_saturated_when_more_than_one_waking_in_a_hundred_is_too_late() {
        for (wakings, is, was) in [
            (&[][..], false, false),
            (&[(WINDOW - 3, GOOD), (3, LIMIT)][..], false, false),
            (&[(WINDOW - 2, GOOD), (2, BAD)][..], false, false),
            (&[(WINDOW - 3, GOOD), (3, BAD)][..], true, true),
            // A start that is slow is judged with what follows it.
            (&[(2, BAD), (WINDOW, GOOD)][..], false, false),
            (&[(WINDOW - 1, BAD)][..], false, false),
            (&[(WINDOW, BAD)][..], true, true),
            // It recovers, and the report still says so.
            (&[(WINDOW, BAD), (WINDOW - 2, GOOD)][..], false, true),
            (&[(WINDOW, BAD), (WINDOW - 3, GOOD)][..], true, true),
            // Two stalls that lie apart are no saturation.
            (&[(2, BAD), (WINDOW - 2, GOOD), (2, BAD)][..], false, false),
        ] {
            let lag = after(wakings);
            assert_eq!(
                (lag.is_saturated(), lag.was_saturated()),
                (is, was),
                "{wakings:?}"
            );
        }
    }

    /// As late as a waking may be.
    const LIMIT: Duration = BOUND;

    #[test]
    fn the_first_time_is_told_apart_from_those_that_follow() {
        let mut lag = after(&[(WINDOW - 3, GOOD), (2, BAD)]);
        let told: Vec<Verdict> = [BAD, BAD, GOOD]
            .into_iter()
            .map(|late| lag.record(late))
            .collect();
        assert_eq!(
            told,
            [
                Verdict::Saturated,
                Verdict::StillSaturated,
                Verdict::StillSaturated
            ]
        );
    }

    #[tokio::test]
    async fn each_waking_that_a_stall_has_swallowed_is_noted_as_late() {
        let metrics = Metrics::new(&PoolName::default(), Seed(7)).expect("families");
        let tester = Tester::watch(metrics.clone());
        tokio::task::yield_now().await;
        // The only thread of the runtime is kept from everything else.
        std::thread::sleep(PERIOD * 5 + PERIOD / 2);
        let figures = tester.figures();
        while figures.now().all().count() < 5 {
            tokio::task::yield_now().await;
        }
        let all = figures.now().all().clone();
        assert!(all.max() >= Some(PERIOD * 4), "{all:?}");
        assert!(all.quantile(0.5) >= Some(PERIOD * 2), "{all:?}");
        let text = metrics.render();
        assert!(
            text.contains("lanherd_scheduler_lag_seconds_count"),
            "{text}"
        );
    }
}
