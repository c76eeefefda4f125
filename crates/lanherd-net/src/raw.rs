//! A raw socket that only sends: for the leases of a herd that is no more.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use lanherd_dhcp::Transmit;
use lanherd_types::identity::Mac;
use netlink_packet_route::link::LinkFlags;
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, send};
use socket2::{Domain, Protocol, Socket, Type};

use crate::frame::dhcp_frame;
use crate::netlink::Netlink;
use crate::sys;

/// The protocol of a socket that receives nothing.
const NO_PROTOCOL: u16 = 0;
/// How long an interface that is busy is waited for.
const SEND_LIMIT: Duration = Duration::from_secs(1);

/// A raw socket on an interface that only sends, and receives nothing.
pub(crate) struct RawSender(OwnedFd);

impl RawSender {
    /// Opens one on the interface that had number `index`, whatever it is called by now, or else on that called `parent`,
    /// in the calling thread's namespace; an error says what is wrong with the interface.
    pub fn open(parent: &str, index: Option<u32>) -> io::Result<Self> {
        let no_use = |what: &str| io::Error::other(format!("interface {parent} {what}"));
        let mut netlink = Netlink::open()?;
        let link = match index {
            Some(index) => netlink.link_by_index(index)?,
            None => None,
        };
        let link = match link {
            Some(link) => Some(link),
            None => netlink.link(parent)?,
        };
        let link = link.ok_or_else(|| no_use("does not exist any more"))?;
        let flags = link.header.flags;
        if !flags.contains(LinkFlags::Up) {
            return Err(no_use("is down"));
        }
        if !flags.contains(LinkFlags::LowerUp) {
            return Err(no_use("has no carrier"));
        }
        let socket = Socket::new(Domain::PACKET, Type::RAW, Some(Protocol::from(0)))?;
        socket.set_write_timeout(Some(SEND_LIMIT))?;
        let index = link.header.index.try_into().map_err(io::Error::other)?;
        sys::bind_packet(socket.as_fd(), index, NO_PROTOCOL)?;
        Ok(Self(socket.into()))
    }

    /// Puts a DHCP message of the client with MAC `source` on the wire, to MAC `destination`; waits for room, a second
    /// at most.
    pub fn send(&self, source: Mac, destination: Mac, transmit: &Transmit) -> io::Result<()> {
        self.send_frame(&dhcp_frame(source, destination, transmit)?)
    }

    /// Puts a whole frame on the wire, likewise.
    pub fn send_frame(&self, frame: &[u8]) -> io::Result<()> {
        match send(self.0.as_raw_fd(), frame, MsgFlags::empty()) {
            Ok(_) => Ok(()),
            Err(Errno::EAGAIN) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the interface takes no frames",
            )),
            Err(error) => Err(error.into()),
        }
    }
}
