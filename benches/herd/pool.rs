//! lanherd itself, through its library, as `lanherd up` uses it.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use lanherd::activity::ping::PingSpec;
use lanherd::family::Families;
use lanherd::identity::{PoolName, Seed};
use lanherd::lan::linux::{LanConfig, LinuxLan, MacvlanMode};
use lanherd::metrics::Metrics;
use lanherd::pool::{DhcpSettings, Pool, PoolConfig, Selection};
use lanherd::target::Target;
use tokio::runtime::{Builder, Runtime};

use super::measure::{Family, Herd, TARGET, TARGET6};
use super::router;

/// A herd with its supervisor.
pub struct Supervised {
    runtime: Runtime,
    lan: Arc<LinuxLan>,
    pool: Pool,
}

/// Brings `clients` clients up on `parent` until each had its first ping over each family answered.
pub fn bring_up(parent: &str, clients: u32, family: Family) -> io::Result<Supervised> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let (lan, pool) = runtime.block_on(join(parent, clients, family))?;
    Ok(Supervised { runtime, lan, pool })
}

async fn join(parent: &str, clients: u32, family: Family) -> io::Result<(Arc<LinuxLan>, Pool)> {
    let (name, seed) = (PoolName::default(), Seed(1));
    let (lan, _) = LinuxLan::open(LanConfig {
        mode: MacvlanMode::Private,
        neighbour: router::described(),
        ..LanConfig::new(parent, name.clone())
    })
    .await
    .map_err(io::Error::other)?;
    let lan = Arc::new(lan);
    let (families, targets): (_, &[IpAddr]) = match family {
        Family::Ipv4 => (Families::Ipv4, &[IpAddr::V4(TARGET)]),
        Family::Dual => (Families::Dual, &[IpAddr::V4(TARGET), IpAddr::V6(TARGET6)]),
    };
    let metrics = Metrics::new(&name, seed).map_err(io::Error::other)?;
    let pool = Pool::start(
        Arc::clone(&lan),
        PoolConfig {
            seed,
            families,
            dhcp: DhcpSettings {
                verifies_ipv6: false,
                ..DhcpSettings::default()
            },
            ..PoolConfig::new(name)
        },
        metrics,
    )
    .await
    .map_err(io::Error::other)?;
    pool.create(clients).await.map_err(io::Error::other)?;
    let census = pool
        .settled(Duration::from_secs(120))
        .await
        .map_err(io::Error::other)?;
    let pings = targets.iter().map(|target| {
        let spec = PingSpec::once(Target::Address(*target));
        pool.ping(Selection::All, spec)
    });
    for report in join_all(pings).await {
        if !report.map_err(io::Error::other)?.is_success() {
            return Err(io::Error::other(format!(
                "not every client was answered: {census:?}"
            )));
        }
    }
    Ok((lan, pool))
}

impl Herd for Supervised {
    fn tear_down(self) -> io::Result<()> {
        let Self { runtime, lan, pool } = self;
        let leaks = runtime.block_on(async {
            pool.tear_down().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>(lan.close().await)
        })?;
        if leaks.is_empty() {
            Ok(())
        } else {
            Err(io::Error::other(format!("leaks: {leaks:?}")))
        }
    }
}
