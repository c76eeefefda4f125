//! Every metric family, in one place: names and labels are an interface, and labels never name a client.

mod activities;
mod dhcp;
mod families;
mod ipv6_messages;
pub mod labels;
mod mailbox;
mod otlp;
mod per_client;
mod process;
mod recording;
mod registering;
#[cfg(test)]
mod tests;
mod time;

use prometheus::{
    GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Registry,
    TextEncoder,
};

use self::activities::ActivityFamilies;
use self::dhcp::Dhcp;
pub use self::dhcp::{Acquired, Direction, RenewKind};
use self::families::FamilyMetrics;
pub use self::families::Ipv6Census;
use self::ipv6_messages::Ipv6Messages;
pub use self::ipv6_messages::{CHECKSUM, FRAGMENTED, PassedOver6};
pub use self::labels::{LabelError, RunLabel, RunLabels};
pub use self::mailbox::MailboxMetrics;
use self::per_client::PerClient;
use self::process::Process;
use self::registering::{alone, counter, float_gauge, gauge, histogram, histogram_alone, info};
use self::time::UptimeMetrics;
use crate::fault::Fault;
use crate::identity::{PoolName, Seed};
use crate::lan::CleanupError;
use crate::phase::{Cause, Phase, Stage};

/// The address family label of what only IPv4 has.
const FAMILY: &str = "ipv4";

/// Round trips: 20 buckets, doubling from 50 µs to 26 s.
const RTT_BUCKETS: (f64, f64, usize) = (50e-6, 2.0, 20);

/// Joins and leases: 18 buckets, doubling from 1 ms to 131 s.
const LEASE_BUCKETS: (f64, f64, usize) = (1e-3, 2.0, 18);

/// Recoveries: 18 buckets, doubling from 100 ms to 3.6 h.
const RECOVERY_BUCKETS: (f64, f64, usize) = (0.1, 2.0, 18);

/// The metrics of one pool, and the registry that serves them.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    /// The value of the labels `group` and `supervisor`.
    group: String,
    clients: IntGaugeVec,
    clients_wanted: IntGaugeVec,
    transitions: IntCounterVec,
    failures: IntCounterVec,
    times: UptimeMetrics,
    join: HistogramVec,
    dhcp: Dhcp,
    families: FamilyMetrics,
    ipv6_messages: Ipv6Messages,
    activities: ActivityFamilies,
    restarts: IntCounterVec,
    give_ups: IntCounterVec,
    budget_used: GaugeVec,
    mailbox: MailboxMetrics,
    packets_dropped: IntCounter,
    leaked: IntGaugeVec,
    outages: IntCounter,
    faults_injected: IntCounterVec,
    recovery: HistogramVec,
    scheduler_lag: Histogram,
    tester_saturated: IntGauge,
    per_client: Option<PerClient>,
}

impl Metrics {
    /// Registers every family for the pool of that name, of a run of which nothing more is said.
    ///
    /// # Errors
    /// Only if two families had one name.
    pub fn new(pool: &PoolName, seed: Seed) -> prometheus::Result<Self> {
        Self::of_run(pool, seed, &RunLabels::default())
    }

    /// Registers every family for the pool of that name, and says `labels` of its run.
    ///
    /// # Errors
    /// Only if two families had one name.
    #[allow(clippy::too_many_lines, reason = "a table: one entry a family")]
    pub fn of_run(pool: &PoolName, seed: Seed, labels: &RunLabels) -> prometheus::Result<Self> {
        // The process' own figures keep their standard names, so they stand in front of the prefix.
        let registry = Registry::new();
        registry.register(Box::new(Process::of_this()?))?;
        let r = &registry;

        info(
            r,
            "build_info",
            "The build that runs.",
            &[("version", env!("CARGO_PKG_VERSION"))],
        )?;
        let seed = seed.to_string();
        let said: Vec<_> = [("pool", pool.as_str()), ("seed", &seed)]
            .into_iter()
            .chain(labels.iter())
            .collect();
        info(
            r,
            "run_info",
            "The run, and what the user says of it.",
            &said,
        )?;

        let metrics = Self {
            clients: gauge(r, "clients", "Clients by phase.", &["group", "phase"])?,
            clients_wanted: gauge(
                r,
                "clients_wanted",
                "Clients that should be online.",
                &["group"],
            )?,
            transitions: counter(
                r,
                "client_transitions_total",
                "Changes of phase.",
                &["from", "to"],
            )?,
            failures: counter(
                r,
                "client_failures_total",
                "Failures of clients by stage and cause.",
                &["stage", "cause"],
            )?,
            times: UptimeMetrics::new(r)?,
            join: histogram(
                r,
                "client_join_duration_seconds",
                "From admission to usable.",
                LEASE_BUCKETS,
                &["group"],
            )?,
            dhcp: Dhcp::new(r)?,
            families: FamilyMetrics::new(r)?,
            ipv6_messages: Ipv6Messages::new(r)?,
            activities: ActivityFamilies::new(r)?,
            restarts: counter(
                r,
                "supervisor_restarts_total",
                "Restarts of clients by the cause of the failure before.",
                &["supervisor", "cause"],
            )?,
            give_ups: counter(
                r,
                "supervisor_give_ups_total",
                "Clients given up.",
                &["supervisor"],
            )?,
            budget_used: float_gauge(
                r,
                "supervisor_budget_used_ratio",
                "The restart budget that the client closest to its end has used.",
                &["supervisor"],
            )?,
            mailbox: MailboxMetrics::new(r)?,
            packets_dropped: alone(
                r,
                "packets_dropped_total",
                "DHCP messages and ARP packets that were dropped unread, as 64 of them waited for their client.",
                IntCounter::with_opts,
            )?,
            leaked: gauge(
                r,
                "leaked_objects",
                "Things that lanherd made and could not remove.",
                &["kind"],
            )?,
            outages: alone(
                r,
                "outages_total",
                "Times that most of the herd was down at once, for reasons that are the router's.",
                IntCounter::with_opts,
            )?,
            faults_injected: counter(
                r,
                "faults_injected_total",
                "Faults made on purpose.",
                &["fault"],
            )?,
            recovery: histogram(
                r,
                "recovery_duration_seconds",
                "From the beginning of a fault, or of an outage, until so large a share of those that it took offline is back.",
                RECOVERY_BUCKETS,
                &["fault", "share"],
            )?,
            scheduler_lag: histogram_alone(
                r,
                "scheduler_lag_seconds",
                "How late the tester itself wakes, every 10 ms.",
                RTT_BUCKETS,
            )?,
            tester_saturated: alone(
                r,
                "tester_saturated",
                "1 while more than 1 % of the wakings of the tester in the last ten seconds were over 10 ms late, 0 otherwise.",
                IntGauge::with_opts,
            )?,
            per_client: None,
            group: pool.to_string(),
            registry,
        };
        metrics.start_at_zero();
        Ok(metrics)
    }

    /// So many clients have gauges of their own, where they were asked for.
    pub const MOST_PER_CLIENT: usize = PerClient::MOST;

    /// The same metrics, with gauges of each client.
    ///
    /// # Errors
    /// Only if they had gauges of each client already.
    pub fn per_client(self) -> prometheus::Result<Self> {
        let per_client = Some(PerClient::new(&self.registry)?);
        Ok(Self { per_client, ..self })
    }

    /// The same metrics, for the clients of another group.
    #[must_use]
    pub fn of_group(&self, group: &str) -> Self {
        let metrics = Self {
            group: group.to_owned(),
            ..self.clone()
        };
        metrics.start_at_zero();
        metrics
    }

    /// The text exposition format, as `/metrics` serves it.
    pub fn render(&self) -> String {
        if let Some(gauges) = &self.per_client {
            gauges.refresh();
        }
        // It fails only for families without samples or with broken names, and gather() returns neither.
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_default()
    }

    /// Those of the supervisor's mailbox.
    pub const fn mailbox(&self) -> &MailboxMetrics {
        &self.mailbox
    }

    /// Makes the series whose labels are known appear before their first event, so that `rate()` sees it.
    fn start_at_zero(&self) {
        let group = self.group.as_str();
        for phase in Phase::ALL {
            self.clients
                .with_label_values(&[group, phase.as_str()])
                .set(0);
        }
        self.wanted(0);
        self.times.start_at_zero(group);
        self.give_ups.with_label_values(&[group]).reset();
        self.dhcp.start_at_zero(group);
        self.budget_used(0.0);
        self.join.with_label_values(&[group]);
        for kind in CleanupError::KINDS {
            // Created at 0, and not set: it may have counted before another group was added.
            self.leaked.with_label_values(&[kind]);
        }
        for cause in Cause::ALL.iter().map(|cause| cause.as_str()) {
            for stage in Stage::ALL {
                self.failures.with_label_values(&[stage.as_str(), cause]);
            }
            self.restarts.with_label_values(&[group, cause]);
        }
        for fault in Fault::ALL {
            self.faults_injected.with_label_values(&[fault.as_str()]);
        }
    }
}
