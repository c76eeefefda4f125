//! A pool's folder under the state folder: the lock that says that the pool is alive, its manifest, a record and
//! the lease of each client.
//!
//! Whoever holds the lock owns the pool, its clients' records and leases, and whatever they describe. The kernel drops the lock
//! when the process dies, however it dies.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::libc;

use super::folder::{Folder, KeptFolder, Trust, Untrusted, absent_is_none};
use super::host_entries::{HostEntries, PoolFolders, cleanup};
use super::lease_record::{Clock, LeaseFile};
use super::parent_settings::ParentSettings;
use super::pool_manifest::PoolManifest;
use super::shared_dirs::lock_state;
use super::state_file;
use crate::config::Paths;
use crate::lan::CleanupError;
use lanherd_types::identity::PoolName;

/// The lock's name in the pool's folder; no namespace is called so, since theirs end in a digit.
pub(crate) const LOCK: &str = "lock";
/// The control socket's name there.
pub(crate) const CONTROL: &str = "control";
/// Marks the folder of a pool that lives in a lab: it has made nothing of the host's shared folders, and cannot undo
/// there what others made.
pub(crate) const LAB: &str = "lab";
/// The name of the file with the pool's manifest.
const MANIFEST: &str = "about";
/// The name of the file about a parent that was taken down on purpose; it is there while that lasts.
const TAKEN_DOWN: &str = "taken-down";
/// How often, and how long apart, a lock held by somebody is tried again: `find` holds it for an instant.
pub(crate) const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// Why a pool could not be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process runs it.
    #[error("the pool {pool} is alive{}; stop it, or choose another --pool name", process(.pid.as_ref()))]
    Alive {
        /// The pool's name.
        pool: String,
        /// The process, where the lock says so.
        pid: Option<u32>,
    },
    /// A folder is not this user's to work in.
    #[error(transparent)]
    Untrusted(Untrusted),
    /// Another process holds the state folder for longer than any lanherd does.
    #[error("{} is locked by another process (fuser {} shows which); end it", .path.display(), .path.display())]
    Busy {
        /// The state folder.
        path: PathBuf,
    },
    /// The folder or the lock cannot be used.
    #[error("{}: {error}{}", .path.display(), remedy(.error))]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What went wrong with it.
        error: io::Error,
    },
}

impl LockError {
    /// Makes a `LockError` of an error about `path`.
    pub(crate) fn about(path: impl Into<PathBuf>) -> impl Fn(io::Error) -> Self {
        let path = path.into();
        move |error| match Untrusted::of(&error) {
            Some(untrusted) => Self::Untrusted(untrusted.clone()),
            None => Self::Io {
                path: path.clone(),
                error,
            },
        }
    }
}

/// What to do about an error of a file in one of lanherd's folders; begins with a semicolon, or is empty.
pub(crate) fn remedy(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EACCES | libc::EPERM | libc::EROFS) => {
            "; run as root, or have root share the folder once, as \"Privileges\" in docs/packaging.md says"
        }
        Some(libc::ENOSPC | libc::EDQUOT) => {
            "; its file system is full: df and df -i show of what, space or inodes"
        }
        Some(libc::EMFILE | libc::ENFILE) => "; raise the limit of open files: ulimit -n",
        Some(libc::ENOTDIR) => "; it is no folder: remove it",
        Some(libc::ELOOP) => "; it is a link, and none is followed here: remove it",
        _ => "",
    }
}

fn process(pid: Option<&u32>) -> String {
    pid.map(|pid| format!(" in process {pid}"))
        .unwrap_or_default()
}

/// Where a pool's folder is; it is kept open from the first use on.
#[derive(Debug, Clone)]
pub(crate) struct PoolPath(Arc<PoolFolder>);

#[derive(Debug)]
struct PoolFolder {
    state: PathBuf,
    pool: String,
    kept: KeptFolder,
}

impl PoolPath {
    pub fn new(paths: &Paths, pool: &PoolName) -> Self {
        Self(Arc::new(PoolFolder {
            state: paths.state.clone(),
            pool: pool.as_str().to_owned(),
            kept: KeptFolder::new(paths.pool(pool), Trust::Own),
        }))
    }

    /// Its path, for messages to people.
    pub fn path(&self) -> &Path {
        self.0.kept.path()
    }

    /// Opens it to work in it.
    pub fn open(&self) -> io::Result<Arc<Folder>> {
        self.0
            .kept
            .get(|| self.open_anew(Trust::Shared, Trust::Own))
    }

    /// Opens it to work in it, if it exists.
    pub fn find(&self) -> io::Result<Option<Arc<Folder>>> {
        absent_is_none(self.open())
    }

    /// Opens it to look at it, whoever may change what is there.
    pub fn open_untrusted(&self) -> io::Result<Folder> {
        self.open_anew(Trust::Anybody, Trust::Anybody)
    }

    fn open_anew(&self, above: Trust, trust: Trust) -> io::Result<Folder> {
        Folder::open(&self.0.state, above)?.child(&self.0.pool, trust)
    }
}

/// A pool that this process owns, until this is dropped.
#[derive(Debug)]
pub(crate) struct PoolDir {
    paths: Paths,
    pool: PoolName,
    lock: Flock<File>,
}

impl PoolDir {
    /// Makes the folders where they are missing, and takes the lock. Where that fails nothing is there that was not there
    /// before.
    pub fn take(paths: &Paths, pool: &PoolName) -> Result<Self, LockError> {
        let shared = lock_state(paths)?;
        let path = PoolPath::new(paths, pool);
        let failed = LockError::about(path.path());
        let state = shared.folder();
        let is_new = state.make_folder(pool.as_str(), 0o700).map_err(&failed)?;
        let taken = Self::take_lock(&path).and_then(|lock| match lock {
            Some(lock) => Ok(lock),
            None => Err(alive(&path)),
        });
        match taken {
            Ok(lock) => Ok(Self {
                paths: paths.clone(),
                pool: pool.clone(),
                lock,
            }),
            Err(error) => {
                if is_new {
                    undo_take(state, pool);
                }
                shared.release_if_unused(paths);
                Err(error)
            }
        }
    }

    /// The lock with this process in it; `None` where another process has it.
    fn take_lock(path: &PoolPath) -> Result<Option<Flock<File>>, LockError> {
        let failed = LockError::about(path.path());
        let folder = path.open().map_err(&failed)?;
        let failed = LockError::about(folder.join(LOCK));
        let file = folder.open_or_create(LOCK, 0o600).map_err(&failed)?;
        let Locked::Ours(mut lock) =
            try_lock(file, FlockArg::LockExclusiveNonblock).map_err(&failed)?
        else {
            return Ok(None);
        };
        lock.set_len(0)
            .and_then(|()| write!(lock, "{}", std::process::id()))
            .map_err(&failed)?;
        Ok(Some(lock))
    }

    /// Whether the lock is still in the pool's folder: somebody may have removed it, and all else that was there.
    pub fn is_there(&self) -> io::Result<bool> {
        let Some(folder) = self.path().find()? else {
            return Ok(false);
        };
        let held = self.lock.metadata()?.ino();
        Ok(folder
            .look_at(LOCK)?
            .is_some_and(|found| found.st_ino == held))
    }

    fn path(&self) -> PoolPath {
        PoolPath::new(&self.paths, &self.pool)
    }

    /// The clients that have a record.
    pub fn clients(&self) -> io::Result<Vec<HostEntries>> {
        records(&self.paths, &self.pool)
    }

    /// The clients' leases that are written down.
    pub fn leases(&self) -> io::Result<Vec<LeaseFile>> {
        leases(&self.paths, &self.pool)
    }

    /// The clients' DHCPv6 leases that are written down.
    pub fn leases6(&self) -> io::Result<Vec<LeaseFile>> {
        leases6(&self.paths, &self.pool)
    }

    /// Reads the pool's manifest, if there is one; an error where that cannot be used.
    pub fn manifest(&self) -> io::Result<Option<PoolManifest>> {
        manifest(&self.paths, &self.pool)
    }

    /// Refuses a pool with a file that cannot be used.
    pub fn check_files(&self) -> io::Result<()> {
        check_files(&self.paths, &self.pool)
    }

    /// Writes the manifest of where the pool stands from now on.
    pub fn write_manifest(&self, manifest: &PoolManifest) -> io::Result<()> {
        let folder = self.path().open()?;
        state_file::replace(&folder, MANIFEST, manifest).map_err(|error| {
            let path = folder.join(MANIFEST);
            let words = format!("{}: {error}{}", path.display(), remedy(&error));
            io::Error::new(error.kind(), words)
        })
    }

    /// Reads the settings that the parent had before the pool took it down, if they are written down.
    pub fn taken_down(&self) -> io::Result<Option<ParentSettings>> {
        taken_down(&self.paths, &self.pool)
    }

    /// Writes down what the parent is like, before it is taken down.
    pub fn write_taken_down(&self, settings: &ParentSettings) -> io::Result<()> {
        let folder = self.path().open()?;
        state_file::replace(&folder, TAKEN_DOWN, settings)
    }

    /// Forgets the parent's settings, since it is up again.
    pub fn forget_taken_down(&self) -> io::Result<()> {
        match self.path().find()? {
            Some(folder) => state_file::remove(&folder, TAKEN_DOWN),
            None => Ok(()),
        }
    }

    /// Gives the pool up as it stands, for the next run or `lanherd clean`, unless nothing of it is left.
    pub fn leave(self) -> Vec<CleanupError> {
        let is_empty = |names: io::Result<Vec<String>>| names.is_ok_and(|names| names.is_empty());
        if is_empty(client_files(&self.paths, &self.pool)) {
            self.release()
        } else {
            Vec::new()
        }
    }

    /// Gives the pool up, and removes its folder and, after the last pool, what lanherd made of the shared folders.
    pub fn release(self) -> Vec<CleanupError> {
        let shared = match lock_state(&self.paths) {
            Ok(shared) => shared,
            Err(error) => {
                return vec![CleanupError {
                    what: self.paths.state.display().to_string(),
                    why: error.to_string(),
                }];
            }
        };
        let mut errors = Vec::new();
        let removed = self.remove_folder(shared.folder());
        errors.extend(removed.map_err(cleanup(self.path().path().display())).err());
        drop(self.lock);
        errors.extend(shared.restore_host(&self.paths));
        errors
    }

    fn remove_folder(&self, state: &Folder) -> io::Result<()> {
        let Some(folder) = state.find_child(self.pool.as_str(), Trust::Own)? else {
            return Ok(());
        };
        state_file::remove(&folder, MANIFEST)?;
        state_file::remove(&folder, TAKEN_DOWN)?;
        for name in [CONTROL, LAB, LOCK] {
            folder.remove(name)?;
        }
        state.remove_folder(self.pool.as_str())
    }
}

/// Removes the folder that was made for a pool which could not be taken.
fn undo_take(state: &Folder, pool: &PoolName) {
    let removed = state
        .child(pool.as_str(), Trust::Own)
        .and_then(|folder| folder.remove(LOCK))
        .and_then(|()| state.remove_folder(pool.as_str()));
    if let Err(error) = removed {
        let folder = state.join(pool.as_str());
        tracing::warn!(%error, "{} could not be removed", folder.display());
    }
}

/// The owner of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A living process, whose number the lock tells if it could be read.
    Alive(Option<u32>),
    /// Nobody holds the lock.
    Nobody,
}

/// Looks who has a pool, without taking it; also of other users' pools, as far as one may look.
pub(crate) fn owner(paths: &Paths, pool: &PoolName) -> io::Result<Owner> {
    let path = PoolPath::new(paths, pool);
    let Some(folder) = absent_is_none(path.open_untrusted())? else {
        return Ok(Owner::Nobody);
    };
    let Some(file) = folder.open_file(LOCK)? else {
        return Ok(Owner::Nobody);
    };
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Ok(_held) => Ok(Owner::Nobody),
        Err((_, nix::Error::EWOULDBLOCK)) => Ok(Owner::Alive(pid(&folder))),
        Err((_, error)) => Err(error.into()),
    }
}

/// The pools that have a folder. What else lies in the state folder, and whatever it is called, is no pool.
pub(crate) fn pools(paths: &Paths, trust: Trust) -> io::Result<Vec<PoolName>> {
    let Some(state) = Folder::find(&paths.state, trust)? else {
        return Ok(Vec::new());
    };
    pools_in(&state)
}

/// The same, of an open state folder.
pub(crate) fn pools_in(state: &Folder) -> io::Result<Vec<PoolName>> {
    let mut pools: Vec<PoolName> = Vec::new();
    for name in state.names()? {
        let Ok(pool) = name.parse() else { continue };
        let found = state.look_at(&name)?;
        if found.is_some_and(|found| found.st_mode & libc::S_IFMT == libc::S_IFDIR) {
            pools.push(pool);
        }
    }
    pools.sort();
    Ok(pools)
}

fn manifest(paths: &Paths, pool: &PoolName) -> io::Result<Option<PoolManifest>> {
    match PoolPath::new(paths, pool).find()? {
        Some(folder) => state_file::read(&folder, MANIFEST),
        None => Ok(None),
    }
}

/// Refuses a pool with a file that cannot be used, before anything is done by the others. A record that was cut short by a
/// kill is none of these: nothing else had been made.
pub(crate) fn check_files(paths: &Paths, pool: &PoolName) -> io::Result<()> {
    manifest(paths, pool)?;
    taken_down(paths, pool)?;
    for client in records(paths, pool)? {
        client.record()?;
    }
    let clock = Clock::now();
    for lease in leases(paths, pool)? {
        lease.read(clock)?;
    }
    for lease in leases6(paths, pool)? {
        lease.read6()?;
    }
    Ok(())
}

/// Reads the settings that the parent of a pool had before it was taken down, if they are written down.
pub(crate) fn taken_down(paths: &Paths, pool: &PoolName) -> io::Result<Option<ParentSettings>> {
    let Some(folder) = PoolPath::new(paths, pool).find()? else {
        return Ok(None);
    };
    state_file::read(&folder, TAKEN_DOWN)
}

/// The clients of a pool that have a record.
pub(crate) fn records(paths: &Paths, pool: &PoolName) -> io::Result<Vec<HostEntries>> {
    let mut names = client_files(paths, pool)?;
    names.retain(|name| lease_of(name).is_none());
    let folders = PoolFolders::new(paths, pool);
    let of_client = |name: &String| HostEntries::new(&folders, name);
    Ok(names.iter().map(of_client).collect())
}

/// The leases of a pool's clients that are written down; a draft alone counts as well, since it is to be removed.
pub(crate) fn leases(paths: &Paths, pool: &PoolName) -> io::Result<Vec<LeaseFile>> {
    lease_files(paths, pool, LeaseFile::EXTENSION, LeaseFile::new)
}

/// The same of their DHCPv6 leases.
pub(crate) fn leases6(paths: &Paths, pool: &PoolName) -> io::Result<Vec<LeaseFile>> {
    lease_files(paths, pool, LeaseFile::EXTENSION6, LeaseFile::of_ipv6)
}

fn lease_files(
    paths: &Paths,
    pool: &PoolName,
    extension: &str,
    file: impl Fn(&PoolPath, &str) -> LeaseFile,
) -> io::Result<Vec<LeaseFile>> {
    let path = PoolPath::new(paths, pool);
    let mut files: Vec<LeaseFile> = client_files(paths, pool)?
        .iter()
        .filter_map(|name| Some(file(&path, without_draft(name).strip_suffix(extension)?)))
        .collect();
    files.dedup_by(|one, other| one.namespace == other.namespace);
    Ok(files)
}

/// The namespace whose lease of either family, or its draft, is in the file of this name.
fn lease_of(name: &str) -> Option<&str> {
    let name = without_draft(name);
    name.strip_suffix(LeaseFile::EXTENSION)
        .or_else(|| name.strip_suffix(LeaseFile::EXTENSION6))
}

fn without_draft(name: &str) -> &str {
    name.strip_suffix(state_file::DRAFT).unwrap_or(name)
}

/// The files of a pool's folder that are about a client, in the order of the clients' numbers.
fn client_files(paths: &Paths, pool: &PoolName) -> io::Result<Vec<String>> {
    let Some(folder) = PoolPath::new(paths, pool).find()? else {
        return Ok(Vec::new());
    };
    let mut names = folder.names()?;
    names.retain(|name| {
        let is_of_the_pool = [CONTROL, LAB, LOCK].contains(&name.as_str());
        let name = name.strip_suffix(state_file::DRAFT).unwrap_or(name);
        !is_of_the_pool && ![MANIFEST, TAKEN_DOWN].contains(&name)
    });
    names.sort_by_key(|name| {
        let client = lease_of(name).unwrap_or(name);
        (client.len(), client.to_owned())
    });
    Ok(names)
}

enum Locked {
    Ours(Flock<File>),
    Theirs,
}

fn try_lock(mut file: File, how: FlockArg) -> io::Result<Locked> {
    for _ in 0..LOCK_TRIES {
        file = match Flock::lock(file, how) {
            Ok(lock) => return Ok(Locked::Ours(lock)),
            Err((file, nix::Error::EWOULDBLOCK)) => file,
            Err((_, error)) => return Err(error.into()),
        };
        thread::sleep(LOCK_PAUSE);
    }
    Ok(Locked::Theirs)
}

fn alive(path: &PoolPath) -> LockError {
    let folder = path.find().ok().flatten();
    LockError::Alive {
        pool: path.0.pool.clone(),
        pid: folder.and_then(|folder| pid(&folder)),
    }
}

fn pid(folder: &Folder) -> Option<u32> {
    let mut text = String::new();
    let lock = folder.open_file(LOCK).ok()??;
    lock.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
