//! The real LAN: clients are network namespaces with a macvlan each on a parent interface of this host.
//!
//! Who owns what. A [`LinuxLan`] owns the pool's lock and folder, the raw socket on the parent, two threads that enter
//! namespaces and one that watches parent and namespaces. A client's visible things (namespace, resolver folder, record) belong to
//! whoever holds the lock, and are undone by name. A [`LinuxPort`] owns three or four sockets inside the namespace; the kernel
//! destroys the namespace, and the macvlan with it, once the name is unbound and these are closed.
//!
//! What others do. The kernel notifies of a link, an address or a route that is removed in a client's namespace, of a name
//! that is removed, and of each change of the parent; the present state is then read, and the client is told. Nothing is
//! polled.
//!
//! On abort. When [`Lan::attach`] fails or is dropped, whatever it had made has a record, and [`Lan::detach`] removes it;
//! a job that was already queued runs first, because both go through the same thread. When the process is killed, the
//! kernel drops the lock, and the records tell the next run, or `lanherd clean`, what was left.

mod addressing;
mod addressing6;
mod adopt;
mod arp;
mod attach;
mod capabilities;
mod close;
mod commands;
mod configure6;
mod dialing;
mod endpoint;
mod endpoint_table;
mod error;
pub(crate) mod filter;
mod flap;
mod inject_fault;
mod leases;
mod ledger;
mod namespace_registry;
mod netlink_monitor;
mod open;
mod parent;
mod parent_trial;
mod ping_reader;
mod pinger;
mod port;
mod raw_socket;
mod resolver;
mod sockets;
mod speakers6;
pub(crate) mod stamp;
mod sysctl;
mod upkeep;
mod watch;
mod worker;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::config::LINK_INDEX;
use crate::lan::ipv6::Held6;
use crate::lan::{CleanupError, Inbox, InjectError, Lan};
use crate::memory::MemoryWatch;
use crate::rundir::host_entries::{HostEntries, PoolFolders};
use crate::rundir::lease_record::{Clock, LeaseRecord};
use crate::rundir::lease6_record::Lease6Record;
use crate::rundir::pool_dir::PoolDir;
use lanherd_dhcp::{Lease, Transmit};
use lanherd_types::family::Families;
use lanherd_types::fault::Fault;
use lanherd_types::identity::{ClientNumber, Identity, Mac};
use lanherd_types::phase::Failure;

pub use crate::config::{LINK, LanConfig, MacvlanMode, MacvlanModeError};
pub use capabilities::missing_capabilities;
pub use error::{Fate, Foreign, Leak, OpenError};
pub use parent::{ParentError, candidates, check};
pub use port::LinuxPort;

use adopt::Adopted;
use commands::Commands;
use endpoint_table::EndpointTable;
use error::{no_result, refused, refused_request};
use ledger::Ledger;
use namespace_registry::{GRACE, NamespaceRegistry};
use netlink_monitor::NetlinkMonitors;
use parent::Parent;
use ping_reader::PingReader;
use raw_socket::RawSocket;
use worker::{WorkerContext, Workers};

/// The client whose thread does what concerns no client.
const NOBODY: ClientNumber = ClientNumber(0);

/// A LAN on a parent interface of this host. Cheap to clone; all clones are the same LAN.
#[derive(Clone)]
pub struct LinuxLan {
    shared: Arc<Shared>,
}

/// What the LAN, its ports and their jobs share.
struct Shared {
    config: LanConfig,
    folders: Arc<PoolFolders>,
    parent: Arc<Parent>,
    workers: Workers,
    raw_socket: Arc<RawSocket>,
    endpoints: Arc<EndpointTable>,
    monitors: Arc<NetlinkMonitors>,
    ping_reader: Arc<PingReader>,
    namespaces: NamespaceRegistry,
    memory: MemoryWatch,
    /// Whether it is about to be looked what became of namespaces that were left.
    looks_later: AtomicBool,
    /// What has been made and not been removed.
    ledger: Ledger,
    /// Whether it was told that records have gone.
    has_told_loss: AtomicBool,
    /// The leases that are written down, by the client's namespace, so that they can be written down again.
    written: Mutex<BTreeMap<String, Box<LeaseRecord>>>,
    /// The DHCPv6 leases that are written down, likewise.
    written6: Mutex<BTreeMap<String, Box<Lease6Record>>>,
    commands: Commands,
    /// What was taken over and no client of this run has had yet.
    adopted: Mutex<Adopted>,
    /// The pool, until it is given up.
    folder: Mutex<Option<PoolDir>>,
    /// The clients for whose leases no RELEASE could be sent.
    unreleased: Mutex<BTreeSet<String>>,
    /// Ends the reading of the raw socket and of ping sockets, and the watch on the parent.
    stop: CancellationToken,
    /// Held while the parent is down on purpose.
    flapping: tokio::sync::Mutex<()>,
    /// Cuts that short, and lets nobody begin.
    closing: CancellationToken,
}

impl Shared {
    fn host_entries(&self, identity: &Identity) -> HostEntries {
        HostEntries::new(&self.folders, &identity.namespace)
    }

    /// Looks after a while what became of the namespaces that clients have left, and again as long as clients have left
    /// since.
    fn look_later(self: &Arc<Self>, runtime: &Handle) {
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

    fn knows_server(&self, client: Mac) -> bool {
        self.endpoints.server(client).is_some()
    }

    /// Puts a message on the wire past the client's own stack: to everybody, or to where the server was last heard.
    fn send_raw(&self, identity: &Identity, transmit: &Transmit) -> io::Result<()> {
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
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl LinuxLan {
    /// Which of these clients' names are borne by something that is not ours. Looks at a few files for each.
    pub fn foreign(&self, identities: &[Identity]) -> Vec<Foreign> {
        identities
            .iter()
            .filter_map(|identity| {
                let entries = self.shared.host_entries(identity);
                let path = entries.foreign().ok().flatten()?;
                Some(Foreign {
                    number: identity.number,
                    path,
                })
            })
            .collect()
    }

    /// For how many leases no RELEASE could be sent. They stay written down, for the next start of the pool and for
    /// `lanherd clean`.
    pub fn unreleased(&self) -> usize {
        self.shared.unreleased.lock().len()
    }

    /// The parent's MTU, in bytes.
    pub fn parent_mtu(&self) -> u32 {
        self.shared.parent.mtu()
    }
}

impl Lan for LinuxLan {
    type Port = LinuxPort;

    async fn attach_speaking(
        &self,
        families: Families,
        identity: &Identity,
        inbox: Inbox,
    ) -> Result<LinuxPort, Failure> {
        attach::attach(&self.shared, families, identity, inbox).await
    }

    async fn detach(&self, identity: &Identity) -> Vec<CleanupError> {
        if let Some(endpoint) = self.shared.endpoints.find(identity.mac) {
            endpoint.leave();
        }
        // A process in the namespace would keep it alive.
        if !self.shared.commands.close(identity.number).await {
            tracing::warn!(client = %identity.namespace, "a command that was killed has not ended");
        }
        let (shared, entries) = (Arc::clone(&self.shared), self.shared.host_entries(identity));
        let remove = move |_: &mut WorkerContext| {
            let errors = close::remove_client(&shared, &entries);
            shared.namespaces.leave(entries.namespace());
            shared.namespaces.tidy(&shared.config.paths.netns);
            errors
        };
        let removed = self.shared.workers.run(identity.number, remove).await;
        self.shared.look_later(&Handle::current());
        removed.unwrap_or_else(|gone| {
            vec![CleanupError {
                what: format!("namespace {}", identity.namespace),
                why: gone.to_string(),
            }]
        })
    }

    fn transmit_for(&self, identity: &Identity, transmit: &Transmit) -> io::Result<()> {
        let send = || self.shared.send_raw(identity, transmit);
        self.shared.give_back(identity, transmit, send)
    }

    fn transmit6_for(&self, identity: &Identity, frame: &[u8]) -> io::Result<()> {
        self.shared.give_back6(identity, frame)
    }

    fn remembered6(&self, identity: &Identity) -> Option<Held6> {
        let adopted = self.shared.adopted.lock();
        let held = adopted.leases6.get(&identity.mac)?.held(Clock::now())?;
        (!held.is_requested).then_some(held)
    }

    fn forget(&self, identity: &Identity) {
        let (shared, identity) = (Arc::clone(&self.shared), identity.clone());
        // After all that the client's thread has to do still.
        self.shared.workers.post(identity.number, move |_| {
            // What was taken over and never asked for is given back when the LAN is closed.
            if shared.adopted.lock().has_lease_of(identity.mac)
                || shared.unreleased.lock().contains(&identity.namespace)
            {
                return;
            }
            shared.endpoints.forget_server(identity.mac);
            shared.forget_or_warn(&identity);
            shared.forget6_or_warn(&identity);
        });
    }

    fn remembered(&self, identity: &Identity) -> Option<Lease> {
        let adopted = self.shared.adopted.lock();
        let held = adopted.leases.get(&identity.mac)?;
        let is_usable = !held.is_requested && !held.is_expired(Clock::now());
        is_usable.then(|| held.lease.clone())
    }

    async fn inject_fault(&self, identity: &Identity, fault: Fault) -> Result<(), InjectError> {
        inject_fault::inject_fault(&self.shared, identity, fault).await
    }

    async fn flap(&self, pause: Duration) -> Result<(), InjectError> {
        flap::flap(&self.shared, pause).await
    }
}
