//! The router at work: its sockets, and the loops that serve them, on the lab's own thread inside the router's namespace.

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::oneshot;

use super::dhcp::{Reply, ReplyTo, Server};
use super::dns::Zone;
use super::neighbours::Neighbours;
use super::topology::{self, LAN};
use super::{LabConfig, LabError};
use crate::dhcp::Message;
use crate::identity::Mac;

/// UDP ports: DHCP server and client (RFC 2131, 4.1), and DNS (RFC 1035, 4.2.1).
const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
const DNS_PORT: u16 = 53;
/// What arrives while the thread is busy waits here; 64 clients need 100 KiB, a stampede of thousands all of it.
const RECEIVE_BUFFER: usize = 8 << 20;
/// More than any message that a client sends; what is longer is cut, and then fails to decode.
const LONGEST_MESSAGE: usize = 4096;
/// How many messages are served before others get their turn.
const BATCH: usize = 64;

/// The router, ready to serve.
pub(super) struct Router {
    dhcp: DhcpService,
    dns: Vec<UdpSocket>,
    zone: Zone,
    server: Arc<Mutex<Server>>,
}

impl Router {
    /// Sets addresses and opens sockets in the calling thread's namespace, which must be the router's.
    pub(super) async fn open(
        config: &LabConfig,
        server: Arc<Mutex<Server>>,
    ) -> Result<Self, LabError> {
        let subnet = config.subnet();
        let link = topology::furnish(subnet, &config.aliases).await?;
        let step = |step: &'static str| {
            move |source| LabError::Step {
                step: step.to_owned(),
                source,
            }
        };
        let neighbours = Neighbours::open(link).map_err(step("open a netlink socket"))?;
        let socket = dhcp_socket().map_err(step("open the dhcp server's socket"))?;
        let mut dns = Vec::new();
        for address in [subnet.router()].iter().chain(&config.aliases) {
            match UdpSocket::bind((*address, DNS_PORT)).await {
                Ok(socket) => dns.push(socket),
                // An alias named twice.
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                Err(error) => return Err(step("open the dns responder's socket")(error)),
            }
        }
        let dhcp = DhcpService {
            socket,
            server: Arc::clone(&server),
            neighbours,
        };
        Ok(Self {
            dhcp,
            dns,
            zone: Zone::new(config),
            server,
        })
    }

    /// Serves until told to stop, or until whoever would tell is gone.
    pub(super) async fn serve(self, stop: oneshot::Receiver<()>) {
        for socket in self.dns {
            tokio::spawn(serve_dns(
                socket,
                self.zone.clone(),
                Arc::clone(&self.server),
            ));
        }
        tokio::select! {
            _ = stop => {}
            () = self.dhcp.serve() => {}
        }
    }
}

/// A poisoned lock is taken all the same: the server's state is whole between messages, and only reading remains.
pub(super) fn lock(server: &Mutex<Server>) -> MutexGuard<'_, Server> {
    server.lock().unwrap_or_else(PoisonError::into_inner)
}

fn dhcp_socket() -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_broadcast(true)?;
    socket.bind_device(Some(LAN.as_bytes()))?;
    // Beyond net.core.rmem_max only with CAP_NET_ADMIN over the whole host, which a sandbox has not.
    if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    }
    socket.bind(&SockAddr::from(SocketAddrV4::new(
        Ipv4Addr::UNSPECIFIED,
        SERVER_PORT,
    )))?;
    UdpSocket::from_std(socket.into())
}

struct DhcpService {
    socket: UdpSocket,
    server: Arc<Mutex<Server>>,
    neighbours: Neighbours,
}

impl DhcpService {
    async fn serve(mut self) {
        loop {
            let deadline = lock(&self.server).next_deadline();
            tokio::select! {
                ready = self.socket.readable() => {
                    if let Err(error) = ready {
                        tracing::error!(%error, "the lab's dhcp socket failed");
                        return;
                    }
                    self.receive();
                }
                () = sleep_until(deadline) => lock(&self.server).expire(Instant::now()),
            }
            self.forget_vacated();
            tokio::task::yield_now().await;
        }
    }

    /// Serves what has arrived, a batch at most.
    fn receive(&mut self) {
        let mut buffer = [0; LONGEST_MESSAGE];
        for _ in 0..BATCH {
            let length = match self.socket.try_recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An ICMP error for something sent earlier, or the link went down: the next message may be well.
                Err(error) => {
                    tracing::debug!(%error, "receiving a dhcp message");
                    return;
                }
            };
            match Message::decode(&buffer[..length]) {
                Ok(message) => {
                    let reply = lock(&self.server).handle(&message, Instant::now());
                    if let Some(reply) = reply {
                        self.deliver(&reply);
                    }
                }
                Err(error) => tracing::debug!(%error, "a dhcp message that cannot be read"),
            }
        }
    }

    /// Puts a reply on the wire. Between the server, which is right, and the wire, this is where a router's faults belong.
    fn deliver(&mut self, reply: &Reply) {
        let bytes = reply.message.encode();
        let sent = self
            .way(reply.to)
            .and_then(|destination| self.socket.try_send_to(&bytes, destination.into()));
        if let Err(error) = sent {
            tracing::debug!(%error, to = ?reply.to, "a dhcp reply was not sent");
        }
    }

    fn way(&mut self, to: ReplyTo) -> io::Result<SocketAddrV4> {
        Ok(match to {
            ReplyTo::Broadcast => SocketAddrV4::new(Ipv4Addr::BROADCAST, CLIENT_PORT),
            ReplyTo::Hardware { address, mac } => {
                self.neighbours
                    .pin(address, mac)
                    .map_err(io::Error::other)?;
                SocketAddrV4::new(address, CLIENT_PORT)
            }
            ReplyTo::Unicast(address) => SocketAddrV4::new(address, CLIENT_PORT),
            ReplyTo::Relay(agent) => SocketAddrV4::new(agent, SERVER_PORT),
        })
    }

    fn forget_vacated(&mut self) {
        let vacated: Vec<(Ipv4Addr, Option<Mac>)> = {
            let mut server = lock(&self.server);
            let vacated = server.take_vacated();
            vacated
                .into_iter()
                .map(|address| (address, server.holder(address)))
                .collect()
        };
        for (address, holder) in vacated {
            if holder.is_none()
                && let Err(error) = self.neighbours.unpin(address)
            {
                tracing::debug!(%error, %address, "a neighbour entry was not removed");
            }
        }
    }
}

async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}

async fn serve_dns(socket: UdpSocket, zone: Zone, server: Arc<Mutex<Server>>) {
    let mut buffer = [0; LONGEST_MESSAGE];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, client)) => {
                let answer = zone.answer(&buffer[..length], &lock(&server));
                if let Some(answer) = answer
                    && let Err(error) = socket.send_to(&answer, client).await
                {
                    tracing::debug!(%error, %client, "a dns answer was not sent");
                }
            }
            // An ICMP error for an earlier answer.
            Err(error) => tracing::debug!(%error, "receiving a dns query"),
        }
    }
}
