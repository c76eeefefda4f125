//! Where a workload is carried out: one client, with what its lease says.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::dhcp::Lease;
use crate::identity::{ClientNumber, Identity};

/// What a client's lease says that a workload depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uplink {
    /// The client's own address.
    pub address: Ipv4Addr,
    /// Its router.
    pub router: Option<Ipv4Addr>,
    /// Its resolvers, in the server's order of preference.
    pub resolvers: Vec<Ipv4Addr>,
}

impl From<&Lease> for Uplink {
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

/// Where a workload is carried out.
pub struct Place<P> {
    /// The client's place on the LAN.
    pub port: Arc<P>,
    /// Who the client is.
    pub identity: Arc<Identity>,
    /// What its lease says.
    pub uplink: Uplink,
    /// The other clients.
    pub siblings: Siblings,
    /// Numbers its echo requests.
    pub sequence: Sequence,
    /// Its randomness.
    pub rng: Mutex<fastrand::Rng>,
}

impl<P> Place<P> {
    /// A number that nobody can know beforehand who does not know the seed.
    pub fn random_id(&self) -> u16 {
        self.rng
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .u16(..)
    }
}

/// Numbers a client's echo requests: its runs share one ICMP identifier, so no two may be in flight with one number.
#[derive(Debug, Clone, Default)]
pub struct Sequence(Arc<AtomicU16>);

impl Sequence {
    /// The next number.
    pub fn next(&self) -> u16 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}
