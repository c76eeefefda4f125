//! What the router knows and has to say, without a socket or a clock: its DHCP server, its names, its faults, and the
//! messages that wait to be sent. The thread that has the sockets asks it at each point what is to be done now.

mod ipv6;
mod services;

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::LabConfig;
use super::dhcp::{Doubled, Reply, ReplyTo, Server, Troubled};
use super::dns::Zone;
use super::faults::garbage::Shape;
use super::faults::overload::{DNS_UPSTREAM, Leak, Upstream};
use super::faults::{EARLY, Faults, LabFaultError, SHORT_POOL, SLOW};
use super::ipv6::Ipv6Router;
use super::queue::Queue;
use lanherd_dhcp::Message;
use lanherd_dhcp::options::{MessageType, code};
use lanherd_types::family::Family;
use lanherd_types::fault::Fault;
use lanherd_types::identity::ClientNumber;
pub(super) use services::{Datagram, Service};

/// No client has this number, so the stream of random numbers is free: "lab".
const LAB: (ClientNumber, u64) = (ClientNumber(0), 0x006c_6162);

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
    zone: Zone,
    faults: Faults,
    waiting: Queue<Outgoing>,
    dns_waiting: Queue<Datagram>,
    echo_waiting: Queue<Datagram>,
    /// The router's IPv4 addresses.
    addresses: Vec<Ipv4Addr>,
    /// Since [`Fault::RouterLeak`] began.
    leak: Leak,
    /// Only under [`Fault::DnsLimit`].
    upstream: Upstream,
    /// When leases are next forgotten; only under [`Fault::DhcpExpireEarly`].
    forget_at: Option<Instant>,
    ipv6: Option<Ipv6Router>,
    /// How often the link has been plugged in again.
    plugged: u64,
    rng: fastrand::Rng,
    has_ended: bool,
}

impl State {
    /// A router that is broken as it is to be from the beginning.
    pub(super) fn new(config: &LabConfig, now: Instant) -> Result<Self, LabFaultError> {
        let (number, stream) = LAB;
        let mut state = Self {
            dhcp: Troubled::new(Server::new(config.server())),
            zone: Zone::new(config),
            faults: Faults::default(),
            waiting: Queue::default(),
            dns_waiting: Queue::default(),
            echo_waiting: Queue::default(),
            addresses: [&[config.subnet().router()], &config.aliases[..]].concat(),
            leak: Leak::default(),
            upstream: Upstream::default(),
            forget_at: None,
            ipv6: Ipv6Router::new(
                config,
                config.seed.rng(number, stream ^ u64::from(u32::MAX)),
            ),
            plugged: 0,
            rng: config.seed.rng(number, stream),
            has_ended: false,
        };
        for fault in &config.faults {
            state.inject(*fault, None, now)?;
        }
        Ok(state)
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

    /// Begins a fault, or extends it; `None`: until it is ended.
    pub(super) fn inject(
        &mut self,
        fault: Fault,
        lasts: Option<Duration>,
        now: Instant,
    ) -> Result<(), LabFaultError> {
        if self.has_ended {
            return Err(LabFaultError::Ended);
        }
        if fault.family() == Some(Family::Ipv6) && self.ipv6.is_none() {
            return Err(LabFaultError::NoIpv6(fault));
        }
        self.tick(now);
        let was_down = self.is_down(now);
        let is_new = !self.faults.is_on(fault, now);
        self.faults.inject(fault, lasts, now)?;
        match fault {
            Fault::RouterReboot | Fault::RouterReset => {
                if fault == Fault::RouterReset && is_new {
                    self.dhcp.forget_everything();
                    if let Some(ipv6) = &mut self.ipv6 {
                        ipv6.forget_leases();
                    }
                }
                // A reset of a router that is down already changes its leases all the same.
                if !was_down || (fault == Fault::RouterReset && is_new) {
                    self.faults.count(fault, 1);
                }
                self.waiting.clear();
                self.dns_waiting.clear();
                self.echo_waiting.clear();
                if let Some(ipv6) = &mut self.ipv6 {
                    ipv6.link_is_down();
                }
            }
            Fault::DhcpExpireEarly if is_new => self.forget_at = Some(now),
            Fault::SlowLink if is_new => self.faults.count(fault, 1),
            _ => {}
        }
        if let Some(ipv6) = self.ipv6.as_mut().filter(|_| is_new) {
            ipv6.fault_began(fault, &mut self.faults, now);
        }
        Ok(())
    }

    /// Ends those faults that `which` holds for, by their words and their ends.
    pub(super) fn end_faults(
        &mut self,
        now: Instant,
        which: impl Fn(Fault, Option<Instant>) -> bool,
    ) {
        self.faults.end(now, which);
        self.tick(now);
    }

    /// The faults there are, and how long each still lasts; `None`: until it is ended.
    pub(super) fn faults(&self, now: Instant) -> Vec<(Fault, Option<Duration>)> {
        self.faults.remaining(now)
    }

    /// When the next fault ends.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.faults.next_end()
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

    /// Whether the link is slow.
    pub(super) fn is_slow(&self, now: Instant) -> bool {
        self.faults.is_on(Fault::SlowLink, now)
    }

    /// Does what is due: ends offers, leases and faults.
    pub(super) fn tick(&mut self, now: Instant) {
        self.dhcp.expire(now);
        let ended = self.faults.take_ended(now);
        for fault in &ended {
            match fault {
                Fault::DhcpDuplicates => self.dhcp.end_doubles(),
                Fault::DhcpExpireEarly => self.forget_at = None,
                Fault::RouterLeak => self.leak = Leak::default(),
                Fault::DnsLimit => self.upstream = Upstream::default(),
                _ => {}
            }
            if let Some(ipv6) = &mut self.ipv6 {
                ipv6.fault_ended(*fault, now);
            }
        }
        if !ended.is_empty() {
            self.hasten(now);
        }
        let is_down = self.is_down(now);
        if let Some(ipv6) = self.ipv6.as_mut().filter(|_| !is_down) {
            ipv6.tick(&mut self.faults, now);
        }
        if self.forget_at.is_some_and(|at| at <= now) {
            let forgotten = self.dhcp.forget_leases();
            self.faults.count(Fault::DhcpExpireEarly, forgotten);
            self.forget_at = now.checked_add(EARLY);
        }
    }

    /// What waits for a fault that has ended goes at once, before anything new.
    fn hasten(&mut self, now: Instant) {
        let late = |fault, by| {
            let is_on = self.faults.is_on(fault, now);
            if is_on { by } else { Duration::ZERO }
        };
        let at_once = now + self.leak.delay();
        let dhcp = at_once + late(Fault::DhcpSlow, SLOW);
        let dns = at_once + late(Fault::DnsLimit, DNS_UPSTREAM);
        self.waiting.hasten(dhcp);
        self.dns_waiting.hasten(dns);
        self.echo_waiting.hasten(at_once);
    }

    /// One more answer is made: by how much it is late for the leak.
    fn leak(&mut self, now: Instant) -> Duration {
        if !self.faults.is_on(Fault::RouterLeak, now) {
            return Duration::ZERO;
        }
        self.faults.count(Fault::RouterLeak, 1);
        self.leak.answer()
    }

    /// When [`Self::tick`] or [`Self::next_out`] next has something to do; `None`: never, as things are.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        [
            self.dhcp.next_deadline(),
            self.faults.next_end(),
            self.forget_at,
            self.waiting.due(),
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
            self.say(reply, now);
        }
    }

    /// The next message to put on the wire now.
    pub(super) fn next_out(&mut self, now: Instant) -> Option<Outgoing> {
        self.waiting.pop(now)
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
        if self.faults.is_on(Fault::DhcpNakKnown, now)
            && let Some(reply) = self.dhcp.refuse_known(message)
        {
            self.faults.count(Fault::DhcpNakKnown, 1);
            return Some(reply);
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
        if let Some(fault) = self.lack_of_addresses(now)
            && self.dhcp.is_from_somebody_new(message)
        {
            self.faults.count(fault, 1);
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

    /// Why there is no address for anybody new, if so it is.
    fn lack_of_addresses(&self, now: Instant) -> Option<Fault> {
        if self.faults.is_on(Fault::DhcpExhausted, now) {
            return Some(Fault::DhcpExhausted);
        }
        let is_short = self.faults.is_on(Fault::DhcpShortPool, now);
        (is_short && self.dhcp.held_count() >= SHORT_POOL).then_some(Fault::DhcpShortPool)
    }

    /// Puts an answer in the queue. Between the server, which is right, and the wire.
    fn say(&mut self, mut reply: Reply, now: Instant) {
        if self.faults.is_on(Fault::DhcpLostAcks, now)
            && reply.message.message_type() == Some(MessageType::Ack)
        {
            self.faults.count(Fault::DhcpLostAcks, 1);
            return;
        }
        for (fault, code) in [
            (Fault::DhcpWrongRouter, code::ROUTERS),
            (Fault::DhcpWrongDns, code::DNS_SERVERS),
        ] {
            if self.faults.is_on(fault, now) && self.dhcp.mislead(&mut reply, code) {
                self.faults.count(fault, 1);
            }
        }
        for (fault, spoils) in [
            (
                Fault::DhcpMalformedOption,
                spoil_option as fn(&mut Message) -> bool,
            ),
            (Fault::DhcpOwnAddress, give_own_address),
        ] {
            if self.faults.is_on(fault, now) && spoils(&mut reply.message) {
                self.faults.count(fault, 1);
            }
        }
        let mut bytes = reply.message.encode();
        if self.faults.is_on(Fault::DhcpGarbage, now) {
            self.faults.count(Fault::DhcpGarbage, 1);
            let shape = Shape::ALL[self.rng.usize(..Shape::ALL.len())];
            bytes = shape.spoil(bytes, &mut self.rng);
        }
        let mut due = now + self.leak(now);
        if self.faults.is_on(Fault::DhcpSlow, now) {
            self.faults.count(Fault::DhcpSlow, 1);
            due += SLOW;
        }
        let to = reply.to;
        self.waiting.push(due, bytes.len(), Outgoing { bytes, to });
    }
}

/// Gives the list of DNS servers a byte too many, where there is one: clients can do without it. Returns whether there is.
fn spoil_option(message: &mut Message) -> bool {
    let Some(servers) = message.options.get(code::DNS_SERVERS) else {
        return false;
    };
    let mut value = servers.into_owned();
    value.push(0);
    message.options.set(code::DNS_SERVERS, value);
    true
}

/// Offers and grants the server's own address, whatever the client is to have. Returns whether the message does either.
fn give_own_address(message: &mut Message) -> bool {
    let kind = message.message_type();
    let gives = matches!(kind, Some(MessageType::Offer | MessageType::Ack))
        && !message.yiaddr.is_unspecified();
    match message.options.address(code::SERVER_ID) {
        Some(own) if gives => {
            message.yiaddr = own;
            true
        }
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests;
