//! Ten clients on the lab, one ping each: `cargo run --example ten_clients`. No root where user namespaces are allowed.

use std::error::Error;
use std::time::Duration;

use lanherd::activity::ping::PingSpec;
use lanherd::pool::{PoolConfig, Selection};
use lanherd::target::Target;
use lanherd::testbed::Testbed;

fn main() -> Result<(), Box<dyn Error>> {
    lanherd::sandbox::enter()?; // Before there is any thread: a user namespace takes only a process with one.
    tokio::runtime::Runtime::new()?.block_on(herd())
}

#[allow(clippy::print_stdout, reason = "an example shows its result")]
async fn herd() -> Result<(), Box<dyn Error>> {
    let testbed = Testbed::in_lab(PoolConfig::new("ns".parse()?)).await?; // Or Testbed::on_parent("eth0", ...), as root.
    let pool = testbed.pool();
    pool.create(10).await?;
    pool.settled(Duration::from_secs(30)).await?;
    let report = pool
        .ping(Selection::All, PingSpec::once(Target::GoogleDns))
        .await?;
    println!("{}", serde_json::to_string_pretty(&pool.status().await?)?);
    let closed = testbed.shutdown().await;
    if report.is_success() && closed.troubles.is_empty() {
        Ok(())
    } else {
        Err("not all went well".into())
    }
}
