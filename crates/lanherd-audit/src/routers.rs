//! All routers of one link: what each advertises, how often, and what of it breaks a requirement. A part of an [`Audit`](crate::Audit),
//! and what a herd has of its routers: one for all its clients.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::time::Duration;

use lanherd_ndp::{MessageKind, NeighbourAdvertisement, Packet, Refused};
use lanherd_types::identity::Mac;

use crate::audit::MAX_ROUTERS;
use crate::breach::{Breach, Breaches};
use crate::report::RouterFound;
use crate::requirement as req;
use crate::router::{RouterLog, advertisement};

/// For how long it must have been listened before a rate an hour is told.
const RATE_WINDOW: Duration = Duration::from_secs(600);
/// More than so many an hour are told (RFC 7772, 4).
const OFTEN: f64 = 7.0;

/// The routers of one link. Moments are counted from whenever its owner began.
#[derive(Debug, Clone, Default)]
pub struct RouterAudit {
    /// By link-local address and MAC: two routers may have chosen the same address.
    pub(crate) logs: BTreeMap<(Ipv6Addr, Mac), RouterLog>,
    pub(crate) breaches: Breaches,
    pub(crate) untold: u64,
    link_mtu: u32,
}

/// What there is to say of the routers of a link at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RouterFindings {
    /// The routers that were heard.
    pub routers: Vec<RouterFound>,
    /// What breaks a requirement, what binds most first.
    pub breaches: Vec<Breach>,
}

impl RouterAudit {
    /// Nobody was heard yet, on a link with that MTU in bytes.
    pub fn new(link_mtu: u32) -> Self {
        Self {
            link_mtu,
            ..Self::default()
        }
    }

    /// The link carries so many bytes from now on.
    pub const fn set_link_mtu(&mut self, link_mtu: u32) {
        self.link_mtu = link_mtu;
    }

    /// Takes a packet that came `at` this moment, or so much earlier as its reader may be `late`; whether it is a router advertisement.
    pub fn hear(&mut self, at: Duration, late: Duration, packet: &Packet) -> bool {
        let (Some(body), Some(mac)) = (advertisement(packet), packet.source_mac) else {
            return false;
        };
        let key = (packet.source, mac);
        if self.logs.len() >= MAX_ROUTERS && !self.logs.contains_key(&key) {
            self.untold += 1;
            return true;
        }
        let router = self
            .logs
            .entry(key)
            .or_insert_with(|| RouterLog::new(format!("{} ({mac})", packet.source), at));
        router.hear((at, late), packet, body, self.link_mtu, &mut self.breaches);
        true
    }

    /// Takes a neighbour advertisement: a router that was heard tells its link-layer address.
    pub(crate) fn tell(&mut self, at: Duration, packet: &Packet, told: NeighbourAdvertisement) {
        let mac = packet.source_mac.filter(|_| packet.source == told.target);
        let router = mac.and_then(|mac| self.logs.get_mut(&(packet.source, mac)));
        if let Some(router) = router {
            router.tell(at, told.router, &mut self.breaches);
        }
    }

    /// Takes a packet that hosts are to ignore; whether it claims to be a router advertisement. What else is malformed is no router's.
    pub fn refuse(&mut self, at: Duration, refused: &Refused) -> bool {
        let Some(sender) = refused
            .sender
            .filter(|sender| sender.kind == Some(MessageKind::RouterAdvertisement))
        else {
            return false;
        };
        let name = match sender.mac {
            Some(mac) => format!("{} ({mac})", sender.source),
            None => sender.source.to_string(),
        };
        let what = || format!("byte {}: {}", refused.offset, refused.reason);
        self.breaches
            .add(at, &req::RA_VALID, &name, refused.reason.as_str(), what);
        true
    }

    /// Nobody listened for a while, or the link was down: nothing is said of what did not come meanwhile.
    pub fn interrupted(&mut self) {
        for router in self.logs.values_mut() {
            router.interrupted();
        }
    }

    /// What there is to say `now`, or so much earlier as its reader may be `late`.
    pub fn findings(&self, now: Duration, late: Duration) -> RouterFindings {
        let mut breaches = self.breaches.clone();
        self.conclude((now, late), &mut breaches);
        RouterFindings {
            routers: self.logs.values().map(RouterFound::of).collect(),
            breaches: breaches.all().0,
        }
    }

    /// What can be said of them only together, or at the end.
    pub(crate) fn conclude(&self, (now, late): (Duration, Duration), breaches: &mut Breaches) {
        for router in self.logs.values() {
            router.lapses((now, late), breaches);
            router.conclude(now, breaches);
            let since = now.saturating_sub(router.first);
            if since >= RATE_WINDOW && router.an_hour(now) > OFTEN {
                breaches.add(now, &req::RA_OFTEN, &router.name, "", || {
                    format!("{:.0} an hour", router.an_hour(now))
                });
            }
        }
        let all: Vec<&RouterLog> = self.logs.values().collect();
        for (index, router) in all.iter().enumerate() {
            for other in all.iter().skip(index + 1) {
                router.compare(other, now, breaches);
            }
        }
        let default = all.iter().filter(|router| router.latest.lifetime > 0);
        let default: Vec<&str> = default.map(|router| router.name.as_str()).collect();
        if default.len() > 1 {
            let names = || default.join(", ");
            breaches.add(now, &req::RA_SEVERAL_ROUTERS, "this link", "", names);
        }
    }
}
