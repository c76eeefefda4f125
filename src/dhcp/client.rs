//! The client's state machine (RFC 2131, 4.4, figure 5).
//!
//! The caller owns clock and socket. It says what happened (`start`, `handle_message`, `handle_timeout`, ...), then takes
//! what follows from [`Client::poll_output`] until nothing is left, then sleeps until [`Client::poll_timeout`] or the
//! next message. Time only enters as `now`, chance only as the generator given to [`Client::new`]; so a simulated week
//! takes a millisecond, and a run can be repeated. Nothing here fails: what cannot be used is passed over, and an
//! [`Event::Ignored`] says why.

mod accept;
mod acquire;
mod build;
mod config;
mod event;
mod hold;
mod offers;
mod state;
mod timers;

use std::collections::VecDeque;
use std::mem;
use std::net::Ipv4Addr;
use std::time::Instant;

pub use config::{ClientId, Config, OfferPolicy};
pub use event::{Event, Extension, LossReason, Output, Transmit, Unanswered};
pub use state::State;

use self::accept::Reply;
use self::state::Extending;
use super::options::code;
use super::{Ignored, Lease, Message};

/// What a client is told, or meets.
enum Input<'a> {
    Start,
    Reboot(Ipv4Addr),
    Timeout,
    Renew,
    Rebind,
    Release,
    Reply(Reply<'a>),
}

/// One `DHCPv4` client.
#[derive(Debug, Clone)]
pub struct Client {
    config: Config,
    rng: fastrand::Rng,
    state: State,
    /// How many NAKs came in a row: since the last lease, or since the beginning.
    naks: u32,
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
        match accept::accept(message, &self.config, &self.state) {
            Ok(reply) => self.step(Input::Reply(reply), now),
            Err(reason) => self.ignore(reason),
        }
    }

    /// Time has passed. Does nothing before [`Client::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.step(Input::Timeout, now);
        }
    }

    /// Asks the lease's server for more at once; while REBINDING, any server. Does nothing without a lease.
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

    /// What is to be done next, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When [`Client::handle_timeout`] is due, which may be in the past; `None`: not before something else happens.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.state.deadline()
    }

    /// The state that it is in.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// The lease that it holds.
    pub const fn lease(&self) -> Option<&Lease> {
        self.state.lease()
    }

    /// Where the state changes, but for the end of a lease: every pair of state and input stands here.
    #[allow(
        clippy::too_many_lines,
        reason = "the whole table, so that the compiler sees it whole"
    )]
    fn step(&mut self, input: Input<'_>, now: Instant) {
        // First of all, or an answer that comes after the end would extend what no longer exists.
        self.expire(now);
        self.state = match (mem::take(&mut self.state), input) {
            (State::Stopped, Input::Start) => self.wait_to_discover(now),
            (State::Stopped, Input::Reboot(address)) => self.wait_to_reboot(address, now),

            (State::Init(init), Input::Timeout) => self.discover(init.acquisition, now),

            (State::Selecting(selecting), Input::Timeout) => self.select(selecting, now),
            (State::Selecting(selecting), Input::Reply(Reply::Offer(offer))) => {
                self.collect(selecting, offer, now)
            }

            (State::Requesting(requesting), Input::Timeout) => self.request_again(requesting, now),
            (State::Requesting(requesting), Input::Reply(Reply::Ack(ack))) => {
                self.acknowledge(requesting, ack, now)
            }
            (State::Requesting(requesting), Input::Reply(Reply::Nak(nak))) => {
                self.refuse(requesting, nak, now)
            }

            (State::InitReboot(waiting), Input::Timeout) => {
                self.request_remembered(waiting.address, now)
            }

            (State::Rebooting(rebooting), Input::Timeout) => {
                self.request_remembered_again(rebooting, now)
            }
            (State::Rebooting(rebooting), Input::Reply(Reply::Ack(ack))) => {
                self.acknowledge_remembered(rebooting, ack, now)
            }
            // Any server may know that the address is wrong on this network (RFC 2131, 4.3.2).
            (State::Rebooting(rebooting), Input::Reply(Reply::Nak(nak))) => {
                self.report_refusal(nak);
                self.wait_after_nak(rebooting.sent.began, now)
            }

            // T2 has come too, when nobody was there to handle T1: straight to any server.
            (State::Bound(lease), Input::Timeout) if has_come(lease.rebind_at(), now) => {
                self.extend(lease, Extension::Rebind, now, now)
            }
            (State::Bound(lease), Input::Timeout | Input::Renew) => {
                self.extend(lease, Extension::Renew, now, now)
            }
            (State::Bound(lease), Input::Rebind) => self.extend(lease, Extension::Rebind, now, now),

            (State::Renewing(Extending { lease, began, .. }), Input::Timeout)
                if has_come(lease.rebind_at(), now) =>
            {
                self.extend(lease, Extension::Rebind, began, now)
            }
            (State::Renewing(Extending { lease, began, .. }), Input::Timeout | Input::Renew) => {
                self.extend(lease, Extension::Renew, began, now)
            }
            (State::Renewing(Extending { lease, began, .. }), Input::Rebind) => {
                self.extend(lease, Extension::Rebind, began, now)
            }
            (State::Renewing(renewing), Input::Reply(Reply::Ack(ack))) => {
                self.extended(renewing, Extension::Renew, ack, now)
            }
            // Only the lease's server was asked.
            (State::Renewing(renewing), Input::Reply(Reply::Nak(nak)))
                if is_foreign(nak, renewing.lease.server_id) =>
            {
                self.ignore(Ignored::ForeignServer);
                State::Renewing(renewing)
            }

            (
                State::Rebinding(Extending { lease, began, .. }),
                Input::Timeout | Input::Renew | Input::Rebind,
            ) => self.extend(lease, Extension::Rebind, began, now),
            (State::Rebinding(rebinding), Input::Reply(Reply::Ack(ack))) => {
                self.extended(rebinding, Extension::Rebind, ack, now)
            }
            // While REBINDING all servers were asked, and any may know better.
            (State::Renewing(_) | State::Rebinding(_), Input::Reply(Reply::Nak(_))) => {
                self.event(Event::Lost(LossReason::Nak));
                self.wait_after_nak(now, now)
            }

            (
                State::Bound(lease)
                | State::Renewing(Extending { lease, .. })
                | State::Rebinding(Extending { lease, .. }),
                Input::Release,
            ) => self.give_back(&lease),
            (State::Requesting(requesting), Input::Release) => {
                self.give_back_requested(requesting.offer)
            }
            (
                State::Stopped
                | State::Init(_)
                | State::Selecting(_)
                | State::InitReboot(_)
                | State::Rebooting(_),
                Input::Release,
            ) => State::Stopped,

            // Nothing of the kind is awaited: no transaction; an ACK to a DISCOVER, which would be rapid commit (RFC
            // 4039) and was not asked for; another server's OFFER after the choice.
            (
                state @ (State::Stopped | State::Init(_) | State::InitReboot(_) | State::Bound(_)),
                Input::Reply(Reply::Offer(_) | Reply::Ack(_) | Reply::Nak(_)),
            )
            | (state @ State::Selecting(_), Input::Reply(Reply::Ack(_) | Reply::Nak(_)))
            | (
                state @ (State::Requesting(_)
                | State::Rebooting(_)
                | State::Renewing(_)
                | State::Rebinding(_)),
                Input::Reply(Reply::Offer(_)),
            ) => {
                self.ignore(Ignored::Unexpected);
                state
            }

            // Nothing to do: already started; no lease to extend; no timer to run out.
            (
                state @ (State::Init(_)
                | State::Selecting(_)
                | State::Requesting(_)
                | State::InitReboot(_)
                | State::Rebooting(_)),
                Input::Start | Input::Reboot(_) | Input::Renew | Input::Rebind,
            )
            | (
                state @ (State::Bound(_) | State::Renewing(_) | State::Rebinding(_)),
                Input::Start | Input::Reboot(_),
            )
            | (state @ State::Stopped, Input::Timeout | Input::Renew | Input::Rebind) => state,
        };
    }

    /// Before an address is bound (RFC 2131, 4.1).
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
        self.event(Event::Ignored(reason));
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
