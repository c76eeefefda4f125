//! Who is plugged in: one seat per client, found by its MAC.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use super::addressing::Addressing;
use crate::identity::{Identity, Mac};
use crate::lan::frame::Datagram;
use crate::lan::{Inbox, PortEvent};

/// One client's place among the others.
pub(super) struct Seat {
    pub identity: Identity,
    inbox: Inbox,
    known: Mutex<Known>,
}

/// What is remembered of a client between its jobs.
#[derive(Default)]
struct Known {
    /// Where its last DHCP message came from on the link.
    server: Option<Mac>,
    /// What was set in its namespace.
    addressing: Option<Addressing>,
}

impl Seat {
    pub fn new(identity: Identity, inbox: Inbox) -> Self {
        Self {
            identity,
            inbox,
            known: Mutex::default(),
        }
    }

    pub fn tell(&self, event: PortEvent) {
        (self.inbox)(event);
    }

    /// The link address from which the last DHCP message came.
    pub fn server(&self) -> Option<Mac> {
        self.known().server
    }

    /// What stands in the namespace.
    pub fn addressing(&self) -> Option<Addressing> {
        self.known().addressing.clone()
    }

    pub fn set_addressing(&self, addressing: Option<Addressing>) {
        self.known().addressing = addressing;
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All seats of the herd.
#[derive(Default)]
pub(super) struct Seats {
    by_mac: RwLock<HashMap<Mac, Arc<Seat>>>,
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
        seat.known().server = Some(datagram.source);
        seat.tell(PortEvent::Dhcp(datagram.payload.to_vec()));
    }

    /// Tells everybody that the link has gone.
    pub fn link_lost(&self, why: &str) {
        for seat in self.all() {
            seat.tell(PortEvent::LinkLost(why.to_owned()));
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

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, HashMap<Mac, Arc<Seat>>> {
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
