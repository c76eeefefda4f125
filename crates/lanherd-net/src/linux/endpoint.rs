//! A client's endpoint on the LAN: whom to tell of what concerns it.

use std::collections::{HashMap, HashSet};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};

use super::addressing::Addressing;
use super::addressing6::Standing6;
use super::resolver::ResolverFile;
use super::sockets::Sockets;
use crate::lan::ipv6::Reachability;
use crate::lan::{Inbox, PortEvent};
use lanherd_types::family::{Families, Family};
use lanherd_types::identity::{Identity, Mac};
use lanherd_types::phase::Cause;

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

    /// Whether the client was told of a router that it does not answer.
    pub fn misses_router(&self) -> bool {
        !self.state().unreachable6.is_empty()
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

    /// Whether it has sent a DHCP message within so long.
    pub fn has_sent_within(&self, time: Duration) -> bool {
        let last = self.state().last_sent;
        last.is_some_and(|last| last.elapsed() < time)
    }

    fn state(&self) -> MutexGuard<'_, EndpointState> {
        self.state.lock()
    }
}
