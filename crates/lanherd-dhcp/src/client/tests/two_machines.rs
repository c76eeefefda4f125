//! Clients against a server and a squatter on one virtual clock, over a network that delays, loses and doubles.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// How long the server grants.
const LEASE_SECONDS: u32 = 600;
const CLIENTS: u8 = 8;
/// How many addresses the server has.
const ADDRESSES: u8 = 64;
/// How long the server sets a declined address aside.
const DECLINE_SECONDS: u64 = 600;

/// A packet on its way between the two machines.
enum Packet {
    /// To the client with that index, or to the server.
    Dhcp(Option<usize>, Vec<u8>),
    /// To the client with that index, or to the squatter.
    Arp(Option<usize>, Vec<u8>),
}

/// A small server: one address per client from a range, and its own idea of who holds what until when.
#[derive(Default)]
struct Server {
    grants: BTreeMap<Ipv4Addr, (Mac, Instant)>,
}

impl Server {
    fn handle(&mut self, request: &Message, now: Instant) -> Option<Message> {
        let asked = request
            .options
            .address(code::REQUESTED_ADDRESS)
            .unwrap_or(request.ciaddr);
        let is_free = |server: &Self, address: &Ipv4Addr| {
            server
                .grants
                .get(address)
                .is_none_or(|(mac, end)| *mac == request.chaddr || *end <= now)
        };
        match request.message_type()? {
            MessageType::Discover => {
                let pool = (10..10 + ADDRESSES).map(|host| Ipv4Addr::new(192, 168, 1, host));
                let candidates = Some(asked)
                    .filter(|asked| !asked.is_unspecified())
                    .into_iter()
                    .chain(pool);
                let address = candidates
                    .into_iter()
                    .find(|address| is_free(self, address))?;
                if !request.options.contains(code::RAPID_COMMIT) {
                    return Some(Self::answer(request, MessageType::Offer, address));
                }
                self.grant(request.chaddr, address, now);
                let mut ack = Self::answer(request, MessageType::Ack, address);
                ack.options.push(code::RAPID_COMMIT, []);
                Some(ack)
            }
            MessageType::Request if is_free(self, &asked) => {
                self.grant(request.chaddr, asked, now);
                Some(Self::answer(request, MessageType::Ack, asked))
            }
            MessageType::Request => Some(Self::answer(
                request,
                MessageType::Nak,
                Ipv4Addr::UNSPECIFIED,
            )),
            MessageType::Release => {
                self.grants.retain(|_, (mac, _)| *mac != request.chaddr);
                None
            }
            MessageType::Decline => {
                if is_free(self, &asked) {
                    let end = now + Duration::from_secs(DECLINE_SECONDS);
                    self.grants.insert(asked, (RIVAL, end));
                }
                None
            }
            MessageType::Inform => Some(Self::answer(
                request,
                MessageType::Ack,
                Ipv4Addr::UNSPECIFIED,
            )),
            _ => None,
        }
    }

    fn grant(&mut self, mac: Mac, address: Ipv4Addr, now: Instant) {
        self.grants.retain(|_, (holder, _)| *holder != mac);
        let end = now + Duration::from_secs(LEASE_SECONDS.into());
        self.grants.insert(address, (mac, end));
    }

    fn answer(request: &Message, kind: MessageType, address: Ipv4Addr) -> Message {
        let mut answer = Message::reply_to(request, kind);
        answer.yiaddr = address;
        answer.options.push(code::SERVER_ID, SERVER.octets());
        if kind != MessageType::Nak {
            answer
                .options
                .push(code::LEASE_TIME, LEASE_SECONDS.to_be_bytes());
        }
        answer
    }
}

/// The wire: what is under way, by arrival. Messages travel as bytes.
struct Sim {
    clients: Vec<Client>,
    server: Server,
    wire: BTreeMap<(Instant, u64), Packet>,
    /// The addresses that somebody else uses, who answers for them.
    squatted: BTreeSet<Ipv4Addr>,
    /// How likely a client is told something before each event.
    meddling: f64,
    rng: fastrand::Rng,
    /// The part of the messages that is lost, and as many are doubled.
    loss: f64,
    /// When the server does not hear anything.
    outage: std::ops::Range<Instant>,
    now: Instant,
    lost: BTreeMap<&'static str, usize>,
    /// The other events, by name.
    seen: BTreeMap<&'static str, usize>,
}

impl Sim {
    fn new(seed: u64, loss: f64) -> Self {
        Self::with(seed, loss, |_, _| {})
    }

    /// Clients that behave as `change` makes them, each by its number.
    fn with(seed: u64, loss: f64, change: impl Fn(&mut Config, u8)) -> Self {
        let now = Instant::now();
        let client = |number: u8| {
            let mut config = Config::new(Mac([2, 0, 0, 0, 0, number]));
            change(&mut config, number);
            config.client_id = if number.is_multiple_of(2) {
                ClientId::Mac
            } else {
                ClientId::None
            };
            let mut client = Client::new(
                config,
                fastrand::Rng::with_seed(seed ^ u64::from(number) << 32),
            );
            client.start(now);
            client
        };
        Self {
            clients: (0..CLIENTS).map(client).collect(),
            server: Server::default(),
            wire: BTreeMap::new(),
            squatted: BTreeSet::new(),
            meddling: 0.0,
            rng: fastrand::Rng::with_seed(seed),
            loss,
            outage: now..now,
            now,
            lost: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    /// Puts a message on the wire: to the client with that index, or to the server.
    fn send(&mut self, to: Option<usize>, message: &Message) {
        self.put(|| Packet::Dhcp(to, message.encode()));
    }

    /// Puts an ARP packet on the wire, to everybody but the sender; `None`: the squatter.
    fn broadcast(&mut self, from: Option<usize>, arp: &Arp) {
        let clients = (0..self.clients.len()).map(Some);
        for to in clients.chain([None]).filter(|to| *to != from) {
            self.put(|| Packet::Arp(to, arp.encode().to_vec()));
        }
    }

    fn put(&mut self, packet: impl Fn() -> Packet) {
        let copies = match self.rng.f64() {
            chance if chance < self.loss => 0,
            chance if chance < 2.0 * self.loss => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let arrival = self.now + Duration::from_micros(self.rng.u64(200..500_000));
            self.wire.insert((arrival, self.rng.u64(..)), packet());
        }
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let timer = self.clients.iter().filter_map(Client::poll_timeout).min();
            let arrival = self.wire.keys().next().map(|(at, _)| *at);
            let Some(next) = timer
                .into_iter()
                .chain(arrival)
                .min()
                .filter(|next| *next <= end)
            else {
                break;
            };
            self.now = self.now.max(next);
            self.meddle();
            if arrival.is_some_and(|at| at <= self.now) {
                self.deliver();
            } else {
                let now = self.now;
                self.clients
                    .iter_mut()
                    .for_each(|client| client.handle_timeout(now));
            }
            self.drain();
            self.check();
        }
        self.now = end;
    }

    fn meddle(&mut self) {
        if self.rng.f64() >= self.meddling {
            return;
        }
        let orders = [
            Client::reconnect,
            Client::inform,
            Client::renew,
            Client::rebind,
            Client::decline,
        ];
        let (client, order) = (self.rng.usize(..self.clients.len()), self.rng.usize(..5));
        orders[order](&mut self.clients[client], self.now);
    }

    fn deliver(&mut self) {
        let read = |bytes: &[u8]| Message::decode(bytes).expect("one of our own messages");
        match self.wire.pop_first() {
            Some((_, Packet::Dhcp(Some(index), bytes))) => {
                self.clients[index].handle_message(&read(&bytes), self.now);
            }
            Some((_, Packet::Dhcp(None, bytes))) if !self.outage.contains(&self.now) => {
                if let Some(answer) = self.server.handle(&read(&bytes), self.now) {
                    let index = usize::from(answer.chaddr.octets()[5]);
                    self.send(Some(index), &answer);
                }
            }
            Some((_, Packet::Arp(to, bytes))) => {
                let arp = Arp::parse(&bytes).expect("one of our own packets");
                match to {
                    Some(index) => self.clients[index].handle_arp(&arp, self.now),
                    None if self.squatted.contains(&arp.target) => {
                        self.broadcast(None, &Arp::announcement(RIVAL, arp.target));
                    }
                    None => {}
                }
            }
            Some((_, Packet::Dhcp(None, _))) | None => {}
        }
    }

    fn drain(&mut self) {
        for index in 0..self.clients.len() {
            while let Some(output) = self.clients[index].poll_output() {
                match output {
                    Output::Transmit(transmit) => self.send(None, &transmit.message),
                    Output::Event(Event::Lost(reason)) => {
                        *self.lost.entry(reason.as_str()).or_default() += 1;
                    }
                    Output::Arp(arp) => self.broadcast(Some(index), &arp),
                    Output::Event(event) => {
                        *self.seen.entry(name(&event)).or_default() += 1;
                    }
                }
            }
        }
    }

    /// Nobody believes to hold an address that the server does not hold for him at least as long.
    fn check(&self) {
        let mut addresses = BTreeSet::new();
        for (client, number) in self.clients.iter().zip(0_u8..) {
            let Some(lease) = client.lease() else {
                continue;
            };
            assert!(
                addresses.insert(lease.address),
                "{} is held twice",
                lease.address
            );
            let end = lease.expires_at().expect("a finite lease");
            let (mac, granted) = self.server.grants[&lease.address];
            assert_eq!(mac.octets()[5], number);
            assert!(
                end <= granted,
                "a client holds {} longer than it was granted",
                lease.address
            );
        }
    }

    /// The squatter claims its addresses, on and on.
    fn claim(&mut self) {
        for _ in 0..10 {
            for address in self.squatted.clone() {
                self.broadcast(None, &Arp::announcement(RIVAL, address));
            }
            self.run(Duration::from_secs(3));
        }
    }

    /// How many use an address that is somebody else's.
    fn in_conflict(&self) -> usize {
        self.clients
            .iter()
            .filter_map(Client::lease)
            .filter(|lease| self.squatted.contains(&lease.address))
            .count()
    }

    fn bound(&self) -> usize {
        self.clients
            .iter()
            .filter(|client| client.lease().is_some())
            .count()
    }
}

const fn name(event: &Event) -> &'static str {
    match event {
        Event::Bound { .. } => "bound",
        Event::Renewed { by, .. } => by.as_str(),
        Event::Lost(reason) => reason.as_str(),
        Event::Ignored { .. } => "ignored",
        Event::Remarked { .. } => "remarked",
        Event::Refused { .. } => "refused",
        Event::Unanswered(_) => "unanswered",
        Event::Conflict { .. } => "conflict",
        Event::Defended { .. } => "defended",
        Event::Informed { .. } => "informed",
        Event::V6Only { .. } => "v6_only",
    }
}

#[test]
fn a_day_without_loss_is_a_day_without_an_interruption() {
    let mut sim = Sim::new(1, 0.0);
    sim.run(Duration::from_secs(15));
    assert_eq!(sim.bound(), usize::from(CLIENTS));
    sim.run(Duration::from_secs(86_400));
    assert_eq!((sim.bound(), sim.lost.len()), (usize::from(CLIENTS), 0));
}

#[test]
fn nobody_holds_an_address_too_long_or_twice_however_much_is_lost() {
    for seed in 0..5 {
        let mut sim = Sim::new(seed, 0.25);
        sim.run(Duration::from_secs(86_400));
        assert!(
            sim.lost.contains_key("expired"),
            "the loss must be high enough to matter: {:?}",
            sim.lost
        );
        sim.loss = 0.0;
        sim.run(Duration::from_secs(700));
        assert_eq!(sim.bound(), usize::from(CLIENTS), "seed {seed}");
    }
}

#[test]
fn all_clients_lose_their_leases_in_an_outage_and_have_them_again_soon_after() {
    let mut sim = Sim::new(3, 0.0);
    sim.run(Duration::from_secs(100));
    sim.outage = sim.now..sim.now + Duration::from_secs(3600);
    sim.run(Duration::from_secs(3599));
    assert_eq!(sim.bound(), 0);
    assert_eq!(
        sim.lost,
        BTreeMap::from([("expired", usize::from(CLIENTS))])
    );
    sim.run(Duration::from_secs(70));
    assert_eq!(sim.bound(), usize::from(CLIENTS));
}

fn careful(config: &mut Config, number: u8) {
    config.conflict_detection = true;
    config.rapid_commit = number.is_multiple_of(3);
}

/// The addresses that the server gives out first, all squatted.
fn first_addresses() -> BTreeSet<Ipv4Addr> {
    (10..20)
        .map(|host| Ipv4Addr::new(192, 168, 1, host))
        .collect()
}

#[test]
fn without_loss_nobody_ever_uses_an_address_that_somebody_else_has() {
    let mut sim = Sim::with(1, 0.0, careful);
    sim.squatted = first_addresses();
    for _ in 0..1000 {
        sim.run(Duration::from_secs(1));
        assert_eq!(sim.in_conflict(), 0);
    }
    assert!(sim.seen["conflict"] >= 10, "{:?}", sim.seen);
    sim.squatted.clear();
    sim.run(Duration::from_secs(600));
    assert_eq!((sim.bound(), sim.lost.len()), (usize::from(CLIENTS), 0));
}

#[test]
fn an_address_that_somebody_takes_while_it_is_in_use_is_given_up_for_another() {
    let mut sim = Sim::with(1, 0.0, careful);
    sim.run(Duration::from_secs(60));
    assert_eq!(sim.bound(), usize::from(CLIENTS));
    sim.squatted = first_addresses();
    sim.claim();
    sim.run(Duration::from_secs(600));
    assert_eq!((sim.bound(), sim.in_conflict()), (usize::from(CLIENTS), 0));
    assert_eq!(sim.lost["conflict"], usize::from(CLIENTS));
}

#[test]
fn whatever_clients_are_told_over_a_bad_network_nobody_holds_an_address_too_long_or_twice() {
    for seed in 0..5 {
        let mut sim = Sim::with(seed, 0.2, careful);
        sim.squatted = first_addresses();
        sim.meddling = 0.01;
        sim.run(Duration::from_secs(20_000));
        for wanted in ["bound", "conflict", "informed", "renew", "rebind", "reboot"] {
            assert!(sim.seen.contains_key(wanted), "{wanted}: {:?}", sim.seen);
        }
        assert!(sim.lost.contains_key("declined"), "{:?}", sim.lost);
        (sim.loss, sim.meddling) = (0.0, 0.0);
        // Where all probes were lost, only what the squatter says by itself can tell.
        sim.claim();
        sim.run(Duration::from_secs(1500));
        assert_eq!(
            (sim.bound(), sim.in_conflict()),
            (usize::from(CLIENTS), 0),
            "seed {seed}"
        );
    }
}
