//! What the tester itself takes.

use std::{fs, io};

use nix::unistd::{SysconfVar, sysconf};

use crate::lan;

/// What this process takes of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Footprint {
    /// Resident memory in bytes.
    pub resident_bytes: u64,
    /// Open file descriptors.
    pub descriptors: u64,
}

impl Footprint {
    /// This process's, now; what the C library keeps of freed memory is given back before. Takes milliseconds.
    ///
    /// # Errors
    /// Only where `/proc` is not mounted.
    pub fn of_self() -> io::Result<Self> {
        lan::give_memory_back();
        // proc_pid_statm(5): size, resident, ... in pages.
        let statm = fs::read_to_string("/proc/self/statm")?;
        let pages: u64 = statm
            .split_whitespace()
            .nth(1)
            .and_then(|pages| pages.parse().ok())
            .ok_or_else(|| io::Error::other("/proc/self/statm cannot be read"))?;
        let page = sysconf(SysconfVar::PAGE_SIZE)?.and_then(|size| u64::try_from(size).ok());
        // The one through which they are listed is not counted.
        let descriptors = fs::read_dir("/proc/self/fd")?.count() as u64;
        Ok(Self {
            resident_bytes: pages * page.unwrap_or(4096),
            descriptors: descriptors.saturating_sub(1),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_and_descriptors_that_are_taken_are_seen() {
        let before = Footprint::of_self().expect("/proc");
        let memory = vec![1_u8; 64 << 20];
        let files: Vec<_> = (0..50)
            .map(|_| fs::File::open("/dev/null").expect("a file"))
            .collect();
        let after = Footprint::of_self().expect("/proc");
        // Other tests of this process take and give back, too.
        assert!(
            after.resident_bytes > before.resident_bytes + (32 << 20),
            "{before:?} {after:?}"
        );
        assert!(
            after.descriptors > before.descriptors + 20,
            "{before:?} {after:?}"
        );
        drop((memory, files));
    }
}
