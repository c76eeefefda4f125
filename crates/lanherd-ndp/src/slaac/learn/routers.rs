//! The sender of an advertisement as a router, routes through it, and what else says of a router that it is one, or none.

use std::net::Ipv6Addr;
use std::time::Instant;

use lanherd_types::ipv6::Prefix;

use super::Heard;
use crate::message::{NeighbourAdvertisement, RouterAdvertisement};
use crate::options::RouteInformation;
use crate::packet::Packet;
use crate::slaac::Host;
use crate::slaac::config::HostType;
use crate::slaac::event::{Event, RouterLoss};
use crate::slaac::until::Until;

impl Host {
    /// The sender, as a default router; whether it is among those that are kept.
    pub(super) fn learn_router(&mut self, heard: &Heard<'_>, body: &RouterAdvertisement) -> bool {
        let Heard {
            packet,
            router: address,
            now,
            ..
        } = *heard;
        let Some((router, displaced)) = self.routers.hear(address, body.lifetime > 0, now) else {
            return false;
        };
        let was_default = router.default.is_some();
        let was_silent = router.unreachable_since.take().is_some();
        let mac = packet.message.source_link_layer().or(packet.source_mac);
        router.mac = mac.or(router.mac);
        router.heard_at = now;
        router.managed = body.managed;
        router.other = body.other;
        let until = Until::after(now, body.router_lifetime());
        // RFC 4861, 6.3.4: a router whose lifetime is 0 is no default router from that moment.
        router.default = (body.lifetime > 0).then_some((until, body.preference));
        let mac = router.mac;
        if let Some(router) = displaced {
            let why = RouterLoss::Displaced;
            self.event(Event::RouterLost { router, why });
        }
        match (was_default, body.lifetime > 0) {
            // RFC 4861, 6.3.4: a router with a lifetime above 0 is a default router for that long.
            (false, true) => self.event(Event::RouterFound {
                router: address,
                mac,
                until,
                preference: body.preference,
            }),
            (true, false) => self.event(Event::RouterLost {
                router: address,
                why: RouterLoss::Withdrawn,
            }),
            (true, true) if was_silent => self.event(Event::RouterReachable(address)),
            (true, true) | (false, false) => {}
        }
        true
    }

    // RFC 4191, 3.1: a route to everything overrides lifetime and preference of the router.
    pub(super) fn learn_route(
        &mut self,
        heard: &mut Heard<'_>,
        index: usize,
        route: &RouteInformation,
        is_kept: bool,
    ) {
        // RFC 4191, 3.1: hosts of the types A and B ignore routes.
        if self.config.host_type != HostType::C || !is_kept {
            return;
        }
        let (router, now) = (heard.router, heard.now);
        let valid = Until::after(now, route.lifetime);
        if route.prefix != Prefix::DEFAULT {
            let set = self
                .routers
                .set_route(route.prefix, router, route.preference, valid, now);
            if let Err(reason) = set {
                heard.ignore(reason, index);
            }
            return;
        }
        let Some(known) = self.routers.find_mut(router) else {
            return;
        };
        let was_default = known.default.is_some();
        let is_default = !route.lifetime.is_zero();
        known.default = is_default.then_some((valid, route.preference));
        let mac = known.mac;
        match (was_default, is_default) {
            (false, true) => self.event(Event::RouterFound {
                router,
                mac,
                until: valid,
                preference: route.preference,
            }),
            (true, false) => self.event(Event::RouterLost {
                router,
                why: RouterLoss::Withdrawn,
            }),
            (true, true) | (false, false) => {}
        }
    }

    /// A neighbour says that it is no router: if it was taken for one, it is none any more.
    // RFC 4861, 7.2.5: a router that says it is none is removed from the list at once.
    pub(in crate::slaac) fn hear_host(&mut self, packet: &Packet, body: &NeighbourAdvertisement) {
        let Some(router) = self.routers.find_mut(body.target) else {
            return;
        };
        let told = packet.message.target_link_layer();
        let is_believed = body.override_ || told.is_none() || told == router.mac;
        if !is_believed {
            return;
        }
        let was_default = router.default.take().is_some();
        router.unreachable_since = None;
        router.portal = None;
        (router.managed, router.other) = (false, false);
        self.routers.forget_routes_of(body.target);
        if was_default {
            self.event(Event::RouterLost {
                router: body.target,
                why: RouterLoss::NotRouter,
            });
        }
    }

    // RFC 4861, 6.3.6: routers that answer come before those that do not, and those are tried in turn.
    pub(in crate::slaac) fn router_fell_silent(&mut self, address: Ipv6Addr, now: Instant) {
        if let Some(router) = self.routers.find_mut(address) {
            let was_silent = router.unreachable_since.replace(now).is_some();
            if !was_silent {
                self.event(Event::RouterUnreachable(address));
            }
        }
    }

    pub(in crate::slaac) fn router_answered(&mut self, address: Ipv6Addr) {
        if let Some(router) = self.routers.find_mut(address)
            && router.unreachable_since.take().is_some()
        {
            self.event(Event::RouterReachable(address));
        }
    }
}
