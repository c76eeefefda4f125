//! `lanherd demo`: the whole in one go, on the embedded virtual router.

use std::path::PathBuf;

use lanherd::activity::OverFamily;
use lanherd::activity::ping::PingSpec;
use lanherd::family::{Families, Family};
use lanherd::identity::Seed;
use lanherd::lan::linux::MacvlanMode;
use lanherd::lan::speaks_ipv6;
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
  lanherd demo --family ipv4
  lanherd demo --clients 500 --mode private

Everything happens in namespaces of the program's own: no root, no router, and nothing leaves the machine; 8.8.8.8 and \
2001:4860:4860::8888 are addresses of the virtual router. Succeeds (exit code 0) if every client came online and its pings were answered. \
Of the time that it takes, most is what IPv6 prescribes for finding out whether anybody else has an address.";

/// Show it: a virtual router, a herd, pings of Google DNS over both families, a table, and everything gone
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// How many clients
    #[arg(long, value_name = "N", default_value = "10")]
    clients: ClientCount,
    /// Which families clients are to have addresses of: ipv4, ipv6 or dual [default: dual, or ipv4 where the kernel does not
    /// speak IPv6]
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
    let families = args.families.unwrap_or_else(|| families_of_kernel(screen));
    let draft = Draft {
        families: Some(families),
        // Nobody else is on this LAN, whose MACs and addresses are all its own.
        no_dad: families.include(Family::Ipv6),
        mode: args.mode,
        seed: args.seed,
        lease_timeout: Some(args.lease_timeout),
        report: args.report,
        restart: Some(Restart::Temporary),
        ..Draft::in_lab(args.clients)
    };
    let scenario = draft.check().map_err(UsageError::because)?;
    let mode = RunMode::PingOnce(pings(families));
    PresentedRun::new(scenario, mode, args.presentation, screen).run()
}

/// Both, unless the kernel has only one.
fn families_of_kernel(screen: &Screen) -> Families {
    if speaks_ipv6() {
        return Families::Dual;
    }
    screen.say(
        "This kernel does not speak IPv6 (it was started with ipv6.disable=1, or built without it), so the demo shows IPv4 alone.",
    );
    Families::Ipv4
}

/// What each client pings: Google DNS, over each family that it is to have.
fn pings(families: Families) -> Vec<PingSpec> {
    match families {
        Families::Ipv4 | Families::Ipv6 => vec![PingSpec::once(Target::GoogleDns)],
        Families::Dual => [Family::Ipv4, Family::Ipv6]
            .map(|family| PingSpec::once(OverFamily::new(Target::GoogleDns, family)))
            .into(),
    }
}
