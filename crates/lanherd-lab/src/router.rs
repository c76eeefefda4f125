//! The router at work: its sockets, and the loops that serve them, on the lab's own thread inside the router's namespace.

mod ipv6;
mod link_rate;
mod sink;

use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::ipv6::Ipv6Service;
pub(super) use self::link_rate::LinkEnd;
use self::link_rate::LinkRate;
pub use self::link_rate::SLOW_LINK_RATE;
use super::dhcp::ReplyTo;
use super::neighbours::Neighbours;
use super::pings::Pings;
use super::sockets::{Sockets, enlarge_receive_buffer};
use super::state::{Outgoing, Service};
use super::topology::{Ipv6Side, LAN, LanSide};
use super::{LabConfig, LabError, Shared, http};
use lanherd_dhcp::Message;
use lanherd_types::family::Family;
use lanherd_types::identity::Mac;

/// The UDP ports of server and client (RFC 2131, 4.1).
const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
/// More than any message that a client sends; what is longer is cut, and then fails to decode.
const LONGEST_MESSAGE: usize = 4096;
/// How many messages are served before others get their turn.
const BATCH: usize = 64;
/// How long until a link that would not go up, or down, is told again.
const RETRY: Duration = Duration::from_secs(1);

/// The router, ready to serve.
pub(super) struct Router {
    dhcp: DhcpService,
    dns: Sockets,
    pings: Pings,
    web: Listeners,
    sink: Listeners,
    link: LinkRate,
    ipv6: Option<Ipv6Service>,
    shared: Arc<Shared>,
}

/// The sockets of a server over TCP.
struct Listeners {
    ipv4: TcpListener,
    ipv6: Option<TcpListener>,
}

impl Listeners {
    fn open(
        has_ipv6: bool,
        listen: impl Fn(Family) -> io::Result<TcpListener>,
    ) -> io::Result<Self> {
        Ok(Self {
            ipv4: listen(Family::Ipv4)?,
            ipv6: has_ipv6.then(|| listen(Family::Ipv6)).transpose()?,
        })
    }
}

impl Router {
    /// Sets addresses and opens sockets in the calling thread's namespace, which must be the router's.
    pub(super) async fn open(
        config: &LabConfig,
        shared: Arc<Shared>,
        near: LinkEnd,
    ) -> Result<Self, LabError> {
        let subnet = config.subnet();
        let side = LanSide::open(subnet, &config.aliases).await?;
        let step = |step: &'static str| {
            move |source| LabError::Step {
                step: step.to_owned(),
                source,
            }
        };
        let neighbours = Neighbours::open(side.index()).map_err(step("open a netlink socket"))?;
        let socket = dhcp_socket().map_err(step("open the dhcp server's socket"))?;
        let has_ipv6 = config.ipv6.is_some();
        let mut ipv6 = None;
        if has_ipv6 {
            let side = Ipv6Side::open().map_err(step("have the router speak IPv6"))?;
            let opened = Ipv6Service::open(side, Arc::clone(&shared)).await;
            ipv6 = Some(opened.map_err(step("set the router's IPv6 addresses"))?);
        }
        let served = shared.state().served();
        let dns = Sockets::open(Service::Dns, &served, side.index())
            .map_err(step("open the dns responder's sockets"))?;
        let pings = Pings::open(side.index(), &shared).map_err(step(
            "answer pings in the kernel's place, for which /proc/sys must be writable",
        ))?;
        let web = Listeners::open(has_ipv6, http::listen)
            .map_err(step("open the web server's socket"))?;
        let sink =
            Listeners::open(has_ipv6, sink::listen).map_err(step("open the sink's socket"))?;
        let far = LinkEnd::open(side.index()).map_err(step("open a netlink socket"))?;
        let link = LinkRate::new([near, far], config.mtu, Arc::clone(&shared));
        let dhcp = DhcpService {
            socket,
            shared: Arc::clone(&shared),
            changes: shared.changes(),
            neighbours,
            side,
            is_up: true,
        };
        Ok(Self {
            dhcp,
            dns,
            pings,
            web,
            sink,
            link,
            ipv6,
            shared,
        })
    }

    /// Serves until `stop` is cancelled.
    pub(super) async fn serve(self, stop: &CancellationToken) {
        let Self {
            dhcp,
            mut dns,
            pings,
            web,
            sink: sockets,
            link,
            mut ipv6,
            shared,
        } = self;
        let mut changes = shared.changes();
        let http = http::site(&shared);
        let sink = sink::start();
        tokio::select! {
            () = stop.cancelled() => {}
            () = dhcp.serve() => {}
            () = dns.serve_while(&shared, &mut changes, |_, _| true) => {}
            () = pings.serve(Arc::clone(&shared), shared.changes()) => {}
            () = http::serve(web.ipv4, Arc::clone(&http)) => {}
            () = serve_if(web.ipv6, |web| http::serve(web, http)) => {}
            () = serve_if(sink.clone(), |sink| sink::serve(sockets.ipv4, sink)) => {}
            () = serve_if(sink.zip(sockets.ipv6), |(sink, listener)| sink::serve(listener, sink)) => {}
            () = link.serve() => {}
            () = serve_if(ipv6.as_mut(), Ipv6Service::serve) => {}
        }
        if let Some(ipv6) = &ipv6 {
            ipv6.take_leave();
        }
    }
}

/// Serves what there is; nothing, for ever.
async fn serve_if<T, F: Future<Output = ()>>(service: Option<T>, serve: impl FnOnce(T) -> F) {
    match service {
        Some(service) => serve(service).await,
        None => std::future::pending().await,
    }
}

fn dhcp_socket() -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_broadcast(true)?;
    socket.bind_device(Some(LAN.as_bytes()))?;
    enlarge_receive_buffer(&socket)?;
    socket.bind(&SockAddr::from(SocketAddrV4::new(
        Ipv4Addr::UNSPECIFIED,
        SERVER_PORT,
    )))?;
    UdpSocket::from_std(socket.into())
}

struct DhcpService {
    socket: UdpSocket,
    shared: Arc<Shared>,
    changes: watch::Receiver<()>,
    neighbours: Neighbours,
    side: LanSide,
    is_up: bool,
}

impl DhcpService {
    async fn serve(mut self) {
        loop {
            tokio::select! {
                ready = self.socket.readable() => {
                    if let Err(error) = ready {
                        tracing::error!(%error, "the lab's dhcp socket failed");
                        return;
                    }
                    self.receive();
                }
                () = sleep_until(self.next_deadline()) => {}
                // The sender is in what is shared, and so outlives this.
                _ = self.changes.changed() => {}
            }
            self.plug().await;
            self.send_what_is_due();
            self.forget_vacated();
            tokio::task::yield_now().await;
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let now = Instant::now();
        let state = self.shared.state();
        let retry = (state.is_down(now) == self.is_up).then_some(now + RETRY);
        state.next_deadline().into_iter().chain(retry).min()
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
                    self.shared.state().hear(&message, Instant::now());
                    self.send_what_is_due();
                }
                Err(error) => tracing::debug!(%error, "a dhcp message that cannot be read"),
            }
        }
    }

    /// Does what is due, and takes the link down or up where the router has gone or is back.
    async fn plug(&mut self) {
        let is_down = {
            let (mut state, now) = (self.shared.state(), Instant::now());
            state.tick(now);
            state.is_down(now)
        };
        if is_down != self.is_up {
            return;
        }
        let switched = if is_down {
            self.side.down().await
        } else {
            self.side.up().await
        };
        if let Err(error) = switched {
            tracing::warn!(%error, is_down, "the lab's link was not switched");
            return;
        }
        self.is_up = !is_down;
        self.neighbours.were_flushed();
        if self.is_up {
            self.shared.change(|state, _| state.was_plugged());
            let leases: Vec<_> = self.shared.state().dhcp().leases().collect();
            for lease in leases {
                if let Err(error) = self.neighbours.pin(lease.address, lease.mac) {
                    tracing::debug!(%error, address = %lease.address, "a neighbour entry was not made again");
                }
            }
        }
    }

    fn send_what_is_due(&mut self) {
        loop {
            let outgoing = self.shared.state().next_out(Instant::now());
            match outgoing {
                Some(outgoing) => self.send(&outgoing),
                None => return,
            }
        }
    }

    fn send(&mut self, outgoing: &Outgoing) {
        let Outgoing { bytes, to } = outgoing;
        let sent = self
            .way(*to)
            .and_then(|destination| self.socket.try_send_to(bytes, destination.into()));
        if let Err(error) = sent {
            tracing::debug!(%error, ?to, "a dhcp reply was not sent");
        }
        // A reply that waited may find its address vacated.
        if let ReplyTo::Hardware { address, .. } = *to {
            let holder = self.shared.state().dhcp().holder(address);
            self.correct(address, holder);
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
            let mut state = self.shared.state();
            let vacated = state.dhcp_mut().take_vacated();
            vacated
                .into_iter()
                .map(|address| (address, state.dhcp().holder(address)))
                .collect()
        };
        for (address, holder) in vacated {
            self.correct(address, holder);
        }
    }

    /// Makes the neighbour entry of `address` that of its holder.
    fn correct(&mut self, address: Ipv4Addr, holder: Option<Mac>) {
        let corrected = match holder {
            Some(mac) => self.neighbours.correct(address, mac),
            None => self.neighbours.unpin(address),
        };
        if let Err(error) = corrected {
            tracing::debug!(%error, %address, "a neighbour entry was not corrected");
        }
    }
}

/// For ever where there is no deadline.
pub(super) async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
