//! A host under a script, and those around it.

use super::*;

/// A host with a clock, and what is known about it from the outside.
pub struct Rig {
    pub host: Host,
    pub start: Instant,
    pub now: Instant,
    /// What stands in the kernel.
    pub kernel: BTreeMap<Ipv6Addr, InterfaceAddress>,
    pub routes: Vec<Route>,
    /// What the events say: addresses that were formed, with whether they are deprecated, and when; default routers.
    pub formed: BTreeMap<Ipv6Addr, (AddressKind, bool, Instant)>,
    pub defaults: BTreeSet<Ipv6Addr>,
    /// Until when a prefix may be valid, going by all that was advertised; `None`: for ever.
    pub bounds: BTreeMap<Prefix, Option<Instant>>,
    /// What may make it ask for routers, and how often it asked.
    pub triggers: u64,
    pub solicitations: u64,
    pub is_backing_off: bool,
    pub seen: BTreeSet<&'static str>,
}

impl Rig {
    pub fn new(script: &mut Script<'_>) -> Self {
        let choice = script.byte();
        let more = script.byte();
        let secret = Secret([choice; 16]);
        let mut config = Config::new(MAC, secret);
        if choice & 1 != 0 {
            config.start_delay = Duration::ZERO..=Duration::ZERO;
        }
        config.solicitations = if choice & 2 != 0 {
            Solicitations::RFC_7559
        } else {
            Solicitations::RFC_4861
        };
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

    pub fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.host.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.handle_timers();
        }
        self.now = end;
    }

    pub fn wait_for_timer(&mut self) {
        if let Some(due) = self.host.poll_timeout() {
            // What lasts for a century is not waited for, or the clock would end.
            if due < self.now + 400 * DAY {
                self.now = self.now.max(due);
                self.handle_timers();
            }
        }
    }

    pub fn sleep(&mut self, time: Duration) {
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

    pub fn command(&mut self, command: impl FnOnce(&mut Host, Instant)) {
        command(&mut self.host, self.now);
        self.drain();
    }

    pub fn verify(&mut self, script: &mut Script<'_>) {
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
    pub fn neighbour(&mut self, script: &mut Script<'_>) {
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

    pub fn advertise(&mut self, script: &mut Script<'_>) {
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
}

fn mac_of(router: Ipv6Addr) -> Mac {
    Mac([2, 0, 0x5e, 0x10, 0, router.octets()[15]])
}
