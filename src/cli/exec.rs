//! `lanherd exec`: any program as a client of a running pool.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use lanherd::control::{Answer, Request};
use lanherd::identity::{ClientNumber, PoolName};
use lanherd::lan::exec;

use super::control::{Which, ask, strange};
use super::exit::{Exit, UsageError};
use super::screen::Screen;

/// How long a pool may take to say where a client is.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long a client that is joining is waited for: as long as its leases may take, and then as long again.
const JOINING: Duration = Duration::from_secs(60);
/// It is looked again after this time.
const LOOK: Duration = Duration::from_millis(50);

const AFTER_HELP: &str = "\
Examples:
  lanherd exec 7 -- curl http://10.0.0.1/
  lanherd exec 7 -- ping -c 3 8.8.8.8
  lanherd exec --pool phones 3 -- bash
  lanherd exec --now 7 -- ip address

The program has the client's network, its resolver, and this terminal; its exit code is lanherd's. It starts when the \
client is online, in all families that it is to have, or known not to be. 127: there is no such program; 126: it cannot be run. A program that still runs when the client leaves is not ended: end it before.";

/// Run any program as a client of a running pool
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The client's number, or the name of its namespace, such as ns3
    #[arg(value_name = "CLIENT", value_parser = NamedClient::read)]
    client: NamedClient,
    /// Start it at once, also while the client still joins
    #[arg(long)]
    now: bool,
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

/// A client as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
struct NamedClient {
    /// Its pool, where that was named with it.
    pool: Option<PoolName>,
    number: ClientNumber,
}

impl NamedClient {
    fn read(text: &str) -> Result<Self, String> {
        let refuse = || {
            "write the client's number, such as 3, or the name of its namespace, such as ns3"
                .to_owned()
        };
        let name = text.trim_end_matches(|c: char| c.is_ascii_digit());
        let number = text.get(name.len()..).unwrap_or_default();
        let number = number.parse().map_err(|_| refuse())?;
        let pool = match name {
            "" => None,
            name => Some(name.parse().map_err(|_| refuse())?),
        };
        if number == 0 {
            return Err(refuse());
        }
        Ok(Self {
            pool,
            number: ClientNumber(number),
        })
    }
}

/// Becomes the program. There must be no other thread.
pub fn run(args: &Args, screen: &Screen) -> anyhow::Result<Exit> {
    let NamedClient { pool, number } = &args.client;
    if let (Some(one), Some(other)) = (pool, args.which.pool())
        && one != other
    {
        return Err(UsageError::because(format!(
            "{one}{number} is no client of pool {other}: leave --pool out, or name the client by its number"
        )));
    }
    let mut caller = args.which.or(pool.clone()).call()?;
    // Before the question: whoever answers it is then known to be this process, alive.
    let process = caller.process()?;
    let client = *number;
    let began = Instant::now();
    let mut was_told = false;
    let namespace = loop {
        let (namespace, phase) = match ask(&mut caller, &Request::Place { client }, PATIENCE)? {
            Answer::Place { namespace, phase } => (namespace, phase),
            other => return Err(strange(&other)),
        };
        if args.now || !phase.is_joining() {
            break namespace;
        }
        if began.elapsed() >= JOINING {
            let waited = humantime::format_duration(JOINING);
            screen.complain(&format!(
                "warning: {namespace} is not online after {waited} (phase {phase}); the program starts all the same"
            ));
            break namespace;
        }
        // What lasts a moment is not worth a line.
        if !was_told && began.elapsed() > Duration::from_secs(1) {
            was_told = true;
            screen.complain(&format!(
                "{namespace} is not online yet (phase {phase}): waiting for it; --now starts the program at once"
            ));
        }
        std::thread::sleep(LOOK);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_named_by_its_number_or_its_namespace() {
        let named = |text: &str| {
            NamedClient::read(text).map(|n| (n.pool.map(|p| p.to_string()), n.number.0))
        };
        assert_eq!(named("3"), Ok((None, 3)));
        assert_eq!(named("ns3"), Ok((Some("ns".to_owned()), 3)));
        for bad in ["", "0", "ns", "ns0", "3ns", "-1", "n s3"] {
            let why = named(bad).expect_err("refused");
            assert!(why.contains("such as ns3"), "{why}");
        }
    }
}
