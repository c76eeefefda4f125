#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod auth;
mod duid;
mod flaw;
pub mod ia;
mod ignored;
pub mod options;
mod parameters;
mod remark;
mod status;
mod walk;
pub mod wire;

pub use auth::{Authentication, ReconfigureKey};
pub use duid::{Duid, DuidError, DuidKind};
pub use flaw::Flaw;
pub use ia::{ExcludedPrefix, Ia, IaAddress, IaKind, IaPrefix, Prefix};
pub use ignored::Ignored;
pub use lanherd_types::identity::{self, Mac};
pub use options::{DhcpOption, Options, code};
pub use parameters::{NtpServer, Parameters};
pub use remark::{Notes, Remark, RemarkReason};
pub use status::{Status, StatusCode};
pub use wire::{DecodeError, EncodeError, Message, MessageType};
