//! The thread that watches: the parent, and what somebody else takes away from the clients. No polling: the kernel
//! notifies of everything here. The thread may wait for the kernel's RTNL lock, since it does nothing else.

use std::fs::File;
use std::future::pending;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use netlink_packet_core::NetlinkPayload;
use netlink_packet_route::link::{LinkFlags, LinkMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};
use rtnetlink::{MulticastGroup, new_multicast_connection};
use tokio::io::Interest;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::configure6::examine6;
use super::endpoint::Endpoint;
use super::endpoint_table::EndpointTable;
use super::error::is_lost;
use super::losses::{examine_name, socket_lost};
use super::netlink_monitors::{NetlinkMonitors, Notification};
use super::parent::{self, Parent};
use super::raw_socket::RawSocket;
use super::sockets::Sockets;
use crate::config::{LINK, LINK_INDEX};
use crate::lan::PortEvent;
use crate::netlink::{Netlink, name_of};
use crate::sys;
use lanherd_types::phase::Cause;

/// The pause before something is tried again that failed.
const PAUSE: Duration = Duration::from_millis(100);
/// The pause after the names of all namespaces were looked at: mounts may come and go at any rate.
const MOUNTS_PAUSE: Duration = Duration::from_millis(200);
/// An interface that has a carrier but says that it does not send yet does so by now: the kernel takes up to a second.
const SETTLED: Duration = Duration::from_millis(1500);

/// What the watch needs: the parent, the endpoints, and the sources of notifications.
pub(super) struct Watched {
    pub parent: Arc<Parent>,
    pub endpoints: Arc<EndpointTable>,
    pub raw_socket: Arc<RawSocket>,
    pub monitors: Arc<NetlinkMonitors>,
    /// The folder with the names of namespaces.
    pub netns: PathBuf,
}

/// Starts the watch in the calling thread's namespaces, on a thread of its own, until `stop` is cancelled.
pub(super) fn start(watched: Watched, stop: CancellationToken) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mounts = File::open("/proc/thread-self/mountinfo")?;
    thread::Builder::new()
        .name("lanherd-netlink".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = watch_parent(&watched) => {}
                    () = listen(&watched) => {}
                    () = watch_names(&watched, mounts.into()) => {}
                    () = stop.cancelled() => {}
                }
            });
        })?;
    Ok(())
}

/// Follows the parent for ever.
async fn watch_parent(watched: &Watched) {
    loop {
        match follow_until_deaf(watched).await {
            Ok(()) => tracing::debug!("link events were lost; looking again"),
            Err(error) => {
                let parent = &watched.parent.name;
                tracing::warn!(%error, "the parent {parent} cannot be watched; trying again");
            }
        }
        sleep(PAUSE).await;
    }
}

/// Follows link events until the socket ends, or has lost some.
async fn follow_until_deaf(watched: &Watched) -> io::Result<()> {
    let parent = &watched.parent;
    let (connection, _handle, mut events) = new_multicast_connection(&[MulticastGroup::Link])?;
    // Aborted when it is dropped.
    let mut driver = JoinSet::new();
    driver.spawn(connection);
    // Much may have happened before the first event could be heard.
    look(watched)?;
    loop {
        let event = if parent.is_settling() {
            let Ok(event) = timeout(SETTLED, events.recv()).await else {
                parent.settle(&watched.endpoints);
                continue;
            };
            event
        } else {
            events.recv().await
        };
        let Ok((message, _)) = event else {
            return Ok(());
        };
        match message.payload {
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(link))
                if concerns(parent, &link) =>
            {
                parent.lost(&watched.endpoints);
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link))
                if concerns(parent, &link) =>
            {
                parent.changed(&link, &watched.endpoints);
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link))
                if parent.index().is_none() && name_of(&link) == Some(&parent.name) =>
            {
                look(watched)?;
            }
            _ => {}
        }
    }
}

/// Whether a message is about the parent as a link; a bridge tells of its ports in messages of its own.
fn concerns(parent: &Parent, link: &LinkMessage) -> bool {
    link.header.interface_family == AddressFamily::Unspec
        && Some(link.header.index) == parent.index()
}

/// Checks the present state of the parent, or whether there is one again.
fn look(watched: &Watched) -> io::Result<()> {
    let Watched {
        parent, endpoints, ..
    } = watched;
    let links = Netlink::open()?.links()?;
    if let Some(index) = parent.index() {
        match links.iter().find(|link| link.header.index == index) {
            Some(link) => {
                parent.changed(link, endpoints);
                return Ok(());
            }
            None => parent.lost(endpoints),
        }
    }
    match parent::fit(&links, &parent.name) {
        Ok(link) => {
            watched.raw_socket.move_to(link.header.index)?;
            parent.found(link);
        }
        Err(error) => tracing::debug!("{error}"),
    }
    Ok(())
}

/// Listens to the namespaces for ever.
async fn listen(watched: &Watched) {
    loop {
        if let Err(error) = listen_until_deaf(watched).await {
            tracing::warn!(%error, "the namespaces cannot be listened to; trying again");
        }
        sleep(PAUSE).await;
    }
}

async fn listen_until_deaf(watched: &Watched) -> io::Result<()> {
    let monitors = sys::drive(watched.monitors.descriptor()?, Interest::READABLE)?;
    loop {
        let mut ready = monitors.readable().await?;
        let notifications = watched.monitors.notifications()?;
        if notifications.is_empty() {
            ready.clear_ready();
        }
        for notification in notifications {
            handle(watched, notification);
        }
    }
}

/// Watches the names of the namespaces for ever, through the list of mounts, which is readable out of turn once it has
/// changed (`proc_pid_mountinfo(5)`). A watch on the folder, inotify(7), does not tell that a name is only unmounted.
async fn watch_names(watched: &Watched, mounts: OwnedFd) {
    let mounts = match sys::drive(mounts, Interest::PRIORITY) {
        Ok(mounts) => mounts,
        Err(error) => {
            tracing::warn!(%error, "a namespace that somebody removes will go unnoticed");
            return pending().await;
        }
    };
    while let Ok(mut ready) = mounts.ready(Interest::PRIORITY).await {
        ready.clear_ready();
        for endpoint in watched.endpoints.all() {
            if let Some(sockets) = endpoint.sockets() {
                examine_name(&watched.netns, &endpoint, &sockets);
            }
        }
        sleep(MOUNTS_PAUSE).await;
    }
}

/// Checks what a notification is about, and tells the clients concerned.
fn handle(watched: &Watched, notification: Notification) {
    let attached = |mac| {
        let endpoint = watched.endpoints.find(mac)?;
        let sockets = endpoint.sockets()?;
        (!endpoint.is_gone()).then_some((endpoint, sockets))
    };
    match notification {
        Notification::Namespace(mac) => {
            if let Some((endpoint, sockets)) = attached(mac) {
                sockets.monitor.clear();
                examine(watched, &endpoint, &sockets);
            }
        }
        // It is news to those alone who were told that a router does not.
        Notification::Neighbour(mac) => {
            if let Some((endpoint, sockets)) = attached(mac)
                && endpoint.misses_router()
            {
                examine(watched, &endpoint, &sockets);
            }
        }
        Notification::Anywhere => {
            for endpoint in watched.endpoints.all() {
                handle(watched, Notification::Namespace(endpoint.identity.mac));
            }
        }
        Notification::Socket(mac) => {
            if let Some((endpoint, sockets)) = attached(mac)
                && sockets.is_broken()
            {
                socket_lost(
                    &endpoint,
                    &sockets,
                    "the socket on port 68 was closed by somebody else",
                );
            }
        }
    }
}

/// Compares what stands in a namespace with what should, and says what somebody else took away.
///
/// Lanherd's own changes are made by whoever holds the netlink socket, and noted before it is let go: they never differ.
fn examine(watched: &Watched, endpoint: &Endpoint, sockets: &Sockets) {
    // Whoever removes a namespace may delete its link, too.
    if !examine_name(&watched.netns, endpoint, sockets) {
        return;
    }
    let examined = sockets.with_netlink(|netlink| {
        let lost = |why: &str| {
            endpoint.gone(
                Cause::LinkLost,
                format!("{LINK} was {why} by somebody else"),
            );
        };
        match netlink.link_by_index(LINK_INDEX)? {
            // It goes with its parent, and of that everybody is told.
            None if !has_parent(&watched.parent)? => {}
            None => lost("deleted"),
            Some(link) if !link.header.flags.contains(LinkFlags::Up) => lost("taken down"),
            Some(_) => {
                if let Some(standing) = endpoint.addressing() {
                    let (addresses, routes) =
                        (netlink.addresses(LINK_INDEX)?, netlink.routes(LINK_INDEX)?);
                    if let Some(loss) = standing.loss(&addresses, &routes) {
                        endpoint.set_addressing(loss.left);
                        let words = format!("{} was removed by somebody else", loss.words);
                        endpoint.tell(PortEvent::Unconfigured(words));
                    }
                }
                examine6(netlink, &watched.raw_socket, &watched.endpoints, endpoint)?;
            }
        }
        io::Result::Ok(())
    });
    match examined.and_then(|done| done) {
        Ok(()) => {}
        Err(error) if is_lost(&error) => {
            socket_lost(endpoint, sockets, &format!("the netlink socket: {error}"));
        }
        Err(error) => {
            let namespace = &endpoint.identity.namespace;
            tracing::warn!(%error, "what stands in namespace {namespace} cannot be read");
        }
    }
}

fn has_parent(parent: &Parent) -> io::Result<bool> {
    let Some(index) = parent.index() else {
        return Ok(false);
    };
    Ok(Netlink::open()?.link_by_index(index)?.is_some())
}
