#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
mod flaw;
mod kind;
mod lifetime;
pub mod message;
pub mod options;
pub mod packet;
mod remark;
pub mod slaac;

pub use error::{Reason, Refused, Sender};
pub use flaw::Flaw;
pub use kind::MessageKind;
pub use lanherd_types::identity::Mac;
pub use lanherd_types::ipv6::Prefix;
pub use lifetime::Lifetime;
pub use message::{Body, Message, NeighbourAdvertisement, RouterAdvertisement};
pub use options::{NdOption, Preference, code};
pub use packet::Packet;
pub use remark::{Notes, Remark, RemarkReason};
pub use slaac::Host;
