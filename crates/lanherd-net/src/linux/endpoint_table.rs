//! The endpoints of all attached clients, found by MAC, and what comes over the raw socket for them.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, RwLock};

use super::arp::Listeners;
use super::endpoint::Endpoint;
use super::raw_socket::{RawSocket, Receiver};
use super::speakers6::Speakers6;
use crate::frame::DhcpDatagram;
use crate::frame6::{
    self, Frame6, NEIGHBOUR_ADVERTISEMENT, NEIGHBOUR_SOLICITATION, ROUTER_ADVERTISEMENT,
};
use crate::lan::PortEvent;
use crate::lan::ipv6::Packet6;
use lanherd_dhcp::Arp;
use lanherd_types::identity::Mac;
use lanherd_types::phase::Cause;

/// How long a frame may circle in a network that has a loop.
const LOOP: Duration = Duration::from_millis(500);

/// The endpoints of all attached clients.
pub(super) struct EndpointTable {
    by_mac: RwLock<HashMap<Mac, Arc<Endpoint>>>,
    /// Where each client's last DHCP message came from on the link. It outlives the endpoint: a client that waits to be
    /// restarted still holds its lease, and it may have to be released for it. Forgotten with the client.
    servers: Mutex<HashMap<Mac, Mac>>,
    /// The endpoints that listen for ARP packets.
    pub listeners: Listeners,
    /// Those that speak IPv6.
    pub speakers: Speakers6,
}

impl EndpointTable {
    pub fn new(raw_socket: Arc<RawSocket>) -> Self {
        Self {
            by_mac: RwLock::default(),
            servers: Mutex::default(),
            listeners: Listeners::new(Arc::clone(&raw_socket)),
            speakers: Speakers6::new(raw_socket),
        }
    }

    /// Registers an endpoint until the guard is dropped; an earlier endpoint of the same client receives nothing more.
    pub fn register(self: &Arc<Self>, endpoint: Endpoint) -> Registration {
        let endpoint = Arc::new(endpoint);
        if endpoint.speaks_ipv6() {
            self.speakers.join();
        }
        let earlier = self
            .by_mac
            .write()
            .insert(endpoint.identity.mac, Arc::clone(&endpoint));
        if let Some(earlier) = earlier {
            self.listeners.listen(&earlier, None);
        }
        Registration {
            endpoint,
            endpoints: Arc::clone(self),
        }
    }

    /// Notes from which link address a client's last DHCP message came.
    pub fn note_server(&self, client: Mac, server: Mac) {
        self.servers.lock().insert(client, server);
    }

    /// The link address from which a client's last DHCP message came.
    pub fn server(&self, client: Mac) -> Option<Mac> {
        self.servers.lock().get(&client).copied()
    }

    /// Forgets where a client's messages came from.
    pub fn forget_server(&self, client: Mac) {
        self.servers.lock().remove(&client);
    }

    /// The endpoints that are registered.
    pub fn all(&self) -> Vec<Arc<Endpoint>> {
        self.by_mac.read().values().map(Arc::clone).collect()
    }

    /// The endpoint of the client with this MAC.
    pub fn find(&self, mac: Mac) -> Option<Arc<Endpoint>> {
        self.by_mac.read().get(&mac).map(Arc::clone)
    }
}

impl Receiver for EndpointTable {
    /// Hands a datagram to the client it is for, if that is one of ours.
    fn dhcp(&self, datagram: &DhcpDatagram<'_>) {
        let Some(endpoint) = datagram.recipient().and_then(|mac| self.find(mac)) else {
            return;
        };
        self.note_server(endpoint.identity.mac, datagram.source);
        endpoint.tell(PortEvent::Dhcp(datagram.payload.to_vec()));
    }

    fn arp(&self, packet: &Arp) {
        self.listeners.deliver(packet);
    }

    /// Hands what a frame carries to the clients that it is for: one that is for everybody is taken once, and shared by all.
    fn ipv6(&self, frame: Frame6) {
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

    /// If it is a client's of ours, somebody else on the LAN is the same client. Only a switch that is in a loop could have
    /// sent the client's own message back, and does so at once.
    fn sent_by_another(&self, mac: Mac) {
        let Some(endpoint) = self.find(mac) else {
            return;
        };
        if endpoint.has_sent_within(LOOP) {
            return;
        }
        let why = format!(
            "{mac} also sends DHCP messages from elsewhere on the LAN: another lanherd there has the same pool name and \
             seed, as machines with the same /etc/machine-id have; give one of them another --seed, or another --pool name"
        );
        endpoint.gone(Cause::MacInUse, why);
    }
}

impl EndpointTable {
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

/// An endpoint's entry in the table; dropping this removes it.
pub(super) struct Registration {
    pub endpoint: Arc<Endpoint>,
    endpoints: Arc<EndpointTable>,
}

impl Registration {
    /// Delivers ARP packets about this address to the client from now on, or none.
    pub fn listen_arp(&self, address: Option<Ipv4Addr>) {
        self.endpoints.listeners.listen(&self.endpoint, address);
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.listen_arp(None);
        if self.endpoint.speaks_ipv6() {
            self.endpoints.speakers.leave();
        }
        let mut by_mac = self.endpoints.by_mac.write();
        // A later endpoint of the same client stays.
        if by_mac
            .get(&self.endpoint.identity.mac)
            .is_some_and(|there| Arc::ptr_eq(there, &self.endpoint))
        {
            by_mac.remove(&self.endpoint.identity.mac);
            self.endpoints
                .speakers
                .keep(self.endpoint.identity.mac, |_| false);
        }
    }
}

const fn is_group(mac: Mac) -> bool {
    mac.0[0] & 1 == 1
}
