//! What is looked for first: what became of the objectives, availability, outages, and what was lost.

use crate::page::Page;
use crate::page::figure::{percent, span, written_moment};
use crate::report::{Ended, OutageReport, Report};

impl Report {
    /// What became of each objective, in its colour.
    pub(super) fn objectives(&self, page: &mut Page) {
        if self.objectives.is_empty() {
            return;
        }
        page.heading("Objectives");
        page.body().element("ul", &[], |list| {
            for one in &self.objectives {
                let verdict = one.verdict.to_string();
                list.element("li", &[("class", &verdict)], |item| {
                    item.leaf("b", "", &verdict).text(": ").text(&one.text);
                    item.leaf("div", "words", &one.words);
                });
            }
        });
    }

    /// What is looked for first: availability, outages, and what was lost.
    pub(super) fn verdict(&self, page: &mut Page) {
        let availability = &self.availability;
        let mut pairs = vec![(
            "availability",
            match availability.share {
                Some(share) => format!(
                    "{}: {} usable of {} that clients were wanted, all together",
                    percent(share),
                    span(availability.usable_ms),
                    span(availability.wanted_ms)
                ),
                None => "no client was wanted for any time".to_owned(),
            },
        )];
        let by = |cause: &str, ms: f64| format!("{} {cause}", span(ms));
        let causes = &availability.unavailable_ms;
        let causes: Vec<_> = causes.iter().map(|(c, ms)| by(c.as_str(), *ms)).collect();
        if !causes.is_empty() {
            pairs.push(("not usable", causes.join(", ")));
        }
        let faults = &availability.on_purpose_ms;
        let faults: Vec<_> = faults.iter().map(|(f, ms)| by(f.as_str(), *ms)).collect();
        if !faults.is_empty() {
            pairs.push(("of that by faults made on purpose", faults.join(", ")));
        }
        let outages = self.outages.told();
        pairs.push(("outages", outages.unwrap_or_else(|| "none".to_owned())));
        for lost in self.totals.lost() {
            pairs.push((lost.what(), lost.told()));
        }
        if self.tester.stalls > 0 {
            let text = format!(
                "{} times, {} in all; {} leases ran out by that",
                self.tester.stalls,
                span(self.tester.stalled_ms),
                self.tester.leases_lost
            );
            pairs.push(("the tester stood still", text));
        }
        let ended = self.ended.map_or("not yet", Ended::as_str);
        pairs.push(("ended", ended.replace('_', " ")));
        let pairs: Vec<_> = pairs
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        page.heading("Verdict").pairs(&pairs);
    }

    /// Every outage that is remembered.
    pub(super) fn outages(&self, page: &mut Page) {
        let has_days = self.has_days();
        let latest = self.outages.latest.iter();
        let rows: Vec<_> = latest.map(|outage| outage_row(outage, has_days)).collect();
        if !rows.is_empty() {
            page.heading("Outages");
            page.table(
                &[
                    "began (UTC)",
                    "lasted",
                    "clients",
                    "cause",
                    "made on purpose",
                    "50 % back",
                    "95 % back",
                    "all back",
                ],
                &rows,
            );
        }
    }
}

fn outage_row(outage: &OutageReport, has_days: bool) -> Vec<String> {
    let after = |ms: Option<f64>| ms.map_or_else(|| "not yet".to_owned(), span);
    vec![
        written_moment(&outage.began, has_days),
        after(outage.lasted_ms()),
        format!(
            "{} of {} ({})",
            outage.clients,
            outage.of,
            percent(outage.share())
        ),
        outage.cause.to_string(),
        outage
            .fault
            .map(|fault| fault.to_string())
            .unwrap_or_default(),
        after(outage.half_back_ms),
        after(outage.most_back_ms),
        after(outage.all_back_ms),
    ]
}
