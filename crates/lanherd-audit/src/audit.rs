//! One audit: frames in, with the moment at which the kernel had them; a report out. Pure.

use std::time::{Duration, Instant};

use lanherd_dhcp::code::V6_ONLY;
use lanherd_ndp::{Body, Packet};
use lanherd_net::frame::DhcpDatagram;
use lanherd_net::lan::ipv6::Packet6;

use crate::asking::{ANSWER_LIMIT, Asking, BEFORE_SILENCE};
use crate::breach::Breach;
use crate::dhcp;
use crate::dhcp6;
use crate::report::{Report, Withheld};
use crate::requirement as req;
use crate::router::RouterLog;
use crate::routers::RouterAudit;
use crate::solicitor::Solicitor;

/// How many routers are kept apart: a hostile host can make up any number.
pub const MAX_ROUTERS: usize = 32;

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

/// One audit: what was heard of routers and servers so far, and what is to be asked.
#[derive(Debug)]
pub struct Audit {
    settings: Settings,
    /// When the first questions were sent; `None`: none was.
    began: Option<Duration>,
    routers_asked: Asking,
    /// Of servers of `DHCPv6`, since a router has told that there are some.
    servers6_asked: Asking,
    /// The routers, and whatever anybody breaks.
    routers: RouterAudit,
    servers: dhcp::Servers,
    servers6: dhcp6::Dhcp6Servers,
    frames: u64,
}

impl Audit {
    /// One that begins now, at 0.
    pub fn new(settings: Settings) -> Self {
        Self {
            routers: RouterAudit::new(settings.link_mtu),
            settings,
            began: None,
            routers_asked: Asking::default(),
            servers6_asked: Asking::default(),
            servers: dhcp::Servers::default(),
            servers6: dhcp6::Dhcp6Servers::default(),
            frames: 0,
        }
    }

    /// The frames that are to be sent `now`; none for an audit that only listens. To be asked at the beginning, and every second or so.
    pub fn questions(&mut self, now: Duration) -> Vec<Vec<u8>> {
        if !self.settings.solicits {
            return Vec::new();
        }
        let solicitor = &self.settings.solicitor;
        let Some(began) = self.began else {
            self.began = Some(now);
            self.routers_asked.ask(now);
            let frames = [
                solicitor.router_solicitation(),
                solicitor.discover(),
                solicitor.solicit(Duration::ZERO),
            ];
            return frames.into_iter().flatten().collect();
        };
        let mut frames = Vec::new();
        let mut mute: Vec<_> = self
            .routers
            .logs
            .values_mut()
            .filter(|router| !router.has_answered)
            .collect();
        if !mute.is_empty() && self.routers_asked.is_due(now) {
            self.routers_asked.ask(now);
            for router in &mut mute {
                router.asked += 1;
            }
            frames.extend(solicitor.router_solicitation());
        }
        for ((address, _), router) in &mut self.routers.logs {
            if !router.is_neighbour && router.neighbour_asked.is_due(now) {
                router.neighbour_asked.ask(now);
                frames.extend(solicitor.neighbour_solicitation(*address));
            }
        }
        if self.servers6.seen.is_empty()
            && let Some(promise) = self.promise()
            && now >= began + ANSWER_LIMIT
            && self.servers6_asked.is_due(now)
        {
            self.servers6_asked.ask(now);
            let elapsed = now.saturating_sub(began);
            frames.extend(match promise {
                Promise::Addresses => solicitor.solicit(elapsed),
                Promise::Others => solicitor.request_information(elapsed),
            });
        }
        frames
    }

    /// What a router's flags promise of `DHCPv6`.
    fn promise(&self) -> Option<Promise> {
        let says = |is_set: fn(&RouterLog) -> bool| self.routers.logs.values().any(is_set);
        if says(|router| router.latest.managed) {
            Some(Promise::Addresses)
        } else {
            says(|router| router.latest.other).then_some(Promise::Others)
        }
    }

    /// Takes a frame that the kernel had `at` this moment, and says what is to be sent because of it.
    pub fn hear(&mut self, at: Duration, frame: &[u8]) -> Option<Vec<u8>> {
        let solicitor = &self.settings.solicitor;
        if let Some(datagram) = DhcpDatagram::parse(frame) {
            self.frames += 1;
            self.servers
                .hear(at, &datagram, solicitor, &mut self.routers.breaches);
            return None;
        }
        if let Some(packet) = Packet6::of_dhcp6(frame, Instant::now()) {
            self.frames += 1;
            self.servers6
                .hear(at, &packet, solicitor, &mut self.routers.breaches);
            return None;
        }
        match Packet::from_frame(frame) {
            Ok(packet) => {
                if self.routers.hear(at, Duration::ZERO, &packet) {
                    self.frames += 1;
                    self.may_be_answer(at, &packet);
                } else if let Body::NeighbourAdvertisement(told) = packet.message.body {
                    self.routers.tell(at, &packet, told);
                }
                if self.settings.solicits {
                    self.settings.solicitor.answer(&packet)
                } else {
                    None
                }
            }
            Err(refused) => {
                self.frames += u64::from(self.routers.refuse(at, &refused));
                None
            }
        }
    }

    /// An advertisement may answer the latest question for routers.
    fn may_be_answer(&mut self, at: Duration, packet: &Packet) {
        let key = packet.source_mac.map(|mac| (packet.source, mac));
        let router = key.and_then(|key| self.routers.logs.get_mut(&key));
        if let Some(router) = router {
            router.has_answered |= self.routers_asked.may_be_answered(at);
        }
    }

    /// What was found until `now`. Where the kernel had to drop `lost` frames for want of room, nothing is said that rests on a frame
    /// which did not come.
    pub fn report(mut self, now: Duration, lost: u64) -> Report {
        self.conclude(now);
        let (found, untold) = self.routers.breaches.all();
        let (breaches, withheld): (Vec<Breach>, Vec<Breach>) = found
            .into_iter()
            .partition(|breach| lost == 0 || !rests_on_silence(breach));
        Report::new(
            &self.settings,
            now,
            self.began.is_some(),
            self.frames,
            self.routers.logs.values(),
            self.servers.seen.values(),
            self.servers6.seen.values(),
            breaches,
            Withheld {
                frames_lost: lost,
                breaches: withheld.len(),
                untold,
                untold_routers: self.routers.untold,
            },
        )
    }

    /// What can be said at the end only.
    fn conclude(&mut self, now: Duration) {
        self.flags(now);
        let had_time = self.routers_asked.is_over(now);
        let mut breaches = std::mem::take(&mut self.routers.breaches);
        self.routers.conclude((now, Duration::ZERO), &mut breaches);
        for router in self.routers.logs.values() {
            if !router.has_answered && router.asked >= BEFORE_SILENCE && had_time {
                breaches.add(now, &req::RA_SOLICITED, &router.name, "", || {
                    format!(
                        "asked {} times after it was heard, and none came within {:.1} s",
                        router.asked,
                        ANSWER_LIMIT.as_secs_f64()
                    )
                });
            }
            let asked = &router.neighbour_asked;
            if !router.is_neighbour && asked.times() >= BEFORE_SILENCE && asked.is_over(now) {
                breaches.add(now, &req::ND_ANSWERS, &router.name, "", || {
                    format!(
                        "asked {} times for its link-layer address, and it did not answer within {:.1} s",
                        asked.times(),
                        ANSWER_LIMIT.as_secs_f64()
                    )
                });
            }
        }
        let names = |names: Vec<&str>| names.join(", ");
        let has_nat64 = self.routers.logs.values().any(RouterLog::names_nat64);
        for server in self.servers.seen.values().filter(|_| !has_nat64) {
            let offers = |message: &lanherd_dhcp::Message| message.options.get(V6_ONLY).is_some();
            if server.latest.as_ref().is_some_and(offers) {
                breaches.add(now, &req::DHCP_IPV6_ONLY, &server.name, "", || {
                    "option 108 is offered, and no router advertises the prefix of a NAT64 (option 38): hosts that know the option reach \
                     nothing that has only IPv4"
                        .to_owned()
                });
            }
        }
        let leasing: Vec<&str> = self
            .servers
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
        let answering: Vec<&str> = self
            .servers6
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
        self.routers.breaches = breaches;
    }

    /// Whether flags and service agree (RFC 7084, L-8 and L-9).
    fn flags(&mut self, now: Duration) {
        let promise = self.promise();
        let mut routers = self.routers.logs.values();
        let promises = |router: &&RouterLog| router.latest.managed || router.latest.other;
        let was_asked = self.servers6_asked.times() >= BEFORE_SILENCE;
        let servers = &self.servers6.seen;
        if let Some(router) = routers.find(promises)
            && servers.is_empty()
            && was_asked
            && self.servers6_asked.is_over(now)
        {
            let (flag, question) = match promise {
                Some(Promise::Addresses) => ("M", "SOLICIT"),
                _ => ("O", "INFORMATION-REQUEST"),
            };
            let times = self.servers6_asked.times();
            self.routers.breaches
                .add(now, &req::DHCP6_FLAGS, &router.name, "", || {
                    format!("the {flag} flag is set, and no DHCPv6 server answered {times} times {question}")
                });
        }
        let is_managed = promise == Some(Promise::Addresses);
        if let Some(server) = servers.values().find(|server| server.leases)
            && !is_managed
            && !self.routers.logs.is_empty()
        {
            self.routers
                .breaches
                .add(now, &req::DHCP6_UNANNOUNCED, &server.name, "", || {
                    "it leases addresses, and no router sets the M flag: most hosts do not ask"
                        .to_owned()
                });
        }
    }
}

/// What is to be had by `DHCPv6`, as a router says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    /// Addresses, and all else: the M flag.
    Addresses,
    /// No addresses: the O flag alone.
    Others,
}

/// Whether a breach is that something did not come, which a lost frame may have been.
fn rests_on_silence(breach: &Breach) -> bool {
    [
        req::RA_ROUTER_LIFETIME,
        req::RA_RESOLVER_LIFETIME,
        req::RA_SOLICITED,
        req::ND_ANSWERS,
        req::RA_STALE_PREFIX,
        req::DHCP6_FLAGS,
        req::DHCP6_UNANNOUNCED,
        req::DHCP_IPV6_ONLY,
    ]
    .iter()
    .any(|requirement| requirement.name == breach.requirement)
}
