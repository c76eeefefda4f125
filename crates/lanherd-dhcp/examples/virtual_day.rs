//! A day of one DHCP client on a virtual clock: `cargo run -p lanherd-dhcp --example virtual_day`.
//!
//! The server grants leases of two hours and is away from the sixth hour to the tenth, so the client renews, rebinds, loses its
//! address, and looks for a new one. Nothing is sent, and nobody waits.

use std::error::Error;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use lanherd_dhcp::{Client, Config, Event, Mac, Message, MessageType, Output, code};

const HOUR: Duration = Duration::from_secs(3600);
const SERVER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 1);

/// What a server with one address answers to a message that it has read off the wire.
fn answer(bytes: &[u8]) -> Result<Option<Message>, Box<dyn Error>> {
    let message = Message::decode(bytes)?;
    let kind = match message.message_type() {
        Some(MessageType::Discover) => MessageType::Offer,
        Some(MessageType::Request) => MessageType::Ack,
        _ => return Ok(None),
    };
    let mut reply = Message::reply_to(&message, kind);
    reply.yiaddr = Ipv4Addr::new(192, 168, 1, 50);
    reply.options.push(code::SERVER_ID, SERVER.octets());
    reply.options.push(code::SUBNET_MASK, [255, 255, 255, 0]);
    reply.options.push(code::ROUTERS, SERVER.octets());
    let two_hours = u32::try_from(2 * HOUR.as_secs())?;
    reply
        .options
        .push(code::LEASE_TIME, two_hours.to_be_bytes());
    Ok(Some(reply))
}

#[allow(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let mac = Mac([0x02, 0, 0x5e, 0x10, 0, 1]);
    let mut client = Client::new(Config::new(mac), fastrand::Rng::with_seed(7));
    let morning = Instant::now();
    let mut now = morning;
    client.start(now);

    let (mut messages, mut leases) = (0, 0);
    while let Some(due) = client
        .poll_timeout()
        .filter(|due| *due < morning + 24 * HOUR)
    {
        now = now.max(due);
        client.handle_timeout(now);
        while let Some(output) = client.poll_output() {
            let hours = (now - morning).as_secs_f64() / 3600.0;
            match output {
                Output::Transmit(transmit) => {
                    messages += 1;
                    let is_away = (6.0..10.0).contains(&hours);
                    let reply = answer(&transmit.message.encode())?;
                    if let Some(reply) = reply.filter(|_| !is_away) {
                        client.handle_message(&reply, now);
                    }
                }
                Output::Event(Event::Bound { lease, .. }) => {
                    leases += 1;
                    println!(
                        "{hours:5.2} h  bound to {}/{}",
                        lease.address, lease.prefix_len
                    );
                }
                Output::Event(Event::Renewed { by, .. }) => {
                    println!("{hours:5.2} h  extended: {by}");
                }
                Output::Event(Event::Lost(why)) => println!("{hours:5.2} h  lost: {why}"),
                Output::Event(_) | Output::Arp(_) => {}
            }
        }
    }
    println!(
        "{messages} messages, {leases} leases, {:?}",
        morning.elapsed()
    );
    if leases == 2 {
        Ok(())
    } else {
        Err("the client should have lost its lease once, and found another".into())
    }
}
