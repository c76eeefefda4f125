//! What is heard of the herd's namespaces, behind one descriptor.
//!
//! One netlink socket hears all of them where the kernel allows that (`CAP_NET_BROADCAST`), else there is one in each; what
//! either costs is in `docs/benchmarks.md`. They are waited for together by one `epoll` instance, so that a client costs
//! neither a task nor a registration with the runtime. What an ear hears is only a bell: messages are thrown away, and what
//! is so is asked.

mod common;

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::socket::{MsgFlags, recv};
use socket2::SockRef;

use self::common::{Common, Heard, Place};
use super::filter;
use super::sockets::Sockets;
use lanherd_types::identity::Mac;

/// `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR` and `RTMGRP_IPV4_ROUTE` of `linux/rtnetlink.h`.
const GROUPS: u32 = 0x1 | 0x10 | 0x40;
/// Messages thrown away at one time; what comes later rings again.
const MOST_AT_ONCE: usize = 256;

/// A netlink socket that hears of links, addresses and routes that are taken away in the calling thread's namespace, or in
/// all that have a number there.
fn listener(in_all: bool) -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    if in_all {
        socket.set_listen_all_namespaces(true)?;
    }
    SockRef::from(&socket).attach_filter(&filter::for_losses())?;
    socket.bind(&SocketAddr::new(0, GROUPS))?;
    Ok(socket)
}

/// Hears of what is taken away in one client's namespace.
pub(super) enum Ear {
    /// By a netlink socket inside.
    Own(Socket),
    /// By the one for all.
    Common(Place),
}

impl Ear {
    /// Opens a socket of its own in the calling thread's namespace.
    pub fn open() -> io::Result<Self> {
        listener(false).map(Self::Own)
    }

    /// Throws away what was heard. That some of it was lost for want of room is no matter.
    pub fn clear(&self) {
        let Self::Own(socket) = self else {
            // Reading it is to clear it.
            return;
        };
        let mut rest = [0];
        for _ in 0..MOST_AT_ONCE {
            match recv(socket.as_raw_fd(), &mut rest, MsgFlags::MSG_DONTWAIT) {
                Ok(_) | Err(Errno::ENOBUFS | Errno::EINTR) => {}
                Err(_) => break,
            }
        }
    }
}

/// What rang.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bell {
    /// Something was taken away in this client's namespace.
    Namespace(Mac),
    /// The same, in any client's: nobody knows in whose.
    Anywhere,
    /// This client's socket on port 68 was shut down or destroyed.
    Socket(Mac),
}

/// What rings, in the number that `epoll` keeps for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// A client's own ear.
    Ear(Mac),
    /// A client's socket on port 68.
    Socket(Mac),
    /// The ear of all.
    Common,
    /// What had rung before its client was plugged in.
    Early,
}

/// Above the 48 bits of a MAC.
const SOCKET: u64 = 1 << 48;
const COMMON: u64 = 1 << 49;
const EARLY: u64 = 1 << 50;

impl Source {
    fn number(self) -> u64 {
        match self {
            Self::Ear(mac) => number_of(mac),
            Self::Socket(mac) => number_of(mac) | SOCKET,
            Self::Common => COMMON,
            Self::Early => EARLY,
        }
    }

    fn of(number: u64) -> Self {
        let [_, _, mac @ ..] = number.to_be_bytes();
        match number {
            COMMON => Self::Common,
            EARLY => Self::Early,
            _ if number & SOCKET != 0 => Self::Socket(Mac(mac)),
            _ => Self::Ear(Mac(mac)),
        }
    }
}

fn number_of(mac: Mac) -> u64 {
    let mut bytes = [0; 8];
    bytes[2..].copy_from_slice(&mac.octets());
    u64::from_be_bytes(bytes)
}

/// All that may ring, behind one descriptor. What is closed rings no more.
pub(super) struct Ears {
    epoll: Epoll,
    common: Option<Arc<Common>>,
    early: Mutex<Vec<Mac>>,
    has_early: EventFd,
}

impl Ears {
    /// Listens in the calling thread's namespace to all others, if it may.
    pub fn open() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let common = match Common::open() {
            Ok(common) => {
                // Rings as long as there is something left to read.
                let event = EpollEvent::new(EpollFlags::EPOLLIN, Source::Common.number());
                epoll.add(&common, event)?;
                Some(Arc::new(common))
            }
            Err(error) => {
                tracing::debug!(%error, "no socket can hear all namespaces, so each client has one");
                None
            }
        };
        let has_early = EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?;
        epoll.add(&has_early, event(Source::Early, EpollFlags::EPOLLIN))?;
        Ok(Self {
            epoll,
            common,
            early: Mutex::default(),
            has_early,
        })
    }

    /// Has the one for all hear of a client's namespace, which has that number (nsid) where the one for all was opened.
    /// `None`: it has to have a socket of its own.
    pub fn hear(&self, number: Option<i32>, client: Mac) -> Option<Ear> {
        let common = self.common.as_ref()?;
        Some(Ear::Common(common.listen_to(number?, client)))
    }

    /// Listens to a client's sockets.
    pub fn add(&self, client: Mac, sockets: &Sockets) -> io::Result<()> {
        match &sockets.ear {
            Ear::Own(socket) => {
                let namespace = event(Source::Ear(client), EpollFlags::EPOLLIN);
                self.epoll.add(socket, namespace)?;
            }
            Ear::Common(place) => {
                if place.plug_in() {
                    self.early().push(client);
                    self.has_early.write(1)?;
                }
            }
        }
        // Errors and hang-ups ring in any case.
        let socket = event(Source::Socket(client), EpollFlags::empty());
        sockets.with_dhcp(|dhcp| Ok(self.epoll.add(dhcp, socket)?))
    }

    /// What has rung since this was last asked, some of it at a time; does not wait.
    pub fn rung(&self) -> io::Result<Vec<Bell>> {
        let mut events = [EpollEvent::empty(); 64];
        let count = self.epoll.wait(&mut events, EpollTimeout::ZERO)?;
        let mut bells = Vec::new();
        for event in events.iter().take(count) {
            match Source::of(event.data()) {
                Source::Ear(mac) => bells.push(Bell::Namespace(mac)),
                Source::Socket(mac) => bells.push(Bell::Socket(mac)),
                Source::Early => {
                    // Before it is looked: whoever comes later rings again.
                    let _ = self.has_early.read();
                    bells.extend(self.early().drain(..).map(Bell::Namespace));
                }
                Source::Common => match self.common.as_ref().map(|common| common.heard()) {
                    Some(Ok(Heard::From(macs))) => {
                        bells.extend(macs.into_iter().map(Bell::Namespace));
                    }
                    Some(Ok(Heard::TooMuch)) => bells.push(Bell::Anywhere),
                    Some(Err(error)) => return Err(error),
                    None => {}
                },
            }
        }
        Ok(bells)
    }

    /// A descriptor that is readable while something has rung.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.epoll.0.try_clone()
    }

    fn early(&self) -> MutexGuard<'_, Vec<Mac>> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn event(source: Source, flags: EpollFlags) -> EpollEvent {
    EpollEvent::new(flags | EpollFlags::EPOLLET, source.number())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sources_number_tells_which_one_it_is() {
        for mac in [Mac([0; 6]), Mac::BROADCAST, Mac([2, 0, 0, 0, 0, 7])] {
            let sources = [
                Source::Ear(mac),
                Source::Socket(mac),
                Source::Common,
                Source::Early,
            ];
            for source in sources {
                assert_eq!(Source::of(source.number()), source);
            }
        }
    }
}
