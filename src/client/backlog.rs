//! Packets off the wire that wait for their client: a bounded number of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So many packets may wait for one client. A server sends one or two at a time; more than these are a flood, and what a mailbox
/// without a bound holds of one would be the tester's memory.
pub const MOST_WAITING: usize = 64;

/// How many packets wait in a client's mailbox. Clones count the same ones.
#[derive(Debug, Clone, Default)]
pub(super) struct Backlog(Arc<AtomicUsize>);

impl Backlog {
    /// A packet has come; returns whether there is room for it.
    pub(super) fn admit(&self) -> bool {
        let one_more = |waiting| (waiting < MOST_WAITING).then_some(waiting + 1);
        let admitted = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more);
        admitted.is_ok()
    }

    /// Whether none waits.
    pub(super) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// A packet that was admitted has been taken out.
    pub(super) fn taken(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_so_many_and_again_when_one_is_taken_out() {
        let backlog = Backlog::default();
        let other_end = backlog.clone();
        assert!(backlog.is_empty());
        assert!((0..MOST_WAITING).all(|_| backlog.admit()));
        assert!(!backlog.admit() && !backlog.admit() && !backlog.is_empty());
        other_end.taken();
        assert!(backlog.admit() && !backlog.admit());
    }
}
