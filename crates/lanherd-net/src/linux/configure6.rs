//! What a client's link has of IPv6: setting it, and learning what the kernel has made of it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::Ipv6Addr;
use std::os::unix::fs::MetadataExt;
use std::thread;
use std::time::{Duration, Instant};

use netlink_packet_route::neighbour::NeighbourState;

use super::addressing6::{Examined6, Standing6};
use super::carry_out::carry_out;
use super::endpoint::Endpoint;
use super::endpoint_table::EndpointTable;
use super::error::refused;
use super::losses::socket_lost;
use super::raw_socket::RawSocket;
use super::resolver::{NameServers, ResolverFile};
use super::resolver_writing::write_resolver;
use super::shared::Shared;
use super::sockets::Sockets;
use crate::config::{LINK_INDEX, LOOPBACK};
use crate::frame6;
use crate::lan::PortEvent;
use crate::lan::ipv6::{Addressing6, Configured6, DadOutcome, Reachability};
use crate::netlink::Netlink;
use lanherd_types::identity::{Identity, Mac};
use lanherd_types::phase::{Cause, Failure, Stage};

impl Shared {
    /// Puts a whole frame of a client's on the wire, past its own stack; does not block.
    pub(super) fn send_frame6(&self, identity: &Identity, frame: &[u8]) -> io::Result<()> {
        frame6::check_frame(identity.mac, frame)?;
        if self.parent.is_cut_off() {
            let words = format!("the parent {} has no carrier", self.parent.name);
            return Err(io::Error::new(io::ErrorKind::NetworkDown, words));
        }
        self.raw_socket.send_frame(frame)
    }

    /// Fails where the client's namespace has lost its name.
    pub(super) fn check_binding(
        &self,
        identity: &Identity,
        sockets: &Sockets,
    ) -> Result<(), Failure> {
        let entries = self.host_entries(identity);
        let binding = entries.binding();
        if fs::metadata(binding).is_ok_and(|bound| bound.ino() == sockets.namespace) {
            return Ok(());
        }
        let detail = format!("{} is gone: somebody else removed it", binding.display());
        Err(Failure::new(Stage::Configure, Cause::NamespaceGone, detail))
    }
}

/// Sets what `wanted` says in place of what stands; the client's own job. Gives the new addresses about which nobody is asked, too:
/// see [`not_received`].
pub(super) fn configure6(
    shared: &Shared,
    endpoint: &Endpoint,
    sockets: &Sockets,
    mut wanted: Addressing6,
) -> Result<(Configured6, Vec<Ipv6Addr>), Failure> {
    if !endpoint.speaks_ipv6() {
        let detail = format!(
            "client {} speaks IPv4 only, and is to be given IPv6",
            endpoint.identity.number
        );
        return Err(Failure::new(Stage::Configure, Cause::Kernel, detail));
    }
    shared.check_binding(&endpoint.identity, sockets)?;
    let mac = endpoint.identity.mac;
    let speakers = &shared.endpoints.speakers;
    let mut duplicates = Vec::new();
    wanted.addresses.retain(|wanted| {
        let holder = speakers.claim(wanted.address, mac);
        duplicates.extend(holder.map(|holder| (wanted.address, holder)));
        holder.is_none()
    });
    let standing = endpoint.standing6();
    let stands = |address| standing.addresses().any(|old| old == address);
    let unasked = wanted.addresses.iter();
    let unasked = unasked.filter(|new| !new.detects_duplicates && !stands(new.address));
    let unasked = unasked.map(|new| new.address).collect();
    let configured = sockets
        .with_netlink(|netlink| replace(netlink, endpoint, &wanted))
        .unwrap_or_else(|error| {
            Err(refused(
                Stage::Configure,
                "setting the IPv6 addresses",
                &error,
            ))
        })
        .inspect_err(|failure| {
            if failure.cause == Cause::SocketLost {
                socket_lost(endpoint, sockets, &failure.detail);
            }
        });
    keep_claims(&shared.endpoints, endpoint);
    let resolver = ResolverFile {
        // Of what is taken back nothing is left.
        ipv6: match &configured {
            Ok(_) => NameServers::from(&wanted),
            Err(_) => NameServers::default(),
        },
        ..endpoint.resolver()
    };
    // An advertisement that says the same again is no reason to write it once more.
    let written = if resolver == endpoint.resolver() {
        Ok(())
    } else {
        write_resolver(shared, endpoint, resolver)
    };
    for (address, holder) in duplicates {
        let holder = Some(holder);
        endpoint.tell(PortEvent::Address6(
            address,
            DadOutcome::Duplicate { holder },
        ));
    }
    configured.and_then(|configured| written.map(|()| (configured, unasked)))
}

/// Which of these addresses the kernel does not receive for yet: it gets to that by a queue of its own, behind whatever is being
/// changed of other namespaces, and drops what comes for them until then.
pub(super) fn not_received(
    endpoint: &Endpoint,
    sockets: &Sockets,
    mut addresses: Vec<Ipv6Addr>,
) -> Result<Vec<Ipv6Addr>, Failure> {
    let what = "asking whether the kernel receives for an IPv6 address";
    let missing = sockets.with_netlink(|netlink| {
        let mut missing = Vec::new();
        for address in addresses.drain(..) {
            if !netlink.receives6(address)? {
                missing.push(address);
            }
        }
        Ok::<_, io::Error>(missing)
    });
    // Whoever has taken an address away again tells by it, and it is waited for no more.
    let standing = endpoint.standing6();
    let mut missing = missing
        .and_then(|missing| missing)
        .map_err(|error| refused(Stage::Configure, what, &error))?;
    missing.retain(|address| standing.addresses().any(|kept| kept == *address));
    Ok(missing)
}

fn replace(
    netlink: &mut Netlink,
    endpoint: &Endpoint,
    wanted: &Addressing6,
) -> Result<Configured6, Failure> {
    let old = endpoint.standing6();
    let plan = old.plan(wanted, Instant::now());
    if let Err(failure) = carry_out(netlink, plan.steps) {
        // A half of it is none: what was set is taken back, as far as it goes, and the next begins afresh.
        for standing in [&old, &plan.standing] {
            let back = standing.plan(&Addressing6::default(), Instant::now());
            let _ = carry_out(netlink, back.steps);
        }
        endpoint.set_standing6(Standing6::default());
        return Err(failure);
    }
    endpoint.set_standing6(plan.standing);
    for address in plan.unique {
        endpoint.tell(PortEvent::Address6(address, DadOutcome::Unique));
    }
    Ok(Configured6 {
        again_by: plan.again_by,
        keeps_found: plan.keeps_found,
    })
}

/// Lets others have the addresses that the client has no more.
fn keep_claims(endpoints: &EndpointTable, endpoint: &Endpoint) {
    let standing = endpoint.standing6();
    endpoints.speakers.keep(endpoint.identity.mac, |address| {
        standing.addresses().any(|kept| kept == address)
    });
}

/// Compares what of IPv6 stands in a namespace with what should, and says what has become of it. Whoever calls it holds the client's
/// netlink socket.
pub(super) fn examine6(
    netlink: &mut Netlink,
    raw_socket: &RawSocket,
    endpoints: &EndpointTable,
    endpoint: &Endpoint,
) -> io::Result<()> {
    let standing = endpoint.standing6();
    if standing.is_empty() {
        return Ok(());
    }
    let (addresses, routes) = (
        netlink.addresses6(LINK_INDEX)?,
        netlink.routes6(LINK_INDEX)?,
    );
    let now = Instant::now();
    let mut examined = standing.examine(&addresses, &routes, now);
    if standing.has_delegated() {
        let (addresses, unreachable) = (netlink.addresses6(LOOPBACK)?, netlink.unreachable6()?);
        examined.compare_delegated(&addresses, &unreachable, now);
    }
    let Examined6 {
        standing,
        unique,
        duplicate,
        lost,
        steps,
    } = examined;
    let duplicate: Vec<_> = duplicate
        .into_iter()
        .map(|address| (address, holder(raw_socket, endpoints, endpoint, address)))
        .collect();
    endpoint.set_standing6(standing);
    if let Err(failure) = carry_out(netlink, steps) {
        tracing::debug!(%failure, "an address that somebody else has was not removed");
    }
    keep_claims(endpoints, endpoint);
    for (router, reachability) in routers(netlink, endpoint)? {
        if endpoint.note_router(router, reachability) {
            endpoint.tell(PortEvent::Router6(router, reachability));
        }
    }
    for address in unique {
        endpoint.tell(PortEvent::Address6(address, DadOutcome::Unique));
    }
    for (address, holder) in duplicate {
        endpoint.tell(PortEvent::Address6(
            address,
            DadOutcome::Duplicate { holder },
        ));
    }
    if !lost.is_empty() {
        let words = format!("{} was removed by somebody else", lost.join(" and "));
        endpoint.tell(PortEvent::Unconfigured6(words));
    }
    Ok(())
}

/// What the kernel knows of the routers of the client's routes; it knows nothing while it is asking.
fn routers(
    netlink: &mut Netlink,
    endpoint: &Endpoint,
) -> io::Result<BTreeMap<Ipv6Addr, Reachability>> {
    let standing = endpoint.standing6();
    let mut known = BTreeMap::new();
    if standing.routers().next().is_none() {
        return Ok(known);
    }
    for (address, state) in netlink.neighbours6(LINK_INDEX)? {
        if standing.leads_through(address) {
            let reachability = match state {
                NeighbourState::Reachable => Some(Reachability::Reachable),
                NeighbourState::Failed => Some(Reachability::Unreachable),
                _ => None,
            };
            known.extend(reachability.map(|reachability| (address, reachability)));
        }
    }
    Ok(known)
}

/// How often, and how long apart, it is looked who has an address, where the kernel knows already that somebody does.
const LOOKS: u32 = 10;
const LOOK_PAUSE: Duration = Duration::from_millis(2);

/// Who says that it has an address of the client's. The raw socket had that message before the kernel took notice of it, but it may
/// be that nobody has read it yet, or that whoever has is about to hand it on.
fn holder(
    raw_socket: &RawSocket,
    endpoints: &EndpointTable,
    endpoint: &Endpoint,
    address: Ipv6Addr,
) -> Option<Mac> {
    for look in 0..LOOKS {
        if let Some(holder) = endpoint.claimed_by(address) {
            return Some(holder);
        }
        if look > 0 {
            thread::sleep(LOOK_PAUSE);
        }
        raw_socket.catch_up(endpoints);
    }
    None
}
