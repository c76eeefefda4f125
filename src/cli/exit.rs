//! How the program ends, as whoever started it sees it.

use std::fmt;
use std::process::ExitCode;

#[cfg(feature = "bdd")]
use lanherd::bdd::results::Results;
use lanherd::objective::Verdict;
use lanherd::run::Outcome;

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All went well.
    Well,
    /// Clients or objectives failed.
    Failed,
    /// What was asked for cannot be meant.
    Usage,
    /// The environment cannot do it.
    Environment,
    /// Nothing failed, but something was inconclusive: what was measured may be the tester's own doing. `git bisect run` skips
    /// a commit of which it is told this.
    Inconclusive,
    /// Interrupted, by Ctrl-C or by a service manager.
    Interrupted,
    /// The program that was to be run cannot be; as shells say it.
    NotExecutable,
    /// There is no such program; as shells say it.
    NoSuchProgram,
}

impl Exit {
    /// The exit code as a number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Well => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Environment => 3,
            Self::Inconclusive => 125,
            Self::NotExecutable => 126,
            Self::NoSuchProgram => 127,
            Self::Interrupted => 130,
        }
    }

    /// What came of feature files.
    #[cfg(feature = "bdd")]
    pub fn of_results(results: &Results) -> Self {
        if results.is_success() {
            Self::Well
        } else if results.is_inconclusive() {
            Self::Inconclusive
        } else {
            Self::Failed
        }
    }

    /// What came of a run.
    pub fn of_outcome(outcome: &Outcome) -> Self {
        Self::of_verdict(outcome.verdict(), outcome.is_interrupted)
    }

    const fn of_verdict(verdict: Verdict, is_interrupted: bool) -> Self {
        match verdict {
            _ if is_interrupted => Self::Interrupted,
            Verdict::Passed => Self::Well,
            Verdict::Failed => Self::Failed,
            Verdict::Inconclusive => Self::Inconclusive,
        }
    }

    /// What an error that ended the program means: a [`UsageError`] is the user's; all others are the environment's.
    pub fn of_error(error: &anyhow::Error) -> Self {
        if error.is::<UsageError>() {
            Self::Usage
        } else {
            Self::Environment
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// An error that the user can only mend by asking for something else.
#[derive(Debug)]
pub struct UsageError(pub String);

impl UsageError {
    /// Of whatever says so.
    pub fn because(error: impl fmt::Display) -> anyhow::Error {
        Self(error.to_string()).into()
    }
}

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

/// An error with all its causes, each said once: many errors name their cause themselves.
pub fn causes(error: &anyhow::Error) -> String {
    let mut said = error.to_string();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        if !said.contains(&cause) {
            said.push_str(": ");
            said.push_str(&cause);
        }
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_verdict_has_its_exit_code_and_an_interrupted_run_says_so_whatever_else_happened() {
        for (verdict, exit) in [
            (Verdict::Passed, Exit::Well),
            (Verdict::Inconclusive, Exit::Inconclusive),
            (Verdict::Failed, Exit::Failed),
        ] {
            assert_eq!(Exit::of_verdict(verdict, false), exit);
            assert_eq!(Exit::of_verdict(verdict, true), Exit::Interrupted);
        }
    }

    #[test]
    fn what_is_inconclusive_has_an_exit_code_that_git_bisect_skips_and_that_no_other_end_has() {
        assert_eq!(Exit::Inconclusive.code(), 125);
        let others = [
            Exit::Well,
            Exit::Failed,
            Exit::Usage,
            Exit::Environment,
            Exit::Interrupted,
            Exit::NotExecutable,
            Exit::NoSuchProgram,
        ];
        assert!(others.iter().all(|other| other.code() != 125));
    }

    #[test]
    fn a_cause_is_said_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("the file cannot be read: {0}")]
        struct Unreadable(#[source] std::io::Error);
        let denied = || std::io::Error::from_raw_os_error(1);
        let error = anyhow::Error::new(Unreadable(denied())).context("no run");
        assert_eq!(
            causes(&error),
            "no run: the file cannot be read: Operation not permitted (os error 1)"
        );
        let error = anyhow::Error::new(denied()).context("no run");
        assert_eq!(
            causes(&error),
            "no run: Operation not permitted (os error 1)"
        );
    }

    #[test]
    fn an_error_is_the_environments_unless_it_is_the_users_also_under_a_context() {
        let usage = UsageError::because("0 clients").context("reading the options");
        assert_eq!(Exit::of_error(&usage), Exit::Usage);
        assert_eq!(
            Exit::of_error(&anyhow::anyhow!("no such parent")),
            Exit::Environment
        );
    }
}
