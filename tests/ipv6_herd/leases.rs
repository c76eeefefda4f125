//! Servers that lease addresses: dnsmasq, Kea and ISC's dhcpd.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use lanherd::client::ipv6::AddressOrigin;
use lanherd::phase::Phase;
use lanherd::pool::Selection;
use lanherd_testkit::world::{in_a_world, ip};

use super::PATIENCE;
use super::daemon::{Daemon, ISC_LEASES, KEA_LEASES, SHORT, Times, prepare};
use super::herd::{
    Herd, ONLINE, families_are_kept_apart, global, in_kernel, is_left_of, pings, seconds_until,
};

/// Lasts for longer than a test.
const LONG: Times = Times {
    renew: 150,
    rebind: 240,
    preferred: 300,
    valid: 600,
};
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dnsmasq,
    Kea,
    Isc,
}

/// A server of leases, beside what advertises that there is one, and dnsmasq for IPv4.
struct Server {
    kind: Kind,
    times: Times,
    dhcp6: Option<Daemon>,
    _others: Vec<Daemon>,
}

impl Server {
    fn start(kind: Kind, times: Times) -> Self {
        prepare();
        let mut others = Vec::new();
        let dhcp6 = if kind == Kind::Dnsmasq {
            Self::dnsmasq()
        } else {
            others.push(Daemon::dnsmasq(&[]));
            others.push(Daemon::radvd(
                "AdvManagedFlag on; prefix fd00:77::/64 { AdvAutonomous off; };",
            ));
            Self::of_its_own(kind, &times)
        };
        Self {
            kind,
            times,
            dhcp6: Some(dhcp6),
            _others: others,
        }
    }

    fn dnsmasq() -> Daemon {
        Daemon::dnsmasq(&[
            "--enable-ra",
            "--ra-param=far0,3,600",
            "--dhcp-range=fd00:77::1000,fd00:77::1fff,64,10m",
            "--dhcp-option=option6:dns-server,[fd00:77::53]",
            "--dhcp-option=option6:domain-search,lan.test",
        ])
    }

    fn of_its_own(kind: Kind, times: &Times) -> Daemon {
        match kind {
            Kind::Kea => Daemon::kea(times),
            Kind::Isc => Daemon::isc(times),
            Kind::Dnsmasq => panic!("it serves IPv4 as well"),
        }
    }

    /// Ends it at once, as a power cut does.
    fn fail(&mut self) {
        drop(self.dhcp6.take());
    }

    fn start_again(&mut self) {
        self.dhcp6 = Some(match self.kind {
            Kind::Dnsmasq => Self::dnsmasq(),
            kind => Self::of_its_own(kind, &self.times),
        });
    }

    fn log(&self) -> String {
        self.dhcp6.as_ref().map(Daemon::log).unwrap_or_default()
    }

    /// How many messages of a kind it says that it has received since it was started.
    fn heard(&self, message: &str) -> usize {
        let words = match self.kind {
            // Behind the interface stands a DUID, and of IPv4 an address.
            Kind::Dnsmasq => format!("DHCP{}(far0) 00:", message.to_uppercase()),
            Kind::Kea => format!(" {} (type ", message.to_uppercase()),
            Kind::Isc => format!("\n{message} message from "),
        };
        self.log().matches(&words).count()
    }

    /// What it has written down as leased: its own file.
    fn leased(&self) -> BTreeSet<Ipv6Addr> {
        let leased: BTreeMap<Ipv6Addr, bool> = match self.kind {
            Kind::Dnsmasq => of_dnsmasq(&read("/run/dnsmasq.leases")),
            Kind::Kea => of_kea(&read(KEA_LEASES)),
            Kind::Isc => of_isc(&read(ISC_LEASES)),
        };
        let held = leased.into_iter().filter(|(_, is_held)| *is_held);
        held.map(|(address, _)| address).collect()
    }

    /// The lifetimes that it gives.
    const fn given(&self) -> Times {
        match self.kind {
            // Half and seven eighths, as it has it (RFC 9915, 21.4).
            Kind::Dnsmasq => Times {
                renew: 300,
                rebind: 525,
                preferred: 600,
                valid: 600,
            },
            Kind::Kea | Kind::Isc => self.times,
        }
    }
}

/// A server's file, which one that has just been started may not have made yet.
fn read(path: &str) -> String {
    match fs::read_to_string(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        read => read.expect("the server's file"),
    }
}

/// A line for each lease; those of IPv4 among them, and its own DUID.
fn of_dnsmasq(text: &str) -> BTreeMap<Ipv6Addr, bool> {
    let third = text
        .lines()
        .filter_map(|line| line.split_whitespace().nth(2));
    let addresses = third.filter_map(|word| word.parse().ok());
    addresses.map(|address| (address, true)).collect()
}

/// Of each address the last line says how it stands: one that was released has a valid lifetime of 0.
fn of_kea(text: &str) -> BTreeMap<Ipv6Addr, bool> {
    let fields = text.lines().skip(1).map(|line| line.split(','));
    let of_line = |mut fields: std::str::Split<'_, char>| {
        let address = fields.next()?.parse().ok()?;
        Some((address, fields.nth(1)? != "0"))
    };
    fields.filter_map(of_line).collect()
}

/// Of each address the last block says how it stands.
fn of_isc(text: &str) -> BTreeMap<Ipv6Addr, bool> {
    let mut leased = BTreeMap::new();
    let mut address = None;
    for line in text.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("iaaddr ") {
            address = name.trim_end_matches(" {").parse().ok();
        } else if let (Some(address), Some(state)) = (address, line.strip_prefix("binding state "))
        {
            leased.insert(address, state == "active;");
        }
    }
    leased
}

async fn until(what: &str, server: &Server, mut holds: impl FnMut() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(
            started.elapsed() < PATIENCE,
            "waited in vain until {what}: {:?} leased\n{}",
            server.leased(),
            server.log()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// The addresses of all clients of IPv6, of which no two have the same.
fn held() -> BTreeSet<Ipv6Addr> {
    let all: Vec<Ipv6Addr> = [3, 4, 5, 6].into_iter().flat_map(global).collect();
    let held: BTreeSet<Ipv6Addr> = all.iter().copied().collect();
    assert_eq!((all.len(), held.len()), (4, 4), "{all:?}");
    held
}

/// What lanherd, the kernel and the server say of each lease is the same.
async fn hold_what_is_leased(herd: &Herd, server: &Server) {
    let given = server.given();
    let mut servers = BTreeSet::new();
    for number in [3, 4, 5, 6] {
        let state = herd.ipv6(number).await;
        assert!(state.managed);
        let lease = state.lease.as_ref().expect("a lease");
        servers.insert(lease.server.to_string());
        let leased: Vec<_> = lease.addresses().collect();
        let stand = in_kernel(number);
        assert_eq!((leased.len(), stand.len()), (1, 1), "{lease:?} {stand:?}");
        assert_eq!(leased[0].address, stand[0].address);
        // A leased address says nothing of a prefix (RFC 9915, 21.6).
        assert_eq!(stand[0].prefix_len, 128);
        let lifetimes = leased[0].lifetimes;
        for (left, whole) in [
            (seconds_until(lifetimes.valid_until), given.valid),
            (seconds_until(lifetimes.preferred_until), given.preferred),
            (stand[0].valid, given.valid),
            (stand[0].preferred, given.preferred),
            (seconds_until(lease.rebind_at()), given.rebind),
        ] {
            is_left_of(left, whole);
        }
        assert!(seconds_until(lease.renew_at()).is_some_and(|left| left <= given.renew));
        assert!(state.global().all(|it| it.origin == AddressOrigin::Dhcp6));
        let resolver: Ipv6Addr = "fd00:77::53".parse().expect("an address");
        assert!(state.resolvers.contains(&resolver), "{:?}", state.resolvers);
        assert!(state.search.iter().any(|name| name == "lan.test"));
        // Where hosts are on the link, and who leads beyond it, only the advertisement says.
        let routes = ip(&format!("-n ns{number} -6 route show"));
        for route in ["default via fe80::1 dev lan0", "fd00:77::/64 dev lan0"] {
            assert!(routes.contains(route), "{routes}");
        }
        pings(number, "fd00:77::1").await;
    }
    assert_eq!(servers.len(), 1);
    assert_eq!(server.leased(), held());
}

/// Clients that lease their addresses, until nothing is left of them.
async fn leases(kind: Kind) {
    let server = Server::start(kind, LONG);
    let log = || server.log();
    let herd = Herd::start().await;
    herd.until(ONLINE, log).await;
    families_are_kept_apart();
    hold_what_is_leased(&herd, &server).await;
    let leased = held();
    // After the carrier was away all is asked about again, and goes on as it was.
    let flapped = herd.pool.flap(Duration::from_millis(500)).await;
    flapped.expect("told").expect("flapped");
    let confirmed = || server.heard("Confirm") >= 4;
    until("all are confirmed", &server, confirmed).await;
    herd.until(ONLINE, log).await;
    assert_eq!(held(), leased);
    for number in [3, 4, 5, 6] {
        pings(number, "fd00:77::1").await;
    }
    // By order.
    herd.pool.renew(Selection::All).await.expect("told");
    let renewed = || server.heard("Renew") >= 4;
    until("all are renewed", &server, renewed).await;
    herd.until(ONLINE, log).await;
    assert_eq!(held(), leased);
    // Given back by order, and had again.
    let told = herd.pool.release(Selection::All).await.expect("told");
    assert_eq!(told, 6);
    herd.until([Phase::Released; 6], log).await;
    assert_eq!(global(5), [] as [Ipv6Addr; 0]);
    let is_free = || server.leased().is_empty();
    until("all are given back", &server, is_free).await;
    assert_eq!(server.heard("Release"), 4, "{}", server.log());
    herd.pool.renew(Selection::All).await.expect("told");
    herd.until(ONLINE, log).await;
    hold_what_is_leased(&herd, &server).await;
    herd.end().await;
    until("nothing is left", &server, is_free).await;
    if kind == Kind::Dnsmasq {
        assert!(!read("/run/dnsmasq.leases").contains(" 10.9."));
    }
}

#[test]
fn addresses_are_leased_by_dnsmasq_and_none_is_left_behind() {
    in_a_world(|| leases(Kind::Dnsmasq));
}

#[test]
fn addresses_are_leased_by_kea_and_none_is_left_behind() {
    in_a_world(|| leases(Kind::Kea));
}

#[test]
fn addresses_are_leased_by_iscs_dhcpd_and_none_is_left_behind() {
    in_a_world(|| leases(Kind::Isc));
}

/// Leases are renewed time and again; a server that fails and comes back finds its clients rebinding, and nobody has lost anything.
async fn short_leases(kind: Kind) {
    let mut server = Server::start(kind, SHORT);
    let herd = Herd::start().await;
    herd.until(ONLINE, || server.log()).await;
    hold_what_is_leased(&herd, &server).await;
    let leased = held();
    let renewed = || server.heard("Renew") >= 12;
    until("all are renewed three times", &server, renewed).await;
    assert_eq!(server.heard("Rebind"), 0, "{}", server.log());
    hold_what_is_leased(&herd, &server).await;
    assert_eq!(held(), leased);

    server.fail();
    tokio::time::sleep(Duration::from_secs(SHORT.rebind)).await;
    server.start_again();
    let rebound = || server.heard("Rebind") >= 4;
    until("all are rebound", &server, rebound).await;
    let renewed = || server.heard("Renew") >= 4;
    until("all are renewed again", &server, renewed).await;
    hold_what_is_leased(&herd, &server).await;
    assert_eq!(held(), leased);
    // Nobody was without an address for a moment, nor restarted.
    for number in [3, 4, 5, 6] {
        let client = herd.client(number).await;
        let ipv6 = client.by_family.ipv6.expect("IPv6");
        assert_eq!(
            (client.restarts, ipv6.failure),
            (0, None),
            "client {number}"
        );
    }

    // One that has forgotten everything gives the same, or something else, but leaves nobody with nothing.
    server.fail();
    match kind {
        Kind::Kea => fs::remove_file(KEA_LEASES).expect("removed"),
        _ => fs::write(ISC_LEASES, "").expect("emptied"),
    }
    server.start_again();
    let relearned = || {
        let leased = server.leased();
        let used: BTreeSet<Ipv6Addr> = [3, 4, 5, 6].into_iter().flat_map(global).collect();
        leased.len() == 4 && leased == used
    };
    until("all have leases again", &server, relearned).await;
    herd.until(ONLINE, || server.log()).await;
    hold_what_is_leased(&herd, &server).await;
    herd.end().await;
    until("nothing is left", &server, || server.leased().is_empty()).await;
}

#[test]
fn short_leases_of_kea_are_renewed_rebound_and_had_anew() {
    in_a_world(|| short_leases(Kind::Kea));
}

#[test]
fn short_leases_of_iscs_dhcpd_are_renewed_rebound_and_had_anew() {
    in_a_world(|| short_leases(Kind::Isc));
}
