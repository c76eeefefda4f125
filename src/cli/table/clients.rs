//! Clients, one to a row.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use lanherd::family::Family;
use lanherd::phase::Phase;
use lanherd::report::{ActivityEntry, Client};

use super::grid::{grid_of_width, least_width_of_all, width};
use super::{millis, or_dash};
use crate::cli::words::bounded;

pub(super) fn table<'a>(clients: &(impl Iterator<Item = &'a Client> + Clone)) -> String {
    let activities: BTreeSet<String> = clients
        .clone()
        .flat_map(|client| client.activities.iter().map(ActivityEntry::what))
        .collect();
    let with_state = clients.clone().any(|client| client.phase != Phase::Online);
    // What is the same for all is said once.
    let leased = || {
        clients
            .clone()
            .filter(|client| client.held_address().is_some())
    };
    let shared_router = shared(leased().map(|client| or_dash(client.router)));
    let shared_dns = shared(leased().map(dns));
    let mut header: Vec<String> = ["client", "MAC", "address"].map(str::to_owned).into();
    if shared_router.is_none() {
        header.push("router".to_owned());
    }
    if shared_dns.is_none() {
        header.push("DNS".to_owned());
    }
    header.push("time to lease".to_owned());
    let first_activity = header.len();
    header.extend(activities.iter().map(|what| shortened(what)));
    if with_state {
        header.push("state".to_owned());
    }
    let row_of = |client: &Client| {
        let mut row = vec![
            client.namespace.clone(),
            client.mac.to_string(),
            addresses(client),
        ];
        if shared_router.is_none() {
            row.push(or_dash(client.router));
        }
        if shared_dns.is_none() {
            row.push(dns(client));
        }
        row.push(or_dash(client.dhcp_ms.map(millis)));
        row.extend(activities.iter().map(|what| {
            let mut own = client.activities.iter();
            or_dash(own.find(|activity| activity.what() == *what).map(answers))
        }));
        if with_state {
            row.push(state(client));
        }
        row
    };
    let rows: Vec<Vec<String>> = clients.clone().map(row_of).collect();
    let width = width();
    let is_numbered = least_width_of_all(&header, &rows) > usize::from(width);
    if is_numbered {
        for (number, name) in (1..=activities.len()).zip(header.iter_mut().skip(first_activity)) {
            *name = format!("({number})");
        }
    }
    let mut table = grid_of_width(header, &rows, width);
    table.add_rows(rows);
    let mut text = table.trim_fmt();
    if is_numbered {
        for (number, what) in (1..).zip(&activities) {
            let _ = write!(text, "\n({number}) {}", bounded(what));
        }
    }
    let said: Vec<String> = [("router", shared_router), ("DNS", shared_dns)]
        .into_iter()
        .filter_map(|(what, value)| Some(format!("{what} {}", value?)))
        .collect();
    if !said.is_empty() {
        let _ = write!(text, "\n{} for all", said.join(", "));
    }
    text
}

/// The addresses of a client, one below the other; a dash for one that it is to have and has not.
pub(in crate::cli) fn addresses(client: &Client) -> String {
    let is_wanted = |family| client.by_family.contains_key(&family);
    let mut lines = Vec::new();
    if client.by_family.is_empty() || is_wanted(Family::Ipv4) {
        lines.push(or_dash(client.held_address()));
    }
    if is_wanted(Family::Ipv6) {
        lines.push(or_dash(client.address6()));
    }
    lines.join("\n")
}

/// What all have, if there are any and they have the same.
fn shared(mut all: impl Iterator<Item = String>) -> Option<String> {
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

fn state(client: &Client) -> String {
    match client.cause {
        Some(cause) => format!("{}: {cause}", client.phase),
        None => client.phase.to_string(),
    }
}

fn dns(client: &Client) -> String {
    const MOST: usize = 3;
    let mut servers: Vec<String> = client
        .dns
        .iter()
        .take(MOST)
        .map(ToString::to_string)
        .collect();
    if client.dns.len() > MOST {
        servers.push(format!("{} more", client.dns.len() - MOST));
    }
    or_dash(Some(servers.join(", ")).filter(|servers| !servers.is_empty()))
}

/// What stands above a column: a command line may be long.
fn shortened(what: &str) -> String {
    const MOST: usize = 32;
    match what.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}...", &what[..at]),
        None => what.to_owned(),
    }
}

fn answers(activity: &ActivityEntry) -> String {
    let mut text = format!("{}/{}", activity.succeeded, activity.attempts);
    if let Some(median) = activity.time_ms.median {
        let _ = write!(text, "  {}", millis(median));
    }
    text
}
