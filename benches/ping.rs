//! How honest the round trips are that lanherd reports: beside those of `ping(8)` of iputils in one and the same namespace,
//! while the whole herd pings at once.
//!
//! `cargo bench --bench ping -- --clients 1,100,1000 --seconds 10` prints medians and their ratio as a Markdown table. Each
//! size is a fresh process in a fresh sandbox with a lab of its own. Needs what `lanherd demo` needs, iputils-ping and
//! util-linux.

#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::io;
use std::process::{Command, Stdio};
use std::time::Duration;

use clap::{Parser, Subcommand};
use lanherd::activity::ping::PingSpec;
use lanherd::identity::{ClientNumber, PoolName, Seed};
use lanherd::lab::LabConfig;
use lanherd::lan::linux::{LanConfig, MacvlanMode};
use lanherd::pool::{PoolConfig, RunReport, Selection};
use lanherd::sandbox;
use lanherd::stats::Distribution;
use lanherd::target::Target;
use lanherd::testbed::{CloseReport, Testbed};
use serde::{Deserialize, Serialize};

/// Compares lanherd's round trips with those of `ping(8)`.
#[derive(Parser)]
struct Arguments {
    /// Sizes of the herd.
    #[arg(long, value_delimiter = ',', default_value = "1,100,1000")]
    clients: Vec<u32>,
    /// How long to ping.
    #[arg(long, default_value_t = 10)]
    seconds: u32,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    child: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// The process of one size.
    #[command(hide = true)]
    Child { clients: u32, seconds: u32 },
}

/// Milliseconds: medians, and what 99 of 100 do not exceed.
#[derive(Debug, Serialize, Deserialize)]
struct Sample {
    /// Of `ping(8)` in the first client's namespace.
    ping: (f64, f64),
    /// Of lanherd in the same namespace, as often, at the same time.
    ours: (f64, f64),
    /// Of the whole herd.
    herd: (f64, f64),
}

/// The first client and `ping(8)` ping so often.
const OFTEN: Duration = Duration::from_millis(100);

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    if let Some(Role::Child { clients, seconds }) = arguments.child {
        sandbox::enter().map_err(io::Error::other)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()?;
        let sample = runtime.block_on(measure(clients, seconds))?;
        println!("{}", serde_json::to_string(&sample)?);
        return Ok(());
    }
    println!("| clients | ping(8) | 99 % | lanherd | 99 % | to ping(8) | whole herd | 99 % |");
    println!("|--:|--:|--:|--:|--:|--:|--:|--:|");
    for clients in arguments.clients {
        let Sample { ping, ours, herd } = run(clients, arguments.seconds)?;
        println!(
            "| {clients} | {:.3} ms | {:.3} ms | {:.3} ms | {:.3} ms | {:.2} | {:.3} ms | {:.3} ms |",
            ping.0,
            ping.1,
            ours.0,
            ours.1,
            ours.0 / ping.0,
            herd.0,
            herd.1
        );
    }
    Ok(())
}

fn run(clients: u32, seconds: u32) -> io::Result<Sample> {
    let output = Command::new(std::env::current_exe()?)
        .args(["child", &clients.to_string(), &seconds.to_string()])
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!(
            "{clients} clients: {}",
            output.status
        )));
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

async fn measure(clients: u32, seconds: u32) -> io::Result<Sample> {
    let (name, seed) = (PoolName::default(), Seed(1));
    let lan = LanConfig {
        mode: MacvlanMode::Private,
        ..LanConfig::new(LabConfig::UPLINK, name.clone())
    };
    let pool = PoolConfig {
        seed,
        ..PoolConfig::new(name.clone())
    };
    let opened = Testbed::open(Some(LabConfig::default()), lan, pool).await;
    let (testbed, _) = opened.map_err(io::Error::other)?;
    let pool = testbed.pool();
    pool.create(clients).await.map_err(io::Error::other)?;
    pool.settled(Duration::from_secs(120))
        .await
        .map_err(io::Error::other)?;
    let often = seconds * 10;
    let spec = PingSpec::times(Target::GoogleDns, seconds);
    let one = PingSpec {
        interval: OFTEN,
        ..PingSpec::times(Target::CloudflareDns, often)
    };
    let first = Selection::Numbers(vec![ClientNumber(1)]);
    let path = format!("/run/netns/{name}1");
    let theirs = tokio::task::spawn_blocking(move || ping(&path, often));
    let (herd, ours, theirs) = tokio::join!(
        pool.ping(Selection::All, spec),
        pool.ping(first, one),
        theirs
    );
    let figures = |report: RunReport| {
        let mut rtt = Distribution::default();
        for stats in report.clients.values() {
            rtt.add(&stats.time);
        }
        let at = |quantile| rtt.quantile(quantile).map(milliseconds);
        at(0.5)
            .zip(at(0.99))
            .ok_or_else(|| io::Error::other("no ping was answered"))
    };
    let sample = Sample {
        ping: theirs??,
        ours: figures(ours.map_err(io::Error::other)?)?,
        herd: figures(herd.map_err(io::Error::other)?)?,
    };
    let mut closed = CloseReport::default();
    testbed.tear_down(&mut closed).await;
    testbed.close(&mut closed).await;
    match closed.troubles.first() {
        None => Ok(sample),
        Some(trouble) => Err(io::Error::other(trouble.clone())),
    }
}

/// `ping(8)` of the other address, so that each has its own answers.
fn ping(namespace: &str, count: u32) -> io::Result<(f64, f64)> {
    let interval = OFTEN.as_secs_f64().to_string();
    let output = Command::new("nsenter")
        .arg(format!("--net={namespace}"))
        .args(["ping", "-n", "-i", &interval, "-c", &count.to_string()])
        .arg("1.1.1.1")
        .output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut times: Vec<f64> = text
        .lines()
        .filter_map(|line| line.split_once("time=")?.1.split_once(' ')?.0.parse().ok())
        .collect();
    times.sort_by(f64::total_cmp);
    let at = |percent: usize| {
        let rank = (times.len() * percent).div_ceil(100);
        times.get(rank.saturating_sub(1)).copied()
    };
    at(50)
        .zip(at(99))
        .ok_or_else(|| io::Error::other(format!("ping(8) was not answered: {text}")))
}

fn milliseconds(span: Duration) -> f64 {
    span.as_secs_f64() * 1_000.0
}
