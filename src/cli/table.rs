//! The result of a run, for people: a table of its clients, and one line that says it all.

mod clients;
mod complaints;
mod grid;
mod summary;

use clap::ValueEnum;
use lanherd::phase::Phase;
use lanherd::report::{ActivityEntry, Client, Percentiles, Report};

pub(super) use self::clients::addresses;
use self::clients::table;
use self::complaints::complaints;
pub(super) use self::grid::STYLE;
pub use self::grid::grid;
pub use self::summary::Paint;
use self::summary::summary;

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

/// What whoever runs a herd of both families beside a router of one has to know.
const NO_IPV6_ROUTER: &str = "No client has ever had a default router of IPv6: none on this LAN advertises itself as one. If the router is \
                              meant to have IPv4 alone, run with --family ipv4; what is advertised at all, lanherd audit --parent NAME tells.";

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
    if report.had_no_ipv6_router() {
        block(NO_IPV6_ROUTER.to_owned());
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

/// Whether the client is worth a word: it should be online and is not, or a target never answered it.
fn failed(client: &Client) -> bool {
    client.phase != Phase::Online || client.activities.iter().any(ActivityEntry::never_succeeded)
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
mod tests;
