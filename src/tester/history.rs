//! How late the tester was over any time: pure, and of bounded size.

use std::collections::VecDeque;
use std::time::Duration;

use crate::stats::{Distribution, Precision};

/// How late wakings were, by the time at which they were due: each second of the last two minutes, each minute of the two
/// hours before, each hour of a fortnight. What is older is forgotten; of the oldest part of a time that is asked for, the
/// whole second, minute or hour is told.
///
/// A part takes a kibibyte or so, so that all of them are below one mebibyte however long a run lasts.
#[derive(Debug, Clone, Default)]
pub struct LagHistory {
    seconds: HistoryParts<1>,
    minutes: HistoryParts<60>,
    hours: HistoryParts<3_600>,
}

/// Parts of so many seconds, in order of time.
#[derive(Debug, Clone, Default)]
struct HistoryParts<const SECONDS: u64>(VecDeque<(u64, Distribution)>);

/// So many seconds, and so many minutes, are kept apart.
const FINE: usize = 120;
/// So many hours: a fortnight.
const COARSE: usize = 336;

impl LagHistory {
    /// Notes a waking that was due at `due`, counted from the beginning, and came so late.
    pub fn record(&mut self, due: Duration, late: Duration) {
        self.seconds.record(due, late, FINE);
        self.minutes.record(due, late, FINE);
        self.hours.record(due, late, COARSE);
    }

    /// How late those wakings were that were due from `from` to `to`, both counted from the beginning.
    pub fn between(&self, from: Duration, to: Duration) -> Distribution {
        let mut all = Distribution::default();
        self.each(from, to, |part| all.add(part));
        all
    }

    /// How late the latest of them was.
    pub fn worst_between(&self, from: Duration, to: Duration) -> Duration {
        let mut worst = Duration::ZERO;
        self.each(from, to, |part| {
            worst = worst.max(part.max().unwrap_or_default());
        });
        worst
    }

    /// Each part of a time once, as fine as it is still kept.
    fn each(&self, from: Duration, to: Duration, mut tell: impl FnMut(&Distribution)) {
        let (from, to) = (from.as_secs(), to.as_secs());
        // A coarser part is told where it begins before the first of the finer ones, and then they are not told again.
        let minutes_until = self.seconds.first().unwrap_or(u64::MAX);
        let hours_until = self.minutes.first().unwrap_or(u64::MAX);
        let mut fine_from = from;
        if fine_from < minutes_until && self.minutes.first().is_some() {
            let mut minutes_from = fine_from;
            if minutes_from < hours_until && self.hours.first().is_some() {
                minutes_from = self
                    .hours
                    .each(minutes_from, to.min(hours_until), &mut tell);
            }
            fine_from = self
                .minutes
                .each(minutes_from, to.min(minutes_until), &mut tell);
        }
        self.seconds.each(fine_from, to, &mut tell);
    }
}

impl<const SECONDS: u64> HistoryParts<SECONDS> {
    fn record(&mut self, due: Duration, late: Duration, most: usize) {
        let index = due.as_secs() / SECONDS;
        match self.0.back_mut() {
            // A waking is noted after those that were due before it.
            Some((latest, part)) if *latest >= index => part.record(late),
            _ => {
                let mut part = Distribution::new(Precision::Ample);
                part.record(late);
                self.0.push_back((index, part));
                if self.0.len() > most {
                    self.0.pop_front();
                }
            }
        }
    }

    /// The second at which the first part begins.
    fn first(&self) -> Option<u64> {
        self.0.front().map(|(index, _)| index * SECONDS)
    }

    /// Tells each part that has a second of `from..=to`; returns the second after the last of them, or `from`.
    fn each(&self, from: u64, to: u64, tell: &mut impl FnMut(&Distribution)) -> u64 {
        let mut next = from;
        for (index, part) in &self.0 {
            let (begin, end) = (index * SECONDS, (index + 1) * SECONDS);
            if end > from && begin <= to {
                tell(part);
                next = next.max(end);
            }
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICK: Duration = Duration::from_millis(10);

    /// So many seconds, in each of which a waking was as many microseconds late as the second's number.
    fn history(seconds: u64) -> LagHistory {
        let mut history = LagHistory::default();
        for second in 0..seconds {
            history.record(Duration::from_secs(second), Duration::from_micros(second));
        }
        history
    }

    fn worst(history: &LagHistory, from: u64, to: u64) -> u64 {
        let worst = history.worst_between(Duration::from_secs(from), Duration::from_secs(to));
        u64::try_from(worst.as_micros()).expect("small")
    }

    #[test]
    fn the_first_waking_is_told_at_once_and_nothing_where_there_was_none() {
        let mut history = LagHistory::default();
        let all = (Duration::ZERO, Duration::from_secs(9));
        assert_eq!(history.between(all.0, all.1).count(), 0);
        history.record(TICK, TICK);
        assert_eq!(history.between(all.0, all.1).quantile(0.5), Some(TICK));
        assert_eq!(history.worst_between(all.0, all.1), TICK);
        let later = Duration::from_secs(2);
        assert_eq!(history.between(later, all.1).count(), 0);
    }

    #[test]
    fn each_second_of_late_is_told_apart_and_each_waking_once() {
        let history = history(100);
        assert_eq!(worst(&history, 40, 49), 49);
        assert_eq!(worst(&history, 49, 49), 49);
        let all = history.between(Duration::ZERO, Duration::from_secs(99));
        assert_eq!((all.count(), all.min()), (100, Some(Duration::ZERO)));
    }

    #[test]
    fn what_is_long_ago_is_told_by_the_minute_and_by_the_hour_and_each_waking_once() {
        let history = history(5 * 3_600);
        let count = |from, to| {
            let (from, to) = (Duration::from_secs(from), Duration::from_secs(to));
            history.between(from, to).count()
        };
        let end = 5 * 3_600 - 1;
        assert_eq!(count(end - 59, end), 60);
        // Whole minutes, and whole hours, at the beginning.
        assert_eq!(count(end - 3_599, end), 3_600);
        assert_eq!(count(end - 3_630, end), 3_660);
        assert_eq!(count(0, end), 5 * 3_600);
        assert_eq!(worst(&history, 0, 1_000), 3_599);
        assert_eq!(worst(&history, end - 1_000, end - 900), 17_099);
    }

    #[test]
    fn what_is_kept_does_not_grow_with_time() {
        let mut history = LagHistory::default();
        let mut rng = fastrand::Rng::with_seed(7);
        for minute in 0..30 * 24 * 60 {
            let late = Duration::from_micros(rng.u64(0..100_000));
            history.record(Duration::from_secs(60 * minute), late);
        }
        let parts = history.seconds.0.len() + history.minutes.0.len() + history.hours.0.len();
        assert_eq!(parts, 2 * FINE + COARSE);
        // A question that begins before what is kept is answered from what is.
        assert_eq!(
            history.between(Duration::ZERO, Duration::MAX).count(),
            (COARSE as u64) * 60
        );
    }
}
