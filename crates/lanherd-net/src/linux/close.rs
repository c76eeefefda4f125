//! Closes a LAN: removes what is still there of its clients, and gives the pool up.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::error::{Fate, Leak};
use super::shared::{LinuxLan, NOBODY, Shared};
use super::worker::WorkerError;
use crate::rundir::host_entries::HostEntries;
use crate::rundir::{leftovers, netns_holder};

impl LinuxLan {
    /// Removes what is still there of the herd, gives the pool up, ends the threads, and returns what should have been
    /// gone before. Ports should have been dropped and clients detached. Closing again does nothing.
    pub async fn close(&self) -> Vec<Leak> {
        let shared = Arc::clone(&self.shared);
        // A ping that was called off lets go of its port a moment after its client has ended.
        for _ in 0..50 {
            if shared.endpoints.all().is_empty() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Whoever has the parent down brings it up first.
        shared.closing.cancel();
        drop(shared.flapping.lock().await);
        shared.stop.cancel();
        let closing = self
            .shared
            .workers
            .run(NOBODY, move |_| close_kernel(&shared))
            .await;
        let stopped = self.shared.workers.stop().await;
        let is_stuck = |error: &WorkerError| matches!(error, WorkerError::Stuck(_));
        // Closing again, when the threads are gone, does nothing.
        let unfinished = closing.as_ref().err().copied().or(stopped.err());
        let unfinished = unfinished.filter(is_stuck);
        let unfinished = unfinished.map(|why| Leak {
            what: format!("what pool {} has made", self.shared.config.pool),
            fate: Fate::Remains(why.to_string()),
        });
        closing
            .unwrap_or_default()
            .into_iter()
            .chain(unfinished)
            .collect()
    }
}

fn close_kernel(shared: &Shared) -> Vec<Leak> {
    let Some(folder) = shared.folder.lock().take() else {
        return Vec::new();
    };
    let endpoints = shared.endpoints.all();
    // These are kept by ourselves.
    let in_use: HashSet<u64> = endpoints
        .iter()
        .filter_map(|endpoint| Some(endpoint.sockets()?.namespace))
        .collect();
    let mut leaks: Vec<Leak> = endpoints
        .iter()
        .map(|endpoint| Leak {
            what: format!("sockets of client {}", endpoint.identity.number),
            fate: Fate::Remains("its port is still in use".to_owned()),
        })
        .collect();
    let unused = std::mem::take(&mut *shared.adopted.lock());
    match folder.clients() {
        Ok(clients) => {
            for client in clients {
                if let Ok(Some(record)) = client.record() {
                    shared.namespaces.add_unused(client.namespace(), record);
                }
                let removed = leftovers::remove_client(&client);
                if removed.iter().all(|thing| thing.outcome.is_ok()) {
                    shared.ledger.remove(client.namespace());
                }
                let removed = removed.into_iter().map(Leak::from);
                // What was taken over and never asked for is no leak, unless it remains.
                let is_unused = unused.namespaces.contains(client.namespace());
                leaks.extend(removed.filter(|leak| !is_unused || leak.fate != Fate::Removed));
            }
        }
        Err(error) => leaks.push(Leak {
            what: shared
                .config
                .paths
                .pool(&shared.config.pool)
                .display()
                .to_string(),
            fate: Fate::Remains(error.to_string()),
        }),
    }
    // What has no record any more is removed by what is remembered of it.
    for (namespace, record) in shared.ledger.all() {
        let entries = HostEntries::new(&shared.folders, &namespace);
        let removed = leftovers::remove_known(&entries, record).into_iter();
        leaks.extend(removed.map(Leak::from));
    }
    leaks.extend(shared.namespaces.unplug_held(
        |record| !in_use.contains(&record.inode),
        netns_holder::ENDING,
    ));
    let mut unreleased = shared.unreleased.lock();
    // There may be a carrier by now, or the parent was down on purpose until a moment ago.
    if !unreleased.is_empty()
        && let Err(error) = leftovers::release_again(&folder, &mut unreleased)
    {
        tracing::warn!(%error, "leases for which no RELEASE could be sent cannot be looked at again");
    }
    leaks.extend(unused.end_leases(&folder, &unreleased));
    let errors = if unreleased.is_empty() {
        folder.release()
    } else {
        folder.leave()
    };
    leaks.extend(errors.into_iter().map(Leak::from));
    leaks
}
