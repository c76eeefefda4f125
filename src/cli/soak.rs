//! `lanherd soak`: a herd that is kept busy for days.

use lanherd::run::RunMode;
use lanherd::scenario::{Draft, SoakDraft};

use super::exit::{Exit, UsageError};
use super::push::PushOptions;
use super::screen::Screen;
use super::session::{Presentation, PresentedRun, Watching};
use super::table::TableRows;

const AFTER_HELP: &str = "\
Examples:
  lanherd soak --parent eth0 --clients 200 --ping router --for 72h --churn 10/m --report soak.json
  lanherd soak --lab --lab-lease 30s --clients 200 --ping router --for 15m --interval 10s --storm 50 --storm-every 2m

In the end the first hour is compared with the last (of less than three hours, thirds are): times to join and to a \
lease, round trips, loss, restarts, and what the tester itself takes. How the herd joined at the beginning is in \
neither. A figure has drifted if it is worse by a quarter and more, by enough to matter, and by more than chance; \
docs/soak.md has the rule. The report file is replaced as a whole at each interval, and says \"complete\": false until \
the end. Ctrl-C ends a soak early, and in order: the report and the comparison are still written. When the time is \
over nobody leaves any more, and the soak waits until all are back. Succeeds as `lanherd up` does.";

/// Keep a herd busy for days, and compare the first hour with the last
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    #[command(flatten)]
    draft: Draft,
    #[command(flatten)]
    soak: SoakDraft,
    /// Which clients the table at the end shows
    #[arg(long, value_enum, value_name = "ROWS", default_value_t = TableRows::Auto)]
    table: TableRows,
    #[command(flatten)]
    watching: Watching,
    #[command(flatten)]
    push: PushOptions,
}

pub fn run(args: Args, screen: &Screen) -> anyhow::Result<Exit> {
    let draft = Draft {
        soak: Some(args.soak),
        ..args.draft
    };
    let scenario = draft.check().map_err(UsageError::because)?;
    let mode = RunMode::of(&scenario);
    let presentation = Presentation::with(args.table).watched(args.watching);
    PresentedRun::new(scenario, mode, presentation, screen)
        .pushing(args.push)
        .run()
}
