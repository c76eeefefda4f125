//! A client's sockets inside its namespace. While one of them is open, the namespace lives.

use std::io;
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use parking_lot::Mutex;
use socket2::SockRef;

use super::netlink_monitor::NetlinkMonitor;
use super::pinger::{PingSocket, Pinger};
use crate::frame::SERVER_PORT;
use crate::netlink::Netlink;

/// The sockets. Three of them can be lost, and are closed for good then.
pub(super) struct Sockets {
    /// On port 68: sends unicast through the client's own stack, and keeps that stack from answering what servers send
    /// with "port unreachable". It is never read: the shared raw socket hears the same.
    dhcp: Mutex<Option<UdpSocket>>,
    /// Echo requests and what answers them.
    icmp: Mutex<Option<PingSocket>>,
    /// The same over IPv6, from the first ping on.
    icmp6: Mutex<Late<PingSocket>>,
    /// On port 546, as that on port 68, where DHCPv6 is spoken.
    dhcp6: Mutex<Late<UdpSocket>>,
    /// For address, routes and link. Whoever has it is alone with the namespace's settings.
    netlink: Mutex<Option<Netlink>>,
    /// Tells of what somebody else removes in the namespace.
    pub monitor: NetlinkMonitor,
    /// The namespace that they are in, by inode: its name may be taken away from it.
    pub namespace: u64,
}

impl Sockets {
    pub fn new(
        dhcp: UdpSocket,
        icmp: PingSocket,
        netlink: Netlink,
        monitor: NetlinkMonitor,
        namespace: u64,
    ) -> Self {
        Self {
            dhcp: Mutex::new(Some(dhcp)),
            icmp: Mutex::new(Some(icmp)),
            icmp6: Mutex::default(),
            dhcp6: Mutex::default(),
            netlink: Mutex::new(Some(netlink)),
            monitor,
            namespace,
        }
    }

    /// Sends a DHCP message through the client's own stack.
    pub fn send_to_server(&self, message: &[u8], server: Ipv4Addr) -> io::Result<()> {
        self.with_dhcp(|dhcp| dhcp.send_to(message, (server, SERVER_PORT)).map(drop))
    }

    /// Returns what sends pings; they end at once when the socket is closed.
    pub fn icmp(&self) -> io::Result<Arc<Pinger>> {
        self.icmp
            .lock()
            .as_ref()
            .map(PingSocket::pinger)
            .ok_or_else(closed)
    }

    /// Returns what sends pings over IPv6; `None`: it has to be opened.
    pub fn icmp6(&self) -> io::Result<Option<Arc<Pinger>>> {
        match &*self.icmp6.lock() {
            Late::Unopened => Ok(None),
            Late::Open(socket) => Ok(Some(socket.pinger())),
            Late::Closed => Err(closed()),
        }
    }

    /// Keeps the socket that `open` opens, unless there is one, and returns what sends pings over it.
    pub fn keep_icmp6(
        &self,
        open: impl FnOnce() -> io::Result<PingSocket>,
    ) -> io::Result<Arc<Pinger>> {
        self.icmp6.lock().or_open(open).map(PingSocket::pinger)
    }

    /// Keeps the socket on port 546 that `open` opens, unless there is one.
    pub fn keep_dhcp6(&self, open: impl FnOnce() -> io::Result<UdpSocket>) -> io::Result<()> {
        self.dhcp6.lock().or_open(open).map(|_| ())
    }

    /// Runs `work` with the netlink socket, alone with the namespace's settings.
    pub fn with_netlink<R>(&self, work: impl FnOnce(&mut Netlink) -> R) -> io::Result<R> {
        self.netlink.lock().as_mut().map(work).ok_or_else(closed)
    }

    /// Runs `work` with the socket on port 68.
    pub fn with_dhcp<R>(&self, work: impl FnOnce(&UdpSocket) -> io::Result<R>) -> io::Result<R> {
        work(self.dhcp.lock().as_ref().ok_or_else(closed)?)
    }

    /// Whether the socket on port 68 was shut down or destroyed by somebody else: `ss --kill` can do the latter.
    pub fn is_broken(&self) -> bool {
        let told = self.with_dhcp(|dhcp| told_by_poll(dhcp.as_fd()));
        told.is_ok_and(|flags| flags.intersects(PollFlags::POLLHUP | PollFlags::POLLERR))
    }

    /// Closes what can be lost, since some of it is.
    pub fn close(&self) {
        self.dhcp.lock().take();
        self.icmp.lock().take();
        self.netlink.lock().take();
        self.close_late();
    }

    fn close_late(&self) {
        *self.icmp6.lock() = Late::Closed;
        *self.dhcp6.lock() = Late::Closed;
    }

    /// Does as somebody would who takes the sockets away: closes two, and shuts the third down, which is heard.
    pub fn kill(&self) -> io::Result<()> {
        self.icmp.lock().take();
        self.netlink.lock().take();
        self.close_late();
        match self.with_dhcp(|dhcp| SockRef::from(dhcp).shutdown(std::net::Shutdown::Both)) {
            // So the kernel says of every socket without a peer, and shuts it down all the same.
            Err(error) if error.raw_os_error() == Some(libc::ENOTCONN) => Ok(()),
            other => other,
        }
    }
}

/// A socket that is opened when it is needed.
#[derive(Default)]
enum Late<S> {
    #[default]
    Unopened,
    Open(S),
    /// It is never opened again.
    Closed,
}

impl<S> Late<S> {
    fn or_open(&mut self, open: impl FnOnce() -> io::Result<S>) -> io::Result<&S> {
        if matches!(self, Self::Unopened) {
            *self = Self::Open(open()?);
        }
        match self {
            Self::Open(socket) => Ok(socket),
            Self::Unopened | Self::Closed => Err(closed()),
        }
    }
}

fn told_by_poll(descriptor: BorrowedFd<'_>) -> io::Result<PollFlags> {
    let mut asked = [PollFd::new(descriptor, PollFlags::empty())];
    poll(&mut asked, PollTimeout::ZERO)?;
    let [asked] = asked;
    Ok(asked.revents().unwrap_or(PollFlags::empty()))
}

/// What the use of a socket that was closed is answered.
fn closed() -> io::Error {
    io::Error::new(
        io::ErrorKind::NotConnected,
        "the client's sockets are closed",
    )
}
