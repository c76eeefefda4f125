//! Plugging a client in: namespace, name, macvlan, sockets, in one job of the client's thread.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockFilter, Socket, Type};

use super::port::{HEARD, LinuxPort, Sockets};
use super::seats::Seat;
use super::worker::Bench;
use super::{LINK, LINK_INDEX, MacvlanMode, Shared, refused, refused_request, worker_gone};
use crate::identity::{Identity, Mac};
use crate::lan::frame::CLIENT_PORT;
use crate::lan::names::{ClaimError, Record};
use crate::lan::netlink::request::{self, Macvlan};
use crate::lan::netlink::{Netlink, NetlinkError};
use crate::lan::netns::NetNs;
use crate::lan::{Inbox, PortEvent, sys};
use crate::phase::{Cause, Failure, Stage};

/// The loopback's number in every namespace.
const LOOPBACK: u32 = 1;
/// How many broadcasts may wait for the herd: the kernel's 1,000 overflow when a herd asks at once.
const BROADCAST_QUEUE: u32 = 10_000;

/// A MAC stays in use until the kernel has destroyed its last namespace, in the background: what is waited before the
/// link is brought up again, doubled each time up to a limit, and for how long in all.
const FIRST_WAIT: Duration = Duration::from_millis(10);
const LONGEST_WAIT: Duration = Duration::from_millis(640);
const PATIENCE: Duration = Duration::from_secs(5);
/// By then the last namespace is not dying but kept alive: one look for who does so is worth its cost.
const SUSPICION: Duration = Duration::from_secs(1);

/// A namespace that has its name and its link.
struct Room {
    namespace: NetNs,
    netlink: Netlink,
    mac: Mac,
}

/// How far a job got.
enum Progress {
    Ready(Sockets),
    MacInUse(Room),
}

pub(super) async fn attach(
    shared: &Arc<Shared>,
    identity: &Identity,
    inbox: Inbox,
) -> Result<LinuxPort, Failure> {
    let seated = shared.seats.take(Seat::new(identity.clone(), inbox));
    let number = identity.number;
    let begun = {
        let (shared, seat) = (Arc::clone(shared), Arc::clone(&seated.seat));
        move |bench: &mut Bench| begin(bench, &shared, &seat)
    };
    let gone = |gone| worker_gone(Stage::Namespace, gone);
    let mut progress = shared.workers.run(number, begun).await.map_err(gone)??;
    let started = Instant::now();
    let mut wait = FIRST_WAIT;
    let mut searched = Searched::NotYet;
    loop {
        let room = match progress {
            Progress::Ready(sockets) => {
                return Ok(LinuxPort::new(Arc::clone(shared), seated, sockets));
            }
            Progress::MacInUse(room) => room,
        };
        if started.elapsed() > PATIENCE {
            let error = io::Error::from_raw_os_error(libc::EADDRINUSE);
            return Err(refused(
                Stage::Link,
                format!("bringing {LINK} up with {}", identity.mac),
                &error,
            ));
        }
        tokio::time::sleep(wait).await;
        wait = LONGEST_WAIT.min(wait * 2);
        let search = started.elapsed() > SUSPICION && searched == Searched::NotYet;
        if search {
            searched = Searched::Once;
        }
        let again = {
            let (shared, mac) = (Arc::clone(shared), identity.mac);
            move |bench: &mut Bench| {
                if search {
                    let inode = room.namespace.inode();
                    for leak in
                        shared.unplug_pinned(|record| record.mac == mac && record.inode != inode)
                    {
                        tracing::warn!(?leak, "an earlier namespace of this client is kept alive");
                    }
                }
                bring_up(bench, &shared, room)
            }
        };
        progress = shared.workers.run(number, again).await.map_err(gone)??;
    }
}

/// Whether somebody was looked for who keeps the MAC in use.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Searched {
    NotYet,
    Once,
}

fn begin(bench: &mut Bench, shared: &Shared, seat: &Seat) -> Result<Progress, Failure> {
    let room = make_namespace(shared, &seat.identity)?;
    seat.tell(PortEvent::NamespaceReady);
    make_link(bench, shared, &seat.identity, &room)?;
    bring_up(bench, shared, room)
}

fn make_namespace(shared: &Shared, identity: &Identity) -> Result<Room, Failure> {
    let failed =
        |doing: &'static str| move |error: io::Error| refused(Stage::Namespace, doing, &error);
    let names = shared.names(identity);
    // What an earlier life of this client left, if nobody detached it.
    if let Some(error) = names.remove().into_iter().next() {
        return Err(Failure::new(
            Stage::Namespace,
            Cause::Kernel,
            error.to_string(),
        ));
    }
    names.check_free().map_err(|error| unclaimed(&error))?;
    let namespace = NetNs::create().map_err(failed("making a network namespace"))?;
    let netlink = namespace
        .with(Netlink::open)
        .and_then(|opened| opened)
        .map_err(failed("opening a netlink socket in the namespace"))?;
    let record = Record::of(&namespace, &netlink, identity.mac);
    names
        .claim_for(&namespace, &record)
        .map_err(|error| unclaimed(&error))?;
    shared
        .made()
        .insert(record.inode, (identity.namespace.clone(), record));
    Ok(Room {
        namespace,
        netlink,
        mac: identity.mac,
    })
}

fn unclaimed(error: &ClaimError) -> Failure {
    match error {
        ClaimError::Taken(_) => Failure::new(Stage::Namespace, Cause::NameTaken, error.to_string()),
        ClaimError::Io { doing, path, error } => refused(
            Stage::Namespace,
            format!("{doing} {}", path.display()),
            error,
        ),
    }
}

/// Makes the macvlan directly inside, in one message, sent from home: there the parent is.
fn make_link(
    bench: &mut Bench,
    shared: &Shared,
    identity: &Identity,
    room: &Room,
) -> Result<(), Failure> {
    let doing = || format!("making a macvlan on {}", shared.parent.name);
    if shared.config.mode == MacvlanMode::Passthru && shared.seats.all().len() > 1 {
        let detail = format!(
            "{}: passthru mode carries one client only; choose private or bridge",
            doing()
        );
        return Err(Failure::new(Stage::Link, Cause::Kernel, detail));
    }
    let macvlan = Macvlan {
        name: LINK,
        index: LINK_INDEX,
        parent: shared.parent.index,
        mode: shared.config.mode.into(),
        mac: identity.mac,
        namespace: room.namespace.as_raw_fd(),
        broadcast_queue: BROADCAST_QUEUE,
    };
    bench
        .netlink
        .send_one(request::add_macvlan(&macvlan))
        .map_err(|error| refused_request(Stage::Link, doing(), &error))
}

/// Brings loopback and link up, in one go, and opens the sockets.
///
/// The link is made down and brought up from inside, since only a link that is down can be kept from speaking IPv6
/// without a write to `/proc/sys` for each namespace, which takes the longer the more namespaces there are.
fn bring_up(bench: &mut Bench, shared: &Shared, mut room: Room) -> Result<Progress, Failure> {
    let failed = |doing: &str, error: &NetlinkError| refused_request(Stage::Link, doing, error);
    let netlink = &mut room.netlink;
    if shared.config.mode == MacvlanMode::Passthru {
        // It was made with the parent's MAC; the kernel gives the parent its own back afterwards.
        netlink
            .send_one(request::set_mac(LINK_INDEX, room.mac))
            .map_err(|error| failed("setting the link's MAC", &error))?;
    }
    let steps = [
        request::up(LOOPBACK),
        request::no_ipv6(LINK_INDEX),
        request::up(LINK_INDEX),
    ];
    let answers = netlink
        .send(steps)
        .map_err(|error| refused(Stage::Link, "bringing the link up", &error))?;
    for (doing, answer) in [
        "bringing lo up",
        "keeping lan0 from IPv6",
        "bringing lan0 up",
    ]
    .iter()
    .zip(answers)
    {
        match answer {
            Ok(()) => {}
            // A kernel that does not know IPv6 does not speak it.
            Err(error) if error.is(nix::Error::EAFNOSUPPORT) => {}
            Err(error) if error.is(nix::Error::EADDRINUSE) => return Ok(Progress::MacInUse(room)),
            Err(error) => return Err(failed(doing, &error)),
        }
    }
    let sockets = room.namespace.with(|| open_sockets(bench));
    sockets
        .and_then(|opened| opened)
        .map(Progress::Ready)
        .map_err(|error| refused(Stage::Socket, "opening the client's sockets", &error))
}

/// Opens the client's sockets in the calling thread's namespace; the runtime drives them from wherever it runs.
fn open_sockets(bench: &Bench) -> io::Result<Sockets> {
    let _context = bench.runtime.enter();
    let config = surge_ping::Config::builder()
        .sock_type_hint(Type::RAW)
        .build();
    let icmp = surge_ping::Client::new(&config)?;
    sys::deliver_only_icmp(icmp.get_socket().get_native_sock(), &HEARD)?;
    Ok(Sockets {
        dhcp: dhcp_socket()?,
        icmp,
    })
}

/// A socket on the client's port that drops all that it receives.
fn dhcp_socket() -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::IPV4, Type::DGRAM.nonblocking(), Some(Protocol::UDP))?;
    socket.attach_filter(&[SockFilter::new(
        (libc::BPF_RET | libc::BPF_K) as u16,
        0,
        0,
        0,
    )])?;
    socket.set_reuse_address(true)?;
    socket.set_broadcast(true)?;
    socket.bind_device(Some(LINK.as_bytes()))?;
    let port = SocketAddr::from((Ipv4Addr::UNSPECIFIED, CLIENT_PORT)).into();
    socket.bind(&port).or_else(|error| match error.kind() {
        // Without CAP_NET_BIND_SERVICE: this namespace is ours, and so is the say over which of its ports need it.
        io::ErrorKind::PermissionDenied => {
            fs::write(
                "/proc/sys/net/ipv4/ip_unprivileged_port_start",
                CLIENT_PORT.to_string(),
            )?;
            socket.bind(&port)
        }
        _ => Err(error),
    })?;
    Ok(socket.into())
}
