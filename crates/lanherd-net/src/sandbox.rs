//! The sandbox: namespaces (network, mount and, where there is no privilege, user) that the whole program moves into
//! before it makes its first client.
//!
//! Everything made inside dies with the last process inside, however that ends: there is nothing to clean up. The
//! program sees the host's file system as it was, except that `/run/netns`, `/etc/netns` and `/run/lanherd` are empty
//! directories of its own, so that named namespaces and their `resolv.conf` never reach the host's disk. Their parents
//! are covered with a tmpfs into which every entry of the parent is bound under its own name; so paths, relative links and later mounts (`ip netns exec` binds over `/etc/resolv.conf`) work as
//! before, but a file *added* directly to `/etc` or `/run` from inside is not on the host's disk.

mod barrier;
mod mounts;

use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use nix::net::if_::if_nametoindex;
use nix::sched::CloneFlags;
use nix::unistd::{getegid, geteuid};

pub use barrier::Barrier;

use crate::linux::missing_capabilities;
use crate::netlink::{Netlink, request};
use crate::netns;

static INSIDE: AtomicBool = AtomicBool::new(false);

/// How the process can get into a sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entrance {
    /// It has the capabilities: network and mount namespace are enough.
    Privileged,
    /// It has not: it becomes root of a user namespace of its own, in which its own user is root.
    UserNamespace,
}

/// Why the program is not in a sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// Only a process of one thread can change its user namespace (`user_namespaces(7)`).
    #[error("the sandbox must be entered before threads are started, and {0} are running")]
    Threads(usize),
    /// This system does not let the user make namespaces.
    #[error("no sandbox can be made here: {0}")]
    Forbidden(#[source] Barrier),
    /// Only root can give a single thread a sandbox of its own.
    #[error(
        "a thread of a process that has others gets a sandbox of its own as root only: run it as root, or under unshare \
         --user --map-root-user"
    )]
    NoPrivilege,
    /// A step that should have worked did not.
    #[error("cannot {step} for the sandbox: {source}")]
    Step {
        /// What was being done.
        step: String,
        /// What the kernel said.
        source: io::Error,
    },
}

impl SandboxError {
    fn step(step: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let step = step.into();
        move |source| Self::Step { step, source }
    }
}

/// Moves the whole program into a sandbox.
///
/// Must be called before any thread exists, so before a runtime is built. Relative paths, and absolute ones outside
/// `/etc` and `/run`, mean the same files as before; files made belong to the user who started the program. After an
/// error the process may be half inside: report it and exit.
pub fn enter() -> Result<(), SandboxError> {
    let threads = threads()?;
    if threads != 1 {
        return Err(SandboxError::Threads(threads));
    }
    match check()? {
        Entrance::Privileged => unshare(CloneFlags::CLONE_NEWNS)?,
        Entrance::UserNamespace => become_root_of_own_namespace()?,
    }
    mounts::make_private()?;
    loopback_up()?;
    INSIDE.store(true, Ordering::Relaxed);
    Ok(())
}

/// Runs `work` on a thread that has a sandbox of its own, with all threads that it starts; this one stays where it is. For
/// tests, of which a process runs several at a time: each has its own.
///
/// # Errors
/// [`SandboxError::NoPrivilege`] without root: then `unshare --user --map-root-user cargo test` helps.
///
/// # Panics
/// If `work` does, with its own message.
pub fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, SandboxError> {
    if !has_capabilities()? {
        return Err(SandboxError::NoPrivilege);
    }
    let inside = move || {
        unshare(CloneFlags::CLONE_NEWNS)?;
        mounts::make_private()?;
        loopback_up()?;
        Ok(work())
    };
    thread::Builder::new()
        .name("sandbox".to_owned())
        .spawn(inside)
        .map_err(SandboxError::step("start a thread"))?
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// How [`enter`] would go about it, or what is known to forbid it; changes nothing.
pub fn check() -> Result<Entrance, SandboxError> {
    if has_capabilities()? {
        return Ok(Entrance::Privileged);
    }
    match Barrier::known() {
        Some(barrier) => Err(SandboxError::Forbidden(barrier)),
        None => Ok(Entrance::UserNamespace),
    }
}

/// Whether [`enter`] has succeeded in this process.
pub fn is_inside() -> bool {
    INSIDE.load(Ordering::Relaxed)
}

fn unshare(flags: CloneFlags) -> Result<(), SandboxError> {
    netns::isolate(flags).map_err(|errno| match Barrier::behind(errno) {
        Some(barrier) => SandboxError::Forbidden(barrier),
        None => SandboxError::step("make namespaces")(errno.into()),
    })
}

/// Maps the user to root: files made inside belong, outside, to the user.
fn become_root_of_own_namespace() -> Result<(), SandboxError> {
    let lacking =
        missing_capabilities().map_err(SandboxError::step("read /proc/thread-self/status"))?;
    let root = Barrier::of_root(geteuid(), &lacking);
    map_to_root().map_err(|error| match error {
        SandboxError::Forbidden(barrier) => SandboxError::Forbidden(barrier.or_of_root(root)),
        other => other,
    })
}

fn map_to_root() -> Result<(), SandboxError> {
    let (user, group) = (geteuid(), getegid());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
    // Without giving up setgroups(2), an unprivileged process may not map its group (user_namespaces(7)).
    map("setgroups", "deny")?;
    map("uid_map", &format!("0 {user} 1"))?;
    map("gid_map", &format!("0 {group} 1"))
}

fn map(file: &str, content: &str) -> Result<(), SandboxError> {
    fs::write(format!("/proc/self/{file}"), content).map_err(|error| {
        // Ubuntu's AppArmor lets the namespace be made, and then takes all capabilities in it.
        match error
            .raw_os_error()
            .map(nix::errno::Errno::from_raw)
            .and_then(Barrier::behind)
        {
            Some(barrier) => SandboxError::Forbidden(barrier),
            None => SandboxError::step(format!("write /proc/self/{file}"))(error),
        }
    })
}

/// What lanherd needs in a network and a mount namespace, as bits of `CapEff` (capabilities(7)): `NET_BIND_SERVICE`,
/// `NET_ADMIN`, `NET_RAW` and `SYS_ADMIN`.
const CAPABILITIES: u64 = 1 << 10 | 1 << 12 | 1 << 13 | 1 << 21;

fn has_capabilities() -> Result<bool, SandboxError> {
    let effective = u64::from_str_radix(&status("CapEff")?, 16).unwrap_or(0);
    Ok(effective & CAPABILITIES == CAPABILITIES)
}

fn threads() -> Result<usize, SandboxError> {
    // A count that cannot be read is none that can be trusted: 0 is refused like 2.
    Ok(status("Threads")?.parse().unwrap_or(0))
}

/// The value of one line of `/proc/self/status` (proc(5)).
fn status(key: &str) -> Result<String, SandboxError> {
    let status = fs::read_to_string("/proc/self/status")
        .map_err(SandboxError::step("read /proc/self/status"))?;
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    Ok(value.unwrap_or_default().trim().to_owned())
}

fn loopback_up() -> Result<(), SandboxError> {
    let up = || -> io::Result<()> {
        let index = if_nametoindex("lo")?;
        Netlink::open()?
            .send_one(request::up(index))
            .map_err(io::Error::other)
    };
    up().map_err(SandboxError::step("bring the loopback interface up"))
}
