//! `lanherd exec`: any program as a client of a running pool.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use lanherd::control::{Answer, Request};
use lanherd::identity::ClientNumber;
use lanherd::lan::exec;

use super::control::{Which, ask, strange};
use super::exit::Exit;
use super::screen::Screen;

/// How long a pool may take to say where a client is.
const PATIENCE: Duration = Duration::from_secs(20);

const AFTER_HELP: &str = "\
Examples:
  lanherd exec 7 -- curl http://10.0.0.1/
  lanherd exec 7 -- ping -c 3 8.8.8.8
  lanherd exec --pool phones 3 -- bash

The program has the client's network, its resolver, and this terminal; its exit code is lanherd's. 127: there is no \
such program; 126: it cannot be run. A program that still runs when the client leaves is not ended: end it before.";

/// Run any program as a client of a running pool
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The client's number
    #[arg(value_name = "CLIENT", value_parser = clap::value_parser!(u32).range(1..))]
    client: u32,
    /// The program, and its arguments
    #[arg(
        value_name = "COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    command: Vec<OsString>,
    #[command(flatten)]
    which: Which,
}

/// Becomes the program. There must be no other thread.
pub fn run(args: &Args, screen: &Screen) -> anyhow::Result<Exit> {
    let mut caller = args.which.call()?;
    // Before the question: whoever answers it is then known to be this process, alive.
    let process = caller.process()?;
    let client = ClientNumber(args.client);
    let namespace = match ask(&mut caller, &Request::Place { client }, PATIENCE)? {
        Answer::Place { namespace, .. } => namespace,
        other => return Err(strange(&other)),
    };
    for complaint in exec::enter(&process, &namespace)? {
        screen.complain(&format!("warning: {complaint}"));
    }
    let Some((program, arguments)) = args.command.split_first() else {
        anyhow::bail!("no program is named: this is a bug in lanherd");
    };
    // Only returns where it fails. It undoes what Rust's runtime has done about SIGPIPE, too.
    let error = Command::new(program).args(arguments).exec();
    screen.complain(&format!(
        "error: {} cannot be run: {error}",
        program.to_string_lossy()
    ));
    Ok(match error.kind() {
        ErrorKind::NotFound => Exit::NoSuchProgram,
        _ => Exit::NotExecutable,
    })
}
