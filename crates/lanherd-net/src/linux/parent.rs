//! The parent interface: whether it can carry a herd, and what becomes of it.

use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use netlink_packet_route::link::{
    InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
};
use parking_lot::Mutex;

use super::capabilities::missing_capabilities;
use super::endpoint::Endpoint;
use super::endpoint_table::EndpointTable;
use super::parent_error::{LONGEST_NAME, ParentError};
use super::parent_trial;
use crate::config::MacvlanMode;
use crate::lan::PortEvent;
use crate::netlink::{Netlink, name_of};
use lanherd_types::phase::Cause;

/// The MTU of an Ethernet that does not say, in bytes (RFC 894).
const USUAL_MTU: u32 = 1500;

/// How often, and how long apart, an interface that has a carrier is asked whether it sends: the kernel takes up to a
/// second to notice.
const READY_TRIES: u32 = 300;
const READY_PAUSE: Duration = Duration::from_millis(5);

/// The interface on which the herd's macvlans stand.
///
/// It is known by its number, so that it may be renamed; only once it is gone is it looked for by the name that it was
/// given at first.
#[derive(Debug)]
pub(super) struct Parent {
    pub name: String,
    state: Mutex<ParentState>,
}

/// The state of the parent. Clients are told of a change while this is locked, so that what they are told last is the
/// present state.
#[derive(Debug)]
struct ParentState {
    /// Its number; none while there is no parent.
    index: Option<u32>,
    /// Its MTU as last heard of, in bytes.
    mtu: u32,
    carrier: Carrier,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carrier {
    There,
    /// The carrier is there, but frames that are sent may still be dropped.
    Settling,
    Absent,
}

impl Carrier {
    /// The carrier as `link` tells it, given its state before: an interface that sends is believed until its carrier is gone.
    fn after(self, link: &LinkMessage) -> Self {
        let flags = link.header.flags;
        if !flags.contains(LinkFlags::Up | LinkFlags::LowerUp) {
            Self::Absent
        } else if flags.contains(LinkFlags::Running) || self == Self::There {
            Self::There
        } else {
            Self::Settling
        }
    }
}

impl Parent {
    /// Looks the interface up, checks it, and waits for an instant where it has a carrier but does not send yet: the
    /// kernel notices a carrier in the background, and silently drops what is sent before.
    pub fn check(netlink: &mut Netlink, name: &str) -> io::Result<Result<Self, ParentError>> {
        // The kernel cannot be asked for a link whose name is too long.
        let tries = if name.len() > LONGEST_NAME {
            0
        } else {
            READY_TRIES
        };
        for _ in 0..tries {
            let running = netlink.link(name)?.is_none_or(|link| {
                let flags = link.header.flags;
                flags.contains(LinkFlags::Running) || !flags.contains(LinkFlags::LowerUp)
            });
            if running {
                break;
            }
            thread::sleep(READY_PAUSE);
        }
        Self::check_now(netlink, name)
    }

    fn check_now(netlink: &mut Netlink, name: &str) -> io::Result<Result<Self, ParentError>> {
        let links = netlink.links()?;
        let link = match fit(&links, name) {
            Ok(link) => link,
            Err(error) => return Ok(Err(error)),
        };
        let name = name.to_owned();
        let flags = link.header.flags;
        Ok(if !flags.contains(LinkFlags::Up) {
            Err(ParentError::Down { name })
        } else if !flags.contains(LinkFlags::LowerUp) {
            Err(ParentError::NoCarrier { name })
        } else {
            let state = ParentState {
                index: Some(link.header.index),
                mtu: mtu_of(link).unwrap_or(USUAL_MTU),
                carrier: Carrier::There,
            };
            Ok(Self {
                name,
                state: Mutex::new(state),
            })
        })
    }

    /// Whether the kernel makes a macvlan on it.
    pub fn try_macvlan(
        &self,
        netlink: &mut Netlink,
        mode: MacvlanMode,
    ) -> io::Result<Result<(), ParentError>> {
        // Should it have gone just now, its loss is told like that of any parent.
        let Some(index) = self.index() else {
            return Ok(Ok(()));
        };
        parent_trial::try_macvlan(netlink, (&self.name, index), mode)
    }

    /// Its number; none while there is no parent.
    pub fn index(&self) -> Option<u32> {
        self.state.lock().index
    }

    /// Its MTU as last heard of, in bytes.
    pub fn mtu(&self) -> u32 {
        self.state.lock().mtu
    }

    /// Whether the parent has a carrier but may not send yet.
    pub fn is_settling(&self) -> bool {
        self.state.lock().carrier == Carrier::Settling
    }

    /// Whether the parent had no carrier when the kernel last told: what is sent then is dropped without an error.
    pub fn is_cut_off(&self) -> bool {
        self.state.lock().carrier == Carrier::Absent
    }

    /// Tells a client that is being plugged in whether there is a carrier.
    pub fn greet(&self, endpoint: &Endpoint) {
        let state = self.state.lock();
        endpoint.carrier(state.carrier == Carrier::There);
    }

    /// Notes the state of the parent that a link message tells, and tells the clients what has changed.
    pub fn changed(&self, link: &LinkMessage, endpoints: &EndpointTable) {
        let mut state = self.state.lock();
        let carrier = state.carrier.after(link);
        self.set_carrier(&mut state, carrier, endpoints);
        let Some(mtu) = mtu_of(link).filter(|mtu| *mtu != state.mtu) else {
            return;
        };
        state.mtu = mtu;
        for endpoint in endpoints.all() {
            endpoint.limit_mtu(mtu);
            endpoint.tell(PortEvent::MtuChanged);
        }
    }

    /// Takes a carrier for good that has been there for long enough, whatever the interface says.
    pub fn settle(&self, endpoints: &EndpointTable) {
        self.set_carrier(&mut self.state.lock(), Carrier::There, endpoints);
    }

    fn set_carrier(&self, state: &mut ParentState, carrier: Carrier, endpoints: &EndpointTable) {
        if std::mem::replace(&mut state.carrier, carrier) == carrier {
            return;
        }
        match carrier {
            Carrier::There => tracing::info!("the parent {} has its carrier back", self.name),
            Carrier::Settling => return,
            Carrier::Absent => tracing::warn!("the parent {} has no carrier", self.name),
        }
        for endpoint in endpoints.all() {
            endpoint.carrier(carrier == Carrier::There);
        }
    }

    /// Notes that the parent was deleted, or moved to another namespace.
    pub fn lost(&self, endpoints: &EndpointTable) {
        let mut state = self.state.lock();
        state.index = None;
        tracing::warn!("the parent {} was deleted; it is waited for", self.name);
        for endpoint in endpoints.all() {
            let why = format!("the parent {} was deleted", self.name);
            endpoint.gone(Cause::ParentGone, why);
        }
    }

    /// Notes that there is a parent again.
    pub fn found(&self, link: &LinkMessage) {
        let mut state = self.state.lock();
        state.index = Some(link.header.index);
        state.mtu = mtu_of(link).unwrap_or(USUAL_MTU);
        state.carrier = Carrier::Absent.after(link);
        tracing::info!("the parent {} is there again", self.name);
    }
}

/// The link called `name`, if its kind can carry a herd, up or down.
pub(super) fn fit<'a>(
    links: &'a [LinkMessage],
    name: &str,
) -> Result<&'a LinkMessage, ParentError> {
    let name = name.to_owned();
    let candidates = || suitable(links);
    if name.len() > LONGEST_NAME {
        return Err(ParentError::NameTooLong {
            name,
            candidates: candidates(),
        });
    }
    let Some(link) = links.iter().find(|link| name_of(link) == Some(&name)) else {
        return Err(ParentError::Missing {
            name,
            candidates: candidates(),
        });
    };
    if link.header.flags.contains(LinkFlags::Loopback) {
        Err(ParentError::Loopback {
            name,
            candidates: candidates(),
        })
    } else if link.header.link_layer_type != LinkLayerType::Ether {
        Err(ParentError::NotEthernet {
            name,
            candidates: candidates(),
        })
    } else if is_wireless(&name, link.header.index) {
        Err(ParentError::Wireless { name })
    } else if is_macvlan(link) {
        Err(ParentError::Macvlan { name })
    } else if kind_of(link) == Some(&InfoKind::IpVlan) {
        Err(ParentError::Ipvlan { name })
    } else if let Some(of) = controller(link) {
        let of = links
            .iter()
            .find(|link| link.header.index == of)
            .and_then(name_of)
            .map_or_else(|| format!("interface number {of}"), Clone::clone);
        Err(ParentError::Port { name, of })
    } else {
        Ok(link)
    }
}

/// Whether the interface can carry a herd: its MTU in bytes. Looks in the calling thread's namespace; changes nothing.
///
/// Where this process may, a macvlan is made on it that is never up, in a namespace of its own with which it goes: some
/// interfaces look as if they could carry one, and cannot.
pub fn check(name: &str) -> io::Result<Result<u32, ParentError>> {
    let mut netlink = Netlink::open()?;
    let parent = match Parent::check(&mut netlink, name)? {
        Ok(parent) => parent,
        Err(error) => return Ok(Err(error)),
    };
    if missing_capabilities()?.is_empty() {
        // Any mode that shares the interface does.
        if let Err(error) = parent.try_macvlan(&mut netlink, MacvlanMode::Private)? {
            return Ok(Err(error));
        }
    }
    Ok(Ok(parent.mtu()))
}

/// The interfaces of the calling thread's namespace that could carry a herd.
pub fn candidates() -> io::Result<Vec<String>> {
    Ok(suitable(&Netlink::open()?.links()?))
}

fn mtu_of(link: &LinkMessage) -> Option<u32> {
    link.attributes
        .iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::Mtu(mtu) => Some(*mtu),
            _ => None,
        })
}

fn controller(link: &LinkMessage) -> Option<u32> {
    link.attributes
        .iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::Controller(index) => Some(*index),
            _ => None,
        })
}

fn kind_of(link: &LinkMessage) -> Option<&InfoKind> {
    let infos = link
        .attributes
        .iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::LinkInfo(infos) => Some(infos),
            _ => None,
        })?;
    infos.iter().find_map(|info| match info {
        LinkInfo::Kind(kind) => Some(kind),
        _ => None,
    })
}

fn is_macvlan(link: &LinkMessage) -> bool {
    matches!(kind_of(link), Some(InfoKind::MacVlan | InfoKind::MacVtap))
}

/// Whether an interface has no LAN behind it, or lets no macvlan stand on it.
fn is_unfit(link: &LinkMessage) -> bool {
    matches!(
        kind_of(link),
        Some(
            InfoKind::MacVlan
                | InfoKind::MacVtap
                | InfoKind::IpVlan
                | InfoKind::Dummy
                | InfoKind::Ifb
        )
    )
}

/// Whether an interface is an 802.11 device. `/sys` may show another network namespace than ours: the numbers tell.
fn is_wireless(name: &str, index: u32) -> bool {
    let device = Path::new("/sys/class/net").join(name);
    let is_the_same = fs::read_to_string(device.join("ifindex"))
        .is_ok_and(|text| text.trim().parse() == Ok(index));
    is_the_same
        && ["wireless", "phy80211"]
            .iter()
            .any(|mark| device.join(mark).exists())
}

fn suitable(links: &[LinkMessage]) -> Vec<String> {
    links
        .iter()
        .filter(|link| {
            link.header.link_layer_type == LinkLayerType::Ether
                && link.header.flags.contains(LinkFlags::Up)
                && controller(link).is_none()
                && !is_unfit(link)
        })
        .filter_map(name_of)
        .filter(|name| !name.is_empty())
        .cloned()
        .collect()
}
