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
pub mod dhcp;
pub mod doctor;
pub mod fault;
pub mod host_name;
pub mod http;
pub mod identity;
pub mod lab;
pub mod lan;
pub mod live;
pub mod metrics;
pub mod objective;
pub mod page;
pub mod phase;
pub mod pool;
pub mod report;
pub mod sandbox;
pub mod scenario;
pub mod soak;
pub mod stand;
pub mod stats;
pub mod target;
pub mod tester;
mod text_error;
mod tls;
pub mod units;
pub mod url;
pub mod workload;

pub use pool::{Pool, PoolConfig};
