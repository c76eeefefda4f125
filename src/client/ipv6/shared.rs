//! A client's IPv6 as its actor shares it with whoever reads what comes over the link.
//!
//! A router advertises to all nodes at once, and almost always what it advertised before. To wake an actor for each of a thousand
//! clients would cost several times what their machines make of it. So whoever has read such a packet hands it to the machine
//! where it stands, as long as the actor is at rest and has nothing to do about it, and wakes the actor only where something
//! follows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};

use super::Stack6;
use crate::client::decoded::Decoded;

/// A client's [`Stack6`], beside what is known of its actor.
#[derive(Debug)]
pub(in crate::client) struct SharedStack6(Mutex<Shared>);

#[derive(Debug)]
struct Shared {
    stack: Stack6,
    /// How often the actor was woken or has begun to work, and has not come to rest since.
    engagements: u32,
    /// When the actor's timer wakes it, while it is at rest.
    wakes_at: Option<Instant>,
}

/// What became of a packet that was offered to the machine while the actor may be at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::client) enum Offered {
    /// The machine has it, and nothing follows.
    Taken,
    /// The machine has it, and the actor has to see to what follows: it is to be told by
    /// [`ClientMsg::Advertised`](crate::client::ClientMsg::Advertised).
    Follows,
    /// The machine has not had it: the actor takes it, in its turn.
    Refused,
}

impl SharedStack6 {
    pub(in crate::client) fn new(stack: Stack6) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Shared {
            stack,
            engagements: 0,
            wakes_at: None,
        })))
    }

    /// The machine, alone, for as long as the result lives.
    pub(in crate::client) fn lock(&self) -> MappedMutexGuard<'_, Stack6> {
        MutexGuard::map(self.0.lock(), |shared| &mut shared.stack)
    }

    /// The actor begins to work: what comes meanwhile waits in its mailbox.
    pub(in crate::client) fn engage(&self) {
        self.0.lock().engagements += 1;
    }

    /// The actor has done a piece of work, or what [`Offered::Follows`] asked for.
    pub(in crate::client) fn disengage(&self) {
        let mut shared = self.0.lock();
        shared.engagements = shared.engagements.saturating_sub(1);
    }

    /// When the actor's timer wakes it.
    pub(in crate::client) fn wakes_at(&self, at: Option<Instant>) {
        self.0.lock().wakes_at = at;
    }

    /// Hands a packet to the machine, where its actor is at rest and IPv6 can be used: whoever seeks it is told of each in turn.
    ///
    /// # Errors
    /// What the machine panicked with, which is to end its actor and nobody else: it is to be told by
    /// [`ClientMsg::Panicked`](crate::client::ClientMsg::Panicked).
    pub(in crate::client) fn offer(
        &self,
        decode: impl FnOnce() -> Arc<Decoded>,
        now: Instant,
    ) -> thread::Result<Offered> {
        let offered = catch_unwind(AssertUnwindSafe(|| self.take(decode, now)));
        if offered.is_err() {
            // What comes until the actor has ended waits in its mailbox.
            self.engage();
        }
        offered
    }

    fn take(&self, decode: impl FnOnce() -> Arc<Decoded>, now: Instant) -> Offered {
        let mut shared = self.0.lock();
        if shared.engagements > 0 || !shared.stack.is_usable() {
            return Offered::Refused;
        }
        shared.stack.handle_discovery(&decode(), now);
        let wanted = shared.stack.poll_timeout();
        let is_in_time = match (shared.wakes_at, wanted) {
            (Some(at), Some(wanted)) => at <= wanted,
            (_, None) => true,
            (None, Some(_)) => false,
        };
        if is_in_time && shared.stack.is_usable() && !shared.stack.has_outputs() {
            Offered::Taken
        } else {
            shared.engagements += 1;
            Offered::Follows
        }
    }
}
