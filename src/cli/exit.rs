//! How the program ends, as whoever started it sees it.

use std::fmt;
use std::process::ExitCode;

use lanherd::bdd::results::Results;
use lanherd::objective::Verdict;

/// The exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All well.
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
    /// The number.
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
    pub fn of_results(results: &Results) -> Self {
        if results.is_success() {
            Self::Well
        } else if results.is_inconclusive() {
            Self::Inconclusive
        } else {
            Self::Failed
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

/// What a run demands of its pings, lookups, fetches and commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// Each client succeeds with each at least once; some may be lost.
    SomeAnswers,
    /// All succeed.
    EveryAnswer,
}

/// How many objectives of a run came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Objectives {
    /// Did not hold.
    pub failed: u64,
    /// Did not hold, which may be the tester's doing; a drift among them, if it should not have been.
    pub inconclusive: u64,
}

impl Objectives {
    /// Counts one.
    pub const fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Passed => {}
            Verdict::Failed => self.failed += 1,
            Verdict::Inconclusive => self.inconclusive += 1,
        }
    }
}

/// What came of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Whether somebody ended it early.
    pub interrupted: bool,
    /// Clients that were asked for.
    pub wanted: u64,
    /// Clients that were online at the end.
    pub online: u64,
    /// Pairs of a client that was online and something it was to do, such as a target to ping, without one success.
    pub unanswered: u64,
    /// Pings without an answer, and whatever else did not succeed.
    pub lost: u64,
    /// Things that could not be removed, and steps of the end that failed.
    pub troubles: u64,
    /// Whether a figure drifted, and should not have.
    pub drifted: bool,
    /// What became of the objectives.
    pub objectives: Objectives,
}

impl Outcome {
    /// The exit code that it deserves.
    pub const fn exit(&self, demand: Demand) -> Exit {
        if self.interrupted {
            return Exit::Interrupted;
        }
        let lost = match demand {
            Demand::SomeAnswers => 0,
            Demand::EveryAnswer => self.lost,
        };
        let failed = self.online < self.wanted || self.unanswered > 0 || lost > 0;
        let failed = failed || self.objectives.failed > 0;
        if failed || self.troubles > 0 || self.drifted {
            Exit::Failed
        } else if self.objectives.inconclusive > 0 {
            Exit::Inconclusive
        } else {
            Exit::Well
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Outcome = Outcome {
        interrupted: false,
        wanted: 10,
        online: 10,
        unanswered: 0,
        lost: 0,
        troubles: 0,
        drifted: false,
        objectives: Objectives {
            failed: 0,
            inconclusive: 0,
        },
    };

    #[test]
    fn objectives_fail_a_run_and_what_is_inconclusive_has_its_code_only_where_nothing_failed() {
        let with = |verdicts: &[Verdict], outcome: Outcome| {
            let mut objectives = Objectives::default();
            for verdict in verdicts {
                objectives.add(*verdict);
            }
            Outcome {
                objectives,
                ..outcome
            }
            .exit(Demand::SomeAnswers)
        };
        let (passed, failed, open) = (Verdict::Passed, Verdict::Failed, Verdict::Inconclusive);
        let offline = Outcome { online: 9, ..WELL };
        let interrupted = Outcome {
            interrupted: true,
            ..WELL
        };
        for (verdicts, outcome, exit) in [
            (&[passed, passed][..], WELL, Exit::Well),
            (&[passed, open], WELL, Exit::Inconclusive),
            (&[failed, open], WELL, Exit::Failed),
            (&[failed], WELL, Exit::Failed),
            (&[open], offline, Exit::Failed),
            (&[open, failed], interrupted, Exit::Interrupted),
        ] {
            assert_eq!(with(verdicts, outcome), exit, "{verdicts:?} {outcome:?}");
        }
    }

    #[test]
    fn a_run_is_well_only_if_everybody_is_online_answered_and_gone_without_a_trace() {
        assert_eq!(WELL.exit(Demand::EveryAnswer), Exit::Well);
        for bad in [
            Outcome { online: 9, ..WELL },
            Outcome {
                unanswered: 1,
                ..WELL
            },
            Outcome {
                troubles: 1,
                ..WELL
            },
            Outcome {
                drifted: true,
                ..WELL
            },
        ] {
            assert_eq!(bad.exit(Demand::SomeAnswers), Exit::Failed, "{bad:?}");
        }
    }

    #[test]
    fn a_lost_ping_fails_the_demo_and_no_other_run() {
        let lossy = Outcome { lost: 1, ..WELL };
        assert_eq!(lossy.exit(Demand::SomeAnswers), Exit::Well);
        assert_eq!(lossy.exit(Demand::EveryAnswer), Exit::Failed);
    }

    #[test]
    fn an_interrupted_run_says_so_whatever_else_happened() {
        let interrupted = Outcome {
            interrupted: true,
            online: 3,
            ..WELL
        };
        assert_eq!(interrupted.exit(Demand::SomeAnswers), Exit::Interrupted);
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
