//! Rates that were measured, in bits a second, of bounded size.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// A distribution of rates, with their mean: all of them, and those that were not the doing of whoever measures.
#[derive(Debug, Clone, Default)]
pub struct Rates {
    all: RateSum,
    /// Those of which neither end was the limit.
    others: RateSum,
}

/// Counted by their first three digits, which are as many as are told: a thousand to each tenfold at most, however many there are.
#[derive(Debug, Clone, Default)]
struct RateSum {
    counts: BTreeMap<u64, u64>,
    count: u64,
    least: Option<f64>,
    most: Option<f64>,
    bits: f64,
    time: Duration,
}

/// With three digits.
fn rounded(rate: f64) -> u64 {
    // What is beyond counts as the most that there is room for.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let rate = rate.round() as u64;
    let digits = rate.checked_ilog10().unwrap_or_default();
    let unit = 10_u64.pow(digits.saturating_sub(2));
    rate.saturating_add(unit / 2) / unit * unit
}

impl RateSum {
    fn record(&mut self, bits: f64, time: Duration) {
        let rate = bits / time.as_secs_f64().max(1e-6);
        *self.counts.entry(rounded(rate)).or_default() += 1;
        self.note(1, Some(rate), Some(rate));
        self.bits += bits;
        self.time += time;
    }

    fn note(&mut self, count: u64, least: Option<f64>, most: Option<f64>) {
        self.count += count;
        let both = [self.least, least].into_iter().flatten();
        self.least = both.reduce(f64::min);
        let both = [self.most, most].into_iter().flatten();
        self.most = both.reduce(f64::max);
    }

    fn add(&mut self, other: &Self) {
        for (rate, count) in &other.counts {
            *self.counts.entry(*rate).or_default() += count;
        }
        self.note(other.count, other.least, other.most);
        self.bits += other.bits;
        self.time += other.time;
    }

    fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.bits / self.time.as_secs_f64().max(1e-6))
    }

    /// The least and the most are exact, and the others as exact as they are counted.
    fn quantile(&self, quantile: f64) -> Option<f64> {
        let (least, most) = (self.least?, self.most?);
        let rank = (quantile * self.count as f64).ceil();
        if rank <= 1.0 {
            return Some(least);
        }
        if rank >= self.count as f64 {
            return Some(most);
        }
        let mut before = 0;
        let mut counts = self.counts.iter();
        let (rate, _) = counts.find(|(_, count)| {
            before += **count;
            before as f64 >= rank
        })?;
        Some((*rate as f64).clamp(least, most))
    }
}

impl Rates {
    /// So many bits arrived in that time; whether the limit was neither end of those that lanherd has.
    pub fn record(&mut self, bits: f64, time: Duration, is_others: bool) {
        self.all.record(bits, time);
        if is_others {
            self.others.record(bits, time);
        }
    }

    /// Adds all of `other`.
    pub fn add(&mut self, other: &Self) {
        self.all.add(&other.all);
        self.others.add(&other.others);
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.all.count
    }

    /// Of how many of these whoever measures was the limit.
    pub fn own(&self) -> u64 {
        self.count().saturating_sub(self.others.count)
    }

    /// All bits by all of the time.
    pub fn mean(&self) -> Option<f64> {
        self.all.mean()
    }

    /// The least rate at or below which a share of `quantile` (0 to 1) of all lie.
    pub fn quantile(&self, quantile: f64) -> Option<f64> {
        self.all.quantile(quantile)
    }

    /// What the mean would be at least, had neither end been the limit of any; of nothing known it may be anything.
    pub fn mean_without_own(&self) -> f64 {
        self.others.mean().unwrap_or(f64::INFINITY)
    }

    /// The same of a quantile: those of which an end was the limit may have been faster than all others.
    pub fn quantile_without_own(&self, quantile: f64) -> f64 {
        let others = self.others.count;
        if others == 0 {
            return f64::INFINITY;
        }
        let rank = (quantile * self.count() as f64).ceil().max(1.0);
        if rank > others as f64 {
            return f64::INFINITY;
        }
        // In the middle of its rank: a quotient that comes out a little too large would be the next.
        let share = (rank - 0.5) / others as f64;
        self.others.quantile(share).unwrap_or(f64::INFINITY)
    }
}

impl PartialEq for Rates {
    /// As far as they are told.
    fn eq(&self, other: &Self) -> bool {
        let told = |rates: &Self| {
            let quantiles = [0.0, 0.5, 1.0].map(|share| rates.quantile(share));
            (rates.count(), rates.own(), rates.mean(), quantiles)
        };
        told(self) == told(other)
    }
}

impl Serialize for Rates {
    /// In megabits a second; null of nothing.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mega = |rate: Option<f64>| rate.map(|rate| (rate / 1e2).round() / 1e4);
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("mean", &mega(self.mean()))?;
        map.serialize_entry("min", &mega(self.quantile(0.0)))?;
        map.serialize_entry("median", &mega(self.quantile(0.5)))?;
        map.serialize_entry("max", &mega(self.quantile(1.0)))?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_mean_weighs_by_time_and_quantiles_count_streams() {
        let mut rates = Rates::default();
        rates.record(1e6, SECOND, true);
        rates.record(27e6, 9 * SECOND, true);
        assert_eq!(rates.mean(), Some(2.8e6));
        assert_eq!(rates.quantile(0.0), Some(1e6));
        assert_eq!(rates.quantile(1.0), Some(3e6));
        let text = serde_json::to_string(&rates).expect("json");
        assert_eq!(text, r#"{"mean":2.8,"min":1.0,"median":1.0,"max":3.0}"#);
        let none = serde_json::to_string(&Rates::default()).expect("json");
        assert_eq!(none, r#"{"mean":null,"min":null,"median":null,"max":null}"#);
    }

    #[test]
    fn where_an_end_was_the_limit_it_may_have_been_faster_than_all_others() {
        let mut rates = Rates::default();
        rates.record(1e6, SECOND, false);
        assert_eq!(Some(rates.mean_without_own()), Some(f64::INFINITY));
        assert_eq!(Some(rates.quantile_without_own(0.0)), Some(f64::INFINITY));
        for bits in [2e6, 3e6, 4e6] {
            rates.record(bits, SECOND, true);
        }
        assert_eq!((rates.count(), rates.own()), (4, 1));
        assert_eq!(Some(rates.quantile_without_own(0.0)), Some(2e6));
        assert_eq!(Some(rates.quantile_without_own(0.5)), Some(3e6));
        assert_eq!(Some(rates.quantile_without_own(0.75)), Some(4e6));
        assert_eq!(Some(rates.quantile_without_own(1.0)), Some(f64::INFINITY));
        assert_eq!(Some(rates.mean_without_own()), Some(3e6));
        // The seventh of 25 others: 7 / 25 * 25 is a little more than 7.
        let mut many = Rates::default();
        (1..=25).for_each(|mega| many.record(f64::from(mega) * 1e6, SECOND, true));
        let seventh = many.quantile(0.26);
        many.record(30e6, SECOND, false);
        assert_eq!(Some(many.quantile_without_own(0.26)), seventh);
        let mut sum = Rates::default();
        sum.add(&rates);
        assert_eq!(sum, rates);
    }
}
