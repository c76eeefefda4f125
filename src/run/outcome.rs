//! What came of a run: its report, and whether it passed.

mod judging;

use std::fmt;
use std::time::Duration;

pub(super) use self::judging::{EndDoubt, reasons};
use super::RunMode;
use crate::objective::Verdict;
use crate::objective::wait::lateness;
use crate::report::{Report, ReportFileError};
use crate::stats::Attempts;
use crate::testbed::CloseReport;

/// What came of a run that was opened and closed, whether or not it went well.
#[derive(Debug)]
#[non_exhaustive]
pub struct Outcome {
    /// Every figure of the run.
    pub report: Report,
    /// What came of closing the testbed.
    pub closed: CloseReport,
    /// Whether the run was cancelled before it came to its end.
    pub is_interrupted: bool,
    /// Every reason why the run did not pass; empty if it passed.
    pub reasons: Vec<Reason>,
}

impl Outcome {
    /// Failed if there is any reason for that; else inconclusive if there is any reason for that; else passed.
    pub fn verdict(&self) -> Verdict {
        verdict(&self.reasons)
    }

    /// The report of a run that passed; of any other, and of one that was interrupted, an error that says why.
    pub fn passed(self) -> Result<Report, NotPassed> {
        match self.verdict() {
            Verdict::Passed if !self.is_interrupted => Ok(self.report),
            verdict => Err(NotPassed {
                verdict,
                is_interrupted: self.is_interrupted,
                reasons: self.reasons,
            }),
        }
    }
}

impl fmt::Display for Outcome {
    /// The run in a line: `10 of 10 clients were online at the end, 10 of 10 pings were answered: passed`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let totals = &self.report.totals;
        write!(
            f,
            "{} of {} clients were online at the end",
            totals.online, totals.wanted
        )?;
        for (kind, total) in totals.activities.iter() {
            let (Attempts { all, succeeded }, about) = (total.attempts, kind.about());
            if all > 0 {
                let (many, well) = (about.many, about.did_well);
                write!(f, ", {succeeded} of {all} {many} {well}")?;
            }
        }
        if self.is_interrupted {
            f.write_str(": interrupted")
        } else {
            write!(f, ": {}", self.verdict())
        }
    }
}

/// A run that did not pass.
///
/// Its `Debug` form is the message, since that is what a program prints whose `main` returns the error.
#[non_exhaustive]
pub struct NotPassed {
    /// Failed or inconclusive; or passed, if the run was interrupted and nothing else is to be said against it.
    pub verdict: Verdict,
    /// Whether the run was cancelled before it came to its end.
    pub is_interrupted: bool,
    /// Why it did not pass.
    pub reasons: Vec<Reason>,
}

impl fmt::Display for NotPassed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = match (self.is_interrupted, self.verdict) {
            (true, _) => "the run was interrupted",
            (false, Verdict::Inconclusive) => "the run is inconclusive",
            (false, Verdict::Passed | Verdict::Failed) => "the run failed",
        };
        f.write_str(head)?;
        for (index, reason) in self.reasons.iter().enumerate() {
            f.write_str(if index == 0 { ": " } else { "; " })?;
            reason.fmt(f)?;
        }
        Ok(())
    }
}

impl fmt::Debug for NotPassed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for NotPassed {}

/// Why a run did not pass. Its text is a sentence for people, without a full stop.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reason {
    /// Clients were not online at the end that should have been.
    Offline {
        /// How many should have been online.
        wanted: u64,
        /// How many were.
        online: u64,
    },
    /// The same, but nothing came in time for any of those that were not, and the tester may have slept through half of the time
    /// that a client has to get a lease.
    OfflineInconclusive {
        /// How many should have been online.
        wanted: u64,
        /// How many were.
        online: u64,
        /// How late the tester was at worst in that time.
        worst: Duration,
    },
    /// Clients were online and never succeeded with something that they were to do, such as a target to ping.
    NeverSucceeded {
        /// How many pairs there are of a client and such a thing.
        pairs: u64,
    },
    /// Attempts failed, of which each should have succeeded ([`RunMode::PingOnce`]).
    AttemptsFailed {
        /// How many attempts failed.
        attempts: u64,
    },
    /// A figure of a soak became worse than chance explains, which was to fail the run.
    Drifted,
    /// A figure of a soak became worse, and the tester's own lateness may be why.
    DriftInconclusive,
    /// An objective does not hold, or cannot be judged.
    Objective {
        /// The objective in words.
        text: String,
        /// What is so, and what should be.
        words: String,
        /// Failed or inconclusive.
        verdict: Verdict,
    },
    /// The testbed could not be closed in order.
    NotClosed {
        /// What went wrong.
        trouble: String,
    },
    /// The report, or its page, could not be written.
    NotWritten(ReportFileError),
}

impl Reason {
    /// What it makes of the run: failed or inconclusive.
    pub const fn verdict(&self) -> Verdict {
        match self {
            Self::Offline { .. }
            | Self::NeverSucceeded { .. }
            | Self::AttemptsFailed { .. }
            | Self::Drifted
            | Self::NotClosed { .. }
            | Self::NotWritten(_) => Verdict::Failed,
            Self::DriftInconclusive | Self::OfflineInconclusive { .. } => Verdict::Inconclusive,
            Self::Objective { verdict, .. } => *verdict,
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offline { wanted, online } => {
                write!(f, "{online} of {wanted} clients were online at the end")
            }
            Self::OfflineInconclusive {
                wanted,
                online,
                worst,
            } => write!(
                f,
                "{online} of {wanted} clients were online at the end; but {}: inconclusive; take fewer clients or a faster machine",
                lateness(*worst)
            ),
            Self::NeverSucceeded { pairs } => write!(
                f,
                "{pairs} times a client was online and never succeeded with something that it was to do"
            ),
            Self::AttemptsFailed { attempts } => write!(f, "{attempts} attempts failed"),
            Self::Drifted => f.write_str("a figure drifted from the beginning of the soak to its end"),
            Self::DriftInconclusive => f.write_str(
                "a figure drifted from the beginning of the soak to its end, and the tester's own lateness may be why",
            ),
            Self::Objective {
                text,
                words,
                verdict,
            } => write!(f, "{verdict}: {text}: {words}"),
            Self::NotClosed { trouble } => f.write_str(trouble),
            Self::NotWritten(error) => error.fmt(f),
        }
    }
}

/// What reasons come to.
pub(super) fn verdict(reasons: &[Reason]) -> Verdict {
    let has = |verdict| reasons.iter().any(|reason| reason.verdict() == verdict);
    if has(Verdict::Failed) {
        Verdict::Failed
    } else if has(Verdict::Inconclusive) {
        Verdict::Inconclusive
    } else {
        Verdict::Passed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objective(verdict: Verdict) -> Reason {
        Reason::Objective {
            text: "restarts > 3".to_owned(),
            words: "there were 4".to_owned(),
            verdict,
        }
    }

    #[test]
    fn objectives_fail_a_run_and_it_is_inconclusive_only_where_nothing_failed() {
        let (failed, open) = (Verdict::Failed, Verdict::Inconclusive);
        let offline = || Reason::Offline {
            wanted: 10,
            online: 9,
        };
        for (reasons, expected) in [
            (vec![], Verdict::Passed),
            (vec![objective(open)], open),
            (vec![objective(failed), objective(open)], failed),
            (vec![objective(open), objective(failed)], failed),
            (vec![offline(), objective(open)], failed),
            (vec![Reason::DriftInconclusive], open),
            (vec![Reason::DriftInconclusive, Reason::Drifted], failed),
        ] {
            assert_eq!(verdict(&reasons), expected, "{reasons:?}");
        }
    }

    #[test]
    fn a_run_that_did_not_pass_says_every_reason_also_where_main_returns_it() {
        let error = NotPassed {
            verdict: Verdict::Failed,
            is_interrupted: false,
            reasons: vec![
                Reason::Offline {
                    wanted: 10,
                    online: 9,
                },
                objective(Verdict::Failed),
            ],
        };
        assert_eq!(
            format!("{error:?}"),
            "the run failed: 9 of 10 clients were online at the end; failed: restarts > 3: there were 4"
        );
    }

    #[test]
    fn what_could_not_be_closed_fails_a_run() {
        let trouble = Reason::NotClosed {
            trouble: "the lab was not stopped".to_owned(),
        };
        assert_eq!(verdict(&[trouble]), Verdict::Failed);
    }
}
