//! Who holds a namespace after its name is gone: a process that lives in it, an open descriptor, a mount, or a socket that
//! somebody has elsewhere.
//!
//! A process is found by looking at all of them. For the other holders the kernel itself is asked: a namespace has a number
//! in the namespace that the herd was made from (nsid, `rtnetlink(7)`). By that number it is found as long as anything at
//! all holds it, and its link is deleted without entering it.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use netlink_packet_route::link::{LinkAttribute, LinkMessage};

use super::record::Record;
use crate::config::{LINK, LINK_INDEX};
use crate::netlink::{Netlink, request};
use crate::netns::NetNs;
use lanherd_types::identity::Mac;

/// How long the kernel may take to end namespaces that nothing keeps: it lets go of the sockets that were in them after a
/// grace period.
pub(crate) const ENDING: Duration = Duration::from_secs(5);
const ENDING_PAUSE: Duration = Duration::from_millis(20);

/// A namespace that its client has left, and that should be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AbandonedNamespace {
    pub record: Record,
    /// The number that it has in the namespace that the herd was made from (nsid), where that is known: an earlier run did
    /// not write it down, and then it is looked for by the MAC of its link.
    pub number: Option<i32>,
}

/// The holder of a namespace that lanherd has made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NetnsHolder {
    /// The namespace's inode.
    pub inode: u64,
    kind: HolderKind,
    /// The deletion of the link, or why it failed.
    link: Result<(), String>,
}

/// How a namespace is held.
#[derive(Debug, Clone, PartialEq, Eq)]
enum HolderKind {
    /// By a process that lives in it.
    Resident(ProcessInfo),
    /// By a process that has it open, or mounted in its mount namespace.
    Descriptor(ProcessInfo),
    /// By something that could not be found: a socket that was made in it, for instance.
    Unknown,
    /// It could not be asked whether it is held at all, for this reason.
    Unasked(String),
}

/// A process, by number and name (`/proc/PID/comm`).
#[derive(Debug, Clone, PartialEq, Eq)]
struct ProcessInfo {
    pid: u32,
    command: String,
}

impl ProcessInfo {
    fn of(pid: u32) -> Self {
        let command = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        Self {
            pid,
            command: command.trim_end().to_owned(),
        }
    }
}

impl fmt::Display for ProcessInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({})", self.pid, self.command)
    }
}

impl NetnsHolder {
    fn unasked(inode: u64, error: &io::Error) -> Self {
        Self {
            inode,
            kind: HolderKind::Unasked(error.to_string()),
            link: Err(error.to_string()),
        }
    }
}

impl fmt::Display for NetnsHolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = match &self.kind {
            HolderKind::Resident(process) => {
                write!(f, "{process} still runs in it; ")?;
                "the process ends"
            }
            HolderKind::Descriptor(process) => {
                write!(f, "{process} still has it open or mounted; ")?;
                "that is closed or unmounted"
            }
            HolderKind::Unknown => {
                f.write_str("a descriptor, a mount or a socket elsewhere keeps it; ")?;
                "that is closed"
            }
            HolderKind::Unasked(why) => {
                return write!(f, "whether anything still keeps it cannot be told: {why}");
            }
        };
        match &self.link {
            Ok(()) => write!(f, "its link is deleted, the rest goes when {until}"),
            Err(why) => write!(
                f,
                "its link {LINK} could not be deleted, and may still answer on the LAN: {why}"
            ),
        }
    }
}

/// A process, and the network namespace that it lives in.
pub(crate) struct Resident {
    pub pid: u32,
    /// The way into its network namespace.
    pub path: PathBuf,
    /// That namespace's inode.
    pub inode: u64,
}

/// Finds those of these namespaces, by inode, that somebody holds, one holder for each, and deletes the link in them, so
/// that its MAC is free again and nothing of ours stays on the LAN. The calling thread is in the namespace that the herd was
/// made from; this process itself holds none of the others any more.
///
/// Waits for namespaces that the kernel has not destroyed yet, `patience` at most.
pub(crate) fn find_and_unplug(
    namespaces: &HashMap<u64, AbandonedNamespace>,
    patience: Duration,
) -> Vec<NetnsHolder> {
    let mut holders = find_residents(namespaces);
    let is_known = |inode: &u64| holders.iter().any(|holder| holder.inode == *inode);
    let others: Vec<_> = namespaces
        .iter()
        .filter(|(inode, _)| !is_known(inode))
        .map(|(inode, left)| (*inode, *left))
        .collect();
    let inodes: Vec<u64> = others.iter().map(|(inode, _)| *inode).collect();
    holders.extend(or_unasked(find_held(others, patience), &inodes));
    holders
}

/// The holders that were found; where the kernel could not be asked any of the namespaces may be held.
fn or_unasked(found: io::Result<Vec<NetnsHolder>>, inodes: &[u64]) -> Vec<NetnsHolder> {
    found.unwrap_or_else(|error| {
        let unasked = |inode: &u64| NetnsHolder::unasked(*inode, &error);
        inodes.iter().map(unasked).collect()
    })
}

/// Finds the namespaces that a process lives in.
fn find_residents(namespaces: &HashMap<u64, AbandonedNamespace>) -> Vec<NetnsHolder> {
    let mut holders: Vec<NetnsHolder> = Vec::new();
    for Resident { pid, path, inode } in residents() {
        let Some(AbandonedNamespace { record, .. }) = namespaces.get(&inode) else {
            continue;
        };
        if holders.iter().any(|holder| holder.inode == inode) {
            continue;
        }
        let Ok(namespace) = NetNs::open(&path) else {
            continue;
        };
        match record.is_of(&namespace) {
            Ok(true) => {}
            Ok(false) => continue,
            Err(error) => {
                tracing::warn!(%error, "whether process {pid} lives in a client's namespace cannot be told");
                continue;
            }
        }
        let unplugged = namespace.with(|| unplug(record.mac));
        holders.push(NetnsHolder {
            inode,
            kind: HolderKind::Resident(ProcessInfo::of(pid)),
            link: unplugged
                .and_then(|done| done)
                .map_err(|error| error.to_string()),
        });
    }
    holders
}

/// Finds the namespaces that are held otherwise, for good and not only until the kernel has let go of them.
fn find_held(
    namespaces: Vec<(u64, AbandonedNamespace)>,
    patience: Duration,
) -> io::Result<Vec<NetnsHolder>> {
    let mut netlink = Netlink::open()?;
    let mut candidates = numbered(&mut netlink, namespaces)?;
    let began = Instant::now();
    loop {
        // Asked without the lock that asking for a link takes: at first most are still about to end.
        let mut alive = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            if netlink.is_alive(candidate.number)? {
                alive.push(candidate);
            }
        }
        candidates = alive;
        if candidates.is_empty() || began.elapsed() >= patience {
            break;
        }
        thread::sleep(ENDING_PAUSE);
    }
    let mut holders = Vec::new();
    for Candidate { number, inode, mac } in candidates {
        match link_in(&mut netlink, number) {
            Ok(Some(link)) if mac_of(&link) == Some(mac) => {}
            // A number is another namespace's once ours is gone.
            Ok(_) => continue,
            Err(error) => {
                holders.push(NetnsHolder::unasked(inode, &error));
                continue;
            }
        }
        holders.push(NetnsHolder {
            inode,
            kind: who_has(inode),
            link: netlink
                .send_one(request::delete_link_in(number, LINK_INDEX))
                .map_err(|error| error.to_string()),
        });
    }
    Ok(holders)
}

/// Whether a namespace of that number, whose link was deleted, is still held.
pub(crate) fn is_held(number: i32) -> io::Result<bool> {
    let mut netlink = Netlink::open()?;
    Ok(netlink.is_alive(number)? && link_in(&mut netlink, number)?.is_none())
}

/// The client's link in the namespace of that number; `None` where there is none, or the namespace has ended.
fn link_in(netlink: &mut Netlink, number: i32) -> io::Result<Option<LinkMessage>> {
    match netlink.link_in(number, LINK_INDEX) {
        // Of one that has ended a moment ago the kernel says that its number is invalid.
        Err(error) if netlink.is_alive(number)? => Err(error),
        Err(_) => Ok(None),
        found => found,
    }
}

/// A namespace that may be one of ours.
struct Candidate {
    number: i32,
    inode: u64,
    mac: Mac,
}

/// The numbers of namespaces. Where one is not known, every namespace that has a number and a link of that MAC may be meant.
fn numbered(
    netlink: &mut Netlink,
    namespaces: Vec<(u64, AbandonedNamespace)>,
) -> io::Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    let mut by_mac = HashMap::new();
    for (inode, AbandonedNamespace { record, number }) in namespaces {
        let mac = record.mac;
        match number {
            Some(number) => candidates.push(Candidate { number, inode, mac }),
            None => drop(by_mac.insert(mac, inode)),
        }
    }
    if by_mac.is_empty() {
        return Ok(candidates);
    }
    for number in netlink.numbers()? {
        let link = match link_in(netlink, number) {
            Ok(Some(link)) => link,
            Ok(None) => continue,
            // Not ours to look into: those of our clients are.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => continue,
            Err(error) => return Err(error),
        };
        if let Some((mac, inode)) = mac_of(&link).and_then(|mac| by_mac.remove_entry(&mac)) {
            candidates.push(Candidate { number, inode, mac });
        }
    }
    Ok(candidates)
}

fn mac_of(link: &LinkMessage) -> Option<Mac> {
    link.attributes
        .iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::Address(address) => Some(Mac(address.as_slice().try_into().ok()?)),
            _ => None,
        })
}

/// Finds who has a namespace open or mounted, as far as this process may look.
fn who_has(inode: u64) -> HolderKind {
    let target = format!("net:[{inode}]");
    let nsfs = fs::metadata("/proc/thread-self/ns/net").map(|own| own.dev());
    // The number first: to ask for it costs little, and does not wait for a file system that has gone.
    let is_it = |pid: u32, descriptor: &OsStr| {
        let descriptor = descriptor.to_string_lossy();
        let about =
            fs::read_to_string(format!("/proc/{pid}/fdinfo/{descriptor}")).unwrap_or_default();
        let number = about.lines().find_map(|line| line.strip_prefix("ino:"));
        number.is_some_and(|number| number.trim().parse() == Ok(inode))
            && fs::metadata(format!("/proc/{pid}/fd/{descriptor}")).is_ok_and(|file| {
                file.ino() == inode && nsfs.as_ref().is_ok_and(|device| *device == file.dev())
            })
    };
    let has_open = |pid: u32| {
        let descriptors = fs::read_dir(format!("/proc/{pid}/fdinfo"));
        descriptors
            .into_iter()
            .flatten()
            .flatten()
            .any(|entry| is_it(pid, &entry.file_name()))
    };
    let has_mounted = |pid: u32| {
        let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default();
        mounts.contains(&*target)
    };
    processes()
        .find(|pid| has_open(*pid) || has_mounted(*pid))
        .map_or(HolderKind::Unknown, |pid| {
            HolderKind::Descriptor(ProcessInfo::of(pid))
        })
}

/// Returns the processes with the network namespace that each lives in, as far as this process may look.
pub(crate) fn residents() -> impl Iterator<Item = Resident> {
    processes().filter_map(|pid| {
        let path = PathBuf::from(format!("/proc/{pid}/ns/net"));
        // Gone meanwhile, or somebody else's process that we may not look at.
        let inode = fs::metadata(&path).ok()?.ino();
        Some(Resident { pid, path, inode })
    })
}

fn processes() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

/// Deletes our macvlan from the calling thread's namespace; nothing else that may be called so.
fn unplug(mac: Mac) -> io::Result<()> {
    let mut netlink = Netlink::open()?;
    let Some(link) = netlink.link(LINK)?.filter(|link| mac_of(link) == Some(mac)) else {
        return Ok(());
    };
    netlink
        .send_one(request::delete_link(link.header.index))
        .map_err(|error| io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_the_kernel_cannot_be_asked_every_namespace_may_be_held_and_the_reason_is_said() {
        let error = io::Error::from_raw_os_error(libc::ENOBUFS);
        let words = format!("whether anything still keeps it cannot be told: {error}");
        let holders = or_unasked(Err(error), &[7, 8]);
        let told: Vec<_> = holders
            .iter()
            .map(|holder| (holder.inode, holder.to_string()))
            .collect();
        assert_eq!(told, [(7, words.clone()), (8, words)]);
        assert_eq!(or_unasked(Ok(Vec::new()), &[7, 8]), []);
    }

    #[test]
    fn a_namespace_that_has_ended_has_no_link_and_is_no_error() {
        let mut netlink = Netlink::open().expect("a socket");
        // No namespace has so high a number.
        let number = i32::MAX - 7;
        netlink
            .link_in(number, LINK_INDEX)
            .expect_err("so says the kernel");
        assert!(matches!(link_in(&mut netlink, number), Ok(None)));
        assert!(matches!(is_held(number), Ok(false)));
    }
}
