//! A host's stateless address autoconfiguration (RFC 4861, 6.3; RFC 4862) as a pure state machine.
//!
//! The caller owns clock, socket and kernel. It says what happened (`start`, `handle_packet`, `handle_timeout`, ...), then takes
//! what follows from [`Host::poll_output`] until nothing is left, then sleeps until [`Host::poll_timeout`] or the next packet.
//! Time only enters as `now`, chance only as the generator given to [`Host::new`]; so a simulated week takes a millisecond, and
//! a run can be repeated. Nothing here fails: what cannot be used is passed over, and an [`Event::Ignored`] says why.
//!
//! The kernel goes on with what it does well: it verifies addresses (duplicate address detection), resolves neighbours and
//! watches whether they answer, joins groups, and chooses source addresses. What comes of the first and the third is told to
//! the host.

mod addresses;
mod config;
mod event;
mod expire;
mod identifier;
mod ignored;
mod learn;
mod lists;
mod router;
mod standing;
mod state;
mod step;
mod until;
mod view;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Instant;

use lanherd_types::identity::Mac;
use lanherd_types::ipv6::Prefix;

pub use config::{Config, DhcpPolicy, DhcpWanted, HostType, Solicitations, TemporaryPolicy};
pub use event::{
    AddressKind, AddressLoss, Change, Event, InterfaceAddress, LinkParameters, Output, Route,
    RouterLoss,
};
pub use identifier::{Identifiers, Secret};
pub use ignored::Ignored;
pub use state::{Sent, State};
pub use until::Until;
pub use view::DefaultRouter;

use self::addresses::AutoPrefix;
use self::lists::Expiring;
use self::router::Routers;
use self::standing::Standing;
use self::step::Input;
use crate::message::Body;
use crate::options::EncryptedDns;
use crate::packet::Packet;
use lanherd_types::queue;

/// The smallest MTU of a link in bytes (RFC 8200, 5).
pub(crate) const MIN_MTU: u32 = 1280;
/// How many resolvers, and how many searched names, are kept. Three at least are asked for (RFC 8106, 5.3.1).
const MAX_RESOLVERS: usize = 8;
const MAX_SEARCHED: usize = 32;
/// How many prefixes of the NAT64 are kept.
const MAX_PREF64: usize = 8;
/// How many resolvers over encrypted connections are kept.
const MAX_ENCRYPTED: usize = 8;

/// What came of verifying an address (RFC 4862, 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verification {
    /// Nobody else has it.
    Unique,
    /// Somebody else has it: who, where that was heard.
    Duplicate(Option<Mac>),
}

/// One host on one link: its addresses, routers and whatever else routers advertise to it.
#[derive(Debug, Clone)]
pub struct Host {
    config: Config,
    rng: fastrand::Rng,
    state: State,
    routers: Routers,
    /// Prefixes of hosts on the link, and until when (RFC 4861, 5.1: the Prefix List).
    on_link: Vec<(Prefix, Until)>,
    /// The link-local prefix first, once started; then those that routers advertise.
    prefixes: Vec<AutoPrefix>,
    servers: Expiring<Ipv6Addr>,
    search: Expiring<String>,
    pref64: Expiring<Prefix>,
    encrypted: Expiring<EncryptedDns>,
    link: LinkParameters,
    /// What was told last of each, to tell only what is new.
    told: LastTold,
    standing: Standing,
    /// Since when, after the link was away, nobody has said which link it is.
    is_unattached: bool,
    /// Sent after the interface was told what to be.
    to_send: Vec<Packet>,
    outputs: VecDeque<Output>,
    deadline: Option<Instant>,
}

/// What was told last.
#[derive(Debug, Clone, Default)]
struct LastTold {
    resolvers: (Vec<Ipv6Addr>, Vec<String>),
    portal: Option<String>,
    flags: (bool, bool),
    link: LinkParameters,
}

impl Host {
    /// A host that has not started. All its chance comes from `rng`.
    pub fn new(config: Config, rng: fastrand::Rng) -> Self {
        Self {
            config,
            rng,
            state: State::Stopped,
            routers: Routers::default(),
            on_link: Vec::new(),
            prefixes: Vec::new(),
            servers: Expiring::new(MAX_RESOLVERS),
            search: Expiring::new(MAX_SEARCHED),
            pref64: Expiring::new(MAX_PREF64),
            encrypted: Expiring::new(MAX_ENCRYPTED),
            link: LinkParameters::default(),
            told: LastTold::default(),
            standing: Standing::default(),
            is_unattached: false,
            to_send: Vec::new(),
            outputs: VecDeque::new(),
            deadline: None,
        }
    }

    /// Begins, after the delay of [`Config::start_delay`]. Does nothing unless it is stopped.
    pub fn start(&mut self, now: Instant) {
        self.step(Input::Start, now);
        self.finish(now);
    }

    /// Stops: whatever stands is to go.
    pub fn stop(&mut self, now: Instant) {
        self.step(Input::Stop, now);
        self.finish(now);
    }

    /// A packet came. Those that are neither a router's advertisement nor about an address of its own do nothing.
    pub fn handle_packet(&mut self, packet: &Packet, now: Instant) {
        self.expire(now);
        match &packet.message.body {
            Body::RouterAdvertisement(body) => {
                let is_ours = packet.destination.is_multicast() || self.has(packet.destination);
                if is_ours {
                    self.step(Input::Advertisement(packet, body), now);
                } else {
                    self.ignore(Ignored::NotForUs, packet.source, None);
                }
            }
            Body::NeighbourAdvertisement(body) => {
                self.hear_rival(packet, body.target);
                if !body.router {
                    self.hear_host(packet, body);
                }
            }
            Body::NeighbourSolicitation { target } if packet.source.is_unspecified() => {
                self.hear_rival(packet, *target);
            }
            Body::NeighbourSolicitation { .. }
            | Body::RouterSolicitation
            | Body::Redirect { .. } => {}
        }
        self.settle(now);
    }

    /// What came of verifying an address; a claim of somebody else on an address in use counts like one at its verification.
    pub fn handle_verification(&mut self, address: Ipv6Addr, outcome: Verification, now: Instant) {
        self.expire(now);
        self.verified(address, outcome, now);
        self.settle(now);
    }

    /// A router answers no more (RFC 4861, 7.3): others are used first.
    pub fn handle_unreachable(&mut self, router: Ipv6Addr, now: Instant) {
        self.expire(now);
        self.router_fell_silent(router, now);
        self.settle(now);
    }

    /// A router answers again.
    pub fn handle_reachable(&mut self, router: Ipv6Addr, now: Instant) {
        self.expire(now);
        self.router_answered(router);
        self.settle(now);
    }

    /// Time has passed. Does nothing before [`Host::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Instant) {
        self.expire(now);
        if self.state.deadline().is_some_and(|due| due <= now) {
            self.step(Input::Timeout, now);
        }
        self.settle(now);
    }

    /// Asks for routers at once. Does nothing before the link-local address can be used.
    // Field practice: a host can be told to solicit at once.
    pub fn solicit(&mut self, now: Instant) {
        self.expire(now);
        self.step(Input::Solicit, now);
        self.settle(now);
    }

    /// The link came back, and it may be another. What is known is used until a router says which link it is, for which it is
    /// asked at once (RFC 6059, 5.5.1). Does nothing when it is stopped.
    pub fn reconnect(&mut self, now: Instant) {
        self.expire(now);
        self.step(Input::Reconnect, now);
        self.settle(now);
    }

    /// The link carries so many bytes from now on. An MTU above it that a router has advertised counts no more (RFC 4861, 6.3.4).
    pub fn set_link_mtu(&mut self, mtu: u32, now: Instant) {
        self.expire(now);
        self.config.link_mtu = mtu;
        self.link.mtu = self.link.mtu.filter(|advertised| *advertised <= mtu);
        self.settle(now);
    }

    /// All that stood on the interface has gone, as after its removal: it is told again.
    pub fn repeat(&mut self, now: Instant) {
        self.expire(now);
        self.standing.forget();
        self.told.link = LinkParameters::default();
        self.settle(now);
    }

    /// What is to be done next, oldest first.
    pub fn poll_output(&mut self) -> Option<Output> {
        queue::take_next(&mut self.outputs)
    }

    /// When [`Host::handle_timeout`] is due, which may be in the past; `None`: not before something else happens.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// The state that it is in.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// How it behaves.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// The addresses that are to stand, as they were told last.
    pub fn addresses(&self) -> impl Iterator<Item = &InterfaceAddress> {
        self.standing.addresses()
    }

    /// The routes that are to stand, as they were told last.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.standing.routes()
    }

    /// Its link-local address, once that can be used.
    pub fn link_local(&self) -> Option<Ipv6Addr> {
        let link_local = self.prefixes.first()?;
        let mut own = link_local.own.iter().filter(|own| own.is_usable());
        own.next().map(|own| own.address)
    }

    /// The default router that is used: of those that answer the most preferred one.
    pub fn default_router(&self) -> Option<Ipv6Addr> {
        let default = self.routes().filter(|it| it.prefix == Prefix::DEFAULT);
        default.min_by_key(|it| it.metric)?.gateway
    }

    /// The routers that advertise `prefix` for addresses: whom what is sent from one of these should go through (RFC 6724, 5,
    /// rule 5.5; RFC 8028).
    pub fn advertisers_of(&self, prefix: Prefix) -> impl Iterator<Item = Ipv6Addr> {
        let all = self.routers.all.iter();
        let advertisers = all.filter(move |router| router.prefixes.contains(&prefix));
        advertisers.map(|router| router.address)
    }

    /// The resolvers that routers advertise, best first.
    pub fn resolvers(&self) -> &[Ipv6Addr] {
        &self.told.resolvers.0
    }

    /// The names that are searched, as routers advertise them.
    pub fn search(&self) -> &[String] {
        &self.told.resolvers.1
    }

    /// What it should ask `DHCPv6` for.
    // RFC 4861, 4.2: the M flag asks for addresses by DHCPv6, and makes the O flag redundant.
    pub const fn dhcp_wanted(&self) -> DhcpWanted {
        match (self.config.dhcp, self.told.flags) {
            (DhcpPolicy::Always, _) | (DhcpPolicy::Flags, (true, _)) => DhcpWanted::Stateful,
            (DhcpPolicy::Flags, (false, true)) => DhcpWanted::Stateless,
            (DhcpPolicy::Never, _) | (DhcpPolicy::Flags, (false, false)) => DhcpWanted::Nothing,
        }
    }

    fn ignore(&mut self, reason: Ignored, router: Ipv6Addr, option: Option<(u8, usize)>) {
        self.event(Event::Ignored {
            reason,
            router,
            option,
        });
    }

    fn event(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}

/// All resolvers: those of `DHCPv6` (or DHCP) first, then those of routers, each once.
// RFC 8106, 5.3.1: resolvers of DHCP come before those of routers.
pub fn merged_resolvers(of_dhcp: &[IpAddr], of_routers: &[Ipv6Addr]) -> Vec<IpAddr> {
    let mut merged: Vec<IpAddr> = Vec::new();
    let of_routers = of_routers.iter().copied().map(IpAddr::from);
    for resolver in of_dhcp.iter().copied().chain(of_routers) {
        if !merged.contains(&resolver) {
            merged.push(resolver);
        }
    }
    merged
}

/// A resolver as it stands in `resolv.conf`: a link-local one with the interface that it is on.
// RFC 8106, 5.1: a link-local resolver is written with its link.
pub fn scoped(resolver: IpAddr, interface: &str) -> String {
    match resolver {
        IpAddr::V6(address) if crate::packet::is_link_local(address) => {
            format!("{address}%{interface}")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests;
