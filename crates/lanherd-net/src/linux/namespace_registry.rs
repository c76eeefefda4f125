//! The registry of the namespaces that were made or taken over, each until the kernel has destroyed it: somebody else may
//! hold one.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use super::error::{Fate, Leak};
use crate::netlink::Netlink;
use crate::rundir::netns_holder::{self, AbandonedNamespace};
use crate::rundir::record::Record;

/// Below this many entries it is not checked which namespaces are gone.
const FEW: usize = 250;

/// How long the kernel is given to destroy a namespace that its client has left, before its holder is looked for.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// The registry of namespaces, by inode.
///
/// A namespace that its client has left is checked after [`GRACE`], and forgotten if it is gone. The others are forgotten
/// sooner or later, too: there are never more than twice as many entries as namespaces in use, or than [`FEW`].
#[derive(Default)]
pub(super) struct NamespaceRegistry(Mutex<Known>);

#[derive(Default)]
struct Known {
    by_inode: HashMap<u64, Entry>,
    /// The inode of the namespace that has each number (nsid).
    by_number: HashMap<i32, u64>,
    /// The inode of the namespace that each client is in now.
    by_name: HashMap<String, u64>,
    /// How many were in use when that was last checked.
    in_use: usize,
}

impl Known {
    fn forget(&mut self, inode: u64) {
        let Some(entry) = self.by_inode.remove(&inode) else {
            return;
        };
        if let Some(number) = entry.number
            && self.by_number.get(&number) == Some(&inode)
        {
            self.by_number.remove(&number);
        }
        if self.by_name.get(&entry.name) == Some(&inode) {
            self.by_name.remove(&entry.name);
        }
    }

    fn leave(&mut self, name: &str) {
        if let Some(inode) = self.by_name.remove(name)
            && let Some(entry) = self.by_inode.get_mut(&inode)
        {
            entry.left = Some(Instant::now());
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: String,
    record: Record,
    number: Option<i32>,
    /// When its client left it.
    left: Option<Instant>,
    /// Who holds the namespace, in words, where somebody does; its link is deleted then.
    holder: Option<String>,
}

impl Entry {
    fn as_abandoned(&self) -> AbandonedNamespace {
        AbandonedNamespace {
            record: self.record,
            number: self.number,
        }
    }
}

impl NamespaceRegistry {
    /// Adds a namespace that has this number (nsid) in the home namespace.
    pub fn add(&self, name: &str, record: Record, number: Option<i32>) {
        let mut known = self.0.lock();
        // An earlier namespace of that inode is gone, and so is one of that number.
        known.forget(record.inode);
        known.leave(name);
        if let Some(earlier) =
            number.and_then(|number| known.by_number.insert(number, record.inode))
            && let Some(entry) = known.by_inode.get_mut(&earlier)
        {
            entry.number = None;
        }
        let entry = Entry {
            name: name.to_owned(),
            record,
            number,
            left: None,
            holder: None,
        };
        known.by_name.insert(name.to_owned(), record.inode);
        known.by_inode.insert(record.inode, entry);
    }

    /// Adds a namespace that an earlier run has made and no client of this run has had.
    pub fn add_unused(&self, name: &str, record: Record) {
        let is_known = self.0.lock().by_inode.contains_key(&record.inode);
        if !is_known {
            self.add(name, record, None);
        }
    }

    /// Notes that the client of that name has left its namespace.
    pub fn leave(&self, name: &str) {
        self.0.lock().leave(name);
    }

    /// Whether a client has left its namespace so lately that [`NamespaceRegistry::look`] passes it over still.
    pub fn is_too_early_for_some(&self) -> bool {
        let known = self.0.lock();
        let left = known.by_inode.values().filter_map(|entry| entry.left);
        left.into_iter().any(|left| left.elapsed() < GRACE)
    }

    /// Checks the namespaces that were left some time ago: forgets those that are gone, deletes the link in those that
    /// somebody holds, and returns the latter, each once. Does not wait.
    pub fn look(&self, netlink: &mut Netlink) -> Vec<Leak> {
        let due: Vec<(u64, Entry)> = self
            .0
            .lock()
            .by_inode
            .iter()
            .filter(|(_, entry)| {
                let left = entry.left.filter(|left| left.elapsed() >= GRACE);
                entry.number.is_some() && left.is_some() && entry.holder.is_none()
            })
            .map(|(inode, entry)| (*inode, entry.clone()))
            .collect();
        let mut kept = HashMap::new();
        for (inode, entry) in due {
            let is_alive = entry.number.map(|number| netlink.is_alive(number));
            if let Some(Ok(false)) = is_alive {
                self.0.lock().forget(inode);
            } else {
                kept.insert(inode, entry);
            }
        }
        self.unplug(kept, Duration::ZERO)
    }

    /// Forgets the namespaces that are gone, once there are many entries; `netns` is the folder with the names of namespaces.
    pub fn tidy(&self, netns: &Path) {
        let all = {
            let known = self.0.lock();
            if known.by_inode.len() < FEW.max(2 * known.in_use) {
                return;
            }
            known.by_inode.clone()
        };
        let inhabited: HashSet<u64> = netns_holder::residents()
            .map(|resident| resident.inode)
            .collect();
        let is_gone = |inode: &u64, name: &str| {
            let is_bound = || match fs::metadata(netns.join(name)) {
                Ok(bound) => bound.ino() == *inode,
                Err(error) => error.kind() != io::ErrorKind::NotFound,
            };
            !inhabited.contains(inode) && !is_bound()
        };
        let gone: HashMap<_, _> = all
            .into_iter()
            // A namespace that somebody holds is remembered until the end.
            .filter(|(inode, entry)| entry.holder.is_none() && is_gone(inode, &entry.name))
            .collect();
        let mut known = self.0.lock();
        for (inode, entry) in gone {
            // An inode may be that of another namespace by now.
            if known.by_inode.get(&inode) == Some(&entry) {
                known.forget(inode);
            }
        }
        known.in_use = known.by_inode.len();
    }

    /// Deletes the links in namespaces that somebody else holds, and returns those namespaces. Waits for namespaces that are
    /// about to end, `patience` at most.
    pub fn unplug_held(&self, wanted: impl Fn(&Record) -> bool, patience: Duration) -> Vec<Leak> {
        let all = self.0.lock().by_inode.clone();
        self.unplug(
            all.into_iter()
                .filter(|(_, entry)| wanted(&entry.record))
                .collect(),
            patience,
        )
    }

    fn unplug(&self, mut wanted: HashMap<u64, Entry>, patience: Duration) -> Vec<Leak> {
        if wanted.is_empty() {
            return Vec::new();
        }
        let left = wanted
            .iter()
            .map(|(inode, entry)| (*inode, entry.as_abandoned()))
            .collect();
        let mut leaks = Vec::new();
        let mut leak = |name: &str, why: String| {
            leaks.push(Leak {
                what: format!("namespace {name}"),
                fate: Fate::Remains(why),
            });
        };
        for holder in netns_holder::find_and_unplug(&left, patience) {
            if let Some(entry) = wanted.remove(&holder.inode) {
                leak(&entry.name, holder.to_string());
                if let Some(entry) = self.0.lock().by_inode.get_mut(&holder.inode) {
                    entry.holder = Some(holder.to_string());
                }
            }
        }
        // What was found before has no link any more by which it would be found again.
        for (inode, entry) in wanted {
            let Some(holder) = entry.holder else { continue };
            match entry.number.map_or(Ok(false), netns_holder::is_held) {
                Ok(true) => leak(&entry.name, holder),
                Ok(false) => self.0.lock().forget(inode),
                Err(error) => {
                    let why = format!("{holder} (whether it still does cannot be told: {error})");
                    leak(&entry.name, why);
                }
            }
        }
        leaks
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lanherd_types::identity::Mac;

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
        let registry = NamespaceRegistry::default();
        let (bound, lived_in) = (inode("mnt"), inode("net"));
        registry.add("mnt", record(bound), None);
        registry.add("its-name-is-gone", record(lived_in), None);
        let mut most = 0;
        for client in 3..5_000_u32 {
            registry.add(&format!("ns{client}"), record(u64::from(client)), None);
            registry.tidy(Path::new(NETNS));
            most = most.max(registry.0.lock().by_inode.len());
        }
        assert!(most < FEW, "{most} at a time");
        assert!(registry.0.lock().by_inode.contains_key(&bound));
        assert!(registry.0.lock().by_inode.contains_key(&lived_in));
    }

    #[test]
    fn a_name_that_stands_for_another_namespace_by_now_keeps_nothing() {
        let registry = NamespaceRegistry::default();
        for other in 0..u64::try_from(FEW).expect("it fits") {
            registry.add("mnt", record(1 + other), None);
        }
        registry.tidy(Path::new(NETNS));
        assert_eq!(registry.0.lock().by_inode.len(), 0);
    }
}
