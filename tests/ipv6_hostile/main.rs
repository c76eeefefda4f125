//! Strangers on a real link, beside the lab's router: what they send is passed over and told with its reason, or is bounded; no client is
//! lost by it for longer than the protocols allow, and no router is blamed for it. Needs root.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test's way to fail; helpers of tests are not recognised as such"
)]

mod dhcp6;
mod neighbours;
mod routers;
mod stranger;

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lanherd::client::ipv6::Ipv6State;
use lanherd::family::Families;
use lanherd::identity::{PoolName, Seed};
use lanherd::lab::{Ipv6Config, Lab, LabConfig};
use lanherd::lan::linux::{LanConfig, LinuxLan};
use lanherd::metrics::Metrics;
use lanherd::phase::Phase;
use lanherd::pool::{ClientStatus, Pool, PoolConfig};
use lanherd_audit::Breach;
use lanherd_testkit::world::{PARENT, in_a_world, ip, nothing_is_left};

use stranger::Stranger;

const PATIENCE: Duration = Duration::from_secs(60);
const CLIENTS: u32 = 4;
/// The lab's router.
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

/// Clients of both families, the lab's router, and a stranger on one bridge.
struct Beside {
    lan: LinuxLan,
    lab: Lab,
    pool: Pool,
    metrics: Metrics,
    stranger: Stranger,
}

/// What a client has of IPv6, but for whatever moves with time.
fn standing(state: &Ipv6State) -> (BTreeSet<Ipv6Addr>, BTreeSet<Ipv6Addr>) {
    let routers = state.routers.iter().map(|router| router.address);
    (
        state.global().map(|it| it.address).collect(),
        routers.collect(),
    )
}

impl Beside {
    async fn start() -> Self {
        ip("link add br0 type bridge mcast_snooping 0");
        ip("link add evil0 type veth peer name evil1");
        let config = LabConfig {
            ipv6: Some(Ipv6Config {
                managed: true,
                // As often as may be: what strangers have broken is mended by the next.
                interval: Duration::from_secs(4),
                ..Ipv6Config::default()
            }),
            ..LabConfig::default()
        };
        let lab = tokio::task::spawn_blocking(|| Lab::start(config)).await;
        let lab = lab.expect("ended").expect("a lab");
        for port in ["far0", "evil0", lab.uplink()] {
            fs::write(format!("/proc/sys/net/ipv6/conf/{port}/disable_ipv6"), "1")
                .expect("written");
            ip(&format!("link set {port} master br0 up"));
        }
        for own in ["br0", "evil1"] {
            fs::write(format!("/proc/sys/net/ipv6/conf/{own}/disable_ipv6"), "1").expect("written");
            ip(&format!("link set {own} up"));
        }
        let name = PoolName::default();
        let lan = LinuxLan::open(LanConfig::new(PARENT, name.clone())).await;
        let (lan, _) = lan.expect("a lan");
        let metrics = Metrics::new(&name, Seed(7)).expect("metrics");
        let config = PoolConfig {
            families: Families::Dual,
            lease_deadline: PATIENCE,
            ..PoolConfig::new(name)
        };
        let pool = Pool::start(Arc::new(lan.clone()), config, metrics.clone()).await;
        let beside = Self {
            lan,
            lab,
            pool: pool.expect("a pool"),
            metrics,
            stranger: Stranger::on("evil1"),
        };
        beside.pool.create(CLIENTS).await.expect("created");
        beside.online(CLIENTS).await;
        // One of each prefix, and the leased one.
        beside
            .until("all addresses are there", |clients| {
                let states = clients.iter().filter_map(|client| client.ipv6.as_ref());
                let mut states =
                    states.map(|state| (state.global().count(), state.lease.is_some()));
                states.all(|has| has == (3, true))
            })
            .await;
        beside
    }

    async fn clients(&self) -> Vec<ClientStatus> {
        self.pool.status().await.expect("a status").clients
    }

    async fn states(&self) -> Vec<Arc<Ipv6State>> {
        let clients = self.clients().await.into_iter();
        clients
            .map(|client| client.ipv6.expect("a state"))
            .collect()
    }

    async fn standing(&self) -> Vec<(BTreeSet<Ipv6Addr>, BTreeSet<Ipv6Addr>)> {
        self.states()
            .await
            .iter()
            .map(|state| standing(state))
            .collect()
    }

    /// Waits until something holds of all clients.
    async fn until(&self, what: &str, holds: impl Fn(&[ClientStatus]) -> bool) {
        let started = Instant::now();
        loop {
            let clients = self.clients().await;
            if holds(&clients) {
                return;
            }
            assert!(
                started.elapsed() < PATIENCE,
                "not so that {what}: {clients:#?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// So many clients are online in both families, by the router of the lab among others.
    async fn online(&self, count: u32) {
        self.until("all are online", |clients| {
            let online = clients
                .iter()
                .filter(|client| client.phase == Phase::Online);
            online.count() == count as usize
        })
        .await;
    }

    /// Waits until nothing is left of strangers, and all is as it was.
    async fn mended(&self, before: &[(BTreeSet<Ipv6Addr>, BTreeSet<Ipv6Addr>)]) {
        self.until("all is as it was", |clients| {
            let now = clients.iter().map(|client| client.ipv6.as_deref());
            let now: Vec<_> = now
                .map(|state| state.map(standing).unwrap_or_default())
                .collect();
            now == before && clients.iter().all(|client| client.phase == Phase::Online)
        })
        .await;
    }

    /// The sum of what is counted under these names and labels.
    fn counted(&self, name: &str, label: &str) -> u64 {
        let text = self.metrics.render();
        let lines = text.lines().filter_map(|line| line.rsplit_once(' '));
        let those = lines.filter(|(key, _)| {
            let is_named = key
                .strip_prefix("lanherd_")
                .and_then(|key| key.strip_prefix(name));
            is_named.is_some_and(|labels| labels.starts_with('{') && labels.contains(label))
        });
        those
            .map(|(_, value)| value.parse::<u64>().expect("a count"))
            .sum()
    }

    async fn until_counted(&self, name: &str, label: &str, count: u64) {
        let started = Instant::now();
        while self.counted(name, label) < count {
            let now = self.counted(name, label);
            assert!(
                started.elapsed() < PATIENCE,
                "{name} {label}: {now} of {count}"
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Nobody was restarted, no router is blamed for a stranger, and nothing is left.
    async fn end(self) {
        for client in self.clients().await {
            assert_eq!(client.restarts, 0, "{client:#?}");
        }
        // That two contradict each other is said of both.
        let router = format!("{ROUTER} ({})", self.lab.router_mac());
        let heard = self.pool.routers().await.expect("heard").findings;
        let blamed = heard.breaches.iter().filter(|it| it.sender == router);
        assert_eq!(blamed.collect::<Vec<_>>(), [] as [&Breach; 0]);
        self.pool.tear_down().await.expect("torn down");
        assert_eq!(self.lan.close().await, []);
        nothing_is_left();
        let lab = self.lab;
        let stopped = tokio::task::spawn_blocking(move || lab.stop()).await;
        stopped.expect("ended").expect("stopped");
    }
}

/// Runs a test with a stranger on the link of a herd that is online.
fn beside_a_stranger(test: impl AsyncFnOnce(&Beside) + Send + 'static) {
    in_a_world(|| async {
        let beside = Beside::start().await;
        test(&beside).await;
        beside.end().await;
    });
}
