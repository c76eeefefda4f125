//! The router's IPv6 addresses and routes, and what keeps its LAN and the uplink from taking others.

use std::io;
use std::net::{IpAddr, Ipv6Addr};

use netlink_packet_route::address::AddressHeaderFlags;
use netlink_packet_route::route::RouteType;
use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use rtnetlink::{AddressMessageBuilder, RouteMessageBuilder};

use super::{LAN, Rtnetlink, kernel};
use crate::ipv6::Addressing;
use lanherd_ndp::Prefix;

/// Has the link of that name, in the calling thread's namespace, take neither address nor route from advertisements, its own router's
/// among them. Must come before it is up.
pub(super) fn ignore_advertisements(link: &str) -> io::Result<()> {
    let file = format!("/proc/sys/net/ipv6/conf/{link}/accept_ra");
    std::fs::write(file, "0").map_err(with_remedy)
}

/// Why a setting of IPv6 could not be written, and what to do.
fn with_remedy(error: io::Error) -> io::Error {
    let why = match error.kind() {
        io::ErrorKind::NotFound => lanherd_net::NO_IPV6,
        io::ErrorKind::ReadOnlyFilesystem => {
            "/proc/sys is read-only, as in a container, and IPv6 cannot be set; give the container a writable one (podman: --security-opt \
             unmask=/proc/sys, docker: --security-opt systempaths=unconfined), or have the lab without IPv6 (--family ipv4)"
        }
        _ => return error,
    };
    io::Error::new(error.kind(), why)
}

/// The router's side of IPv6, in its namespace.
pub(crate) struct Ipv6Side {
    inside: Rtnetlink,
    lan: u32,
    lo: u32,
    /// What the kernel has.
    set: Addressing,
}

impl Ipv6Side {
    /// In the calling thread's namespace, which must be the router's.
    pub(crate) fn open() -> io::Result<Self> {
        ignore_advertisements(LAN)?;
        // Where the kernel was told to begin without IPv6 on interfaces (ipv6.disable_ipv6=1), on new ones, too.
        for link in [LAN, "lo"] {
            std::fs::write(format!("/proc/sys/net/ipv6/conf/{link}/disable_ipv6"), "0")
                .map_err(with_remedy)?;
        }
        for (name, value) in [
            ("conf/all/forwarding", "1"),
            // By default, one such answer a second to each host (ip-sysctl).
            ("icmp/ratelimit", "0"),
        ] {
            // It may be read-only in a container: the lab then works without.
            if let Err(error) = std::fs::write(format!("/proc/sys/net/ipv6/{name}"), value) {
                tracing::warn!(%error, "cannot set net/ipv6/{name} in the lab: unreachable targets will time out instead");
            }
        }
        Ok(Self {
            inside: Rtnetlink::open()?,
            lan: if_nametoindex(LAN)?,
            lo: if_nametoindex("lo")?,
            set: Addressing::default(),
        })
    }

    /// The index of the LAN interface.
    pub(crate) const fn index(&self) -> u32 {
        self.lan
    }

    /// The kernel has lost what belongs to the LAN's link: it was taken down.
    pub(crate) fn were_flushed(&mut self) {
        self.set.lan.clear();
        self.set.on_link.clear();
        self.set.delegated.clear();
    }

    /// Has the kernel have this, and nothing else.
    pub(crate) async fn set(&mut self, wanted: &Addressing) -> io::Result<()> {
        if *wanted == self.set {
            return Ok(());
        }
        for old in missing(&self.set.lan, &wanted.lan) {
            self.remove_address(self.lan, old).await?;
            self.set.lan.retain(|set| *set != old);
        }
        for old in missing(&self.set.own, &wanted.own) {
            self.remove_address(self.lo, (old, 128)).await?;
            self.set.own.retain(|set| *set != old);
        }
        for old in missing(&self.set.on_link, &wanted.on_link) {
            self.route(Change::Remove, old, Way::OnLink).await?;
            self.set.on_link.retain(|set| *set != old);
        }
        for (prefix, gateway) in missing(&self.set.delegated, &wanted.delegated) {
            let way = Way::Through(gateway);
            self.route(Change::Remove, prefix, way).await?;
            self.set.delegated.retain(|set| *set != (prefix, gateway));
        }
        for old in missing(&self.set.black_holes, &wanted.black_holes) {
            self.route(Change::Remove, old, Way::Nowhere).await?;
            self.set.black_holes.retain(|set| *set != old);
        }
        for new in missing(&wanted.lan, &self.set.lan) {
            self.add_address(self.lan, new).await?;
            self.set.lan.push(new);
        }
        for new in missing(&wanted.own, &self.set.own) {
            self.add_address(self.lo, (new, 128)).await?;
            self.set.own.push(new);
        }
        for new in missing(&wanted.on_link, &self.set.on_link) {
            self.route(Change::Add, new, Way::OnLink).await?;
            self.set.on_link.push(new);
        }
        for (prefix, gateway) in missing(&wanted.delegated, &self.set.delegated) {
            self.route(Change::Add, prefix, Way::Through(gateway))
                .await?;
            self.set.delegated.push((prefix, gateway));
        }
        for new in missing(&wanted.black_holes, &self.set.black_holes) {
            self.route(Change::Add, new, Way::Nowhere).await?;
            self.set.black_holes.push(new);
        }
        // The same, in the order in which it is wanted.
        self.set = wanted.clone();
        Ok(())
    }

    /// Without asking first whether somebody has it: the router is here before anybody else.
    async fn add_address(&self, index: u32, (address, length): (Ipv6Addr, u8)) -> io::Result<()> {
        let addresses = self.inside.handle.address();
        let mut request = addresses.add(index, IpAddr::V6(address), length);
        request.message_mut().header.flags = AddressHeaderFlags::Nodad;
        except(Errno::EEXIST, kernel(request.execute()).await)
    }

    async fn remove_address(
        &self,
        index: u32,
        (address, length): (Ipv6Addr, u8),
    ) -> io::Result<()> {
        let message = AddressMessageBuilder::<Ipv6Addr>::new()
            .index(index)
            .address(address, length)
            .build();
        let addresses = self.inside.handle.address();
        except(
            Errno::EADDRNOTAVAIL,
            kernel(addresses.del(message).execute()).await,
        )
    }

    async fn route(&self, change: Change, prefix: Prefix, way: Way) -> io::Result<()> {
        let route = RouteMessageBuilder::<Ipv6Addr>::new()
            .destination_prefix(prefix.address(), prefix.length());
        let route = match way {
            Way::OnLink => route.output_interface(self.lan),
            Way::Through(gateway) => route.output_interface(self.lan).gateway(gateway),
            Way::Nowhere => route.kind(RouteType::BlackHole),
        };
        let routes = self.inside.handle.route();
        match change {
            Change::Add => {
                let added = kernel(routes.add(route.build()).execute()).await;
                except(Errno::EEXIST, added)
            }
            Change::Remove => {
                let removed = kernel(routes.del(route.build()).execute()).await;
                except(Errno::ESRCH, removed)
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Add,
    Remove,
}

/// Where a route leads.
#[derive(Debug, Clone, Copy)]
enum Way {
    OnLink,
    Through(Ipv6Addr),
    Nowhere,
}

/// Those of `all` that `others` lack.
fn missing<T: Copy + PartialEq>(all: &[T], others: &[T]) -> Vec<T> {
    let lacking = all.iter().filter(|one| !others.contains(one));
    lacking.copied().collect()
}

/// What is so already is well.
fn except(expected: Errno, done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.raw_os_error() == Some(expected as i32) => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_whose_settings_are_read_only_is_named_with_the_options_that_open_them() {
        let said = with_remedy(io::Error::from_raw_os_error(Errno::EROFS as i32)).to_string();
        assert!(
            said.contains("unmask=/proc/sys") && said.contains("--family ipv4"),
            "{said}"
        );
        let other = with_remedy(io::Error::from_raw_os_error(Errno::EIO as i32));
        assert_eq!(other.raw_os_error(), Some(Errno::EIO as i32));
    }
}
