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

use crate::kernel::NO_IPV6;
use crate::sys;
use lanherd_types::family::{Families, Family};

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

    /// Limits what links that are made from now on, in the namespace that the calling thread is in, have of IPv6: nothing at all,
    /// or what is set. Fails where IPv6 is asked for and cannot be had so.
    pub fn limit_new_links(&mut self, families: Families) -> io::Result<()> {
        if families.include(Family::Ipv6) {
            self.ignore_advertisements("default")
        } else {
            self.forbid_ipv6("default");
            Ok(())
        }
    }

    /// The same for a link that is there; what it has of IPv6 goes where it is to have none.
    pub fn limit_link(&mut self, link: &str, families: Families) -> io::Result<()> {
        if families.include(Family::Ipv6) {
            self.ignore_advertisements(link)?;
            self.write(&format!("ipv6/conf/{link}/disable_ipv6"), "0")
        } else {
            self.forbid_ipv6(link);
            Ok(())
        }
    }

    /// Has `links` take neither address nor route from a router advertisement, nor solicit one (RFC 4861, RFC 4862).
    fn ignore_advertisements(&mut self, links: &str) -> io::Result<()> {
        let written = self.write(&format!("ipv6/conf/{links}/accept_ra"), "0");
        written.map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => io::Error::new(error.kind(), NO_IPV6),
            _ => error,
        })
    }

    /// Has `links` do without IPv6: they take no address, neither by themselves nor from a router advertisement (RFC 4862),
    /// and send nothing of IPv6.
    fn forbid_ipv6(&mut self, links: &str) {
        match self.write(&format!("ipv6/conf/{links}/disable_ipv6"), "1") {
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
