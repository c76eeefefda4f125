//! What the DHCP server of the fake LAN says.

use std::net::Ipv4Addr;

use super::FakeLan;
use lanherd_dhcp::Message;
use lanherd_dhcp::options::{MessageType, code};
use lanherd_types::identity::Mac;

/// How the server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Behaviour {
    /// As it should.
    #[default]
    Answers,
    /// It does not answer.
    Mute,
    /// It offers, and refuses every request.
    NaksEveryRequest,
    /// What it sends is cut short.
    SendsGarbage,
    /// It answers to another client's MAC.
    AnswersToTheSibling,
    /// It gives this address to everybody who asks.
    Gives(Ipv4Addr),
}

impl FakeLan {
    /// What the client gets back for a message, and which client.
    pub(super) fn answer(&self, message: &Message) -> Option<(Mac, Vec<u8>)> {
        let behaviour = self.inner().behaviour;
        let now = tokio::time::Instant::now().into_std();
        let mut server = self.server.lock();
        let mac = message.chaddr;
        match behaviour {
            Behaviour::Mute => None,
            Behaviour::Answers => Some((mac, server.handle(message, now)?.message.encode())),
            Behaviour::SendsGarbage => {
                let mut bytes = server.handle(message, now)?.message.encode();
                // In the middle of option 53.
                bytes.truncate(242);
                Some((mac, bytes))
            }
            Behaviour::NaksEveryRequest => {
                let mut reply = server.handle(message, now)?.message;
                if message.options.message_type() == Some(MessageType::Request) {
                    let server_id = reply.options.address(code::SERVER_ID)?;
                    reply = Message::reply_to(message, MessageType::Nak);
                    reply.options.push(code::SERVER_ID, server_id.octets());
                }
                Some((mac, reply.encode()))
            }
            Behaviour::Gives(address) => Some((mac, give(message, address)?.encode())),
            Behaviour::AnswersToTheSibling => {
                let mut reply = server.handle(message, now)?.message;
                reply.chaddr = Mac([2, 0, 0, 0, 0, 1]);
                Some((mac, reply.encode()))
            }
        }
    }
}

/// What a server says that gives `address` to everybody.
fn give(message: &Message, address: Ipv4Addr) -> Option<Message> {
    let kind = match message.options.message_type()? {
        MessageType::Discover => MessageType::Offer,
        MessageType::Request => MessageType::Ack,
        _ => return None,
    };
    let mut reply = Message::reply_to(message, kind);
    reply.yiaddr = address;
    reply
        .options
        .push_addresses(code::SERVER_ID, &[Ipv4Addr::new(10, 77, 0, 1)]);
    reply
        .options
        .push(code::LEASE_TIME, 3_600_u32.to_be_bytes());
    Some(reply)
}
