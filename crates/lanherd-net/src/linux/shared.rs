//! What a LAN, its ports and their jobs share.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::adopted::Adopted;
use super::command_gate::Commands;
use super::endpoint_table::EndpointTable;
use super::error::{Fate, Leak};
use super::ledger::Ledger;
use super::namespace_registry::{GRACE, NamespaceRegistry};
use super::netlink_monitors::NetlinkMonitors;
use super::parent::Parent;
use super::ping_reader::PingReader;
use super::raw_socket::RawSocket;
use super::worker::Workers;
use crate::config::LanConfig;
use crate::lan::CleanupError;
use crate::memory::MemoryWatch;
use crate::rundir::host_entries::{HostEntries, PoolFolders};
use crate::rundir::lease_record::LeaseRecord;
use crate::rundir::lease6_record::Lease6Record;
use crate::rundir::pool_dir::PoolDir;
use lanherd_dhcp::Transmit;
use lanherd_types::identity::{ClientNumber, Identity, Mac};

/// The client whose thread does what concerns no client.
pub(super) const NOBODY: ClientNumber = ClientNumber(0);

/// A LAN on a parent interface of this host. Cheap to clone; all clones are the same LAN.
#[derive(Clone)]
pub struct LinuxLan {
    pub(super) shared: Arc<Shared>,
}

/// What the LAN, its ports and their jobs share.
pub(super) struct Shared {
    pub config: LanConfig,
    pub folders: Arc<PoolFolders>,
    pub parent: Arc<Parent>,
    pub workers: Workers,
    pub raw_socket: Arc<RawSocket>,
    pub endpoints: Arc<EndpointTable>,
    pub monitors: Arc<NetlinkMonitors>,
    pub ping_reader: Arc<PingReader>,
    pub namespaces: NamespaceRegistry,
    pub memory: MemoryWatch,
    /// Whether it is about to be looked what became of namespaces that were left.
    pub looks_later: AtomicBool,
    /// What has been made and not been removed.
    pub ledger: Ledger,
    /// Whether it was told that records have gone.
    pub has_told_loss: AtomicBool,
    /// The leases that are written down, by the client's namespace, so that they can be written down again.
    pub written: Mutex<BTreeMap<String, Box<LeaseRecord>>>,
    /// The DHCPv6 leases that are written down, likewise.
    pub written6: Mutex<BTreeMap<String, Box<Lease6Record>>>,
    pub commands: Commands,
    /// What was taken over and no client of this run has had yet.
    pub adopted: Mutex<Adopted>,
    /// The pool, until it is given up.
    pub folder: Mutex<Option<PoolDir>>,
    /// The clients for whose leases no RELEASE could be sent.
    pub unreleased: Mutex<BTreeSet<String>>,
    /// Ends the reading of the raw socket and of ping sockets, and the watch on the parent.
    pub stop: CancellationToken,
    /// Held while the parent is down on purpose.
    pub flapping: tokio::sync::Mutex<()>,
    /// Cuts that short, and lets nobody begin.
    pub closing: CancellationToken,
}

impl Shared {
    pub fn host_entries(&self, identity: &Identity) -> HostEntries {
        HostEntries::new(&self.folders, &identity.namespace)
    }

    /// Looks after a while what became of the namespaces that clients have left, and again as long as clients have left
    /// since.
    pub fn look_later(self: &Arc<Self>, runtime: &Handle) {
        if self.looks_later.swap(true, Ordering::Relaxed) {
            return;
        }
        let shared = Arc::downgrade(self);
        runtime.spawn(async move {
            tokio::time::sleep(GRACE + GRACE / 4).await;
            let Some(shared) = shared.upgrade() else {
                return;
            };
            shared.looks_later.store(false, Ordering::Relaxed);
            let looking = Arc::clone(&shared);
            shared.workers.post(NOBODY, move |context| {
                for Leak { what, fate } in looking.namespaces.look(&mut context.netlink) {
                    if let Fate::Remains(why) = fate {
                        tracing::warn!("{what} is left behind: {why}");
                    }
                }
                if looking.namespaces.is_too_early_for_some() {
                    looking.look_later(&context.runtime);
                }
            });
        });
    }

    pub fn knows_server(&self, client: Mac) -> bool {
        self.endpoints.server(client).is_some()
    }

    /// Puts a message on the wire past the client's own stack: to everybody, or to where the server was last heard.
    pub fn send_raw(&self, identity: &Identity, transmit: &Transmit) -> io::Result<()> {
        if let Some(endpoint) = self.endpoints.find(identity.mac) {
            endpoint.sends();
        }
        let next = if transmit.destination.is_broadcast() {
            Mac::BROADCAST
        } else {
            self.endpoints.server(identity.mac).ok_or_else(|| {
                let words = format!("the MAC of server {} is not known", transmit.destination);
                io::Error::new(io::ErrorKind::HostUnreachable, words)
            })?
        };
        self.raw_socket.send(identity.mac, next, transmit)
    }

    /// Removes what there is of a client, whether or not its record is still there.
    pub fn remove_client(&self, entries: &HostEntries) -> Vec<CleanupError> {
        let known = self.ledger.find(entries.namespace());
        if known.is_some()
            && let Ok(None) = entries.record()
        {
            let error = io::Error::from(io::ErrorKind::NotFound);
            self.tell_loss(&error);
        }
        let errors = entries.remove_knowing(known);
        if errors.is_empty() {
            self.ledger.remove(entries.namespace());
        }
        errors
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}
