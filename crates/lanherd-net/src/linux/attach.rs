//! Plugging a client in: namespace, name, macvlan, sockets, in one job of the client's thread.

use std::io;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;

use super::adopt;
use super::dhcp_sockets::dhcp_socket;
use super::endpoint::Endpoint;
use super::error::{no_result, refused, refused_request};
use super::netlink_monitor::NetlinkMonitor;
use super::pending_attach::{Link, PendingAttach, number};
use super::pinger::PingSocket;
use super::port::LinuxPort;
use super::shared::Shared;
use super::sockets::Sockets;
use super::worker::WorkerContext;
use crate::config::{LINK, LINK_INDEX, LOOPBACK, MacvlanMode};
use crate::lan::{Inbox, PortEvent};
use crate::memory;
use crate::netlink::Netlink;
use crate::netlink::request::{self, Macvlan};
use crate::rundir::entry_error::ClaimError;
use crate::rundir::pool_lock;
use crate::rundir::record::Record;
use lanherd_types::family::{Families, Family};
use lanherd_types::identity::{Identity, Mac};
use lanherd_types::phase::{Cause, Failure, Stage};

/// How many broadcasts may wait for the herd: the kernel's 1,000 overflow when a herd asks at once.
const BROADCAST_QUEUE: u32 = 10_000;

/// A MAC stays in use until the kernel has destroyed its last namespace, in the background: the pauses before the link
/// is tried again, in milliseconds, five seconds in all.
const PAUSES: [u64; 12] = [10, 20, 40, 80, 160, 320, 370, 500, 750, 750, 1000, 1000];
/// Before this try, a second after the first one, it is looked once who keeps the MAC.
const SUSPICIOUS_TRY: usize = 7;

/// How far the job of an attachment got.
enum AttachProgress {
    /// All the way.
    Ready(Sockets),
    /// The MAC, or in passthru mode the parent, is still taken: to be tried again later.
    Busy(PendingAttach),
}

pub(super) async fn attach(
    shared: &Arc<Shared>,
    families: Families,
    identity: &Identity,
    inbox: Inbox,
) -> Result<LinuxPort, Failure> {
    let endpoint = Endpoint::new(families, identity.clone(), inbox, shared.parent.mtu());
    let registration = shared.endpoints.register(endpoint);
    let gone = |gone| no_result(Stage::Namespace, gone);
    let begin = {
        let (shared, endpoint) = (Arc::clone(shared), Arc::clone(&registration.endpoint));
        move |context: &mut WorkerContext| {
            let pending = match adopt::take_over(context, &shared, &endpoint) {
                Some(pending) => pending,
                None => make_namespace(context, &shared, &endpoint)?,
            };
            endpoint.tell(PortEvent::NamespaceReady);
            shared.parent.greet(&endpoint);
            plug(context, &shared, pending)
        }
    };
    let mut progress = shared
        .workers
        .run(identity.number, begin)
        .await
        .map_err(gone)??;
    let mut pauses = PAUSES.into_iter().enumerate();
    loop {
        let pending = match progress {
            AttachProgress::Ready(sockets) => {
                return LinuxPort::new(Arc::clone(shared), registration, sockets);
            }
            AttachProgress::Busy(pending) => pending,
        };
        let (attempt, pause) = pauses
            .next()
            .ok_or_else(|| still_busy(shared, identity.mac))?;
        tokio::time::sleep(Duration::from_millis(pause)).await;
        let again = {
            let shared = Arc::clone(shared);
            move |context: &mut WorkerContext| {
                if attempt == SUSPICIOUS_TRY {
                    evict(&shared, &pending);
                }
                plug(context, &shared, pending)
            }
        };
        progress = shared
            .workers
            .run(identity.number, again)
            .await
            .map_err(gone)??;
    }
}

/// Deletes the link in the client's earlier namespace, which does not end since somebody's process holds it.
fn evict(shared: &Shared, pending: &PendingAttach) {
    let inode = pending.namespace.inode();
    for leak in shared.namespaces.unplug_held(
        |record| record.mac == pending.mac && record.inode != inode,
        Duration::ZERO,
    ) {
        tracing::warn!(?leak, "an earlier namespace of this client is kept alive");
    }
}

fn still_busy(shared: &Shared, mac: Mac) -> Failure {
    let doing = format!("bringing {LINK} up with {mac} on {}", shared.parent.name);
    let error = io::Error::from_raw_os_error(libc::EADDRINUSE);
    refused(Stage::Link, doing, &error)
}

fn make_namespace(
    context: &mut WorkerContext,
    shared: &Shared,
    endpoint: &Endpoint,
) -> Result<PendingAttach, Failure> {
    if let Some(available) = shared.memory.shortage() {
        return Err(memory_is_short(available));
    }
    let identity = &endpoint.identity;
    let failed =
        |doing: &'static str| move |error: io::Error| refused(Stage::Namespace, doing, &error);
    let entries = shared.host_entries(identity);
    // What an earlier life of this client left, if nobody detached it.
    if let Some(error) = shared.remove_client(&entries).into_iter().next() {
        return Err(Failure::new(
            Stage::Namespace,
            Cause::Kernel,
            error.to_string(),
        ));
    }
    let WorkerContext { home, sysctls, .. } = context;
    let (namespace, (limited, netlink)) = home
        .found(|| {
            // Before there is a link.
            let limited = sysctls.limit_new_links(endpoint.families());
            (limited, Netlink::open())
        })
        .map_err(failed("making a network namespace"))?;
    limited.map_err(failed("keeping the client from what routers advertise"))?;
    let netlink = netlink.map_err(failed("opening a netlink socket in the namespace"))?;
    let record = Record::of(&namespace, &netlink, identity.mac);
    let note = || shared.ledger.add(&identity.namespace, record);
    entries
        .claim_for(&namespace, &record, note)
        .map_err(|error| unclaimed(&error))?;
    let number = number(context, &namespace);
    shared.namespaces.add(&identity.namespace, record, number);
    Ok(PendingAttach {
        namespace,
        netlink,
        number,
        mac: identity.mac,
        link: Link::Absent,
        monitor: None,
    })
}

fn memory_is_short(available: u64) -> Failure {
    const MEBIBYTE: u64 = 1024 * 1024;
    let detail = format!(
        "memory is short on this host: {} MiB are available, and {} MiB are left to what else runs here; end other programs, \
         or ask for fewer clients",
        available / MEBIBYTE,
        memory::KEPT / MEBIBYTE
    );
    Failure::new(Stage::Namespace, Cause::NoMemory, detail)
}

fn unclaimed(error: &ClaimError) -> Failure {
    match error {
        ClaimError::Taken(_) => Failure::new(Stage::Namespace, Cause::NameTaken, error.to_string()),
        // The remedy of a full file system, not that of a namespace that the kernel does not make.
        ClaimError::Io { doing, path, error } if error.kind() == io::ErrorKind::StorageFull => {
            let (path, remedy) = (path.display(), pool_lock::remedy(error));
            let detail = format!("{doing} {path}: {error}{remedy}");
            Failure::new(Stage::Namespace, Cause::Kernel, detail)
        }
        ClaimError::Io { doing, path, error } => refused(
            Stage::Namespace,
            format!("{doing} {}", path.display()),
            error,
        ),
    }
}

/// Makes the link where there is none yet, brings it up, and opens the sockets.
fn plug(
    context: &mut WorkerContext,
    shared: &Shared,
    mut pending: PendingAttach,
) -> Result<AttachProgress, Failure> {
    if pending.link == Link::Absent {
        match make_link(context, shared, &mut pending)? {
            Outcome::Done => pending.link = Link::Down,
            Outcome::Busy => return Ok(AttachProgress::Busy(pending)),
        }
    }
    if pending.link == Link::Down {
        match bring_up(shared, &mut pending)? {
            Outcome::Done => pending.link = Link::Up,
            Outcome::Busy => return Ok(AttachProgress::Busy(pending)),
        }
    }
    let PendingAttach {
        namespace,
        netlink,
        monitor,
        mac,
        number,
        ..
    } = pending;
    // Subscribed before the sockets are opened, so that no later removal goes unnoticed: without the link the socket that is bound to it cannot be opened.
    let monitor = monitor.or_else(|| shared.monitors.subscribe(number, mac));
    let WorkerContext { home, sysctls, .. } = context;
    home.visit(&namespace, || {
        let monitor = monitor.map_or_else(NetlinkMonitor::open, Ok)?;
        let icmp = PingSocket::open(Family::Ipv4, &shared.ping_reader)?;
        let dhcp = dhcp_socket(sysctls)?;
        Ok(Sockets::new(
            dhcp,
            icmp,
            netlink,
            monitor,
            namespace.inode(),
        ))
    })
    .and_then(|opened| opened)
    .map(AttachProgress::Ready)
    .map_err(|error| refused(Stage::Socket, "opening the client's sockets", &error))
}

/// What became of a step that may come too early.
enum Outcome {
    Done,
    Busy,
}

/// Makes the macvlan directly inside, in one message, sent from home: there the parent is.
fn make_link(
    context: &mut WorkerContext,
    shared: &Shared,
    pending: &mut PendingAttach,
) -> Result<Outcome, Failure> {
    let parent = &shared.parent;
    let mode = shared.config.mode;
    if mode == MacvlanMode::Passthru && shared.endpoints.all().len() > 1 {
        let detail = format!(
            "passthru mode gives {} to one client only; choose --mode private or bridge",
            parent.name
        );
        return Err(Failure::new(Stage::Link, Cause::Kernel, detail));
    }
    let Some(parent_index) = parent.index() else {
        let detail = format!(
            "the parent {} was deleted; an interface of that name is waited for",
            parent.name
        );
        return Err(Failure::new(Stage::Link, Cause::ParentGone, detail));
    };
    let macvlan = Macvlan {
        name: LINK,
        index: LINK_INDEX,
        parent: parent_index,
        mode: mode.into(),
        mac: pending.mac,
        namespace: pending.namespace.as_raw_fd(),
        broadcast_queue: BROADCAST_QUEUE,
    };
    match context.netlink.send_one(request::add_macvlan(&macvlan)) {
        Ok(()) => Ok(Outcome::Done),
        // So the kernel says that the parent is not given back yet by the client's last life.
        Err(error) if mode == MacvlanMode::Passthru && error.is(Errno::EINVAL) => Ok(Outcome::Busy),
        Err(error) => {
            let doing = format!("making a macvlan on {}", parent.name);
            Err(refused_request(Stage::Link, doing, &error))
        }
    }
}

/// Brings loopback and link up, in one go.
///
/// The link is made down and brought up from inside, so that it can be told first to make no address by itself: where the
/// namespace could not be kept from IPv6, it does at least not begin to speak it.
fn bring_up(shared: &Shared, pending: &mut PendingAttach) -> Result<Outcome, Failure> {
    let mut steps = vec![
        ("bringing lo up", request::up(LOOPBACK)),
        ("keeping the link from IPv6", request::no_ipv6(LINK_INDEX)),
    ];
    if shared.config.mode == MacvlanMode::Passthru {
        // It was made with the parent's MAC; the kernel gives the parent its own back afterwards.
        let own_mac = request::set_mac(LINK_INDEX, pending.mac);
        steps.push(("setting the link's MAC", own_mac));
    }
    steps.push(("bringing the link up", request::up(LINK_INDEX)));
    let (words, requests): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
    let answers = pending
        .netlink
        .send(requests)
        .map_err(|error| refused(Stage::Link, "bringing the link up", &error))?;
    for (doing, answer) in words.into_iter().zip(answers) {
        match answer {
            Ok(()) => {}
            // A kernel that does not know IPv6 does not speak it.
            Err(error) if error.is(Errno::EAFNOSUPPORT) => {}
            Err(error) if error.is(Errno::EADDRINUSE) => return Ok(Outcome::Busy),
            Err(error) => return Err(refused_request(Stage::Link, doing, &error)),
        }
    }
    Ok(Outcome::Done)
}
