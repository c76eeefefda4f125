//! The server, message by message, on a clock that only the tests move.

mod allocation;
mod answers;
mod requests;

use std::time::Duration;

use super::*;
use crate::LabConfig;

const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
const FIRST: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 10);
const SECOND: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 11);

fn mac(number: u8) -> Mac {
    Mac([2, 0, 0, 0, 0, number])
}

/// A server and a clock.
struct Lan {
    server: Server,
    now: Instant,
}

impl Lan {
    fn new(config: &LabConfig) -> Self {
        Self {
            server: Server::new(config.server()),
            now: Instant::now(),
        }
    }

    fn with_range(range: &str) -> Self {
        Self::new(&LabConfig {
            range: range.parse().expect("a range"),
            ..LabConfig::default()
        })
    }

    fn wait(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
    }

    fn send(&mut self, message: &Message) -> Option<Reply> {
        self.server.handle(message, self.now)
    }

    fn discover(&mut self, client: u8) -> Option<Ipv4Addr> {
        let reply = self.send(&Message::request(MessageType::Discover, mac(client), 7))?;
        assert_eq!(reply.message.message_type(), Some(MessageType::Offer));
        Some(reply.message.yiaddr)
    }

    fn select(&mut self, client: u8, address: Ipv4Addr) -> Option<Reply> {
        let server = self.server.config.subnet.router();
        self.send(&selecting(client, address, server))
    }

    /// Through DISCOVER and REQUEST to a lease.
    fn join(&mut self, client: u8) -> Ipv4Addr {
        let address = self.discover(client).expect("an offer");
        assert_eq!(granted(self.select(client, address)), Some(address));
        address
    }
}

fn selecting(client: u8, address: Ipv4Addr, server: Ipv4Addr) -> Message {
    let mut message = rebooting(client, address);
    message.options.push_addresses(code::SERVER_ID, &[server]);
    message
}

fn rebooting(client: u8, address: Ipv4Addr) -> Message {
    let mut message = Message::request(MessageType::Request, mac(client), 7);
    message
        .options
        .push_addresses(code::REQUESTED_ADDRESS, &[address]);
    message
}

fn renewing(client: u8, address: Ipv4Addr) -> Message {
    let mut message = Message::request(MessageType::Request, mac(client), 7);
    message.ciaddr = address;
    message
}

fn releasing(client: u8, address: Ipv4Addr) -> Message {
    let mut message = Message::request(MessageType::Release, mac(client), 7);
    message.ciaddr = address;
    message
}

fn granted(reply: Option<Reply>) -> Option<Ipv4Addr> {
    let message = reply?.message;
    (message.message_type() == Some(MessageType::Ack)).then_some(message.yiaddr)
}

fn is_nak(reply: Option<Reply>) -> bool {
    reply.is_some_and(|reply| {
        let message = reply.message;
        let is_nak = message.message_type() == Some(MessageType::Nak);
        // RFC 2131, table 3.
        assert!(
            !is_nak
                || message.yiaddr.is_unspecified() && !message.options.contains(code::LEASE_TIME)
        );
        is_nak
    })
}
