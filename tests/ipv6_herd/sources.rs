//! From which address clients of both families speak, and over which family, as it stands on the wire: what `docs/ipv6.md` says, held
//! against tshark's reading.

use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use lanherd::activity::command::{CommandLine, CommandSpec};
use lanherd::activity::connect::{ConnectSpec, Endpoint};
use lanherd::activity::dns::{DnsSpec, Question};
use lanherd::activity::http::HttpSpec;
use lanherd::activity::ping::PingSpec;
use lanherd::activity::{Activity, OverFamily};
use lanherd::client::ipv6::{AddressOrigin, AddressState, HeldAddress, Ipv6EventKind, Ipv6State};
use lanherd::family::{Families, Family};
use lanherd::host_name::HostName;
use lanherd::identity::{PoolName, Seed};
use lanherd::lan::linux::{LanConfig, LinuxLan};
use lanherd::metrics::Metrics;
use lanherd::phase::Phase;
use lanherd::pool::{ClientStatus, DhcpSettings, Pool, PoolConfig, Selection};
use lanherd::target::Target;
use lanherd::url::Url;
use lanherd_testkit::world::{PARENT, in_a_world, ip, nothing_is_left};
use lanherd_types::ipv6::AddressFormation;

use super::PATIENCE;
use super::daemon::{Daemon, prepare};
use super::decoder::{Decoded, Recording};

/// Behind the router.
const BEYOND: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);
/// The first prefix that reaches beyond the site, and the one after it.
const FORMER: &str = "2001:db8:5::/64";
const LATTER: &str = "2001:db8:6::/64";

/// A LAN with two dual clients that form temporary addresses.
struct Told {
    pool: Pool,
    lan: LinuxLan,
}

impl Told {
    async fn start() -> Self {
        let name = PoolName::default();
        let lan = LinuxLan::open(LanConfig::new(PARENT, name.clone())).await;
        let (lan, _) = lan.expect("a lan");
        let metrics = Metrics::new(&name, Seed(7)).expect("metrics");
        let mut config = PoolConfig::new(name);
        config.lease_deadline = PATIENCE;
        config.families = Families::Dual;
        config.dhcp = DhcpSettings {
            ipv6_addresses: Some(AddressFormation::Temporary),
            ..DhcpSettings::default()
        };
        let pool = Pool::start(Arc::new(lan.clone()), config, metrics).await;
        let pool = pool.expect("a pool");
        pool.create(2).await.expect("created");
        Self { pool, lan }
    }

    async fn clients(&self) -> Vec<ClientStatus> {
        self.pool.status().await.expect("a status").clients
    }

    /// Waits until all are online, and this holds of what they have of IPv6.
    async fn until(&self, what: &str, holds: impl Fn(&Ipv6State) -> bool) {
        let started = Instant::now();
        loop {
            let clients = self.clients().await;
            let mut those = clients.iter();
            if those.all(|it| it.phase == Phase::Online && it.ipv6.as_deref().is_some_and(&holds)) {
                return;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "not so that {what}: {clients:#?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Waits until routers have answered all after the carrier was away.
    async fn reattached(&self) {
        let started = Instant::now();
        loop {
            let figures = self.pool.figures().await.expect("figures");
            let count = figures.ipv6_events.get(&Ipv6EventKind::Reattached);
            if count.is_some_and(|count| *count >= 2) {
                break;
            }
            assert!(started.elapsed() < PATIENCE, "{:?}", figures.ipv6_events);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.until("all are online again", |_| true).await;
    }

    async fn run(&self, activity: impl Into<Activity>) {
        self.pool.run(Selection::All, activity).await.expect("run");
    }
}

/// Now, in seconds of the recording's clock.
fn since_1970() -> f64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.expect("now").as_secs_f64()
}

/// Whether an address is of a prefix, and temporary.
fn is_temporary(state: &Ipv6State, address: Ipv6Addr, prefix: &str) -> bool {
    let start = prefix.strip_suffix(":/64").expect("a prefix");
    let known = state.global().find(|known| known.address == address);
    address.to_string().starts_with(start)
        && known.is_some_and(|known| known.origin == AddressOrigin::Temporary)
}

/// How many temporary addresses of a prefix there are.
fn temporary(state: &Ipv6State, prefix: &str) -> usize {
    let all = state.global().map(|known| known.address);
    all.filter(|address| is_temporary(state, *address, prefix))
        .count()
}

/// What a client has sent of that kind, in order: from which address.
fn sources(wire: &Decoded, client: &ClientStatus, filter: &str) -> Vec<IpAddr> {
    let filter = format!("eth.src == {} && ({filter})", client.identity.mac);
    let rows = wire.rows(&filter, ["ip.src", "ipv6.src"]);
    let source = |[four, six]: &[String; 2]| format!("{four}{six}").parse().expect("an address");
    rows.iter().map(source).collect()
}

/// What is done, and what of it stands on the wire.
struct Done {
    activity: Activity,
    filter: &'static str,
    expected: ExpectedSource,
}

/// From where something goes.
#[derive(Debug, Clone, Copy)]
enum ExpectedSource {
    /// From the leased address.
    Leased,
    /// From the link-local address.
    LinkLocal,
    /// From the temporary address of this prefix.
    Temporary(&'static str),
    /// The same first, and when that was refused from the leased address.
    BothFrom(&'static str),
}

fn done() -> Vec<Done> {
    let all = |activity: Activity, filter, expected| Done {
        activity,
        filter,
        expected,
    };
    let six = |text: &str| Target::Address(text.parse().expect("an address"));
    let question = |name: &str, family| {
        let name: HostName = name.parse().expect("a name");
        DnsSpec::once(Question {
            family,
            ..Question::from(name)
        })
    };
    let url = |text: &str, family| {
        let url: Url = text.parse().expect("a URL");
        HttpSpec::once(OverFamily::new(url, family))
    };
    let (over4, over6) = (Family::Ipv4, Family::Ipv6);
    let endpoint = Endpoint {
        target: "www.lab.test".parse().expect("a target"),
        port: 81,
    };
    let site = "fd00:77::/64";
    vec![
        all(
            PingSpec::once(Target::Router).into(),
            "icmp.type == 8",
            ExpectedSource::Leased,
        ),
        all(
            PingSpec::once(OverFamily::new(Target::Router, over6)).into(),
            "icmpv6.type == 128 && ipv6.dst == fe80::1",
            ExpectedSource::LinkLocal,
        ),
        all(
            PingSpec::once(six("fd00:77::1")).into(),
            "icmpv6.type == 128 && ipv6.dst == fd00:77::1",
            ExpectedSource::Temporary(site),
        ),
        all(
            PingSpec::once(six("2001:db8:ffff::1")).into(),
            "icmpv6.type == 128 && ipv6.dst == 2001:db8:ffff::1",
            ExpectedSource::Temporary(FORMER),
        ),
        all(
            question("lookup.lab.test", None).into(),
            "dns.qry.name == \"lookup.lab.test\"",
            ExpectedSource::Leased,
        ),
        all(
            question("other.lab.test", Some(over6)).into(),
            "dns.qry.name == \"other.lab.test\"",
            ExpectedSource::Temporary(site),
        ),
        all(
            ConnectSpec::once(endpoint).into(),
            "tcp.flags.syn == 1 && tcp.dstport == 81",
            ExpectedSource::BothFrom(FORMER),
        ),
        all(
            url("http://www.lab.test:82/", over6).into(),
            "tcp.flags.syn == 1 && tcp.dstport == 82",
            ExpectedSource::Temporary(FORMER),
        ),
        all(
            url("http://www.lab.test:83/", over4).into(),
            "tcp.flags.syn == 1 && tcp.dstport == 83",
            ExpectedSource::Leased,
        ),
        all(
            CommandSpec::once(CommandLine::from(
                "ping -6 -n -c 1 -W 5 -p 77 2001:db8:ffff::2",
            ))
            .into(),
            "icmpv6.type == 128 && ipv6.dst == 2001:db8:ffff::2",
            ExpectedSource::Temporary(FORMER),
        ),
    ]
}

#[track_caller]
fn is_as_expected(found: &[IpAddr], client: &ClientStatus, done: &Done) {
    let state = client.ipv6.as_deref().expect("a state");
    let leased = IpAddr::V4(client.lease.as_ref().expect("a lease").address);
    let is_temporary = |address: IpAddr, prefix| matches!(address, IpAddr::V6(address) if is_temporary(state, address, prefix));
    let Some(first) = found.first().copied() else {
        panic!("nothing was sent: {}", done.filter)
    };
    let is_right = match done.expected {
        ExpectedSource::Leased => found.iter().all(|it| *it == leased),
        ExpectedSource::LinkLocal => found
            .iter()
            .all(|it| Some(*it) == state.link_local().map(IpAddr::V6)),
        ExpectedSource::Temporary(prefix) => found.iter().all(|it| is_temporary(*it, prefix)),
        ExpectedSource::BothFrom(prefix) => is_temporary(first, prefix) && found.contains(&leased),
    };
    assert!(
        is_right,
        "{}: {found:?}, and not {:?}: {client:#?}",
        done.filter, done.expected
    );
}

#[test]
fn clients_speak_from_the_address_and_over_the_family_that_the_docs_say() {
    in_a_world(|| async {
        prepare();
        for beyond in [BEYOND, Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 2)] {
            ip(&format!("address add {beyond}/128 dev lo"));
        }
        for prefix in [FORMER, LATTER] {
            ip(&format!("route add {prefix} dev far0"));
        }
        // That of the other tests answers no questions about names.
        let dnsmasq = Daemon::start(
            "dnsmasq",
            &[
                "--keep-in-foreground",
                "--conf-file=/dev/null",
                "--pid-file=",
                "--user=root",
                "--interface=far0",
                "--bind-interfaces",
                "--no-ping",
                "--no-resolv",
                "--no-hosts",
                "--log-facility=-",
                "--dhcp-authoritative",
                "--dhcp-leasefile=/run/dnsmasq.leases",
                "--dhcp-range=10.9.0.100,10.9.0.200,255.255.255.0,1h",
                "--dhcp-option=option:dns-server,10.9.0.1",
                "--host-record=www.lab.test,10.9.0.1,2001:db8:ffff::1",
                "--host-record=lookup.lab.test,10.9.0.1",
                "--host-record=other.lab.test,fd00:77::1",
            ],
        );
        let site = "prefix fd00:77::/64 { }; RDNSS fd00:77::1 { };";
        let radvd = Daemon::radvd(&format!("{site} prefix {FORMER} {{ }};"));
        let recording = Recording::start("far0", Path::new("/run"));
        let told = Told::start().await;
        told.until("both prefixes are used", |state| {
            temporary(state, "fd00:77::/64") == 1
                && temporary(state, FORMER) == 1
                && !state.resolvers.is_empty()
        })
        .await;
        let done = done();
        for one in &done {
            told.run(one.activity.clone()).await;
        }
        let clients = told.clients().await;
        // Another prefix, and the former is deprecated: what is new goes from the other (RFC 4862, 5.5.4; RFC 6724, 5, rule 3).
        drop(radvd);
        let former =
            format!("prefix {FORMER} {{ AdvPreferredLifetime 0; AdvValidLifetime 7200; }};");
        let _radvd = Daemon::radvd(&format!("{site} {former} prefix {LATTER} {{ }};"));
        let start = FORMER.strip_suffix(":/64").expect("a prefix");
        told.until("the former prefix is deprecated", |state| {
            let of_former = |it: &&HeldAddress| it.address.to_string().starts_with(start);
            temporary(state, LATTER) == 1
                && state
                    .global()
                    .filter(of_former)
                    .all(|it| it.state == AddressState::Deprecated)
        })
        .await;
        ip("address add 2001:db8:ffff::3/128 dev lo");
        let late = Done {
            activity: PingSpec::once(Target::Address(
                "2001:db8:ffff::3".parse().expect("an address"),
            ))
            .into(),
            filter: "icmpv6.type == 128 && ipv6.dst == 2001:db8:ffff::3",
            expected: ExpectedSource::Temporary(LATTER),
        };
        told.run(late.activity.clone()).await;
        let later = told.clients().await;
        let taken_away = since_1970();
        let flapped = told.pool.flap(Duration::from_millis(500)).await;
        flapped.expect("told").expect("flapped");
        told.reattached().await;

        let wire = recording.end();
        for client in &clients {
            for one in &done {
                is_as_expected(&sources(&wire, client, one.filter), client, one);
            }
        }
        for client in &later {
            is_as_expected(&sources(&wire, client, late.filter), client, &late);
            // Whoever gets the link back asks for routers at once (RFC 6059, 5.5.1), and answers of DHCP are confirmed.
            for asked in ["icmpv6.type == 133", "dhcp.option.dhcp == 3"] {
                let filter = format!("eth.src == {} && {asked}", client.identity.mac);
                let rows = wire.rows(&filter, ["frame.time_epoch"]);
                let after = |[at]: &&[String; 1]| at.parse::<f64>().expect("a time") > taken_away;
                assert!(rows.iter().any(|row| after(&row)), "{filter}: {rows:?}");
            }
        }
        told.pool.tear_down().await.expect("torn down");
        assert_eq!(told.lan.close().await, []);
        drop(dnsmasq);
        nothing_is_left();
    });
}
