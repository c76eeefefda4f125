//! A small distribution: only the values that occurred.

use std::time::Duration;

/// How often which duration occurred. Eight bytes a value that occurred, however often it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    pub(super) buckets: Vec<Bucket>,
    precision: Precision,
    /// So many binary digits of each value are told apart, at least one.
    digits: u32,
}

/// How much room a tally may take, and so how exact it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Precision {
    /// As much as different values need: exact below 256 µs, to 1 % above.
    #[default]
    Ample,
    /// One kibibyte, taken at once: as exact as the other as long as no more than 128 values occur, and then as 128
    /// allow. Values of which the longest is 100 times the shortest are told apart to 7 %, whatever there are to 25 %.
    Fixed,
}

impl Precision {
    /// Binary digits that are told apart where there is room.
    const DIGITS: u32 = 8;
    /// Values for which there is fixed room. With three digits there are no more of 32 bits, even if all occur.
    pub(super) const MOST: usize = 128;

    fn has(self, values: usize) -> bool {
        self == Self::Ample || values <= Self::MOST
    }

    /// For how many values more there is to be room where there are so many and no room.
    const fn step(self, values: usize) -> usize {
        match self {
            // Doubling would waste what is never used, and one by one would leave holes everywhere.
            Self::Ample => 64,
            Self::Fixed => Self::MOST - values,
        }
    }
}

/// By value, ascending, each once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bucket {
    pub(super) micros: u32,
    pub(super) count: u32,
}

impl Tally {
    /// Of the first samples.
    pub(super) fn of(micros: &[u32], precision: Precision) -> Self {
        let mut all = Self {
            buckets: Vec::new(),
            precision,
            digits: Precision::DIGITS,
        };
        for micros in micros {
            all.record(*micros);
        }
        all
    }

    pub(super) fn record(&mut self, micros: u32) {
        self.count_in(micros, 1);
    }

    pub(super) fn count_in(&mut self, micros: u32, count: u32) {
        loop {
            let micros = bucket(micros, self.digits);
            match self.find(micros) {
                Ok(at) => {
                    let bucket = &mut self.buckets[at];
                    bucket.count = bucket.count.saturating_add(count);
                    return;
                }
                Err(at) if self.precision.has(self.buckets.len() + 1) => {
                    if self.buckets.len() == self.buckets.capacity() {
                        let step = self.precision.step(self.buckets.len());
                        self.buckets.reserve_exact(step);
                    }
                    self.buckets.insert(at, Bucket { micros, count });
                    return;
                }
                Err(_) => self.drop_a_digit(),
            }
        }
    }

    fn find(&self, micros: u32) -> Result<usize, usize> {
        self.buckets
            .binary_search_by_key(&micros, |bucket| bucket.micros)
    }

    fn drop_a_digit(&mut self) {
        self.digits -= 1;
        for one in &mut self.buckets {
            one.micros = bucket(one.micros, self.digits);
        }
        self.buckets.dedup_by(|next, kept| {
            let are_one = next.micros == kept.micros;
            if are_one {
                kept.count = kept.count.saturating_add(next.count);
            }
            are_one
        });
    }

    /// What is left when `part`, an earlier state of it, is taken away.
    pub(super) fn without(mut self, part: &Self) -> Self {
        for Bucket { micros, count } in &part.buckets {
            if let Ok(at) = self.find(bucket(*micros, self.digits)) {
                self.buckets[at].count = self.buckets[at].count.saturating_sub(*count);
            }
        }
        self.buckets.retain(|bucket| bucket.count > 0);
        self.buckets.shrink_to_fit();
        self
    }

    /// Each value that occurred, with how often it did, ascending.
    pub fn values(&self) -> impl Iterator<Item = (Duration, u64)> {
        let value = |bucket: &Bucket| Duration::from_micros(u64::from(bucket.micros));
        self.buckets
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
        for Bucket { micros, count } in &other.buckets {
            self.count_in(*micros, *count);
        }
    }
}

/// The longest duration that counts as the same where so many binary digits are told apart.
const fn bucket(micros: u32, digits: u32) -> u32 {
    let dropped = (u32::BITS - micros.leading_zeros()).saturating_sub(digits);
    micros | ((1 << dropped) - 1)
}

impl Default for Tally {
    fn default() -> Self {
        Self::of(&[], Precision::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(micros: impl IntoIterator<Item = u32>) -> Tally {
        Tally::of(&micros.into_iter().collect::<Vec<_>>(), Precision::Ample)
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
            let read = bucket(micros, Precision::DIGITS);
            let again = bucket(read, Precision::DIGITS);
            assert!(read >= micros && again == read, "{micros} {read}");
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

    /// Each value's error is at most this share of it.
    fn is_within(read: u32, micros: u32, share: f64) -> bool {
        read >= micros && f64::from(read - micros) <= f64::from(micros) * share
    }

    #[test]
    fn fixed_room_is_taken_once_and_never_grows_whatever_occurs() {
        let mut rng = fastrand::Rng::with_seed(7);
        let mut all = Tally::of(&[], Precision::Fixed);
        for n in 1..=200_000_u64 {
            // Of every length alike: the worst.
            all.record(rng.u32(..) >> rng.u32(..32));
            assert_eq!(all.buckets.capacity(), Precision::MOST);
            assert!(
                all.buckets
                    .is_sorted_by(|one, next| one.micros < next.micros)
            );
            assert!(n % 1_000 > 0 || all.count() == n);
        }
        assert_eq!(all.digits, 3);
        let mut copy = Tally::of(&[7], Precision::Fixed).clone();
        copy.record(8);
        assert_eq!(copy.buckets.capacity(), Precision::MOST);
        let read = |micros| all.buckets[all.find(bucket(micros, 3)).expect("counted")].micros;
        for micros in (0..32).map(|n| (1_u32 << n) + (1_u32 << n) / 7) {
            assert!(is_within(read(micros), micros, 0.25), "{micros}");
        }
    }

    #[test]
    fn fixed_room_is_as_exact_as_ample_room_until_it_is_full_and_then_as_it_can_be() {
        let values = |count: u32| tally(100..100 + count);
        let (mut few, most) = (Tally::of(&[], Precision::Fixed), values(128));
        few.add(&most);
        assert_eq!(few.digits, 8);
        assert!(few.values().eq(most.values()));
        few.add(&values(129));
        assert_eq!((few.digits, few.count()), (7, 257));
        // From 20 µs to 2 ms.
        let mut hundredfold = Tally::of(&[], Precision::Fixed);
        (20..=2_000).for_each(|micros| hundredfold.record(micros));
        assert_eq!((hundredfold.digits, hundredfold.count()), (5, 1_981));
        for micros in 20..=2_000 {
            assert!(is_within(bucket(micros, 5), micros, 0.07), "{micros}");
        }
    }

    #[test]
    fn what_was_coarse_stays_so_in_a_sum_and_an_earlier_finer_state_can_be_taken_away() {
        let mut coarse = Tally::of(&[], Precision::Fixed);
        (20..=40).for_each(|micros| coarse.record(micros));
        let earlier = coarse.clone();
        (20..=2_000).for_each(|micros| coarse.record(micros));
        let mut sum = Tally::default();
        sum.add(&coarse);
        assert!(sum.values().eq(coarse.values()));
        let mut since = Tally::of(&[], Precision::Fixed);
        (20..=2_000).for_each(|micros| since.record(micros));
        assert_eq!(coarse.without(&earlier), since);
    }
}
