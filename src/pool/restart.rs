//! When a client that ended is started again: pure, OTP's rules with a budget per client.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::phase::Cause;
use lanherd_types::words;

words! {
    /// Which ends lead to a restart (OTP's restart types).
    Restart {
        /// Every end, whatever its reason.
        Permanent = "permanent",
        /// Only a failure.
        Transient = "transient",
        /// No failure is answered by a restart.
        Temporary = "temporary",
    }
}

impl std::str::FromStr for Restart {
    type Err = RestartError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .iter()
            .copied()
            .find(|word| word.as_str() == text)
            .ok_or_else(|| RestartError(text.to_owned()))
    }
}

/// Why a text is no restart type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no restart type: use permanent, transient or temporary")]
pub struct RestartError(String);

/// How failures of one client are answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RestartPolicy {
    /// Which ends lead to a restart.
    pub restart: Restart,
    /// At most this many restarts within [`RestartPolicy::period`]; one more gives the client up.
    pub intensity: u32,
    /// The window in which restarts are counted.
    #[serde(with = "crate::units::serde_duration")]
    pub period: Duration,
    /// The wait before the first restart; it doubles with each further one in the window.
    #[serde(with = "crate::units::serde_duration")]
    pub backoff: Duration,
    /// The longest wait.
    #[serde(with = "crate::units::serde_duration")]
    pub backoff_ceiling: Duration,
}

impl Default for RestartPolicy {
    /// Transient, five restarts in ten minutes, backoff from 1 s to 1 min.
    fn default() -> Self {
        Self {
            restart: Restart::Transient,
            intensity: 5,
            period: Duration::from_secs(600),
            backoff: Duration::from_secs(1),
            backoff_ceiling: Duration::from_secs(60),
        }
    }
}

impl RestartPolicy {
    /// The share of a client's budget that so many restarts within the period use, 0 to 1.
    pub fn used_ratio(&self, restarts: usize) -> f64 {
        if self.intensity == 0 {
            1.0
        } else {
            restarts as f64 / f64::from(self.intensity)
        }
    }

    /// The wait before a restart that has `before` others before it.
    ///
    /// `backoff × 2^before`, at most the ceiling, and of that a random share between half and all, so that clients that
    /// failed together do not come back together.
    pub fn backoff(&self, before: u32, rng: &mut fastrand::Rng) -> Duration {
        let full = self
            .backoff
            .saturating_mul(2_u32.saturating_pow(before))
            .min(self.backoff_ceiling);
        full.mul_f64(0.5 + rng.f64() / 2.0)
    }
}

/// How a client ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// By itself, without a failure.
    Normal,
    /// By a failure.
    Failed(Cause),
}

/// What follows from the end of a child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Start it again after this wait.
    Restart(Duration),
    /// It ended as it may.
    Finish,
    /// Give it up.
    GiveUp(GiveUp),
}

words! {
    /// Why a client is given up.
    GiveUp {
        /// Its restart type asks for none.
        Temporary = "temporary",
        /// The cause will not go away by trying again.
        Final = "final",
        /// It used up its intensity within the period.
        BudgetSpent = "budget_spent",
    }
}

/// The restarts of one client that still count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestartHistory {
    /// Oldest first; none older than the period, and at most `intensity` of them.
    restarts: VecDeque<Instant>,
}

impl RestartHistory {
    /// Decides what follows an end at `now`, and remembers a restart against the budget. The backoff follows from the
    /// restarts in the window.
    pub fn decide(
        &mut self,
        policy: &RestartPolicy,
        end: End,
        now: Instant,
        rng: &mut fastrand::Rng,
    ) -> Decision {
        match (policy.restart, end) {
            (Restart::Transient | Restart::Temporary, End::Normal) => return Decision::Finish,
            (Restart::Temporary, End::Failed(_)) => return Decision::GiveUp(GiveUp::Temporary),
            (Restart::Permanent | Restart::Transient, End::Failed(cause))
                if !cause.is_retryable() =>
            {
                return Decision::GiveUp(GiveUp::Final);
            }
            (Restart::Permanent, End::Normal)
            | (Restart::Permanent | Restart::Transient, End::Failed(_)) => {}
        }
        while self
            .restarts
            .front()
            .is_some_and(|restart| now.saturating_duration_since(*restart) >= policy.period)
        {
            self.restarts.pop_front();
        }
        let used = u32::try_from(self.restarts.len()).unwrap_or(u32::MAX);
        if used >= policy.intensity {
            return Decision::GiveUp(GiveUp::BudgetSpent);
        }
        self.restarts.push_back(now);
        Decision::Restart(policy.backoff(used, rng))
    }

    /// Takes back what was spent since then: it was not the client that failed, but the router.
    pub fn forgive(&mut self, since: Instant) {
        self.restarts.retain(|restart| *restart < since);
    }

    /// The share of the budget that is used at `now`, 0 to 1.
    pub fn used_ratio(&self, policy: &RestartPolicy, now: Instant) -> f64 {
        policy.used_ratio(self.counting(policy.period, now))
    }

    /// How many restarts within `period` before `now` there were.
    pub(super) fn counting(&self, period: Duration, now: Instant) -> usize {
        let all = self.restarts.iter();
        all.filter(|restart| now.saturating_duration_since(**restart) < period)
            .count()
    }

    /// The restarts that are remembered, oldest first.
    pub fn restarts(&self) -> impl Iterator<Item = Instant> {
        self.restarts.iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAILED: End = End::Failed(Cause::NoOffer);

    fn policy(restart: Restart) -> RestartPolicy {
        RestartPolicy {
            restart,
            intensity: 3,
            period: Duration::from_secs(60),
            backoff: Duration::from_secs(1),
            backoff_ceiling: Duration::from_secs(3),
        }
    }

    fn decide(
        history: &mut RestartHistory,
        policy: &RestartPolicy,
        end: End,
        now: Instant,
    ) -> Decision {
        history.decide(policy, end, now, &mut fastrand::Rng::with_seed(1))
    }

    #[test]
    fn each_restart_type_answers_each_end_as_otp_says() {
        let now = Instant::now();
        let lasting = End::Failed(Cause::NameTaken);
        for (restart, end, restarts, otherwise) in [
            (Restart::Permanent, End::Normal, true, Decision::Finish),
            (Restart::Permanent, FAILED, true, Decision::Finish),
            (
                Restart::Permanent,
                lasting,
                false,
                Decision::GiveUp(GiveUp::Final),
            ),
            (Restart::Transient, End::Normal, false, Decision::Finish),
            (Restart::Transient, FAILED, true, Decision::Finish),
            (
                Restart::Transient,
                lasting,
                false,
                Decision::GiveUp(GiveUp::Final),
            ),
            (Restart::Temporary, End::Normal, false, Decision::Finish),
            (
                Restart::Temporary,
                FAILED,
                false,
                Decision::GiveUp(GiveUp::Temporary),
            ),
        ] {
            let decision = decide(&mut RestartHistory::default(), &policy(restart), end, now);
            if restarts {
                assert!(
                    matches!(decision, Decision::Restart(_)),
                    "{restart} {end:?}: {decision:?}"
                );
            } else {
                assert_eq!(decision, otherwise, "{restart} {end:?}");
            }
        }
    }

    #[test]
    fn the_budget_is_intensity_restarts_in_a_period_and_comes_back_with_time() {
        let (start, policy) = (Instant::now(), policy(Restart::Permanent));
        let mut history = RestartHistory::default();
        for second in 0..3 {
            let now = start + Duration::from_secs(second);
            assert!(matches!(
                decide(&mut history, &policy, FAILED, now),
                Decision::Restart(_)
            ));
        }
        let spent = start + Duration::from_secs(59);
        assert!((history.used_ratio(&policy, spent) - 1.0).abs() < f64::EPSILON);
        let refused = decide(&mut history, &policy, FAILED, spent);
        assert_eq!(refused, Decision::GiveUp(GiveUp::BudgetSpent));
        let later = start + Duration::from_secs(61);
        assert!(matches!(
            decide(&mut history, &policy, FAILED, later),
            Decision::Restart(_)
        ));
    }

    #[test]
    fn what_an_outage_cost_is_given_back_and_what_was_spent_before_is_not() {
        let (start, policy) = (Instant::now(), policy(Restart::Permanent));
        let at = |second| start + Duration::from_secs(second);
        let mut history = RestartHistory::default();
        for second in [0, 10, 11] {
            decide(&mut history, &policy, FAILED, at(second));
        }
        history.forgive(at(10));
        assert!((history.used_ratio(&policy, at(12)) - 1.0 / 3.0).abs() < f64::EPSILON);
    }

    #[test]
    fn the_backoff_doubles_up_to_its_ceiling_with_jitter_below() {
        let (now, policy) = (Instant::now(), policy(Restart::Permanent));
        let mut history = RestartHistory::default();
        for (least, most) in [(500, 1_000), (1_000, 2_000), (1_500, 3_000)] {
            let Decision::Restart(wait) = decide(&mut history, &policy, FAILED, now) else {
                panic!("within the budget");
            };
            let expected = Duration::from_millis(least)..=Duration::from_millis(most);
            assert!(expected.contains(&wait), "{wait:?} is not in {expected:?}");
        }
    }
}
