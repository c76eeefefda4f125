//! Taking a client's namespace over from a process that was killed: it lives on, with what runs in it, and only gets new
//! sockets.

use std::io;
use std::time::Instant;

use netlink_packet_route::link::{
    InfoData, InfoMacVlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};

use super::addressing::Addressing;
use super::addressing6::Standing6;
use super::carry_out::carry_out;
use super::endpoint::Endpoint;
use super::netlink_monitor::NetlinkMonitor;
use super::pending_attach::{Link, PendingAttach, number};
use super::shared::Shared;
use super::worker::WorkerContext;
use crate::config::{LINK, LINK_INDEX, LOOPBACK, LanConfig};
use crate::lan::ipv6::Addressing6;
use crate::netlink::{Netlink, request};
use crate::netns::NetNs;
use crate::rundir::lease_record::Clock;
use crate::rundir::leftovers::{self, Cleared};
use crate::rundir::pool_dir::PoolDir;
use crate::rundir::pool_manifest::PoolManifest;
use lanherd_types::identity::{ClientNumber, Mac};

/// Clears away what an earlier run of the pool left, except what is to be taken over.
pub(super) fn clear(config: &LanConfig, folder: &PoolDir) -> io::Result<Cleared> {
    let Some(most) = config.adopt else {
        return leftovers::clear(folder, |_| false);
    };
    let misfit = match folder.manifest()? {
        Some(manifest) => manifest.misfit(&PoolManifest::of(config)),
        None if folder.clients()?.is_empty() => None,
        None => Some("it did not write down where it stood".to_owned()),
    };
    let cleared = leftovers::clear(folder, |namespace| {
        let number = config.pool.number_of(namespace);
        misfit.is_none() && number.is_some_and(|ClientNumber(number)| number <= most)
    })?;
    Ok(Cleared { misfit, ..cleared })
}

/// The client's namespace, if a killed run left one that is as this run would have made it; the client's own job.
///
/// Its lease's address stays set. Where it does not fit, what there is of it is left to be removed as any other leftover;
/// its lease is remembered all the same.
pub(super) fn take_over(
    context: &mut WorkerContext,
    shared: &Shared,
    endpoint: &Endpoint,
) -> Option<PendingAttach> {
    let namespace = &endpoint.identity.namespace;
    // Once: a later life of the client is as any other.
    if !shared.adopted.lock().namespaces.remove(namespace) {
        return None;
    }
    match enter(context, shared, endpoint) {
        Ok(pending) => Some(pending),
        Err(why) => {
            tracing::warn!(client = %namespace, %why, "not taken over, but made anew");
            None
        }
    }
}

fn enter(
    context: &mut WorkerContext,
    shared: &Shared,
    endpoint: &Endpoint,
) -> io::Result<PendingAttach> {
    let entries = shared.host_entries(&endpoint.identity);
    let mac = endpoint.identity.mac;
    let record = entries
        .bound_record()?
        .ok_or_else(|| misfit("its namespace is gone"))?;
    let namespace = NetNs::open(entries.binding())?;
    if !record.is_of(&namespace)? {
        return Err(misfit("its namespace is gone"));
    }
    let number = number(context, &namespace);
    // From here on whatever keeps it is known if it is to be removed.
    shared
        .namespaces
        .add(&endpoint.identity.namespace, record, number);
    shared.ledger.add(&endpoint.identity.namespace, record);
    // Subscribed before the namespace is read, so that no later removal goes unnoticed.
    let subscribed = shared.monitors.subscribe(number, mac);
    let WorkerContext { home, sysctls, .. } = context;
    let (monitor, mut netlink) = home.visit(&namespace, || {
        // It may have been made for other families, or by an earlier version.
        sysctls.limit_link(LINK, endpoint.families())?;
        io::Result::Ok((
            subscribed.map_or_else(NetlinkMonitor::open, Ok)?,
            Netlink::open()?,
        ))
    })??;
    let link = netlink
        .link(LINK)?
        .ok_or_else(|| misfit("it has no link"))?;
    endpoint.set_mtu(check_link(&link, mac, shared)?);
    let standing = settle(&mut netlink, shared, endpoint)?;
    if standing.is_none() {
        entries.write_resolver("no lease", "")?;
    }
    endpoint.set_addressing(standing);
    let now = Instant::now();
    let (behind, unreachable) = (netlink.addresses6(LOOPBACK)?, netlink.unreachable6()?);
    let behind = Standing6::default().with_delegated_found(&behind, &unreachable, now);
    if endpoint.speaks_ipv6() {
        let (addresses, routes) = (
            netlink.addresses6(LINK_INDEX)?,
            netlink.routes6(LINK_INDEX)?,
        );
        let standing6 = behind.with_found(&addresses, &routes, now);
        for address in standing6.addresses() {
            shared.endpoints.speakers.claim(address, mac);
        }
        endpoint.set_standing6(standing6);
    } else if behind.has_delegated() {
        // What was on the link went with IPv6 there.
        let steps = behind.plan(&Addressing6::default(), now).steps;
        carry_out(&mut netlink, steps).map_err(|failure| misfit(&failure.detail))?;
    }
    // The parent's may have fallen meanwhile.
    endpoint.limit_mtu(shared.parent.mtu());
    Ok(PendingAttach {
        namespace,
        netlink,
        number,
        mac,
        link: Link::Up,
        monitor: Some(monitor),
    })
}

/// Checks that the link is the one that would be made, and returns its MTU in bytes.
fn check_link(link: &LinkMessage, mac: Mac, shared: &Shared) -> io::Result<u32> {
    let mode = InfoMacVlan::Mode(shared.config.mode.into());
    let mut mtu = None;
    let (mut has_mac, mut on_parent, mut in_mode) = (false, false, false);
    for attribute in &link.attributes {
        match attribute {
            LinkAttribute::Address(address) => has_mac = *address == mac.octets(),
            LinkAttribute::Link(parent) => on_parent = Some(*parent) == shared.parent.index(),
            LinkAttribute::Mtu(found) => mtu = Some(*found),
            LinkAttribute::LinkInfo(infos) => {
                in_mode = infos.iter().any(|info| match info {
                    LinkInfo::Data(InfoData::MacVlan(data)) => data.contains(&mode),
                    _ => false,
                });
            }
            _ => {}
        }
    }
    if link.header.index != LINK_INDEX || !link.header.flags.contains(LinkFlags::Up) {
        Err(misfit("its link is down"))
    } else if !has_mac {
        Err(misfit("its link has another MAC"))
    } else if !on_parent || !in_mode {
        Err(misfit("its link is another one"))
    } else {
        mtu.ok_or_else(|| misfit("its link has no MTU"))
    }
}

/// Looks what stands in the namespace, and removes it unless it is what the client's lease says. A kill may have come
/// between the lease's being written down and its being set, and a lease may have expired since.
fn settle(
    netlink: &mut Netlink,
    shared: &Shared,
    endpoint: &Endpoint,
) -> io::Result<Option<Addressing>> {
    let clock = Clock::now();
    let file = shared.lease_file(&endpoint.identity);
    let held = file
        .read(clock)?
        .filter(|held| !held.is_requested && !held.is_expired(clock));
    let addresses = netlink.addresses(LINK_INDEX)?;
    let routes = netlink.routes(LINK_INDEX)?;
    let leased = held.map(|held| (held.lease.address, held.lease.prefix_len));
    if let Some(address) = leased.filter(|leased| addresses.contains(leased)) {
        return Ok(Some(Addressing::found(address, &routes, endpoint.mtu())));
    }
    // Routes go with their address.
    let mut requests: Vec<_> = addresses
        .into_iter()
        .map(|(address, prefix_len)| request::delete_address(LINK_INDEX, address, prefix_len))
        .collect();
    let mtu = shared.parent.mtu();
    requests.push(request::set_mtu(LINK_INDEX, mtu));
    for answer in netlink.send(requests)? {
        answer.map_err(|error| misfit(&format!("what stands in it cannot be removed: {error}")))?;
    }
    endpoint.set_mtu(mtu);
    Ok(None)
}

fn misfit(why: &str) -> io::Error {
    io::Error::other(why.to_owned())
}
