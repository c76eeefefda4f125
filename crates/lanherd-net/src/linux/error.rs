//! What can go wrong, and what to do about it.

use std::fmt::Display;
use std::io;
use std::path::PathBuf;

use super::parent_error::ParentError;
use super::worker::WorkerError;
use crate::lan::CleanupError;
use crate::netlink::NetlinkError;
use crate::rundir::leftovers::Removed;
use crate::rundir::pool_lock::LockError;
use lanherd_types::identity::ClientNumber;
use lanherd_types::phase::{Cause, Failure, Stage};

/// Why a LAN could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Privileges are missing.
    #[error(
        "lanherd lacks {}; run it as root, or give the program the three that it needs: \
         setcap cap_sys_admin,cap_net_admin,cap_net_raw+ep lanherd", .missing.join(", ")
    )]
    NoPrivilege {
        /// The capabilities that are missing.
        missing: Vec<&'static str>,
    },
    /// The parent cannot carry a herd.
    #[error(transparent)]
    Parent(#[from] ParentError),
    /// The pool's folder or lock cannot be had.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The kernel refused something else.
    #[error("{doing}: {error}")]
    Kernel {
        /// What was being done.
        doing: &'static str,
        /// Why the kernel refused it.
        error: io::Error,
    },
}

pub(super) fn refusing(doing: &'static str) -> impl FnOnce(io::Error) -> OpenError {
    move |error| OpenError::Kernel { doing, error }
}

/// A thing that bears a client's name and is not ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{} exists already and was not made by lanherd, so client {number} would be refused; remove it, or choose another \
     --pool name", .path.display()
)]
pub struct Foreign {
    /// The client whose name it bears.
    pub number: ClientNumber,
    /// The path of what bears that name.
    pub path: PathBuf,
}

/// Something that should have been gone when the LAN was closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// The thing, as a person would name it.
    pub what: String,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a leaked thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It was removed while closing.
    Removed,
    /// It is still there, for this reason.
    Remains(String),
}

impl From<CleanupError> for Leak {
    fn from(error: CleanupError) -> Self {
        Self {
            what: error.what,
            fate: Fate::Remains(error.why),
        }
    }
}

impl From<Removed> for Leak {
    fn from(removed: Removed) -> Self {
        match removed.outcome {
            Ok(()) => Self {
                what: removed.what,
                fate: Fate::Removed,
            },
            Err(error) => error.into(),
        }
    }
}

/// The failure that a refused system call means.
pub(super) fn refused(stage: Stage, doing: impl Display, error: &io::Error) -> Failure {
    if is_lost(error) {
        return Failure::new(stage, Cause::SocketLost, format!("{doing}: {error}"));
    }
    failure(stage, &doing, error.raw_os_error(), error)
}

/// The failure that a refused netlink request means.
pub(super) fn refused_request(stage: Stage, doing: impl Display, error: &NetlinkError) -> Failure {
    failure(stage, &doing, error.io().raw_os_error(), error)
}

fn failure(stage: Stage, doing: &dyn Display, errno: Option<i32>, words: &dyn Display) -> Failure {
    let (cause, remedy) = match (errno, stage) {
        (Some(libc::EPERM | libc::EACCES), _) => (
            Cause::NoPrivilege,
            "; lanherd needs CAP_SYS_ADMIN, CAP_NET_ADMIN and CAP_NET_RAW",
        ),
        (Some(libc::ENODEV), Stage::Link) => (Cause::ParentGone, "; the parent is gone"),
        (Some(libc::ENODEV | libc::ENETDOWN), Stage::Configure) => (
            Cause::LinkLost,
            "; somebody else deleted the link, or took it down",
        ),
        (Some(libc::EADDRINUSE), Stage::Link) => (
            Cause::MacInUse,
            "; another interface on the parent has this MAC: give another --seed",
        ),
        (Some(libc::EMFILE | libc::ENFILE), _) => {
            (Cause::Kernel, "; raise the limit of open files: ulimit -n")
        }
        (Some(libc::ENOSPC), Stage::Namespace) => {
            (Cause::Kernel, "; raise the sysctl user.max_net_namespaces")
        }
        _ => (Cause::Kernel, ""),
    };
    Failure::new(stage, cause, format!("{doing}: {words}{remedy}"))
}

pub(super) fn no_result(stage: Stage, error: WorkerError) -> Failure {
    Failure::new(stage, Cause::Kernel, error.to_string())
}

/// Whether an error says that the socket itself is of no use any more, and not only what was asked of it.
pub(super) fn is_lost(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotConnected
        || matches!(
            error.raw_os_error(),
            Some(libc::EBADF | libc::ENOTSOCK | libc::ECONNABORTED | libc::EPIPE | libc::ESHUTDOWN)
        )
}
