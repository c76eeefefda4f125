//! Clients against a server on one virtual clock, over a network that delays, loses and doubles.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// How long the server grants.
const LEASE_SECONDS: u32 = 600;
const CLIENTS: u8 = 8;

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
                let pool = (10..10 + CLIENTS).map(|host| Ipv4Addr::new(192, 168, 1, host));
                let candidates = Some(asked)
                    .filter(|asked| !asked.is_unspecified())
                    .into_iter()
                    .chain(pool);
                let address = candidates
                    .into_iter()
                    .find(|address| is_free(self, address))?;
                Some(Self::answer(request, MessageType::Offer, address))
            }
            MessageType::Request if is_free(self, &asked) => {
                self.grants.retain(|_, (mac, _)| *mac != request.chaddr);
                self.grants.insert(
                    asked,
                    (
                        request.chaddr,
                        now + Duration::from_secs(LEASE_SECONDS.into()),
                    ),
                );
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
            _ => None,
        }
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
    wire: BTreeMap<(Instant, u64), (Option<usize>, Vec<u8>)>,
    rng: fastrand::Rng,
    /// The part of the messages that is lost, and as many are doubled.
    loss: f64,
    /// When the server does not hear anything.
    outage: std::ops::Range<Instant>,
    now: Instant,
    lost: BTreeMap<&'static str, usize>,
}

impl Sim {
    fn new(seed: u64, loss: f64) -> Self {
        let now = Instant::now();
        let client = |number: u8| {
            let mut config = Config::new(Mac([2, 0, 0, 0, 0, number]));
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
            rng: fastrand::Rng::with_seed(seed),
            loss,
            outage: now..now,
            now,
            lost: BTreeMap::new(),
        }
    }

    /// Puts a message on the wire: to the client with that index, or to the server.
    fn send(&mut self, to: Option<usize>, message: &Message) {
        let copies = match self.rng.f64() {
            chance if chance < self.loss => 0,
            chance if chance < 2.0 * self.loss => 2,
            _ => 1,
        };
        for _ in 0..copies {
            let arrival = self.now + Duration::from_micros(self.rng.u64(200..500_000));
            self.wire
                .insert((arrival, self.rng.u64(..)), (to, message.encode()));
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

    fn deliver(&mut self) {
        let Some((_, (to, bytes))) = self.wire.pop_first() else {
            return;
        };
        let message = Message::decode(&bytes).expect("one of our own messages");
        match to {
            Some(index) => self.clients[index].handle_message(&message, self.now),
            None if self.outage.contains(&self.now) => {}
            None => {
                if let Some(answer) = self.server.handle(&message, self.now) {
                    let index = usize::from(answer.chaddr.octets()[5]);
                    self.send(Some(index), &answer);
                }
            }
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
                    Output::Arp(_) | Output::Event(_) => {}
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

    fn bound(&self) -> usize {
        self.clients
            .iter()
            .filter(|client| client.lease().is_some())
            .count()
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
