//! What is looked at: requirements of RFCs that a message on a LAN can be seen to break, and some things that break none and are
//! worth knowing.

use lanherd_types::words;

words! {
    /// How much a requirement binds (RFC 2119).
    Level {
        /// MUST, MUST NOT, or the wire format itself.
        Must = "must",
        /// SHOULD, SHOULD NOT, RECOMMENDED.
        Should = "should",
        /// Nothing is broken: it is worth knowing.
        Remark = "remark",
    }
}

/// Something that messages are held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Requirement {
    /// How much it binds.
    pub level: Level,
    /// Its name in reports: lower case, with hyphens.
    pub name: &'static str,
    /// The RFC and its section.
    pub source: &'static str,
    /// What it asks for.
    pub text: &'static str,
}

macro_rules! requirements {
    ($($constant:ident: $level:ident $name:literal, $source:literal, $text:literal;)+) => {
        $(
            #[doc = $text]
            pub const $constant: Requirement = Requirement {
                level: Level::$level,
                name: $name,
                source: $source,
                text: $text,
            };
        )+

        /// All of them, in the order of this file.
        pub const ALL: &[Requirement] = &[$($constant,)+];
    };
}

requirements! {
    RA_VALID: Must "ra-valid", "RFC 4861, 6.1.2; RFC 6980, 5",
        "A router advertisement comes from a link-local address, with hop limit 255, a right checksum, whole and in one piece";
    RA_OPTION: Must "ra-option", "RFC 4861, 4.6 and 6.2.3; the option's own RFC",
        "An option of a router advertisement is as long as its RFC says, and says what it may";
    RA_PREFERRED: Must "ra-preferred-lifetime", "RFC 4861, 6.2.1 (AdvPreferredLifetime)",
        "The preferred lifetime of a prefix is not longer than its valid lifetime";
    RA_ROUTER_LIFETIME: Must "ra-router-lifetime", "RFC 4861, 6.2.1 (AdvDefaultLifetime)",
        "The router lifetime is 0, or not shorter than the time between two advertisements";
    RA_MTU: Must "ra-mtu", "RFC 8200, 5; RFC 2464, 2",
        "An advertised MTU is at least 1,280 bytes, and not above the 1,500 of Ethernet unless this interface has more";
    RA_RATE: Must "ra-rate", "RFC 4861, 6.2.6 (MIN_DELAY_BETWEEN_RAS)",
        "Advertisements to all nodes are at least 3 s apart";
    RA_SOLICITED: Must "ra-solicited", "RFC 4861, 6.2.6",
        "A router answers a router solicitation";
    RA_LINK_LOCAL_PREFIX: Should "ra-link-local-prefix", "RFC 4861, 4.6.2",
        "A router does not advertise the link-local prefix";
    RA_AUTONOMOUS: Should "ra-autonomous-length", "RFC 4862, 5.5.3 (d); RFC 7084, 4.3 (L-2)",
        "A prefix from which hosts are to form addresses has 64 bits: they pass over any other";
    RA_CONSISTENT: Should "ra-consistent", "RFC 4861, 6.2.7",
        "Routers of one link agree on hop limit, flags, timers, MTU, and the lifetimes of the same prefix";
    RA_RESOLVER_LIFETIME: Should "ra-resolver-lifetime", "RFC 8106, 5.1 and 5.2",
        "Resolvers and search lists live longer than it takes until they are advertised again";
    RA_STALE_PREFIX: Should "ra-stale-prefix", "RFC 9096, 3.5",
        "A prefix that is no longer advertised has been deprecated by an advertisement with preferred lifetime 0";
    RA_LIFETIME_LIMITS: Should "ra-lifetime-limits", "RFC 9096, 3.4",
        "A home router's prefixes are preferred for at most 2,700 s and valid for at most 5,400 s, and it is a default router for at most 2,700 s";
    RA_PREFIX_FLAGS: Should "ra-prefix-flags", "RFC 7084, 4.3 (L-6)",
        "A home router's prefixes have the flags L and A (A may be missing where addresses are leased: M flag)";
    RA_ROUTE: Should "ra-route", "RFC 7084, 4.3 (L-3); RFC 4191, 2.3",
        "A home router says that it leads to its delegated and unique local prefixes (option 24)";
    RA_UNIQUE_LOCAL: Should "ra-unique-local-only", "RFC 7084, 4.3 (L-4, ULA-5)",
        "A home router is no default router where none but unique local prefixes are preferred";
    RA_FLAPS: Remark "ra-flaps", "RFC 4861, 6.2.5",
        "A router that withdrew itself (lifetime 0) is a router again within 60 s";
    RA_DEFAULT_ROUTE: Remark "ra-default-route", "RFC 4191, 3.1",
        "The route to everything (option 24) contradicts the router lifetime: hosts that know the option go by it, and others do not";
    RA_OFTEN: Remark "ra-often", "RFC 7772, 4",
        "More than seven advertisements an hour to all nodes wake every battery on the link";
    RA_SEVERAL_ROUTERS: Remark "ra-several-routers", "RFC 4861, 6.3.6",
        "More than one default router advertises itself";
    RA_LINK_LAYER: Remark "ra-link-layer", "RFC 4861, 4.2",
        "The source link-layer address in an advertisement is another than the frame's";
    RA_NO_RESOLVER: Remark "ra-no-resolver", "RFC 8106, 1.1",
        "A default router advertises neither resolvers nor that DHCPv6 has them (O or M flag)";

    ND_ANSWERS: Must "nd-answers", "RFC 4861, 7.2.4",
        "A router answers a neighbour solicitation for the address that it advertises from";
    ND_ROUTER: Must "nd-router", "RFC 4861, 4.4 and 7.2.4",
        "A router's neighbour advertisements say that it is one (R flag): hosts give up a router that says otherwise";

    DHCP_READABLE: Must "dhcp-readable", "RFC 2131, 2 and 3; RFC 2132, 2; RFC 3396, 5",
        "A server's message has its fixed fields, its magic cookie, and options that end where they say";
    DHCP_OPTION: Must "dhcp-option", "RFC 2132, 3 to 9; the option's own RFC",
        "An option of a server's message is as long as its RFC says, and says what it may";
    DHCP_MESSAGE_TYPE: Must "dhcp-message-type", "RFC 2131, 3",
        "A server's message has option 53, the message type";
    DHCP_SERVER_ID: Must "dhcp-server-id", "RFC 2131, 4.3.1 (table 3)",
        "DHCPOFFER, DHCPACK and DHCPNAK have option 54, the server identifier, which is a host's address";
    DHCP_LEASE_TIME: Must "dhcp-lease-time", "RFC 2131, 4.3.1 (table 3)",
        "A DHCPOFFER, and the DHCPACK of an address, has option 51, the lease time, which is not 0";
    DHCP_ADDRESS: Must "dhcp-address", "RFC 1122, 3.2.1.3; RFC 950, 2.1; RFC 919, 7",
        "An address that is offered or granted can be a host's on this LAN, and is not the server's or relay's own";
    DHCP_NOT_IN_REPLY: Must "dhcp-not-in-reply", "RFC 2131, 4.3.1 (table 3)",
        "A server's message has none of options 50 (requested address), 55 (parameter list) and 57 (maximum size)";
    DHCP_MASK_FIRST: Must "dhcp-mask-first", "RFC 2132, 3.3",
        "Where both stand, the subnet mask (option 1) comes before the routers (option 3)";
    DHCP_TIMERS: Must "dhcp-timers", "RFC 2131, 4.4.5",
        "T1 (option 58) is earlier than T2 (option 59), and T2 earlier than the end of the lease";
    DHCP_CLIENT_ID: Must "dhcp-client-id", "RFC 6842, 3",
        "A server sends the client identifier (option 61) of a request back";
    DHCP_IPV6_ONLY: Should "dhcp-ipv6-only", "RFC 8925, 3.3; RFC 8781, 3",
        "Where hosts are told to do without IPv4 (option 108), a router advertises the prefix of a NAT64";
    DHCP_BROADCAST: Should "dhcp-broadcast", "RFC 2131, 4.1",
        "A message to a client that set the broadcast flag is broadcast";
    DHCP_MASK: Remark "dhcp-mask", "RFC 2132, 3.3; RFC 950, 2.1",
        "An offer names no subnet mask: clients fall back to the class of the address";
    DHCP_ROUTER: Remark "dhcp-router", "RFC 2132, 3.5",
        "An offered router is not on the network of the offered address";
    DHCP_SEVERAL_SERVERS: Remark "dhcp-several-servers", "RFC 2131, 2.2",
        "More than one DHCP server answers: wanted for redundancy, or a rogue";

    DHCP6_READABLE: Must "dhcp6-readable", "RFC 9915, 8 and 21.1",
        "A server's DHCPv6 message has its fixed fields, and options that end where they say";
    DHCP6_OPTION: Must "dhcp6-option", "RFC 9915, 21; the option's own RFC",
        "An option of a DHCPv6 server's message is as long as its RFC says, and says what it may";
    DHCP6_IDENTIFIERS: Must "dhcp6-identifiers", "RFC 9915, 16.3 and 16.10",
        "An Advertise or Reply has a server identifier, and the client identifier that it answers";
    DHCP6_TIMERS: Must "dhcp6-timers", "RFC 9915, 21.4 and 21.21",
        "T1 of an identity association is not later than its T2, where T2 is not 0";
    DHCP6_LIFETIMES: Must "dhcp6-lifetimes", "RFC 9915, 21.6 and 21.22",
        "The preferred lifetime of an address or prefix is not longer than its valid lifetime";
    DHCP6_FLAGS: Should "dhcp6-flags", "RFC 7084, 4.3 (L-8, L-9); RFC 4861, 4.2",
        "Where the M or O flag is advertised a DHCPv6 server answers";
    DHCP6_UNANNOUNCED: Remark "dhcp6-unannounced", "RFC 4861, 4.2",
        "Where a DHCPv6 server leases addresses a router sets the M flag: most hosts do not ask otherwise";
    DHCP6_SEVERAL_SERVERS: Remark "dhcp6-several-servers", "RFC 9915, 18.2.9",
        "More than one DHCPv6 server answers: wanted for redundancy, or a rogue";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_has_a_name_of_its_own_and_a_source() {
        let names: BTreeSet<_> = ALL.iter().map(|requirement| requirement.name).collect();
        assert_eq!(names.len(), ALL.len());
        for requirement in ALL {
            assert!(requirement.source.starts_with("RFC "), "{requirement:?}");
            assert!(!requirement.text.ends_with('.'), "{requirement:?}");
        }
    }
}
