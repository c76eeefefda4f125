#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

pub mod client;
pub mod limiter;
pub mod protocol;
pub mod rates;
pub mod sink;
pub mod transfer;

mod byte_clock;

/// The port that a sink listens on where nothing else is said.
pub const PORT: u16 = 4374;
