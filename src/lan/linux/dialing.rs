//! Sockets that workloads open in a client's namespace: opened by the client's thread, driven by the shared runtime.

use std::io;
use std::net::SocketAddrV4;
use std::path::Path;
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

use super::port::LinuxPort;
use super::worker::Bench;
use crate::lan::netns::NetNs;
use crate::lan::{Connected, Datagrams};

impl Datagrams for UdpSocket {
    async fn send(&self, datagram: &[u8]) -> io::Result<()> {
        Self::send(self, datagram).await.map(drop)
    }

    async fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        Self::recv(self, buffer).await
    }
}

pub(super) async fn connect(
    port: &LinuxPort,
    to: SocketAddrV4,
    timeout: Duration,
) -> io::Result<Connected<TcpStream>> {
    let socket = open(port, Type::STREAM).await?;
    let socket = TcpSocket::from_std_stream(socket.into());
    let began = Instant::now();
    let stream = tokio::time::timeout(timeout, socket.connect(to.into()))
        .await
        .map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    // A request is written as a whole, and nothing is to wait for more.
    stream.set_nodelay(true)?;
    Ok(Connected {
        stream,
        took: began.elapsed(),
    })
}

pub(super) async fn udp(port: &LinuxPort, to: SocketAddrV4) -> io::Result<UdpSocket> {
    let socket = open(port, Type::DGRAM).await?;
    socket.connect(&to.into())?;
    UdpSocket::from_std(socket.into())
}

/// A socket in the client's namespace. Not bound to its link, which is the only one there: the kernel takes every address
/// for a neighbour of such a socket where it has no route.
async fn open(port: &LinuxPort, kind: Type) -> io::Result<Socket> {
    let binding = port.binding();
    let inode = port.namespace();
    let job = move |bench: &mut Bench| {
        let namespace = open_own(&binding, inode)?;
        bench.home.visit(&namespace, || {
            Socket::new(Domain::IPV4, kind.nonblocking(), None)
        })?
    };
    port.run(job).await.map_err(io::Error::other)?
}

/// The namespace bound at `binding`, if it is still the one with this inode.
pub(super) fn open_own(binding: &Path, inode: u64) -> io::Result<NetNs> {
    let namespace = NetNs::open(binding)?;
    if namespace.inode() == inode {
        return Ok(namespace);
    }
    let words = format!("{} is gone: somebody else removed it", binding.display());
    Err(io::Error::new(io::ErrorKind::NotFound, words))
}
