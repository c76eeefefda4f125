//! For how long clients were usable, of the time in which they should have been.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::fault::Fault;
use crate::phase::Cause;

/// For how long clients were usable, and for how long not, though they should have been; of one client or of many, summed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Uptime {
    /// They were online.
    pub usable: Duration,
    /// They were wanted and not online, by what had failed.
    pub unavailable: BTreeMap<Cause, Duration>,
    /// What of that is the doing of faults that were made on purpose, by fault.
    pub on_purpose: BTreeMap<Fault, Duration>,
    /// The tester stood still, or they were not online because it had: neither usable nor wanted.
    pub tester: Duration,
}

impl Uptime {
    /// For how long they should have been usable.
    pub fn wanted(&self) -> Duration {
        self.usable + self.unavailable.values().sum::<Duration>()
    }

    /// Which share of the time wanted was usable, from 0 to 1; `None` where none was wanted.
    pub fn availability(&self) -> Option<f64> {
        let wanted = self.wanted();
        (!wanted.is_zero()).then(|| self.usable.as_secs_f64() / wanted.as_secs_f64())
    }

    /// The same without what the tester failed to do: the time in which clients were down for a cause of the tester's own
    /// ([`Cause::is_of_the_tester`]) counts neither way; `None` where none is left.
    pub fn availability_without_tester(&self) -> Option<f64> {
        let unavailable = self.unavailable.iter();
        let unavailable = unavailable.filter(|(cause, _)| !cause.is_of_the_tester());
        let wanted = self.usable + unavailable.map(|(_, lasted)| *lasted).sum::<Duration>();
        (!wanted.is_zero()).then(|| self.usable.as_secs_f64() / wanted.as_secs_f64())
    }

    /// What has come since `earlier`, which is the same sum at an earlier time.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        fn each<K: Ord + Copy>(
            now: &BTreeMap<K, Duration>,
            then: &BTreeMap<K, Duration>,
        ) -> BTreeMap<K, Duration> {
            let before = |key| then.get(key).copied().unwrap_or_default();
            now.iter()
                .map(|(key, sum)| (*key, sum.saturating_sub(before(key))))
                .filter(|(_, sum)| !sum.is_zero())
                .collect()
        }
        Self {
            usable: self.usable.saturating_sub(earlier.usable),
            unavailable: each(&self.unavailable, &earlier.unavailable),
            on_purpose: each(&self.on_purpose, &earlier.on_purpose),
            tester: self.tester.saturating_sub(earlier.tester),
        }
    }

    /// Adds up two.
    pub fn add(&mut self, other: &Self) {
        self.usable += other.usable;
        self.tester += other.tester;
        for (cause, lasted) in &other.unavailable {
            *self.unavailable.entry(*cause).or_default() += *lasted;
        }
        for (fault, lasted) in &other.on_purpose {
            *self.on_purpose.entry(*fault).or_default() += *lasted;
        }
    }
}
