//! What the error of a socket says of the network, and whose fault it is.

use std::io;

/// Why a server was not reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hitch {
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

impl From<&io::Error> for Hitch {
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
fn of_the_kernel(errno: i32) -> Hitch {
    match errno {
        libc::ETIMEDOUT => Hitch::Timeout,
        libc::ECONNREFUSED => Hitch::Refused,
        libc::ECONNRESET | libc::EPIPE | libc::ECONNABORTED => Hitch::Reset,
        libc::EHOSTUNREACH | libc::EHOSTDOWN | libc::ENONET | libc::ENOPROTOOPT | libc::EPROTO => {
            Hitch::Unreachable
        }
        libc::ENETUNREACH | libc::ENETDOWN => Hitch::NoRoute,
        _ => Hitch::Tester,
    }
}

fn of_a_library(kind: io::ErrorKind) -> Hitch {
    match kind {
        io::ErrorKind::TimedOut => Hitch::Timeout,
        io::ErrorKind::ConnectionRefused => Hitch::Refused,
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::WriteZero
        | io::ErrorKind::UnexpectedEof => Hitch::Reset,
        io::ErrorKind::HostUnreachable => Hitch::Unreachable,
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::NetworkDown => Hitch::NoRoute,
        io::ErrorKind::InvalidData => Hitch::Malformed,
        _ => Hitch::Tester,
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
            assert_eq!(Hitch::from(&error), Hitch::Tester, "{error}");
        }
        for (errno, hitch) in [
            (libc::ETIMEDOUT, Hitch::Timeout),
            (libc::ECONNREFUSED, Hitch::Refused),
            (libc::ECONNRESET, Hitch::Reset),
            (libc::EPIPE, Hitch::Reset),
            (libc::ECONNABORTED, Hitch::Reset),
            (libc::EHOSTUNREACH, Hitch::Unreachable),
            (libc::EHOSTDOWN, Hitch::Unreachable),
            (libc::ENONET, Hitch::Unreachable),
            (libc::ENOPROTOOPT, Hitch::Unreachable),
            (libc::EPROTO, Hitch::Unreachable),
            (libc::ENETUNREACH, Hitch::NoRoute),
            (libc::ENETDOWN, Hitch::NoRoute),
        ] {
            let error = io::Error::from_raw_os_error(errno);
            assert_eq!(Hitch::from(&error), hitch, "{error}");
        }
        for (kind, hitch) in [
            (io::ErrorKind::TimedOut, Hitch::Timeout),
            (io::ErrorKind::UnexpectedEof, Hitch::Reset),
            (io::ErrorKind::InvalidData, Hitch::Malformed),
            (io::ErrorKind::HostUnreachable, Hitch::Unreachable),
            (io::ErrorKind::NotFound, Hitch::Tester),
            (io::ErrorKind::Other, Hitch::Tester),
        ] {
            assert_eq!(Hitch::from(&io::Error::from(kind)), hitch, "{kind}");
        }
    }
}
