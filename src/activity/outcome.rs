//! What became of one attempt, of whatever kind.

use std::borrow::Cow;
use std::time::Duration;

use super::kind::Cause;
use super::{Detail, Subject};
use crate::family::Family;

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptOutcome {
    /// How it ended.
    pub ending: Ending,
    /// How long it took, where it came to an answer.
    pub took: Option<Duration>,
    /// How long each phase took that came to its end, in their order; none where the kind has no phases.
    pub phases: Vec<(&'static str, Duration)>,
    /// The family that it went over, where that is known.
    pub family: Option<Family>,
    /// What only its kind knows.
    pub detail: Detail,
    /// The particulars, for a person to read, where it did not succeed.
    pub why: Option<String>,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It came to an answer.
    Answered {
        /// What was answered, where the kind tells answers apart.
        answer: Option<Cow<'static, str>>,
        /// Whether that is a success.
        is_success: bool,
    },
    /// It came to none: why, of the kind's closed list.
    Failed(&'static str),
}

/// Why an attempt was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SkipReason {
    /// The client was not online.
    Offline,
    /// The tester itself failed.
    Tester,
}

impl SkipReason {
    /// The word that every kind has for it among its causes.
    pub const fn cause(self) -> &'static str {
        match self {
            Self::Offline => Cause::OFFLINE.word,
            Self::Tester => Cause::TESTER.word,
        }
    }
}

impl AttemptOutcome {
    /// Of an attempt that came to no answer.
    pub fn failed(cause: &'static str, why: String, detail: Detail) -> Self {
        Self {
            ending: Ending::Failed(cause),
            took: None,
            phases: Vec::new(),
            family: None,
            detail,
            why: Some(why),
        }
    }

    /// Of an attempt that could not be made.
    pub fn skipped(subject: &Subject, reason: SkipReason) -> Self {
        let cause = reason.cause();
        let why = format!("{}: {cause}", subject.quoted());
        Self::failed(cause, why, subject.detail())
    }

    /// Of one that goes over a family which the client is not to have.
    pub(super) fn not_spoken(subject: &Subject, family: Family) -> Self {
        let cause = SkipReason::Offline.cause();
        let why = format!(
            "{}: {cause}: the client is not to have {}",
            subject.quoted(),
            family.name()
        );
        Self::failed(cause, why, subject.detail())
    }

    /// Whether it succeeded.
    pub const fn is_success(&self) -> bool {
        matches!(
            self.ending,
            Ending::Answered {
                is_success: true,
                ..
            }
        )
    }
}
