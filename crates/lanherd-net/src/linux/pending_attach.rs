//! An attachment in the making, whether its namespace is new or was taken over.

use super::netlink_monitor::NetlinkMonitor;
use super::worker::WorkerContext;
use crate::netlink::Netlink;
use crate::netns::NetNs;
use lanherd_types::identity::Mac;

/// An attachment that is not finished yet: the namespace has its name, but its link or its sockets are missing.
pub(super) struct PendingAttach {
    pub namespace: NetNs,
    pub netlink: Netlink,
    /// The namespace's number in the home namespace (nsid).
    pub number: Option<i32>,
    pub mac: Mac,
    pub link: Link,
    /// The monitor, where it was opened already since the namespace holds something that may be removed.
    pub monitor: Option<NetlinkMonitor>,
}

/// The state of the link of a pending attachment.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    Absent,
    Down,
    Up,
}

/// Numbers a namespace at home: so the kernel tells of it, and can be asked whether it is gone.
pub(super) fn number(context: &mut WorkerContext, namespace: &NetNs) -> Option<i32> {
    context
        .netlink
        .number(namespace)
        .inspect_err(|error| tracing::warn!(%error, "a namespace cannot be numbered"))
        .ok()
}
