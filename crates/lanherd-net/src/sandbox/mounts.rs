//! The sandbox's view of the file system: the host's, with a few directories of its own.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::mount::{MsFlags, mount};
use nix::unistd::geteuid;

use super::SandboxError;

/// Parents, and the directories in them that the sandbox has for itself.
const OWN: [(&str, &[&str]); 2] = [("/run", &["netns", "lanherd"]), ("/etc", &["netns"])];

/// Cuts the mount namespace's ties with the host's, and gives it its own directories.
pub(super) fn make_private() -> Result<(), SandboxError> {
    // Otherwise what is mounted inside would, by propagation, appear on the host (mount_namespaces(7)).
    mount(
        None::<&str>,
        "/",
        None::<&str>,
        MsFlags::MS_REC | MsFlags::MS_PRIVATE,
        None::<&str>,
    )
    .map_err(|errno| SandboxError::step("detach the mounts from the host's")(errno.into()))?;
    for (parent, names) in OWN {
        let parent = Path::new(parent);
        // Also where the directories are there: what is mounted over one of them would go with it when it is removed on
        // the host, as a herd on a real parent does in its end.
        rebuild(parent, names)
            .map_err(SandboxError::step(format!("rebuild {}", parent.display())))?;
    }
    Ok(())
}

/// Mounts an empty tmpfs on `path`.
fn cover(path: &Path) -> io::Result<()> {
    let options = format!("mode=755,uid={}", geteuid());
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(
        Some("lanherd"),
        path,
        Some("tmpfs"),
        flags,
        Some(options.as_str()),
    )?;
    Ok(())
}

/// Covers `parent`, makes the directories `own` in it, and binds everything else that it held into its old place.
fn rebuild(parent: &Path, own: &[&str]) -> io::Result<()> {
    // The directory stays reachable through its descriptor when something is mounted over it.
    let covered = OpenOptions::new()
        .read(true)
        .custom_flags((OFlag::O_DIRECTORY | OFlag::O_CLOEXEC).bits())
        .open(parent)?;
    cover(parent)?;
    for name in own {
        DirBuilder::new().mode(0o755).create(parent.join(name))?;
    }
    let below = PathBuf::from(format!("/proc/self/fd/{}", covered.as_raw_fd()));
    for entry in fs::read_dir(&below)? {
        let name = entry?.file_name();
        if own.iter().any(|own| name.as_os_str() == *own) {
            continue;
        }
        match restore(&below.join(&name), &parent.join(&name)) {
            // Gone since the directory was read: as it is on the host.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            done => done?,
        }
    }
    Ok(())
}

/// Makes `to` what `from` is: a link to the same text, or the same file or tree, bound.
fn restore(from: &Path, to: &Path) -> io::Result<()> {
    let kind = fs::symlink_metadata(from)?.file_type();
    if kind.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    if kind.is_dir() {
        fs::create_dir(to)?;
    } else {
        File::create_new(to)?;
    }
    mount(
        Some(from),
        to,
        None::<&str>,
        MsFlags::MS_BIND | MsFlags::MS_REC,
        None::<&str>,
    )?;
    Ok(())
}
