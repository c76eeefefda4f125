//! The memory of this host, as far as clients may take it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// What clients leave to whatever else runs here, in bytes. Before the last of it is taken the kernel kills programs, often
/// whatever has taken most: on a machine of 512 MiB it did so while it called some 40 MiB available.
pub const KEPT: u64 = 64 * 1024 * 1024;
/// Whoever asks is told by a look that is no older: a herd that joins asks often, and takes a few MiB in that time.
const FRESH: Duration = Duration::from_millis(20);

/// Where the control groups of version 2 are, as systemd and container engines mount them, and where a process's stands (cgroups(7)).
const GROUPS: &str = "/sys/fs/cgroup";
const OWN_GROUP: &str = "/proc/self/cgroup";

/// The memory that this process can still take without swapping, in bytes: what the host has (`MemAvailable`, proc(5)), or what the
/// process's control groups leave it where that is less, as in a container; `None` where the kernel does not tell.
pub fn available() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let on_host = read(&meminfo)?;
    let group = fs::read_to_string(OWN_GROUP).ok();
    let in_group = group.and_then(|group| {
        let room = |file: &Path| fs::read_to_string(Path::new(GROUPS).join(file)).ok();
        room_in_groups(&group, room)
    });
    Some(in_group.map_or(on_host, |in_group| on_host.min(in_group)))
}

/// What is left of `memory.max` in the process's group and in those above it, in bytes. What the kernel has cached of files and would
/// give up is not counted as taken. `None`: none of them has a limit.
fn room_in_groups(own: &str, read: impl Fn(&Path) -> Option<String>) -> Option<u64> {
    let group = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let number = |path: PathBuf| read(&path)?.trim().parse::<u64>().ok();
    let room = |group: &Path| {
        let limit = number(group.join("memory.max"))?;
        let taken = number(group.join("memory.current"))?;
        let statistics = read(&group.join("memory.stat")).unwrap_or_default();
        let cached = statistics
            .lines()
            .find_map(|line| line.strip_prefix("inactive_file ")?.parse::<u64>().ok());
        Some(limit.saturating_sub(taken.saturating_sub(cached.unwrap_or_default())))
    };
    Path::new(group).ancestors().filter_map(room).min()
}

fn read(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Looks at the memory, no more often than it changes.
#[derive(Debug, Default)]
pub(crate) struct MemoryWatch {
    last: Mutex<Option<(Instant, Option<u64>)>>,
}

impl MemoryWatch {
    /// What is available, in bytes, where it is less than what clients leave to others.
    pub(crate) fn shortage(&self) -> Option<u64> {
        self.shortage_at(Instant::now(), available)
    }

    fn shortage_at(&self, now: Instant, look: impl FnOnce() -> Option<u64>) -> Option<u64> {
        let mut last = self.last.lock();
        let is_fresh = |at: Instant| now.saturating_duration_since(at) < FRESH;
        let (_, available) = *match &mut *last {
            Some(look) if is_fresh(look.0) => look,
            stale => stale.insert((now, look())),
        };
        available.filter(|available| *available < KEPT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_that_is_available_is_read_in_bytes() {
        let meminfo = "MemTotal:        8000 kB\nMemAvailable:    2048 kB\n";
        assert_eq!(read(meminfo), Some(2 * 1024 * 1024));
        assert_eq!(read("MemTotal: 8000 kB\n"), None);
        assert!(available().is_some_and(|bytes| bytes > KEPT));
    }

    #[test]
    fn a_control_group_leaves_what_it_and_those_above_it_have_not_taken() {
        let files = |files: &'static [(&str, &str)]| {
            move |path: &Path| {
                let found = files.iter().find(|(name, _)| path == Path::new(name));
                found.map(|(_, text)| (*text).to_owned())
            }
        };
        let own = "0::/a.slice/b.service\n";
        let groups = files(&[
            ("a.slice/b.service/memory.max", "max\n"),
            ("a.slice/b.service/memory.current", "50\n"),
            ("a.slice/memory.max", "1000\n"),
            ("a.slice/memory.current", "900\n"),
            ("a.slice/memory.stat", "anon 5\ninactive_file 300\n"),
        ]);
        assert_eq!(room_in_groups(own, groups), Some(400));
        assert_eq!(room_in_groups("0::/\n", groups), None);
        // A container sees its own group as the topmost.
        let container = files(&[("memory.max", "100"), ("memory.current", "120")]);
        assert_eq!(room_in_groups("0::/\n", container), Some(0));
        // Version 1.
        assert_eq!(room_in_groups("9:memory:/x\n", container), None);
    }

    #[test]
    fn what_is_less_than_what_is_kept_is_a_shortage_until_it_is_looked_again() {
        let (watch, now) = (MemoryWatch::default(), Instant::now());
        assert_eq!(watch.shortage_at(now, || Some(KEPT - 1)), Some(KEPT - 1));
        let soon = now + FRESH / 2;
        assert_eq!(watch.shortage_at(soon, || Some(KEPT)), Some(KEPT - 1));
        assert_eq!(watch.shortage_at(now + FRESH, || Some(KEPT)), None);
        assert_eq!(watch.shortage_at(now + FRESH * 2, || None), None);
    }
}
