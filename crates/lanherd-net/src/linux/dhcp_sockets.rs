//! The sockets on a client's DHCP ports, which are never read: the shared raw socket hears the same.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use socket2::{Domain, Protocol, Socket, Type};

use super::filter;
use super::sysctl::Sysctls;
use crate::config::LINK;
use crate::frame::CLIENT_PORT;
use crate::frame6::DHCP6_CLIENT_PORT;

/// A socket on the client's port that drops all that it receives.
pub(super) fn dhcp_socket(sysctls: &mut Sysctls) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    socket.set_broadcast(true)?;
    bind_deaf(socket, (Ipv4Addr::UNSPECIFIED, CLIENT_PORT).into(), sysctls)
}

/// The same for DHCPv6.
pub(super) fn dhcp6_socket(sysctls: &mut Sysctls) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV6, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    socket.set_only_v6(true)?;
    bind_deaf(
        socket,
        (Ipv6Addr::UNSPECIFIED, DHCP6_CLIENT_PORT).into(),
        sysctls,
    )
}

/// Binds a socket so that it drops all that it receives.
fn bind_deaf(socket: Socket, to: SocketAddr, sysctls: &mut Sysctls) -> io::Result<UdpSocket> {
    socket.attach_filter(&filter::nothing())?;
    socket.set_reuse_address(true)?;
    socket.bind_device(Some(LINK.as_bytes()))?;
    let port = to.into();
    socket.bind(&port).or_else(|error| match error.kind() {
        // Without CAP_NET_BIND_SERVICE: this namespace is ours, and so is the say over which of its ports need it.
        io::ErrorKind::PermissionDenied => {
            let first = CLIENT_PORT.to_string();
            sysctls.write("ipv4/ip_unprivileged_port_start", &first)?;
            socket.bind(&port)
        }
        _ => Err(error),
    })?;
    Ok(socket.into())
}
