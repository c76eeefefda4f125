//! A raw socket on an interface for whoever plays a router there: it hears what hosts ask of routers and of `DHCPv6` servers, and
//! sends whole frames, whatever the kernel thinks of them.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::linux::filter;
use crate::sys;

/// Room for what a whole herd asks at once, in bytes.
const RECEIVE_BUFFER: usize = 8 << 20;
/// The Ethernet type of IPv6: `ETH_P_IPV6`.
const IPV6: u16 = 0x86dd;
/// The largest frame that can come, in bytes.
const LARGEST_FRAME: usize = 65_535 + 40 + 14;

/// Hears router and neighbour solicitations, neighbour advertisements, reports of multicast listeners (RFC 3810) and messages of
/// `DHCPv6` clients on one interface.
pub struct RouterSocket {
    socket: AsyncFd<OwnedFd>,
}

impl RouterSocket {
    /// Opens one on the Ethernet interface with this number, in the calling thread's namespace and within a runtime. Takes
    /// `CAP_NET_RAW`. It outlives the interface's being down.
    pub fn open(index: u32) -> io::Result<Self> {
        // Made without a protocol and bound last, so that it never receives anything that the filter does not pass.
        let raw = Type::RAW.nonblocking();
        let socket = Socket::new(Domain::PACKET, raw, Some(Protocol::from(0)))?;
        socket.attach_filter(&filter::for_routers())?;
        sys::ignore_outgoing(socket.as_fd())?;
        // The first form needs privilege in the initial user namespace, and goes beyond `net.core.rmem_max`.
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
        }
        let index = index.try_into().map_err(io::Error::other)?;
        sys::bind_packet(socket.as_fd(), index, IPV6)?;
        Ok(Self {
            socket: sys::drive(socket.into(), Interest::READABLE)?,
        })
    }

    /// A buffer that every frame fits into.
    pub fn buffer() -> Vec<u8> {
        vec![0; LARGEST_FRAME]
    }

    /// Waits until [`Self::try_receive`] may have something. Cancel safe.
    pub async fn readable(&self) -> io::Result<()> {
        let ready = self.socket.readable().await?;
        drop(ready);
        Ok(())
    }

    /// Reads the next frame that has come, and gives its length; `WouldBlock`: there is none. What the checksum of a UDP datagram
    /// from this machine says is not to be believed: summing is left to hardware that is not there. Other errors are the
    /// interface's, each told once: it is down.
    pub fn try_receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.try_io(Interest::READABLE, |socket| {
            let length = recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT)?;
            Ok(length)
        })
    }

    /// Puts a whole frame on the link; does not block.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        let descriptor = self.socket.get_ref().as_raw_fd();
        let attempt = || send(descriptor, frame, MsgFlags::MSG_DONTWAIT);
        // The socket may have kept this error from when the interface was down; it says so once.
        attempt().or_else(|error| match error {
            Errno::ENETDOWN => attempt(),
            _ => Err(error),
        })?;
        Ok(())
    }
}
