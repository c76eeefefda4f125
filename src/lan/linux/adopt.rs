//! Taking a client's namespace over from a process that was killed: it lives on, with what runs in it, and only gets new
//! sockets.

use std::io;

use netlink_packet_route::link::{
    InfoData, InfoMacVlan, LinkAttribute, LinkFlags, LinkInfo, LinkMessage,
};

use super::addressing::Addressing;
use super::attach::{Link, Room};
use super::seats::Seat;
use super::worker::Bench;
use super::{LINK, LINK_INDEX, Shared};
use crate::identity::Mac;
use crate::lan::held::Clock;
use crate::lan::netlink::{Netlink, request};
use crate::lan::netns::NetNs;

/// The client's namespace, if a killed run left one that is as this run would have made it; the client's own job.
///
/// Its lease's address stays set. Where it does not fit, what there is of it is left to be removed as any other leftover;
/// its lease is remembered all the same.
pub(super) fn take_over(bench: &Bench, shared: &Shared, seat: &Seat) -> Option<Room> {
    let namespace = &seat.identity.namespace;
    // Once: a later life of the client is as any other.
    if !shared.adopted().namespaces.remove(namespace) {
        return None;
    }
    match enter(bench, shared, seat) {
        Ok(room) => Some(room),
        Err(why) => {
            tracing::warn!(client = %namespace, %why, "not taken over, but made anew");
            None
        }
    }
}

fn enter(bench: &Bench, shared: &Shared, seat: &Seat) -> io::Result<Room> {
    let names = shared.names(&seat.identity);
    let mac = seat.identity.mac;
    let record = names
        .living()?
        .ok_or_else(|| misfit("its namespace is gone"))?;
    // From here on whoever lives in it is known if it is to be removed.
    shared
        .made()
        .insert(record.inode, (seat.identity.namespace.clone(), record));
    let namespace = NetNs::open(names.binding())?;
    if !record.is_of(&namespace) {
        return Err(misfit("its namespace is gone"));
    }
    let mut netlink = bench.home.visit(&namespace, Netlink::open)??;
    let link = netlink
        .link(LINK)?
        .ok_or_else(|| misfit("it has no link"))?;
    let mtu = check_link(&link, mac, shared)?;
    let standing = settle(&mut netlink, mtu, shared, seat)?;
    if standing.is_none() {
        names.write_resolver("no lease", "")?;
    }
    seat.set_addressing(standing);
    Ok(Room {
        namespace,
        netlink,
        mac,
        link: Link::Up,
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
            LinkAttribute::Link(parent) => on_parent = *parent == shared.parent.index,
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
    mtu: u32,
    shared: &Shared,
    seat: &Seat,
) -> io::Result<Option<Addressing>> {
    let clock = Clock::now();
    let file = shared.lease_file(&seat.identity);
    let held = file.read(clock)?.filter(|held| !held.is_expired(clock));
    let addresses = netlink.addresses(LINK_INDEX)?;
    let routes = netlink.dhcp_routes(LINK_INDEX)?;
    let leased = held.map(|held| (held.lease.address, held.lease.prefix_len));
    if let Some(address) = leased.filter(|leased| addresses.contains(leased)) {
        return Ok(Some(Addressing::found(address, routes, mtu)));
    }
    // Routes go with their address.
    let mut requests: Vec<_> = addresses
        .into_iter()
        .map(|(address, prefix_len)| request::delete_address(LINK_INDEX, address, prefix_len))
        .collect();
    requests.push(request::set_mtu(LINK_INDEX, shared.parent.mtu()));
    for answer in netlink.send(requests)? {
        answer.map_err(|error| misfit(&format!("what stands in it cannot be removed: {error}")))?;
    }
    Ok(None)
}

fn misfit(why: &str) -> io::Error {
    io::Error::other(why.to_owned())
}
