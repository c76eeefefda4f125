//! What a killed run left: on the host, found by its records, removed by name, and nothing else touched; and at the
//! server, where the leases of its clients are released in their names.
//!
//! To know a namespace for certain the calling thread enters it for an instant, so this is for threads that may do so:
//! not across an await of a shared runtime.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::thread;
use std::time::Duration;

use nix::unistd::geteuid;

use super::entry_error::cleanup;
use super::folder::{Folder, Trust};
use super::host_entries::HostEntries;
use super::lease_record::{Clock, LeaseFile, LeaseRecord};
use super::lease6_record::Lease6Record;
use super::netns_holder::{self, AbandonedNamespace, ENDING};
use super::pool_dir::PoolDir;
use super::pool_files::{PoolPath, check_files, leases, leases6, pools, records, taken_down};
use super::pool_lock::{LockError, Owner, owner};
use super::record::Record;
use crate::config::Paths;
use crate::lan::CleanupError;
use crate::raw::RawSender;
use lanherd_types::identity::PoolName;

/// From one RELEASE to the next: nobody answers them, so what overruns the server's socket would be lost. A dnsmasq with
/// a lease file takes about as long for each.
pub const RELEASE_PAUSE: Duration = Duration::from_millis(2);

/// A pool that has, or had, something on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolFound {
    /// The name of the pool.
    pub pool: PoolName,
    /// The state of the pool.
    pub state: PoolState,
}

/// Whether a pool is left over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolState {
    /// A process runs it: it is to be left alone.
    Alive {
        /// The process, where the lock says so.
        pid: Option<u32>,
    },
    /// Nobody runs it.
    Left {
        /// Each thing that it left, as a person would name it.
        things: Vec<String>,
        /// The leases that its clients still hold, as a person would name them: `10.0.0.7 of ns3`.
        leases: Vec<String>,
        /// The interface that it had taken down on purpose, and could not bring up again.
        taken_down: Option<String>,
    },
    /// The pool is another user's, who alone may clean it up.
    Foreign {
        /// The user's number.
        user: u32,
    },
    /// The pool's folder cannot be read.
    Unreadable {
        /// Why, with the file named.
        why: String,
    },
}

/// One thing that was to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The thing: `namespace ns3`, `/etc/netns/ns3`.
    pub what: String,
    /// Why it is still there, if it is.
    pub outcome: Result<(), CleanupError>,
}

/// One lease of a dead pool's client that was to be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Released {
    /// The client's namespace.
    pub client: String,
    /// What the client had leased: an address, or the addresses and prefixes of a DHCPv6 lease.
    pub leased: String,
    /// The server to which the RELEASE is addressed: its address, or its DUID.
    pub server: String,
    /// Why no RELEASE was sent, if none was: the server keeps the lease until that expires. That one was sent does not say that it
    /// was heard: nobody waits for an answer (RFC 2131, 4.4.6: there is none).
    pub outcome: Result<(), String>,
}

/// An interface that a dead pool had taken down on purpose, and that was to be brought up again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BroughtUp {
    /// The name of the interface.
    pub interface: String,
    /// Why it is not as it was, if it is not.
    pub outcome: Result<(), String>,
}

/// What the clean-up of a dead pool's leftovers has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cleared {
    /// What was to be removed.
    pub removed: Vec<Removed>,
    /// The leases that were to be given back; those that had expired are not among them.
    pub leases: Vec<Released>,
    /// The interface that was to be brought up again.
    pub brought_up: Option<BroughtUp>,
    /// How many clients' namespaces are taken over instead.
    pub adopted: usize,
    /// Why none are, where that was wanted.
    pub misfit: Option<String>,
}

impl Cleared {
    /// For how many leases a RELEASE was sent.
    pub fn released(&self) -> usize {
        let is_released = |lease: &&Released| lease.outcome.is_ok();
        self.leases.iter().filter(is_released).count()
    }

    /// Why no RELEASE was sent for leases, and of how many that is true.
    pub fn unreleased(&self) -> BTreeMap<&str, usize> {
        let mut whys = BTreeMap::new();
        for lease in &self.leases {
            if let Err(why) = &lease.outcome {
                *whys.entry(why.as_str()).or_default() += 1;
            }
        }
        whys
    }
}

/// Looks for what pools, or one pool, left; changes nothing. Pools come in the order of their names. One that cannot be
/// looked at hides no other.
pub fn find(paths: &Paths, pool: Option<&PoolName>) -> io::Result<Vec<PoolFound>> {
    let mut found = Vec::new();
    for candidate in pools(paths, Trust::Shared)? {
        if pool.is_some_and(|wanted| *wanted != candidate) {
            continue;
        }
        let state =
            look_at(paths, &candidate).unwrap_or_else(|error| unknown(paths, &candidate, &error));
        found.push(PoolFound {
            pool: candidate,
            state,
        });
    }
    Ok(found)
}

fn look_at(paths: &Paths, pool: &PoolName) -> io::Result<PoolState> {
    if let Owner::Alive(pid) = owner(paths, pool)? {
        return Ok(PoolState::Alive { pid });
    }
    check_files(paths, pool)?;
    Ok(PoolState::Left {
        things: things(paths, pool)?,
        leases: held(&leases(paths, pool)?, Clock::now())?
            .iter()
            .map(|(file, held)| format!("{} of {}", held.lease.address, file.namespace))
            .chain(
                held6(&leases6(paths, pool)?, Clock::now())?
                    .iter()
                    .map(|(file, held)| format!("{} of {}", held.leased(), file.namespace)),
            )
            .collect(),
        taken_down: taken_down(paths, pool)?.map(|settings| settings.name),
    })
}

fn unknown(paths: &Paths, pool: &PoolName, error: &io::Error) -> PoolState {
    let owner = || {
        let state = Folder::open(&paths.state, Trust::Shared).ok()?;
        Some(state.look_at(pool.as_str()).ok()??.st_uid)
    };
    let denied = error.kind() == io::ErrorKind::PermissionDenied;
    match owner().filter(|user| denied && *user != geteuid().as_raw()) {
        Some(user) => PoolState::Foreign { user },
        None => PoolState::Unreadable {
            why: error.to_string(),
        },
    }
}

fn things(paths: &Paths, pool: &PoolName) -> io::Result<Vec<String>> {
    let mut things = Vec::new();
    for client in records(paths, pool)? {
        things.extend(client.found()?);
    }
    things.push(paths.pool(pool).display().to_string());
    Ok(things)
}

/// The leases that have not expired.
fn held(files: &[LeaseFile], clock: Clock) -> io::Result<Vec<(&LeaseFile, LeaseRecord)>> {
    let mut leases = Vec::new();
    for file in files {
        if let Some(held) = file.read(clock)?.filter(|held| !held.is_expired(clock)) {
            leases.push((file, held));
        }
    }
    Ok(leases)
}

/// The DHCPv6 leases that have not expired.
fn held6(files: &[LeaseFile], clock: Clock) -> io::Result<Vec<(&LeaseFile, Lease6Record)>> {
    let mut leases = Vec::new();
    for file in files {
        let record = file.read6()?;
        let record = record.filter(|record| record.held(clock).is_some());
        leases.extend(record.map(|record| (file, record)));
    }
    Ok(leases)
}

/// Removes what a dead pool left and releases its clients' leases, every step tried; [`LockError::Alive`] where it is
/// not dead.
pub fn remove(paths: &Paths, pool: &PoolName) -> Result<Cleared, LockError> {
    let failed = LockError::about(paths.pool(pool));
    let path = PoolPath::new(paths, pool);
    if path.find().map_err(&failed)?.is_none() {
        return Ok(Cleared::default());
    }
    let folder = PoolDir::take(paths, pool)?;
    let mut cleared = clear(&folder, |_| false).map_err(&failed)?;
    let what = paths.pool(pool).display().to_string();
    let errors = folder.release();
    if errors.is_empty() {
        cleared.removed.push(Removed {
            what,
            outcome: Ok(()),
        });
    }
    cleared.removed.extend(errors.into_iter().map(failure));
    Ok(cleared)
}

/// Removes what the clients of a pool left and releases their leases, except those of the namespaces that are to be
/// kept; the pool's folder and lock stay.
pub(crate) fn clear(folder: &PoolDir, keep: impl Fn(&str) -> bool) -> io::Result<Cleared> {
    folder.check_files()?;
    // The parent first: releases go out through it.
    let mut cleared = Cleared {
        brought_up: bring_up(folder)?,
        ..Cleared::default()
    };
    let mut namespaces = HashMap::new();
    let mut names = HashMap::new();
    for client in folder.clients()? {
        if keep(client.namespace()) && client.bound_record()?.is_some() {
            cleared.adopted += 1;
            continue;
        }
        if let Some(record) = client.record()? {
            let left = AbandonedNamespace {
                record,
                number: None,
            };
            namespaces.insert(record.inode, left);
            names.insert(record.inode, client.to_string());
        }
        cleared.removed.extend(remove_client(&client));
    }
    if !namespaces.is_empty() {
        for holder in netns_holder::find_and_unplug(&namespaces, ENDING) {
            let what = names.remove(&holder.inode).unwrap_or_default();
            cleared.removed.push(failure(CleanupError {
                what,
                why: holder.to_string(),
            }));
        }
    }
    // After the namespaces: who gives an address back has stopped using it (RFC 2131, 4.4.6).
    let mut files = folder.leases()?;
    files.retain(|file| !keep(&file.namespace));
    let (leases, errors) = end_leases(folder, &files, |_| true)?;
    cleared.leases = leases;
    cleared.removed.extend(errors.into_iter().map(failure));
    let mut files = folder.leases6()?;
    files.retain(|file| !keep(&file.namespace));
    let (leases, errors) = end_leases6(folder, &files, |_| true)?;
    cleared.leases.extend(leases);
    cleared.removed.extend(errors.into_iter().map(failure));
    Ok(cleared)
}

/// Brings the interface up again that the pool had taken down when it was killed, with what the host had set on it.
pub(crate) fn bring_up(folder: &PoolDir) -> io::Result<Option<BroughtUp>> {
    let Some(settings) = folder.taken_down()? else {
        return Ok(None);
    };
    let outcome = match settings.restore() {
        Ok(true) => Ok(()),
        Ok(false) => Err("it does not exist any more".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    // What could not be done now will not be done by trying once more, and is told.
    folder.forget_taken_down()?;
    Ok(Some(BroughtUp {
        interface: settings.name,
        outcome,
    }))
}

/// Forgets leases that are written down, after releasing those that are due and have not expired.
pub(crate) fn end_leases(
    folder: &PoolDir,
    files: &[LeaseFile],
    is_due: impl Fn(&LeaseRecord) -> bool,
) -> io::Result<(Vec<Released>, Vec<CleanupError>)> {
    let mut due = held(files, Clock::now())?;
    due.retain(|(_, held)| is_due(held));
    let mut released = Vec::with_capacity(due.len());
    if !due.is_empty() {
        let sender = sender(folder)?;
        for (place, (file, held)) in due.iter().enumerate() {
            if place > 0 && sender.is_ok() {
                thread::sleep(RELEASE_PAUSE);
            }
            released.push(Released {
                client: file.namespace.clone(),
                leased: held.lease.address.to_string(),
                server: held.lease.server_id.to_string(),
                outcome: release(&sender, held),
            });
        }
    }
    Ok((released, remove_all(files)))
}

/// The same of DHCPv6 leases.
pub(crate) fn end_leases6(
    folder: &PoolDir,
    files: &[LeaseFile],
    is_due: impl Fn(&Lease6Record) -> bool,
) -> io::Result<(Vec<Released>, Vec<CleanupError>)> {
    let clock = Clock::now();
    let mut due = held6(files, clock)?;
    due.retain(|(_, held)| is_due(held));
    let mut released = Vec::with_capacity(due.len());
    if !due.is_empty() {
        let sender = sender(folder)?;
        for (place, (file, held)) in due.iter().enumerate() {
            if place > 0 && sender.is_ok() {
                thread::sleep(RELEASE_PAUSE);
            }
            released.push(Released {
                client: file.namespace.clone(),
                leased: held.leased(),
                server: held.dhcp6.server.to_string(),
                outcome: release6(&sender, held, clock),
            });
        }
    }
    Ok((released, remove_all(files)))
}

/// What sends on the interface that the pool stood on; or why nothing can.
fn sender(folder: &PoolDir) -> io::Result<io::Result<RawSender>> {
    Ok(match folder.manifest()? {
        Some(manifest) => RawSender::open(&manifest.parent, manifest.parent_index),
        None => Err(io::Error::other(
            "the interface that it stood on is not known",
        )),
    })
}

fn remove_all(files: &[LeaseFile]) -> Vec<CleanupError> {
    let remove = |file: &LeaseFile| {
        let removed = file.remove();
        removed.map_err(cleanup(file.path().display())).err()
    };
    files.iter().filter_map(remove).collect()
}

/// Tries once more to release the leases of these clients, and forgets those for which that was possible; the others stay
/// among them.
pub(crate) fn release_again(folder: &PoolDir, clients: &mut BTreeSet<String>) -> io::Result<()> {
    let manifest = folder.manifest()?.ok_or(io::ErrorKind::NotFound)?;
    let sender = RawSender::open(&manifest.parent, manifest.parent_index);
    let clock = Clock::now();
    let mut staying = BTreeSet::new();
    for file in folder.leases()? {
        if !clients.contains(&file.namespace) {
            continue;
        }
        if let Some(held) = file.read(clock)?.filter(|held| !held.is_expired(clock)) {
            if release(&sender, &held).is_err() {
                staying.insert(file.namespace.clone());
                continue;
            }
            thread::sleep(RELEASE_PAUSE);
        }
        file.remove()?;
    }
    for file in folder.leases6()? {
        if !clients.contains(&file.namespace) {
            continue;
        }
        if let Some(held) = file.read6()?.filter(|held| held.held(clock).is_some()) {
            if release6(&sender, &held, clock).is_err() {
                staying.insert(file.namespace.clone());
                continue;
            }
            thread::sleep(RELEASE_PAUSE);
        }
        file.remove()?;
    }
    clients.retain(|client| staying.contains(client));
    Ok(())
}

fn release6(
    sender: &io::Result<RawSender>,
    held: &Lease6Record,
    clock: Clock,
) -> Result<(), String> {
    let sender = sender.as_ref().map_err(ToString::to_string)?;
    let frame = held.release(clock, &mut fastrand::Rng::new());
    let frame = frame.ok_or("it does not fit into a packet")?;
    sender.send_frame(&frame).map_err(|error| error.to_string())
}

fn release(sender: &io::Result<RawSender>, held: &LeaseRecord) -> Result<(), String> {
    let sender = sender.as_ref().map_err(ToString::to_string)?;
    let server = held.server.ok_or("the server was never heard")?;
    sender
        .send(held.mac, server, &held.release(&mut fastrand::Rng::new()))
        .map_err(|error| error.to_string())
}

/// Removes what one client left, and says what that was.
pub(crate) fn remove_client(client: &HostEntries) -> Vec<Removed> {
    let found = client.found().unwrap_or_default();
    let errors = client.remove_knowing(None);
    outcomes(found, errors)
}

/// Removes what a client has of which this process remembers the record, and says what that was.
pub(crate) fn remove_known(client: &HostEntries, record: Record) -> Vec<Removed> {
    let found = client.found_by(&record).unwrap_or_default();
    let errors = client.remove_knowing(Some(record));
    outcomes(found, errors)
}

fn outcomes(found: Vec<String>, errors: Vec<CleanupError>) -> Vec<Removed> {
    let mut removed: Vec<Removed> = found
        .into_iter()
        .filter(|what| errors.iter().all(|error| error.what != *what))
        .map(|what| Removed {
            what,
            outcome: Ok(()),
        })
        .collect();
    removed.extend(errors.into_iter().map(failure));
    removed
}

fn failure(error: CleanupError) -> Removed {
    Removed {
        what: error.what.clone(),
        outcome: Err(error),
    }
}
