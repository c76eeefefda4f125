//! The one raw socket on the parent that carries the whole herd's DHCP while addresses are not bound, and its ARP for
//! address conflict detection.
//!
//! One for all, since closing an `AF_PACKET` socket waits for RCU, milliseconds each and one after another: with one per
//! client a herd would take seconds to die.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, recv, send, setsockopt, sockopt};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::endpoint::EndpointTable;
use super::filter;
use crate::frame::{self, DhcpDatagram, dhcp_frame};
use crate::sys;
use lanherd_dhcp::{Arp, Transmit};
use lanherd_types::identity::Mac;

/// Room for the answers to a whole herd that asks at once, in bytes.
const RECEIVE_BUFFER: usize = 8 << 20;
/// `ETH_P_ALL`: a socket for IPv4 alone would not see frames that a macvlan takes away.
const EVERY_PROTOCOL: u16 = 0x0003;
/// The largest frame that can come: an IPv4 datagram behind an Ethernet header, in bytes.
const LARGEST_FRAME: usize = 65_535 + 14;
/// Frames read in one go before other tasks get their turn.
const BURST: usize = 64;
/// The pause after an error of the socket, so that one that persists costs nothing.
const ERROR_PAUSE: Duration = Duration::from_millis(100);

/// Opens a raw socket on the interface with this number, in the calling thread's namespace.
///
/// It is made without a protocol and bound last, so that it never receives anything that the filter does not pass; made
/// with one, it would also wait for RCU here.
pub(super) fn open(index: u32) -> io::Result<OwnedFd> {
    let socket = Socket::new(
        Domain::PACKET,
        Type::RAW.nonblocking(),
        Some(Protocol::from(0)),
    )?;
    socket.attach_filter(&filter::for_clients(false))?;
    sys::ignore_outgoing(socket.as_fd())?;
    // The first form needs privilege in the initial user namespace, and goes beyond `net.core.rmem_max`.
    if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
    }
    bind(socket.as_fd(), index)?;
    Ok(socket.into())
}

fn bind(socket: BorrowedFd<'_>, index: u32) -> io::Result<()> {
    let index = index.try_into().map_err(io::Error::other)?;
    sys::bind_packet(socket, index, EVERY_PROTOCOL)
}

/// The raw socket on the parent, driven by the runtime.
pub(super) struct RawSocket(AsyncFd<OwnedFd>);

impl RawSocket {
    /// Hands a socket that [`open`] made to the runtime in whose context this is called.
    pub fn new(socket: OwnedFd) -> io::Result<Self> {
        sys::drive(socket, Interest::READABLE).map(Self)
    }

    /// Puts a DHCP message of the client with MAC `source` on the wire, to MAC `destination`; does not block.
    pub fn send(&self, source: Mac, destination: Mac, transmit: &Transmit) -> io::Result<()> {
        self.send_frame(&dhcp_frame(source, destination, transmit)?)
    }

    /// Puts an ARP packet on the wire, to everybody; does not block.
    pub fn send_arp(&self, source: Mac, arp: &Arp) -> io::Result<()> {
        self.send_frame(&frame::arp_to_everybody(source, arp))
    }

    fn send_frame(&self, frame: &[u8]) -> io::Result<()> {
        let attempt = || send(self.0.get_ref().as_raw_fd(), frame, MsgFlags::MSG_DONTWAIT);
        // The socket may have kept this error from when the parent was down; it says so once.
        attempt().or_else(|error| match error {
            Errno::ENETDOWN => attempt(),
            _ => Err(error),
        })?;
        Ok(())
    }

    /// Whether ARP packets are to be delivered from now on; takes the kernel microseconds.
    pub fn pass_arp(&self, wanted: bool) -> io::Result<()> {
        SockRef::from(self.0.get_ref()).attach_filter(&filter::for_clients(wanted))
    }

    /// Moves the socket to the interface with this number, in the namespace it was made in: the parent was made anew.
    /// Waits for RCU.
    pub fn move_to(&self, index: u32) -> io::Result<()> {
        bind(self.0.get_ref().as_fd(), index)
    }

    /// Reads for ever, and delivers what is for a client of ours. Where the switch sends back what the herd itself has sent,
    /// `is_reflected`, nothing can be said of who else speaks under its MACs.
    pub async fn deliver(self: Arc<Self>, endpoints: Arc<EndpointTable>, is_reflected: bool) {
        let mut buffer = vec![0; LARGEST_FRAME];
        loop {
            if let Err(error) = self.read_burst(&mut buffer, &endpoints, is_reflected).await {
                // The parent is down, or gone; the watch on the parent knows which.
                tracing::debug!(%error, "reading from the parent");
                tokio::time::sleep(ERROR_PAUSE).await;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn read_burst(
        &self,
        buffer: &mut [u8],
        endpoints: &EndpointTable,
        is_reflected: bool,
    ) -> io::Result<()> {
        let mut ready = self.0.readable().await?;
        for _ in 0..BURST {
            let read = ready
                .try_io(|socket| Ok(recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT)?));
            // Nothing more there.
            let Ok(length) = read else { break };
            let frame = buffer.get(..length?).unwrap_or_default();
            if let Some(datagram) = DhcpDatagram::parse(frame) {
                endpoints.deliver(&datagram);
            } else if let Some(arp) = frame::arp(frame) {
                endpoints.listeners.deliver(&arp);
            } else if !is_reflected && let Some(mac) = frame::dhcp_client(frame) {
                endpoints.heard_from_outside(mac);
            }
        }
        Ok(())
    }
}

/// Closing an `AF_PACKET` socket waits for RCU: a thread of its own does the last of it, whoever drops this.
impl Drop for RawSocket {
    fn drop(&mut self) {
        let last = self.0.get_ref().try_clone();
        // Without a descriptor or a thread to spare it is closed here, and whoever drops this waits.
        let _ = thread::Builder::new()
            .name("lanherd-close".to_owned())
            .spawn(move || drop(last));
    }
}
