//! Netlink subscriptions that tell when a link, an address or a route is removed in a client's namespace.
//!
//! One netlink socket is subscribed to all namespaces where the kernel allows that (`CAP_NET_BROADCAST`); else there is one
//! socket in each. What either costs is in `docs/benchmarks.md`. A message is only a notification that something changed: its
//! content is thrown away, and the kernel is asked for the present state; but for one that only says that a neighbour answers, which
//! each client's router does twice a minute, and the kernel looks through the neighbours of all namespaces when it is asked.

pub(super) mod shared;
mod socket;

use std::io;
use std::os::fd::AsRawFd;

use netlink_sys::Socket;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv};

use self::shared::Subscription;
use self::socket::{join, subscribe};

/// How many messages are thrown away at one time; a later message notifies again.
const MOST_AT_ONCE: usize = 256;

/// The subscription to what is removed in one client's namespace.
pub(super) enum NetlinkMonitor {
    /// A netlink socket inside the namespace.
    Own(Socket),
    /// A share in the socket that is subscribed to all namespaces.
    Shared(Subscription),
}

impl NetlinkMonitor {
    /// Opens a socket of its own in the calling thread's namespace.
    pub fn open() -> io::Result<Self> {
        subscribe(false).map(Self::Own)
    }

    /// Has it hear of neighbours, too, from now on; again does nothing.
    pub fn hear_neighbours(&self) -> io::Result<()> {
        match self {
            Self::Own(socket) => join(socket),
            Self::Shared(subscription) => join(subscription.socket()),
        }
    }

    /// Drains the socket. Overruns (`ENOBUFS`) are fine: any notification leads to a full check of the namespace.
    pub fn clear(&self) {
        let Self::Own(socket) = self else {
            // The shared socket is drained where its notifications are read.
            return;
        };
        let mut byte = [0];
        for _ in 0..MOST_AT_ONCE {
            match recv(socket.as_raw_fd(), &mut byte, MsgFlags::MSG_DONTWAIT) {
                Ok(_) | Err(Errno::ENOBUFS | Errno::EINTR) => {}
                Err(_) => break,
            }
        }
    }
}
