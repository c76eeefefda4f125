//! Injects faults into a client's namespace in the way somebody else would cause them: through the names on the host and
//! netlink sockets of their own, so that the client has to find out for itself.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use nix::mount::{MntFlags, umount2};

use super::shared::Shared;
use super::worker::WorkerContext;
use crate::config::{LINK, LINK_INDEX};
use crate::lan::InjectError;
use crate::netlink::{Netlink, NetlinkError, request};
use crate::netns::NetNs;
use lanherd_types::fault::Fault;
use lanherd_types::identity::Identity;

#[allow(
    clippy::too_many_lines,
    reason = "each fault is named, so that of a new one it has to be said what is done"
)]
pub(super) async fn inject_fault(
    shared: &Arc<Shared>,
    identity: &Identity,
    fault: Fault,
) -> Result<(), InjectError> {
    let refused =
        |why: &dyn std::fmt::Display| InjectError(format!("client {}: {why}", identity.number));
    let sockets = shared
        .endpoints
        .find(identity.mac)
        .and_then(|endpoint| endpoint.sockets())
        .ok_or_else(|| refused(&"it is not plugged in"))?;
    let break_it: fn(&mut WorkerContext, &NamedNamespace) -> io::Result<()> = match fault {
        Fault::KillSockets => return sockets.kill().map_err(|error| refused(&error)),
        Fault::RemoveAddress => |context, target| target.visit(context, remove_addresses),
        Fault::DeleteLink => |context, target| target.visit(context, delete_link),
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
        | Fault::DhcpMalformedOption
        | Fault::DhcpOwnAddress
        | Fault::DnsMute
        | Fault::DnsServfail
        | Fault::DnsLimit
        | Fault::PingLoss
        | Fault::PingDuplicates
        | Fault::RouterLeak
        | Fault::HttpUnavailable
        | Fault::SlowLink
        | Fault::RaMute
        | Fault::RaSlow
        | Fault::RaSilent
        | Fault::RaFlood
        | Fault::RaZeroLifetime
        | Fault::RaFlap
        | Fault::RaWrongRouter
        | Fault::RaRogue
        | Fault::RaStalePrefix
        | Fault::RaForgetsPrefix
        | Fault::RaRenumber
        | Fault::RaNoAutonomous
        | Fault::RaNoDns
        | Fault::RaWrongDns
        | Fault::RaShortDns
        | Fault::RaLongLifetimes
        | Fault::RaGarbage
        | Fault::RaWrongPrefix
        | Fault::RaNoOnLink
        | Fault::RaNoRoute
        | Fault::RaNewUla
        | Fault::RaDefaultWithoutWan
        | Fault::NdMute
        | Fault::NdAnswersAll
        | Fault::DadSquatter
        | Fault::MldSnooping
        | Fault::Dhcp6Mute
        | Fault::Dhcp6Slow
        | Fault::Dhcp6Exhausted
        | Fault::Dhcp6NoBinding
        | Fault::Dhcp6NotOnLink
        | Fault::Dhcp6Duplicates
        | Fault::Dhcp6LostReplies
        | Fault::Dhcp6Garbage
        | Fault::Dhcp6KeepsStale
        | Fault::Dhcp6Forgets
        | Fault::Dhcp6NoPrefix
        | Fault::Dhcp6NoRoute
        | Fault::DnsNoAaaa
        | Fault::V6Blackhole
        | Fault::Pref64Dead => {
            let why = format!("{fault} is not done to sockets, address, link or namespace");
            return Err(refused(&why));
        }
    };
    let name = shared.host_entries(identity).binding().to_owned();
    let inode = sockets.namespace;
    // Nothing of the client is held on to while its namespace may go.
    drop(sockets);
    let done = shared
        .workers
        .run(identity.number, move |context| {
            let namespace = NetNs::open(&name)?;
            if namespace.inode() != inode {
                return Err(io::Error::other("its namespace has another name, or none"));
            }
            break_it(context, &NamedNamespace { name, namespace })
        })
        .await;
    match done {
        Ok(done) => done.map_err(|error| refused(&error)),
        Err(gone) => Err(refused(&gone)),
    }
}

/// A client's namespace and its name, as anybody on the host sees them.
struct NamedNamespace {
    name: PathBuf,
    namespace: NetNs,
}

impl NamedNamespace {
    /// Runs `work` in the namespace with a netlink socket opened there.
    fn visit(
        &self,
        context: &WorkerContext,
        work: impl FnOnce(&mut Netlink) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut netlink = context.home.visit(&self.namespace, Netlink::open)??;
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
fn delete_namespace(context: &mut WorkerContext, target: &NamedNamespace) -> io::Result<()> {
    umount2(&target.name, MntFlags::MNT_DETACH)?;
    fs::remove_file(&target.name)?;
    target.visit(context, delete_link)
}

fn in_words(doing: &str, error: &NetlinkError) -> io::Error {
    io::Error::other(format!("{doing}: {error}"))
}
