//! Whether the tester itself keeps up: a tester that is late reports a router that is slow.
//!
//! A task wakes every [`PERIOD`] and notes how late it was, by a timer of the kernel's that the runtime waits for as it waits
//! for answers: so late would an answer have been read that came then. Each waking counts from the first one on
//! ([`TesterFigures::between`]), and the [`LagHistory`] of them is kept for as long as a run lasts, so that every figure of time can be
//! seen beside how late the tester was while it was taken ([`TesterFigures::worst_of`]).
//!
//! The tester is saturated while, of the wakings of the last [`WINDOW`], more than 1 % of a full window's were later than
//! [`BOUND`].

mod doubt;
mod history;
mod neighbours;

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use parking_lot::{Mutex, MutexGuard};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::JoinHandle;
use tokio::time::sleep_until;

pub use self::doubt::{AttemptDoubt, Doubt, DoubtfulTimes};
pub use self::history::LagHistory;
pub use self::neighbours::NeighbourOverflows;
use self::neighbours::NeighbourWatch;
use crate::lan;
use crate::metrics::Metrics;
use crate::stats::{Distribution, Signal};

/// From one waking to the next.
pub const PERIOD: Duration = Duration::from_millis(10);
/// So many wakings, ten seconds of them, are looked at together.
pub const WINDOW: usize = 1_000;
/// More than one waking in a hundred that is later than this is more than a tester may be late.
pub const BOUND: Duration = Duration::from_millis(10);
/// So long wakings are kept one by one, and so many are that.
const RECENT: Duration = Duration::from_secs(60);
const MOST_RECENT: usize = 6_000;
/// What lies around a time that was measured begins so long before it.
const AROUND: Duration = Duration::from_secs(1);
/// A stall that is longer counts as one of this: the process was stopped.
const LONGEST: Duration = Duration::from_secs(3_600);

/// How late the tester was, in all and of late: pure.
#[derive(Debug, Clone, Default)]
pub struct Lag {
    all: Distribution,
    /// Of the latest wakings, whether each was too late.
    window: VecDeque<bool>,
    /// How many of them were.
    late: usize,
    was_saturated: bool,
    neighbour_overflows: NeighbourOverflows,
}

/// What a waking says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Saturation {
    /// The tester keeps up.
    KeepsUp,
    /// It does not, for the first time.
    Saturated,
    /// It does not, once more or still.
    StillSaturated,
}

impl Lag {
    /// Notes how late a waking was.
    pub fn record(&mut self, late: Duration) -> Saturation {
        self.all.record(late);
        if self.window.len() == WINDOW {
            let oldest = self.window.pop_front();
            self.late -= usize::from(oldest == Some(true));
        }
        self.window.push_back(late > BOUND);
        self.late += usize::from(late > BOUND);
        if !self.is_saturated() {
            return Saturation::KeepsUp;
        }
        if std::mem::replace(&mut self.was_saturated, true) {
            Saturation::StillSaturated
        } else {
            Saturation::Saturated
        }
    }

    /// Whether the tester is saturated now. As many late wakings as a full window may not have are enough before it is full.
    pub const fn is_saturated(&self) -> bool {
        self.late * 100 > WINDOW
    }

    /// Whether it ever was.
    pub const fn was_saturated(&self) -> bool {
        self.was_saturated
    }

    /// How often the kernel's tables of neighbours were full meanwhile.
    pub const fn neighbour_overflows(&self) -> NeighbourOverflows {
        self.neighbour_overflows
    }

    /// How late all wakings were.
    pub const fn all(&self) -> &Distribution {
        &self.all
    }
}

/// What is known of the tester.
#[derive(Debug, Default)]
struct TesterState {
    lag: Lag,
    history: LagHistory,
    neighbours: NeighbourWatch,
    /// When it began.
    began: Option<Instant>,
    /// The wakings of the last minute: when each was due, counted from the beginning, and how late it was.
    recent: VecDeque<(Duration, Duration)>,
    /// When the next waking is due; `None` where nobody watches.
    due: Option<Instant>,
}

impl TesterState {
    /// Notes all wakings that were due up to `now`: each that a stall has swallowed was late, too. Returns the latest verdict
    /// that is news, and tells each.
    fn wake(&mut self, now: Instant, mut tell: impl FnMut(Duration, bool)) -> Saturation {
        let (Some(began), Some(mut due)) = (self.began, self.due) else {
            return Saturation::KeepsUp;
        };
        // Not those of a night in which the machine slept.
        due = due.max(now.checked_sub(LONGEST).unwrap_or(due));
        let mut verdict = Saturation::KeepsUp;
        while due <= now {
            let late = now - due;
            match self.lag.record(late) {
                Saturation::Saturated => verdict = Saturation::Saturated,
                Saturation::KeepsUp | Saturation::StillSaturated => {}
            }
            self.history.record(due - began, late);
            if self.recent.len() == MOST_RECENT {
                self.recent.pop_front();
            }
            self.recent.push_back((due - began, late));
            tell(late, self.lag.is_saturated());
            due += PERIOD;
        }
        self.due = Some(due);
        verdict
    }

    /// How late the tester was at worst as far as something that was measured from `from` to `now` may show it. Where it was late all
    /// around, more than one waking in a hundred of these and of the second before: as late as the latest of them. Where it was
    /// not, that of a stall that lies in this very time. That which is due and has not come is as late as it is now.
    fn worst(&self, from: Instant, now: Instant) -> Duration {
        let Some(began) = self.began else {
            return Duration::ZERO;
        };
        let since = |at: Instant| at.saturating_duration_since(began);
        let (from, around) = (since(from), since(from).saturating_sub(AROUND));
        let overdue = self.due.map(|due| now.saturating_duration_since(due));
        let overdue = overdue.unwrap_or_default();
        if self.recent.front().is_some_and(|(due, _)| *due > around) && since(now) > RECENT {
            // Long ago: the seconds and minutes of it.
            return self.history.worst_between(around, since(now)).max(overdue);
        }
        let (mut all, mut late, mut worst, mut own) = (1_u64, 0_u64, overdue, overdue);
        late += u64::from(overdue >= Signal::ON_TIME);
        for (due, lateness) in self.recent.iter().rev() {
            if *due < around {
                break;
            }
            all += 1;
            late += u64::from(*lateness >= Signal::ON_TIME);
            worst = worst.max(*lateness);
            // Of one that was due before, as much as reaches into the time.
            let reaches = (*due + *lateness).saturating_sub(from);
            own = own.max(reaches.min(*lateness));
        }
        if late * 100 > all { worst } else { own }
    }
}

/// Watches the tester; ends when it is dropped.
#[derive(Debug)]
pub struct Tester {
    state: Arc<Mutex<TesterState>>,
    task: JoinHandle<()>,
}

impl Tester {
    /// Begins, and tells the metrics. Must be called within a Tokio runtime with I/O and time: that whose lateness matters.
    pub fn watch(metrics: Metrics) -> Self {
        Self::begin(Some(metrics))
    }

    /// Begins, and tells nobody: for what has no metrics, as a run of feature files beside the pools of its scenarios.
    pub fn watch_alone() -> Self {
        Self::begin(None)
    }

    fn begin(metrics: Option<Metrics>) -> Self {
        let now = Instant::now();
        let state = Arc::new(Mutex::new(TesterState {
            began: Some(now),
            due: Some(now + PERIOD),
            ..TesterState::default()
        }));
        let task = tokio::spawn(watch(Arc::clone(&state), metrics));
        Self { state, task }
    }

    /// Where its figures are to be had, also when it has ended.
    pub fn figures(&self) -> TesterFigures {
        TesterFigures(Arc::clone(&self.state))
    }
}

impl Drop for Tester {
    fn drop(&mut self) {
        self.task.abort();
        // What nobody watches any more is not late.
        locked(&self.state).due = None;
    }
}

/// The figures of a [`Tester`]; those by default are of none, and never late.
#[derive(Debug, Clone, Default)]
pub struct TesterFigures(Arc<Mutex<TesterState>>);

impl TesterFigures {
    /// Of a tester that should have woken so long ago, and has not.
    #[cfg(test)]
    pub(crate) fn late_by(late: Duration) -> Self {
        let now = Instant::now();
        let due = now.checked_sub(late).expect("a moment");
        Self(Arc::new(Mutex::new(TesterState {
            began: due.checked_sub(PERIOD),
            due: Some(due),
            ..TesterState::default()
        })))
    }

    /// Of a tester that is not late, and of whose tables of neighbours one has just been full.
    #[cfg(test)]
    pub(crate) fn with_full_table() -> Self {
        let now = Instant::now();
        Self(Arc::new(Mutex::new(TesterState {
            began: Some(now),
            neighbours: NeighbourWatch::full_at(now),
            ..TesterState::default()
        })))
    }

    /// As they are now.
    pub fn now(&self) -> Lag {
        let state = locked(&self.0);
        let mut lag = state.lag.clone();
        lag.neighbour_overflows = state.neighbours.overflows();
        lag
    }

    /// Whether one of the kernel's tables of neighbours was full while something was attempted that took so long and has just been
    /// told: then this host may have lost what belongs to it.
    pub fn had_full_table(&self, took: Duration) -> bool {
        let mut state = locked(&self.0);
        state.began.is_some() && state.neighbours.has_overflowed_within(took, Instant::now())
    }

    /// How late those wakings were that were due from one moment to another; what is long ago is told in whole minutes or
    /// hours ([`LagHistory`]).
    pub fn between(&self, from: Instant, to: Instant) -> Distribution {
        let state = locked(&self.0);
        let Some(began) = state.began else {
            return Distribution::default();
        };
        let since = |at: Instant| at.saturating_duration_since(began);
        state.history.between(since(from), since(to))
    }

    /// How late the tester was at worst while something was measured that took so long and has just been told.
    pub fn worst_of(&self, took: Duration) -> Duration {
        /// What is told of is told within this time, where the tester is not late all around.
        const WAY: Duration = Duration::from_millis(30);
        let now = Instant::now();
        let from = now.checked_sub(took + WAY).unwrap_or(now);
        locked(&self.0).worst(from, now)
    }
}

/// A timer of the kernel's, which the runtime waits for as for a socket. Unlike the runtime's own it does not count in whole
/// milliseconds.
fn timer() -> nix::Result<OwnedFd> {
    let timer = TimerFd::new(
        ClockId::CLOCK_MONOTONIC,
        TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC,
    )?;
    let each = Expiration::Interval(TimeSpec::from(PERIOD));
    timer.set(each, TimerSetTimeFlags::empty())?;
    Ok(OwnedFd::from(timer))
}

async fn watch(state: Arc<Mutex<TesterState>>, metrics: Option<Metrics>) {
    let began = Instant::now();
    let timer = timer().map_err(std::io::Error::from);
    let timer = timer.and_then(|fd| lan::drive(fd, Interest::READABLE));
    if let Err(error) = &timer {
        // The runtime's own timer is up to 2 ms later than the tester.
        tracing::debug!(%error, "no timer of the kernel's");
    }
    // What was due before the timer began was late; from now on it says what is due.
    {
        let mut state = locked(&state);
        let now = Instant::now();
        state.wake(now, |_, _| {});
        state.due = Some(began + PERIOD);
    }
    loop {
        if let Ok(timer) = &timer {
            expire(timer).await;
        } else {
            let due = locked(&state).due;
            sleep_until(due.unwrap_or_else(Instant::now).into()).await;
        }
        let now = Instant::now();
        let verdict = locked(&state).wake(now, |late, is_saturated| {
            if let Some(metrics) = &metrics {
                metrics.scheduler_lagged(late, is_saturated);
            }
        });
        if locked(&state).neighbours.look(now) {
            tracing::warn!(
                "a table of neighbours of this host's kernel is full, and what finds no room there is lost here, not at the router; \
                 lanherd doctor says how many entries it holds, and how to raise that"
            );
        }
        if verdict == Saturation::Saturated {
            tracing::warn!(
                "the tester is saturated: within ten seconds, more than 1 % of its wakings were over {BOUND:?} late; round trips \
                 and times to join are not the router's alone; take fewer clients, longer intervals or a faster machine"
            );
        }
    }
}

/// Waits until the timer has expired, and takes notice of it.
async fn expire(timer: &AsyncFd<OwnedFd>) {
    let read = timer.async_io(Interest::READABLE, |timer| {
        // How often it has expired, which is known from the clock as well.
        let mut expirations = [0; 8];
        nix::unistd::read(timer, &mut expirations).map_err(std::io::Error::from)
    });
    if read.await.is_err() {
        // It cannot be read, and must not be asked without end.
        tokio::time::sleep(PERIOD).await;
    }
}

fn locked(state: &Mutex<TesterState>) -> MutexGuard<'_, TesterState> {
    state.lock()
}

#[cfg(test)]
mod tests;
