//! Who is plugged in: one seat per client, found by its MAC.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard, Weak};
use std::time::{Duration, Instant};

use super::addressing::Addressing;
use super::arp::Listeners;
use super::sockets::Sockets;
use super::wire::Wire;
use crate::frame::Datagram;
use crate::lan::{Inbox, PortEvent};
use lanherd_types::identity::{Identity, Mac};
use lanherd_types::phase::Cause;

/// How long a frame may circle in a network that has a loop.
const LOOP: Duration = Duration::from_millis(500);

/// One client's place among the others.
pub(super) struct Seat {
    pub identity: Identity,
    inbox: Inbox,
    state: Mutex<State>,
}

/// What is known of a client's place.
struct State {
    /// What stands in the namespace, as far as lanherd has set it and nobody has removed it. Whoever changes it, or
    /// compares it with what the kernel says, holds the client's netlink socket meanwhile.
    addressing: Option<Addressing>,
    /// The link's MTU, in bytes.
    mtu: u32,
    /// Whether the client takes the parent to have a carrier.
    carrier: bool,
    /// The value of option 61 in its last REQUEST: how the server knows it.
    client_id: Option<Vec<u8>>,
    /// Whether it was told that its port is of no use any more, or is not to be told.
    is_gone: bool,
    /// The address for which it listens.
    listens_for: Option<Ipv4Addr>,
    /// When it last sent a DHCP message.
    last_sent: Option<Instant>,
    /// Its sockets, from when they are open until they are closed.
    sockets: Weak<Sockets>,
}

impl Seat {
    /// A seat whose link will have this MTU, in bytes.
    pub fn new(identity: Identity, inbox: Inbox, mtu: u32) -> Self {
        let state = State {
            addressing: None,
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
            inbox,
            state: Mutex::new(state),
        }
    }

    pub fn tell(&self, event: PortEvent) {
        (self.inbox)(event);
    }

    /// Tells the client that its port is of no use any more, unless it was told already.
    pub fn gone(&self, cause: Cause, why: String) {
        if !std::mem::replace(&mut self.state().is_gone, true) {
            self.tell(PortEvent::Gone(cause, why));
        }
    }

    /// From now on what is removed is removed by lanherd itself, and is not news.
    pub fn leave(&self) {
        self.state().is_gone = true;
    }

    /// Whether nothing more is to be said of what becomes of it.
    pub fn is_gone(&self) -> bool {
        self.state().is_gone
    }

    /// Tells the client whether the parent has a carrier, if that is news to it.
    pub fn carrier(&self, is_there: bool) {
        if std::mem::replace(&mut self.state().carrier, is_there) != is_there {
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

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }
}

/// All seats of the herd.
pub(super) struct Seats {
    by_mac: RwLock<HashMap<Mac, Arc<Seat>>>,
    /// Where each client's last DHCP message came from on the link. It outlives the seat: a client that waits to be
    /// restarted still holds its lease, and it may have to be released for it. Forgotten with the client.
    servers: Mutex<HashMap<Mac, Mac>>,
    /// Who hears ARP packets.
    pub listeners: Listeners,
}

impl Seats {
    pub fn new(wire: Arc<Wire>) -> Self {
        Self {
            by_mac: RwLock::default(),
            servers: Mutex::default(),
            listeners: Listeners::new(wire),
        }
    }

    /// Takes a seat until the guard is dropped; the same client's earlier seat, if any, hears nothing more.
    pub fn take(self: &Arc<Self>, seat: Seat) -> Seated {
        let seat = Arc::new(seat);
        let earlier = self.write().insert(seat.identity.mac, Arc::clone(&seat));
        if let Some(earlier) = earlier {
            self.listeners.listen(&earlier, None);
        }
        Seated {
            seat,
            seats: Arc::clone(self),
        }
    }

    /// Hands a datagram to the client it is for, if that is one of ours.
    pub fn deliver(&self, datagram: &Datagram<'_>) {
        let Some(seat) = datagram.recipient().and_then(|mac| self.find(mac)) else {
            return;
        };
        self.heard(seat.identity.mac, datagram.source);
        seat.tell(PortEvent::Dhcp(datagram.payload.to_vec()));
    }

    /// A DHCP message came in under this MAC, which nobody on this host has sent: what the herd sends does not come back.
    ///
    /// If it is a client's of ours, somebody else on the LAN is the same client. Only a switch that is in a loop could have
    /// sent the client's own message back, and does so at once.
    pub fn heard_from_outside(&self, mac: Mac) {
        let Some(seat) = self.find(mac) else { return };
        let last = seat.state().last_sent;
        if last.is_some_and(|last| last.elapsed() < LOOP) {
            return;
        }
        let why = format!(
            "{mac} also sends DHCP messages from elsewhere on the LAN: another lanherd there has the same pool name and \
             seed, as machines with the same /etc/machine-id have; give one of them another --seed, or another --pool name"
        );
        seat.gone(Cause::MacInUse, why);
    }

    /// Notes from which link address a client's last DHCP message came.
    pub fn heard(&self, client: Mac, server: Mac) {
        locked(&self.servers).insert(client, server);
    }

    /// The link address from which a client's last DHCP message came.
    pub fn server(&self, client: Mac) -> Option<Mac> {
        locked(&self.servers).get(&client).copied()
    }

    /// Forgets where a client's messages came from.
    pub fn forget_server(&self, client: Mac) {
        locked(&self.servers).remove(&client);
    }

    /// Everybody who is plugged in.
    pub fn all(&self) -> Vec<Arc<Seat>> {
        self.by_mac
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .map(Arc::clone)
            .collect()
    }

    /// The seat of the client with this MAC.
    pub fn find(&self, mac: Mac) -> Option<Arc<Seat>> {
        self.by_mac
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&mac)
            .map(Arc::clone)
    }

    fn write(&self) -> RwLockWriteGuard<'_, HashMap<Mac, Arc<Seat>>> {
        self.by_mac.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A seat that is taken.
pub(super) struct Seated {
    pub seat: Arc<Seat>,
    seats: Arc<Seats>,
}

impl Seated {
    /// From now on the client hears ARP packets about this address, or none.
    pub fn listen_arp(&self, address: Option<Ipv4Addr>) {
        self.seats.listeners.listen(&self.seat, address);
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        self.listen_arp(None);
        let mut by_mac = self.seats.write();
        // A later seat of the same client stays.
        if by_mac
            .get(&self.seat.identity.mac)
            .is_some_and(|there| Arc::ptr_eq(there, &self.seat))
        {
            by_mac.remove(&self.seat.identity.mac);
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
