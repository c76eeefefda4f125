//! What is known of a client's namespace: enough to tell it from any other.

use std::io;
use std::os::fd::AsFd;

use serde::{Deserialize, Serialize};

use super::state_file::Content;
use super::text_format;
use crate::netlink::Netlink;
use crate::netns::NetNs;
use crate::sys;
use lanherd_types::identity::Mac;

/// What is known of a client's namespace: enough to tell it from any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The namespace's inode; used again by the kernel once the namespace is gone.
    pub inode: u64,
    /// The namespace's cookie, never used again; absent before Linux 5.14.
    pub cookie: Option<u64>,
    /// The address of the macvlan in it.
    pub mac: Mac,
}

impl Record {
    /// The record of the namespace that `netlink` is a socket in.
    pub(crate) fn of(namespace: &NetNs, netlink: &Netlink, mac: Mac) -> Self {
        let cookie = sys::namespace_cookie(netlink.as_fd()).ok();
        Self {
            inode: namespace.inode(),
            cookie,
            mac,
        }
    }

    /// Whether `namespace` is the one that this record is about. An error means that it is not known: never that it is
    /// another one.
    pub(crate) fn is_of(&self, namespace: &NetNs) -> io::Result<bool> {
        if namespace.inode() != self.inode {
            return Ok(false);
        }
        let Some(cookie) = self.cookie else {
            return Ok(true);
        };
        let found = namespace.with(|| {
            let socket = Netlink::open()?;
            sys::namespace_cookie(socket.as_fd())
        })??;
        Ok(found == cookie)
    }
}

impl Content for Record {
    const KIND: &'static str = "record of a namespace";
    const REMEDY: &'static str = "remove it, and with `ip netns delete` the namespace of its name, which `lanherd clean` does not find without it";
    const FIRST_KEY: &'static str = "inode ";

    fn parse_text_format(text: &str) -> Option<Self> {
        text_format::record(text)
    }
}
