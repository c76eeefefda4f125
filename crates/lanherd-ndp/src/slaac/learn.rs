//! What a host learns from a router advertisement (RFC 4861, 6.3.4; RFC 4862, 5.5.3; RFC 4191, 3.1; RFC 8106, 5.3).

mod prefixes;
mod routers;

use std::net::Ipv6Addr;
use std::time::Instant;

use lanherd_types::ipv6::Prefix;

use super::event::{AddressLoss, Event, RouterLoss};
use super::ignored::Ignored;
use super::router::Complaint;
use super::{Host, MIN_MTU};
use crate::message::RouterAdvertisement;
use crate::options::NdOption;
use crate::packet::Packet;

/// What is found to tell of one advertisement, before it is known what of it was told already.
struct Heard<'a> {
    packet: &'a Packet,
    router: Ipv6Addr,
    now: Instant,
    complaints: Vec<Complaint>,
}

impl Heard<'_> {
    fn ignore(&mut self, reason: Ignored, index: usize) {
        let option = &self.packet.message.options[index];
        let offset = self.packet.message.notes.offset(index).unwrap_or_default();
        let complaint = Complaint::Ignored(reason, Some((option.code(), offset)));
        self.complaints.push(complaint);
    }
}

impl Host {
    /// Takes an advertisement.
    pub(super) fn learn(&mut self, packet: &Packet, body: &RouterAdvertisement, now: Instant) {
        if self.is_unattached {
            self.attach(packet);
        }
        let mut heard = Heard {
            packet,
            router: packet.source,
            now,
            complaints: Vec::new(),
        };
        let is_kept = self.learn_router(&heard, body);
        self.learn_parameters(body);
        let before = self.prefixes.iter().map(|it| it.number).max().unwrap_or(0);
        for (index, option) in packet.message.options.iter().enumerate() {
            match option {
                NdOption::Prefix(information) => {
                    self.learn_prefix(&mut heard, index, information, before);
                }
                NdOption::Mtu(mtu) => {
                    // RFC 4861, 6.3.4: an MTU counts from 1,280 up to the link's own.
                    if (MIN_MTU..=self.config.link_mtu).contains(mtu) {
                        self.link.mtu = Some(*mtu);
                    } else {
                        heard.ignore(Ignored::MtuOutOfRange, index);
                    }
                }
                NdOption::Route(route) => self.learn_route(&mut heard, index, route, is_kept),
                NdOption::Resolvers(resolvers) => {
                    let lifetime = resolvers.lifetime;
                    self.servers.update(&resolvers.servers, lifetime, now);
                }
                NdOption::SearchList(list) => {
                    self.search.update(&list.names, list.lifetime, now);
                }
                // RFC 8781, 5: several prefixes of the NAT64 may be advertised, each with its lifetime.
                NdOption::Pref64(pref64) => {
                    self.pref64.update(&[pref64.prefix], pref64.lifetime, now);
                }
                NdOption::EncryptedDns(encrypted) => {
                    let mut known = encrypted.clone();
                    known.lifetime = crate::Lifetime::ZERO;
                    self.encrypted.update(&[known], encrypted.lifetime, now);
                }
                NdOption::CaptivePortal(_)
                | NdOption::SourceLinkLayer(_)
                | NdOption::TargetLinkLayer(_)
                | NdOption::RedirectedHeader(_)
                | NdOption::Nonce(_)
                | NdOption::Other { .. } => {}
            }
        }
        self.learn_what_is_told(&heard);
        self.complain(heard);
    }

    /// After the link was away: is it the same one? It is when the router is known, or advertises a prefix that is.
    // RFC 6059, 5.7.2: when the link is back, what the first router says tells whether it is the same.
    fn attach(&mut self, packet: &Packet) {
        self.is_unattached = false;
        let mac = packet.message.source_link_layer().or(packet.source_mac);
        let known = self.routers.find(packet.source);
        let is_router_known =
            known.is_some_and(|known| known.mac.is_none() || mac.is_none() || known.mac == mac);
        let has_known_prefix = packet.message.options.iter().any(|option| match option {
            NdOption::Prefix(information) => self.knows(information.prefix),
            _ => false,
        });
        let knows_nothing = self.routers.all.is_empty() && self.prefixes.len() <= 1;
        let same_link = knows_nothing || has_known_prefix || is_router_known;
        self.event(Event::Attached { same_link });
        if !same_link {
            // RFC 8981, 3.6: on another link all temporary addresses are removed.
            self.forget_routers(RouterLoss::Moved);
            for at in (1..self.prefixes.len()).rev() {
                self.lose_prefix(at, AddressLoss::Moved);
            }
        }
    }

    fn knows(&self, prefix: Prefix) -> bool {
        let is_on_link = self.on_link.iter().any(|(known, _)| *known == prefix);
        is_on_link || self.prefixes.iter().skip(1).any(|it| it.prefix == prefix)
    }

    // RFC 4861, 6.3.4: 0 is unspecified, and changes nothing.
    fn learn_parameters(&mut self, body: &RouterAdvertisement) {
        let link = &mut self.link;
        link.hop_limit = body.hop_limit.or(link.hop_limit);
        link.reachable = body.reachable.or(link.reachable);
        link.retransmit = body.retransmit.or(link.retransmit);
    }

    /// What is compared with the router's advertisement before: prefixes that it changed, its portal, and whether it would rather
    /// delegate prefixes.
    fn learn_what_is_told(&mut self, heard: &Heard<'_>) {
        let options = &heard.packet.message.options;
        let mut prefixes = Vec::new();
        let mut portal = None;
        let mut delegating = Vec::new();
        for option in options {
            match option {
                NdOption::Prefix(it) if it.autonomous && !it.preferred.is_zero() => {
                    prefixes.push(it.prefix);
                    // RFC 9762: a prefix with the P flag is told, and used all the same.
                    if it.delegation_preferred {
                        delegating.push(it.prefix);
                    }
                }
                NdOption::CaptivePortal(uri) => portal = Some(uri.clone()),
                _ => {}
            }
        }
        let Some(router) = self.routers.find_mut(heard.router) else {
            return;
        };
        router.portal = portal;
        let before = std::mem::replace(&mut router.prefixes, prefixes.clone());
        for prefix in delegating.into_iter().filter(|it| !before.contains(it)) {
            self.event(Event::DelegationPreferred(prefix));
        }
        let number = |prefix: &Prefix| {
            let known = self.prefixes.iter().skip(1).find(|it| it.prefix == *prefix);
            known.map(|it| it.number)
        };
        let newest = prefixes
            .iter()
            .filter_map(|prefix| Some((number(prefix)?, *prefix)));
        let newest = newest.max_by_key(|(number, _)| *number);
        let mut renumbered = Vec::new();
        for old in before.iter().filter(|old| !prefixes.contains(old)) {
            if let Some((age, new)) = newest
                && number(old).is_none_or(|old| old < age)
            {
                let announced = options.iter().any(|option| match option {
                    NdOption::Prefix(it) => it.prefix == *old && it.preferred.is_zero(),
                    _ => false,
                });
                renumbered.push(Event::PrefixRenumbered {
                    router: heard.router,
                    old: *old,
                    new,
                    announced,
                });
            }
        }
        for event in renumbered {
            self.event(event);
        }
    }

    /// Tells what was of no use, and was not told of the router's advertisement before.
    fn complain(&mut self, heard: Heard<'_>) {
        let mut complaints = heard.complaints;
        let remarks = heard.packet.message.notes.remarks();
        complaints.extend(
            remarks
                .iter()
                .map(|remark| Complaint::Remarked(remark.reason, remark.offset)),
        );
        let router = heard.router;
        let before = match self.routers.find_mut(router) {
            Some(known) => std::mem::replace(&mut known.complaints, complaints.clone()),
            None => Vec::new(),
        };
        for complaint in complaints.iter().filter(|it| !before.contains(it)) {
            match *complaint {
                Complaint::Ignored(reason, option) => self.ignore(reason, router, option),
                Complaint::Remarked(reason, offset) => {
                    let is_it = |it: &&crate::Remark| (it.reason, it.offset) == (reason, offset);
                    if let Some(remark) = remarks.iter().find(is_it) {
                        let remark = *remark;
                        self.event(Event::Remarked { remark, router });
                    }
                }
            }
        }
    }
}
