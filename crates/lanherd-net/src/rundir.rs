//! What a pool keeps on the host's file system, so that nothing of it is lost when its process is killed: its lock, the
//! records of its clients' namespaces, their leases, the settings of a parent that was taken down, and its control socket.
//!
//! Everything here is found and undone by name, whoever made it: [`leftovers`] does so after a kill, [`running_pools`] tells
//! which pools run. Files are reached through descriptors of folders whose owner was checked.

pub mod control_socket;
pub(crate) mod entry_error;
pub(crate) mod folder;
pub(crate) mod host_entries;
pub(crate) mod lease6_record;
pub(crate) mod lease_record;
pub mod leftovers;
pub(crate) mod netns_holder;
pub(crate) mod parent_settings;
pub(crate) mod pool_dir;
pub(crate) mod pool_files;
pub(crate) mod pool_lock;
pub(crate) mod pool_manifest;
pub(crate) mod record;
pub mod running_pools;
pub(crate) mod shared_dirs;
pub(crate) mod state_file;
mod text_format;

pub use folder::{Untrusted, check_shared};
pub use pool_lock::LockError;
pub use shared_dirs::resolvers_are_read_only;
