//! What clients, pool and tester tell: each method is one thing that happened, or how something stands now.

use std::sync::Arc;
use std::time::Duration;

use lanherd_types::ipv6::Ipv6EventKind;

use super::{Acquired, Direction, Ipv6Census, Metrics, PassedOver6, RenewKind};
use crate::activity::{Activity, AttemptOutcome};
use crate::dhcp::options::MessageType;
use crate::dhcp::{Ignored, RemarkReason};
use crate::dhcp6;
use crate::family::{Families, Family};
use crate::fault::Fault;
use crate::phase::{Failure, Phase};
use crate::stats::{ClientStats, Uptime};

impl Metrics {
    /// A client of this name is online, or is not.
    pub fn client_is_up(&self, client: &str, up: bool) {
        if let Some(gauges) = &self.per_client {
            gauges.is_up(client, up);
        }
    }

    /// A client has been restarted so many times.
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

    /// A thing of this kind could not be removed.
    pub fn leaked(&self, kind: &str) {
        self.leaked.with_label_values(&[kind]).inc();
    }
}
