//! A week of one IPv6 host on a virtual clock: `cargo run -p lanherd-ndp --example virtual_week`.
//!
//! The router advertises each ten minutes, reboots on the third day with another prefix and no word about the old one, and falls
//! silent for the sixth. The host has temporary addresses. Nothing is sent, and nobody waits.

use std::error::Error;
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use lanherd_ndp::options::PrefixInformation;
use lanherd_ndp::slaac::{Change, Config, Event, Output, Secret, TemporaryPolicy, Verification};
use lanherd_ndp::{Host, Lifetime, Mac, NdOption, Packet, Prefix, RouterAdvertisement};

const DAY: Duration = Duration::from_secs(86_400);
const INTERVAL: Duration = Duration::from_secs(600);
const ROUTER: Mac = Mac([0x02, 0, 0x5e, 0x10, 0, 0xfe]);

/// What the router says on a day; `None`: nothing.
fn advertisement(day: f64) -> Option<Vec<u8>> {
    let network = match day {
        day if (5.0..6.0).contains(&day) => return None,
        day if day < 2.0 => Ipv6Addr::new(0x2001, 0xdb8, 0x77, 0, 0, 0, 0, 0),
        _ => Ipv6Addr::new(0x2001, 0xdb8, 0x88, 0, 0, 0, 0, 0),
    };
    let information = PrefixInformation {
        prefix: Prefix::new(network, 64)?,
        on_link: true,
        autonomous: true,
        router_address: false,
        delegation_preferred: false,
        valid: Lifetime::from_secs(24 * 3600),
        preferred: Lifetime::from_secs(4 * 3600),
    };
    let body = RouterAdvertisement {
        lifetime: 1800,
        ..RouterAdvertisement::default()
    };
    let router = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    let options = vec![NdOption::Prefix(information)];
    Packet::router_advertisement(ROUTER, router, body, options).to_frame()
}

#[allow(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let mut config = Config::new(Mac([0x02, 0, 0x5e, 0x10, 0, 1]), Secret([7; 16]));
    config.temporary = Some(TemporaryPolicy::RFC_8981);
    let mut host = Host::new(config, fastrand::Rng::with_seed(7));
    let begin = Instant::now();
    let mut now = begin;
    host.start(now);

    let mut advertise_at = begin;
    let (mut changes, mut renumbered) = (0, false);
    while now < begin + 7 * DAY {
        let day = (now - begin).as_secs_f64() / DAY.as_secs_f64();
        if now >= advertise_at {
            advertise_at += INTERVAL;
            if let Some(frame) = advertisement(day) {
                // One parse would do for any number of hosts.
                host.handle_packet(&Packet::from_frame(&frame)?, now);
            }
        }
        host.handle_timeout(now);
        while let Some(output) = host.poll_output() {
            match output {
                Output::Transmit(packet) => {
                    println!("{day:5.2} d  sends a {}", packet.message.kind().name());
                }
                // A real caller tells the kernel, which says a second later whether somebody else has the address.
                Output::Configure(change) => {
                    changes += 1;
                    if let Change::SetAddress(it) = change
                        && it.is_tentative
                    {
                        host.handle_verification(it.address, Verification::Unique, now);
                    }
                }
                Output::Event(Event::AddressFormed { address, kind }) => {
                    println!("{day:5.2} d  {kind} address {address}");
                }
                Output::Event(Event::PrefixRenumbered { old, new, .. }) => {
                    println!("{day:5.2} d  {old} has become {new}");
                    renumbered = true;
                }
                Output::Event(Event::AddressDeprecated { address, .. }) => {
                    println!("{day:5.2} d  {address} is deprecated");
                }
                Output::Event(Event::RouterLost { why, .. }) => {
                    println!("{day:5.2} d  the router is lost: {why}");
                }
                Output::Event(_) => {}
            }
        }
        let due = host.poll_timeout().unwrap_or(advertise_at);
        now = due.min(advertise_at).max(now + Duration::from_millis(1));
    }
    println!("{changes} changes of the interface, {:?}", begin.elapsed());
    if renumbered && host.default_router().is_some() {
        Ok(())
    } else {
        Err("the host should have seen the new prefix, and have its router back".into())
    }
}
