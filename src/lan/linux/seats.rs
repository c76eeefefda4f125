//! Who is plugged in: one seat per client, found by its MAC.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard};

use super::addressing::Addressing;
use crate::identity::{Identity, Mac};
use crate::lan::frame::Datagram;
use crate::lan::{Inbox, PortEvent};
use crate::phase::Cause;

/// One client's place among the others.
pub(super) struct Seat {
    pub identity: Identity,
    inbox: Inbox,
    /// What was set in its namespace; only the client's own thread changes it.
    addressing: Mutex<Option<Addressing>>,
    /// The value of option 61 in its last REQUEST: how the server knows it.
    client_id: Mutex<Option<Vec<u8>>>,
}

impl Seat {
    pub fn new(identity: Identity, inbox: Inbox) -> Self {
        Self {
            identity,
            inbox,
            addressing: Mutex::default(),
            client_id: Mutex::default(),
        }
    }

    pub fn tell(&self, event: PortEvent) {
        (self.inbox)(event);
    }

    /// What stands in the namespace.
    pub fn addressing(&self) -> Option<Addressing> {
        locked(&self.addressing).clone()
    }

    pub fn set_addressing(&self, addressing: Option<Addressing>) {
        *locked(&self.addressing) = addressing;
    }

    /// Its client identifier.
    pub fn client_id(&self) -> Option<Vec<u8>> {
        locked(&self.client_id).clone()
    }

    pub fn set_client_id(&self, client_id: Option<Vec<u8>>) {
        *locked(&self.client_id) = client_id;
    }
}

/// All seats of the herd.
#[derive(Default)]
pub(super) struct Seats {
    by_mac: RwLock<HashMap<Mac, Arc<Seat>>>,
    /// Where each client's last DHCP message came from on the link. It outlives the seat: a client that waits to be
    /// restarted still holds its lease, and it may have to be released for it. As many as there are clients.
    servers: Mutex<HashMap<Mac, Mac>>,
}

impl Seats {
    /// Takes a seat until the guard is dropped; the same client's earlier seat, if any, hears nothing more.
    pub fn take(self: &Arc<Self>, seat: Seat) -> Seated {
        let seat = Arc::new(seat);
        self.write().insert(seat.identity.mac, Arc::clone(&seat));
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

    /// Notes from which link address a client's last DHCP message came.
    pub fn heard(&self, client: Mac, server: Mac) {
        locked(&self.servers).insert(client, server);
    }

    /// The link address from which a client's last DHCP message came.
    pub fn server(&self, client: Mac) -> Option<Mac> {
        locked(&self.servers).get(&client).copied()
    }

    /// Tells everybody that the link has gone.
    pub fn link_lost(&self, why: &str) {
        for seat in self.all() {
            seat.tell(PortEvent::Gone(Cause::ParentGone, why.to_owned()));
        }
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

    fn find(&self, mac: Mac) -> Option<Arc<Seat>> {
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

impl Drop for Seated {
    fn drop(&mut self) {
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
