//! A client's IPv6: what its link is to have and what is sent, from what routers advertise and servers lease.
//!
//! [`Stack6`] joins two machines, stateless configuration ([`slaac::Host`]) and the DHCPv6 client ([`dhcp6::Client`]), in one of
//! the same kind: pure, with time and chance as parameters. Whether DHCPv6 is asked follows the routers' flags. Its caller sets
//! what it says on the link, sends its frames, and tells it what comes.

mod addressing;
mod asking;
mod config;
mod driving;
mod event;
mod hearing;
mod late_dhcp6;
mod noted;
mod persona;
mod reach;
mod seen;
mod settling;
mod shared;
mod state;

use std::collections::VecDeque;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use config::Config;
pub(in crate::client) use driving::is_taken;
pub use event::Ipv6Event;
pub use lanherd_types::ipv6::{AddressOrigin, AddressState, Ipv6EventKind};
pub(in crate::client) use shared::{Offered, SharedStack6};
pub use state::{HeldAddress, HeldRouter, Ipv6State};

use self::addressing::Machines;
use self::late_dhcp6::LateDhcp6;
use self::noted::Noted;
use self::reach::{Input, Reach, Said};
use self::seen::{Missing, Seen};
use crate::dhcp6;
use crate::lan::ipv6::{Addressing6, Configured6, DadOutcome, Held6, Packet6, Reachability};
use crate::ndp::slaac::{self, DhcpWanted};
use crate::phase::{Failure, Phase};
use lanherd_types::identity::Mac;
use lanherd_types::ipv6::WantedPrefix;
use lanherd_types::queue;

/// What the caller is to do or to know, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output6 {
    /// It cannot be used any more, and why; it is still sought.
    Lost(Failure),
    /// It was not usable in time, or will not be, and why.
    Overdue(Failure),
    /// Write this lease down before it is made use of; `None`: it is given back, or has ended.
    Remember(Option<Written>),
    /// Make the link so, and tell what came of it by [`Stack6::configured`].
    Configure(Addressing6),
    /// Have the kernel be silent on the port of DHCPv6 clients.
    HearDhcp6,
    /// Send this frame.
    Transmit(Sent6, Vec<u8>),
    /// Something happened that is told of the client.
    Event(Ipv6Event),
    /// It has this now.
    State(Arc<Ipv6State>),
    /// It can be used, this long after the first message.
    Up(Duration),
}

/// A lease that is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// What was leased, or is to be.
    pub lease: dhcp6::Lease,
    /// Whether it has been requested only: the server may have granted it.
    pub is_requested: bool,
}

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent6 {
    /// A router solicitation.
    RouterSolicitation,
    /// Another message of neighbour discovery.
    NeighbourDiscovery,
    /// A DHCPv6 message.
    Dhcp6(dhcp6::MessageType),
}

/// What a client was told to do about its lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// To have one, where routers say so.
    Lease,
    /// To give it back, and to stay without.
    NoLease,
    /// To give it back, and to end.
    Nothing,
}

/// What DHCPv6 servers are asked to lease, where they are asked for leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeaseScope {
    /// They are asked for addresses, and no prefix.
    Addresses,
    /// A prefix alone, of a client that is a router: the routers' flags speak of no addresses.
    Prefix(WantedPrefix),
    /// Addresses, and a prefix.
    Both(WantedPrefix),
}

/// When a host begins anew whose link-local address is somebody else's.
#[derive(Debug, Clone, Copy)]
struct Retry {
    /// At that time; `None`: it is not so.
    at: Option<Instant>,
    /// After this time the next time.
    wait: Duration,
}

impl Retry {
    const LONGEST: Duration = Duration::from_secs(600);
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            at: None,
            wait: Duration::from_secs(15),
        }
    }
}

/// What becomes of what an earlier process has set on the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LeftBehind {
    /// It is left alone, until IPv6 can be used, or was not in time.
    Kept {
        /// Whether there is any.
        is_any: bool,
    },
    /// What of it is not wanted goes.
    Dropped,
}

/// The IPv6 of one client.
#[derive(Debug)]
pub struct Stack6 {
    mac: Mac,
    limit: Duration,
    host: slaac::Host,
    dhcp: LateDhcp6,
    reach: Reach,
    seen: Seen,
    /// What DHCPv6 is asked for.
    asked: DhcpWanted,
    lease_scope: LeaseScope,
    /// The lease of an earlier life, to be confirmed.
    remembered: Option<Box<dhcp6::Lease>>,
    /// The lease whose addresses are being probed.
    probing: Option<Box<dhcp6::Lease>>,
    /// The lease that is written down.
    written: Option<Box<Written>>,
    wish: Wish,
    retry: Retry,
    /// Whether the kernel is silent on the port of DHCPv6 clients.
    is_heard: bool,
    /// What the link was to have last, and when that is to be set again.
    set: Addressing6,
    set_again_by: Option<Instant>,
    left_behind: LeftBehind,
    /// Whether something may have changed of which no machine says anything.
    is_dirty: bool,
    told: Arc<Ipv6State>,
    /// What the caller has told of messages that are not as they should be.
    noted: Noted,
    /// Whether it was told that there is no NAT64 for a client that does without IPv4.
    is_without_nat64: bool,
    outputs: VecDeque<Output6>,
}

impl Stack6 {
    /// One that has not started. All its chance comes from `rng`.
    pub fn new(config: Config, rng: &mut fastrand::Rng) -> Self {
        let host = slaac::Host::new(config.host, rng.fork());
        Self {
            mac: host.config().mac,
            limit: config.deadline,
            dhcp: LateDhcp6::new(config.dhcp6, host.config(), rng.fork()),
            host,
            reach: Reach::Resting,
            seen: Seen::default(),
            asked: DhcpWanted::Nothing,
            lease_scope: match config.delegated {
                None => LeaseScope::Addresses,
                Some(prefix) => LeaseScope::Prefix(prefix),
            },
            remembered: None,
            probing: None,
            written: None,
            wish: Wish::Lease,
            retry: Retry::default(),
            is_heard: false,
            set: Addressing6 {
                keeps_found: true,
                ..Addressing6::default()
            },
            set_again_by: None,
            left_behind: LeftBehind::Kept { is_any: false },
            is_dirty: false,
            told: Arc::default(),
            noted: Noted::default(),
            is_without_nat64: false,
            outputs: VecDeque::new(),
        }
    }

    /// Begins; with a lease of before, which is confirmed as soon as there is an address to ask from.
    pub fn start(&mut self, remembered: Option<dhcp6::Lease>, now: Instant) {
        self.remembered = remembered.map(Box::new);
        self.seek(now);
        self.host.start(now);
        self.settle(now);
    }

    /// What came of making the link so.
    pub const fn configured(&mut self, configured: Configured6) {
        self.set_again_by = configured.again_by;
        if let LeftBehind::Kept { is_any } = &mut self.left_behind {
            *is_any = configured.keeps_found;
        }
    }

    /// Somebody else removed what was set: it is set again.
    pub fn unconfigured(&mut self, now: Instant) {
        self.set_anew();
        self.settle(now);
    }

    /// It is known whether somebody has an address.
    pub fn handle_dad(&mut self, address: Ipv6Addr, outcome: DadOutcome, now: Instant) {
        let (verification, dad) = match outcome {
            DadOutcome::Unique => (slaac::Verification::Unique, dhcp6::DadOutcome::Unique),
            DadOutcome::Duplicate { holder } => (
                slaac::Verification::Duplicate(holder),
                dhcp6::DadOutcome::Duplicate { holder },
            ),
        };
        self.host.handle_verification(address, verification, now);
        if let Some(dhcp) = self.dhcp.made() {
            dhcp.handle_dad(address, dad, now);
        }
        self.settle(now);
    }

    /// A router answers no more, or again.
    pub fn handle_router(&mut self, router: Ipv6Addr, reachability: Reachability, now: Instant) {
        match reachability {
            Reachability::Reachable => self.host.handle_reachable(router, now),
            Reachability::Unreachable => self.host.handle_unreachable(router, now),
        }
        self.settle(now);
    }

    /// The link carries so many bytes from now on.
    pub fn set_link_mtu(&mut self, mtu: u32, now: Instant) {
        self.host.set_link_mtu(mtu, now);
        self.settle(now);
    }

    /// The link carries nothing any more.
    pub fn carrier_lost(&mut self, now: Instant) {
        self.advance(Input::CutOff, now);
        self.settle(now);
    }

    /// The link is back, and may be another: routers are asked at once, and what is leased is confirmed.
    pub fn reconnect(&mut self, now: Instant) {
        self.seek(now);
        self.host.reconnect(now);
        if let Some(dhcp) = self.dhcp.made() {
            dhcp.reconnect(now);
        }
        self.settle(now);
    }

    /// The router is there again: it is asked at once, where IPv6 cannot be used.
    pub fn ask_again(&mut self, now: Instant) {
        if self.reach != Reach::Usable {
            self.host.solicit(now);
            if let Some(dhcp) = self.dhcp.made()
                && dhcp.lease().is_none()
            {
                dhcp.reconnect(now);
            }
            self.settle(now);
        }
    }

    /// Time has passed. Does nothing before [`Stack6::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.set_again_by.is_some_and(|by| by <= now) {
            self.set_anew();
        }
        if self.retry.at.take_if(|at| *at <= now).is_some() {
            self.host.reconnect(now);
        }
        self.host.handle_timeout(now);
        if let Some(dhcp) = self.dhcp.made() {
            dhcp.handle_timeout(now);
        }
        self.settle(now);
    }

    /// What is to be done next, oldest first.
    pub fn poll_output(&mut self) -> Option<Output6> {
        queue::take_next(&mut self.outputs)
    }

    /// Whether something is to be done next.
    pub(super) fn has_outputs(&self) -> bool {
        !self.outputs.is_empty()
    }

    /// When [`Stack6::handle_timeout`] is due, which may be in the past; `None`: not before something else happens.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let all = [
            self.host.poll_timeout(),
            self.dhcp.get().poll_timeout(),
            self.reach.deadline(),
            self.set_again_by,
            self.retry.at,
            self.told_until(),
        ];
        all.into_iter().flatten().min()
    }

    /// The lease with what its RELEASE needs beside it.
    pub fn held(&self, written: Written) -> Option<Held6> {
        Some(Held6 {
            link_local: self.host.link_local()?,
            duid: self.dhcp.get().config().duid.clone(),
            lease: written.lease,
            is_requested: written.is_requested,
        })
    }

    /// What it has, as it was told last.
    pub const fn state(&self) -> &Arc<Ipv6State> {
        &self.told
    }

    /// Whether it can be used.
    pub fn is_usable(&self) -> bool {
        self.reach == Reach::Usable
    }

    /// Whether it was usable before, since it was started or the link came back.
    pub const fn was_usable(&self) -> bool {
        match self.reach {
            Reach::Usable => true,
            Reach::Seeking { is_again, .. } | Reach::Overdue { is_again, .. } => is_again,
            Reach::Resting | Reach::CutOff => false,
        }
    }

    /// Whether it is sought, or used: neither given back nor cut off.
    pub const fn is_wanted(&self) -> bool {
        !matches!(self.reach, Reach::Resting)
    }

    /// The phase of a client that waits for it.
    pub fn phase(&self) -> Phase {
        if self.is_usable() {
            return Phase::Online;
        }
        let is_tentative = |it: &HeldAddress| it.state == AddressState::Tentative;
        let is_global = |it: &&HeldAddress| it.origin != AddressOrigin::LinkLocal;
        let mut all = self.told.addresses.iter();
        match self.missing() {
            Some(Missing::LinkLocal) => Phase::Dad,
            Some(Missing::Address) if all.any(|it| is_global(&it) && is_tentative(it)) => {
                Phase::Dad
            }
            Some(Missing::Address) if self.asks_for_addresses() => Phase::Dhcp6,
            Some(Missing::Prefix) => Phase::Dhcp6,
            Some(Missing::Address | Missing::Router | Missing::Disabled) | None => Phase::Router,
        }
    }

    /// It is to be usable within its time.
    fn seek(&mut self, now: Instant) {
        self.seen.forget();
        self.advance(Input::Seek(self.limit), now);
    }

    fn advance(&mut self, input: Input, now: Instant) -> Said {
        let (reach, news) = self.reach.step(input, now);
        self.is_dirty |= reach != self.reach;
        self.reach = reach;
        news
    }

    fn set_anew(&mut self) {
        self.set = Addressing6::default();
        self.set_again_by = None;
        self.is_dirty = true;
    }

    fn machines(&self) -> Machines<'_> {
        Machines {
            host: &self.host,
            dhcp: self.dhcp.get(),
            probing: self.probing.as_deref(),
        }
    }

    /// Whether what was told may be something else, though no machine says so.
    fn is_due(&self, now: Instant) -> bool {
        let mut ends = [self.reach.deadline(), self.told_until()].into_iter();
        let has_ended = ends.any(|end| end.is_some_and(|end| end <= now));
        has_ended || !self.machines().knows_neighbours(&self.set)
    }

    /// When something that was told ends by its time, and no machine says so.
    fn told_until(&self) -> Option<Instant> {
        let leased = self.told.addresses.iter();
        let leased =
            leased.filter(|it| it.origin.is_leased() && it.state == AddressState::Preferred);
        leased.filter_map(|it| it.preferred_until).min()
    }

    /// What is missing; `None`: nothing.
    fn missing(&self) -> Option<Missing> {
        if *self.host.state() == slaac::State::Disabled {
            Some(Missing::Disabled)
        } else if self.host.link_local().is_none() {
            Some(Missing::LinkLocal)
        } else if self.host.default_router().is_none() || !self.host.is_attached() {
            Some(Missing::Router)
        } else if self.told.global().next().map(|it| it.state) != Some(AddressState::Preferred) {
            Some(Missing::Address)
        } else if self.is_router() && self.told.delegated().next().is_none() {
            Some(Missing::Prefix)
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests;
