//! The client's state machine (RFC 2131, 4.4, figure 5).

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use super::{Ignored, Lease, Message};
use crate::identity::Mac;

/// Behaviour of one client. `Default` is what the RFC says.
#[derive(Debug, Clone)]
pub struct Config {
    pub mac: Mac,
    /// Row 6: the first DISCOVER waits a random time in this range. Default 1 s ..= 10 s.
    pub start_delay: std::ops::RangeInclusive<Duration>,
    /// Row 11.
    pub broadcast: bool,
    pub offers: OfferPolicy,
    pub client_id: ClientId,
    pub hostname: Option<String>,
    pub parameter_requests: Vec<u8>,
    pub max_message_size: u16,
}
/// Row 13.
#[derive(Debug, Clone, Copy)]
pub enum OfferPolicy { First, Window(Duration) }
/// Row 37 adds `Duid`.
#[derive(Debug, Clone)]
pub enum ClientId { None, Mac }

/// The state, each with its own data.
#[derive(Debug, Clone)]
pub enum State {}
impl State { pub const fn as_str(&self) -> &'static str { unimplemented!() } }

/// A message to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    pub message: Message,
    /// 0.0.0.0 before an address is bound.
    pub source: Ipv4Addr,
    /// 255.255.255.255 or the server.
    pub destination: Ipv4Addr,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output { Transmit(Transmit), Event(Event) }

/// How a lease was come by or extended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extension { Renew, Rebind }

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A lease was granted. `reboot`: by INIT-REBOOT.
    Bound { lease: Lease, reboot: bool },
    /// The lease was extended; its options may have changed.
    Renewed { lease: Lease, by: Extension },
    /// The lease is no longer ours: stop using the address now. The machine goes to INIT by itself.
    Lost(LossReason),
    /// A message was dropped, and why (rows 3, 4, 25-27, 38 ...).
    Ignored(Ignored),
    /// A DHCPNAK was obeyed outside of a held lease.
    Refused { server_id: Option<Ipv4Addr>, message: Option<String> },
}
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossReason { Expired, Nak, Released }

pub struct Client {}
impl Client {
    pub fn new(config: Config, rng: fastrand::Rng) -> Self { unimplemented!() }
    pub fn start(&mut self, now: Instant) { unimplemented!() }
    /// INIT-REBOOT with a remembered address.
    pub fn reboot(&mut self, address: Ipv4Addr, now: Instant) { unimplemented!() }
    pub fn handle_message(&mut self, message: &Message, now: Instant) { unimplemented!() }
    pub fn handle_timeout(&mut self, now: Instant) { unimplemented!() }
    pub fn renew(&mut self, now: Instant) { unimplemented!() }
    pub fn rebind(&mut self, now: Instant) { unimplemented!() }
    pub fn release(&mut self, now: Instant) { unimplemented!() }
    pub fn poll_output(&mut self) -> Option<Output> { unimplemented!() }
    pub fn poll_timeout(&self) -> Option<Instant> { unimplemented!() }
    pub fn state(&self) -> &State { unimplemented!() }
    pub fn lease(&self) -> Option<&Lease> { unimplemented!() }
}
