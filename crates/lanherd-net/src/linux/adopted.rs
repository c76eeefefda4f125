//! What was taken over of a killed run, until its client has had it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io;

use super::error::{Fate, Leak};
use crate::rundir::lease_record::{Clock, LeaseFile, LeaseRecord};
use crate::rundir::lease6_record::Lease6Record;
use crate::rundir::leftovers;
use crate::rundir::pool_dir::PoolDir;
use lanherd_types::identity::Mac;

/// What a killed run left that was taken over, and no client of this run has had yet.
#[derive(Debug, Default)]
pub(super) struct Adopted {
    /// The namespaces, by name.
    pub namespaces: HashSet<String>,
    /// The leases, by MAC.
    pub leases: HashMap<Mac, LeaseRecord>,
    /// The DHCPv6 leases, by MAC.
    pub leases6: HashMap<Mac, Lease6Record>,
}

impl Adopted {
    /// What is left in a pool's folder once it has been cleared.
    pub fn read(folder: &PoolDir) -> io::Result<Self> {
        let clock = Clock::now();
        let mut adopted = Self::default();
        for client in folder.clients()? {
            adopted.namespaces.insert(client.namespace().to_owned());
        }
        for file in folder.leases()? {
            match file.read(clock)? {
                Some(held) => drop(adopted.leases.insert(held.mac, held)),
                None => file.remove()?,
            }
        }
        for file in folder.leases6()? {
            match file.read6()? {
                Some(held) => drop(adopted.leases6.insert(held.mac, held)),
                None => file.remove()?,
            }
        }
        Ok(adopted)
    }

    /// Whether there is a lease of the client with that MAC which it has not asked for yet.
    pub fn has_lease_of(&self, mac: Mac) -> bool {
        self.leases.contains_key(&mac) || self.leases6.contains_key(&mac)
    }

    /// Releases the leases that were never asked for again, and forgets those that are left of this run: their clients
    /// vanished on purpose, or could not say goodbye.
    ///
    /// Those of the clients in `kept` stay written down.
    pub fn end_leases(&self, folder: &PoolDir, kept: &BTreeSet<String>) -> Vec<Leak> {
        let is_unused = |held: &LeaseRecord| self.leases.contains_key(&held.mac);
        let is_unused6 = |held: &Lease6Record| self.leases6.contains_key(&held.mac);
        let is_ended = |file: &LeaseFile| !kept.contains(&file.namespace);
        let end = || {
            let (mut files, mut files6) = (folder.leases()?, folder.leases6()?);
            files.retain(is_ended);
            files6.retain(is_ended);
            let (mut leases, mut errors) = leftovers::end_leases(folder, &files, is_unused)?;
            let (more, more_errors) = leftovers::end_leases6(folder, &files6, is_unused6)?;
            leases.extend(more);
            errors.extend(more_errors);
            io::Result::Ok((leases, errors))
        };
        let (leases, errors) = match end() {
            Ok(ended) => ended,
            Err(error) => {
                return vec![Leak {
                    what: "the files of leases".to_owned(),
                    fate: Fate::Remains(error.to_string()),
                }];
            }
        };
        for lease in leases {
            if let Err(error) = lease.outcome {
                tracing::warn!(client = %lease.client, leased = %lease.leased, %error, "could not release a lease");
            }
        }
        errors.into_iter().map(Leak::from).collect()
    }
}
