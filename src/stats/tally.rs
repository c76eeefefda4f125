//! A small distribution: only the values that occurred.

use std::time::Duration;

/// How often which duration occurred: exact below 256 µs, to 1 % above. Eight bytes a value that occurred, however often it did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally(Vec<Bucket>);

/// By value, ascending, each once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bucket {
    micros: u32,
    count: u32,
}

impl Tally {
    pub(super) fn record(&mut self, micros: u32) {
        self.count_in(bucket(micros), 1);
    }

    fn count_in(&mut self, micros: u32, more: u32) {
        match self.0.binary_search_by_key(&micros, |bucket| bucket.micros) {
            Ok(at) => self.0[at].count = self.0[at].count.saturating_add(more),
            Err(at) => {
                // A few at a time: doubling would waste what is never used, and one by one would leave holes everywhere.
                if self.0.len() == self.0.capacity() {
                    self.0.reserve_exact(64);
                }
                let count = more;
                self.0.insert(at, Bucket { micros, count });
            }
        }
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
            self.count_in(*micros, *count);
        }
    }
}

/// The longest duration that counts as the same: of each, eight binary digits are kept.
const fn bucket(micros: u32) -> u32 {
    const DIGITS: u32 = 8;
    let dropped = (u32::BITS - micros.leading_zeros()).saturating_sub(DIGITS);
    micros | ((1 << dropped) - 1)
}

impl<'a> FromIterator<&'a u32> for Tally {
    fn from_iter<I: IntoIterator<Item = &'a u32>>(micros: I) -> Self {
        let mut all = Self::default();
        for micros in micros {
            all.record(*micros);
        }
        all
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
    fn a_bucket_is_exact_below_256_microseconds_and_within_a_percent_above() {
        for micros in (0..=256)
            .chain((1..32).map(|n| (1_u32 << n) + 7 * n))
            .chain([u32::MAX])
        {
            let read = bucket(micros);
            assert!(read >= micros && bucket(read) == read, "{micros} {read}");
            if micros < 256 {
                assert_eq!(read, micros);
            }
            assert!(
                f64::from(read - micros) <= f64::from(micros) * 0.01,
                "{micros} {read}"
            );
        }
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
