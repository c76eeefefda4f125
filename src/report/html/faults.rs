//! What was broken on purpose.

use std::collections::BTreeMap;

use crate::fault::{Aim, Fault};
use crate::page::Page;
use crate::page::figure::{span, written_moment};
use crate::report::{FaultReport, FaultSum, Report};

/// Of the faults of one kind the times of so many are told; of the others how many there were.
const TIMES: usize = 6;

impl Report {
    /// Faults made on purpose, those of one kind in one line.
    pub(super) fn faults(&self, page: &mut Page) {
        let kinds = self.kinds_of_faults();
        if kinds.is_empty() {
            return;
        }
        let has_days = self.has_days();
        let rows: Vec<_> = kinds
            .iter()
            .map(|(fault, sum)| {
                let of_kind = |entry: &&FaultReport| entry.fault == *fault;
                let entries: Vec<_> = self.faults.latest.iter().filter(of_kind).collect();
                vec![
                    fault.to_string(),
                    sum.count.to_string(),
                    times(sum.count, &entries, has_days),
                    lasted(&entries),
                    offline(&entries),
                    recovery(sum, &entries),
                ]
            })
            .collect();
        page.heading("Faults made on purpose").table(
            &[
                "fault",
                "made",
                "began (UTC)",
                "lasted",
                "clients offline",
                "median recovery",
            ],
            &rows,
        );
        match self.faults.left_out() {
            0 => {}
            1 => {
                page.note("The time of the first of them is not kept.");
            }
            more => {
                page.note(&format!(
                    "The times of the first {more} of them are not kept."
                ));
            }
        }
    }

    /// How many of each kind. A report from before its faults were told has only the sums of a soak.
    fn kinds_of_faults(&self) -> &BTreeMap<Fault, FaultSum> {
        match &self.soak {
            Some(soak) if self.faults.kinds.is_empty() => &soak.sums.faults,
            _ => &self.faults.kinds,
        }
    }
}

/// `3 earlier, then 14:02:11, 14:03:11`.
fn times(count: u64, entries: &[&FaultReport], has_days: bool) -> String {
    let latest = &entries[entries.len().saturating_sub(TIMES)..];
    let latest: Vec<_> = latest
        .iter()
        .map(|entry| written_moment(&entry.began, has_days))
        .collect();
    let told = latest.join(", ");
    match count.saturating_sub(latest.len() as u64) {
        0 => told,
        earlier if told.is_empty() => format!("{earlier} earlier"),
        earlier => format!("{earlier} earlier, then {told}"),
    }
}

/// The shortest and the longest of those that last.
fn lasted(entries: &[&FaultReport]) -> String {
    let lasted = || entries.iter().map(|entry| entry.lasts_ms);
    let (least, most) = (
        lasted().fold(f64::INFINITY, f64::min),
        lasted().fold(0.0, f64::max),
    );
    if entries.is_empty() {
        String::new()
    } else if most <= 0.0 {
        "a moment".to_owned()
    } else if most > least {
        format!("{} to {}", span(least), span(most))
    } else {
        span(most)
    }
}

/// The most clients that one of them took offline.
fn offline(entries: &[&FaultReport]) -> String {
    match entries.iter().max_by_key(|entry| entry.offline) {
        None => String::new(),
        Some(worst) if worst.offline == 0 => "nobody".to_owned(),
        Some(worst) => {
            let at_most = if entries.len() > 1 { "at most " } else { "" };
            match worst.fault.aim() {
                // It was made on these alone.
                Aim::Client => format!("{at_most}{}", worst.offline),
                Aim::Parent | Aim::Router => {
                    format!("{at_most}{} of {}", worst.offline, worst.clients)
                }
            }
        }
    }
}

fn recovery(sum: &FaultSum, entries: &[&FaultReport]) -> String {
    match sum.recovery_ms {
        Some(took) => span(took.p50),
        None if entries.iter().any(|entry| entry.offline > 0) => "not yet".to_owned(),
        None => String::new(),
    }
}
