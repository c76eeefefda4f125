//! What the router knows and has to say, without a socket or a clock: its DHCP server, its faults, and the messages that
//! wait to be sent. The thread that has the sockets asks it at each point what is to be done now.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::LabConfig;
use super::dhcp::{Doubled, Reply, ReplyTo, Server, Troubled};
use super::faults::garbage::Shape;
use super::faults::{EARLY, Faults, LabFaultError, SLOW};
use crate::dhcp::Message;
use crate::dhcp::options::{MessageType, code};
use crate::fault::Fault;
use crate::identity::ClientNumber;

/// No client has this number, so the stream of random numbers is free: "lab".
const LAB: (ClientNumber, u64) = (ClientNumber(0), 0x006c_6162);
/// More replies than a herd can be waiting for; what a flood of requests brings beyond it is dropped.
const MOST_WAITING: usize = 1 << 16;

/// A message on its way out.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Outgoing {
    pub(super) bytes: Vec<u8>,
    pub(super) to: ReplyTo,
}

/// The router's state.
#[derive(Debug)]
pub(super) struct State {
    dhcp: Troubled,
    faults: Faults,
    /// In the order of their times.
    waiting: VecDeque<(Instant, Outgoing)>,
    /// When leases are next forgotten; only under [`Fault::DhcpExpireEarly`].
    forget_at: Option<Instant>,
    rng: fastrand::Rng,
    has_ended: bool,
}

impl State {
    pub(super) fn new(config: &LabConfig) -> Self {
        let (number, stream) = LAB;
        Self {
            dhcp: Troubled::new(Server::new(config.server())),
            faults: Faults::default(),
            waiting: VecDeque::new(),
            forget_at: None,
            rng: config.seed.rng(number, stream),
            has_ended: false,
        }
    }

    pub(super) fn server(&self) -> &Server {
        self.dhcp.server()
    }

    pub(super) fn dhcp(&self) -> &Troubled {
        &self.dhcp
    }

    pub(super) fn dhcp_mut(&mut self) -> &mut Troubled {
        &mut self.dhcp
    }

    /// The router's life is over: no fault is taken any more.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    /// Begins a fault, or extends it.
    pub(super) fn inject(
        &mut self,
        fault: Fault,
        lasts: Duration,
        now: Instant,
    ) -> Result<(), LabFaultError> {
        if self.has_ended {
            return Err(LabFaultError::Ended);
        }
        self.tick(now);
        let was_down = self.is_down(now);
        let is_new = !self.faults.is_on(fault, now);
        self.faults.inject(fault, lasts, now)?;
        match fault {
            Fault::RouterReboot | Fault::RouterReset => {
                if fault == Fault::RouterReset && is_new {
                    self.dhcp.forget_everything();
                }
                // A reset of a router that is down already changes its leases all the same.
                if !was_down || (fault == Fault::RouterReset && is_new) {
                    self.faults.count(fault, 1);
                }
                self.waiting.clear();
            }
            Fault::DhcpExpireEarly if is_new => self.forget_at = Some(now),
            _ => {}
        }
        Ok(())
    }

    /// Ends all faults.
    pub(super) fn heal(&mut self, now: Instant) {
        self.faults.heal(now);
        self.tick(now);
    }

    /// The faults there are, and how long each still lasts.
    pub(super) fn faults(&self, now: Instant) -> Vec<(Fault, Duration)> {
        self.faults.remaining(now)
    }

    /// How often each fault changed something.
    pub(super) fn effects(&self) -> BTreeMap<Fault, u64> {
        self.faults.effects()
    }

    /// Whether the router is gone, link and all.
    pub(super) fn is_down(&self, now: Instant) -> bool {
        [Fault::RouterReboot, Fault::RouterReset]
            .into_iter()
            .any(|fault| self.faults.is_on(fault, now))
    }

    /// Does what is due: ends offers, leases and faults.
    pub(super) fn tick(&mut self, now: Instant) {
        self.dhcp.expire(now);
        for fault in self.faults.take_ended(now) {
            match fault {
                Fault::DhcpDuplicates => self.dhcp.end_doubles(),
                Fault::DhcpExpireEarly => self.forget_at = None,
                // What waits goes at once, before anything new.
                Fault::DhcpSlow => {
                    for (due, _) in &mut self.waiting {
                        *due = now;
                    }
                }
                _ => {}
            }
        }
        if self.forget_at.is_some_and(|at| at <= now) {
            let forgotten = self.dhcp.forget_leases();
            self.faults.count(Fault::DhcpExpireEarly, forgotten);
            self.forget_at = now.checked_add(EARLY);
        }
    }

    /// When [`Self::tick`] or [`Self::next_out`] next has something to do; `None`: never, as things are.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let waiting = self.waiting.front().map(|(due, _)| *due);
        [
            self.dhcp.next_deadline(),
            self.faults.next_end(),
            self.forget_at,
            waiting,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Takes in what a client sent; what is to be said then waits for [`Self::next_out`].
    pub(super) fn hear(&mut self, message: &Message, now: Instant) {
        self.tick(now);
        // What had arrived before the router went down.
        if self.is_down(now) {
            return;
        }
        if self.faults.is_on(Fault::DhcpMute, now) {
            self.faults.count(Fault::DhcpMute, 1);
            return;
        }
        if let Some(reply) = self.answer(message, now) {
            self.say(&reply, now);
        }
    }

    /// The next message to put on the wire now.
    pub(super) fn next_out(&mut self, now: Instant) -> Option<Outgoing> {
        let (due, _) = self.waiting.front()?;
        if *due > now {
            return None;
        }
        self.waiting.pop_front().map(|(_, outgoing)| outgoing)
    }

    fn answer(&mut self, message: &Message, now: Instant) -> Option<Reply> {
        if self.faults.is_on(Fault::DhcpNak, now) {
            if let Some(reply) = self.dhcp.refuse_request(message) {
                self.faults.count(Fault::DhcpNak, 1);
                return Some(reply);
            }
            // A DISCOVER with rapid commit is a request, too (RFC 4039): here it is only a DISCOVER.
            if message.message_type() == Some(MessageType::Discover)
                && message.options.contains(code::RAPID_COMMIT)
            {
                let mut message = message.clone();
                message.options.remove(code::RAPID_COMMIT);
                return self.dhcp.handle(&message, now);
            }
        }
        if self.faults.is_on(Fault::DhcpDuplicates, now) {
            match self.dhcp.double(message, now, &mut self.rng) {
                Some(Doubled::Answer(reply)) => {
                    self.faults.count(Fault::DhcpDuplicates, 1);
                    return Some(reply);
                }
                Some(Doubled::Silence) => return None,
                None => {}
            }
        }
        if self.faults.is_on(Fault::DhcpExhausted, now) && self.dhcp.is_from_somebody_new(message) {
            self.faults.count(Fault::DhcpExhausted, 1);
            return self.dhcp.turn_away(message);
        }
        if self.faults.is_on(Fault::DhcpExpireEarly, now)
            && let Some(message) = self.dhcp.in_anothers_place(message)
        {
            return self.dhcp.handle(&message, now);
        }
        let mut reply = self.dhcp.handle(message, now)?;
        self.dhcp.reach_holder(&mut reply, message);
        Some(reply)
    }

    /// Puts an answer in the queue. Between the server, which is right, and the wire.
    fn say(&mut self, reply: &Reply, now: Instant) {
        let mut bytes = reply.message.encode();
        if self.faults.is_on(Fault::DhcpGarbage, now) {
            self.faults.count(Fault::DhcpGarbage, 1);
            let shape = Shape::ALL[self.rng.usize(..Shape::ALL.len())];
            bytes = shape.spoil(bytes, &mut self.rng);
        }
        let mut due = now;
        if self.faults.is_on(Fault::DhcpSlow, now) {
            self.faults.count(Fault::DhcpSlow, 1);
            due += SLOW;
        }
        if self.waiting.len() < MOST_WAITING {
            let to = reply.to;
            self.waiting.push_back((due, Outgoing { bytes, to }));
        }
    }
}

#[cfg(test)]
mod tests;
