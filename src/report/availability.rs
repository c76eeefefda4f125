//! What a report says of the time that clients were usable, of outages, and of what was lost.

use std::collections::BTreeMap;
use std::time::{Duration, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::{Report, Sums, Totals};
use crate::activity::Kind;
use crate::family::Family;
use crate::fault::Fault;
use crate::page::figure::{percent, span};
use crate::phase::Cause;
use crate::pool::{self, Figures, Share, Uptime};
use crate::stats::{Attempts, milliseconds};
use lanherd_types::words;

words! {
    /// How a run ended.
    Ended {
        /// The time that it was to last was over, or it had done what it was there for.
        TimeOver = "time_over",
        /// Somebody interrupted it, by Ctrl-C or by a service manager.
        Interrupted = "interrupted",
        /// Somebody told it to stop, over its control socket.
        Stopped = "stopped",
        /// Every client had failed for good.
        EveryClientFailed = "every_client_failed",
    }
}

/// For how long clients were usable of the time that they were wanted, all together.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AvailabilityEntry {
    /// Usable of wanted, from 0 to 1; `None` where none was wanted.
    pub share: Option<f64>,
    /// For how long they should have been usable.
    pub wanted_ms: f64,
    /// For how long they were.
    pub usable_ms: f64,
    /// For how long they were not, by what had failed.
    pub unavailable_ms: BTreeMap<Cause, f64>,
    /// What of that faults did that were made on purpose.
    pub on_purpose_ms: BTreeMap<Fault, f64>,
    /// What is in none of these, as the tester stood still.
    pub tester_ms: f64,
    /// The same of each family that clients are to have; only where some are to have IPv6. A client with both is usable, in the
    /// figures above, only while it is in both.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub families: BTreeMap<Family, FamilyAvailability>,
}

/// For how long clients were usable in a family, of the time that they were wanted in it, all together.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FamilyAvailability {
    /// Usable of wanted, from 0 to 1; `None` where none was wanted.
    pub share: Option<f64>,
    /// For how long they should have been usable.
    pub wanted_ms: f64,
    /// For how long they were.
    pub usable_ms: f64,
    /// For how long they were not, by what had failed.
    pub unavailable_ms: BTreeMap<Cause, f64>,
}

/// Outages of most of the herd.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Outages {
    /// How many there were.
    pub count: u64,
    /// The latest 100, oldest first.
    pub latest: Vec<OutageReport>,
}

/// One outage: when it was, and how many clients it took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OutageReport {
    /// When it began (RFC 3339, UTC).
    pub began: String,
    /// The same, counted from the beginning of the pool, as the times of events are.
    pub began_ms: f64,
    /// When it was over, likewise; `None`: it was on.
    pub ended_ms: Option<f64>,
    /// How many clients it took.
    pub clients: u64,
    /// Of so many.
    pub of: u64,
    /// Why most of them went down.
    pub cause: Cause,
    /// The fault that was made on purpose, and took most of them.
    pub fault: Option<Fault>,
    /// The family that it was of, where the herd has two and the other was well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub family: Option<Family>,
    /// How long after its beginning half of them were back.
    pub half_back_ms: Option<f64>,
    /// 95 % of them.
    pub most_back_ms: Option<f64>,
    /// All of them.
    pub all_back_ms: Option<f64>,
}

/// How much of one kind there was, and how much of that was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lost {
    /// The kind of activity.
    pub kind: Kind,
    /// How many were wanted.
    pub of: u64,
    /// How many of these did not succeed.
    pub lost: u64,
}

impl AvailabilityEntry {
    /// What stands behind the availability where some clients are to have IPv6: ` (IPv4 100 %, IPv6 98 %)`; else nothing.
    pub fn by_family(&self) -> String {
        let told = self.families.iter().filter_map(|(family, time)| {
            let share = time.share?;
            Some(format!("{} {}", family.name(), percent(share)))
        });
        match told.collect::<Vec<_>>().join(", ") {
            none if none.is_empty() => none,
            told => format!(" ({told})"),
        }
    }
}

impl From<&Uptime> for FamilyAvailability {
    fn from(uptime: &Uptime) -> Self {
        Self {
            share: uptime.availability(),
            wanted_ms: milliseconds(uptime.wanted()),
            usable_ms: milliseconds(uptime.usable),
            unavailable_ms: each(&uptime.unavailable),
        }
    }
}

impl From<&Figures> for AvailabilityEntry {
    fn from(figures: &Figures) -> Self {
        Self {
            families: figures
                .uptime_by_family
                .iter()
                .map(|(family, uptime)| (*family, uptime.into()))
                .collect(),
            ..Self::from(&figures.uptime)
        }
    }
}

impl From<&Uptime> for AvailabilityEntry {
    fn from(uptime: &Uptime) -> Self {
        Self {
            families: BTreeMap::new(),
            share: uptime.availability(),
            wanted_ms: milliseconds(uptime.wanted()),
            usable_ms: milliseconds(uptime.usable),
            unavailable_ms: each(&uptime.unavailable),
            on_purpose_ms: each(&uptime.on_purpose),
            tester_ms: milliseconds(uptime.tester),
        }
    }
}

fn each<K: Ord + Copy>(lasted: &BTreeMap<K, Duration>) -> BTreeMap<K, f64> {
    let one = |(key, lasted): (&K, &Duration)| (*key, milliseconds(*lasted));
    lasted.iter().map(one).collect()
}

impl From<&Figures> for Outages {
    fn from(figures: &Figures) -> Self {
        let one = |outage: &pool::Outage| {
            let back = |share| outage.back.get(&share).copied().map(milliseconds);
            let began = figures.began.unwrap_or(UNIX_EPOCH) + outage.began;
            OutageReport {
                began: humantime::format_rfc3339_millis(began).to_string(),
                began_ms: milliseconds(outage.began),
                ended_ms: outage.ended.map(milliseconds),
                clients: outage.clients as u64,
                of: outage.of as u64,
                cause: outage.cause,
                fault: outage.fault,
                family: outage.family,
                half_back_ms: back(Share::Half),
                most_back_ms: back(Share::Most),
                all_back_ms: back(Share::All),
            }
        };
        Self {
            count: figures.outages,
            latest: figures.latest_outages.iter().map(one).collect(),
        }
    }
}

impl OutageReport {
    /// Which share of the herd it took, from 0 to 1.
    pub fn share(&self) -> f64 {
        self.clients as f64 / self.of.max(1) as f64
    }

    /// How long it lasted; `None`: it was still on.
    pub fn lasted_ms(&self) -> Option<f64> {
        self.ended_ms.map(|ended| ended - self.began_ms)
    }

    fn told(&self) -> String {
        let share = percent(self.share());
        let fault = self
            .fault
            .map(|fault| format!(", by the fault {fault} made on purpose"));
        let fault = fault.unwrap_or_default();
        let share = match self.family {
            Some(family) => format!("{share} of the herd, in {} alone", family.name()),
            None => format!("{share} of the herd"),
        };
        match self.lasted_ms() {
            Some(lasted) => format!("of {} ({share}{fault})", span(lasted)),
            None => format!("that is not over ({share}{fault})"),
        }
    }
}

impl Outages {
    /// `1 outage of 5.0 s (100 % of the herd)`; `None` where there was none.
    pub fn told(&self) -> Option<String> {
        // One that is on is the worst of all.
        let length = |outage: &&OutageReport| outage.lasted_ms().unwrap_or(f64::INFINITY);
        let longest = self
            .latest
            .iter()
            .max_by(|a, b| length(a).total_cmp(&length(b)))?;
        let told = longest.told();
        Some(match self.count {
            1 => format!("1 outage {told}"),
            many => format!("{many} outages, the longest one {told}"),
        })
    }
}

impl Totals {
    /// What was wanted of the network, and lost.
    pub fn lost(&self) -> impl Iterator<Item = Lost> {
        let all = self.activities.iter();
        all.filter_map(|(kind, total)| Lost::of(kind, total.attempts))
    }
}

impl Sums {
    /// What was wanted of the network, and lost.
    pub fn lost(&self) -> impl Iterator<Item = Lost> {
        Kind::ALL.iter().filter_map(|kind| {
            let of_kind = self.activities.iter().filter(|one| one.kind == *kind);
            let attempts = of_kind.fold(Attempts::default(), |sum, one| Attempts {
                all: sum.all + one.attempts,
                succeeded: sum.succeeded + one.succeeded,
            });
            Lost::of(*kind, attempts)
        })
    }
}

impl Lost {
    /// Of one kind; `None` where nothing of it was wanted.
    fn of(kind: Kind, attempts: Attempts) -> Option<Self> {
        (attempts.all > 0).then(|| Self {
            kind,
            of: attempts.all,
            lost: attempts.failed(),
        })
    }

    /// What there were so many of: `pings`.
    pub const fn what(&self) -> &'static str {
        self.kind.about().many
    }

    /// `480 of 480 pings answered`, or `120 of 480 pings lost (25 %)`.
    pub fn told(&self) -> String {
        let Self { kind, of, lost } = *self;
        let about = kind.about();
        match lost {
            0 => format!("{of} of {of} {} {}", about.many, about.succeeded),
            _ => format!(
                "{lost} of {of} {} {} ({})",
                about.many,
                about.failed,
                percent(lost as f64 / of as f64)
            ),
        }
    }
}

impl Report {
    /// Whether nothing was lost that clients wanted of the network: neither time nor an answer.
    pub fn is_flawless(&self) -> bool {
        self.outages.count == 0
            && self.availability.share.is_none_or(|share| share >= 1.0)
            && self.totals.lost().all(|lost| lost.lost == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outage(lasted_ms: Option<f64>) -> OutageReport {
        OutageReport {
            began: "2026-01-01T00:00:00.000Z".to_owned(),
            began_ms: 1_000.0,
            ended_ms: lasted_ms.map(|lasted| 1_000.0 + lasted),
            clients: 3,
            of: 3,
            cause: Cause::NoCarrier,
            fault: None,
            family: None,
            half_back_ms: None,
            most_back_ms: None,
            all_back_ms: None,
        }
    }

    #[test]
    fn outages_are_told_by_the_longest() {
        let told = |lasted: &[Option<f64>]| {
            let latest: Vec<_> = lasted.iter().copied().map(outage).collect();
            let count = latest.len() as u64;
            Outages { count, latest }.told()
        };
        assert_eq!(told(&[]), None);
        let one = "1 outage of 5.0 s (100 % of the herd)";
        assert_eq!(told(&[Some(5_000.0)]).as_deref(), Some(one));
        let two = "2 outages, the longest one of 2m 5s (100 % of the herd)";
        assert_eq!(
            told(&[Some(125_000.0), Some(5_000.0)]).as_deref(),
            Some(two)
        );
        let on = "2 outages, the longest one that is not over (100 % of the herd)";
        assert_eq!(told(&[None, Some(125_000.0)]).as_deref(), Some(on));
    }

    #[test]
    fn what_was_lost_is_said_and_not_only_what_was_not() {
        let told = |kind, of, lost| Lost { kind, of, lost }.told();
        assert_eq!(told(Kind::Ping, 480, 120), "120 of 480 pings lost (25 %)");
        assert_eq!(told(Kind::Ping, 480, 0), "480 of 480 pings answered");
        assert_eq!(told(Kind::Dns, 3, 1), "1 of 3 lookups failed (33.3 %)");
        assert_eq!(told(Kind::Http, 3, 0), "3 of 3 fetches succeeded");
    }
}
