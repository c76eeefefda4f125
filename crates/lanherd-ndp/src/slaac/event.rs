//! What a host tells its caller.

use std::net::Ipv6Addr;
use std::time::Duration;

use lanherd_types::identity::Mac;
use lanherd_types::ipv6::Prefix;
use lanherd_types::words;

use super::config::DhcpWanted;
use super::ignored::Ignored;
use super::until::Until;
use crate::options::{EncryptedDns, Preference};
use crate::packet::Packet;
use crate::remark::Remark;

/// What the caller is to do or to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this to the link, as [`Packet::to_frame`] writes it.
    Transmit(Packet),
    /// Make the interface so.
    Configure(Change),
    /// Something happened that whoever runs the host may want to know.
    Event(Event),
}

/// One thing about an interface that is to be otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// The address is to stand so; it may stand already, with other lifetimes.
    SetAddress(InterfaceAddress),
    /// The address is to go; it may have gone by itself, when its lifetime ended.
    RemoveAddress(Ipv6Addr),
    /// The route is to stand so; it may stand already, with another lifetime.
    SetRoute(Route),
    /// The route with this destination, gateway and metric is to go; it may have gone by itself.
    RemoveRoute(Route),
    /// The parameters of the link are to be these.
    SetLink(LinkParameters),
}

/// An address as it is to stand. A route to its prefix does not come with it: that is a [`Route`] of its own, where the router
/// said so (RFC 5942, 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct InterfaceAddress {
    /// The address on the interface.
    pub address: Ipv6Addr,
    /// What it is for.
    pub kind: AddressKind,
    /// Until when it may be used.
    pub valid: Until,
    /// Until when it is to be chosen for what is new; past: it is deprecated.
    pub preferred: Until,
    /// Whether it is to be verified first (RFC 4862, 5.4).
    pub is_tentative: bool,
}

words! {
    /// What an address is for.
    AddressKind {
        /// For this link only.
        LinkLocal = "link_local",
        /// The address lasts as long as its prefix.
        Stable = "stable",
        /// For a day or two (RFC 8981).
        Temporary = "temporary",
    }
}

/// A route as it is to stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Route {
    /// Where it leads.
    pub prefix: Prefix,
    /// Through whom; `None`: its hosts are on the link.
    pub gateway: Option<Ipv6Addr>,
    /// What its router says of it.
    pub preference: Preference,
    /// The metric, which orders routes to one destination: no two of them have the same, or the kernel would use both at once.
    pub metric: u32,
    /// Until when it is good.
    pub valid: Until,
}

impl Route {
    /// Whether it is the same to the kernel: destination, gateway and metric.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.prefix, self.gateway, self.metric) == (other.prefix, other.gateway, other.metric)
    }
}

/// Parameters of the link; what no router has said is `None`, and stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct LinkParameters {
    /// The MTU in bytes.
    pub mtu: Option<u32>,
    /// The hop limit of what is sent.
    pub hop_limit: Option<u8>,
    /// How long a neighbour is taken for reachable after it was (`BaseReachableTime`).
    pub reachable: Option<Duration>,
    /// How long after a neighbour solicitation the next is sent (`RetransTimer`).
    pub retransmit: Option<Duration>,
}

words! {
    /// Why a router is no default router any more.
    RouterLoss {
        /// Its lifetime ended, and it did not say it again.
        Expired = "expired",
        /// It said so: a lifetime of 0.
        Withdrawn = "withdrawn",
        /// It said that it is no router: a neighbour advertisement without the R flag.
        NotRouter = "not_router",
        /// The host is on another link now.
        Moved = "moved",
        /// There are more routers than are kept, and it was the least of them.
        Displaced = "displaced",
        /// The host stopped.
        Stopped = "stopped",
    }
}

words! {
    /// Why an address is no longer there.
    AddressLoss {
        /// Its valid lifetime ended.
        Expired = "expired",
        /// The host is on another link now.
        Moved = "moved",
        /// The host stopped.
        Stopped = "stopped",
    }
}

/// What happened to a host, for whoever runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An address was formed. It can be used when [`Event::AddressUsable`] says so.
    AddressFormed {
        /// The address that was formed.
        address: Ipv6Addr,
        /// What it is for.
        kind: AddressKind,
    },
    /// An address can be used: nobody else has it, or nobody was asked.
    AddressUsable {
        /// The address that can be used.
        address: Ipv6Addr,
        /// What it is for.
        kind: AddressKind,
    },
    /// An address is not to be used for anything new (RFC 4862, 5.5.4).
    AddressDeprecated {
        /// The address that is deprecated.
        address: Ipv6Addr,
        /// Whether a router said so, with a preferred lifetime of 0; else the lifetime ended by itself.
        announced: bool,
    },
    /// A deprecated address is preferred again.
    AddressPreferred(Ipv6Addr),
    /// An address is no longer there.
    AddressLost {
        /// The address that is gone.
        address: Ipv6Addr,
        /// Why the address is gone.
        why: AddressLoss,
    },
    /// Somebody else has the address: it is not used.
    AddressDuplicate {
        /// The address that is given up.
        address: Ipv6Addr,
        /// Who has it, where that was heard.
        holder: Option<Mac>,
        /// Whether another is tried.
        retried: bool,
    },
    /// Nobody told in time whether the address can be used.
    VerificationUnanswered(Ipv6Addr),
    /// Somebody else has the link-local address, and there is no other: the host does nothing more until it is started, or
    /// connected, again (RFC 4862, 5.4.5).
    Disabled,
    /// A router is a default router now.
    RouterFound {
        /// Its link-local address.
        router: Ipv6Addr,
        /// Its hardware address, where it was heard.
        mac: Option<Mac>,
        /// When its lifetime ends, if it does not advertise again.
        until: Until,
        /// How much it is preferred.
        preference: Preference,
    },
    /// A router is no default router any more.
    RouterLost {
        /// The router's link-local address.
        router: Ipv6Addr,
        /// Why the router is gone.
        why: RouterLoss,
    },
    /// A router does not answer: others are used first.
    RouterUnreachable(Ipv6Addr),
    /// A router that did not answer does again.
    RouterReachable(Ipv6Addr),
    /// The first advertisement came after the host had asked.
    Answered {
        /// The link-local address of the router that answered.
        router: Ipv6Addr,
        /// How long after the first solicitation.
        after: Duration,
        /// Whether it was for this host alone.
        unicast: bool,
    },
    /// No router answered the solicitations, or none that is a default router.
    Unanswered {
        /// How many there were.
        solicitations: u32,
    },
    /// After the link was away, the first advertisement tells whether it is the same link.
    Attached {
        /// Whether it is.
        same_link: bool,
    },
    /// A router advertises another prefix than before.
    PrefixRenumbered {
        /// The link-local address of the router.
        router: Ipv6Addr,
        /// The prefix that it does not advertise any more.
        old: Prefix,
        /// The one that it advertises since.
        new: Prefix,
        /// Whether it said that the old one is not to be used, with a preferred lifetime of 0; else it fell silent about it.
        announced: bool,
    },
    /// Resolvers and search list are now these.
    ResolversChanged {
        /// The resolvers, best first.
        servers: Vec<Ipv6Addr>,
        /// The names that are searched.
        search: Vec<String>,
    },
    /// The prefixes of the NAT64 are now these.
    Pref64Changed(Vec<Prefix>),
    /// What routers say of `DHCPv6` is now this.
    FlagsChanged {
        /// The M flag, of any router.
        managed: bool,
        /// The O flag, of any router.
        other: bool,
        /// What is to be asked for, by the host's policy.
        wanted: DhcpWanted,
    },
    /// The captive portal is now this; `None`: the router that named one does so no longer.
    CaptivePortalChanged(Option<String>),
    /// The resolvers over encrypted connections are now these (RFC 9463): told, and not used.
    EncryptedDnsChanged(Vec<EncryptedDns>),
    /// A router would rather have the host get a prefix of its own delegated (RFC 9762): told, and not done.
    DelegationPreferred(Prefix),
    /// A message, or an option of one, was of no use. Told once for as long as the same router says the same.
    Ignored {
        /// Why the message was of no use.
        reason: Ignored,
        /// The address that the message came from.
        router: Ipv6Addr,
        /// The option's type and its offset, counted from the IPv6 header; `None`: all of the message.
        option: Option<(u8, usize)>,
    },
    /// An option of a message was not used as it stands. Told once for as long as the same router says the same.
    Remarked {
        /// Which, and why.
        remark: Remark,
        /// The address that the message came from.
        router: Ipv6Addr,
    },
}
