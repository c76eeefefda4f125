//! Pictures in words: the same on the live page and on the terminal.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};

use super::picture::{Herd, One};
use crate::dhcp::LossReason;
use crate::family::Family;
use crate::page::figure::{milliseconds, number, percent, span};
use crate::phase::Phase;
use crate::pool::{EventKind, Share};
use crate::report::{ActivityEntry, Client, LastFailure, Percentiles};
use lanherd_types::words;

/// What stands for a value that there is not.
const NOTHING: &str = "-";

/// How often something happened, or was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// What kind of thing: `failure`, `lookups`.
    pub kind: &'static str,
    /// Which of its kind; may be empty.
    pub what: String,
    /// How often it happened.
    pub count: u64,
    /// What more is to be said; may be empty.
    pub more: String,
}

words! {
    /// How much an event matters to whoever follows a herd.
    EventLevel {
        /// A step that clients take all the time, and of which a herd takes too many to be read.
        Step = "step",
        /// Somebody has ordered it.
        Planned = "planned",
        /// It is worth knowing.
        News = "news",
        /// Something is wrong.
        Bad = "bad",
    }
}

impl EventLevel {
    /// How much this matters.
    pub const fn of(what: &EventKind) -> Self {
        match what {
            // A lease that its holder gave back is no trouble.
            EventKind::Lost {
                reason: LossReason::Released,
                ..
            } => Self::Planned,
            what if what.is_step() => Self::Step,
            what if what.is_bad() => Self::Bad,
            _ => Self::News,
        }
    }
}

impl Herd {
    /// `379 of 400 clients online, 8 down, availability 99.92 %`; where there are some, also how many are usable in one of two families.
    pub fn summary(&self) -> String {
        let (online, wanted) = (self.lately.online, self.lately.wanted);
        let partial = match self.phases.get(&Phase::Partial) {
            None | Some(0) => String::new(),
            Some(partial) => format!(", {partial} with one of two families"),
        };
        let down = [Phase::Failed, Phase::Backoff, Phase::NoCarrier];
        let down: u32 = down.iter().filter_map(|phase| self.phases.get(phase)).sum();
        let share = self.availability.share;
        let by_family = self.availability.by_family();
        let usable = share.map(|share| format!(", availability {}{by_family}", percent(share)));
        let usable = usable.unwrap_or_default();
        format!("{online} of {wanted} clients online{partial}, {down} down{usable}")
    }

    /// What went wrong, what was broken on purpose, and what was done, in all.
    pub fn occurrences(&self) -> Vec<Occurrence> {
        let sums = &self.sums;
        let mut all = Vec::new();
        let mut add = |kind, what: String, count, more: String| {
            if count > 0 {
                all.push(Occurrence {
                    kind,
                    what,
                    count,
                    more,
                });
            }
        };
        let mut failures: Vec<_> = sums.failures.iter().collect();
        failures.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        for (cause, count) in failures {
            add("failure", cause.to_string(), *count, String::new());
        }
        for (fault, sum) in &sums.faults {
            let back = |all: Percentiles| format!("back in {}", span(all.p50));
            let recovered = sum.recovery_ms.map(back).unwrap_or_default();
            add("fault", fault.to_string(), sum.count, recovered);
        }
        let outage = "of the router".to_owned();
        add("outage", outage, sums.outages, self.outage_recovery());
        add("restarts", String::new(), sums.restarts, String::new());
        add("given up", String::new(), sums.give_ups, String::new());
        add(
            "leases lost",
            String::new(),
            sums.leases_lost,
            String::new(),
        );
        for activity in &sums.activities {
            let about = activity.kind.about();
            let failed = activity.attempts.saturating_sub(activity.succeeded);
            let more = format!("{failed} {}", about.failed);
            let subject = activity.subject.clone();
            add(about.many, subject, activity.attempts, more);
        }
        all
    }

    /// `50/95/100 % back in 3.10/4.25/5.00 s, 2 in IPv6 alone`: at the median of all outages; by family the latest.
    fn outage_recovery(&self) -> String {
        let alone = |family: &Family| {
            let latest = self.outages.latest.iter();
            let count = latest.filter(|one| one.family == Some(*family)).count();
            (count > 0).then(|| format!("{count} in {} alone", family.name()))
        };
        let back = self.shares_back();
        let told = back.into_iter().chain(Family::ALL.iter().filter_map(alone));
        told.collect::<Vec<_>>().join(", ")
    }

    fn shares_back(&self) -> Option<String> {
        let recovery = &self.outage_recovery_ms;
        if recovery.is_empty() {
            return None;
        }
        let percent = |share: &Share| match share {
            Share::Half => "50",
            Share::Most => "95",
            Share::All => "100",
        };
        let shares: Vec<&str> = recovery.keys().map(percent).collect();
        let times = recovery.values().map(|took| number(took.p50 / 1_000.0));
        let times: Vec<String> = times.collect();
        let (shares, times) = (shares.join("/"), times.join("/"));
        Some(format!("{shares} % back in {times} s"))
    }
}

impl One {
    /// All that is known of the client but its events: names and values.
    pub fn rows(&self) -> Vec<(String, String)> {
        let client = &self.client;
        let dns: Vec<_> = client.dns.iter().map(ToString::to_string).collect();
        let last_failure = client.last_failure.as_ref().map(|failure| {
            let (stage, cause, detail) = (failure.stage, failure.cause, &failure.detail);
            format!("{stage}: {cause}: {detail}")
        });
        let rows = [
            ("phase", phase(client)),
            ("group", client.group.to_string()),
            ("namespace", client.namespace.clone()),
            ("MAC", client.mac.to_string()),
            ("address", or_nothing(client.held_address())),
            ("router", or_nothing(client.router)),
            (
                "DNS",
                or_nothing(Some(dns.join(", ")).filter(|dns| !dns.is_empty())),
            ),
            ("lease", self.lease()),
            ("joined in", or_nothing(client.join_ms.map(milliseconds))),
            (
                "lease acquired in",
                or_nothing(client.dhcp_ms.map(milliseconds)),
            ),
            ("restarts", client.restarts.to_string()),
            ("last failure", or_nothing(last_failure)),
        ];
        let rows = rows.map(|(name, value)| (name.to_owned(), value));
        let families = self.families();
        let activities = client.activities.iter();
        let activities = activities.map(|activity| (activity.what(), outcomes(activity)));
        rows.into_iter().chain(families).chain(activities).collect()
    }

    /// How it stands in each family, and what it has of IPv6, where it is to have that.
    fn families(&self) -> Vec<(String, String)> {
        let client = &self.client;
        let mut rows = Vec::new();
        if let Some(told) = client.families_told() {
            rows.push(("families".to_owned(), told));
        }
        for (family, entry) in &client.by_family {
            let name = family.name();
            let took = or_nothing(entry.acquire_ms.map(milliseconds));
            rows.push((format!("{name} acquired in"), took));
            if let Some(LastFailure { cause, detail, .. }) = &entry.last_failure {
                rows.push((format!("{name} failed last"), format!("{cause}: {detail}")));
            }
        }
        let Some(ipv6) = &client.ipv6 else {
            return rows;
        };
        let mut row = |name: &str, value: String| rows.push((name.to_owned(), value));
        for held in &ipv6.addresses {
            let left = held
                .valid_seconds
                .map_or_else(|| "for ever".to_owned(), |left| format!("{left} s left"));
            let words = format!("{} ({}, {}, {left})", held.address, held.origin, held.state);
            row("IPv6 address", words);
        }
        if ipv6.routers.is_empty() {
            row("IPv6 router", NOTHING.to_owned());
        }
        for router in &ipv6.routers {
            let left = router
                .lifetime_seconds
                .map_or_else(|| "for ever".to_owned(), |left| format!("{left} s left"));
            let answers = if router.reachable {
                ""
            } else {
                ", does not answer"
            };
            row(
                "IPv6 router",
                format!("{} ({left}{answers})", router.address),
            );
        }
        let list =
            |all: Vec<String>| or_nothing(Some(all.join(", ")).filter(|all| !all.is_empty()));
        row(
            "IPv6 DNS",
            list(ipv6.dns.iter().map(ToString::to_string).collect()),
        );
        for (name, prefixes) in [
            ("on the link", &ipv6.on_link),
            ("delegated", &ipv6.delegated),
            ("NAT64", &ipv6.pref64),
        ] {
            if !prefixes.is_empty() {
                row(
                    name,
                    list(prefixes.iter().map(ToString::to_string).collect()),
                );
            }
        }
        if let Some(server) = &ipv6.lease_server {
            row("DHCPv6 server", server.clone());
        }
        if ipv6.stale_prefix_ms > 0.0 {
            row("time on a stale prefix", span(ipv6.stale_prefix_ms));
        }
        rows
    }

    fn lease(&self) -> String {
        match (self.client.lease_seconds, self.lease_remaining_seconds) {
            (Some(total), Some(left)) => format!("{total} s, {left} s left"),
            (Some(total), None) => format!("{total} s, not held"),
            (None, _) => NOTHING.to_owned(),
        }
    }
}

fn or_nothing(value: Option<impl Display>) -> String {
    value.map_or_else(|| NOTHING.to_owned(), |value| value.to_string())
}

fn phase(client: &Client) -> String {
    match client.cause {
        Some(cause) => format!("{}, after {cause}", client.phase),
        None => client.phase.to_string(),
    }
}

/// What became of the attempts of one activity.
fn outcomes(activity: &ActivityEntry) -> String {
    let about = activity.kind.about();
    let (succeeded, all) = (activity.succeeded, activity.attempts);
    let mut said = format!("{succeeded} of {all} {}", about.succeeded);
    // Writing to a String cannot fail.
    if !activity.failed.is_empty() {
        let _ = write!(said, "; {}", counted(&activity.failed));
    }
    let counts = about.counts.iter();
    for count in counts.filter_map(|count| count.objective.as_ref()) {
        let number = activity.detail.get(count.short);
        if let Some(number @ 1..) = number.and_then(serde_json::Value::as_u64) {
            let _ = write!(said, "; {number} {}", count.short);
        }
    }
    let times = activity.time_ms;
    if let Some(median) = times.median {
        let _ = write!(said, "; median {}", milliseconds(median));
    }
    if let (Some(p99), None) = (times.p99, &activity.last_failure) {
        let _ = write!(said, ", p99 {}", milliseconds(p99));
    }
    if let Some(failure) = &activity.last_failure {
        let _ = write!(said, "; last failure: {failure}");
    }
    said
}

fn counted(all: &BTreeMap<String, u64>) -> String {
    let each = all.iter().map(|(cause, count)| format!("{count} {cause}"));
    each.collect::<Vec<_>>().join(", ")
}
