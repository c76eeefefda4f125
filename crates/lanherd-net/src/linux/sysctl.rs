//! Settings of a network namespace that only a file below `/proc/sys/net` takes.
//!
//! The kernel keeps an entry of one procfs for each namespace in which such a file was ever opened, and looks through all of
//! them at the next: by the thousandth namespace a write takes half a millisecond. So each thread has a procfs of its own, which
//! is mounted nowhere, and a new one after [`RENEWED_AFTER`] namespaces. Where that may not be had, as in a user namespace
//! without a process namespace of its own, `/proc` has to do.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;

use nix::fcntl::{OFlag, openat};
use nix::sys::stat::Mode;

use crate::sys;

/// A new procfs costs about as much as this many namespaces in an old one.
const RENEWED_AFTER: u32 = 100;

/// One thread's access to the settings below `/proc/sys/net`.
#[derive(Default)]
pub(super) struct Sysctls {
    own: Option<OwnedFd>,
    writes: u32,
    is_denied: bool,
    has_complained: bool,
}

impl Sysctls {
    /// Writes a value to a file below `/proc/sys/net`, of the namespace that the calling thread is in.
    pub fn write(&mut self, name: &str, value: &str) -> io::Result<()> {
        match self.own() {
            Some(own) => {
                let path = format!("sys/net/{name}");
                let flags = OFlag::O_WRONLY | OFlag::O_CLOEXEC;
                let mut file = File::from(openat(own, path.as_str(), flags, Mode::empty())?);
                file.write_all(value.as_bytes())
            }
            None => fs::write(format!("/proc/sys/net/{name}"), value),
        }
    }

    /// Has links that are made from now on in the namespace that the calling thread is in do without IPv6: they take no
    /// address, neither by themselves nor from a router advertisement (RFC 4862), and send nothing of IPv6.
    pub fn forbid_ipv6(&mut self) {
        match self.write("ipv6/conf/default/disable_ipv6", "1") {
            // A kernel that does not know IPv6 does not speak it.
            Err(error) if error.kind() != io::ErrorKind::NotFound && !self.has_complained => {
                self.has_complained = true;
                tracing::warn!(
                    %error,
                    "clients cannot be kept from IPv6: beside a router that advertises it they have addresses and routes of both"
                );
            }
            Ok(()) | Err(_) => {}
        }
    }

    fn own(&mut self) -> Option<&OwnedFd> {
        if self.is_denied {
            return None;
        }
        if self.own.is_none() || self.writes >= RENEWED_AFTER {
            self.writes = 0;
            match sys::own_proc() {
                Ok(own) => self.own = Some(own),
                Err(error) => {
                    tracing::debug!(%error, "no procfs of its own; /proc has to do");
                    self.own = None;
                    self.is_denied = true;
                }
            }
        }
        self.writes += 1;
        self.own.as_ref()
    }
}
