//! `lanherd sink`: the other end of streams of traffic, behind a router.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use anyhow::Context as _;
use lanherd::run::raise_open_files;
use lanherd::scenario::Timespan;
use lanherd_connections::Server;
use lanherd_stream::PORT;
use lanherd_stream::sink::{Sink, SinkLimits, listen};
use lanherd_types::bit_rate::ByteCount;

use super::exit::Exit;
use super::screen::Screen;
use super::{interrupt, runtime};

const AFTER_HELP: &str = "\
Examples:
  lanherd sink                                    on this machine alone, to try it
  lanherd sink --listen 192.0.2.10                behind the router, on that address of this machine
  lanherd sink --listen 0.0.0.0 --listen [::] --streams 200 --longest 5m
  lanherd up --parent eth0 --clients 10 --stream \"down to 192.0.2.10 for 10s\"

It says nothing to anybody who does not speak its protocol, and sends nothing but over a TCP connection that was made to it. Whoever \
reaches it may load the network between: listen where only the clients can. Needs no privilege. Ctrl-C ends it.";

/// Be the other end of streams of traffic: count what clients send, and send what they ask for, within limits
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// Where to listen: an address, with a port or without; may be given again
    #[arg(long, value_name = "ADDRESS[:PORT]", value_parser = address, default_value = "127.0.0.1")]
    listen: Vec<SocketAddr>,
    /// How many streams at a time; more are refused
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000, value_parser = clap::value_parser!(u16).range(1..=20_000))]
    streams: u16,
    /// How long a stream may last: 30s, 10m, 1h
    #[arg(long, value_name = "TIME", default_value = "1h")]
    longest: Timespan,
    /// How many bytes of a stream may go in each direction: 500 MB, 10 GB, 1 TB
    #[arg(long, value_name = "BYTES", default_value_t = ByteCount(1_000_000_000_000))]
    most_bytes: ByteCount,
}

/// An address, with the sink's own port where none is said.
fn address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'));
    match bare.unwrap_or(text).parse::<IpAddr>() {
        Ok(address) => Ok(SocketAddr::new(address, PORT)),
        Err(_) => Err(format!(
            "write an address of this machine, as 192.0.2.10, 192.0.2.10:{PORT}, [2001:db8::10]:{PORT}, or {} and [{}] for all of them",
            Ipv4Addr::UNSPECIFIED,
            Ipv6Addr::UNSPECIFIED
        )),
    }
}

pub fn run(args: &Args, screen: &Screen) -> anyhow::Result<Exit> {
    runtime()?.block_on(serve(args, screen))
}

async fn serve(args: &Args, screen: &Screen) -> anyhow::Result<Exit> {
    let interrupted = interrupt::listen(screen)?;
    if let Some(warning) = raise_open_files() {
        screen.say(&format!("warning: {warning}"));
    }
    let limits = SinkLimits {
        streams: args.streams.into(),
        lasts: args.longest.0,
        bytes: args.most_bytes.0,
    };
    let sink = Arc::new(Sink::new(limits).context("/dev/urandom cannot be read")?);
    let mut servers = Vec::new();
    for address in &args.listen {
        let listener = listen(*address).with_context(|| {
            format!("{address} cannot be listened on: choose an address of this machine, and a port that is free")
        })?;
        let at = listener.local_addr()?;
        servers.push(Server::start(
            listener,
            Arc::clone(&sink),
            limits.connections(),
        ));
        screen.result(&format!(
            "listening on {at}: {} streams at a time, of {} and {} in each direction at most",
            args.streams, args.longest, args.most_bytes
        ));
    }
    interrupted.cancelled().await;
    for server in servers {
        server.shut_down().await;
    }
    let counters = sink.counters();
    screen.result(&format!(
        "{} streams accepted and {} refused, {} connections ignored; {} bytes received and {} sent",
        counters.accepted, counters.refused, counters.ignored, counters.received, counters.sent
    ));
    Ok(Exit::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_the_sinks_port_where_it_names_none() {
        for (text, is) in [
            ("192.0.2.10", "192.0.2.10:4374"),
            ("192.0.2.10:80", "192.0.2.10:80"),
            ("::1", "[::1]:4374"),
            ("[::]", "[::]:4374"),
            ("[::1]:80", "[::1]:80"),
        ] {
            assert_eq!(address(text).expect(text).to_string(), is);
        }
        let why = address("sink.example").expect_err("no address");
        assert!(why.contains("192.0.2.10"), "{why}");
    }
}
