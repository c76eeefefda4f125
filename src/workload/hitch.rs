//! What the error of a socket says of the network.

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
    /// The client has no route to the server.
    NoRoute,
    /// The tester's own host failed.
    Tester,
}

impl From<&io::Error> for Hitch {
    fn from(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::Timeout,
            io::ErrorKind::ConnectionRefused => Self::Refused,
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => Self::Reset,
            io::ErrorKind::HostUnreachable => Self::Unreachable,
            io::ErrorKind::NetworkUnreachable => Self::NoRoute,
            _ => Self::Tester,
        }
    }
}
