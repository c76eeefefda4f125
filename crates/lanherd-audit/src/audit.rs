//! One audit: frames in, with the moment at which the kernel had them; a report out. Pure.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::time::Duration;

use lanherd_ndp::{MessageKind, Packet, Refused};
use lanherd_net::frame::DhcpDatagram;
use lanherd_types::identity::Mac;

use crate::breach::{Breach, Breaches};
use crate::dhcp;
use crate::dhcp6::{self, Datagram};
use crate::report::{Report, Withheld};
use crate::requirement as req;
use crate::router::{RouterLog, advertisement};
use crate::solicitor::Solicitor;

/// How many routers are kept apart: a hostile host can make up any number.
pub const MAX_ROUTERS: usize = 32;
/// How long a router may take to answer a solicitation: the delay of an answer to all nodes, the least time since the one before
/// (RFC 4861, 6.2.6 and 10), and a second for what lies between.
pub const ANSWER_LIMIT: Duration = Duration::from_millis(500 + 3_000 + 1_000);
/// How many router solicitations are sent at most (RFC 4861, 10: `MAX_RTR_SOLICITATIONS`).
const MAX_SOLICITATIONS: u8 = 3;
/// For how long it must have been listened before a rate an hour is told.
const RATE_WINDOW: Duration = Duration::from_secs(600);
/// More than so many an hour are told (RFC 7772, 4).
const OFTEN: f64 = 7.0;

/// What an audit knows of the link, and of what it is to do.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The interface's name.
    pub interface: String,
    /// Its MTU in bytes.
    pub link_mtu: u32,
    /// The host that asks; nothing is sent where `solicits` is false.
    pub solicitor: Solicitor,
    /// Whether anything is sent.
    pub solicits: bool,
}

/// One audit.
#[derive(Debug)]
pub struct Audit {
    settings: Settings,
    /// When the first questions were sent.
    solicited: Option<Duration>,
    /// When the latest router solicitation was sent, and how many were.
    latest_solicitation: Option<Duration>,
    solicitations: u8,
    /// By link-local address and MAC: two routers may have chosen the same address.
    routers: BTreeMap<(Ipv6Addr, Mac), RouterLog>,
    servers: dhcp::Servers,
    servers6: dhcp6::Dhcp6Servers,
    breaches: Breaches,
    frames: u64,
    untold_routers: u64,
}

impl Audit {
    /// One that begins now, at 0.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            solicited: None,
            latest_solicitation: None,
            solicitations: 0,
            routers: BTreeMap::new(),
            servers: dhcp::Servers::default(),
            servers6: dhcp6::Dhcp6Servers::default(),
            breaches: Breaches::default(),
            frames: 0,
            untold_routers: 0,
        }
    }

    /// The frames that are to be sent first, at `now`; none for an audit that only listens.
    pub fn questions(&mut self, now: Duration) -> Vec<Vec<u8>> {
        if !self.settings.solicits {
            return Vec::new();
        }
        self.solicited = Some(now);
        self.latest_solicitation = Some(now);
        self.solicitations = 1;
        self.settings.solicitor.questions()
    }

    /// Takes a frame that the kernel had `at` this moment, and says what is to be sent because of it.
    pub fn hear(&mut self, at: Duration, frame: &[u8]) -> Option<Vec<u8>> {
        let solicitor = &self.settings.solicitor;
        if let Some(datagram) = DhcpDatagram::parse(frame) {
            self.frames += 1;
            self.servers
                .hear(at, &datagram, solicitor, &mut self.breaches);
            return None;
        }
        if let Some(datagram) = Datagram::parse(frame) {
            self.frames += 1;
            self.servers6
                .hear(at, &datagram, solicitor, &mut self.breaches);
            return None;
        }
        match Packet::from_frame(frame) {
            Ok(packet) => {
                if advertisement(&packet).is_some() {
                    self.frames += 1;
                    return self.advertised(at, &packet);
                }
                let is_asked = self.settings.solicits;
                is_asked.then(|| self.settings.solicitor.answer(&packet))?
            }
            Err(refused) => {
                self.refused(at, &refused);
                None
            }
        }
    }

    /// Takes an advertisement. A router that is heard for the first time without having been asked is asked, so that it is known
    /// whether it answers.
    fn advertised(&mut self, at: Duration, packet: &Packet) -> Option<Vec<u8>> {
        let (body, mac) = (advertisement(packet)?, packet.source_mac?);
        let key = (packet.source, mac);
        if self.routers.len() >= MAX_ROUTERS && !self.routers.contains_key(&key) {
            self.untold_routers += 1;
            return None;
        }
        let is_new = !self.routers.contains_key(&key);
        let router = self
            .routers
            .entry(key)
            .or_insert_with(|| RouterLog::new(format!("{} ({mac})", packet.source), at));
        router.hear(
            at,
            packet,
            body,
            self.settings.link_mtu,
            ANSWER_LIMIT,
            &mut self.breaches,
        );
        let latest = self.latest_solicitation?;
        if !is_new {
            return None;
        }
        if at <= latest + ANSWER_LIMIT {
            // It may be the answer; whether it is one matters only of a router that was known when it was asked.
            router.ask(latest);
            router.hear_answer();
            return None;
        }
        if self.solicitations == MAX_SOLICITATIONS {
            return None;
        }
        self.solicitations += 1;
        self.latest_solicitation = Some(at);
        for router in self.routers.values_mut() {
            router.ask(at);
        }
        self.settings.solicitor.router_solicitation()
    }

    /// A malformed router advertisement; what else is malformed is no router's or server's.
    fn refused(&mut self, at: Duration, refused: &Refused) {
        let Some(sender) = refused
            .sender
            .filter(|sender| sender.kind == Some(MessageKind::RouterAdvertisement))
        else {
            return;
        };
        self.frames += 1;
        let name = match sender.mac {
            Some(mac) => format!("{} ({mac})", sender.source),
            None => sender.source.to_string(),
        };
        let what = || format!("byte {}: {}", refused.offset, refused.reason);
        self.breaches
            .add(at, &req::RA_VALID, &name, refused.reason.as_str(), what);
    }

    /// What was found until `now`. Where the kernel had to drop `lost` frames for want of room, nothing is said that rests on a frame
    /// which did not come.
    pub fn report(mut self, now: Duration, lost: u64) -> Report {
        self.conclude(now);
        let (found, untold) = self.breaches.all();
        let (breaches, withheld): (Vec<Breach>, Vec<Breach>) = found
            .into_iter()
            .partition(|breach| lost == 0 || !rests_on_silence(breach));
        Report::new(
            &self.settings,
            now,
            self.solicited.is_some(),
            self.frames,
            self.routers.values(),
            self.servers.seen.values(),
            self.servers6.seen.values(),
            breaches,
            Withheld {
                frames_lost: lost,
                breaches: withheld.len(),
                untold,
                untold_routers: self.untold_routers,
            },
        )
    }

    /// What can be said at the end only.
    fn conclude(&mut self, now: Duration) {
        let Self {
            routers,
            breaches,
            solicited,
            servers,
            servers6,
            ..
        } = self;
        for router in routers.values() {
            router.lapses(now, breaches);
            let since = now.saturating_sub(router.first);
            if since >= RATE_WINDOW && router.an_hour(now) > OFTEN {
                breaches.add(now, &req::RA_OFTEN, &router.name, "", || {
                    format!("{:.0} an hour", router.an_hour(now))
                });
            }
            if router.is_mute(now, ANSWER_LIMIT) {
                breaches.add(now, &req::RA_SOLICITED, &router.name, "", || {
                    format!("none came within {:.1} s", ANSWER_LIMIT.as_secs_f64())
                });
            }
        }
        let all: Vec<&RouterLog> = routers.values().collect();
        for (index, router) in all.iter().enumerate() {
            for other in all.iter().skip(index + 1) {
                router.compare(other, now, breaches);
            }
        }
        let names = |names: Vec<&str>| names.join(", ");
        let default: Vec<&str> = all
            .iter()
            .filter(|router| router.latest.lifetime > 0)
            .map(|router| router.name.as_str())
            .collect();
        if default.len() > 1 {
            breaches.add(now, &req::RA_SEVERAL_ROUTERS, "this link", "", || {
                names(default)
            });
        }
        let leasing: Vec<&str> = servers
            .seen
            .values()
            .filter(|server| server.latest.is_some())
            .map(|server| server.name.as_str())
            .collect();
        if leasing.len() > 1 {
            breaches.add(now, &req::DHCP_SEVERAL_SERVERS, "this link", "", || {
                names(leasing)
            });
        }
        let answering: Vec<&str> = servers6
            .seen
            .values()
            .filter(|server| server.duid.is_some())
            .map(|server| server.name.as_str())
            .collect();
        if answering.len() > 1 {
            breaches.add(now, &req::DHCP6_SEVERAL_SERVERS, "this link", "", || {
                names(answering)
            });
        }
        flags(routers, servers6, *solicited, now, breaches);
    }
}

/// Whether flags and service agree (RFC 7084, L-8 and L-9).
fn flags(
    routers: &BTreeMap<(Ipv6Addr, Mac), RouterLog>,
    servers: &dhcp6::Dhcp6Servers,
    solicited: Option<Duration>,
    now: Duration,
    breaches: &mut Breaches,
) {
    let managed = routers.values().find(|router| router.latest.managed);
    let promised = routers
        .values()
        .find(|router| router.latest.managed || router.latest.other);
    let was_asked = solicited.is_some_and(|asked| now >= asked + ANSWER_LIMIT);
    if let Some(router) = promised
        && was_asked
        && servers.seen.is_empty()
    {
        breaches.add(now, &req::DHCP6_FLAGS, &router.name, "", || {
            let flag = if router.latest.managed { "M" } else { "O" };
            format!("the {flag} flag is set, and no DHCPv6 server answered a SOLICIT")
        });
    }
    let leasing = servers.seen.values().find(|server| server.leases);
    if let Some(server) = leasing
        && managed.is_none()
        && !routers.is_empty()
    {
        breaches.add(now, &req::DHCP6_FLAGS, &server.name, "", || {
            "it leases addresses, and no router sets the M flag: hosts do not ask".to_owned()
        });
    }
}

/// Whether a breach is that something did not come, which a lost frame may have been.
fn rests_on_silence(breach: &Breach) -> bool {
    [
        req::RA_ROUTER_LIFETIME,
        req::RA_RESOLVER_LIFETIME,
        req::RA_SOLICITED,
        req::RA_STALE_PREFIX,
        req::DHCP6_FLAGS,
    ]
    .iter()
    .any(|requirement| requirement.name == breach.requirement)
}
