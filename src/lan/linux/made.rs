//! The namespaces that were made or taken over, for as long as somebody else's process may live in one.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Fate, Leak};
use crate::lan::pins;
use crate::lan::record::Record;

/// Of so many it is not asked which are gone: that takes a look at every process of the host.
const FEW: usize = 250;

/// The namespaces, by inode.
///
/// A namespace that has lost its name and that no process lives in is forgotten, sooner or later: there are never more
/// than twice as many as are in use, or than [`FEW`].
#[derive(Default)]
pub(super) struct Made(Mutex<Known>);

#[derive(Default)]
struct Known {
    by_inode: HashMap<u64, (String, Record)>,
    /// How many were in use when that was looked at last.
    in_use: usize,
}

impl Made {
    pub fn add(&self, name: &str, record: Record) {
        let named = (name.to_owned(), record);
        self.known().by_inode.insert(record.inode, named);
    }

    /// Forgets those that are gone, once there are many; `netns` is the folder with the names of namespaces.
    pub fn tidy(&self, netns: &Path) {
        let known = {
            let known = self.known();
            if known.by_inode.len() < FEW.max(2 * known.in_use) {
                return;
            }
            known.by_inode.clone()
        };
        let inhabited: HashSet<u64> = pins::inhabited().map(|home| home.inode).collect();
        let is_gone = |inode: &u64, name: &str| {
            let is_bound =
                || fs::metadata(netns.join(name)).is_ok_and(|bound| bound.ino() == *inode);
            !inhabited.contains(inode) && !is_bound()
        };
        let gone: HashMap<_, _> = known
            .into_iter()
            .filter(|(inode, (name, _))| is_gone(inode, name))
            .collect();
        let mut known = self.known();
        // An inode may be that of another namespace by now.
        known
            .by_inode
            .retain(|inode, named| gone.get(inode) != Some(named));
        known.in_use = known.by_inode.len();
    }

    /// Takes the links out of namespaces that somebody else's processes keep alive, and says which.
    pub fn unplug_pinned(&self, wanted: impl Fn(&Record) -> bool) -> Vec<Leak> {
        let mut names = HashMap::new();
        let mut records = HashMap::new();
        for (inode, (name, record)) in &self.known().by_inode {
            if wanted(record) {
                names.insert(*inode, name.clone());
                records.insert(*inode, *record);
            }
        }
        if records.is_empty() {
            return Vec::new();
        }
        pins::find_and_unplug(&records)
            .into_iter()
            .filter_map(|pin| {
                let name = names.remove(&pin.inode)?;
                Some(Leak {
                    what: format!("namespace {name}"),
                    fate: Fate::Remains(pin.to_string()),
                })
            })
            .collect()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Mac;

    fn record(inode: u64) -> Record {
        Record {
            inode,
            cookie: Some(inode),
            mac: Mac([2, 0, 0, 0, 0, 7]),
        }
    }

    /// In place of the folder with the names: what is in it is bound to a namespace, too.
    const NETNS: &str = "/proc/self/ns";

    fn inode(name: &str) -> u64 {
        let path = Path::new(NETNS).join(name);
        fs::metadata(path).expect("it exists").ino()
    }

    #[test]
    fn churn_leaves_only_what_bears_its_name_or_is_lived_in() {
        let made = Made::default();
        let (bound, lived_in) = (inode("mnt"), inode("net"));
        made.add("mnt", record(bound));
        made.add("its-name-is-gone", record(lived_in));
        let mut most = 0;
        for client in 3..5_000_u32 {
            made.add(&format!("ns{client}"), record(u64::from(client)));
            made.tidy(Path::new(NETNS));
            most = most.max(made.known().by_inode.len());
        }
        assert!(most < FEW, "{most} at a time");
        assert!(made.known().by_inode.contains_key(&bound));
        assert!(made.known().by_inode.contains_key(&lived_in));
    }

    #[test]
    fn a_name_that_stands_for_another_namespace_by_now_keeps_nothing() {
        let made = Made::default();
        for other in 0..u64::try_from(FEW).expect("it fits") {
            made.add("mnt", record(1 + other));
        }
        made.tidy(Path::new(NETNS));
        assert_eq!(made.known().by_inode.len(), 0);
    }
}
