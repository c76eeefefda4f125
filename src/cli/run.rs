//! `lanherd run`: the same as `up`, from a file.

use std::fs;
use std::path::PathBuf;

use lanherd::scenario::Scenario;

use super::exit::{Exit, UsageError};
use super::screen::Screen;
use super::session::{Errand, Presentation, Session};
use super::tui::Watching;

const AFTER_HELP: &str = "\
Examples:
  lanherd run scenario.toml

A scenario is a TOML file; its keys are the options of `lanherd up`, without the dashes in front:
  parent = \"eth0\"
  clients = 10
  ping = [\"Google DNS\", \"router\"]
  for = \"10m\"

A table [soak] makes it a soak; its keys are the options that `lanherd soak` has beside those of `lanherd up`.

Paths in it are relative to the current folder. Succeeds as `lanherd up` does.";

/// Bring up a herd as a file says
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The scenario
    #[arg(value_name = "SCENARIO.toml")]
    file: PathBuf,
    #[command(flatten)]
    presentation: Presentation,
    #[command(flatten)]
    watching: Watching,
}

pub fn run(args: &Args, screen: &Screen) -> anyhow::Result<Exit> {
    let file = args.file.display();
    let text = fs::read_to_string(&args.file).map_err(|error| {
        UsageError::because(format!("the scenario {file} cannot be read: {error}"))
    })?;
    let scenario = Scenario::from_toml(&text)
        .map_err(|error| UsageError::because(format!("the scenario {file}, {error}")))?;
    let errand = Errand::of(&scenario);
    let presentation = args.presentation.watched(args.watching);
    Session::new(scenario, errand, presentation, screen).run()
}
