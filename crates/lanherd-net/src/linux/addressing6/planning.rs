//! The requests that lead from what stands of IPv6 to what is to stand. Pure.

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use super::standing::{
    Plan6, Standing6, StandingAddress, StandingRoute, TOLERANCE, address_words, is_over, network,
    remove, route_words, set,
};
use crate::config::LINK_INDEX;
use crate::lan::ipv6::{Address6, Addressing6, Neighbour6, Route6};
use crate::linux::addressing::steps::Step;
use crate::netlink::request6::{self, AddressRequest, INFINITE, RouteKey, RouteRequest};

/// The kernel's lifetimes are renewed when no more than this is left of them.
const MARGIN: Duration = Duration::from_secs(30);
/// The metric of the first route to a destination, as the kernel gives it to what is advertised (`IP6_RT_PRIO_USER`).
const FIRST_METRIC: u32 = 1024;

impl Standing6 {
    /// What leads from here to `wanted`. What is over already is not wanted.
    pub fn plan(&self, wanted: &Addressing6, now: Instant) -> Plan6 {
        let mut planning = Planning::new(self, wanted.keeps_found, now);
        planning.addresses(&wanted.addresses);
        planning.neighbours(&wanted.neighbours);
        planning.routes(&wanted.routes, &wanted.sources);
        planning.delegated(&wanted.delegated);
        planning.finish()
    }
}

/// A plan in the making.
pub(super) struct Planning<'a> {
    pub(super) old: &'a Standing6,
    /// Whether what an earlier process has set stays.
    pub(super) keeps_found: bool,
    pub(super) now: Instant,
    pub(super) removals: Vec<Step>,
    pub(super) plan: Plan6,
}

impl<'a> Planning<'a> {
    pub(super) fn new(old: &'a Standing6, keeps_found: bool, now: Instant) -> Self {
        Self {
            old,
            keeps_found,
            now,
            removals: Vec::new(),
            plan: Plan6::default(),
        }
    }

    pub(super) fn finish(self) -> Plan6 {
        let Self {
            mut removals,
            mut plan,
            ..
        } = self;
        removals.append(&mut plan.steps);
        plan.steps = removals;
        // What stands stays for long, in each of thousands of clients.
        plan.standing.addresses.shrink_to_fit();
        plan.standing.routes.shrink_to_fit();
        plan.standing.neighbours.shrink_to_fit();
        plan
    }

    pub(super) fn addresses(&mut self, wanted: &[Address6]) {
        let mut wanted: Vec<Address6> = wanted
            .iter()
            .filter(|wanted| !is_over(wanted.valid_until, self.now))
            .copied()
            .collect();
        // Routers are reached from a link-local address.
        wanted.sort_by_key(|wanted| !wanted.address.is_unicast_link_local());
        for old in &self.old.addresses {
            let (address, prefix_len) = (old.wanted.address, old.wanted.prefix_len);
            let is_kept = |new: &Address6| (new.address, new.prefix_len) == (address, prefix_len);
            if wanted.iter().any(is_kept) {
                continue;
            }
            if old.is_found && self.keeps_found {
                self.plan.standing.addresses.push(*old);
                self.plan.keeps_found = true;
            } else {
                self.removals.push(remove(
                    address_words(address, prefix_len),
                    request6::delete_address(LINK_INDEX, address, prefix_len),
                ));
            }
        }
        for new in wanted {
            let standing = &self.plan.standing.addresses;
            if standing
                .iter()
                .any(|other| other.wanted.address == new.address)
            {
                continue;
            }
            let kept = self.old.addresses.iter().find(|old| {
                (old.wanted.address, old.wanted.prefix_len) == (new.address, new.prefix_len)
            });
            // It is not asked once more.
            if kept.is_some_and(|kept| kept.is_found && !kept.is_tentative)
                && new.detects_duplicates
            {
                self.plan.unique.push(new.address);
            }
            let standing = match kept {
                Some(kept) if !self.is_changed(&kept.wanted, &new) => {
                    self.note_end(kept.wanted.preferred_until, new.preferred_until);
                    self.note_end(kept.wanted.valid_until, new.valid_until);
                    StandingAddress {
                        is_found: false,
                        ..*kept
                    }
                }
                kept => {
                    let (preferred, valid) =
                        (self.left(new.preferred_until), self.left(new.valid_until));
                    let request = AddressRequest {
                        address: new.address,
                        prefix_len: new.prefix_len,
                        is_on_link: new.is_on_link,
                        preferred: preferred.min(valid),
                        valid,
                        detects_duplicates: new.detects_duplicates,
                    };
                    self.plan.steps.push(set(
                        address_words(new.address, new.prefix_len),
                        request6::add_address(LINK_INDEX, &request),
                    ));
                    StandingAddress {
                        wanted: new,
                        // The kernel asks once, when it is new.
                        is_tentative: kept.map_or(new.detects_duplicates, |kept| kept.is_tentative),
                        is_found: false,
                    }
                }
            };
            self.plan.standing.addresses.push(standing);
        }
    }

    fn is_changed(&self, old: &Address6, new: &Address6) -> bool {
        old.is_on_link != new.is_on_link
            || self.must_tell(old.preferred_until, new.preferred_until)
            || self.must_tell(old.valid_until, new.valid_until)
    }

    pub(super) fn neighbours(&mut self, wanted: &[Neighbour6]) {
        for old in &self.old.neighbours {
            if !wanted.iter().any(|new| new.address == old.address) {
                self.removals.push(remove(
                    format!("neighbour {}", old.address),
                    request6::delete_neighbour(LINK_INDEX, old.address),
                ));
            }
        }
        for new in wanted {
            if !self.old.neighbours.contains(new) {
                self.plan.steps.push(set(
                    format!("neighbour {}", new.address),
                    request6::add_neighbour(LINK_INDEX, new),
                ));
            }
            self.plan.standing.neighbours.push(*new);
        }
    }

    pub(super) fn routes(&mut self, wanted: &[Route6], sources: &[Ipv6Addr]) {
        let mut standing: Vec<StandingRoute> = Vec::new();
        for new in wanted.iter().filter(|new| !is_over(new.until, self.now)) {
            let destination = network(new.destination, new.prefix_len);
            let is_same = |other: &&StandingRoute| {
                (other.key.destination, other.key.prefix_len) == (destination, new.prefix_len)
            };
            if standing
                .iter()
                .filter(is_same)
                .any(|other| other.key.gateway == new.gateway)
            {
                continue;
            }
            let rank = u32::try_from(standing.iter().filter(is_same).count()).unwrap_or(u32::MAX);
            standing.push(StandingRoute {
                key: RouteKey {
                    destination,
                    prefix_len: new.prefix_len,
                    metric: FIRST_METRIC.saturating_add(rank),
                    gateway: new.gateway,
                },
                preference: new.preference,
                mtu: new.mtu,
                hop_limit: new.hop_limit,
                source: source(sources, destination, new.prefix_len),
                until: new.until,
                is_found: false,
            });
        }
        // Gateways may be reached only through routes to the link itself.
        standing.sort_by_key(|route| route.key.gateway.is_some());
        let replaces = |new: &StandingRoute, old: &RouteKey| {
            (new.key.destination, new.key.prefix_len, new.key.metric)
                == (old.destination, old.prefix_len, old.metric)
        };
        for new in &mut standing {
            let kept = self.old.routes.iter().find(|old| old.key == new.key);
            if let Some(kept) = kept.filter(|kept| !self.is_route_changed(kept, new)) {
                self.note_end(kept.until, new.until);
                *new = StandingRoute {
                    is_found: false,
                    ..*kept
                };
                continue;
            }
            let request = RouteRequest {
                key: new.key,
                preference: new.preference,
                expires: new.until.map(|_| self.left(new.until)),
                mtu: new.mtu,
                hop_limit: new.hop_limit,
                source: new.source,
            };
            self.plan.steps.push(set(
                route_words(&new.key),
                request6::add_route(LINK_INDEX, &request),
            ));
        }
        // After what takes their place, so that there is always a way.
        let mut kept = Vec::new();
        for old in &self.old.routes {
            if standing.iter().any(|new| replaces(new, &old.key)) {
                continue;
            }
            if old.is_found && self.keeps_found {
                kept.push(*old);
                self.plan.keeps_found = true;
            } else {
                self.plan.steps.push(remove(
                    route_words(&old.key),
                    request6::delete_route(LINK_INDEX, &old.key),
                ));
            }
        }
        standing.append(&mut kept);
        self.plan.standing.routes = standing;
    }

    fn is_route_changed(&self, old: &StandingRoute, new: &StandingRoute) -> bool {
        (old.preference, old.mtu, old.hop_limit, old.source)
            != (new.preference, new.mtu, new.hop_limit, new.source)
            || self.must_tell(old.until, new.until)
    }

    /// Whether the kernel, which knows of one end, is to be told of another one now.
    pub(super) fn must_tell(&self, known: Option<Instant>, wanted: Option<Instant>) -> bool {
        match (known, wanted) {
            (None, None) => false,
            (None, Some(_)) | (Some(_), None) => true,
            (Some(known), Some(wanted)) => {
                let left = known.saturating_duration_since(self.now);
                let wanted_left = wanted.saturating_duration_since(self.now);
                if left.is_zero() || wanted_left.is_zero() {
                    left.is_zero() != wanted_left.is_zero()
                } else if wanted_left <= left + TOLERANCE {
                    left > wanted_left + TOLERANCE
                } else {
                    left <= MARGIN || left * 2 < wanted_left
                }
            }
        }
    }

    /// Notes that the kernel knows of an end that is too early.
    pub(super) fn note_end(&mut self, known: Option<Instant>, wanted: Option<Instant>) {
        if let (Some(known), Some(wanted)) = (known, wanted)
            && wanted > known + TOLERANCE
        {
            let by = known.checked_sub(MARGIN).unwrap_or(known).max(self.now);
            self.plan.again_by = Some(self.plan.again_by.map_or(by, |earlier| earlier.min(by)));
        }
    }

    /// The seconds that are left until then, the last of them whole; the kernel ends nothing early.
    pub(super) fn left(&self, until: Option<Instant>) -> u32 {
        let Some(until) = until else {
            return INFINITE;
        };
        let left = until.saturating_duration_since(self.now);
        let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
        u32::try_from(seconds).unwrap_or(INFINITE).min(INFINITE - 1)
    }
}

/// The first of `sources` for what goes to a destination: one of its own prefix, or else one that is as wide as it is: of a site's own
/// addresses (RFC 4193) to the site's own, and of all others to the rest.
// By RFC 6724 (5, rules 6 and 7): the source has the destination's label, and of those the temporary one is taken.
fn source(sources: &[Ipv6Addr], destination: Ipv6Addr, prefix_len: u8) -> Option<Ipv6Addr> {
    let mut all = sources.iter();
    let is_near = |it: &&Ipv6Addr| prefix_len > 0 && network(**it, prefix_len) == destination;
    if destination.is_unicast_link_local() {
        return None;
    }
    let near = all.find(is_near).copied();
    let is_alike = |it: &&Ipv6Addr| it.is_unique_local() == destination.is_unique_local();
    near.or_else(|| sources.iter().find(is_alike).copied())
}
