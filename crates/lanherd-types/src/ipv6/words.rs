//! The words of what a client has of IPv6, and of what happens to it: the same in events, reports and metrics.

use crate::words;

words! {
    /// Where an IPv6 address is from.
    AddressOrigin {
        /// Of the link itself, from no router (RFC 4862, 5.3).
        LinkLocal = "link_local",
        /// Formed with an advertised prefix, as long as that lasts (RFC 4862, 5.5).
        Stable = "stable",
        /// Formed with an advertised prefix, for a day or two (RFC 8981).
        Temporary = "temporary",
        /// Leased by a DHCPv6 server.
        Dhcp6 = "dhcp6",
        /// Of a prefix that a DHCPv6 server has delegated, on the link behind the client (RFC 7084, 4.3).
        Delegated = "delegated",
    }
}

words! {
    /// Which addresses a client forms of the prefixes that routers advertise for that.
    #[derive(Default)]
    AddressFormation {
        /// One of each prefix, the same in all its lives, and another of another prefix (RFC 7217, RFC 8064).
        #[default]
        Stable = "stable",
        /// One of each, whose end is made of its MAC (RFC 4291, appendix A).
        Eui64 = "eui64",
        /// Beside a stable one of each a random one for a day or two, from which it sends (RFC 8981).
        Temporary = "temporary",
    }
}

words! {
    /// How the ends of a device's lasting IPv6 addresses are made.
    IdentifierKind {
        /// The same in all its lives, and another of another prefix (RFC 7217).
        Stable = "stable",
        /// Made of its MAC (RFC 4291, appendix A).
        Eui64 = "eui64",
        /// By chance, and the same for all prefixes.
        Random = "random",
    }
}

words! {
    /// How often a device asks for routers as long as none answers.
    SolicitationPolicy {
        /// Three times, 4 s apart (RFC 4861, 6.3.7).
        Three = "three",
        /// On and on, ever less often (RFC 7559).
        Backoff = "backoff",
    }
}

words! {
    /// When a device asks `DHCPv6` servers.
    DhcpUse {
        /// As routers' flags say.
        Flags = "flags",
        /// For addresses, whatever routers say.
        Always = "always",
        /// It does not.
        Never = "never",
    }
}

impl AddressOrigin {
    /// Whether the address was formed from an advertised prefix.
    pub const fn is_formed(self) -> bool {
        matches!(self, Self::Stable | Self::Temporary)
    }

    /// In which order addresses that are preferred alike are chosen for what is sent beyond the link, from 0; `None`: not at all (RFC
    /// 6724, 5, rules 5 and 7).
    pub const fn rank(self) -> Option<u8> {
        match self {
            Self::LinkLocal => None,
            Self::Temporary => Some(0),
            Self::Stable | Self::Dhcp6 => Some(1),
            Self::Delegated => Some(2),
        }
    }

    /// Whether it is from a DHCPv6 lease.
    pub const fn is_leased(self) -> bool {
        matches!(self, Self::Dhcp6 | Self::Delegated)
    }
}

words! {
    /// Whether an IPv6 address can be used (RFC 4862, 2).
    AddressState {
        /// Whether somebody else has it is being found out.
        Tentative = "tentative",
        /// It can be used.
        Preferred = "preferred",
        /// It can be used for what goes on already, and not for anything new.
        Deprecated = "deprecated",
    }
}

words! {
    /// What kind of thing happened to a client's IPv6: a closed list.
    Ipv6EventKind {
        /// A router is a default router now.
        RouterFound = "router_found",
        /// A router is no default router any more.
        RouterLost = "router_lost",
        /// A router does not answer.
        RouterUnreachable = "router_unreachable",
        /// A router answers again.
        RouterReachable = "router_reachable",
        /// The first advertisement came after the client had asked for one.
        RouterAnswered = "router_answered",
        /// No router answered.
        RouterUnanswered = "router_unanswered",
        /// After the link was away a router has said which link it is.
        Reattached = "reattached",
        /// An address was formed.
        AddressFormed = "address_formed",
        /// An address can be used.
        AddressUsable = "address_usable",
        /// An address is not to be used for anything new.
        AddressDeprecated = "address_deprecated",
        /// A deprecated address is preferred again.
        AddressPreferred = "address_preferred",
        /// An address is no longer there.
        AddressLost = "address_lost",
        /// Somebody else has an address.
        AddressDuplicate = "address_duplicate",
        /// The kernel has not said in time whether somebody else has an address.
        AddressUnverified = "address_unverified",
        /// Somebody else has the link-local address, and IPv6 has ended on the link.
        Disabled = "disabled",
        /// A router advertises another prefix than before.
        Renumbered = "renumbered",
        /// Resolvers or search list are others.
        ResolversChanged = "resolvers_changed",
        /// The prefixes of the NAT64 are others.
        Pref64Changed = "pref64_changed",
        /// The client was told to do without IPv4, and no router advertises a NAT64.
        NoNat64 = "no_nat64",
        /// What routers say of DHCPv6 is something else.
        FlagsChanged = "flags_changed",
        /// The captive portal is another.
        PortalChanged = "portal_changed",
        /// The resolvers over encrypted connections are others.
        EncryptedDnsChanged = "encrypted_dns_changed",
        /// A router would rather delegate a prefix.
        DelegationPreferred = "delegation_preferred",
        /// A DHCPv6 server has leased addresses, and they are being probed.
        LeaseProbed = "lease_probed",
        /// A DHCPv6 lease is there.
        LeaseBound = "lease_bound",
        /// A DHCPv6 lease was extended or confirmed.
        LeaseRenewed = "lease_renewed",
        /// A part of a DHCPv6 lease is gone.
        LeaseReduced = "lease_reduced",
        /// A DHCPv6 lease is gone.
        LeaseLost = "lease_lost",
        /// A DHCPv6 server refused something.
        LeaseRefused = "lease_refused",
        /// No DHCPv6 server answered.
        LeaseUnanswered = "lease_unanswered",
        /// A DHCPv6 server has told what needs no lease.
        Informed = "informed",
        /// A DHCPv6 server asked to be asked again.
        Reconfigured = "reconfigured",
        /// A RELEASE or a DECLINE was answered.
        Answered = "answered",
        /// A DHCPv6 message came from an address that is not link-local.
        FromAfar = "from_afar",
        /// A DHCPv6 message waits, as more were sent than should be.
        RateLimited = "rate_limited",
        /// A message, or an option of one, was of no use.
        Ignored = "ignored",
        /// An option of a message was not used as it stands.
        Remarked = "remarked",
        /// A message is malformed, and was not used.
        Malformed = "malformed",
    }
}

impl Ipv6EventKind {
    /// Whether it is a step that clients take all the time, and of which a herd takes too many to be read.
    pub const fn is_step(self) -> bool {
        match self {
            Self::RouterFound
            | Self::RouterAnswered
            | Self::Reattached
            | Self::AddressFormed
            | Self::AddressUsable
            | Self::AddressPreferred
            | Self::ResolversChanged
            | Self::Pref64Changed
            | Self::FlagsChanged
            | Self::PortalChanged
            | Self::EncryptedDnsChanged
            | Self::DelegationPreferred
            | Self::LeaseProbed
            | Self::LeaseBound
            | Self::LeaseRenewed
            | Self::Informed
            | Self::Answered => true,
            Self::RouterLost
            | Self::RouterUnreachable
            | Self::RouterReachable
            | Self::RouterUnanswered
            | Self::AddressDeprecated
            | Self::AddressLost
            | Self::AddressDuplicate
            | Self::AddressUnverified
            | Self::Disabled
            | Self::NoNat64
            | Self::Renumbered
            | Self::LeaseReduced
            | Self::LeaseLost
            | Self::LeaseRefused
            | Self::LeaseUnanswered
            | Self::Reconfigured
            | Self::FromAfar
            | Self::RateLimited
            | Self::Ignored
            | Self::Remarked
            | Self::Malformed => false,
        }
    }

    /// Whether something is wrong.
    pub const fn is_bad(self) -> bool {
        match self {
            Self::RouterLost
            | Self::RouterUnreachable
            | Self::RouterUnanswered
            | Self::AddressLost
            | Self::AddressDuplicate
            | Self::AddressUnverified
            | Self::Disabled
            | Self::NoNat64
            | Self::LeaseReduced
            | Self::LeaseLost
            | Self::LeaseRefused
            | Self::LeaseUnanswered
            | Self::RateLimited
            | Self::Ignored
            | Self::Remarked
            | Self::Malformed => true,
            Self::RouterFound
            | Self::RouterReachable
            | Self::RouterAnswered
            | Self::Reattached
            | Self::AddressFormed
            | Self::AddressUsable
            | Self::AddressDeprecated
            | Self::AddressPreferred
            | Self::Renumbered
            | Self::ResolversChanged
            | Self::Pref64Changed
            | Self::FlagsChanged
            | Self::PortalChanged
            | Self::EncryptedDnsChanged
            | Self::DelegationPreferred
            | Self::LeaseProbed
            | Self::LeaseBound
            | Self::LeaseRenewed
            | Self::Informed
            | Self::Reconfigured
            | Self::Answered
            | Self::FromAfar => false,
        }
    }
}
