//! What a herd costs: lanherd beside the bare kernel calls, and beside the shell.
//!
//! `cargo bench --bench herd -- --clients 10,100,1000 --runs 5` prints medians and ratios as a Markdown table. Runs of
//! the ways alternate, so that whatever else the machine does falls on all of them. Memory is the growth of the process's
//! proportional set size over all clients, what it takes once included. Needs what lanherd itself needs,
//! and util-linux; where root is lacking, the sandboxes are made in user namespaces.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    reason = "field widths of packets that are made here"
)]
#![allow(clippy::cast_precision_loss, reason = "counts that are small")]
#![allow(clippy::print_stdout, reason = "a bench prints its table")]

#[path = "herd/advertising.rs"]
mod advertising;
#[path = "herd/bare.rs"]
mod bare;
#[path = "herd/kernel.rs"]
mod kernel;
#[path = "herd/measure.rs"]
mod measure;
#[path = "herd/pool.rs"]
mod pool;
#[path = "herd/router.rs"]
mod router;
#[path = "herd/shell.rs"]
mod shell;
#[path = "herd/table.rs"]
mod table;
#[path = "herd/wire.rs"]
mod wire;

use std::io;

use clap::{Parser, Subcommand, ValueEnum};

use advertising::Cost;
use measure::{Family, PARENT, Sample, TARGET};

/// Compares lanherd with the bare kernel calls and with the shell.
#[derive(Parser)]
struct Arguments {
    /// Sizes of the herd.
    #[arg(long, value_delimiter = ',', default_value = "10,100,1000")]
    clients: Vec<u32>,
    /// Runs of each way at each size.
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// The ways to measure; a shell way is left out where its program is not installed.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "bare,lanherd,dhclient,udhcpc"
    )]
    ways: Vec<Way>,
    /// Which families the clients have; the shell ways have IPv4 only.
    #[arg(long, default_value = "ipv4")]
    family: Family,
    /// Measures what multicast router advertisements cost clients of both families, instead.
    #[arg(long)]
    advertisements: bool,
    /// Passed by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
    #[command(subcommand)]
    child: Option<Role>,
}

#[derive(Subcommand)]
enum Role {
    /// A process of one run.
    #[command(hide = true)]
    Child {
        part: Part,
        way: Way,
        clients: u32,
        family: Family,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Part {
    House,
    Advertised,
    Subject,
}

impl Part {
    const fn as_str(self) -> &'static str {
        match self {
            Self::House => "house",
            Self::Advertised => "advertised",
            Self::Subject => "subject",
        }
    }
}

/// A way to bring a herd up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Way {
    /// The bare kernel calls.
    Bare,
    /// The bare kernel calls, and then the kernel follows advertisements by itself; not part of a comparison by default.
    AcceptRa,
    /// lanherd's library: a supervised pool.
    Lanherd,
    /// `ip` and dhclient, all clients in parallel.
    Dhclient,
    /// `ip` and busybox udhcpc, all clients in parallel.
    Udhcpc,
}

impl Way {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::AcceptRa => "accept-ra",
            Self::Lanherd => "lanherd",
            Self::Dhclient => "dhclient",
            Self::Udhcpc => "udhcpc",
        }
    }

    /// The largest herd it is asked to bring up: the shell takes a minute for 500.
    const fn limit(self) -> u32 {
        match self {
            Self::Bare | Self::AcceptRa | Self::Lanherd => u32::MAX,
            Self::Dhclient | Self::Udhcpc => 100,
        }
    }

    /// Whether its clients live on when their starter is killed, so that there is nothing to time.
    const fn survives_sigkill(self) -> bool {
        match self {
            Self::Bare | Self::AcceptRa | Self::Lanherd => false,
            Self::Dhclient | Self::Udhcpc => true,
        }
    }

    fn is_installed(self) -> bool {
        match self {
            Self::Bare | Self::AcceptRa | Self::Lanherd => true,
            Self::Dhclient | Self::Udhcpc => shell::is_installed(self.as_str()),
        }
    }
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    match arguments.child {
        None if arguments.advertisements => compare_advertisements(&arguments),
        None => compare(&arguments),
        Some(Role::Child {
            part: Part::Advertised,
            way,
            clients,
            family,
        }) => {
            println!(
                "{}",
                serde_json::to_string(&measure::advertised(way, clients, family)?)?
            );
            Ok(())
        }
        Some(Role::Child {
            part: Part::House,
            way,
            clients,
            family,
        }) => {
            println!(
                "{}",
                serde_json::to_string(&measure::house(way, clients, family)?)?
            );
            Ok(())
        }
        Some(Role::Child {
            part: Part::Subject,
            way,
            clients,
            family,
        }) => match way {
            Way::Bare => measure::subject(clients, || bare::bring_up(PARENT, clients, family)),
            Way::AcceptRa => measure::subject(clients, || {
                let herd = bare::bring_up(PARENT, clients, family)?;
                herd.let_the_kernel_follow()?;
                Ok(herd)
            }),
            Way::Lanherd => measure::subject(clients, || pool::bring_up(PARENT, clients, family)),
            Way::Dhclient | Way::Udhcpc => {
                measure::subject(clients, || shell::bring_up(way, PARENT, clients, TARGET))
            }
        },
    }
}

/// What an advertisement to all nodes costs, in the ways in turn.
fn compare_advertisements(arguments: &Arguments) -> io::Result<()> {
    let ways = [Way::Bare, Way::AcceptRa, Way::Lanherd];
    let mut costs: Vec<(u32, Way, Cost)> = Vec::new();
    for &clients in &arguments.clients {
        for run in 1..=arguments.runs {
            for way in ways {
                let cost: Cost = measure::run(Part::Advertised, way, clients, Family::Dual)?;
                measure::note(&format!(
                    "{clients} clients, run {run} of {}: {} {cost}",
                    arguments.runs,
                    way.as_str()
                ));
                costs.push((clients, way, cost));
            }
        }
    }
    println!("{}", advertising::table(&arguments.clients, &ways, &costs));
    Ok(())
}

fn compare(arguments: &Arguments) -> io::Result<()> {
    let ways: Vec<Way> = arguments
        .ways
        .iter()
        .copied()
        .filter(|way| {
            let installed = way.is_installed();
            if !installed {
                measure::note(&format!("{} is not installed: left out", way.as_str()));
            }
            installed
        })
        .collect();
    let ways: Vec<Way> = match arguments.family {
        Family::Ipv4 => ways,
        Family::Dual => ways
            .into_iter()
            .filter(|way| matches!(way, Way::Bare | Way::AcceptRa | Way::Lanherd))
            .collect(),
    };
    let mut table = table::Table::default();
    for &clients in &arguments.clients {
        for run in 1..=arguments.runs {
            for &way in ways.iter().filter(|way| clients <= way.limit()) {
                let sample: Sample = measure::run(Part::House, way, clients, arguments.family)?;
                measure::note(&format!(
                    "{clients} clients, run {run} of {}: {} {:.1} ms",
                    arguments.runs,
                    way.as_str(),
                    sample.up_ms
                ));
                table.add(clients, way, sample);
            }
        }
    }
    println!("{table}");
    Ok(())
}
