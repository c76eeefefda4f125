//! Who may run commands in a client's namespace, and when.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;

use lanherd_types::identity::ClientNumber;

/// How long the kernel may take to end what it was told to kill.
pub(super) const DYING: Duration = Duration::from_secs(5);

/// Who may run commands: each client from when it is plugged in until it is detached.
#[derive(Default)]
pub(super) struct Commands {
    gates: Mutex<HashMap<ClientNumber, Arc<Gate>>>,
}

impl Commands {
    /// Lets a new incarnation of that client run commands.
    pub fn open(&self, number: ClientNumber) -> Arc<Gate> {
        let gate = Arc::new(Gate::default());
        self.gates.lock().insert(number, Arc::clone(&gate));
        gate
    }

    /// Ends all commands of that client, and lets it begin no more; returns whether they have ended.
    pub async fn close(&self, number: ClientNumber) -> bool {
        let gate = self.gates.lock().remove(&number);
        match gate {
            Some(gate) => gate.close().await,
            None => true,
        }
    }
}

/// The gate that the commands of one incarnation of a client pass, so that they can be counted and ended.
#[derive(Default)]
pub(super) struct Gate {
    state: Mutex<GateState>,
    /// Notified whenever the state has changed in a way that somebody waits for.
    changed: Notify,
    has_complained: AtomicBool,
}

#[derive(Default)]
struct GateState {
    is_closed: bool,
    running: usize,
}

impl Gate {
    pub fn enter(self: &Arc<Self>) -> Option<Inside> {
        let mut state = self.state.lock();
        if state.is_closed {
            return None;
        }
        state.running += 1;
        Some(Inside(Arc::clone(self)))
    }

    pub async fn closed(&self) {
        self.until(|state| state.is_closed).await;
    }

    async fn until(&self, holds: impl Fn(&GateState) -> bool) {
        loop {
            // It hears of changes from here on.
            let changed = self.changed.notified();
            if holds(&self.state.lock()) {
                return;
            }
            changed.await;
        }
    }

    async fn close(&self) -> bool {
        self.state.lock().is_closed = true;
        self.changed.notify_waiters();
        let empty = self.until(|state| state.running == 0);
        tokio::time::timeout(DYING, empty).await.is_ok()
    }

    /// Whether this is the first complaint: it is the same for each command.
    pub fn complains_first(&self) -> bool {
        !self.has_complained.swap(true, Ordering::Relaxed)
    }
}

/// Counts a command as running in the client's namespace until it is dropped.
pub(super) struct Inside(Arc<Gate>);

impl Inside {
    /// The gate that it has passed.
    pub fn gate(&self) -> &Gate {
        &self.0
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.state.lock().running -= 1;
        self.0.changed.notify_waiters();
    }
}
