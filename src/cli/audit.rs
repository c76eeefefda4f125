//! `lanherd audit`: who advertises and who leases on a LAN, and which requirement each message breaks.

use std::time::Duration;

use anyhow::Context as _;
use lanherd::lan::listener::Listener;
use lanherd::scenario::Timespan;
use lanherd_audit::{Audit, Level, Report, Settings, Solicitor};

use super::exit::Exit;
use super::screen::Screen;
use super::{interrupt, runtime};

/// How often it is looked whether somebody is to be asked again.
const LOOK: Duration = Duration::from_secs(1);

const AFTER_HELP: &str = "\
Examples:
  lanherd audit --parent eth0                  ask, and listen for a minute
  lanherd audit --parent eth0 --for 30m        long enough for lifetimes and gaps
  lanherd audit --parent eth0 --passive        send nothing at all
  lanherd audit --parent eth0 --json | jq .breaches

Hears router advertisements (RFC 4861 and those after it), DHCP and DHCPv6 servers on the LAN of an interface, and holds each message \
against the RFCs; docs/audit.md lists what is looked at. Asks for each protocol, from a MAC that is made up: a router solicitation, \
a DHCPDISCOVER, a SOLICIT; again only where somebody did not answer who should. No lease is taken, and nothing is configured on this machine. Needs CAP_NET_RAW (root).

Exit codes: 0 no message broke a MUST (with --strict: nor a SHOULD), 1 one did, 3 the interface cannot be listened to, \
125 nothing was broken but this machine lost frames, 130 interrupted (what was found until then is told).";

/// Hear who advertises and leases on a LAN, and which requirement of an RFC each message breaks
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The interface whose LAN is listened to
    #[arg(long, value_name = "INTERFACE")]
    parent: String,
    /// For how long: 30s, 10m, 1h
    #[arg(long = "for", value_name = "TIME", default_value = "1m")]
    how_long: Timespan,
    /// Send nothing; only listen
    #[arg(long)]
    passive: bool,
    /// Fail also where a SHOULD is broken
    #[arg(long)]
    strict: bool,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(args: &Args, screen: &Screen) -> anyhow::Result<Exit> {
    runtime()?.block_on(listen(args, screen))
}

async fn listen(args: &Args, screen: &Screen) -> anyhow::Result<Exit> {
    let interrupted = interrupt::listen(screen)?;
    let mut listener = Listener::open(&args.parent)
        .with_context(|| format!("{} cannot be listened to", args.parent))?;
    let mut audit = Audit::new(Settings {
        interface: args.parent.clone(),
        link_mtu: listener.mtu(),
        solicitor: Solicitor::new(&mut fastrand::Rng::new()),
        solicits: !args.passive,
    });
    for question in audit.questions(listener.elapsed()) {
        listener
            .send(&question)
            .with_context(|| format!("nothing can be sent on {}", args.parent))?;
    }
    let mut looks = tokio::time::interval(LOOK);
    let mut unsent = 0;
    let how_long = args.how_long;
    screen.say(&format!(
        "listening on {} for {how_long}; Ctrl-C ends it early, and tells what was found until then",
        args.parent
    ));
    let end = tokio::time::sleep(how_long.0);
    tokio::pin!(end);
    // An interface that goes down or away ends the audit, and what was found until then is told all the same.
    let broken_off = loop {
        tokio::select! {
            () = &mut end => break None,
            () = interrupted.cancelled() => break None,
            _ = looks.tick() => {
                for question in audit.questions(listener.elapsed()) {
                    unsent += u64::from(!send(&listener, &question));
                }
            }
            frame = listener.next() => {
                let frame = match frame {
                    Ok(frame) => frame,
                    Err(error) => break Some(error),
                };
                if let Some(answer) = audit.hear(frame.at, &frame.bytes) {
                    unsent += u64::from(!send(&listener, &answer));
                }
            }
        }
    };
    let lost = listener
        .lost()
        .context("the kernel does not tell what it dropped")?;
    // What was not asked is not answered: a frame that could not be sent was lost here as well.
    let report = audit.report(listener.elapsed(), lost + unsent);
    if args.json {
        screen.data(&serde_json::to_string_pretty(&report)?);
    } else {
        screen.result(&report.to_string());
    }
    if let Some(error) = broken_off {
        return Err(error).with_context(|| {
            let seconds = listener.elapsed().as_secs();
            format!("{} could not be listened to after {seconds} s", args.parent)
        });
    }
    Ok(if interrupted.is_cancelled() {
        Exit::Interrupted
    } else {
        exit(&report, args.strict)
    })
}

/// Whether the frame was sent.
fn send(listener: &Listener, frame: &[u8]) -> bool {
    let sent = listener.send(frame);
    if let Err(error) = &sent {
        tracing::warn!(%error, "a frame could not be sent");
    }
    sent.is_ok()
}

fn exit(report: &Report, strict: bool) -> Exit {
    let broken = report.count(Level::Must) + usize::from(strict) * report.count(Level::Should);
    if broken > 0 {
        Exit::Failed
    } else if report.withheld.frames_lost > 0 {
        Exit::Inconclusive
    } else {
        Exit::Well
    }
}
