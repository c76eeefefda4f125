//! Clients one by one: why they failed, and how each of them is.

use std::collections::BTreeMap;

use crate::activity::Kind;
use crate::page::Page;
use crate::page::figure::number;
use crate::phase::Phase;
use crate::report::{Client, Ipv6Entry, Report};

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
        let kinds = kinds(&self.clients);
        let with_ipv6 = self
            .clients
            .iter()
            .any(|client| !client.by_family.is_empty());
        let row = |client: &Client| {
            let text = |value: Option<f64>| value.map(number).unwrap_or_default();
            let mut row = vec![
                client.number.to_string(),
                client.group.to_string(),
                client.phase.to_string(),
                client.address.clone().unwrap_or_default(),
            ];
            if with_ipv6 {
                let ipv6 = client.ipv6.as_ref().and_then(Ipv6Entry::address);
                row.push(ipv6.map(|address| address.to_string()).unwrap_or_default());
                row.push(client.usable_over().to_owned());
            }
            row.extend([
                client.mac.to_string(),
                text(client.join_ms),
                text(client.dhcp_ms),
            ]);
            row.extend(kinds.iter().map(|kind| text(median_time(client, *kind))));
            row.push(client.restarts.to_string());
            row
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
        let times = kinds.iter().map(|kind| format!("{} ms", kind.about().one));
        let times: Vec<_> = times.collect();
        let mut header = vec!["client", "group", "phase", "address"];
        if with_ipv6 {
            header.extend(["IPv6 address", "usable over"]);
        }
        header.extend(["MAC", "join ms", "lease ms"]);
        header.extend(times.iter().map(String::as_str));
        header.push("restarts");
        page.heading(title).table(&header, &rows);
    }
}

/// The kinds of activity of which a time was measured of any client.
pub(super) fn kinds(clients: &[Client]) -> Vec<Kind> {
    let all = || clients.iter().flat_map(|client| &client.activities);
    let is_timed = |kind: &Kind| all().any(|one| one.kind == *kind && one.time_ms.median.is_some());
    Kind::ALL.iter().copied().filter(is_timed).collect()
}

/// The middle of a client's median times of one kind, over all that it was done to.
pub(super) fn median_time(client: &Client, kind: Kind) -> Option<f64> {
    let of_kind = client.activities.iter().filter(|one| one.kind == kind);
    let mut medians: Vec<f64> = of_kind.filter_map(|one| one.time_ms.median).collect();
    medians.sort_by(f64::total_cmp);
    medians.get(medians.len() / 2).copied()
}
