//! All that a client has of IPv6, for whoever looks at it.

use std::net::Ipv6Addr;
use std::time::Instant;

use crate::dhcp6;
use crate::ndp::Preference;
use lanherd_types::identity::Mac;
use lanherd_types::ipv6::{AddressOrigin, AddressState, Prefix};

/// What a client has of IPv6 at one moment. Lifetimes are as they were told to the kernel: those that only became longer are not
/// told anew each time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ipv6State {
    /// Whether it can be used: the link-local address is its own, and it has a default router and a preferred address beyond the link.
    pub is_usable: bool,
    /// Its addresses, the link-local one among them.
    pub addresses: Vec<HeldAddress>,
    /// The default routers, in the order in which they are used.
    pub routers: Vec<HeldRouter>,
    /// The resolvers, those of DHCPv6 first (RFC 8106, 5.3.1). Link-local ones are meant on its link.
    pub resolvers: Vec<Ipv6Addr>,
    /// The names that are searched, those of DHCPv6 first.
    pub search: Vec<String>,
    /// The prefixes whose hosts are on the link.
    pub on_link: Vec<Prefix>,
    /// The prefixes of the NAT64 (RFC 8781).
    pub pref64: Vec<Prefix>,
    /// Whether a router says that addresses are leased by DHCPv6 (the M flag).
    pub managed: bool,
    /// Whether a router says that other configuration is told by DHCPv6 (the O flag).
    pub other: bool,
    /// The MTU in bytes that a router has advertised.
    pub mtu: Option<u32>,
    /// The DHCPv6 lease in use, with the prefixes that were delegated.
    pub lease: Option<Box<dhcp6::Lease>>,
}

/// An address of a client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldAddress {
    /// The address on its interface.
    pub address: Ipv6Addr,
    /// Where it is from.
    pub origin: AddressOrigin,
    /// Whether it can be used.
    pub state: AddressState,
    /// Until when it is chosen for what is new; `None`: for ever.
    pub preferred_until: Option<Instant>,
    /// Until when it can be used; `None`: for ever.
    pub valid_until: Option<Instant>,
}

/// A default router of a client's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldRouter {
    /// Its link-local address.
    pub address: Ipv6Addr,
    /// Its hardware address, where it was heard.
    pub mac: Option<Mac>,
    /// How much it is preferred to others, as it says itself (RFC 4191, 2.1).
    pub preference: Preference,
    /// Whether it answers, as far as is known.
    pub is_reachable: bool,
    /// Until when it is one; `None`: for ever.
    pub valid_until: Option<Instant>,
}

impl Ipv6State {
    /// The link-local address, where it can be used.
    pub fn link_local(&self) -> Option<Ipv6Addr> {
        let mut own = self.addresses.iter();
        let own = own.find(|it| it.is(AddressOrigin::LinkLocal) && it.is_assigned())?;
        Some(own.address)
    }

    /// The addresses beyond the link that can be used, as they are chosen (RFC 6724, 5): those that are preferred first (rule 3), of
    /// these those on the link itself (rule 5), and of these temporary ones (rule 7).
    pub fn global(&self) -> impl Iterator<Item = &HeldAddress> {
        let of = |state, rank| {
            let all = self.addresses.iter();
            all.filter(move |it| it.state == state && it.origin.rank() == Some(rank))
        };
        let [preferred, deprecated] = [AddressState::Preferred, AddressState::Deprecated]
            .map(|state| of(state, 0).chain(of(state, 1)).chain(of(state, 2)));
        preferred.chain(deprecated)
    }

    /// The client's addresses of the prefixes that are delegated to it, on the link behind it.
    pub fn behind(&self) -> impl Iterator<Item = &HeldAddress> {
        let all = self.addresses.iter();
        all.filter(|it| it.is(AddressOrigin::Delegated))
    }

    /// The default router that is used.
    pub fn router(&self) -> Option<Ipv6Addr> {
        self.routers.first().map(|router| router.address)
    }

    /// Keeps no more room than what it says takes: it stays for long, in each of thousands of clients.
    pub(super) fn give_room_back(&mut self) {
        self.addresses.shrink_to_fit();
        self.routers.shrink_to_fit();
        self.resolvers.shrink_to_fit();
        self.search.shrink_to_fit();
        self.on_link.shrink_to_fit();
        self.pref64.shrink_to_fit();
    }

    /// The prefixes that are delegated to it.
    pub fn delegated(&self) -> impl Iterator<Item = &dhcp6::LeasedPrefix> {
        self.lease.iter().flat_map(|lease| lease.prefixes())
    }
}

impl HeldAddress {
    fn is(&self, origin: AddressOrigin) -> bool {
        self.origin == origin
    }

    /// Whether it can be used at all.
    pub const fn is_assigned(&self) -> bool {
        !matches!(self.state, AddressState::Tentative)
    }
}
