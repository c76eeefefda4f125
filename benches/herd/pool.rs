//! lanherd itself, through its library, as `lanherd up` uses it.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use lanherd::activity::ping::PingSpec;
use lanherd::identity::{PoolName, Seed};
use lanherd::lan::linux::{LanConfig, LinuxLan, MacvlanMode};
use lanherd::metrics::Metrics;
use lanherd::pool::{Pool, PoolConfig, Selection};
use lanherd::target::Target;
use tokio::runtime::{Builder, Runtime};

use super::measure::Herd;
use super::router;

/// A herd with its supervisor.
pub struct Supervised {
    runtime: Runtime,
    lan: Arc<LinuxLan>,
    pool: Pool,
}

/// Brings `clients` clients up on `parent` until each had its first ping of `target` answered.
pub fn bring_up(parent: &str, clients: u32, target: Ipv4Addr) -> io::Result<Supervised> {
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    let (lan, pool) = runtime.block_on(join(parent, clients, target))?;
    Ok(Supervised { runtime, lan, pool })
}

async fn join(parent: &str, clients: u32, target: Ipv4Addr) -> io::Result<(Arc<LinuxLan>, Pool)> {
    let (name, seed) = (PoolName::default(), Seed(1));
    let (lan, _) = LinuxLan::open(LanConfig {
        mode: MacvlanMode::Private,
        neighbour: router::described(),
        ..LanConfig::new(parent, name.clone())
    })
    .await
    .map_err(io::Error::other)?;
    let lan = Arc::new(lan);
    let metrics = Metrics::new(&name, seed).map_err(io::Error::other)?;
    let pool = Pool::start(
        Arc::clone(&lan),
        PoolConfig {
            seed,
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
    let spec = PingSpec::once(Target::Address(target.into()));
    let report = pool
        .ping(Selection::All, spec)
        .await
        .map_err(io::Error::other)?;
    if !report.is_success() {
        return Err(io::Error::other(format!(
            "not every client was answered: {census:?}"
        )));
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
