//! What of a herd's figures may be the tester's own doing.
//!
//! Whatever is measured is looked at beside how late the tester was in that very time, not over the whole run: one stall does
//! not excuse what was measured an hour before or after, and a burst of work that the tester could not keep up with is not
//! averaged away by the quiet around it.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{BOUND, TesterFigures};
use crate::activity::{Activity, AttemptOutcome, Ending};
use crate::blame::Blame;
use crate::phase::Cause;
use crate::stats::{Distribution, Signal};

/// What may be the tester's own doing, of all clients since the pool began.
#[derive(Debug, Clone, Default)]
pub struct Doubt {
    /// Of times, by what took them.
    pub times: BTreeMap<Signal, DoubtfulTimes>,
    /// Of attempts that did not succeed, those that the tester failed, or may have.
    pub failures: BTreeMap<Signal, u64>,
    /// Restarts after failures of the tester's.
    pub restarts: u64,
    /// How late all wakings of the tester were.
    pub wakings: Distribution,
}

/// Times of one kind, beside how late the tester was.
#[derive(Debug, Clone, Default)]
pub struct DoubtfulTimes {
    /// How late the tester was at worst while each of them was taken.
    pub late: Distribution,
    /// What is left of each when all is taken away that the tester may have added.
    pub rest: Distribution,
}

impl Doubt {
    /// Notes a time, and how late the tester was at worst meanwhile.
    pub fn took(&mut self, signal: Signal, took: Duration, worst: Duration) {
        self.note(signal, signal.without_tester(took, worst), worst);
    }

    /// Notes a time to join, `dhcp` of which the server took part in. All else of it is the tester's own work, so that where the
    /// tester is late nothing but that is left.
    pub fn joined(&mut self, took: Duration, dhcp: Option<Duration>, worst: Duration) {
        let rest = match dhcp {
            Some(dhcp) if worst > BOUND => Signal::Dhcp.without_tester(dhcp, worst),
            _ => Signal::Join.without_tester(took, worst),
        };
        self.note(Signal::Join, rest, worst);
    }

    fn note(&mut self, signal: Signal, rest: Duration, worst: Duration) {
        let times = self.times.entry(signal).or_default();
        times.late.record(worst);
        times.rest.record(rest);
    }

    /// Notes an attempt.
    pub fn attempted(&mut self, attempt: &AttemptDoubt) {
        if let Some((took, worst)) = attempt.took {
            self.took(attempt.signal, took, worst);
        }
        if attempt.is_testers {
            *self.failures.entry(attempt.signal).or_default() += 1;
        }
    }

    /// Notes a restart after a failure for this cause.
    pub fn restarted(&mut self, cause: Cause) {
        self.restarts += u64::from(matches!(
            cause,
            Cause::NameTaken
                | Cause::Kernel
                | Cause::NoPrivilege
                | Cause::NoMemory
                | Cause::Unresponsive
        ));
    }
}

/// What of one attempt may be the tester's own doing.
#[derive(Debug, Clone, Copy)]
pub struct AttemptDoubt {
    signal: Signal,
    /// How long it took, where it came to an answer, and how late the tester was at worst meanwhile.
    took: Option<(Duration, Duration)>,
    /// Whether it did not succeed, and that may be the tester's doing.
    pub is_testers: bool,
}

impl AttemptDoubt {
    /// Looks at an attempt that has just come to its end beside how late the tester was meanwhile.
    pub fn of(activity: &Activity, outcome: &AttemptOutcome, tester: &TesterFigures) -> Self {
        let kind = activity.subject.kind();
        let signal = Signal::Activity(kind);
        let is_testers = match outcome.ending {
            Ending::Answered { .. } => false,
            Ending::Failed(cause) => match kind.about().cause(cause) {
                Some(cause) if cause.blame == Blame::Tester => true,
                Some(cause) if cause.is_late => {
                    let worst = tester.worst_of(activity.timeout);
                    signal.may_be_slept_through(activity.timeout, worst)
                        || tester.had_full_table(activity.timeout)
                }
                // Whatever it was, no lateness makes it.
                Some(_) | None => false,
            },
        };
        Self {
            signal,
            took: outcome.took.map(|took| (took, tester.worst_of(took))),
            is_testers,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::Kind;
    use crate::activity::ping::{self, PingDetail};
    use crate::lan::{PingCause, PingOutcome};
    use crate::target::Target;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_time_is_shortened_by_what_the_tester_was_late_meanwhile_and_by_nothing_else() {
        let mut doubt = Doubt::default();
        doubt.took(Signal::Activity(Kind::Ping), ms(500), ms(20));
        doubt.took(Signal::Activity(Kind::Ping), ms(30), ms(20));
        // As late as any machine is.
        doubt.took(
            Signal::Activity(Kind::Ping),
            ms(5),
            Duration::from_micros(900),
        );
        let times = &doubt.times[&Signal::Activity(Kind::Ping)];
        assert_eq!(times.rest.max(), Some(ms(460)));
        assert_eq!(times.rest.quantile(0.5), Some(ms(5)));
        assert_eq!(times.rest.min(), Some(ms(0)));
        assert_eq!(times.late.max(), Some(ms(20)));
    }

    #[test]
    fn of_a_time_to_join_nothing_but_the_lease_is_left_where_the_tester_is_late() {
        let mut doubt = Doubt::default();
        doubt.joined(ms(900), Some(ms(200)), ms(11));
        assert_eq!(doubt.times[&Signal::Join].rest.max(), Some(ms(200 - 66)));
        let mut doubt = Doubt::default();
        doubt.joined(ms(900), Some(ms(200)), ms(2));
        assert_eq!(doubt.times[&Signal::Join].rest.max(), Some(ms(900 - 24)));
    }

    /// A ping that was lost for this cause, beside such a tester.
    fn lost(cause: PingCause, tester: &TesterFigures) -> AttemptDoubt {
        let subject = Kind::Ping.read("9.9.9.9").expect("a target");
        let activity = Activity {
            timeout: ms(2_000),
            ..Activity::new(subject)
        };
        let outcome = PingOutcome::Lost(cause);
        let lost = ping::outcome(&Target::GoogleDns, outcome, PingDetail::default());
        AttemptDoubt::of(&activity, &lost, tester)
    }

    #[test]
    fn a_timeout_is_the_testers_only_where_it_may_have_slept_through_half_of_it() {
        let mut doubt = Doubt::default();
        let mut timeout = |late| {
            let tester = TesterFigures::late_by(late);
            doubt.attempted(&lost(PingCause::Timeout, &tester));
            doubt.failures.get(&Signal::Activity(Kind::Ping)).copied()
        };
        assert_eq!(timeout(ms(100)), None);
        assert_eq!(timeout(ms(1_000)), Some(1));
    }

    #[test]
    fn time_that_ran_out_while_a_table_of_neighbours_was_full_says_nothing_of_the_router() {
        let of = |cause, tester: &TesterFigures| lost(cause, tester).is_testers;
        let (full, idle) = (TesterFigures::with_full_table(), TesterFigures::default());
        assert!(of(PingCause::Timeout, &full));
        assert!(!of(PingCause::Timeout, &idle));
        assert!(!of(PingCause::TtlExceeded, &full), "somebody has answered");
    }
}
