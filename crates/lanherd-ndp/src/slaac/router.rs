//! The default router list (RFC 4861, 5.1 and 6.3.4), and routes through routers (RFC 4191, 3.1).

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use lanherd_types::identity::Mac;
use lanherd_types::ipv6::Prefix;

use super::config::HostType;
use super::event::Route;
use super::ignored::Ignored;
use super::until::Until;
use crate::RemarkReason;
use crate::options::Preference;

/// How many routers are known at most. A host keeps two at least (RFC 4861, 6.3.4).
pub(super) const MAX_ROUTERS: usize = 16;
/// How many routes through routers are kept, by all of them.
pub(super) const MAX_ROUTES: usize = 64;
/// For how long the flags of a sender that is no default router count after its latest advertisement: three times the longest
/// interval (RFC 4861, 6.2.1).
const FLAGS_OF_OTHERS: Duration = Duration::from_secs(3 * 1800);
/// What is added to the metric of a route through a router that does not answer.
const UNREACHABLE_METRIC: u32 = 8192;

/// What was already told of what a router says: of which option, and why it was of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Complaint {
    Ignored(Ignored, Option<(u8, usize)>),
    Remarked(RemarkReason, usize),
}

/// Somebody who sends router advertisements.
#[derive(Debug, Clone)]
pub(super) struct Router {
    pub(super) address: Ipv6Addr,
    pub(super) mac: Option<Mac>,
    /// Its place among others, for metrics: no two have the same.
    slot: u32,
    /// While it is a default router: until when, and its preference.
    pub(super) default: Option<(Until, Preference)>,
    pub(super) managed: bool,
    pub(super) other: bool,
    pub(super) heard_at: Instant,
    /// Since when it has not answered.
    pub(super) unreachable_since: Option<Instant>,
    /// The prefixes of which its latest advertisement says that addresses are to be formed and preferred.
    pub(super) prefixes: Vec<Prefix>,
    pub(super) portal: Option<String>,
    pub(super) complaints: Vec<Complaint>,
}

impl Router {
    /// Until when its flags count.
    pub(super) fn flags_until(&self) -> Until {
        match self.default {
            Some((until, _)) => until,
            None => Until::at(self.heard_at + FLAGS_OF_OTHERS),
        }
    }
}

/// A route that a router advertised.
#[derive(Debug, Clone, Copy)]
struct MoreSpecific {
    prefix: Prefix,
    router: Ipv6Addr,
    preference: Preference,
    valid: Until,
}

/// Everybody who sends router advertisements, and the routes through them.
#[derive(Debug, Clone, Default)]
pub(super) struct Routers {
    pub(super) all: Vec<Router>,
    routes: Vec<MoreSpecific>,
}

impl Routers {
    pub(super) fn find(&self, address: Ipv6Addr) -> Option<&Router> {
        self.all.iter().find(|router| router.address == address)
    }

    pub(super) fn find_mut(&mut self, address: Ipv6Addr) -> Option<&mut Router> {
        self.all.iter_mut().find(|router| router.address == address)
    }

    pub(super) fn give_room_back(&mut self) {
        self.all.shrink_to_fit();
        self.routes.shrink_to_fit();
    }

    pub(super) fn has_default(&self) -> bool {
        self.all.iter().any(|router| router.default.is_some())
    }

    /// The sender's entry, which may be new; and the default router that went to make room for it. `None`: all others are
    /// worth more.
    pub(super) fn hear(
        &mut self,
        address: Ipv6Addr,
        is_default: bool,
        now: Instant,
    ) -> Option<(&mut Router, Option<Ipv6Addr>)> {
        let mut displaced = None;
        if self.find(address).is_none() {
            if self.all.len() >= MAX_ROUTERS {
                let worth = |router: &Router| (router.default.is_some(), router.heard_at);
                let least = (0..self.all.len()).min_by_key(|at| worth(&self.all[*at]))?;
                // RFC 4861, 6.3.4: a host keeps two routers at least.
                if self.all[least].default.is_some() && !is_default {
                    return None;
                }
                let gone = self.all.remove(least);
                self.routes.retain(|route| route.router != gone.address);
                displaced = gone.default.map(|_| gone.address);
            }
            let is_taken = |slot: &u32| self.all.iter().any(|router| router.slot == *slot);
            let mut slots = 0..=u32::try_from(MAX_ROUTERS).unwrap_or(u32::MAX);
            let slot = slots.find(|slot| !is_taken(slot)).unwrap_or_default();
            self.all.push(Router {
                address,
                mac: None,
                slot,
                default: None,
                managed: false,
                other: false,
                heard_at: now,
                unreachable_since: None,
                prefixes: Vec::new(),
                portal: None,
                complaints: Vec::new(),
            });
        }
        let router = self.find_mut(address)?;
        Some((router, displaced))
    }

    /// Takes a route that a router advertised; `Err`: there are more than are kept.
    // RFC 4191, 3.1: a route is known by prefix and router, and a lifetime of 0 removes it.
    pub(super) fn set_route(
        &mut self,
        prefix: Prefix,
        router: Ipv6Addr,
        preference: Preference,
        valid: Until,
        now: Instant,
    ) -> Result<(), Ignored> {
        let is_it = |route: &MoreSpecific| route.prefix == prefix && route.router == router;
        let known = self.routes.iter().position(is_it);
        let route = MoreSpecific {
            prefix,
            router,
            preference,
            valid,
        };
        match known {
            Some(at) if valid.has_come(now) => _ = self.routes.remove(at),
            Some(at) => self.routes[at] = route,
            None if valid.has_come(now) => {}
            None if self.routes.len() >= MAX_ROUTES => return Err(Ignored::OverLimit),
            None => self.routes.push(route),
        }
        Ok(())
    }

    /// Forgets the routes through a router that is none.
    pub(super) fn forget_routes_of(&mut self, router: Ipv6Addr) {
        self.routes.retain(|route| route.router != router);
    }

    /// Drops what has ended: the default routers whose lifetime has.
    // RFC 4861, 6.3.5: a router whose lifetime has ended is no default router any more.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<Ipv6Addr> {
        self.routes.retain(|route| !route.valid.has_come(now));
        let mut ended = Vec::new();
        for router in &mut self.all {
            if router.default.is_some_and(|(until, _)| until.has_come(now)) {
                router.default = None;
                router.unreachable_since = None;
                router.portal = None;
                (router.managed, router.other) = (false, false);
                ended.push(router.address);
            }
        }
        ended
    }

    /// When something ends.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let defaults = self.all.iter().filter_map(|it| it.default?.0.moment());
        let others = self.routes.iter().filter_map(|it| it.valid.moment());
        defaults.chain(others).min()
    }

    /// Whose flags count and end, and when.
    pub(super) fn flags_deadline(&self, now: Instant) -> Option<Instant> {
        let flagged = self.all.iter().filter(|it| it.managed || it.other);
        let ends = flagged.filter_map(|it| it.flags_until().moment());
        ends.filter(|end| *end > now).min()
    }

    /// The M and the O flag, each of any router.
    pub(super) fn flags(&self, now: Instant) -> (bool, bool) {
        let counting = || self.all.iter().filter(|it| !it.flags_until().has_come(now));
        (
            counting().any(|it| it.managed),
            counting().any(|it| it.other),
        )
    }

    /// The routes through routers, as they are to stand.
    // RFC 4861, 6.3.6: routers that answer come before those that do not, and those are tried in turn.
    pub(super) fn standing(&self, host_type: HostType, routes: &mut Vec<Route>) {
        let mut silent: Vec<&Router> = self.all.iter().collect();
        silent.retain(|router| router.unreachable_since.is_some());
        silent.sort_by_key(|router| router.unreachable_since);
        let metric = |router: &Router, preference| {
            let turn = silent.iter().position(|it| it.address == router.address);
            if let Some(turn) = turn.and_then(|turn| u32::try_from(turn).ok()) {
                return UNREACHABLE_METRIC + turn;
            }
            // RFC 4191, 3.2: of two routes to one destination the one of the higher preference is used.
            let base = match preference {
                Preference::High => 512,
                Preference::Medium => 1024,
                Preference::Low => 2048,
            };
            base + router.slot
        };
        for router in &self.all {
            if let Some((valid, preference)) = router.default {
                let preference = match host_type {
                    HostType::A => Preference::Medium,
                    HostType::B | HostType::C => preference,
                };
                routes.push(Route {
                    prefix: Prefix::DEFAULT,
                    gateway: Some(router.address),
                    preference,
                    metric: metric(router, preference),
                    valid,
                });
            }
        }
        for route in &self.routes {
            if let Some(router) = self.find(route.router) {
                routes.push(Route {
                    prefix: route.prefix,
                    gateway: Some(route.router),
                    preference: route.preference,
                    metric: metric(router, route.preference),
                    valid: route.valid,
                });
            }
        }
    }
}
