//! The lock in a pool's folder, which says that the pool is alive. The kernel drops it when the process dies, however it dies.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::libc;

use super::folder::{Folder, Untrusted, absent_is_none};
use super::pool_files::PoolPath;
use crate::config::Paths;
use lanherd_types::identity::PoolName;

/// The lock's name in the pool's folder; no namespace is called so, since theirs end in a digit.
pub(crate) const LOCK: &str = "lock";

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
        Some(libc::EACCES | libc::EPERM) => {
            "; run as root, or have root share the folder once, as \"Privileges\" in docs/packaging.md says"
        }
        Some(libc::EROFS) => {
            "; mount something there that can be written to (mount -t tmpfs none FOLDER)"
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

/// The lock with this process in it; `None` where another process has it.
pub(super) fn take_lock(path: &PoolPath) -> Result<Option<Flock<File>>, LockError> {
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

/// The pool of that folder is another process'.
pub(super) fn alive(path: &PoolPath) -> LockError {
    let folder = path.find().ok().flatten();
    LockError::Alive {
        pool: path.pool().to_owned(),
        pid: folder.and_then(|folder| pid(&folder)),
    }
}

fn pid(folder: &Folder) -> Option<u32> {
    let mut text = String::new();
    let lock = folder.open_file(LOCK).ok()??;
    lock.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}
