//! What all clients together hear of the routers of their link: one advertisement that comes to a thousand clients is one. Pure.

use std::time::{Duration, Instant};

use lanherd_audit::{RouterAudit, RouterFindings};

use super::decoded::Decoded;

/// The routers of the link that clients stand on, beside what is demanded of them.
#[derive(Debug)]
pub(super) struct HeardRouters {
    began: Instant,
    audit: RouterAudit,
    /// The most that a client's link has carried, in bytes. One that a lease made smaller says nothing of the LAN.
    link_mtu: u32,
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

/// What there is to say of the routers that a herd has heard.
#[derive(Debug, Clone, PartialEq)]
pub struct RouterReport {
    /// The routers of the link, and what they break of the RFCs.
    pub findings: RouterFindings,
    /// The slowest answer to a solicitation for routers.
    pub slowest_answer: Option<SolicitationAnswer>,
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
            audit: RouterAudit::new(0),
            link_mtu: 0,
            listeners: 0,
            slowest_answer: None,
        }
    }

    fn since_began(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.began)
    }

    /// Takes an advertisement that no other client had before, by a tester who is so late.
    pub(super) fn hear(&mut self, received: Instant, decoded: &Decoded, late: Duration) {
        let at = self.since_began(received);
        match decoded {
            Ok(packet) => _ = self.audit.hear(at, late, packet),
            Err(refused) => _ = self.audit.refuse(at, refused),
        }
    }

    /// A client's link carries so many bytes.
    pub(super) fn link_carries(&mut self, mtu: u32) {
        if mtu > self.link_mtu {
            self.link_mtu = mtu;
            self.audit.set_link_mtu(mtu);
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

    /// What there is to say now, by a tester who is so late.
    pub(super) fn report(&self, now: Instant, late: Duration) -> RouterReport {
        RouterReport {
            findings: self.audit.findings(self.since_began(now), late),
            slowest_answer: self.slowest_answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;
    use crate::identity::Mac;
    use crate::ndp::{NdOption, Packet, RouterAdvertisement};

    const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    const ROUTER_MAC: Mac = Mac([2, 0, 0, 0, 0, 1]);

    /// What is found in an advertisement of that MTU, on a link that carries so much.
    fn found(link_mtu: &[u32], advertised: u32) -> Vec<&'static str> {
        let body = RouterAdvertisement {
            lifetime: 1_800,
            ..RouterAdvertisement::default()
        };
        let options = vec![
            NdOption::SourceLinkLayer(ROUTER_MAC),
            NdOption::Mtu(advertised),
        ];
        let packet = Packet::router_advertisement(ROUTER_MAC, ROUTER, body, options);
        let now = Instant::now();
        let frame = packet.to_frame().expect("a frame");
        let decoded = Packet::from_frame(&frame);
        let mut routers = HeardRouters::new(now);
        for mtu in link_mtu {
            routers.link_carries(*mtu);
        }
        routers.hear(now, &decoded, Duration::ZERO);
        let breaches = routers.report(now, Duration::ZERO).findings.breaches;
        let names = breaches.iter().map(|breach| breach.requirement);
        names.filter(|name| *name == "ra-mtu").collect()
    }

    #[test]
    fn an_mtu_is_held_against_what_the_links_of_clients_carry() {
        assert_eq!(found(&[9_000, 1_400], 9_000), [""; 0]);
        assert_eq!(found(&[9_000], 9_001), ["ra-mtu"]);
        assert_eq!(found(&[1_400], 1_500), [""; 0]);
        assert_eq!(found(&[], 1_501), ["ra-mtu"]);
    }
}
