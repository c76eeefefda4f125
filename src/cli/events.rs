//! `lanherd events`: what happens in a running pool, as it happens.

use std::time::Duration;

use lanherd::control::{Answer, Request};
use lanherd::pool::Event;

use super::control::{Which, ask, strange};
use super::exit::Exit;
use super::screen::{Screen, visible};
use super::table::bounded;

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
                    visible(&line(&event)).into_owned()
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

/// `12.345 s  7  dhcp -> online`; parts of it may be a server's words, of any length.
pub(super) fn line(event: &Event) -> String {
    let client = event
        .client
        .map_or_else(|| "herd".to_owned(), |client| client.to_string());
    format!(
        "{:10.3} s  {client:>5}  {}",
        event.after.as_secs_f64(),
        bounded(&event.what.to_string())
    )
}

#[cfg(test)]
mod tests {
    use lanherd::identity::ClientNumber;
    use lanherd::phase::{Cause, Phase, Stage};
    use lanherd::pool::EventKind;

    use super::*;

    #[test]
    fn a_line_says_when_to_whom_and_what() {
        let mut event = Event {
            sequence: 1,
            after: Duration::from_millis(12_345),
            client: Some(ClientNumber(7)),
            what: EventKind::Phase {
                from: Phase::Dhcp,
                to: Phase::Online,
            },
        };
        assert_eq!(line(&event), "    12.345 s      7  dhcp -> online");
        event.client = None;
        assert!(line(&event).contains(" herd "));
    }

    #[test]
    fn a_line_with_the_words_of_a_server_is_not_longer_than_can_be_read() {
        let event = Event {
            sequence: 1,
            after: Duration::from_millis(12_345),
            client: Some(ClientNumber(7)),
            what: EventKind::Failed {
                stage: Stage::Dhcp,
                cause: Cause::Nak,
                detail: "no \u{e9}".repeat(10_000),
            },
        };
        let line = line(&event);
        assert!(line.chars().count() < 350, "{line}");
        assert!(line.contains("failed: dhcp: nak: no \u{e9}no"), "{line}");
        assert!(line.ends_with("..."), "{line}");
    }
}
