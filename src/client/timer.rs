//! Timers of a client.

use std::time::Instant;

use ractor::ActorRef;
use tokio::task::JoinHandle;

use super::ClientMsg;

/// A message to oneself at an instant; dropping it calls it off.
pub(super) struct Timer {
    pub(super) at: Instant,
    task: JoinHandle<()>,
}

impl Timer {
    pub(super) fn set(myself: &ActorRef<ClientMsg>, at: Instant, message: ClientMsg) -> Self {
        let myself = myself.clone();
        let task = tokio::spawn(async move {
            tokio::time::sleep_until(at.into()).await;
            // An actor that has ended needs no timer.
            drop(myself.cast(message));
        });
        Self { at, task }
    }

    /// Sets the timer for `wanted`, unless it is set for that already.
    pub(super) fn rearm(
        timer: &mut Option<Self>,
        wanted: Option<Instant>,
        myself: &ActorRef<ClientMsg>,
        message: fn(Instant) -> ClientMsg,
    ) {
        if timer.as_ref().map(|timer| timer.at) != wanted {
            *timer = wanted.map(|at| Self::set(myself, at, message(at)));
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.task.abort();
    }
}
