#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod as_text;
pub mod bit_rate;
pub mod blame;
#[cfg(any(feature = "fault", feature = "toml"))]
mod closest;
pub mod domain_name;
pub mod family;
#[cfg(feature = "fault")]
pub mod fault;
pub mod host_name;
pub mod identity;
pub mod ipv6;
pub mod phase;
pub mod queue;
#[doc(hidden)]
pub mod test_folder;
#[cfg(feature = "toml")]
pub mod text_error;
pub mod units;
mod words;

#[cfg(any(feature = "fault", feature = "toml"))]
pub use closest::closest;
