//! The router's IPv6 without a socket or a clock: frames in, frames out, and what its kernel is to have.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use lanherd_dhcp6::ReconfigureKind;
use lanherd_ndp::packet::is_link_local;
use lanherd_ndp::{Body, Packet, Prefix};
use lanherd_types::fault::Fault;
use lanherd_types::identity::Mac;

use super::advertisement::Advertisement;
use super::config::{Ipv6Config, LINK_LOCAL};
use super::dhcp::HostNames;
use super::frames::DhcpDatagram;
use super::neighbours::{HeardNeighbours, NeighbourChange};
use super::numbering::{Numbering, router_in};
use super::schedule::Schedule;
use super::trouble::{FLAP, FLOOD, TroubleState};
use crate::LabConfig;
use crate::dhcp6::Dhcp6Server;
use crate::faults::Faults;
use crate::queue::Queue;
use crate::topology::ROUTER_MAC;

/// What the router's kernel is to have of IPv6.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Addressing {
    /// Addresses on the LAN, each with the length of its prefix.
    pub(crate) lan: Vec<(Ipv6Addr, u8)>,
    /// Addresses of the router's own, on no link.
    pub(crate) own: Vec<Ipv6Addr>,
    /// Prefixes on the LAN in which the router has no address.
    pub(crate) on_link: Vec<Prefix>,
    /// Prefixes that are behind hosts of the LAN, and the hosts' link-local addresses.
    pub(crate) delegated: Vec<(Prefix, Ipv6Addr)>,
    /// Where what is sent vanishes.
    pub(crate) black_holes: Vec<Prefix>,
}

/// The lab's router of IPv6: what it advertises, when, and whom it answers.
#[derive(Debug)]
pub(crate) struct Ipv6Router {
    pub(super) config: Ipv6Config,
    mtu: Option<u16>,
    domain: Option<String>,
    /// IPv4 addresses that are reached through the NAT64.
    translated: Vec<Ipv4Addr>,
    pub(super) numbering: Numbering,
    pub(super) schedule: Schedule,
    pub(super) heard: HeardNeighbours,
    pub(super) dhcp: Dhcp6Server,
    /// What clients of DHCPv6 call themselves.
    pub(super) names: HostNames,
    pub(super) waiting: Queue<Vec<u8>>,
    pub(super) trouble: TroubleState,
    /// Whether its line is down: it has no default router of its own.
    pub(super) is_wan_down: bool,
    /// Whether it is not for the first time that the link comes up.
    pub(super) has_been_up: bool,
    pub(super) rng: fastrand::Rng,
}

/// From where the kernel asks for hosts while the router's own addresses are silent.
const ASKING: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xa5c);

/// When the next advertisement is due under faults of their times.
fn next_in_trouble(faults: &Faults, now: Instant) -> Option<Instant> {
    let is_on = |fault| faults.is_on(fault, now);
    let wait = if is_on(Fault::RaFlood) {
        FLOOD
    } else if is_on(Fault::RaFlap) {
        FLAP
    } else {
        return None;
    };
    Some(now + wait)
}

impl Ipv6Router {
    /// One that does not advertise yet; `None`: the lab has no IPv6.
    pub(crate) fn new(config: &LabConfig, rng: fastrand::Rng) -> Option<Self> {
        let ipv6 = config.ipv6.clone()?;
        let router = config.subnet().router();
        Some(Self {
            mtu: config.mtu,
            domain: config.domain.clone(),
            translated: [&[router], &config.aliases[..]].concat(),
            numbering: Numbering::new(ipv6.prefixes.clone()),
            schedule: Schedule::default(),
            heard: HeardNeighbours::default(),
            dhcp: Dhcp6Server::new(
                ipv6.dhcp.clone(),
                ROUTER_MAC,
                (ipv6.preferred, ipv6.valid),
                config.domain.clone(),
            ),
            names: HostNames::default(),
            waiting: Queue::default(),
            trouble: TroubleState::default(),
            is_wan_down: false,
            has_been_up: false,
            rng,
            config: ipv6,
        })
    }

    /// The link is up, so the router begins to advertise.
    pub(crate) fn link_is_up(&mut self, faults: &mut Faults, now: Instant) {
        if self.has_been_up && faults.is_on(Fault::RaForgetsPrefix, now) {
            self.renumber_unreported(now);
        }
        if self.has_been_up && faults.is_on(Fault::RaNewUla, now) {
            self.numbering.change_unique_local(self.config.valid, now);
        }
        self.has_been_up = true;
        self.schedule.start(now);
        self.heard.were_flushed();
    }

    /// The router is gone without a word.
    pub(crate) fn link_is_down(&mut self) {
        self.schedule.stop();
        self.waiting.clear();
    }

    /// Takes in a frame; what is to be said then waits for [`Self::next_frame`].
    pub(crate) fn hear(&mut self, frame: &[u8], faults: &mut Faults, now: Instant) {
        if !self.schedule.is_running() {
            return;
        }
        if self.is_snooped(frame, faults, now) {
            return;
        }
        if let Some(datagram) = DhcpDatagram::parse(frame) {
            self.hear_dhcp(&datagram, faults, now);
            return;
        }
        match Packet::from_frame(frame) {
            Ok(packet) => self.hear_discovery(&packet, faults, now),
            Err(refused) => tracing::trace!(?refused, "a frame that is no neighbour discovery"),
        }
    }

    fn hear_discovery(&mut self, packet: &Packet, faults: &mut Faults, now: Instant) {
        self.note(packet, now);
        if packet.message.body == Body::RouterSolicitation {
            self.answer_solicitation(packet, faults, now);
        }
        self.answer_for_others(packet, faults, now);
    }

    /// Keeps in mind who says that it is where.
    fn note(&mut self, packet: &Packet, now: Instant) {
        let Some(mac) = packet.source_mac else {
            return;
        };
        match packet.message.body {
            Body::NeighbourAdvertisement(said) => {
                let mac = packet.message.target_link_layer().unwrap_or(mac);
                self.heard.hear(said.target, mac, now);
            }
            Body::RouterSolicitation | Body::NeighbourSolicitation { .. } => {
                if let Some(mac) = packet.message.source_link_layer() {
                    self.heard.hear(packet.source, mac, now);
                }
            }
            Body::RouterAdvertisement(_) | Body::Redirect { .. } => {}
        }
    }

    // By RFC 4861 (6.2.6): a solicitation is answered by unicast, or to all where it comes from nobody. It need not be late here: hosts
    // of a herd do not ask together.
    fn answer_solicitation(&mut self, packet: &Packet, faults: &mut Faults, now: Instant) {
        match packet
            .source_mac
            .filter(|_| !packet.source.is_unspecified())
        {
            Some(mac) => self.advertise(Some((mac, packet.source)), faults, now),
            None => self.schedule.hasten(now),
        }
    }

    /// Advertises to all, where that is due.
    pub(crate) fn tick(&mut self, faults: &mut Faults, now: Instant) {
        self.heard.expire(now);
        self.dhcp.expire(now);
        if self.schedule.due().is_some_and(|due| due <= now) {
            self.advertise(None, faults, now);
            self.schedule.sent(self.config.interval, now, &mut self.rng);
            if let Some(next) = next_in_trouble(faults, now) {
                self.schedule.set(next);
            }
        }
        self.tick_trouble(faults, now);
    }

    /// The provider gives the LAN another number; the former one is withdrawn (RFC 9096, 3.5).
    pub(crate) fn renumber(&mut self, now: Instant) {
        self.renumber_unreported(now);
        if self.config.dhcp.reconfigure {
            self.reconfigure(ReconfigureKind::Renew, now);
        }
    }

    /// The line goes down, or comes up again: hosts are told at once.
    pub(crate) fn set_wan(&mut self, is_down: bool, now: Instant) {
        if self.is_wan_down != is_down {
            self.is_wan_down = is_down;
            self.schedule.hasten(now);
        }
    }

    /// What it would say now if it were right.
    // By RFC 7084 (G-4 and G-5): who has no default router of its own is none on its LAN, and says so at once.
    pub(super) fn said(&self, now: Instant) -> Advertisement {
        let link = (ROUTER_MAC, self.mtu);
        let domain = self.domain.as_deref();
        let mut said = Advertisement::of(&self.config, &self.numbering, link, domain, now);
        if self.is_wan_down {
            said.router_lifetime = Duration::ZERO;
        }
        said
    }

    /// The frame by which a router takes leave: it is none any more.
    // By RFC 4861 (6.2.5): a router that ceases says so, with a lifetime of 0.
    pub(crate) fn farewell(&mut self, now: Instant) -> Option<Vec<u8>> {
        if !self.schedule.is_running() {
            return None;
        }
        self.schedule.stop();
        let mut last = self.said(now);
        last.router_lifetime = Duration::ZERO;
        last.route_lifetime = Duration::ZERO;
        let (body, options) = last.written();
        Packet::router_advertisement(ROUTER_MAC, LINK_LOCAL, body, options).to_frame()
    }

    pub(super) fn send_frame(&mut self, frame: Vec<u8>, due: Instant) {
        self.waiting.push(due, frame.len(), frame);
    }

    /// The next frame to put on the link now.
    pub(crate) fn next_frame(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.waiting.pop(now)
    }

    /// When [`Self::tick`] or [`Self::next_frame`] next has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.schedule.due(),
            self.waiting.due(),
            self.heard.deadline(),
            self.dhcp.next_deadline(),
            self.trouble_deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// What the kernel's neighbour table is to be told since the last call.
    pub(crate) fn take_neighbours(&mut self) -> Vec<NeighbourChange> {
        self.heard.take_changes()
    }

    /// What the kernel is to have now.
    pub(crate) fn addressing(&self, faults: &Faults, now: Instant) -> Addressing {
        let mut has = Addressing {
            lan: vec![(LINK_LOCAL, 64)],
            delegated: self.dhcp.delegations(&self.numbers()),
            ..Addressing::default()
        };
        let prefixes = self.numbering.current();
        if faults.is_on(Fault::NdMute, now) {
            // Who has no address on a link answers nobody there, and asks from another.
            has.lan = vec![(ASKING, 64)];
            has.own.extend(prefixes.clone().map(router_in));
            has.on_link.extend(prefixes);
        } else {
            has.lan
                .extend(prefixes.map(|prefix| (router_in(prefix), 64)));
        }
        if faults.is_on(Fault::Dhcp6NoRoute, now) {
            has.delegated.clear();
        }
        let is_lost = self.is_wan_down || faults.is_on(Fault::V6Blackhole, now);
        if is_lost {
            has.black_holes.push(Prefix::DEFAULT);
        } else {
            has.own.extend(&self.config.aliases);
        }
        if faults.is_on(Fault::Pref64Dead, now) {
            has.black_holes.extend(self.config.pref64);
        } else if !is_lost {
            has.own.extend(self.translated());
        }
        has
    }

    /// The address that the resolver makes up for a name that has only that of IPv4; `None`: it makes up none, or the address is not
    /// everybody's (RFC 6052, 3.1).
    pub(crate) fn made_up(&self, address: Ipv4Addr) -> Option<Ipv6Addr> {
        let is_public = !address.is_private() && !address.is_link_local();
        let is_wanted = self.config.dns64 && is_public;
        is_wanted.then(|| self.config.translated(address)).flatten()
    }

    /// The IPv4 addresses that are reached through the NAT64, as it has them.
    fn translated(&self) -> impl Iterator<Item = Ipv6Addr> {
        let all = self.translated.iter();
        all.filter_map(|address| self.config.translated(*address))
    }

    /// How often its addresses have changed.
    pub(crate) const fn numbered(&self) -> u16 {
        self.numbering.changes()
    }

    /// The router's addresses, under which it serves.
    pub(crate) fn served(&self) -> Vec<Ipv6Addr> {
        let lan = self.numbering.current().map(router_in);
        let lan = std::iter::once(LINK_LOCAL).chain(lan);
        let beyond = self.config.aliases.iter().copied().chain(self.translated());
        lan.chain(beyond).collect()
    }

    /// The prefixes that the LAN has.
    pub(crate) fn prefixes(&self) -> Vec<Prefix> {
        self.numbering.current().collect()
    }

    /// The router's addresses on the LAN beyond that link.
    pub(crate) fn global_addresses(&self) -> Vec<Ipv6Addr> {
        self.numbering.current().map(router_in).collect()
    }

    /// The addresses beyond its link of the host with that MAC, as it says itself.
    pub(crate) fn addresses_of(&self, mac: Mac) -> impl Iterator<Item = Ipv6Addr> {
        self.heard
            .of(mac)
            .filter(|address| !is_link_local(*address))
    }

    /// Who has the address.
    pub(crate) fn holder(&self, address: Ipv6Addr) -> Option<Mac> {
        self.heard.holder(address)
    }
}
