//! A pool's control socket: where it lies, and how it comes and goes.
//!
//! It lies in the pool's folder, beside its lock and records; folder and socket are for the owner only. A pool in a lab
//! keeps its records in its sandbox, where nobody outside sees them. So [`ControlSocket::outside`] takes a folder on the
//! host *before* the sandbox is entered: its lock refuses a second process of that name, and its socket is reached from
//! the host. Afterwards its path means something else to this process, so all of it is removed through descriptors.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MntFlags, umount2};
use nix::sys::prctl;
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};

use super::entry_error::cleanup;
use super::folder::{Folder, Trust, inode};
use super::pool_dir::PoolDir;
use super::pool_files::{CONTROL, LAB, PoolPath};
use super::pool_lock::{LOCK, LockError};
use super::running_pools;
use super::shared_dirs::remove_note_of_empty;
use crate::config::Paths;
use crate::lan::CleanupError;
use lanherd_types::identity::PoolName;

/// Why a pool cannot be controlled.
#[derive(Debug, thiserror::Error)]
pub enum ControlSocketError {
    /// The pool could not be taken.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// A folder that others can write to, or that is theirs.
    #[error(
        "{} is no folder of your own with mode 0700; remove it, or set XDG_RUNTIME_DIR to a folder that only you can use",
        .0.display()
    )]
    NotPrivate(PathBuf),
    /// The socket could not be made.
    #[error("the control socket cannot be made in {}: {error}", .folder.display())]
    Io {
        /// The pool's folder.
        folder: PathBuf,
        /// What went wrong with it.
        #[source]
        error: io::Error,
    },
}

/// A socket that listens, and is not yet served. Dropping it removes what was made for it.
#[derive(Debug)]
pub struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
    folder: Arc<Folder>,
    /// The number of the socket's file.
    inode: u64,
    is_bound: bool,
    outside: Option<Box<Outside>>,
}

impl ControlSocket {
    /// Listens beside the records of a pool that this process has taken; what a killed one left there is replaced.
    pub fn beside(paths: &Paths, pool: &PoolName) -> Result<Self, ControlSocketError> {
        let socket = Self::listen(paths, pool)?;
        socket.folder.remove(LAB).map_err(failed(paths, pool))?;
        Ok(socket)
    }

    /// Takes the pool on the host's side, and listens there: for a process that will enter a sandbox.
    pub fn outside(pool: &PoolName) -> Result<Self, ControlSocketError> {
        let paths = running_pools::make_home()?;
        let taken = PoolDir::take(&paths, pool)?;
        let opened = hold(&paths, pool).and_then(|held| Ok((held, Self::listen(&paths, pool)?)));
        match opened {
            Ok(((state, above), mut socket)) => {
                socket.outside = Some(Box::new(Outside {
                    path: paths.pool(pool),
                    pool: pool.clone(),
                    state,
                    above,
                    taken,
                }));
                Ok(socket)
            }
            Err(error) => {
                for error in taken.release() {
                    tracing::warn!("{error}");
                }
                Err(error)
            }
        }
    }

    fn listen(paths: &Paths, pool: &PoolName) -> Result<Self, ControlSocketError> {
        let failed = failed(paths, pool);
        let_own_user_look().map_err(&failed)?;
        let folder = PoolPath::new(paths, pool).open().map_err(&failed)?;
        let listener = folder
            .descriptor()
            .set_permissions(Permissions::from_mode(0o700))
            .and_then(|()| bind(&folder))
            .map_err(&failed)?;
        let found = folder.look_at(CONTROL).map_err(&failed)?;
        Ok(Self {
            listener,
            path: folder.join(CONTROL),
            inode: found.as_ref().map(inode).unwrap_or_default(),
            folder,
            is_bound: true,
            outside: None,
        })
    }

    /// Where it lies on the host.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the socket's file is still there: somebody may have removed it, or the folder.
    pub fn is_there(&self) -> io::Result<bool> {
        let found = self.folder.look_at(CONTROL)?;
        Ok(found.is_some_and(|found| inode(&found) == self.inode))
    }

    /// A handle on the listening socket itself; it does not block.
    pub fn listener(&self) -> io::Result<UnixListener> {
        self.listener.try_clone()
    }

    /// Takes its name away, so that nobody finds it any more: before the pool's folder goes.
    pub fn unlink(&mut self) -> Result<(), CleanupError> {
        if !std::mem::take(&mut self.is_bound) {
            return Ok(());
        }
        self.folder
            .remove(CONTROL)
            .map_err(cleanup(self.path.display()))
    }

    /// Removes all that was made for it: after the LAN has been closed.
    pub fn close(mut self) -> Vec<CleanupError> {
        self.clean_up()
    }

    fn clean_up(&mut self) -> Vec<CleanupError> {
        let mut errors: Vec<CleanupError> = self.unlink().err().into_iter().collect();
        if let Some(outside) = self.outside.take() {
            let what = outside.path.clone();
            errors.extend(
                outside
                    .release(&self.folder)
                    .map_err(cleanup(what.display()))
                    .err(),
            );
        }
        errors
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        for error in self.clean_up() {
            tracing::warn!("{error}");
        }
    }
}

/// The folder of a pool that lives in a sandbox, on the host's side.
#[derive(Debug)]
struct Outside {
    path: PathBuf,
    pool: PoolName,
    /// The state folder.
    state: Folder,
    /// What the state folder lies in.
    above: File,
    /// The pool's folder, whose lock this process holds.
    taken: PoolDir,
}

impl Outside {
    /// Removes the folder and, after the last pool, the state folder; then anybody may take the pool.
    fn release(self, folder: &Folder) -> io::Result<()> {
        let shared = match self.state.descriptor().try_clone() {
            Ok(state) => Flock::lock(state, FlockArg::LockExclusive).ok(),
            Err(_) => None,
        };
        let removed = [LAB, LOCK]
            .into_iter()
            .try_for_each(|name| folder.remove(name))
            .and_then(|()| match self.state.remove_folder(self.pool.as_str()) {
                // What a killed run of that name on a real parent left: `lanherd clean` is to find it.
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(()),
                removed => removed,
            });
        let emptied = self.remove_state();
        drop(self.taken);
        drop(shared);
        removed.and(emptied)
    }

    fn remove_state(&self) -> io::Result<()> {
        if !remove_note_of_empty(&self.state)? {
            return Ok(());
        }
        let Some((state, name)) = self
            .path
            .parent()
            .and_then(|state| Some((state, state.file_name()?)))
        else {
            return Ok(());
        };
        let held = self
            .state
            .descriptor()
            .metadata()
            .map(|held| (held.dev(), held.ino()));
        let seen = fs::metadata(state).map(|seen| (seen.dev(), seen.ino()));
        if let (Ok(held), Ok(seen)) = (held, seen)
            && held != seen
        {
            // The sandbox has covered it, and a folder on which something is mounted cannot be removed. It is no mount
            // point where the sandbox has covered what it lies in.
            let _ = umount2(state, MntFlags::MNT_DETACH);
        }
        match unlinkat(&self.above, name, UnlinkatFlags::RemoveDir) {
            // Gone already; or other pools are in it.
            Err(Errno::ENOENT | Errno::ENOTEMPTY | Errno::EACCES | Errno::EPERM | Errno::EBUSY) => {
                Ok(())
            }
            removed => Ok(removed?),
        }
    }
}

/// Marks the folder of a pool that was taken as a lab's, and opens the folders above it, the nearest first.
fn hold(paths: &Paths, pool: &PoolName) -> Result<(Folder, File), ControlSocketError> {
    let open = || -> io::Result<(Folder, File)> {
        let state = Folder::open(&paths.state, Trust::Shared)?;
        let above = File::open(paths.state.parent().unwrap_or(Path::new("/")))?;
        state
            .child(pool.as_str(), Trust::Own)?
            .open_or_create(LAB, 0o600)?;
        Ok((state, above))
    };
    let held = open().map_err(failed(paths, pool))?;
    // Another pool's end may have taken the folder away since it was checked, and a stranger have made it anew.
    running_pools::check_home(paths)?;
    Ok(held)
}

/// Lets other processes of this user look at this one in `/proc`, as `lanherd exec` does for its namespaces. The kernel
/// forbids it where the program's file gives it capabilities (`PR_SET_DUMPABLE`, prctl(2)). What has fewer capabilities
/// than this process can still not trace it (ptrace(2), "Ptrace access mode checking").
fn let_own_user_look() -> io::Result<()> {
    if !geteuid().is_root() {
        prctl::set_dumpable(true)?;
    }
    Ok(())
}

/// The socket's name by way of the open folder: short enough for every folder (unix(7): 107 bytes), and not to be
/// exchanged for another on the way.
pub(crate) fn address(folder: &Folder) -> PathBuf {
    let descriptor = folder.descriptor().as_raw_fd();
    PathBuf::from(format!("/proc/self/fd/{descriptor}/{CONTROL}"))
}

/// Binds the socket in the pool's folder, which only the owner can enter; so nobody gets in before its own mode is set.
fn bind(folder: &Folder) -> io::Result<UnixListener> {
    folder.remove(CONTROL)?;
    let address = address(folder);
    let listener = UnixListener::bind(&address)?;
    fs::set_permissions(&address, Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn failed(paths: &Paths, pool: &PoolName) -> impl Fn(io::Error) -> ControlSocketError {
    let folder = paths.pool(pool);
    move |error| ControlSocketError::Io {
        folder: folder.clone(),
        error,
    }
}
