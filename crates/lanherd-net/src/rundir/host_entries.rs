//! The entries of one client in the host's file system, which bear its name: its record, its bound namespace and its
//! resolver folder.
//!
//! Each is made and removed by name alone, so that a client can be undone after its process was killed at any instant.
//! The record is written *before* anything visible is made, and removed last: a visible thing without a record is not
//! ours. A record tells which namespace it is about by numbers that the kernel gave, so that a namespace which somebody
//! made later under the same name is not mistaken for it.

use std::fmt;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use super::entry_error::{ClaimError, cleanup, failed, taken_or_failed};
use super::folder::{Folder, KeptFolder, Trust, absent_is_none, inode};
use super::pool_files::PoolPath;
use super::record::Record;
use super::shared_dirs;
use super::state_file::{self, Unusable};
use crate::config::Paths;
use crate::lan::CleanupError;
use crate::netns::NetNs;
use lanherd_types::identity::PoolName;

/// The state of a client's record.
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
    /// Nothing has the name.
    Absent,
    /// The empty file on which a namespace is to be bound.
    Placeholder,
    /// The namespace of the record.
    Ours,
    /// Something else than the namespace of the record.
    Foreign,
}

/// The first words of every resolver file that lanherd writes: what begins otherwise is not ours.
const RESOLVER_HEADING: &str = "# lanherd: ";
/// The name of that file.
const RESOLVER: &str = "resolv.conf";

/// The entries in the host's file system that bear one client's name.
#[derive(Debug, Clone)]
pub(crate) struct HostEntries {
    namespace: String,
    folders: Arc<PoolFolders>,
    binding: PathBuf,
}

/// The folders in which the clients of one pool have entries.
#[derive(Debug)]
pub(crate) struct PoolFolders {
    /// The folder with the names of namespaces.
    netns: PathBuf,
    /// The folder with the resolver folders.
    resolv: KeptFolder,
    /// Whether nothing can be written there: clients go without resolver files then.
    is_resolv_read_only: bool,
    /// The folder with records and leases.
    pub pool: PoolPath,
}

impl PoolFolders {
    pub fn new(paths: &Paths, pool: &PoolName) -> Arc<Self> {
        Arc::new(Self {
            netns: paths.netns.clone(),
            resolv: KeptFolder::new(paths.resolv.clone(), Trust::Shared),
            is_resolv_read_only: shared_dirs::resolvers_are_read_only(paths),
            pool: PoolPath::new(paths, pool),
        })
    }

    /// The path of the folder with the resolver folders, where there are any.
    pub fn resolver_folders(&self) -> Option<&Path> {
        (!self.is_resolv_read_only).then(|| self.resolv.path())
    }

    fn resolv(&self) -> io::Result<Arc<Folder>> {
        let open = || Folder::open(self.resolv.path(), Trust::Shared);
        self.resolv.get(open)
    }
}

impl HostEntries {
    pub fn new(folders: &Arc<PoolFolders>, namespace: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            folders: Arc::clone(folders),
            binding: folders.netns.join(namespace),
        }
    }

    /// The name of the client's namespace, which all its entries bear.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The path on which the namespace is bound.
    pub fn binding(&self) -> &Path {
        &self.binding
    }

    /// The path of the resolver folder: for messages.
    fn folder(&self) -> PathBuf {
        self.folders.resolv.path().join(&self.namespace)
    }

    /// The path of the record: for messages.
    fn record_path(&self) -> PathBuf {
        self.folders.pool.path().join(&self.namespace)
    }

    /// Returns the path of an entry of this name that lanherd did not make, if there is one.
    pub fn foreign(&self) -> io::Result<Option<PathBuf>> {
        match self.claim()? {
            Claim::Made(record) => match self.bound(&record)? {
                Binding::Foreign => Ok(Some(self.binding.clone())),
                Binding::Absent | Binding::Placeholder | Binding::Ours => Ok(None),
            },
            Claim::None | Claim::Unfinished => {
                let netns = Folder::find(&self.folders.netns, Trust::Shared)?;
                if let Some(netns) = netns
                    && netns.look_at(&self.namespace)?.is_some()
                {
                    return Ok(Some(self.binding.clone()));
                }
                Ok(self.has_folder()?.then(|| self.folder()))
            }
        }
    }

    /// Whether there is a resolver folder of this name.
    fn has_folder(&self) -> io::Result<bool> {
        Ok(match absent_is_none(self.folders.resolv())? {
            Some(resolv) => resolv.look_at(&self.namespace)?.is_some(),
            None => false,
        })
    }

    /// Takes the name for a namespace: record, resolver folder, binding, in this order. `note` is called once there is
    /// a record.
    pub fn claim_for(
        &self,
        namespace: &NetNs,
        record: &Record,
        note: impl FnOnce(),
    ) -> Result<(), ClaimError> {
        self.check_free()?;
        self.write_record(record)?;
        note();
        self.make_folder()?;
        self.bind(namespace)
    }

    /// Refuses a name that something else bears: before the record is written, so that a record means that the name
    /// was free.
    pub fn check_free(&self) -> Result<(), ClaimError> {
        match self.foreign() {
            Ok(None) => Ok(()),
            Ok(Some(path)) => Err(ClaimError::Taken(path)),
            Err(error) => Err(failed("looking at", &self.binding)(error)),
        }
    }

    pub fn write_record(&self, record: &Record) -> Result<(), ClaimError> {
        self.folders
            .pool
            .open()
            .and_then(|pool| {
                pool.create_with(&self.namespace, 0o600, &state_file::to_text(record)?)
            })
            .map_err(failed("writing", &self.record_path()))
    }

    /// Makes the resolver folder, with a file in it that a process started before the lease finds, and sees filled. Does nothing where
    /// that is read-only.
    pub fn make_folder(&self) -> Result<(), ClaimError> {
        if self.folders.is_resolv_read_only {
            return Ok(());
        }
        let path = self.folder();
        let resolv = self
            .folders
            .resolv()
            .map_err(failed("opening", self.folders.resolv.path()))?;
        let is_new = resolv
            .make_folder(&self.namespace, 0o755)
            .map_err(failed("making", &path))?;
        if !is_new {
            return Err(ClaimError::Taken(path));
        }
        let folder = resolv
            .child(&self.namespace, Trust::Own)
            .and_then(|folder| {
                let mode = Permissions::from_mode(0o755);
                folder.descriptor().set_permissions(mode).map(|()| folder)
            })
            .map_err(failed("making", &path))?;
        let text = self.resolver_text("no lease yet", "");
        folder
            .create_with(RESOLVER, 0o644, &text)
            .map_err(failed("writing", &folder.join(RESOLVER)))
    }

    /// Makes the namespace an ordinary named one, as `ip netns` does.
    pub fn bind(&self, namespace: &NetNs) -> Result<(), ClaimError> {
        let netns = &self.folders.netns;
        let netns = Folder::open(netns, Trust::Shared).map_err(failed("opening", netns))?;
        let placeholder = netns
            .create(&self.namespace, 0o444)
            .map_err(taken_or_failed("making", &self.binding))?;
        // By descriptors, so that it is this file on which it is bound, whatever bears its name by now.
        let [from, to] = [namespace.as_raw_fd(), placeholder.as_raw_fd()]
            .map(|descriptor| format!("/proc/thread-self/fd/{descriptor}"));
        mount(
            Some(from.as_str()),
            to.as_str(),
            None::<&str>,
            MsFlags::MS_BIND,
            None::<&str>,
        )
        .map_err(|error| failed("binding a namespace to", &self.binding)(error.into()))
    }

    /// Writes the resolver file in place: a running process has the file itself bound over its `/etc/resolv.conf`, and
    /// would not see another put in its place. Does nothing where that is read-only.
    pub fn write_resolver(&self, comment: &str, lines: &str) -> io::Result<()> {
        if self.folders.is_resolv_read_only {
            return Ok(());
        }
        let resolv = self.folders.resolv()?;
        let folder = resolv.child(&self.namespace, Trust::Own)?;
        let mut file = folder.open_in_place(RESOLVER)?;
        file.set_len(0)?;
        file.write_all(self.resolver_text(comment, lines).as_bytes())
    }

    fn resolver_text(&self, comment: &str, lines: &str) -> String {
        format!("{RESOLVER_HEADING}{}: {comment}\n{lines}", self.namespace)
    }

    /// Returns the entries that exist and that lanherd made, as a person would name them.
    pub fn found(&self) -> io::Result<Vec<String>> {
        let mut things = Vec::new();
        let claim = self.claim()?;
        if let Claim::Made(record) = claim {
            match self.bound(&record)? {
                Binding::Ours | Binding::Placeholder => things.push(self.to_string()),
                Binding::Absent | Binding::Foreign => {}
            }
            if self.has_folder()? {
                things.push(self.folder().display().to_string());
            }
        }
        if claim != Claim::None {
            things.push(self.record_path().display().to_string());
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

    /// Returns the record, if the namespace that it describes is still bound to the name.
    pub fn bound_record(&self) -> io::Result<Option<Record>> {
        Ok(match self.record()? {
            Some(record) if self.bound(&record)? == Binding::Ours => Some(record),
            _ => None,
        })
    }

    /// Returns the entries that belong to a record which this process remembers, as a person would name them.
    pub fn found_by(&self, known: &Record) -> io::Result<Vec<String>> {
        let mut things = Vec::new();
        if self.bound(known)? == Binding::Ours {
            things.push(self.to_string());
        }
        if self.claim()? == Claim::None && self.has_folder()? {
            things.push(self.folder().display().to_string());
        }
        Ok(things)
    }

    /// Removes all entries that lanherd made, trying every step; the record goes last, and stays if something else had to. `known` is
    /// the record that this process remembers, if it made what there is: it does where the one on file is gone.
    pub fn remove_knowing(&self, known: Option<Record>) -> Vec<CleanupError> {
        let (claim, mut errors) = match self.claim() {
            Ok(claim) => (claim, Vec::new()),
            // Whatever somebody has put in its place.
            Err(error) if known.is_some() && Unusable::of(&error).is_some() => {
                (Claim::Unfinished, Vec::new())
            }
            Err(error) => (
                Claim::None,
                vec![cleanup(self.record_path().display())(error)],
            ),
        };
        let (made, folder_is_ours) = match (claim, known) {
            (Claim::None, None) => return errors,
            (Claim::Unfinished, None) => (None, false),
            (Claim::Made(record), None) => (Some(record), true),
            // Somebody has taken the name since the record was removed: the rest of it is theirs.
            (Claim::Made(record), Some(known)) if record != known => {
                errors.extend(self.unbind(&known).map_err(cleanup(self.to_string())).err());
                return errors;
            }
            (Claim::None | Claim::Unfinished | Claim::Made(_), Some(known)) => (Some(known), true),
        };
        if let Some(record) = made {
            errors.extend(
                self.unbind(&record)
                    .map_err(cleanup(self.to_string()))
                    .err(),
            );
        }
        if folder_is_ours {
            errors.extend(
                self.remove_folder()
                    .map_err(cleanup(self.folder().display()))
                    .err(),
            );
        }
        if errors.is_empty() {
            errors.extend(
                self.remove_record()
                    .map_err(cleanup(self.record_path().display()))
                    .err(),
            );
        }
        errors
    }

    fn remove_record(&self) -> io::Result<()> {
        match self.folders.pool.find()? {
            Some(pool) => pool.remove(&self.namespace),
            None => Ok(()),
        }
    }

    fn unbind(&self, record: &Record) -> io::Result<()> {
        let Some(netns) = Folder::find(&self.folders.netns, Trust::Shared)? else {
            return Ok(());
        };
        match self.bound_in(&netns, record)? {
            Binding::Absent | Binding::Foreign => return Ok(()),
            Binding::Placeholder => {}
            Binding::Ours => {
                let flags = MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW;
                umount2(&netns.way_to(&self.namespace)?, flags)?;
            }
        }
        netns.remove(&self.namespace)
    }

    fn remove_folder(&self) -> io::Result<()> {
        let Some(resolv) = absent_is_none(self.folders.resolv())? else {
            return Ok(());
        };
        let Some(folder) = resolv.find_child(&self.namespace, Trust::Own)? else {
            return Ok(());
        };
        if own_resolver(&folder)?.is_some() {
            folder.remove(RESOLVER)?;
        }
        resolv
            .remove_folder(&self.namespace)
            .map_err(|error| match error.kind() {
                ErrorKind::DirectoryNotEmpty => {
                    io::Error::new(error.kind(), "it holds files that lanherd did not write")
                }
                _ => error,
            })
    }

    fn claim(&self) -> io::Result<Claim> {
        let Some(pool) = self.folders.pool.find()? else {
            return Ok(Claim::None);
        };
        match state_file::read(&pool, &self.namespace) {
            Ok(Some(record)) => Ok(Claim::Made(record)),
            Ok(None) => Ok(Claim::None),
            Err(error) if matches!(Unusable::of(&error), Some(Unusable::CutShort { .. })) => {
                Ok(Claim::Unfinished)
            }
            Err(error) => Err(error),
        }
    }

    fn bound(&self, record: &Record) -> io::Result<Binding> {
        match Folder::find(&self.folders.netns, Trust::Shared)? {
            Some(netns) => self.bound_in(&netns, record),
            None => Ok(Binding::Absent),
        }
    }

    /// Returns what bears the name. An error means that this is not known, and so that nothing may be given up.
    fn bound_in(&self, netns: &Folder, record: &Record) -> io::Result<Binding> {
        let Some(found) = netns.look_at(&self.namespace)? else {
            return Ok(Binding::Absent);
        };
        let is_namespace = found.st_dev == fs::metadata("/proc/thread-self/ns/net")?.dev();
        if is_namespace {
            // The number first: it costs nothing, and tells most strangers apart.
            if inode(&found) != record.inode {
                return Ok(Binding::Foreign);
            }
            let Some(file) = netns.open_any(&self.namespace)? else {
                return Ok(Binding::Absent);
            };
            let is_ours = record.is_of(&NetNs::of(file)?)?;
            Ok(if is_ours {
                Binding::Ours
            } else {
                Binding::Foreign
            })
        } else if found.st_mode & libc::S_IFMT == libc::S_IFREG && found.st_size == 0 {
            Ok(Binding::Placeholder)
        } else {
            Ok(Binding::Foreign)
        }
    }
}

/// The namespace, as a person would name it.
impl fmt::Display for HostEntries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "namespace {}", self.namespace)
    }
}

/// The resolver file in a client's folder, if there is one that lanherd wrote. A file that was cut short before its heading
/// is lanherd's as well: the folder is.
pub(crate) fn own_resolver(folder: &Folder) -> io::Result<Option<File>> {
    let Some(file) = folder.open_file(RESOLVER)? else {
        return Ok(None);
    };
    let mut start = Vec::new();
    (&file)
        .take(RESOLVER_HEADING.len() as u64)
        .read_to_end(&mut start)?;
    Ok(RESOLVER_HEADING
        .as_bytes()
        .starts_with(&start)
        .then_some(file))
}
