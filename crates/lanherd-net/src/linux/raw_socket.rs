//! The one raw socket on the parent that carries the whole herd's DHCP while addresses are not bound, its ARP for address conflict
//! detection, and of IPv6 its neighbour discovery and DHCPv6.
//!
//! One for all, since closing an `AF_PACKET` socket waits for RCU, milliseconds each and one after another: with one per
//! client a herd would take seconds to die.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recv, recvmsg, send, setsockopt, sockopt};
use parking_lot::{Mutex, MutexGuard};
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::filter::{self, Passed};
use crate::frame::{self, DhcpDatagram, dhcp_frame};
use crate::frame6::{Frame6, Summing};
use crate::sys;
use lanherd_dhcp::{Arp, Transmit};
use lanherd_types::identity::Mac;

/// Room for the answers to a whole herd that asks at once, in bytes.
const RECEIVE_BUFFER: usize = 8 << 20;
/// `ETH_P_ALL`: a socket for IPv4 alone would not see frames that a macvlan takes away.
const EVERY_PROTOCOL: u16 = 0x0003;
/// The largest frame that can come: an IPv6 packet behind an Ethernet header, in bytes.
const LARGEST_FRAME: usize = 65_535 + 40 + 14;
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
    socket.attach_filter(&filter::for_clients(Passed::default()))?;
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

/// Who takes what comes over the raw socket.
pub(super) trait Receiver: Send + Sync + 'static {
    /// A datagram of a DHCP server's, for whichever client.
    fn dhcp(&self, datagram: &DhcpDatagram<'_>);
    /// An ARP packet.
    fn arp(&self, packet: &Arp);
    /// Neighbour discovery, or a message of a `DHCPv6` server's.
    fn ipv6(&self, frame: Frame6);
    /// A DHCP message came in under this MAC, which nobody on this host has sent: what the herd sends does not come back.
    fn sent_by_another(&self, mac: Mac);
}

/// The raw socket on the parent, driven by the runtime.
pub(super) struct RawSocket {
    socket: AsyncFd<OwnedFd>,
    /// What the filter passes beside DHCP.
    passed: Mutex<Passed>,
    /// Whether the switch sends back what the herd itself has sent, so that nothing can be said of who else speaks under its MACs.
    is_reflected: bool,
}

impl RawSocket {
    /// Hands a socket that [`open`] made to the runtime in whose context this is called.
    pub fn new(socket: OwnedFd, is_reflected: bool) -> io::Result<Self> {
        Ok(Self {
            socket: sys::drive(socket, Interest::READABLE)?,
            passed: Mutex::default(),
            is_reflected,
        })
    }

    /// Puts a DHCP message of the client with MAC `source` on the wire, to MAC `destination`; does not block.
    pub fn send(&self, source: Mac, destination: Mac, transmit: &Transmit) -> io::Result<()> {
        self.send_frame(&dhcp_frame(source, destination, transmit)?)
    }

    /// Puts an ARP packet on the wire, to everybody; does not block.
    pub fn send_arp(&self, source: Mac, arp: &Arp) -> io::Result<()> {
        self.send_frame(&frame::arp_to_everybody(source, arp))
    }

    /// Puts a whole frame on the wire; does not block.
    pub fn send_frame(&self, frame: &[u8]) -> io::Result<()> {
        let attempt = || {
            send(
                self.socket.get_ref().as_raw_fd(),
                frame,
                MsgFlags::MSG_DONTWAIT,
            )
        };
        // The socket may have kept this error from when the parent was down; it says so once.
        attempt().or_else(|error| match error {
            Errno::ENETDOWN => attempt(),
            _ => Err(error),
        })?;
        Ok(())
    }

    /// Whether ARP packets are to be delivered from now on; takes the kernel microseconds.
    pub fn pass_arp(&self, wanted: bool) -> io::Result<()> {
        self.pass(|passed| passed.arp = wanted)
    }

    /// Whether neighbour discovery and DHCPv6 are to be delivered from now on; takes the kernel microseconds.
    pub fn pass_ipv6(&self, wanted: bool) -> io::Result<()> {
        self.pass(|passed| passed.ipv6 = wanted)
    }

    fn pass(&self, change: impl FnOnce(&mut Passed)) -> io::Result<()> {
        // The filter is changed under the lock, so that the last change is the one that counts.
        let mut passed = self.passed();
        change(&mut passed);
        sys::tell_checksums(self.socket.get_ref().as_fd(), passed.ipv6)?;
        SockRef::from(self.socket.get_ref()).attach_filter(&filter::for_clients(*passed))
    }

    fn passed(&self) -> MutexGuard<'_, Passed> {
        self.passed.lock()
    }

    /// Moves the socket to the interface with this number, in the namespace it was made in: the parent was made anew.
    /// Waits for RCU.
    pub fn move_to(&self, index: u32) -> io::Result<()> {
        bind(self.socket.get_ref().as_fd(), index)
    }

    /// Reads for ever, and delivers what is for a client of ours.
    pub async fn deliver(self: Arc<Self>, receiver: Arc<impl Receiver>) {
        let mut buffer = vec![0; LARGEST_FRAME];
        loop {
            if let Err(error) = self.read_burst(&mut buffer, &*receiver).await {
                // The parent is down, or gone; the watch on the parent knows which.
                tracing::debug!(%error, "reading from the parent");
                tokio::time::sleep(ERROR_PAUSE).await;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn read_burst(&self, buffer: &mut [u8], receiver: &impl Receiver) -> io::Result<()> {
        let mut ready = self.socket.readable().await?;
        let tells_checksums = self.passed().ipv6;
        for _ in 0..BURST {
            let read = ready.try_io(|socket| receive(socket.as_raw_fd(), buffer, tells_checksums));
            // Nothing more there.
            let Ok(read) = read else { break };
            let (length, summing) = read?;
            let frame = buffer.get(..length).unwrap_or_default();
            self.dispatch(frame, summing, receiver);
        }
        Ok(())
    }

    /// Delivers what has come and has not been read yet, a burst at most; from any thread.
    pub fn catch_up(&self, receiver: &impl Receiver) {
        let mut buffer = vec![0; LARGEST_FRAME];
        let tells_checksums = self.passed().ipv6;
        for _ in 0..BURST {
            let socket = self.socket.get_ref().as_raw_fd();
            let Ok((length, summing)) = receive(socket, &mut buffer, tells_checksums) else {
                return;
            };
            let frame = buffer.get(..length).unwrap_or_default();
            self.dispatch(frame, summing, receiver);
        }
    }

    fn dispatch(&self, frame: &[u8], summing: Summing, receiver: &impl Receiver) {
        if let Some(datagram) = DhcpDatagram::parse(frame) {
            receiver.dhcp(&datagram);
        } else if let Some(arp) = frame::arp(frame) {
            receiver.arp(&arp);
        } else if let Some(frame) = Frame6::parse(frame, summing, Instant::now()) {
            receiver.ipv6(frame);
        } else if !self.is_reflected
            && let Some(mac) = frame::dhcp_client(frame)
        {
            receiver.sent_by_another(mac);
        }
    }
}

/// Receives a frame, with what the kernel says of the checksum in it where it `tells`.
fn receive(socket: RawFd, buffer: &mut [u8], tells: bool) -> io::Result<(usize, Summing)> {
    if !tells {
        let length = recv(socket, buffer, MsgFlags::MSG_DONTWAIT)?;
        return Ok((length, Summing::Done));
    }
    let mut control = nix::cmsg_space!(libc::tpacket_auxdata);
    let mut parts = [IoSliceMut::new(buffer)];
    let flags = MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<()>(socket, &mut parts, Some(&mut control), flags)?;
    let status = message.cmsgs()?.find_map(|said| match said {
        ControlMessageOwned::Unknown(said)
            if (said.cmsg_header.cmsg_level, said.cmsg_header.cmsg_type)
                == (libc::SOL_PACKET, libc::PACKET_AUXDATA) =>
        {
            // `tp_status` comes first.
            Some(u32::from_ne_bytes(*said.data_bytes.first_chunk()?))
        }
        _ => None,
    });
    let is_pending = status.is_some_and(|status| status & libc::TP_STATUS_CSUMNOTREADY != 0);
    let summing = if is_pending {
        Summing::Pending
    } else {
        Summing::Done
    };
    Ok((message.bytes, summing))
}

/// Closing an `AF_PACKET` socket waits for RCU: a thread of its own does the last of it, whoever drops this.
impl Drop for RawSocket {
    fn drop(&mut self) {
        let last = self.socket.get_ref().try_clone();
        // Without a descriptor or a thread to spare it is closed here, and whoever drops this waits.
        let _ = thread::Builder::new()
            .name("lanherd-close".to_owned())
            .spawn(move || drop(last));
    }
}
