//! What the router says of IPv6, beside its other services: only where the lab has it.

use std::net::IpAddr;
use std::time::Instant;

use super::State;
use lanherd_dhcp6::ReconfigureKind;

use crate::ipv6::{Addressing, Ipv6Router, NeighbourChange};

impl State {
    /// The router's IPv6; `None`: it has none.
    pub(crate) const fn ipv6(&self) -> Option<&Ipv6Router> {
        self.ipv6.as_ref()
    }

    /// How often the router's IPv6 addresses have changed.
    pub(crate) fn numbered(&self) -> u16 {
        self.ipv6.as_ref().map_or(0, Ipv6Router::numbered)
    }

    /// The router's addresses, under which it serves.
    pub(crate) fn served(&self) -> Vec<IpAddr> {
        let ipv4 = self.addresses.iter().copied().map(IpAddr::from);
        let ipv6 = self.ipv6.as_ref().map(Ipv6Router::served);
        let ipv6 = ipv6.into_iter().flatten().map(IpAddr::from);
        ipv4.chain(ipv6).collect()
    }

    /// How often the link has been plugged in again.
    pub(crate) const fn plugged(&self) -> u64 {
        self.plugged
    }

    /// The link is back after the router was down: of IPv6 it has nothing any more.
    pub(crate) const fn was_plugged(&mut self) {
        self.plugged += 1;
    }

    /// The link has its addresses, so the router may advertise them.
    pub(crate) fn begin_ipv6(&mut self, now: Instant) {
        let is_down = self.is_down(now);
        if let Some(ipv6) = self.ipv6.as_mut().filter(|_| !is_down) {
            ipv6.link_is_up(&mut self.faults, now);
        }
    }

    /// The provider gives the LAN another number.
    pub(crate) fn renumber(&mut self, now: Instant) {
        if let Some(ipv6) = &mut self.ipv6 {
            ipv6.renumber(now);
        }
    }

    /// The line goes down, or comes up again.
    pub(crate) fn set_wan(&mut self, is_down: bool, now: Instant) {
        if let Some(ipv6) = &mut self.ipv6 {
            ipv6.set_wan(is_down, now);
        }
    }

    /// Clients of DHCPv6 are to ask again.
    pub(crate) fn reconfigure(&mut self, kind: ReconfigureKind, now: Instant) {
        if let Some(ipv6) = &mut self.ipv6 {
            ipv6.reconfigure(kind, now);
        }
    }

    /// Takes in a frame of a host's; what is to be said then waits for [`Self::next_frame`].
    pub(crate) fn hear_frame(&mut self, frame: &[u8], now: Instant) {
        self.tick(now);
        if self.is_down(now) {
            return;
        }
        if let Some(ipv6) = &mut self.ipv6 {
            ipv6.hear(frame, &mut self.faults, now);
        }
    }

    /// The next frame to put on the link now.
    pub(crate) fn next_frame(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.ipv6.as_mut()?.next_frame(now)
    }

    /// When the router next has something to do for IPv6; `None`: never, as things are.
    pub(crate) fn ipv6_deadline(&self, now: Instant) -> Option<Instant> {
        // While the router is down, nothing that is due is done.
        let ipv6 = self.ipv6.as_ref().filter(|_| !self.is_down(now));
        let own = ipv6.and_then(Ipv6Router::next_deadline);
        own.into_iter().chain(self.next_end()).min()
    }

    /// The frame by which the router takes leave of the LAN.
    pub(crate) fn farewell(&mut self, now: Instant) -> Option<Vec<u8>> {
        if self.is_down(now) {
            return None;
        }
        self.ipv6.as_mut()?.farewell(now)
    }

    /// What the kernel is to have of IPv6 now.
    pub(crate) fn addressing(&self, now: Instant) -> Addressing {
        let ipv6 = self.ipv6.as_ref();
        ipv6.map_or_else(Addressing::default, |ipv6| {
            ipv6.addressing(&self.faults, now)
        })
    }

    /// What the kernel's IPv6 neighbour table is to be told since the last call.
    pub(crate) fn take_neighbours(&mut self) -> Vec<NeighbourChange> {
        self.ipv6
            .as_mut()
            .map_or_else(Vec::new, Ipv6Router::take_neighbours)
    }
}
