#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod arp;
pub mod client;
mod domain;
mod flaw;
mod ignored;
mod lease;
pub mod options;
pub mod persona;
mod remark;
pub mod wire;

pub use arp::{Arp, ArpOp};
pub use client::{
    Client, ClientId, Config, Event, Extension, LossReason, OfferPolicy, Output, ServerMessage,
    State, Transmit, Unanswered, VendorOptions,
};
pub use flaw::Flaw;
pub use ignored::Ignored;
pub use lanherd_types::identity::{self, Mac};
pub use lease::{Grant, Lease, Lifetime, MAX_HOSTS, MAX_ROUTES, Route};
pub use options::{MessageType, Options, code};
pub use persona::{Device, Persona, PersonaError};
pub use remark::{Notes, Remark, RemarkReason};
pub use wire::{DecodeError, Message, Op};
