//! A service that has a socket for each of the router's addresses, so that its answers come from where they were asked for.

use std::io;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::Arc;
use std::task::Poll;
use std::time::Instant;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::watch;

use super::Shared;
use super::ipv6::LINK_LOCAL;
use super::router::sleep_until;
use super::state::{Datagram, Service, State};

/// The port of DNS (RFC 1035, 4.2.1).
const DNS_PORT: u16 = 53;
/// What arrives while the thread is busy waits here; 64 clients need 100 KiB, a stampede of thousands all of it.
const RECEIVE_BUFFER: usize = 8 << 20;
/// The longest datagram, with its IP header: a ping can be as long.
const LONGEST: usize = 1 << 16;
/// How many messages are served before others get their turn.
const BATCH: usize = 64;

/// A service and its sockets.
pub(super) struct Sockets {
    service: Service,
    /// Raw ones are no UDP sockets, but are used in the same way.
    each: Vec<UdpSocket>,
    /// The address of each.
    addresses: Vec<IpAddr>,
    /// The index of the LAN interface, which the link-local address belongs to.
    lan: u32,
    buffer: Vec<u8>,
}

impl Sockets {
    /// Opens one for each address; an address that is named again has one already.
    pub(super) fn open(service: Service, addresses: &[IpAddr], lan: u32) -> io::Result<Self> {
        let mut sockets = Self {
            service,
            each: Vec::new(),
            addresses: Vec::new(),
            lan,
            buffer: vec![0; LONGEST],
        };
        sockets.open_missing(addresses)?;
        Ok(sockets)
    }

    /// Opens those that are not there yet. None is closed: answers that wait know their sockets by number.
    fn open_missing(&mut self, addresses: &[IpAddr]) -> io::Result<()> {
        for address in addresses {
            if !self.addresses.contains(address) {
                self.each.push(open(self.service, *address, self.lan)?);
                self.addresses.push(*address);
            }
        }
        Ok(())
    }

    /// Serves as long as the state is such.
    pub(super) async fn serve_while(
        &mut self,
        shared: &Arc<Shared>,
        changes: &mut watch::Receiver<()>,
        is_wanted: impl Fn(&State, Instant) -> bool,
    ) {
        let mut known = None;
        loop {
            let (deadline, served) = {
                let (mut state, now) = (shared.state(), Instant::now());
                state.tick(now);
                if !is_wanted(&state, now) {
                    return;
                }
                let numbered = state.numbered();
                let is_new = known.replace(numbered) != Some(numbered);
                let served = is_new.then(|| state.served());
                (state.service_deadline(self.service), served)
            };
            if let Some(Err(error)) = served.map(|served| self.open_missing(&served)) {
                tracing::warn!(%error, service = ?self.service, "an address of the router's is not served");
            }
            tokio::select! {
                () = self.readable() => self.receive(shared),
                () = sleep_until(deadline) => {}
                // The sender is in what is shared, and so outlives this.
                _ = changes.changed() => {}
            }
            self.send_what_is_due(shared);
            tokio::task::yield_now().await;
        }
    }

    /// Serves what has arrived by now, and sends what waits.
    pub(super) fn finish(&mut self, shared: &Arc<Shared>) {
        self.receive(shared);
        self.send_what_is_due(shared);
    }

    /// Waits for a socket that has something to read. Errors are read, too.
    async fn readable(&self) {
        std::future::poll_fn(|context| {
            let mut sockets = self.each.iter();
            if sockets.any(|socket| socket.poll_recv_ready(context).is_ready()) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Serves what has arrived, a batch of each socket at most: none keeps another from its turn.
    fn receive(&mut self, shared: &Arc<Shared>) {
        for (index, socket) in self.each.iter().enumerate() {
            for _ in 0..BATCH {
                match socket.try_recv_from(&mut self.buffer) {
                    Ok((length, from)) => {
                        let (mut state, now) = (shared.state(), Instant::now());
                        state.hear_datagram(self.service, index, from, &self.buffer[..length], now);
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                    // An ICMP error for an earlier answer: the next message may be well.
                    Err(error) => {
                        tracing::debug!(%error, service = ?self.service, "receiving a datagram");
                        break;
                    }
                }
            }
        }
    }

    fn send_what_is_due(&self, shared: &Arc<Shared>) {
        loop {
            let next = shared.state().next_datagram(self.service, Instant::now());
            let Some(Datagram { bytes, socket, to }) = next else {
                return;
            };
            let sent = self
                .each
                .get(socket)
                .map(|socket| socket.try_send_to(&bytes, to));
            if let Some(Err(error)) = sent {
                tracing::debug!(%error, %to, service = ?self.service, "an answer was not sent");
            }
        }
    }
}

fn open(service: Service, address: IpAddr, lan: u32) -> io::Result<UdpSocket> {
    let (kind, protocol, port) = match (service, address) {
        (Service::Dns, _) => (Type::DGRAM, Protocol::UDP, DNS_PORT),
        (Service::Echo, IpAddr::V4(_)) => (Type::RAW, Protocol::ICMPV4, 0),
        (Service::Echo, IpAddr::V6(_)) => (Type::RAW, Protocol::ICMPV6, 0),
    };
    let address = match address {
        IpAddr::V6(LINK_LOCAL) => SocketAddrV6::new(LINK_LOCAL, port, 0, lan).into(),
        address => SocketAddr::new(address, port),
    };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    enlarge_receive_buffer(&socket)?;
    if address.is_ipv6() {
        // The router's addresses come and go with its link and its number.
        socket.set_freebind_v6(true)?;
    }
    socket.bind(&SockAddr::from(address))?;
    UdpSocket::from_std(socket.into())
}

/// Beyond `net.core.rmem_max` only with `CAP_NET_ADMIN` over the whole host, which a sandbox has not.
pub(super) fn enlarge_receive_buffer(socket: &Socket) -> io::Result<()> {
    if setsockopt(socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    }
    Ok(())
}
