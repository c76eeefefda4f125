//! Timelines on a virtual clock: what is sent and told, at which second.

mod attaching;
mod lists;
mod prefixes;
mod routers;
mod soliciting;
mod standing;
mod temporary;
mod verifying;

use std::time::Duration;

use super::*;
use crate::options::{NdOption, Preference, PrefixInformation, RouteInformation};
use crate::{Lifetime, RouterAdvertisement};

const MAC: Mac = Mac([2, 0, 0x5e, 0x10, 0, 50]);
const ROUTER_MAC: Mac = Mac([2, 0, 0x5e, 0x10, 0, 1]);
const RIVAL: Mac = Mac([2, 0, 0x5e, 0x10, 0, 99]);
const SECRET: Secret = Secret([7; 16]);
const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const OTHER_ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);
const HOUR: u32 = 3600;
const DAY: u32 = 24 * HOUR;

fn prefix(text: &str) -> Prefix {
    let (address, length) = text.split_once('/').expect("a prefix");
    let length = length.parse().expect("a length");
    Prefix::new(address.parse().expect("an address"), length).expect("a prefix")
}

fn home() -> Prefix {
    prefix("2001:db8:77::/64")
}

fn other() -> Prefix {
    prefix("2001:db8:88::/64")
}

/// A host that starts at second 0, without a delay, whose addresses nobody has to verify, and which asks nobody for anything
/// beyond.
fn config() -> Config {
    Config {
        start_delay: Duration::ZERO..=Duration::ZERO,
        solicitations: Solicitations::RFC_4861,
        verifies: false,
        gratuitous_advertisements: false,
        ..Config::new(MAC, SECRET)
    }
}

/// The option of a prefix with both flags.
fn pio(prefix: Prefix, valid: u32, preferred: u32) -> NdOption {
    NdOption::Prefix(PrefixInformation {
        prefix,
        on_link: true,
        autonomous: true,
        router_address: false,
        delegation_preferred: false,
        valid: Lifetime::from_secs(valid),
        preferred: Lifetime::from_secs(preferred),
    })
}

fn body(lifetime: u16) -> RouterAdvertisement {
    RouterAdvertisement {
        lifetime,
        ..RouterAdvertisement::default()
    }
}

fn ra_from(router: Ipv6Addr, body: RouterAdvertisement, mut options: Vec<NdOption>) -> Packet {
    let [.., last] = router.octets();
    let mac = Mac([2, 0, 0x5e, 0x10, 0, last]);
    options.insert(0, NdOption::SourceLinkLayer(mac));
    // Over the wire, so that offsets are there.
    let frame = Packet::router_advertisement(mac, router, body, options).to_frame();
    Packet::from_frame(&frame.expect("a frame")).expect("valid")
}

fn ra(lifetime: u16, options: Vec<NdOption>) -> Packet {
    ra_from(ROUTER, body(lifetime), options)
}

/// A host, its clock, and what it has sent and told.
struct Harness {
    host: Host,
    start: Instant,
    now: Instant,
    sent: Vec<(f64, Packet)>,
    changes: Vec<(f64, Change)>,
    events: Vec<(f64, Event)>,
}

impl Harness {
    fn new(config: Config, seed: u64) -> Self {
        let start = Instant::now();
        Self {
            host: Host::new(config, fastrand::Rng::with_seed(seed)),
            start,
            now: start,
            sent: Vec::new(),
            changes: Vec::new(),
            events: Vec::new(),
        }
    }

    /// One that has asked for routers at second 0.
    fn soliciting_with(config: Config) -> Self {
        let mut harness = Self::new(config, 1);
        harness.tell(Host::start);
        harness.until(0.0);
        harness
    }

    fn soliciting() -> Self {
        Self::soliciting_with(config())
    }

    /// One that has, since second 0, a router for half an hour and the prefix [`home`] for so long.
    fn configured_with(config: Config, valid: u32, preferred: u32) -> Self {
        let mut harness = Self::soliciting_with(config);
        harness.receive(&ra(1800, vec![pio(home(), valid, preferred)]));
        harness.forget();
        harness
    }

    fn configured() -> Self {
        Self::configured_with(config(), DAY, 4 * HOUR)
    }

    fn seconds(&self) -> f64 {
        (self.now - self.start).as_secs_f64()
    }

    fn at(&self, seconds: f64) -> Until {
        Until::at(self.start + Duration::from_secs_f64(seconds))
    }

    fn tell(&mut self, command: impl FnOnce(&mut Host, Instant)) {
        command(&mut self.host, self.now);
        self.drain();
    }

    fn receive(&mut self, packet: &Packet) {
        self.host.handle_packet(packet, self.now);
        self.drain();
    }

    fn verify(&mut self, address: Ipv6Addr, outcome: Verification) {
        self.host.handle_verification(address, outcome, self.now);
        self.drain();
    }

    /// Lets the time pass until `seconds`, every timer being handled when it is due.
    fn until(&mut self, seconds: f64) {
        let end = self.start + Duration::from_secs_f64(seconds);
        while let Some(due) = self.host.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.host.handle_timeout(self.now);
            self.drain();
            let next = self.host.poll_timeout();
            assert!(next.is_none_or(|next| next > self.now), "the host spins");
        }
        self.now = end;
    }

    fn drain(&mut self) {
        let seconds = self.seconds();
        while let Some(output) = self.host.poll_output() {
            match output {
                Output::Transmit(packet) => self.sent.push((seconds, packet)),
                Output::Configure(change) => self.changes.push((seconds, change)),
                Output::Event(event) => self.events.push((seconds, event)),
            }
        }
    }

    fn forget(&mut self) {
        self.sent.clear();
        self.changes.clear();
        self.events.clear();
    }

    fn state(&self) -> &'static str {
        self.host.state().as_str()
    }

    /// What happened, without the times; forgotten afterwards.
    fn happened(&mut self) -> Vec<Event> {
        self.events.drain(..).map(|(_, event)| event).collect()
    }

    /// What was to be made of the interface, without the times; forgotten afterwards.
    fn changed(&mut self) -> Vec<Change> {
        self.changes.drain(..).map(|(_, change)| change).collect()
    }

    /// Why options were ignored; everything else that happened is forgotten.
    fn ignored(&mut self) -> Vec<(Ignored, Option<u8>)> {
        let reason = |event| match event {
            Event::Ignored { reason, option, .. } => Some((reason, option.map(|it| it.0))),
            _ => None,
        };
        self.happened().into_iter().filter_map(reason).collect()
    }

    /// The seconds at which routers were asked.
    fn solicitations(&self) -> Vec<f64> {
        self.sent.iter().map(|(seconds, _)| *seconds).collect()
    }

    /// The addresses that are to stand, but for the link-local one.
    fn addresses(&self) -> Vec<InterfaceAddress> {
        let all = self.host.addresses().copied();
        all.filter(|it| it.kind != AddressKind::LinkLocal).collect()
    }

    fn address(&self) -> InterfaceAddress {
        let all = self.addresses();
        assert_eq!(all.len(), 1, "{all:?}");
        all[0]
    }

    /// The routes through routers that are to stand: where to, through whom, in the order in which they are used.
    fn routes(&self) -> Vec<(Prefix, Ipv6Addr)> {
        let mut routes: Vec<_> = self.host.routes().collect();
        routes.sort_by_key(|route| (std::cmp::Reverse(route.prefix.length()), route.metric));
        let through = |route: &&Route| Some((route.prefix, route.gateway?));
        routes.iter().filter_map(through).collect()
    }

    /// The prefixes on the link.
    fn on_link(&self) -> Vec<Prefix> {
        let routes = self.host.routes().filter(|it| it.gateway.is_none());
        routes.map(|route| route.prefix).collect()
    }
}
