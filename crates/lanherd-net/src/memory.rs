//! The memory of this host, as far as clients may take it.

use std::fs;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// What clients leave to whatever else runs here, in bytes. Before the last of it is taken the kernel kills programs, often
/// whatever has taken most: on a machine of 512 MiB it did so while it called some 40 MiB available.
pub const KEPT: u64 = 64 * 1024 * 1024;
/// Whoever asks is told by a look that is no older: a herd that joins asks often, and takes a few MiB in that time.
const FRESH: Duration = Duration::from_millis(20);

/// The memory that programs can still take on this host without swapping, in bytes (`MemAvailable`, proc(5)); `None` where the
/// kernel does not tell.
pub fn available() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    read(&meminfo)
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
    fn what_is_less_than_what_is_kept_is_a_shortage_until_it_is_looked_again() {
        let (watch, now) = (MemoryWatch::default(), Instant::now());
        assert_eq!(watch.shortage_at(now, || Some(KEPT - 1)), Some(KEPT - 1));
        let soon = now + FRESH / 2;
        assert_eq!(watch.shortage_at(soon, || Some(KEPT)), Some(KEPT - 1));
        assert_eq!(watch.shortage_at(now + FRESH, || Some(KEPT)), None);
        assert_eq!(watch.shortage_at(now + FRESH * 2, || None), None);
    }
}
