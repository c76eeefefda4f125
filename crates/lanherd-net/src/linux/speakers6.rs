//! The clients that speak IPv6: how many there are, and which of them has which address.
//!
//! The raw socket passes IPv6 only while there is such a client, so that a herd of IPv4 is not woken by it.

use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::raw_socket::RawSocket;
use lanherd_types::identity::Mac;

/// How many clients speak IPv6, and who of them has which address.
pub(super) struct Speakers6 {
    raw_socket: Arc<RawSocket>,
    count: Mutex<usize>,
    /// The addresses that are set, or about to be. In private mode two clients do not hear each other ask for an address, so that
    /// the kernel would let both have it.
    holders: Mutex<HashMap<Ipv6Addr, Mac>>,
}

impl Speakers6 {
    pub fn new(raw_socket: Arc<RawSocket>) -> Self {
        Self {
            raw_socket,
            count: Mutex::default(),
            holders: Mutex::default(),
        }
    }

    /// There is one more.
    pub fn join(&self) {
        let mut count = locked(&self.count);
        *count += 1;
        if *count == 1 {
            self.pass(true);
        }
    }

    /// There is one less.
    pub fn leave(&self) {
        let mut count = locked(&self.count);
        *count = count.saturating_sub(1);
        if *count == 0 {
            self.pass(false);
        }
    }

    fn pass(&self, wanted: bool) {
        if let Err(error) = self.raw_socket.pass_ipv6(wanted) {
            tracing::warn!(%error, "the filter for IPv6 cannot be changed; router advertisements may go unnoticed");
        }
    }

    /// Notes that a client has this address from now on; returns who has it, where that is another one.
    pub fn claim(&self, address: Ipv6Addr, client: Mac) -> Option<Mac> {
        let mut holders = locked(&self.holders);
        let holder = *holders.entry(address).or_insert(client);
        (holder != client).then_some(holder)
    }

    /// Notes that a client has, of all addresses, only those that `is_kept` names.
    pub fn keep(&self, client: Mac, is_kept: impl Fn(Ipv6Addr) -> bool) {
        locked(&self.holders).retain(|address, holder| *holder != client || is_kept(*address));
    }

    /// Who has that address.
    pub fn holder(&self, address: Ipv6Addr) -> Option<Mac> {
        locked(&self.holders).get(&address).copied()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}
