//! The one raw socket on the parent that carries the whole herd's DHCP while addresses are not bound.
//!
//! One for all, since closing an `AF_PACKET` socket waits for RCU, milliseconds each and one after another: with one per
//! client a herd would take seconds to die.

use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::sys::socket::{MsgFlags, recv, send, setsockopt, sockopt};
use socket2::{Domain, Protocol, SockFilter, Socket, Type};
use tokio::io::unix::AsyncFd;

use super::seats::Seats;
use crate::identity::Mac;
use crate::lan::frame::{CLIENT_PORT, Datagram, to_server};
use crate::lan::sys;

/// Room for the answers to a whole herd that asks at once, in bytes.
const RECEIVE_BUFFER: usize = 8 << 20;
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
    let index = index.try_into().map_err(io::Error::other)?;
    let socket = Socket::new(
        Domain::PACKET,
        Type::RAW.nonblocking(),
        Some(Protocol::from(0)),
    )?;
    socket.attach_filter(&for_clients())?;
    sys::ignore_outgoing(socket.as_fd())?;
    // The first form needs privilege in the initial user namespace, and goes beyond `net.core.rmem_max`.
    if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
        setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
    }
    // Every protocol: a macvlan takes the frames of the others away before they come to a socket for IPv4 alone.
    sys::bind_packet(socket.as_fd(), index, libc::ETH_P_ALL as u16)?;
    Ok(socket.into())
}

/// Passes whole IPv4/UDP datagrams for port 68 without a VLAN tag; the place for ARP is beside the first comparison.
///
/// Offsets count from the Ethernet header. A frame with a VLAN tag belongs to another LAN, though the kernel hands it
/// on with the tag taken off.
fn for_clients() -> [SockFilter; 13] {
    use libc::{
        BPF_ABS, BPF_B, BPF_H, BPF_IND, BPF_JEQ, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_LDX,
        BPF_MSH, BPF_RET,
    };
    const VLAN_TAG_PRESENT: u32 =
        (libc::SKF_AD_OFF + libc::SKF_AD_VLAN_TAG_PRESENT).cast_unsigned();
    const MORE_FRAGMENTS_OR_OFFSET: u32 = 0x3fff;
    let op = |code: u32, jump_true, jump_false, value| {
        SockFilter::new(code as u16, jump_true, jump_false, value)
    };
    [
        op(BPF_LD | BPF_B | BPF_ABS, 0, 0, VLAN_TAG_PRESENT),
        op(BPF_JMP | BPF_JEQ | BPF_K, 0, 10, 0),
        op(BPF_LD | BPF_H | BPF_ABS, 0, 0, 12),
        op(
            BPF_JMP | BPF_JEQ | BPF_K,
            0,
            8,
            libc::ETH_P_IP.cast_unsigned(),
        ),
        op(BPF_LD | BPF_B | BPF_ABS, 0, 0, 23),
        op(
            BPF_JMP | BPF_JEQ | BPF_K,
            0,
            6,
            libc::IPPROTO_UDP.cast_unsigned(),
        ),
        op(BPF_LD | BPF_H | BPF_ABS, 0, 0, 20),
        op(BPF_JMP | BPF_JSET | BPF_K, 4, 0, MORE_FRAGMENTS_OR_OFFSET),
        op(BPF_LDX | BPF_B | BPF_MSH, 0, 0, 14),
        op(BPF_LD | BPF_H | BPF_IND, 0, 0, 16),
        op(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, u32::from(CLIENT_PORT)),
        op(BPF_RET | BPF_K, 0, 0, u32::MAX),
        op(BPF_RET | BPF_K, 0, 0, 0),
    ]
}

/// The raw socket, driven by the runtime.
pub(super) struct Wire(AsyncFd<OwnedFd>);

impl Wire {
    /// Hands a socket that [`open`] made to the runtime in whose context this is called.
    pub fn new(socket: OwnedFd) -> io::Result<Self> {
        sys::drive(socket).map(Self)
    }

    /// Puts a DHCP message on the wire; does not block.
    pub fn send(
        &self,
        source: (Mac, Ipv4Addr),
        destination: (Mac, Ipv4Addr),
        message: &[u8],
    ) -> io::Result<()> {
        let frame = to_server(source, destination, message)
            .ok_or_else(|| io::Error::other("a DHCP message too long for a datagram"))?;
        send(self.0.get_ref().as_raw_fd(), &frame, MsgFlags::MSG_DONTWAIT)?;
        Ok(())
    }

    /// Reads for ever, and delivers what is for a client of ours.
    pub async fn deliver(self: Arc<Self>, seats: Arc<Seats>) {
        let mut buffer = vec![0; LARGEST_FRAME];
        loop {
            if let Err(error) = self.read_burst(&mut buffer, &seats).await {
                // The parent is down, or gone; the watch on the parent knows which.
                tracing::debug!(%error, "reading from the parent");
                tokio::time::sleep(ERROR_PAUSE).await;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn read_burst(&self, buffer: &mut [u8], seats: &Seats) -> io::Result<()> {
        let mut ready = self.0.readable().await?;
        for _ in 0..BURST {
            let read = ready
                .try_io(|socket| Ok(recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT)?));
            // Nothing more there.
            let Ok(length) = read else { break };
            if let Some(datagram) = buffer.get(..length?).and_then(Datagram::parse) {
                seats.deliver(&datagram);
            }
        }
        Ok(())
    }
}

/// Closing an `AF_PACKET` socket waits for RCU: a thread of its own does the last of it, whoever drops this.
impl Drop for Wire {
    fn drop(&mut self) {
        let last = self.0.get_ref().try_clone();
        // Without a descriptor or a thread to spare it is closed here, and whoever drops this waits.
        let _ = thread::Builder::new()
            .name("lanherd-close".to_owned())
            .spawn(move || drop(last));
    }
}
