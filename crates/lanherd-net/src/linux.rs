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
mod adopt;
mod arp;
mod attach;
mod commands;
mod dialing;
mod endpoint;
mod error;
mod filter;
mod flap;
mod inject_fault;
mod ledger;
mod namespace_registry;
mod netlink_monitor;
mod parent;
mod pinger;
mod port;
mod raw_socket;
mod sockets;
mod stamp;
mod sysctl;
mod watch;
mod worker;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use crate::config::LINK_INDEX;
use crate::lan::{CleanupError, Inbox, InjectError, Lan};
use crate::rundir::host_entries::{HostEntries, PoolFolders};
use crate::rundir::lease_record::{Clock, LeaseFile, LeaseRecord};
use crate::rundir::leftovers::{self, BroughtUp, Cleared};
use crate::rundir::netns_holder;
use crate::rundir::pool_dir::{self, PoolDir};
use crate::rundir::pool_manifest::PoolManifest;
use crate::rundir::shared_dirs;
use lanherd_dhcp::{Lease, Message, MessageType, Transmit};
use lanherd_types::fault::Fault;
use lanherd_types::identity::{ClientNumber, Identity, Mac};
use lanherd_types::phase::Failure;

pub use crate::config::{LINK, LanConfig, MacvlanMode, MacvlanModeError};
pub use error::{Fate, Foreign, Leak, OpenError};
pub use parent::{ParentError, candidates, check};
pub use port::LinuxPort;

use adopt::Adopted;
use commands::Commands;
use endpoint::{Endpoint, EndpointTable};
use error::{no_result, refused, refused_request, refusing};
use ledger::Ledger;
use namespace_registry::{GRACE, NamespaceRegistry};
use netlink_monitor::NetlinkMonitors;
use parent::Parent;
use raw_socket::RawSocket;
use watch::{Watch, Watched};
use worker::{WorkerContext, WorkerError, Workers};

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
    namespaces: NamespaceRegistry,
    /// Whether it is about to be looked what became of namespaces that were left.
    looks_later: AtomicBool,
    /// What has been made and not been removed.
    ledger: Ledger,
    /// Whether it was told that records have gone.
    has_told_loss: AtomicBool,
    /// The leases that are written down, by the client's namespace, so that they can be written down again.
    written: Mutex<BTreeMap<String, LeaseRecord>>,
    commands: Commands,
    /// What was taken over and no client of this run has had yet.
    adopted: Mutex<Adopted>,
    /// The pool, until it is given up.
    folder: Mutex<Option<PoolDir>>,
    /// The clients for whose leases no RELEASE could be sent.
    unreleased: Mutex<BTreeSet<String>>,
    reader: AbortHandle,
    watch: Watch,
    /// Held while the parent is down on purpose.
    flapping: tokio::sync::Mutex<()>,
    /// Cuts that short, and lets nobody begin.
    closing: tokio::sync::watch::Sender<bool>,
}

impl Shared {
    fn host_entries(&self, identity: &Identity) -> HostEntries {
        HostEntries::new(&self.folders, &identity.namespace)
    }

    fn adopted(&self) -> MutexGuard<'_, Adopted> {
        self.adopted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lease_file(&self, identity: &Identity) -> LeaseFile {
        LeaseFile::new(&self.folders.pool, &identity.namespace)
    }

    /// Writes a lease down before it is made use of, so that it can be given back whatever happens.
    fn remember(&self, endpoint: &Endpoint, lease: Lease) -> io::Result<()> {
        let mac = endpoint.identity.mac;
        self.adopted().leases.remove(&mac);
        self.unreleased().remove(&endpoint.identity.namespace);
        let held = LeaseRecord {
            mac,
            server: self.endpoints.server(mac),
            client_id: endpoint.client_id(),
            is_requested: false,
            lease,
        };
        self.write_down(endpoint, &held)
    }

    /// Writes down what a REQUEST asks for, so that it can be given back if this process is killed before it hears that it
    /// has it.
    fn remember_requested(&self, endpoint: &Endpoint, request: &Message) -> io::Result<()> {
        let mac = endpoint.identity.mac;
        match LeaseRecord::requested(mac, self.endpoints.server(mac), request) {
            Some(held) => self.write_down(endpoint, &held),
            None => Ok(()),
        }
    }

    fn write_down(&self, endpoint: &Endpoint, held: &LeaseRecord) -> io::Result<()> {
        let file = self.lease_file(&endpoint.identity);
        self.written()
            .insert(endpoint.identity.namespace.clone(), held.clone());
        let written = match file.write(held, Clock::now()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.tell_loss(&error);
                self.restore_records()
                    .and_then(|()| file.write(held, Clock::now()))
            }
            written => written,
        };
        written.map_err(|error| {
            let remedy = pool_dir::remedy(&error);
            io::Error::new(
                error.kind(),
                format!("{}: {error}{remedy}", file.path().display()),
            )
        })
    }

    /// Says, once, that somebody has removed what this process had written down.
    fn tell_loss(&self, error: &io::Error) {
        if !self.has_told_loss.swap(true, Ordering::Relaxed) {
            let paths = &self.config.paths;
            let (state, resolv) = (paths.pool(&self.config.pool), &paths.resolv);
            tracing::warn!(
                %error,
                "somebody has removed what lanherd keeps in {} or {}: it is made again where it is missed, and all is \
                 cleaned up in the end; until then a kill may leave what lanherd clean does not find",
                state.display(),
                resolv.display()
            );
        }
    }

    /// Takes the pool's folder anew, and writes down again what is there.
    fn restore_records(&self) -> io::Result<()> {
        let mut folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(held) = folder.as_mut() else {
            return Err(io::Error::other("the pool has been given up"));
        };
        if held.is_there()? {
            // Somebody else who missed it was faster.
            return Ok(());
        }
        shared_dirs::prepare_host(&self.config.paths).map_err(io::Error::other)?;
        *held = PoolDir::take(&self.config.paths, &self.config.pool).map_err(io::Error::other)?;
        held.write_manifest(&PoolManifest::on(&self.config, self.parent.index()))?;
        for (namespace, record) in self.ledger.all() {
            let entries = HostEntries::new(&self.folders, &namespace);
            if entries.record()?.is_none()
                && let Err(error) = entries.write_record(&record)
            {
                tracing::warn!(%error, "a record cannot be made again");
            }
        }
        // None is forgotten meanwhile: its file would stay.
        for (namespace, lease) in self.written().iter() {
            let file = LeaseFile::new(&self.folders.pool, namespace);
            if file.read(Clock::now())?.is_none()
                && let Err(error) = file.write(lease, Clock::now())
            {
                tracing::warn!(%error, "a lease cannot be written down again");
            }
        }
        Ok(())
    }

    fn written(&self) -> MutexGuard<'_, BTreeMap<String, LeaseRecord>> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes again what somebody has removed of the pool's folder; returns whether there is anything to look after any more.
    fn look_after_records(&self) -> bool {
        let is_there = {
            let folder = self.folder.lock().unwrap_or_else(PoisonError::into_inner);
            match folder.as_ref() {
                Some(held) => held.is_there(),
                None => return false,
            }
        };
        let restored = match is_there {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.tell_loss(&io::ErrorKind::NotFound.into());
                self.restore_records()
            }
            Err(error) => Err(error),
        };
        if let Err(error) = restored {
            // It is tried again, and who needs a record and has none says so.
            tracing::debug!(%error, "the pool's folder cannot be looked after");
        }
        true
    }

    /// Forgets a lease that has ended.
    fn forget(&self, identity: &Identity) -> io::Result<()> {
        self.adopted().leases.remove(&identity.mac);
        self.written().remove(&identity.namespace);
        self.lease_file(identity).remove()
    }

    /// Sends a message, and takes note of whether it has given a lease back.
    fn give_back(
        self: &Arc<Self>,
        identity: &Identity,
        transmit: &Transmit,
        send: impl FnOnce() -> io::Result<()>,
    ) -> io::Result<()> {
        if transmit.message.message_type() != Some(MessageType::Release) {
            send()?;
            self.forget_given_back(identity, transmit);
            return Ok(());
        }
        let outcome = if self.parent.is_cut_off() {
            let words = format!("the parent {} has no carrier", self.parent.name);
            Err(io::Error::new(io::ErrorKind::NetworkDown, words))
        } else {
            send()
        };
        if outcome.is_ok() {
            self.unreleased().remove(&identity.namespace);
            self.forget_given_back(identity, transmit);
        } else {
            // It is kept for the next start, and for `lanherd clean`.
            self.unreleased().insert(identity.namespace.clone());
        }
        outcome
    }

    fn unreleased(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.unreleased
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets the lease that a message which has been sent gives back. The client's thread does it, in order with what
    /// else it is asked for: sending must not wait.
    fn forget_given_back(self: &Arc<Self>, identity: &Identity, transmit: &Transmit) {
        let message_type = transmit.message.message_type();
        if !matches!(
            message_type,
            Some(MessageType::Release | MessageType::Decline)
        ) {
            return;
        }
        let (shared, identity) = (Arc::clone(self), identity.clone());
        self.workers
            .post(identity.number, move |_| shared.forget_or_warn(&identity));
    }

    fn forget_or_warn(&self, identity: &Identity) {
        if let Err(error) = self.forget(identity) {
            tracing::warn!(client = %identity.namespace, %error, "a lease that has ended is still written down");
        }
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

/// From one look at the pool's folder to the next.
const UPKEEP: Duration = Duration::from_secs(3);

/// Looks after the pool's folder until the pool is given up.
async fn look_after_records(shared: Weak<Shared>) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        let Some(shared) = shared.upgrade() else {
            return;
        };
        let looked = tokio::task::spawn_blocking(move || shared.look_after_records());
        if !looked.await.unwrap_or(true) {
            return;
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl LinuxLan {
    /// Takes the pool, removes or takes over what a killed run of it left and returns what that was, checks the parent,
    /// and opens what the herd shares.
    ///
    /// Must be called within a Tokio runtime, whose threads are all in the namespace of the parent.
    pub async fn open(config: LanConfig) -> Result<(Self, Cleared), OpenError> {
        let missing =
            missing_capabilities().map_err(refusing("reading this process's capabilities"))?;
        if !missing.is_empty() {
            return Err(OpenError::NoPrivilege { missing });
        }
        let workers = Workers::start(&Handle::current())
            .map_err(refusing("starting the threads that enter namespaces"))?;
        let wanted = config.clone();
        let opened = workers
            .run(NOBODY, move |context| open_kernel(context, &wanted))
            .await;
        let opened =
            opened.map_err(|gone| refusing("opening the LAN")(io::Error::other(gone)))??;
        let (folder, parts) = opened;
        let OpenParts {
            cleared,
            adopted,
            parent,
            raw_socket,
            endpoints,
            monitors,
            watch,
        } = parts;
        let is_reflected = config.mode == MacvlanMode::Vepa;
        let deliver = Arc::clone(&raw_socket).deliver(Arc::clone(&endpoints), is_reflected);
        let reader = tokio::spawn(deliver).abort_handle();
        let shared = Shared {
            folders: PoolFolders::new(&config.paths, &config.pool),
            config,
            parent,
            workers,
            raw_socket,
            endpoints,
            monitors,
            namespaces: NamespaceRegistry::default(),
            looks_later: AtomicBool::new(false),
            ledger: Ledger::default(),
            has_told_loss: AtomicBool::new(false),
            written: Mutex::default(),
            commands: Commands::default(),
            adopted: Mutex::new(adopted),
            folder: Mutex::new(Some(folder)),
            unreleased: Mutex::default(),
            reader,
            watch,
            flapping: tokio::sync::Mutex::default(),
            closing: tokio::sync::watch::Sender::new(false),
        };
        let shared = Arc::new(shared);
        tokio::spawn(look_after_records(Arc::downgrade(&shared)));
        Ok((Self { shared }, cleared))
    }

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
        self.shared.unreleased().len()
    }

    /// The parent's MTU, in bytes.
    pub fn parent_mtu(&self) -> u32 {
        self.shared.parent.mtu()
    }

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
        shared.closing.send_replace(true);
        drop(shared.flapping.lock().await);
        shared.reader.abort();
        shared.watch.stop();
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

/// The parts of an open LAN that all its clients share.
struct OpenParts {
    cleared: Cleared,
    adopted: Adopted,
    parent: Arc<Parent>,
    raw_socket: Arc<RawSocket>,
    endpoints: Arc<EndpointTable>,
    monitors: Arc<NetlinkMonitors>,
    watch: Watch,
}

fn open_kernel(
    context: &mut WorkerContext,
    config: &LanConfig,
) -> Result<(PoolDir, OpenParts), OpenError> {
    let mended = mend_parent(config)?;
    // The parent first: a wrong name should leave no trace.
    let checked = Parent::check(&mut context.netlink, &config.parent)
        .map_err(refusing("looking up the parent"))
        .and_then(|checked| Ok(checked?));
    let parent = match checked {
        Ok(parent) => parent,
        Err(error) => {
            if let Some((folder, _)) = mended {
                folder.leave();
            }
            return Err(error);
        }
    };
    let (folder, brought_up) = match mended {
        Some((folder, brought_up)) => (folder, Some(brought_up)),
        None => (PoolDir::take(&config.paths, &config.pool)?, None),
    };
    match open_parts(context, config, &folder, parent) {
        Ok(mut parts) => {
            parts.cleared.brought_up = brought_up;
            Ok((folder, parts))
        }
        Err(error) => {
            for leak in folder.leave() {
                tracing::warn!("{leak}");
            }
            Err(error)
        }
    }
}

/// Brings the parent up again where a killed run of the pool has left it down, and returns the pool, which is taken then.
fn mend_parent(config: &LanConfig) -> Result<Option<(PoolDir, BroughtUp)>, OpenError> {
    let doing = "bringing up what an earlier run had taken down";
    let is_written = pool_dir::taken_down(&config.paths, &config.pool).map_err(refusing(doing))?;
    if is_written.is_none() {
        return Ok(None);
    }
    let folder = PoolDir::take(&config.paths, &config.pool)?;
    let brought_up = leftovers::bring_up(&folder).map_err(refusing(doing))?;
    Ok(brought_up.map(|brought_up| (folder, brought_up)))
}

fn open_parts(
    context: &WorkerContext,
    config: &LanConfig,
    folder: &PoolDir,
    parent: Parent,
) -> Result<OpenParts, OpenError> {
    shared_dirs::prepare_host(&config.paths)?;
    let cleared =
        adopt::clear(config, folder).map_err(refusing("clearing away what an earlier run left"))?;
    // Not before: until then the old manifest says where the old run's leases were won.
    folder
        .write_manifest(&PoolManifest::on(config, parent.index()))
        .map_err(refusing("writing down where the pool stands"))?;
    let adopted =
        Adopted::read(folder).map_err(refusing("taking over what an earlier run left"))?;
    let _context = context.runtime.enter();
    let raw_socket = parent
        .index()
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        .and_then(raw_socket::open)
        .and_then(RawSocket::new)
        .map_err(refusing("opening a raw socket on the parent"))?;
    let raw_socket = Arc::new(raw_socket);
    let parent = Arc::new(parent);
    let endpoints = Arc::new(EndpointTable::new(Arc::clone(&raw_socket)));
    for held in adopted.leases.values() {
        if let Some(server) = held.server {
            endpoints.note_server(held.mac, server);
        }
    }
    let monitors = NetlinkMonitors::open().map_err(refusing("listening to the namespaces"))?;
    let monitors = Arc::new(monitors);
    let watched = Watched {
        parent: Arc::clone(&parent),
        endpoints: Arc::clone(&endpoints),
        raw_socket: Arc::clone(&raw_socket),
        monitors: Arc::clone(&monitors),
        netns: config.paths.netns.clone(),
    };
    let watch = Watch::start(watched).map_err(refusing("starting the watch on the parent"))?;
    Ok(OpenParts {
        cleared,
        adopted,
        parent,
        raw_socket,
        endpoints,
        monitors,
        watch,
    })
}

fn close_kernel(shared: &Shared) -> Vec<Leak> {
    let Some(folder) = shared
        .folder
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .take()
    else {
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
    let unused = std::mem::take(&mut *shared.adopted());
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
    let mut unreleased = shared.unreleased();
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

/// Removes what there is of a client, whether or not its record is still there.
fn remove_client(shared: &Shared, entries: &HostEntries) -> Vec<CleanupError> {
    let known = shared.ledger.find(entries.namespace());
    if known.is_some()
        && let Ok(None) = entries.record()
    {
        let error = io::Error::from(io::ErrorKind::NotFound);
        shared.tell_loss(&error);
    }
    let errors = entries.remove_knowing(known);
    if errors.is_empty() {
        shared.ledger.remove(entries.namespace());
    }
    errors
}

impl Lan for LinuxLan {
    type Port = LinuxPort;

    async fn attach(&self, identity: &Identity, inbox: Inbox) -> Result<LinuxPort, Failure> {
        attach::attach(&self.shared, identity, inbox).await
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
            let errors = remove_client(&shared, &entries);
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

    fn forget(&self, identity: &Identity) {
        let (shared, identity) = (Arc::clone(&self.shared), identity.clone());
        // After all that the client's thread has to do still.
        self.shared.workers.post(identity.number, move |_| {
            // What was taken over and never asked for is given back when the LAN is closed.
            if shared.adopted().leases.contains_key(&identity.mac)
                || shared.unreleased().contains(&identity.namespace)
            {
                return;
            }
            shared.endpoints.forget_server(identity.mac);
            shared.forget_or_warn(&identity);
        });
    }

    fn remembered(&self, identity: &Identity) -> Option<Lease> {
        let adopted = self.shared.adopted();
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

/// Capabilities by their number in `linux/capability.h`.
const NEEDED: [(u32, &str); 3] = [
    (12, "CAP_NET_ADMIN"),
    (13, "CAP_NET_RAW"),
    (21, "CAP_SYS_ADMIN"),
];

/// Which of the capabilities that a LAN needs the calling thread lacks (capabilities(7)).
pub fn missing_capabilities() -> io::Result<Vec<&'static str>> {
    let status = std::fs::read_to_string("/proc/thread-self/status")?;
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .ok_or(io::ErrorKind::InvalidData)?;
    Ok(NEEDED
        .iter()
        .filter(|(bit, _)| effective & (1 << bit) == 0)
        .map(|(_, name)| *name)
        .collect())
}
