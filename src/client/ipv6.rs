//! A client's IPv6: what its link is to have and what is sent, from what routers advertise and servers lease.

mod event;
mod state;

pub use event::{Ipv6Event, Ipv6EventKind};
pub use state::{AddressOrigin, AddressState, HeldAddress, HeldRouter, Ipv6State};
