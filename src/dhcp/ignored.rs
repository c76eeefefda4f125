//! What a client passed over, and why: a closed list, for counters and reports.

use crate::phase::words;

words! {
    /// Why a message, or one value in an accepted message, was passed over.
    Ignored {
        /// Message: it is a request, so it is not for clients (RFC 2131, 2: `op`).
        NotAReply = "not_a_reply",
        /// Message: it is for another hardware address, as when a server answers a sibling.
        ForeignMac = "foreign_mac",
        /// Message: option 53 is missing, or of a type that RFC 2131 does not know.
        NoMessageType = "no_message_type",
        /// Message: nothing of its type is awaited in this state.
        Unexpected = "unexpected",
        /// Message: its xid is not that of the transaction under way (RFC 2131, 4.4.1).
        ForeignXid = "foreign_xid",
        /// Message: its client identifier is not the one that was sent (RFC 6842, 3).
        ForeignClientId = "foreign_client_id",
        /// Message: an answer from a server that was not asked.
        ForeignServer = "foreign_server",
        /// Message: an OFFER or ACK without option 54, or with one that is no host's address.
        NoServerId = "no_server_id",
        /// Message: `yiaddr` is no host's address.
        UnusableAddress = "unusable_address",
        /// Message: an ACK for an address that was not asked for.
        OtherAddress = "other_address",
        /// Message: an ACK without option 51 (RFC 2131, table 3: MUST).
        NoLeaseTime = "no_lease_time",
        /// Message: an ACK of a lease of 0 seconds.
        ZeroLeaseTime = "zero_lease_time",
        /// Message: an ACK that came when the lease which it grants had already run out, or of a lease that ran out while
        /// its address was probed.
        LeaseRunOut = "lease_run_out",
        /// Message: an OFFER beyond the number that is kept.
        TooManyOffers = "too_many_offers",
        /// Value: option 1 is not a run of ones and then zeros; the natural mask of the address's class stands in.
        SubnetMask = "subnet_mask",
        /// Value: a router in option 3 that is no host's address.
        Router = "router",
        /// Value: a name server in option 6 that is no host's address.
        DnsServer = "dns_server",
        /// Value: a route in option 121 whose destination stands there already, or whose gateway is no host's address.
        Route = "route",
        /// Value: options 58 and 59 that break 0 < T1 < T2 < lease; the defaults stand in.
        Timers = "timers",
        /// Value: option 15 is no domain name.
        DomainName = "domain_name",
        /// Value: a name in option 119 that is none, or more names than are kept.
        DomainSearch = "domain_search",
        /// Value: an MTU in option 26 under 576, with which IPv4 does not work (RFC 791, 3.1).
        Mtu = "mtu",
    }
}
