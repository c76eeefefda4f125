//! A pool's folder under the state folder: the lock that says that the pool is alive, a file about the pool, a record and
//! the lease of each client.
//!
//! Whoever holds the lock owns the pool, its clients' records and leases, and whatever they describe. The kernel drops the lock
//! when the process dies, however it dies.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};

use super::CleanupError;
use super::about::About;
use super::held::LeaseFile;
use super::names::{Names, Paths, cleanup};
use super::shared_dirs::{lock_state, restore_host};
use super::state_file::{self, absent_is_fine};
use crate::identity::PoolName;

/// The lock's name in the pool's folder; no namespace is called so, since theirs end in a digit.
pub(super) const LOCK: &str = "lock";
/// The control socket's name there.
pub(super) const CONTROL: &str = "control";
/// Marks the folder of a pool that lives in a lab: it has made nothing of the host's shared folders, and cannot undo
/// there what others made.
pub(super) const LAB: &str = "lab";
/// The name of the file about the pool.
const ABOUT: &str = "about";
/// How often, and how long apart, a lock held by somebody is tried again: `find` holds it for an instant.
pub(super) const LOCK_TRIES: u32 = 20;
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
    /// The folder or the lock cannot be used.
    #[error("{}: {error}; run as root, or make the folder once and give it to your user", .path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        error: io::Error,
    },
}

fn process(pid: Option<&u32>) -> String {
    pid.map(|pid| format!(" in process {pid}"))
        .unwrap_or_default()
}

/// A pool that this process owns, until this is dropped.
#[derive(Debug)]
pub(super) struct PoolDir {
    paths: Paths,
    pool: PoolName,
    lock: Flock<File>,
}

impl PoolDir {
    /// Makes the folders where they are missing, and takes the lock.
    pub fn take(paths: &Paths, pool: &PoolName) -> Result<Self, LockError> {
        let shared = lock_state(paths)?;
        let folder = paths.pool(pool);
        let failed = |error| LockError::Io {
            path: folder.clone(),
            error,
        };
        match DirBuilder::new().mode(0o700).create(&folder) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(failed(error)),
            Ok(()) | Err(_) => {}
        }
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(folder.join(LOCK))
            .map_err(failed)?;
        let mut lock = try_lock(file, FlockArg::LockExclusiveNonblock).map_err(failed)?;
        let Locked::Ours(held) = &mut lock else {
            return Err(alive(&folder));
        };
        held.set_len(0)
            .and_then(|()| write!(held, "{}", std::process::id()))
            .map_err(failed)?;
        drop(shared);
        match lock {
            Locked::Ours(lock) => Ok(Self {
                paths: paths.clone(),
                pool: pool.clone(),
                lock,
            }),
            Locked::Theirs => Err(alive(&folder)),
        }
    }

    /// The clients that have a record.
    pub fn clients(&self) -> io::Result<Vec<Names>> {
        records(&self.paths, &self.pool)
    }

    /// The clients' leases that are written down.
    pub fn leases(&self) -> io::Result<Vec<LeaseFile>> {
        leases(&self.paths, &self.pool)
    }

    /// What is written down of the pool, if there is a whole file.
    pub fn about(&self) -> io::Result<Option<About>> {
        let text = state_file::read(&self.paths.pool(&self.pool).join(ABOUT))?;
        Ok(text.and_then(|text| About::parse(&text)))
    }

    /// Writes down where the pool stands from now on.
    pub fn write_about(&self, about: &About) -> io::Result<()> {
        let path = self.paths.pool(&self.pool).join(ABOUT);
        state_file::replace(&path, &about.to_string())
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
        let folder = self.paths.pool(&self.pool);
        let mut errors = Vec::new();
        let removed = state_file::remove(&folder.join(ABOUT))
            .and_then(|()| {
                [CONTROL, LAB, LOCK]
                    .into_iter()
                    .try_for_each(|name| absent_is_fine(fs::remove_file(folder.join(name))))
            })
            .and_then(|()| absent_is_fine(fs::remove_dir(&folder)));
        errors.extend(removed.map_err(cleanup(folder.display())).err());
        drop(self.lock);
        errors.extend(restore_host(&self.paths));
        drop(shared);
        errors
    }
}

/// Who has a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// A living process, whose number the lock tells if it could be read.
    Alive(Option<u32>),
    /// Nobody.
    Nobody,
}

/// Looks who has a pool, without taking it.
pub(super) fn owner(paths: &Paths, pool: &PoolName) -> io::Result<Owner> {
    let folder = paths.pool(pool);
    let file = match File::open(folder.join(LOCK)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Owner::Nobody),
        Err(error) => return Err(error),
    };
    match Flock::lock(file, FlockArg::LockSharedNonblock) {
        Ok(_held) => Ok(Owner::Nobody),
        Err((_, nix::Error::EWOULDBLOCK)) => Ok(Owner::Alive(pid(&folder))),
        Err((_, error)) => Err(error.into()),
    }
}

/// The pools that have a folder.
pub(super) fn pools(paths: &Paths) -> io::Result<Vec<PoolName>> {
    let mut pools: Vec<PoolName> = names_in(&paths.state)?
        .iter()
        .filter_map(|name| name.parse().ok())
        .collect();
    pools.sort();
    Ok(pools)
}

/// The clients of a pool that have a record.
pub(super) fn records(paths: &Paths, pool: &PoolName) -> io::Result<Vec<Names>> {
    let mut names = client_files(paths, pool)?;
    names.retain(|name| lease_of(name).is_none());
    Ok(names
        .iter()
        .map(|name| Names::new(paths, pool, name))
        .collect())
}

/// The leases of a pool's clients that are written down; a draft alone counts as well, since it is to be removed.
pub(super) fn leases(paths: &Paths, pool: &PoolName) -> io::Result<Vec<LeaseFile>> {
    let folder = paths.pool(pool);
    let mut files: Vec<LeaseFile> = client_files(paths, pool)?
        .iter()
        .filter_map(|name| Some(LeaseFile::new(&folder, lease_of(name)?)))
        .collect();
    files.dedup_by(|one, other| one.namespace == other.namespace);
    Ok(files)
}

/// The namespace whose lease, or its draft, is in the file of this name.
fn lease_of(name: &str) -> Option<&str> {
    name.strip_suffix(state_file::DRAFT)
        .unwrap_or(name)
        .strip_suffix(LeaseFile::EXTENSION)
}

/// The files of a pool's folder that are about a client, in the order of the clients' numbers.
fn client_files(paths: &Paths, pool: &PoolName) -> io::Result<Vec<String>> {
    let mut names = names_in(&paths.pool(pool))?;
    names.retain(|name| {
        let is_of_the_pool = [CONTROL, LAB, LOCK].contains(&name.as_str());
        !is_of_the_pool && name.strip_suffix(state_file::DRAFT).unwrap_or(name) != ABOUT
    });
    names.sort_by_key(|name| {
        let client = lease_of(name).unwrap_or(name);
        (client.len(), client.to_owned())
    });
    Ok(names)
}

pub(super) fn names_in(folder: &Path) -> io::Result<Vec<String>> {
    match fs::read_dir(folder) {
        Ok(entries) => entries
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect(),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    }
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

fn alive(folder: &Path) -> LockError {
    LockError::Alive {
        pool: folder
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned(),
        pid: pid(folder),
    }
}

fn pid(folder: &Path) -> Option<u32> {
    let mut text = String::new();
    File::open(folder.join(LOCK))
        .ok()?
        .take(16)
        .read_to_string(&mut text)
        .ok()?;
    text.trim().parse().ok()
}
