//! The netlink sockets themselves, and what they are subscribed to.

use std::io;
use std::os::fd::AsFd;

use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{Socket, SocketAddr};
use socket2::SockRef;

use crate::linux::filter;
use crate::sys;

/// `RTMGRP_LINK`, `RTMGRP_IPV4_IFADDR`, `RTMGRP_IPV4_ROUTE` and `RTMGRP_IPV6_IFADDR` of `linux/rtnetlink.h`. Of IPv6's routes
/// nothing is heard: a namespace that ends takes many with it.
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100;
/// `RTNLGRP_NEIGH`: only where IPv6 is spoken, as ARP changes much.
const NEIGHBOURS: i32 = 3;

/// Opens a netlink socket that is subscribed to the removal of links, addresses and routes in the calling thread's
/// namespace, or with `in_all` in every namespace that has a number (nsid) there.
pub(super) fn subscribe(in_all: bool) -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    if in_all {
        socket.set_listen_all_namespaces(true)?;
    }
    SockRef::from(&socket).attach_filter(&filter::for_losses())?;
    socket.bind(&SocketAddr::new(0, GROUPS))?;
    Ok(socket)
}

/// Has a socket hear of neighbours, too; again does nothing.
pub(super) fn join(socket: &Socket) -> io::Result<()> {
    sys::join_netlink_group(socket.as_fd(), NEIGHBOURS)
}
