//! What the router answers beside DHCP: questions for names, pings while the kernel does not answer them, and requests over
//! HTTP.

use std::net::SocketAddr;
use std::time::Instant;

use simple_dns::RCODE;

use super::State;
use crate::dns::{Hosts, Zone};
use crate::echo;
use crate::faults::PING_LOSS_PERCENT;
use crate::queue::Queue;
use lanherd_types::fault::Fault;

/// A service that has a socket for each of the router's addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Service {
    Dns,
    Echo,
}

/// An answer on its way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Datagram {
    pub(crate) bytes: Vec<u8>,
    /// Which of the service's sockets it goes out by: the one that heard the question.
    pub(crate) socket: usize,
    pub(crate) to: SocketAddr,
}

/// What a request over HTTP is to meet with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meeting {
    /// When it is to be answered.
    pub(crate) at: Instant,
    pub(crate) is_unavailable: bool,
}

impl State {
    /// Takes in what came in by a service's socket; what is to be said then waits for [`Self::next_datagram`].
    pub(crate) fn hear_datagram(
        &mut self,
        service: Service,
        socket: usize,
        from: SocketAddr,
        bytes: &[u8],
        now: Instant,
    ) {
        self.tick(now);
        if self.is_down(now) {
            return;
        }
        let answer = match service {
            Service::Dns => self.resolve(bytes, now),
            Service::Echo => self.echo(from, bytes, now).map(|reply| (reply, now)),
        };
        let Some((bytes, due)) = answer else {
            return;
        };
        let due = due + self.leak(now);
        let length = bytes.len();
        let answer = Datagram {
            bytes,
            socket,
            to: from,
        };
        if service == Service::Echo && self.faults.is_on(Fault::PingDuplicates, now) {
            self.faults.count(Fault::PingDuplicates, 1);
            self.queue(service).push(due, length, answer.clone());
        }
        self.queue(service).push(due, length, answer);
    }

    /// The service's next answer to put on the wire now.
    pub(crate) fn next_datagram(&mut self, service: Service, now: Instant) -> Option<Datagram> {
        self.queue(service).pop(now)
    }

    /// When the service next has something to say, or may have more or less to do; `None`: never, as things are.
    pub(crate) fn service_deadline(&self, service: Service) -> Option<Instant> {
        let due = match service {
            Service::Dns => self.dns_waiting.due(),
            Service::Echo => self.echo_waiting.due(),
        };
        due.into_iter().chain(self.next_end()).min()
    }

    /// Whether the router, and not the kernel, is to answer pings.
    pub(crate) fn answers_pings(&self, now: Instant) -> bool {
        [Fault::PingLoss, Fault::PingDuplicates, Fault::RouterLeak]
            .into_iter()
            .any(|fault| self.faults.is_on(fault, now))
    }

    /// What a request over HTTP is to meet with, if it came now.
    pub(crate) fn hear_request(&mut self, now: Instant) -> Meeting {
        self.tick(now);
        let is_unavailable = self.faults.is_on(Fault::HttpUnavailable, now);
        self.faults
            .count(Fault::HttpUnavailable, usize::from(is_unavailable));
        Meeting {
            at: now + self.leak(now),
            is_unavailable,
        }
    }

    /// Whether there is a leak, and what is late for it has to wait.
    pub(crate) fn is_leaking(&self, now: Instant) -> bool {
        self.faults.is_on(Fault::RouterLeak, now)
    }

    pub(super) fn queue(&mut self, service: Service) -> &mut Queue<Datagram> {
        match service {
            Service::Dns => &mut self.dns_waiting,
            Service::Echo => &mut self.echo_waiting,
        }
    }

    /// The answer to a question for a name, and when it is found.
    fn resolve(&mut self, query: &[u8], now: Instant) -> Option<(Vec<u8>, Instant)> {
        if self.faults.is_on(Fault::DnsMute, now) {
            self.faults.count(Fault::DnsMute, 1);
            return None;
        }
        let fails = self.faults.is_on(Fault::DnsServfail, now);
        let answer = if fails {
            Zone::fail(query, RCODE::ServerFailure)?
        } else {
            self.look_up(query, now)?
        };
        let mut due = now;
        if self.faults.is_on(Fault::DnsLimit, now) {
            self.faults.count(Fault::DnsLimit, 1);
            match self.upstream.ask(now) {
                Some(takes) => due += takes,
                None => return Some((Zone::fail(query, RCODE::Refused)?, now)),
            }
        }
        self.faults.count(Fault::DnsServfail, usize::from(fails));
        Some((answer, due))
    }

    /// The answer that the zone has.
    fn look_up(&mut self, query: &[u8], now: Instant) -> Option<Vec<u8>> {
        let mut hosts = Hosts {
            server: self.dhcp.server(),
            ipv6: self.ipv6.as_ref(),
            knows_no_ipv6: false,
        };
        let answer = self.zone.answer_with(query, hosts)?;
        if !self.faults.is_on(Fault::DnsNoAaaa, now) {
            return Some(answer);
        }
        hosts.knows_no_ipv6 = true;
        let lacking = self.zone.answer_with(query, hosts)?;
        let has_lost = usize::from(lacking != answer);
        self.faults.count(Fault::DnsNoAaaa, has_lost);
        Some(lacking)
    }

    /// The answer to a ping.
    fn echo(&mut self, from: SocketAddr, packet: &[u8], now: Instant) -> Option<Vec<u8>> {
        let reply = match from {
            SocketAddr::V4(_) => echo::reply(packet)?,
            SocketAddr::V6(_) => echo::reply6(packet)?,
        };
        if self.faults.is_on(Fault::PingLoss, now) && self.rng.u8(..100) < PING_LOSS_PERCENT {
            self.faults.count(Fault::PingLoss, 1);
            return None;
        }
        Some(reply)
    }
}
