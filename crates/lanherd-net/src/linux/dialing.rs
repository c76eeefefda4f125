//! Sockets that activities open in a client's namespace: opened by the client's thread, driven by the shared runtime.
//!
//! What comes has the kernel's stamp, so that the tester's own lateness is in no time that is told ([`super::stamp`]).

use std::io::{self, IoSlice};
use std::net::{SocketAddr, SocketAddrV6};
use std::os::fd::{AsFd, AsRawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use nix::sys::socket::sockopt::{Ipv4RecvErr, Ipv6RecvErr, ReceiveTimestampns};
use nix::sys::socket::{MsgFlags, SockaddrStorage, sendto, setsockopt};
use parking_lot::Mutex;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::coop::poll_proceed;

use super::port::LinuxPort;
use super::scope::scoped;
use super::stamp::{Moment, receive};
use super::worker::WorkerContext;
use crate::bulk::{Bulk, Shape, TcpFigures};
use crate::lan::{Connected, Datagram, Datagrams, StreamTimes};
use crate::netns::NetNs;
use crate::sys;

/// A connection of a client's.
pub struct ClientStream {
    stream: TcpStream,
    times: StreamTimes,
    /// The moment just before the first byte was sent.
    began: Option<Moment>,
}

impl ClientStream {
    /// Reads what has arrived.
    fn take(&self, buffer: &mut ReadBuf<'_>) -> io::Result<()> {
        let room = buffer.initialize_unfilled();
        let wanted = room.len();
        let received = receive(&self.stream, room)?;
        buffer.advance(received.length);
        if let Some(began) = self.began {
            let read = Moment::now();
            if received.length > 0 {
                self.times.arrived(began.until(received.stamp, read));
            } else if wanted > 0 {
                self.times.ended(began.until(None, read));
            }
        }
        Ok(())
    }

    fn begin(&mut self) {
        self.began.get_or_insert_with(Moment::now);
    }
}

impl AsyncRead for ClientStream {
    /// Asks the kernel first, and only then waits: what came in time may not have been announced yet when time is over.
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let budget = ready!(poll_proceed(context));
        loop {
            let taken = match self.take(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.stream.poll_read_ready(context))?;
                    self.stream.try_io(Interest::READABLE, || self.take(buffer))
                }
                taken => taken,
            };
            match taken {
                // It was announced, and is not there any more.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                taken => {
                    budget.made_progress();
                    return Poll::Ready(taken);
                }
            }
        }
    }
}

impl AsyncWrite for ClientStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.begin();
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.begin();
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl Bulk for ClientStream {
    async fn send_filler(&self, most: usize) -> io::Result<usize> {
        self.stream.send_filler(most).await
    }

    async fn discard(&self, most: usize) -> io::Result<usize> {
        self.stream.discard(most).await
    }

    fn shape(&self, shape: &Shape) -> io::Result<String> {
        self.stream.shape(shape)
    }

    fn tcp_figures(&self) -> io::Result<TcpFigures> {
        self.stream.tcp_figures()
    }
}

pub(super) async fn connect(
    port: &LinuxPort,
    to: SocketAddr,
    timeout: Duration,
) -> io::Result<Connected<ClientStream>> {
    let to = scoped(to);
    let socket = open(port, Domain::for_address(to), Type::STREAM).await?;
    // A request is written as a whole, and nothing is to wait for more.
    socket.set_tcp_nodelay(true)?;
    let began = Instant::now();
    match socket.connect(&to.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let stream = TcpStream::from_std(socket.into())?;
    let announced = tokio::time::timeout(timeout, stream.writable()).await;
    if let Some(error) = stream.take_error()? {
        return Err(of_the_network(error));
    }
    // It may stand, and nobody has come to hear of it.
    if announced.is_err() && stream.peer_addr().is_err() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let elapsed = began.elapsed();
    let took = match sys::tcp_handshake(stream.as_fd())? {
        Some(handshake) => handshake.min(elapsed),
        None => elapsed,
    };
    if took > timeout {
        return Err(io::ErrorKind::TimedOut.into());
    }
    let times = StreamTimes::default();
    Ok(Connected {
        stream: ClientStream {
            stream,
            times: times.clone(),
            began: None,
        },
        took,
        times,
    })
}

/// A UDP socket of a client's. Not connected, so that an answer from elsewhere is heard; the kernel tells it of ICMP
/// errors all the same (`IP_RECVERR`, ip(7)), those included that may pass, of which it tells connected sockets nothing.
pub struct ClientUdp {
    socket: UdpSocket,
    to: SocketAddr,
    /// The moment just before the latest datagram was sent.
    sent: Mutex<Option<Moment>>,
}

impl ClientUdp {
    const NEWS: Interest = Interest::READABLE.add(Interest::ERROR);
}

impl Datagrams for ClientUdp {
    async fn send(&self, datagram: &[u8]) -> io::Result<()> {
        let to = SockaddrStorage::from(scoped(self.to));
        let send = || {
            let sent = Moment::now();
            sendto(
                self.socket.as_raw_fd(),
                datagram,
                &to,
                MsgFlags::MSG_DONTWAIT,
            )?;
            Ok(sent)
        };
        let began = self.socket.async_io(Interest::WRITABLE, send).await?;
        *self.sent.lock() = Some(began);
        Ok(())
    }

    async fn recv(&self, buffer: &mut [u8]) -> io::Result<Datagram> {
        loop {
            match self.try_recv(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return received,
            }
            let news = self.socket.ready(Self::NEWS).await?;
            // Of two kinds at once tokio forgets neither when there is nothing.
            let kind = if news.is_readable() {
                Interest::READABLE
            } else {
                Interest::ERROR
            };
            match self.socket.try_io(kind, || self.try_recv(buffer)) {
                // It was announced, and is not there any more.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                received => return received,
            }
        }
    }

    fn try_recv(&self, buffer: &mut [u8]) -> io::Result<Datagram> {
        let received = receive(&self.socket, buffer).map_err(of_the_network)?;
        let read = Moment::now();
        let sent = *self.sent.lock();
        Ok(Datagram {
            length: received.length,
            from: received
                .from
                .map_or(self.to, |from| as_asked(from, self.to)),
            took: sent.map_or(Duration::ZERO, |sent| sent.until(received.stamp, read)),
        })
    }
}

pub(super) async fn udp(port: &LinuxPort, to: SocketAddr) -> io::Result<ClientUdp> {
    let socket = open(port, Domain::for_address(to), Type::DGRAM).await?;
    match to {
        SocketAddr::V4(_) => setsockopt(&socket, Ipv4RecvErr, &true)?,
        SocketAddr::V6(_) => setsockopt(&socket, Ipv6RecvErr, &true)?,
    }
    Ok(ClientUdp {
        socket: UdpSocket::from_std(socket.into())?,
        to,
        sent: Mutex::default(),
    })
}

/// What a socket is told later, and not where it was asked to send, comes from the network: of these numbers, that a router
/// or the client's own stack says that the other side cannot be reached (`icmp_err_convert` of `net/ipv4/icmp.c`). Asked to
/// send, the kernel uses some of them for what is wrong here.
fn of_the_network(error: io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(
            libc::ENETUNREACH
            | libc::EHOSTUNREACH
            | libc::EHOSTDOWN
            | libc::ENONET
            | libc::ENOPROTOOPT
            | libc::EPROTO
            | libc::EOPNOTSUPP
            | libc::EMSGSIZE
            | libc::EACCES,
        ) => io::Error::new(io::ErrorKind::HostUnreachable, error),
        _ => error,
    }
}

/// The sender's address, with a link only where whom was asked had been named with one.
fn as_asked(from: SocketAddr, asked: SocketAddr) -> SocketAddr {
    match (from, asked) {
        (SocketAddr::V6(from), SocketAddr::V6(asked)) => {
            SocketAddrV6::new(*from.ip(), from.port(), 0, asked.scope_id()).into()
        }
        (from, _) => from,
    }
}

/// A socket in the client's namespace. Not bound to its link, which is the only one there: the kernel takes every address
/// for a neighbour of such a socket where it has no route.
async fn open(port: &LinuxPort, domain: Domain, kind: Type) -> io::Result<Socket> {
    let binding = port.binding();
    let inode = port.namespace();
    let job = move |context: &mut WorkerContext| {
        let namespace = NetNs::open_own(&binding, inode)?;
        context
            .home
            .visit(&namespace, || Socket::new(domain, kind.nonblocking(), None))?
    };
    let socket = port.run(job).await.map_err(io::Error::other)??;
    setsockopt(&socket, ReceiveTimestampns, &true)?;
    Ok(socket)
}
