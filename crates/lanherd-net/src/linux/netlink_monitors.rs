//! The monitors of all clients, behind one descriptor: one `epoll` instance waits for all of them, so that a client costs neither a
//! task nor a registration with the runtime.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use parking_lot::Mutex;

use super::netlink_monitor::NetlinkMonitor;
use super::netlink_monitor::shared::{Changed, Said, SharedMonitor};
use super::sockets::Sockets;
use lanherd_types::identity::Mac;

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
