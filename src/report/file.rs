//! The report's file: there as a whole, or as it was before.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{AccessFlags, eaccess};

use super::Report;

/// How long whoever reads a pipe may read nothing before it is given up.
const STANDSTILL: Duration = Duration::from_secs(10);
/// What the names of files begin with that are not complete yet.
const DRAFT: &str = ".lanherd-report-";

/// Why a report cannot be, or was not, written.
#[derive(Debug, thiserror::Error)]
pub enum ReportFileError {
    /// The path is a folder's.
    #[error("the report cannot be written to {0}, which is a folder; name a file in it")]
    Folder(PathBuf),
    /// The file would be in a folder that does not exist.
    #[error("the report cannot be written to {path}: there is no folder {folder}; make it first")]
    NoFolder {
        /// The path that was given.
        path: PathBuf,
        /// The folder that is missing.
        folder: PathBuf,
    },
    /// Two files would be one.
    #[error("{one} and {other} are the same file, {path}: name two")]
    Twice {
        /// What is to be written there, or read.
        one: &'static str,
        /// What else is to be written there, or read.
        other: &'static str,
        /// The path that both have.
        path: PathBuf,
    },
    /// Nobody reads what is no regular file.
    #[error(
        "the report cannot be written to {path}: nobody has read from it for {seconds} s; read it, or name a file",
        path = .0.display(), seconds = STANDSTILL.as_secs()
    )]
    NoReader(PathBuf),
    /// The system refused.
    #[error(
        "the report cannot be written to {path}: {error}; choose a place that you may write to"
    )]
    Refused {
        /// The path that was given.
        path: PathBuf,
        /// Why it was refused.
        error: io::Error,
    },
}

/// Where a report goes.
enum Destination {
    /// To a file that is replaced as a whole, or does not exist yet.
    File(PathBuf),
    /// Into one of this process' own standard streams, such as `/dev/stdout`, whatever that is: nothing else that is written there
    /// is replaced.
    Standard(OwnedFd),
    /// Into something that exists and is no regular file, such as a pipe or `/dev/null`.
    Stream,
}

/// Checks before a run whether its report could be written: whoever waited for hours wants to have it.
///
/// Leaves nothing, and does not touch a report that is already there.
pub fn check_writable(path: &Path) -> Result<(), ReportFileError> {
    let refused = |error| refused(path, error);
    match place(path)? {
        Destination::File(file) => {
            let (draft, _) = DraftFile::create(&file).map_err(refused)?;
            draft.discard().map_err(refused)
        }
        Destination::Standard(_) => Ok(()),
        Destination::Stream => {
            eaccess(path, AccessFlags::W_OK).map_err(|errno| refused(io::Error::from(errno)))
        }
    }
}

/// Checks that no two of these, each under its option's name, are one file, by whatever path. `/dev/null` may be named again.
pub fn check_apart(files: &[(&'static str, &Path)]) -> Result<(), ReportFileError> {
    let mut known: Vec<(&'static str, Identity)> = Vec::new();
    for (name, path) in files {
        let Some(identity) = Identity::of(path) else {
            continue;
        };
        if let Some((other, _)) = known.iter().find(|(_, known)| *known == identity) {
            return Err(ReportFileError::Twice {
                one: other,
                other: name,
                path: (*path).to_owned(),
            });
        }
        known.push((name, identity));
    }
    Ok(())
}

/// Checks all files that a run is to write, each under its option's name: that they are different ones, and can be written.
pub fn check_outputs(files: &[(&'static str, &Path)]) -> Result<(), ReportFileError> {
    check_apart(files)?;
    files.iter().try_for_each(|(_, path)| check_writable(path))
}

/// Whether what is written to `path` goes to this process' standard output.
pub fn is_standard_output(path: &Path) -> bool {
    match (fs::metadata(path), metadata_of(io::stdout())) {
        (Ok(found), Ok(output)) => is_same(&found, &output) && !is_null(&found),
        _ => false,
    }
}

/// Whether what is written to `path` takes the place of what was there: no pipe, and nothing else that has its readers.
pub fn is_replaced(path: &Path) -> bool {
    matches!(place(path), Ok(Destination::File(_)))
}

/// Writes the report to `path`, in place of what was there: readers see the old file or the whole new one.
///
/// A file that is replaced keeps its mode, and its owner where this process may give files away; that of a new one is what the
/// umask leaves of 0666. A reader of a pipe is waited for, for ten seconds without progress.
pub fn write(path: &Path, report: &Report) -> Result<(), ReportFileError> {
    let mut text =
        serde_json::to_vec_pretty(report).map_err(|error| refused(path, error.into()))?;
    text.push(b'\n');
    write_bytes(path, &text)
}

/// The same with anything that is to be read as a whole.
pub fn write_bytes(path: &Path, text: &[u8]) -> Result<(), ReportFileError> {
    write_to_readers(path, text, STANDSTILL)
}

/// The same, to a reader of a pipe who may read nothing for so long.
fn write_to_readers(path: &Path, text: &[u8], standstill: Duration) -> Result<(), ReportFileError> {
    match place(path)? {
        Destination::File(file) => replace(&file, text).map_err(|error| refused(path, error)),
        Destination::Standard(descriptor) => {
            let open = move || Ok(File::from(descriptor));
            stream(path, text, standstill, open)
        }
        Destination::Stream => {
            let opened = path.to_owned();
            let open = move || OpenOptions::new().write(true).open(opened);
            stream(path, text, standstill, open)
        }
    }
}

fn refused(path: &Path, error: io::Error) -> ReportFileError {
    let path = path.to_owned();
    ReportFileError::Refused { path, error }
}

fn place(path: &Path) -> Result<Destination, ReportFileError> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let folder = folder_of(path);
            if path.file_name().is_none() || folder.is_file() || !folder.exists() {
                return Err(ReportFileError::NoFolder {
                    path: path.to_owned(),
                    folder: folder.to_owned(),
                });
            }
            return Ok(Destination::File(path.to_owned()));
        }
        Err(error) => return Err(refused(path, error)),
    };
    if found.is_dir() {
        return Err(ReportFileError::Folder(path.to_owned()));
    }
    if let Some(descriptor) = standard(&found) {
        return Ok(Destination::Standard(descriptor));
    }
    if found.is_file() {
        // What a link leads to is replaced, not the link.
        let file = fs::canonicalize(path).map_err(|error| refused(path, error))?;
        return Ok(Destination::File(file));
    }
    Ok(Destination::Stream)
}

/// This process' standard output, or standard error, where that is what was found.
fn standard(found: &fs::Metadata) -> Option<OwnedFd> {
    let is_it = |open: io::Result<fs::Metadata>| open.is_ok_and(|open| is_same(found, &open));
    if is_it(metadata_of(io::stdout())) {
        io::stdout().as_fd().try_clone_to_owned().ok()
    } else if is_it(metadata_of(io::stderr())) {
        io::stderr().as_fd().try_clone_to_owned().ok()
    } else {
        None
    }
}

fn metadata_of(open: impl AsFd) -> io::Result<fs::Metadata> {
    File::from(open.as_fd().try_clone_to_owned()?).metadata()
}

fn is_same(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

fn is_null(found: &fs::Metadata) -> bool {
    fs::metadata("/dev/null")
        .is_ok_and(|null| found.file_type().is_char_device() && found.rdev() == null.rdev())
}

/// What is written to, whatever path leads to it.
#[derive(PartialEq, Eq)]
enum Identity {
    File(PathBuf),
    Node(u64, u64),
}

impl Identity {
    /// None where everybody may write at once.
    fn of(path: &Path) -> Option<Self> {
        match fs::metadata(path) {
            Ok(found) if is_null(&found) => None,
            Ok(found) if found.is_file() => fs::canonicalize(path).ok().map(Self::File),
            Ok(found) => Some(Self::Node(found.dev(), found.ino())),
            Err(_) => {
                let folder = fs::canonicalize(folder_of(path)).ok()?;
                Some(Self::File(folder.join(path.file_name()?)))
            }
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Writes to what has a reader, by a thread that is left to itself where nobody reads.
fn stream(
    path: &Path,
    text: &[u8],
    standstill: Duration,
    open: impl FnOnce() -> io::Result<File> + Send + 'static,
) -> Result<(), ReportFileError> {
    let (written, text) = (Arc::<AtomicU64>::default(), text.to_vec());
    let (send, outcome) = channel();
    let progress = Arc::clone(&written);
    thread::Builder::new()
        .name("report".to_owned())
        .spawn(move || {
            let result = open().and_then(|mut file| {
                for chunk in text.chunks(4096) {
                    file.write_all(chunk)?;
                    progress.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            });
            // Nobody may be waiting any more.
            let _ = send.send(result);
        })
        .map_err(|error| refused(path, error))?;
    let mut seen = (0, Instant::now());
    loop {
        match outcome.recv_timeout(Duration::from_millis(100)) {
            Ok(result) => return result.map_err(|error| refused(path, error)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                return Err(refused(path, ErrorKind::BrokenPipe.into()));
            }
        }
        let now = written.load(Ordering::Relaxed);
        if now != seen.0 {
            seen = (now, Instant::now());
        } else if seen.1.elapsed() >= standstill {
            return Err(ReportFileError::NoReader(path.to_owned()));
        }
    }
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let (draft, mut file) = DraftFile::create(path)?;
    let written = keep_mode(path, &file)
        .and_then(|()| file.write_all(text))
        .and_then(|()| file.sync_all())
        .and_then(|()| fs::rename(&draft.path, path));
    match &written {
        // So that the new name survives a power cut. Where a folder cannot be synced, the file is as good as written.
        Ok(()) => drop(File::open(folder_of(path)).and_then(|folder| folder.sync_all())),
        // What went wrong first is what the user needs to know.
        Err(_) => drop(draft.discard()),
    }
    written
}

/// Gives a file the mode of the one whose place it will take, and its owner if that can be had.
fn keep_mode(path: &Path, file: &File) -> io::Result<()> {
    let Ok(old) = fs::metadata(path) else {
        return Ok(());
    };
    // Only root gives files away; another user's report becomes the property of whoever writes it.
    let _ = fchown(file, Some(old.uid()), Some(old.gid()));
    file.set_permissions(Permissions::from_mode(old.mode() & 0o777))
}

/// A file beside the report, which takes its name when it is complete. It is locked as long as somebody writes it, so that what
/// a killed run left is known from what is being written.
struct DraftFile {
    path: PathBuf,
}

impl DraftFile {
    /// Makes a new file in the folder of `path`; never opens one that exists. Removes those that killed runs have left there.
    fn create(path: &Path) -> io::Result<(Self, Flock<File>)> {
        let folder = folder_of(path);
        clear(folder);
        // Who may not read the report may not read it while it is written either.
        let mode = fs::metadata(path).map_or(0o666, |old| old.mode() & 0o666);
        let mut attempts = 0..16;
        loop {
            let path = folder.join(format!("{DRAFT}{:08x}", fastrand::u32(..)));
            let mut options = OpenOptions::new();
            match options.write(true).create_new(true).mode(mode).open(&path) {
                // Until it is locked, another run may take it for what a killed one left, and remove it: then there is
                // another name.
                Ok(file) => match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                    Ok(file) if file.metadata()?.nlink() > 0 => return Ok((Self { path }, file)),
                    Ok(_) | Err((_, Errno::EWOULDBLOCK)) if attempts.next().is_some() => {}
                    Ok(_) => return Err(ErrorKind::ResourceBusy.into()),
                    Err((_, errno)) => return Err(errno.into()),
                },
                Err(error)
                    if error.kind() == ErrorKind::AlreadyExists && attempts.next().is_some() => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn discard(self) -> io::Result<()> {
        fs::remove_file(self.path)
    }
}

/// Removes drafts that nobody writes any more. What cannot be removed stays: it is in nobody's way.
fn clear(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_draft = name.to_str().and_then(|name| name.strip_prefix(DRAFT));
        let is_draft = is_draft
            .is_some_and(|id| id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
        if !is_draft || !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(entry.path());
        let Ok(file) = opened else { continue };
        if let Ok(_lock) = Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests;
