//! Timers of a client.

use std::time::Instant;

use ractor::ActorRef;
use tokio::task::JoinHandle;

use super::ClientMsg;

/// A message to oneself at an instant; dropping it calls it off.
pub(super) struct Alarm {
    pub(super) at: Instant,
    task: JoinHandle<()>,
}

impl Alarm {
    pub(super) fn set(myself: &ActorRef<ClientMsg>, at: Instant, message: ClientMsg) -> Self {
        let myself = myself.clone();
        let task = tokio::spawn(async move {
            tokio::time::sleep_until(at.into()).await;
            // An actor that has ended needs no alarm.
            drop(myself.cast(message));
        });
        Self { at, task }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.task.abort();
    }
}
