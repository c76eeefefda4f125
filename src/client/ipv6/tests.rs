//! Timelines on a virtual clock: a router and a DHCPv6 server of a few lines each, and a kernel that looks for duplicates.

mod delegated;
mod hostile;
mod leased;
mod lost;
mod overdue;
mod past_the_actor;
mod storm;
mod temporary;
mod usable;

use std::collections::HashSet;

use super::*;
use crate::dhcp6::{
    Duid, Ia, IaAddress, IaKind, IaPrefix, Message, MessageType, Options, Status, StatusCode, code,
};
use crate::lan::frame6::Ends6;
use crate::ndp::options::PrefixInformation;
use crate::ndp::slaac::Secret;
use crate::ndp::{Lifetime, NdOption, Packet, Prefix, RouterAdvertisement};
use crate::phase::{Cause, Stage};

const MAC: Mac = Mac([2, 0, 0x5e, 0x10, 0, 1]);
const ROUTER_MAC: Mac = Mac([2, 0, 0x5e, 0xff, 0, 1]);
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const PREFIX: &str = "2001:db8:77::/64";
const LEASED: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 0x50);
const LIMIT: Duration = Duration::from_secs(30);
/// How long an answer takes.
const LATENCY: Duration = Duration::from_millis(10);
/// How long the kernel looks for others with an address.
const DETECTION: Duration = Duration::from_secs(1);
/// Where a DHCPv6 message begins in its frame.
const DHCP6_AT: usize = 14 + 40 + 8;

/// What the router says.
#[derive(Debug, Clone)]
struct Advertised {
    body: RouterAdvertisement,
    options: Vec<NdOption>,
}

fn prefix(text: &str, preferred: u32, valid: u32) -> NdOption {
    NdOption::Prefix(PrefixInformation {
        prefix: text.parse().expect("a prefix"),
        on_link: true,
        autonomous: true,
        router_address: false,
        delegation_preferred: false,
        valid: Lifetime::from_secs(valid),
        preferred: Lifetime::from_secs(preferred),
    })
}

/// A default router for half an hour.
fn advertised(managed: bool, other: bool, options: &[NdOption]) -> Advertised {
    Advertised {
        body: RouterAdvertisement {
            managed,
            other,
            lifetime: 1800,
            ..RouterAdvertisement::default()
        },
        options: options.to_vec(),
    }
}

/// How the DHCPv6 server answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Serves {
    Nothing,
    Leases,
    /// An ADVERTISE, and then nothing.
    AdvertisesOnly,
    Refuses(StatusCode),
    /// With this status in its REPLYs to RENEW and REBIND.
    ForgetsWith(StatusCode),
}

/// The client, its clock and its link.
struct Timeline {
    stack: Stack6,
    start: Instant,
    now: Instant,
    router: Option<Advertised>,
    server: Serves,
    /// What the server delegates, preferred and valid for so many seconds; `None`: it has none for anybody.
    delegates: Option<(Prefix, u32, u32)>,
    /// Whether the server says so, where it has none.
    knows_prefixes: bool,
    /// What comes when.
    coming: Vec<(Instant, Coming)>,
    squatters: HashSet<Ipv6Addr>,
    set: Addressing6,
    /// What was said, each with the second, but for frames, addressings and states.
    said: Vec<(f64, Output6)>,
    sent: Vec<(f64, Sent6)>,
    settings: usize,
    /// The lease that is written down.
    written: Option<Written>,
    /// Whether an earlier process has left something on the link.
    has_found: bool,
}

#[derive(Debug, Clone)]
enum Coming {
    Discovery(Vec<u8>),
    Dhcp6(Vec<u8>),
    Detected(Ipv6Addr),
}

impl Timeline {
    fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(MAC, Secret([7; 16]), LIMIT);
        config.host.start_delay = Duration::ZERO..=Duration::ZERO;
        config.dhcp6.start_delay = Duration::ZERO..=Duration::ZERO;
        change(&mut config);
        let start = Instant::now();
        Self {
            stack: Stack6::new(config, &mut fastrand::Rng::with_seed(7)),
            start,
            now: start,
            router: None,
            server: Serves::Nothing,
            delegates: None,
            knows_prefixes: true,
            coming: Vec::new(),
            squatters: HashSet::new(),
            set: Addressing6::default(),
            said: Vec::new(),
            sent: Vec::new(),
            settings: 0,
            written: None,
            has_found: false,
        }
    }

    /// With this router, started.
    fn beside(router: Advertised, server: Serves) -> Self {
        let mut timeline = Self::new(|_| {});
        timeline.router = Some(router);
        timeline.server = server;
        timeline.start();
        timeline
    }

    fn start(&mut self) {
        self.stack.start(None, self.now);
        self.drain();
    }

    fn tell(&mut self, order: impl FnOnce(&mut Stack6, Instant)) {
        order(&mut self.stack, self.now);
        self.drain();
    }

    /// Lets that many seconds pass.
    fn run(&mut self, seconds: f64) {
        let end = self.now + Duration::from_secs_f64(seconds);
        loop {
            let coming = self.coming.iter().map(|(at, _)| *at);
            let next = coming.chain(self.stack.poll_timeout()).min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            let is_here = |(at, _): &(Instant, Coming)| *at <= next;
            match self.coming.iter().position(is_here) {
                Some(at) => {
                    let (_, coming) = self.coming.remove(at);
                    self.arrive(coming);
                }
                None => self.stack.handle_timeout(self.now),
            }
            self.drain();
        }
    }

    fn arrive(&mut self, coming: Coming) {
        let read = |frame: &[u8]| Packet6::from_frame(frame, self.now).expect("a packet");
        match coming {
            Coming::Discovery(frame) => self
                .stack
                .handle_discovery(&Packet::from_frame(&frame), self.now),
            Coming::Dhcp6(frame) => self.stack.handle_dhcp6(&read(&frame), self.now),
            Coming::Detected(address) => {
                let outcome = if self.squatters.contains(&address) {
                    let holder = Some(ROUTER_MAC);
                    DadOutcome::Duplicate { holder }
                } else {
                    DadOutcome::Unique
                };
                let is_set = self.set.addresses.iter().any(|it| it.address == address);
                if is_set {
                    self.stack.handle_dad(address, outcome, self.now);
                }
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.stack.poll_output() {
            let second = (self.now - self.start).as_secs_f64();
            match output {
                Output6::Configure(addressing) => self.configure(addressing),
                Output6::Transmit(sent, frame) => {
                    self.sent.push((second, sent));
                    self.answer(sent, &frame);
                }
                Output6::State(state) => assert_eq!(state, *self.stack.state()),
                Output6::Remember(lease) => self.written = lease,
                other => self.said.push((second, other)),
            }
        }
    }

    fn configure(&mut self, addressing: Addressing6) {
        for new in &addressing.addresses {
            let is_known = self
                .set
                .addresses
                .iter()
                .any(|it| it.address == new.address);
            if !is_known && new.detects_duplicates {
                let detected = Coming::Detected(new.address);
                self.coming.push((self.now + DETECTION, detected));
            }
        }
        self.settings += 1;
        self.set = addressing;
        self.stack.configured(Configured6 {
            keeps_found: self.has_found && self.set.keeps_found,
            ..Configured6::default()
        });
    }

    fn answer(&mut self, sent: Sent6, frame: &[u8]) {
        match sent {
            Sent6::RouterSolicitation => self.advertise(),
            Sent6::NeighbourDiscovery => {}
            Sent6::Dhcp6(_) => {
                let question = Message::decode(&frame[DHCP6_AT..]).expect("a message");
                if let Some(answer) = self.serve(&question) {
                    self.coming
                        .push((self.now + LATENCY, Coming::Dhcp6(answer)));
                }
            }
        }
    }

    /// The router says what it says, to all.
    fn advertise(&mut self) {
        if let Some(frame) = self.router.as_ref().map(advertisement) {
            self.coming
                .push((self.now + LATENCY, Coming::Discovery(frame)));
        }
    }

    /// The server's answer, as a whole frame.
    fn serve(&self, question: &Message) -> Option<Vec<u8>> {
        use MessageType as Type;
        let is_first = question.message_type == Type::Solicit;
        let extends = matches!(question.message_type, Type::Renew | Type::Rebind);
        let refusal = match self.server {
            Serves::Nothing => return None,
            Serves::AdvertisesOnly if !is_first => return None,
            Serves::AdvertisesOnly | Serves::Leases => None,
            Serves::Refuses(code) => Some(code),
            Serves::ForgetsWith(code) => extends.then_some(code),
        };
        let kind = if is_first {
            Type::Advertise
        } else {
            Type::Reply
        };
        let mut answer = Message::answer_to(question, kind);
        let duid = Duid::link_layer(ROUTER_MAC);
        answer.options.set(code::SERVER_ID, duid.as_bytes());
        let resolver = [Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 0x53)];
        answer.options.push_addresses(code::DNS_SERVERS, &resolver);
        let asked: Vec<Ia> = question.options.ias().collect();
        for asked in &asked {
            let mut ia = Ia::new(asked.kind, asked.iaid);
            (ia.t1, ia.t2) = (1800, 2880);
            match (refusal, asked.kind, self.delegates) {
                (Some(code), ..) => push_status(&mut ia.options, code),
                (None, IaKind::TemporaryAddresses, _) => {}
                (None, IaKind::Addresses, _) => {
                    let leased = IaAddress::new(LEASED, 3600, 7200);
                    ia.options.push_address(&leased);
                }
                (None, IaKind::Prefixes, Some((prefix, preferred, valid))) => {
                    let leased = IaPrefix::new(prefix, preferred, valid);
                    ia.options.push_prefix(&leased);
                }
                (None, IaKind::Prefixes, None) if !self.knows_prefixes => continue,
                (None, IaKind::Prefixes, None) => {
                    push_status(&mut ia.options, StatusCode::NoPrefixAvail);
                }
            }
            answer.options.push_ia(&ia);
        }
        if asked.is_empty() && question.message_type == Type::Confirm {
            push_status(&mut answer.options, StatusCode::Success);
        }
        let bytes = answer.encode().expect("short");
        // The ports are those of the way back.
        let ends = Ends6 {
            link_source: ROUTER_MAC,
            link_destination: MAC,
            source: ROUTER,
            destination: self.stack.host.link_local().expect("an address"),
        };
        let there = crate::lan::frame6::dhcp6_frame(&ends, &bytes).expect("fits");
        Some(turned(there))
    }

    fn ups(&self) -> Vec<f64> {
        let ups = self.said.iter();
        ups.filter_map(|(at, said)| matches!(said, Output6::Up(_)).then_some(*at))
            .collect()
    }

    /// What was said that it is lost or overdue.
    fn failures(&self) -> Vec<(f64, &'static str, Failure)> {
        let said = self.said.iter();
        said.filter_map(|(at, said)| match said {
            Output6::Lost(failure) => Some((*at, "lost", failure.clone())),
            Output6::Overdue(failure) => Some((*at, "overdue", failure.clone())),
            _ => None,
        })
        .collect()
    }

    /// The one failure.
    fn failure(&self) -> (f64, &'static str, Failure) {
        let failures = self.failures();
        assert_eq!(failures.len(), 1, "{failures:?}");
        failures.into_iter().next().expect("one")
    }

    fn kinds(&self) -> Vec<Ipv6EventKind> {
        let said = self.said.iter();
        said.filter_map(|(_, said)| match said {
            Output6::Event(event) => Some(event.kind()),
            _ => None,
        })
        .collect()
    }

    fn sent(&self, what: Sent6) -> Vec<f64> {
        let sent = self.sent.iter().filter(|(_, sent)| *sent == what);
        sent.map(|(at, _)| *at).collect()
    }

    /// The addresses that the link is to have, beyond itself.
    fn global(&self) -> Vec<Ipv6Addr> {
        let all = self.set.addresses.iter().map(|it| it.address);
        all.filter(|it| !it.is_unicast_link_local()).collect()
    }
}

fn push_status(options: &mut Options, code: StatusCode) {
    let message = Some("says the server".to_owned());
    options.push_status(&Status { code, message });
}

fn advertisement(router: &Advertised) -> Vec<u8> {
    let Advertised { body, options } = router.clone();
    let packet = Packet::router_advertisement(ROUTER_MAC, ROUTER, body, options);
    packet.to_frame().expect("a frame")
}

/// A datagram from port 546 to 547 becomes one from 547 to 546: the checksum is the same.
fn turned(mut frame: Vec<u8>) -> Vec<u8> {
    let ports = 54..58;
    let (from, to) = ([2, 0x22], [2, 0x23]);
    assert_eq!(frame[ports.clone()], [from, to].concat());
    frame[ports].copy_from_slice(&[to, from].concat());
    frame
}

/// Whether two times, in seconds, are about the same.
fn is_about(one: f64, other: f64) -> bool {
    (one - other).abs() < 0.1
}
