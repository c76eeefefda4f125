//! A raw socket on an interface that hears what routers and servers say to anybody, and can speak as a host that does not exist
//! otherwise: for audits of a link.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::Duration;

use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkLayerType};
use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, send, setsockopt, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::linux::filter;
use crate::linux::stamp::{self, Moment};
use crate::netlink::Netlink;
use crate::sys;

/// Room for what comes while nobody reads, in bytes.
const RECEIVE_BUFFER: usize = 4 << 20;
/// `ETH_P_ALL`: a socket for one protocol would not see frames that a macvlan takes away.
const EVERY_PROTOCOL: u16 = 0x0003;
/// The largest frame that can come, in bytes.
const LARGEST_FRAME: usize = 65_535 + 14;

/// What the runtime is to wake for.
const WANTED: Interest = Interest::READABLE.add(Interest::ERROR);

/// A frame that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When the kernel had it, since the listener was opened.
    pub at: Duration,
    /// Its bytes, from the Ethernet header on.
    pub bytes: Vec<u8>,
}

/// Hears router advertisements, neighbour solicitations, and messages of DHCP and `DHCPv6` servers on one interface, those for other
/// hosts included as far as the switch sends them here. Ends with the descriptor, and with it the interface's promiscuous mode.
pub struct Listener {
    socket: AsyncFd<OwnedFd>,
    opened: Moment,
    mtu: u32,
    buffer: Vec<u8>,
    lost: u64,
}

impl Listener {
    /// Opens one on the Ethernet interface called `parent`, in the calling thread's namespace and within a runtime; an error says what
    /// is wrong with it. Takes `CAP_NET_RAW`.
    pub fn open(parent: &str) -> io::Result<Self> {
        let no_use = |what: &str| io::Error::other(format!("interface {parent} {what}"));
        let link = Netlink::open()?
            .link(parent)?
            .ok_or_else(|| no_use("does not exist; `ip link` lists those that do"))?;
        if link.header.link_layer_type != LinkLayerType::Ether {
            return Err(no_use(
                "is no Ethernet interface; `ip link` shows which are (link/ether)",
            ));
        }
        if !link.header.flags.contains(LinkFlags::Up) {
            return Err(no_use(&format!(
                "is down; bring it up: ip link set {parent} up"
            )));
        }
        if !link.header.flags.contains(LinkFlags::LowerUp) {
            return Err(no_use(
                "has no carrier: is the cable in, and the router on?",
            ));
        }
        let mtu = link
            .attributes
            .iter()
            .find_map(|attribute| match attribute {
                LinkAttribute::Mtu(mtu) => Some(*mtu),
                _ => None,
            });
        let raw = Type::RAW.nonblocking();
        let socket =
            Socket::new(Domain::PACKET, raw, Some(Protocol::from(0))).map_err(|error| {
                if error.kind() == io::ErrorKind::PermissionDenied {
                    io::Error::new(
                        error.kind(),
                        "a raw socket takes CAP_NET_RAW: run it as root",
                    )
                } else {
                    error
                }
            })?;
        socket.attach_filter(&filter::for_clients(filter::Passed {
            arp: false,
            ipv6: true,
        }))?;
        sys::ignore_outgoing(socket.as_fd())?;
        // The first form needs privilege in the initial user namespace, and goes beyond `net.core.rmem_max`.
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
        }
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        let index = link.header.index.try_into().map_err(io::Error::other)?;
        sys::be_promiscuous(socket.as_fd(), index)?;
        let opened = Moment::now();
        sys::bind_packet(socket.as_fd(), index, EVERY_PROTOCOL)?;
        Ok(Self {
            socket: sys::drive(socket.into(), WANTED)?,
            opened,
            mtu: mtu.unwrap_or(1_500),
            buffer: vec![0; LARGEST_FRAME],
            lost: 0,
        })
    }

    /// The interface's MTU in bytes.
    pub const fn mtu(&self) -> u32 {
        self.mtu
    }

    /// How long it has been open.
    pub fn elapsed(&self) -> Duration {
        self.opened.steady.elapsed()
    }

    /// Waits for the next frame. Cancel safe. An error is the interface's: it is down, or gone.
    pub async fn next(&mut self) -> io::Result<Frame> {
        loop {
            // A link that goes down or away is told as an error of the socket alone.
            let mut ready = self.socket.ready(WANTED).await?;
            let read = ready.try_io(|socket| stamp::receive(socket.get_ref(), &mut self.buffer));
            let Ok(received) = read else { continue };
            let received = received?;
            let bytes = self.buffer.get(..received.length).unwrap_or_default();
            return Ok(Frame {
                at: self.opened.until(received.stamp, Moment::now()),
                bytes: bytes.to_vec(),
            });
        }
    }

    /// Puts a frame on the link; an interface that takes none for the moment is told.
    pub fn send(&self, frame: &[u8]) -> io::Result<()> {
        let descriptor = self.socket.get_ref().as_raw_fd();
        match send(descriptor, frame, MsgFlags::MSG_DONTWAIT) {
            Ok(_) => Ok(()),
            Err(Errno::EAGAIN | Errno::ENOBUFS) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the interface takes no frames",
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// How many frames the kernel has dropped until now because they were not read in time.
    pub fn lost(&mut self) -> io::Result<u64> {
        self.lost += u64::from(sys::packet_drops(self.socket.get_ref().as_fd())?);
        Ok(self.lost)
    }
}
