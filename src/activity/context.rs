//! Where an activity is carried out: one client, with what its lease says.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use parking_lot::Mutex;

use crate::dhcp::Lease;
use crate::identity::{ClientNumber, Identity};
use crate::lan::EchoRequest;

/// What a client's lease says that an activity depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedConfig {
    /// The client's own address.
    pub address: Ipv4Addr,
    /// The router that the lease names.
    pub router: Option<Ipv4Addr>,
    /// Its resolvers, in the server's order of preference.
    pub resolvers: Vec<Ipv4Addr>,
}

impl From<&Lease> for LeasedConfig {
    fn from(lease: &Lease) -> Self {
        Self {
            address: lease.address,
            router: lease.router(),
            resolvers: lease.dns.clone(),
        }
    }
}

/// Tells which address a client of the herd holds at this moment.
pub type Siblings = Arc<dyn Fn(ClientNumber) -> Option<Ipv4Addr> + Send + Sync>;

/// Where an activity is carried out.
pub struct ClientContext<P> {
    /// The client's port on the LAN.
    pub port: Arc<P>,
    /// Who the client is.
    pub identity: Arc<Identity>,
    /// What its lease says.
    pub leased: LeasedConfig,
    /// The other clients.
    pub siblings: Siblings,
    /// Numbers its echo requests.
    pub sequence: Sequence,
    /// The client's source of random numbers.
    pub rng: Mutex<fastrand::Rng>,
}

impl<P> ClientContext<P> {
    /// The next echo request to `target`.
    pub fn echo_request(&self, target: Ipv4Addr) -> EchoRequest {
        let nonce = self.rng.lock().u64(..);
        EchoRequest {
            target: target.into(),
            id: self.sequence.id,
            sequence: self.sequence.next.fetch_add(1, Ordering::Relaxed),
            nonce,
        }
    }

    /// Whether what is sent to `address` never leaves the client: then whoever answers is not the router.
    pub fn is_own(&self, address: Ipv4Addr) -> bool {
        address == self.leased.address || address.is_loopback() || address.is_unspecified()
    }

    /// A number that nobody can know beforehand who does not know the seed.
    pub fn random_id(&self) -> u16 {
        self.rng.lock().u16(..)
    }
}

/// Numbers a client's echo requests: its runs share one ICMP identifier, so no two may be in flight with one number.
#[derive(Debug, Clone)]
pub struct Sequence {
    id: u16,
    next: Arc<AtomicU16>,
}

impl Sequence {
    /// From 0 on, under this identifier. It is to be drawn at random: process numbers, which `ping(8)` uses, are small in
    /// the process namespace of a command, and so are numbers of clients.
    pub fn new(id: u16) -> Self {
        Self {
            id,
            next: Arc::default(),
        }
    }
}
