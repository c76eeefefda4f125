//! Network namespaces: making, entering and leaving them. The only home of `setns` and `unshare(CLONE_NEWNET)`.
//!
//! Thread model: a namespace belongs to a *thread*, not to the process. [`NetNs::create`] and [`NetNs::with`] change the
//! calling thread's namespace and change it back before they return, so they must run on a thread of their own, never
//! on one that a runtime shares among tasks across an await. A socket stays in the namespace it was opened in, whatever
//! thread uses it later; so entering is needed to open, and never to use. An open socket, or a thread left inside,
//! keeps a namespace alive.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sched::{CloneFlags, setns, unshare};

/// The calling thread's namespace. `/proc/net` and `/proc/self` would show the main thread's.
const OWN: &str = "/proc/thread-self/ns/net";

/// A reference to a network namespace, which lives at least as long.
#[derive(Debug)]
pub struct NetNs {
    fd: OwnedFd,
    inode: u64,
}

impl NetNs {
    /// The calling thread's namespace.
    pub fn current() -> io::Result<Self> {
        Self::open(Path::new(OWN))
    }

    /// The namespace bound at `path`, as `ip netns` leaves them in `/run/netns`.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let inode = file.metadata()?.ino();
        Ok(Self {
            fd: file.into(),
            inode,
        })
    }

    /// Makes a new namespace; the calling thread is home again when this returns.
    pub fn create() -> io::Result<Self> {
        let home = Self::current()?;
        unshare(CloneFlags::CLONE_NEWNET)?;
        let made = Self::current();
        home.enter()?;
        made
    }

    /// Moves the calling thread in, for good: for threads that live in one namespace.
    pub fn enter(&self) -> io::Result<()> {
        setns(&self.fd, CloneFlags::CLONE_NEWNET)?;
        Ok(())
    }

    /// Runs `work` inside, and returns home.
    pub fn with<R>(&self, work: impl FnOnce() -> R) -> io::Result<R> {
        let home = Self::current()?;
        self.enter()?;
        let result = work();
        home.enter()?;
        Ok(result)
    }

    /// The number that tells it from every other namespace alive on this host.
    pub fn inode(&self) -> u64 {
        self.inode
    }
}

/// Moves the calling process, which must have one thread, into a new network namespace and what `more` names, for good:
/// for a program that hides from the host before it starts.
pub fn isolate(more: CloneFlags) -> nix::Result<()> {
    unshare(CloneFlags::CLONE_NEWNET | more)
}

impl AsFd for NetNs {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for NetNs {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}
