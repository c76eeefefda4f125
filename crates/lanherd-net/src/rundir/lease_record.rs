//! The record of a lease that a client holds: enough to give the lease back in the client's name, or to ask for it again,
//! after the process was killed.
//!
//! Its file stands beside the record of the client's namespace and outlives it: between two lives a client has no
//! namespace, and holds its lease all the same. It is put in place as a whole before the address is set, and removed when the lease is given back
//! or has ended.

pub(super) mod stored;

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::folder::Folder;
use super::pool_files::PoolPath;
use super::state_file::{self, Unusable};
use lanherd_dhcp::{Config, Lease, Lifetime, Message, Transmit, code};
use lanherd_types::identity::Mac;
use stored::StoredLease;

/// One instant on both clocks: leases are timed by the one that nobody sets, files by the one that outlives a process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    pub instant: Instant,
    pub wall: SystemTime,
}

impl Clock {
    /// The present moment.
    pub fn now() -> Self {
        Self {
            instant: Instant::now(),
            wall: SystemTime::now(),
        }
    }
}

/// A client's lease, and what else the RELEASE of it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeaseRecord {
    /// The client's MAC.
    pub mac: Mac,
    /// The MAC from which the server's last message came, where one came.
    pub server: Option<Mac>,
    /// The value of the client's option 61, if it has one.
    pub client_id: Option<Vec<u8>>,
    /// Whether it has been requested only: the server may have granted it, and of what it grants no more is known than the
    /// address.
    pub is_requested: bool,
    pub lease: Lease,
}

impl LeaseRecord {
    /// The lease that a REQUEST asks for which answers an offer (RFC 2131, table 5: with options 50 and 54); `None` where
    /// it is another one, which asks for a lease that is written down already.
    pub fn requested(mac: Mac, server: Option<Mac>, request: &Message) -> Option<Self> {
        let options = &request.options;
        let address = |code| <[u8; 4]>::try_from(options.get(code)?.as_ref()).ok();
        let requested = address(code::REQUESTED_ADDRESS)?;
        let server_id = address(code::SERVER_ID)?;
        Some(Self {
            mac,
            server,
            client_id: options.get(code::CLIENT_ID).map(Cow::into_owned),
            is_requested: true,
            lease: Lease {
                address: requested.into(),
                prefix_len: 32,
                server_id: server_id.into(),
                routers: Vec::new(),
                routes: Vec::new(),
                dns: Vec::new(),
                domain: None,
                search: Vec::new(),
                mtu: None,
                lifetime: Lifetime::Infinite,
                requested_at: Instant::now(),
            },
        })
    }

    /// Whether the server may have given the address to somebody else by now.
    pub fn is_expired(&self, clock: Clock) -> bool {
        self.lease
            .expires_at()
            .is_some_and(|end| end <= clock.instant)
    }

    /// The RELEASE (RFC 2131, table 5), under the client identifier with which the lease was won (3.1(6)).
    pub fn release(&self, rng: &mut fastrand::Rng) -> Transmit {
        let mut transmit = Config::new(self.mac).release_of(&self.lease, rng);
        let options = &mut transmit.message.options;
        options.remove(code::CLIENT_ID);
        if let Some(client_id) = &self.client_id {
            options.push(code::CLIENT_ID, client_id.as_slice());
        }
        transmit
    }
}

/// The file with a client's lease.
#[derive(Debug, Clone)]
pub(crate) struct LeaseFile {
    /// The client's namespace.
    pub namespace: String,
    pool: PoolPath,
    name: String,
}

impl LeaseFile {
    /// The end of the file's name; no namespace is called so, since theirs end in a digit.
    pub const EXTENSION: &'static str = ".lease";

    /// The end of the name of the file with a DHCPv6 lease.
    pub const EXTENSION6: &'static str = ".lease6";

    /// In the folder of its pool.
    pub fn new(pool: &PoolPath, namespace: &str) -> Self {
        Self::with(pool, namespace, Self::EXTENSION)
    }

    /// That of the DHCPv6 lease.
    pub fn of_ipv6(pool: &PoolPath, namespace: &str) -> Self {
        Self::with(pool, namespace, Self::EXTENSION6)
    }

    fn with(pool: &PoolPath, namespace: &str, extension: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            pool: pool.clone(),
            name: format!("{namespace}{extension}"),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn folder(&self) -> io::Result<Option<Arc<Folder>>> {
        self.pool.find()
    }

    pub(super) fn open_folder(&self) -> io::Result<Arc<Folder>> {
        self.pool.open()
    }

    /// The lease, if there is a file; an error where that cannot be used.
    pub fn read(&self, clock: Clock) -> io::Result<Option<LeaseRecord>> {
        let Some(folder) = self.pool.find()? else {
            return Ok(None);
        };
        let convert = |stored: StoredLease| stored.into_record(clock);
        state_file::read_as(&folder, &self.name, convert)
    }

    /// Whether there is a file that can be used.
    pub fn is_whole(&self) -> io::Result<bool> {
        match self.read(Clock::now()) {
            Ok(held) => Ok(held.is_some()),
            Err(error) if Unusable::of(&error).is_some() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes the lease down in place of an earlier one.
    pub fn write(&self, held: &LeaseRecord, clock: Clock) -> io::Result<()> {
        state_file::replace(
            &*self.pool.open()?,
            &self.name,
            &StoredLease::of(held, clock),
        )
    }

    /// Forgets the lease: it was given back, or has ended.
    pub fn remove(&self) -> io::Result<()> {
        match self.pool.find()? {
            Some(folder) => state_file::remove(&folder, &self.name),
            None => Ok(()),
        }
    }

    /// Its path, for messages to people.
    pub fn path(&self) -> PathBuf {
        self.pool.path().join(&self.name)
    }
}

#[cfg(test)]
mod tests;
