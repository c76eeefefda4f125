//! Where an activity is carried out: one client, with what it has of each family.

use std::future::pending;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;

use lanherd_types::ipv6::Prefix;

use crate::dhcp::Lease;
use crate::family::{Families, Family};
use crate::identity::{ClientNumber, Identity};
use crate::lan::EchoRequest;

/// What a client's lease says that an activity depends on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeasedConfig {
    /// The client's own address.
    pub address: Ipv4Addr,
    /// The router that the lease names.
    pub router: Option<Ipv4Addr>,
    /// Its resolvers, in the server's order of preference.
    pub resolvers: Vec<Ipv4Addr>,
}

impl From<&Lease> for LeasedConfig {
    fn from(lease: &Lease) -> Self {
        Self {
            address: lease.address,
            router: lease.router(),
            resolvers: lease.dns.clone(),
        }
    }
}

/// What routers and `DHCPv6` servers have given a client that an activity depends on.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ipv6Config {
    /// The client's own addresses that it can use, in the order in which it uses them: the first is the one that what it sends
    /// beyond the link comes from, and the link-local one is the last.
    pub addresses: Vec<Ipv6Addr>,
    /// The default router that it uses, by the address by which routers advertise themselves: a link-local one, on the client's
    /// link.
    pub router: Option<Ipv6Addr>,
    /// Its resolvers, in the order in which they are to be asked; a link-local one is on the client's link.
    pub resolvers: Vec<Ipv6Addr>,
    /// The prefixes that were delegated to it.
    pub delegated: Vec<Prefix>,
    /// Its own addresses of these, on the link behind it; they are among [`Self::addresses`] as well.
    pub behind: Vec<Ipv6Addr>,
}

/// What a client has of each family: `None` where it cannot use that family.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Connectivity {
    /// What it has of IPv4.
    pub ipv4: Option<Arc<LeasedConfig>>,
    /// What it has of IPv6.
    pub ipv6: Option<Arc<Ipv6Config>>,
    /// Whether the client has come to neither since it had nothing, and one of the two may yet become usable in its time.
    pub is_joining: bool,
}

impl Connectivity {
    /// Whether the client can use that family.
    pub const fn has(&self, family: Family) -> bool {
        match family {
            Family::Ipv4 => self.ipv4.is_some(),
            Family::Ipv6 => self.ipv6.is_some(),
        }
    }

    /// Whether it can use any.
    pub const fn is_online(&self) -> bool {
        self.ipv4.is_some() || self.ipv6.is_some()
    }

    /// Whether what was begun when the client had `before` can go on over that family: it has every address yet that it may be sent
    /// from. Another resolver, router or further address ends nothing.
    pub fn carries_on(&self, before: &Self, family: Family) -> bool {
        match family {
            Family::Ipv4 => {
                let address = |of: &Self| of.ipv4.as_ref().map(|ipv4| ipv4.address);
                address(self) == address(before)
            }
            Family::Ipv6 => match (&before.ipv6, &self.ipv6) {
                (Some(before), Some(now)) => {
                    let mut sources = before.addresses.iter();
                    sources.all(|address| now.addresses.contains(address))
                }
                (before, now) => before.is_some() == now.is_some(),
            },
        }
    }

    /// The router that it uses of that family.
    pub fn router(&self, family: Family) -> Option<IpAddr> {
        match family {
            Family::Ipv4 => self.ipv4.as_ref()?.router.map(IpAddr::from),
            Family::Ipv6 => self.ipv6.as_ref()?.router.map(IpAddr::from),
        }
    }

    /// The resolvers, in the order in which they are asked: those of the lease before those of IPv6.
    pub fn resolvers(&self) -> impl Iterator<Item = IpAddr> {
        let leased = self.ipv4.iter().flat_map(|ipv4| &ipv4.resolvers);
        let of_ipv6 = self.ipv6.iter().flat_map(|ipv6| &ipv6.resolvers);
        let of_ipv6 = of_ipv6.copied().map(IpAddr::from);
        leased.copied().map(IpAddr::from).chain(of_ipv6)
    }

    /// Whether what is sent to `address` never leaves the client.
    fn is_own(&self, address: IpAddr) -> bool {
        let is_set = match address {
            IpAddr::V4(address) => self.ipv4.as_ref().is_some_and(|own| own.address == address),
            IpAddr::V6(address) => {
                let own = self.ipv6.as_ref();
                own.is_some_and(|own| own.addresses.contains(&address))
            }
        };
        is_set || address.is_loopback() || address.is_unspecified()
    }
}

/// Tells which address of a family a client of the herd holds at this moment; of several the one that others reach it by.
pub type Siblings = Arc<dyn Fn(ClientNumber, Family) -> Option<IpAddr> + Send + Sync>;

/// Where an activity is carried out.
pub struct ClientContext<P> {
    /// The client's port on the LAN.
    pub port: Arc<P>,
    /// Who the client is.
    pub identity: Arc<Identity>,
    /// The families that it is to have.
    pub families: Families,
    /// What it has of each at this moment.
    pub connectivity: watch::Receiver<Connectivity>,
    /// The other clients.
    pub siblings: Siblings,
    /// Numbers its echo requests.
    pub sequence: Sequence,
    /// The client's source of random numbers.
    pub rng: Mutex<fastrand::Rng>,
}

impl<P> ClientContext<P> {
    /// What the client has of each family now.
    pub fn connectivity(&self) -> Connectivity {
        self.connectivity.borrow().clone()
    }

    /// The next echo request to `target`.
    pub fn echo_request(&self, target: IpAddr) -> EchoRequest {
        let nonce = self.rng.lock().u64(..);
        EchoRequest {
            target,
            source: None,
            id: self.sequence.id,
            sequence: self.sequence.next.fetch_add(1, Ordering::Relaxed),
            nonce,
        }
    }

    /// Whether what is sent to `address` never leaves the client: then whoever answers is not the router.
    pub fn is_own(&self, address: IpAddr) -> bool {
        self.connectivity.borrow().is_own(address)
    }

    /// Does `work`, which goes over that family; `None` where a client that is to have both has that family no more, or not the
    /// addresses that it had of it, before the work is done. What a client of one family does ends with that family anyway.
    // The work stays where it was pinned: an asynchronous function has room for what it is handed beside what it makes of it.
    pub async fn while_unchanged<T>(
        &self,
        family: Family,
        work: Pin<&mut impl Future<Output = T>>,
    ) -> Option<T> {
        if self.families != Families::Dual {
            return Some(work.await);
        }
        let mut connectivity = self.connectivity.clone();
        let before = connectivity.borrow_and_update().clone();
        let changed = async {
            let other = |now: &Connectivity| !now.carries_on(&before, family);
            // The client has ended, and the work is about to be dropped.
            if connectivity.wait_for(other).await.is_err() {
                pending::<()>().await;
            }
        };
        tokio::select! {
            biased;
            done = work => Some(done),
            () = changed => None,
        }
    }

    /// A number that nobody can know beforehand who does not know the seed.
    pub fn random_id(&self) -> u16 {
        self.rng.lock().u16(..)
    }
}

/// Numbers a client's echo requests: its runs share one ICMP identifier, so no two may be in flight with one number.
#[derive(Debug, Clone)]
pub struct Sequence {
    id: u16,
    next: Arc<AtomicU16>,
}

impl Sequence {
    /// From 0 on, under this identifier. It is to be drawn at random: process numbers, which `ping(8)` uses, are small in
    /// the process namespace of a command, and so are numbers of clients.
    pub fn new(id: u16) -> Self {
        Self {
            id,
            next: Arc::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_ends_with_an_address_and_with_nothing_else() {
        let of = |addresses: &[u16], resolvers: &[u16]| Connectivity {
            ipv6: Some(Arc::new(Ipv6Config {
                addresses: addresses.iter().map(|last| own(*last)).collect(),
                resolvers: resolvers.iter().map(|last| own(*last)).collect(),
                ..Ipv6Config::default()
            })),
            ..Connectivity::default()
        };
        let before = of(&[1], &[9]);
        let carries_on = |now: &Connectivity| now.carries_on(&before, Family::Ipv6);
        assert!(carries_on(&of(&[1], &[])), "another resolver");
        assert!(carries_on(&of(&[2, 1], &[9])), "a further address");
        assert!(!carries_on(&of(&[2], &[9])), "the address is gone");
        assert!(!carries_on(&Connectivity::default()), "all is gone");
        assert!(before.carries_on(&Connectivity::default(), Family::Ipv4));
    }

    fn own(last: u16) -> Ipv6Addr {
        Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last)
    }
}
