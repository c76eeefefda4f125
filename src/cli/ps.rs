//! `lanherd ps`: how the clients of a running pool are.

use std::time::Duration;

use lanherd::control::{Answer, HerdListing, Request, Row};
use lanherd::phase::Phase;

use super::control::{Which, strange};
use super::exit::Exit;
use super::screen::Screen;
use super::table::{addresses, grid, millis, or_dash};

const AFTER_HELP: &str = "\
Examples:
  lanherd ps
  lanherd ps --pool phones
  lanherd ps --routers
  lanherd ps --json | jq '.clients[] | select(.phase != \"online\")'";

/// Show the clients of a running pool
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Show also the clients that have left (the latest thousand)
    #[arg(long)]
    all: bool,
    /// Show also the routers of IPv6 that clients have heard: flags, prefixes, routes, and what of it breaks an RFC
    #[arg(long)]
    routers: bool,
    /// Print it as JSON, every client with all that a report has of it
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    which: Which,
}

pub fn run(args: &Args, screen: &Screen) -> anyhow::Result<Exit> {
    let herd = match args.which.ask(&Request::Ps {})? {
        Answer::Herd(herd) => herd,
        other => return Err(strange(&other)),
    };
    if args.json {
        screen.data(&serde_json::to_string_pretty(&herd)?);
    } else {
        screen.result(&render(&herd, args.all));
        if args.routers {
            screen.result(&routers(&herd));
        }
    }
    Ok(Exit::Well)
}

fn render(herd: &HerdListing, all: bool) -> String {
    let is_shown = |row: &&Row| all || row.client.phase != Phase::Gone;
    let rows: Vec<&Row> = herd.clients.iter().filter(is_shown).collect();
    let with_groups = rows
        .iter()
        .any(|row| row.client.group != rows[0].client.group);
    let with_families = rows.iter().any(|row| !row.client.by_family.is_empty());
    let mut header = vec!["client"];
    if with_groups {
        header.push("group");
    }
    header.push("phase");
    if with_families {
        header.push("usable over");
    }
    header.push("address");
    header.extend(["lease ends in", "restarts", "time to join", "last failure"]);
    let mut table = grid(header.into_iter().map(str::to_owned).collect());
    for row in &rows {
        let client = &row.client;
        let mut cells = vec![client.namespace.clone()];
        if with_groups {
            cells.push(row.client.group.to_string());
        }
        let failure = client
            .last_failure
            .as_ref()
            .map(|failure| format!("{}: {}", failure.stage, failure.cause));
        cells.push(client.phase.to_string());
        if with_families {
            cells.push(client.usable_over().to_owned());
        }
        cells.push(addresses(client));
        cells.extend([
            lease(row),
            client.restarts.to_string(),
            or_dash(client.join_ms.map(millis)),
            or_dash(failure),
        ]);
        table.add_row(cells);
    }
    format!("{}\n{}", table.trim_fmt(), summary(herd))
}

/// What clients have heard of routers.
fn routers(herd: &HerdListing) -> String {
    if herd.routers.is_empty() && herd.breaches.is_empty() {
        return "no client has heard a router of IPv6".to_owned();
    }
    let routers = herd
        .routers
        .iter()
        .map(|router| router.to_string().trim_end().to_owned());
    let breaches = herd.breaches.iter().map(|breach| {
        format!(
            "{:<7} {} ({}): {}: {}{}",
            breach.level,
            breach.requirement,
            breach.source,
            breach.sender,
            breach.what,
            if breach.times > 1 {
                format!(" ({} times)", breach.times)
            } else {
                String::new()
            }
        )
    });
    routers.chain(breaches).collect::<Vec<_>>().join("\n")
}

fn lease(row: &Row) -> String {
    match (row.lease_remaining_seconds, row.client.lease_seconds) {
        (Some(left), _) => humantime::format_duration(Duration::from_secs(left)).to_string(),
        (None, None) if row.client.phase == Phase::Online => "never".to_owned(),
        (None, _) => "-".to_owned(),
    }
}

fn summary(herd: &HerdListing) -> String {
    let count = |phase| {
        let there = herd.clients.iter().map(|row| row.client.phase);
        there.filter(|there| *there == phase).count()
    };
    let gone = count(Phase::Gone);
    format!(
        "pool {} (process {}): {} of {} clients online, {gone} have left",
        herd.pool,
        herd.pid,
        count(Phase::Online),
        herd.clients.len() - gone
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(number: u32, phase: &str) -> serde_json::Value {
        serde_json::json!({
            "group": "ns", "lease_remaining_seconds": 3_590,
            "number": number, "namespace": format!("ns{number}"), "mac": "02:00:00:00:00:01",
            "address": "10.77.0.10/16", "router": null, "dns": [], "lease_seconds": 3600, "join_ms": 12.5,
            "dhcp_ms": 3.25, "restarts": 2, "phase": phase, "cause": null,
            "last_failure": {"stage": "dhcp", "cause": "no_offer", "detail": "nobody answered"}, "pings": [],
        })
    }

    fn herd(rows: &[serde_json::Value]) -> HerdListing {
        let herd = serde_json::json!({"pool": "ns", "pid": 7, "clients": rows});
        serde_json::from_value(herd).expect("a herd")
    }

    #[test]
    fn a_client_is_shown_with_its_lease_restarts_and_last_failure() {
        let text = render(&herd(&[row(1, "online")]), false);
        for words in [
            "ns1",
            "online",
            "10.77.0.10/16",
            "59m 50s",
            "12 ms",
            "dhcp: no_offer",
        ] {
            assert!(text.contains(words), "{words:?} is not in {text}");
        }
        assert!(
            text.ends_with("pool ns (process 7): 1 of 1 clients online, 0 have left"),
            "{text}"
        );
    }

    #[test]
    fn of_a_dual_client_both_families_are_shown_and_of_an_ipv4_herd_neither_is_named() {
        let family = |up: bool| serde_json::json!({"up": up, "acquire_ms": 3.0, "wanted_ms": 1.0, "usable_ms": 1.0, "last_failure": null});
        let mut dual = row(1, "partial");
        dual["families"] = "dual".into();
        dual["by_family"] = serde_json::json!({"ipv4": family(true), "ipv6": family(false)});
        dual["ipv6"] = serde_json::json!({
            "addresses": [
                {"address": "fe80::5", "origin": "link_local", "state": "preferred", "preferred_seconds": null, "valid_seconds": null},
                {"address": "2001:db8::6", "origin": "stable", "state": "deprecated", "preferred_seconds": 0, "valid_seconds": 90},
                {"address": "2001:db8::5", "origin": "stable", "state": "preferred", "preferred_seconds": 60, "valid_seconds": 90},
            ],
            "routers": [], "dns": [], "search": [], "on_link": [], "delegated": [], "pref64": [], "managed": false, "other": false,
            "mtu": null, "lease_server": null, "stale_prefix_ms": 0.0,
        });
        let text = render(&herd(&[dual, row(2, "online")]), false);
        for words in ["  IPv4  ", "2001:db8::5", "10.77.0.10/16", "partial"] {
            assert!(text.contains(words), "{words:?} is not in {text}");
        }
        let text = render(&herd(&[row(2, "online")]), false);
        assert!(
            !text.contains("IPv") && !text.contains("usable over"),
            "{text}"
        );
    }

    #[test]
    fn those_that_have_left_are_counted_and_shown_only_when_asked_for() {
        let herd = herd(&[row(1, "online"), row(2, "gone")]);
        let text = render(&herd, false);
        assert!(!text.contains("ns2"), "{text}");
        assert!(
            text.contains("1 of 1 clients online, 1 have left"),
            "{text}"
        );
        assert!(render(&herd, true).contains("ns2"));
    }

    #[test]
    fn routers_are_shown_as_an_audit_shows_them_with_what_they_break() {
        let mut herd = herd(&[row(1, "online")]);
        assert_eq!(routers(&herd), "no client has heard a router of IPv6");
        let breach = serde_json::json!({
            "level": "should", "requirement": "ra-prefix-flags", "source": "RFC 7084, 4.3 (L-6)", "sender": "fe80::1 (02:00:00:00:00:01)",
            "what": "2001:db8::/64 has no L flag", "times": 3, "first_seconds": 1.0, "last_seconds": 9.0,
        });
        herd.breaches = vec![serde_json::from_value(breach).expect("a breach")];
        assert_eq!(
            routers(&herd),
            "should  ra-prefix-flags (RFC 7084, 4.3 (L-6)): fe80::1 (02:00:00:00:00:01): 2001:db8::/64 has no L flag (3 times)"
        );
    }

    #[test]
    fn an_empty_herd_is_shown_as_that() {
        assert!(render(&herd(&[]), false).contains("0 of 0 clients"));
    }
}
