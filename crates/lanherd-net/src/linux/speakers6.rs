//! The clients that speak IPv6: what comes for them over the raw socket, and which of them has which address.
//!
//! The raw socket passes IPv6 only while there is such a client, so that a herd of IPv4 is not woken by it.

use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};

use super::endpoint::{Endpoint, EndpointTable};
use super::raw_socket::RawSocket;
use crate::frame6::{
    self, Frame6, NEIGHBOUR_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, ROUTER_ADVERTISEMENT,
};
use crate::lan::PortEvent;
use crate::lan::ipv6::Packet6;
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

    fn holder(&self, address: Ipv6Addr) -> Option<Mac> {
        locked(&self.holders).get(&address).copied()
    }
}

impl EndpointTable {
    /// Hands what a frame carries to the clients that it is for: one that is for everybody is taken once, and shared by all.
    pub fn deliver6(&self, frame: Frame6) {
        match frame {
            Frame6::Dhcp(packet) => {
                if let Some(endpoint) = self.speaker(packet.link_destination) {
                    endpoint.tell(PortEvent::Dhcp6(Arc::new(packet)));
                }
            }
            Frame6::Discovery(kind, packet) => {
                let packet = Arc::new(packet);
                for endpoint in self.concerned(kind, &packet) {
                    endpoint.tell(PortEvent::Icmp6(Arc::clone(&packet)));
                }
            }
        }
    }

    /// The clients that a message of neighbour discovery concerns. The kernel answers solicitations by itself.
    fn concerned(&self, kind: u8, packet: &Packet6) -> Vec<Arc<Endpoint>> {
        let addressed = || {
            let all = is_group(packet.link_destination).then(|| self.all());
            let mut endpoints =
                all.unwrap_or_else(|| self.find(packet.link_destination).into_iter().collect());
            endpoints.retain(|endpoint| endpoint.speaks_ipv6());
            endpoints
        };
        let target = frame6::target(packet.content());
        match (kind, target) {
            // Who solicits from the unspecified address asks whether the target is free (RFC 4862, 5.4.3).
            (NEIGHBOUR_SOLICITATION, Some(target)) if packet.source.is_unspecified() => {
                self.claimed(target, packet).into_iter().collect()
            }
            (NEIGHBOUR_ADVERTISEMENT, Some(target)) => {
                let mut concerned: Vec<_> = addressed();
                concerned.retain(|endpoint| endpoint.leads_through(target));
                concerned.extend(self.claimed(target, packet));
                concerned
            }
            (NEIGHBOUR_SOLICITATION | NEIGHBOUR_ADVERTISEMENT, _) => Vec::new(),
            (ROUTER_ADVERTISEMENT, _) => addressed(),
            // A redirect is for the one that it is sent to.
            _ if is_group(packet.link_destination) => Vec::new(),
            _ => addressed(),
        }
    }

    /// The client whose address somebody else says to have, or asks for; who it is, is noted.
    fn claimed(&self, address: Ipv6Addr, packet: &Packet6) -> Option<Arc<Endpoint>> {
        let holder = self.speakers.holder(address)?;
        let endpoint = self.speaker(holder)?;
        if packet.link_source == holder {
            return None;
        }
        endpoint.note_claim(address, packet.link_source);
        Some(endpoint)
    }

    fn speaker(&self, mac: Mac) -> Option<Arc<Endpoint>> {
        self.find(mac).filter(|endpoint| endpoint.speaks_ipv6())
    }
}

const fn is_group(mac: Mac) -> bool {
    mac.0[0] & 1 == 1
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock()
}
