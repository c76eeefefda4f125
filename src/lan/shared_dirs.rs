//! The host's folders that all pools share, and what lanherd changes about them.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use nix::fcntl::{Flock, FlockArg};
use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::CleanupError;
use super::names::{Paths, cleanup};
use super::pool_dir::{LAB, LOCK_TRIES, LockError, names_in, pools};
use super::state_file::absent_is_fine;

/// Makes the state folder and holds it against other pools that come or go at this instant.
pub(super) fn lock_state(paths: &Paths) -> Result<Flock<File>, LockError> {
    let failed = |error| LockError::Io {
        path: paths.state.clone(),
        error,
    };
    for _ in 0..LOCK_TRIES {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&paths.state)
            .map_err(failed)?;
        let folder = File::open(&paths.state).map_err(failed)?;
        let lock = Flock::lock(folder, FlockArg::LockExclusive)
            .map_err(|(_, error)| failed(error.into()))?;
        // Between opening and locking, the last pool may have removed the folder: then this lock protects nothing.
        let held = lock.metadata().map_err(failed)?.ino();
        if fs::metadata(&paths.state).is_ok_and(|there| there.ino() == held) {
            return Ok(lock);
        }
    }
    Err(failed(ErrorKind::WouldBlock.into()))
}

/// What lanherd changed about the shared folders, noted in the state folder *before* the change, so that the last pool
/// to leave can change it back, whichever process made the change.
#[derive(Debug, Clone, Copy)]
enum Change {
    /// The namespaces' folder was made.
    NetnsFolder,
    /// The namespaces' folder was bound on itself.
    NetnsMount,
    /// The resolvers' folder was made.
    ResolvFolder,
}

impl Change {
    /// In the order in which they are undone.
    const ALL: [Self; 3] = [Self::NetnsMount, Self::NetnsFolder, Self::ResolvFolder];

    /// The note's name; it holds a dot, which no pool's name does.
    const fn note(self) -> &'static str {
        match self {
            Self::NetnsFolder => "netns.folder",
            Self::NetnsMount => "netns.mount",
            Self::ResolvFolder => "resolv.folder",
        }
    }

    fn folder(self, paths: &Paths) -> &Path {
        match self {
            Self::NetnsFolder | Self::NetnsMount => &paths.netns,
            Self::ResolvFolder => &paths.resolv,
        }
    }

    fn make_note(self, paths: &Paths) -> io::Result<()> {
        File::create(paths.state.join(self.note())).map(drop)
    }

    fn undo(self, paths: &Paths) -> io::Result<()> {
        let folder = self.folder(paths);
        match self {
            Self::NetnsMount => match umount2(folder, MntFlags::MNT_DETACH) {
                Ok(()) | Err(nix::Error::EINVAL | nix::Error::ENOENT) => Ok(()),
                Err(error) => Err(error.into()),
            },
            Self::NetnsFolder | Self::ResolvFolder => absent_is_fine(fs::remove_dir(folder)),
        }
    }
}

/// Makes the shared folders ready, as `ip netns add` does with its own: bound on itself and shared, so that a namespace
/// bound there is seen, and unbound, in every mount namespace of the host.
pub(super) fn prepare_host(paths: &Paths) -> Result<(), LockError> {
    let _shared = lock_state(paths)?;
    make_folder(paths, Change::NetnsFolder)?;
    make_folder(paths, Change::ResolvFolder)?;
    let netns = paths.netns.as_path();
    let failed = |error: io::Error| LockError::Io {
        path: netns.to_owned(),
        error,
    };
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
    Change::NetnsMount.make_note(paths).map_err(failed)?;
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

fn make_folder(paths: &Paths, change: Change) -> Result<(), LockError> {
    let folder = change.folder(paths);
    if folder.is_dir() {
        return Ok(());
    }
    change
        .make_note(paths)
        .and_then(|()| DirBuilder::new().recursive(true).mode(0o755).create(folder))
        .map_err(|error| LockError::Io {
            path: folder.to_owned(),
            error,
        })
}

/// Undoes the noted changes if no pool is left; what others have come to use is left to them.
pub(super) fn restore_host(paths: &Paths) -> Vec<CleanupError> {
    match pools(paths) {
        Ok(pools) if pools.iter().all(|pool| paths.pool(pool).join(LAB).exists()) => {}
        Ok(_) => return Vec::new(),
        Err(error) => return vec![cleanup(paths.state.display())(error)],
    }
    let mut errors = Vec::new();
    for change in Change::ALL {
        let note = paths.state.join(change.note());
        let folder = change.folder(paths);
        if !note.exists() {
            continue;
        }
        let in_use = names_in(folder).is_ok_and(|names| !names.is_empty());
        let undone = if in_use { Ok(()) } else { change.undo(paths) };
        let forgotten = undone.and_then(|()| absent_is_fine(fs::remove_file(&note)));
        errors.extend(forgotten.map_err(cleanup(folder.display())).err());
    }
    if errors.is_empty() {
        match absent_is_fine(fs::remove_dir(&paths.state)) {
            // Made by somebody else for a user who may write in it but not remove it, or the sandbox's cover of it: it
            // stays, as it was. So it does while labs are in it.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::PermissionDenied
                        | ErrorKind::ResourceBusy
                        | ErrorKind::DirectoryNotEmpty
                ) => {}
            removed => errors.extend(removed.map_err(cleanup(paths.state.display())).err()),
        }
    }
    errors
}
