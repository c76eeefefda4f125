//! The message on the wire (RFC 2131, 2; RFC 2132; RFC 3396): our own walker and ordered encoder.

use std::net::Ipv4Addr;

use crate::identity::Mac;

/// Who speaks (RFC 2131, 2: `op`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// `BOOTREQUEST`, 1: a client.
    Request,
    /// `BOOTREPLY`, 2: a server.
    Reply,
}

/// A DHCP message: the fixed fields and the options in the order in which they stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub op: Op,
    pub xid: u32,
    /// Whole seconds since the client began.
    pub secs: u16,
    /// The B flag: replies are to be broadcast (RFC 2131, 4.1).
    pub broadcast: bool,
    pub ciaddr: Ipv4Addr,
    pub yiaddr: Ipv4Addr,
    pub siaddr: Ipv4Addr,
    pub giaddr: Ipv4Addr,
    pub chaddr: Mac,
    pub options: super::options::Options,
}

impl Message {
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        unimplemented!()
    }
    pub fn encode(&self) -> Vec<u8> {
        unimplemented!()
    }
}

/// Why bytes are no DHCP message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {}
