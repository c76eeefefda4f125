//! What DHCPv6 is asked for: as the routers' flags say, and as the client is told.

use std::mem;
use std::time::Instant;

use super::reach::Input;
use super::{LeaseScope, Stack6, Wish};
use crate::dhcp6::{self, WantedIa};
use crate::ndp::slaac::DhcpWanted;

impl Stack6 {
    /// Asks for what the routers' flags say that DHCPv6 has; whether that was something else than before.
    ///
    /// A lease that is in use is used to its end, whatever the flags say meanwhile.
    // The M flag says that addresses are had by DHCPv6, the O flag that other parameters are (RFC 4861, 4.2).
    pub(super) fn follow_flags(&mut self, now: Instant) -> bool {
        // There is no address to ask from.
        if self.host.link_local().is_none() || self.wish != Wish::Lease {
            return false;
        }
        let remembered = self.remembered.take();
        // A router whose lease has no prefix asks for all of it again: it would be confirmed, and no prefix asked for before T1.
        let remembered =
            remembered.filter(|lease| !self.is_router() || lease.prefixes().next().is_some());
        if let Some(lease) = remembered {
            self.asked = DhcpWanted::Stateful;
            let has_addresses = lease.addresses().next().is_some();
            self.want_leased(has_addresses || self.host.dhcp_wanted() == DhcpWanted::Stateful);
            self.dhcp_client().restore(*lease, now);
            return true;
        }
        let of_flags = self.host.dhcp_wanted();
        let wanted = if self.wants_prefix() {
            DhcpWanted::Stateful
        } else {
            of_flags
        };
        if wanted == DhcpWanted::Stateful {
            let is_begun = self.asked == wanted;
            // What is leased already stays wanted.
            let is_changed = if is_begun {
                of_flags == wanted && self.want_leased(true)
            } else {
                self.want_leased(of_flags == wanted);
                false
            };
            if is_changed {
                // There are addresses to be had, too, now.
                self.with_lease(dhcp6::Client::renew, now);
                return true;
            }
        }
        match (self.asked, wanted) {
            (DhcpWanted::Nothing, DhcpWanted::Nothing)
            | (DhcpWanted::Stateless, DhcpWanted::Stateless)
            | (DhcpWanted::Stateful, DhcpWanted::Stateful) => return false,
            (DhcpWanted::Nothing | DhcpWanted::Stateless, DhcpWanted::Stateful) => {
                self.dhcp_client().start(now);
            }
            (DhcpWanted::Nothing, DhcpWanted::Stateless) => self.dhcp_client().inform(now),
            (DhcpWanted::Stateful, DhcpWanted::Nothing | DhcpWanted::Stateless)
                if self.dhcp.get().state().holds_lease() =>
            {
                return false;
            }
            (DhcpWanted::Stateful | DhcpWanted::Stateless, DhcpWanted::Nothing) => {
                self.with_lease(dhcp6::Client::release, now);
            }
            (DhcpWanted::Stateful, DhcpWanted::Stateless) => {
                self.with_lease(dhcp6::Client::release, now);
                self.dhcp_client().inform(now);
            }
        }
        self.asked = wanted;
        true
    }

    /// The DHCPv6 client, which is needed now.
    fn dhcp_client(&mut self) -> &mut dhcp6::Client {
        self.dhcp.make(self.host.config())
    }

    /// Has the DHCPv6 client do what it does with a lease alone, or with one that it asks for.
    fn with_lease(&mut self, act: fn(&mut dhcp6::Client, Instant), now: Instant) {
        if let Some(dhcp) = self.dhcp.made() {
            act(dhcp, now);
        }
    }

    /// Whether a prefix is to be delegated to it.
    pub(super) const fn is_router(&self) -> bool {
        !matches!(self.lease_scope, LeaseScope::Addresses)
    }

    /// Whether a prefix is asked for: as soon as a router has been heard, whatever its flags say.
    // RFC 7084, 4.2: a router asks for a prefix where the M or the O flag is 1, and where neither is it may.
    fn wants_prefix(&self) -> bool {
        self.is_router() && self.host.advertisers().next().is_some()
    }

    /// Has DHCPv6 ask for a prefix where one is wanted, and for addresses; whether that is something else than before.
    fn want_leased(&mut self, asks_for_addresses: bool) -> bool {
        let (LeaseScope::Prefix(prefix) | LeaseScope::Both(prefix)) = self.lease_scope else {
            return false;
        };
        let iaid = dhcp6::Config::iaid(self.mac);
        let addresses = asks_for_addresses.then(|| WantedIa::addresses(iaid));
        let prefixes = WantedIa::prefixes(iaid, prefix.length());
        self.dhcp_client()
            .want(addresses.into_iter().chain([prefixes]).collect());
        let scope = if asks_for_addresses {
            LeaseScope::Both(prefix)
        } else {
            LeaseScope::Prefix(prefix)
        };
        mem::replace(&mut self.lease_scope, scope) != scope
    }

    /// Whether addresses are to come from DHCPv6.
    pub(super) fn asks_for_addresses(&self) -> bool {
        self.asked == DhcpWanted::Stateful
            && !matches!(self.lease_scope, LeaseScope::Prefix(_))
            && matches!(self.wish, Wish::Lease)
    }

    /// Whether addresses or a prefix are to come from DHCPv6.
    pub(super) fn asks_for_leases(&self) -> bool {
        self.asked == DhcpWanted::Stateful && matches!(self.wish, Wish::Lease)
    }

    /// Extends the lease at once; without one it asks, as after it was given back.
    pub fn renew(&mut self, now: Instant) {
        if self.wish == Wish::NoLease {
            self.wish = Wish::Lease;
            self.asked = DhcpWanted::Nothing;
            if !self.is_usable() {
                self.seek(now);
            }
        } else {
            self.with_lease(dhcp6::Client::renew, now);
        }
        self.settle(now);
    }

    /// Extends the lease by asking any server.
    pub fn rebind(&mut self, now: Instant) {
        self.with_lease(dhcp6::Client::rebind, now);
        self.settle(now);
    }

    /// Asks any server whether the lease is right on this link.
    pub fn confirm(&mut self, now: Instant) {
        self.with_lease(dhcp6::Client::confirm, now);
        self.settle(now);
    }

    /// Refuses the leased addresses as if somebody else had them.
    pub fn decline(&mut self, now: Instant) {
        self.with_lease(dhcp6::Client::decline, now);
        self.settle(now);
    }

    /// Asks for parameters only.
    pub fn inform(&mut self, now: Instant) {
        self.dhcp_client().inform(now);
        self.settle(now);
    }

    /// Asks for routers at once.
    pub fn solicit(&mut self, now: Instant) {
        self.host.solicit(now);
        self.settle(now);
    }

    /// Gives the lease back, and stays without. Formed addresses stay.
    pub fn release(&mut self, now: Instant) {
        if self.dhcp.get().state().holds_lease() || self.asks_for_leases() {
            self.wish = Wish::NoLease;
            self.with_lease(dhcp6::Client::release, now);
            self.settle(now);
        }
    }

    /// Gives the lease back, and ends.
    pub fn leave(&mut self, now: Instant) {
        self.wish = Wish::Nothing;
        self.advance(Input::Rest, now);
        self.with_lease(dhcp6::Client::release, now);
        self.settle(now);
    }
}
