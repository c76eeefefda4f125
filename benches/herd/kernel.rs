//! The few netlink messages that the floor needs, over a synchronous socket.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use lanherd::identity::Mac;
use rtnetlink::packet_core::{
    NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE, NLM_F_REQUEST, NetlinkHeader,
    NetlinkMessage, NetlinkPayload,
};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::RouteNetlinkMessage as Rt;
use rtnetlink::packet_route::address::{AddressAttribute, AddressFlags};
use rtnetlink::packet_route::link::LinkMessage;
use rtnetlink::packet_route::neighbour::{
    NeighbourAddress, NeighbourAttribute, NeighbourMessage, NeighbourState,
};
use rtnetlink::packet_route::route::RouteType;
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use rtnetlink::{AddressMessageBuilder, LinkUnspec, RouteMessageBuilder};

/// The index of a client's link in its own namespace: asked for, so that nobody has to look it up.
pub const CLIENT_LINK: u32 = 2;

/// The loopback's index in every namespace.
const LOOPBACK: u32 = 1;

/// The sequence number of a batch's last message.
const LAST: u32 = 1;

/// What a client sets when it has a lease.
pub struct Route {
    pub address: Ipv4Addr,
    pub prefix_len: u8,
    pub router: Ipv4Addr,
    /// Set as a permanent neighbour: the kernel's ARP table is one for all namespaces and holds 1,024 entries.
    pub router_mac: Mac,
}

/// What a client sets of IPv6 when a router has advertised.
pub struct Route6 {
    pub addresses: [Ipv6Addr; 2],
    pub router: Ipv6Addr,
    pub router_mac: Mac,
}

/// A socket that speaks to the kernel about the namespace it was opened in.
pub struct Netlink(Socket);

impl Netlink {
    pub fn open() -> io::Result<Self> {
        let socket = Socket::new(NETLINK_ROUTE)?;
        socket.connect(&SocketAddr::new(0, 0))?;
        Ok(Self(socket))
    }

    pub fn add_link(&self, link: LinkMessage) -> io::Result<()> {
        self.change(vec![(Rt::NewLink(link), NLM_F_CREATE | NLM_F_EXCL)])
    }

    /// Loopback, address, neighbour and default route of each family, all in one send.
    pub fn configure(&self, route: &Route, route6: Option<&Route6>) -> io::Result<()> {
        let loopback = LinkUnspec::new_with_index(LOOPBACK).up().build();
        let address = AddressMessageBuilder::<Ipv4Addr>::new()
            .index(CLIENT_LINK)
            .address(route.address, route.prefix_len)
            .build();
        let default = RouteMessageBuilder::<Ipv4Addr>::new()
            .gateway(route.router)
            .build();
        let created = NLM_F_CREATE | NLM_F_EXCL;
        let mut messages = vec![
            (Rt::SetLink(loopback), 0),
            (Rt::NewAddress(address), created),
            (neighbour(route.router.into(), route.router_mac), created),
            (Rt::NewRoute(default), created),
        ];
        if let Some(route) = route6 {
            for address in route.addresses {
                let mut address = AddressMessageBuilder::<Ipv6Addr>::new()
                    .index(CLIENT_LINK)
                    .address(address, 64)
                    .build();
                // Nobody is asked whether somebody has it.
                let flags = AddressAttribute::Flags(AddressFlags::Nodad);
                address.attributes.push(flags);
                messages.push((Rt::NewAddress(address), created));
            }
            let default = RouteMessageBuilder::<Ipv6Addr>::new()
                .gateway(route.router)
                .output_interface(CLIENT_LINK)
                .build();
            // The kernel has an entry of its own as soon as the router has advertised.
            let replaced = NLM_F_CREATE | NLM_F_REPLACE;
            messages.extend([
                (neighbour(route.router.into(), route.router_mac), replaced),
                (Rt::NewRoute(default), created),
            ]);
        }
        self.change(messages)
    }

    /// How many unicast addresses besides its own the link listens to: one for each macvlan that is up on it.
    pub fn addresses_on(&self, link: u32) -> io::Result<usize> {
        let mut request = NeighbourMessage::default();
        request.header.family = AddressFamily::Bridge;
        request.header.ifindex = link;
        self.send(vec![(Rt::GetNeighbour(request), NLM_F_DUMP)])?;
        let mut count = 0;
        loop {
            for message in self.receive()? {
                match message.payload {
                    NetlinkPayload::InnerMessage(Rt::NewNeighbour(entry)) => {
                        let unicast = entry.attributes.iter().any(|a| {
                            matches!(a, NeighbourAttribute::LinkLayerAddress(mac) if mac[0] & 1 == 0)
                        });
                        count += usize::from(entry.header.ifindex == link && unicast);
                    }
                    NetlinkPayload::Done(_) => return Ok(count),
                    NetlinkPayload::Error(error) => return Err(error.to_io()),
                    _ => {}
                }
            }
        }
    }

    /// Sends all `messages` at once. The kernel works through them in order and reports every error, so it is enough
    /// that it acknowledges the last.
    fn change(&self, mut messages: Vec<(Rt, u16)>) -> io::Result<()> {
        if let Some((_, flags)) = messages.last_mut() {
            *flags |= NLM_F_ACK;
        }
        self.send(messages)?;
        let mut failure = None;
        loop {
            for message in self.receive()? {
                if let NetlinkPayload::Error(error) = message.payload {
                    if error.code.is_none() {
                        return failure.map_or(Ok(()), Err);
                    }
                    if message.header.sequence_number == LAST {
                        return Err(failure.unwrap_or_else(|| error.to_io()));
                    }
                    failure.get_or_insert(error.to_io());
                }
            }
        }
    }

    fn send(&self, messages: Vec<(Rt, u16)>) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(512);
        for (message, flags) in messages {
            let mut header = NetlinkHeader::default();
            header.flags = NLM_F_REQUEST | flags;
            header.sequence_number = if flags & NLM_F_ACK == 0 { 0 } else { LAST };
            let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
            message.finalize();
            let start = bytes.len();
            bytes.resize(start + message.buffer_len(), 0);
            message.serialize(&mut bytes[start..]);
        }
        self.0.send(&bytes, 0)?;
        Ok(())
    }

    fn receive(&self) -> io::Result<Vec<NetlinkMessage<Rt>>> {
        let mut buffer = vec![0; 8 << 10];
        let length = self.0.recv(&mut buffer.as_mut_slice(), 0)?;
        let mut messages = Vec::new();
        let mut rest = buffer.get(..length).unwrap_or_default();
        while rest.len() >= 16 {
            let message = NetlinkMessage::<Rt>::deserialize(rest).map_err(io::Error::other)?;
            let length = (message.header.length as usize).max(16).next_multiple_of(4);
            messages.push(message);
            rest = rest.get(length..).unwrap_or_default();
        }
        Ok(messages)
    }
}

/// The message that makes a router a permanent neighbour, which the limit of the kernel's table does not count.
fn neighbour(router: IpAddr, mac: Mac) -> Rt {
    let (family, destination) = match router {
        IpAddr::V4(router) => (AddressFamily::Inet, NeighbourAddress::Inet(router)),
        IpAddr::V6(router) => (AddressFamily::Inet6, NeighbourAddress::Inet6(router)),
    };
    let mut neighbour = NeighbourMessage::default();
    neighbour.header.family = family;
    neighbour.header.ifindex = CLIENT_LINK;
    neighbour.header.state = NeighbourState::Permanent;
    neighbour.header.kind = RouteType::Unicast;
    neighbour.attributes = vec![
        NeighbourAttribute::Destination(destination),
        NeighbourAttribute::LinkLayerAddress(mac.octets().to_vec()),
    ];
    Rt::NewNeighbour(neighbour)
}

/// Has IPv6 of the links that are made from now on in this thread's namespace do nothing by itself.
pub fn keep_ipv6_still() -> io::Result<()> {
    for (key, value) in [("addr_gen_mode", "1"), ("accept_ra", "0")] {
        std::fs::write(format!("/proc/sys/net/ipv6/conf/default/{key}"), value)?;
    }
    Ok(())
}

/// Has the kernel follow what routers advertise on the client's link, in this thread's namespace.
pub fn follow_advertisements() -> io::Result<()> {
    std::fs::write("/proc/sys/net/ipv6/conf/lan0/accept_ra", "1")
}

/// The index of the link called `name` in the main thread's namespace.
pub fn index_of(name: &str) -> io::Result<u32> {
    Ok(nix::net::if_::if_nametoindex(name)?)
}
