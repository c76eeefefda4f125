//! A report for people: one page that opens offline.

mod about;
mod clients;
mod comparison;
mod faults;
mod ipv6;
mod marks;
mod over_time;
mod routers;
mod totals;
mod verdict;

use serde_json::Value;

use self::clients::{kinds, median_time};
use self::comparison::comparison;
use self::over_time::over_time;
use self::totals::times;
use super::{ActivityEntry, Client, Ended, Report};
use crate::identity::ClientNumber;
use crate::objective;
use crate::page::chart::bars;
use crate::page::figure::{percent, span, written_moment};
use crate::page::{Page, PageVerdict};
use crate::soak;

impl Report {
    /// The page. `standing` is whether the run was a success.
    pub fn page(&self, standing: PageVerdict) -> String {
        let totals = &self.totals;
        let mut words = format!("{} of {} clients online", totals.online, totals.wanted);
        if let Some(share) = self.availability.share {
            let by_family = self.availability.by_family();
            words = format!("{words}, availability {}{by_family}", percent(share));
        }
        let below = format!(
            "begun {} UTC, lasted {}; {}",
            written_moment(&self.started, true),
            span(self.duration_ms.max(0.0)),
            match totals.leaked_objects {
                0 => "nothing left behind".to_owned(),
                some => format!("{some} things were left behind"),
            }
        );
        let title = if self.soak.is_some() {
            "lanherd soak"
        } else {
            "lanherd run"
        };
        let standing = match standing {
            PageVerdict::Well if !self.is_flawless() => PageVerdict::Flawed,
            standing => standing,
        };
        let mut page = Page::new(title, standing, &words, &below);
        page.pairs(&self.about());
        match self.ended {
            None if !self.complete => {
                page.trouble("The run has not ended: this is how it stood.");
            }
            Some(Ended::Interrupted) => {
                page.trouble("The run was interrupted.");
            }
            Some(Ended::EveryClientFailed) => {
                page.trouble("The run ended early: every client had failed for good.");
            }
            Some(Ended::TimeOver | Ended::Stopped) | None => {}
        }
        self.verdict(&mut page);
        for (client, activity) in self.never().take(10) {
            let why = activity.last_failure.as_ref();
            let why = why.map(|why| format!(": {why}")).unwrap_or_default();
            page.trouble(&format!(
                "client {client} never succeeded with {}, {} times asked{why}",
                activity.what(),
                activity.attempts
            ));
        }
        self.objectives(&mut page);
        self.outages(&mut page);
        self.faults(&mut page);
        self.families(&mut page);
        self.routers(&mut page);
        page.heading("Totals, since the pool began, of all clients it ever had")
            .pairs(&self.sums());
        let percentiles = self
            .soak
            .as_ref()
            .map_or(&self.percentiles, |soak| &soak.sums.percentiles);
        page.heading("Times").table(
            &["", "median", "95 %", "99 %", "longest"],
            &times(percentiles),
        );
        if let Some(soak) = &self.soak {
            over_time(&mut page, self, soak);
            comparison(&mut page, soak);
        }
        let of = |pick: &dyn Fn(&Client) -> Option<f64>| -> Vec<f64> {
            self.clients.iter().filter_map(pick).collect()
        };
        let mut spread = vec![
            (
                "Time to join, by client".to_owned(),
                of(&|client| client.join_ms),
            ),
            (
                "Time to lease, by client".to_owned(),
                of(&|client| client.dhcp_ms),
            ),
        ];
        for kind in kinds(&self.clients) {
            let title = format!("{}: median, by client", kind.about().time.chart);
            spread.push((title, of(&|client| median_time(client, kind))));
        }
        for (title, values) in spread {
            page.body().add(&bars(&title, "ms", &values));
        }
        self.failures(&mut page);
        self.list(&mut page);
        page.heading("Parameters").pairs(&self.parameters());
        page.finish()
    }

    /// The page of a run that is known by its report alone: one that goes on, or that has ended before.
    pub fn page_as_it_stands(&self) -> String {
        let is_bad = self.totals.online < self.totals.wanted
            || self.totals.leaked_objects > 0
            || self.never().next().is_some()
            || self.ended == Some(Ended::Interrupted)
            || self.has_objective(objective::Verdict::Failed)
            || self.is_demanded(soak::Verdict::Drifted);
        let standing = if is_bad {
            PageVerdict::Bad
        } else if self.has_objective(objective::Verdict::Inconclusive)
            || self.is_demanded(soak::Verdict::Inconclusive)
        {
            PageVerdict::Inconclusive
        } else {
            PageVerdict::Well
        };
        self.page(standing)
    }

    /// Whether a figure of the comparison came to this, and the run was to be judged by it (`--fail-on-drift`).
    fn is_demanded(&self, verdict: soak::Verdict) -> bool {
        let demand = self.parameters.pointer("/soak/fail-on-drift");
        let comparison = self.soak.as_ref().and_then(|soak| soak.comparison.as_ref());
        demand.and_then(Value::as_bool) == Some(true)
            && comparison.is_some_and(|both| both.rows.iter().any(|row| row.verdict == verdict))
    }

    /// Whether a time of day alone does not say which day it was.
    fn has_days(&self) -> bool {
        self.duration_ms >= 86_400_000.0
    }

    fn has_objective(&self, verdict: objective::Verdict) -> bool {
        self.objectives.iter().any(|one| one.verdict == verdict)
    }

    /// What clients that were online never succeeded with.
    fn never(&self) -> impl Iterator<Item = (ClientNumber, &ActivityEntry)> {
        self.clients.iter().flat_map(|client| {
            let never = client.activities.iter().filter(|one| one.never_succeeded());
            never.map(|activity| (client.number, activity))
        })
    }
}

#[cfg(test)]
mod tests;
