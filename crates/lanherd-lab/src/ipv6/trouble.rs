//! The router's IPv6 in trouble: what each fault makes of what is right, and what it leaves behind.

use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use lanherd_ndp::options::PrefixInformation;
use lanherd_ndp::packet::ALL_NODES;
use lanherd_ndp::{
    Body, Lifetime, Message, NdOption, NeighbourAdvertisement, Packet, Preference, Prefix,
    RouterAdvertisement,
};
use lanherd_types::fault::Fault;
use lanherd_types::identity::Mac;

use super::advertisement::Advertisement;
use super::config::LINK_LOCAL;
use super::numbering::router_in;
use super::router::Ipv6Router;
use crate::faults::garbage::DiscoveryShape;
use crate::faults::{Faults, SLOW};
use crate::topology::ROUTER_MAC;

/// From one advertisement to the next under [`Fault::RaFlood`].
pub(super) const FLOOD: Duration = Duration::from_millis(500);
/// From one advertisement to the next under [`Fault::RaFlap`]: the least that is allowed (RFC 4861, 6.2.6).
pub(super) const FLAP: Duration = Duration::from_secs(3);
/// How long a switch remembers who listens to a group (RFC 3810, 9.4).
const LISTENERS_KEPT: Duration = Duration::from_secs(260);
/// As many hosts as a herd has.
const MOST: usize = 1 << 16;

/// A router that is not there.
const ABSENT: (Mac, Ipv6Addr) = (
    Mac([0x02, 0x6c, 0x61, 0x6e, 0xde, 0xad]),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xdead),
);
/// A stranger's router, which leads nowhere, and its prefix.
const STRANGER: (Mac, Ipv6Addr) = (
    Mac([0x02, 0x6c, 0x61, 0x6e, 0x0b, 0xad]),
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0xbad),
);
const STRANGERS_PREFIX: Ipv6Addr = Ipv6Addr::new(0x2001, 0x0db8, 0x0bad, 0, 0, 0, 0, 0);
/// A host that has addresses before others.
const SQUATTER: Mac = Mac([0x02, 0x6c, 0x61, 0x6e, 0x0d, 0xad]);
/// The number of a host that is never there.
const NOBODY: u128 = 0xdead;

/// What a fault has to remember.
#[derive(Debug, Default)]
pub(super) struct TroubleState {
    /// Whether the last advertisement had a lifetime of 0, under [`Fault::RaFlap`].
    was_withdrawn: bool,
    /// Which address each host found in use, under [`Fault::DadSquatter`].
    squatted: HashMap<Mac, Ipv6Addr>,
    /// When each host last said which groups it listens to.
    reports: HashMap<Mac, Instant>,
    /// The numbers that leases are still made of, under [`Fault::Dhcp6KeepsStale`].
    pub(super) stale: Option<crate::dhcp6::LinkNumbers>,
    /// When leases are next forgotten, under [`Fault::Dhcp6Forgets`].
    pub(super) forget_at: Option<Instant>,
}

impl Ipv6Router {
    /// A fault begins that was not there.
    pub(crate) fn fault_began(&mut self, fault: Fault, faults: &mut Faults, now: Instant) {
        match fault {
            // Before anything was advertised there is nothing to change.
            Fault::RaRenumber | Fault::RaStalePrefix if !self.has_been_up => {}
            Fault::RaRenumber => {
                self.renumber(now);
                faults.count(fault, 1);
            }
            Fault::RaStalePrefix => self.renumber_unreported(now),
            Fault::Dhcp6KeepsStale => {
                self.trouble.stale = Some(self.numbers());
                if self.has_been_up {
                    self.renumber_unreported(now);
                }
            }
            Fault::Dhcp6Forgets => self.trouble.forget_at = Some(now),
            Fault::RaFlood | Fault::RaFlap => self.schedule.set(now),
            Fault::RaWrongRouter => {
                self.take_leave((ROUTER_MAC, LINK_LOCAL), now);
                self.schedule.hasten(now);
            }
            Fault::V6Blackhole | Fault::Pref64Dead | Fault::Dhcp6NoRoute => {
                faults.count(fault, 1);
            }
            Fault::RaRogue
            | Fault::RaZeroLifetime
            | Fault::RaNoAutonomous
            | Fault::RaNoDns
            | Fault::RaWrongDns
            | Fault::RaShortDns
            | Fault::RaLongLifetimes
            | Fault::RaWrongPrefix
            | Fault::RaNoOnLink
            | Fault::RaNoRoute
            | Fault::RaDefaultWithoutWan
            | Fault::RaGarbage => self.schedule.hasten(now),
            _ => {}
        }
    }

    /// A fault has ended: the router is right again, and says so.
    pub(crate) fn fault_ended(&mut self, fault: Fault, now: Instant) {
        match fault {
            Fault::Dhcp6KeepsStale => self.trouble.stale = None,
            Fault::Dhcp6Forgets => self.trouble.forget_at = None,
            Fault::DadSquatter => self.trouble.squatted.clear(),
            Fault::RaWrongRouter => self.take_leave(ABSENT, now),
            Fault::RaRogue => self.take_leave(STRANGER, now),
            Fault::RaSlow | Fault::Dhcp6Slow => self.waiting.hasten(now),
            _ => {}
        }
        if fault.as_str().starts_with("ra_") {
            self.trouble.was_withdrawn = false;
            self.schedule.hasten(now);
        }
    }

    /// What every so often is done under a fault.
    pub(super) fn tick_trouble(&mut self, faults: &mut Faults, now: Instant) {
        if self.trouble.forget_at.is_some_and(|at| at <= now) {
            let forgotten = self.leases().len();
            self.forget_leases();
            faults.count(Fault::Dhcp6Forgets, forgotten);
            self.trouble.forget_at = now.checked_add(crate::faults::EARLY);
        }
    }

    /// When [`Self::tick_trouble`] next has something to do.
    pub(super) const fn trouble_deadline(&self) -> Option<Instant> {
        self.trouble.forget_at
    }

    /// What the router would say, changed by the faults there are.
    pub(super) fn mislead(&mut self, said: &mut Advertisement, faults: &mut Faults, now: Instant) {
        let mut is_on = |fault| {
            let is_on = faults.is_on(fault, now);
            faults.count(fault, usize::from(is_on));
            is_on
        };
        if is_on(Fault::RaZeroLifetime) {
            said.router_lifetime = Duration::ZERO;
        }
        if is_on(Fault::RaNoAutonomous) {
            said.prefixes
                .iter_mut()
                .for_each(|it| it.autonomous = false);
        }
        if is_on(Fault::RaNoOnLink) {
            said.prefixes.iter_mut().for_each(|it| it.on_link = false);
        }
        if is_on(Fault::RaWrongPrefix) {
            for it in &mut said.prefixes {
                it.prefix = Prefix::new(it.prefix.address(), 63).unwrap_or(it.prefix);
            }
        }
        if is_on(Fault::RaNoRoute) {
            said.routes.clear();
        }
        if is_on(Fault::RaNoDns) {
            said.resolvers.clear();
            said.search = None;
        }
        if is_on(Fault::RaWrongDns) {
            let link = self.numbering.current().next();
            let nobody = link.map(|link| Ipv6Addr::from_bits(link.address().to_bits() | NOBODY));
            said.resolvers = nobody.into_iter().collect();
        }
        if is_on(Fault::RaShortDns) {
            said.dns_lifetime = (self.config.interval / 10).max(Duration::from_secs(1));
        }
        if is_on(Fault::RaLongLifetimes) {
            said.router_lifetime = Duration::from_secs(9000);
            said.route_lifetime = said.router_lifetime;
            for prefix in said
                .prefixes
                .iter_mut()
                .filter(|it| !it.preferred.is_zero())
            {
                prefix.preferred = Lifetime::from_secs(7 * 86_400);
                prefix.valid = Lifetime::from_secs(30 * 86_400);
            }
        }
        if self.is_wan_down && faults.is_on(Fault::RaDefaultWithoutWan, now) {
            said.router_lifetime = self.config.router_lifetime;
            faults.count(Fault::RaDefaultWithoutWan, 1);
        }
        let is_silent = [
            Fault::RaStalePrefix,
            Fault::RaForgetsPrefix,
            Fault::RaNewUla,
        ]
        .into_iter()
        .find(|fault| faults.is_on(*fault, now));
        if let Some(fault) = is_silent {
            let before = said.prefixes.len();
            let current: Vec<Prefix> = self.numbering.current().collect();
            said.prefixes.retain(|it| current.contains(&it.prefix));
            faults.count(fault, before - said.prefixes.len());
        }
        if faults.is_on(Fault::RaFlap, now) {
            self.trouble.was_withdrawn = !self.trouble.was_withdrawn;
            if self.trouble.was_withdrawn {
                said.router_lifetime = Duration::ZERO;
                faults.count(Fault::RaFlap, 1);
            }
        }
    }

    /// Puts an advertisement into the queue: to that host, or to all. Between the router, which is right, and the wire.
    pub(super) fn advertise(
        &mut self,
        to: Option<(Mac, Ipv6Addr)>,
        faults: &mut Faults,
        now: Instant,
    ) {
        if faults.is_on(Fault::RaMute, now) {
            faults.count(Fault::RaMute, 1);
            return;
        }
        if to.is_none() && faults.is_on(Fault::RaSilent, now) {
            faults.count(Fault::RaSilent, 1);
            return;
        }
        let is_flood = faults.is_on(Fault::RaFlood, now);
        faults.count(Fault::RaFlood, usize::from(is_flood));
        let to = to.filter(|_| !is_flood);
        let mut due = now;
        if to.is_some() && faults.is_on(Fault::RaSlow, now) {
            faults.count(Fault::RaSlow, 1);
            due += SLOW;
        }
        let mut said = self.said(now);
        self.mislead(&mut said, faults, now);
        let mut router = (ROUTER_MAC, LINK_LOCAL);
        if faults.is_on(Fault::RaWrongRouter, now) {
            faults.count(Fault::RaWrongRouter, 1);
            router = ABSENT;
            said.link_layer = ABSENT.0;
        }
        let (body, options) = said.written();
        self.send_advertisement(router, to, body, options, faults, due);
        if faults.is_on(Fault::RaRogue, now) {
            faults.count(Fault::RaRogue, 1);
            let (body, options) = strangers(Duration::from_secs(1800));
            self.send_advertisement(STRANGER, to, body, options, faults, due);
        }
    }

    fn send_advertisement(
        &mut self,
        (mac, address): (Mac, Ipv6Addr),
        to: Option<(Mac, Ipv6Addr)>,
        body: RouterAdvertisement,
        options: Vec<NdOption>,
        faults: &mut Faults,
        due: Instant,
    ) {
        let packet = Packet {
            destination_mac: to.map(|(mac, _)| mac),
            destination: to.map_or(ALL_NODES, |(_, address)| address),
            ..Packet::router_advertisement(mac, address, body, options)
        };
        let Some(mut frame) = packet.to_frame() else {
            return;
        };
        if faults.is_on(Fault::RaGarbage, due) {
            faults.count(Fault::RaGarbage, 1);
            let shape = DiscoveryShape::ALL[self.rng.usize(..DiscoveryShape::ALL.len())];
            shape.spoil(&mut frame, &mut self.rng);
        }
        self.send_frame(frame, due);
    }

    /// A router says that it is none any more; a stranger's prefix goes with it.
    fn take_leave(&mut self, (mac, address): (Mac, Ipv6Addr), now: Instant) {
        let (body, options) = if (mac, address) == STRANGER {
            strangers(Duration::ZERO)
        } else {
            let body = RouterAdvertisement::default();
            (body, vec![NdOption::SourceLinkLayer(mac)])
        };
        let packet = Packet::router_advertisement(mac, address, body, options);
        if let Some(frame) = packet.to_frame() {
            self.send_frame(frame, now);
        }
    }

    /// Somebody asks for the holder of an address: those answer who should not.
    pub(super) fn answer_for_others(&mut self, packet: &Packet, faults: &mut Faults, now: Instant) {
        let Body::NeighbourSolicitation { target } = packet.message.body else {
            return;
        };
        let is_routers = target == LINK_LOCAL
            || self
                .numbering
                .current()
                .any(|prefix| router_in(prefix) == target);
        if is_routers {
            let is_mute = faults.is_on(Fault::NdMute, now);
            faults.count(Fault::NdMute, usize::from(is_mute));
            return;
        }
        let is_probe = packet.source.is_unspecified();
        if faults.is_on(Fault::NdAnswersAll, now) {
            faults.count(Fault::NdAnswersAll, 1);
            self.claim(ROUTER_MAC, target, packet, now);
            return;
        }
        let Some(mac) = packet.source_mac.filter(|_| is_probe) else {
            return;
        };
        if !faults.is_on(Fault::DadSquatter, now) || Prefix::LINK_LOCAL.contains(target) {
            return;
        }
        let squatted = &mut self.trouble.squatted;
        if squatted.len() < MOST || squatted.contains_key(&mac) {
            squatted.entry(mac).or_insert(target);
        }
        if squatted.get(&mac) == Some(&target) {
            faults.count(Fault::DadSquatter, 1);
            self.claim(SQUATTER, target, packet, now);
        }
    }

    /// Says that the address is at that MAC: to whoever asks, or to all where that has no address (RFC 4861, 7.2.4).
    fn claim(&mut self, mac: Mac, target: Ipv6Addr, question: &Packet, now: Instant) {
        let is_probe = question.source.is_unspecified();
        let body = Body::NeighbourAdvertisement(NeighbourAdvertisement {
            router: false,
            solicited: !is_probe,
            override_: true,
            target,
        });
        let message = Message::new(body, vec![NdOption::TargetLinkLayer(mac)]);
        let (to, to_mac) = if is_probe {
            (ALL_NODES, None)
        } else {
            (question.source, question.source_mac)
        };
        let packet = Packet {
            destination_mac: to_mac,
            ..Packet::new(mac, target, to, message)
        };
        if let Some(frame) = packet.to_frame() {
            self.send_frame(frame, now);
        }
    }

    /// Whether a frame to a group comes to nobody, as a switch has forgotten who listens. Notes who says to what it listens.
    pub(super) fn is_snooped(&mut self, frame: &[u8], faults: &mut Faults, now: Instant) -> bool {
        let Some((to, from)) = frame
            .split_first_chunk::<6>()
            .and_then(|(to, rest)| Some((to, Mac(*rest.first_chunk()?))))
        else {
            return false;
        };
        if is_listener_report(frame) {
            let reports = &mut self.trouble.reports;
            if reports.len() < MOST || reports.contains_key(&from) {
                reports.insert(from, now);
            }
            return true;
        }
        let is_to_group = to[0] & 1 == 1;
        if !is_to_group || !faults.is_on(Fault::MldSnooping, now) {
            return false;
        }
        let reported = self.trouble.reports.get(&from);
        let is_known = reported.is_some_and(|at| *at + LISTENERS_KEPT > now);
        faults.count(Fault::MldSnooping, usize::from(!is_known));
        !is_known
    }

    /// The number changes, and hosts learn of it from advertisements alone.
    pub(super) fn renumber_unreported(&mut self, now: Instant) {
        self.numbering.change(self.config.valid, now);
        self.schedule.hasten(now);
    }
}

/// What a stranger's router says.
fn strangers(lifetime: Duration) -> (RouterAdvertisement, Vec<NdOption>) {
    let seconds = u16::try_from(lifetime.as_secs()).unwrap_or(u16::MAX);
    let body = RouterAdvertisement {
        lifetime: seconds,
        preference: if seconds == 0 {
            Preference::Medium
        } else {
            Preference::High
        },
        ..RouterAdvertisement::default()
    };
    let mut options = vec![NdOption::SourceLinkLayer(STRANGER.0)];
    options.extend(Prefix::new(STRANGERS_PREFIX, 64).map(|prefix| {
        NdOption::Prefix(PrefixInformation {
            prefix,
            on_link: true,
            autonomous: true,
            router_address: false,
            delegation_preferred: false,
            valid: Lifetime::from_secs(seconds.into()),
            preferred: Lifetime::from_secs(seconds.into()),
        })
    }));
    (body, options)
}

/// Whether a frame is a report of a multicast listener (RFC 3810, 5.2): behind a router alert of eight bytes.
fn is_listener_report(frame: &[u8]) -> bool {
    frame.get(20) == Some(&0) && frame.get(54) == Some(&58) && frame.get(62) == Some(&143)
}
