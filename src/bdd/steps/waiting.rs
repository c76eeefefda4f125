//! Waiting until clients tell what came of something.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::time::{Instant, timeout_at};

use crate::identity::ClientNumber;
use crate::pool::{Event, EventKind};

/// Waits until each of these clients has told something that `means` something, at most so long; returns what each told.
pub(super) async fn hear<T>(
    mut events: Receiver<Event>,
    clients: &[ClientNumber],
    patience: Duration,
    means: impl Fn(&EventKind) -> Option<T>,
) -> BTreeMap<ClientNumber, T> {
    let mut waiting: BTreeSet<_> = clients.iter().copied().collect();
    let mut heard = BTreeMap::new();
    let end = Instant::now() + patience;
    while !waiting.is_empty() {
        // The time is over, too much was told at once, or the pool has ended: nothing more is heard.
        let Ok(Ok(event)) = timeout_at(end, events.recv()).await else {
            break;
        };
        if let (Some(client), Some(meaning)) = (event.client, means(&event.what))
            && waiting.remove(&client)
        {
            heard.insert(client, meaning);
        }
    }
    heard
}
