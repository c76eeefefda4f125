//! One client's place on the LAN: its sockets, and what is set in its namespace.

use std::borrow::Cow;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::addressing::steps::{MtuChange, Step, StepKind, steps};
use super::addressing::{Addressing, Surroundings};
use super::attach::dhcp6_socket;
use super::commands::Gate;
use super::configure6::{configure6, not_received};
use super::dialing::{ClientStream, ClientUdp, open_own};
use super::endpoint::Endpoint;
use super::endpoint_table::Registration;
use super::pinger::{PingSocket, Pinger};
use super::resolver::{NameServers, ResolverFile};
use super::sockets::{Sockets, is_lost};
use super::sysctl::Sysctls;
use super::watch::{examine_name, socket_lost};
use super::worker::{WorkerContext, WorkerError};
use super::{MacvlanMode, Shared, commands, dialing, no_result, refused, refused_request};
use crate::lan::ipv6::{Addressing6, Configured6, Held6};
use crate::lan::{
    CommandRan, CommandRequest, Connected, EchoRequest, PingCause, PingOutcome, Port,
};
use crate::netlink::{Netlink, NetlinkError};
use lanherd_dhcp::{Arp, Lease, MessageType, Transmit, code};
use lanherd_types::family::Family;
use lanherd_types::phase::{Cause, Failure, Stage};
use nix::errno::Errno::{EADDRNOTAVAIL, EEXIST, ENODEV, ENOENT, ESRCH};

/// So long after an address was set it is looked whether the kernel receives for it, and then ever later, up to the last.
const FIRST_LOOK: Duration = Duration::from_millis(1);
const LAST_LOOK: Duration = Duration::from_millis(50);

/// After this time a kernel that does not receive for an address that was set will not.
const RECEIVES_WITHIN: Duration = Duration::from_secs(30);

/// The real [`Port`].
pub struct LinuxPort {
    shared: Arc<Shared>,
    registration: Registration,
    sockets: Arc<Sockets>,
    gate: Arc<Gate>,
}

impl LinuxPort {
    /// From here on the client is told of what somebody else removes from its namespace.
    pub(super) fn new(
        shared: Arc<Shared>,
        registration: Registration,
        sockets: Sockets,
    ) -> Result<Self, Failure> {
        let sockets = Arc::new(sockets);
        let endpoint = &registration.endpoint;
        endpoint.plug_in(&sockets);
        if endpoint.speaks_ipv6() {
            let heard = sockets.monitor.hear_neighbours();
            heard.map_err(|error| refused(Stage::Socket, "listening to the neighbours", &error))?;
        }
        shared
            .monitors
            .add(endpoint.identity.mac, &sockets)
            .map_err(|error| refused(Stage::Socket, "listening to the namespace", &error))?;
        // It may have been taken away while nobody could know whose it was.
        examine_name(&shared.config.paths.netns, endpoint, &sockets);
        let gate = shared.commands.open(endpoint.identity.number);
        Ok(Self {
            shared,
            registration,
            sockets,
            gate,
        })
    }

    fn endpoint(&self) -> &Endpoint {
        &self.registration.endpoint
    }

    /// The path on which the client's namespace is bound.
    pub(super) fn binding(&self) -> PathBuf {
        self.shared
            .host_entries(&self.endpoint().identity)
            .binding()
            .to_owned()
    }

    /// The inode of the client's namespace.
    pub(super) fn namespace(&self) -> u64 {
        self.sockets.namespace
    }

    /// The gate that the client's commands pass.
    pub(super) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// The folder with a folder for each client, whose files lie over those of `/etc` for its commands, where there is one.
    pub(super) fn resolver_folder(&self) -> Option<PathBuf> {
        let folder = self.shared.folders.resolver_folders();
        folder.map(ToOwned::to_owned)
    }

    /// The name of the client's namespace.
    pub(super) fn name(&self) -> String {
        self.endpoint().identity.namespace.clone()
    }

    /// Runs a job on the client's thread.
    pub(super) async fn run<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut WorkerContext) -> R + Send + 'static,
    ) -> Result<R, WorkerError> {
        let number = self.endpoint().identity.number;
        self.shared.workers.run(number, job).await
    }

    /// Tells the client where an error means that one of its sockets is lost.
    fn heed(&self, error: &io::Error) {
        if is_lost(error) {
            socket_lost(self.endpoint(), &self.sockets, &error.to_string());
        }
    }

    /// Runs a job inside the client's namespace, on the client's thread.
    async fn inside<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Sysctls, &Sockets) -> io::Result<R> + Send + 'static,
    ) -> io::Result<R> {
        let (binding, inode) = (self.binding(), self.namespace());
        let sockets = Arc::clone(&self.sockets);
        let visit = move |context: &mut WorkerContext| {
            let namespace = open_own(&binding, inode)?;
            let WorkerContext {
                home,
                sysctls,
                runtime,
                ..
            } = context;
            let _context = runtime.enter();
            home.visit(&namespace, || job(sysctls, &sockets))?
        };
        self.run(visit).await.map_err(io::Error::other)?
    }

    /// What sends pings of this family. The socket for IPv6 is opened when the first one is sent.
    async fn pinger(&self, family: Family) -> io::Result<Arc<Pinger>> {
        if family == Family::Ipv4 {
            return self.sockets.icmp();
        }
        if !self.endpoint().speaks_ipv6() {
            return Err(io::Error::from_raw_os_error(libc::ENETUNREACH));
        }
        if let Some(pinger) = self.sockets.icmp6()? {
            return Ok(pinger);
        }
        let reader = Arc::clone(&self.shared.ping_reader);
        self.inside(move |_, sockets| {
            sockets.keep_icmp6(|| PingSocket::open(Family::Ipv6, &reader))
        })
        .await
    }

    /// Runs a job about the client's addressing on the client's thread.
    async fn on_thread<R: Send + 'static>(
        &self,
        job: impl FnOnce(&Shared, &Endpoint, &Sockets) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, Failure> {
        let endpoint = Arc::clone(&self.registration.endpoint);
        let (shared, sockets) = (Arc::clone(&self.shared), Arc::clone(&self.sockets));
        self.shared
            .workers
            .run(endpoint.identity.number, move |_| {
                job(&shared, &endpoint, &sockets)
            })
            .await
            .unwrap_or_else(|gone| Err(no_result(Stage::Configure, gone)))
    }
}

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

/// Writes the client's resolver file.
pub(super) fn write_resolver(
    shared: &Shared,
    endpoint: &Endpoint,
    file: ResolverFile,
) -> Result<(), Failure> {
    let entries = shared.host_entries(&endpoint.identity);
    let (comment, lines) = (file.comment(), file.lines());
    let written = match entries.write_resolver(comment, &lines) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            shared.tell_loss(&error);
            entries
                .make_folder()
                .map_err(io::Error::other)
                .and_then(|()| entries.write_resolver(comment, &lines))
        }
        written => written,
    };
    written.map_err(|error| refused(Stage::Configure, "writing the resolver file", &error))?;
    endpoint.set_resolver(file);
    Ok(())
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

/// Has the kernel carry out all steps in one go, and returns the first refusal.
pub(super) fn carry_out(netlink: &mut Netlink, steps: Vec<Step>) -> Result<(), Failure> {
    if steps.is_empty() {
        return Ok(());
    }
    let (labels, requests): (Vec<_>, Vec<_>) = steps
        .into_iter()
        .map(|step| ((step.kind, step.words), step.request))
        .unzip();
    let answers = netlink
        .send(requests)
        .map_err(|error| refused(Stage::Configure, "setting the address", &error))?;
    for ((kind, words), answer) in labels.into_iter().zip(answers) {
        let doing = match (kind, &answer) {
            (StepKind::Remove, Err(error)) if has_gone(error) => continue,
            (StepKind::SetUnlessThere, Err(error)) if error.is(EEXIST) => continue,
            (StepKind::Remove, _) => "removing",
            (StepKind::Set | StepKind::SetUnlessThere, _) => "setting",
        };
        answer.map_err(|error| {
            refused_request(Stage::Configure, format!("{doing} {words}"), &error)
        })?;
    }
    Ok(())
}

/// Whether an error says that what was to be removed is not there: it went with something else.
fn has_gone(error: &NetlinkError) -> bool {
    [EADDRNOTAVAIL, ENODEV, ENOENT, ESRCH]
        .iter()
        .any(|errno| error.is(*errno))
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
