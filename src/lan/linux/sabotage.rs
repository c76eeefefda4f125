//! Faults made on purpose, in the way somebody else would make them: through the names on the host and netlink sockets
//! of their own, so that a client has to find out for itself.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use netlink_packet_route::link::LinkFlags;
use nix::mount::{MntFlags, umount2};
use tokio::time::sleep;

use super::worker::{Bench, WorkerGone};
use super::{LINK, LINK_INDEX, NOBODY, Shared};
use crate::fault::Fault;
use crate::identity::Identity;
use crate::lan::SabotageError;
use crate::lan::netlink::{Netlink, NetlinkError, request};
use crate::lan::netns::NetNs;

pub(super) async fn sabotage(
    shared: &Arc<Shared>,
    identity: &Identity,
    fault: Fault,
) -> Result<(), SabotageError> {
    let refused =
        |why: &dyn std::fmt::Display| SabotageError(format!("client {}: {why}", identity.number));
    let sockets = shared
        .seats
        .find(identity.mac)
        .and_then(|seat| seat.sockets())
        .ok_or_else(|| refused(&"it is not plugged in"))?;
    let break_it: fn(&mut Bench, &Place) -> io::Result<()> = match fault {
        Fault::KillSockets => return sockets.kill().map_err(|error| refused(&error)),
        Fault::RemoveAddress => |bench, place| place.visit(bench, remove_addresses),
        Fault::DeleteLink => |bench, place| place.visit(bench, delete_link),
        Fault::DeleteNamespace => delete_namespace,
        Fault::Crash
        | Fault::Vanish
        | Fault::FlapParent
        | Fault::RouterReboot
        | Fault::RouterReset
        | Fault::DhcpMute
        | Fault::DhcpSlow
        | Fault::DhcpNak
        | Fault::DhcpExhausted
        | Fault::DhcpDuplicates
        | Fault::DhcpExpireEarly
        | Fault::DhcpGarbage
        | Fault::DhcpShortPool
        | Fault::DhcpLostAcks
        | Fault::DhcpWrongRouter
        | Fault::DhcpWrongDns
        | Fault::DhcpNakKnown
        | Fault::DnsMute
        | Fault::DnsServfail
        | Fault::DnsLimit
        | Fault::PingLoss
        | Fault::PingDuplicates
        | Fault::RouterLeak
        | Fault::HttpUnavailable => {
            let why = format!("{fault} is not done to sockets, address, link or namespace");
            return Err(refused(&why));
        }
    };
    let name = shared.names(identity).binding().to_owned();
    let inode = sockets.namespace;
    // Nothing of the client is held on to while its namespace may go.
    drop(sockets);
    let done = shared
        .workers
        .run(identity.number, move |bench| {
            let namespace = NetNs::open(&name)?;
            if namespace.inode() != inode {
                return Err(io::Error::other("its namespace has another name, or none"));
            }
            break_it(bench, &Place { name, namespace })
        })
        .await;
    match done {
        Ok(done) => done.map_err(|error| refused(&error)),
        Err(gone) => Err(refused(&gone)),
    }
}

/// A client's namespace and its name, as anybody sees them.
struct Place {
    name: PathBuf,
    namespace: NetNs,
}

impl Place {
    /// Does something inside with a netlink socket opened there.
    fn visit(
        &self,
        bench: &Bench,
        work: impl FnOnce(&mut Netlink) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut netlink = bench.home.visit(&self.namespace, Netlink::open)??;
        work(&mut netlink)
    }
}

fn remove_addresses(netlink: &mut Netlink) -> io::Result<()> {
    let addresses = netlink.addresses(LINK_INDEX)?;
    if addresses.is_empty() {
        return Err(io::Error::other("it has no address"));
    }
    let removals = addresses
        .into_iter()
        .map(|(address, prefix_len)| request::delete_address(LINK_INDEX, address, prefix_len));
    netlink
        .send(removals)?
        .into_iter()
        .collect::<Result<(), _>>()
        .map_err(|error| in_words("removing its address", &error))
}

fn delete_link(netlink: &mut Netlink) -> io::Result<()> {
    netlink
        .send_one(request::delete_link(LINK_INDEX))
        .map_err(|error| in_words(&format!("deleting {LINK}"), &error))
}

/// The name first, as `ip netns del` takes it: the link alone would be another fault.
fn delete_namespace(bench: &mut Bench, place: &Place) -> io::Result<()> {
    umount2(&place.name, MntFlags::MNT_DETACH)?;
    fs::remove_file(&place.name)?;
    place.visit(bench, delete_link)
}

fn in_words(doing: &str, error: &NetlinkError) -> io::Error {
    io::Error::other(format!("{doing}: {error}"))
}

/// Takes the parent down, and up again after `pause`, or sooner where the LAN is closed meanwhile.
///
/// It goes on by itself when nobody waits for it any more; only a process that is killed leaves the parent down.
/// Whatever routes the host itself has through the parent go with it.
pub(super) async fn flap(shared: &Arc<Shared>, pause: Duration) -> Result<(), SabotageError> {
    let shared = Arc::clone(shared);
    let flapping = tokio::spawn(async move {
        // One at a time: two would bring the parent up too early for one of them.
        let _turn = shared.flapping.lock().await;
        let mut closing = shared.closing.subscribe();
        if *closing.borrow() {
            return Err("the LAN is being closed".to_owned());
        }
        let name = shared.parent.name.clone();
        let index = shared
            .parent
            .index()
            .ok_or_else(|| format!("there is no parent {name} at present"))?;
        let down = shared
            .workers
            .run(NOBODY, move |_| TakenDown::take(index))
            .await
            .map_err(|gone| gone.to_string())?
            .map_err(|error| format!("taking {name} down: {error}"))?;
        tokio::select! {
            () = sleep(pause) => {}
            _ = closing.wait_for(|closing| *closing) => {}
        }
        let up = shared.workers.run(NOBODY, move |_| down.end()).await;
        match up {
            // It was brought up where the job was dropped.
            Err(WorkerGone) | Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(format!("bringing {name} up: {error}")),
        }
    });
    match flapping.await {
        Ok(done) => done.map_err(SabotageError),
        Err(error) => Err(SabotageError(error.to_string())),
    }
}

/// An interface that stays down until this is dropped.
struct TakenDown {
    netlink: Netlink,
    index: u32,
    is_down: bool,
}

impl TakenDown {
    /// Takes the interface with this number down, in the calling thread's namespace.
    fn take(index: u32) -> io::Result<Self> {
        let mut netlink = Netlink::open()?;
        let link = netlink.link_by_index(index)?;
        if !link.is_some_and(|link| link.header.flags.contains(LinkFlags::Up)) {
            return Err(io::Error::other("it is down, or gone, already"));
        }
        let mut down = Self {
            netlink,
            index,
            is_down: true,
        };
        match down.netlink.send_one(request::down(index)) {
            Ok(()) => Ok(down),
            Err(error) => Err(io::Error::other(error.to_string())),
        }
    }

    fn end(mut self) -> io::Result<()> {
        self.up()
    }

    fn up(&mut self) -> io::Result<()> {
        self.is_down = false;
        self.netlink
            .send_one(request::up(self.index))
            .map_err(|error| io::Error::other(error.to_string()))
    }
}

impl Drop for TakenDown {
    fn drop(&mut self) {
        if self.is_down
            && let Err(error) = self.up()
        {
            tracing::error!(%error, "the parent was taken down and cannot be brought up again");
        }
    }
}
