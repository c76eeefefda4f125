//! What a client tells its caller, and what it is told.

use std::net::Ipv6Addr;
use std::time::Instant;

use crate::grant::Refusal;
use crate::lease::{Gone, Lease, ServerKey};
use crate::options::code;
use crate::{Duid, Ignored, Message, MessageType, Parameters, Remark};
use lanherd_types::identity::Mac;
use lanherd_types::words;

/// All servers and relays of the link, to whom a client sends everything, also what is for one of them (RFC 9915, 7.1).
// RFC 9915, 14: every message goes to ff02::1:2, to one server by its DUID, and none by unicast.
pub const ALL_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);

/// Where a message came from, and where it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The server's address, or the relay's next to us.
    pub source: Ipv6Addr,
    /// The client's address, if all is right.
    pub destination: Ipv6Addr,
}

/// What the caller is to do or to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this: from the client's link-local address and port 546 to [`ALL_SERVERS`], port 547 (RFC 9915, 7.1,
    /// 7.2, 14).
    Transmit(Message),
    /// Something happened that whoever runs the client may want to know.
    Event(Event),
}

words! {
    /// How a lease was got or extended.
    Means {
        /// By a REQUEST.
        Request = "request",
        /// By a SOLICIT with rapid commit.
        RapidCommit = "rapid_commit",
        /// Its server was asked.
        Renew = "renew",
        /// Any server was asked.
        Rebind = "rebind",
        /// Any server was asked whether it is right on this link.
        Confirm = "confirm",
        /// Nobody answered whether it is right on this link, so it is used on (RFC 9915, 18.2.3).
        Silence = "silence",
    }
}

words! {
    /// Why a lease, or a part of one, is no longer ours.
    LossReason {
        /// It ran out.
        Expired = "expired",
        /// Its server took it back by a lifetime of 0.
        Withdrawn = "withdrawn",
        /// A server says that it knows of none.
        NoBinding = "no_binding",
        /// A server says that it is wrong on this link.
        NotOnLink = "not_on_link",
        /// It was given back.
        Released = "released",
        /// Somebody else uses the address.
        Conflict = "conflict",
        /// The caller had it declined.
        Declined = "declined",
    }
}

words! {
    /// What no server answered, however often it was sent.
    Unanswered {
        /// The REQUEST for what was offered.
        Requesting = "requesting",
        /// Whether what is held is right on this link.
        Confirming = "confirming",
        /// The RELEASE of what was held.
        Releasing = "releasing",
        /// The DECLINE of addresses that somebody else has.
        Declining = "declining",
        /// Not a message: whether somebody else has an address. The host's own kernel did not say in time, and the address is used.
        Probing = "probing",
    }
}

words! {
    /// What a RECONFIGURE asks for (RFC 9915, 21.19).
    ReconfigureKind {
        /// To renew the leases (message type 5).
        Renew = "renew",
        /// To ask any server to extend the leases (message type 6).
        Rebind = "rebind",
        /// To ask for parameters again (message type 11).
        InformationRequest = "information_request",
    }
}

impl ReconfigureKind {
    /// What option 19 says; `None`: nothing that can be done.
    pub fn from_number(number: u8) -> Option<Self> {
        match MessageType::from_number(number)? {
            MessageType::Renew => Some(Self::Renew),
            MessageType::Rebind => Some(Self::Rebind),
            MessageType::InformationRequest => Some(Self::InformationRequest),
            _ => None,
        }
    }
}

/// What came of looking for others with an address (RFC 4862, 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DadOutcome {
    /// Nobody has it.
    Unique,
    /// Somebody has it.
    Duplicate {
        /// Who, where that is known.
        holder: Option<Mac>,
    },
}

/// A message from a server in short, for who tells people of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerMessage {
    /// What kind of message it is.
    pub message_type: MessageType,
    /// The server's DUID, whatever it says.
    pub server: Option<Duid>,
    /// Where it came from.
    pub source: Ipv6Addr,
}

impl ServerMessage {
    pub(super) fn of(message: &Message, arrival: Arrival) -> Self {
        Self {
            message_type: message.message_type,
            server: message.options.duid(code::SERVER_ID),
            source: arrival.source,
        }
    }

    /// Whether it came from an address that is not link-local.
    pub const fn is_from_afar(&self) -> bool {
        !self.source.is_unicast_link_local()
    }
}

/// What a server told a client that has no lease (RFC 9915, 18.2.6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Information {
    /// The server that told it.
    pub server: Duid,
    /// Resolvers and the like.
    pub parameters: Parameters,
    /// When it is asked for again; `None`: never.
    pub refresh_at: Option<Instant>,
    /// The key of the server's RECONFIGUREs, where it sent one.
    pub reconfigure: Option<ServerKey>,
}

/// What happened to a client, for whoever runs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A server leased these addresses, and they are to be probed before they are used (RFC 4862, 5.4): set them so that the kernel
    /// does, and tell what comes of it by [`Client::handle_dad`](super::Client::handle_dad).
    Probe {
        /// All that is leased, also what is in use already.
        lease: Lease,
        /// What is to be probed.
        addresses: Vec<Ipv6Addr>,
    },
    /// A lease is there, and may be used.
    Bound {
        /// All that is held now.
        lease: Lease,
        /// How it was got.
        by: Means,
    },
    /// The lease in use was extended, or confirmed; its contents may have changed.
    Renewed {
        /// The lease as it is now.
        lease: Lease,
        /// How the lease was extended.
        by: Means,
    },
    /// A part of the lease is no longer ours: stop using it now. The rest goes on.
    Gone {
        /// The addresses and prefixes that are gone.
        what: Gone,
        /// Why that part is gone.
        reason: LossReason,
    },
    /// The lease is no longer ours: stop using it now. Unless it was released, the machine looks for another by itself.
    Lost(LossReason),
    /// A message was passed over.
    Ignored {
        /// Why the message was of no use.
        reason: Ignored,
        /// The message that was passed over.
        message: Option<ServerMessage>,
    },
    /// An option of a message that was meant for this client was not used as it stands.
    Remarked {
        /// Which, and why.
        remark: Remark,
        /// The message that the option stood in.
        message: Option<ServerMessage>,
    },
    /// A message that was meant for this client came from an address that is not link-local. No RFC forbids it, and few servers do so.
    FromAfar {
        /// The message, with its source.
        message: Option<ServerMessage>,
    },
    /// A server refused something.
    Refused {
        /// What, and what it said.
        refusal: Refusal,
        /// The DUID of the server that refused.
        server: Duid,
    },
    /// A message was never answered.
    Unanswered(Unanswered),
    /// Somebody else has an address that was leased to this client: it is declined, and another is asked for.
    Conflict {
        /// The address that is declined.
        address: Ipv6Addr,
        /// Who has it, where that is known.
        holder: Option<Mac>,
    },
    /// A server answered the INFORMATION-REQUEST.
    Informed(Information),
    /// A server asked to be asked again, and is.
    Reconfigured {
        /// What the client is to ask for.
        kind: ReconfigureKind,
        /// The DUID of the server that asked.
        server: Duid,
    },
    /// A RELEASE or a DECLINE was answered; a server's status counts for nothing (RFC 9915, 18.2.10.2).
    Answered(MessageType),
    /// A message waits, for more have been sent than should be (RFC 9915, 14.1).
    RateLimited {
        /// When the message may be sent.
        until: Instant,
    },
}
