//! Whether the rest of the host sees what this process binds: a process may have mounts of its own.
//!
//! A service manager gives a unit its own mount namespace for many a setting that is about files only (systemd.exec(5):
//! `PrivateTmp=`, `ProtectSystem=`, `ProtectHome=`, …). Mounts of the host then come into it, and its own go nowhere: a client's
//! namespace that is bound there has a name for this process alone.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The mount namespaces of this process and of the first one.
const OWN: &str = "/proc/self/ns/mnt";
const FIRST: &str = "/proc/1/ns/mnt";
/// The mounts that this process sees (`proc_pid_mountinfo(5)`).
const MOUNTS: &str = "/proc/self/mountinfo";

/// Whether what this process binds in `folder` is seen by the host's other processes; `None` where that cannot be known.
pub fn is_seen_by_host(folder: &Path) -> Option<bool> {
    // Looking at the first process takes more rights than a herd needs.
    is_in_first().ok().or_else(|| {
        let mounts = fs::read_to_string(MOUNTS).ok()?;
        is_slave(&mounts, folder).then_some(false)
    })
}

fn is_in_first() -> io::Result<bool> {
    let (own, first) = (fs::metadata(OWN)?, fs::metadata(FIRST)?);
    Ok((own.dev(), own.ino()) == (first.dev(), first.ino()))
}

/// Whether the mount in which `folder` lies gets mounts from another namespace and gives it none: what `master:` says among its
/// optional fields, which a hyphen ends.
fn is_slave(mounts: &str, folder: &Path) -> bool {
    let fields = mounts.lines().filter_map(|line| {
        let (mount, _) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(4);
        let point = PathBuf::from(fields.next()?);
        Some((point, fields.any(|field| field.starts_with("master:"))))
    });
    fields
        .filter(|(point, _)| folder.starts_with(point))
        // Of two on one point the later one lies on top.
        .max_by_key(|(point, _)| point.components().count())
        .is_some_and(|(_, is_slave)| is_slave)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The mounts of a unit with `PrivateTmp=`, and those of a login beside it.
    const UNIT: &str = "\
        612 585 0:22 / / rw,relatime shared:310 master:1 - ext4 /dev/vda rw\n\
        619 612 0:25 / /run rw,nosuid shared:317 master:9 - tmpfs tmpfs rw\n\
        640 612 8:1 /tmp/a /tmp rw shared:400 - ext4 /dev/vda rw\n";
    const LOGIN: &str = "\
        22 1 0:22 / / rw,relatime shared:1 - ext4 /dev/vda rw\n\
        25 22 0:25 / /run rw,nosuid shared:9 - tmpfs tmpfs rw\n";

    #[test]
    fn mounts_that_only_come_in_are_told_by_the_mount_that_is_nearest_to_the_folder() {
        let netns = Path::new("/run/netns");
        assert!(is_slave(UNIT, netns));
        assert!(!is_slave(LOGIN, netns));
        assert!(!is_slave(UNIT, Path::new("/tmp/netns")));
        assert!(!is_slave("", netns));
        let bound = "700 619 0:25 /netns /run/netns rw shared:500 - tmpfs tmpfs rw\n";
        assert!(!is_slave(&format!("{UNIT}{bound}"), netns));
        let covered = "701 700 0:30 / /run/netns rw master:2 - tmpfs none rw\n";
        assert!(is_slave(&format!("{UNIT}{bound}{covered}"), netns));
        // A name of which the folder's is a continuation is no parent of it.
        let beside = "702 619 0:25 / /run/net rw master:2 - tmpfs none rw\n";
        assert!(!is_slave(&format!("{LOGIN}{beside}"), netns));
    }
}
