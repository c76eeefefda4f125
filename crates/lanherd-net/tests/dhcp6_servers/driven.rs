//! A client's machine on a real link.

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use lanherd_dhcp6::{
    ALL_SERVERS, Arrival, Client, Config, Event, IaKind, Lease, Mac, Means, Message, Output,
    StatusCode,
};
use lanherd_net::frame6::{Ends6, dhcp6_frame};
use lanherd_net::lan::ipv6::{Address6, Addressing6, DadOutcome};
use lanherd_net::lan::{Lan, Port, PortEvent};
use lanherd_net::linux::{LinuxLan, LinuxPort};
use lanherd_types::family::Families;

use lanherd_testkit::world::{Told, client, open};

use super::server::{LINK_LOCAL, PATIENCE, log_of_server};

/// Client 1 on its port, driven as its actor drives it.
pub struct Driven {
    pub lan: LinuxLan,
    pub port: LinuxPort,
    pub told: Told,
    /// How many of the things that were told have been handled.
    pub handled: usize,
    pub machine: Client,
    pub events: Vec<Event>,
    /// What servers sent.
    pub heard: Vec<Message>,
}

pub fn quick(mac: Mac) -> Config {
    Config {
        start_delay: Duration::ZERO..=Duration::ZERO,
        duplicate_detection: false,
        ..Config::new(mac)
    }
}

impl Driven {
    pub async fn new(change: impl FnOnce(&mut Config)) -> Self {
        let identity = client(1);
        let mut config = quick(identity.mac);
        change(&mut config);
        let (lan, told) = (open().await, Told::default());
        let port = lan
            .attach_speaking(Families::Ipv6, &identity, told.inbox())
            .await
            .expect("attached");
        let driven = Self {
            lan,
            port,
            told,
            handled: 0,
            machine: Client::new(config, fastrand::Rng::new()),
            events: Vec::new(),
            heard: Vec::new(),
        };
        driven.port.hear_dhcp6().await.expect("open");
        driven.configure(None).await;
        driven
    }

    /// Sets the link-local address, and what is leased.
    pub async fn configure(&self, lease: Option<&Lease>) {
        let mut addresses = vec![Address6::link_local(LINK_LOCAL, false)];
        let detects_duplicates = self.machine.config().duplicate_detection;
        for leased in lease.into_iter().flat_map(Lease::addresses) {
            addresses.push(Address6 {
                address: leased.address,
                prefix_len: 128, // RFC 9915, 21.6
                is_on_link: false,
                preferred_until: leased.lifetimes.preferred_until,
                valid_until: leased.lifetimes.valid_until,
                detects_duplicates,
            });
        }
        let addressing = Addressing6 {
            addresses,
            ..Addressing6::default()
        };
        self.port.configure6(addressing).await.expect("configured");
    }

    pub async fn tell(&mut self, order: impl FnOnce(&mut Client, Instant)) {
        order(&mut self.machine, Instant::now());
        self.drain().await;
    }

    pub async fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Transmit(message) => {
                    let ends = Ends6::to_group(client(1).mac, LINK_LOCAL, ALL_SERVERS);
                    let bytes = message.encode().expect("short");
                    let frame = dhcp6_frame(&ends, &bytes).expect("fits");
                    self.port.transmit6(&frame).expect("sent");
                }
                Output::Event(event) => {
                    match &event {
                        Event::Probe { lease, .. }
                        | Event::Bound { lease, .. }
                        | Event::Renewed { lease, .. } => self.configure(Some(lease)).await,
                        Event::Lost(_) => self.configure(None).await,
                        _ => {}
                    }
                    self.events.push(event);
                }
            }
        }
    }

    /// Lets it run until such an event has come; gives it, and forgets it and those before.
    pub async fn until(&mut self, what: &str, is_meant: impl Fn(&Event) -> bool) -> Event {
        let started = Instant::now();
        loop {
            if let Some(at) = self.events.iter().position(&is_meant) {
                return self.events.drain(..=at).next_back().expect("the event");
            }
            assert!(
                started.elapsed() < PATIENCE,
                "waited in vain until {what}, {}: {:?}\n{}",
                self.machine.state().as_str(),
                self.events,
                log_of_server()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
            for event in self.told.events().into_iter().skip(self.handled) {
                self.handled += 1;
                self.handle(event);
                self.drain().await;
            }
            self.machine.handle_timeout(Instant::now());
            self.drain().await;
        }
    }

    pub fn handle(&mut self, event: PortEvent) {
        match event {
            PortEvent::Dhcp6(packet) => {
                assert!(packet.is_sound, "a checksum is wrong: {packet:?}");
                let message = Message::decode(packet.content()).expect("a server's message");
                assert_eq!(message.notes.malformed(), [], "{message:?}");
                let arrival = Arrival {
                    source: packet.source,
                    destination: packet.destination,
                };
                self.machine
                    .handle_message(&message, arrival, Instant::now());
                self.heard.push(message);
            }
            PortEvent::Address6(address, outcome) => {
                let outcome = match outcome {
                    DadOutcome::Unique => lanherd_dhcp6::DadOutcome::Unique,
                    DadOutcome::Duplicate { holder } => {
                        lanherd_dhcp6::DadOutcome::Duplicate { holder }
                    }
                };
                self.machine.handle_dad(address, outcome, Instant::now());
            }
            _ => {}
        }
    }

    pub async fn join(&mut self) -> (Lease, Means) {
        self.tell(Client::start).await;
        self.bound().await
    }

    pub async fn bound(&mut self) -> (Lease, Means) {
        let bound = |event: &Event| matches!(event, Event::Bound { .. });
        match self.until("it is bound", bound).await {
            Event::Bound { lease, by } => (lease, by),
            other => panic!("{other:?}"),
        }
    }

    pub async fn renewed(&mut self, by: Means) -> Lease {
        let is_meant =
            |event: &Event| matches!(event, Event::Renewed { by: how, .. } if *how == by);
        match self.until("it is renewed", is_meant).await {
            Event::Renewed { lease, .. } => lease,
            other => panic!("{other:?}"),
        }
    }

    /// The next refusal.
    pub async fn refused(&mut self) -> (Option<IaKind>, StatusCode) {
        let is_meant = |event: &Event| matches!(event, Event::Refused { .. });
        match self.until("it is refused", is_meant).await {
            Event::Refused { refusal, .. } => {
                (refusal.ia.map(|(kind, _)| kind), refusal.status.code)
            }
            other => panic!("{other:?}"),
        }
    }

    pub async fn leave(self) {
        drop(self.port);
        assert_eq!(self.lan.detach(&client(1)).await, []);
        assert_eq!(self.lan.close().await, []);
    }
}

pub fn addresses(lease: &Lease) -> Vec<Ipv6Addr> {
    lease.addresses().map(|leased| leased.address).collect()
}

pub fn of_pool(lease: &Lease) -> Ipv6Addr {
    let [address] = addresses(lease)[..] else {
        panic!("{lease:?}");
    };
    let [0xfd00, 0x77, .., host] = address.segments() else {
        panic!("{address} is not of the pool");
    };
    assert!((0x1000..0x1100).contains(&host), "{address}");
    address
}
