//! What the error of a socket says of the network, and whose fault it is.

use std::io;

/// Why a server was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SocketError {
    /// Nothing came back in time.
    Timeout,
    /// Nobody serves that port.
    Refused,
    /// The other side broke the connection off.
    Reset,
    /// A router, or the client's own stack for want of an answer to ARP, says that the server cannot be reached.
    Unreachable,
    /// The client has no route to the server, or its link is down.
    NoRoute,
    /// What came is not what the protocol has there: what a decoder says, and no socket.
    Malformed,
    /// The tester's own host failed.
    Tester,
}

impl From<&io::Error> for SocketError {
    /// An error with a number is the kernel's; one without was made by a decoder, or here.
    fn from(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(errno) => of_the_kernel(errno),
            None => of_a_library(error.kind()),
        }
    }
}

/// Which errors the network causes: connect(2), tcp(7), and what ICMP errors become (`icmp_err_convert` of
/// `net/ipv4/icmp.c`, and time exceeded and parameter problem). All others are what the tester's host refuses: descriptors,
/// memory, ports, permissions, its own filters.
fn of_the_kernel(errno: i32) -> SocketError {
    match errno {
        libc::ETIMEDOUT => SocketError::Timeout,
        libc::ECONNREFUSED => SocketError::Refused,
        libc::ECONNRESET | libc::EPIPE | libc::ECONNABORTED => SocketError::Reset,
        libc::EHOSTUNREACH | libc::EHOSTDOWN | libc::ENONET | libc::ENOPROTOOPT | libc::EPROTO => {
            SocketError::Unreachable
        }
        libc::ENETUNREACH | libc::ENETDOWN => SocketError::NoRoute,
        _ => SocketError::Tester,
    }
}

fn of_a_library(kind: io::ErrorKind) -> SocketError {
    match kind {
        io::ErrorKind::TimedOut => SocketError::Timeout,
        io::ErrorKind::ConnectionRefused => SocketError::Refused,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::WriteZero
        | io::ErrorKind::UnexpectedEof => SocketError::Reset,
        io::ErrorKind::HostUnreachable => SocketError::Unreachable,
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => SocketError::NoRoute,
        io::ErrorKind::InvalidData => SocketError::Malformed,
        _ => SocketError::Tester,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_tester_did_is_never_the_routers_and_the_reverse() {
        for errno in [
            libc::EMFILE,
            libc::ENFILE,
            libc::ENOMEM,
            libc::ENOBUFS,
            libc::EPERM,
            libc::EACCES,
            libc::EADDRNOTAVAIL,
            libc::EADDRINUSE,
            libc::EINVAL,
            libc::EBADF,
            libc::EMSGSIZE,
            libc::EAFNOSUPPORT,
            libc::ENODEV,
            libc::EINTR,
        ] {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(SocketError::from(&error), SocketError::Tester, "{error}");
        }
        for (errno, expected) in [
            (libc::ETIMEDOUT, SocketError::Timeout),
            (libc::ECONNREFUSED, SocketError::Refused),
            (libc::ECONNRESET, SocketError::Reset),
            (libc::EPIPE, SocketError::Reset),
            (libc::ECONNABORTED, SocketError::Reset),
            (libc::EHOSTUNREACH, SocketError::Unreachable),
            (libc::EHOSTDOWN, SocketError::Unreachable),
            (libc::ENONET, SocketError::Unreachable),
            (libc::ENOPROTOOPT, SocketError::Unreachable),
            (libc::EPROTO, SocketError::Unreachable),
            (libc::ENETUNREACH, SocketError::NoRoute),
            (libc::ENETDOWN, SocketError::NoRoute),
        ] {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(SocketError::from(&error), expected, "{error}");
        }
        for (kind, expected) in [
            (io::ErrorKind::TimedOut, SocketError::Timeout),
            (io::ErrorKind::UnexpectedEof, SocketError::Reset),
            (io::ErrorKind::InvalidData, SocketError::Malformed),
            (io::ErrorKind::HostUnreachable, SocketError::Unreachable),
            (io::ErrorKind::NotFound, SocketError::Tester),
            (io::ErrorKind::Other, SocketError::Tester),
        ] {
            assert_eq!(
                SocketError::from(&io::Error::from(kind)),
                expected,
                "{kind}"
            );
        }
    }
}
