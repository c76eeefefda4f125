//! The host's folders that all pools share, and what lanherd changes about them.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::thread;
use std::time::Duration;

use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{AccessFlags, eaccess, geteuid};

use super::entry_error::cleanup;
use super::folder::{Folder, Trust};
use super::pool_files::{LAB, pools_in};
use super::pool_lock::{LOCK_TRIES, LockError};
use crate::config::Paths;
use crate::lan::CleanupError;

/// How often, and how long apart, the state folder's lock is tried: ten seconds in all. Who has it does so for a few
/// system calls, unless the machine is very busy.
const STATE_TRIES: u32 = 1000;
const STATE_PAUSE: Duration = Duration::from_millis(10);

/// The state folder, held against other pools that come or go at this instant.
#[derive(Debug)]
pub(crate) struct StateLock {
    folder: Folder,
    _lock: Flock<fs::File>,
}

impl StateLock {
    /// The state folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Removes the state folder if it was made for a pool that could not be taken.
    pub fn release_if_unused(&self, paths: &Paths) {
        if let Err(error) = self.remove_state(paths) {
            tracing::warn!(%error, "{} could not be removed", paths.state.display());
        }
    }
}

/// Makes the state folder and holds it against other pools that come or go at this instant.
pub(crate) fn lock_state(paths: &Paths) -> Result<StateLock, LockError> {
    let failed = LockError::about(&paths.state);
    for _ in 0..LOCK_TRIES {
        let made = DirBuilder::new().mode(0o700).create(&paths.state);
        let is_new = match made {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => false,
            Err(error) => return Err(failed(error)),
        };
        // The last pool may have removed it already.
        let Some(folder) = Folder::find(&paths.state, Trust::Shared).map_err(&failed)? else {
            continue;
        };
        if is_new {
            Change::StateFolder.make_note(&folder).map_err(&failed)?;
        }
        let file = folder.descriptor().try_clone().map_err(&failed)?;
        let lock = wait_for_lock(file, paths)?;
        // Between opening and locking, the last pool may have removed the folder: then this lock protects nothing.
        let held = lock.metadata().map_err(&failed)?.ino();
        if fs::metadata(&paths.state).is_ok_and(|there| there.ino() == held) {
            return Ok(StateLock {
                folder,
                _lock: lock,
            });
        }
    }
    Err(failed(ErrorKind::WouldBlock.into()))
}

fn wait_for_lock(mut file: fs::File, paths: &Paths) -> Result<Flock<fs::File>, LockError> {
    for _ in 0..STATE_TRIES {
        file = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => return Ok(lock),
            Err((file, nix::Error::EWOULDBLOCK)) => file,
            Err((_, error)) => return Err(LockError::about(&paths.state)(error.into())),
        };
        thread::sleep(STATE_PAUSE);
    }
    Err(LockError::Busy {
        path: paths.state.clone(),
    })
}

/// What lanherd changed about the shared folders, noted in the state folder *before* the change, so that the last pool
/// to leave can change it back, whichever process made the change.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Change {
    /// The state folder was made.
    StateFolder,
    /// The namespaces' folder was made.
    NetnsFolder,
    /// The namespaces' folder was bound on itself.
    NetnsMount,
    /// The resolvers' folder was made.
    ResolvFolder,
}

impl Change {
    /// Those of the other folders, in the order in which they are undone.
    const OTHERS: [Self; 3] = [Self::NetnsMount, Self::NetnsFolder, Self::ResolvFolder];

    /// The note's name; it holds a dot, which no pool's name does.
    const fn note(self) -> &'static str {
        match self {
            Self::StateFolder => "state.folder",
            Self::NetnsFolder => "netns.folder",
            Self::NetnsMount => "netns.mount",
            Self::ResolvFolder => "resolv.folder",
        }
    }

    fn folder(self, paths: &Paths) -> &Path {
        match self {
            Self::StateFolder => &paths.state,
            Self::NetnsFolder | Self::NetnsMount => &paths.netns,
            Self::ResolvFolder => &paths.resolv,
        }
    }

    fn make_note(self, state: &Folder) -> io::Result<()> {
        state.open_or_create(self.note(), 0o600).map(drop)
    }

    /// Whether the change was made by lanherd: noted by root or by this user. What others note is theirs, but that the
    /// namespaces' folder was bound on itself may anybody say: where it is empty nothing is lost with that.
    fn is_noted(self, state: &Folder) -> io::Result<bool> {
        let note = state.look_at(self.note())?;
        Ok(note.is_some_and(|note| {
            let is_ours = note.st_uid == 0 || note.st_uid == geteuid().as_raw();
            is_ours || matches!(self, Self::NetnsMount)
        }))
    }

    fn undo(self, paths: &Paths) -> io::Result<()> {
        let folder = self.folder(paths);
        match self {
            Self::NetnsMount => {
                match umount2(folder, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
                    Ok(()) | Err(nix::Error::EINVAL | nix::Error::ENOENT) => Ok(()),
                    Err(error) => Err(error.into()),
                }
            }
            Self::StateFolder | Self::NetnsFolder | Self::ResolvFolder => remove_made(folder),
        }
    }
}

/// Removes an empty folder that lanherd made, unless somebody makes use of it by now or may not remove it.
fn remove_made(folder: &Path) -> io::Result<()> {
    match fs::remove_dir(folder) {
        // Others have something in it, have mounted something on it, or have made it theirs.
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound
                    | ErrorKind::PermissionDenied
                    | ErrorKind::ResourceBusy
                    | ErrorKind::DirectoryNotEmpty
            ) =>
        {
            Ok(())
        }
        removed => removed,
    }
}

/// Makes the shared folders ready, as `ip netns add` does with its own: bound on itself and shared, so that a namespace
/// bound there is seen, and unbound, in every mount namespace of the host.
pub(crate) fn prepare_host(paths: &Paths) -> Result<(), LockError> {
    let shared = lock_state(paths)?;
    make_folder(paths, shared.folder(), Change::NetnsFolder)?;
    if !resolvers_are_read_only(paths) {
        make_folder(paths, shared.folder(), Change::ResolvFolder)?;
    }
    let netns = paths.netns.as_path();
    let failed = LockError::about(netns);
    let share = || {
        mount(
            None::<&str>,
            netns,
            None::<&str>,
            MsFlags::MS_SHARED | MsFlags::MS_REC,
            None::<&str>,
        )
    };
    match share() {
        Ok(()) => return Ok(()),
        // Not a mount point yet.
        Err(nix::Error::EINVAL) => {}
        Err(error) => return Err(failed(error.into())),
    }
    Change::NetnsMount
        .make_note(shared.folder())
        .map_err(&failed)?;
    mount(
        Some(netns),
        netns,
        None::<&str>,
        MsFlags::MS_BIND | MsFlags::MS_REC,
        None::<&str>,
    )
    .and_then(|()| share())
    .map_err(|error| failed(error.into()))
}

/// Whether nothing can be written where resolver files stand: `/etc` of a systemd unit with `ProtectSystem=full`, or of an image whose
/// root is read-only. A herd does without these files; nobody but the programs that are run as a client reads them.
pub fn resolvers_are_read_only(paths: &Paths) -> bool {
    let existing = paths.resolv.ancestors().find(|folder| folder.exists());
    // The kernel says this before it says anything of rights (access(2)).
    existing.is_some_and(|folder| eaccess(folder, AccessFlags::W_OK) == Err(nix::Error::EROFS))
}

fn make_folder(paths: &Paths, state: &Folder, change: Change) -> Result<(), LockError> {
    let path = change.folder(paths);
    let failed = LockError::about(path);
    if Folder::find(path, Trust::Shared)
        .map_err(&failed)?
        .is_some()
    {
        return Ok(());
    }
    change
        .make_note(state)
        .and_then(|()| DirBuilder::new().recursive(true).mode(0o755).create(path))
        .map_err(failed)
}

impl StateLock {
    /// Undoes the noted changes if no pool is left; what others have come to use is left to them.
    pub fn restore_host(self, paths: &Paths) -> Vec<CleanupError> {
        let last = pools_in(&self.folder).and_then(|pools| {
            for pool in pools {
                if !self.is_lab(pool.as_str())? {
                    return Ok(false);
                }
            }
            Ok(true)
        });
        match last {
            Ok(true) => {}
            Ok(false) => return Vec::new(),
            Err(error) => return vec![cleanup(paths.state.display())(error)],
        }
        let mut errors = Vec::new();
        for change in Change::OTHERS {
            let undone = self.undo(change, paths);
            let folder = change.folder(paths);
            errors.extend(undone.map_err(cleanup(folder.display())).err());
        }
        if errors.is_empty() {
            let removed = self.remove_state(paths);
            errors.extend(removed.map_err(cleanup(paths.state.display())).err());
        }
        errors
    }

    fn is_lab(&self, pool: &str) -> io::Result<bool> {
        match self.folder.find_child(pool, Trust::Anybody) {
            Ok(Some(folder)) => Ok(folder.look_at(LAB)?.is_some()),
            Ok(None) => Ok(true),
            // Another user's, which may be any.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn undo(&self, change: Change, paths: &Paths) -> io::Result<()> {
        if !change.is_noted(&self.folder)? {
            return Ok(());
        }
        let in_use = match Folder::find(change.folder(paths), Trust::Shared)? {
            Some(folder) => !folder.names()?.is_empty(),
            None => false,
        };
        if !in_use {
            change.undo(paths)?;
        }
        self.folder.remove(change.note())
    }

    /// Removes the state folder if lanherd made it and nothing else is in it.
    fn remove_state(&self, paths: &Paths) -> io::Result<()> {
        if remove_note_of_empty(&self.folder)? {
            remove_made(&paths.state)?;
        }
        Ok(())
    }
}

/// Prepares the removal of a state folder: whether lanherd made it and nothing is in it any more.
pub(crate) fn remove_note_of_empty(state: &Folder) -> io::Result<bool> {
    let note = Change::StateFolder.note();
    let is_alone = state.names()?.iter().all(|name| name == note);
    if !is_alone || !Change::StateFolder.is_noted(state)? {
        return Ok(false);
    }
    state.remove(note)?;
    Ok(true)
}
