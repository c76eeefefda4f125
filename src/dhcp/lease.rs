//! What a server granted, and when it must be extended.

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// How long a lease lasts (RFC 2131, 3.3: `0xffffffff` is infinity).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lifetime {
    /// Until it is released.
    Infinite,
    /// For so long, counted from [`Lease::requested_at`]; the invariant is `t1 < t2 < lease`.
    Finite {
        lease: Duration,
        t1: Duration,
        t2: Duration,
    },
}

/// A route: to `destination/prefix_len` through `gateway` (`0.0.0.0`: on the link; RFC 3442).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Route {
    pub destination: Ipv4Addr,
    pub prefix_len: u8,
    pub gateway: Ipv4Addr,
}

/// An address granted by a server, with what came with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    pub address: Ipv4Addr,
    pub prefix_len: u8,
    pub server_id: Ipv4Addr,
    /// Option 3, in the server's order of preference.
    pub routers: Vec<Ipv4Addr>,
    /// What to install: option 121 where present (it overrides 3, RFC 3442), else a default route via the first router.
    pub routes: Vec<Route>,
    pub dns: Vec<Ipv4Addr>,
    pub domain: Option<String>,
    pub search: Vec<String>,
    pub mtu: Option<u16>,
    pub lifetime: Lifetime,
    /// When the REQUEST that won it was sent: the lease counts from here (RFC 2131, 4.4.1).
    pub requested_at: Instant,
}
impl Lease {
    pub fn router(&self) -> Option<Ipv4Addr> {
        unimplemented!()
    } // first default gateway of routes
    pub fn expires_at(&self) -> Option<Instant> {
        unimplemented!()
    }
}
