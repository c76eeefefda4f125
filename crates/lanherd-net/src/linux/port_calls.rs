//! What a client's port is asked to do.

use std::borrow::Cow;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::addressing::steps::{MtuChange, steps};
use super::addressing::{Addressing, Surroundings};
use super::carry_out::carry_out;
use super::commands;
use super::configure6::{configure6, not_received};
use super::dhcp_sockets::dhcp6_socket;
use super::dialing::{self, ClientStream, ClientUdp};
use super::endpoint::Endpoint;
use super::error::refused;
use super::losses::socket_lost;
use super::port::LinuxPort;
use super::resolver::{NameServers, ResolverFile};
use super::resolver_writing::write_resolver;
use super::shared::Shared;
use super::sockets::Sockets;
use crate::config::MacvlanMode;
use crate::lan::ipv6::{Addressing6, Configured6, Held6};
use crate::lan::{
    CommandRan, CommandRequest, Connected, EchoRequest, PingCause, PingOutcome, Port,
};
use crate::netlink::Netlink;
use lanherd_dhcp::{Arp, Lease, MessageType, Transmit, code};
use lanherd_types::family::Family;
use lanherd_types::phase::{Cause, Failure, Stage};

/// So long after an address was set it is looked whether the kernel receives for it, and then ever later, up to the last.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(50);

/// After this time a kernel that does not receive for an address that was set will not.
const RECEIVES_WITHIN: Duration = Duration::from_secs(30);

/// Sets address, routes and resolvers of a lease in place of what stands; `None`: removes them.
fn set_addressing(
    shared: &Shared,
    endpoint: &Endpoint,
    sockets: &Sockets,
    new: Option<(Addressing, NameServers)>,
) -> Result<(), Failure> {
    let (new, leased) = new.unzip();
    shared.check_binding(&endpoint.identity, sockets)?;
    sockets
        .with_netlink(|netlink| replace(netlink, endpoint, new, shared.parent.mtu()))
        .unwrap_or_else(|error| Err(refused(Stage::Configure, "setting the address", &error)))
        .inspect_err(|failure| {
            if failure.cause == Cause::SocketLost {
                socket_lost(endpoint, sockets, &failure.detail);
            }
        })?;
    let ResolverFile { ipv6, .. } = endpoint.resolver();
    write_resolver(shared, endpoint, ResolverFile { leased, ipv6 })
}

/// Sets `new` in place of what stands, and notes it; the link has `usual_mtu`, in bytes, where no lease says otherwise.
fn replace(
    netlink: &mut Netlink,
    endpoint: &Endpoint,
    new: Option<Addressing>,
    usual_mtu: u32,
) -> Result<(), Failure> {
    let old = endpoint.addressing();
    let mtu = MtuChange {
        old: endpoint.mtu(),
        new: new.as_ref().map_or(usual_mtu, Addressing::mtu),
    };
    let done = carry_out(netlink, steps(old.as_ref(), new.as_ref(), mtu));
    if done.is_err() {
        // Half a lease is none: what was set is taken back, as far as it goes, and the next lease starts afresh.
        let back = MtuChange {
            old: 0,
            new: usual_mtu,
        };
        let _ = carry_out(netlink, steps(old.as_ref(), None, back));
        let _ = carry_out(netlink, steps(new.as_ref(), None, back));
        endpoint.set_addressing(None);
        endpoint.set_mtu(usual_mtu);
        return done;
    }
    endpoint.set_addressing(new);
    endpoint.set_mtu(mtu.new);
    Ok(())
}

impl Port for LinuxPort {
    type Stream = ClientStream;
    type Udp = ClientUdp;

    /// Broadcasts go out through the raw socket, unicasts through the client's own stack, which asks for the server's
    /// MAC where it must; a RELEASE goes straight to the MAC from which the server's last message came, since the
    /// namespace will be gone before an ARP answer comes.
    fn transmit(&self, transmit: &Transmit) -> io::Result<()> {
        let endpoint = self.endpoint();
        let message_type = transmit.message.message_type();
        let is_release = message_type == Some(MessageType::Release);
        if message_type == Some(MessageType::Request) {
            let client_id = transmit.message.options.get(code::CLIENT_ID);
            endpoint.set_client_id(client_id.map(Cow::into_owned));
            // Before the server can grant it: a kill may come between that and its acknowledgement.
            self.shared
                .remember_requested(endpoint, &transmit.message)?;
        }
        let send = || {
            if transmit.destination.is_broadcast()
                || is_release && self.shared.knows_server(endpoint.identity.mac)
            {
                return self.shared.send_raw(&endpoint.identity, transmit);
            }
            endpoint.sends();
            let message = transmit.message.encode();
            self.sockets
                .send_to_server(&message, transmit.destination)
                .inspect_err(|error| self.heed(error))
        };
        self.shared.give_back(&endpoint.identity, transmit, send)
    }

    async fn configure(&self, lease: &Lease) -> Result<(), Failure> {
        let lease = lease.clone();
        self.on_thread(move |shared, endpoint, sockets| {
            let surroundings = Surroundings {
                mtu: shared.parent.mtu(),
                neighbour: shared.config.neighbour,
            };
            let addressing = Addressing::of(&lease, &surroundings);
            let servers = NameServers::from(&lease);
            shared
                .remember(endpoint, lease)
                .map_err(|error| refused(Stage::Configure, "writing the lease down", &error))?;
            set_addressing(shared, endpoint, sockets, Some((addressing, servers)))
        })
        .await
    }

    async fn deconfigure(&self) -> Result<(), Failure> {
        self.on_thread(|shared, endpoint, sockets| {
            let removed = set_addressing(shared, endpoint, sockets, None);
            let forgotten = shared
                .forget(&endpoint.identity)
                .map_err(|error| refused(Stage::Configure, "forgetting the lease", &error));
            removed.and(forgotten)
        })
        .await
    }

    /// The herd's other clients hear it too, as they would on a switch: what the raw socket sends passes the other
    /// macvlans of the parent by, and an address that two clients have would go unnoticed. In VEPA mode the switch
    /// itself sends it back to them.
    fn transmit_arp(&self, arp: &Arp) -> io::Result<()> {
        let sent = self
            .shared
            .raw_socket
            .send_arp(self.endpoint().identity.mac, arp);
        if self.shared.config.mode != MacvlanMode::Vepa {
            self.shared.endpoints.listeners.deliver(arp);
        }
        sent
    }

    fn link_mtu(&self) -> u32 {
        self.endpoint().mtu()
    }

    fn listen_arp(&self, address: Option<Ipv4Addr>) {
        self.registration.listen_arp(address);
    }

    fn transmit6(&self, frame: &[u8]) -> io::Result<()> {
        self.shared.send_frame6(&self.endpoint().identity, frame)
    }

    async fn configure6(&self, addressing: Addressing6) -> Result<Configured6, Failure> {
        let set = self.on_thread(move |shared, endpoint, sockets| {
            configure6(shared, endpoint, sockets, addressing)
        });
        let (configured, mut unasked) = set.await?;
        let (began, mut pause) = (Instant::now(), FIRST_LOOK);
        while !unasked.is_empty() {
            let missing =
                self.on_thread(|_, endpoint, sockets| not_received(endpoint, sockets, unasked));
            unasked = missing.await?;
            if let Some(address) = unasked.first() {
                if began.elapsed() > RECEIVES_WITHIN {
                    let detail = format!(
                        "the kernel has not begun to receive for {address} {} s after it was set",
                        RECEIVES_WITHIN.as_secs()
                    );
                    return Err(Failure::new(Stage::Configure, Cause::Kernel, detail));
                }
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(LAST_LOOK);
            }
        }
        Ok(configured)
    }

    async fn remember6(&self, held: Option<Held6>) -> Result<(), Failure> {
        self.on_thread(move |shared, endpoint, _| {
            let written = shared.remember6(endpoint, held.as_ref());
            written
                .map_err(|error| refused(Stage::Configure, "writing down the DHCPv6 lease", &error))
        })
        .await
    }

    async fn hear_dhcp6(&self) -> Result<(), Failure> {
        let opened = self.inside(|sysctls, sockets| sockets.keep_dhcp6(|| dhcp6_socket(sysctls)));
        opened.await.map_err(|error| {
            self.heed(&error);
            refused(Stage::Socket, "opening a socket on port 546", &error)
        })
    }

    async fn ping(&self, request: EchoRequest, timeout: Duration) -> PingOutcome {
        let pinged = match self.pinger(Family::of(request.target)).await {
            Ok(line) => line.ping(request, timeout).await,
            Err(error) => Err(error),
        };
        pinged.unwrap_or_else(|error| {
            self.heed(&error);
            PingOutcome::Lost(cause(&error))
        })
    }

    fn duplicates(&self, target: IpAddr) -> u64 {
        let pinger = match Family::of(target) {
            Family::Ipv4 => self.sockets.icmp().map(Some),
            Family::Ipv6 => self.sockets.icmp6(),
        };
        pinger
            .ok()
            .flatten()
            .map_or(0, |pinger| pinger.duplicates(target))
    }

    async fn connect(
        &self,
        to: SocketAddr,
        timeout: Duration,
    ) -> io::Result<Connected<ClientStream>> {
        dialing::connect(self, to, timeout).await
    }

    async fn command(&self, request: CommandRequest) -> CommandRan {
        commands::run(self, request).await
    }

    async fn udp(&self, to: SocketAddr) -> io::Result<ClientUdp> {
        dialing::udp(self, to).await
    }
}

/// The ping's cause where the request could not be sent.
fn cause(error: &io::Error) -> PingCause {
    match error.raw_os_error() {
        Some(libc::ENETUNREACH | libc::ENETDOWN) => PingCause::NoRoute,
        Some(libc::EHOSTUNREACH) => PingCause::HostDown,
        _ => PingCause::Tester,
    }
}
