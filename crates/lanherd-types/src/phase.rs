//! What a client is doing and why it failed, as outsiders see it: the same words in metrics, reports, logs and Gherkin.

use crate::family::Family;
#[doc(hidden)]
use crate::words;

words! {
    /// What a client is doing.
    Phase {
        /// Waiting for admission by the pool.
        Queued = "queued",
        /// Its network namespace is being made.
        Namespace = "namespace",
        /// The namespace exists; the macvlan and the sockets are being made.
        Link = "link",
        /// The link is up; a lease is being asked for.
        Dhcp = "dhcp",
        /// The lease is there; address, routes and resolver are being set.
        Configure = "configure",
        /// The link is up; a router advertisement that is of use is waited for.
        Router = "router",
        /// A router has said so: a DHCPv6 lease is being asked for.
        Dhcp6 = "dhcp6",
        /// There are IPv6 addresses; it is being verified that nobody else has them (RFC 4862, 5.4).
        Dad = "dad",
        /// Usable in every family that the client is to have.
        Online = "online",
        /// Usable in one of its two families; the other has gone, or did not come in time.
        Partial = "partial",
        /// Told to give its lease back; has link but no address until told to renew.
        Released = "released",
        /// Told by a server to do without IPv4 for a while (RFC 8925); asks again by itself.
        V6Only = "v6_only",
        /// The parent has no carrier; what is held is confirmed when it is back.
        NoCarrier = "no_carrier",
        /// Releasing its lease and going away.
        Leaving = "leaving",
        /// Failed; waiting to be restarted.
        Backoff = "backoff",
        /// Failed and given up; torn down.
        Failed = "failed",
        /// Left as asked; torn down.
        Gone = "gone",
    }
}

words! {
    /// What phases have in common for whoever looks at a whole herd: a colour each.
    Condition {
        /// The client has not begun to join.
        Queued = "queued",
        /// On the way to be online.
        Joining = "joining",
        /// As it should be.
        Online = "online",
        /// Without an address, and rightly so.
        Resting = "resting",
        /// In trouble that may pass.
        Trouble = "trouble",
        /// The client has been given up.
        Failed = "failed",
        /// The client has left.
        Gone = "gone",
    }
}

impl Phase {
    /// How a client in this phase is shown among others.
    pub const fn condition(self) -> Condition {
        match self {
            Self::Queued => Condition::Queued,
            Self::Namespace
            | Self::Link
            | Self::Dhcp
            | Self::Configure
            | Self::Router
            | Self::Dhcp6
            | Self::Dad => Condition::Joining,
            Self::Online => Condition::Online,
            Self::Released | Self::V6Only | Self::Leaving => Condition::Resting,
            Self::Partial | Self::NoCarrier | Self::Backoff => Condition::Trouble,
            Self::Failed => Condition::Failed,
            Self::Gone => Condition::Gone,
        }
    }

    /// Whether the client is on its way to [`Phase::Online`] and takes one of the pool's outstanding places.
    pub const fn is_joining(self) -> bool {
        matches!(self.condition(), Condition::Joining)
    }

    /// Whether commands can be run in the client's namespace: it is there, and the client is not about to leave it.
    pub const fn takes_commands(self) -> bool {
        match self {
            Self::Link
            | Self::Dhcp
            | Self::Configure
            | Self::Router
            | Self::Dhcp6
            | Self::Dad
            | Self::Online
            | Self::Partial
            | Self::Released
            | Self::V6Only
            | Self::NoCarrier => true,
            Self::Queued
            | Self::Namespace
            | Self::Leaving
            | Self::Backoff
            | Self::Failed
            | Self::Gone => false,
        }
    }

    /// Whether the client has the addresses that are known of it, or is just setting them; in all others they are those that it
    /// had.
    pub const fn has_address(self) -> bool {
        matches!(
            self,
            Self::Configure
                | Self::Dad
                | Self::Online
                | Self::Partial
                | Self::NoCarrier
                | Self::Leaving
        )
    }

    /// Whether the client should be online: it was not told to go.
    pub const fn is_wanted(self) -> bool {
        !matches!(self, Self::Leaving | Self::Gone)
    }
}

words! {
    /// The stage of its life in which a client failed.
    Stage {
        /// Making the namespace.
        Namespace = "namespace",
        /// Making the macvlan.
        Link = "link",
        /// Opening sockets in the namespace.
        Socket = "socket",
        /// Asking for a lease.
        Dhcp = "dhcp",
        /// Setting address, routes and resolver.
        Configure = "configure",
        /// Waiting for a router advertisement that is of use.
        Router = "router",
        /// Asking for a DHCPv6 lease.
        Dhcp6 = "dhcp6",
        /// Holding what it was given.
        Online = "online",
    }
}

words! {
    /// Why a client failed: a closed list.
    Cause {
        /// A namespace, or `/etc/netns` folder, of that name exists and is not ours.
        NameTaken = "name_taken",
        /// The kernel refused an operation; the detail names it.
        Kernel = "kernel",
        /// The parent interface does not exist, or has gone.
        ParentGone = "parent_gone",
        /// The parent lost its carrier.
        NoCarrier = "no_carrier",
        /// Somebody removed the client's macvlan, or took it down.
        LinkLost = "link_lost",
        /// Somebody removed the client's namespace.
        NamespaceGone = "namespace_gone",
        /// Somebody removed the client's address, or its default route.
        AddressLost = "address_lost",
        /// A socket of the client was closed or broke.
        SocketLost = "socket_lost",
        /// The MAC is still, or already, in use on the parent.
        MacInUse = "mac_in_use",
        /// The process lacks a privilege.
        NoPrivilege = "no_privilege",
        /// The host has too little memory for another client.
        NoMemory = "no_memory",
        /// No server offered a lease before the deadline.
        NoOffer = "no_offer",
        /// A server offered, then did not acknowledge before the deadline.
        NoAck = "no_ack",
        /// Servers kept refusing with DHCPNAK until the deadline, or one refused to extend a lease in use.
        Nak = "nak",
        /// Servers answered, and nothing that they sent before the deadline could be used, as it breaks the protocol.
        Malformed = "malformed",
        /// Servers offered or granted only addresses that no client can use: their own, the network's or the broadcast
        /// address, 0/8, 127/8, 169.254/16, multicast.
        BadLease = "bad_lease",
        /// The address was, or is, in use by somebody else on the LAN.
        AddressConflict = "address_conflict",
        /// The lease ran out and could not be extended.
        LeaseExpired = "lease_expired",
        /// No router advertised itself before the deadline.
        NoRouter = "no_router",
        /// Routers advertised themselves, and nothing that they said gives the client an address.
        NoPrefix = "no_prefix",
        /// No DHCPv6 server answered a SOLICIT before the deadline.
        NoAdvertise = "no_advertise",
        /// A DHCPv6 server advertised, then did not reply before the deadline.
        NoReply = "no_reply",
        /// DHCPv6 servers said until the deadline that they have no address left (`NoAddrsAvail`).
        NoAddresses = "no_addresses",
        /// A DHCPv6 server said of a lease in use that it knows of none (`NoBinding`).
        NoBinding = "no_binding",
        /// A DHCPv6 server said of a lease in use that it is wrong on this link (`NotOnLink`).
        NotOnLink = "not_on_link",
        /// The last default router took its promise back, or did not renew it.
        RouterLost = "router_lost",
        /// The last address in use came to the end of its valid lifetime.
        AddressExpired = "address_expired",
        /// The actor panicked or was killed.
        Crashed = "crashed",
        /// The client did not answer the pool within its deadline.
        Unresponsive = "unresponsive",
    }
}

impl Cause {
    /// Whether trying again can help without somebody changing the surroundings.
    pub const fn is_retryable(self) -> bool {
        !matches!(self, Self::NameTaken | Self::NoPrivilege)
    }

    /// Whether it says that nothing came in time: a tester that was late may have heard it too late, or not have asked.
    pub const fn is_a_timeout(self) -> bool {
        matches!(
            self,
            Self::NoOffer
                | Self::NoAck
                | Self::LeaseExpired
                | Self::NoRouter
                | Self::NoAdvertise
                | Self::NoReply
                | Self::RouterLost
                | Self::AddressExpired
                | Self::Unresponsive
        )
    }

    /// Whether it is what a router, or the wire to it, does to its clients when it is down. When most of a herd has
    /// one of these at once, it is one outage.
    pub const fn is_of_the_router(self) -> bool {
        match self {
            Self::ParentGone
            | Self::NoCarrier
            | Self::NoOffer
            | Self::NoAck
            | Self::Nak
            | Self::Malformed
            | Self::BadLease
            | Self::LeaseExpired
            | Self::NoRouter
            | Self::NoPrefix
            | Self::NoAdvertise
            | Self::NoReply
            | Self::NoAddresses
            | Self::NoBinding
            | Self::NotOnLink
            | Self::RouterLost
            | Self::AddressExpired => true,
            Self::NameTaken
            | Self::Kernel
            | Self::LinkLost
            | Self::NamespaceGone
            | Self::AddressLost
            | Self::SocketLost
            | Self::MacInUse
            | Self::NoPrivilege
            | Self::NoMemory
            | Self::AddressConflict
            | Self::Crashed
            | Self::Unresponsive => false,
        }
    }

    /// Whether its reason lies on the tester's own machine, of which no router knows.
    pub const fn is_of_the_tester(self) -> bool {
        matches!(
            self,
            Self::NameTaken
                | Self::Kernel
                | Self::ParentGone
                | Self::LinkLost
                | Self::NamespaceGone
                | Self::AddressLost
                | Self::SocketLost
                | Self::MacInUse
                | Self::NoPrivilege
                | Self::NoMemory
                | Self::Crashed
                | Self::Unresponsive
        )
    }
}

/// One failure of one client: where, why, and the particulars for a person to read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{stage}: {cause}: {detail}")]
pub struct Failure {
    /// The stage it happened in.
    pub stage: Stage,
    /// The reason, from the closed list.
    pub cause: Cause,
    /// The family that it is of; `None`: of none in particular.
    pub family: Option<Family>,
    /// What exactly was seen, and what to do where there is something to do.
    pub detail: String,
}

impl Failure {
    /// A failure with its particulars, of no family.
    pub fn new(stage: Stage, cause: Cause, detail: impl Into<String>) -> Self {
        Self {
            stage,
            cause,
            family: None,
            detail: detail.into(),
        }
    }

    /// The family that it is of, also where only its stage says so.
    pub const fn of_family(&self) -> Option<Family> {
        match (self.family, self.stage) {
            (Some(family), _) => Some(family),
            (None, Stage::Dhcp) => Some(Family::Ipv4),
            (None, Stage::Router | Stage::Dhcp6) => Some(Family::Ipv6),
            (
                None,
                Stage::Namespace | Stage::Link | Stage::Socket | Stage::Configure | Stage::Online,
            ) => None,
        }
    }

    /// The same, of that family.
    #[must_use]
    pub const fn of(mut self, family: Family) -> Self {
        self.family = Some(family);
        self
    }
}
