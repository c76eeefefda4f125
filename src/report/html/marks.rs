//! Where outages and faults lie along the time of charts.

use std::time::SystemTime;

use crate::page::chart::{Band, BandKind};
use crate::report::{FaultReport, OutageReport, Report};

/// Those of a report on an axis that counts seconds from `began`, and ends at `last`.
pub(super) fn bands(report: &Report, began: SystemTime, last: f64) -> Vec<Band> {
    let faults = report.faults.latest.iter();
    let faults = faults.filter_map(|entry| of_fault(entry, began));
    let outages = report.outages.latest.iter();
    let outages = outages.filter_map(|outage| of_outage(outage, began, last));
    faults.chain(outages).collect()
}

fn of_fault(entry: &FaultReport, began: SystemTime) -> Option<Band> {
    let from = place(&entry.began, began)?;
    Some(Band {
        what: entry.fault.to_string(),
        from,
        to: from + entry.lasts_ms / 1_000.0,
        kind: BandKind::Fault,
    })
}

fn of_outage(outage: &OutageReport, began: SystemTime, last: f64) -> Option<Band> {
    let from = place(&outage.began, began)?;
    Some(Band {
        what: match outage.fault {
            Some(fault) => format!("outage, by the fault {fault}"),
            None => format!("outage, {}", outage.cause),
        },
        from,
        to: outage.lasted_ms().map_or(last, |ms| from + ms / 1_000.0),
        kind: BandKind::Outage,
    })
}

/// What began before the herd had joined lies before the axis.
fn place(moment: &str, began: SystemTime) -> Option<f64> {
    let at = humantime::parse_rfc3339(moment).ok()?;
    Some(match at.duration_since(began) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    })
}
