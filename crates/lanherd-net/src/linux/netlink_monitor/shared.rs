//! The netlink socket that is subscribed to all namespaces (`NETLINK_LISTEN_ALL_NSID`, netlink(7)), and which client's
//! each namespace is.
//!
//! The kernel tells of a namespace by the number that it has in the listener's (nsid), and hands nothing on of one that has
//! none. A number is free again when its namespace has ended, and may be another client's at once.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;

use netlink_sys::Socket;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use parking_lot::Mutex;

use super::socket::subscribe;
use lanherd_types::identity::Mac;

/// How many messages are read at one time; what is left then notifies again.
const MOST_AT_ONCE: usize = 256;

/// The socket that is subscribed to all namespaces, and the clients whose namespaces it tells of.
pub(in crate::linux) struct SharedMonitor {
    socket: Socket,
    clients: Mutex<Clients>,
}

#[derive(Default)]
struct Clients {
    by_nsid: HashMap<i32, Client>,
    latest_generation: u64,
}

struct Client {
    mac: Mac,
    /// Distinguishes this client from an earlier one whose namespace had the same number.
    generation: u64,
    /// Whether notifications are passed on: before the client's sockets are added nobody could act on one.
    is_active: bool,
    /// Whether a notification came before the client was active.
    has_pending: bool,
}

impl Clients {
    /// Notes that something was removed in the namespace of that number; returns the client to notify, if any.
    fn notify(&mut self, nsid: i32, said: Said) -> Option<Mac> {
        let client = self.by_nsid.get_mut(&nsid)?;
        client.notify(said)
    }
}

impl Client {
    fn notify(&mut self, said: Said) -> Option<Mac> {
        // Whoever is not active has missed no router yet.
        self.has_pending |= !self.is_active && said == Said::Change;
        self.is_active.then_some(self.mac)
    }
}

/// What a message says, as far as it matters whether the namespace has to be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::linux) enum Said {
    /// A neighbour of IPv6 answers, as it does again and again: that matters to those alone who miss a router.
    Reachable,
    /// Anything else: something may have changed that the client has to know.
    Change,
}

impl Said {
    /// The header of a message, and what follows of a neighbour up to its state (rtnetlink(7)).
    const READ: usize = 26;

    fn of(message: [u8; Self::READ]) -> Self {
        const REACHABLE: u16 = 0x02;
        let number = |at: usize| u16::from_ne_bytes([message[at], message[at + 1]]);
        let (kind, state) = (number(4), number(24));
        if kind == libc::RTM_NEWNEIGH && state == REACHABLE {
            Self::Reachable
        } else {
            Self::Change
        }
    }
}

/// Where something was removed.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::linux) enum Changed {
    /// Something was removed in the namespaces of these clients, or a neighbour there answers.
    In(BTreeMap<Mac, Said>),
    /// The receive buffer overran (`ENOBUFS`), so any client's namespace may be meant.
    Anywhere,
}

impl SharedMonitor {
    /// Opens the socket in the calling thread's namespace. That takes `CAP_NET_BROADCAST` there, and to be told of a
    /// namespace, the same capability over the user namespace that owns it; not, as netlink(7) says, over the first one.
    pub fn open() -> io::Result<Self> {
        Ok(Self {
            socket: subscribe(true)?,
            clients: Mutex::default(),
        })
    }

    /// Subscribes to the namespace of that number, which from now on is this client's.
    pub fn subscribe(self: &Arc<Self>, nsid: i32, mac: Mac) -> Subscription {
        let mut clients = self.clients.lock();
        clients.latest_generation += 1;
        let generation = clients.latest_generation;
        let client = Client {
            mac,
            generation,
            is_active: false,
            has_pending: false,
        };
        clients.by_nsid.insert(nsid, client);
        Subscription {
            monitor: Arc::clone(self),
            nsid,
            generation,
        }
    }

    /// Returns where something was removed since the last call, some of it at a time; does not wait.
    pub fn changed(&self) -> io::Result<Changed> {
        let mut changed: BTreeMap<Mac, Said> = BTreeMap::new();
        let mut clients = self.clients.lock();
        for _ in 0..MOST_AT_ONCE {
            match self.receive() {
                Ok((nsid, said)) => {
                    if let Some(mac) = nsid.and_then(|nsid| clients.notify(nsid, said)) {
                        let known = changed.entry(mac).or_insert(said);
                        *known = said.max(*known);
                    }
                }
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => {}
                Err(Errno::ENOBUFS) => {
                    for client in clients.by_nsid.values_mut() {
                        client.notify(Said::Change);
                    }
                    return Ok(Changed::Anywhere);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Changed::In(changed))
    }

    /// Reads one message, and returns the number of the namespace that it came from, with what it says; `None`: it came from this
    /// namespace, or from one without a number.
    fn receive(&self) -> nix::Result<(Option<i32>, Said)> {
        let mut head = [0; Said::READ];
        let mut parts = [IoSliceMut::new(&mut head)];
        let mut control = nix::cmsg_space!(i32);
        let message = recvmsg::<()>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::MSG_DONTWAIT,
        )?;
        let nsid = message.cmsgs()?.find_map(|said| match said {
            ControlMessageOwned::Unknown(said)
                if (said.cmsg_header.cmsg_level, said.cmsg_header.cmsg_type)
                    == (libc::SOL_NETLINK, libc::NETLINK_LISTEN_ALL_NSID) =>
            {
                let number = said.data_bytes.first_chunk()?;
                Some(i32::from_ne_bytes(*number))
            }
            _ => None,
        });
        Ok((nsid, Said::of(head)))
    }
}

impl AsFd for SharedMonitor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The subscription to one client's namespace; it ends when this is dropped.
pub(in crate::linux) struct Subscription {
    monitor: Arc<SharedMonitor>,
    nsid: i32,
    generation: u64,
}

impl Subscription {
    /// The socket, which is everybody's.
    pub fn socket(&self) -> &Socket {
        &self.monitor.socket
    }

    /// Passes notifications on from now on; returns whether one has come already.
    pub fn activate(&self) -> bool {
        let mut clients = self.monitor.clients.lock();
        let client = clients.by_nsid.get_mut(&self.nsid);
        client
            .filter(|client| client.generation == self.generation)
            .is_some_and(|client| {
                client.is_active = true;
                client.has_pending
            })
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if let Entry::Occupied(client) = self.monitor.clients.lock().by_nsid.entry(self.nsid)
            && client.get().generation == self.generation
        {
            client.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use netlink_sys::protocols::NETLINK_ROUTE;

    use super::*;

    const ONE: Mac = Mac([2, 0, 0, 0, 0, 1]);
    const OTHER: Mac = Mac([2, 0, 0, 0, 0, 2]);

    fn monitor() -> Arc<SharedMonitor> {
        Arc::new(SharedMonitor {
            socket: Socket::new(NETLINK_ROUTE).expect("a socket"),
            clients: Mutex::default(),
        })
    }

    #[test]
    fn a_notification_that_comes_before_its_client_is_active_is_kept_until_then() {
        let monitor = monitor();
        let (one, other) = (monitor.subscribe(1, ONE), monitor.subscribe(2, OTHER));
        assert_eq!(monitor.clients.lock().notify(1, Said::Change), None);
        assert!(one.activate() && !other.activate());
        assert_eq!(monitor.clients.lock().notify(1, Said::Change), Some(ONE));
        assert_eq!(monitor.clients.lock().notify(2, Said::Change), Some(OTHER));
        assert_eq!(monitor.clients.lock().notify(3, Said::Change), None);
    }

    #[test]
    fn a_number_is_the_latest_clients_whoever_had_it_before_leaves_later() {
        let monitor = monitor();
        let earlier = monitor.subscribe(7, ONE);
        let later = monitor.subscribe(7, OTHER);
        assert!(!earlier.activate() && !later.activate());
        drop(earlier);
        assert_eq!(monitor.clients.lock().notify(7, Said::Change), Some(OTHER));
        drop(later);
        assert_eq!(monitor.clients.lock().notify(7, Said::Change), None);
    }

    #[test]
    fn that_a_neighbour_answers_is_told_apart_from_all_that_changes_something() {
        let message = |kind: u16, state: u16| {
            let mut bytes = [0; Said::READ];
            bytes[4..6].copy_from_slice(&kind.to_ne_bytes());
            bytes[24..26].copy_from_slice(&state.to_ne_bytes());
            Said::of(bytes)
        };
        assert_eq!(message(libc::RTM_NEWNEIGH, 0x02), Said::Reachable);
        // It has failed; and an address with a number of the interface that could be taken for a state.
        assert_eq!(message(libc::RTM_NEWNEIGH, 0x20), Said::Change);
        assert_eq!(message(libc::RTM_NEWADDR, 0x02), Said::Change);
        assert_eq!(message(libc::RTM_DELROUTE, 0x02), Said::Change);
    }

    #[test]
    fn a_neighbour_that_answers_is_no_reason_to_look_at_whoever_comes() {
        let monitor = monitor();
        let one = monitor.subscribe(1, ONE);
        assert_eq!(monitor.clients.lock().notify(1, Said::Reachable), None);
        assert!(!one.activate());
        assert_eq!(monitor.clients.lock().notify(1, Said::Reachable), Some(ONE));
    }
}
