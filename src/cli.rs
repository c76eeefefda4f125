//! The command line: what can be said, and what the program's end says back.

mod audit;
#[cfg(feature = "bdd")]
mod bdd;
mod clean;
mod control;
mod demo;
mod doctor;
mod drift;
mod events;
mod exec;
mod exit;
mod generate;
mod interrupt;
mod journal;
mod lab;
mod logging;
mod objectives;
mod output;
mod progress;
mod ps;
mod push;
mod report;
mod run;
mod screen;
mod session;
mod sink;
mod soak;
#[cfg_attr(
    not(feature = "tui"),
    expect(dead_code, reason = "only a screen is drawn where lines would stand")
)]
mod stderr_buffer;
#[cfg(feature = "bdd")]
mod steps;
mod table;
#[cfg(feature = "tui")]
mod tui;
mod up;
mod words;

use std::env;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{CommandFactory as _, Parser, Subcommand};
use lanherd::client::Order;
use tokio::runtime::Runtime;

use self::exit::{Exit, causes};
use self::logging::Logging;
use self::screen::{Format, Screen};

/// What stands below the list of commands; of feature files where this build has them.
fn after_help() -> String {
    let feature_files = if cfg!(feature = "bdd") {
        "  lanherd bdd features --lab        feature files; `lanherd steps` lists what they can say\n"
    } else {
        ""
    };
    format!(
        "\
Examples:
  lanherd demo                      ten clients on a virtual router, without root
  lanherd doctor --parent eth0      can this machine do it?
  lanherd up --parent eth0 --clients 10 --family dual --ping \"Google DNS\" --for 10m --report r.json
  lanherd run scenario.toml         the same from a file
  lanherd ps                        how its clients are, from another terminal
  lanherd exec 7 -- curl example.org   any program, as client 7
  lanherd soak --parent eth0 --clients 200 --ping router --for 72h --churn 10/m --report r.json
{feature_files}  lanherd clean                     after a run that was killed
  lanherd audit --parent eth0       who leases and advertises here, and what RFC that breaks

Exit codes: 0 all well, 1 clients or objectives failed, 2 usage or configuration, 3 the environment cannot do it, \
125 nothing failed but something is inconclusive (the tester itself was late), 130 interrupted. After all of them the host is as it was before."
    )
}

/// A herd of whole LAN clients on one Linux box, pointed at a router
#[derive(Debug, Parser)]
#[command(version, after_help = after_help(), max_term_width = 120)]
pub struct Cli {
    #[command(flatten)]
    logging: Logging,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Demo(demo::Args),
    Up(Box<up::Args>),
    Run(Box<run::Args>),
    Ps(ps::Args),
    Events(events::Args),
    Exec(exec::Args),
    /// Add clients to a running pool
    #[command(after_help = "Examples:\n  lanherd add 10\n  lanherd add 10 --group phones")]
    Add(control::AddArgs),
    /// Let clients of a running pool release their leases and leave
    #[command(after_help = "Examples:\n  lanherd remove 3\n  lanherd remove 3-9")]
    Remove(control::ClientsArgs),
    /// End clients of a running pool and start them again, as they were
    #[command(after_help = "Examples:\n  lanherd restart 7\n  lanherd restart all")]
    Restart(control::ClientsArgs),
    /// Let clients extend their leases now, or ask for one if they have none
    #[command(after_help = "Examples:\n  lanherd renew 7\n  lanherd renew all")]
    Renew(control::ClientsArgs),
    /// Let clients extend their leases by asking any server
    #[command(after_help = "Examples:\n  lanherd rebind 7\n  lanherd rebind 1,4,7")]
    Rebind(control::ClientsArgs),
    /// Let clients give their leases back and stay without, until told to renew
    #[command(after_help = "Examples:\n  lanherd release 7\n  lanherd release 3-9")]
    Release(control::ClientsArgs),
    /// Let clients refuse their addresses as if they were in use, and ask for others
    #[command(after_help = "Examples:\n  lanherd decline 7")]
    Decline(control::ClientsArgs),
    /// Let clients ask for parameters only (DHCPINFORM)
    #[command(after_help = "Examples:\n  lanherd inform 7")]
    Inform(control::ClientsArgs),
    /// Break something on purpose in a running pool, its parent, or its lab
    #[command(
        after_help = "Examples:\n  lanherd chaos crash 3-9\n  lanherd chaos delete-link 7\n  \
        lanherd chaos dhcp-mute --for 30s"
    )]
    Chaos(control::ChaosArgs),
    /// End a running pool in order, as if its time were over
    #[command(after_help = "Examples:\n  lanherd stop\n  lanherd stop --pool phones")]
    Stop(control::Which),
    Soak(Box<soak::Args>),
    #[cfg(feature = "bdd")]
    Bdd(Box<bdd::Args>),
    #[cfg(feature = "bdd")]
    Steps(steps::Args),
    Report(report::Args),
    Lab(lab::Args),
    Sink(sink::Args),
    Clean(clean::Args),
    Doctor(doctor::Args),
    Audit(audit::Args),
    Completions(generate::CompletionsArgs),
    Man(generate::ManArgs),
}

/// The whole program.
pub fn main() -> ExitCode {
    // It is no command of users', so nothing that is made of the command line knows it: help, manual pages, completions.
    if push::is_sender(env::args_os()) {
        let screen = Screen::new(false, Format::Text);
        return end(push::send(&screen), &screen);
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(refusal) => return refuse(&refusal).into(),
    };
    let screen = Screen::new(cli.logging.is_quiet(), cli.logging.format());
    logging::start(cli.logging, &screen);
    end(run(cli.command, &screen), &screen)
}

/// What the program ends with, once everything is said.
fn end(result: anyhow::Result<Exit>, screen: &Screen) -> ExitCode {
    let exit = result.unwrap_or_else(|error| {
        screen.complain(&format!("error: {}", causes(&error)));
        Exit::of_error(&error)
    });
    screen.finish();
    exit.into()
}

impl Command {
    /// Whether there is something to tear down in the end, whoever reads what is said.
    const fn leaves_in_order(&self) -> bool {
        match self {
            Self::Demo(_) | Self::Up(_) | Self::Run(_) | Self::Soak(_) | Self::Lab(_) => true,
            #[cfg(feature = "bdd")]
            Self::Bdd(_) => true,
            _ => false,
        }
    }
}

fn run(command: Command, screen: &Screen) -> anyhow::Result<Exit> {
    if command.leaves_in_order() {
        screen
            .queue()
            .context("standard output and standard error cannot be written to")?;
    }
    match command {
        Command::Demo(args) => demo::run(args, screen),
        Command::Up(args) => up::run(*args, screen),
        Command::Run(args) => run::run(&args, screen),
        Command::Ps(args) => ps::run(&args, screen),
        Command::Events(args) => events::run(&args, screen),
        Command::Exec(args) => exec::run(&args, screen),
        Command::Add(args) => control::add(args, screen),
        Command::Remove(args) => control::remove(args, screen),
        Command::Restart(args) => control::restart(args, screen),
        Command::Renew(args) => control::order(Order::Renew, args, screen),
        Command::Rebind(args) => control::order(Order::Rebind, args, screen),
        Command::Release(args) => control::order(Order::Release, args, screen),
        Command::Decline(args) => control::order(Order::Decline, args, screen),
        Command::Inform(args) => control::order(Order::Inform, args, screen),
        Command::Chaos(args) => control::chaos(args, screen),
        Command::Stop(which) => control::stop(&which, screen),
        Command::Soak(args) => soak::run(*args, screen),
        #[cfg(feature = "bdd")]
        Command::Bdd(args) => bdd::run(*args, screen),
        #[cfg(feature = "bdd")]
        Command::Steps(args) => steps::run(&args, screen),
        Command::Report(args) => report::run(&args, screen),
        Command::Lab(args) => lab::run(args, screen),
        Command::Sink(args) => sink::run(&args, screen),
        Command::Clean(args) => clean::run(&args, screen),
        Command::Doctor(args) => Ok(doctor::run(&args, screen)),
        Command::Audit(args) => audit::run(&args, screen),
        Command::Completions(args) => Ok(generate::completions(&args, Cli::command(), screen)),
        Command::Man(args) => generate::man(&args, Cli::command(), screen),
    }
}

/// Prints what clap has to say: help and version, which were asked for, or a refusal.
fn refuse(message: &clap::Error) -> Exit {
    let plain = message.to_string();
    let shown = screen::visible(&plain);
    // Where the output has gone there is nobody to tell.
    if shown == plain {
        let _ = message.print();
    } else {
        let _ = io::stderr().write_all(shown.as_bytes());
    }
    if message.use_stderr() {
        Exit::Usage
    } else {
        Exit::Well
    }
}

/// The runtime of a command that runs a herd.
fn runtime() -> anyhow::Result<Runtime> {
    lanherd::run::runtime().context("the runtime's threads could not be started")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn no_command_is_hidden_since_manual_pages_and_completions_are_made_of_all() {
        let cli = Cli::command();
        let mut hidden = cli
            .get_subcommands()
            .filter(|command| command.is_hide_set());
        assert!(hidden.next().is_none());
        assert!(cli.find_subcommand(push::SENDER).is_none());
    }

    #[test]
    fn every_command_that_the_help_names_is_one_of_this_build() {
        let help = after_help();
        let cli = Cli::command();
        let named = help
            .lines()
            .filter_map(|line| line.strip_prefix("  lanherd "));
        let named: Vec<_> = named.filter_map(|rest| rest.split(' ').next()).collect();
        assert!(named.len() >= 8, "{help}");
        for name in named {
            assert!(cli.find_subcommand(name).is_some(), "there is no {name}");
        }
    }

    #[test]
    fn every_subcommand_shows_an_example() {
        for subcommand in Cli::command().get_subcommands() {
            let name = subcommand.get_name();
            let help = subcommand.clone().render_long_help().to_string();
            assert!(
                help.contains(&format!("  lanherd {name}")),
                "no example of {name}"
            );
        }
    }

    /// The commands of this program in a file for a build server, each as it stands in a line: behind a key, in quotes, behind sudo.
    #[cfg(feature = "bdd")]
    fn commands(file: &str) -> Vec<String> {
        let strip = |line: &str| {
            let mut rest = line.trim();
            for before in ["- ", "run: ", "sh '"] {
                rest = rest.strip_prefix(before).unwrap_or(rest);
            }
            if let Some(options) = rest.strip_prefix("sudo --") {
                rest = options.split_once(' ').map_or("", |(_, rest)| rest);
            }
            rest.trim_end_matches('\'').to_owned()
        };
        let lines = file.lines().map(strip);
        lines.filter(|line| line.starts_with("lanherd ")).collect()
    }

    #[cfg(feature = "bdd")]
    #[test]
    fn every_command_of_the_files_for_build_servers_can_be_read() {
        for (file, count) in [
            (include_str!("../examples/ci/github-actions.yml"), 5),
            (include_str!("../examples/ci/gitlab-ci.yml"), 5),
            (include_str!("../examples/ci/Jenkinsfile"), 5),
        ] {
            let commands = commands(file);
            assert_eq!(commands.len(), count, "{commands:?}");
            for command in commands {
                // What the server puts in has spaces around its name on GitHub.
                let plain = command.replace("${{ github.sha }}", "abc");
                let read = Cli::try_parse_from(plain.split(' '));
                assert!(read.is_ok(), "{command}: {}", read.expect_err("refused"));
            }
        }
        let wrong = Cli::try_parse_from("lanherd bdd features --lab --junitt x".split(' '));
        assert!(wrong.is_err());
    }
}
