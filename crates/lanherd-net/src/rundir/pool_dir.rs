//! A pool's folder under the state folder, held by the process that runs the pool.
//!
//! Whoever holds the lock owns the pool, its clients' records and leases, and whatever they describe. The kernel drops the lock
//! when the process dies, however it dies.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;

use nix::fcntl::Flock;

use super::entry_error::cleanup;
use super::folder::{Folder, Trust, inode};
use super::host_entries::HostEntries;
use super::lease_record::LeaseFile;
use super::parent_settings::ParentSettings;
use super::pool_files::{
    CONTROL, LAB, MANIFEST, PoolPath, TAKEN_DOWN, check_files, client_files, leases, leases6,
    manifest, records, taken_down,
};
use super::pool_lock::{LOCK, LockError, alive, remedy, take_lock};
use super::pool_manifest::PoolManifest;
use super::shared_dirs::lock_state;
use super::state_file;
use crate::config::Paths;
use crate::lan::CleanupError;
use lanherd_types::identity::PoolName;

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
        let taken = take_lock(&path).and_then(|lock| match lock {
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

    /// Whether the lock is still in the pool's folder: somebody may have removed it, and all else that was there.
    pub fn is_there(&self) -> io::Result<bool> {
        let Some(folder) = self.path().find()? else {
            return Ok(false);
        };
        let held = self.lock.metadata()?.ino();
        Ok(folder
            .look_at(LOCK)?
            .is_some_and(|found| inode(&found) == held))
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
