//! The families of what IPv6 says: advertisements as they stand on the wire, and DHCPv6 messages of all clients.

use std::time::Duration;

use prometheus::{Histogram, IntCounterVec, Registry};

use super::dhcp::Direction;
use super::registering::{BucketLayout, counter, histogram_alone};
use crate::dhcp6::{self, DecodeError, MessageType};
use crate::ndp::{self, Reason, slaac};

/// Gaps between advertisements: 13 buckets, doubling from half a second to 34 minutes; a router may wait for 30 (RFC 4861, 6.2.1).
const GAP_BUCKETS: BucketLayout = (0.5, 2.0, 13);

/// What servers send to clients; the other messages are clients'.
const RECEIVED: [MessageType; 3] = [
    MessageType::Advertise,
    MessageType::Reply,
    MessageType::Reconfigure,
];

/// The type of a prefix in an advertisement (RFC 4861, 4.6.2).
const PREFIX_INFORMATION: &str = "3";
/// The code of a lease of addresses (RFC 9915, 21.4).
const IA_NA: &str = "3";

/// The word for a DHCPv6 message of which only a fragment came.
pub const FRAGMENTED: &str = "fragmented";
/// The word for a DHCPv6 message with a wrong checksum.
pub const CHECKSUM: &str = "checksum";

/// What of a message of IPv6 was of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PassedOver6 {
    /// A router advertisement, as a whole or in a part, for this reason.
    Advertisement(&'static str),
    /// An option of a router advertisement, by its type, or one of its fields (0).
    AdvertisementOption(u8, ndp::RemarkReason),
    /// A DHCPv6 message, for this reason.
    Dhcp6(&'static str),
    /// An option of a DHCPv6 message, by its code.
    Dhcp6Option(u16, dhcp6::RemarkReason),
}

#[derive(Debug, Clone)]
pub(super) struct Ipv6Messages {
    advertisements: IntCounterVec,
    gap: Histogram,
    advertisements_ignored: IntCounterVec,
    advertisement_remarks: IntCounterVec,
    dhcp6_messages: IntCounterVec,
    dhcp6_ignored: IntCounterVec,
    dhcp6_remarks: IntCounterVec,
}

impl Ipv6Messages {
    pub(super) fn new(r: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            advertisements: counter(
                r,
                "router_advertisements_total",
                "Router advertisements on the wire, to all nodes (multicast) or to one client (unicast); one that comes to all clients \
                 is one.",
                &["kind"],
            )?,
            gap: histogram_alone(
                r,
                "router_advertisement_gap_seconds",
                "From one advertisement of a router to all nodes to the next.",
                GAP_BUCKETS,
            )?,
            advertisements_ignored: counter(
                r,
                "router_advertisements_ignored_total",
                "Router advertisements that were ignored, as a whole or in a part, by why; one that comes to all clients is one.",
                &["reason"],
            )?,
            advertisement_remarks: counter(
                r,
                "router_advertisement_remarks_total",
                "Router advertisements with an option (by its type), or a field (0), that was not used as it stands, by why; one \
                 that comes to all clients is one.",
                &["option", "reason"],
            )?,
            dhcp6_messages: counter(
                r,
                "dhcp6_messages_total",
                "DHCPv6 messages of all clients.",
                &["direction", "type"],
            )?,
            dhcp6_ignored: counter(
                r,
                "dhcp6_messages_ignored_total",
                "DHCPv6 messages that came to clients and were passed over, by why.",
                &["reason"],
            )?,
            dhcp6_remarks: counter(
                r,
                "dhcp6_option_remarks_total",
                "Options of servers' DHCPv6 messages that were not used as they stand, by code and why.",
                &["option", "reason"],
            )?,
        })
    }

    /// Makes the series appear before their first event; of options those that stand in almost every message.
    pub(super) fn start_at_zero(&self) {
        for kind in ["multicast", "unicast"] {
            self.advertisements.with_label_values(&[kind]);
        }
        let reasons = slaac::Ignored::ALL.iter().map(|reason| reason.as_str());
        for reason in reasons.chain(Reason::WORDS.iter().copied()) {
            self.advertisements_ignored.with_label_values(&[reason]);
        }
        for reason in ndp::RemarkReason::ALL {
            self.advertisement_remarks
                .with_label_values(&[PREFIX_INFORMATION, reason.as_str()]);
        }
        for reason in dhcp6::RemarkReason::ALL {
            self.dhcp6_remarks
                .with_label_values(&[IA_NA, reason.as_str()]);
        }
        for kind in MessageType::ALL {
            let is_servers = RECEIVED.contains(kind);
            let direction = if is_servers {
                Direction::Received
            } else {
                Direction::Sent
            };
            self.dhcp6_messages
                .with_label_values(&[direction.as_str(), kind.as_str()]);
        }
        let reasons = dhcp6::Ignored::ALL.iter().map(|reason| reason.as_str());
        for reason in reasons
            .chain(DecodeError::WORDS.iter().copied())
            .chain([CHECKSUM, FRAGMENTED])
        {
            self.dhcp6_ignored.with_label_values(&[reason]);
        }
    }

    pub(super) fn advertisement(&self, to_all: bool, gap: Option<Duration>) {
        let kind = if to_all { "multicast" } else { "unicast" };
        self.advertisements.with_label_values(&[kind]).inc();
        if let Some(gap) = gap {
            self.gap.observe(gap.as_secs_f64());
        }
    }

    pub(super) fn dhcp6_message(&self, direction: Direction, kind: Option<MessageType>) {
        let kind = kind.map_or("malformed", MessageType::as_str);
        let labels = [direction.as_str(), kind];
        self.dhcp6_messages.with_label_values(&labels).inc();
    }

    /// Types and codes of options are labels: only those are remarked upon whose form is known.
    pub(super) fn passed_over(&self, what: PassedOver6) {
        match what {
            PassedOver6::Advertisement(reason) => self
                .advertisements_ignored
                .with_label_values(&[reason])
                .inc(),
            PassedOver6::AdvertisementOption(option, reason) => self
                .advertisement_remarks
                .with_label_values(&[option.to_string().as_str(), reason.as_str()])
                .inc(),
            PassedOver6::Dhcp6(reason) => self.dhcp6_ignored.with_label_values(&[reason]).inc(),
            PassedOver6::Dhcp6Option(option, reason) => self
                .dhcp6_remarks
                .with_label_values(&[option.to_string().as_str(), reason.as_str()])
                .inc(),
        }
    }
}
