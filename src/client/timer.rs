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

    /// Sets the timer for `wanted`, unless it is set for that already, or for an earlier moment.
    ///
    /// A timer that comes early is set anew when it comes, and nothing is due: what is prolonged again and again, as by each
    /// advertisement, costs no timer each time.
    pub(super) fn rearm(
        timer: &mut Option<Self>,
        wanted: Option<Instant>,
        myself: &ActorRef<ClientMsg>,
        message: fn(Instant) -> ClientMsg,
    ) {
        let is_in_time = match (timer.as_ref(), wanted) {
            (Some(timer), Some(wanted)) => timer.at <= wanted,
            (set, wanted) => set.is_none() && wanted.is_none(),
        };
        if !is_in_time {
            *timer = wanted.map(|at| Self::set(myself, at, message(at)));
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.task.abort();
    }
}
