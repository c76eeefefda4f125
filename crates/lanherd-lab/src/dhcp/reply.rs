//! A server's answer, and the way it must go (RFC 2131, 4.1).

use std::net::Ipv4Addr;

use lanherd_dhcp::Message;
use lanherd_types::identity::Mac;

/// An answer, and the way it must go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// What is answered: a DHCPOFFER, a DHCPACK or a DHCPNAK.
    pub message: Message,
    /// To whom it must be sent.
    pub to: ReplyTo,
}

/// The way of an answer (RFC 2131, 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReplyTo {
    /// To 255.255.255.255, port 68.
    Broadcast,
    /// To an address that its owner does not answer ARP for yet, port 68.
    Hardware {
        /// The address: `yiaddr`.
        address: Ipv4Addr,
        /// Its owner: `chaddr`.
        mac: Mac,
    },
    /// To a client that has its address, port 68.
    Unicast(Ipv4Addr),
    /// To a relay agent, port 67.
    Relay(Ipv4Addr),
}

impl Reply {
    /// An OFFER or ACK.
    pub(super) fn granting(request: &Message, message: Message) -> Self {
        let to = if !request.giaddr.is_unspecified() {
            ReplyTo::Relay(request.giaddr)
        } else if !request.ciaddr.is_unspecified() {
            ReplyTo::Unicast(request.ciaddr)
        } else if request.broadcast {
            ReplyTo::Broadcast
        } else {
            ReplyTo::Hardware {
                address: message.yiaddr,
                mac: request.chaddr,
            }
        };
        Reply { message, to }
    }

    /// A NAK, which is always broadcast: the client may not have the address that it sent from.
    pub(super) fn refusing(request: &Message, mut message: Message) -> Self {
        let to = if request.giaddr.is_unspecified() {
            ReplyTo::Broadcast
        } else {
            // The relay must broadcast it, too (RFC 2131, 4.3.2).
            message.broadcast = true;
            ReplyTo::Relay(request.giaddr)
        };
        Self { message, to }
    }
}
