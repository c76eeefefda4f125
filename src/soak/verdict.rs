//! Whether one set of measurements differs from an earlier one by more than chance and by enough to matter.
//!
//! A pool that calls noise a drift is soon ignored, so every condition must hold: enough samples on both sides; a
//! difference above a floor, below which nobody cares; medians, and 95th percentiles in the same direction, beyond a
//! ratio; and a rank test (Mann and Whitney 1947, with the correction for ties) that chance passes once in a thousand
//! times.

use lanherd_types::words;

words! {
    /// What became of a figure from the first window to the last.
    Verdict {
        /// As it was, or too close to tell.
        Steady = "steady",
        /// It is worse at the end than at the beginning.
        Drifted = "drifted",
        /// Better. What changes for the better has changed, too: perhaps something was measured that ended.
        Improved = "improved",
        /// One of the windows has too few samples to say.
        TooFew = "too_few",
        /// Worse, and the tester itself was so much later in the last window that it may be why.
        Inconclusive = "inconclusive",
    }
}

/// Measurements, ascending, each value with how often it was seen.
pub type SampleCounts = [(f64, u64)];

/// When a figure counts as changed. For all figures less is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rule {
    /// So many samples each window must have at least.
    pub least: u64,
    /// The larger must be above this multiple of the smaller...
    pub ratio: f64,
    /// ...and above it by at least this much, in the figure's unit.
    pub floor: f64,
    /// What is compared.
    pub by: By,
}

/// What of two sets of samples is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Medians against the ratio and the floor, 95th percentiles against the ratio.
    Quantiles,
    /// Means against the ratio and the floor: for what is 0 most of the time.
    Mean,
}

/// The 0.999 quantile of both sides of the normal distribution: chance is beyond it once in a thousand times.
const BEYOND_CHANCE: f64 = 3.29;

impl Rule {
    /// What became of `first` in `last`.
    pub fn judge(&self, first: &SampleCounts, last: &SampleCounts) -> Verdict {
        if count(first).min(count(last)) < self.least {
            return Verdict::TooFew;
        }
        if self.is_worse(first, last) {
            Verdict::Drifted
        } else if self.is_worse(last, first) {
            Verdict::Improved
        } else {
            Verdict::Steady
        }
    }

    fn is_worse(&self, than: &SampleCounts, these: &SampleCounts) -> bool {
        let beyond = |small: f64, large: f64| large > small * self.ratio;
        let apart = |small: f64, large: f64| beyond(small, large) && large - small >= self.floor;
        let by_figures = match self.by {
            By::Mean => apart(mean(than), mean(these)),
            By::Quantiles => {
                apart(quantile(than, 0.50), quantile(these, 0.50))
                    && beyond(quantile(than, 0.95), quantile(these, 0.95))
            }
        };
        by_figures && rank(than, these) > BEYOND_CHANCE
    }
}

/// How many there are.
pub fn count(samples: &SampleCounts) -> u64 {
    samples.iter().map(|(_, count)| count).sum()
}

/// Their arithmetic mean; 0 of none.
pub fn mean(samples: &SampleCounts) -> f64 {
    let sum: f64 = samples
        .iter()
        .map(|(value, count)| value * *count as f64)
        .sum();
    sum / (count(samples) as f64).max(1.0)
}

/// The least value at or below which a share of `quantile` lie; 0 of none.
pub fn quantile(samples: &SampleCounts, quantile: f64) -> f64 {
    let (all, mut seen) = (count(samples) as f64, 0);
    let reached = samples.iter().find(|(_, count)| {
        seen += count;
        seen as f64 >= quantile * all
    });
    reached.map_or(0.0, |(value, _)| *value)
}

/// Single measurements as samples.
pub fn samples(values: impl IntoIterator<Item = f64>) -> Vec<(f64, u64)> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    values.into_iter().map(|value| (value, 1)).collect()
}

/// How far the ranks of `high` lie above those of `low`, in standard deviations of what chance does: the z of the
/// Mann-Whitney test.
fn rank(low: &SampleCounts, high: &SampleCounts) -> f64 {
    let (n_low, n_high) = (count(low) as f64, count(high) as f64);
    let n = n_low + n_high;
    let (mut low, mut high) = (low.iter().peekable(), high.iter().peekable());
    let (mut before, mut rank_sum, mut ties) = (0.0, 0.0, 0.0);
    loop {
        let value = match (low.peek(), high.peek()) {
            (Some((a, _)), Some((b, _))) => a.min(*b),
            (Some((value, _)), None) | (None, Some((value, _))) => *value,
            (None, None) => break,
        };
        // Equal values share the mean of their ranks.
        let take = |side: &mut std::iter::Peekable<std::slice::Iter<'_, (f64, u64)>>| {
            let mut taken = 0.0;
            while let Some((_, count)) = side.next_if(|(next, _)| *next <= value) {
                taken += *count as f64;
            }
            taken
        };
        let of_high = take(&mut high);
        let equal = of_high + take(&mut low);
        rank_sum += of_high * f64::midpoint(before + 1.0, before + equal);
        ties += equal.powi(3) - equal;
        before += equal;
    }
    let u = rank_sum - n_high * (n_high + 1.0) / 2.0;
    let variance = n_low * n_high / 12.0 * ((n + 1.0) - ties / (n * (n - 1.0)).max(1.0));
    if variance > 0.0 {
        (u - n_low * n_high / 2.0) / variance.sqrt()
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: Rule = Rule {
        least: 30,
        ratio: 1.25,
        floor: 0.1,
        by: By::Quantiles,
    };

    /// Normally distributed, by Box and Muller.
    fn normal(rng: &mut fastrand::Rng) -> f64 {
        let radius = (-2.0 * (1.0 - rng.f64()).ln()).sqrt();
        radius * (std::f64::consts::TAU * rng.f64()).cos()
    }

    /// Times with a long tail around `median`; `minutes` of them share how busy the router is.
    fn times(
        rng: &mut fastrand::Rng,
        count: usize,
        median: f64,
        together: usize,
    ) -> Vec<(f64, u64)> {
        let mut busy = 0.0;
        samples((0..count).map(|index| {
            if index % together == 0 {
                busy = 0.15 * normal(rng);
            }
            median * (busy + 0.8 * normal(rng)).exp()
        }))
    }

    fn verdicts(
        rule: Rule,
        runs: u64,
        mut pair: impl FnMut(&mut fastrand::Rng) -> [Vec<(f64, u64)>; 2],
    ) -> [u64; 4] {
        let mut counts = [0; 4];
        for seed in 0..runs {
            let [first, last] = pair(&mut fastrand::Rng::with_seed(seed));
            counts[rule.judge(&first, &last) as usize] += 1;
        }
        counts
    }

    #[test]
    fn noise_is_called_drift_in_fewer_than_one_in_a_hundred_soaks() {
        for count in [30, 100, 600] {
            let [steady, drifted, improved, _] = verdicts(RULE, 1_000, |rng| {
                [(); 2].map(|()| times(rng, count, 5.0, (count / 30).max(1)))
            });
            assert!(
                drifted + improved < 5,
                "{count}: {drifted} and {improved} of {steady}"
            );
        }
    }

    #[test]
    fn the_more_samples_the_smaller_the_drift_that_is_found() {
        for (count, worse) in [(30, 4.0), (100, 2.0), (300, 1.7), (1_000, 1.5)] {
            let [_, drifted, improved, _] = verdicts(RULE, 200, |rng| {
                [
                    times(rng, count, 5.0, 10),
                    times(rng, count, 5.0 * worse, 10),
                ]
            });
            assert!(
                drifted >= 190 && improved == 0,
                "{count} × {worse}: {drifted} of 200"
            );
            let [_, drifted, improved, _] = verdicts(RULE, 200, |rng| {
                [
                    times(rng, count, 5.0 * worse, 10),
                    times(rng, count, 5.0, 10),
                ]
            });
            assert!(
                improved >= 190 && drifted == 0,
                "{count} × {worse}: {improved} of 200"
            );
        }
    }

    #[test]
    fn a_difference_below_the_floor_is_none_however_certain_it_is() {
        let first = [(0.050, 100_000), (0.060, 5_000)];
        let last = [(0.070, 100_000), (0.090, 5_000)];
        assert_eq!(RULE.judge(&first, &last), Verdict::Steady);
        let fine = Rule {
            floor: 0.01,
            ..RULE
        };
        assert_eq!(fine.judge(&first, &last), Verdict::Drifted);
    }

    #[test]
    fn medians_that_moved_without_the_tail_or_the_tail_without_them_are_no_drift() {
        let even =
            |low: f64, high: f64| samples((0..1_000).map(|n| if n < 800 { low } else { high }));
        assert_eq!(
            RULE.judge(&even(1.0, 9.0), &even(2.0, 9.0)),
            Verdict::Steady
        );
        assert_eq!(
            RULE.judge(&even(1.0, 9.0), &even(1.0, 90.0)),
            Verdict::Steady
        );
        assert_eq!(
            RULE.judge(&even(1.0, 9.0), &even(2.0, 18.0)),
            Verdict::Drifted
        );
    }

    #[test]
    fn too_few_are_too_few_on_either_side() {
        let (few, many) = ([(1.0, 29)], [(9.0, 30)]);
        assert_eq!(RULE.judge(&few, &many), Verdict::TooFew);
        assert_eq!(RULE.judge(&many, &few), Verdict::TooFew);
        assert_eq!(RULE.judge(&[], &[]), Verdict::TooFew);
        assert_eq!(RULE.judge(&[(1.0, 30)], &many), Verdict::Drifted);
    }

    #[test]
    fn one_burst_of_loss_is_no_drift_and_loss_all_the_time_is() {
        let rule = Rule {
            least: 8,
            ratio: 1.25,
            floor: 0.005,
            by: By::Mean,
        };
        let clean = samples([0.0; 30]);
        let burst = samples((0..30).map(|n| if n == 7 { 0.9 } else { 0.0 }));
        let lossy = samples((0..30).map(|n| 0.01 * f64::from(n % 3 + 1)));
        assert_eq!(rule.judge(&clean, &burst), Verdict::Steady);
        assert_eq!(rule.judge(&clean, &lossy), Verdict::Drifted);
        assert_eq!(rule.judge(&lossy, &clean), Verdict::Improved);
        assert_eq!(rule.judge(&lossy, &lossy), Verdict::Steady);
    }

    #[test]
    fn the_rank_test_agrees_with_a_worked_example() {
        // Ranks of the second: 3.5, 5.5, 7, 8 of 8, with two ties of two: U = 14, z = (14 - 8) / sqrt(16 / 12 * (9 - 12 / 56)).
        let (low, high) = (samples([1.0, 2.0, 3.0, 4.0]), samples([3.0, 4.0, 5.0, 6.0]));
        let expected = 6.0 / (16.0_f64 / 12.0 * (9.0 - 12.0 / 56.0)).sqrt();
        assert!(
            (rank(&low, &high) - expected).abs() < 1e-9,
            "{}",
            rank(&low, &high)
        );
        assert!((rank(&high, &low) + expected).abs() < 1e-9);
        assert!(rank(&low, &low).abs() < 1e-9);
    }
}
