//! Every metric family, in one place: names and labels are an interface, and labels never name a client.

mod activities;
mod dhcp;
mod families;
mod ipv6_messages;
pub mod labels;
mod mailbox;
mod per_client;
mod process;
mod registering;
#[cfg(test)]
mod tests;
mod time;

use std::sync::Arc;
use std::time::Duration;

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
use crate::activity::{Activity, AttemptOutcome};
use crate::dhcp::options::MessageType;
use crate::dhcp::{Ignored, RemarkReason};
use crate::dhcp6;
use crate::family::{Families, Family};
use crate::fault::Fault;
use crate::identity::{PoolName, Seed};
use crate::lan::CleanupError;
use crate::phase::{Cause, Failure, Phase, Stage};
use crate::stats::ClientStats;
use crate::stats::Uptime;
use lanherd_types::ipv6::Ipv6EventKind;

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
        registry.register(Box::new(Process::of_this()))?;
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

    /// A client of this name is online, or is not.
    pub fn client_is_up(&self, client: &str, up: bool) {
        if let Some(gauges) = &self.per_client {
            gauges.is_up(client, up);
        }
    }

    /// A client was restarted for the so-manyth time.
    pub fn client_restarted(&self, client: &str, restarts: u32) {
        if let Some(gauges) = &self.per_client {
            gauges.restarted(client, restarts);
        }
    }

    /// Where the figures of a client are, which has told whether it is online.
    pub fn client_stats(&self, client: &str, stats: &Arc<ClientStats>) {
        if let Some(gauges) = &self.per_client {
            gauges.has_stats(client, stats);
        }
    }

    /// A client of this name is no more.
    pub fn client_forgotten(&self, client: &str) {
        if let Some(gauges) = &self.per_client {
            gauges.forgotten(client);
        }
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

    /// How many clients should be online.
    pub fn wanted(&self, clients: u32) {
        self.clients_wanted
            .with_label_values(&[&self.group])
            .set(i64::from(clients));
    }

    /// A client was created in `phase`.
    pub fn entered(&self, phase: Phase) {
        self.clients
            .with_label_values(&[self.group.as_str(), phase.as_str()])
            .inc();
    }

    /// A client in `phase` was forgotten.
    pub fn forgotten(&self, phase: Phase) {
        self.clients
            .with_label_values(&[self.group.as_str(), phase.as_str()])
            .dec();
    }

    /// A client went from one phase to another.
    pub fn transition(&self, from: Phase, to: Phase) {
        self.forgotten(from);
        self.entered(to);
        self.transitions
            .with_label_values(&[from.as_str(), to.as_str()])
            .inc();
    }

    /// A client failed.
    pub fn failed(&self, failure: &Failure) {
        self.failures
            .with_label_values(&[failure.stage.as_str(), failure.cause.as_str()])
            .inc();
    }

    /// A client became usable, so long after it was admitted.
    pub fn joined(&self, after: Duration) {
        self.join
            .with_label_values(&[&self.group])
            .observe(after.as_secs_f64());
    }

    /// Trying to acquire a lease ended.
    pub fn dhcp_acquired(&self, outcome: Acquired, took: Duration) {
        self.dhcp.acquired(&self.group, outcome, took);
    }

    /// A lease was confirmed.
    pub fn dhcp_renewed(&self, kind: RenewKind, took: Duration) {
        self.dhcp.renewed(kind, took);
    }

    /// A DHCP message was sent or received; `None`: one that could not be decoded.
    pub fn dhcp_message(&self, direction: Direction, kind: Option<MessageType>) {
        self.dhcp.message(direction, kind);
    }

    /// A client passed a message over.
    pub fn dhcp_ignored(&self, reason: Ignored) {
        self.dhcp.ignored(reason);
    }

    /// A client did not use an option as it stands.
    pub fn dhcp_remark(&self, option: u8, reason: RemarkReason) {
        self.dhcp.remark(option, reason);
    }

    /// A lease ran out.
    pub fn lease_expired(&self) {
        self.dhcp.expired(&self.group);
    }

    /// The address of a client was found to be somebody else's.
    pub fn address_conflict(&self, family: Family) {
        match family {
            Family::Ipv4 => self.dhcp.conflict(&self.group),
            Family::Ipv6 => self.families.conflict(&self.group),
        }
    }

    /// An attempt of an activity came to its end.
    pub fn did(&self, activity: &Activity, outcome: &AttemptOutcome) {
        self.activities.did(&activity.subject, outcome);
        self.families
            .did(activity.subject.kind().about().word, outcome);
    }

    /// There will be outcomes of this activity, of clients that are to have these families.
    pub fn expect(&self, activity: &Activity, families: Families) {
        self.activities.expect(&activity.subject, families);
        let kind = activity.subject.kind().about().word;
        self.families.expect(kind, families);
    }

    /// A client is restarted: after a failure with that cause, or for another reason.
    pub fn restarted(&self, cause: &str) {
        self.restarts
            .with_label_values(&[self.group.as_str(), cause])
            .inc();
    }

    /// Most of the herd went down at once.
    pub fn outage(&self) {
        self.outages.inc();
    }

    /// For how long clients of this group were wanted, and usable, since this was told last. Several pools may tell it, as
    /// those of the scenarios of a run.
    pub fn uptime(&self, more: &Uptime) {
        self.times.add(&self.group, more);
    }

    /// A fault was made on purpose.
    pub fn fault_injected(&self, fault: Fault) {
        self.faults_injected
            .with_label_values(&[fault.as_str()])
            .inc();
    }

    /// There will be such a recovery; its series appears now, since `rate()` does not see one that begins with an event.
    pub fn expect_recovery(&self, fault: &str, share: &str) {
        self.recovery.with_label_values(&[fault, share]);
    }

    /// So large a share of the clients that a fault, or an outage, took offline is back.
    pub fn recovered(&self, fault: &str, share: &str, took: Duration) {
        self.recovery
            .with_label_values(&[fault, share])
            .observe(took.as_secs_f64());
    }

    /// The tester woke so late, and cannot keep up or can.
    pub fn scheduler_lagged(&self, late: Duration, is_saturated: bool) {
        self.scheduler_lag.observe(late.as_secs_f64());
        self.tester_saturated.set(i64::from(is_saturated));
    }

    /// Clients of this group are to have these families. Of a herd that is to have only IPv4 nothing is told by family.
    pub fn expect_families(&self, families: Families) {
        if families.include(Family::Ipv6) {
            for family in families.each() {
                self.families.start_at_zero(&self.group, family);
            }
            self.ipv6_messages.start_at_zero();
        }
    }

    /// A client is usable in a family, or was not before the deadline, so long after its first message of it.
    pub fn family_acquired(&self, family: Family, is_usable: bool, took: Duration) {
        self.families.acquired(family, is_usable, took);
    }

    /// For how long clients of this group were wanted, and usable, in a family, since this was told last.
    pub fn family_uptime(&self, family: Family, more: &Uptime) {
        self.families.uptime(&self.group, family, more);
    }

    /// So many clients of this group are usable in a family.
    pub fn family_usable(&self, family: Family, clients: usize) {
        self.families.usable(&self.group, family, clients);
    }

    /// Something of this kind happened to a client's IPv6.
    pub fn ipv6_event(&self, kind: Ipv6EventKind) {
        self.families.event(kind);
    }

    /// A router advertised itself, to all nodes or to one client; to all so long after the time before.
    pub fn router_advertisement(&self, to_all: bool, gap: Option<Duration>) {
        self.ipv6_messages.advertisement(to_all, gap);
    }

    /// A `DHCPv6` message was sent or received; `None`: of a type that is not known.
    pub fn dhcp6_message(&self, direction: Direction, kind: Option<dhcp6::MessageType>) {
        self.ipv6_messages.dhcp6_message(direction, kind);
    }

    /// Something of a message of IPv6 was of no use.
    pub fn passed_over6(&self, what: PassedOver6) {
        self.ipv6_messages.passed_over(what);
    }

    /// What all clients have of addresses now.
    pub fn ipv6_census(&self, census: &Ipv6Census) {
        self.families.census(census);
    }

    /// Most of the herd went down in a family.
    pub fn family_outage(&self, family: Family) {
        self.families.outage(family);
    }

    /// For how long clients preferred addresses of stale prefixes, since this was told last.
    pub fn stale_prefix(&self, more: Duration) {
        self.families.stale(more);
    }

    /// A client was given up.
    pub fn gave_up(&self) {
        self.give_ups.with_label_values(&[&self.group]).inc();
    }

    /// The highest share of a restart budget that any client has used, 0 to 1.
    pub fn budget_used(&self, ratio: f64) {
        self.budget_used
            .with_label_values(&[&self.group])
            .set(ratio);
    }

    /// A packet off the wire was dropped, as too many waited for its client.
    pub fn packet_dropped(&self) {
        self.packets_dropped.inc();
    }

    /// Those of the supervisor's mailbox.
    pub const fn mailbox(&self) -> &MailboxMetrics {
        &self.mailbox
    }

    /// A thing of this kind could not be removed.
    pub fn leaked(&self, kind: &str) {
        self.leaked.with_label_values(&[kind]).inc();
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
