//! One netlink socket that hears all namespaces (`NETLINK_LISTEN_ALL_NSID`, netlink(7)), and which client each is.
//!
//! The kernel tells of a namespace by the number that it has in the listener's (nsid), and hands nothing on of one that has
//! none. A number is free again when its namespace has ended, and may be another client's at once.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};
use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use netlink_sys::Socket;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};

use super::listener;
use lanherd_types::identity::Mac;

/// Messages read at one time; what is left then rings again.
const MOST_AT_ONCE: usize = 256;

/// The socket.
pub(super) struct Common {
    socket: Socket,
    clients: Mutex<Clients>,
}

#[derive(Default)]
struct Clients {
    by_nsid: HashMap<i32, Client>,
    came: u64,
}

struct Client {
    mac: Mac,
    /// Tells it from an earlier one of the same number.
    came: u64,
    /// Until then nobody would know what to do about it.
    is_plugged_in: bool,
    has_rung: bool,
}

impl Clients {
    /// Something was taken away in the namespace of that number: the client that is to be told of.
    fn ring(&mut self, nsid: i32) -> Option<Mac> {
        self.by_nsid.get_mut(&nsid).and_then(Client::ring)
    }
}

impl Client {
    fn ring(&mut self) -> Option<Mac> {
        self.has_rung |= !self.is_plugged_in;
        self.is_plugged_in.then_some(self.mac)
    }
}

/// What was heard.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Heard {
    /// Something was taken away in the namespaces of these clients.
    From(BTreeSet<Mac>),
    /// The kernel had more to say than there was room for: it may have been anybody's.
    TooMuch,
}

impl Common {
    /// Opens it in the calling thread's namespace. That takes `CAP_NET_BROADCAST` there, and to hear of a namespace over
    /// the user namespace that owns it; not, as netlink(7) says, over the first one.
    pub fn open() -> io::Result<Self> {
        Ok(Self {
            socket: listener(true)?,
            clients: Mutex::default(),
        })
    }

    /// From now on the namespace of that number is this client's.
    pub fn listen_to(self: &Arc<Self>, nsid: i32, mac: Mac) -> Place {
        let mut clients = self.clients();
        clients.came += 1;
        let came = clients.came;
        let client = Client {
            mac,
            came,
            is_plugged_in: false,
            has_rung: false,
        };
        clients.by_nsid.insert(nsid, client);
        Place {
            common: Arc::clone(self),
            nsid,
            came,
        }
    }

    /// What has come since this was last asked, some of it at a time; does not wait.
    pub fn heard(&self) -> io::Result<Heard> {
        let mut heard = BTreeSet::new();
        let mut clients = self.clients();
        for _ in 0..MOST_AT_ONCE {
            match self.receive() {
                Ok(nsid) => {
                    heard.extend(nsid.and_then(|nsid| clients.ring(nsid)));
                }
                Err(Errno::EAGAIN) => break,
                Err(Errno::EINTR) => {}
                Err(Errno::ENOBUFS) => {
                    for client in clients.by_nsid.values_mut() {
                        client.ring();
                    }
                    return Ok(Heard::TooMuch);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Heard::From(heard))
    }

    /// Throws one message away, and returns the number of its namespace; `None`: it is of this one, or not numbered.
    fn receive(&self) -> nix::Result<Option<i32>> {
        let mut byte = [0];
        let mut parts = [IoSliceMut::new(&mut byte)];
        let mut control = nix::cmsg_space!(i32);
        let message = recvmsg::<()>(
            self.socket.as_raw_fd(),
            &mut parts,
            Some(&mut control),
            MsgFlags::MSG_DONTWAIT,
        )?;
        Ok(message.cmsgs()?.find_map(|said| match said {
            ControlMessageOwned::Unknown(said)
                if (said.cmsg_header.cmsg_level, said.cmsg_header.cmsg_type)
                    == (libc::SOL_NETLINK, libc::NETLINK_LISTEN_ALL_NSID) =>
            {
                let number = said.data_bytes.first_chunk()?;
                Some(i32::from_ne_bytes(*number))
            }
            _ => None,
        }))
    }

    fn clients(&self) -> MutexGuard<'_, Clients> {
        self.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Common {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// One client's, until it is dropped.
pub(in crate::linux) struct Place {
    common: Arc<Common>,
    nsid: i32,
    came: u64,
}

impl Place {
    /// From now on what is heard is told; returns whether something was heard already.
    pub fn plug_in(&self) -> bool {
        let mut clients = self.common.clients();
        let client = clients.by_nsid.get_mut(&self.nsid);
        client
            .filter(|client| client.came == self.came)
            .is_some_and(|client| {
                client.is_plugged_in = true;
                client.has_rung
            })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Entry::Occupied(client) = self.common.clients().by_nsid.entry(self.nsid)
            && client.get().came == self.came
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

    fn common() -> Arc<Common> {
        Arc::new(Common {
            socket: Socket::new(NETLINK_ROUTE).expect("a socket"),
            clients: Mutex::default(),
        })
    }

    #[test]
    fn what_rings_before_its_client_is_plugged_in_is_kept_until_then() {
        let common = common();
        let (one, other) = (common.listen_to(1, ONE), common.listen_to(2, OTHER));
        assert_eq!(common.clients().ring(1), None);
        assert!(one.plug_in() && !other.plug_in());
        assert_eq!(common.clients().ring(1), Some(ONE));
        assert_eq!(common.clients().ring(2), Some(OTHER));
        assert_eq!(common.clients().ring(3), None);
    }

    #[test]
    fn a_number_is_the_latest_clients_whoever_had_it_before_leaves_later() {
        let common = common();
        let earlier = common.listen_to(7, ONE);
        let later = common.listen_to(7, OTHER);
        assert!(!earlier.plug_in() && !later.plug_in());
        drop(earlier);
        assert_eq!(common.clients().ring(7), Some(OTHER));
        drop(later);
        assert_eq!(common.clients().ring(7), None);
    }
}
