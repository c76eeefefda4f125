//! A herd of all families, and what the kernel says of it.

use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use lanherd::client::ipv6::Ipv6State;
use lanherd::family::Families;
use lanherd::identity::{PoolName, Seed};
use lanherd::lan::linux::{LanConfig, LinuxLan};
use lanherd::metrics::Metrics;
use lanherd::phase::Phase;
use lanherd::pool::{ClientStatus, DhcpSettings, Group, Pool, PoolConfig, RestartPolicy};
use lanherd_testkit::world::{PARENT, ip, nothing_is_left};
use tokio::process::Command;

use super::PATIENCE;

/// A herd with two clients of each family: 1 and 2 of IPv4, 3 and 4 of IPv6, 5 and 6 of both.
pub struct Herd {
    lan: LinuxLan,
    pub pool: Pool,
    pub metrics: Metrics,
}

impl Herd {
    pub async fn start() -> Self {
        let name = PoolName::default();
        let config = LanConfig::new(PARENT, name.clone());
        let (lan, _) = LinuxLan::open(config).await.expect("a lan");
        let metrics = Metrics::new(&name, Seed(7)).expect("metrics");
        let mut config = PoolConfig::new(name);
        config.lease_deadline = PATIENCE;
        for (name, families) in [
            ("four", Families::Ipv4),
            ("six", Families::Ipv6),
            ("both", Families::Dual),
        ] {
            config.groups.push(Group {
                name: name.parse().expect("a name"),
                restart: RestartPolicy::default(),
                families,
                dhcp: DhcpSettings::default(),
                activities: Vec::new(),
            });
        }
        let pool = Pool::start(Arc::new(lan.clone()), config, metrics.clone()).await;
        let pool = pool.expect("a pool");
        for group in ["four", "six", "both"] {
            let group = group.parse().expect("a name");
            pool.create_in(group, 2).await.expect("created");
        }
        Self { lan, pool, metrics }
    }

    pub async fn client(&self, number: usize) -> ClientStatus {
        let status = self.pool.status().await.expect("a status");
        status.clients[number - 1].clone()
    }

    pub async fn ipv6(&self, number: usize) -> Arc<Ipv6State> {
        self.client(number).await.ipv6.expect("a state")
    }

    pub async fn phases(&self) -> Vec<Phase> {
        let status = self.pool.status().await.expect("a status");
        status.clients.iter().map(|client| client.phase).collect()
    }

    /// Waits until the clients are in these phases.
    pub async fn until(&self, phases: [Phase; 6], log: impl Fn() -> String) {
        let started = Instant::now();
        loop {
            let now = self.phases().await;
            if now == phases {
                return;
            }
            if started.elapsed() > PATIENCE {
                let status = self.pool.status().await.expect("a status");
                let failures: Vec<_> = status.clients.iter().map(|it| &it.failure).collect();
                panic!("not {phases:?} but {now:?}: {failures:#?}\n{}", log());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn end(self) {
        self.pool.tear_down().await.expect("torn down");
        assert_eq!(self.lan.close().await, []);
        nothing_is_left();
    }
}

pub const ONLINE: [Phase; 6] = [Phase::Online; 6];

/// An address of a client's beyond its link, as the kernel has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InKernel {
    pub address: Ipv6Addr,
    pub prefix_len: u8,
    /// What is left of its lifetimes, in seconds; `None`: it lasts for ever.
    pub valid: Option<u64>,
    pub preferred: Option<u64>,
}

/// The addresses of a client beyond its link, with what is left of them.
pub fn in_kernel(number: usize) -> Vec<InKernel> {
    let text = ip(&format!(
        "-n ns{number} -6 -o address show dev lan0 scope global"
    ));
    let of_line = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let after = |name: &str| {
            let at = words.iter().position(|word| *word == name).expect(name);
            words[at + 1]
        };
        let (address, length) = after("inet6").split_once('/').expect("a length");
        let left = |name: &str| after(name).strip_suffix("sec")?.parse().ok();
        InKernel {
            address: address.parse().expect("an address"),
            prefix_len: length.parse().expect("a length"),
            valid: left("valid_lft"),
            preferred: left("preferred_lft"),
        }
    };
    text.lines().map(of_line).collect()
}

/// Whether no more is left than there was, and not much less: half of it at least, as lifetimes that only grew are not told anew.
#[track_caller]
pub fn is_left_of(left: Option<u64>, whole: u64) {
    let left = left.expect("it ends");
    assert!((whole / 2..=whole).contains(&left), "{left} of {whole} s");
}

/// How long until then, in seconds, as a lifetime.
pub fn seconds_until(end: Option<Instant>) -> Option<u64> {
    Some(end?.saturating_duration_since(Instant::now()).as_secs())
}

/// The addresses of a client beyond its link, as the kernel has them.
pub fn global(number: usize) -> Vec<Ipv6Addr> {
    let text = ip(&format!(
        "-n ns{number} -6 -o address show dev lan0 scope global"
    ));
    let words = text.split_whitespace();
    let addresses = words.filter_map(|word| word.split_once('/')?.0.parse().ok());
    addresses.collect()
}

/// Pings, by the system's own ping, while the herd goes on.
pub async fn pings(number: usize, target: &str) {
    let namespace = format!("ns{number}");
    let output = Command::new("ip")
        .args([
            "netns", "exec", &namespace, "ping", "-n", "-c", "3", "-w", "20",
        ])
        .arg(target)
        .output()
        .await
        .expect("ping");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "ns{number} to {target}: {text}");
}

/// What no client of another family may have.
pub fn families_are_kept_apart() {
    for number in [1, 2] {
        assert_eq!(ip(&format!("-n ns{number} -6 address show dev lan0")), "");
    }
    for number in [3, 4] {
        assert_eq!(ip(&format!("-n ns{number} -4 address show dev lan0")), "");
    }
}
