//! Folders that lanherd works in, each held by a descriptor.
//!
//! Everything in a folder is named relative to its descriptor, by one component, and no link is followed: so nobody can
//! put another file or folder in place of the one that was checked. The owner is checked before the folder is used: a
//! process must not work in a folder in which somebody else, who has fewer rights, may exchange what it finds there.
//! Opening never waits: a FIFO or a device in place of a file is refused.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, openat, renameat};
use nix::libc;
use nix::sys::stat::{FileStat, Mode, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};
use parking_lot::Mutex;

/// The most that is read of a file, in bytes: a lease with all that a server can send takes a tenth of it.
const MOST: u64 = 1 << 20;

/// The flags with which every file and folder is opened.
const PLAIN: OFlag = OFlag::O_CLOEXEC
    .union(OFlag::O_NOFOLLOW)
    .union(OFlag::O_NONBLOCK)
    .union(OFlag::O_NOCTTY);

/// Who may change what is in a folder that is to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trust {
    /// This user alone.
    Own,
    /// The folder is root's or this user's; others may at most add to it what is theirs (the sticky bit, inode(7)).
    Shared,
    /// It does not matter whose the folder is: it is only read.
    Anybody,
}

/// Why a folder is not worked in. It comes as the inner error of an [`io::Error`], and is a whole sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// A folder that all pools share belongs to another user.
    #[error(
        "{} belongs to user {user}, who could exchange what lanherd makes in it; run lanherd as that user, or share the \
         folder among users as packaging/tmpfiles.d/lanherd.conf does: chown root:GROUP and chmod 1775", .path.display()
    )]
    Shared {
        /// The path of the folder.
        path: PathBuf,
        /// The user id of its owner.
        user: u32,
    },
    /// Everybody may remove what others have made in a folder that all pools share.
    #[error(
        "in {} users may exchange what others have made; give it the sticky bit: chmod +t {}", .path.display(), .path.display()
    )]
    NotSticky {
        /// The path of the folder.
        path: PathBuf,
    },
    /// A folder that should be this user's alone is not.
    #[error(
        "{} is user {user}'s; run lanherd as that user, or choose another --pool name", .path.display()
    )]
    Foreign {
        /// The path of the folder.
        path: PathBuf,
        /// The user id of its owner.
        user: u32,
    },
    /// Others may change what is in a folder that should be this user's alone.
    #[error("others may write to {}; chmod go-w {}", .path.display(), .path.display())]
    Writable {
        /// The path of the folder.
        path: PathBuf,
    },
}

impl Untrusted {
    /// The one that an error stands for, if it does.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error.get_ref()?.downcast_ref()
    }
}

fn refuse(untrusted: Untrusted) -> io::Error {
    io::Error::new(ErrorKind::PermissionDenied, untrusted)
}

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    descriptor: File,
    path: PathBuf,
    /// Device and inode, by which the kernel tells folders apart.
    number: (u64, u64),
}

impl Folder {
    /// Opens the folder itself, never what a link in its place points to. The folders above it are trusted.
    pub fn open(path: &Path, trust: Trust) -> io::Result<Self> {
        let descriptor = OpenOptions::new()
            .read(true)
            .custom_flags((OFlag::O_DIRECTORY | PLAIN).bits())
            .open(path)?;
        Self::checked(descriptor, path.to_owned(), trust)
    }

    /// The same; `None` where there is nothing of that name.
    pub fn find(path: &Path, trust: Trust) -> io::Result<Option<Self>> {
        absent_is_none(Self::open(path, trust))
    }

    /// Opens a folder in this one.
    pub fn child(&self, name: &str, trust: Trust) -> io::Result<Self> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | PLAIN;
        let descriptor = openat(&self.descriptor, component(name)?, flags, Mode::empty())?;
        Self::checked(descriptor.into(), self.join(name), trust)
    }

    /// The same; `None` where there is nothing of that name.
    pub fn find_child(&self, name: &str, trust: Trust) -> io::Result<Option<Self>> {
        absent_is_none(self.child(name, trust))
    }

    fn checked(descriptor: File, path: PathBuf, trust: Trust) -> io::Result<Self> {
        let found = descriptor.metadata()?;
        check(found.uid(), found.mode(), geteuid().as_raw(), &path, trust).map_err(refuse)?;
        let number = (found.dev(), found.ino());
        Ok(Self {
            descriptor,
            path,
            number,
        })
    }

    /// Where it was found: for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where something in it is: for messages.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// A path to something in it that leads through the descriptor, for system calls that take a path. A link of that
    /// name would be followed.
    pub fn way_to(&self, name: &str) -> io::Result<PathBuf> {
        let folder = format!("/proc/thread-self/fd/{}", self.descriptor.as_raw_fd());
        Ok(Path::new(&folder).join(component(name)?))
    }

    /// The open folder.
    pub fn descriptor(&self) -> &File {
        &self.descriptor
    }

    /// Returns the status of the entry of this name, if there is one; a link is not followed.
    pub fn look_at(&self, name: &str) -> io::Result<Option<FileStat>> {
        let looked = fstatat(
            &self.descriptor,
            component(name)?,
            AtFlags::AT_SYMLINK_NOFOLLOW,
        );
        absent_is_none(looked.map_err(io::Error::from))
    }

    /// Opens a file for reading, whatever it is; `None` where there is nothing of that name.
    pub fn open_any(&self, name: &str) -> io::Result<Option<File>> {
        let opened = openat(
            &self.descriptor,
            component(name)?,
            OFlag::O_RDONLY | PLAIN,
            Mode::empty(),
        );
        absent_is_none(opened.map(File::from).map_err(io::Error::from))
    }

    /// Opens a regular file for reading; `None` where there is nothing of that name.
    pub fn open_file(&self, name: &str) -> io::Result<Option<File>> {
        let Some(file) = self.open_any(name)? else {
            return Ok(None);
        };
        self.check_regular(name, &file)?;
        Ok(Some(file))
    }

    /// Opens a regular file for writing where it stands: what is in it stays until it is overwritten.
    pub fn open_in_place(&self, name: &str) -> io::Result<File> {
        let flags = OFlag::O_RDWR | PLAIN;
        let file = openat(&self.descriptor, component(name)?, flags, Mode::empty())?.into();
        self.check_regular(name, &file)?;
        Ok(file)
    }

    /// Opens a regular file for reading and writing, made if it is missing.
    pub fn open_or_create(&self, name: &str, mode: u32) -> io::Result<File> {
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | PLAIN;
        let mode = Mode::from_bits_truncate(mode);
        let file = openat(&self.descriptor, component(name)?, flags, mode)?.into();
        self.check_regular(name, &file)?;
        Ok(file)
    }

    fn check_regular(&self, name: &str, file: &File) -> io::Result<()> {
        if file.metadata()?.is_file() {
            return Ok(());
        }
        Err(self.odd(name, "is no regular file: remove it"))
    }

    /// The text of a regular file, if there is one; what is longer than lanherd writes is refused.
    pub fn read(&self, name: &str) -> io::Result<Option<String>> {
        let Some(file) = self.open_file(name)? else {
            return Ok(None);
        };
        let mut bytes = Vec::new();
        file.take(MOST + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > MOST {
            return Err(self.odd(name, "is larger than any that lanherd writes: remove it"));
        }
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn odd(&self, name: &str, why: &str) -> io::Error {
        let words = format!("{} {why}", self.join(name).display());
        io::Error::new(ErrorKind::InvalidData, words)
    }

    /// Makes a file of which there must be none.
    pub fn create(&self, name: &str, mode: u32) -> io::Result<File> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | PLAIN;
        let mode = Mode::from_bits_truncate(mode);
        Ok(openat(&self.descriptor, component(name)?, flags, mode)?.into())
    }

    /// Makes a file with a text in it; if the text cannot be written whole there is no file.
    pub fn create_with(&self, name: &str, mode: u32, text: &str) -> io::Result<()> {
        let mut file = self.create(name, mode)?;
        let written = file
            .set_permissions(Permissions::from_mode(mode))
            .and_then(|()| file.write_all(text.as_bytes()));
        if written.is_err() {
            // Without it nothing is said of what was not done.
            let _ = self.remove(name);
        }
        written
    }

    /// Puts a file in place of another, for the owner only: whoever reads it, at whatever instant this process is killed,
    /// finds the old one or the whole new one. The draft is called `draft` until then.
    pub fn replace(&self, name: &str, draft: &str, text: &str) -> io::Result<()> {
        let created = match self.create_with(draft, 0o600, text) {
            // Of a process that was killed.
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                self.remove(draft)?;
                self.create_with(draft, 0o600, text)
            }
            created => created,
        };
        created?;
        let (from, to) = (component(draft)?, component(name)?);
        renameat(&self.descriptor, from, &self.descriptor, to).map_err(io::Error::from)
    }

    /// Makes a folder in this one; whether it is new.
    pub fn make_folder(&self, name: &str, mode: u32) -> io::Result<bool> {
        let mode = Mode::from_bits_truncate(mode);
        match mkdirat(&self.descriptor, component(name)?, mode) {
            Ok(()) => Ok(true),
            Err(Errno::EEXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes a file; where there is none that is fine.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        self.unlink(name, UnlinkatFlags::NoRemoveDir)
    }

    /// Removes an empty folder; where there is none that is fine.
    pub fn remove_folder(&self, name: &str) -> io::Result<()> {
        self.unlink(name, UnlinkatFlags::RemoveDir)
    }

    fn unlink(&self, name: &str, how: UnlinkatFlags) -> io::Result<()> {
        match unlinkat(&self.descriptor, component(name)?, how) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// The names of what is in it.
    pub fn names(&self) -> io::Result<Vec<String>> {
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | PLAIN;
        let mut dir = Dir::openat(&self.descriptor, ".", flags, Mode::empty())?;
        let mut names = Vec::new();
        for entry in dir.iter() {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        Ok(names)
    }
}

/// A folder that is worked in again and again. It is opened and checked once, and again only after its path has come to lead
/// to another folder, or its owner or mode have changed: that costs one system call instead of four for each component.
///
/// What is mounted on a folder is not noticed where it is the folder itself (`mount --bind` on itself): this is not for the
/// folder of namespaces.
#[derive(Debug)]
pub(crate) struct KeptFolder {
    path: PathBuf,
    trust: Trust,
    open: Mutex<Option<Arc<Folder>>>,
}

impl KeptFolder {
    /// Nothing is opened yet.
    pub fn new(path: PathBuf, trust: Trust) -> Self {
        Self {
            path,
            trust,
            open: Mutex::default(),
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder at the path, opened by `open` if it is not the one that is open already.
    pub fn get(&self, open: impl FnOnce() -> io::Result<Folder>) -> io::Result<Arc<Folder>> {
        let mut kept = self.open.lock();
        if let Some(folder) = kept.take() {
            let found = fs::symlink_metadata(&self.path)?;
            if folder.number == (found.dev(), found.ino()) {
                let me = geteuid().as_raw();
                check(found.uid(), found.mode(), me, &self.path, self.trust).map_err(refuse)?;
                return Ok(Arc::clone(kept.insert(folder)));
            }
        }
        Ok(Arc::clone(kept.insert(Arc::new(open()?))))
    }
}

/// Whether user `me` may work in a folder of this owner and mode.
fn check(user: u32, mode: u32, me: u32, path: &Path, trust: Trust) -> Result<(), Untrusted> {
    let others_write = mode & (libc::S_IWGRP | libc::S_IWOTH) != 0;
    let is_sticky = mode & libc::S_ISVTX != 0;
    let path = || path.to_owned();
    match trust {
        Trust::Own if user != me => Err(Untrusted::Foreign { path: path(), user }),
        Trust::Own if others_write => Err(Untrusted::Writable { path: path() }),
        Trust::Shared if user != me && user != 0 => Err(Untrusted::Shared { path: path(), user }),
        Trust::Shared if others_write && !is_sticky => Err(Untrusted::NotSticky { path: path() }),
        Trust::Own | Trust::Shared | Trust::Anybody => Ok(()),
    }
}

/// Refuses a folder that all pools share if this user should not work in it; where there is none that is fine.
pub fn check_shared(path: &Path) -> io::Result<()> {
    Folder::find(path, Trust::Shared).map(drop)
}

/// A name that leads nowhere but into the folder itself.
fn component(name: &str) -> io::Result<&str> {
    if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
        let words = format!("{name:?} is no file's name");
        return Err(io::Error::new(ErrorKind::InvalidInput, words));
    }
    Ok(name)
}

/// The number of what was found, as wide as [`MetadataExt::ino`] has it: stat(2) has one of 32 bits on some machines.
pub(crate) fn inode(found: &FileStat) -> u64 {
    widened(found.st_ino)
}

fn widened(number: impl Into<u64>) -> u64 {
    number.into()
}

pub(crate) fn absent_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
