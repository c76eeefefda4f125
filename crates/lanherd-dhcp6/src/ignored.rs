//! Which messages a client passed over, and why: a closed list, for counters and reports. Of options in messages that it took
//! [`RemarkReason`](super::RemarkReason) tells.

use lanherd_types::words;

words! {
    /// Why a message was passed over.
    Ignored {
        /// It is of a type that clients send, not servers.
        NotForClients = "not_for_clients",
        /// It was sent to a group of hosts (RFC 9915, 16).
        Multicast = "multicast",
        /// Nothing of its type is awaited in this state.
        Unexpected = "unexpected",
        /// Its transaction id is not that of the exchange under way (RFC 9915, 16.3 and 16.10).
        ForeignXid = "foreign_xid",
        /// Option 2 is missing or malformed (RFC 9915, 16.3, 16.10 and 16.11).
        NoServerId = "no_server_id",
        /// Option 1 is missing or malformed, and one was sent (RFC 9915, 16.3, 16.10 and 16.11).
        NoClientId = "no_client_id",
        /// Option 1 is not the one that was sent (RFC 9915, 16.3, 16.10 and 16.11).
        ForeignClientId = "foreign_client_id",
        /// It is from a server that was not asked.
        ForeignServer = "foreign_server",
        /// A REPLY to a SOLICIT without option 14, or when none was asked for (RFC 9915, 18.2.1).
        NoRapidCommit = "no_rapid_commit",
        /// An ADVERTISE, or a REPLY to a SOLICIT, that offers no address and no prefix (RFC 9915, 18.2.9).
        NothingOffered = "nothing_offered",
        /// An ADVERTISE beyond the number that is kept.
        TooManyOffers = "too_many_offers",
        /// A RECONFIGURE, and this client accepts none (RFC 9915, 21.20).
        ReconfigureRefused = "reconfigure_refused",
        /// A RECONFIGURE without option 19, or one that asks for nothing that can be done (RFC 9915, 16.11).
        NoReconfigureMessage = "no_reconfigure_message",
        /// A RECONFIGURE without authentication of a kind that is known, or from a server that has sent no key (RFC 9915, 20.4).
        Unauthenticated = "unauthenticated",
        /// A RECONFIGURE whose digest is wrong (RFC 9915, 20.4.3).
        WrongDigest = "wrong_digest",
        /// A RECONFIGURE that is no newer than the last (RFC 9915, 20.3).
        Replayed = "replayed",
        /// A RECONFIGURE while an exchange is under way (RFC 9915, 18.2.11).
        Busy = "busy",
    }
}

impl Ignored {
    /// Whether the message breaks the protocol; others are only not for this client, or come at another time than they should.
    pub const fn is_malformed(self) -> bool {
        match self {
            Self::Multicast
            | Self::NoServerId
            | Self::NoClientId
            | Self::NoReconfigureMessage
            | Self::Unauthenticated
            | Self::WrongDigest => true,
            Self::NotForClients
            | Self::Unexpected
            | Self::ForeignXid
            | Self::ForeignClientId
            | Self::ForeignServer
            | Self::NoRapidCommit
            | Self::NothingOffered
            | Self::TooManyOffers
            | Self::ReconfigureRefused
            | Self::Replayed
            | Self::Busy => false,
        }
    }

    /// The reason for a person to read, after "ignored: ".
    pub const fn explain(self) -> &'static str {
        match self {
            Self::NotForClients => "it is of a type that clients send",
            Self::Multicast => "it was sent to a group, and servers answer one client",
            Self::Unexpected => "nothing of its type is awaited",
            Self::ForeignXid => "its transaction id is another",
            Self::NoServerId => "the server's DUID (option 2) is missing or malformed",
            Self::NoClientId => "the client's DUID (option 1) is missing or malformed",
            Self::ForeignClientId => "it is for another client's DUID (option 1)",
            Self::ForeignServer => "it is from a server that was not asked",
            Self::NoRapidCommit => "it answers a solicit without rapid commit (option 14)",
            Self::NothingOffered => "it offers no address and no prefix",
            Self::TooManyOffers => "there are more offers than are kept",
            Self::ReconfigureRefused => "this client accepts no reconfigure",
            Self::NoReconfigureMessage => "it does not say what to do (option 19)",
            Self::Unauthenticated => {
                "it has no authentication (option 11), or its server sent no key"
            }
            Self::WrongDigest => "its digest (option 11) is wrong",
            Self::Replayed => "it is no newer than the last from its server",
            Self::Busy => "an exchange is under way",
        }
    }
}
