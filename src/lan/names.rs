//! What bears a client's name on the host: its record, its bound namespace and its resolver folder.
//!
//! Each is made and removed by name alone, so that a client can be undone after its process was killed at any instant.
//! The record is written *before* anything visible is made, and removed last: a visible thing without a record is not
//! ours. A record tells which namespace it is about by numbers that the kernel gave, so that a namespace which somebody
//! made later under the same name is not mistaken for it.

use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::CleanupError;
use super::netns::NetNs;
use super::record::Record;
use super::state_file::absent_is_fine;
use crate::identity::PoolName;

/// The folders that lanherd writes to. Tests put them elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Where `ip netns` looks for namespaces.
    pub netns: PathBuf,
    /// Where `ip netns exec` looks for a namespace's own `/etc` files.
    pub resolv: PathBuf,
    /// Where lanherd keeps locks and records.
    pub state: PathBuf,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            netns: "/run/netns".into(),
            resolv: "/etc/netns".into(),
            state: "/run/lanherd".into(),
        }
    }
}

impl Paths {
    /// The folder with a pool's lock and records.
    pub(super) fn pool(&self, pool: &PoolName) -> PathBuf {
        self.state.join(pool.as_str())
    }
}

/// Why a client's name could not be taken.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClaimError {
    #[error(
        "{0} exists already and was not made by lanherd; remove it, or choose another --pool name"
    )]
    Taken(PathBuf),
    #[error("{doing} {path}: {error}")]
    Io {
        doing: &'static str,
        path: PathBuf,
        error: io::Error,
    },
}

/// What stands behind a client's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Claim {
    /// No record: nothing of this name is ours.
    None,
    /// A record that was cut short: it is ours, and nothing else was made yet.
    Unfinished,
    /// A whole record: what it describes may exist.
    Made(Record),
}

/// What is bound, or lies, under a namespace's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Binding {
    /// Nothing.
    Absent,
    /// The empty file on which a namespace is to be bound.
    Placeholder,
    /// The namespace of the record.
    Ours,
    /// Something else.
    Foreign,
}

/// The first words of every resolver file that lanherd writes: what begins otherwise is not ours.
const RESOLVER_HEADING: &str = "# lanherd: ";

/// The things that bear one client's name.
#[derive(Debug, Clone)]
pub(super) struct Names {
    namespace: String,
    binding: PathBuf,
    folder: PathBuf,
    record: PathBuf,
}

impl Names {
    pub fn new(paths: &Paths, pool: &PoolName, namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            binding: paths.netns.join(namespace),
            folder: paths.resolv.join(namespace),
            record: paths.pool(pool).join(namespace),
        }
    }

    /// What it is called.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    pub fn binding(&self) -> &Path {
        &self.binding
    }

    /// The thing of this name that is not ours, if there is one.
    pub fn foreign(&self) -> io::Result<Option<&Path>> {
        match self.claim()? {
            Claim::Made(record) => match self.bound(&record)? {
                Binding::Foreign => Ok(Some(&self.binding)),
                Binding::Absent | Binding::Placeholder | Binding::Ours => Ok(None),
            },
            Claim::None | Claim::Unfinished => {
                for path in [&self.binding, &self.folder] {
                    if exists(path)? {
                        return Ok(Some(path));
                    }
                }
                Ok(None)
            }
        }
    }

    /// Takes the name for a namespace: record, resolver folder, binding, in this order.
    pub fn claim_for(&self, namespace: &NetNs, record: &Record) -> Result<(), ClaimError> {
        self.check_free()?;
        self.write_record(record)?;
        self.make_folder()?;
        self.bind(namespace)
    }

    /// Refuses a name that something else bears: before the record is written, so that a record means that the name
    /// was free.
    pub fn check_free(&self) -> Result<(), ClaimError> {
        match self.foreign() {
            Ok(None) => Ok(()),
            Ok(Some(path)) => Err(ClaimError::Taken(path.to_owned())),
            Err(error) => Err(failed("looking at", &self.binding)(error)),
        }
    }

    pub fn write_record(&self, record: &Record) -> Result<(), ClaimError> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&self.record)
            .and_then(|mut file| file.write_all(record.to_string().as_bytes()))
            .map_err(failed("writing", &self.record))
    }

    /// Makes the resolver folder, with a file in it that a process started before the lease finds, and sees filled.
    pub fn make_folder(&self) -> Result<(), ClaimError> {
        DirBuilder::new()
            .mode(0o755)
            .create(&self.folder)
            .map_err(taken_or_failed("making", &self.folder))?;
        fs::set_permissions(&self.folder, Permissions::from_mode(0o755))
            .map_err(failed("making", &self.folder))?;
        let path = self.resolver();
        let file = OpenOptions::new().write(true).create_new(true).open(&path);
        file.and_then(|mut file| {
            file.set_permissions(Permissions::from_mode(0o644))?;
            file.write_all(self.resolver_text("no lease yet", "").as_bytes())
        })
        .map_err(failed("writing", &path))
    }

    /// Makes the namespace an ordinary named one, as `ip netns` does.
    pub fn bind(&self, namespace: &NetNs) -> Result<(), ClaimError> {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o444)
            .open(&self.binding)
            .map_err(taken_or_failed("making", &self.binding))?;
        let descriptor = format!("/proc/thread-self/fd/{}", namespace.as_raw_fd());
        mount(
            Some(descriptor.as_str()),
            &self.binding,
            None::<&str>,
            MsFlags::MS_BIND,
            None::<&str>,
        )
        .map_err(|error| failed("binding a namespace to", &self.binding)(error.into()))
    }

    /// Writes the resolver file in place: a running process has the file itself bound over its `/etc/resolv.conf`, and
    /// would not see another put in its place.
    pub fn write_resolver(&self, comment: &str, lines: &str) -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .truncate(true)
            .custom_flags(libc::O_NOFOLLOW)
            .open(self.resolver())?;
        file.write_all(self.resolver_text(comment, lines).as_bytes())
    }

    fn resolver(&self) -> PathBuf {
        self.folder.join("resolv.conf")
    }

    fn resolver_text(&self, comment: &str, lines: &str) -> String {
        format!("{RESOLVER_HEADING}{}: {comment}\n{lines}", self.namespace)
    }

    /// What of this name exists and is ours, as a person would name it.
    pub fn found(&self) -> io::Result<Vec<String>> {
        let mut things = Vec::new();
        let claim = self.claim()?;
        if let Claim::Made(record) = claim {
            match self.bound(&record)? {
                Binding::Ours | Binding::Placeholder => things.push(self.to_string()),
                Binding::Absent | Binding::Foreign => {}
            }
            if exists(&self.folder)? {
                things.push(self.folder.display().to_string());
            }
        }
        if claim != Claim::None {
            things.push(self.record.display().to_string());
        }
        Ok(things)
    }

    /// The record, if there is a whole one.
    pub fn record(&self) -> io::Result<Option<Record>> {
        match self.claim()? {
            Claim::Made(record) => Ok(Some(record)),
            Claim::None | Claim::Unfinished => Ok(None),
        }
    }

    /// The record, if the namespace that it is about still bears the name.
    pub fn living(&self) -> io::Result<Option<Record>> {
        Ok(match self.record()? {
            Some(record) if self.bound(&record)? == Binding::Ours => Some(record),
            _ => None,
        })
    }

    /// Removes all that is ours, trying every step; the record goes last, and stays if something else had to.
    pub fn remove(&self) -> Vec<CleanupError> {
        let claim = match self.claim() {
            Ok(claim) => claim,
            Err(error) => return vec![cleanup(self.record.display())(error)],
        };
        let made = match claim {
            Claim::None => return Vec::new(),
            Claim::Unfinished => None,
            Claim::Made(record) => Some(record),
        };
        let mut errors = Vec::new();
        if let Some(record) = made {
            errors.extend(
                self.unbind(&record)
                    .map_err(cleanup(self.to_string()))
                    .err(),
            );
            errors.extend(
                self.remove_folder()
                    .map_err(cleanup(self.folder.display()))
                    .err(),
            );
        }
        if errors.is_empty() {
            errors.extend(
                absent_is_fine(fs::remove_file(&self.record))
                    .map_err(cleanup(self.record.display()))
                    .err(),
            );
        }
        errors
    }

    fn unbind(&self, record: &Record) -> io::Result<()> {
        match self.bound(record)? {
            Binding::Absent | Binding::Foreign => return Ok(()),
            Binding::Placeholder => {}
            Binding::Ours => umount2(&self.binding, MntFlags::MNT_DETACH)?,
        }
        absent_is_fine(fs::remove_file(&self.binding))
    }

    fn remove_folder(&self) -> io::Result<()> {
        let resolver = self.resolver();
        if is_our_resolver(&resolver)? {
            absent_is_fine(fs::remove_file(&resolver))?;
        }
        absent_is_fine(fs::remove_dir(&self.folder)).map_err(|error| match error.kind() {
            ErrorKind::DirectoryNotEmpty => {
                io::Error::new(error.kind(), "it holds files that lanherd did not write")
            }
            _ => error,
        })
    }

    fn claim(&self) -> io::Result<Claim> {
        match fs::read_to_string(&self.record) {
            Ok(text) => Ok(Record::parse(&text).map_or(Claim::Unfinished, Claim::Made)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Claim::None),
            Err(error) => Err(error),
        }
    }

    fn bound(&self, record: &Record) -> io::Result<Binding> {
        let metadata = match fs::symlink_metadata(&self.binding) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Binding::Absent),
            Err(error) => return Err(error),
        };
        let is_namespace = metadata.dev() == fs::metadata("/proc/thread-self/ns/net")?.dev();
        if is_namespace {
            // The number first: it costs nothing, and tells most strangers apart.
            let ours = metadata.ino() == record.inode && record.is_of(&NetNs::open(&self.binding)?);
            Ok(if ours {
                Binding::Ours
            } else {
                Binding::Foreign
            })
        } else if metadata.is_file() && metadata.len() == 0 {
            Ok(Binding::Placeholder)
        } else {
            Ok(Binding::Foreign)
        }
    }
}

/// The namespace, as a person would name it.
impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "namespace {}", self.namespace)
    }
}

/// A file that was cut short before its heading is ours as well: the folder is.
fn is_our_resolver(path: &Path) -> io::Result<bool> {
    let mut start = Vec::new();
    match File::open(path) {
        Ok(file) => file
            .take(RESOLVER_HEADING.len() as u64)
            .read_to_end(&mut start)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    Ok(RESOLVER_HEADING.as_bytes().starts_with(&start))
}

fn exists(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

pub(super) fn cleanup(what: impl fmt::Display) -> impl FnOnce(io::Error) -> CleanupError {
    move |error| CleanupError {
        what: what.to_string(),
        why: error.to_string(),
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ClaimError {
    move |error| ClaimError::Io {
        doing,
        path: path.to_owned(),
        error,
    }
}

fn taken_or_failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ClaimError {
    move |error| match error.kind() {
        ErrorKind::AlreadyExists => ClaimError::Taken(path.to_owned()),
        _ => ClaimError::Io {
            doing,
            path: path.to_owned(),
            error,
        },
    }
}
