//! The calling process becomes a program inside a client: in its network namespace, with its resolver.
//!
//! Nothing stands between the terminal and the program, so signals, job control and the exit code are the kernel's own.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::{getegid, geteuid, getuid};

use crate::config::Paths;
use crate::netns::{self, NetNs};
use crate::rundir::folder::{Folder, Trust};
use crate::rundir::host_entries::own_resolver;

/// The file that resolvers read (resolv.conf(5)).
const RESOLVER: &str = "/etc/resolv.conf";
/// Which groups may open ping sockets, first and last (icmp(7)).
const PING_GROUPS: &str = "/proc/sys/net/ipv4/ping_group_range";

/// Why the process is not inside a client.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// The process at the other end of the socket cannot be seen from here.
    #[error(
        "the pool's process is not visible here: it runs in another process namespace (a container?)"
    )]
    NotVisible,
    /// Entering what another user arranged would be running that user's programs.
    #[error("the pool is user {0}'s, in a sandbox of their making: run this as that user")]
    Foreign(u32),
    /// The same where it is the mounts alone that are not the caller's: whoever means to go there can do so before.
    #[error(
        "the pool of user {user} has mounts of its own, as systemd gives them to a unit with PrivateTmp=, ProtectSystem= and \
         their like, and as the lab has: go there first, nsenter --target {pid} --mount lanherd exec …; or leave those settings \
         out of the unit"
    )]
    OwnMounts {
        /// The user whose pool it is.
        user: u32,
        /// The number of the pool's process.
        pid: i32,
    },
    /// The kernel refused.
    #[error("{doing}: {error}{}", remedy(.error))]
    Io {
        /// What was being done.
        doing: String,
        /// What went wrong with it.
        #[source]
        error: io::Error,
    },
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "; run it as the user of the pool, or as root",
        _ => "",
    }
}

fn failed(doing: impl Into<String>) -> impl FnOnce(io::Error) -> ExecError {
    let doing = doing.into();
    move |error| ExecError::Io { doing, error }
}

/// A process, by an open `/proc/PID`: it never comes to mean another process, though the number may.
#[derive(Debug)]
pub struct Process {
    folder: Folder,
    user: u32,
    pid: i32,
}

impl Process {
    /// The process that listens at the other end of `stream`, as the kernel says (unix(7), `SO_PEERCRED`).
    ///
    /// It is that process, and not a later one of its number, if it answers over `stream` after this.
    pub fn behind(stream: &UnixStream) -> Result<Self, ExecError> {
        let credentials = getsockopt(stream, PeerCredentials)
            .map_err(|errno| failed("asking who runs the pool")(errno.into()))?;
        if credentials.pid() == 0 {
            return Err(ExecError::NotVisible);
        }
        let path = format!("/proc/{}", credentials.pid());
        let folder = Folder::open(Path::new(&path), Trust::Anybody)
            .map_err(failed(format!("opening {path}")))?;
        Ok(Self {
            folder,
            user: credentials.uid(),
            pid: credentials.pid(),
        })
    }
}

/// Moves the calling process, which must have one thread, into the client whose namespace is called `name`, of the pool
/// that `pool` runs; for good. Returns what is not as it should be inside, for a person to read.
///
/// The file system is that of the pool, but `/etc/resolv.conf` is the client's, and `/sys` shows its interfaces.
pub fn enter(pool: &Process, name: &str) -> Result<Vec<String>, ExecError> {
    let elsewhere = netns::elsewhere(pool.folder.descriptor())
        .map_err(failed("looking at the pool's namespaces"))?;
    if !elsewhere.is_empty() && pool.user != geteuid().as_raw() {
        let Process { user, pid, .. } = *pool;
        return Err(if elsewhere.contains(CloneFlags::CLONE_NEWUSER) {
            ExecError::Foreign(user)
        } else {
            ExecError::OwnMounts { user, pid }
        });
    }
    let paths = Paths::default();
    // Entering a mount namespace leads to its root.
    let working = std::env::current_dir();
    netns::join(pool.folder.descriptor()).map_err(failed("entering the pool's sandbox"))?;
    let opening = format!("opening the namespace {}", paths.netns.join(name).display());
    let namespace = Folder::open(&paths.netns, Trust::Shared)
        .and_then(|folder| folder.open_any(name))
        .and_then(|file| NetNs::of(file.ok_or(io::ErrorKind::NotFound)?))
        .map_err(failed(opening))?;
    let mut complaints = settle(&namespace, Some(&paths.resolv), name, Trust::Anybody)?;
    if let Ok(working) = working
        && std::env::set_current_dir(&working).is_err()
    {
        complaints.push(format!(
            "{} is not there in the pool's file system: the program starts in /",
            working.display()
        ));
    }
    Ok(complaints)
}

/// Moves the calling thread into a client's namespace, and into a mount namespace of its own in which the client's
/// resolver file lies over that of `/etc`; for good. Unless it is root's, neither it nor what it starts will have more
/// rights than it has. `trust` says whose the client's folder may be; `resolv` is `None` where clients have no such file. Returns what is
/// not as it should be there.
pub(super) fn settle(
    namespace: &NetNs,
    resolv: Option<&Path>,
    name: &str,
    trust: Trust,
) -> Result<Vec<String>, ExecError> {
    namespace
        .enter()
        .map_err(failed(format!("entering the namespace {name}")))?;
    let private = "making a mount namespace of its own";
    unshare(CloneFlags::CLONE_NEWNS).map_err(|errno| failed(private)(errno.into()))?;
    // What is mounted here stays here; what the pool unmounts later goes here, too.
    let none = None::<&str>;
    mount(none, "/", none, MsFlags::MS_SLAVE | MsFlags::MS_REC, none)
        .map_err(|errno| failed(private)(errno.into()))?;
    let mut complaints = Vec::new();
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    if let Err(errno) = mount(Some("lanherd"), "/sys", Some("sysfs"), flags, none) {
        complaints.push(format!(
            "/sys shows the host's interfaces, not the client's: {errno}"
        ));
    }
    if let Some(resolv) = resolv
        && let Err(error) = lay_over(resolv, name, trust)
    {
        complaints.push(format!(
            "{RESOLVER} is the host's, not the client's: {error}"
        ));
    }
    if let Err(error) = let_group_ping() {
        complaints.push(format!(
            "ping will not be permitted: {PING_GROUPS}: {error}"
        ));
    }
    give_up_new_rights().map_err(failed("giving up new privileges"))?;
    Ok(complaints)
}

/// Lays the client's resolver file over that of `/etc`, if lanherd wrote it. Nothing else of its folder is laid over
/// anything: whoever may write there could make whatever they like of `/etc/passwd`.
fn lay_over(resolv: &Path, name: &str, trust: Trust) -> io::Result<()> {
    let folder = Folder::open(resolv, Trust::Shared)?.child(name, trust)?;
    let file = own_resolver(&folder)?.ok_or_else(|| {
        let words = format!("{} holds none that lanherd wrote", folder.path().display());
        io::Error::new(io::ErrorKind::NotFound, words)
    })?;
    let from = format!("/proc/thread-self/fd/{}", file.as_raw_fd());
    let none = None::<&str>;
    mount(Some(from.as_str()), RESOLVER, none, MsFlags::MS_BIND, none)?;
    Ok(())
}

/// Keeps the calling thread, and what it will start, from ever having more rights than it has now, unless it is root's
/// (`PR_SET_NO_NEW_PRIVS`, prctl(2)): a setuid program must not be run in surroundings that its user has arranged.
fn give_up_new_rights() -> io::Result<()> {
    if getuid().is_root() && geteuid().is_root() {
        return Ok(());
    }
    prctl::set_no_new_privs()?;
    Ok(())
}

/// Lets programs of this user's group ping in the calling thread's network namespace without any right, as Linux
/// distributions do on the host (icmp(7), `ping_group_range`): the rights that `ping` has as a file are not to be had.
fn let_group_ping() -> io::Result<()> {
    if geteuid().is_root() {
        return Ok(());
    }
    let group = getegid();
    fs::write(PING_GROUPS, format!("{group} {group}"))
}
