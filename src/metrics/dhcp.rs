//! The families of leases.

use std::time::Duration;

use prometheus::{HistogramVec, IntCounterVec, Registry};

use super::registering::{counter, histogram};
use super::{FAMILY, LEASE_BUCKETS};
use crate::dhcp::options::MessageType;
use crate::dhcp::{Ignored, RemarkReason};

/// Which way a DHCP message went, seen from the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From client to server.
    Sent,
    /// From server to client.
    Received,
}

impl Direction {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Received => "received",
        }
    }
}

/// How a lease was confirmed after it was first acquired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenewKind {
    /// By unicast to the server that leased it: RENEWING.
    Renew,
    /// By broadcast to any server: REBINDING.
    Rebind,
    /// INIT-REBOOT, after a restart.
    Reboot,
}

impl RenewKind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Renew => "renew",
            Self::Rebind => "rebind",
            Self::Reboot => "reboot",
        }
    }
}

/// What came of trying to acquire a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acquired {
    /// It came to a lease.
    Bound,
    /// No lease came before the deadline.
    Failed,
}

impl Acquired {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Bound => "bound",
            Self::Failed => "failed",
        }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Dhcp {
    acquire: HistogramVec,
    renew: HistogramVec,
    messages: IntCounterVec,
    ignored: IntCounterVec,
    remarks: IntCounterVec,
    expirations: IntCounterVec,
    conflicts: IntCounterVec,
}

impl Dhcp {
    pub(super) fn new(r: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            acquire: histogram(
                r,
                "dhcp_acquire_duration_seconds",
                "From the first DHCP message to the lease, or to giving up.",
                LEASE_BUCKETS,
                &["group", "family", "outcome"],
            )?,
            renew: histogram(
                r,
                "dhcp_renew_duration_seconds",
                "From the request that confirms a lease to its acknowledgement.",
                LEASE_BUCKETS,
                &["kind"],
            )?,
            messages: counter(
                r,
                "dhcp_messages_total",
                "DHCP messages of all clients.",
                &["direction", "type"],
            )?,
            ignored: counter(
                r,
                "dhcp_messages_ignored_total",
                "DHCP messages that came to clients and were passed over, by why.",
                &["reason"],
            )?,
            remarks: counter(
                r,
                "dhcp_option_remarks_total",
                "Options of servers' messages that were not used as they stand, by code and why.",
                &["option", "reason"],
            )?,
            expirations: counter(
                r,
                "dhcp_lease_expirations_total",
                "Leases that ran out while held.",
                &["group"],
            )?,
            conflicts: counter(
                r,
                "dhcp_address_conflicts_total",
                "Addresses that were given to a client and are somebody else's.",
                &["group"],
            )?,
        })
    }

    /// Makes the series of a group appear before their first event.
    pub(super) fn start_at_zero(&self, group: &str) {
        for reason in Ignored::ALL {
            self.ignored.with_label_values(&[reason.as_str()]);
        }
        self.expirations.with_label_values(&[group]).reset();
        self.conflicts.with_label_values(&[group]).reset();
        for outcome in [Acquired::Bound, Acquired::Failed] {
            self.acquire
                .with_label_values(&[group, FAMILY, outcome.as_str()]);
        }
    }

    pub(super) fn acquired(&self, group: &str, outcome: Acquired, took: Duration) {
        self.acquire
            .with_label_values(&[group, FAMILY, outcome.as_str()])
            .observe(took.as_secs_f64());
    }

    pub(super) fn renewed(&self, kind: RenewKind, took: Duration) {
        self.renew
            .with_label_values(&[kind.as_str()])
            .observe(took.as_secs_f64());
    }

    pub(super) fn message(&self, direction: Direction, kind: Option<MessageType>) {
        let kind = kind.map_or("malformed", MessageType::as_str);
        self.messages
            .with_label_values(&[direction.as_str(), kind])
            .inc();
    }

    pub(super) fn ignored(&self, reason: Ignored) {
        self.ignored.with_label_values(&[reason.as_str()]).inc();
    }

    /// The code is a label: there are 254 of them, and only those are remarked upon whose form is known.
    pub(super) fn remark(&self, option: u8, reason: RemarkReason) {
        self.remarks
            .with_label_values(&[option.to_string().as_str(), reason.as_str()])
            .inc();
    }

    pub(super) fn expired(&self, group: &str) {
        self.expirations.with_label_values(&[group]).inc();
    }

    pub(super) fn conflict(&self, group: &str) {
        self.conflicts.with_label_values(&[group]).inc();
    }
}
