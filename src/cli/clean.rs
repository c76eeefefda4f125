//! `lanherd clean`: what killed runs left, and nothing else.

use anyhow::Context as _;
use lanherd::identity::PoolName;
use lanherd::lan::Paths;
use lanherd::lan::leftovers::{self, PoolState};

use super::exit::Exit;
use super::screen::Screen;

const AFTER_HELP: &str = "\
Examples:
  lanherd clean --dry-run          only tell what would be removed
  lanherd clean                    of all pools
  lanherd clean --pool phones

Removes namespaces, resolver folders and state files that a run left because it was killed (SIGKILL, out of memory). \
A pool that is alive in another process is left alone, and so is every namespace and link that lanherd did not make.";

/// Remove what a killed run left, and nothing else
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Only of this pool [default: of all pools]
    #[arg(long, value_name = "NAME")]
    pool: Option<PoolName>,
    /// Tell what would be removed, and remove nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(args: &Args, screen: &Screen) -> anyhow::Result<Exit> {
    let paths = Paths::default();
    let found = leftovers::find(&paths, args.pool.as_ref()).with_context(|| {
        format!(
            "{} cannot be looked through; run as root, or as the user whose pools they are",
            paths.state.display()
        )
    })?;
    let mut tally = Tally::default();
    for pool in found {
        let name = pool.pool;
        match pool.state {
            PoolState::Alive { pid } => {
                let process = pid.map_or_else(
                    || "another process".to_owned(),
                    |pid| format!("process {pid}"),
                );
                screen.result(&format!("pool {name} is alive in {process}: left alone"));
            }
            PoolState::Left(things) if args.dry_run => {
                for thing in things {
                    screen.result(&format!("would remove {thing}"));
                    tally.found += 1;
                }
            }
            PoolState::Left(_) => {
                let removed = leftovers::remove(&paths, &name)
                    .with_context(|| format!("pool {name} cannot be cleaned up"))?;
                for thing in removed {
                    tally.found += 1;
                    match thing.outcome {
                        Ok(()) => screen.result(&format!("removed {}", thing.what)),
                        Err(error) => {
                            tally.failed += 1;
                            screen.complain(&format!("error: {error}"));
                        }
                    }
                }
            }
        }
    }
    if tally.found == 0 {
        screen.result("nothing is left of killed runs");
    }
    Ok(if tally.failed == 0 {
        Exit::Well
    } else {
        Exit::Failed
    })
}

#[derive(Debug, Default)]
struct Tally {
    found: usize,
    failed: usize,
}
