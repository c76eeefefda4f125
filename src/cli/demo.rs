//! `lanherd demo`: the whole in one go, on the embedded virtual router.

use std::path::PathBuf;

use lanherd::activity::ping::PingSpec;
use lanherd::family::Families;
use lanherd::identity::Seed;
use lanherd::lan::linux::MacvlanMode;
use lanherd::pool::Restart;
use lanherd::run::RunMode;
use lanherd::scenario::{ClientCount, Draft, Timespan};
use lanherd::target::Target;

use super::exit::{Exit, UsageError};
use super::screen::Screen;
use super::session::{Presentation, PresentedRun};

const AFTER_HELP: &str = "\
Examples:
  lanherd demo
  lanherd demo --clients 500 --mode private

Everything happens in namespaces of the program's own: no root, no router, and nothing leaves the machine; 8.8.8.8 is \
an address of the virtual router. Succeeds (exit code 0) if every client came online and its ping was answered.";

/// Show it: a virtual router, a herd, a ping of Google DNS each, a table, and everything gone
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// How many clients
    #[arg(long, value_name = "N", default_value = "10")]
    clients: ClientCount,
    /// Which families clients are to have addresses of: ipv4, ipv6 or dual [default: ipv4]
    #[arg(long = "family", value_name = "FAMILY", value_parser = lanherd::scenario::families)]
    families: Option<Families>,
    /// How clients see each other: bridge, private, vepa or passthru [default: bridge]
    #[arg(long, value_name = "MODE")]
    mode: Option<MacvlanMode>,
    /// From what MACs and random choices are derived [default: this machine's own]
    #[arg(long, value_name = "N", value_parser = |text: &str| text.parse().map(Seed))]
    seed: Option<Seed>,
    /// How long a client may take to get a lease before it has failed
    #[arg(long, value_name = "TIME", default_value = "30s")]
    lease_timeout: Timespan,
    /// Write a report in JSON to this file at the end
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    presentation: Presentation,
}

pub fn run(args: Args, screen: &Screen) -> anyhow::Result<Exit> {
    let draft = Draft {
        families: args.families,
        mode: args.mode,
        seed: args.seed,
        lease_timeout: Some(args.lease_timeout),
        report: args.report,
        restart: Some(Restart::Temporary),
        ..Draft::in_lab(args.clients)
    };
    let scenario = draft.check().map_err(UsageError::because)?;
    let mode = RunMode::PingOnce(PingSpec::once(Target::GoogleDns));
    PresentedRun::new(scenario, mode, args.presentation, screen).run()
}
