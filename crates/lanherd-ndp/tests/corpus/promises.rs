//! What must hold of a host whatever its script says.

use super::*;

impl Rig {
    /// Takes all outputs and checks them.
    pub fn drain(&mut self) {
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
