//! The options of neighbour discovery: what each says.

mod decode;
mod encode;

use std::net::Ipv6Addr;

use lanherd_types::identity::Mac;
use lanherd_types::ipv6::Prefix;
use lanherd_types::words;

use crate::Lifetime;

pub(crate) use decode::decode_options;
pub(crate) use encode::encode_option;

/// How many options of one message are kept. A packet of 1,500 bytes has room for 182.
pub const MAX_OPTIONS: usize = 256;
/// The longest URI of a captive portal that is kept, in bytes (RFC 8910, 2.3: longer ones are not to be sent).
pub const MAX_URI_LEN: usize = 255;

/// The numbers of options (IANA, IPv6 Neighbor Discovery Option Formats).
pub mod code {
    /// Source link-layer address (RFC 4861, 4.6.1).
    pub const SOURCE_LINK_LAYER: u8 = 1;
    /// Target link-layer address (RFC 4861, 4.6.1).
    pub const TARGET_LINK_LAYER: u8 = 2;
    /// Prefix information (RFC 4861, 4.6.2).
    pub const PREFIX: u8 = 3;
    /// Redirected header (RFC 4861, 4.6.3).
    pub const REDIRECTED_HEADER: u8 = 4;
    /// MTU (RFC 4861, 4.6.4).
    pub const MTU: u8 = 5;
    /// Nonce (RFC 3971, 5.3.2; RFC 7527, 4.1).
    pub const NONCE: u8 = 14;
    /// Route information (RFC 4191, 2.3).
    pub const ROUTE: u8 = 24;
    /// Recursive DNS servers (RFC 8106, 5.1).
    pub const RESOLVERS: u8 = 25;
    /// DNS search list (RFC 8106, 5.2).
    pub const SEARCH_LIST: u8 = 31;
    /// Captive portal (RFC 8910, 2.3).
    pub const CAPTIVE_PORTAL: u8 = 37;
    /// NAT64 prefix (RFC 8781, 4).
    pub const PREF64: u8 = 38;
    /// Encrypted DNS (RFC 9463, 6).
    pub const ENCRYPTED_DNS: u8 = 144;
}

words! {
    /// How much a router, or a route through it, is preferred to others (RFC 4191, 2.1).
    Preference {
        /// Only where there is no other.
        Low = "low",
        /// The usual one, and what is meant where none is said.
        Medium = "medium",
        /// Before all others that are not high.
        High = "high",
    }
}

impl Preference {
    /// Reads the two bits; `None`: the reserved value.
    pub(crate) const fn of_bits(bits: u8) -> Option<Self> {
        match bits & 0b11 {
            0b01 => Some(Self::High),
            0b00 => Some(Self::Medium),
            0b11 => Some(Self::Low),
            _ => None,
        }
    }

    /// The two bits.
    pub(crate) const fn bits(self) -> u8 {
        match self {
            Self::High => 0b01,
            Self::Medium => 0b00,
            Self::Low => 0b11,
        }
    }
}

/// A prefix of the link (RFC 4861, 4.6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(clippy::struct_excessive_bools, reason = "the flags of the option")]
pub struct PrefixInformation {
    /// The prefix that hosts of the link may have addresses of.
    pub prefix: Prefix,
    /// The L flag: hosts of this prefix are on this link.
    pub on_link: bool,
    /// The A flag: hosts may form addresses with it.
    pub autonomous: bool,
    /// The R flag: what stands in the option is a whole address of the router (RFC 6275, 7.2), of which only the prefix is
    /// kept.
    pub router_address: bool,
    /// The P flag: hosts that can should rather have a prefix of their own delegated (RFC 9762).
    pub delegation_preferred: bool,
    /// How long it is valid, for both flags.
    pub valid: Lifetime,
    /// How long addresses formed with it are preferred.
    pub preferred: Lifetime,
}

/// A route through the sender (RFC 4191, 2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RouteInformation {
    /// Where it leads.
    pub prefix: Prefix,
    /// How much the route is preferred to others with the same prefix.
    pub preference: Preference,
    /// How long it is good; 0: it is withdrawn.
    pub lifetime: Lifetime,
}

/// Resolvers (RFC 8106, 5.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resolvers {
    /// How long they may be asked; 0: no longer.
    pub lifetime: Lifetime,
    /// The servers, best first.
    pub servers: Vec<Ipv6Addr>,
}

/// Names that are searched (RFC 8106, 5.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SearchList {
    /// How long they are; 0: no longer.
    pub lifetime: Lifetime,
    /// The names, without a dot at the end.
    pub names: Vec<String>,
}

/// A prefix for IPv4 addresses behind a NAT64 (RFC 8781, 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pref64 {
    /// The prefix: of 96, 64, 56, 48, 40 or 32 bits.
    pub prefix: Prefix,
    /// How long it may be used, in steps of 8 s, 65,528 s at most; 0: no longer.
    pub lifetime: Lifetime,
}

impl Pref64 {
    /// The lengths of prefixes in the order of their codes (RFC 8781, 4).
    // RFC 8781, 4: the prefix has one of six lengths, or the option is ignored.
    pub const LENGTHS: [u8; 6] = [96, 64, 56, 48, 40, 32];
    /// The longest lifetime, in seconds: thirteen bits of 8 s each.
    pub const MAX_LIFETIME: u32 = 0x1fff * 8;
}

/// Resolvers that are asked over an encrypted connection (RFC 9463, 6). It is told, and not used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EncryptedDns {
    /// Which of several comes first: the lowest.
    pub priority: u16,
    /// How long they may be asked; 0: no longer.
    pub lifetime: Lifetime,
    /// The name that they prove to have, without a dot at the end.
    pub name: String,
    /// Their addresses; empty: whoever has the name is asked.
    pub addresses: Vec<Ipv6Addr>,
    /// The service parameters as they stand (RFC 9460, 2.2), with zeros at the end.
    pub parameters: Vec<u8>,
}

/// An option of a message (RFC 4861, 4.6).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum NdOption {
    /// The sender's hardware address.
    SourceLinkLayer(Mac),
    /// The hardware address of the message's target.
    TargetLinkLayer(Mac),
    /// A prefix of the link.
    Prefix(PrefixInformation),
    /// The packet that made a router redirect, as much of it as there is.
    RedirectedHeader(Vec<u8>),
    /// The MTU of the link in bytes, whatever it is.
    Mtu(u32),
    /// A number that comes back, by which a host knows its own question (RFC 7527, 4.1).
    Nonce(Vec<u8>),
    /// A route through the sender.
    Route(RouteInformation),
    /// The resolvers of a router (RDNSS).
    Resolvers(Resolvers),
    /// Names that are searched.
    SearchList(SearchList),
    /// Where a captive portal tells what is to be done: a URI, in printable ASCII.
    CaptivePortal(String),
    /// A prefix for IPv4 addresses behind a NAT64.
    Pref64(Pref64),
    /// Resolvers that are asked over an encrypted connection.
    EncryptedDns(EncryptedDns),
    /// An option that is not known here, as it stands.
    Other {
        /// The number of its type.
        code: u8,
        /// What follows type and length: 8 bytes less 2, or more by eights.
        value: Vec<u8>,
    },
}

impl NdOption {
    /// The number of its type; those with a name are in [`code`].
    pub const fn code(&self) -> u8 {
        match self {
            Self::SourceLinkLayer(_) => code::SOURCE_LINK_LAYER,
            Self::TargetLinkLayer(_) => code::TARGET_LINK_LAYER,
            Self::Prefix(_) => code::PREFIX,
            Self::RedirectedHeader(_) => code::REDIRECTED_HEADER,
            Self::Mtu(_) => code::MTU,
            Self::Nonce(_) => code::NONCE,
            Self::Route(_) => code::ROUTE,
            Self::Resolvers(_) => code::RESOLVERS,
            Self::SearchList(_) => code::SEARCH_LIST,
            Self::CaptivePortal(_) => code::CAPTIVE_PORTAL,
            Self::Pref64(_) => code::PREF64,
            Self::EncryptedDns(_) => code::ENCRYPTED_DNS,
            Self::Other { code, .. } => *code,
        }
    }
}
