//! What a client's link is to have of IPv6, and what its port tells of IPv6: packets in, addressing out.
//!
//! Nothing here speaks a protocol. Who advertises, what a prefix or a lease says and what follows from it is decided by whoever
//! holds the port; the kernel behind it resolves neighbours, detects duplicates (RFC 4862, 5.4) and chooses source addresses
//! (RFC 6724).

use std::net::Ipv6Addr;
use std::ops::Range;
use std::time::Instant;

use crate::frame6::{Frame6, Summing};
use lanherd_dhcp6::{Duid, Lease};
use lanherd_types::identity::Mac;
use lanherd_types::ipv6::Prefix;
use lanherd_types::words;

/// All that a client's link is to have of IPv6; by default nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Addressing6 {
    /// The addresses, the link-local one among them: the kernel makes none by itself.
    pub addresses: Vec<Address6>,
    /// The routes. Of several to one destination those that come first are preferred, so routers stand in the order in which
    /// they are to be chosen.
    pub routes: Vec<Route6>,
    /// Neighbours that are known, or will be spoken to: routers above all. They are not counted by the limit of the kernel's
    /// neighbour table, which is one for all namespaces; their reachability is looked after as that of any other.
    pub neighbours: Vec<Neighbour6>,
    /// The resolvers that are asked over IPv6, in their order; a link-local one is on the client's link. They stand in the
    /// client's `resolv.conf` behind those of its lease.
    pub resolvers: Vec<Ipv6Addr>,
    /// The names that are searched, in their order.
    pub search: Vec<String>,
    /// The addresses that what is sent through routes comes from, where one of them fits: temporary ones, those that are best first. Of
    /// others, and of what fits none of these, the kernel chooses (RFC 6724, 5); that an address is temporary it knows only of those that
    /// it has made itself.
    pub sources: Vec<Ipv6Addr>,
    /// The prefixes that are the client's own to give out, of which what is behind it has its addresses.
    pub delegated: Vec<Delegated6>,
    /// Whether addresses and routes that an earlier process has left in the namespace stay as well: until it is known what of them
    /// is still right.
    pub keeps_found: bool,
}

/// An address that a client's interface is to have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address6 {
    /// The address itself, without its prefix.
    pub address: Ipv6Addr,
    /// The length of its prefix, in bits.
    pub prefix_len: u8,
    /// Whether the prefix is on the link, so that its other hosts are reached without a router.
    pub is_on_link: bool,
    /// Until when it is preferred (RFC 4862, 5.5.4); `None`: for ever. It is deprecated where that is over.
    pub preferred_until: Option<Instant>,
    /// Until when it is valid; `None`: for ever. Then the kernel removes it, whatever becomes of the tester.
    pub valid_until: Option<Instant>,
    /// Whether the kernel asks first if somebody has it (RFC 4862, 5.4), which takes a second; then
    /// [`PortEvent::Address6`](super::PortEvent::Address6) tells the outcome. Without, it is usable at once.
    pub detects_duplicates: bool,
}

impl Address6 {
    /// The link-local address, for ever.
    pub const fn link_local(address: Ipv6Addr, detects_duplicates: bool) -> Self {
        Self {
            address,
            prefix_len: 64,
            is_on_link: true,
            preferred_until: None,
            valid_until: None,
            detects_duplicates,
        }
    }
}

/// A prefix that was delegated to a client, which is the router of a link of its own.
///
/// That link is the namespace's loopback: every kernel has it, it costs no device, and nobody else is on it. What is sent to an address
/// of the prefix that stands nowhere is answered as unreachable, and goes neither round in a circle nor back to the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delegated6 {
    /// The whole prefix.
    pub prefix: Prefix,
    /// The client's address in it, on its own link; `None`: it has none there.
    pub address: Option<Ipv6Addr>,
    /// Until when the address is preferred; `None`: for ever.
    pub preferred_until: Option<Instant>,
    /// Until when the prefix is the client's; `None`: for ever. Then the kernel removes the address, whatever becomes of the tester.
    pub valid_until: Option<Instant>,
}

/// A route through the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route6 {
    /// Where it leads to; bits beyond the prefix do not matter.
    pub destination: Ipv6Addr,
    /// The length of the destination's prefix, in bits; 0 for a default route.
    pub prefix_len: u8,
    /// Through which router; `None`: the destination is on the link itself.
    pub gateway: Option<Ipv6Addr>,
    /// How much the router is preferred to others, as it says itself.
    pub preference: RouterPreference,
    /// Until when it holds; `None`: for ever. Then the kernel removes it.
    pub until: Option<Instant>,
    /// The largest packet that goes this way, in bytes; `None`: what the link can carry.
    pub mtu: Option<u32>,
    /// The hop limit of what is sent this way; `None`: the kernel's own.
    pub hop_limit: Option<u8>,
}

words! {
    /// How much a router is preferred to others (RFC 4191, 2.1).
    #[derive(Default)]
    RouterPreference {
        /// Less than others.
        Low = "low",
        /// As much as others: the usual preference.
        #[default]
        Medium = "medium",
        /// More than others.
        High = "high",
    }
}

/// A neighbour on the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Neighbour6 {
    /// The neighbour's IPv6 address.
    pub address: Ipv6Addr,
    /// Its link address, where it is known; else the kernel asks for it.
    pub mac: Option<Mac>,
    /// Whether it is a router.
    pub is_router: bool,
}

/// What has come of setting an [`Addressing6`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Configured6 {
    /// The kernel is told of a longer lifetime only now and then, since an advertisement prolongs those of a whole herd at once.
    /// At this moment the same addressing is to be set again, or something ends before it should; `None`: never.
    pub again_by: Option<Instant>,
    /// Whether something stays only because [`Addressing6::keeps_found`] says so.
    pub keeps_found: bool,
}

/// A DHCPv6 lease that a client holds, and what else its RELEASE needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held6 {
    /// The address that the client speaks to servers from.
    pub link_local: Ipv6Addr,
    /// How the client calls itself.
    pub duid: Duid,
    /// What it holds.
    pub lease: Lease,
    /// Whether it has been requested only: the server may have granted it.
    pub is_requested: bool,
}

/// What came of asking whether somebody has an address (RFC 4862, 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DadOutcome {
    /// Nobody has: it is usable.
    Unique,
    /// Somebody has. It is not set, or not any more.
    Duplicate {
        /// Who, where that was seen: a client of the same herd, or whoever said so on the link.
        holder: Option<Mac>,
    },
}

words! {
    /// Whether a router answers when the kernel asks it for its link address (RFC 4861, 7.3).
    Reachability {
        /// It does, again.
        Reachable = "reachable",
        /// It does not.
        Unreachable = "unreachable",
    }
}

/// An IPv6 packet that came over the link: a message of neighbour discovery (ICMPv6 types 134 to 137), or a datagram for a DHCPv6
/// client. It is hostile; nothing but what stands here has been looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet6 {
    /// When it was read.
    pub received: Instant,
    /// Who put its frame on this link.
    pub link_source: Mac,
    /// Whom the frame is addressed to: the client, or a group.
    pub link_destination: Mac,
    /// The packet's source.
    pub source: Ipv6Addr,
    /// The packet's destination.
    pub destination: Ipv6Addr,
    /// The hop limit that is left: 255 where no router has forwarded it.
    pub hop_limit: u8,
    /// Whether it is a fragment. Of several only the first is told.
    pub is_fragment: bool,
    /// Whether the checksum of what it carries is right; of a fragment that is not known, and so it is not.
    pub is_sound: bool,
    /// The whole frame, from its Ethernet header on; what stands behind its packet is padding.
    pub frame: Vec<u8>,
    /// Where [`Packet6::content`] stands in it.
    pub(crate) content: Range<usize>,
}

impl Packet6 {
    /// Reads a frame that came at that moment; `None` where it carries no such packet.
    pub fn from_frame(frame: &[u8], received: Instant) -> Option<Self> {
        Frame6::parse(frame, Summing::Done, received).map(Frame6::into_packet)
    }

    /// Reads a frame of a DHCPv6 server that came at that moment; `None` where it carries anything else, or no more than a fragment.
    /// The checksum is not looked at: a sender on the same machine leaves it to hardware that does not exist.
    pub fn of_dhcp6(frame: &[u8], received: Instant) -> Option<Self> {
        match Frame6::parse(frame, Summing::Pending, received)? {
            Frame6::Dhcp(packet) if !packet.is_fragment => Some(packet),
            Frame6::Dhcp(_) | Frame6::Discovery(..) => None,
        }
    }

    /// The ICMPv6 message from its type on, or what the UDP datagram carries.
    pub fn content(&self) -> &[u8] {
        self.frame.get(self.content.clone()).unwrap_or_default()
    }
}
