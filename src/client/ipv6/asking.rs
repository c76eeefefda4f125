//! What DHCPv6 is asked for: as the routers' flags say, and as the client is told.

use std::time::Instant;

use super::reach::Input;
use super::{Stack6, Wish};
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
        if let Some(lease) = self.remembered.take() {
            self.asked = DhcpWanted::Stateful;
            self.dhcp.restore(lease, now);
            return true;
        }
        let wanted = self.host.dhcp_wanted();
        match (self.asked, wanted) {
            (DhcpWanted::Nothing, DhcpWanted::Nothing)
            | (DhcpWanted::Stateless, DhcpWanted::Stateless)
            | (DhcpWanted::Stateful, DhcpWanted::Stateful) => return false,
            (DhcpWanted::Nothing | DhcpWanted::Stateless, DhcpWanted::Stateful) => {
                self.dhcp.start(now);
            }
            (DhcpWanted::Nothing, DhcpWanted::Stateless) => self.dhcp.inform(now),
            (DhcpWanted::Stateful, DhcpWanted::Nothing | DhcpWanted::Stateless)
                if self.dhcp.state().holds_lease() =>
            {
                return false;
            }
            (DhcpWanted::Stateful | DhcpWanted::Stateless, DhcpWanted::Nothing) => {
                self.dhcp.release(now);
            }
            (DhcpWanted::Stateful, DhcpWanted::Stateless) => {
                self.dhcp.release(now);
                self.dhcp.inform(now);
            }
        }
        self.asked = wanted;
        true
    }

    /// Whether addresses are to come from DHCPv6.
    pub(super) fn asks_for_addresses(&self) -> bool {
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
            self.dhcp.renew(now);
        }
        self.settle(now);
    }

    /// Extends the lease by asking any server.
    pub fn rebind(&mut self, now: Instant) {
        self.dhcp.rebind(now);
        self.settle(now);
    }

    /// Asks any server whether the lease is right on this link.
    pub fn confirm(&mut self, now: Instant) {
        self.dhcp.confirm(now);
        self.settle(now);
    }

    /// Refuses the leased addresses as if somebody else had them.
    pub fn decline(&mut self, now: Instant) {
        self.dhcp.decline(now);
        self.settle(now);
    }

    /// Asks for parameters only.
    pub fn inform(&mut self, now: Instant) {
        self.dhcp.inform(now);
        self.settle(now);
    }

    /// Asks for routers at once.
    pub fn solicit(&mut self, now: Instant) {
        self.host.solicit(now);
        self.settle(now);
    }

    /// Gives the lease back, and stays without. Formed addresses stay.
    pub fn release(&mut self, now: Instant) {
        if self.dhcp.state().holds_lease() || self.asks_for_addresses() {
            self.wish = Wish::NoLease;
            self.dhcp.release(now);
            self.settle(now);
        }
    }

    /// Gives the lease back, and ends.
    pub fn leave(&mut self, now: Instant) {
        self.wish = Wish::Nothing;
        self.advance(Input::Rest, now);
        self.dhcp.release(now);
        self.settle(now);
    }
}
