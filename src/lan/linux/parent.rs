//! The parent interface: whether it can carry a herd, and what becomes of it.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use netlink_packet_core::NetlinkPayload;
use netlink_packet_route::RouteNetlinkMessage;
use netlink_packet_route::link::{
    InfoKind, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
};
use rtnetlink::{MulticastGroup, new_multicast_connection};
use tokio::sync::oneshot;

use super::seats::Seats;
use crate::lan::netlink::Netlink;

/// Why an interface cannot be a parent.
#[derive(Debug, thiserror::Error)]
pub enum ParentError {
    /// It does not exist.
    #[error("no interface is called {name}; {}", choice(.candidates))]
    Missing {
        /// The name.
        name: String,
        /// Those that could be parents.
        candidates: Vec<String>,
    },
    /// It is down.
    #[error("interface {name} is down; bring it up: ip link set {name} up")]
    Down {
        /// The name.
        name: String,
    },
    /// Nothing is at the other end.
    #[error("interface {name} has no carrier; plug its cable in, or bring its far end up")]
    NoCarrier {
        /// The name.
        name: String,
    },
    /// It is the loopback.
    #[error("interface {name} is the loopback, which has no LAN behind it; {}", choice(.candidates))]
    Loopback {
        /// The name.
        name: String,
        /// Those that could be parents.
        candidates: Vec<String>,
    },
    /// It is no Ethernet.
    #[error("interface {name} is no Ethernet, and macvlans need one; {}", choice(.candidates))]
    NotEthernet {
        /// The name.
        name: String,
        /// Those that could be parents.
        candidates: Vec<String>,
    },
    /// It is Wi-Fi.
    #[error(
        "interface {name} is Wi-Fi: an access point accepts no frames from other MAC addresses than the station's own \
         (IEEE 802.11, client mode), so it cannot carry macvlans; use a wired interface"
    )]
    Wireless {
        /// The name.
        name: String,
    },
    /// It is a macvlan.
    #[error("interface {name} is a macvlan itself; use the interface that it stands on")]
    Macvlan {
        /// The name.
        name: String,
    },
    /// It belongs to a bridge or a bond.
    #[error("interface {name} is a port of {of}; use {of} as the parent")]
    Port {
        /// The name.
        name: String,
        /// The bridge or bond.
        of: String,
    },
}

fn choice(names: &[String]) -> String {
    if names.is_empty() {
        "there is none here that could be a parent: lanherd demo needs none".to_owned()
    } else {
        format!("choose one of: {}", names.join(", "))
    }
}

/// How often, and how long apart, an interface that has a carrier is asked whether it sends: the kernel takes up to a
/// second to notice.
const READY_TRIES: u32 = 300;
const READY_PAUSE: Duration = Duration::from_millis(5);

/// A parent that can carry a herd.
#[derive(Debug)]
pub(super) struct Parent {
    pub name: String,
    pub index: u32,
    mtu: AtomicU32,
}

impl Parent {
    /// Looks the interface up, checks it, and waits for an instant where it has a carrier but does not send yet: the
    /// kernel notices a carrier in the background, and silently drops what is sent before.
    pub fn check(netlink: &mut Netlink, name: &str) -> io::Result<Result<Self, ParentError>> {
        for _ in 0..READY_TRIES {
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
        let name = name.to_owned();
        let Some(link) = links.iter().find(|link| name_of(link) == Some(&name)) else {
            return Ok(Err(ParentError::Missing {
                name,
                candidates: suitable(&links),
            }));
        };
        let flags = link.header.flags;
        Ok(if flags.contains(LinkFlags::Loopback) {
            Err(ParentError::Loopback {
                name,
                candidates: suitable(&links),
            })
        } else if link.header.link_layer_type != LinkLayerType::Ether {
            Err(ParentError::NotEthernet {
                name,
                candidates: suitable(&links),
            })
        } else if is_wireless(&name, link.header.index) {
            Err(ParentError::Wireless { name })
        } else if is_macvlan(link) {
            Err(ParentError::Macvlan { name })
        } else if let Some(of) = controller(link) {
            let of = links
                .iter()
                .find(|link| link.header.index == of)
                .and_then(name_of)
                .map_or_else(|| format!("interface number {of}"), Clone::clone);
            Err(ParentError::Port { name, of })
        } else if !flags.contains(LinkFlags::Up) {
            Err(ParentError::Down { name })
        } else if !flags.contains(LinkFlags::LowerUp) {
            Err(ParentError::NoCarrier { name })
        } else {
            let mtu = AtomicU32::new(mtu_of(link).unwrap_or(1500));
            Ok(Self {
                name,
                index: link.header.index,
                mtu,
            })
        })
    }

    /// Its MTU as last heard of, in bytes.
    pub fn mtu(&self) -> u32 {
        self.mtu.load(Ordering::Relaxed)
    }
}

/// Whether the interface can carry a herd: its MTU in bytes. Looks in the calling thread's namespace; changes nothing.
pub fn check(name: &str) -> io::Result<Result<u32, ParentError>> {
    let checked = Parent::check(&mut Netlink::open()?, name)?;
    Ok(checked.map(|parent| parent.mtu()))
}

/// The interfaces of the calling thread's namespace that could carry a herd.
pub fn candidates() -> io::Result<Vec<String>> {
    Ok(suitable(&Netlink::open()?.links()?))
}

fn name_of(link: &LinkMessage) -> Option<&String> {
    link.attributes
        .iter()
        .find_map(|attribute| match attribute {
            LinkAttribute::IfName(name) => Some(name),
            _ => None,
        })
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

fn is_macvlan(link: &LinkMessage) -> bool {
    link.attributes.iter().any(|attribute| match attribute {
        LinkAttribute::LinkInfo(info) => info
            .iter()
            .any(|info| matches!(info, LinkInfo::Kind(InfoKind::MacVlan | InfoKind::MacVtap))),
        _ => false,
    })
}

/// Whether it is an 802.11 device. `/sys` may show another network namespace than ours: the numbers tell.
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
                && !is_macvlan(link)
        })
        .filter_map(name_of)
        .filter(|name| !name.is_empty())
        .cloned()
        .collect()
}

/// The pause before the watch is set up anew after its socket overflowed.
const WATCH_PAUSE: Duration = Duration::from_millis(100);

/// A watch on the parent, on a thread of its own; it ends when this is dropped.
pub(super) struct Watch {
    stop: Mutex<Option<oneshot::Sender<()>>>,
}

impl Watch {
    /// Starts it in the calling thread's namespace.
    pub fn start(parent: Arc<Parent>, seats: Arc<Seats>) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        thread::Builder::new()
            .name("lanherd-netlink".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = watch(&parent, &seats) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            stop: Mutex::new(Some(stop)),
        })
    }

    /// Ends it.
    pub fn stop(&self) {
        self.stop
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
    }
}

/// Returns when the parent is gone.
async fn watch(parent: &Parent, seats: &Seats) {
    loop {
        match watch_until_deaf(parent).await {
            Ok(Fate::Gone) => {
                seats.link_lost(&format!("the parent {} was deleted", parent.name));
                return;
            }
            Ok(Fate::Unknown) => tracing::debug!("link events were lost; looking again"),
            Err(error) => {
                tracing::warn!(%error, "the parent {} cannot be watched; trying again", parent.name);
            }
        }
        tokio::time::sleep(WATCH_PAUSE).await;
    }
}

enum Fate {
    Gone,
    Unknown,
}

/// Follows link events until the parent is deleted, or moved away, or the socket ends.
async fn watch_until_deaf(parent: &Parent) -> io::Result<Fate> {
    let (connection, _handle, mut events) = new_multicast_connection(&[MulticastGroup::Link])?;
    // It may have gone before the first event could be heard. This thread may wait: it does nothing else.
    if Netlink::open()?
        .links()?
        .iter()
        .all(|link| link.header.index != parent.index)
    {
        return Ok(Fate::Gone);
    }
    let connection = tokio::spawn(connection);
    let mut fate = Fate::Unknown;
    while let Ok((message, _)) = events.recv().await {
        match message.payload {
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::DelLink(link))
                if link.header.index == parent.index =>
            {
                fate = Fate::Gone;
                break;
            }
            NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewLink(link))
                if link.header.index == parent.index =>
            {
                if let Some(mtu) = mtu_of(&link) {
                    parent.mtu.store(mtu, Ordering::Relaxed);
                }
                if !link.header.flags.contains(LinkFlags::LowerUp) {
                    tracing::warn!("the parent {} is down", parent.name);
                }
            }
            _ => {}
        }
    }
    connection.abort();
    Ok(fate)
}
