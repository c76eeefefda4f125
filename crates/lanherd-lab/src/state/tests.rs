//! The router in trouble, message by message, on a clock that only the tests move.

mod allocation;
mod answering;
mod contents;
mod services;

use std::net::Ipv4Addr;

use super::*;
use lanherd_types::identity::Mac;

const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 10);
const SECOND: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 11);

fn mac(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, number])
}

fn discover(client: u8) -> Message {
    Message::request(MessageType::Discover, mac(client), 7)
}

/// A client that has no address yet asks for one: to select an offer with a server, and to reboot without.
fn request(client: u8, address: Ipv4Addr, server: Option<Ipv4Addr>) -> Message {
    let mut message = Message::request(MessageType::Request, mac(client), 7);
    let requested = code::REQUESTED_ADDRESS;
    message.options.push_addresses(requested, &[address]);
    if let Some(server) = server {
        message.options.push_addresses(code::SERVER_ID, &[server]);
    }
    message
}

/// A message of a client that has this address.
fn holding(kind: MessageType, client: u8, address: Ipv4Addr) -> Message {
    let mut message = Message::request(kind, mac(client), 7);
    message.ciaddr = address;
    message
}

/// A router and a clock.
struct StateLan {
    state: State,
    now: Instant,
}

impl StateLan {
    fn new() -> Self {
        Self {
            state: State::new(&LabConfig::default(), Instant::now()).expect("a router"),
            now: Instant::now(),
        }
    }

    fn wait(&mut self, milliseconds: u64) {
        self.now += Duration::from_millis(milliseconds);
        self.state.tick(self.now);
    }

    fn inject(&mut self, fault: Fault, seconds: u64) {
        let lasts = Duration::from_secs(seconds);
        self.state
            .inject(fault, Some(lasts), self.now)
            .expect("begun");
    }

    fn heal(&mut self) {
        self.state.end_faults(self.now, |_, _| true);
    }

    fn effects(&self, fault: Fault) -> u64 {
        self.state.effects().get(&fault).copied().unwrap_or(0)
    }

    /// What is put on the wire now.
    fn out(&mut self) -> Vec<Outgoing> {
        std::iter::from_fn(|| self.state.next_out(self.now)).collect()
    }

    /// What is answered at once.
    fn send(&mut self, message: &Message) -> Option<Message> {
        self.state.hear(message, self.now);
        let mut out = self.out();
        assert!(out.len() <= 1, "{out:?}");
        out.pop()
            .map(|out| Message::decode(&out.bytes).expect("a message"))
    }

    /// The kind of the answer, and its address.
    fn ask(&mut self, message: &Message) -> Option<(MessageType, Ipv4Addr)> {
        let reply = self.send(message)?;
        let kind = reply.message_type().expect("a kind");
        if kind == MessageType::Nak {
            // RFC 2131, table 3.
            assert!(reply.yiaddr.is_unspecified() && reply.ciaddr.is_unspecified());
            assert!(!reply.options.contains(code::LEASE_TIME));
            assert_eq!(reply.options.address(code::SERVER_ID), Some(ROUTER));
        }
        Some((kind, reply.yiaddr))
    }

    fn select(&mut self, client: u8, address: Ipv4Addr) -> Option<(MessageType, Ipv4Addr)> {
        self.ask(&request(client, address, Some(ROUTER)))
    }

    fn renew(&mut self, client: u8, address: Ipv4Addr) -> Option<(MessageType, Ipv4Addr)> {
        self.ask(&holding(MessageType::Request, client, address))
    }

    fn reboot(&mut self, client: u8, address: Ipv4Addr) -> Option<(MessageType, Ipv4Addr)> {
        self.ask(&request(client, address, None))
    }

    /// Through DISCOVER and REQUEST to a lease.
    fn join(&mut self, client: u8) -> Ipv4Addr {
        let (_, address) = self.ask(&discover(client)).expect("an offer");
        assert_eq!(self.select(client, address), ack(address));
        address
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "what it is compared with is optional"
)]
fn ack(address: Ipv4Addr) -> Option<(MessageType, Ipv4Addr)> {
    Some((MessageType::Ack, address))
}

const NAK: Option<(MessageType, Ipv4Addr)> = Some((MessageType::Nak, Ipv4Addr::UNSPECIFIED));

#[test]
fn a_lab_that_has_ended_takes_no_fault() {
    let mut lan = StateLan::new();
    lan.state.end();
    let made = lan.state.inject(Fault::DhcpMute, None, lan.now);
    assert_eq!(made, Err(LabFaultError::Ended));
}

/// Whatever clients say while whatever is broken: afterwards each can join, and no address is anybody's twice.
#[test]
fn after_any_mixture_of_faults_it_is_a_correct_router_again() {
    let faults: Vec<Fault> = Fault::ALL
        .iter()
        .copied()
        .filter(|fault| fault.aim() == lanherd_types::fault::Aim::Router)
        // Those of IPv6 have a mixture of their own, and a lab without it refuses them.
        .filter(|fault| fault.family().is_none())
        .collect();
    let mut rng = fastrand::Rng::with_seed(3);
    let mut lan = StateLan::new();
    for round in 0..100 {
        // Of all at once most would be hidden by others.
        let mixture = rng.choose_multiple(faults.iter().copied(), 4);
        for _ in 0..200 {
            let client = rng.u8(1..30);
            let leases = lan.state.dhcp().leases();
            let own = leases.filter(|lease| lease.mac == mac(client));
            let own = own.map(|lease| lease.address).min();
            let any = Ipv4Addr::new(10, 77, 0, rng.u8(8..40));
            let address = own.filter(|_| rng.bool()).unwrap_or(any);
            match rng.u8(0..11) {
                0 => lan.inject(mixture[rng.usize(..4)], rng.u64(1..20)),
                1 => lan.wait(rng.u64(0..3_000)),
                2 => lan.state.hear(&discover(client), lan.now),
                3 => lan
                    .state
                    .hear(&request(client, address, Some(ROUTER)), lan.now),
                4 => lan.state.hear(&request(client, address, None), lan.now),
                5 => lan
                    .state
                    .hear(&holding(MessageType::Request, client, address), lan.now),
                6 => drop(lan.say(Service::Dns, &services::query("dns.google"))),
                7 => drop(lan.say(Service::Echo, &services::ping())),
                8 => drop(lan.state.hear_request(lan.now)),
                9 => lan
                    .state
                    .hear(&holding(MessageType::Release, client, address), lan.now),
                _ => drop(lan.out()),
            }
        }
        lan.heal();
        lan.out();
        assert_eq!(lan.state.faults(lan.now), []);
        let mut addresses: Vec<Ipv4Addr> = (1..30).map(|client| lan.join(client)).collect();
        for (client, address) in (1..).zip(&addresses) {
            assert_eq!(lan.renew(client, *address), ack(*address), "round {round}");
        }
        addresses.sort();
        addresses.dedup();
        assert_eq!((addresses.len(), lan.state.dhcp().active()), (29, 29));
        // Some begin the next round anew.
        let leases: Vec<_> = lan.state.dhcp().leases().collect();
        for lease in leases.iter().filter(|_| rng.bool()) {
            let [.., client] = lease.mac.octets();
            lan.send(&holding(MessageType::Release, client, lease.address));
        }
    }
    for fault in faults {
        assert!(lan.effects(fault) > 0, "{fault} changed nothing");
    }
}
