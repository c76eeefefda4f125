//! `lanherd clean`: what killed runs left, and nothing else.

use std::io::ErrorKind;

use anyhow::Context as _;
use lanherd::identity::PoolName;
use lanherd::lan::leftovers::{self, BroughtUp, Cleared, PoolState};
use lanherd::lan::{Paths, Untrusted, running_pools};

use super::exit::Exit;
use super::screen::Screen;

const AFTER_HELP: &str = "\
Examples:
  lanherd clean --dry-run          only tell what would be removed
  lanherd clean                    of all pools
  lanherd clean --pool phones

Removes namespaces, resolver folders and state files that a run left because it was killed (SIGKILL, out of memory), and \
gives the leases back that its clients still held (a DHCPRELEASE for each, sent once, on the interface that they stood \
on; no server acknowledges it). An \
interface that it had taken down as a fault is brought up again. A pool \
that is alive in another process is left alone, and so is every namespace and link that lanherd did not make. To go on \
with a killed herd instead: lanherd up --adopt.";

/// Remove what a killed run left, and release its leases
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Only of this pool [default: of all pools]
    #[arg(long, value_name = "NAME")]
    pool: Option<PoolName>,
    /// Tell what would be removed and released, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub fn run(args: &Args, screen: &Screen) -> anyhow::Result<Exit> {
    let mut tally = CleanCounts::default();
    // A user's own labs first: for what lies elsewhere that user may lack the right.
    for paths in running_pools::homes().iter().rev() {
        clean(paths, args, &mut tally, screen)?;
    }
    if tally.found + tally.failed + tally.left_alone == 0 {
        screen.result("nothing is left of killed runs");
    }
    Ok(if tally.failed == 0 {
        Exit::Well
    } else {
        Exit::Failed
    })
}

fn clean(
    paths: &Paths,
    args: &Args,
    tally: &mut CleanCounts,
    screen: &Screen,
) -> anyhow::Result<()> {
    let found = leftovers::find(paths, args.pool.as_ref()).map_err(|error| {
        let folder = paths.state.display();
        match error.kind() {
            // It names the folder and the remedy itself.
            _ if Untrusted::of(&error).is_some() => anyhow::Error::new(error),
            ErrorKind::PermissionDenied => anyhow::Error::new(error).context(format!(
                "{folder} cannot be looked through; run as root, or as the user whose pools they are"
            )),
            _ => anyhow::Error::new(error).context(format!("{folder} cannot be looked through")),
        }
    })?;
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
            PoolState::Foreign { user } => {
                tally.left_alone += 1;
                screen.result(&format!(
                    "pool {name} is user {user}'s: left alone; run lanherd clean as that user"
                ));
            }
            PoolState::Unreadable { why } => {
                tally.failed += 1;
                screen.complain(&format!("error: pool {name} cannot be cleaned up: {why}"));
            }
            PoolState::Left {
                things,
                leases,
                taken_down,
            } if args.dry_run => {
                tally.found += things.len();
                if let Some(interface) = taken_down {
                    screen.result(&format!(
                        "would bring {interface} up again, with the routes and addresses that the host had on it"
                    ));
                }
                for thing in things {
                    screen.result(&format!("would remove {thing}"));
                }
                for lease in leases {
                    screen.result(&format!("would send RELEASE for {lease}"));
                }
            }
            PoolState::Left { .. } => {
                let cleared = leftovers::remove(paths, &name)
                    .with_context(|| format!("pool {name} cannot be cleaned up"))?;
                tell(&cleared, tally, screen);
            }
        }
    }
    Ok(())
}

fn tell(cleared: &Cleared, tally: &mut CleanCounts, screen: &Screen) {
    if let Some(BroughtUp { interface, outcome }) = &cleared.brought_up {
        match outcome {
            Ok(()) => screen.result(&brought_up(interface)),
            Err(why) => {
                tally.failed += 1;
                screen.complain(&format!("error: {}", not_brought_up(interface, why)));
            }
        }
    }
    for thing in &cleared.removed {
        tally.found += 1;
        match &thing.outcome {
            Ok(()) => screen.result(&format!("removed {}", thing.what)),
            Err(error) => {
                tally.failed += 1;
                screen.complain(&format!("error: {error}"));
            }
        }
    }
    for lease in cleared.leases.iter().filter(|lease| lease.outcome.is_ok()) {
        screen.result(&format!(
            "sent RELEASE for {} of {} to {}",
            lease.leased, lease.client, lease.server
        ));
    }
    // The host is clean all the same: no failure.
    for (why, leases) in cleared.unreleased() {
        screen.complain(&format!("warning: {}", unreleased(leases, why)));
    }
}

/// What to say of an interface that a killed run had taken down on purpose.
pub fn brought_up(interface: &str) -> String {
    format!(
        "{interface}, which a killed run had taken down, is up again, with the routes and addresses that the host had on it"
    )
}

/// What to say of one that is not as it was.
pub fn not_brought_up(interface: &str, why: &str) -> String {
    format!("{interface}, which a killed run had taken down, is not as it was: {why}")
}

/// What to say of leases that were not given back.
pub fn unreleased(leases: usize, why: &str) -> String {
    format!(
        "leases for which no RELEASE could be sent: {leases}, since {why}; the server keeps them until they expire"
    )
}

#[derive(Debug, Default)]
struct CleanCounts {
    found: usize,
    failed: usize,
    /// Pools of other users.
    left_alone: usize,
}
