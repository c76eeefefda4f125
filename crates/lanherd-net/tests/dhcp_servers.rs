//! The client's state machine against dnsmasq, over the real kernel: what RFC 2131's four messages do not show. Needs root,
//! iproute2 and dnsmasq.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml allows them in test functions only, and all of this is one test program"
)]

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lanherd_dhcp::{
    Client, ClientId, Config, Event, Extension, Lease, LossReason, Message, Output, Persona, code,
};
use lanherd_net::lan::{Lan, Port};
use lanherd_net::linux::{LinuxLan, LinuxPort};

use lanherd_testkit::world::{ROUTER, Told, client, in_a_world, ip, open};

/// A router on the parent's far end.
struct Dnsmasq(Child);

const LOG: &str = "/run/dnsmasq.log";
const LEASES: &str = "/run/dnsmasq.leases";

impl Dnsmasq {
    fn start(more: &[&str]) -> Self {
        // The world's /etc is empty, and dnsmasq wants to know who root is.
        fs::write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n").expect("written");
        fs::write("/etc/group", "root:x:0:\n").expect("written");
        ip(&format!("address add {ROUTER}/24 dev far0"));
        let child = Command::new("dnsmasq")
            .args([
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--pid-file=",
                "--user=root",
                "--port=0",
                "--interface=far0",
                "--bind-interfaces",
                "--no-ping",
                "--log-dhcp",
                "--log-facility=-",
                "--dhcp-authoritative",
                "--dhcp-range=10.9.0.100,10.9.0.200,255.255.255.0,1h",
                "--dhcp-option=option:dns-server,10.9.0.53",
            ])
            .arg(format!("--dhcp-leasefile={LEASES}"))
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(LOG).expect("a log"))
            .spawn()
            .expect("the test needs dnsmasq (Debian package dnsmasq-base)");
        let server = Self(child);
        let started = Instant::now();
        while !Self::log().contains("DHCP, sockets bound") {
            assert!(
                started.elapsed() < Duration::from_secs(10),
                "{}",
                Self::log()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        server
    }

    fn log() -> String {
        fs::read_to_string(LOG).expect("a log")
    }

    /// The kinds of messages that it has seen and sent, in order.
    fn messages() -> Vec<String> {
        let kind = |line: &str| {
            let word = line
                .split_whitespace()
                .find(|word| word.starts_with("DHCP"))?;
            let (kind, _) = word.split_once('(')?;
            Some(kind.to_owned())
        };
        Self::log().lines().filter_map(kind).collect()
    }
}

impl Drop for Dnsmasq {
    fn drop(&mut self) {
        // It would live on in the world's namespaces, and they with it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Client 1 on its port, driven as its actor drives it.
struct Driven {
    lan: LinuxLan,
    port: LinuxPort,
    told: Told,
    /// How many of the messages that were told have been handled.
    handled: usize,
    machine: Client,
    events: Vec<Event>,
}

impl Driven {
    async fn new(change: impl FnOnce(&mut Config)) -> Self {
        let identity = client(1);
        let mut config = Config {
            start_delay: Duration::ZERO..=Duration::ZERO,
            ..Config::new(identity.mac)
        };
        change(&mut config);
        let (lan, told) = (open().await, Told::default());
        let port = lan.attach(&identity, told.inbox()).await.expect("attached");
        Self {
            lan,
            port,
            told,
            handled: 0,
            machine: Client::new(config, fastrand::Rng::with_seed(1)),
            events: Vec::new(),
        }
    }

    async fn tell(&mut self, order: impl FnOnce(&mut Client, Instant)) {
        order(&mut self.machine, Instant::now());
        self.drain().await;
    }

    async fn drain(&mut self) {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Transmit(transmit) => self.port.transmit(&transmit).expect("sent"),
                Output::Arp(arp) => panic!("{arp:?} without conflict detection"),
                Output::Event(event) => {
                    match &event {
                        Event::Bound { lease, .. } | Event::Renewed { lease, .. } => {
                            self.port.configure(lease).await.expect("configured");
                        }
                        Event::Lost(_) => self.port.deconfigure().await.expect("deconfigured"),
                        _ => {}
                    }
                    self.events.push(event);
                }
            }
        }
    }

    /// Lets it run until such an event has come; gives it, and forgets it and those before.
    async fn until(&mut self, what: &str, is_meant: impl Fn(&Event) -> bool) -> Event {
        let started = Instant::now();
        loop {
            if let Some(at) = self.events.iter().position(&is_meant) {
                return self.events.drain(..=at).next_back().expect("the event");
            }
            assert!(
                started.elapsed() < Duration::from_secs(20),
                "waited in vain until {what}: {:?}\n{}",
                self.events,
                Dnsmasq::log()
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
            for bytes in self.told.messages().into_iter().skip(self.handled) {
                self.handled += 1;
                let message = Message::decode(&bytes).expect("dnsmasq's message");
                self.machine.handle_message(&message, Instant::now());
                self.drain().await;
            }
            self.machine.handle_timeout(Instant::now());
            self.drain().await;
        }
    }

    async fn join(&mut self) -> Lease {
        self.tell(Client::start).await;
        self.bound().await
    }

    async fn bound(&mut self) -> Lease {
        let bound = |event: &Event| matches!(event, Event::Bound { .. });
        match self.until("it is bound", bound).await {
            Event::Bound { lease, .. } => lease,
            other => panic!("{other:?}"),
        }
    }

    async fn leave(self) {
        drop(self.port);
        assert_eq!(self.lan.detach(&client(1)).await, []);
        assert_eq!(self.lan.close().await, []);
    }
}

// RFC 4039, 3.1: an ACK to a DISCOVER counts with option 80, where that was asked for.
#[test]
fn rapid_commit_takes_two_messages() {
    in_a_world(|| async {
        let _server = Dnsmasq::start(&["--dhcp-rapid-commit"]);
        let mut driven = Driven::new(|config| config.rapid_commit = true).await;
        let lease = driven.join().await;
        assert_eq!(lease.server_id, ROUTER);
        assert_eq!(Dnsmasq::messages(), ["DHCPDISCOVER", "DHCPACK"]);
        driven.tell(Client::renew).await;
        driven
            .until("it is renewed", |event| {
                matches!(event, Event::Renewed { .. })
            })
            .await;
        driven.leave().await;
    });
}

// RFC 2131, 4.3.5: the ACK to an INFORM needs no lease time, and grants nothing.
#[test]
fn inform_is_answered_with_parameters_while_the_lease_goes_on() {
    in_a_world(|| async {
        let _server = Dnsmasq::start(&[]);
        let mut driven = Driven::new(|_| ()).await;
        let lease = driven.join().await;
        driven.tell(Client::inform).await;
        let informed = driven
            .until("it is informed", |event| {
                matches!(event, Event::Informed { .. })
            })
            .await;
        let Event::Informed { server_id, options } = informed else {
            panic!("{informed:?}");
        };
        assert_eq!(server_id, ROUTER);
        assert_eq!(
            options.addresses(code::DNS_SERVERS),
            ["10.9.0.53"
                .parse::<std::net::Ipv4Addr>()
                .expect("an address")]
        );
        assert!(!options.contains(code::LEASE_TIME));
        assert_eq!(driven.machine.lease(), Some(&lease));
        assert!(Dnsmasq::messages().ends_with(&["DHCPINFORM".into(), "DHCPACK".into()]));
        driven.leave().await;
    });
}

// RFC 2131, 3.1(5): after DECLINE at least 10 s pass.
#[test]
fn a_declined_address_is_not_offered_again_and_the_next_comes_ten_seconds_later() {
    in_a_world(|| async {
        let _server = Dnsmasq::start(&[]);
        let mut driven = Driven::new(|_| ()).await;
        let declined = driven.join().await.address;
        let told = Instant::now();
        driven.tell(Client::decline).await;
        assert_eq!(driven.events, [Event::Lost(LossReason::Declined)]);
        assert!(!ip("-n ns1 -4 address show dev lan0").contains("inet"));
        let address = driven.bound().await.address;
        assert!(told.elapsed() >= Duration::from_secs(10));
        assert_ne!(address, declined);
        assert_eq!(
            Dnsmasq::messages()[4..6],
            ["DHCPDECLINE".to_owned(), "DHCPDISCOVER".to_owned()]
        );
        driven.leave().await;
    });
}

// RFC 2131, 3.7: a lease is confirmed when the link was away, and used meanwhile.
#[test]
fn a_lease_is_confirmed_after_the_link_was_away_and_its_address_stays() {
    in_a_world(|| async {
        let _server = Dnsmasq::start(&[]);
        let mut driven = Driven::new(|_| ()).await;
        let lease = driven.join().await;
        driven.tell(Client::reconnect).await;
        assert_eq!(driven.machine.state().as_str(), "confirming");
        let address = format!("inet {}/24", lease.address);
        assert!(ip("-n ns1 -4 address show dev lan0").contains(&address));
        let by_reboot = |event: &Event| {
            matches!(
                event,
                Event::Renewed {
                    by: Extension::Reboot,
                    ..
                }
            )
        };
        driven.until("it is confirmed", by_reboot).await;
        assert_eq!(
            driven.machine.lease().map(|lease| lease.address),
            Some(lease.address)
        );
        driven.leave().await;
    });
}

// RFC 8925, 3.2: an OFFER with option 108 is not requested by a client that asked for it.
#[test]
fn who_can_do_without_ipv4_is_told_to_and_takes_no_address() {
    in_a_world(|| async {
        let _server = Dnsmasq::start(&["--dhcp-option=108,00:00:07:08"]);
        let mut driven = Driven::new(|config| config.v6_only = true).await;
        driven.tell(Client::start).await;
        let wait = driven
            .until("it is told", |event| matches!(event, Event::V6Only { .. }))
            .await;
        let expected = Duration::from_secs(1800);
        assert_eq!(wait, Event::V6Only { wait: expected });
        assert_eq!(Dnsmasq::messages(), ["DHCPDISCOVER", "DHCPOFFER"]);
        driven.leave().await;

        let mut driven = Driven::new(|_| ()).await;
        driven.join().await;
        driven.leave().await;
    });
}

#[test]
fn a_server_sees_the_device_that_the_persona_names() {
    in_a_world(|| async {
        let _server = Dnsmasq::start(&[]);
        let mut persona = Persona::named("windows").expect("a persona");
        persona.user_class = Some(vec!["office".into()]);
        let mut driven = Driven::new(|config| {
            *config = persona
                .apply(config.clone(), &client(1))
                .expect("a good persona");
        })
        .await;
        driven.join().await;
        let log = Dnsmasq::log();
        for expected in [
            "vendor class: MSFT 5.0",
            "user class: office",
            "client provides name: DESKTOP-1",
            "requested options: 1:netmask, 3:router, 6:dns-server, 15:domain-name",
        ] {
            assert!(log.contains(expected), "no {expected:?} in {log}");
        }
        driven.leave().await;
    });
}

// RFC 4361, 6.1: a client identifier of type 255 has an IAID and a DUID, the same after a restart.
#[test]
fn a_server_knows_a_duid_again_after_a_restart() {
    in_a_world(|| async {
        let _server = Dnsmasq::start(&[]);
        let mac = client(1).mac.to_string();
        let expected = format!("ff:{}:00:03:00:01:{mac}", &mac[6..]);
        let mut addresses = Vec::new();
        for _ in 0..2 {
            let mut driven = Driven::new(|config| config.client_id = ClientId::Duid).await;
            addresses.push(driven.join().await.address);
            let leases = fs::read_to_string(LEASES).expect("leases");
            assert!(leases.contains(&expected), "no {expected} in {leases}");
            driven.leave().await;
        }
        assert_eq!(addresses[0], addresses[1]);
    });
}
