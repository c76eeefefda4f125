//! Clients, one to a row.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use lanherd::family::Family;
use lanherd::phase::Phase;
use lanherd::report::{ActivityEntry, Client, Ipv6Entry};

use super::grid::{grid_of_width, least_width_of_all, width};
use super::{millis, or_dash};
use crate::cli::words::bounded;

pub(super) fn table<'a>(clients: &(impl Iterator<Item = &'a Client> + Clone)) -> String {
    let all = clients.clone().flat_map(|client| &client.activities);
    let mut activities = BTreeMap::new();
    for activity in all {
        // Where nothing is said it went over IPv4 alone.
        *activities.entry(activity.what()).or_insert(true) &= activity.families.is_empty();
    }
    let activities = activity_columns(&activities);
    let with_ipv4 = clients
        .clone()
        .any(|client| is_wanted(client, Family::Ipv4));
    let with_state = clients.clone().any(|client| client.phase != Phase::Online);
    // What is the same for all is said once.
    let leased = || {
        clients
            .clone()
            .filter(|client| client.held_address().is_some())
    };
    let shared_router = shared(leased().map(|client| or_dash(client.router)));
    let shared_dns = shared(leased().map(dns));
    let with_ipv6 = || clients.clone().filter_map(|client| client.ipv6.as_ref());
    let router_of = |ipv6: &Ipv6Entry| or_dash(ipv6.routers.first().map(|router| router.address));
    let is_there = |text: &String| text != "-";
    let ipv6_router = shared(with_ipv6().map(router_of)).filter(is_there);
    let ipv6_dns = shared(with_ipv6().map(|ipv6| few(&ipv6.dns))).filter(is_there);
    let mut header: Vec<String> = ["client", "MAC", "address"].map(str::to_owned).into();
    let (with_router, with_dns) = (
        with_ipv4 && shared_router.is_none(),
        with_ipv4 && shared_dns.is_none(),
    );
    if with_router {
        header.push("router".to_owned());
    }
    if with_dns {
        header.push("DNS".to_owned());
    }
    let time = if with_ipv4 {
        "time to lease"
    } else {
        "time to IPv6"
    };
    header.push(time.to_owned());
    let first_activity = header.len();
    header.extend(activities.iter().map(|column| shortened(&column.name)));
    if with_state {
        header.push("state".to_owned());
    }
    let row_of = |client: &Client| {
        let mut row = vec![
            client.namespace.clone(),
            client.mac.to_string(),
            addresses(client),
        ];
        if with_router {
            row.push(or_dash(client.router));
        }
        if with_dns {
            row.push(dns(client));
        }
        let took = if with_ipv4 {
            client.dhcp_ms
        } else {
            let entry = client.by_family.get(&Family::Ipv6);
            entry.and_then(|entry| entry.acquire_ms)
        };
        row.push(whole(&or_dash(took.map(millis))));
        row.extend(activities.iter().map(|column| column.of(client)));
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
    let mut text = table.trim_fmt().replace(NO_BREAK, " ");
    if is_numbered {
        for (number, column) in (1..).zip(&activities) {
            let _ = write!(text, "\n({number}) {}", bounded(&column.name));
        }
    }
    let all = [
        ("router", shared_router),
        ("DNS", shared_dns),
        ("IPv6 router", ipv6_router),
        ("IPv6 DNS", ipv6_dns),
    ];
    let said: Vec<String> = all
        .into_iter()
        .filter_map(|(what, value)| Some(format!("{what} {}", value?)))
        .collect();
    if !said.is_empty() {
        let _ = write!(text, "\n{} for all", said.join(", "));
    }
    text
}

/// A column of what clients do.
struct ActivityColumn {
    name: String,
    /// What stands in it, one below the other.
    lines: Vec<String>,
}

impl ActivityColumn {
    fn of(&self, client: &Client) -> String {
        let line = |what: &String| {
            let mut own = client.activities.iter();
            or_dash(own.find(|activity| activity.what() == *what).map(answers))
        };
        let lines: Vec<String> = self.lines.iter().map(line).collect();
        lines.join("\n")
    }
}

/// A column for each of these, of which is known whether they all went over IPv4. What is done over each family has one column, IPv4 above
/// IPv6 as in that of the addresses.
fn activity_columns(activities: &BTreeMap<String, bool>) -> Vec<ActivityColumn> {
    let [over_ipv4, over_ipv6] =
        [Family::Ipv4, Family::Ipv6].map(|family| format!(" over {}", family.name()));
    // What goes over IPv4 though it is not said.
    let above = |base: &str| {
        let said = format!("{base}{over_ipv4}");
        match (activities.get(base), activities.contains_key(&said)) {
            (Some(true), false) => Some(base.to_owned()),
            (None, true) => Some(said),
            _ => None,
        }
    };
    let pair = |what: &str| {
        let said = what
            .strip_suffix(&over_ipv4)
            .or_else(|| what.strip_suffix(&over_ipv6));
        let base = said.unwrap_or(what);
        let below = format!("{base}{over_ipv6}");
        let lines = [above(base)?, below];
        let is_there = activities.contains_key(&lines[1]);
        is_there.then(|| (base.to_owned(), lines))
    };
    let mut columns = Vec::new();
    for what in activities.keys() {
        match pair(what) {
            Some((name, lines)) if lines.contains(what) => {
                if lines[0] == *what {
                    let lines = lines.into();
                    columns.push(ActivityColumn { name, lines });
                }
            }
            _ => columns.push(ActivityColumn {
                name: what.clone(),
                lines: vec![what.clone()],
            }),
        }
    }
    columns
}

/// Stands in cells for a space at which no line is to end.
const NO_BREAK: &str = "\u{a0}";

/// A time that is not broken before its unit.
fn whole(text: &str) -> String {
    text.replacen(' ', NO_BREAK, 1)
}

/// The addresses of a client, one below the other; a dash for one that it is to have and has not.
pub(in crate::cli) fn addresses(client: &Client) -> String {
    let mut lines = Vec::new();
    if is_wanted(client, Family::Ipv4) {
        lines.push(or_dash(client.held_address()));
    }
    if is_wanted(client, Family::Ipv6) {
        lines.push(or_dash(client.address6()));
    }
    lines.join("\n")
}

/// Whether a client is to have that family; of one that is to have only IPv4 nothing is said by family.
fn is_wanted(client: &Client, family: Family) -> bool {
    if client.by_family.is_empty() {
        family == Family::Ipv4
    } else {
        client.by_family.contains_key(&family)
    }
}

/// What all have, if there are any and they have the same.
fn shared(mut all: impl Iterator<Item = String>) -> Option<String> {
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

fn state(client: &Client) -> String {
    let phase = phase(client);
    match client.cause {
        Some(cause) => format!("{phase}: {cause}"),
        None => phase,
    }
}

/// What it is doing; where it is usable in one of two families, without which.
pub(super) fn phase(client: &Client) -> String {
    match (client.phase, client.missing_family()) {
        (Phase::Partial, Some(family)) => format!("partial, no {}", family.name()),
        (phase, _) => phase.to_string(),
    }
}

fn dns(client: &Client) -> String {
    few(&client.dns)
}

/// Up to three resolvers, and how many more there are; a dash for none.
fn few(all: &[impl ToString]) -> String {
    const MOST: usize = 3;
    let mut servers: Vec<String> = all.iter().take(MOST).map(ToString::to_string).collect();
    if all.len() > MOST {
        servers.push(format!("{} more", all.len() - MOST));
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
        let _ = write!(text, "  {}", whole(&millis(median)));
    }
    text
}
