//! The real LAN: clients are network namespaces with a macvlan each on a parent interface of this host.
//!
//! Who owns what. A [`LinuxLan`] owns the pool's lock and folder, the raw socket on the parent, two threads that enter
//! namespaces and one that watches parent and namespaces. A client's visible things (namespace, resolver folder, record) belong to
//! whoever holds the lock, and are undone by name. A [`LinuxPort`] owns four sockets inside the namespace; the kernel
//! destroys the namespace, and the macvlan with it, once the name is unbound and these are closed.
//!
//! What others do. The kernel rings when a link, an address or a route is taken away in a client's namespace, when a name
//! is, and when something becomes of the parent; then it is looked what is so, and the client is told. Nothing is polled.
//!
//! On abort. When [`Lan::attach`] fails or is dropped, whatever it had made has a record, and [`Lan::detach`] removes it;
//! a job that was already queued runs first, because both go through the same thread. When the process is killed, the
//! kernel drops the lock, and the records tell the next run, or `lanherd clean`, what was left.

mod addressing;
mod arp;
mod attach;
mod config;
mod ear;
mod error;
mod filter;
mod parent;
mod port;
mod sabotage;
mod seats;
mod sockets;
mod watch;
mod wire;
mod worker;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

use super::leftovers::{self, Removed};
use super::names::Names;
use super::pins;
use super::pool_dir::{self, PoolDir};
use super::record::Record;
use super::{CleanupError, Inbox, Lan, SabotageError};
use crate::dhcp::{Lease, Transmit};
use crate::fault::Fault;
use crate::identity::{ClientNumber, Identity, Mac};
use crate::phase::Failure;

pub use config::{LanConfig, MacvlanMode, MacvlanModeError};
pub use error::{Fate, Foreign, Leak, OpenError};
pub use parent::{ParentError, candidates, check};
pub use port::LinuxPort;

use ear::Ears;
use error::{refused, refused_request, refusing, worker_gone};
use parent::Parent;
use seats::Seats;
use watch::{Watch, Watched};
use wire::Wire;
use worker::{Bench, Workers};

/// The name of every client's macvlan in its namespace.
pub const LINK: &str = "lan0";
/// Its number there: beyond those of the devices that the kernel puts into every new namespace by itself.
const LINK_INDEX: u32 = 68;

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
    parent: Arc<Parent>,
    workers: Workers,
    wire: Arc<Wire>,
    seats: Arc<Seats>,
    ears: Arc<Ears>,
    /// The namespaces made so far, by inode: what may still be pinned by somebody else's process in the end.
    made: Mutex<HashMap<u64, (String, Record)>>,
    /// The pool, until it is given up.
    folder: Mutex<Option<PoolDir>>,
    reader: AbortHandle,
    watch: Watch,
    /// Held while the parent is down on purpose.
    flapping: tokio::sync::Mutex<()>,
    /// Cuts that short, and lets nobody begin.
    closing: tokio::sync::watch::Sender<bool>,
}

impl Shared {
    fn names(&self, identity: &Identity) -> Names {
        Names::new(&self.config.paths, &self.config.pool, &identity.namespace)
    }

    fn made(&self) -> MutexGuard<'_, HashMap<u64, (String, Record)>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn knows_server(&self, client: Mac) -> bool {
        self.seats.server(client).is_some()
    }

    /// Puts a message on the wire past the client's own stack: to everybody, or to where the server was last heard.
    fn send_raw(&self, identity: &Identity, transmit: &Transmit) -> io::Result<()> {
        let next = if transmit.destination.is_broadcast() {
            Mac::BROADCAST
        } else {
            self.seats.server(identity.mac).ok_or_else(|| {
                let words = format!("the MAC of server {} is not known", transmit.destination);
                io::Error::new(io::ErrorKind::HostUnreachable, words)
            })?
        };
        let message = transmit.message.encode();
        let source = (identity.mac, transmit.source);
        self.wire
            .send(source, (next, transmit.destination), &message)
    }

    /// Takes the links out of namespaces that somebody else's processes keep alive, and says which.
    fn unplug_pinned(&self, wanted: impl Fn(&Record) -> bool) -> Vec<Leak> {
        let mut made = self.made().clone();
        made.retain(|_, (_, record)| wanted(record));
        if made.is_empty() {
            return Vec::new();
        }
        let records = made
            .iter()
            .map(|(inode, (_, record))| (*inode, *record))
            .collect();
        pins::find_and_unplug(&records)
            .into_iter()
            .filter_map(|pin| {
                let (name, _) = made.remove(&pin.inode)?;
                Some(Leak {
                    what: format!("namespace {name}"),
                    fate: Fate::Remains(pin.to_string()),
                })
            })
            .collect()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

impl LinuxLan {
    /// Takes the pool, removes what a killed run of it left and returns what that was, checks the parent, and opens
    /// what the herd shares.
    ///
    /// Must be called within a Tokio runtime, whose threads are all in the namespace of the parent.
    pub async fn open(config: LanConfig) -> Result<(Self, Vec<Removed>), OpenError> {
        let missing =
            missing_capabilities().map_err(refusing("reading this process's capabilities"))?;
        if !missing.is_empty() {
            return Err(OpenError::NoPrivilege { missing });
        }
        let workers = Workers::start(&Handle::current())
            .map_err(refusing("starting the threads that enter namespaces"))?;
        let wanted = config.clone();
        let opened = workers
            .run(NOBODY, move |bench| open_kernel(bench, &wanted))
            .await;
        let opened =
            opened.map_err(|gone| refusing("opening the LAN")(io::Error::other(gone)))??;
        let (folder, furnished) = opened;
        let Furnished {
            removed,
            parent,
            wire,
            seats,
            ears,
            watch,
        } = furnished;
        let reader = tokio::spawn(Arc::clone(&wire).deliver(Arc::clone(&seats))).abort_handle();
        let shared = Shared {
            config,
            parent,
            workers,
            wire,
            seats,
            ears,
            made: Mutex::default(),
            folder: Mutex::new(Some(folder)),
            reader,
            watch,
            flapping: tokio::sync::Mutex::default(),
            closing: tokio::sync::watch::Sender::new(false),
        };
        Ok((
            Self {
                shared: Arc::new(shared),
            },
            removed,
        ))
    }

    /// Which of these clients' names are borne by something that is not ours. Looks at a few files for each.
    pub fn foreign(&self, identities: &[Identity]) -> Vec<Foreign> {
        identities
            .iter()
            .filter_map(|identity| {
                let names = self.shared.names(identity);
                let path = names.foreign().ok().flatten()?.to_owned();
                Some(Foreign {
                    number: identity.number,
                    path,
                })
            })
            .collect()
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
            if shared.seats.all().is_empty() {
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
        self.shared.workers.stop().await;
        closing.unwrap_or_default()
    }
}

/// What the herd will share.
struct Furnished {
    removed: Vec<Removed>,
    parent: Arc<Parent>,
    wire: Arc<Wire>,
    seats: Arc<Seats>,
    ears: Arc<Ears>,
    watch: Watch,
}

fn open_kernel(bench: &mut Bench, config: &LanConfig) -> Result<(PoolDir, Furnished), OpenError> {
    // The parent first: a wrong name should leave no trace.
    let parent = Parent::check(&mut bench.netlink, &config.parent)
        .map_err(refusing("looking up the parent"))??;
    let folder = PoolDir::take(&config.paths, &config.pool)?;
    match furnish(bench, config, &folder, parent) {
        Ok(furnished) => Ok((folder, furnished)),
        Err(error) => {
            for leak in folder.release() {
                tracing::warn!("{leak}");
            }
            Err(error)
        }
    }
}

fn furnish(
    bench: &Bench,
    config: &LanConfig,
    folder: &PoolDir,
    parent: Parent,
) -> Result<Furnished, OpenError> {
    pool_dir::prepare_host(&config.paths)?;
    let removed =
        leftovers::remove_clients(folder).map_err(refusing("removing what an earlier run left"))?;
    let _context = bench.runtime.enter();
    let wire = parent
        .index()
        .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
        .and_then(wire::open)
        .and_then(Wire::new)
        .map_err(refusing("opening a raw socket on the parent"))?;
    let wire = Arc::new(wire);
    let parent = Arc::new(parent);
    let seats = Arc::new(Seats::new(Arc::clone(&wire)));
    let ears = Ears::new().map_err(refusing("making an epoll instance"))?;
    let ears = Arc::new(ears);
    let watched = Watched {
        parent: Arc::clone(&parent),
        seats: Arc::clone(&seats),
        wire: Arc::clone(&wire),
        ears: Arc::clone(&ears),
        netns: config.paths.netns.clone(),
    };
    let watch = Watch::start(watched).map_err(refusing("starting the watch on the parent"))?;
    Ok(Furnished {
        removed,
        parent,
        wire,
        seats,
        ears,
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
    let mut leaks: Vec<Leak> = shared
        .seats
        .all()
        .iter()
        .map(|seat| Leak {
            what: format!("sockets of client {}", seat.identity.number),
            fate: Fate::Remains("its port is still in use".to_owned()),
        })
        .collect();
    match folder.clients() {
        Ok(clients) => leaks.extend(
            clients
                .iter()
                .flat_map(leftovers::remove_client)
                .map(Leak::from),
        ),
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
    leaks.extend(shared.unplug_pinned(|_| true));
    leaks.extend(folder.release().into_iter().map(Leak::from));
    leaks
}

impl Lan for LinuxLan {
    type Port = LinuxPort;

    async fn attach(&self, identity: &Identity, inbox: Inbox) -> Result<LinuxPort, Failure> {
        attach::attach(&self.shared, identity, inbox).await
    }

    async fn detach(&self, identity: &Identity) -> Vec<CleanupError> {
        if let Some(seat) = self.shared.seats.find(identity.mac) {
            seat.leave();
        }
        let names = self.shared.names(identity);
        let workers = &self.shared.workers;
        let removed = workers.run(identity.number, move |_| names.remove()).await;
        removed.unwrap_or_else(|gone| {
            vec![CleanupError {
                what: format!("namespace {}", identity.namespace),
                why: gone.to_string(),
            }]
        })
    }

    fn transmit_for(&self, identity: &Identity, transmit: &Transmit) -> io::Result<()> {
        self.shared.send_raw(identity, transmit)
    }

    fn remembered(&self, _identity: &Identity) -> Option<Lease> {
        None
    }

    async fn sabotage(&self, identity: &Identity, fault: Fault) -> Result<(), SabotageError> {
        sabotage::sabotage(&self.shared, identity, fault).await
    }

    async fn flap(&self, pause: Duration) -> Result<(), SabotageError> {
        sabotage::flap(&self.shared, pause).await
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
