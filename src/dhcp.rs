//! A `DHCPv4` client as RFC 2131 describes it, without a clock, a socket or a runtime: pure, and driven by its caller.

pub mod client;
mod lease;
pub mod options;
pub mod wire;

pub use client::{Client, Config, Event, Output, State, Transmit};
pub use lease::{Lease, Lifetime, Route};
pub use wire::Message;
