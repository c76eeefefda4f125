//! Why a step failed, for a tester to act on.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::identity::ClientNumber;
use crate::lan::InjectError;
use crate::objective::wait::lateness;
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

    /// The same, but what it says may be the tester's own doing, which was late by `worst` at worst. The tester is told of in the
    /// first line.
    pub(super) fn doubted(self, worst: Duration) -> Self {
        let (first, rest) = match self.text.split_once('\n') {
            Some((first, rest)) => (first, format!("\n{rest}")),
            None => (self.text.as_str(), String::new()),
        };
        let (said, ending) = match first.strip_suffix(':') {
            Some(said) if !rest.is_empty() => (said, ":"),
            _ => (first, ""),
        };
        let tester = lateness(worst);
        Self::inconclusive(format!(
            "{said}; but {tester}: inconclusive; take fewer clients or a faster machine{ending}{rest}"
        ))
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

/// Why one client is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ClientComplaint {
    pub text: String,
    /// Where it may be the tester's own doing: how late that was at worst in the time in question.
    pub tester: Option<Duration>,
}

impl From<String> for ClientComplaint {
    /// Of one in which the tester has no part.
    fn from(text: String) -> Self {
        Self { text, tester: None }
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

impl From<InjectError> for Complaint {
    fn from(error: InjectError) -> Self {
        Self::new(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORST: Duration = Duration::from_secs(3);

    #[test]
    fn a_complaint_in_which_the_tester_may_have_part_says_so_in_its_first_line_and_is_inconclusive()
    {
        let culprits = [(ClientNumber(2), "not online".to_owned())];
        let complaint = Complaint::of_clients("did not recover within 5s", &culprits, 3, "");
        assert!(!complaint.is_inconclusive());
        let doubted = complaint.doubted(WORST);
        assert!(doubted.is_inconclusive());
        assert_eq!(
            doubted.to_string(),
            "1 of 3 clients did not recover within 5s; but the tester itself woke up to 3 s late in that time: inconclusive; take \
             fewer clients or a faster machine:\n  client 2: not online"
        );
        let doubted = Complaint::new("it came late").doubted(Duration::ZERO);
        assert_eq!(
            doubted.to_string(),
            "it came late; but that is the tester's own failure: inconclusive; take fewer clients or a faster machine"
        );
    }
}
