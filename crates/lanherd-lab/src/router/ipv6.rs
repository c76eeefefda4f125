//! IPv6 at work: the raw socket by which the router advertises and hears, and what its kernel has.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::sleep_until;
use crate::Shared;
use crate::ipv6::NeighbourChange;
use crate::topology::Ipv6Side;
use lanherd_net::lan::ipv6::Neighbour6;
use lanherd_net::netlink::{Netlink, NetlinkError, request6};
use lanherd_net::router_socket::RouterSocket;
use nix::errno::Errno;

/// How many frames are served before others get their turn.
const BATCH: usize = 64;
/// How long until what the kernel refused is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What serves IPv6.
pub(super) struct Ipv6Service {
    socket: RouterSocket,
    side: Ipv6Side,
    netlink: Netlink,
    shared: Arc<Shared>,
    changes: watch::Receiver<()>,
    buffer: Vec<u8>,
    plugged: u64,
}

impl Ipv6Service {
    /// Sets addresses and opens the socket in the calling thread's namespace, which must be the router's.
    pub(super) async fn open(mut side: Ipv6Side, shared: Arc<Shared>) -> io::Result<Self> {
        let (wanted, plugged) = {
            let state = shared.state();
            (state.addressing(Instant::now()), state.plugged())
        };
        side.set(&wanted).await?;
        Ok(Self {
            socket: RouterSocket::open(side.index())?,
            netlink: Netlink::open()?,
            changes: shared.changes(),
            buffer: RouterSocket::buffer(),
            side,
            shared,
            plugged,
        })
    }

    /// Serves for ever.
    pub(super) async fn serve(&mut self) {
        self.shared.state().begin_ipv6(Instant::now());
        let mut is_set = true;
        loop {
            self.send_what_is_due();
            let retry = (!is_set).then(|| Instant::now() + RETRY);
            let deadline = self.shared.state().ipv6_deadline(Instant::now());
            let deadline = deadline.into_iter().chain(retry).min();
            tokio::select! {
                ready = self.socket.readable() => {
                    if let Err(error) = ready {
                        tracing::error!(%error, "the lab's raw socket failed");
                        return;
                    }
                    self.receive();
                }
                () = sleep_until(deadline) => {}
                // The sender is in what is shared, and so outlives this.
                _ = self.changes.changed() => {}
            }
            self.shared.state().tick(Instant::now());
            is_set = self.set().await;
            self.tell_neighbours();
            tokio::task::yield_now().await;
        }
    }

    /// Serves what has arrived, a batch at most.
    fn receive(&mut self) {
        for _ in 0..BATCH {
            match self.socket.try_receive(&mut self.buffer) {
                Ok(length) => {
                    let frame = self.buffer.get(..length).unwrap_or_default();
                    self.shared.state().hear_frame(frame, Instant::now());
                    self.send_what_is_due();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The link went down: the next frame may be well.
                Err(error) => {
                    tracing::debug!(%error, "receiving a frame");
                    return;
                }
            }
        }
    }

    fn send_what_is_due(&self) {
        loop {
            let frame = self.shared.state().next_frame(Instant::now());
            let Some(frame) = frame else {
                return;
            };
            self.send(&frame);
        }
    }

    fn send(&self, frame: &[u8]) {
        if let Err(error) = self.socket.send(frame) {
            tracing::debug!(%error, "a frame was not sent");
        }
    }

    /// Has the kernel have what it is to have; returns whether it has. The link was perhaps taken down and up in between, by which
    /// all is lost.
    async fn set(&mut self) -> bool {
        let (wanted, plugged, is_down) = {
            let (state, now) = (self.shared.state(), Instant::now());
            (state.addressing(now), state.plugged(), state.is_down(now))
        };
        if is_down {
            return true;
        }
        let is_new = plugged != self.plugged;
        if is_new {
            self.side.were_flushed();
        }
        if let Err(error) = self.side.set(&wanted).await {
            tracing::warn!(%error, "the router's IPv6 addresses were not set");
            return false;
        }
        if is_new {
            self.plugged = plugged;
            self.shared.state().begin_ipv6(Instant::now());
            self.send_what_is_due();
        }
        true
    }

    /// Tells the kernel who is where. What it does not take it finds out by itself.
    fn tell_neighbours(&mut self) {
        let changes = self.shared.state().take_neighbours();
        for change in changes {
            if let Err(error) = self.tell_neighbour(change) {
                tracing::debug!(%error, ?change, "a neighbour entry was not made");
            }
        }
    }

    fn tell_neighbour(&mut self, change: NeighbourChange) -> Result<(), NetlinkError> {
        let link = self.side.index();
        match change {
            NeighbourChange::At(address, mac) => {
                let neighbour = Neighbour6 {
                    address,
                    mac: Some(mac),
                    is_router: false,
                };
                self.netlink
                    .send_one(request6::add_neighbour(link, &neighbour))
            }
            NeighbourChange::Gone(address) => {
                let gone = self
                    .netlink
                    .send_one(request6::delete_neighbour(link, address));
                match gone {
                    Err(error) if error.is(Errno::ENOENT) => Ok(()),
                    done => done,
                }
            }
        }
    }

    /// Says that the router ceases.
    pub(super) fn take_leave(&self) {
        let farewell = self.shared.state().farewell(Instant::now());
        if let Some(frame) = farewell {
            self.send(&frame);
        }
    }
}
