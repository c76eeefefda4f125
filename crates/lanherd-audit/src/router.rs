//! What one router advertises, how often, and what of it breaks a requirement.

mod comparison;
mod options;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::time::Duration;

use lanherd_ndp::options::{PrefixInformation, Resolvers, RouteInformation, SearchList};
use lanherd_ndp::{Body, Lifetime, Message, NdOption, Packet, Prefix, RouterAdvertisement};

use crate::asking::Asking;
use crate::breach::Breaches;
use crate::requirement as req;

/// `MIN_DELAY_BETWEEN_RAS` (RFC 4861, 10).
const MIN_DELAY_BETWEEN_RAS: Duration = Duration::from_secs(3);
/// How much nearer than that two advertisements may be on their arrival: switches and drivers hold frames back for a moment.
const JITTER: Duration = Duration::from_millis(100);
/// Within this time a router that withdrew itself and is one again flaps.
const FLAP: Duration = Duration::from_secs(60);
/// In so many advertisements running a prefix must be missing to be gone: a router may spread its options over several (RFC 4861,
/// 6.2.3).
const MISSING: u32 = 3;
/// How many prefixes of one router are followed, and how many routes. A packet has room for some fifty.
const MAX_PREFIXES: usize = 64;
/// Unique local prefixes (RFC 4193, 3.1).
const UNIQUE_LOCAL: Prefix = match Prefix::new(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7) {
    Some(prefix) => prefix,
    None => Prefix::DEFAULT,
};
/// The limits of RFC 9096, 3.4, in seconds.
const PREFERRED_LIMIT: u32 = 2_700;
const VALID_LIMIT: u32 = 5_400;
/// The least MTU of an IPv6 link in bytes (RFC 8200, 5).
const MIN_MTU: u32 = 1_280;

/// The MTU of Ethernet in bytes; more counts only where an interface is set to it (RFC 2464, 2).
const ETHERNET_MTU: u32 = 1_500;
/// How much the ends of lifetimes may differ that two routers count down.
const COUNTDOWN: Duration = Duration::from_secs(10);

/// A prefix of a router, as it was last advertised.
#[derive(Debug, Clone)]
struct FollowedPrefix {
    latest: PrefixInformation,
    at: Duration,
    /// In how many advertisements since it did not stand.
    missing: u32,
}

/// Something with a lifetime, as it was last advertised to all.
#[derive(Debug, Clone, Copy)]
struct Advertised {
    at: Duration,
    lifetime: Lifetime,
}

impl Advertised {
    /// How long it had ended when `now` came; `None`: it had not.
    fn ended_before(self, now: Duration, late: Duration) -> Option<Duration> {
        let lasts = self.lifetime.duration().filter(|lasts| !lasts.is_zero())?;
        let since = now.saturating_sub(self.at);
        (since > lasts + JITTER + late).then_some(since)
    }
}

/// One router: all advertisements from one link-local address and MAC.
#[derive(Debug, Clone)]
pub(crate) struct RouterLog {
    /// How it is named in breaches.
    pub(crate) name: String,
    pub(crate) to_all: u64,
    pub(crate) to_one: u64,
    pub(crate) first: Duration,
    /// The latest one to all nodes.
    latest_to_all: Option<Duration>,
    pub(crate) shortest_gap: Option<Duration>,
    pub(crate) longest_gap: Option<Duration>,
    pub(crate) latest: RouterAdvertisement,
    pub(crate) options: Vec<NdOption>,
    /// How often it was asked after it had been heard.
    pub(crate) asked: u8,
    /// Whether an advertisement of its own came soon after a question.
    pub(crate) has_answered: bool,
    /// How often its link-layer address was asked for, as any host does that sends something through it.
    pub(crate) neighbour_asked: Asking,
    /// Whether it has told that.
    pub(crate) is_neighbour: bool,
    latest_at: Duration,
    withdrawn: Option<Duration>,
    router: Option<Advertised>,
    resolvers: Option<Advertised>,
    search: Option<Advertised>,
    prefixes: BTreeMap<Prefix, FollowedPrefix>,
    /// Where it said that it leads to.
    routes: BTreeSet<Prefix>,
}

impl RouterLog {
    pub(crate) fn new(name: String, at: Duration) -> Self {
        Self {
            name,
            to_all: 0,
            to_one: 0,
            first: at,
            latest_to_all: None,
            shortest_gap: None,
            longest_gap: None,
            latest: RouterAdvertisement::default(),
            options: Vec::new(),
            asked: 0,
            has_answered: false,
            neighbour_asked: Asking::default(),
            is_neighbour: false,
            latest_at: at,
            withdrawn: None,
            router: None,
            resolvers: None,
            search: None,
            prefixes: BTreeMap::new(),
            routes: BTreeSet::new(),
        }
    }

    /// It tells its link-layer address.
    pub(crate) fn tell(&mut self, at: Duration, is_router: bool, breaches: &mut Breaches) {
        self.is_neighbour = true;
        if !is_router {
            breaches.add(at, &req::ND_ROUTER, &self.name, "", || {
                "it answers a neighbour solicitation, and says that it is no router: the R flag is 0"
                    .to_owned()
            });
        }
    }

    /// Nobody has listened for a while: what did not come meanwhile is no gap.
    pub(crate) const fn interrupted(&mut self) {
        self.latest_to_all = None;
        self.router = None;
        self.resolvers = None;
        self.search = None;
        self.withdrawn = None;
    }

    /// Takes an advertisement of this router's, which came at that moment, or so much earlier as its reader may be late.
    pub(crate) fn hear(
        &mut self,
        (at, late): (Duration, Duration),
        packet: &Packet,
        body: RouterAdvertisement,
        link_mtu: u32,
        breaches: &mut Breaches,
    ) {
        let message = &packet.message;
        self.latest_at = at;
        if packet.destination.is_multicast() {
            self.heard_by_all((at, late), message, body, breaches);
        } else {
            self.to_one += 1;
        }
        self.options_of(at, message, link_mtu, breaches);
        self.routes_of(at, message, body, breaches);
        if u32::from(body.lifetime) > PREFERRED_LIMIT {
            breaches.add(at, &req::RA_LIFETIME_LIMITS, &self.name, "router", || {
                format!("the router lifetime is {} s", body.lifetime)
            });
        }
        if let (Some(said), Some(real)) = (message.source_link_layer(), packet.source_mac)
            && said != real
        {
            breaches.add(at, &req::RA_LINK_LAYER, &self.name, "", || {
                format!("option 1 says {said}, and the frame is from {real}")
            });
        }
        self.flaps(at, body, breaches);
        let has_resolvers = message.options.iter().any(|option| {
            matches!(option, NdOption::Resolvers(resolvers) if !resolvers.lifetime.is_zero())
        });
        if body.lifetime > 0 && !has_resolvers && !body.managed && !body.other {
            breaches.add(at, &req::RA_NO_RESOLVER, &self.name, "", || {
                "option 25 is missing, and the flags M and O are 0".to_owned()
            });
        }
        self.latest = body;
        self.options.clone_from(&message.options);
    }

    /// What only an advertisement that reaches every host tells.
    fn heard_by_all(
        &mut self,
        (at, late): (Duration, Duration),
        message: &Message,
        body: RouterAdvertisement,
        breaches: &mut Breaches,
    ) {
        self.to_all += 1;
        if let Some(before) = self.latest_to_all.replace(at) {
            let gap = at.saturating_sub(before);
            self.shortest_gap = Some(self.shortest_gap.map_or(gap, |known| known.min(gap)));
            self.longest_gap = Some(self.longest_gap.map_or(gap, |known| known.max(gap)));
            // Of a router that ceases, up to three may come at once (RFC 4861, 6.2.5).
            if gap + JITTER + late < MIN_DELAY_BETWEEN_RAS && body.lifetime > 0 {
                breaches.add(at, &req::RA_RATE, &self.name, "", || {
                    format!("two are {:.1} s apart", gap.as_secs_f64())
                });
            }
        }
        self.lapses((at, late), breaches);
        self.router = Some(Advertised {
            at,
            lifetime: body.router_lifetime(),
        });
        for option in &message.options {
            match option {
                NdOption::Resolvers(Resolvers { lifetime, .. }) => {
                    self.resolvers = Some(Advertised {
                        at,
                        lifetime: *lifetime,
                    });
                }
                NdOption::SearchList(SearchList { lifetime, .. }) => {
                    self.search = Some(Advertised {
                        at,
                        lifetime: *lifetime,
                    });
                }
                _ => (),
            }
        }
        self.follow_prefixes(at, message, breaches);
    }

    /// What had ended before it was advertised again, or before now.
    pub(crate) fn lapses(&self, (now, late): (Duration, Duration), breaches: &mut Breaches) {
        let lapsed = |what: Option<Advertised>| {
            let what = what?;
            Some((what.ended_before(now, late)?, what.lifetime))
        };
        if let Some((since, lifetime)) = lapsed(self.router) {
            breaches.add(now, &req::RA_ROUTER_LIFETIME, &self.name, "", || {
                format!(
                    "the router lifetime is {lifetime}, and for {:.1} s none came",
                    since.as_secs_f64()
                )
            });
        }
        for (what, name) in [
            (self.resolvers, "resolvers live"),
            (self.search, "the search list lives"),
        ] {
            if let Some((since, lifetime)) = lapsed(what) {
                breaches.add(now, &req::RA_RESOLVER_LIFETIME, &self.name, name, || {
                    format!(
                        "{name} {lifetime}, and for {:.1} s none came",
                        since.as_secs_f64()
                    )
                });
            }
        }
    }

    /// What it says of the routes through it: those to everything, and those that it leads to.
    fn routes_of(
        &mut self,
        at: Duration,
        message: &Message,
        body: RouterAdvertisement,
        breaches: &mut Breaches,
    ) {
        for option in &message.options {
            let NdOption::Route(route) = option else {
                continue;
            };
            let RouteInformation {
                prefix, lifetime, ..
            } = *route;
            if lifetime.is_zero() {
                self.routes.remove(&prefix);
            } else if self.routes.len() < MAX_PREFIXES {
                self.routes.insert(prefix);
            }
            if prefix == Prefix::DEFAULT && lifetime.is_zero() != (body.lifetime == 0) {
                breaches.add(at, &req::RA_DEFAULT_ROUTE, &self.name, "", || {
                    format!(
                        "the router lifetime is {} s, and that of the route to ::/0 {lifetime}",
                        body.lifetime
                    )
                });
            }
        }
    }

    /// What a home router is to say all in all, however its options are spread over advertisements.
    pub(crate) fn conclude(&self, now: Duration, breaches: &mut Breaches) {
        let followed = self.prefixes.values().map(|followed| &followed.latest);
        let all: BTreeMap<Prefix, &PrefixInformation> = followed
            .chain(self.advertised_prefixes())
            .filter(|information| !information.prefix.is_link_local())
            .map(|information| (information.prefix, information))
            .collect();
        let current = || {
            let all = all.values();
            let current = all.filter(|it| !it.preferred.is_zero() && !it.valid.is_zero());
            current.map(|it| it.prefix)
        };
        let leads_to = |prefix: &Prefix| {
            let mut routes = self.routes.iter();
            routes
                .any(|route| route.length() <= prefix.length() && route.contains(prefix.address()))
        };
        let unrouted = current().filter(|prefix| !leads_to(prefix));
        let unrouted: Vec<String> = unrouted.map(|prefix| prefix.to_string()).collect();
        if !unrouted.is_empty() {
            breaches.add(now, &req::RA_ROUTE, &self.name, "", || {
                format!("no option 24 covers {}", unrouted.join(", "))
            });
        }
        let is_ours_alone = |prefix: Prefix| UNIQUE_LOCAL.contains(prefix.address());
        if self.latest.lifetime > 0 && !all.is_empty() && current().all(is_ours_alone) {
            breaches.add(now, &req::RA_UNIQUE_LOCAL, &self.name, "", || {
                let lifetime = self.latest.lifetime;
                let current: Vec<String> = current().map(|prefix| prefix.to_string()).collect();
                if current.is_empty() {
                    format!("the router lifetime is {lifetime} s, and no prefix is preferred")
                } else {
                    let current = current.join(", ");
                    format!("the router lifetime is {lifetime} s, and only {current} is preferred")
                }
            });
        }
    }

    /// Which prefixes are gone without a word.
    fn follow_prefixes(&mut self, at: Duration, message: &Message, breaches: &mut Breaches) {
        for followed in self.prefixes.values_mut() {
            followed.missing += 1;
        }
        for option in &message.options {
            if let NdOption::Prefix(latest) = option
                && (self.prefixes.len() < MAX_PREFIXES
                    || self.prefixes.contains_key(&latest.prefix))
            {
                let followed = FollowedPrefix {
                    latest: *latest,
                    at,
                    missing: 0,
                };
                self.prefixes.insert(latest.prefix, followed);
            }
        }
        for (prefix, followed) in &self.prefixes {
            let FollowedPrefix {
                latest,
                at: said,
                missing,
            } = followed;
            let left = latest.preferred.duration();
            let is_preferred = left.is_none_or(|left| at.saturating_sub(*said) < left);
            if *missing == MISSING && latest.autonomous && is_preferred {
                let what = || {
                    format!(
                        "{prefix} stood in no advertisement since {:.1} s ago, when it was preferred for {}",
                        at.saturating_sub(*said).as_secs_f64(),
                        latest.preferred
                    )
                };
                breaches.add(
                    at,
                    &req::RA_STALE_PREFIX,
                    &self.name,
                    prefix.to_string(),
                    what,
                );
            }
        }
        self.prefixes
            .retain(|_, followed| followed.missing < MISSING);
    }

    fn flaps(&mut self, at: Duration, body: RouterAdvertisement, breaches: &mut Breaches) {
        if body.lifetime == 0 {
            if self.latest.lifetime > 0 {
                self.withdrawn = Some(at);
            }
        } else if let Some(withdrawn) = self.withdrawn.take() {
            let after = at.saturating_sub(withdrawn);
            if after < FLAP {
                breaches.add(at, &req::RA_FLAPS, &self.name, "", || {
                    format!(
                        "router lifetime 0, and {} s again {:.1} s later",
                        body.lifetime,
                        after.as_secs_f64()
                    )
                });
            }
        }
    }

    /// The prefixes that it advertises.
    fn advertised_prefixes(&self) -> impl Iterator<Item = &PrefixInformation> {
        self.options.iter().filter_map(|option| match option {
            NdOption::Prefix(information) => Some(information),
            _ => None,
        })
    }

    /// Whether it names the prefix of a NAT64 (RFC 8781).
    pub(crate) fn names_nat64(&self) -> bool {
        let mut options = self.options.iter();
        options.any(|option| matches!(option, NdOption::Pref64(it) if !it.lifetime.is_zero()))
    }

    /// How many advertisements to all an hour, from when its first came until `now`.
    pub(crate) fn an_hour(&self, now: Duration) -> f64 {
        let hours = now.saturating_sub(self.first).as_secs_f64() / 3_600.0;
        if hours > 0.0 {
            self.to_all as f64 / hours
        } else {
            0.0
        }
    }
}

/// The fixed fields of an advertisement; `None`: the packet is none.
pub(crate) const fn advertisement(packet: &Packet) -> Option<RouterAdvertisement> {
    match packet.message.body {
        Body::RouterAdvertisement(body) => Some(body),
        _ => None,
    }
}
