//! A `DHCPv4` client as RFC 2131 describes it, without a clock, a socket or a runtime: pure, and driven by its caller.

mod arp;
pub mod client;
mod domain;
mod ignored;
mod lease;
pub mod options;
pub(crate) mod persona;
pub mod wire;

pub use arp::{Arp, ArpOp};
pub use client::{
    Client, ClientId, Config, Event, Extension, LossReason, OfferPolicy, Output, State, Transmit,
    Unanswered, VendorOptions,
};
pub use ignored::Ignored;
pub use lease::{Grant, Lease, Lifetime, Route};
pub use options::{MessageType, Options, code};
pub use persona::{Device, Persona, PersonaError};
pub use wire::{DecodeError, Message, Op};
