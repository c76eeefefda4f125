//! `lanherd up`: a herd on a real interface, or in the lab.

use lanherd::run::RunMode;
use lanherd::scenario::Draft;

use super::exit::{Exit, UsageError};
use super::push::PushOptions;
use super::screen::Screen;
use super::session::{Presentation, PresentedRun, Watching};

const AFTER_HELP: &str = "\
Examples:
  lanherd up --parent eth0 --clients 10         hold ten leases until Ctrl-C
  lanherd up --parent eth0 --clients 10 --family dual --ping router --ping 'router over ipv6' --for 10m --report r.json
  lanherd up --parent eth0 --clients 2000 --mode private --join-rate 50/s --metrics 127.0.0.1:4373
  lanherd up --parent eth0 --clients 10 --adopt after it was killed: go on with what it left
  lanherd up --lab --lab-lease 2m --clients 200 --ping router --for 1h
  lanherd up --parent eth0 --clients 50 --ping router --for 10m --fail-if 'packet loss > 0.1 %' --fail-if 'p95 ping > 50 ms'
  lanherd up --lab --clients 200 --ping router --tui

Succeeds (exit code 0) if, at the end, every client is online and had an answer from each target that it was to ping; \
pings that were lost on the way are shown, and do not fail the run, unless --fail-if says so. While it runs, `lanherd exec 3 -- COMMAND` runs \
any program as client 3, and `lanherd ps`, `restart`, `add` and their like control it.";

/// Bring up a herd on an interface, and hold it
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    draft: Draft,
    #[command(flatten)]
    presentation: Presentation,
    #[command(flatten)]
    watching: Watching,
    #[command(flatten)]
    push: PushOptions,
}

pub fn run(args: Args, screen: &Screen) -> anyhow::Result<Exit> {
    let scenario = args.draft.check().map_err(UsageError::because)?;
    let presentation = args.presentation.watched(args.watching);
    PresentedRun::new(scenario, RunMode::Hold, presentation, screen)
        .pushing(args.push)
        .run()
}
