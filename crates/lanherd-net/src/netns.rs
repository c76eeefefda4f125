//! Network namespaces: making, entering and leaving them. The only home of `setns` and `unshare(CLONE_NEWNET)`.
//!
//! Thread model: a namespace belongs to a *thread*, not to the process. [`Home`], [`NetNs::create`] and
//! [`NetNs::with`] change the calling thread's namespace and change it back before they return, so they must run on a
//! thread of their own, never on one that a runtime shares among tasks across an await. A socket stays in the namespace it was opened in, whatever
//! thread uses it later; so entering is needed to open, and never to use. An open socket, or a thread left inside,
//! keeps a namespace alive.

use std::fs::{File, OpenOptions, metadata};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::{OFlag, openat};
use nix::sched::{CloneFlags, setns, unshare};
use nix::sys::stat::Mode;

/// The calling thread's namespace. `/proc/net` and `/proc/self` would show the main thread's.
const OWN: &str = "/proc/thread-self/ns/net";

/// The namespace of a thread that visits others. It is kept because looking one's own namespace up costs more than
/// going there.
#[derive(Debug)]
pub struct Home(NetNs);

impl Home {
    /// The calling thread's namespace.
    pub fn here() -> io::Result<Self> {
        NetNs::current().map(Self)
    }

    /// Makes a new namespace, runs `work` inside, and returns home.
    pub fn found<R>(&self, work: impl FnOnce() -> R) -> io::Result<(NetNs, R)> {
        unshare(CloneFlags::CLONE_NEWNET)?;
        let made = NetNs::current();
        let result = work();
        self.return_to()?;
        Ok((made?, result))
    }

    /// Runs `work` inside `namespace`, and returns home.
    pub fn visit<R>(&self, namespace: &NetNs, work: impl FnOnce() -> R) -> io::Result<R> {
        namespace.enter()?;
        let result = work();
        self.return_to()?;
        Ok(result)
    }

    /// Brings the calling thread home, wherever it is.
    pub fn return_to(&self) -> io::Result<()> {
        self.0.enter()
    }
}

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

    /// The namespace bound at `path`, as `ip netns` leaves them in `/run/netns`. It does not wait where that is a FIFO.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(OFlag::O_NONBLOCK.bits())
            .open(path)?;
        Self::of(file)
    }

    /// The namespace bound at `binding`, if it is still the one with this inode.
    pub fn open_own(binding: &Path, inode: u64) -> io::Result<Self> {
        let namespace = Self::open(binding)?;
        if namespace.inode() == inode {
            return Ok(namespace);
        }
        let words = format!("{} is gone: somebody else removed it", binding.display());
        Err(io::Error::new(io::ErrorKind::NotFound, words))
    }

    /// The namespace that an open file refers to.
    pub fn of(file: File) -> io::Result<Self> {
        let inode = file.metadata()?.ino();
        Ok(Self {
            fd: file.into(),
            inode,
        })
    }

    /// Makes a new namespace; the calling thread is home again when this returns.
    pub fn create() -> io::Result<Self> {
        Home::here()?.found(|| ()).map(|(made, ())| made)
    }

    /// Moves the calling thread in, for good: for threads that live in one namespace.
    pub fn enter(&self) -> io::Result<()> {
        setns(&self.fd, CloneFlags::CLONE_NEWNET)?;
        Ok(())
    }

    /// Runs `work` inside, and returns home.
    pub fn with<R>(&self, work: impl FnOnce() -> R) -> io::Result<R> {
        Home::here()?.visit(self, work)
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

/// Moves the calling process, which must have one thread, into the user and mount namespaces of another, for good,
/// where they are not its own already; `process` is an open `/proc/PID`, so that the number cannot come to mean another.
///
/// Its working and root folders are then those of the mount namespace (setns(2)).
pub fn join(process: &impl AsFd) -> io::Result<()> {
    let namespaces = foreign(process)?;
    for (flag, namespace) in namespaces {
        setns(namespace, flag)?;
    }
    Ok(())
}

/// Which of a process's user and mount namespaces are others than the caller's; `process` is an open `/proc/PID`.
pub fn elsewhere(process: &impl AsFd) -> io::Result<CloneFlags> {
    let foreign = foreign(process)?.into_iter();
    Ok(foreign.map(|(flag, _)| flag).collect())
}

/// The user namespace first: it is what gives the right to enter the other.
const JOINED: [(&str, CloneFlags); 2] = [
    ("ns/user", CloneFlags::CLONE_NEWUSER),
    ("ns/mnt", CloneFlags::CLONE_NEWNS),
];

fn foreign(process: &impl AsFd) -> io::Result<Vec<(CloneFlags, File)>> {
    let mut foreign = Vec::new();
    for (name, flag) in JOINED {
        let theirs: File = openat(
            process,
            name,
            OFlag::O_RDONLY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )?
        .into();
        let (there, here) = (
            theirs.metadata()?,
            metadata(Path::new("/proc/self").join(name))?,
        );
        if (there.dev(), there.ino()) != (here.dev(), here.ino()) {
            foreign.push((flag, theirs));
        }
    }
    Ok(foreign)
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
