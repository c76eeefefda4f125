//! The namespaces that were made or taken over, until the kernel has ended them: something else may keep one.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::{Fate, Leak};
use crate::netlink::Netlink;
use crate::rundir::pins::{self, Left};
use crate::rundir::record::Record;

/// Of so many it is not asked which are gone.
const FEW: usize = 250;

/// How long the kernel is given to end a namespace that a client has left, before it is looked what keeps it.
pub(super) const GRACE: Duration = Duration::from_secs(2);

/// The namespaces, by inode.
///
/// One that its client has left is looked at after [`GRACE`], and forgotten if it is gone. Those that nobody has left are
/// forgotten sooner or later, too: there are never more than twice as many as are in use, or than [`FEW`].
#[derive(Default)]
pub(super) struct Made(Mutex<Known>);

#[derive(Default)]
struct Known {
    by_inode: HashMap<u64, Entry>,
    /// Whose each number is.
    by_number: HashMap<i32, u64>,
    /// Where each client is now.
    by_name: HashMap<String, u64>,
    /// How many were in use when that was looked at last.
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
    /// What keeps it, where something does; its link is deleted then.
    pin: Option<String>,
}

impl Entry {
    fn as_left(&self) -> Left {
        Left {
            record: self.record,
            number: self.number,
        }
    }
}

impl Made {
    /// Notes one that has this number (nsid) at home.
    pub fn add(&self, name: &str, record: Record, number: Option<i32>) {
        let mut known = self.known();
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
            pin: None,
        };
        known.by_name.insert(name.to_owned(), record.inode);
        known.by_inode.insert(record.inode, entry);
    }

    /// Notes one that an earlier run has made and nobody of this one has had.
    pub fn add_unused(&self, name: &str, record: Record) {
        let is_known = self.known().by_inode.contains_key(&record.inode);
        if !is_known {
            self.add(name, record, None);
        }
    }

    /// The client of that name has left its namespace.
    pub fn leave(&self, name: &str) {
        self.known().leave(name);
    }

    /// Whether a client has left its namespace so lately that [`Made::look`] passes it over still.
    pub fn is_too_early_for_some(&self) -> bool {
        let known = self.known();
        let left = known.by_inode.values().filter_map(|entry| entry.left);
        left.into_iter().any(|left| left.elapsed() < GRACE)
    }

    /// Looks at those that were left some time ago: forgets what is gone, takes the link out of what something keeps, and
    /// says which those are, once. Does not wait.
    pub fn look(&self, netlink: &mut Netlink) -> Vec<Leak> {
        let due: Vec<(u64, Entry)> = self
            .known()
            .by_inode
            .iter()
            .filter(|(_, entry)| {
                let left = entry.left.filter(|left| left.elapsed() >= GRACE);
                entry.number.is_some() && left.is_some() && entry.pin.is_none()
            })
            .map(|(inode, entry)| (*inode, entry.clone()))
            .collect();
        let mut kept = HashMap::new();
        for (inode, entry) in due {
            let is_alive = entry.number.map(|number| netlink.is_alive(number));
            if let Some(Ok(false)) = is_alive {
                self.known().forget(inode);
            } else {
                kept.insert(inode, entry);
            }
        }
        self.unplug(kept, Duration::ZERO)
    }

    /// Forgets those that are gone, once there are many; `netns` is the folder with the names of namespaces.
    pub fn tidy(&self, netns: &Path) {
        let all = {
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
        let gone: HashMap<_, _> = all
            .into_iter()
            // One that something keeps is remembered until the end.
            .filter(|(inode, entry)| entry.pin.is_none() && is_gone(inode, &entry.name))
            .collect();
        let mut known = self.known();
        for (inode, entry) in gone {
            // An inode may be that of another namespace by now.
            if known.by_inode.get(&inode) == Some(&entry) {
                known.forget(inode);
            }
        }
        known.in_use = known.by_inode.len();
    }

    /// Takes the links out of namespaces that something else keeps alive, and says which those are. Those that are about
    /// to end are waited for, `patience` at most.
    pub fn unplug_pinned(&self, wanted: impl Fn(&Record) -> bool, patience: Duration) -> Vec<Leak> {
        let all = self.known().by_inode.clone();
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
            .map(|(inode, entry)| (*inode, entry.as_left()))
            .collect();
        let mut leaks = Vec::new();
        let mut leak = |name: &str, why: String| {
            leaks.push(Leak {
                what: format!("namespace {name}"),
                fate: Fate::Remains(why),
            });
        };
        for pin in pins::find_and_unplug(&left, patience) {
            if let Some(entry) = wanted.remove(&pin.inode) {
                leak(&entry.name, pin.to_string());
                if let Some(entry) = self.known().by_inode.get_mut(&pin.inode) {
                    entry.pin = Some(pin.to_string());
                }
            }
        }
        // What was found before has no link any more by which it would be found again.
        for (inode, entry) in wanted {
            let Some(pin) = entry.pin else { continue };
            if entry.number.is_some_and(pins::is_kept) {
                leak(&entry.name, pin);
            } else {
                self.known().forget(inode);
            }
        }
        leaks
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        let made = Made::default();
        let (bound, lived_in) = (inode("mnt"), inode("net"));
        made.add("mnt", record(bound), None);
        made.add("its-name-is-gone", record(lived_in), None);
        let mut most = 0;
        for client in 3..5_000_u32 {
            made.add(&format!("ns{client}"), record(u64::from(client)), None);
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
            made.add("mnt", record(1 + other), None);
        }
        made.tidy(Path::new(NETNS));
        assert_eq!(made.known().by_inode.len(), 0);
    }
}
