//! What of a report, and of how its run ended, is a reason why the run did not pass.

use std::time::Duration;

use super::{Reason, RunMode};
use crate::objective::Verdict;
use crate::phase::{Cause, Phase};
use crate::pool::{ClientStatus, HerdStatus};
use crate::report::Report;
use crate::stats::Signal;
use crate::testbed::CloseReport;
use crate::tester::TesterFigures;

/// What is looked at in a report to judge its run.
#[derive(Debug, Clone, Copy, Default)]
struct ReportCounts {
    wanted: u64,
    online: u64,
    never_succeeded: u64,
    failed_attempts: u64,
}

impl ReportCounts {
    fn of(report: &Report) -> Self {
        let mut counts = Self {
            wanted: report.totals.wanted,
            online: report.totals.online,
            ..Self::default()
        };
        for client in &report.clients {
            for activity in &client.activities {
                counts.failed_attempts += activity.attempts - activity.succeeded;
                counts.never_succeeded += u64::from(activity.never_succeeded());
            }
        }
        counts
    }

    /// Why a run with these counts does not pass in that mode.
    fn reasons(self, mode: &RunMode) -> Vec<Reason> {
        let Self {
            wanted,
            online,
            never_succeeded: pairs,
            failed_attempts: attempts,
        } = self;
        let needs_every_attempt = matches!(mode, RunMode::PingOnce(_));
        [
            (online < wanted).then_some(Reason::Offline { wanted, online }),
            (pairs > 0).then_some(Reason::NeverSucceeded { pairs }),
            (needs_every_attempt && attempts > 0).then_some(Reason::AttemptsFailed { attempts }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

/// What of a run's end may be the tester's own doing.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::run) struct EndDoubt {
    /// Clients that are not online, for which nothing came in time.
    pub(in crate::run) timed_out: u64,
    /// How long a client may take to get a lease.
    pub(in crate::run) lease_timeout: Duration,
    /// How late the tester was at worst in this time before the end.
    pub(in crate::run) worst: Duration,
}

impl EndDoubt {
    /// Of a herd whose run has just ended.
    pub(in crate::run) fn of(
        herd: &HerdStatus,
        lease_timeout: Duration,
        tester: &TesterFigures,
    ) -> Self {
        let has_timed_out = |client: &&ClientStatus| {
            let cause = client.failure.as_ref().map(|failure| failure.cause);
            !matches!(client.phase, Phase::Online | Phase::Gone)
                && cause.is_none_or(Cause::is_a_timeout)
        };
        Self {
            timed_out: herd.clients.iter().filter(has_timed_out).count() as u64,
            lease_timeout,
            worst: tester.worst_of(lease_timeout),
        }
    }

    /// Says of clients that are not online that the tester may be why, where it may be for all of them.
    fn look_at(self, reasons: &mut [Reason]) {
        for reason in reasons {
            if let Reason::Offline { wanted, online } = *reason
                && wanted - online <= self.timed_out
                && Signal::Join.may_be_slept_through(self.lease_timeout, self.worst)
            {
                *reason = Reason::OfflineInconclusive {
                    wanted,
                    online,
                    worst: self.worst,
                };
            }
        }
    }
}

/// Every reason why a run of this report, which was closed in that way, does not pass.
pub(in crate::run) fn reasons(
    report: &Report,
    mode: &RunMode,
    closed: &CloseReport,
    late: EndDoubt,
) -> Vec<Reason> {
    let mut reasons = ReportCounts::of(report).reasons(mode);
    late.look_at(&mut reasons);
    reasons.extend(drift(report, mode));
    for objective in &report.objectives {
        if objective.verdict != Verdict::Passed {
            reasons.push(Reason::Objective {
                text: objective.text.clone(),
                words: objective.words.clone(),
                verdict: objective.verdict,
            });
        }
    }
    let troubles = closed.troubles.iter().cloned();
    reasons.extend(troubles.map(|trouble| Reason::NotClosed { trouble }));
    reasons
}

/// What the drift of a soak makes of the run, if drift was to fail it.
fn drift(report: &Report, mode: &RunMode) -> Vec<Reason> {
    let RunMode::Soak(settings) = mode else {
        return Vec::new();
    };
    let comparison = report
        .soak
        .as_ref()
        .and_then(|soak| soak.comparison.as_ref());
    let Some(comparison) = comparison.filter(|_| settings.fail_on_drift) else {
        return Vec::new();
    };
    let is_open = comparison.inconclusive().next().is_some();
    [
        comparison.drifted.then_some(Reason::Drifted),
        is_open.then_some(Reason::DriftInconclusive),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::verdict;
    use super::*;
    use crate::activity::ping::PingSpec;
    use crate::target::Target;

    const WELL: ReportCounts = ReportCounts {
        wanted: 10,
        online: 10,
        never_succeeded: 0,
        failed_attempts: 0,
    };

    fn ping_once() -> RunMode {
        RunMode::PingOnce(vec![PingSpec::once(Target::GoogleDns)])
    }

    #[test]
    fn a_run_passes_only_if_everybody_is_online_and_succeeded() {
        assert!(WELL.reasons(&ping_once()).is_empty());
        for bad in [
            ReportCounts { online: 9, ..WELL },
            ReportCounts {
                never_succeeded: 1,
                ..WELL
            },
        ] {
            let reasons = bad.reasons(&RunMode::Hold);
            assert_eq!(verdict(&reasons), Verdict::Failed, "{bad:?}");
        }
    }

    #[test]
    fn a_lost_ping_fails_a_run_that_pings_once_and_no_other() {
        let lossy = ReportCounts {
            failed_attempts: 1,
            ..WELL
        };
        assert!(lossy.reasons(&RunMode::Hold).is_empty());
        let reasons = lossy.reasons(&ping_once());
        assert_eq!(verdict(&reasons), Verdict::Failed, "{reasons:?}");
    }

    #[test]
    fn clients_that_are_not_online_since_the_tester_slept_make_a_run_inconclusive_and_others_fail_it()
     {
        let late = EndDoubt {
            timed_out: 2,
            lease_timeout: Duration::from_secs(8),
            worst: Duration::from_secs(4),
        };
        let on_time = EndDoubt {
            worst: Duration::from_millis(20),
            ..late
        };
        for (late, online, expected) in [
            (late, 8, Verdict::Inconclusive),
            // For one of them something else is why.
            (late, 7, Verdict::Failed),
            (on_time, 8, Verdict::Failed),
        ] {
            let mut reasons = ReportCounts { online, ..WELL }.reasons(&RunMode::Hold);
            late.look_at(&mut reasons);
            assert_eq!(verdict(&reasons), expected, "{reasons:?}");
        }
    }
}
