//! Who listens for ARP packets about which address. The raw socket passes such packets only while somebody listens, so
//! that a herd without address conflict detection is not woken by the LAN's chatter.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::Ipv4Addr;
use std::sync::Arc;

use parking_lot::Mutex;

use super::endpoint::Endpoint;
use super::raw_socket::RawSocket;
use crate::lan::PortEvent;
use lanherd_dhcp::Arp;

/// The endpoints that listen, by the address that each listens for.
pub(super) struct Listeners {
    raw_socket: Arc<RawSocket>,
    /// Two endpoints under one address are a conflict, and both have to be told of it.
    by_address: Mutex<HashMap<Ipv4Addr, Vec<Arc<Endpoint>>>>,
}

impl Listeners {
    pub fn new(raw_socket: Arc<RawSocket>) -> Self {
        Self {
            raw_socket,
            by_address: Mutex::default(),
        }
    }

    /// Lets `endpoint` listen for `address` from now on, and for no other; or for none.
    pub fn listen(&self, endpoint: &Arc<Endpoint>, address: Option<Ipv4Addr>) {
        // The filter is changed under the lock, so that the last change is the one that counts.
        let mut by_address = self.by_address.lock();
        let somebody_did = !by_address.is_empty();
        if let Some(before) = endpoint.listen_for(address)
            && let Entry::Occupied(mut entry) = by_address.entry(before)
        {
            entry
                .get_mut()
                .retain(|other| !Arc::ptr_eq(other, endpoint));
            if entry.get().is_empty() {
                entry.remove();
            }
        }
        if let Some(address) = address {
            by_address
                .entry(address)
                .or_default()
                .push(Arc::clone(endpoint));
        }
        let somebody_does = !by_address.is_empty();
        if somebody_did != somebody_does
            && let Err(error) = self.raw_socket.pass_arp(somebody_does)
        {
            tracing::warn!(%error, "the filter for ARP packets cannot be changed; conflicts may go unnoticed");
        }
    }

    /// Hands a packet to those who listen for its sender's address or, where it is a probe, for the one that it asks
    /// for (RFC 5227, 2.1.1); never to whoever sent it.
    pub fn deliver(&self, arp: &Arp) {
        let about = if arp.sender.is_unspecified() {
            arp.target
        } else {
            arp.sender
        };
        let endpoints = self
            .by_address
            .lock()
            .get(&about)
            .cloned()
            .unwrap_or_default();
        for endpoint in endpoints {
            if endpoint.identity.mac != arp.sender_mac {
                endpoint.tell(PortEvent::Arp(*arp));
            }
        }
    }
}
