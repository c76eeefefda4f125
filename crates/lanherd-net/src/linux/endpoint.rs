//! The clients' endpoints on the LAN: one for each client that is attached, found by its MAC.

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard, RwLock};

use super::addressing::Addressing;
use super::addressing6::Standing6;
use super::arp::Listeners;
use super::raw_socket::RawSocket;
use super::resolver::ResolverFile;
use super::sockets::Sockets;
use super::speakers6::Speakers6;
use crate::frame::DhcpDatagram;
use crate::lan::ipv6::Reachability;
use crate::lan::{Inbox, PortEvent};
use lanherd_types::family::{Families, Family};
use lanherd_types::identity::{Identity, Mac};
use lanherd_types::phase::Cause;

/// How long a frame may circle in a network that has a loop.
const LOOP: Duration = Duration::from_millis(500);

/// One client's endpoint: whom to tell of what concerns it, and what is known of its namespace.
pub(super) struct Endpoint {
    pub identity: Identity,
    families: Families,
    inbox: Inbox,
    state: Mutex<EndpointState>,
}

/// The state of an endpoint.
struct EndpointState {
    /// What stands in the namespace, as far as lanherd has set it and nobody has removed it. Whoever changes it, or
    /// compares it with what the kernel says, holds the client's netlink socket meanwhile.
    addressing: Option<Addressing>,
    /// The same of IPv6.
    standing6: Standing6,
    /// What stands in its resolver file.
    resolver: ResolverFile,
    /// Who says that it has an address of the client's.
    claims6: HashMap<Ipv6Addr, Mac>,
    /// The routers of which the client was told that they do not answer.
    unreachable6: HashSet<Ipv6Addr>,
    /// The link's MTU, in bytes.
    mtu: u32,
    /// Whether the client takes the parent to have a carrier.
    carrier: bool,
    /// The value of option 61 in its last REQUEST: how the server knows it.
    client_id: Option<Vec<u8>>,
    /// Whether `PortEvent::Gone` was sent to the client, or must not be sent any more.
    is_gone: bool,
    /// The address for which it listens.
    listens_for: Option<Ipv4Addr>,
    /// When it last sent a DHCP message.
    last_sent: Option<Instant>,
    /// Its sockets, from when they are open until they are closed.
    sockets: Weak<Sockets>,
}

impl Endpoint {
    /// Makes an endpoint whose link will have this MTU, in bytes.
    pub fn new(families: Families, identity: Identity, inbox: Inbox, mtu: u32) -> Self {
        let state = EndpointState {
            addressing: None,
            standing6: Standing6::default(),
            resolver: ResolverFile::default(),
            claims6: HashMap::new(),
            unreachable6: HashSet::new(),
            mtu,
            carrier: true,
            client_id: None,
            is_gone: false,
            listens_for: None,
            last_sent: None,
            sockets: Weak::new(),
        };
        Self {
            identity,
            families,
            inbox,
            state: Mutex::new(state),
        }
    }

    pub fn tell(&self, event: PortEvent) {
        (self.inbox)(event);
    }

    /// Tells the client with `PortEvent::Gone` that its port is of no use any more, unless it was told already.
    pub fn gone(&self, cause: Cause, why: String) {
        if !std::mem::replace(&mut self.state().is_gone, true) {
            self.tell(PortEvent::Gone(cause, why));
        }
    }

    /// Notes that lanherd itself removes the client's things from now on, so that the client is not told of it.
    pub fn leave(&self) {
        self.state().is_gone = true;
    }

    /// Whether the client is not to be told any more of what becomes of its endpoint.
    pub fn is_gone(&self) -> bool {
        self.state().is_gone
    }

    /// Tells the client whether the parent has a carrier, if that is news to it.
    pub fn carrier(&self, is_there: bool) {
        let was_there = {
            let mut state = self.state();
            if !is_there {
                // A link without a carrier forgets all neighbours but the permanent ones.
                state.standing6.neighbours_were_flushed();
                if let Some(addressing) = &mut state.addressing {
                    addressing.neighbours_were_flushed();
                }
            }
            std::mem::replace(&mut state.carrier, is_there)
        };
        if was_there != is_there {
            self.tell(if is_there {
                PortEvent::CarrierBack
            } else {
                PortEvent::CarrierLost
            });
        }
    }

    /// What stands in the namespace.
    pub fn addressing(&self) -> Option<Addressing> {
        self.state().addressing.clone()
    }

    pub fn set_addressing(&self, addressing: Option<Addressing>) {
        self.state().addressing = addressing;
    }

    /// What the client's resolver file says, once it has been written.
    pub fn resolver(&self) -> ResolverFile {
        self.state().resolver.clone()
    }

    pub fn set_resolver(&self, resolver: ResolverFile) {
        self.state().resolver = resolver;
    }

    /// Whether the client speaks IPv6.
    pub const fn speaks_ipv6(&self) -> bool {
        self.families.include(Family::Ipv6)
    }

    /// The families that it speaks.
    pub const fn families(&self) -> Families {
        self.families
    }

    /// What of IPv6 stands in the namespace.
    pub fn standing6(&self) -> Standing6 {
        self.state().standing6.clone()
    }

    /// Whether one of its routes leads through `router`.
    pub fn leads_through(&self, router: Ipv6Addr) -> bool {
        self.state().standing6.leads_through(router)
    }

    pub fn set_standing6(&self, standing: Standing6) {
        let mut state = self.state();
        let is_there = |address: &Ipv6Addr| standing.addresses().any(|there| there == *address);
        state.claims6.retain(|address, _| is_there(address));
        state
            .unreachable6
            .retain(|router| standing.leads_through(*router));
        state.standing6 = standing;
    }

    /// Notes that somebody says that it has an address of the client's.
    pub fn note_claim(&self, address: Ipv6Addr, by: Mac) {
        self.state().claims6.insert(address, by);
    }

    /// Notes whether a router answers; returns whether that is news to the client.
    pub fn note_router(&self, router: Ipv6Addr, reachability: Reachability) -> bool {
        let mut state = self.state();
        match reachability {
            Reachability::Unreachable => state.unreachable6.insert(router),
            Reachability::Reachable => state.unreachable6.remove(&router),
        }
    }

    /// Who says that it has an address of the client's.
    pub fn claimed_by(&self, address: Ipv6Addr) -> Option<Mac> {
        self.state().claims6.get(&address).copied()
    }

    /// The link's MTU, in bytes.
    pub fn mtu(&self) -> u32 {
        self.state().mtu
    }

    pub fn set_mtu(&self, mtu: u32) {
        self.state().mtu = mtu;
    }

    /// The kernel lowers the MTU of a link that is above its parent's, and never raises one.
    pub fn limit_mtu(&self, parent: u32) {
        let mut state = self.state();
        state.mtu = state.mtu.min(parent);
    }

    /// The client's sockets, while they are open.
    pub fn sockets(&self) -> Option<Arc<Sockets>> {
        self.state().sockets.upgrade()
    }

    pub fn plug_in(&self, sockets: &Arc<Sockets>) {
        self.state().sockets = Arc::downgrade(sockets);
    }

    /// Notes the address for which it listens from now on, and returns the one before.
    pub fn listen_for(&self, address: Option<Ipv4Addr>) -> Option<Ipv4Addr> {
        std::mem::replace(&mut self.state().listens_for, address)
    }

    /// Notes that it sends a DHCP message.
    pub fn sends(&self) {
        self.state().last_sent = Some(Instant::now());
    }

    /// Its client identifier.
    pub fn client_id(&self) -> Option<Vec<u8>> {
        self.state().client_id.clone()
    }

    pub fn set_client_id(&self, client_id: Option<Vec<u8>>) {
        self.state().client_id = client_id;
    }

    fn state(&self) -> MutexGuard<'_, EndpointState> {
        self.state.lock()
    }
}

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

    /// Hands a datagram to the client it is for, if that is one of ours.
    pub fn deliver(&self, datagram: &DhcpDatagram<'_>) {
        let Some(endpoint) = datagram.recipient().and_then(|mac| self.find(mac)) else {
            return;
        };
        self.note_server(endpoint.identity.mac, datagram.source);
        endpoint.tell(PortEvent::Dhcp(datagram.payload.to_vec()));
    }

    /// A DHCP message came in under this MAC, which nobody on this host has sent: what the herd sends does not come back.
    ///
    /// If it is a client's of ours, somebody else on the LAN is the same client. Only a switch that is in a loop could have
    /// sent the client's own message back, and does so at once.
    pub fn heard_from_outside(&self, mac: Mac) {
        let Some(endpoint) = self.find(mac) else {
            return;
        };
        let last = endpoint.state().last_sent;
        if last.is_some_and(|last| last.elapsed() < LOOP) {
            return;
        }
        let why = format!(
            "{mac} also sends DHCP messages from elsewhere on the LAN: another lanherd there has the same pool name and \
             seed, as machines with the same /etc/machine-id have; give one of them another --seed, or another --pool name"
        );
        endpoint.gone(Cause::MacInUse, why);
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
