//! Ten clients on the lab, one ping each: `cargo run --example ten_clients`. No root where user namespaces are allowed.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use lanherd::lab::{Lab, LabConfig};
use lanherd::lan::linux::{LanConfig, LinuxLan};
use lanherd::metrics::Metrics;
use lanherd::pool::{Pool, PoolConfig, Selection};
use lanherd::target::Target;
use lanherd::workload::ping::PingSpec;

fn main() -> Result<(), Box<dyn Error>> {
    lanherd::sandbox::enter()?; // Before there is any thread: a user namespace takes only a process with one.
    tokio::runtime::Runtime::new()?.block_on(herd())
}

#[allow(clippy::print_stdout, reason = "an example shows its result")]
async fn herd() -> Result<(), Box<dyn Error>> {
    let lab = Lab::start(LabConfig::default())?;
    let config = PoolConfig::new("ns".parse()?);
    let (lan, _) = LinuxLan::open(LanConfig::new(lab.uplink(), config.name.clone())).await?;
    let metrics = Metrics::new(&config.name, config.seed)?;
    let pool = Pool::start(Arc::new(lan.clone()), config, metrics).await?;

    pool.create(10).await?;
    pool.settled(Duration::from_secs(30)).await?;
    let report = pool
        .ping(Selection::All, PingSpec::once(Target::GoogleDns))
        .await?;
    for (number, stats) in &report.clients {
        println!(
            "client {number}: {} of {} pings answered",
            stats.received, stats.sent
        );
    }

    pool.tear_down().await?;
    let leaks = lan.close().await;
    lab.stop()?;
    if report.is_success() && leaks.is_empty() {
        Ok(())
    } else {
        Err("not all went well".into())
    }
}
