//! What makes a client look like a certain device to routers and `DHCPv6` servers, as people write it down.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::OptionValue;
use lanherd_types::ipv6::{DhcpUse, IdentifierKind, SolicitationPolicy};

/// What makes a client look like a certain device over IPv6. What is left out stays as it is otherwise.
///
/// It is plain data here: what becomes of it is said where there are the machines of IPv6.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub struct Ipv6Persona {
    /// What it calls itself (RFC 9915, 11): `ll`, `llt`, `uuid`, or its bytes as `00:02:...`, the type first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duid: Option<String>,
    /// Option 6, in this order; what the client needs itself follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter_requests: Option<Vec<u16>>,
    /// Option 16; one without data: not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor_class: Option<Ipv6VendorClass>,
    /// Option 15; empty: not sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_class: Option<Vec<String>>,
    /// More options, by number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<BTreeMap<String, OptionValue>>,
    /// The numbers of the options in the order in which they stand in each message; those that are not named follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub option_order: Option<Vec<u16>>,
    /// Whether it asks for rapid commit (option 14).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rapid_commit: Option<bool>,
    /// Whether it accepts RECONFIGURE (option 20).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconfigure: Option<bool>,
    /// When it asks `DHCPv6` servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dhcp: Option<DhcpUse>,
    /// How the ends of its lasting addresses are made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifiers: Option<IdentifierKind>,
    /// Whether it has temporary addresses beside them (RFC 8981).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temporary_addresses: Option<bool>,
    /// How often it asks for routers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub solicitations: Option<SolicitationPolicy>,
}

/// Who made a device, and what that says of it (RFC 9915, 21.16).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ipv6VendorClass {
    /// The vendor's number (IANA, Private Enterprise Numbers).
    pub enterprise: u32,
    /// What it says of the device.
    #[serde(default)]
    pub data: Vec<String>,
}
