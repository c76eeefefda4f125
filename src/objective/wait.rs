//! Waits for something that should come to be so within a bound. Pure.
//!
//! A time that was measured is looked at once more without what the tester may have added. A wait that has run out has no such
//! time, so it goes on beyond its bound for as long as the tester may have made it longer, and for half of the bound at most. What
//! comes to be so by then has a time; what does not is judged as every timeout is.

use std::time::Duration;

use super::{Verdict, words};
use crate::stats::Signal;

/// A bound of time, and what is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    bound: Duration,
    signal: Signal,
}

impl Wait {
    /// Something is to come to be so within `bound`; it is made of what `signal` measures.
    pub const fn new(bound: Duration, signal: Signal) -> Self {
        Self { bound, signal }
    }

    /// The time in which it should come.
    pub const fn bound(self) -> Duration {
        self.bound
    }

    /// Whether to look on after `elapsed` where it has not come to be so, and the tester was late by `worst` at worst: until the
    /// bound, and beyond it for as long as the tester may be why.
    pub fn goes_on(self, elapsed: Duration, worst: Duration) -> bool {
        if elapsed < self.bound {
            return true;
        }
        let rest = self.signal.without_tester(elapsed, worst);
        rest < elapsed && rest <= self.bound && elapsed < self.bound + self.bound / 2
    }

    /// Of what came to be so after `took`.
    pub fn came(self, took: Duration, worst: Duration) -> Verdict {
        if took <= self.bound {
            Verdict::Passed
        } else if self.signal.without_tester(took, worst) <= self.bound {
            Verdict::Inconclusive
        } else {
            Verdict::Failed
        }
    }

    /// Of what did not: the tester's doing, if it may have slept through half of the time, as for every timeout.
    pub fn missed(self, worst: Duration) -> Verdict {
        if self.signal.may_be_slept_through(self.bound, worst) {
            Verdict::Inconclusive
        } else {
            Verdict::Failed
        }
    }
}

/// What is said of the tester, which was late by `worst` at worst, where that may be why: `the tester itself woke up to 3 s late in
/// that time`.
pub fn lateness(worst: Duration) -> String {
    if worst < Signal::ON_TIME {
        return "that is the tester's own failure".to_owned();
    }
    format!(
        "the tester itself woke up to {} late in that time",
        words::time(worst)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    const WAIT: Wait = Wait::new(ms(10_000), Signal::Join);

    #[test]
    fn a_wait_ends_at_its_bound_where_the_tester_is_on_time() {
        assert!(WAIT.goes_on(ms(9_999), Duration::ZERO));
        assert!(!WAIT.goes_on(ms(10_000), Duration::ZERO));
        assert!(!WAIT.goes_on(ms(10_001), Duration::from_micros(999)));
        assert_eq!(WAIT.missed(Duration::ZERO), Verdict::Failed);
        assert_eq!(WAIT.came(ms(10_000), Duration::ZERO), Verdict::Passed);
        assert_eq!(WAIT.came(ms(10_001), Duration::ZERO), Verdict::Failed);
    }

    #[test]
    fn it_goes_on_for_as_long_as_the_tester_may_have_made_it_and_for_half_of_the_bound_at_most() {
        // Twelve times 100 ms.
        assert!(WAIT.goes_on(ms(11_200), ms(100)));
        assert!(!WAIT.goes_on(ms(11_201), ms(100)));
        assert!(WAIT.goes_on(ms(14_999), ms(60_000)));
        assert!(!WAIT.goes_on(ms(15_000), ms(60_000)));
    }

    #[test]
    fn what_comes_too_late_is_inconclusive_if_it_had_come_in_time_without_the_tester() {
        assert_eq!(WAIT.came(ms(11_200), ms(100)), Verdict::Inconclusive);
        assert_eq!(WAIT.came(ms(11_201), ms(100)), Verdict::Failed);
        // Lateness only adds.
        assert_eq!(WAIT.came(ms(9_000), ms(60_000)), Verdict::Passed);
    }

    #[test]
    fn what_never_comes_is_the_testers_only_where_it_may_have_slept_through_half_of_the_time() {
        assert_eq!(WAIT.missed(ms(416)), Verdict::Failed);
        assert_eq!(WAIT.missed(ms(417)), Verdict::Inconclusive);
        let order = Wait::new(ms(10_000), Signal::Dhcp);
        assert_eq!(order.missed(ms(417)), Verdict::Failed);
        assert_eq!(order.missed(ms(3_000)), Verdict::Inconclusive);
        let none = Wait::new(Duration::ZERO, Signal::Join);
        assert_eq!(
            none.missed(ms(3_000)),
            Verdict::Failed,
            "nothing was waited for"
        );
    }
}
