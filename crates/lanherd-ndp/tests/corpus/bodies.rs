//! What the fuzz targets do with their bytes, and what must hold whatever the bytes are.
//!
//! Included by path: by the fuzz targets, and by the tests that replay seeds and try random bytes.

#![allow(dead_code, reason = "each fuzz target uses one of the two")]

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use lanherd_ndp::options::{
    EncryptedDns, Pref64, PrefixInformation, Resolvers, RouteInformation, SearchList,
};
use lanherd_ndp::slaac::{
    AddressKind, Change, Config, DhcpPolicy, Event, HostType, Identifiers, InterfaceAddress,
    Output, Route, Secret, Solicitations, TemporaryPolicy, Verification,
};
use lanherd_ndp::{
    Body, Host, Lifetime, Mac, Message, NdOption, NeighbourAdvertisement, Packet, Preference,
    Prefix, Reason, Refused, RouterAdvertisement,
};

const MAC: Mac = Mac([2, 0, 0x5e, 0x10, 0, 50]);
const RIVAL: Mac = Mac([2, 0, 0x5e, 0x10, 0, 99]);
/// Lifetimes, in seconds, that are likely to be on some edge.
const SECONDS: [u32; 10] = [0, 1, 2, 6, 60, 1800, 7200, 7201, u32::MAX - 1, u32::MAX];
const DAY: Duration = Duration::from_secs(86_400);

/// Bytes are a frame that is a valid packet or refused, and a packet that was read can be written and read again.
pub fn packet(data: &[u8]) {
    read(data, Packet::from_frame(data), 14);
    read(data, Packet::decode(data), 0);
    // Few bytes have the right checksum by chance.
    let mut bytes = data.to_vec();
    if let Err(Refused {
        reason: Reason::Checksum { right, .. },
        offset,
        ..
    }) = Packet::decode(&bytes)
    {
        bytes[offset..offset + 2].copy_from_slice(&right.to_be_bytes());
        let outcome = Packet::decode(&bytes);
        let is_checksum = |refused: &Refused| matches!(refused.reason, Reason::Checksum { .. });
        assert!(!outcome.as_ref().is_err_and(is_checksum));
        read(&bytes, outcome, 0);
    }
}

fn read(data: &[u8], outcome: Result<Packet, Refused>, header: usize) {
    let packet = match outcome {
        Ok(packet) => packet,
        Err(refused) => {
            assert!(refused.offset <= data.len(), "{refused}");
            assert!(Reason::WORDS.contains(&refused.reason.as_str()));
            assert!(!refused.to_string().contains(char::is_control));
            return;
        }
    };
    let bytes = &data[header..];
    let notes = &packet.message.notes;
    for remark in notes.remarks() {
        assert!(remark.offset + remark.length <= bytes.len(), "{remark}");
        if let Some(option) = remark.option {
            assert_eq!(bytes[remark.offset], option);
        }
    }
    for (at, option) in packet.message.options.iter().enumerate() {
        let offset = notes.offset(at).expect("it stood in a packet");
        assert_eq!(bytes[offset], option.code());
        check_option(option);
    }
    let again = Packet::decode(&packet.encode()).expect("what is written can be read");
    assert_eq!(again.message, packet.message);
    assert_eq!(
        (again.source, again.destination),
        (packet.source, packet.destination)
    );
    assert_eq!(
        again.message.notes.remarks().len(),
        0,
        "{:?}",
        again.message.notes
    );
}

fn check_option(option: &NdOption) {
    let is_prefix = |prefix: Prefix| {
        assert_eq!(Prefix::new(prefix.address(), prefix.length()), Some(prefix));
    };
    match option {
        NdOption::Prefix(information) => is_prefix(information.prefix),
        NdOption::Route(route) => is_prefix(route.prefix),
        NdOption::Pref64(pref64) => {
            is_prefix(pref64.prefix);
            assert!(Pref64::LENGTHS.contains(&pref64.prefix.length()));
            assert!(pref64.lifetime.as_secs() <= Pref64::MAX_LIFETIME);
        }
        NdOption::Resolvers(resolvers) => {
            assert!((1..=32).contains(&resolvers.servers.len()));
            assert!(!resolvers.servers.iter().any(Ipv6Addr::is_multicast));
        }
        NdOption::SearchList(list) => {
            assert!((1..=32).contains(&list.names.len()));
            assert!(list.names.iter().all(|name| is_name(name)));
        }
        NdOption::EncryptedDns(encrypted) => assert!(is_name(&encrypted.name)),
        NdOption::CaptivePortal(uri) => {
            assert!((1..=255).contains(&uri.len()) && uri.bytes().all(|it| it.is_ascii_graphic()));
        }
        NdOption::SourceLinkLayer(mac) | NdOption::TargetLinkLayer(mac) => {
            assert_eq!(mac.octets()[0] & 1, 0);
        }
        NdOption::Mtu(_)
        | NdOption::Nonce(_)
        | NdOption::RedirectedHeader(_)
        | NdOption::Other { .. } => {}
    }
}

fn is_name(name: &str) -> bool {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=253).contains(&name.len()) && name.bytes().all(is_safe)
}

/// Bytes are a script of packets, commands and waits; a host survives it with its promises kept.
///
/// Returns the states and events that the script led to.
pub fn host(data: &[u8]) -> BTreeSet<&'static str> {
    let mut script = Script(data);
    let mut rig = Rig::new(&mut script);
    while let Some(step) = script.next() {
        match step % 20 {
            0 => rig.wait(Duration::from_millis(u64::from(script.byte()) * 50)),
            1 => rig.wait(Duration::from_secs(u64::from(script.byte()) * 60)),
            2 => rig.wait_for_timer(),
            3 => rig.sleep(Duration::from_secs(u64::from(script.byte()) * 600)),
            4 => {
                rig.triggers += 1;
                rig.command(Host::start);
            }
            5 => rig.command(Host::stop),
            6 => {
                rig.triggers += 1;
                rig.command(Host::solicit);
            }
            7 => {
                rig.triggers += 1;
                rig.command(Host::reconnect);
            }
            8 => {
                rig.kernel.clear();
                rig.routes.clear();
                rig.command(Host::repeat);
            }
            9 => {
                let router = router(&mut script);
                rig.command(|host, now| host.handle_unreachable(router, now));
            }
            10 => {
                let router = router(&mut script);
                rig.command(|host, now| host.handle_reachable(router, now));
            }
            11..=13 => rig.verify(&mut script),
            14 => rig.neighbour(&mut script),
            _ => rig.advertise(&mut script),
        }
    }
    rig.command(Host::stop);
    assert_eq!(
        (rig.kernel.len(), rig.routes.len()),
        (0, 0),
        "something stands"
    );
    assert_eq!(
        (rig.formed.len(), rig.defaults.len()),
        (0, 0),
        "something was not told"
    );
    rig.seen
}

fn router(script: &mut Script<'_>) -> Ipv6Addr {
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1 + u16::from(script.byte() % 20))
}

/// Reads bytes; zeros where there are none left.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    fn choose<T: Copy>(&mut self, among: &[T]) -> T {
        among[usize::from(self.byte()) % among.len()]
    }
}

/// A host with a clock, and what is known about it from the outside.
struct Rig {
    host: Host,
    start: Instant,
    now: Instant,
    /// What stands in the kernel.
    kernel: BTreeMap<Ipv6Addr, InterfaceAddress>,
    routes: Vec<Route>,
    /// What the events say: addresses that were formed, with whether they are deprecated, and when; default routers.
    formed: BTreeMap<Ipv6Addr, (AddressKind, bool, Instant)>,
    defaults: BTreeSet<Ipv6Addr>,
    /// Until when a prefix may be valid, going by all that was advertised; `None`: for ever.
    bounds: BTreeMap<Prefix, Option<Instant>>,
    /// What may make it ask for routers, and how often it asked.
    triggers: u64,
    solicitations: u64,
    is_backing_off: bool,
    seen: BTreeSet<&'static str>,
}

impl Rig {
    fn new(script: &mut Script<'_>) -> Self {
        let choice = script.byte();
        let more = script.byte();
        let secret = Secret([choice; 16]);
        let mut config = Config::new(MAC, secret);
        if choice & 1 != 0 {
            config.start_delay = Duration::ZERO..=Duration::ZERO;
        }
        if choice & 2 != 0 {
            config.solicitations = Solicitations::RFC_7559;
        }
        config.solicits_early = choice & 4 != 0;
        config.verifies = choice & 8 != 0;
        config.two_hour_rule = choice & 16 != 0;
        config.gratuitous_advertisements = choice & 32 != 0;
        if choice & 64 != 0 {
            config.temporary = Some(TemporaryPolicy::RFC_8981);
        }
        if more & 1 != 0 {
            config.identifiers = Identifiers::Eui64;
        } else if more & 2 != 0 {
            config.identifiers = Identifiers::Random { secret };
        }
        config.host_type = HostType::ALL[usize::from(more >> 2) % 3];
        config.dhcp = DhcpPolicy::ALL[usize::from(more >> 4) % 3];
        let start = Instant::now();
        Self {
            is_backing_off: choice & 2 != 0,
            host: Host::new(config, fastrand::Rng::with_seed(u64::from(choice))),
            start,
            now: start,
            kernel: BTreeMap::new(),
            routes: Vec::new(),
            formed: BTreeMap::new(),
            defaults: BTreeSet::new(),
            bounds: BTreeMap::new(),
            triggers: 0,
            solicitations: 0,
            seen: BTreeSet::new(),
        }
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.host.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.handle_timers();
        }
        self.now = end;
    }

    fn wait_for_timer(&mut self) {
        if let Some(due) = self.host.poll_timeout() {
            // What lasts for a century is not waited for, or the clock would end.
            if due < self.now + 400 * DAY {
                self.now = self.now.max(due);
                self.handle_timers();
            }
        }
    }

    fn sleep(&mut self, time: Duration) {
        self.now += time;
        self.handle_timers();
    }

    /// Handles what is due; a host never asks for a moment that has passed.
    fn handle_timers(&mut self) {
        self.host.handle_timeout(self.now);
        self.drain();
        let next = self.host.poll_timeout();
        assert!(
            next.is_none_or(|next| next > self.now),
            "the host spins in {:?}",
            self.host.state()
        );
        for address in self.kernel.values() {
            assert!(
                !address.valid.has_come(self.now),
                "beyond its valid lifetime: {address:?}"
            );
        }
        assert!(
            !self
                .routes
                .iter()
                .any(|route| route.valid.has_come(self.now))
        );
    }

    fn command(&mut self, command: impl FnOnce(&mut Host, Instant)) {
        command(&mut self.host, self.now);
        self.drain();
    }

    fn verify(&mut self, script: &mut Script<'_>) {
        let index = usize::from(script.byte());
        let known: Vec<Ipv6Addr> = self.kernel.keys().copied().collect();
        let Some(address) = known.get(index % known.len().max(1)).copied() else {
            return;
        };
        let outcome = match script.byte() {
            0..200 => Verification::Unique,
            200..240 => Verification::Duplicate(None),
            _ => Verification::Duplicate(Some(RIVAL)),
        };
        self.triggers += 1;
        self.command(|host, now| host.handle_verification(address, outcome, now));
        if outcome != Verification::Unique {
            assert!(!self.kernel.contains_key(&address), "it is somebody else's");
        }
    }

    /// Somebody says what it is, more or less of an address that matters.
    fn neighbour(&mut self, script: &mut Script<'_>) {
        let choice = script.byte();
        let target = match choice & 1 {
            0 => router(script),
            _ => self
                .kernel
                .keys()
                .next()
                .copied()
                .unwrap_or(Ipv6Addr::LOCALHOST),
        };
        let body = Body::NeighbourAdvertisement(NeighbourAdvertisement {
            router: choice & 2 != 0,
            solicited: false,
            override_: choice & 4 != 0,
            target,
        });
        let mac = if choice & 8 == 0 {
            RIVAL
        } else {
            mac_of(target)
        };
        let message = Message::new(body, vec![NdOption::TargetLinkLayer(mac)]);
        let packet = Packet::new(mac, target, "ff02::1".parse().expect("an address"), message);
        self.command(|host, now| host.handle_packet(&packet, now));
    }

    fn advertise(&mut self, script: &mut Script<'_>) {
        let router = router(script);
        let choice = script.byte();
        let body = RouterAdvertisement {
            hop_limit: Some(64).filter(|_| choice & 1 != 0),
            managed: choice & 2 != 0,
            other: choice & 4 != 0,
            preference: Preference::ALL[usize::from(choice >> 6) % 3],
            lifetime: script.choose(&[0, 1, 60, 1800, 1800, 9000, u16::MAX]),
            ..RouterAdvertisement::default()
        };
        let options = (0..choice >> 3 & 7).map(|_| Self::option(script)).collect();
        let sent = Packet::router_advertisement(mac_of(router), router, body, options);
        let mut frame = sent.to_frame().expect("a frame");
        // Now and then one byte of it is another.
        if script.byte() > 240 {
            let place = usize::from(script.byte()) % frame.len();
            frame[place] = script.byte();
        }
        if let Ok(packet) = Packet::from_frame(&frame) {
            self.bound(&packet);
            self.command(|host, now| host.handle_packet(&packet, now));
        }
    }

    fn option(script: &mut Script<'_>) -> NdOption {
        let lifetime = Lifetime::from_secs(script.choose(&SECONDS));
        let number = u16::from(script.byte() % 24);
        let prefix = |address, length| Prefix::new(address, length).expect("a prefix");
        let home = Ipv6Addr::new(0x2001, 0xdb8, number, 0, 0, 0, 0, 0);
        match script.byte() % 12 {
            0..=4 => {
                let choice = script.byte();
                let length = if choice > 240 { choice - 127 } else { 64 };
                NdOption::Prefix(PrefixInformation {
                    prefix: match choice {
                        230.. => prefix("fe80::".parse().expect("an address"), 64),
                        _ => prefix(home, length),
                    },
                    on_link: choice & 1 == 0,
                    autonomous: choice & 2 == 0,
                    router_address: false,
                    delegation_preferred: choice & 4 != 0,
                    valid: lifetime,
                    preferred: Lifetime::from_secs(script.choose(&SECONDS)),
                })
            }
            5 => NdOption::Mtu(script.choose(&[0, 1279, 1280, 1400, 1500, 9000])),
            6 => NdOption::Route(RouteInformation {
                prefix: prefix(home, [0, 48, 64, 128][usize::from(number) % 4]),
                preference: Preference::ALL[usize::from(script.byte()) % 3],
                lifetime,
            }),
            7 => NdOption::Resolvers(Resolvers {
                lifetime,
                servers: vec![home, router(script)],
            }),
            8 => NdOption::SearchList(SearchList {
                lifetime,
                names: vec![format!("lan{number}.test")],
            }),
            9 => NdOption::Pref64(Pref64 {
                prefix: prefix(home, 96),
                lifetime,
            }),
            10 => NdOption::EncryptedDns(EncryptedDns {
                priority: number,
                lifetime,
                name: "dns.test".to_owned(),
                addresses: Vec::new(),
                parameters: Vec::new(),
            }),
            _ => NdOption::CaptivePortal(format!("https://portal{number}.test")),
        }
    }

    /// No address may last for longer than anybody said of its prefix.
    fn bound(&mut self, packet: &Packet) {
        for option in &packet.message.options {
            if let NdOption::Prefix(information) = option {
                let end = information.valid.duration().map(|valid| self.now + valid);
                let bound = self
                    .bounds
                    .entry(information.prefix)
                    .or_insert(Some(self.now));
                *bound = match (*bound, end) {
                    (Some(one), Some(other)) => Some(one.max(other)),
                    (None, _) | (_, None) => None,
                };
            }
        }
    }

    /// Takes all outputs and checks them.
    fn drain(&mut self) {
        self.seen.insert(self.host.state().as_str());
        while let Some(output) = self.host.poll_output() {
            match output {
                Output::Transmit(packet) => self.check_transmit(&packet),
                Output::Configure(change) => self.configure(&change),
                Output::Event(event) => self.note(&event),
            }
        }
        let standing: BTreeSet<Ipv6Addr> = self.host.addresses().map(|it| it.address).collect();
        assert!(
            standing.iter().eq(self.kernel.keys()),
            "what was told and what stands differ"
        );
        assert!(
            standing.iter().eq(self.formed.keys()),
            "the events and what stands differ"
        );
        assert_eq!(self.host.routes().count(), self.routes.len());
        let defaults: BTreeSet<Ipv6Addr> = self
            .routes
            .iter()
            .filter(|route| route.prefix == Prefix::DEFAULT)
            .filter_map(|route| route.gateway)
            .collect();
        assert_eq!(defaults, self.defaults, "the events and the routes differ");
        assert!(self.routes.len() <= 16 + 16 + 64 && self.kernel.len() <= 1 + 16 * 9);
        assert!(self.host.resolvers().len() <= 8 && self.host.search().len() <= 32);
        // Each trigger gives rise to three at most; with backoff they are more than 3.6 s apart.
        let allowed = 3 * (self.triggers + 1);
        let elapsed = (self.now - self.start).as_secs() / 3;
        let allowed = allowed + if self.is_backing_off { elapsed } else { 0 };
        assert!(self.solicitations <= allowed, "a storm of solicitations");
    }

    fn check_transmit(&mut self, packet: &Packet) {
        let frame = packet.to_frame().expect("a frame");
        let read = Packet::from_frame(&frame).expect("what is sent is valid");
        assert_eq!(
            (read.message.clone(), read.source_mac),
            (packet.message.clone(), Some(MAC))
        );
        match packet.message.body {
            Body::RouterSolicitation => {
                self.solicitations += 1;
                let link_layer = packet.message.source_link_layer();
                if packet.source.is_unspecified() {
                    assert_eq!(link_layer, None);
                } else {
                    assert_eq!(link_layer, Some(MAC));
                    assert_eq!(Some(packet.source), self.host.link_local());
                }
            }
            Body::NeighbourAdvertisement(body) => {
                assert!(!body.override_ && !body.solicited && !body.router);
                assert_eq!(body.target, packet.source);
            }
            ref other => panic!("a host sent {other:?}"),
        }
    }

    fn configure(&mut self, change: &Change) {
        match *change {
            Change::SetAddress(address) => {
                assert!(!address.valid.has_come(self.now) && address.preferred <= address.valid);
                self.check_bound(&address);
                self.kernel.insert(address.address, address);
            }
            Change::RemoveAddress(address) => {
                assert!(
                    self.kernel.remove(&address).is_some(),
                    "removed what did not stand"
                );
            }
            Change::SetRoute(route) => {
                assert!(!route.valid.has_come(self.now));
                self.routes.retain(|it| !it.is_same(&route));
                let is_double = |it: &Route| it.prefix == route.prefix && it.metric == route.metric;
                assert!(
                    !self.routes.iter().any(is_double),
                    "two routes of one metric"
                );
                self.routes.push(route);
            }
            Change::RemoveRoute(route) => {
                let before = self.routes.len();
                self.routes.retain(|it| !it.is_same(&route));
                assert_eq!(self.routes.len() + 1, before, "removed what did not stand");
            }
            Change::SetLink(link) => {
                assert!(link.mtu.is_none_or(|mtu| (1280..=1500).contains(&mtu)));
            }
        }
    }

    fn check_bound(&self, address: &InterfaceAddress) {
        if address.kind == AddressKind::LinkLocal {
            return assert_eq!(address.valid.moment(), None);
        }
        let prefix = Prefix::new(address.address, 64).expect("a prefix");
        let bound = self.bounds.get(&prefix).expect("advertised");
        if let Some(bound) = bound {
            let end = address.valid.moment().expect("an end");
            assert!(end <= *bound, "beyond what was advertised: {address:?}");
        }
        if address.kind == AddressKind::Temporary {
            let end = address.valid.moment().expect("an end");
            let (_, _, formed) = self.formed[&address.address];
            assert!(end <= formed + 2 * DAY);
            let preferred = address.preferred.moment().expect("an end");
            assert!(preferred <= formed + DAY);
        }
    }

    fn note(&mut self, event: &Event) {
        let now = self.now;
        self.seen.insert(match event {
            Event::AddressFormed { address, kind } => {
                let known = self.formed.insert(*address, (*kind, false, now));
                assert_eq!(known, None, "formed twice");
                kind.as_str()
            }
            Event::AddressUsable { address, .. } => {
                assert!(self.formed.contains_key(address));
                "event: usable"
            }
            Event::AddressDeprecated { address, .. } => {
                // One that was deprecated when it was formed was never anything else.
                self.formed.get_mut(address).expect("formed").1 = true;
                "event: deprecated"
            }
            Event::AddressPreferred(address) => {
                self.formed.get_mut(address).expect("formed").1 = false;
                "event: preferred"
            }
            Event::AddressLost { address, why } => {
                assert!(self.formed.remove(address).is_some());
                match why.as_str() {
                    "expired" => "address: expired",
                    "moved" => "address: moved",
                    _ => "address: stopped",
                }
            }
            Event::AddressDuplicate { address, .. } => {
                assert!(self.formed.remove(address).is_some());
                "event: duplicate"
            }
            Event::VerificationUnanswered(address) => {
                self.triggers += 1;
                assert!(self.formed.contains_key(address));
                "event: verification unanswered"
            }
            Event::Disabled => "event: disabled",
            Event::RouterFound { router, .. } => {
                assert!(self.defaults.insert(*router), "found twice");
                "event: found"
            }
            Event::RouterLost { router, why } => {
                assert!(self.defaults.remove(router), "lost twice");
                why.as_str()
            }
            Event::RouterUnreachable(_) => "event: unreachable",
            Event::RouterReachable(_) => "event: reachable",
            Event::Answered { .. } => "event: answered",
            Event::Unanswered { .. } => "event: unanswered",
            Event::Attached { same_link: true } => "event: the same link",
            Event::Attached { same_link: false } => "event: another link",
            Event::PrefixRenumbered { old, new, .. } => {
                assert_ne!(old, new);
                "event: renumbered"
            }
            Event::ResolversChanged { .. } => "event: resolvers",
            Event::Pref64Changed(_) => "event: pref64",
            Event::FlagsChanged { .. } => "event: flags",
            Event::CaptivePortalChanged(_) => "event: portal",
            Event::EncryptedDnsChanged(_) => "event: encrypted",
            Event::DelegationPreferred(_) => "event: delegation",
            Event::Ignored { reason, .. } => reason.as_str(),
            Event::Remarked { remark, .. } => remark.reason.as_str(),
        });
    }
}

fn mac_of(router: Ipv6Addr) -> Mac {
    Mac([2, 0, 0x5e, 0x10, 0, router.octets()[15]])
}
