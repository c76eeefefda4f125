//! The DHCPv6 client's state machine against dnsmasq, Kea, ISC's dhcpd and dibbler, over the real kernel: each answers otherwise, and
//! the client gets its lease from all of them. Needs root, iproute2 and the servers.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "clippy.toml allows them in test functions only, and all of this is one test program"
)]

use std::fs::{self, File};
use std::net::Ipv6Addr;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use lanherd_dhcp6::{
    ALL_SERVERS, Arrival, Client, Config, Duid, Event, IaKind, Ignored, Lease, Mac, Means, Message,
    MessageType, Output, ReconfigureKind, StatusCode,
};
use lanherd_net::frame6::{Ends6, dhcp6_frame};
use lanherd_net::lan::ipv6::{Address6, Addressing6, DadOutcome};
use lanherd_net::lan::{Lan, Port, PortEvent};
use lanherd_net::linux::{LinuxLan, LinuxPort};
use lanherd_types::family::Families;
use nix::mount::{MsFlags, mount};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use lanherd_testkit::world::{Told, client, in_a_world, ip, open};

/// The servers' link.
const SERVERS: &str = "far0";
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7);
const RESOLVER: Ipv6Addr = Ipv6Addr::new(0xfd00, 0x77, 0, 0, 0, 0, 0, 0x53);
/// How long anything is waited for: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);
const LOG: &str = "/run/server.log";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dnsmasq,
    Kea,
    Isc,
}

const KINDS: [Kind; 3] = [Kind::Dnsmasq, Kind::Kea, Kind::Isc];

/// The prefix of the link, and how many addresses of it a server leases: those from `::1000` on.
#[derive(Debug, Clone, Copy)]
struct Pool {
    link: &'static str,
    addresses: u16,
}

const POOL: Pool = Pool {
    link: "fd00:77:",
    addresses: 256,
};

/// A DHCPv6 server on the parent's far end.
struct Server(Child);

impl Server {
    fn start(kind: Kind, pool: Pool) -> Self {
        let Pool { link, addresses } = pool;
        let last = 0x1000 + addresses - 1;
        let command = match kind {
            Kind::Dnsmasq => {
                // The world's /etc is empty, and dnsmasq wants to know who root is.
                fs::write("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n").expect("written");
                fs::write("/etc/group", "root:x:0:\n").expect("written");
                let mut command = Command::new("dnsmasq");
                command.args([
                    "--keep-in-foreground",
                    "--conf-file=/dev/null",
                    "--pid-file=",
                    "--user=root",
                    "--port=0",
                    "--bind-interfaces",
                    "--log-dhcp",
                    "--log-facility=-",
                    "--dhcp-authoritative",
                    "--leasefile-ro",
                ]);
                command.args([
                    format!("--interface={SERVERS}"),
                    format!("--dhcp-range={link}:1000,{link}:{last:x},64,10m"),
                    format!("--dhcp-option=option6:dns-server,[{RESOLVER}]"),
                ]);
                command
            }
            Kind::Kea => {
                let config = format!(
                    r#"{{ "Dhcp6": {{
  "interfaces-config": {{ "interfaces": [ "{SERVERS}" ] }},
  "server-id": {{ "type": "LL", "htype": 1, "identifier": "026c61000001", "persist": false }},
  "lease-database": {{ "type": "memfile", "persist": false }},
  "preferred-lifetime": 300, "valid-lifetime": 600, "renew-timer": 150, "rebind-timer": 240,
  "option-data": [ {{ "name": "dns-servers", "data": "{RESOLVER}" }} ],
  "subnet6": [ {{ "subnet": "{link}:/64", "interface": "{SERVERS}", "rapid-commit": true,
    "pools": [ {{ "pool": "{link}:1000 - {link}:{last:x}" }} ],
    "pd-pools": [ {{ "prefix": "fd00:99::", "prefix-len": 48, "delegated-len": 60 }} ] }} ],
  "loggers": [ {{ "name": "kea-dhcp6", "severity": "INFO", "output_options": [ {{ "output": "stdout" }} ] }} ]
}} }}"#
                );
                fs::write("/run/kea.json", config).expect("written");
                let mut command = Command::new("kea-dhcp6");
                command.args(["-c", "/run/kea.json"]);
                command.env("KEA_LOCKFILE_DIR", "/run");
                command.env("KEA_PIDFILE_DIR", "/run");
                command
            }
            Kind::Isc => {
                let config = format!(
                    "default-lease-time 600; preferred-lifetime 300; option dhcp-renewal-time 150;\n\
                     option dhcp-rebinding-time 240; option dhcp6.name-servers {RESOLVER};\n\
                     subnet6 {link}:/64 {{ range6 {link}:1000 {link}:{last:x};\n\
                     prefix6 fd00:99:: fd00:99:0:fff0:: /60; }}\n"
                );
                fs::write("/run/dhcpd.conf", config).expect("written");
                fs::write("/run/dhcpd.leases", "").expect("written");
                let mut command = Command::new("dhcpd");
                command.args(["-6", "-f", "-d", "--no-pid", "-cf", "/run/dhcpd.conf"]);
                command.args(["-lf", "/run/dhcpd.leases", SERVERS]);
                command
            }
        };
        Self::run(command, &format!("{link}:1"))
    }

    /// Runs it on the link with that address, and waits until it listens.
    fn run(mut command: Command, address: &str) -> Self {
        // What is there already when a server is started again.
        let addresses = ip(&format!("-6 address show dev {SERVERS}"));
        for address in ["fe80::1", address] {
            if !addresses.contains(&format!(" {address}/64")) {
                ip(&format!("address add {address}/64 dev {SERVERS} nodad"));
            }
        }
        let log = File::create(LOG).expect("a log");
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log);
        let child = command.spawn();
        let program = command.get_program().to_string_lossy();
        let mut server = Self(child.unwrap_or_else(|error| panic!("{program}: {error}")));
        let started = Instant::now();
        while !listens() {
            let ended = server.0.try_wait().expect("a child");
            assert!(
                ended.is_none() && started.elapsed() < PATIENCE,
                "{program}: {ended:?}\n{}",
                log_of_server()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
        server
    }
}

impl Server {
    /// Has it end by itself, so that it writes down what it has to remember.
    fn stop(mut self) {
        let pid = Pid::from_raw(self.0.id().try_into().expect("a pid"));
        kill(pid, Signal::SIGTERM).expect("signalled");
        let started = Instant::now();
        while self.0.try_wait().expect("a child").is_none() {
            assert!(started.elapsed() < PATIENCE, "{}", log_of_server());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It would live on in the world's namespaces, and they with it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whether something in this namespace listens on the servers' port, which is 223 in hexadecimal.
fn listens() -> bool {
    let table = fs::read_to_string("/proc/thread-self/net/udp6").expect("a table");
    table.lines().any(|line| {
        let local = line.split_whitespace().nth(1);
        local.is_some_and(|local| local.ends_with(":0223"))
    })
}

fn log_of_server() -> String {
    fs::read_to_string(LOG).unwrap_or_default()
}

/// Client 1 on its port, driven as its actor drives it.
struct Driven {
    lan: LinuxLan,
    port: LinuxPort,
    told: Told,
    /// How many of the things that were told have been handled.
    handled: usize,
    machine: Client,
    events: Vec<Event>,
    /// What servers sent.
    heard: Vec<Message>,
}

fn quick(mac: Mac) -> Config {
    Config {
        start_delay: Duration::ZERO..=Duration::ZERO,
        duplicate_detection: false,
        ..Config::new(mac)
    }
}

impl Driven {
    async fn new(change: impl FnOnce(&mut Config)) -> Self {
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
    async fn configure(&self, lease: Option<&Lease>) {
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

    async fn tell(&mut self, order: impl FnOnce(&mut Client, Instant)) {
        order(&mut self.machine, Instant::now());
        self.drain().await;
    }

    async fn drain(&mut self) {
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
    async fn until(&mut self, what: &str, is_meant: impl Fn(&Event) -> bool) -> Event {
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

    fn handle(&mut self, event: PortEvent) {
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

    async fn join(&mut self) -> (Lease, Means) {
        self.tell(Client::start).await;
        self.bound().await
    }

    async fn bound(&mut self) -> (Lease, Means) {
        let bound = |event: &Event| matches!(event, Event::Bound { .. });
        match self.until("it is bound", bound).await {
            Event::Bound { lease, by } => (lease, by),
            other => panic!("{other:?}"),
        }
    }

    async fn renewed(&mut self, by: Means) -> Lease {
        let is_meant =
            |event: &Event| matches!(event, Event::Renewed { by: how, .. } if *how == by);
        match self.until("it is renewed", is_meant).await {
            Event::Renewed { lease, .. } => lease,
            other => panic!("{other:?}"),
        }
    }

    /// The next refusal.
    async fn refused(&mut self) -> (Option<IaKind>, StatusCode) {
        let is_meant = |event: &Event| matches!(event, Event::Refused { .. });
        match self.until("it is refused", is_meant).await {
            Event::Refused { refusal, .. } => {
                (refusal.ia.map(|(kind, _)| kind), refusal.status.code)
            }
            other => panic!("{other:?}"),
        }
    }

    async fn leave(self) {
        drop(self.port);
        assert_eq!(self.lan.detach(&client(1)).await, []);
        assert_eq!(self.lan.close().await, []);
    }
}

fn addresses(lease: &Lease) -> Vec<Ipv6Addr> {
    lease.addresses().map(|leased| leased.address).collect()
}

fn of_pool(lease: &Lease) -> Ipv6Addr {
    let [address] = addresses(lease)[..] else {
        panic!("{lease:?}");
    };
    let [0xfd00, 0x77, .., host] = address.segments() else {
        panic!("{address} is not of the pool");
    };
    assert!((0x1000..0x1100).contains(&host), "{address}");
    address
}

/// Runs a test against each server, each in a world of its own.
fn with_each<T: Future<Output = ()> + 'static>(test: fn(Kind) -> T) {
    for kind in KINDS {
        in_a_world(move || test(kind));
    }
}

// RFC 9915, 18.2.2: REQUEST names the chosen server, and has all that is wanted with what it offered.
// RFC 9915, 18.2.3: CONFIRM has the addresses that are held, without their times, and asks for nothing else.
// RFC 9915, 14: every message goes to ff02::1:2, to one server by its DUID, and none by unicast.
#[test]
fn every_server_leases_renews_rebinds_confirms_informs_and_takes_back() {
    with_each(|kind| async move {
        let _server = Server::start(kind, POOL);
        let mut driven = Driven::new(|_| ()).await;
        let (lease, by) = driven.join().await;
        assert_eq!(by, Means::Request);
        let address = of_pool(&lease);
        assert_eq!(lease.parameters.dns, [RESOLVER]);
        assert!(ip("-n ns1 -6 address show dev lan0").contains(&format!("{address}/128")));

        driven.tell(Client::renew).await;
        assert_eq!(of_pool(&driven.renewed(Means::Renew).await), address);
        driven.tell(Client::rebind).await;
        assert_eq!(of_pool(&driven.renewed(Means::Rebind).await), address);
        driven.tell(Client::confirm).await;
        assert_eq!(of_pool(&driven.renewed(Means::Confirm).await), address);
        driven.tell(Client::inform).await;
        let is_informed = |event: &Event| matches!(event, Event::Informed(_));
        let Event::Informed(information) = driven.until("it is informed", is_informed).await else {
            panic!("{kind:?}");
        };
        assert_eq!(information.parameters.dns, [RESOLVER]);
        assert!(driven.machine.lease().is_some());

        driven.tell(Client::release).await;
        driven
            .until("it is released", |event| {
                *event == Event::Answered(MessageType::Release)
            })
            .await;
        assert!(!ip("-n ns1 -6 address show dev lan0").contains("fd00"));
        driven.leave().await;
    });
}

// RFC 9915, 18.2.1: a REPLY to SOLICIT counts with option 14, where that was asked for.
#[test]
fn rapid_commit_takes_two_messages_where_the_server_knows_it() {
    with_each(|kind| async move {
        let _server = Server::start(kind, POOL);
        let mut driven = Driven::new(|config| config.rapid_commit = true).await;
        let (_, by) = driven.join().await;
        let expected = match kind {
            Kind::Dnsmasq | Kind::Kea => Means::RapidCommit,
            Kind::Isc => Means::Request,
        };
        assert_eq!(by, expected, "{kind:?}");
        driven.leave().await;
    });
}

// RFC 9915, 21.22: a client that wants a prefix of some length asks for :: with that length.
// RFC 9915, 18.2.10.1: a server that has no addresses or prefixes costs these alone, and is asked on.
#[test]
fn a_prefix_is_delegated_by_those_who_have_one_and_missed_at_the_other() {
    with_each(|kind| async move {
        let _server = Server::start(kind, POOL);
        let mac = client(1).mac;
        let mut driven = Driven::new(|config| {
            *config = quick(mac).with_prefix(mac, Some(60));
        })
        .await;
        let (lease, _) = driven.join().await;
        of_pool(&lease);
        let lengths: Vec<u8> = lease.prefixes().map(|it| it.prefix.length()).collect();
        let expected: &[u8] = match kind {
            // It knows of no prefixes, and says nothing of them.
            Kind::Dnsmasq => &[],
            Kind::Kea | Kind::Isc => &[60],
        };
        assert_eq!(lengths, expected, "{kind:?}");
        driven.tell(Client::reconnect).await;
        let by = if kind == Kind::Dnsmasq {
            Means::Confirm
        } else {
            Means::Rebind
        };
        let confirmed = driven.renewed(by).await;
        assert_eq!(confirmed.prefixes().count(), expected.len());
        driven.leave().await;
    });
}

// RFC 9915, 18.2.9: an ADVERTISE without any address or prefix is ignored, and does not change when SOLICIT is sent again.
// RFC 9915, 18.2.10.1: a server that has no addresses or prefixes costs these alone, and is asked on.
#[test]
fn an_empty_pool_is_told_and_asked_on() {
    with_each(|kind| async move {
        let one = Pool {
            addresses: 1,
            ..POOL
        };
        let _server = Server::start(kind, one);
        let mut first = Driven::new(|_| ()).await;
        let (lease, _) = first.join().await;
        // Another device at the same place.
        let config = Config {
            duid: Duid::uuid([7; 16]),
            ..quick(client(1).mac)
        };
        let before = std::mem::replace(
            &mut first.machine,
            Client::new(config, fastrand::Rng::new()),
        );
        first.tell(Client::start).await;
        let expected = match kind {
            // At the top as well, which comes first.
            Kind::Dnsmasq => (None, StatusCode::NoAddrsAvail),
            Kind::Kea | Kind::Isc => (Some(IaKind::Addresses), StatusCode::NoAddrsAvail),
        };
        assert_eq!(first.refused().await, expected, "{kind:?}");
        assert_eq!(first.machine.state().as_str(), "soliciting");
        // In the name of the first its lease is given back, and the other has it.
        let release = before
            .config()
            .release_of(&lease, &mut fastrand::Rng::new());
        let ends = Ends6::to_group(client(1).mac, LINK_LOCAL, ALL_SERVERS);
        let frame = dhcp6_frame(&ends, &release.encode().expect("short")).expect("fits");
        first.port.transmit6(&frame).expect("sent");
        let (again, _) = first.bound().await;
        assert_eq!(addresses(&again), addresses(&lease));
        first.leave().await;
    });
}

// RFC 9915, 18.2.12: a client begins again with the lease of before, and uses it when it is confirmed.
// RFC 9915, 18.2.10.3: a lease is lost when all that answer say NotOnLink; one Success is enough.
#[test]
fn a_lease_of_before_is_confirmed_on_its_link_and_refused_on_another() {
    with_each(|kind| async move {
        let server = Server::start(kind, POOL);
        let mut driven = Driven::new(|_| ()).await;
        let (lease, _) = driven.join().await;
        let restart = |driven: &mut Driven| {
            driven.machine = Client::new(quick(client(1).mac), fastrand::Rng::new());
        };
        restart(&mut driven);
        let stored = lease.clone();
        driven
            .tell(|machine, now| machine.restore(stored, now))
            .await;
        let (confirmed, by) = driven.bound().await;
        assert_eq!(
            (addresses(&confirmed), by),
            (addresses(&lease), Means::Confirm)
        );

        // The same client on another link.
        drop(server);
        ip(&format!("address flush dev {SERVERS} scope global"));
        let other = Pool {
            link: "fd00:78:",
            ..POOL
        };
        let _server = Server::start(kind, other);
        restart(&mut driven);
        let stored = lease.clone();
        driven
            .tell(|machine, now| machine.restore(stored, now))
            .await;
        assert_eq!(
            driven.refused().await,
            (None, StatusCode::NotOnLink),
            "{kind:?}"
        );
        let (moved, _) = driven.bound().await;
        assert_eq!(addresses(&moved)[0].segments()[1], 0x78);
        driven.leave().await;
    });
}

// RFC 9915, 18.2.10.1: what a server has no binding for is used no more, and requested anew.
// RFC 9915, 18.2.10.1: a valid lifetime of 0 takes an address or prefix away at once.
#[test]
fn a_server_that_has_forgotten_its_leases_is_asked_for_them_anew() {
    with_each(|kind| async move {
        let server = Server::start(kind, POOL);
        let mut driven = Driven::new(|_| ()).await;
        let (lease, _) = driven.join().await;
        drop(server);
        let server = Server::start(kind, POOL);
        driven.heard.clear();
        driven.events.clear();
        driven.tell(Client::rebind).await;
        // dnsmasq and ISC's dhcpd grant the lease again whose address is of the pool, as Kea does: a REBIND says that much.
        let rebound = driven.renewed(Means::Rebind).await;
        of_pool(&rebound);
        // A RENEW of what it does not know: each has another way.
        drop(server);
        let _server = Server::start(kind, POOL);
        driven.tell(Client::renew).await;
        let is_settled =
            |event: &Event| matches!(event, Event::Renewed { .. } | Event::Bound { .. });
        if rebound.server == lease.server {
            driven.until("it is settled", is_settled).await;
        } else {
            // A server whose DUID is new after a restart is silent: the lease goes on until it is rebound.
            driven.tell(Client::rebind).await;
            driven.until("it is settled", is_settled).await;
        }
        of_pool(driven.machine.lease().expect("a lease"));
        driven.leave().await;
    });
}

// RFC 9915, 18.2.8: DECLINE names the lease's server, and has the addresses that somebody else has, and no prefix.
// RFC 9915, 18.2.10.2: any REPLY ends a RELEASE or a DECLINE, whatever its status.
#[test]
fn a_declined_address_is_not_leased_again() {
    with_each(|kind| async move {
        let _server = Server::start(kind, POOL);
        let mut driven = Driven::new(|_| ()).await;
        let (lease, _) = driven.join().await;
        driven.tell(Client::decline).await;
        driven
            .until("it is declined", |event| {
                *event == Event::Answered(MessageType::Decline)
            })
            .await;
        let (next, _) = driven.bound().await;
        assert_ne!(addresses(&next), addresses(&lease), "{kind:?}");
        driven.leave().await;
    });
}

// RFC 9915, 18.2.10.1: an address is used when nobody else on the link is found to have it.
// RFC 9915, 18.2.8: what nobody else has is kept when addresses are declined, and they are asked for anew.
#[test]
fn an_address_that_the_kernel_finds_taken_is_declined_and_another_is_used() {
    in_a_world(|| async {
        let one = Pool {
            addresses: 1,
            ..POOL
        };
        let server = Server::start(Kind::Dnsmasq, one);
        // Somebody has the address that will be leased.
        let taken = "fd00:77::1000";
        ip(&format!("address add {taken}/128 dev {SERVERS} nodad"));
        let mut driven = Driven::new(|config| config.duplicate_detection = true).await;
        driven.tell(Client::start).await;
        let is_conflict = |event: &Event| matches!(event, Event::Conflict { .. });
        let conflict = driven.until("it is found out", is_conflict).await;
        let Event::Conflict { address, .. } = conflict else {
            panic!("{conflict:?}");
        };
        assert_eq!(address.to_string(), taken);
        driven
            .until("it is declined", |event| {
                *event == Event::Answered(MessageType::Decline)
            })
            .await;
        assert!(driven.machine.lease().is_none());
        drop(server);
        ip(&format!("address del {taken}/128 dev {SERVERS}"));
        let _server = Server::start(Kind::Dnsmasq, POOL);
        let (lease, _) = driven.bound().await;
        let address = of_pool(&lease);
        let shown = ip("-n ns1 -6 address show dev lan0");
        let line = shown
            .lines()
            .find(|line| line.contains(&address.to_string()));
        assert!(
            line.is_some_and(|line| !line.contains("tentative")),
            "{shown}"
        );
        driven.leave().await;
    });
}

/// dibbler keeps its configuration and its state where it was built to.
fn dibbler(pool: &str) -> Server {
    fs::create_dir_all("/etc/dibbler").expect("a folder");
    let config = format!(
        "log-level 8\nlog-mode short\nreconfigure-enabled 1\niface \"{SERVERS}\" {{\n T1 1000\n T2 2000\n \
         prefered-lifetime 3600\n valid-lifetime 7200\n class {{ pool {pool} }}\n}}\n"
    );
    fs::write("/etc/dibbler/server.conf", config).expect("written");
    let mut command = Command::new("dibbler-server");
    command.arg("run");
    Server::run(command, "fd00:77::1")
}

/// Lets dibbler lease an address to a client, and then send it a RECONFIGURE; gives what became of that.
async fn reconfigured_by_dibbler(detects_replay: bool) -> Event {
    for folder in ["/var/lib/dibbler", "/var/log/dibbler"] {
        fs::create_dir_all(folder).expect("a folder");
        let none = None::<&str>;
        mount(Some("world"), folder, Some("tmpfs"), MsFlags::empty(), none).expect("a tmpfs");
    }
    let server = dibbler("fd00:77::1000-fd00:77::10ff");
    let mut driven = Driven::new(|config| {
        config.reconfigure = true;
        config.detects_replay = detects_replay;
    })
    .await;
    let (lease, _) = driven.join().await;
    of_pool(&lease);
    assert!(lease.reconfigure.is_some(), "no key in {:?}", driven.heard);
    // Another pool: when it is started again it finds a client whose address is not of it.
    server.stop();
    let _server = dibbler("fd00:77::2000-fd00:77::20ff");
    let is_outcome =
        |event: &Event| matches!(event, Event::Ignored { .. } | Event::Reconfigured { .. });
    let outcome = driven.until("a RECONFIGURE comes", is_outcome).await;
    driven.leave().await;
    outcome
}

// RFC 9915, 16.11: a RECONFIGURE counts only where it is accepted, says what to do, and is authentic.
// RFC 9915, 20.3: a RECONFIGURE that is no newer than the last of its server is dropped.
#[test]
fn dibblers_reconfigure_is_authentic_and_passes_for_a_replay_since_it_never_counts() {
    in_a_world(|| async {
        let outcome = reconfigured_by_dibbler(true).await;
        let Event::Ignored { reason, .. } = outcome else {
            panic!("{outcome:?}");
        };
        // Its digest is right, or another reason would stand here.
        assert_eq!(reason, Ignored::Replayed);
    });
}

// RFC 9915, 18.2.11: a RECONFIGURE makes the client renew, rebind, or ask that server for information.
#[test]
fn a_client_that_minds_no_replay_does_as_dibbler_says() {
    in_a_world(|| async {
        let outcome = reconfigured_by_dibbler(false).await;
        let Event::Reconfigured { kind, .. } = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(kind, ReconfigureKind::Renew);
    });
}
