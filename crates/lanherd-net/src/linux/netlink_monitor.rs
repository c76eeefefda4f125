//! Netlink subscriptions that tell when a link, an address or a route is removed in a client's namespace.
//!
//! One netlink socket is subscribed to all namespaces where the kernel allows that (`CAP_NET_BROADCAST`); else there is one
//! socket in each. What either costs is in `docs/benchmarks.md`. One `epoll` instance waits for all of them, so that a client
//! costs neither a task nor a registration with the runtime. A message is only a notification that something changed: its
//! content is thrown away, and the kernel is asked for the present state; but for one that only says that a neighbour answers, which
//! each client's router does twice a minute, and the kernel looks through the neighbours of all namespaces when it is asked.

mod shared;

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::socket::{MsgFlags, recv};
use parking_lot::Mutex;
use socket2::SockRef;

use self::shared::{Changed, Said, SharedMonitor, Subscription};
use super::filter;
use super::sockets::Sockets;
use crate::sys;
use lanherd_types::identity::Mac;

/// `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV4_ROUTE` and `RTMGRP_IPV6_IFADDR` of `linux/rtnetlink.h`. Of IPv6's routes
/// nothing is heard: a namespace that ends takes many with it.
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100;
/// `RTNLGRP_NEIGH`: only where IPv6 is spoken, as ARP changes much.
const NEIGHBOURS: i32 = 3;
/// How many messages are thrown away at one time; a later message notifies again.
const MOST_AT_ONCE: usize = 256;

/// Opens a netlink socket that is subscribed to the removal of links, addresses and routes in the calling thread's
/// namespace, or with `in_all` in every namespace that has a number (nsid) there.
fn subscribe(in_all: bool) -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    if in_all {
        socket.set_listen_all_namespaces(true)?;
    }
    SockRef::from(&socket).attach_filter(&filter::for_losses())?;
    socket.bind(&SocketAddr::new(0, GROUPS))?;
    Ok(socket)
}

/// Has a socket hear of neighbours, too; again does nothing.
fn join(socket: &Socket) -> io::Result<()> {
    sys::join_netlink_group(socket.as_fd(), NEIGHBOURS)
}

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

/// What a monitor has noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notification {
    /// Something was removed in this client's namespace.
    Namespace(Mac),
    /// A neighbour of this client's answers, and nothing was removed.
    Neighbour(Mac),
    /// Something was removed in some client's namespace, and it is not known in whose.
    Anywhere,
    /// This client's socket on port 68 was shut down or destroyed.
    Socket(Mac),
}

/// A source of notifications, as encoded in the number that `epoll` keeps for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// The netlink socket in a client's namespace.
    Namespace(Mac),
    /// A client's socket on port 68.
    Socket(Mac),
    /// The netlink socket that is subscribed to all namespaces.
    Shared,
    /// The event file for clients whose namespace changed before their sockets were added.
    Early,
}

/// Above the 48 bits of a MAC.
const SOCKET: u64 = 1 << 48;
const SHARED: u64 = 1 << 49;
const EARLY: u64 = 1 << 50;

impl Source {
    fn number(self) -> u64 {
        match self {
            Self::Namespace(mac) => number_of(mac),
            Self::Socket(mac) => number_of(mac) | SOCKET,
            Self::Shared => SHARED,
            Self::Early => EARLY,
        }
    }

    fn of(number: u64) -> Self {
        let [_, _, mac @ ..] = number.to_be_bytes();
        match number {
            SHARED => Self::Shared,
            EARLY => Self::Early,
            _ if number & SOCKET != 0 => Self::Socket(Mac(mac)),
            _ => Self::Namespace(Mac(mac)),
        }
    }
}

fn number_of(mac: Mac) -> u64 {
    let mut bytes = [0; 8];
    bytes[2..].copy_from_slice(&mac.octets());
    u64::from_be_bytes(bytes)
}

/// The monitors of all clients, behind one descriptor. A socket that is closed notifies no more.
pub(super) struct NetlinkMonitors {
    epoll: Epoll,
    shared: Option<Arc<SharedMonitor>>,
    early: Mutex<Vec<Mac>>,
    has_early: EventFd,
}

impl NetlinkMonitors {
    /// Opens the shared subscription in the calling thread's namespace, if this process may.
    pub fn open() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let shared = match SharedMonitor::open() {
            Ok(shared) => {
                // Level-triggered: it notifies as long as there is something left to read.
                let event = EpollEvent::new(EpollFlags::EPOLLIN, Source::Shared.number());
                epoll.add(&shared, event)?;
                Some(Arc::new(shared))
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
            shared,
            early: Mutex::default(),
            has_early,
        })
    }

    /// Subscribes the shared socket to a client's namespace, which has that number (nsid) where the shared socket was
    /// opened. `None`: the namespace needs a socket of its own.
    pub fn subscribe(&self, number: Option<i32>, client: Mac) -> Option<NetlinkMonitor> {
        let shared = self.shared.as_ref()?;
        Some(NetlinkMonitor::Shared(shared.subscribe(number?, client)))
    }

    /// Adds a client's monitor, and its socket on port 68.
    pub fn add(&self, client: Mac, sockets: &Sockets) -> io::Result<()> {
        match &sockets.monitor {
            NetlinkMonitor::Own(socket) => {
                let namespace = event(Source::Namespace(client), EpollFlags::EPOLLIN);
                self.epoll.add(socket, namespace)?;
            }
            NetlinkMonitor::Shared(subscription) => {
                if subscription.activate() {
                    self.early.lock().push(client);
                    self.has_early.write(1)?;
                }
            }
        }
        // `epoll` always reports errors and hang-ups.
        let socket = event(Source::Socket(client), EpollFlags::empty());
        sockets.with_dhcp(|dhcp| Ok(self.epoll.add(dhcp, socket)?))
    }

    /// Returns the notifications since the last call, some of them at a time; does not wait.
    pub fn notifications(&self) -> io::Result<Vec<Notification>> {
        let mut events = [EpollEvent::empty(); 64];
        let count = self.epoll.wait(&mut events, EpollTimeout::ZERO)?;
        let mut notifications = Vec::new();
        for event in events.iter().take(count) {
            match Source::of(event.data()) {
                Source::Namespace(mac) => notifications.push(Notification::Namespace(mac)),
                Source::Socket(mac) => notifications.push(Notification::Socket(mac)),
                Source::Early => {
                    // Reset before the list is read: whoever is added later notifies again.
                    let _ = self.has_early.read();
                    notifications.extend(self.early.lock().drain(..).map(Notification::Namespace));
                }
                Source::Shared => match self.shared.as_ref().map(|shared| shared.changed()) {
                    Some(Ok(Changed::In(macs))) => {
                        notifications.extend(macs.into_iter().map(|(mac, said)| match said {
                            Said::Reachable => Notification::Neighbour(mac),
                            Said::Change => Notification::Namespace(mac),
                        }));
                    }
                    Some(Ok(Changed::Anywhere)) => notifications.push(Notification::Anywhere),
                    Some(Err(error)) => return Err(error),
                    None => {}
                },
            }
        }
        Ok(notifications)
    }

    /// Returns a descriptor that is readable while there are notifications.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.epoll.0.try_clone()
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
                Source::Namespace(mac),
                Source::Socket(mac),
                Source::Shared,
                Source::Early,
            ];
            for source in sources {
                assert_eq!(Source::of(source.number()), source);
            }
        }
    }
}
