//! What clients are told to do: what, to what, how often, and how long each time may take.

use std::time::Duration;

use super::kind::ActivityKind;
use super::{AttemptOutcome, ClientContext, FamilyChoice, SkipReason, Subject};
use crate::lan::Port;

/// Something that a client does once, or over and over: of one kind, by the type of what it is done to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec<S> {
    /// What it is done to.
    pub subject: S,
    /// How many attempts; `None`: until the client goes.
    pub count: Option<u32>,
    /// From one attempt to the next, whether or not that has come to its end.
    pub interval: Duration,
    /// How long one attempt may take.
    pub timeout: Duration,
}

/// The same, of any kind.
pub type Activity = Spec<Subject>;

/// How often something is attempted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How many attempts; `None`: until the client goes.
    pub count: Option<u32>,
    /// From one attempt to the next, whether or not that has come to its end.
    pub interval: Duration,
}

impl Pace {
    /// One attempt per second where nothing else is said.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);
}

impl<S: ActivityKind> Spec<S> {
    /// One attempt per second where nothing else is said.
    pub const DEFAULT_INTERVAL: Duration = Pace::DEFAULT_INTERVAL;
    /// How long an attempt may take where nothing else is said.
    pub const DEFAULT_TIMEOUT: Duration = S::TIMEOUT;

    /// What makes one attempt, and no more.
    pub fn once(subject: impl Into<S>) -> Self {
        Self::times(subject, 1)
    }

    /// `count` attempts, one a second.
    pub fn times(subject: impl Into<S>, count: u32) -> Self {
        Self {
            count: Some(count),
            ..Self::every(subject, Self::DEFAULT_INTERVAL)
        }
    }

    /// An attempt every `interval`, until the client goes.
    pub fn every(subject: impl Into<S>, interval: Duration) -> Self {
        Self {
            subject: subject.into(),
            count: None,
            interval,
            timeout: S::TIMEOUT,
        }
    }
}

impl Activity {
    /// One attempt of what is done to `subject`, with the time that its kind has where nothing else is said.
    pub fn new(subject: Subject) -> Self {
        let timeout = subject.kind().timeout();
        Self {
            subject,
            count: Some(1),
            interval: Pace::DEFAULT_INTERVAL,
            timeout,
        }
    }

    /// How often it is attempted.
    pub const fn pace(&self) -> Pace {
        Pace {
            count: self.count,
            interval: self.interval,
        }
    }

    /// The same with an end: after one attempt where no count is given.
    #[must_use]
    pub fn with_an_end(mut self) -> Self {
        self.count.get_or_insert(1);
        self
    }

    /// The longest that a run of a given count can last; `None` for one without end.
    pub fn duration(&self) -> Option<Duration> {
        let gaps = self.count?.saturating_sub(1);
        let waits = self.interval.saturating_mul(gaps);
        Some(waits.saturating_add(self.patience()))
    }

    /// The longest that one attempt can last.
    pub fn patience(&self) -> Duration {
        self.subject.patience(self.timeout)
    }

    /// Does it once.
    pub(super) async fn attempt<P: Port>(&self, client: &ClientContext<P>) -> AttemptOutcome {
        let choice = self.subject.family_choice(client.families);
        let mut outcome = match choice {
            FamilyChoice::Only(family) if !client.families.include(family) => {
                AttemptOutcome::not_spoken(&self.subject, family)
            }
            _ => self.subject.attempt(self.timeout, client).await,
        };
        outcome.family = match choice {
            FamilyChoice::Only(family) => Some(family),
            FamilyChoice::Either | FamilyChoice::All => outcome.detail.family(),
        };
        outcome
    }

    /// What is told of an attempt that could not be made.
    pub fn skipped(&self, reason: SkipReason) -> AttemptOutcome {
        AttemptOutcome::skipped(&self.subject, reason)
    }
}
