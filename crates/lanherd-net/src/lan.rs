//! The one seam between lanherd and the kernel: what a client needs of the LAN that it is plugged into.
//!
//! Two implementations exist: [`linux`](crate::linux), the real one, and one in memory, for tests of actors on a paused clock.
//! Who owns what: a [`Lan`] owns everything by *name* and can undo it without the [`Port`]; a `Port` owns the client's
//! sockets only, and dropping it closes them. So cleaning up needs nothing of the actor that died.

pub mod ipv6;

pub use crate::icmp::EchoRequest;

use self::ipv6::{Addressing6, Configured6, DadOutcome, Held6, Packet6, Reachability};

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::bulk::Bulk;
use lanherd_dhcp::{Arp, Lease, Transmit};
use lanherd_types::blame::Blame;
use lanherd_types::family::Families;
use lanherd_types::fault::Fault;
use lanherd_types::identity::Identity;
use lanherd_types::phase::{Cause, Failure};
use lanherd_types::words;

/// What a port tells its client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PortEvent {
    /// The namespace exists; the link is next.
    NamespaceReady,
    /// A UDP payload for port 68 arrived: a DHCP message, not yet decoded, hostile until then.
    Dhcp(Vec<u8>),
    /// An ARP packet that is about the address that [`Port::listen_arp`] named.
    Arp(Arp),
    /// The parent has no carrier any more.
    CarrierLost,
    /// The parent has its carrier back: on the same network, or on another one.
    CarrierBack,
    /// The parent's MTU has changed, and with it what the client's link can carry.
    MtuChanged,
    /// Somebody else removed what [`Port::configure`] had set: what, for a person to read.
    Unconfigured(String),
    /// A message of neighbour discovery came: a router advertisement or a redirect; a neighbour advertisement that is about an
    /// address of the client's or about a router of its; a solicitation by which somebody else asks whether one of the client's
    /// addresses is free. One that is for everybody is shared by all clients.
    Icmp6(Arc<Packet6>),
    /// A datagram for UDP port 546 came: a DHCPv6 message.
    Dhcp6(Arc<Packet6>),
    /// It is known whether somebody has an address that was set with [`Address6::detects_duplicates`](ipv6::Address6), or
    /// another client of the herd has an address that was to be set.
    Address6(Ipv6Addr, DadOutcome),
    /// A router through which one of the client's routes leads does not answer any more, or answers again. It is told of one that
    /// stands as a router among [`Addressing6::neighbours`], and once something was sent there.
    Router6(Ipv6Addr, Reachability),
    /// Somebody else removed what [`Port::configure6`] had set: what, for a person to read.
    Unconfigured6(String),
    /// The port is of no use any more: why, and the particulars for a person to read.
    Gone(Cause, String),
}

/// Where a port delivers its events; called from any thread, never blocks.
pub type Inbox = Box<dyn Fn(PortEvent) + Send + Sync>;

/// One step of a cleanup that failed; the steps after it were tried all the same.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} could not be removed: {why}")]
pub struct CleanupError {
    /// The thing, as a person would name it: `namespace ns3`, `/etc/netns/ns3`.
    pub what: String,
    /// Why it is still there.
    pub why: String,
}

impl CleanupError {
    /// What kinds of things there are to be removed: a namespace, or a file or folder.
    pub const KINDS: [&str; 2] = ["namespace", "file"];

    /// The kind of the thing, one of [`CleanupError::KINDS`].
    pub fn kind(&self) -> &'static str {
        let [namespace, file] = Self::KINDS;
        if self.what.starts_with(namespace) {
            namespace
        } else {
            file
        }
    }
}

/// A LAN that clients are plugged into.
pub trait Lan: Send + Sync + 'static {
    /// One client's place on it.
    type Port: Port;

    /// Makes namespace, macvlan and sockets for `identity`, which speaks IPv4 only, and delivers what arrives to `inbox`.
    ///
    /// When it fails, or its future is dropped, something may be left: the caller calls [`Lan::detach`] in either case.
    fn attach(
        &self,
        identity: &Identity,
        inbox: Inbox,
    ) -> impl Future<Output = Result<Self::Port, Failure>> + Send {
        self.attach_speaking(Families::Ipv4, identity, inbox)
    }

    /// As [`Lan::attach`], for a client that speaks these families. Without IPv6 not one frame of it leaves the client, and
    /// [`Port::configure6`] fails; with it nothing is set that [`Port::configure6`] does not set, whoever advertises.
    fn attach_speaking(
        &self,
        families: Families,
        identity: &Identity,
        inbox: Inbox,
    ) -> impl Future<Output = Result<Self::Port, Failure>> + Send;

    /// Ends the client's commands, and removes all that [`Lan::attach`] made for `identity`, by name; tries every step;
    /// does nothing where nothing is.
    ///
    /// Never touches a namespace that this `Lan` did not make. The port should be dropped before, or its sockets keep
    /// the namespace alive.
    fn detach(&self, identity: &Identity) -> impl Future<Output = Vec<CleanupError>> + Send;

    /// Puts a DHCP message on the wire for a client that has no [`Port`] any more: the release of a lease whose holder
    /// died. Does not block.
    fn transmit_for(&self, identity: &Identity, transmit: &Transmit) -> io::Result<()>;

    /// Puts a whole Ethernet frame on the wire for a client that has no [`Port`] any more: the release of its DHCPv6 lease. Does
    /// not block. Fails where the frame's source is not the client's MAC.
    fn transmit6_for(&self, identity: &Identity, frame: &[u8]) -> io::Result<()>;

    /// The DHCPv6 lease of a client that was taken over from a process that was killed; the client has it confirmed.
    fn remembered6(&self, identity: &Identity) -> Option<Held6>;

    /// The client has ended for good: forgets what was kept for another life of it, or for its lease. Does not block.
    fn forget(&self, identity: &Identity);

    /// The lease of a client that was taken over from a process that was killed; the client asks for it again.
    fn remembered(&self, identity: &Identity) -> Option<Lease>;

    /// Injects one of the faults that aim at a client's sockets, address, link or namespace, as somebody else would cause it.
    fn inject_fault(
        &self,
        identity: &Identity,
        fault: Fault,
    ) -> impl Future<Output = Result<(), InjectError>> + Send;

    /// Takes the parent down, and after `pause` up again; returns when it is up.
    fn flap(&self, pause: Duration) -> impl Future<Output = Result<(), InjectError>> + Send;
}

/// Why a fault was not injected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InjectError(pub String);

/// One client's place on the LAN. Shared by the client's actor and its activity tasks.
pub trait Port: Send + Sync + 'static {
    /// A connection of the client's.
    type Stream: Bulk;
    /// A socket of the client's that speaks to one peer.
    type Udp: Datagrams;

    /// The MTU of the client's link, in bytes: the parent's at the beginning. It is another after [`PortEvent::MtuChanged`], and after
    /// [`Port::configure`] with a lease that names one.
    fn link_mtu(&self) -> u32;

    /// Puts a DHCP message on the wire; does not block.
    fn transmit(&self, transmit: &Transmit) -> io::Result<()>;

    /// Sets address, routes and resolver to what `lease` says, replacing what stood before.
    fn configure(&self, lease: &Lease) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Removes address, routes and resolver (RFC 2131, 4.4.5: a client whose lease expires stops using the address).
    fn deconfigure(&self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Puts an ARP packet on the wire, to everybody; does not block.
    fn transmit_arp(&self, arp: &Arp) -> io::Result<()>;

    /// From now on hands on ARP packets whose sender says that it has this address, or that probe for it; `None`: none.
    fn listen_arp(&self, address: Option<Ipv4Addr>);

    /// Puts a whole Ethernet frame on the wire, past the client's own stack; does not block. Fails where the frame's source is
    /// not the client's MAC.
    fn transmit6(&self, frame: &[u8]) -> io::Result<()>;

    /// Sets of IPv6 what `addressing` says, and removes whatever of it stands besides; what stands already is left as it is. The
    /// default addressing removes everything.
    ///
    /// An address that another client of the herd has is not set, and told as a duplicate.
    fn configure6(
        &self,
        addressing: Addressing6,
    ) -> impl Future<Output = Result<Configured6, Failure>> + Send;

    /// Writes the client's DHCPv6 lease down in place of an earlier one, so that it can be given back whatever happens; `None`: it
    /// was given back, or has ended. To be called before the lease is made use of.
    fn remember6(&self, held: Option<Held6>) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Keeps the client's stack from answering what DHCPv6 servers send with "port unreachable", from now on. To be called before
    /// the first message is sent; again does nothing.
    fn hear_dhcp6(&self) -> impl Future<Output = Result<(), Failure>> + Send;

    /// Sends one ICMP echo request and waits for the answer, `timeout` at most.
    fn ping(
        &self,
        request: EchoRequest,
        timeout: Duration,
    ) -> impl Future<Output = PingOutcome> + Send;

    /// How many answers of `target` came to requests that it had answered already, since this was last asked.
    fn duplicates(&self, target: IpAddr) -> u64;

    /// Opens a TCP connection from the client, within `timeout`.
    fn connect(
        &self,
        to: SocketAddr,
        timeout: Duration,
    ) -> impl Future<Output = io::Result<Connected<Self::Stream>>> + Send;

    /// Runs a command in the client's namespace, until it ends, takes too long, or the client leaves. Dropping the future
    /// ends it.
    fn command(&self, request: CommandRequest) -> impl Future<Output = CommandRan> + Send;

    /// Opens a UDP socket of the client's, on a port that the kernel chooses, which sends to `to` and hears whoever answers.
    fn udp(&self, to: SocketAddr) -> impl Future<Output = io::Result<Self::Udp>> + Send;
}

/// A request to run a command in a client's namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRequest {
    /// The command line for `/bin/sh -c`.
    pub line: String,
    /// Variables that are added to those of this process.
    pub environment: Vec<(&'static str, String)>,
    /// How long the command may take until it is killed.
    pub timeout: Duration,
}

/// What became of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandRan {
    /// How it ended.
    pub end: CommandEnd,
    /// From its start to its end.
    pub took: Duration,
    /// The end of what it has written to standard output and standard error, 2 KiB at most.
    pub output: String,
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommandEnd {
    /// With this exit code, as a shell tells it: 128 and more for one that was killed by a signal.
    Exit(i32),
    /// It took too long, and was killed.
    TimedOut,
    /// The client was detached meanwhile, and it was killed.
    ClientLeft,
    /// The tester could not run it: why, for a person to read.
    NotRun(String),
}

/// An established connection.
#[derive(Debug)]
pub struct Connected<S> {
    /// The stream over the connection.
    pub stream: S,
    /// From when the kernel sent its first segment until it had the answer, by its own clock where it tells; without the
    /// tester's own preparations.
    pub took: Duration,
    /// The times at which data arrives over the connection.
    pub times: StreamTimes,
}

/// The times at which data arrived over a connection, from just before the first byte was sent. The stream updates them,
/// and whoever gave the stream away reads them.
#[derive(Debug, Clone, Default)]
pub struct StreamTimes(Arc<Mutex<Arrivals>>);

/// What [`StreamTimes`] holds: where the kernel stamps what it receives, spans end there, and not where it was read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arrivals {
    /// Until the first byte; of more bytes that the kernel had put into one segment, the last.
    pub first: Option<Duration>,
    /// Until the last byte that has been read.
    pub last: Option<Duration>,
    /// Until it was read that the other side has ended; that has no stamp.
    pub end: Option<Duration>,
}

impl StreamTimes {
    /// What has come so far; nothing where the stream does not tell.
    pub fn arrivals(&self) -> Arrivals {
        *self.0.lock()
    }

    fn update(&self, change: impl FnOnce(&mut Arrivals)) {
        change(&mut self.0.lock());
    }

    /// Bytes were read that came after this span.
    pub fn arrived(&self, after: Duration) {
        self.update(|arrivals| {
            arrivals.first.get_or_insert(after);
            arrivals.last = Some(after);
        });
    }

    /// The end was read after this span.
    pub fn ended(&self, after: Duration) {
        self.update(|arrivals| arrivals.end = arrivals.end.or(Some(after)));
    }
}

/// A socket that speaks to one peer in datagrams, and hears whoever sends to it.
pub trait Datagrams: Send + Sync + 'static {
    /// Sends one to the peer.
    fn send(&self, datagram: &[u8]) -> impl Future<Output = io::Result<()>> + Send;

    /// Waits for one, from anybody; what does not fit into `buffer` is lost. What ICMP says of one that was sent is an error.
    fn recv(&self, buffer: &mut [u8]) -> impl Future<Output = io::Result<Datagram>> + Send;

    /// The next that is there, though its coming may not have been announced yet; `WouldBlock` where there is none.
    fn try_recv(&self, buffer: &mut [u8]) -> io::Result<Datagram>;
}

/// A datagram that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram {
    /// Its length in bytes.
    pub length: usize,
    /// Who sent it.
    pub from: SocketAddr,
    /// From just before the latest was sent until the kernel had this one.
    pub took: Duration,
}

/// What became of one echo request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PingOutcome {
    /// It was answered after this round trip time.
    Reply(Duration),
    /// It was not.
    Lost(PingCause),
}

words! {
    /// Why an echo request was not answered: a closed list.
    PingCause {
        /// Nothing came back in time.
        Timeout = "timeout",
        /// A router or the target answered that it cannot be reached (ICMP type 3, ICMPv6 type 1).
        Unreachable = "unreachable",
        /// The time to live, or hop limit, ran out on the way (ICMP type 11, ICMPv6 type 3).
        TtlExceeded = "ttl_exceeded",
        /// The client has no route to the target.
        NoRoute = "no_route",
        /// The neighbour did not answer ARP, or neighbour solicitations.
        HostDown = "host_down",
        /// A router does not forward what comes from the client's address (ICMPv6 type 1, code 5).
        SourceRefused = "source_refused",
        /// A router says that the request is larger than its next link can carry, though no link of IPv6 may be so small (ICMPv6
        /// type 2).
        TooBig = "too_big",
        /// What came back names the request, but does not carry what was sent.
        Malformed = "malformed",
        /// The target is the client's own address, so that the client itself would answer.
        OwnAddress = "own_address",
        /// The target is no address: the client has no router, or the name is unknown.
        NoTarget = "no_target",
        /// The client was not online.
        Offline = "offline",
        /// The tester's own host refused to send: not the router's fault.
        Tester = "tester",
    }
}

impl PingCause {
    /// Whether the request was handed to the kernel before it was lost.
    pub const fn was_sent(self) -> bool {
        !matches!(
            self,
            Self::NoRoute | Self::OwnAddress | Self::NoTarget | Self::Offline | Self::Tester
        )
    }
}

impl PingCause {
    /// Who is to blame.
    pub const fn blame(self) -> Blame {
        match self {
            Self::Timeout | Self::Unreachable | Self::TtlExceeded | Self::TooBig => Blame::Network,
            Self::HostDown | Self::Malformed => Blame::Target,
            Self::NoRoute | Self::OwnAddress | Self::NoTarget | Self::SourceRefused => {
                Blame::Router
            }
            Self::Offline => Blame::Client,
            Self::Tester => Blame::Tester,
        }
    }
}
