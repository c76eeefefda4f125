//! A day of one DHCPv6 client on a virtual clock: `cargo run -p lanherd-dhcp6 --example dhcpv6_day`.
//!
//! The server leases an address and a prefix for two hours and is away from the sixth hour to the tenth, so the client renews,
//! rebinds, loses what it has, and looks for it again. Nothing is sent, and nobody waits.

use std::error::Error;
use std::time::{Duration, Instant};

use lanherd_dhcp6::{
    Arrival, Client, Config, DadOutcome, Duid, Event, IaAddress, IaKind, IaPrefix, Mac, Message,
    MessageType, Output, code,
};

const HOUR: Duration = Duration::from_secs(3600);

/// What a server with one address and one prefix answers to a message that it has read off the wire.
fn answer(bytes: &[u8]) -> Result<Message, Box<dyn Error>> {
    let message = Message::decode(bytes)?;
    let kind = match message.message_type {
        MessageType::Solicit => MessageType::Advertise,
        _ => MessageType::Reply,
    };
    let server = Duid::link_layer(Mac([0x02, 0, 0x5e, 0x10, 0, 2]));
    let mut answer = Message::answer_to(&message, kind);
    answer.options.push(code::SERVER_ID, server.as_bytes());
    for asked in message.options.ias() {
        let mut ia = asked.clone();
        ia.options = lanherd_dhcp6::Options::new();
        if ia.kind == IaKind::Addresses {
            let address = "2001:db8:77::50".parse()?;
            ia.options
                .push_address(&IaAddress::new(address, 3600, 7200));
        } else {
            let prefix = "2001:db8:7700::/56".parse()?;
            ia.options.push_prefix(&IaPrefix::new(prefix, 3600, 7200));
        }
        answer.options.push_ia(&ia);
    }
    Ok(answer)
}

#[allow(clippy::print_stdout, reason = "an example shows its result")]
fn main() -> Result<(), Box<dyn Error>> {
    let mac = Mac([0x02, 0, 0x5e, 0x10, 0, 1]);
    let config = Config::new(mac).with_prefix(mac, Some(56));
    let mut client = Client::new(config, fastrand::Rng::with_seed(7));
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
                Output::Transmit(message) => {
                    messages += 1;
                    let is_away = (6.0..10.0).contains(&hours);
                    let reply = answer(&message.encode()?)?;
                    let arrival = Arrival {
                        source: "fe80::1".parse()?,
                        destination: "fe80::2".parse()?,
                    };
                    if !is_away {
                        client.handle_message(&reply, arrival, now);
                    }
                }
                // Nobody else is there.
                Output::Event(Event::Probe { addresses, .. }) => {
                    for address in addresses {
                        client.handle_dad(address, DadOutcome::Unique, now);
                    }
                }
                Output::Event(Event::Bound { lease, .. }) => {
                    leases += 1;
                    let addresses = lease.addresses().map(|it| it.address.to_string());
                    let prefixes = lease.prefixes().map(|it| it.prefix.to_string());
                    let all: Vec<String> = addresses.chain(prefixes).collect();
                    println!("{hours:5.2} h  bound to {}", all.join(" and "));
                }
                Output::Event(Event::Renewed { by, .. }) => {
                    println!("{hours:5.2} h  extended: {by}");
                }
                Output::Event(Event::Lost(why)) => println!("{hours:5.2} h  lost: {why}"),
                Output::Event(_) => {}
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
