//! The calling process becomes a program inside a client: in its network namespace, with its resolver.
//!
//! Nothing stands between the terminal and the program, so signals, job control and the exit code are the kernel's own.

use std::fs::{self, File};
use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use nix::unistd::geteuid;

use super::control_socket::open_folder;
use super::names::Paths;
use super::netns::{self, NetNs};

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
    /// The kernel refused.
    #[error("{doing}: {error}{}", remedy(.error))]
    Io {
        /// What was being done.
        doing: String,
        /// The reason.
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
    folder: File,
    user: u32,
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
        let folder = open_folder(Path::new(&path)).map_err(failed(format!("opening {path}")))?;
        Ok(Self {
            folder,
            user: credentials.uid(),
        })
    }
}

/// Moves the calling process, which must have one thread, into the client whose namespace is called `name`, of the pool
/// that `pool` runs; for good. Returns what is not as it should be inside, for a person to read.
///
/// The file system is that of the pool, as `ip netns exec` would arrange it: the files of `/etc/netns/<name>` lie over
/// those of `/etc`, and `/sys` shows the client's interfaces.
pub fn enter(pool: &Process, name: &str) -> Result<Vec<String>, ExecError> {
    let elsewhere =
        netns::is_elsewhere(&pool.folder).map_err(failed("looking at the pool's namespaces"))?;
    if elsewhere && pool.user != geteuid().as_raw() {
        return Err(ExecError::Foreign(pool.user));
    }
    let paths = Paths::default();
    // Entering a mount namespace leads to its root.
    let working = std::env::current_dir();
    netns::join(&pool.folder).map_err(failed("entering the pool's sandbox"))?;
    let binding = paths.netns.join(name);
    let opening = format!("opening the namespace {}", binding.display());
    let namespace = NetNs::open(&binding).map_err(failed(opening))?;
    let mut complaints = settle(&namespace, &paths.resolv, name)?;
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

/// Moves the calling thread into a client's namespace, and into a mount namespace of its own in which the files of the
/// client's folder in `resolv` lie over those of `/etc`; for good. Returns what is not as it should be there.
pub(super) fn settle(
    namespace: &NetNs,
    resolv: &Path,
    name: &str,
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
    complaints.extend(lay_over(&resolv.join(name), Path::new("/etc")));
    Ok(complaints)
}

/// Binds every entry of `from` over that of the same name in `to`.
fn lay_over(from: &Path, to: &Path) -> Vec<String> {
    let entries = match fs::read_dir(from) {
        Ok(entries) => entries,
        Err(error) => {
            return vec![format!(
                "the client's resolver is not used: {}: {error}",
                from.display()
            )];
        }
    };
    entries
        .flatten()
        .filter_map(|entry| {
            let target = to.join(entry.file_name());
            let flags = MsFlags::MS_BIND;
            mount(
                Some(&entry.path()),
                &target,
                None::<&str>,
                flags,
                None::<&str>,
            )
            .err()
            .map(|errno| {
                format!(
                    "{} is the host's, not the client's: {errno}",
                    target.display()
                )
            })
        })
        .collect()
}
