//! Scenarios of IPv4, and of what does not depend on a family.

use super::{Rows, row};

pub const TABLE: &[Rows] = &[
    (
        "capacity",
        &[row(
            "The virtual router carries as many clients as it has addresses",
            "dhcp_short_pool",
            "5 clients have been online, and at least 30 should",
        )],
    ),
    (
        "clean_host",
        &[
            row(
                "Nothing stays when everybody leaves in order",
                "dhcp_nak",
                "nak",
            ),
            row(
                "Nothing stays of clients that crashed and vanished",
                "dhcp_lost_acks",
                "no_ack",
            ),
        ],
    ),
    (
        "crash",
        &[
            row(
                "A client crashes and comes back as it was",
                "dhcp_wrong_router",
                "its router does not answer its pings",
            ),
            row(
                "Somebody takes something away from a client: delete_link",
                "dhcp_wrong_router",
                "its router does not answer its pings",
            ),
            row(
                "Somebody takes something away from a client: delete_namespace",
                "dhcp_wrong_router",
                "its router does not answer its pings",
            ),
            row(
                "Somebody takes something away from a client: remove_address",
                "dhcp_wrong_router",
                "its router does not answer its pings",
            ),
            row(
                "Somebody takes something away from a client: kill_sockets",
                "dhcp_wrong_router",
                "its router does not answer its pings",
            ),
        ],
    ),
    (
        "first_ping",
        &[
            row(
                "Ten devices ping Google DNS",
                "dhcp_wrong_router",
                "8.8.8.8): timeout",
            ),
            row("Ten devices ping Google DNS", "router_reboot", "no_carrier"),
            row("Ten devices ping Google DNS", "router_reset", "no_carrier"),
            row(
                "Every device reaches its own router, again and again",
                "ping_loss",
                "packet loss is",
            ),
            row(
                "No ping is answered twice",
                "ping_duplicates",
                "answers to pings that had been answered already",
            ),
        ],
    ),
    (
        "full_pool",
        &[
            row(
                "The one too many gets no offer, and nobody else loses anything",
                "dhcp_short_pool",
                "no_offer",
            ),
            row(
                "An address that was given back goes to who waits for it",
                "dhcp_short_pool",
                "no_offer",
            ),
        ],
    ),
    (
        "join_storm",
        &[
            row(
                "A whole house comes back at once",
                "dhcp_wrong_router",
                "its router does not answer its pings",
            ),
            row(
                "All devices forget their leases and ask at once",
                "dhcp_lost_acks",
                "no_ack",
            ),
        ],
    ),
    (
        "joins",
        &[
            row(
                "Fifty clients join at once and none shares an address",
                "dhcp_duplicates",
                "address_conflict",
            ),
            row(
                "Devices of every kind get the same from the router",
                "dhcp_lost_acks",
                "no_ack",
            ),
            row(
                "Leases are what the router's administrator wanted",
                "dhcp_wrong_dns",
                "had another dns than",
            ),
            row(
                "Nobody waits long for a lease",
                "dhcp_slow",
                "the p95 DHCP time is",
            ),
            row(
                "What the router says can be read",
                "dhcp_malformed_option",
                "option 6 at byte",
            ),
            row(
                "Nobody waits long for a lease",
                "dhcp_own_address",
                "bad_lease",
            ),
            row(
                "Devices of every kind get the same from the router",
                "dhcp_garbage",
                "malformed",
            ),
        ],
    ),
    (
        "reboot",
        &[
            row(
                "A router that keeps its leases gives everybody the same address again",
                "dhcp_mute",
                "no_offer",
            ),
            row(
                "A router that forgets its leases gives nobody another's address",
                "dhcp_duplicates",
                "address_conflict",
            ),
            row(
                "The router reboots, and everybody is back",
                "dhcp_mute",
                "no_offer",
            ),
        ],
    ),
    (
        "renewal",
        &[
            row("A renewed lease is the same lease", "dhcp_nak_known", "nak"),
            row("Any server may extend a lease", "dhcp_nak_known", "nak"),
            row(
                "A released address is given back and can be had again",
                "dhcp_short_pool",
                "no_offer",
            ),
            row("Short leases go on and on", "dhcp_nak_known", "nak"),
            row(
                "Clients get over a lease that ran out",
                "dhcp_exhausted",
                "no_offer",
            ),
        ],
    ),
    (
        "resolver",
        &[
            row(
                "Every client can look a name up",
                "dns_servfail",
                "servfail",
            ),
            row("Every client can look a name up", "dns_mute", "timeout"),
            row(
                "The resolver stands a whole school that opens its browsers",
                "dns_limit",
                "refused",
            ),
            row("A name leads to a page", "http_unavailable", "503"),
        ],
    ),
    (
        "streams",
        &[
            row(
                "Everybody streams at once in both directions",
                "slow_link",
                "goodput is",
            ),
            row(
                "Everybody streams over IPv6",
                "slow_link",
                "the download goodput is",
            ),
        ],
    ),
    (
        "soak",
        &[
            row(
                "Half a minute, to see the soak itself at work",
                "router_leak",
                "ping_rtt of",
            ),
            row(
                "Guests come and go in ones and in crowds while the soak runs",
                "dhcp_lost_acks",
                "no_ack",
            ),
            row("24-hour soak does not degrade", "dhcp_lost_acks", "no_ack"),
        ],
    ),
    (
        "traffic_mix",
        &[
            row("An ordinary evening", "ping_loss", "packet loss is"),
            row(
                "A program of the tester's own in every client",
                "dhcp_wrong_router",
                "exit code 1",
            ),
        ],
    ),
    (
        "vanish",
        &[
            row(
                "A device that was switched off without a word gets its address back",
                "dhcp_wrong_router",
                "its router does not answer its pings",
            ),
            row(
                "Guests come and go all evening",
                "dhcp_expire_early",
                "address_conflict",
            ),
            row(
                "New devices come when others have gone for good",
                "dhcp_short_pool",
                "no_offer",
            ),
        ],
    ),
];
