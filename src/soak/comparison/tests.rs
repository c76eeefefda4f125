use std::time::Duration;

use super::*;
use crate::activity::Subject;
use crate::activity::ping::{self, PingDetail};
use crate::lan::{PingCause, PingOutcome};
use crate::phase::Cause;
use crate::pool::{Figures, HerdStatus};
use crate::soak::{Footprint, SoakRecorder};
use crate::stats::ActivityStats;
use crate::target::Target;

const MINUTE: Duration = Duration::from_secs(60);

/// Twelve hours, looked at each minute; `happens` adds to the sums what happened in a minute.
fn twelve_hours(mut happens: impl FnMut(u32, &mut Figures)) -> Comparison {
    let mut figures = Figures::default();
    let mut recorder = SoakRecorder::new(figures.clone());
    for minute in 1..=720_u32 {
        happens(minute, &mut figures);
        let herd = HerdStatus::default();
        recorder.look(
            minute * MINUTE,
            &herd,
            figures.clone(),
            Footprint::default(),
        );
    }
    recorder.record().comparison.expect("two windows")
}

const fn is_last_hour(minute: u32) -> bool {
    minute > 660
}

fn row(comparison: &Comparison, figure: ComparedFigure) -> &ComparisonRow {
    let mut rows = comparison.rows.iter();
    rows.find(|row| row.figure == figure).expect("a row")
}

/// Ten clients were wanted for a minute, of which all together were not usable for so long.
fn down(figures: &mut Figures, cause: Cause, lasted: Duration) {
    figures.uptime.usable += (10 * MINUTE).saturating_sub(lasted);
    *figures.uptime.unavailable.entry(cause).or_default() += lasted;
}

/// A twentieth, more or less, of the time of a minute.
fn a_little(rng: &mut fastrand::Rng) -> Duration {
    Duration::from_secs(rng.u64(20..40))
}

#[test]
fn availability_that_falls_has_drifted_and_what_the_tester_failed_to_do_is_inconclusive() {
    let fallen = |cause| {
        let mut rng = fastrand::Rng::with_seed(7);
        twelve_hours(|minute, figures| {
            let lasted = if is_last_hour(minute) {
                a_little(&mut rng)
            } else {
                Duration::ZERO
            };
            down(figures, cause, lasted);
        })
    };
    let comparison = fallen(Cause::NoOffer);
    let availability = row(&comparison, ComparedFigure::Availability);
    assert_eq!(availability.verdict, Verdict::Drifted);
    assert!(comparison.drifted);
    assert_eq!(availability.first.mean, Some(1.0));
    let said = availability.to_string();
    assert!(
        said.starts_with("availability: mean 100.00 %, then mean 95."),
        "{said}"
    );
    let comparison = fallen(Cause::Kernel);
    let availability = row(&comparison, ComparedFigure::Availability);
    assert_eq!(availability.verdict, Verdict::Inconclusive);
    assert!(!comparison.drifted);
}

#[test]
fn availability_that_rises_has_improved_and_an_outage_in_the_last_hour_is_no_drift() {
    let mut rng = fastrand::Rng::with_seed(7);
    let risen = twelve_hours(|minute, figures| {
        let lasted = if minute <= 60 {
            a_little(&mut rng)
        } else {
            Duration::ZERO
        };
        down(figures, Cause::NoOffer, lasted);
    });
    let availability = row(&risen, ComparedFigure::Availability);
    assert_eq!(availability.verdict, Verdict::Improved);
    let outage = twelve_hours(|minute, figures| {
        let lasted = if minute == 700 { 10 } else { 0 } * MINUTE;
        down(figures, Cause::NoCarrier, lasted);
    });
    let availability = row(&outage, ComparedFigure::Availability);
    assert_eq!(availability.verdict, Verdict::Steady);
    assert!(availability.last.mean < Some(0.99), "{availability:?}");
}

#[test]
fn restarts_after_failures_of_the_testers_say_nothing_of_the_router() {
    let restarts = |by_tester: u64| {
        let comparison = twelve_hours(|minute, figures| {
            if is_last_hour(minute) {
                figures.restarts += 2;
                figures.doubt.restarts += by_tester;
            }
        });
        row(&comparison, ComparedFigure::Restarts).verdict
    };
    assert_eq!(restarts(0), Verdict::Drifted);
    assert_eq!(restarts(1), Verdict::Drifted);
    assert_eq!(restarts(2), Verdict::Inconclusive);
}

#[test]
fn pings_that_the_tester_slept_through_say_nothing_of_the_router() {
    let lost = |excused: u64| {
        let mut rng = fastrand::Rng::with_seed(7);
        let comparison = twelve_hours(|minute, figures| {
            let lost = if is_last_hour(minute) {
                rng.u64(4..8)
            } else {
                0
            };
            for (target, lost) in [(Target::Router, lost), (Target::GoogleDns, 0)] {
                let subject = Subject::from(target.clone());
                let new = || ActivityStats::new(subject.clone());
                let stats = figures
                    .activities
                    .entry(subject.clone())
                    .or_insert_with(new);
                let rtt = Duration::from_micros(rng.u64(80..160));
                let mut record = |of_port| {
                    stats.record(&ping::outcome(&target, of_port, PingDetail::default()));
                };
                (lost..100).for_each(|_| record(PingOutcome::Reply(rtt)));
                (0..lost).for_each(|_| record(PingOutcome::Lost(PingCause::Timeout)));
            }
            *figures
                .doubt
                .failures
                .entry(Signal::Activity(Kind::Ping))
                .or_default() += lost * excused / 4;
        });
        let rows = comparison.rows.into_iter();
        let rows = rows.filter(|row| row.figure == ComparedFigure::Failures(Kind::Ping));
        rows.map(|row| row.verdict).collect::<Vec<_>>()
    };
    let (drifted, steady) = (Verdict::Drifted, Verdict::Steady);
    assert_eq!(lost(0), [drifted, steady]);
    assert_eq!(lost(2), [drifted, steady]);
    assert_eq!(lost(4), [Verdict::Inconclusive, steady]);
}
