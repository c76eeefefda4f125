//! Options: their numbers (RFC 2132 and later), their order on the wire, and their typed values.

use std::net::Ipv4Addr;
use std::time::Duration;

/// The message types (RFC 2132, 9.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum MessageType {
    Discover = 1,
    Offer = 2,
    Request = 3,
    Decline = 4,
    Ack = 5,
    Nak = 6,
    Release = 7,
    Inform = 8,
}

impl MessageType {
    /// The label in metrics and logs: `discover`, `offer`, ...
    pub const fn as_str(self) -> &'static str {
        unimplemented!()
    }
}

/// Option numbers. (`pub mod code { pub const SUBNET_MASK: u8 = 1; ... }`)
pub mod code {}

/// The options of a message, in the order in which they stand on the wire; a code may stand more than once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Options(Vec<(u8, Vec<u8>)>);

impl Options {
    pub fn new() -> Self {
        Self::default()
    }
    /// Appends an option. Values over 255 bytes are split on encoding (RFC 3396).
    pub fn push(&mut self, code: u8, value: impl Into<Vec<u8>>) -> &mut Self {
        unimplemented!()
    }
    /// All instances of `code` joined in order (RFC 3396, 7), `None` where there is none.
    pub fn get(&self, code: u8) -> Option<std::borrow::Cow<'_, [u8]>> {
        unimplemented!()
    }
    /// In the order on the wire.
    pub fn iter(&self) -> impl Iterator<Item = (u8, &[u8])> {
        self.0.iter().map(|(c, v)| (*c, v.as_slice()))
    }
    pub fn message_type(&self) -> Option<MessageType> {
        unimplemented!()
    }
    /// Typed values; `None` where absent or malformed (a malformed length is reported by decode, see the brief).
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        unimplemented!()
    }
    pub fn addresses(&self, code: u8) -> Vec<Ipv4Addr> {
        unimplemented!()
    }
    pub fn seconds(&self, code: u8) -> Option<u32> {
        unimplemented!()
    }
    pub fn text(&self, code: u8) -> Option<String> {
        unimplemented!()
    }
}
