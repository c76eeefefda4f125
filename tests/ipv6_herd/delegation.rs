//! Clients that are routers, beside Kea and ISC's dhcpd, which delegate prefixes, and a kernel that routes them.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lanherd::activity::OverFamily;
use lanherd::activity::ping::PingSpec;
use lanherd::client::ipv6::{AddressOrigin, Ipv6State};
use lanherd::family::Families;
use lanherd::identity::{PoolName, Seed};
use lanherd::lan::linux::{LanConfig, LinuxLan};
use lanherd::metrics::Metrics;
use lanherd::phase::Phase;
use lanherd::pool::{DhcpSettings, Pool, PoolConfig, Selection};
use lanherd::target::Target;
use lanherd_testkit::world::{PARENT, in_a_world, ip, nothing_is_left};
use lanherd_types::ipv6::WantedPrefix;

use super::PATIENCE;
use super::daemon::{Daemon, ISC_LEASES, prepare};

/// Behind the router.
const BEYOND: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);
const CLIENTS: u32 = 2;

async fn states(pool: &Pool) -> Vec<Arc<Ipv6State>> {
    let status = pool.status().await.expect("a status");
    let clients = status.clients.into_iter();
    clients.filter_map(|client| client.ipv6).collect()
}

async fn all_online(pool: &Pool, server: &Daemon) {
    let started = Instant::now();
    loop {
        let status = pool.status().await.expect("a status");
        let clients = &status.clients;
        if clients.iter().all(|client| client.phase == Phase::Online) {
            return;
        }
        let failures: Vec<_> = clients.iter().map(|it| &it.failure).collect();
        assert!(
            started.elapsed() < PATIENCE,
            "{failures:#?}\n{}",
            server.log()
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// How many of the clients have an answer to a ping from the link behind them.
async fn answered(pool: &Pool) -> usize {
    let target = OverFamily::from(Target::Address(BEYOND.into())).from_delegated();
    let spec = PingSpec::once(target);
    let report = pool.ping(Selection::All, spec).await.expect("pinged");
    let stats = report.clients.values();
    stats.filter(|stats| stats.is_success()).count()
}

/// A server that delegates parts of 60 bits, and leases addresses beside them.
struct Delegating {
    start: fn() -> Daemon,
    /// How its log tells of a REBIND, and of a RELEASE.
    rebind: &'static str,
    release: &'static str,
}

const KEA: Delegating = Delegating {
    start: kea,
    rebind: " REBIND (type ",
    release: " RELEASE (type ",
};

const ISC: Delegating = Delegating {
    start: isc,
    rebind: "Rebind message from ",
    release: "Release message from ",
};

fn kea() -> Daemon {
    fs::write(
        "/run/kea.json",
        r#"{ "Dhcp6": {
  "interfaces-config": { "interfaces": [ "far0" ] },
  "server-id": { "type": "LL", "htype": 1, "identifier": "026c61000001", "persist": false },
  "lease-database": { "type": "memfile", "persist": true, "name": "/run/kea.leases", "lfc-interval": 0 },
  "preferred-lifetime": 300, "valid-lifetime": 600, "renew-timer": 150, "rebind-timer": 240,
  "subnet6": [ { "subnet": "fd00:77::/64", "interface": "far0",
    "pools": [ { "pool": "fd00:77::1000 - fd00:77::1fff" } ],
    "pd-pools": [ { "prefix": "2001:db8:99::", "prefix-len": 48, "delegated-len": 60 } ] } ],
  "loggers": [ { "name": "kea-dhcp6", "severity": "DEBUG", "debuglevel": 50, "output_options": [ { "output": "stdout" } ] } ]
} }"#,
    )
    .expect("written");
    Daemon::start("kea-dhcp6", &["-c", "/run/kea.json"])
}

fn isc() -> Daemon {
    fs::write(
        "/run/dhcpd.conf",
        "default-lease-time 600; preferred-lifetime 300; option dhcp-renewal-time 150; option dhcp-rebinding-time 240;\n\
         subnet6 fd00:77::/64 {\n  range6 fd00:77::1000 fd00:77::1fff;\n\
         \x20 prefix6 2001:db8:99:: 2001:db8:99:fff0:: /60;\n}\n",
    )
    .expect("written");
    fs::write(ISC_LEASES, "").expect("written");
    let arguments = [
        "-6",
        "-f",
        "-d",
        "--no-pid",
        "-cf",
        "/run/dhcpd.conf",
        "-lf",
        ISC_LEASES,
        "far0",
    ];
    Daemon::start("dhcpd", &arguments)
}

#[test]
fn prefixes_are_delegated_by_kea_and_pings_come_back_to_them_once_the_router_knows_the_way() {
    delegated_by(&KEA);
}

#[test]
fn prefixes_are_delegated_by_isc_dhcpd_and_pings_come_back_to_them_once_the_router_knows_the_way() {
    delegated_by(&ISC);
}

fn delegated_by(server: &'static Delegating) {
    in_a_world(move || async move {
        prepare();
        ip(&format!("address add {BEYOND}/128 dev lo"));
        let daemon = (server.start)();
        let _radvd =
            Daemon::radvd("AdvManagedFlag on; prefix fd00:77::/64 { AdvAutonomous off; };");
        let name = PoolName::default();
        let (lan, _) = LinuxLan::open(LanConfig::new(PARENT, name.clone()))
            .await
            .expect("a lan");
        let metrics = Metrics::new(&name, Seed(7)).expect("metrics");
        let mut config = PoolConfig::new(name);
        config.lease_deadline = PATIENCE;
        config.families = Families::Ipv6;
        config.dhcp = DhcpSettings {
            delegated_prefix: WantedPrefix::of_length(60),
            ..DhcpSettings::default()
        };
        let pool = Pool::start(Arc::new(lan.clone()), config, metrics).await;
        let pool = pool.expect("a pool");
        pool.create(CLIENTS).await.expect("created");
        all_online(&pool, &daemon).await;

        let mut prefixes = BTreeSet::new();
        for (state, number) in states(&pool).await.iter().zip(1..) {
            let delegated: Vec<_> = state.delegated().map(|it| it.prefix).collect();
            let [prefix] = delegated[..] else {
                panic!("{delegated:?}\n{}", daemon.log())
            };
            assert_eq!(prefix.length(), 60);
            assert!(prefixes.insert(prefix));
            let behind: Vec<_> = state.behind().map(|it| it.address).collect();
            assert!(behind.len() == 1 && prefix.contains(behind[0]));
            let set = ip(&format!("-n ns{number} -6 -o address show dev lo"));
            assert!(set.contains(&behind[0].to_string()), "{set}");
            let set = ip(&format!("-n ns{number} -6 route show type unreachable"));
            assert!(set.contains(&prefix.to_string()), "{set}");
            let origins: Vec<_> = state.global().map(|it| it.origin).collect();
            assert_eq!(origins, [AddressOrigin::Dhcp6, AddressOrigin::Delegated]);
        }
        // It delegates, and routes nothing: that is for whoever runs it.
        assert_eq!(answered(&pool).await, 0);
        for state in states(&pool).await {
            let prefix = state.delegated().next().expect("a prefix").prefix;
            let gateway = state.link_local().expect("an address");
            ip(&format!("route add {prefix} via {gateway} dev far0"));
        }
        assert_eq!(answered(&pool).await, CLIENTS as usize);

        // After the carrier was away they are rebound, and the same.
        let flapped = pool.flap(Duration::from_millis(500)).await;
        flapped.expect("told").expect("flapped");
        let started = Instant::now();
        while daemon.log().matches(server.rebind).count() < CLIENTS as usize {
            assert!(started.elapsed() < PATIENCE, "{}", daemon.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        all_online(&pool, &daemon).await;
        let mut kept = BTreeSet::new();
        for state in states(&pool).await {
            kept.extend(state.delegated().map(|it| it.prefix));
        }
        assert_eq!(kept, prefixes);

        // All of it is given back at the end.
        pool.tear_down().await.expect("torn down");
        assert_eq!(lan.close().await, []);
        let started = Instant::now();
        while daemon.log().matches(server.release).count() < CLIENTS as usize {
            assert!(started.elapsed() < PATIENCE, "{}", daemon.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        nothing_is_left();
    });
}
