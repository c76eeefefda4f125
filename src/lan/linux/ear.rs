//! What is heard of the herd's namespaces: a netlink socket in each, all of them behind one descriptor.
//!
//! A socket each: one for all (`NETLINK_LISTEN_ALL_NSID`) needs `CAP_NET_BROADCAST`, though not, as netlink(7) says, in the
//! initial user namespace; what either costs is in `docs/benchmarks.md`. They are waited for together by one `epoll` instance, so that a client costs neither a task nor a
//! registration with the runtime. What an ear hears is only a bell: messages are thrown away, and what is so is asked.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{MsgFlags, recv};
use socket2::SockRef;

use super::filter;
use super::sockets::Sockets;
use crate::identity::Mac;

/// `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR` and `RTMGRP_IPV4_ROUTE` of `linux/rtnetlink.h`.
const GROUPS: u32 = 0x1 | 0x10 | 0x40;
/// Messages thrown away at one time; what comes later rings again.
const MOST_AT_ONCE: usize = 256;

/// A netlink socket that hears of links, addresses and routes that are taken away.
pub(super) struct Ear(Socket);

impl Ear {
    /// Opens one in the calling thread's namespace.
    pub fn open() -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        SockRef::from(&socket).attach_filter(&filter::for_losses())?;
        socket.bind(&SocketAddr::new(0, GROUPS))?;
        Ok(Self(socket))
    }

    /// Throws away what was heard. That some of it was lost for want of room is no matter.
    pub fn clear(&self) {
        let mut rest = [0];
        for _ in 0..MOST_AT_ONCE {
            match recv(self.0.as_raw_fd(), &mut rest, MsgFlags::MSG_DONTWAIT) {
                Ok(_) | Err(Errno::ENOBUFS | Errno::EINTR) => {}
                Err(_) => break,
            }
        }
    }
}

impl AsFd for Ear {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// What rang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bell {
    /// Something was taken away in this client's namespace.
    Namespace(Mac),
    /// This client's socket on port 68 was shut down or destroyed.
    Socket(Mac),
}

/// Above the 48 bits of a MAC.
const SOCKET: u64 = 1 << 48;

impl Bell {
    fn number(self) -> u64 {
        match self {
            Self::Namespace(mac) => number_of(mac),
            Self::Socket(mac) => number_of(mac) | SOCKET,
        }
    }

    fn of(number: u64) -> Self {
        let [_, _, mac @ ..] = number.to_be_bytes();
        if number & SOCKET != 0 {
            Self::Socket(Mac(mac))
        } else {
            Self::Namespace(Mac(mac))
        }
    }
}

fn number_of(mac: Mac) -> u64 {
    let mut bytes = [0; 8];
    bytes[2..].copy_from_slice(&mac.octets());
    u64::from_be_bytes(bytes)
}

/// All that may ring, behind one descriptor. What is closed rings no more.
pub(super) struct Ears(Epoll);

impl Ears {
    pub fn new() -> io::Result<Self> {
        Ok(Self(Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?))
    }

    /// Listens to a client's sockets.
    pub fn add(&self, client: Mac, sockets: &Sockets) -> io::Result<()> {
        let namespace = event(Bell::Namespace(client), EpollFlags::EPOLLIN);
        self.0.add(&sockets.ear, namespace)?;
        // Errors and hang-ups ring in any case.
        let socket = event(Bell::Socket(client), EpollFlags::empty());
        sockets.with_dhcp(|dhcp| Ok(self.0.add(dhcp, socket)?))
    }

    /// What has rung since this was last asked, some of it at a time; does not wait.
    pub fn rung(&self) -> io::Result<Vec<Bell>> {
        let mut events = [EpollEvent::empty(); 64];
        let count = self.0.wait(&mut events, EpollTimeout::ZERO)?;
        let events = events.iter().take(count);
        Ok(events.map(|event| Bell::of(event.data())).collect())
    }

    /// A descriptor that is readable while something has rung.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.0.0.try_clone()
    }
}

fn event(bell: Bell, flags: EpollFlags) -> EpollEvent {
    EpollEvent::new(flags | EpollFlags::EPOLLET, bell.number())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bells_number_tells_which_one_it_is() {
        for mac in [Mac([0; 6]), Mac::BROADCAST, Mac([2, 0, 0, 0, 0, 7])] {
            for bell in [Bell::Namespace(mac), Bell::Socket(mac)] {
                assert_eq!(Bell::of(bell.number()), bell);
            }
        }
    }
}
