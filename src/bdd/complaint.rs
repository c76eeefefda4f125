//! Why a step failed, for a tester to act on.

use std::fmt::{self, Write as _};

use crate::identity::ClientNumber;
use crate::lan::SabotageError;
use crate::pool::PoolError;

/// Why a step did not pass. The first line says what is so; the lines below it which clients, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Complaint {
    text: String,
    is_inconclusive: bool,
}

impl Complaint {
    /// With this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_inconclusive: false,
        }
    }

    /// That nothing can be said of the router: what was measured may be the tester's own doing, and the text says why.
    pub fn inconclusive(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_inconclusive: true,
        }
    }

    /// Whether it leaves open that the router is well.
    pub const fn is_inconclusive(&self) -> bool {
        self.is_inconclusive
    }

    /// Of what a step was told, which cannot be meant.
    pub fn of_word(word: &str, why: impl fmt::Display) -> Self {
        Self::new(format!("{word:?}: {why}"))
    }

    /// Of some of `all` clients, each with its reason; the first of them are named. `what` is said in the past tense, or with
    /// a modal verb, so that it suits one and many.
    pub(super) fn of_clients(
        what: &str,
        culprits: &[(ClientNumber, String)],
        all: usize,
        tolerance: &str,
    ) -> Self {
        /// So many clients are named; a thousand lines tell no more than these.
        const NAMED: usize = 10;
        let mut text = format!(
            "{} of {all} client{} {what}{tolerance}:",
            culprits.len(),
            if all == 1 { "" } else { "s" },
        );
        for (number, why) in culprits.iter().take(NAMED) {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n  client {number}: {why}");
        }
        if culprits.len() > NAMED {
            let _ = write!(text, "\n  and {} more", culprits.len() - NAMED);
        }
        Self::new(text)
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Complaint {}

impl From<PoolError> for Complaint {
    fn from(error: PoolError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<SabotageError> for Complaint {
    fn from(error: SabotageError) -> Self {
        Self::new(error.to_string())
    }
}
