//! Clients one by one: why they failed, and how each of them is.

use std::collections::BTreeMap;

use crate::activity::Kind;
use crate::page::Page;
use crate::phase::Phase;
use crate::report::{Client, Report};

/// So many clients are listed one by one; of more, those that were in trouble.
const LISTED: usize = 200;

impl Report {
    /// Failures by cause, and the story of each client that had one.
    pub(super) fn failures(&self, page: &mut Page) {
        let mut by_cause: BTreeMap<String, u64> = BTreeMap::new();
        match &self.soak {
            Some(soak) => by_cause.extend(
                soak.sums
                    .failures
                    .iter()
                    .map(|(cause, count)| (cause.to_string(), *count)),
            ),
            None => {
                for failure in self
                    .clients
                    .iter()
                    .filter_map(|client| client.last_failure.as_ref())
                {
                    *by_cause.entry(failure.cause.to_string()).or_default() += 1;
                }
            }
        }
        if by_cause.is_empty() {
            page.heading("Failures")
                .pairs(&[("failures".to_owned(), "none".to_owned())]);
            return;
        }
        let rows: Vec<_> = by_cause
            .into_iter()
            .map(|(cause, count)| vec![cause, count.to_string()])
            .collect();
        page.heading("Failures").table(&["cause", "times"], &rows);
        let story = |client: &Client| {
            let failure = client.last_failure.as_ref()?;
            Some(vec![
                client.number.to_string(),
                client.phase.to_string(),
                client.restarts.to_string(),
                failure.stage.to_string(),
                failure.cause.to_string(),
                failure.detail.clone(),
            ])
        };
        let rows: Vec<_> = self.clients.iter().filter_map(story).take(LISTED).collect();
        page.table(
            &[
                "client",
                "now",
                "restarts",
                "stage",
                "cause",
                "the last time",
            ],
            &rows,
        );
    }

    pub(super) fn list(&self, page: &mut Page) {
        let all = self.clients.len() <= LISTED;
        let is_told =
            |client: &&Client| all || client.phase != Phase::Online || client.restarts > 0;
        let row = |client: &Client| {
            let text =
                |value: &Option<f64>| value.map_or_else(String::new, |ms| format!("{ms:.2}"));
            vec![
                client.number.to_string(),
                client.group.to_string(),
                client.phase.to_string(),
                client.address.clone().unwrap_or_default(),
                client.mac.to_string(),
                text(&client.join_ms),
                text(&client.dhcp_ms),
                text(&median_ping(client)),
                client.restarts.to_string(),
            ]
        };
        let rows: Vec<_> = self
            .clients
            .iter()
            .filter(is_told)
            .take(LISTED)
            .map(row)
            .collect();
        let title = if all {
            "Clients"
        } else {
            "Clients that were in trouble"
        };
        page.heading(title).table(
            &[
                "client", "group", "phase", "address", "MAC", "join ms", "lease ms", "ping ms",
                "restarts",
            ],
            &rows,
        );
    }
}

/// The middle of a client's medians over its targets.
pub(super) fn median_ping(client: &Client) -> Option<f64> {
    let pings = client.activities.iter();
    let pings = pings.filter(|activity| activity.kind == Kind::Ping);
    let mut medians: Vec<f64> = pings.filter_map(|pings| pings.time_ms.median).collect();
    medians.sort_by(f64::total_cmp);
    medians.get(medians.len() / 2).copied()
}
