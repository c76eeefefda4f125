//! Why a packet is no valid message of neighbour discovery: a closed list, each with the byte that says so.

use std::fmt;
use std::net::Ipv6Addr;

use lanherd_types::identity::Mac;

use crate::kind::MessageKind;

/// What is wrong with a packet. All of it is refused then, as RFC 4861 (6.1, 7.1 and 8.1) and RFC 6980 (5) ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Reason {
    /// It is something else: no IPv6, no `ICMPv6`, or another type. Nothing is wrong with it.
    #[error("it is no neighbour discovery")]
    NotNeighbourDiscovery,
    /// A header says that there is more than there is.
    #[error("it is cut short")]
    Truncated,
    /// It came in fragments (RFC 6980, 5).
    #[error("it is fragmented")]
    Fragmented,
    /// A router has forwarded it: its hop limit is not 255 (RFC 4861, 6.1.2, 7.1 and 8.1).
    #[error("its hop limit is {0}, not 255")]
    HopLimit(u8),
    /// Its checksum is wrong (RFC 4443, 2.3).
    #[error("its checksum is {found:#06x}, not {right:#06x}")]
    Checksum {
        /// What stands there.
        found: u16,
        /// What should stand there.
        right: u16,
    },
    /// Its code is not 0.
    #[error("its code is {0}, not 0")]
    Code(u8),
    /// Its fixed fields are not all there.
    #[error("it has {length} bytes, and needs {least}")]
    TooShort {
        /// The length of the `ICMPv6` message in bytes.
        length: usize,
        /// The length that its type needs at least.
        least: usize,
    },
    /// An option has the length 0 (RFC 4861, 4.6).
    #[error("option {0} has the length 0")]
    ZeroLengthOption(u8),
    /// An option goes on beyond the end of the message.
    #[error("option {0} runs past the end of the message")]
    TruncatedOption(u8),
    /// A router speaks from an address that is not link-local (RFC 4861, 6.1.2 and 8.1).
    #[error("its source {0} is not link-local")]
    SourceNotLinkLocal(Ipv6Addr),
    /// It comes from a group, or from the loopback address (RFC 4291, 2.5.3 and 2.7).
    #[error("its source {0} can be no host's address")]
    SourceAddress(Ipv6Addr),
    /// It names the sender's hardware address and no address to go with it (RFC 4861, 6.1.1 and 7.1.1).
    #[error("it is from :: and has a source link-layer address")]
    UnspecifiedSourceWithLinkLayer,
    /// A question from :: that is no duplicate address detection: it is not for a solicited-node group (RFC 4861, 7.1.1).
    #[error("it is from :: and for {0}, which is no solicited-node group")]
    UnspecifiedSourceToOther(Ipv6Addr),
    /// It is about a group (RFC 4861, 7.1.1 and 7.1.2).
    #[error("its target {0} is a multicast address")]
    MulticastTarget(Ipv6Addr),
    /// It answers everybody's question: the S flag is set in an advertisement to a group (RFC 4861, 7.1.2).
    #[error("it has the solicited flag and is for the group {0}")]
    SolicitedToMulticast(Ipv6Addr),
    /// The target of a redirect is neither a router's link-local address nor the destination itself, or the destination is
    /// a group (RFC 4861, 8.1).
    #[error("it redirects {destination} to {target}, which cannot be")]
    Redirection {
        /// The destination that is redirected.
        destination: Ipv6Addr,
        /// The node to which packets for it should go.
        target: Ipv6Addr,
    },
}

impl Reason {
    /// Every word of [`Reason::as_str`].
    pub const WORDS: &[&str] = &[
        "not_neighbour_discovery",
        "truncated",
        "fragmented",
        "hop_limit",
        "checksum",
        "code",
        "too_short",
        "zero_length_option",
        "truncated_option",
        "source_not_link_local",
        "source_address",
        "unspecified_source_with_link_layer",
        "unspecified_source_to_other",
        "multicast_target",
        "solicited_to_multicast",
        "redirection",
    ];

    /// The kind of reason in one word: the label in metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NotNeighbourDiscovery => "not_neighbour_discovery",
            Self::Truncated => "truncated",
            Self::Fragmented => "fragmented",
            Self::HopLimit(_) => "hop_limit",
            Self::Checksum { .. } => "checksum",
            Self::Code(_) => "code",
            Self::TooShort { .. } => "too_short",
            Self::ZeroLengthOption(_) => "zero_length_option",
            Self::TruncatedOption(_) => "truncated_option",
            Self::SourceNotLinkLocal(_) => "source_not_link_local",
            Self::SourceAddress(_) => "source_address",
            Self::UnspecifiedSourceWithLinkLayer => "unspecified_source_with_link_layer",
            Self::UnspecifiedSourceToOther(_) => "unspecified_source_to_other",
            Self::MulticastTarget(_) => "multicast_target",
            Self::SolicitedToMulticast(_) => "solicited_to_multicast",
            Self::Redirection { .. } => "redirection",
        }
    }

    /// Whether something is wrong: the packet is one of neighbour discovery, and breaks its rules.
    pub const fn is_malformed(&self) -> bool {
        !matches!(self, Self::NotNeighbourDiscovery)
    }
}

/// Who sent a packet to whom, as far as it could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sender {
    /// The frame's source; `None`: the packet came without its frame.
    pub mac: Option<Mac>,
    /// The source of the packet.
    pub source: Ipv6Addr,
    /// Whom it is for.
    pub destination: Ipv6Addr,
    /// What it is; `None`: so far it was not read.
    pub kind: Option<MessageKind>,
}

/// A packet that was refused: why, because of which byte, and whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Refused {
    /// What is wrong with it.
    pub reason: Reason,
    /// Where it says so, counted from the first byte of the IPv6 header.
    pub offset: usize,
    /// Whose it is; `None`: it has no whole IPv6 header.
    pub sender: Option<Sender>,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sender {
            Some(Sender {
                mac, source, kind, ..
            }) => {
                let kind = kind.map_or("packet", MessageKind::name);
                write!(f, "{kind} from {source}")?;
                if let Some(mac) = mac {
                    write!(f, " ({mac})")?;
                }
            }
            None => f.write_str("packet")?,
        }
        write!(f, " refused at byte {}: {}", self.offset, self.reason)
    }
}

impl std::error::Error for Refused {}

/// A reason and its place, before it is known whose packet it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) reason: Reason,
    pub(crate) offset: usize,
}

impl Wrong {
    pub(crate) const fn new(reason: Reason, offset: usize) -> Self {
        Self { reason, offset }
    }
}
