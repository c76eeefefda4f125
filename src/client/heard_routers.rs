//! What all clients together hear of the routers of their link: one advertisement that comes to a thousand clients is one. Pure.

use std::time::{Duration, Instant};

use lanherd_audit::{RouterAudit, RouterFindings};

use crate::lan::ipv6::Packet6;
use crate::ndp::Packet;

/// The MTU of Ethernet in bytes, as far as advertisements are held against it: a herd's links have that of their parent.
const LINK_MTU: u32 = 1_500;

/// The routers of the link that clients stand on, beside what is demanded of them.
#[derive(Debug)]
pub(super) struct HeardRouters {
    began: Instant,
    audit: RouterAudit,
    /// How many clients listen now.
    listeners: usize,
    slowest_answer: Option<SolicitationAnswer>,
}

/// How long a router took to answer a client's solicitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SolicitationAnswer {
    /// From the first solicitation to the first advertisement.
    pub after: Duration,
    /// How late the tester was at worst meanwhile.
    pub late: Duration,
}

impl SolicitationAnswer {
    /// What is left of it when all is taken away that the tester may have added.
    pub const fn at_least(self) -> Duration {
        self.after.saturating_sub(self.late)
    }
}

impl HeardRouters {
    pub(super) fn new(began: Instant) -> Self {
        Self {
            began,
            audit: RouterAudit::new(LINK_MTU),
            listeners: 0,
            slowest_answer: None,
        }
    }

    fn since_began(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.began)
    }

    /// Takes an advertisement that no other client had before, by a tester who is so late.
    pub(super) fn hear(&mut self, packet: &Packet6, late: Duration) {
        let at = self.since_began(packet.received);
        match Packet::from_frame(&packet.frame) {
            Ok(packet) => _ = self.audit.hear(at, late, &packet),
            Err(refused) => _ = self.audit.refuse(at, &refused),
        }
    }

    /// One more client listens.
    pub(super) const fn listens(&mut self) {
        self.listeners += 1;
    }

    /// One listens no more. What comes while nobody does is not heard, and is no silence of the router's.
    pub(super) fn listens_no_more(&mut self) {
        self.listeners = self.listeners.saturating_sub(1);
        if self.listeners == 0 {
            self.interrupted();
        }
    }

    /// Something may have come that was not heard.
    pub(super) fn interrupted(&mut self) {
        self.audit.interrupted();
    }

    /// A client's solicitation was answered.
    pub(super) fn answered(&mut self, answer: SolicitationAnswer) {
        let slower = self
            .slowest_answer
            .is_none_or(|known| known.at_least() < answer.at_least());
        if slower {
            self.slowest_answer = Some(answer);
        }
    }

    pub(super) const fn slowest_answer(&self) -> Option<SolicitationAnswer> {
        self.slowest_answer
    }

    /// What there is to say now, by a tester who is so late.
    pub(super) fn findings(&self, now: Instant, late: Duration) -> RouterFindings {
        self.audit.findings(self.since_began(now), late)
    }
}
