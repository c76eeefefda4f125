//! Scenarios of IPv6, and of both families.

use super::{Rows, row};

pub const TABLE: &[Rows] = &[
    (
        "ipv6_advertisements",
        &[
            row(
                "A router that is asked answers at once",
                "ra_slow",
                "the median join time is",
            ),
            row(
                "A router that is there stays there",
                "ra_silent",
                "router_lost",
            ),
            row(
                "A router that is there stays there",
                "ra_flap",
                "router_lost",
            ),
            row(
                "The resolver stays between two advertisements",
                "ra_short_dns",
                "no_resolver",
            ),
            row(
                "What the lab's router advertises is what clients have",
                "ra_wrong_dns",
                "dns6 2001:db8:77::dead",
            ),
            row("The router answers whoever asks", "ra_mute", "no_router"),
            row(
                "The router answers whoever asks",
                "ra_garbage",
                "malformed: no usable router advertisement",
            ),
            row(
                "Dual-stack clients are usable in both families",
                "ra_no_autonomous",
                "no_prefix",
            ),
            row(
                "Dual-stack clients are usable in both families",
                "ra_zero_lifetime",
                "its router lifetime is 0",
            ),
            row(
                "Dual-stack clients are usable in both families",
                "nd_answers_all",
                "address_conflict",
            ),
            row(
                "Lifetimes are short enough for a line that gets another prefix",
                "ra_long_lifetimes",
                "were advertised longer lifetimes",
            ),
            row(
                "Every client reaches the router over IPv6",
                "nd_mute",
                "(fe80::1): timeout",
            ),
            row(
                "Every client reaches the router over IPv6",
                "ra_wrong_router",
                "(fe80::dead): timeout",
            ),
            row(
                "Every client reaches Google DNS over IPv6",
                "v6_blackhole",
                "(2001:4860:4860::8888): timeout",
            ),
            row(
                "What the lab's router advertises is what clients have",
                "ra_no_dns",
                "dns6 none",
            ),
            row(
                "What the lab's router advertises is what clients have",
                "ra_rogue",
                "2001:db8:bad::/64",
            ),
            row(
                "Dual-stack clients are usable in both families",
                "ra_wrong_prefix",
                "addresses are formed with prefixes of 64 bits only",
            ),
        ],
    ),
    (
        "ipv6_delegation",
        &[
            row(
                "Each router behind the router is delegated a prefix of its own",
                "dhcp6_no_prefix",
                "no delegated prefix within",
            ),
            row(
                "A prefix is delegated beside a leased address",
                "dhcp6_no_prefix",
                "NoPrefixAvail",
            ),
            row(
                "The router knows the way to what it has delegated",
                "dhcp6_no_route",
                "from the delegated prefix (2001:4860:4860::8888): timeout",
            ),
            row(
                "A delegated prefix is renewed with its lease",
                "dhcp6_no_binding",
                "NoBinding",
            ),
        ],
    ),
    (
        "ipv6_leases",
        &[
            row(
                "A DHCPv6 lease is there soon",
                "dhcp6_slow",
                "the median join time is",
            ),
            row(
                "Clients get addresses by DHCPv6 where the router says so",
                "dhcp6_garbage",
                "malformed: no usable answer of a DHCPv6 server",
            ),
            row("A DHCPv6 lease is extended", "dhcp6_forgets", "NoBinding"),
            row(
                "Clients get addresses by DHCPv6 where the router says so",
                "dhcp6_mute",
                "no_advertise",
            ),
            row(
                "Clients get addresses by DHCPv6 where the router says so",
                "dhcp6_exhausted",
                "no_addresses",
            ),
            row(
                "Clients get addresses by DHCPv6 where the router says so",
                "dhcp6_lost_replies",
                "no_reply",
            ),
            row(
                "Clients get addresses by DHCPv6 where the router says so",
                "dhcp6_duplicates",
                "address_conflict",
            ),
            row(
                "A DHCPv6 lease is extended",
                "dhcp6_no_binding",
                "NoBinding",
            ),
            row(
                "A DHCPv6 lease is right on its link",
                "dhcp6_not_on_link",
                "NotOnLink",
            ),
        ],
    ),
    (
        "ipv6_mostly",
        &[row(
            "Clients that are told to do without IPv4 reach it through the NAT64",
            "pref64_dead",
            "64:ff9b::808:808: ",
        )],
    ),
    (
        "ipv6_renumbering",
        &[
            row(
                "Leased addresses go with the prefix",
                "dhcp6_keeps_stale",
                "still used an address of 2001:db8:77::/64",
            ),
            row(
                "The old prefix is withdrawn, and nobody uses it any more",
                "ra_stale_prefix",
                "used a stale prefix for longer than 2s",
            ),
            row(
                "A router that reboots has its clients back in both families",
                "ra_forgets_prefix",
                "used a stale prefix for longer than 2s",
            ),
            row(
                "A router that reboots has its clients back in both families",
                "dhcp_wrong_router",
                "did not recover within 1m",
            ),
        ],
    ),
    (
        "ipv6_resolver",
        &[
            row("The resolver answers over IPv6", "dns_no_aaaa", "nodata"),
            row("The resolver answers over IPv6", "ra_no_dns", "no_resolver"),
            row(
                "A name leads to a page over IPv6",
                "v6_blackhole",
                "timeout: connecting",
            ),
            row(
                "A connection comes about over IPv6",
                "dns_no_aaaa",
                "no_name",
            ),
        ],
    ),
    (
        "ipv6_router_requirements",
        &[
            // It takes five minutes, and so begins first.
            row(
                "The router hears clients that were quiet for five minutes",
                "mld_snooping",
                "no router answered 3 router solicitations",
            ),
            row("A solicitation is answered in time", "ra_mute", "no_router"),
            row(
                "Advertisements to all keep their distance while many join",
                "ra_flood",
                "and 3s should lie between them",
            ),
            row(
                "Advertisements keep coming",
                "ra_silent",
                "no router advertised to all twice",
            ),
            row(
                "A router whose line is down is no default router",
                "ra_default_without_wan",
                "still had a default router within 10s",
            ),
            row(
                "The old prefix is withdrawn when the line gets another",
                "ra_stale_prefix",
                "used a stale prefix for longer than 10s",
            ),
            row(
                "Unique local prefixes survive a reboot",
                "ra_new_ula",
                "fd00:77::/64 before, and now",
            ),
            row(
                "Hosts may form addresses of every prefix, and reach each other in it",
                "ra_no_on_link",
                "has the flag A, and not L",
            ),
            row(
                "Routes to the site's own prefixes are advertised",
                "ra_no_route",
                "ra-route (RFC 7084, 4.3 (L-3)",
            ),
            row(
                "Hosts may form addresses of every prefix, and reach each other in it",
                "ra_no_autonomous",
                "no_prefix",
            ),
            row(
                "Nobody has the addresses that clients form",
                "dad_squatter",
                "somebody else had an IPv6 address",
            ),
            row(
                "What routers advertise breaks no requirement",
                "ra_long_lifetimes",
                "ra-lifetime-limits (RFC 9096, 3.4)",
            ),
            row(
                "What routers advertise breaks no requirement",
                "ra_flood",
                "ra-rate (RFC 4861, 6.2.6",
            ),
        ],
    ),
];
