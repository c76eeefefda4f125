//! What keeps a namespace alive after its name is gone: a process that lives in it, an open descriptor, a mount, or a
//! socket that somebody holds elsewhere.
//!
//! A process is found by looking at all of them. For the rest the kernel itself is asked: a namespace has a number in the
//! one that the herd was made from (nsid, `rtnetlink(7)`), by which it is found as long as anything at all keeps it, and
//! by which its link is deleted without an entrance.

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

/// A namespace that should be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    pub record: Record,
    /// The number that it has in the namespace that the herd was made from (nsid), where that is known: an earlier run did
    /// not write it down, and then it is looked for by the MAC of its link.
    pub number: Option<i32>,
}

/// What keeps a namespace of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pin {
    /// The namespace's inode.
    pub inode: u64,
    keeper: Keeper,
    /// Why the link is still there, if it is.
    link: Result<(), String>,
}

/// Who keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Keeper {
    /// A process that lives in it.
    Resident(Process),
    /// A process that has it open, or mounted in its mount namespace.
    Holder(Process),
    /// Nobody who could be found: a socket that was made in it, for instance.
    Unknown,
}

/// A process, by number and name (`/proc/PID/comm`).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Process {
    pid: u32,
    command: String,
}

impl Process {
    fn of(pid: u32) -> Self {
        let command = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        Self {
            pid,
            command: command.trim_end().to_owned(),
        }
    }
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "process {} ({})", self.pid, self.command)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let until = match &self.keeper {
            Keeper::Resident(process) => {
                write!(f, "{process} still runs in it; ")?;
                "the process ends"
            }
            Keeper::Holder(process) => {
                write!(f, "{process} still has it open or mounted; ")?;
                "that is closed or unmounted"
            }
            Keeper::Unknown => {
                f.write_str("a descriptor, a mount or a socket elsewhere keeps it; ")?;
                "that is closed"
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

/// Where a process lives.
pub(crate) struct Home {
    pub pid: u32,
    /// The way into its network namespace.
    pub path: PathBuf,
    /// That namespace's inode.
    pub inode: u64,
}

/// Finds those of these namespaces, by inode, that something keeps alive, one pin for each, and deletes the link in them,
/// so that its MAC is free again and nothing of ours stays on the LAN. The calling thread is in the namespace that the herd
/// was made from; nothing of this process holds the others any more.
///
/// Those that the kernel has not ended yet are waited for, `patience` at most.
pub(crate) fn find_and_unplug(namespaces: &HashMap<u64, Left>, patience: Duration) -> Vec<Pin> {
    let mut pins = find_residents(namespaces);
    let is_known = |inode: &u64| pins.iter().any(|pin| pin.inode == *inode);
    let others = namespaces.iter().filter(|(inode, _)| !is_known(inode));
    match find_kept(
        others.map(|(inode, left)| (*inode, *left)).collect(),
        patience,
    ) {
        Ok(kept) => pins.extend(kept),
        Err(error) => {
            tracing::warn!(%error, "the kernel cannot be asked which namespaces something still keeps");
        }
    }
    pins
}

/// Those that a process lives in.
fn find_residents(namespaces: &HashMap<u64, Left>) -> Vec<Pin> {
    let mut pins: Vec<Pin> = Vec::new();
    for Home { pid, path, inode } in inhabited() {
        let Some(Left { record, .. }) = namespaces.get(&inode) else {
            continue;
        };
        if pins.iter().any(|pin| pin.inode == inode) {
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
        pins.push(Pin {
            inode,
            keeper: Keeper::Resident(Process::of(pid)),
            link: unplugged
                .and_then(|done| done)
                .map_err(|error| error.to_string()),
        });
    }
    pins
}

/// Those that something else keeps, for good and not only until the kernel has let go of them.
fn find_kept(namespaces: Vec<(u64, Left)>, patience: Duration) -> io::Result<Vec<Pin>> {
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
    let mut pins = Vec::new();
    for Candidate { number, inode, mac } in candidates {
        // A number is another namespace's once ours is gone.
        let link = netlink.link_in(number, LINK_INDEX)?;
        if link.is_none_or(|link| mac_of(&link) != Some(mac)) {
            continue;
        }
        pins.push(Pin {
            inode,
            keeper: holder(inode),
            link: netlink
                .send_one(request::delete_link_in(number, LINK_INDEX))
                .map_err(|error| error.to_string()),
        });
    }
    Ok(pins)
}

/// Whether a namespace of that number is there still whose link was deleted.
pub(crate) fn is_kept(number: i32) -> bool {
    Netlink::open().is_ok_and(|mut netlink| {
        netlink.is_alive(number).unwrap_or(false)
            && matches!(netlink.link_in(number, LINK_INDEX), Ok(None))
    })
}

/// A namespace that may be one of ours.
struct Candidate {
    number: i32,
    inode: u64,
    mac: Mac,
}

/// The numbers of namespaces. Where one is not known, every namespace that has a number and a link of that MAC may be meant.
fn numbered(netlink: &mut Netlink, namespaces: Vec<(u64, Left)>) -> io::Result<Vec<Candidate>> {
    let mut candidates = Vec::new();
    let mut by_mac = HashMap::new();
    for (inode, Left { record, number }) in namespaces {
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
        // Gone, or not ours to look into.
        let Ok(Some(link)) = netlink.link_in(number, LINK_INDEX) else {
            continue;
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

/// Who has a namespace open or mounted, as far as we may look.
fn holder(inode: u64) -> Keeper {
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
        .map_or(Keeper::Unknown, |pid| Keeper::Holder(Process::of(pid)))
}

/// Where each process lives, as far as we may look.
pub(crate) fn inhabited() -> impl Iterator<Item = Home> {
    processes().filter_map(|pid| {
        let path = PathBuf::from(format!("/proc/{pid}/ns/net"));
        // Gone meanwhile, or somebody else's process that we may not look at.
        let inode = fs::metadata(&path).ok()?.ino();
        Some(Home { pid, path, inode })
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
