//! The lab's links and addresses: a veth pair whose near end stays in the caller's namespace, and whose far end is the
//! router's, made in one message.

mod ipv6;

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::AsRawFd;
use std::time::Duration;

use netlink_packet_route::link::{
    AfSpecInet6, AfSpecUnspec, In6AddrGenMode, InfoData, InfoVeth, LinkAttribute, LinkFlags,
};
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, new_connection};
use tokio::task::JoinHandle;

use super::range::Subnet;
use super::router::LinkEnd;
use super::{LabConfig, LabError};
use lanherd_net::kernel_module::{Installed, VETH};
use lanherd_net::netlink;
use lanherd_net::netns::NetNs;
use lanherd_types::identity::Mac;

pub(super) use ipv6::Ipv6Side;

/// The router's end of the pair, in the router's namespace.
pub(super) const LAN: &str = "lan";
/// Locally administered; "lanh" and a number, so that captures read well.
const NEAR_MAC: Mac = Mac([0x02, 0x6c, 0x61, 0x6e, 0x68, 0x02]);
pub(super) const ROUTER_MAC: Mac = Mac([0x02, 0x6c, 0x61, 0x6e, 0x68, 0x01]);

/// An rtnetlink connection to one namespace: the one that the calling thread was in when it was opened.
struct Rtnetlink {
    handle: Handle,
    driver: JoinHandle<()>,
}

impl Rtnetlink {
    fn open() -> io::Result<Self> {
        let (connection, handle, _) = new_connection()?;
        Ok(Self {
            handle,
            driver: tokio::spawn(connection),
        })
    }

    async fn set(&self, message: LinkMessageBuilder<LinkUnspec>) -> io::Result<()> {
        kernel(self.handle.link().set(message.build()).execute()).await
    }

    /// Keeps the kernel from giving `name` a link-local address, so that no IPv6 frame leaves it. Must come before the
    /// link is up.
    async fn silence_ipv6(&self, name: &str) -> io::Result<()> {
        let none = AfSpecUnspec::Inet6(vec![AfSpecInet6::AddrGenMode(In6AddrGenMode::None)]);
        let message = LinkUnspec::new_with_name(name)
            .append_extra_attribute(LinkAttribute::AfSpecUnspec(vec![none]));
        match self.set(message).await {
            // A kernel without IPv6 is silent by itself.
            Err(error) if error.raw_os_error() == Some(Errno::EAFNOSUPPORT as i32) => Ok(()),
            done => done,
        }
    }
}

impl Drop for Rtnetlink {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// The near end: the parent that clients are plugged into.
pub(super) struct Uplink {
    home: Rtnetlink,
    observer: netlink::Netlink,
    /// For whoever sets how fast it sends.
    end: Option<LinkEnd>,
    name: String,
    index: u32,
}

/// How often, and how long apart, the near end is asked whether it sends: the kernel takes up to a second to notice that
/// the far end is up.
const READY_TRIES: u32 = 300;
const READY_PAUSE: Duration = Duration::from_millis(5);

impl Uplink {
    /// Makes the pair: the near end in the calling thread's namespace, up and silent, the far end, still down, in
    /// `router`.
    pub(super) async fn create(config: &LabConfig, router: &NetNs) -> Result<Self, LabError> {
        let name = config.uplink.as_str();
        let step = |source| LabError::Step {
            step: format!("make the uplink {name}"),
            source,
        };
        let home = Rtnetlink::open().map_err(step)?;
        let observer = netlink::Netlink::open().map_err(step)?;
        let mut far = LinkMessageBuilder::<LinkUnspec>::new()
            .name(LAN)
            .address(ROUTER_MAC.octets().to_vec())
            .setns_by_fd(router.as_raw_fd());
        let mut near = LinkVeth::new(name, LAN).address(NEAR_MAC.octets().to_vec());
        if let Some(mtu) = config.mtu {
            far = far.mtu(mtu.into());
            near = near.mtu(mtu.into());
        }
        let pair = near
            .set_info_data(InfoData::Veth(InfoVeth::Peer(far.build())))
            .build();
        match kernel(home.handle.link().add(pair).execute()).await {
            Err(error) if error.raw_os_error() == Some(Errno::EEXIST as i32) => {
                return Err(LabError::UplinkTaken(name.to_owned()));
            }
            Err(error) if error.raw_os_error() == Some(Errno::EPERM as i32) => {
                return Err(LabError::NoPrivilege(error));
            }
            Err(error) if error.raw_os_error() == Some(Errno::EOPNOTSUPP as i32) => {
                let remedy = VETH.remedy(&Installed::look());
                return Err(LabError::NoVeth { remedy });
            }
            made => made.map_err(step)?,
        }
        let index = if_nametoindex(name).map_err(|errno| step(errno.into()))?;
        let end = LinkEnd::open(index).map_err(step)?;
        let uplink = Self {
            home,
            observer,
            end: Some(end),
            name: name.to_owned(),
            index,
        };
        match uplink.raise(config).await {
            Ok(()) => Ok(uplink),
            Err(error) => {
                // What is reported is why it failed; the pair goes with the router's namespace in any case.
                let _ = uplink.remove().await;
                Err(step(error))
            }
        }
    }

    async fn raise(&self, config: &LabConfig) -> io::Result<()> {
        self.home.silence_ipv6(&self.name).await?;
        if config.ipv6.is_some() {
            ipv6::ignore_advertisements(&self.name)?;
        }
        self.home
            .set(LinkUnspec::new_with_index(self.index).up())
            .await
    }

    /// Waits, once the far end is up, until the near one sends: what is sent before is dropped without a word.
    pub(super) async fn wait_until_sending(&mut self) -> io::Result<()> {
        for _ in 0..READY_TRIES {
            let link = self.observer.link(&self.name)?;
            if link.is_some_and(|link| link.header.flags.contains(LinkFlags::Running)) {
                return Ok(());
            }
            tokio::time::sleep(READY_PAUSE).await;
        }
        Err(io::ErrorKind::TimedOut.into())
    }

    /// What its rate is set by; `None`, where that was taken already.
    pub(super) fn take_end(&mut self) -> Option<LinkEnd> {
        self.end.take()
    }

    /// Removes the pair; it is gone when this returns.
    pub(super) async fn remove(self) -> Result<(), LabError> {
        match kernel(self.home.handle.link().del(self.index).execute()).await {
            // Somebody else removed it.
            Err(error) if error.raw_os_error() == Some(Errno::ENODEV as i32) => Ok(()),
            done => done.map_err(|source| LabError::Step {
                step: "remove the uplink".to_owned(),
                source,
            }),
        }
    }
}

/// The router's side of the pair, in its namespace.
pub(super) struct LanSide {
    inside: Rtnetlink,
    index: u32,
}

impl LanSide {
    /// Sets the router's side up: loopback with the aliases, the address on the LAN, forwarding. The calling thread must
    /// be in the router's namespace.
    pub(super) async fn open(subnet: Subnet, aliases: &[Ipv4Addr]) -> Result<Self, LabError> {
        Self::add_links(subnet, aliases)
            .await
            .map_err(|source| LabError::Step {
                step: "set the router's addresses".to_owned(),
                source,
            })
    }

    async fn add_links(subnet: Subnet, aliases: &[Ipv4Addr]) -> io::Result<Self> {
        let inside = Rtnetlink::open()?;
        let lo = if_nametoindex("lo")?;
        let side = Self {
            inside,
            index: if_nametoindex(LAN)?,
        };
        side.inside.set(LinkUnspec::new_with_index(lo).up()).await?;
        for alias in aliases {
            match side.add_address(lo, *alias, 32).await {
                // Named twice.
                Err(error) if error.raw_os_error() == Some(Errno::EEXIST as i32) => {}
                added => added?,
            }
        }
        side.add_address(side.index, subnet.router(), subnet.prefix_len())
            .await?;
        side.inside.silence_ipv6(LAN).await?;
        side.up().await?;
        answer_for_what_is_not_there();
        Ok(side)
    }

    async fn add_address(&self, index: u32, address: Ipv4Addr, prefix_len: u8) -> io::Result<()> {
        let addresses = self.inside.handle.address();
        kernel(
            addresses
                .add(index, IpAddr::V4(address), prefix_len)
                .execute(),
        )
        .await
    }

    /// The index of the LAN interface.
    pub(super) fn index(&self) -> u32 {
        self.index
    }

    /// Plugs the router in. The route to the LAN comes back with the link.
    pub(super) async fn up(&self) -> io::Result<()> {
        self.inside
            .set(LinkUnspec::new_with_index(self.index).up())
            .await
    }

    /// Unplugs it: the near end loses its carrier. The addresses stay, the neighbours do not, not even the permanent ones.
    pub(super) async fn down(&self) -> io::Result<()> {
        self.inside
            .set(LinkUnspec::new_with_index(self.index).down())
            .await
    }
}

/// Makes a ping to an address that nobody has end with "network unreachable" rather than in silence: a host that does not
/// forward drops such a packet, and one that forwards has no route for it (RFC 1812, 5.2.7.1).
fn answer_for_what_is_not_there() {
    let settings = [
        ("net/ipv4/ip_forward", "1"),
        // By default, six such answers to one client, then one a second, and a thousand a second in all (icmp(7)).
        ("net/ipv4/icmp_ratemask", "0"),
        // A client that sends to its neighbour through the router is not told to stop.
        ("net/ipv4/conf/all/send_redirects", "0"),
        ("net/ipv4/conf/lan/send_redirects", "0"),
    ];
    for (name, value) in settings {
        // `/proc/sys/net` is the opening thread's. It may be read-only in a container: the lab then works without.
        if let Err(error) = std::fs::write(format!("/proc/sys/{name}"), value) {
            tracing::warn!(%error, "cannot set {name} in the lab: unreachable targets will time out instead");
        }
    }
}

/// Turns rtnetlink's errors into the kernel's.
async fn kernel(request: impl Future<Output = Result<(), rtnetlink::Error>>) -> io::Result<()> {
    request.await.map_err(|error| match error {
        rtnetlink::Error::NetlinkError(message) => message.to_io(),
        other => io::Error::other(other),
    })
}
