#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod auth;
pub mod client;
mod duid;
mod flaw;
mod grant;
pub mod ia;
mod ignored;
mod lease;
pub mod options;
mod parameters;
mod remark;
mod status;
mod walk;
pub mod wire;

pub use auth::{Authentication, ReconfigureKey};
pub use client::{
    ALL_SERVERS, Arrival, Client, Config, DadOutcome, Event, Information, LossReason, Means,
    Output, RateLimit, ReconfigureKind, ServerMessage, State, Unanswered, VendorClass, WantedIa,
};
pub use duid::{Duid, DuidError, DuidKind};
pub use flaw::Flaw;
pub use grant::{MAX_LEASES, Refusal};
pub use ia::{ExcludedPrefix, Ia, IaAddress, IaKind, IaPrefix};
pub use ignored::Ignored;
pub use lanherd_types::identity::{self, Mac};
pub use lanherd_types::ipv6::Prefix;
pub use lease::{
    Clock, Gone, Lease, LeasedAddress, LeasedIa, LeasedPrefix, Lifetimes, ServerKey, StoredLease,
    UnixTime,
};
pub use options::{DhcpOption, Options, code};
pub use parameters::{MAX_SEARCH_NAMES, MAX_SERVERS, NtpServer, Parameters};
pub use remark::{Notes, Remark, RemarkReason};
pub use status::{Status, StatusCode};
pub use wire::{DecodeError, EncodeError, Message, MessageType};
