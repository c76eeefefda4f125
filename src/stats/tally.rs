//! A small distribution: only the values that occurred, for the many short spans of a long run.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::{count, histogram};

/// How often which duration occurred: exact below 256 µs, to 1 % above, as a [`Distribution`](super::Distribution) of
/// many has it. Eight bytes a value that occurred, however often it did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally(Vec<Bucket>);

/// By value, ascending, each once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bucket {
    micros: u32,
    count: u32,
}

impl Tally {
    pub(super) fn of(histogram: &Histogram<u32>) -> Self {
        let buckets = histogram.iter_recorded().map(|step| Bucket {
            // An hour at most.
            micros: u32::try_from(step.value_iterated_to()).unwrap_or(u32::MAX),
            count: step.count_at_value(),
        });
        Self(buckets.collect())
    }

    /// What is left when `part` is taken away.
    pub(super) fn without(mut self, part: &Self) -> Self {
        for Bucket { micros, count } in &part.0 {
            if let Ok(at) = self.0.binary_search_by_key(micros, |bucket| bucket.micros) {
                self.0[at].count = self.0[at].count.saturating_sub(*count);
            }
        }
        self.0.retain(|bucket| bucket.count > 0);
        self.0.shrink_to_fit();
        self
    }

    /// Each value that occurred, with how often it did, ascending.
    pub fn values(&self) -> impl Iterator<Item = (Duration, u64)> {
        let value = |bucket: &Bucket| Duration::from_micros(u64::from(bucket.micros));
        self.0
            .iter()
            .map(move |bucket| (value(bucket), u64::from(bucket.count)))
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.values().map(|(_, count)| count).sum()
    }

    /// The least value at or below which a share of `quantile` (0 to 1) of all lie; `None` where nothing was counted.
    pub fn quantile(&self, quantile: f64) -> Option<Duration> {
        let all = self.count() as f64;
        let mut seen = 0;
        let reached = self.values().find(|(_, count)| {
            seen += count;
            seen as f64 >= quantile * all
        });
        Some(reached?.0)
    }

    /// The arithmetic mean; `None` where nothing was counted.
    pub fn mean(&self) -> Option<Duration> {
        let all = self.count();
        let sum: f64 = self
            .values()
            .map(|(value, count)| value.as_secs_f64() * count as f64)
            .sum();
        (all > 0).then(|| Duration::from_secs_f64(sum / all as f64))
    }

    /// Adds all of `other`.
    pub fn add(&mut self, other: &Self) {
        for Bucket { micros, count } in &other.0 {
            match self.0.binary_search_by_key(micros, |bucket| bucket.micros) {
                Ok(at) => self.0[at].count = self.0[at].count.saturating_add(*count),
                Err(at) => self.0.insert(
                    at,
                    Bucket {
                        micros: *micros,
                        count: *count,
                    },
                ),
            }
        }
    }
}

impl<'a> FromIterator<&'a u32> for Tally {
    fn from_iter<I: IntoIterator<Item = &'a u32>>(micros: I) -> Self {
        let mut all = histogram();
        for micros in micros {
            count(&mut all, *micros);
        }
        Self::of(&all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(micros: impl IntoIterator<Item = u32>) -> Tally {
        micros.into_iter().collect::<Vec<_>>().iter().collect()
    }

    #[test]
    fn its_figures_are_those_of_the_samples() {
        let hundred = tally(1..=100);
        assert_eq!(hundred.count(), 100);
        assert_eq!(hundred.quantile(0.5), Some(Duration::from_micros(50)));
        assert_eq!(hundred.quantile(0.99), Some(Duration::from_micros(99)));
        assert_eq!(hundred.quantile(1.0), Some(Duration::from_micros(100)));
        let mean = hundred.mean().expect("a mean").as_secs_f64();
        assert!((mean - 50.5e-6).abs() < 1e-8, "{mean}");
        assert_eq!(
            (Tally::default().quantile(0.5), Tally::default().mean()),
            (None, None)
        );
    }

    #[test]
    fn parts_add_up_to_the_whole_and_can_be_taken_away_again() {
        let (early, late) = (
            tally((1..500).map(|n| n * 3)),
            tally((200..900).map(|n| n * 5)),
        );
        let mut whole = early.clone();
        whole.add(&late);
        assert_eq!(whole.count(), early.count() + late.count());
        assert_eq!(whole.clone().without(&late), early);
        assert_eq!(whole.without(&early), late);
    }
}
