//! A run in one line.

use lanherd::report::{Ended, Report};
use lanherd::units::percent;

use super::millis;

/// Whether words have colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Paint {
    /// They have not.
    None,
    /// They have, by the sequences of ECMA-48.
    Colours,
}

impl Paint {
    /// What is not as it should be, whatever the exit code says.
    fn flaw(self, text: &str) -> String {
        match self {
            Self::None => text.to_owned(),
            Self::Colours => format!("\u{1b}[33m{text}\u{1b}[39m"),
        }
    }

    /// The same, where there is something.
    fn flaw_if(self, is: bool, text: &str) -> String {
        if is { self } else { Self::None }.flaw(text)
    }
}

/// `10 of 10 clients online, availability 100 %, 10 of 10 pings answered, nothing left behind, 0.41 s`. What is counted is so
/// since the pool began, of all clients that it ever had.
pub(super) fn summary(report: &Report, paint: Paint) -> String {
    let totals = &report.totals;
    let online = format!("{} of {} clients online", totals.online, totals.wanted);
    let mut told = vec![paint.flaw_if(totals.online < totals.wanted, &online)];
    if let Some(share) = report.availability.share {
        let by_family = report.availability.by_family();
        let text = format!("availability {}{by_family}", percent(share));
        told.push(paint.flaw_if(share < 1.0, &text));
    }
    told.extend(report.outages.told().map(|outages| paint.flaw(&outages)));
    if totals.restarts > 0 {
        told.push(format!("{} restarts", totals.restarts));
    }
    told.extend(
        totals
            .lost()
            .map(|lost| paint.flaw_if(lost.lost > 0, &lost.told())),
    );
    for (kind, total) in totals.activities.iter() {
        for (count, number) in kind.about().counts.iter().zip(&total.counts) {
            if let Some(objective) = count.objective.as_ref().filter(|_| *number > 0) {
                told.push(paint.flaw(&format!("{number} {}", objective.short)));
            }
        }
    }
    let tester = &report.tester;
    if tester.saturated {
        let lag = tester.scheduler_lag_ms.as_ref();
        let by = lag.map(|lag| format!(" (up to {} late)", millis(lag.max)));
        told.push(paint.flaw(&format!("tester saturated{}", by.unwrap_or_default())));
    }
    if tester.stalls > 0 {
        let text = format!("the tester stood still for {}", millis(tester.stalled_ms));
        told.push(paint.flaw(&text));
    }
    let full = tester.neighbour_table_full.told();
    told.extend(full.map(|full| paint.flaw(&full)));
    match totals.leaked_objects {
        0 if totals.leases_unreleased == 0 => told.push("nothing left behind".to_owned()),
        0 => {}
        1 => told.push(paint.flaw("1 thing left behind")),
        leaked => told.push(paint.flaw(&format!("{leaked} things left behind"))),
    }
    match totals.leases_unreleased {
        0 => {}
        1 => told.push(paint.flaw("no RELEASE sent for 1 lease")),
        unreleased => told.push(paint.flaw(&format!("no RELEASE sent for {unreleased} leases"))),
    }
    let lasted = format!("{:.2} s", report.duration_ms / 1_000.0);
    told.push(match report.ended {
        Some(Ended::TimeOver) | None => lasted,
        Some(Ended::Interrupted) => format!("interrupted after {lasted}"),
        Some(Ended::Stopped) => format!("stopped after {lasted}"),
        Some(Ended::EveryClientFailed) => {
            paint.flaw(&format!("every client had failed after {lasted}"))
        }
    });
    told.join(", ")
}
