//! Figures of one activity, of whatever kind.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::{Distribution, Precision, add_counts};
use crate::activity::{AttemptOutcome, Detail, Ending, Kind, Subject};
use crate::family::Family;

/// What became of one client's attempts of one activity, or of those of many clients.
#[derive(Debug, Clone)]
pub struct ActivityStats {
    /// What was done to what.
    pub subject: Subject,
    /// Attempts that came to an answer, by what was answered; empty where the kind does not tell answers apart.
    pub answers: BTreeMap<Cow<'static, str>, u64>,
    /// Attempts that came to none by cause, those that were never made among them.
    pub failed: BTreeMap<&'static str, u64>,
    /// How long those took that came to an answer, whatever it said.
    pub time: Distribution,
    /// How long each phase took, where it came to its end; empty where the kind has no phases.
    pub phases: BTreeMap<&'static str, Distribution>,
    /// What only the kind knows.
    pub detail: Detail,
    precision: Precision,
    attempts: u64,
    successes: u64,
    /// Those of which the family is known, by family.
    by_family: [Attempts; Family::ALL.len()],
    last_failure: Option<String>,
}

impl ActivityStats {
    /// Nothing counted yet, of many clients together.
    pub fn new(subject: Subject) -> Self {
        Self::with_precision(subject, Precision::Ample)
    }

    /// Nothing counted yet, of one client: a herd has as many of these as clients.
    pub fn of_client(subject: Subject) -> Self {
        Self::with_precision(subject, Precision::Fixed)
    }

    fn with_precision(subject: Subject, precision: Precision) -> Self {
        Self {
            detail: subject.detail(),
            subject,
            answers: BTreeMap::new(),
            failed: BTreeMap::new(),
            time: Distribution::new(precision),
            phases: BTreeMap::new(),
            precision,
            attempts: 0,
            successes: 0,
            by_family: [Attempts::default(); Family::ALL.len()],
            last_failure: None,
        }
    }

    /// Counts one outcome.
    pub fn record(&mut self, outcome: &AttemptOutcome) {
        self.attempts += 1;
        self.successes += u64::from(outcome.is_success());
        if let Some(family) = outcome.family {
            let of_family = &mut self.by_family[family as usize];
            of_family.all += 1;
            of_family.succeeded += u64::from(outcome.is_success());
        }
        match &outcome.ending {
            Ending::Answered { answer, .. } => {
                if let Some(answer) = answer {
                    *self.answers.entry(answer.clone()).or_default() += 1;
                }
            }
            Ending::Failed(cause) => *self.failed.entry(cause).or_default() += 1,
        }
        if let Some(took) = outcome.took {
            self.time.record(took);
        }
        for (phase, took) in &outcome.phases {
            self.phase(phase).record(*took);
        }
        self.detail.record(&outcome.detail);
        if outcome.why.is_some() {
            self.last_failure.clone_from(&outcome.why);
        }
    }

    fn phase(&mut self, phase: &'static str) -> &mut Distribution {
        let precision = self.precision;
        self.phases
            .entry(phase)
            .or_insert_with(|| Distribution::new(precision))
    }

    /// Adds all of `other`, of any client.
    pub fn add(&mut self, other: &Self) {
        self.attempts += other.attempts;
        self.successes += other.successes;
        for (own, other) in self.by_family.iter_mut().zip(other.by_family) {
            own.all += other.all;
            own.succeeded += other.succeeded;
        }
        add_counts(&mut self.answers, &other.answers);
        add_counts(&mut self.failed, &other.failed);
        self.time.add(&other.time);
        for (phase, times) in &other.phases {
            self.phase(phase).add(times);
        }
        self.detail.add(&other.detail);
        if other.last_failure.is_some() {
            self.last_failure.clone_from(&other.last_failure);
        }
    }

    /// Of what kind it is.
    pub const fn kind(&self) -> Kind {
        self.subject.kind()
    }

    /// Attempts that were wanted, those that were never made included.
    pub const fn attempts(&self) -> u64 {
        self.attempts
    }

    /// Attempts that succeeded.
    pub const fn successes(&self) -> u64 {
        self.successes
    }

    /// Attempts that went over that family, or would have.
    pub const fn over(&self, family: Family) -> Attempts {
        self.by_family[family as usize]
    }

    /// Attempts that did not, those that were never made included.
    pub const fn failures(&self) -> u64 {
        self.attempts - self.successes
    }

    /// The share of attempts that did not succeed; `None` where none was wanted.
    pub fn failure_share(&self) -> Option<f64> {
        (self.attempts > 0).then(|| self.failures() as f64 / self.attempts as f64)
    }

    /// Whether all attempts, and at least one, succeeded.
    pub const fn is_success(&self) -> bool {
        self.successes > 0 && self.failures() == 0
    }

    /// How often attempts came to no answer for this cause.
    pub fn failed_with(&self, cause: &str) -> u64 {
        self.failed.get(cause).copied().unwrap_or_default()
    }

    /// The cause that occurred most.
    pub fn main_cause(&self) -> Option<&'static str> {
        let most = self.failed.iter().max_by_key(|(_, count)| **count);
        most.map(|(cause, _)| *cause)
    }

    /// The words of all that went wrong: causes, and answers that are none of a success.
    pub fn complaints(&self) -> Vec<&'static str> {
        let about = self.kind().about();
        let bad = about.bad_answers.iter();
        let bad = bad.filter(|answer| self.answers.contains_key(**answer));
        bad.chain(self.failed.keys()).copied().collect()
    }

    /// The particulars of the latest that failed, for a person to read.
    pub fn last_failure(&self) -> Option<&str> {
        self.last_failure.as_deref()
    }
}

/// How often something was attempted, and how often it succeeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attempts {
    /// Attempts that were wanted, those that were never made included.
    pub all: u64,
    /// Attempts that succeeded.
    pub succeeded: u64,
}

impl Attempts {
    /// Attempts that did not succeed.
    pub const fn failed(self) -> u64 {
        self.all.saturating_sub(self.succeeded)
    }
}

impl<'a> std::iter::Sum<&'a ActivityStats> for Attempts {
    fn sum<I: Iterator<Item = &'a ActivityStats>>(all: I) -> Self {
        all.fold(Self::default(), |sum, stats| Self {
            all: sum.all + stats.attempts,
            succeeded: sum.succeeded + stats.successes,
        })
    }
}
