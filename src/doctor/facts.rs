//! What there is to know of this machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::{AccessFlags, eaccess};

use super::Purpose;
use super::probe::Kernel;
use crate::lan::kernel_module::Installed;
use crate::lan::leftovers::{self, PoolFound};
use crate::lan::linux;
use crate::lan::memory;
use crate::lan::mount_view;
use crate::lan::neighbour_tables::NeighbourTable;
use crate::lan::{Paths, check_shared, resolvers_are_read_only, speaks_ipv6};
use crate::sandbox::{self, Entrance};
use lanherd_types::family::Family;

/// What was found on this machine. Errors are texts: here they are findings like any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// The capabilities that a herd on an interface needs and this process lacks.
    pub missing_capabilities: Result<Vec<&'static str>, String>,
    /// How the lab's sandbox was entered, or why it was not; `None`: not tried.
    pub sandbox: Option<Result<Entrance, String>>,
    /// What the kernel can do.
    pub kernel: Kernel,
    /// What is installed of the kernel's modules.
    pub modules: Installed,
    /// The MTU of the parent in bytes, or why it cannot be one; `None`: none was named.
    pub parent: Option<Result<u32, String>>,
    /// The interfaces that could be parents.
    pub candidates: Vec<String>,
    /// The limit on open files.
    pub files: Option<Files>,
    /// The kernel's ARP table.
    pub neighbours: NeighbourTable,
    /// The same of IPv6.
    pub neighbours6: NeighbourTable,
    /// Whether the kernel speaks IPv6.
    pub speaks_ipv6: bool,
    /// `user.max_net_namespaces`: how many network namespaces this user may make.
    pub namespaces: Option<u64>,
    /// The memory that is available, in bytes.
    pub memory: Option<u64>,
    /// The folders that a herd on an interface writes to.
    pub folders: Vec<FolderFacts>,
    /// Whether clients have resolver files: they have none where `/etc` is read-only.
    pub has_resolver_files: bool,
    /// Whether the rest of the host sees the namespaces that this process binds; `None`: that cannot be known.
    pub is_seen_by_host: Option<bool>,
    /// The pools that are, or were, on this host.
    pub pools: Result<Vec<PoolFound>, String>,
}

/// The limit on open files (`RLIMIT_NOFILE`, getrlimit(2)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Files {
    /// What holds now.
    pub soft: u64,
    /// How far lanherd may raise it by itself.
    pub hard: u64,
}

/// A folder that lanherd writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderFacts {
    /// The path of the folder.
    pub path: PathBuf,
    /// Whether it can be written to or, where it does not exist, made.
    pub writable: Result<(), String>,
}

impl Facts {
    /// Looks at this machine.
    ///
    /// To find out whether the lab can work its sandbox is entered, so this belongs in a program that does nothing else
    /// afterwards, and on its only thread. For [`Purpose::Parent`] it is not.
    pub fn gather(purpose: &Purpose) -> Self {
        let paths = Paths::default();
        let has_resolver_files = !resolvers_are_read_only(&paths);
        let mut folders = vec![&paths.netns, &paths.state];
        folders.extend(has_resolver_files.then_some(&paths.resolv));
        let folders = folders.into_iter().map(|path| FolderFacts::look_at(path));
        let missing_capabilities = linux::missing_capabilities().map_err(text);
        let has_capabilities = missing_capabilities.as_ref().is_ok_and(Vec::is_empty);
        let mut facts = Self {
            missing_capabilities,
            sandbox: None,
            kernel: Kernel::UNKNOWN,
            modules: Installed::look(),
            parent: match purpose {
                Purpose::Parent(name) => Some(look_up(name)),
                Purpose::Lab | Purpose::Either => None,
            },
            candidates: linux::candidates().unwrap_or_default(),
            files: Files::limit().ok(),
            neighbours: NeighbourTable::read(Family::Ipv4),
            neighbours6: NeighbourTable::read(Family::Ipv6),
            speaks_ipv6: speaks_ipv6(),
            namespaces: sysctl("user/max_net_namespaces"),
            memory: memory::available(),
            folders: folders.collect(),
            has_resolver_files,
            is_seen_by_host: mount_view::is_seen_by_host(&paths.netns),
            pools: leftovers::find(&paths, None).map_err(text),
        };
        // Last, because it changes what this process sees, and before there is a second thread.
        match purpose {
            Purpose::Parent(_) => {}
            Purpose::Lab | Purpose::Either => facts.sandbox = Some(enter_sandbox()),
        }
        if has_capabilities || matches!(facts.sandbox, Some(Ok(_))) {
            facts.kernel = Kernel::probe();
        }
        facts
    }
}

impl Files {
    /// The limit of this process.
    pub(crate) fn limit() -> nix::Result<Self> {
        getrlimit(Resource::RLIMIT_NOFILE).map(Self::of)
    }

    /// Of numbers as wide as the machine has them: 32 bits on some.
    fn of<N: Into<u64>>((soft, hard): (N, N)) -> Self {
        Self {
            soft: soft.into(),
            hard: hard.into(),
        }
    }
}

impl FolderFacts {
    fn look_at(path: &Path) -> Self {
        let existing = path.ancestors().find(|ancestor| ancestor.exists());
        let writable = eaccess(
            existing.unwrap_or(path),
            AccessFlags::W_OK | AccessFlags::X_OK,
        );
        Self {
            path: path.to_owned(),
            writable: writable
                .map_err(|errno| text(errno.into()))
                .and_then(|()| check_shared(path).map_err(text)),
        }
    }
}

fn look_up(name: &str) -> Result<u32, String> {
    match linux::check(name) {
        Ok(Ok(mtu)) => Ok(mtu),
        Ok(Err(error)) => Err(error.to_string()),
        Err(error) => Err(format!("interface {name} cannot be looked up: {error}")),
    }
}

fn enter_sandbox() -> Result<Entrance, String> {
    let entrance = sandbox::check().map_err(|error| error.to_string())?;
    sandbox::enter().map_err(|error| error.to_string())?;
    Ok(entrance)
}

fn sysctl(path: &str) -> Option<u64> {
    let text = fs::read_to_string(Path::new("/proc/sys").join(path)).ok()?;
    text.trim().parse().ok()
}

#[allow(
    clippy::needless_pass_by_value,
    reason = "it stands where errors are mapped"
)]
fn text(error: io::Error) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_32_bits_are_read_as_well() {
        let files = Files {
            soft: 1024,
            hard: u64::from(u32::MAX),
        };
        assert_eq!(Files::of((1024_u32, u32::MAX)), files);
    }

    #[test]
    fn looking_at_this_machine_finds_its_limits_and_refuses_the_loopback() {
        let facts = Facts::gather(&Purpose::Parent("lo".to_owned()));
        assert!(facts.files.is_some_and(|files| files.soft <= files.hard));
        assert!(facts.namespaces.is_some() && facts.memory.is_some());
        let refusal = facts.parent.expect("looked up").expect_err("refused");
        assert!(refusal.contains("loopback"), "{refusal}");
        assert_eq!(facts.sandbox, None);
        assert!(!sandbox::is_inside());
    }
}
