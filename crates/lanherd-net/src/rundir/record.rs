//! What is known of a client's namespace: enough to tell it from any other.

use std::fmt;
use std::io;
use std::os::fd::AsFd;

use super::state_file::{field, optional, or_none};
use crate::netlink::Netlink;
use crate::netns::NetNs;
use crate::sys;
use lanherd_types::identity::Mac;

/// What is known of a client's namespace: enough to tell it from any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

    /// Reads it back; `None` where it was cut short.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(Self {
            inode: field(text, "inode")?.parse().ok()?,
            cookie: optional(field(text, "cookie")?).ok()?,
            mac: field(text, "mac")?.parse().ok()?,
        })
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "inode {}", self.inode)?;
        writeln!(f, "cookie {}", or_none(self.cookie))?;
        writeln!(f, "mac {}", self.mac)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_reads_back_as_it_is_written_with_and_without_a_cookie() {
        for cookie in [Some(4097), None] {
            let record = Record {
                inode: 4_026_532_008,
                cookie,
                mac: Mac([2, 0, 0, 0, 0, 7]),
            };
            assert_eq!(Record::parse(&record.to_string()), Some(record));
        }
    }

    #[test]
    fn a_record_cut_short_anywhere_is_never_taken_for_another_one() {
        let record = Record {
            inode: 4_026_532_008,
            cookie: Some(4097),
            mac: Mac([2, 0, 0, 0, 0, 7]),
        };
        let text = record.to_string();
        for length in 0..text.len() {
            let read = Record::parse(&text[..length]);
            assert!(
                read.is_none() || read == Some(record),
                "{:?}",
                &text[..length]
            );
        }
    }
}
