//! Processes that keep a namespace alive after its name is gone: a shell that somebody started in it, for instance.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use netlink_packet_route::link::LinkAttribute;

use super::linux::LINK;
use super::netlink::{Netlink, request};
use super::netns::NetNs;
use super::record::Record;
use crate::identity::Mac;

/// A process that lives in a namespace of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pin {
    /// The namespace's inode.
    pub inode: u64,
    /// The process.
    pub pid: u32,
    /// Its name (`/proc/PID/comm`).
    pub command: String,
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "process {} ({}) still runs in it; its link is deleted, the rest goes when the process ends",
            self.pid, self.command
        )
    }
}

/// Where a process lives.
pub(super) struct Home {
    pub pid: u32,
    /// The way into its network namespace.
    pub path: PathBuf,
    /// That namespace's inode.
    pub inode: u64,
}

/// Looks through all processes once, and returns those that live in one of these namespaces, one per namespace.
///
/// The link in such a namespace is deleted, so that its MAC is free again and nothing of ours stays on the LAN.
pub(super) fn find_and_unplug(namespaces: &HashMap<u64, Record>) -> Vec<Pin> {
    let mut pins: Vec<Pin> = Vec::new();
    for Home { pid, path, inode } in inhabited() {
        let Some(record) = namespaces.get(&inode) else {
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
        // Without the link nothing of ours is left in there, so that a failure is not worth more than the pin's report.
        let _ = namespace.with(|| unplug(record.mac));
        let command = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
        pins.push(Pin {
            inode,
            pid,
            command: command.trim_end().to_owned(),
        });
    }
    pins
}

/// Where each process lives, as far as we may look.
pub(super) fn inhabited() -> impl Iterator<Item = Home> {
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
fn unplug(mac: Mac) -> std::io::Result<()> {
    let mut netlink = Netlink::open()?;
    let Some(link) = netlink.link(LINK)? else {
        return Ok(());
    };
    let is_ours = link
        .attributes
        .iter()
        .any(|attribute| matches!(attribute, LinkAttribute::Address(address) if *address == mac.octets()));
    if is_ours {
        netlink
            .send_one(request::delete_link(link.header.index))
            .map_err(|error| std::io::Error::other(error.to_string()))?;
    }
    Ok(())
}
