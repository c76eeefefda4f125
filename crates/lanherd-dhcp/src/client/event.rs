//! What a client tells its caller.

use std::net::Ipv4Addr;
use std::time::Duration;

use crate::options::{MessageType, code};
use crate::{Arp, Ignored, Lease, Message, Options, Remark};
use lanherd_types::identity::Mac;
use lanherd_types::words;

/// A message to send, from port 68 to port 67.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// The message to send.
    pub message: Message,
    /// 0.0.0.0 before an address is bound.
    pub source: Ipv4Addr,
    /// 255.255.255.255 or the server.
    pub destination: Ipv4Addr,
}

/// What the caller is to do or to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// The caller is to send this.
    Transmit(Transmit),
    /// Send this to everybody on the link (RFC 5227): a probe or an announcement.
    Arp(Arp),
    /// The caller is told what happened.
    Event(Event),
}

words! {
    /// How a lease was extended.
    Extension {
        /// Its server was asked.
        Renew = "renew",
        /// Any server was asked.
        Rebind = "rebind",
        /// Any server was asked whether it is still good, after the link had been away.
        Reboot = "reboot",
    }
}

words! {
    /// Why a lease is no longer ours.
    LossReason {
        /// It ran out.
        Expired = "expired",
        /// A server refused to extend it.
        Nak = "nak",
        /// It was given back.
        Released = "released",
        /// Somebody else uses the address, and went on when it was defended (RFC 5227, 2.4).
        Conflict = "conflict",
        /// The caller had it declined.
        Declined = "declined",
        /// A server said to do without IPv4 (RFC 8925).
        V6Only = "v6_only",
    }
}

words! {
    /// What no server answered, however often it was sent.
    Unanswered {
        /// The REQUEST for an offered address.
        Requesting = "requesting",
        /// The REQUEST for a remembered address, or for one that was kept while the link was away.
        Rebooting = "rebooting",
        /// The server answers a DHCPINFORM.
        Informing = "informing",
    }
}

/// A message from a server in short, for who tells people of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerMessage {
    /// Its type; `None`: it has none that RFC 2131 knows.
    pub kind: Option<MessageType>,
    /// Its option 54, whatever it says.
    pub server_id: Option<Ipv4Addr>,
    /// The address that the message gives or offers (`yiaddr`).
    pub address: Ipv4Addr,
}

impl ServerMessage {
    pub(super) fn of(message: &Message) -> Self {
        Self {
            kind: message.message_type(),
            server_id: message.options.address(code::SERVER_ID),
            address: message.yiaddr,
        }
    }
}

/// What happened to the client, for whoever drives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A lease was granted.
    Bound {
        /// The lease that the client holds now.
        lease: Lease,
        /// Whether by INIT-REBOOT.
        reboot: bool,
    },
    /// The lease was extended; its options may have changed, its address has not.
    Renewed {
        /// The lease as it is now.
        lease: Lease,
        /// How the lease was extended.
        by: Extension,
    },
    /// The lease is no longer ours: stop using the address now. Unless it was released, the machine goes to INIT by
    /// itself.
    Lost(LossReason),
    /// A message was passed over.
    Ignored {
        /// Why the message was of no use.
        reason: Ignored,
        /// The message; `None` where none has just come: a lease ran out while its address was probed.
        message: Option<ServerMessage>,
    },
    /// An option of a message that was meant for this client was not used as it stands.
    Remarked {
        /// Which, and why.
        remark: Remark,
        /// The message, as far as it could be read.
        message: Option<ServerMessage>,
    },
    /// A NAK was obeyed; the machine goes to INIT by itself. Where a lease was held, [`Event::Lost`] follows.
    Refused {
        /// Who refused, where it says so.
        server_id: Option<Ipv4Addr>,
        /// Option 56, safe to print and of bounded length.
        message: Option<String>,
    },
    /// A message was never answered (RFC 2131, 3.1(5): notify the user). Without a lease the machine goes to INIT by
    /// itself; one that is held goes on.
    Unanswered(Unanswered),
    /// Somebody else has the address: it was declined, and the machine goes to INIT by itself, 10 s later at the
    /// earliest. Where the address was in use, [`Event::Lost`] follows.
    Conflict {
        /// The address in question.
        address: Ipv4Addr,
        /// Who has it.
        holder: Mac,
    },
    /// Somebody else used the address of the lease, and was told once that it is ours (RFC 5227, 2.4(b)).
    Defended {
        /// The address in question.
        address: Ipv4Addr,
        /// Who used it.
        against: Mac,
    },
    /// A server answered the INFORM.
    Informed {
        /// The server's identifier (option 54).
        server_id: Ipv4Addr,
        /// All that it said.
        options: Options,
    },
    /// A server said to do without IPv4 (RFC 8925); the machine goes to INIT by itself.
    V6Only {
        /// For how long.
        wait: Duration,
    },
}
