//! What a client tells its caller.

use std::net::Ipv4Addr;

use crate::dhcp::{Ignored, Lease, Message};
use crate::phase::words;

/// A message to send, from port 68 to port 67.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// The message.
    pub message: Message,
    /// 0.0.0.0 before an address is bound.
    pub source: Ipv4Addr,
    /// 255.255.255.255 or the server.
    pub destination: Ipv4Addr,
}

/// What the caller is to do or to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Send this.
    Transmit(Transmit),
    /// This happened.
    Event(Event),
}

words! {
    /// How a lease was extended.
    Extension {
        /// Its server was asked.
        Renew = "renew",
        /// Any server was asked.
        Rebind = "rebind",
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
    }
}

words! {
    /// What no server answered, however often it was sent.
    Unanswered {
        /// The REQUEST for an offered address.
        Requesting = "requesting",
        /// The REQUEST for a remembered address.
        Rebooting = "rebooting",
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A lease was granted.
    Bound {
        /// The lease.
        lease: Lease,
        /// Whether by INIT-REBOOT.
        reboot: bool,
    },
    /// The lease was extended; its options may have changed, its address has not.
    Renewed {
        /// The lease as it is now.
        lease: Lease,
        /// How.
        by: Extension,
    },
    /// The lease is no longer ours: stop using the address now. Unless it was released, the machine goes to INIT by
    /// itself.
    Lost(LossReason),
    /// A message, or a value in an accepted one, was passed over.
    Ignored(Ignored),
    /// A NAK was obeyed while no lease was held; the machine goes to INIT by itself.
    Refused {
        /// Who refused, where it says so.
        server_id: Option<Ipv4Addr>,
        /// Option 56, safe to print.
        message: Option<String>,
    },
    /// A REQUEST was never answered; the machine goes to INIT by itself (RFC 2131, 3.1(5): notify the user).
    Unanswered(Unanswered),
}
