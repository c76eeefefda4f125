//! Opens a LAN: takes the pool, clears away or takes over what a killed run has left, and opens what all clients share.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::adopt;
use super::adopted::Adopted;
use super::capabilities::missing_capabilities;
use super::command_gate::Commands;
use super::endpoint_table::EndpointTable;
use super::error::{OpenError, refusing};
use super::ledger::Ledger;
use super::namespace_registry::NamespaceRegistry;
use super::netlink_monitors::NetlinkMonitors;
use super::parent::Parent;
use super::ping_reader::PingReader;
use super::raw_socket::{self, RawSocket};
use super::shared::{LinuxLan, NOBODY, Shared};
use super::upkeep::look_after_records;
use super::watch::{self, Watched};
use super::worker::{WorkerContext, Workers};
use crate::config::{LanConfig, MacvlanMode};
use crate::memory::MemoryWatch;
use crate::rundir::host_entries::PoolFolders;
use crate::rundir::leftovers::{self, BroughtUp, Cleared};
use crate::rundir::pool_dir::PoolDir;
use crate::rundir::pool_files;
use crate::rundir::pool_manifest::PoolManifest;
use crate::rundir::shared_dirs;

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
            ping_reader,
            stop,
        } = parts;
        let stop = stop.disarm();
        let deliver = Arc::clone(&raw_socket).deliver(Arc::clone(&endpoints));
        tokio::spawn(stop.clone().run_until_cancelled_owned(deliver));
        let read = Arc::clone(&ping_reader).read();
        tokio::spawn(stop.clone().run_until_cancelled_owned(read));
        let shared = Shared {
            folders: PoolFolders::new(&config.paths, &config.pool),
            config,
            parent,
            workers,
            raw_socket,
            endpoints,
            monitors,
            ping_reader,
            namespaces: NamespaceRegistry::default(),
            memory: MemoryWatch::default(),
            looks_later: AtomicBool::new(false),
            ledger: Ledger::default(),
            has_told_loss: AtomicBool::new(false),
            written: Mutex::default(),
            written6: Mutex::default(),
            commands: Commands::default(),
            adopted: Mutex::new(adopted),
            folder: Mutex::new(Some(folder)),
            unreleased: Mutex::default(),
            stop,
            flapping: tokio::sync::Mutex::default(),
            closing: CancellationToken::new(),
        };
        let shared = Arc::new(shared);
        tokio::spawn(look_after_records(Arc::downgrade(&shared)));
        Ok((Self { shared }, cleared))
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
    ping_reader: Arc<PingReader>,
    /// Ends the watch on the parent when it is dropped.
    stop: DropGuard,
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
    let is_written =
        pool_files::taken_down(&config.paths, &config.pool).map_err(refusing(doing))?;
    if is_written.is_none() {
        return Ok(None);
    }
    let folder = PoolDir::take(&config.paths, &config.pool)?;
    let brought_up = leftovers::bring_up(&folder).map_err(refusing(doing))?;
    Ok(brought_up.map(|brought_up| (folder, brought_up)))
}

fn open_parts(
    context: &mut WorkerContext,
    config: &LanConfig,
    folder: &PoolDir,
    parent: Parent,
) -> Result<OpenParts, OpenError> {
    shared_dirs::prepare_host(&config.paths)?;
    let cleared =
        adopt::clear(config, folder).map_err(refusing("clearing away what an earlier run left"))?;
    refuse_stuck_folders(config, &cleared)?;
    // After that, since what was left may have had the parent for itself; before there are clients, each of which would fail.
    parent
        .try_macvlan(&mut context.netlink, config.mode)
        .map_err(refusing("trying whether the parent carries a macvlan"))??;
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
        .and_then(|socket| RawSocket::new(socket, config.mode == MacvlanMode::Vepa))
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
    let ping_reader = PingReader::new().map_err(refusing("making room for ping sockets"))?;
    let watched = Watched {
        parent: Arc::clone(&parent),
        endpoints: Arc::clone(&endpoints),
        raw_socket: Arc::clone(&raw_socket),
        monitors: Arc::clone(&monitors),
        netns: config.paths.netns.clone(),
    };
    let stop = CancellationToken::new();
    watch::start(watched, stop.clone()).map_err(refusing("starting the watch on the parent"))?;
    Ok(OpenParts {
        cleared,
        adopted,
        parent,
        raw_socket,
        endpoints,
        monitors,
        ping_reader: Arc::new(ping_reader),
        stop: stop.drop_guard(),
    })
}

/// Refuses to go on where an earlier run's resolver folders cannot be removed since all of them are read-only now: each client of
/// such a name would find it taken.
fn refuse_stuck_folders(config: &LanConfig, cleared: &Cleared) -> Result<(), OpenError> {
    let folders = &config.paths.resolv;
    if !shared_dirs::resolvers_are_read_only(&config.paths) {
        return Ok(());
    }
    let stuck = cleared
        .removed
        .iter()
        .filter_map(|removed| removed.outcome.as_ref().err())
        .find(|error| Path::new(&error.what).starts_with(folders));
    match stuck {
        Some(error) => {
            let words = format!(
                "{error}; run lanherd clean where {} can be written to",
                folders.display()
            );
            Err(refusing("clearing away what an earlier run left")(
                io::Error::other(words),
            ))
        }
        None => Ok(()),
    }
}
