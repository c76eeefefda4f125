//! What became of scenarios and steps, and of how many.

use serde::Serialize;

use lanherd_types::words;

words! {
    /// What became of a scenario, or of a step.
    Outcome {
        /// As it should be.
        Passed = "passed",
        /// Something is not as it should be.
        Failed = "failed",
        /// What was measured may be the tester's own doing: nothing is said of the router.
        Inconclusive = "inconclusive",
        /// A step that nobody knows.
        Undefined = "undefined",
        /// It was not come to.
        Skipped = "skipped",
        /// The run was ended while it was under way.
        Interrupted = "interrupted",
    }
}

/// How many scenarios or steps came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OutcomeCounts {
    /// Those that passed.
    pub passed: usize,
    /// Those that failed.
    pub failed: usize,
    /// Those that were inconclusive.
    pub inconclusive: usize,
    /// Those that nobody knew.
    pub undefined: usize,
    /// Those that were skipped.
    pub skipped: usize,
    /// Those that were interrupted.
    pub interrupted: usize,
}

impl OutcomeCounts {
    pub(super) fn of(outcomes: impl Iterator<Item = Outcome>) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            *match outcome {
                Outcome::Passed => &mut counts.passed,
                Outcome::Failed => &mut counts.failed,
                Outcome::Inconclusive => &mut counts.inconclusive,
                Outcome::Undefined => &mut counts.undefined,
                Outcome::Skipped => &mut counts.skipped,
                Outcome::Interrupted => &mut counts.interrupted,
            } += 1;
        }
        counts
    }

    /// All of them.
    pub const fn total(&self) -> usize {
        self.passed
            + self.failed
            + self.inconclusive
            + self.undefined
            + self.skipped
            + self.interrupted
    }

    /// `12 passed, 1 failed`: what there is none of is not said, but passed always is.
    pub fn words(&self) -> String {
        let more = [
            (self.failed, "failed"),
            (self.inconclusive, "inconclusive"),
            (self.undefined, "undefined"),
            (self.skipped, "skipped"),
            (self.interrupted, "interrupted"),
        ];
        let more = more.into_iter().filter(|(count, _)| *count > 0);
        let more = more.map(|(count, word)| format!(", {count} {word}"));
        format!("{} passed{}", self.passed, more.collect::<String>())
    }
}
