//! The report's file: there as a whole, or as it was before.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use nix::unistd::{AccessFlags, eaccess};

use super::Report;

/// Why a report cannot be, or was not, written.
#[derive(Debug, thiserror::Error)]
pub enum ReportFileError {
    /// The path is a folder's.
    #[error("the report cannot be written to {0}, which is a folder; name a file in it")]
    Folder(PathBuf),
    /// The file would be in a folder that does not exist.
    #[error("the report cannot be written to {path}: there is no folder {folder}; make it first")]
    NoFolder {
        /// The file.
        path: PathBuf,
        /// The folder.
        folder: PathBuf,
    },
    /// The system refused.
    #[error(
        "the report cannot be written to {path}: {error}; choose a place that you may write to"
    )]
    Refused {
        /// The file.
        path: PathBuf,
        /// The reason.
        #[source]
        error: io::Error,
    },
}

/// Where a report goes.
enum Place {
    /// To a file that is replaced as a whole, or does not exist yet.
    File(PathBuf),
    /// Into something that exists and is no regular file, such as `/dev/stdout` or a pipe.
    Stream,
}

/// Checks before a run whether its report could be written: whoever waited for hours wants to have it.
///
/// Leaves nothing, and does not touch a report that is already there.
pub fn check_writable(path: &Path) -> Result<(), ReportFileError> {
    let refused = |error| refused(path, error);
    match place(path)? {
        Place::File(file) => {
            let (draft, _) = Draft::create(&file).map_err(refused)?;
            draft.discard().map_err(refused)
        }
        Place::Stream => {
            eaccess(path, AccessFlags::W_OK).map_err(|errno| refused(io::Error::from(errno)))
        }
    }
}

/// Writes the report to `path`, in place of what was there: readers see the old file or the whole new one.
///
/// The mode is what the umask leaves of 0666.
pub fn write(path: &Path, report: &Report) -> Result<(), ReportFileError> {
    let mut text =
        serde_json::to_vec_pretty(report).map_err(|error| refused(path, error.into()))?;
    text.push(b'\n');
    write_bytes(path, &text)
}

/// The same with anything that is to be read as a whole.
pub fn write_bytes(path: &Path, text: &[u8]) -> Result<(), ReportFileError> {
    let refused = |error| refused(path, error);
    match place(path)? {
        Place::File(file) => replace(&file, text).map_err(refused),
        Place::Stream => OpenOptions::new()
            .write(true)
            .open(path)
            .and_then(|mut stream| stream.write_all(text))
            .map_err(refused),
    }
}

fn refused(path: &Path, error: io::Error) -> ReportFileError {
    let path = path.to_owned();
    ReportFileError::Refused { path, error }
}

fn place(path: &Path) -> Result<Place, ReportFileError> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(ReportFileError::Folder(path.to_owned())),
        // What a link leads to is replaced, not the link.
        Ok(found) if found.is_file() => fs::canonicalize(path)
            .map(Place::File)
            .map_err(|error| refused(path, error)),
        Ok(_) => Ok(Place::Stream),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let folder = folder_of(path);
            if path.file_name().is_none() || folder.is_file() || !folder.exists() {
                return Err(ReportFileError::NoFolder {
                    path: path.to_owned(),
                    folder: folder.to_owned(),
                });
            }
            Ok(Place::File(path.to_owned()))
        }
        Err(error) => Err(refused(path, error)),
    }
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    let (draft, mut file) = Draft::create(path)?;
    let written = file
        .write_all(text)
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

/// A file beside the report, which takes its name when it is complete.
struct Draft {
    path: PathBuf,
}

impl Draft {
    /// Makes a new file in the folder of `path`; never opens one that exists.
    fn create(path: &Path) -> io::Result<(Self, File)> {
        let mut attempts = 0..16;
        loop {
            let name = format!(".lanherd-report-{:08x}", fastrand::u32(..));
            let path = folder_of(path).join(name);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => return Ok((Self { path }, file)),
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
