//! What the router says and does of IPv6: its configuration, its advertisements, and the frames that it hears and sends. Pure: time
//! and chance are parameters.

mod advertisement;
mod config;
mod dhcp;
mod draft;
mod frames;
mod neighbours;
mod numbering;
mod router;
mod schedule;
mod trouble;

pub use config::{Ipv6Config, Ipv6ConfigError};

pub(crate) use config::LINK_LOCAL;
pub(crate) use draft::Ipv6Draft;
pub(crate) use neighbours::NeighbourChange;
pub(crate) use router::{Addressing, Ipv6Router};

#[cfg(test)]
mod tests;
