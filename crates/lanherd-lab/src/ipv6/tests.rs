//! The router's IPv6 on a virtual clock: as it should be, and under each fault.

mod faults;
mod leases;

use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use lanherd_dhcp6::{
    Client, Config, DadOutcome, Duid, Event, Ia, IaAddress, IaKind, Message as DhcpMessage,
    MessageType, Output, StatusCode, code,
};
use lanherd_ndp::{Body, MessageKind, NdOption, Packet, RouterAdvertisement};
use lanherd_net::frame6::{Ends6, dhcp6_frame};
use lanherd_net::lan::ipv6::Packet6;
use lanherd_types::fault::Fault;
use lanherd_types::identity::Mac;

use super::config::LINK_LOCAL;
use super::{Addressing, Ipv6Config};
use crate::LabConfig;
use crate::state::{Service, State};

const HOST: Mac = Mac([2, 0, 0, 0, 0, 9]);
const HOSTS: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 9);
const SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
const SECOND: Duration = Duration::from_secs(1);

struct Ipv6Lan {
    state: State,
    now: Instant,
}

impl Ipv6Lan {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Ipv6Config)) -> Self {
        let mut ipv6 = Ipv6Config {
            managed: true,
            ..Ipv6Config::default()
        };
        change(&mut ipv6);
        let config = LabConfig {
            ipv6: Some(ipv6),
            ..LabConfig::default()
        };
        let now = Instant::now();
        let mut state = State::new(&config, now).expect("a router");
        state.begin_ipv6(now);
        Self { state, now }
    }

    fn inject(&mut self, fault: Fault) {
        let lasts = Some(Duration::from_secs(100_000));
        self.state.inject(fault, lasts, self.now).expect("begun");
    }

    fn heal(&mut self) {
        self.state.end_faults(self.now, |_, _| true);
    }

    fn effects(&self, fault: Fault) -> u64 {
        self.state.effects().get(&fault).copied().unwrap_or(0)
    }

    /// What is sent in that time, with when.
    fn run(&mut self, lasts: Duration) -> Vec<(Duration, Vec<u8>)> {
        let (began, end) = (self.now, self.now + lasts);
        let (mut frames, mut rounds) = (Vec::new(), 0);
        loop {
            self.state.tick(self.now);
            while let Some(frame) = self.state.next_frame(self.now) {
                frames.push((self.now - began, frame));
            }
            rounds += 1;
            assert!(rounds < 100_000, "something is due for ever");
            let due = self.state.ipv6_deadline(self.now);
            match due.filter(|due| *due <= end) {
                Some(due) => self.now = due.max(self.now),
                None => break,
            }
        }
        self.now = end;
        frames
    }

    fn hear(&mut self, frame: &[u8]) {
        self.state.hear_frame(frame, self.now);
    }

    /// The advertisements in that time that a host may heed.
    fn advertisements(&mut self, lasts: Duration) -> Vec<(Duration, Packet)> {
        let frames = self.run(lasts).into_iter();
        let read = frames.filter_map(|(at, frame)| Some((at, Packet::from_frame(&frame).ok()?)));
        read.filter(|(_, packet)| packet.message.kind() == MessageKind::RouterAdvertisement)
            .collect()
    }

    fn solicit(&mut self) {
        let solicitation = Packet::router_solicitation(HOST, HOSTS);
        self.hear(&solicitation.to_frame().expect("a frame"));
    }

    /// The first advertisement that comes when it is asked for.
    fn solicited(&mut self) -> (Duration, Packet) {
        self.run(4 * SECOND);
        self.solicit();
        let all = self.advertisements(4 * SECOND);
        all.into_iter().next().expect("an answer")
    }

    fn addressing(&self) -> Addressing {
        self.state.addressing(self.now)
    }

    /// Asks for the holder of an address; who says that it is, if anybody does.
    fn probe(&mut self, mac: Mac, target: Ipv6Addr) -> Option<Mac> {
        self.run(SECOND);
        let probe = Packet::duplicate_address_detection(mac, target);
        self.hear(&probe.to_frame().expect("a frame"));
        let answers = self.run(SECOND).into_iter();
        let mut answers = answers.filter_map(|(_, frame)| Packet::from_frame(&frame).ok());
        answers.find_map(|packet| match packet.message.body {
            Body::NeighbourAdvertisement(said) if said.target == target => {
                packet.message.target_link_layer()
            }
            _ => None,
        })
    }
}

fn address(text: &str) -> Ipv6Addr {
    text.parse().expect("an address")
}

fn body(packet: &Packet) -> RouterAdvertisement {
    match packet.message.body {
        Body::RouterAdvertisement(body) => body,
        other => panic!("{other:?}"),
    }
}

/// Its prefixes, with lifetimes.
fn prefixes(packet: &Packet) -> Vec<String> {
    let options = packet.message.options.iter();
    let prefixes = options.filter_map(|option| match option {
        NdOption::Prefix(it) => {
            let (preferred, valid) = (it.preferred.as_secs(), it.valid.as_secs());
            Some(format!("{} {preferred}/{valid}", it.prefix))
        }
        _ => None,
    });
    prefixes.collect()
}

fn resolvers(packet: &Packet) -> Vec<(Ipv6Addr, u32)> {
    let options = packet.message.options.iter();
    let resolvers = options.filter_map(|option| match option {
        NdOption::Resolvers(it) => Some((*it.servers.first()?, it.lifetime.as_secs())),
        _ => None,
    });
    resolvers.collect()
}

const USUAL: [&str; 2] = ["2001:db8:77::/64 2700/5400", "fd00:77::/64 2700/5400"];

#[test]
fn a_host_that_asks_is_answered_alone_and_at_once_and_one_without_an_address_with_all() {
    let mut lan = Ipv6Lan::new();
    let all = lan.advertisements(40 * SECOND);
    assert!(
        all.iter()
            .all(|(_, packet)| packet.destination.is_multicast()),
        "{all:?}"
    );
    let at: Vec<_> = all.iter().map(|(at, _)| at.as_secs()).collect();
    assert_eq!(at, [0, 16, 32]);
    let (at, answer) = lan.solicited();
    assert_eq!(
        (at, answer.destination, answer.destination_mac),
        (Duration::ZERO, HOSTS, Some(HOST))
    );
    assert_eq!(prefixes(&answer), USUAL);
    let nobody = Packet::router_solicitation(HOST, Ipv6Addr::UNSPECIFIED);
    let nobody = nobody.to_frame().expect("a frame");
    lan.hear(&nobody);
    lan.hear(&nobody);
    let all = lan.advertisements(2 * SECOND);
    assert_eq!(all.len(), 1);
    assert!(all[0].1.destination.is_multicast());
}

#[test]
fn a_router_that_ceases_says_so_and_one_that_is_switched_off_does_not() {
    let mut lan = Ipv6Lan::new();
    lan.run(SECOND);
    let farewell = lan.state.farewell(lan.now).expect("a frame");
    let farewell = Packet::from_frame(&farewell).expect("a packet");
    assert_eq!(body(&farewell).lifetime, 0);
    assert_eq!(prefixes(&farewell), USUAL);
    assert_eq!(lan.state.farewell(lan.now), None, "it says so once");
    let mut lan = Ipv6Lan::new();
    lan.run(SECOND);
    lan.inject(Fault::RouterReboot);
    lan.solicit();
    assert_eq!(lan.run(100 * SECOND), []);
    assert_eq!(lan.state.farewell(lan.now), None);
    lan.heal();
    assert_eq!(lan.run(SECOND), [], "its link has no address yet");
    lan.state.begin_ipv6(lan.now);
    assert_eq!(lan.advertisements(SECOND).len(), 1);
}

#[test]
fn a_snooping_switch_forgets_who_listens_after_a_while() {
    let mut lan = Ipv6Lan::new();
    lan.run(40 * SECOND);
    lan.inject(Fault::MldSnooping);
    let answers = |lan: &mut Ipv6Lan| {
        lan.solicit();
        lan.run(Duration::from_millis(10)).len()
    };
    assert_eq!(answers(&mut lan), 0, "nothing was ever reported");
    let group = Mac([0x33, 0x33, 0, 0, 0, 0x16]);
    let mut report = [group.octets(), HOST.octets()].concat();
    report.extend([0x86, 0xdd]);
    report.resize(90, 0);
    (report[20], report[54], report[62]) = (0, 58, 143);
    lan.hear(&report);
    assert_eq!(answers(&mut lan), 1);
    lan.run(259 * SECOND);
    assert_eq!(answers(&mut lan), 1);
    lan.run(2 * SECOND);
    assert_eq!(answers(&mut lan), 0);
    assert_eq!(lan.effects(Fault::MldSnooping), 2);
    lan.heal();
    assert_eq!(answers(&mut lan), 1);
}

/// What a client of DHCPv6 says, whatever that is.
fn said_by(client: u8, kind: MessageType, address: Option<Ipv6Addr>) -> Vec<u8> {
    let mac = Mac([2, 0, 0, 0, 0, client]);
    let mut message = DhcpMessage::new(kind, 7);
    let duid = Duid::link_layer(mac);
    message.options.push(code::CLIENT_ID, duid.as_bytes());
    if matches!(
        kind,
        MessageType::Request | MessageType::Renew | MessageType::Release
    ) {
        let server = Duid::link_layer(crate::topology::ROUTER_MAC);
        message.options.push(code::SERVER_ID, server.as_bytes());
    }
    let mut ia = Ia::new(IaKind::Addresses, 1);
    if let Some(address) = address {
        ia.options.push_address(&IaAddress::new(address, 0, 0));
    }
    message.options.push_ia(&ia);
    let link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, client.into());
    let ends = Ends6::to_group(mac, link_local, SERVERS);
    dhcp6_frame(&ends, &message.encode().expect("short")).expect("short")
}

/// Whatever hosts say while whatever is broken: afterwards each is told what is right, and no address is anybody's twice.
#[test]
fn after_any_mixture_of_faults_of_ipv6_it_is_a_correct_router_again() {
    let faults: Vec<Fault> = Fault::ALL
        .iter()
        .copied()
        .filter(|fault| fault.family().is_some() || *fault == Fault::RouterReboot)
        .collect();
    let mut rng = fastrand::Rng::with_seed(3);
    let mut lan = Ipv6Lan::with(|ipv6| ipv6.dhcp.range = "::1:0-::1:2f".parse().expect("a range"));
    for round in 0..150 {
        let mixture = rng.choose_multiple(faults.iter().copied(), 4);
        for _ in 0..200 {
            let client = rng.u8(1..30);
            let mac = Mac([2, 0, 0, 0, 0, client]);
            let leases = lan.state.ipv6().expect("IPv6").leases();
            let own = leases.iter().find(|lease| lease.mac == mac);
            let any = Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 1, rng.u16(..64));
            let address = own.map_or(any, |lease| lease.leased.address());
            match rng.u8(0..11) {
                10 => lan.state.set_wan(rng.bool(), lan.now),
                0 => {
                    let (fault, lasts) = (mixture[rng.usize(..4)], rng.u32(1..20) * SECOND);
                    let begun = lan.state.inject(fault, Some(lasts), lan.now);
                    begun.expect("begun");
                }
                1 => {
                    let was_down = lan.state.is_down(lan.now);
                    lan.run(Duration::from_millis(rng.u64(0..3_000)));
                    if was_down && !lan.state.is_down(lan.now) {
                        lan.state.begin_ipv6(lan.now);
                    }
                }
                2 => lan.solicit(),
                3 => drop(lan.probe(mac, if rng.bool() { address } else { LINK_LOCAL })),
                4 => {
                    lan.hear(&said_by(client, MessageType::Solicit, None));
                    lan.hear(&leases::delegation::solicited_by(client));
                }
                5 => lan.hear(&said_by(client, MessageType::Request, None)),
                6 => lan.hear(&said_by(client, MessageType::Renew, Some(address))),
                7 => lan.hear(&said_by(client, MessageType::Confirm, Some(any))),
                8 => lan.hear(&said_by(client, MessageType::Release, Some(address))),
                _ => {
                    let query = aaaa("dns.google");
                    let from = "[fd00:77::9]:5353".parse().expect("an address");
                    lan.state
                        .hear_datagram(Service::Dns, 0, from, &query, lan.now);
                    while lan.state.next_datagram(Service::Dns, lan.now).is_some() {}
                }
            }
        }
        lan.heal();
        lan.state.set_wan(false, lan.now);
        lan.state.begin_ipv6(lan.now);
        let said = lan.solicited().1;
        let current = lan.state.ipv6().expect("IPv6").prefixes();
        assert_eq!(body(&said).lifetime, 2700, "round {round}");
        assert_eq!(said.source, LINK_LOCAL, "round {round}");
        let told: Vec<_> = current.iter().map(|it| format!("{it} 2700/5400")).collect();
        assert_eq!(prefixes(&said)[..2], told, "round {round}");
        for client in 1..30 {
            lan.hear(&said_by(client, MessageType::Request, None));
        }
        lan.run(SECOND);
        let leases = lan.state.ipv6().expect("IPv6").leases();
        let mut addresses: Vec<_> = leases.iter().map(|lease| lease.leased).collect();
        addresses.sort();
        addresses.dedup();
        assert_eq!((addresses.len(), leases.len()), (29, 29), "round {round}");
        assert!(addresses.iter().all(|it| current[0].contains(it.address())));
        for client in (1..30).filter(|_| rng.bool()) {
            let own = leases.iter().find(|lease| lease.mac.0[5] == client);
            let own = own.map(|lease| lease.leased.address());
            lan.hear(&said_by(client, MessageType::Release, own));
        }
    }
    for fault in faults {
        assert!(lan.effects(fault) > 0, "{fault} changed nothing");
    }
}

fn aaaa(name: &str) -> Vec<u8> {
    let mut query = simple_dns::Packet::new_query(7);
    let name = simple_dns::Name::new_unchecked(name);
    let kind = simple_dns::TYPE::AAAA.into();
    let question = simple_dns::Question::new(name, kind, simple_dns::CLASS::IN.into(), false);
    query.questions.push(question);
    query.build_bytes_vec().expect("bytes")
}
