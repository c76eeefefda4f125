//! `lanherd report`: the result of a run that has ended, or goes on, from its JSON report.

use std::path::{Path, PathBuf};

use lanherd::bounded;
use lanherd::report::{self, Report};

use super::drift;
use super::exit::{Exit, UsageError};
use super::objectives;
use super::screen::Screen;
use super::session::paint;
use super::table::{self, TableRows};

/// The largest report that is read, in bytes: that of ten thousand clients that do ten things each takes a quarter of it.
const MOST: u64 = 256 << 20;

const AFTER_HELP: &str = "\
Examples:
  lanherd report soak.json                      the table and the last lines, as the run has printed them
  lanherd report soak.json --html soak.html     a page for people from it";

/// Show the JSON report of a run again, or make a page of it
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// What `--report` has written
    #[arg(value_name = "FILE.json")]
    file: PathBuf,
    /// Write the page here that `--html` would have written
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Which clients the table shows
    #[arg(long, value_enum, value_name = "ROWS", default_value_t = TableRows::Auto)]
    table: TableRows,
}

pub fn run(args: &Args, screen: &Screen) -> anyhow::Result<Exit> {
    let report = read(&args.file)?;
    if let Some(path) = &args.html {
        let is_source = path
            .canonicalize()
            .is_ok_and(|html| args.file.canonicalize().is_ok_and(|source| source == html));
        if is_source {
            let words = format!(
                "--html {} is the report itself: name another file",
                path.display()
            );
            return Err(UsageError(words).into());
        }
        report::write_bytes(path, report.page_as_it_stands().as_bytes())?;
    }
    screen.result(&table::render(&report, args.table, paint()));
    if let Some(soak) = &report.soak {
        screen.result(&drift::render(soak));
    }
    if !report.objectives.is_empty() {
        let lines = objectives::lines(&report.objectives, paint());
        screen.result(&lines);
    }
    Ok(Exit::Well)
}

fn read(path: &Path) -> anyhow::Result<Report> {
    let named = || path.display();
    let text = bounded::read_to_string(path, MOST)
        .map_err(|error| UsageError(format!("{} cannot be read: {error}", named())))?;
    serde_json::from_str(&text).map_err(|error| {
        UsageError(format!(
            "{} is no report that lanherd up, run or soak has written with --report: {error}",
            named()
        ))
        .into()
    })
}
