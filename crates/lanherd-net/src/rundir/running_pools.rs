//! The pools that run on this host, and how to reach them.
//!
//! Pools of a real parent, and those of root's labs, lie under `/run/lanherd`; other users' labs under
//! `$XDG_RUNTIME_DIR/lanherd`, or where there is no such folder under `/tmp/lanherd-<uid>`.

use std::env;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use nix::sys::stat::Mode;
use nix::unistd::geteuid;

use super::control_socket::{ControlSocketError, address};
use super::folder::Trust;
use super::pool_files::{PoolPath, pools};
use super::pool_lock::{Owner, owner};
use crate::config::Paths;
use lanherd_types::identity::PoolName;

/// A pool that a process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunningPool {
    /// The name of the pool.
    pub pool: PoolName,
    /// The process, where its lock says so.
    pub pid: Option<u32>,
    paths: Paths,
}

impl RunningPool {
    /// Connects to the pool's control socket.
    pub fn connect(&self) -> io::Result<UnixStream> {
        let folder = PoolPath::new(&self.paths, &self.pool).open_untrusted()?;
        UnixStream::connect(address(&folder))
    }
}

/// Returns the pools that run and that this user may look at, in the order of their names.
pub fn running() -> io::Result<Vec<RunningPool>> {
    let mut found = Vec::new();
    for paths in homes() {
        match running_in(&paths) {
            Ok(running) => found.extend(running),
            // Somebody else's.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
    }
    found.sort_by(|a, b| a.pool.cmp(&b.pool));
    Ok(found)
}

/// Pools that do not run, or that this user may not ask.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Others {
    /// This user may not know whether these run.
    pub hidden: Vec<PoolName>,
    /// Their process was killed, and what it made may be there still.
    pub dead: Vec<PoolName>,
}

/// Returns the pools that [`running`] leaves out.
pub fn others() -> io::Result<Others> {
    let mut others = Others::default();
    for paths in homes() {
        let all = match pools(&paths, Trust::Anybody) {
            Ok(all) => all,
            Err(error) if error.kind() == ErrorKind::PermissionDenied => continue,
            Err(error) => return Err(error),
        };
        for pool in all {
            match owner(&paths, &pool) {
                Ok(Owner::Alive(_)) => {}
                Ok(Owner::Nobody) => others.dead.push(pool),
                Err(_) => others.hidden.push(pool),
            }
        }
    }
    Ok(others)
}

fn running_in(paths: &Paths) -> io::Result<Vec<RunningPool>> {
    let mut found = Vec::new();
    for pool in pools(paths, Trust::Anybody)? {
        match owner(paths, &pool) {
            Ok(Owner::Alive(pid)) => found.push(RunningPool {
                pool,
                pid,
                paths: paths.clone(),
            }),
            Ok(Owner::Nobody) => {}
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            // One that is not as it should be hides no other.
            Err(error) => tracing::warn!(%error, "whether pool {pool} is alive cannot be told"),
        }
    }
    Ok(found)
}

/// Where pools of this user may be; the folders need not exist. Those that are not this user's own are left out.
pub fn homes() -> Vec<Paths> {
    let mut homes = vec![Paths::default()];
    if !geteuid().is_root() {
        let own = runtime_folder().into_iter().chain([temporary_folder()]);
        homes.extend(own.filter(|folder| is_private(folder)).map(home));
    }
    homes
}

/// Where this user's labs are to be.
pub(crate) fn make_home() -> Result<Paths, ControlSocketError> {
    if geteuid().is_root() {
        return Ok(Paths::default());
    }
    let paths = home(runtime_folder().unwrap_or_else(temporary_folder));
    // Where there is none it is made, and checked, when a pool is taken.
    match fs::symlink_metadata(&paths.state) {
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Ok(_) | Err(_) => check_home(&paths)?,
    }
    Ok(paths)
}

/// Refuses a state folder that others could play with. `/run` is root's, so what is in there is as root wanted it.
pub(crate) fn check_home(paths: &Paths) -> Result<(), ControlSocketError> {
    if *paths == Paths::default() || is_private(&paths.state) {
        Ok(())
    } else {
        Err(ControlSocketError::NotPrivate(paths.state.clone()))
    }
}

fn home(state: PathBuf) -> Paths {
    Paths {
        state,
        ..Paths::default()
    }
}

/// In the folder that a login gives its user (XDG Base Directory Specification), if it has given one.
fn runtime_folder() -> Option<PathBuf> {
    let folder = PathBuf::from(env::var_os("XDG_RUNTIME_DIR")?);
    let is_own = folder.is_absolute()
        && fs::metadata(&folder)
            .is_ok_and(|folder| folder.is_dir() && folder.uid() == geteuid().as_raw());
    is_own.then(|| folder.join("lanherd"))
}

/// Not `TMPDIR`, which another of the user's shells may have otherwise.
fn temporary_folder() -> PathBuf {
    format!("/tmp/lanherd-{}", geteuid()).into()
}

/// Whether `folder` is a folder of this user, no link, into which nobody else can look.
fn is_private(folder: &Path) -> bool {
    fs::symlink_metadata(folder).is_ok_and(|folder| {
        let others = Mode::from_bits_truncate(folder.mode()) & (Mode::S_IRWXG | Mode::S_IRWXO);
        folder.is_dir() && folder.uid() == geteuid().as_raw() && others.is_empty()
    })
}
