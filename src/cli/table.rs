//! The result of a run, for people: a table of its clients, and one line that says it all.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use clap::ValueEnum;
use comfy_table::{ColumnConstraint, ContentArrangement, LineStyle, Table, TableStyle, Width};
use lanherd::phase::Phase;
use lanherd::report::{ActivityEntry, Client, Ended, LastFailure, Percentiles, Report};
use lanherd::units::percent;
use terminal_size::terminal_size_of;

use super::words::bounded;

/// Which clients the table shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TableRows {
    /// All of a herd of up to 50; of a larger one the first 20 that failed, and percentiles
    Auto,
    /// All
    All,
}

/// A herd up to this large is shown client by client.
const MOST_ROWS: usize = 50;
/// So many of a large herd's failures are shown, and so many different complaints.
const MOST_FAILURES: usize = 20;

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

/// A line below the header, and none between rows.
pub(super) const STYLE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─'));

/// The table and what belongs to it, the summary last.
pub fn render(report: &Report, rows: TableRows, paint: Paint) -> String {
    let all = match rows {
        TableRows::All => true,
        TableRows::Auto => report.clients.len() <= MOST_ROWS,
    };
    let mut text = String::new();
    let mut block = |block: String| {
        text.push_str(&block);
        text.push('\n');
    };
    if all {
        block(table(&report.clients.iter()));
    } else {
        let failures = report.clients.iter().filter(|client| failed(client));
        let count = failures.clone().count();
        if count > 0 {
            block(table(&failures.take(MOST_FAILURES)));
        }
        if count > MOST_FAILURES {
            block(format!(
                "... and {} more that failed; --table all shows every client",
                count - MOST_FAILURES
            ));
        }
        let all = &report.percentiles;
        let activities = all.activities.iter();
        let activities = activities.map(|(kind, figures)| (kind.about().one, *figures));
        let joining = [
            ("time to join", all.join_ms),
            ("time to lease", all.dhcp_ms),
        ];
        for (what, figures) in joining.into_iter().chain(activities) {
            if let Some(figures) = figures {
                block(percentiles(what, &figures));
            }
        }
    }
    for complaint in complaints(&report.clients) {
        block(complaint);
    }
    for flaw in report.flaws.iter().take(MOST_FAILURES) {
        let times = if flaw.count == 1 {
            "once".to_owned()
        } else {
            format!("{} times", flaw.count)
        };
        block(format!("servers' messages: {times}: {}", flaw.last));
    }
    text.push_str(&summary(report, paint));
    text
}

/// `10 of 10 clients online, availability 100 %, 10 of 10 pings answered, nothing left behind, 0.41 s`. What is counted is so
/// since the pool began, of all clients that it ever had.
fn summary(report: &Report, paint: Paint) -> String {
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

fn table<'a>(clients: &(impl Iterator<Item = &'a Client> + Clone)) -> String {
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
    let with_ipv6 = clients.clone().any(|client| !client.by_family.is_empty());
    let mut header: Vec<String> = ["client", "MAC", "address"].map(str::to_owned).into();
    if with_ipv6 {
        header.push("IPv6 address".to_owned());
    }
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
            or_dash(client.held_address()),
        ];
        if with_ipv6 {
            row.push(or_dash(client.address6()));
        }
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
    let mut table = grid_of_width(header, width);
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

/// What all have, if there are any and they have the same.
fn shared(mut all: impl Iterator<Item = String>) -> Option<String> {
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

/// A table that looks like all of ours, as wide as the terminal; where there is none, 100 columns at most.
pub fn grid(header: Vec<String>) -> Table {
    grid_of_width(header, width())
}

fn grid_of_width(header: Vec<String>, width: u16) -> Table {
    // What one copies is not broken in the middle, and no word above a column is.
    let constraints: Vec<ColumnConstraint> = header
        .iter()
        .map(|name| {
            if is_whole(name) {
                ColumnConstraint::ContentWidth
            } else {
                ColumnConstraint::LowerBoundary(Width::Fixed(least_width(name)))
            }
        })
        .collect();
    let mut table = Table::new();
    table
        .load_style(STYLE)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(width)
        .set_header(header);
    for (column, constraint) in table.column_iter_mut().zip(constraints) {
        column.set_constraint(constraint);
    }
    table
}

/// Whether what stands in the column is copied, and so not broken.
fn is_whole(name: &str) -> bool {
    ["client", "MAC", "address", "router"].contains(&name)
}

/// The columns of the terminal that a table takes at least, with no word of its header broken, and nothing that is copied.
fn least_width_of_all(header: &[String], rows: &[Vec<String>]) -> usize {
    let least = |(at, name): (usize, &String)| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        let copied = cells.filter(|_| is_whole(name));
        let content = copied.map(|cell| cell.chars().count() + 2).max();
        usize::from(least_width(name)).max(content.unwrap_or_default())
    };
    let columns: usize = header.iter().enumerate().map(least).sum();
    // One more stands between two of them.
    columns + header.len().saturating_sub(1)
}

/// The columns of the terminal that the longest word takes, with a space on each side.
fn least_width(name: &str) -> u16 {
    let longest = name
        .split_whitespace()
        .map(|word| word.chars().count())
        .max();
    u16::try_from(longest.unwrap_or_default() + 2).unwrap_or(u16::MAX)
}

fn width() -> u16 {
    const USUAL: u16 = 100;
    if !io::stdout().is_terminal() {
        return USUAL;
    }
    // Narrower ones break lines themselves; a table that did would be of words cut in pieces.
    terminal_size_of(io::stdout()).map_or(USUAL, |(columns, _)| columns.0.max(80))
}

/// Whether the client is worth a word: it should be online and is not, or a target never answered it.
fn failed(client: &Client) -> bool {
    client.phase != Phase::Online || client.activities.iter().any(ActivityEntry::never_succeeded)
}

fn state(client: &Client) -> String {
    match client.cause {
        Some(cause) => format!("{}: {cause}", client.phase),
        None => client.phase.to_string(),
    }
}

/// What exactly went wrong: a line for all clients to which the same happened.
fn complaints(clients: &[Client]) -> Vec<String> {
    let mut complaints: Vec<(String, Vec<&str>)> = Vec::new();
    for client in clients {
        for what in complaints_of(client) {
            let is_full = complaints.len() >= MOST_FAILURES;
            match complaints.iter_mut().find(|(known, _)| *known == what) {
                Some((_, names)) => names.push(&client.namespace),
                None if is_full => {}
                None => complaints.push((what, vec![&client.namespace])),
            }
        }
    }
    complaints
        .iter()
        .map(|(what, names)| format!("{}: {}", together(names), bounded(what)))
        .collect()
}

fn complaints_of(client: &Client) -> Vec<String> {
    let mut complaints = Vec::new();
    if let (Some(failure), Some(_)) = (&client.last_failure, client.cause) {
        let LastFailure {
            stage,
            cause,
            detail,
            ..
        } = failure;
        complaints.push(format!("{}: {stage}: {cause}: {detail}", client.phase));
    }
    let never = client.activities.iter().filter(|one| one.never_succeeded());
    complaints.extend(never.map(ActivityEntry::complaint));
    complaints
}

/// `ns1, ns2, ns3 and 5 more`.
fn together(names: &[&str]) -> String {
    const MOST_NAMES: usize = 5;
    match names.len() {
        0..=MOST_NAMES => names.join(", "),
        many => format!(
            "{} and {} more",
            names.get(..MOST_NAMES).unwrap_or_default().join(", "),
            many - MOST_NAMES
        ),
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

fn percentiles(what: &str, figures: &Percentiles) -> String {
    format!(
        "{what}: median {}, 95 % {}, 99 % {}, longest {}",
        millis(figures.p50),
        millis(figures.p95),
        millis(figures.p99),
        millis(figures.max)
    )
}

/// A time, as short as it can be said.
pub fn millis(ms: f64) -> String {
    if ms < 10.0 {
        format!("{ms:.2} ms")
    } else if ms < 1_000.0 {
        format!("{ms:.0} ms")
    } else {
        format!("{:.2} s", ms / 1_000.0)
    }
}

/// What there is, or a dash.
pub fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

#[cfg(test)]
mod tests {
    use lanherd::activity::Kind;

    use super::*;

    /// A report of `online` clients with a ping each, and of `failed` ones that never had an offer.
    fn report(online: u32, failed: u32) -> Report {
        let client = |number: u32| {
            let mut client = serde_json::json!({
                "number": number,
                "group": "ns",
                "namespace": format!("ns{number}"),
                "mac": format!("02:00:00:00:00:{number:02x}"),
                "address": "10.77.0.10/16",
                "router": "10.77.0.1",
                "dns": ["10.77.0.1"],
                "lease_seconds": 3600,
                "join_ms": 12.5,
                "dhcp_ms": 3.25,
                "restarts": 0,
                "phase": "online",
                "cause": null,
                "last_failure": null,
                "pings": [{
                    "target": "Google DNS", "address": "8.8.8.8", "sent": 1, "received": 1, "lost": {},
                    "min_ms": 0.08, "median_ms": 0.08, "p99_ms": 0.08, "max_ms": 0.08
                }],
            });
            if number > online {
                client["phase"] = "failed".into();
                client["cause"] = "no_offer".into();
                client["address"] = serde_json::Value::Null;
                client["pings"] = serde_json::json!([]);
                client["last_failure"] = serde_json::json!({
                    "stage": "dhcp", "cause": "no_offer", "detail": "nobody answered for 30s"
                });
            }
            client
        };
        let figures = serde_json::json!({"p50": 1.0, "p95": 20.0, "p99": 300.0, "max": 4000.0});
        let report = serde_json::json!({
            "schema": "lanherd.report/1",
            "started": "2026-01-01T00:00:00.000Z",
            "duration_ms": 412.0,
            "complete": true,
            "soak": null,
            "seed": 0,
            "parameters": {},
            "totals": {
                "wanted": online + failed, "online": online, "failed": failed, "restarts": 0,
                "pings": online, "pings_sent": online, "pings_received": online, "leaked_objects": 0
            },
            "percentiles": {"join_ms": figures, "dhcp_ms": {}, "ping_ms": {}},
            "clients": (1..=online + failed).map(client).collect::<Vec<_>>(),
        });
        serde_json::from_value(report).expect("a report")
    }

    #[test]
    fn a_small_herd_is_shown_client_by_client_and_summed_up() {
        let text = render(&report(2, 0), TableRows::Auto, Paint::None);
        let lines: Vec<&str> = text.lines().collect();
        let ns2 = lines
            .iter()
            .find(|line| line.contains("ns2"))
            .expect("a row");
        for word in [
            "02:00:00:00:00:02",
            "10.77.0.10/16",
            "3.25 ms",
            "1/1  0.08 ms",
        ] {
            assert!(ns2.contains(word), "{word:?} is not in {ns2:?}");
        }
        assert!(
            text.contains("ping Google DNS") && !text.contains("state"),
            "{text}"
        );
        assert_eq!(
            lines.last().copied(),
            Some("2 of 2 clients online, 2 of 2 pings answered, nothing left behind, 0.41 s")
        );
    }

    #[test]
    fn what_was_lost_is_said_in_the_last_line_and_has_a_colour() {
        let mut report = report(3, 0);
        report.ended = Some(Ended::Interrupted);
        let pings = &mut report.totals.activities[Kind::Ping].attempts;
        (pings.all, pings.succeeded) = (480, 360);
        report.availability.share = Some(0.932);
        report.outages = serde_json::from_value(serde_json::json!({"count": 1, "latest": [{
            "began": "2026-01-01T00:00:10.000Z", "began_ms": 10_000.0, "ended_ms": 15_000.0,
            "clients": 3, "of": 3, "cause": "no_carrier", "fault": null,
            "half_back_ms": 4_900.0, "most_back_ms": 5_000.0, "all_back_ms": 5_000.0
        }]}))
        .expect("outages");
        let flaws = [
            "availability 93.2 %",
            "1 outage of 5.0 s (100 % of the herd)",
            "120 of 480 pings lost (25 %)",
        ];
        let all = format!(
            "3 of 3 clients online, {}, nothing left behind, interrupted after 0.41 s",
            flaws.join(", ")
        );
        assert_eq!(summary(&report, Paint::None), all);
        let coloured = summary(&report, Paint::Colours);
        for flaw in flaws {
            let flaw = format!("\u{1b}[33m{flaw}\u{1b}[39m");
            assert!(coloured.contains(&flaw), "{coloured:?}");
        }
        assert_eq!(coloured.matches('\u{1b}').count(), 6, "{coloured:?}");
    }

    #[test]
    fn no_line_of_the_table_is_wider_than_what_it_is_for() {
        let mut report = report(3, 0);
        let servers = (1..=200).map(|n| std::net::Ipv4Addr::new(10, 0, 0, n));
        report.clients[0].dns = servers.collect();
        report.clients[1].router = Some(std::net::Ipv4Addr::new(10, 77, 0, 2));
        for target in ["Cloudflare DNS", "the router", "192.168.177.142"] {
            for client in &mut report.clients {
                let mut pings = client.activities[0].clone();
                pings.subject = target.to_owned();
                client.activities.push(pings);
            }
        }
        let text = render(&report, TableRows::Auto, Paint::None);
        let widest = text.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(100), "{widest:?}\n{text}");
        assert!(text.contains("197"), "{text}");
        for whole in ["02:00:00:00:00:01", "10.77.0.10/16", "10.77.0.2 "] {
            assert!(text.contains(whole), "{whole} is not in\n{text}");
        }
        // There is no room for names: they stand below.
        for whole in ["(1)", "(4)", "\n(1) ping 192.168.177.142\n"] {
            assert!(text.contains(whole), "{whole} is not in\n{text}");
        }
    }

    #[test]
    fn words_of_the_header_stay_whole() {
        let mut report = report(3, 0);
        report.clients[1].router = Some(std::net::Ipv4Addr::new(10, 77, 0, 2));
        let ping_too = |report: &mut Report, target: &str| {
            for client in &mut report.clients {
                let mut pings = client.activities[0].clone();
                pings.subject = target.to_owned();
                client.activities.push(pings);
            }
        };
        let assert_words = |report: &Report, of_targets: &[&str]| {
            let text = render(report, TableRows::Auto, Paint::None);
            let header = text.lines().take_while(|line| !line.contains('─'));
            let words: BTreeSet<&str> = header.flat_map(str::split_whitespace).collect();
            let names = "client MAC address router time to lease".split(' ');
            let expected: BTreeSet<&str> = names.chain(of_targets.iter().copied()).collect();
            assert_eq!(words, expected, "{text}");
            let widest = text.lines().map(|line| line.chars().count()).max();
            assert!(widest <= Some(100), "{widest:?}\n{text}");
            text
        };
        ping_too(&mut report, "Cloudflare DNS");
        ping_too(&mut report, "the router");
        assert_words(&report, &["ping", "Cloudflare", "Google", "DNS", "the"]);
        ping_too(&mut report, "9.9.9.9");
        let text = assert_words(&report, &["(1)", "(2)", "(3)", "(4)"]);
        let last = "\n(1) ping 9.9.9.9\n(2) ping Cloudflare DNS\n(3) ping Google DNS\n(4) ping the router\n";
        assert!(text.contains(last), "{text}");
    }

    #[test]
    fn who_has_given_his_address_back_is_shown_without() {
        let mut report = report(2, 0);
        report.clients[1].phase = Phase::Released;
        report.clients[1].address = Some("10.77.0.99/16".to_owned());
        assert!(!render(&report, TableRows::Auto, Paint::None).contains("10.77.0.99"));
    }

    #[test]
    fn what_is_the_same_for_all_is_said_once() {
        let text = render(&report(2, 1), TableRows::Auto, Paint::None);
        assert!(
            text.contains("\nrouter 10.77.0.1, DNS 10.77.0.1 for all\n"),
            "{text}"
        );
        assert!(
            !text.lines().next().expect("a header").contains("router"),
            "{text}"
        );
    }

    #[test]
    fn a_full_table_of_neighbours_is_told_of_in_the_last_line() {
        let mut report = report(2, 0);
        report.tester.neighbour_table_full.ipv4 = Some(3);
        report.tester.neighbour_table_full.ipv6 = Some(0);
        let text = render(&report, TableRows::Auto, Paint::None);
        let told = ", this host's ARP table was full 3 times, nothing left behind, 0.41 s";
        assert!(text.ends_with(told), "{text}");
    }

    #[test]
    fn a_saturated_tester_is_told_of_in_the_last_line() {
        let mut report = report(2, 0);
        report.tester.saturated = true;
        report.tester.scheduler_lag_ms = report.percentiles.join_ms;
        let text = render(&report, TableRows::Auto, Paint::None);
        assert!(
            text.ends_with(", tester saturated (up to 4.00 s late), nothing left behind, 0.41 s"),
            "{text}"
        );
    }

    #[test]
    fn a_failed_client_has_its_cause_in_the_table_and_the_particulars_below() {
        let text = render(&report(1, 1), TableRows::Auto, Paint::None);
        assert!(text.contains("failed: no_offer"), "{text}");
        assert!(
            text.contains("\nns2: failed: dhcp: no_offer: nobody answered for 30s\n"),
            "{text}"
        );
    }

    #[test]
    fn of_a_large_herd_only_failures_are_shown_and_percentiles() {
        let text = render(&report(60, 25), TableRows::Auto, Paint::None);
        assert!(!text.contains("ns60 "), "{text}");
        assert!(text.contains("ns80") && !text.contains("ns81"), "{text}");
        assert!(text.contains("and 5 more that failed"), "{text}");
        assert!(
            text.contains(
                "\nns61, ns62, ns63, ns64, ns65 and 20 more: failed: dhcp: no_offer: nobody"
            ),
            "{text}"
        );
        assert!(
            text.contains("time to join: median 1.00 ms, 95 % 20 ms, 99 % 300 ms, longest 4.00 s"),
            "{text}"
        );
        assert!(render(&report(60, 0), TableRows::All, Paint::None).contains("ns60"));
    }

    #[test]
    fn a_target_that_never_answered_is_named_with_the_cause() {
        let mut report = report(1, 0);
        let pings = &mut report.clients[0].activities[0];
        (pings.attempts, pings.succeeded) = (3, 0);
        pings.time_ms.median = None;
        pings.failed.insert("timeout".to_owned(), 3);
        let text = render(&report, TableRows::Auto, Paint::None);
        assert!(text.contains("0/3"), "{text}");
        assert!(
            text.contains("\nns1: no answer from Google DNS: timeout\n"),
            "{text}"
        );
    }
}
