//! Figures of bounded size: they cost the same after a minute and after a week.

mod activity;
mod client;
mod packed;
mod signal;
mod tally;
mod uptime;

use std::collections::BTreeMap;
use std::time::Duration;

pub use self::activity::{ActivityStats, Attempts};
pub use self::client::ClientStats;
pub use self::packed::Packed;
pub use self::signal::Signal;
pub use self::tally::{Precision, Tally};
pub use self::uptime::Uptime;

/// A distribution of durations in whole microseconds, up to one hour. Their number, the shortest and the longest are
/// exact, and so are all of the first 32; of more, quantiles are as exact as its [`Precision`] allows, and never read low.
#[derive(Debug, Clone)]
pub struct Distribution {
    samples: Samples,
    precision: Precision,
    shortest: u32,
    longest: u32,
}

/// Only what occurred takes room: a histogram with a place for every value takes kilobytes, more whenever a longer one
/// occurs, and a herd has one for each client and target, those that have left among them.
#[derive(Debug, Clone)]
enum Samples {
    /// In the order in which they came.
    Few(Vec<u32>),
    Many(Tally),
}

impl Distribution {
    const LONGEST: Duration = Duration::from_secs(3600);
    const FEW: usize = 32;

    /// Nothing counted yet, and so much room for what will be.
    pub fn new(precision: Precision) -> Self {
        Self {
            samples: Samples::Few(Vec::new()),
            precision,
            shortest: u32::MAX,
            longest: 0,
        }
    }

    /// Counts one duration. What is longer than an hour counts as an hour.
    pub fn record(&mut self, duration: Duration) {
        let micros = duration.min(Self::LONGEST).as_micros();
        self.record_micros(u32::try_from(micros).unwrap_or(u32::MAX));
    }

    fn record_micros(&mut self, micros: u32) {
        self.shortest = self.shortest.min(micros);
        self.longest = self.longest.max(micros);
        match &mut self.samples {
            Samples::Few(few) if few.len() < Self::FEW => few.push(micros),
            Samples::Few(few) => {
                let mut tally = Tally::of(few, self.precision);
                tally.record(micros);
                self.samples = Samples::Many(tally);
            }
            Samples::Many(tally) => tally.record(micros),
        }
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        match &self.samples {
            Samples::Few(few) => few.len() as u64,
            Samples::Many(tally) => tally.count(),
        }
    }

    /// The least value at or below which a share of `quantile` (0 to 1) of all lie; `None` where nothing was counted.
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        match &self.samples {
            Samples::Few(few) => {
                let mut sorted = few.clone();
                sorted.sort_unstable();
                // Among at most 32.
                #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
                let rank = (quantile * sorted.len() as f64).ceil() as usize;
                let micros = *sorted.get(rank.saturating_sub(1)).or(sorted.last())?;
                Some(Duration::from_micros(u64::from(micros)))
            }
            // A value stands for those of about its length, the longest among them.
            Samples::Many(tally) => Some(tally.quantile(quantile)?.min(self.max()?)),
        }
    }

    /// The shortest duration that was counted.
    pub fn min(&self) -> Option<Duration> {
        let any = self.shortest <= self.longest;
        any.then(|| Duration::from_micros(u64::from(self.shortest)))
    }

    /// The longest duration that was counted.
    pub fn max(&self) -> Option<Duration> {
        let any = self.shortest <= self.longest;
        any.then(|| Duration::from_micros(u64::from(self.longest)))
    }

    /// What was counted since it was `earlier`, an earlier state of this same distribution.
    pub fn since(&self, earlier: &Self) -> Tally {
        self.tally().without(&earlier.tally())
    }

    fn tally(&self) -> Tally {
        match &self.samples {
            Samples::Few(few) => Tally::of(few, self.precision),
            Samples::Many(tally) => tally.clone(),
        }
    }

    /// Adds all of `other`; the sum is no more exact than either.
    pub fn add(&mut self, other: &Self) {
        let others = match &other.samples {
            Samples::Few(few) => {
                return few.iter().for_each(|micros| self.record_micros(*micros));
            }
            Samples::Many(others) => others,
        };
        self.shortest = self.shortest.min(other.shortest);
        self.longest = self.longest.max(other.longest);
        match &mut self.samples {
            Samples::Many(own) => own.add(others),
            Samples::Few(few) => {
                let mut tally = Tally::of(few, self.precision);
                tally.add(others);
                self.samples = Samples::Many(tally);
            }
        }
    }
}

/// Adds each count of `others` to that of the same key.
fn add_counts<K: Ord + Clone>(own: &mut BTreeMap<K, u64>, others: &BTreeMap<K, u64>) {
    for (key, count) in others {
        *own.entry(key.clone()).or_default() += count;
    }
}

/// Milliseconds, exact to the microsecond.
pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1_000.0
}

impl Default for Distribution {
    fn default() -> Self {
        Self::new(Precision::default())
    }
}

impl FromIterator<Duration> for Distribution {
    fn from_iter<I: IntoIterator<Item = Duration>>(durations: I) -> Self {
        let mut distribution = Self::default();
        for duration in durations {
            distribution.record(duration);
        }
        distribution
    }
}

impl<'a> std::iter::Sum<&'a Self> for Distribution {
    fn sum<I: Iterator<Item = &'a Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, one| {
            sum.add(one);
            sum
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_of_lan_round_trips_are_exact_and_long_ones_within_a_percent() {
        let short: Distribution = (1..=100).map(Duration::from_micros).collect();
        assert_eq!(short.quantile(0.5), Some(Duration::from_micros(50)));
        assert_eq!(short.quantile(0.99), Some(Duration::from_micros(99)));
        assert_eq!(short.min(), Some(Duration::from_micros(1)));
        let long: Distribution = [Duration::from_secs(50)].into_iter().collect();
        let read = long.max().expect("one value").as_secs_f64();
        assert!((read / 50.0 - 1.0).abs() < 0.01, "{read}");
    }

    #[test]
    fn the_shortest_and_the_longest_are_exact_and_no_quantile_lies_beyond_them() {
        for precision in [Precision::Ample, Precision::Fixed] {
            let mut all = Distribution::new(precision);
            for micros in (0..500).map(|n| 1_001 + 7_919 * n) {
                all.record(Duration::from_micros(micros));
            }
            let longest = Duration::from_micros(1_001 + 7_919 * 499);
            assert_eq!(all.min(), Some(Duration::from_micros(1_001)));
            assert_eq!(all.max(), Some(longest));
            assert_eq!(all.quantile(1.0), Some(longest));
            let mut sum = Distribution::default();
            sum.add(&all);
            assert_eq!((sum.min(), sum.max()), (all.min(), all.max()));
        }
    }

    #[test]
    fn of_one_client_on_a_lan_quantiles_are_within_seven_percent_and_never_low() {
        // 16 µs to 1.5 ms, most of them short.
        let mut rng = fastrand::Rng::with_seed(7);
        let mut micros: Vec<u32> = (0..100_000)
            .map(|_| 16 + rng.u32(0..40) * rng.u32(0..40))
            .collect();
        let mut client = Distribution::new(Precision::Fixed);
        for micros in &micros {
            client.record(Duration::from_micros(u64::from(*micros)));
        }
        micros.sort_unstable();
        for (quantile, rank) in [(0.01, 999), (0.5, 49_999), (0.95, 94_999), (0.99, 98_999)] {
            let read = client.quantile(quantile).expect("many").as_secs_f64() * 1e6;
            let is = f64::from(micros[rank]);
            assert!(
                (is..=is * 1.07).contains(&(read + 1e-6)),
                "{quantile}: {read} {is}"
            );
        }
    }

    #[test]
    fn few_samples_and_many_are_one_distribution_however_they_are_added() {
        let all: Distribution = (1..=200).map(Duration::from_micros).collect();
        for cut in [1, 31, 32, 33, 100, 199] {
            let mut first: Distribution = (1..=cut).map(Duration::from_micros).collect();
            let rest: Distribution = (cut + 1..=200).map(Duration::from_micros).collect();
            first.add(&rest);
            for quantile in [0.0, 0.1, 0.5, 0.99, 1.0] {
                assert_eq!(
                    first.quantile(quantile),
                    all.quantile(quantile),
                    "{cut} {quantile}"
                );
            }
            assert_eq!(first.count(), 200);
        }
        let few: Distribution = [3, 1, 2].map(Duration::from_micros).into_iter().collect();
        assert_eq!(few.quantile(0.5), Some(Duration::from_micros(2)));
        assert_eq!(
            (few.min(), few.max()),
            (
                Some(Duration::from_micros(1)),
                Some(Duration::from_micros(3))
            )
        );
    }

    #[test]
    fn what_was_counted_since_is_all_of_it_whether_few_or_many_were_counted_before() {
        let durations = |range: std::ops::Range<u64>| range.map(|n| Duration::from_micros(n * 7));
        for (before, after) in [
            (0, 0),
            (0, 5),
            (5, 20),
            (10, 40),
            (32, 33),
            (40, 40),
            (50, 500),
        ] {
            let earlier: Distribution = durations(0..before).collect();
            let now: Distribution = durations(0..after).collect();
            let between: Distribution = durations(before..after).collect();
            assert_eq!(
                now.since(&earlier),
                between.since(&Distribution::default()),
                "{before} {after}"
            );
        }
    }

    #[test]
    fn an_empty_distribution_has_no_figures_and_an_endless_duration_is_counted() {
        let nothing = Distribution::default();
        assert_eq!(
            (nothing.quantile(0.5), nothing.min(), nothing.max()),
            (None, None, None)
        );
        let mut endless = Distribution::default();
        endless.record(Duration::MAX);
        assert_eq!(endless.count(), 1);
    }
}
