//! The client's state machine (RFC 9915, 18.2).
//!
//! The caller owns clock and socket. It says what happened (`start`, `handle_message`, `handle_timeout`, ...), then takes
//! what follows from [`Client::poll_output`] until nothing is left, then sleeps until [`Client::poll_timeout`] or the
//! next message. Time only enters as `now`, chance only as the generator given to [`Client::new`]; so a simulated week
//! takes a millisecond, and a run can be repeated. Nothing here fails: what cannot be used is passed over, and an
//! [`Event::Ignored`] says why of a message, an [`Event::Remarked`] of one option.

mod accept;
mod build;
mod config;
mod event;
mod exchange;
mod hold;
mod inform;
mod kept;
mod leave;
mod limit;
mod obtain;
mod offers;
mod reconfigure;
mod state;
mod step;

use std::collections::VecDeque;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

pub use config::{Config, RateLimit, VendorClass, WantedIa};
pub use event::{
    ALL_SERVERS, Arrival, DadOutcome, Event, Information, LossReason, Means, Output,
    ReconfigureKind, ServerMessage, Unanswered,
};
pub use state::State;

use self::accept::Accepted;
use self::exchange::{Exchange, LongestWaits};
use self::kept::KeptState;
use self::limit::Limiter;
use self::state::Held;
use self::step::Input;
use super::grant::{self, Grant, Refusal};
use super::lease::Lease;
use super::{Duid, Ignored, Message, Remark};
use lanherd_types::queue;

/// One `DHCPv6` client.
#[derive(Debug, Clone)]
pub struct Client {
    config: Config,
    rng: fastrand::Rng,
    state: KeptState,
    /// How often in a row it had to begin anew, through refusals or addresses that others have: since the last lease.
    setbacks: u32,
    limiter: Limiter,
    /// `SOL_MAX_RT` and `INF_MAX_RT`, as servers have set them.
    waits: LongestWaits,
    /// The message that is being handled.
    hearing: Option<ServerMessage>,
    outputs: VecDeque<Output>,
}

impl Client {
    /// A client that has not started. All its chance comes from `rng`.
    pub const fn new(config: Config, rng: fastrand::Rng) -> Self {
        let limiter = Limiter::new(config.rate_limit);
        Self {
            config,
            rng,
            state: KeptState::STOPPED,
            setbacks: 0,
            limiter,
            waits: LongestWaits::DEFAULT,
            hearing: None,
            outputs: VecDeque::new(),
        }
    }

    /// Begins to look for addresses and prefixes, after the delay of [`Config::start_delay`]: when it is stopped, or has only
    /// information so far.
    pub fn start(&mut self, now: Instant) {
        self.step(Input::Start, now);
    }

    /// What it wants to be leased is this from now on: its next message asks for it, and leaves out what it wanted before.
    pub fn want(&mut self, ias: Vec<WantedIa>) {
        self.config.ias = ias;
    }

    /// Begins with a lease of before: asks whether it is still right on this link, after the same delay. Does nothing unless it is
    /// stopped. Nothing of the lease is used until then.
    pub fn restore(&mut self, lease: Lease, now: Instant) {
        self.step(Input::Restore(lease), now);
    }

    /// A message came.
    pub fn handle_message(&mut self, message: &Message, arrival: Arrival, now: Instant) {
        self.expire(now);
        self.hearing = Some(ServerMessage::of(message, arrival));
        let mut state = self.state.take();
        let accepted = accept::accept(message, arrival, &self.config, &mut state);
        self.state.set(state);
        match accepted {
            Ok(accepted) => {
                self.remark(message.notes.malformed());
                if self
                    .hearing
                    .as_ref()
                    .is_some_and(ServerMessage::is_from_afar)
                {
                    let message = self.hearing.clone();
                    self.event(Event::FromAfar { message });
                }
                match accepted {
                    Accepted::Advertise(server) => {
                        self.step(Input::Advertise(message, server), now);
                    }
                    Accepted::Reply(server) => self.step(Input::Reply(message, server), now),
                    Accepted::Beside(server) => self.informed_beside(message, server),
                    Accepted::Reconfigure(kind, server) => {
                        self.step(Input::Reconfigure(kind, server), now);
                    }
                }
            }
            Err(reason) => self.ignore(reason),
        }
        self.hearing = None;
    }

    /// What came of looking for others with an address that [`Event::Probe`] named; also later, of an address in use.
    pub fn handle_dad(&mut self, address: Ipv6Addr, outcome: DadOutcome, now: Instant) {
        self.step(Input::DadOutcome(address, outcome), now);
    }

    /// Time has passed. Does nothing before [`Client::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        self.expire(now);
        self.tend(now);
        if has_come(self.state.get().deadline(), now) {
            self.step(Input::Timeout, now);
        }
    }

    /// Asks the lease's server for more at once; while rebinding, any server. Does nothing without a lease.
    // Field practice: a DHCPv6 client can be told to renew, rebind, confirm, release, decline and inform at once.
    pub fn renew(&mut self, now: Instant) {
        self.step(Input::Renew, now);
    }

    /// Asks any server for more at once. Does nothing without a lease.
    pub fn rebind(&mut self, now: Instant) {
        self.step(Input::Rebind, now);
    }

    /// Asks any server whether the lease is right on this link, as [`Client::reconnect`] does, which uses it meanwhile. Does
    /// nothing without one.
    pub fn confirm(&mut self, now: Instant) {
        self.step(Input::Confirm, now);
    }

    /// Gives back the lease, or what may just have become one, or gives up looking for one; and stops.
    pub fn release(&mut self, now: Instant) {
        self.step(Input::Release, now);
    }

    /// Tells the server that somebody else has the addresses, keeps the prefixes, and asks for other addresses. Does nothing
    /// without any.
    pub fn decline(&mut self, now: Instant) {
        self.step(Input::Decline, now);
    }

    /// Asks any server for what is not leased: resolvers and the like. A lease goes on meanwhile; a client that is stopped begins
    /// to be one without a lease.
    pub fn inform(&mut self, now: Instant) {
        self.step(Input::Inform, now);
    }

    /// The link came back, and it may be another network: what is held is asked about (RFC 9915, 18.2.12) and used meanwhile;
    /// with nothing held all begins afresh. Does nothing when it is stopped.
    pub fn reconnect(&mut self, now: Instant) {
        self.step(Input::Reconnect, now);
    }

    /// What is to be done next, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        queue::take_next(&mut self.outputs)
    }

    /// When [`Client::handle_timeout`] is due, which may be in the past; `None`: not before something else happens.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let state = self.state.get();
        let beside = state.held().and_then(Held::deadline);
        state.deadline().into_iter().chain(beside).min()
    }

    /// The state that it is in.
    pub fn state(&self) -> &State {
        self.state.get()
    }

    /// The lease that is in use. One whose addresses are still being probed, or that is from before and not confirmed, is not.
    pub fn lease(&self) -> Option<&Lease> {
        self.state.get().lease()
    }

    /// How it behaves.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// Sends what `build` makes, if the rate limit allows it now; else the exchange waits until it does.
    // RFC 9915, 14.1: no more than 20 messages are sent in 20 s, whatever servers say.
    fn send(
        &mut self,
        exchange: &mut Exchange,
        now: Instant,
        build: impl FnOnce(&Config, &Exchange) -> Message,
    ) {
        if let Err(until) = self.limiter.pass(now) {
            exchange.wait(until);
            return self.event(Event::RateLimited { until });
        }
        exchange.note_sent(now, &mut self.rng);
        let message = build(&self.config, exchange);
        self.outputs.push_back(Output::Transmit(message));
    }

    /// A random 24-bit transaction id.
    // RFC 9915, 16.1: each exchange has a random transaction id, the same in all its messages.
    fn xid(&mut self) -> u32 {
        self.rng.u32(..=0xff_ffff)
    }

    /// From where a delay ends that desynchronises clients (RFC 9915, 18.2.1, 18.2.3, 18.2.6).
    // RFC 9915, 18.2.1: the first message waits a random time between 0 and 1 s.
    fn after_start_delay(&mut self, now: Instant) -> Instant {
        now + self.config.random_start_delay(&mut self.rng)
    }

    /// After refusals in a row the next try waits ever longer: 0, 1, 2, 4, ... 64 seconds, each off by up to a quarter.
    // Field practice: after refusals in a row there is a delay that doubles before the next SOLICIT.
    fn after_setback(&mut self, now: Instant) -> Instant {
        self.setbacks = self.setbacks.saturating_add(1);
        match self.setbacks.checked_sub(2) {
            None => now,
            Some(doublings) => {
                let seconds = f64::from(1_u32 << doublings.min(6));
                now + Duration::from_secs_f64(seconds * (0.75 + 0.5 * self.rng.f64()))
            }
        }
    }

    /// What `message` makes of what is held; what was refused or not used is told.
    fn grant(
        &mut self,
        held: Option<&Lease>,
        message: &Message,
        server: &Duid,
        now: Instant,
    ) -> Grant {
        let wanted: Vec<_> = self.config.ias.iter().map(|ia| ia.name()).collect();
        let grant = grant::grant(held, message, server, &wanted, now);
        self.remark(&grant.remarks);
        for refusal in &grant.refusals {
            self.refused(refusal.clone(), server);
        }
        grant
    }

    fn refused(&mut self, refusal: Refusal, server: &Duid) {
        self.event(Event::Refused {
            refusal,
            server: server.clone(),
        });
    }

    fn ignore(&mut self, reason: Ignored) {
        let message = self.hearing.clone();
        self.event(Event::Ignored { reason, message });
    }

    fn remark(&mut self, remarks: &[Remark]) {
        for remark in remarks {
            let message = self.hearing.clone();
            self.event(Event::Remarked {
                remark: *remark,
                message,
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

#[cfg(test)]
mod tests;
