//! Sums of the whole run, and how long what clients did took.

use crate::page::figure::milliseconds;
use crate::report::{AllPercentiles, Percentiles, Report};
use crate::stats::Attempts;

impl Report {
    pub(super) fn sums(&self) -> Vec<(String, String)> {
        let totals = &self.totals;
        let mut sums = vec![
            ("clients given up".to_owned(), totals.failed.to_string()),
            ("restarts".to_owned(), totals.restarts.to_string()),
        ];
        let attempted = totals.activities.iter();
        let attempted = attempted.map(|(kind, total)| (kind.about().well, total.attempts));
        let asked = attempted.filter(|(_, attempts)| attempts.all > 0);
        sums.extend(asked.map(|(what, Attempts { all, succeeded })| {
            (what.to_owned(), format!("{succeeded} of {all}"))
        }));
        if let Some(lag) = &self.tester.scheduler_lag_ms {
            let verdict = if self.tester.saturated {
                "; it was saturated: times are not the router's alone"
            } else {
                ""
            };
            let lag = format!("99 % by at most {}{verdict}", milliseconds(lag.p99));
            sums.push(("the tester itself was late".to_owned(), lag));
        }
        if let Some(full) = self.tester.neighbour_table_full.told() {
            let told = format!("{full}: what found no room was lost on this host");
            sums.push(("the tester's own losses".to_owned(), told));
        }
        if let Some(soak) = &self.soak {
            sums.extend([
                (
                    "clients that came online, in all".to_owned(),
                    soak.sums.joins.to_string(),
                ),
                (
                    "leases lost while held".to_owned(),
                    soak.sums.leases_lost.to_string(),
                ),
                ("outages".to_owned(), soak.sums.outages.to_string()),
            ]);
        }
        sums
    }
}

pub(super) fn times(all: &AllPercentiles) -> Vec<Vec<String>> {
    let row = |(name, value): (&str, Option<Percentiles>)| {
        let Percentiles { p50, p95, p99, max } = value?;
        let cells = [p50, p95, p99, max].map(milliseconds);
        Some([vec![name.to_owned()], cells.to_vec()].concat())
    };
    let activities = all.activities.iter();
    let activities = activities.map(|(kind, times)| (kind.about().one, *times));
    let rows = [("join", all.join_ms), ("lease", all.dhcp_ms)];
    rows.into_iter().chain(activities).filter_map(row).collect()
}
