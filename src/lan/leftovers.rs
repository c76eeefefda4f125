//! What a killed run left on the host: found by its records, removed by name, and nothing else touched.
//!
//! To know a namespace for certain the calling thread enters it for an instant, so this is for threads that may do so:
//! not across an await of a shared runtime.

use std::collections::HashMap;
use std::io;

use super::CleanupError;
use super::names::{Names, Paths};
use super::pins;
use super::pool_dir::{LockError, Owner, PoolDir, owner, pools, records};
use crate::identity::PoolName;

/// A pool that has, or had, something on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolFound {
    /// The pool.
    pub pool: PoolName,
    /// What there is of it.
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
    /// Nobody runs it; each thing that it left, as a person would name it.
    Left(Vec<String>),
}

/// One thing that was to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removed {
    /// The thing: `namespace ns3`, `/etc/netns/ns3`.
    pub what: String,
    /// Why it is still there, if it is.
    pub outcome: Result<(), CleanupError>,
}

/// Looks for what pools, or one pool, left; changes nothing. Pools come in the order of their names.
pub fn find(paths: &Paths, pool: Option<&PoolName>) -> io::Result<Vec<PoolFound>> {
    let mut found = Vec::new();
    for candidate in pools(paths)? {
        if pool.is_some_and(|wanted| *wanted != candidate) {
            continue;
        }
        let state = match owner(paths, &candidate)? {
            Owner::Alive(pid) => PoolState::Alive { pid },
            Owner::Nobody => PoolState::Left(things(paths, &candidate)?),
        };
        found.push(PoolFound {
            pool: candidate,
            state,
        });
    }
    Ok(found)
}

fn things(paths: &Paths, pool: &PoolName) -> io::Result<Vec<String>> {
    let mut things = Vec::new();
    for client in records(paths, pool)? {
        things.extend(client.found()?);
    }
    things.push(paths.pool(pool).display().to_string());
    Ok(things)
}

/// Removes what a dead pool left, every step tried; [`LockError::Alive`] where it is not dead.
pub fn remove(paths: &Paths, pool: &PoolName) -> Result<Vec<Removed>, LockError> {
    if !paths.pool(pool).is_dir() {
        return Ok(Vec::new());
    }
    let folder = PoolDir::take(paths, pool)?;
    let mut removed = remove_clients(&folder).map_err(|error| LockError::Io {
        path: paths.pool(pool),
        error,
    })?;
    let what = paths.pool(pool).display().to_string();
    let errors = folder.release();
    if errors.is_empty() {
        removed.push(Removed {
            what,
            outcome: Ok(()),
        });
    }
    removed.extend(errors.into_iter().map(failure));
    Ok(removed)
}

/// Removes what the clients of a pool left; its folder and lock stay.
pub(super) fn remove_clients(folder: &PoolDir) -> io::Result<Vec<Removed>> {
    let mut removed = Vec::new();
    let mut namespaces = HashMap::new();
    let mut names = HashMap::new();
    for client in folder.clients()? {
        if let Some(record) = client.record()? {
            namespaces.insert(record.inode, record);
            names.insert(record.inode, client.to_string());
        }
        removed.extend(remove_client(&client));
    }
    if !namespaces.is_empty() {
        for pin in pins::find_and_unplug(&namespaces) {
            let what = names.remove(&pin.inode).unwrap_or_default();
            removed.push(failure(CleanupError {
                what,
                why: pin.to_string(),
            }));
        }
    }
    Ok(removed)
}

/// Removes what one client left, and says what that was.
pub(super) fn remove_client(client: &Names) -> Vec<Removed> {
    let found = client.found().unwrap_or_default();
    let errors = client.remove();
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
