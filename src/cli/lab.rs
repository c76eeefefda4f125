//! `lanherd lab`: only the virtual router, for anybody's clients.

use lanherd::fault::Fault;
use lanherd::lab::{AddressRange, Ipv6Config, Lab, LabConfig, LabError, LeaseTime};

use super::exit::{Exit, UsageError};
use super::screen::Screen;
use super::{interrupt, runtime};

const AFTER_HELP: &str = "\
Examples:
  lanherd lab                                              in one terminal, as root
  lanherd up --parent lab0 --clients 10                    in another
  lanherd lab --uplink lan9 --lease 2m --range 10.9.0.10-10.9.0.250
  lanherd lab --fault ping-loss --fault dhcp-short-pool    a bad one
  lanherd lab --ipv6                                       one that advertises IPv6, too
  lanherd lab --ipv6 --managed                             and leases addresses of it by DHCPv6

The uplink is an ordinary interface of this host (one end of a veth pair, whose other end is the router), so any DHCP \
client can be tried on it, or on a macvlan of it. It is gone when this ends.";

/// Run only the virtual router, on an interface of its own, until Ctrl-C (as root)
#[derive(Debug, clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Args {
    /// The name of the interface to make: the parent for clients
    #[arg(long, value_name = "NAME", default_value = "lab0")]
    uplink: String,
    /// How long leases last: 90s, 1h or infinite
    #[arg(long, value_name = "TIME", default_value_t)]
    lease: LeaseTime,
    /// The addresses to give out
    #[arg(long, value_name = "FIRST-LAST", default_value_t)]
    range: AddressRange,
    /// Speak IPv6, too: advertise, and answer over both
    #[arg(long)]
    ipv6: bool,
    /// Lease addresses by DHCPv6, too, and say so (the flags M and O)
    #[arg(long, requires = "ipv6")]
    managed: bool,
    /// Break the router from the beginning, for its whole life, as ping-loss; may be given again
    #[arg(long, value_name = "FAULT")]
    fault: Vec<Fault>,
}

pub fn run(args: Args, screen: &Screen) -> anyhow::Result<Exit> {
    let config = LabConfig {
        uplink: args.uplink,
        lease: args.lease,
        range: args.range,
        faults: args.fault,
        ipv6: args.ipv6.then(|| Ipv6Config {
            managed: args.managed,
            other: args.managed,
            ..Ipv6Config::default()
        }),
        ..LabConfig::default()
    };
    runtime()?.block_on(serve(config, screen))
}

async fn serve(config: LabConfig, screen: &Screen) -> anyhow::Result<Exit> {
    let interrupted = interrupt::listen(screen)?;
    let lab = start(config.clone()).await?;
    screen.result(&offer(&lab, &config));
    interrupted.cancelled().await;
    let counters = lab.counters();
    let leased = lab.active();
    let effects = lab.fault_effects();
    tokio::task::spawn_blocking(move || lab.stop()).await??;
    for (fault, times) in effects {
        screen.result(&format!("{fault} changed something {times} times"));
    }
    screen.result(&format!(
        "{} discovers, {} offers, {} requests, {} acknowledged, {} refused, {} declined, {} released, {} left without \
         an address, {} ignored; {leased} leases were still held",
        counters.discovers,
        counters.offers,
        counters.requests,
        counters.acks,
        counters.naks,
        counters.declines,
        counters.releases,
        counters.exhausted,
        counters.ignored,
    ));
    Ok(Exit::Interrupted)
}

/// Starts a lab off the reactor.
pub async fn start(config: LabConfig) -> anyhow::Result<Lab> {
    let started = tokio::task::spawn_blocking(move || Lab::start(config)).await?;
    started.map_err(refusal)
}

/// Whose fault it is that there is no lab.
pub fn refusal(error: LabError) -> anyhow::Error {
    match error {
        LabError::UplinkName(_)
        | LabError::AliasInside { .. }
        | LabError::Ipv6(_)
        | LabError::Mtu(_)
        | LabError::Fault(_) => UsageError::because(error),
        LabError::UplinkTaken(_)
        | LabError::NoPrivilege(_)
        | LabError::NoVeth { .. }
        | LabError::Step { .. }
        | LabError::Died
        | LabError::Stuck => error.into(),
    }
}

fn offer(lab: &Lab, config: &LabConfig) -> String {
    let faults = config.faults.iter().map(|fault| fault.as_str());
    let faults = match faults.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => none,
        faults => format!("broken on purpose: {faults}\n"),
    };
    format!(
        "the lab is on {uplink}: addresses {range}, router and DNS {router}/{prefix}, leases of {lease}; 8.8.8.8, \
         1.1.1.1 and www.lab.test (203.0.113.80) answer pings, DNS and HTTP; streams of traffic go to sink.lab.test (203.0.113.81)\n\
         {ipv6}{faults}\
         use it:  lanherd up --parent {uplink} --clients 10 --ping \"Google DNS\"\n\
         end it:  Ctrl-C",
        uplink = lab.uplink(),
        ipv6 = config.ipv6.as_ref().map_or_else(String::new, advertised),
        range = config.range,
        router = lab.router(),
        prefix = lab.subnet().prefix_len(),
        lease = config.lease,
    )
}

/// What is advertised, in a line.
fn advertised(ipv6: &Ipv6Config) -> String {
    let list = |texts: Vec<String>| texts.join(" and ");
    let prefixes = list(ipv6.prefixes.iter().map(ToString::to_string).collect());
    let aliases = list(ipv6.aliases.iter().map(ToString::to_string).collect());
    let pref64 = ipv6
        .pref64
        .map_or_else(String::new, |prefix| format!("; NAT64 under {prefix}"));
    format!(
        "IPv6: {router} advertises {prefixes} each {interval}; {aliases} answer pings, DNS and HTTP{pref64}; DHCPv6 {leases}\n",
        router = ipv6.router(),
        leases = if ipv6.managed {
            "leases addresses, and delegates prefixes"
        } else {
            "delegates prefixes, and leases no addresses"
        },
        interval = humantime::format_duration(ipv6.interval),
    )
}
