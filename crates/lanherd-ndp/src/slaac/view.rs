//! What a host has, for whoever shows it.

use std::net::Ipv6Addr;

use lanherd_types::identity::Mac;
use lanherd_types::ipv6::Prefix;

use super::until::Until;
use super::{Host, LinkParameters};
use crate::options::Preference;

/// A default router of a host's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultRouter {
    /// Its link-local address.
    pub address: Ipv6Addr,
    /// Its hardware address, where it was heard.
    pub mac: Option<Mac>,
    /// How much it is preferred, as it says itself.
    pub preference: Preference,
    /// Whether it answers, as far as is known.
    pub is_reachable: bool,
    /// Until when it is one, as that was told last.
    pub until: Until,
}

impl Host {
    /// Whether it has the address, and may use it: nobody else has it, or nobody was asked.
    pub fn is_usable(&self, address: Ipv6Addr) -> bool {
        let mut own = self.prefixes.iter().flat_map(|prefix| &prefix.own);
        own.any(|own| own.address == address && own.is_usable())
    }

    /// The default routers, in the order in which they are used.
    pub fn default_routers(&self) -> Vec<DefaultRouter> {
        let all = self.routes();
        let mut defaults: Vec<_> = all.filter(|it| it.prefix == Prefix::DEFAULT).collect();
        defaults.sort_by_key(|it| it.metric);
        let known = defaults.into_iter().filter_map(|route| {
            let known = self.routers.find(route.gateway?)?;
            Some(DefaultRouter {
                address: known.address,
                mac: known.mac,
                preference: route.preference,
                is_reachable: known.unreachable_since.is_none(),
                until: route.valid,
            })
        });
        known.collect()
    }

    /// Everybody whose advertisements were taken, also who is no default router: address and hardware address, where that was
    /// heard.
    pub fn advertisers(&self) -> impl Iterator<Item = (Ipv6Addr, Option<Mac>)> {
        self.routers.all.iter().map(|it| (it.address, it.mac))
    }

    /// The hardware address of a router, where it was heard.
    pub fn mac_of(&self, router: Ipv6Addr) -> Option<Mac> {
        self.routers.find(router)?.mac
    }

    /// The prefixes that `router` has said in its latest advertisement that addresses are to be formed with and preferred.
    pub fn prefixes_of(&self, router: Ipv6Addr) -> &[Prefix] {
        let router = self.routers.find(router);
        router.map_or(&[], |router| &router.prefixes)
    }

    /// The prefixes of the NAT64 (RFC 8781).
    pub fn pref64(&self) -> Vec<Prefix> {
        self.pref64.values()
    }

    /// The parameters of the link, as routers have advertised them.
    pub const fn link(&self) -> LinkParameters {
        self.link
    }

    /// The M and the O flag, each of any router, as they were told last.
    pub const fn flags(&self) -> (bool, bool) {
        self.told.flags
    }

    /// Whether it is known which link it is on: not between [`Host::reconnect`] and the first advertisement after it.
    pub const fn is_attached(&self) -> bool {
        !self.is_unattached
    }
}
