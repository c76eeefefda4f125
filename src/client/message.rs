//! What a client is told, and what it tells.

use std::any::Any;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::ipv6::{Ipv6Event, Ipv6State};
use super::{ClientRun, RunId};
use crate::activity::Activity;
use crate::dhcp::{Flaw, Lease, LossReason, Options, Unanswered};
use crate::lan::PortEvent;
use crate::lan::ipv6::Packet6;
use crate::phase::{Failure, Phase};
use lanherd_types::family::Family;
use lanherd_types::words;

/// What a client is told.
#[derive(Debug)]
pub enum ClientMsg {
    /// Bring yourself up: sent by the actor to itself.
    Begin,
    /// The port has something.
    Port(PortEvent),
    /// A router advertisement to all nodes was handed to the machine of IPv6 already, and something follows from it.
    Advertised(Arc<Packet6>),
    /// The machine of IPv6 panicked where it stands, with this: end by it, as if it had happened here.
    Panicked(Box<dyn Any + Send>),
    /// The timer armed for this instant fired.
    Timer(Instant),
    /// The lease should be there by now.
    LeaseDeadline,
    /// Do your part of a run, record each outcome in it, and tell its end.
    Run(Arc<ClientRun>),
    /// From now on do these whenever you are online, and nothing else beside what you are told to run.
    Standing(Arc<[Arc<Activity>]>),
    /// Do something about the lease at once.
    Order(Order),
    /// The router is there again: do not wait for the end of a backoff.
    AskAgain,
    /// Go on, now that the carrier is back: it is your turn.
    Resume,
    /// Give the lease back, and end.
    Leave,
}

words! {
    /// What a client can be told to do about its lease at once.
    Order {
        /// Extend it, or ask for one if there is none.
        Renew = "renew",
        /// Extend it by asking any server.
        Rebind = "rebind",
        /// Give it back, and stay without.
        Release = "release",
        /// Refuse its address as if it were in use, and ask for another one (RFC 2131, 4.4.4).
        Decline = "decline",
        /// Ask for parameters only (RFC 2131, 4.4.3; RFC 9915, 18.2.6).
        Inform = "inform",
        /// Ask any DHCPv6 server whether the lease is right on this link (RFC 9915, 18.2.3).
        Confirm = "confirm",
        /// Ask for routers (RFC 4861, 6.3.7).
        Solicit = "solicit",
    }
}

/// What a client tells its pool.
#[derive(Debug)]
pub enum ClientEvent {
    /// It entered a phase.
    Entered(Phase),
    /// It holds a lease, acquired in this time.
    Bound(Lease, Duration),
    /// It extended its lease.
    Renewed(Lease),
    /// It no longer holds a lease; and how that came about, where there is more to say.
    Lost(LossReason, Option<String>),
    /// No server gave a useful answer, however often it asked; and what came instead.
    Unanswered(Unanswered, Option<String>),
    /// A server's message is not as it should be.
    ///
    /// Told of the first 16 kinds that this life of the client meets, and once of each: there may be thousands of
    /// messages a second. All are counted in the herd's sums.
    Flawed {
        /// In which way.
        flaw: Flaw,
        /// The particulars, for a person to read.
        detail: String,
    },
    /// It gave its lease back; why no RELEASE could be sent, if none could.
    Released(Result<(), String>),
    /// This server answered its INFORM with these parameters.
    Informed(Ipv4Addr, Options),
    /// Something befell it that it mends by itself.
    Troubled(Failure),
    /// It is usable in this family, so long after the first message of that.
    FamilyUp(Family, Duration),
    /// It is not usable any more, or not in time, in the family of this failure. It goes on trying.
    FamilyDown(Failure),
    /// It does without this family, as a server told it to (RFC 8925), and has the other.
    FamilyRests(Family),
    /// All that it has of IPv6, as something of it has changed.
    Ipv6State(Arc<Ipv6State>),
    /// Something happened in IPv6.
    Ipv6Event(Ipv6Event),
    /// Its part of this run has ended; what came of it stands in the [`ClientRun`].
    RunEnded(RunId),
}

/// Where a client's events go.
pub type EventSink = Arc<dyn Fn(ClientEvent) + Send + Sync>;
