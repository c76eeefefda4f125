//! A herd of whole LAN clients on one Linux box, pointed at a router.
//!
//! Start with [`Pool::start`]: a pool supervises clients on a [`lan::Lan`] and talks in messages only.

pub mod bdd;
pub mod blame;
pub mod bounded;
pub mod chaos;
pub mod client;
mod connections;
pub mod control;
pub mod doctor;
pub mod http;
pub mod lab;
pub mod lan;
pub mod live;
pub mod metrics;
pub mod objective;
pub mod page;
pub mod pool;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod scenario;
pub mod soak;
pub mod stats;
pub mod target;
pub mod testbed;
pub mod tester;
mod tls;
pub mod url;
pub mod workload;

pub use lanherd_dhcp as dhcp;
use lanherd_types::text_error;
pub use lanherd_types::{fault, host_name, identity, phase, units};
pub use pool::{Pool, PoolConfig};
