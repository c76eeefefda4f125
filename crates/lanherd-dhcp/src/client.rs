//! The client's state machine (RFC 2131, 4.4, figure 5).
//!
//! The caller owns clock and socket. It says what happened (`start`, `handle_message`, `handle_timeout`, ...), then takes
//! what follows from [`Client::poll_output`] until nothing is left, then sleeps until [`Client::poll_timeout`] or the
//! next message. Time only enters as `now`, chance only as the generator given to [`Client::new`]; so a simulated week
//! takes a millisecond, and a run can be repeated. Nothing here fails: what cannot be used is passed over, and an
//! [`Event::Ignored`] says why of a message, an [`Event::Remarked`] of one option.

mod accept;
mod acquire;
mod build;
mod config;
mod confirm;
mod conflict;
mod event;
mod held;
mod hold;
mod offers;
mod shortcut;
mod state;
mod step;
mod timers;

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::time::Instant;

pub use config::{ClientId, Config, OfferPolicy, VendorOptions};
pub use event::{Event, Extension, LossReason, Output, ServerMessage, Transmit, Unanswered};
pub use state::State;

use self::accept::Accepted;
use self::conflict::Conflicts;
use self::held::Held;
use self::step::Input;
use super::options::code;
use super::{Arp, Ignored, Lease, Message, Remark};
use lanherd_types::queue;

/// One `DHCPv4` client.
#[derive(Debug, Clone)]
pub struct Client {
    config: Config,
    rng: fastrand::Rng,
    state: State,
    /// How many NAKs came in a row: since the last lease, or since the beginning.
    naks: u32,
    conflicts: Conflicts,
    /// The message that is being handled.
    hearing: Option<ServerMessage>,
    outputs: VecDeque<Output>,
}

impl Client {
    /// A client that has not started. All its chance comes from `rng`.
    pub const fn new(config: Config, rng: fastrand::Rng) -> Self {
        Self {
            config,
            rng,
            state: State::Stopped,
            naks: 0,
            conflicts: Conflicts::NONE,
            hearing: None,
            outputs: VecDeque::new(),
        }
    }

    /// Begins to look for a lease, after the delay of [`Config::start_delay`]. Does nothing unless it is stopped.
    pub fn start(&mut self, now: Instant) {
        self.step(Input::Start, now);
    }

    /// Begins with INIT-REBOOT for a remembered `address`, after the same delay. Does nothing unless it is stopped.
    pub fn reboot(&mut self, address: Ipv4Addr, now: Instant) {
        self.step(Input::Reboot(address), now);
    }

    /// A message came.
    pub fn handle_message(&mut self, message: &Message, now: Instant) {
        self.expire(now);
        self.hearing = Some(ServerMessage::of(message));
        match accept::accept(message, &self.config, &self.state) {
            Ok(accepted) => {
                self.remark(message.notes.malformed());
                match accepted {
                    Accepted::Informed(ack) => self.informed(ack),
                    Accepted::Reply(reply) => self.step(Input::Reply(reply), now),
                }
            }
            Err(reason) => self.ignore(reason),
        }
        self.hearing = None;
    }

    /// An ARP packet came. Only those that are about the address of [`Client::listens_for`] matter.
    pub fn handle_arp(&mut self, arp: &Arp, now: Instant) {
        self.expire(now);
        if let Some(rival) = conflict::rival(arp, self.config.mac, &self.state)
            && !self.defend(rival, now)
        {
            self.step(Input::Conflict(rival), now);
        }
    }

    /// Time has passed. Does nothing before [`Client::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        self.expire(now);
        self.tend(now);
        if has_come(self.state.deadline(), now) {
            self.step(Input::Timeout, now);
        }
    }

    /// Asks the lease's server for more at once; while REBINDING, any server. Does nothing without a lease.
    // Field practice: a client can be told to renew, rebind, release, decline and inform at once.
    pub fn renew(&mut self, now: Instant) {
        self.step(Input::Renew, now);
    }

    /// Asks any server for more at once. Does nothing without a lease.
    pub fn rebind(&mut self, now: Instant) {
        self.step(Input::Rebind, now);
    }

    /// Gives back the lease, or what may just have become one, or gives up looking for one; and stops.
    pub fn release(&mut self, now: Instant) {
        self.step(Input::Release, now);
    }

    /// Tells the server that somebody else has the address, with a lease in use as with one that is being probed; and
    /// begins anew 10 s later at the earliest, with any other. Does nothing without one.
    pub fn decline(&mut self, now: Instant) {
        self.step(Input::Decline, now);
    }

    /// Asks the lease's server for parameters only (RFC 2131, 4.4.3); the lease goes on meanwhile. Does nothing without a
    /// lease.
    pub fn inform(&mut self, now: Instant) {
        self.expire(now);
        self.begin_informing(now);
    }

    /// The link came back, and it may be another network. A lease is confirmed by INIT-REBOOT and used meanwhile (RFC 2131,
    /// 3.7 and 4.4.2); without one all begins afresh at once. Does nothing when it is stopped.
    pub fn reconnect(&mut self, now: Instant) {
        self.step(Input::Reconnect, now);
    }

    /// What is to be done next, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        queue::take_next(&mut self.outputs)
    }

    /// When [`Client::handle_timeout`] is due, which may be in the past; `None`: not before something else happens.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let beside = self.state.held().and_then(Held::deadline);
        self.state.deadline().into_iter().chain(beside).min()
    }

    /// The address whose ARP packets it needs: the one that it probes or uses. `None` without conflict detection.
    pub fn listens_for(&self) -> Option<Ipv4Addr> {
        conflict::listens_for(&self.state)
    }

    /// The state that it is in.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The lease that it holds.
    pub fn lease(&self) -> Option<&Lease> {
        self.state.lease()
    }

    /// Before an address is bound (RFC 2131, 4.1).
    // RFC 2131, 4.1: before an address is bound a message goes from 0.0.0.0 to everybody.
    fn broadcast(&mut self, message: Message) {
        self.transmit(message, Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
    }

    fn transmit(&mut self, message: Message, source: Ipv4Addr, destination: Ipv4Addr) {
        self.outputs.push_back(Output::Transmit(Transmit {
            message,
            source,
            destination,
        }));
    }

    fn ignore(&mut self, reason: Ignored) {
        self.event(Event::Ignored {
            reason,
            message: self.hearing,
        });
    }

    fn remark(&mut self, remarks: &[Remark]) {
        for remark in remarks {
            self.event(Event::Remarked {
                remark: *remark,
                message: self.hearing,
            });
        }
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

fn has_come(at: Option<Instant>, now: Instant) -> bool {
    at.is_some_and(|at| at <= now)
}

/// Whether a NAK names a server other than `server_id`.
fn is_foreign(nak: &Message, server_id: Ipv4Addr) -> bool {
    nak.options
        .address(code::SERVER_ID)
        .is_some_and(|from| from != server_id)
}

#[cfg(test)]
mod tests;
