//! `lanherd doctor`: whether this machine can do it.

use lanherd::doctor::{Facts, Purpose, diagnose};

use super::exit::Exit;
use super::screen::Screen;

const AFTER_HELP: &str = "\
Examples:
  lanherd doctor                               can this machine run a herd at all?
  lanherd doctor --parent eth0 --clients 200   can these clients stand on this interface?
  lanherd doctor --lab                         can the virtual router run here?

Looks at privileges, kernel features (tried in a namespace that is gone afterwards), the parent, limits and leftovers; \
changes nothing and sends nothing. Exit code 0 if all that was asked for can work, 3 if not.";

/// Check whether this machine can do it, and what to do if not
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The interface on which the herd is to stand
    #[arg(long, value_name = "INTERFACE", conflicts_with = "lab")]
    parent: Option<String>,
    /// How many clients there are to be
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    clients: u32,
    /// The herd is to stand on the virtual router
    #[arg(long)]
    lab: bool,
}

impl Args {
    fn purpose(&self) -> Purpose {
        match &self.parent {
            Some(name) => Purpose::Parent(name.clone()),
            None if self.lab => Purpose::Lab,
            None => Purpose::Either,
        }
    }
}

pub fn run(args: &Args, screen: &Screen) -> Exit {
    let purpose = args.purpose();
    let diagnosis = diagnose(&Facts::gather(&purpose), &purpose, args.clients);
    screen.result(&diagnosis.to_string());
    let herd = match &purpose {
        Purpose::Parent(name) => format!("{} clients on {name}", args.clients),
        Purpose::Lab => format!("{} clients in the lab", args.clients),
        Purpose::Either => format!("{} clients", args.clients),
    };
    match (diagnosis.problems(), diagnosis.warnings()) {
        (0, 0) => screen.result(&format!("\n{herd}: can work")),
        (0, warnings) => screen.result(&format!("\n{herd}: can work; warnings: {warnings}")),
        (problems, _) => screen.result(&format!("\n{herd}: cannot work; problems: {problems}")),
    }
    if diagnosis.is_fit() {
        Exit::Well
    } else {
        Exit::Environment
    }
}
