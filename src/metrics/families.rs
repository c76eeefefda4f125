//! What there is by family, and of IPv6: only where clients are to have it. Labels never carry addresses or prefixes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use prometheus::{Counter, CounterVec, Gauge, HistogramVec, IntCounterVec, IntGaugeVec, Registry};

use super::registering::{alone, counter, float_counter, gauge, histogram};
use super::{LEASE_BUCKETS, RTT_BUCKETS};
use crate::activity::AttemptOutcome;
use crate::family::{Families, Family};
use crate::stats::Uptime;
use lanherd_types::ipv6::{AddressState, Ipv6EventKind, Prefix};

/// What may come of an attempt.
const OUTCOMES: [&str; 2] = ["succeeded", "failed"];

/// What all clients have of addresses at one moment.
#[derive(Debug, Clone, Default)]
pub struct Ipv6Census {
    /// How many IPv4 addresses are leased.
    pub leases: usize,
    /// IPv6 addresses, by state.
    pub addresses: BTreeMap<AddressState, usize>,
    /// Prefixes of addresses beyond the link, and whether some client prefers an address of each.
    pub prefixes: BTreeMap<Prefix, bool>,
    /// For how long the default router that ends first is still one, with any client; `None`: there is none that ends.
    pub router_lifetime: Option<Duration>,
}

#[derive(Debug, Clone)]
pub(super) struct FamilyMetrics {
    usable: IntGaugeVec,
    wanted_time: CounterVec,
    usable_time: CounterVec,
    acquire: HistogramVec,
    addresses: IntGaugeVec,
    prefixes: IntGaugeVec,
    router_lifetime: Gauge,
    events: IntCounterVec,
    outages: IntCounterVec,
    stale: Counter,
    conflicts: IntCounterVec,
    attempts: IntCounterVec,
    attempt_time: HistogramVec,
    is_told: Arc<AtomicBool>,
}

impl FamilyMetrics {
    pub(super) fn new(r: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            usable: gauge(
                r,
                "clients_usable",
                "Clients that are usable in a family.",
                &["group", "family"],
            )?,
            wanted_time: float_counter(
                r,
                "client_family_wanted_seconds_total",
                "For how long clients should have been usable in a family, all together.",
                &["group", "family"],
            )?,
            usable_time: float_counter(
                r,
                "client_family_usable_seconds_total",
                "For how long of that they were.",
                &["group", "family"],
            )?,
            acquire: histogram(
                r,
                "slaac_acquire_duration_seconds",
                "From the first message of IPv6 until it was usable, whether by advertisements or by DHCPv6.",
                LEASE_BUCKETS,
                &["outcome"],
            )?,
            addresses: gauge(
                r,
                "addresses",
                "Addresses of all clients, by family and state.",
                &["family", "state"],
            )?,
            prefixes: gauge(
                r,
                "prefixes",
                "IPv6 prefixes that clients have addresses of: preferred, or deprecated with all of them.",
                &["state"],
            )?,
            router_lifetime: alone(
                r,
                "router_lifetime_seconds",
                "For how long the default router of IPv6 that ends first is still one, with any client; 0: no client has one.",
                Gauge::with_opts,
            )?,
            events: counter(
                r,
                "ipv6_events_total",
                "What happened to clients' IPv6, by kind.",
                &["kind"],
            )?,
            outages: counter(
                r,
                "family_outages_total",
                "Outages in which most of the herd was down in a family; one of both families counts in each.",
                &["family"],
            )?,
            conflicts: counter(
                r,
                "dad_conflicts_total",
                "IPv6 addresses that clients were to have and that are somebody else's, as duplicate address detection found.",
                &["group"],
            )?,
            attempts: counter(
                r,
                "attempts_total",
                "Attempts of activities by the family that they went over; none: they came to no address of a host.",
                &["kind", "family", "outcome"],
            )?,
            attempt_time: histogram(
                r,
                "attempt_duration_seconds",
                "How long attempts of activities took that came to an answer, by the family that they went over.",
                RTT_BUCKETS,
                &["kind", "family"],
            )?,
            is_told: Arc::default(),
            stale: alone(
                r,
                "stale_prefix_seconds_total",
                "For how long clients preferred addresses of a prefix that their router had replaced by another.",
                Counter::with_opts,
            )?,
        })
    }

    /// Makes the series of a group appear before their first event.
    pub(super) fn start_at_zero(&self, group: &str, family: Family) {
        let labels = [group, family.as_str()];
        self.usable.with_label_values(&labels).set(0);
        self.wanted_time.with_label_values(&labels);
        self.usable_time.with_label_values(&labels);
        self.outages.with_label_values(&[family.as_str()]);
        for kind in Ipv6EventKind::ALL {
            self.events.with_label_values(&[kind.as_str()]);
        }
        self.conflicts.with_label_values(&[group]);
        self.is_told.store(true, Ordering::Relaxed);
        for outcome in ["usable", "failed"] {
            self.acquire.with_label_values(&[outcome]);
        }
    }

    pub(super) fn acquired(&self, family: Family, is_usable: bool, took: Duration) {
        if family == Family::Ipv6 {
            let outcome = if is_usable { "usable" } else { "failed" };
            let histogram = self.acquire.with_label_values(&[outcome]);
            histogram.observe(took.as_secs_f64());
        }
    }

    pub(super) fn uptime(&self, group: &str, family: Family, more: &Uptime) {
        let labels = [group, family.as_str()];
        let wanted = self.wanted_time.with_label_values(&labels);
        wanted.inc_by(more.wanted().as_secs_f64());
        let usable = self.usable_time.with_label_values(&labels);
        usable.inc_by(more.usable.as_secs_f64());
    }

    pub(super) fn usable(&self, group: &str, family: Family, clients: usize) {
        let gauge = self.usable.with_label_values(&[group, family.as_str()]);
        gauge.set(number(clients));
    }

    /// There will be attempts of this kind, by clients that are to have these families.
    pub(super) fn expect(&self, kind: &str, families: Families) {
        if families.include(Family::Ipv6) {
            for family in families.each() {
                for outcome in OUTCOMES {
                    let labels = [kind, family.as_str(), outcome];
                    self.attempts.with_label_values(&labels);
                }
                self.attempt_time
                    .with_label_values(&[kind, family.as_str()]);
            }
        }
    }

    /// An attempt came to its end.
    pub(super) fn did(&self, kind: &str, outcome: &AttemptOutcome) {
        if !self.is_told.load(Ordering::Relaxed) {
            return;
        }
        let family = outcome.family.map_or("none", Family::as_str);
        let [well, failed] = OUTCOMES;
        let word = if outcome.is_success() { well } else { failed };
        self.attempts.with_label_values(&[kind, family, word]).inc();
        if let Some(took) = outcome.took {
            let histogram = self.attempt_time.with_label_values(&[kind, family]);
            histogram.observe(took.as_secs_f64());
        }
    }

    pub(super) fn conflict(&self, group: &str) {
        self.conflicts.with_label_values(&[group]).inc();
    }

    pub(super) fn event(&self, kind: Ipv6EventKind) {
        self.events.with_label_values(&[kind.as_str()]).inc();
    }

    pub(super) fn outage(&self, family: Family) {
        self.outages.with_label_values(&[family.as_str()]).inc();
    }

    pub(super) fn stale(&self, more: Duration) {
        self.stale.inc_by(more.as_secs_f64());
    }

    pub(super) fn census(&self, census: &Ipv6Census) {
        let preferred = AddressState::Preferred.as_str();
        let leases = [Family::Ipv4.as_str(), preferred];
        let gauge = self.addresses.with_label_values(&leases);
        gauge.set(number(census.leases));
        for state in AddressState::ALL {
            let count = census.addresses.get(state).copied().unwrap_or_default();
            let labels = [Family::Ipv6.as_str(), state.as_str()];
            let gauge = self.addresses.with_label_values(&labels);
            gauge.set(number(count));
        }
        for state in [AddressState::Preferred, AddressState::Deprecated] {
            let is_wanted = state == AddressState::Preferred;
            let of_state = census.prefixes.values().filter(|is| **is == is_wanted);
            let gauge = self.prefixes.with_label_values(&[state.as_str()]);
            gauge.set(number(of_state.count()));
        }
        let left = census.router_lifetime.unwrap_or_default();
        self.router_lifetime.set(left.as_secs_f64());
    }
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
