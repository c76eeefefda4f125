//! What the kernel can do at all.

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// What is said where it is needed, and the kernel does not speak it.
pub const NO_IPV6: &str = "this kernel does not speak IPv6 (it was started with ipv6.disable=1, or built without it): start the machine without \
     ipv6.disable=1, or ask for IPv4 alone";

/// Whether the kernel speaks IPv6. One that was started with `ipv6.disable=1`, or built without it, has no sockets of that family
/// (ipv6(7)); that IPv6 is switched off on interfaces (`disable_ipv6`) is another matter, since those of clients are new ones.
pub fn speaks_ipv6() -> bool {
    let socket = socket(
        AddressFamily::Inet6,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    );
    // Any other error says nothing about the family.
    !matches!(socket, Err(Errno::EAFNOSUPPORT))
}
