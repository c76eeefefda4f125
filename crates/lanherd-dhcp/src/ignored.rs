//! Which messages a client passed over, and why: a closed list, for counters and reports. Of options in messages that it took
//! [`RemarkReason`](super::RemarkReason) tells.

use lanherd_types::words;

words! {
    /// Why a message was passed over.
    Ignored {
        /// It is a request, so it is not for clients (RFC 2131, 2: `op`).
        NotAReply = "not_a_reply",
        /// It is for another hardware address, as when a server answers a sibling.
        ForeignMac = "foreign_mac",
        /// Option 53 is missing.
        NoMessageType = "no_message_type",
        /// Its type is none of RFC 2131, as FORCERENEW (RFC 3203).
        UnknownMessageType = "unknown_message_type",
        /// Nothing of its type is awaited in this state.
        Unexpected = "unexpected",
        /// Its xid is not that of the transaction under way (RFC 2131, 4.4.1).
        ForeignXid = "foreign_xid",
        /// Its client identifier is not the one that was sent (RFC 6842, 3).
        ForeignClientId = "foreign_client_id",
        /// An answer from a server that was not asked.
        ForeignServer = "foreign_server",
        /// An OFFER or ACK without option 54, or with one that is no host's address.
        NoServerId = "no_server_id",
        /// `yiaddr` can be no host's address on a LAN: of 0/8, 127/8, 169.254/16, multicast, or 240/4 (RFC 1122, 3.2.1.3;
        /// RFC 3927, 1.6).
        UnusableAddress = "unusable_address",
        /// `yiaddr` is the address of the server (option 54) or of the relay (`giaddr`), which has it already.
        ServersAddress = "servers_address",
        /// `yiaddr` has no bit beyond the mask: the network's own address (RFC 950, 2.1).
        NetworkAddress = "network_address",
        /// `yiaddr` has all bits beyond the mask: the broadcast address (RFC 919, 7; RFC 1122, 3.2.1.3).
        BroadcastAddress = "broadcast_address",
        /// An ACK for an address that was not asked for.
        OtherAddress = "other_address",
        /// An ACK without option 51 (RFC 2131, table 3: MUST).
        NoLeaseTime = "no_lease_time",
        /// An ACK of a lease of 0 seconds.
        ZeroLeaseTime = "zero_lease_time",
        /// An ACK that came when the lease which it grants had already run out, or of a lease that ran out while
        /// its address was probed.
        LeaseRunOut = "lease_run_out",
        /// An OFFER beyond the number that is kept.
        TooManyOffers = "too_many_offers",
    }
}

impl Ignored {
    /// Whether the message breaks the protocol, or offers what no client can use; others are only not for this client, or
    /// come at another time than they should.
    pub const fn is_malformed(self) -> bool {
        match self {
            Self::NoMessageType
            | Self::NoServerId
            | Self::NoLeaseTime
            | Self::ZeroLeaseTime
            | Self::UnusableAddress
            | Self::ServersAddress
            | Self::NetworkAddress
            | Self::BroadcastAddress => true,
            Self::NotAReply
            | Self::ForeignMac
            | Self::UnknownMessageType
            | Self::Unexpected
            | Self::ForeignXid
            | Self::ForeignClientId
            | Self::ForeignServer
            | Self::OtherAddress
            | Self::LeaseRunOut
            | Self::TooManyOffers => false,
        }
    }

    /// Whether it is for the address: no client could use it, whatever else the message says.
    pub const fn is_bad_address(self) -> bool {
        matches!(
            self,
            Self::UnusableAddress
                | Self::ServersAddress
                | Self::NetworkAddress
                | Self::BroadcastAddress
        )
    }

    /// The reason for a person to read, after "ignored: ".
    pub const fn explain(self) -> &'static str {
        match self {
            Self::NotAReply => "it is a request, not a reply",
            Self::ForeignMac => "it is for another hardware address",
            Self::NoMessageType => "option 53 is missing",
            Self::UnknownMessageType => "its message type is not one of RFC 2131",
            Self::Unexpected => "nothing of its type is awaited",
            Self::ForeignXid => "its transaction (xid) is another",
            Self::ForeignClientId => "it echoes another client identifier (option 61)",
            Self::ForeignServer => "it is from a server that was not asked",
            Self::NoServerId => "option 54 is missing, malformed, or no host's address",
            Self::UnusableAddress => "its address can be no host's on a LAN",
            Self::ServersAddress => "its address is the server's or the relay's own",
            Self::NetworkAddress => "its address is the network's own under its mask",
            Self::BroadcastAddress => "its address is the broadcast address of its mask",
            Self::OtherAddress => "it is for another address than the one asked for",
            Self::NoLeaseTime => "option 51 is missing or malformed",
            Self::ZeroLeaseTime => "its lease lasts 0 seconds",
            Self::LeaseRunOut => "its lease has run out already",
            Self::TooManyOffers => "there are more offers than are kept",
        }
    }
}
