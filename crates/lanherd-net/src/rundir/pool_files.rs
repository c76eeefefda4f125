//! What stands in a pool's folder, for whoever looks: its manifest, a record and the leases of each client, and what a parent was
//! like that was taken down.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::libc;

use super::folder::{Folder, KeptFolder, Trust, absent_is_none};
use super::host_entries::{HostEntries, PoolFolders};
use super::lease_record::{Clock, LeaseFile};
use super::parent_settings::ParentSettings;
use super::pool_lock::LOCK;
use super::pool_manifest::PoolManifest;
use super::state_file;
use crate::config::Paths;
use lanherd_types::identity::PoolName;

/// The control socket's name there.
pub(crate) const CONTROL: &str = "control";
/// Marks the folder of a pool that lives in a lab: it has made nothing of the host's shared folders, and cannot undo
/// there what others made.
pub(crate) const LAB: &str = "lab";
/// The name of the file with the pool's manifest.
pub(super) const MANIFEST: &str = "about";
/// The name of the file about a parent that was taken down on purpose; it is there while that lasts.
pub(super) const TAKEN_DOWN: &str = "taken-down";

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

    /// The pool's name.
    pub fn pool(&self) -> &str {
        &self.0.pool
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

/// The manifest of a pool, if there is one.
pub(super) fn manifest(paths: &Paths, pool: &PoolName) -> io::Result<Option<PoolManifest>> {
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
pub(super) fn client_files(paths: &Paths, pool: &PoolName) -> io::Result<Vec<String>> {
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
