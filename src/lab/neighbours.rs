//! The router's permanent neighbour entries: how it reaches a client that does not answer ARP yet.
//!
//! One per offer or lease. They also keep the herd out of the count that the kernel's ARP table is limited by: that table
//! is one for all namespaces, and permanent entries are not counted (arp(7), `gc_thresh3`).

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::errno::Errno;

use crate::identity::Mac;

pub(super) struct Neighbours {
    socket: Socket,
    link: u32,
    known: HashMap<Ipv4Addr, Mac>,
}

impl Neighbours {
    /// Those on the interface with index `link` of the calling thread's namespace.
    pub(super) fn open(link: u32) -> io::Result<Self> {
        let mut socket = Socket::new(NETLINK_ROUTE)?;
        socket.bind_auto()?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self {
            socket,
            link,
            known: HashMap::new(),
        })
    }

    /// Says that `address` is at `mac`.
    pub(super) fn pin(&mut self, address: Ipv4Addr, mac: Mac) -> io::Result<()> {
        if self.known.get(&address) == Some(&mac) {
            return Ok(());
        }
        let mut message = self.entry(address);
        message
            .attributes
            .push(NeighbourAttribute::LinkLayerAddress(mac.octets().to_vec()));
        self.request(
            RouteNetlinkMessage::NewNeighbour(message),
            NLM_F_CREATE | NLM_F_REPLACE,
        )?;
        self.known.insert(address, mac);
        Ok(())
    }

    /// Says that nobody is known to be at `address`.
    pub(super) fn unpin(&mut self, address: Ipv4Addr) -> io::Result<()> {
        if self.known.remove(&address).is_none() {
            return Ok(());
        }
        let message = self.entry(address);
        match self.request(RouteNetlinkMessage::DelNeighbour(message), 0) {
            Err(error) if error.raw_os_error() == Some(Errno::ENOENT as i32) => Ok(()),
            done => done,
        }
    }

    fn entry(&self, address: Ipv4Addr) -> NeighbourMessage {
        let mut message = NeighbourMessage::default();
        message.header.family = AddressFamily::Inet;
        message.header.ifindex = self.link;
        message.header.state = NeighbourState::Permanent;
        message
            .attributes
            .push(NeighbourAttribute::Destination(NeighbourAddress::Inet(
                address,
            )));
        message
    }

    /// One request and its acknowledgement: the kernel has answered by the time that `send` returns.
    fn request(&self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        let mut request = NetlinkMessage::from(message);
        request.header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
        request.finalize();
        let mut buffer = vec![0; request.buffer_len()];
        request.serialize(&mut buffer);
        self.socket.send(&buffer, 0)?;
        let (answer, _) = self.socket.recv_from_full()?;
        let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer)
            .map_err(io::Error::other)?;
        match answer.payload {
            NetlinkPayload::Error(error) if error.code.is_some() => Err(error.to_io()),
            NetlinkPayload::Error(_) => Ok(()),
            other => Err(io::Error::other(format!(
                "unexpected netlink answer {other:?}"
            ))),
        }
    }
}
