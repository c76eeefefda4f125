//! `lanherd events`: what happens in a running pool, as it happens.

use std::time::Duration;

use lanherd::control::{Answer, Request};

use super::control::{Which, ask, strange};
use super::exit::Exit;
use super::screen::{Screen, visible};
use super::words::event_line;

/// How long a pool may take to begin.
const PATIENCE: Duration = Duration::from_secs(10);

const AFTER_HELP: &str = "\
Examples:
  lanherd events
  lanherd events --json | jq 'select(.event == \"failed\")'

Goes on until Ctrl-C, or until the pool ends. A line begins with the time since the pool began, and the number of the \
client; `herd` where it is about all of them.";

/// Follow what happens in a running pool
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Print each event as a line of JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    which: Which,
}

pub fn run(args: &Args, screen: &Screen) -> anyhow::Result<Exit> {
    let mut caller = args.which.call()?;
    match ask(&mut caller, &Request::Events {}, PATIENCE)? {
        Answer::Following {} => {}
        other => return Err(strange(&other)),
    }
    while let Some(answer) = caller.hear()? {
        match answer {
            Answer::Event(event) => {
                let line = if args.json {
                    serde_json::to_string(&event)?
                } else {
                    visible(&event_line(&event)).into_owned()
                };
                // Nobody reads any more, as after `lanherd events | head`.
                if screen.stream(&line).is_err() {
                    break;
                }
            }
            Answer::Missed(count) => {
                screen.complain(&format!(
                    "{count} events were missed: the reader is too slow"
                ));
            }
            other => return Err(strange(&other)),
        }
    }
    Ok(Exit::Well)
}
