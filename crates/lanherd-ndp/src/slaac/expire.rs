//! What ends by its time, and what follows from whatever happened: what is told, and when it must act again.

use std::mem;
use std::time::Instant;

use super::event::{AddressLoss, Change, Event, Output, Route, RouterLoss};
use super::step::Input;
use super::{Host, State};

/// The metric of a route to hosts on the link: before any router.
const ON_LINK_METRIC: u32 = 256;

impl Host {
    /// Ends what has run out. First of all, or what comes late would extend what no longer exists.
    pub(super) fn expire(&mut self, now: Instant) {
        for router in self.routers.expire(now) {
            let why = RouterLoss::Expired;
            self.event(Event::RouterLost { router, why });
        }
        // RFC 4861, 6.3.5: a prefix whose lifetime has ended is not on the link any more.
        self.on_link.retain(|(_, until)| !until.has_come(now));
        for at in (0..self.prefixes.len()).rev() {
            if self.prefixes[at].valid.has_come(now) {
                self.lose_prefix(at, AddressLoss::Expired);
            } else {
                self.expire_addresses(at, now);
            }
        }
        self.form_due(now);
        self.tell_unverified(now);
        self.servers.expire(now);
        self.search.expire(now);
        self.pref64.expire(now);
        self.encrypted.expire(now);
    }

    /// Of one prefix, the addresses whose lifetimes have ended before the prefix' own.
    fn expire_addresses(&mut self, at: usize, now: Instant) {
        let policy = self.config.temporary;
        let mut events = Vec::new();
        let prefix = &mut self.prefixes[at];
        let mut own = mem::take(&mut prefix.own);
        own.retain_mut(|own| {
            let (valid, preferred) = prefix.lifetimes(own, policy);
            let address = own.address;
            // RFC 4862, 5.5.4: an address is not used beyond its valid lifetime.
            if valid.has_come(now) {
                let why = AddressLoss::Expired;
                events.push(Event::AddressLost { address, why });
                return false;
            }
            // RFC 4862, 5.5.4: an address whose preferred lifetime has ended is deprecated, and stays.
            let is_deprecated = preferred.has_come(now);
            if is_deprecated && !own.is_deprecated {
                events.push(Event::AddressDeprecated {
                    address,
                    announced: false,
                });
            }
            own.is_deprecated = is_deprecated;
            true
        });
        prefix.own = own;
        self.outputs.extend(events.into_iter().map(Output::Event));
    }

    /// Forms the addresses that are due.
    fn form_due(&mut self, now: Instant) {
        for at in 0..self.prefixes.len() {
            let forming = &mut self.prefixes[at].forming;
            let due: Vec<_> = forming.iter().filter(|it| it.at <= now).copied().collect();
            forming.retain(|it| it.at > now);
            for it in due {
                self.form(at, it.kind, it.attempt, now);
            }
            // The link-local prefix has none.
            if at > 0 {
                self.form_temporary(at, now);
            }
        }
    }

    /// Tells of addresses that nobody has said anything about for too long.
    fn tell_unverified(&mut self, now: Instant) {
        let mut late = Vec::new();
        for own in self.prefixes.iter_mut().flat_map(|prefix| &mut prefix.own) {
            if let Some((limit, is_told @ false)) = &mut own.verifying
                && *limit <= now
            {
                *is_told = true;
                late.push(own.address);
            }
        }
        let link_local = self
            .prefixes
            .first()
            .and_then(|it| Some(it.own.first()?.address));
        for address in late {
            self.event(Event::VerificationUnanswered(address));
            if link_local == Some(address) {
                self.step(Input::Unverified, now);
            }
        }
    }

    /// After whatever has happened.
    pub(super) fn settle(&mut self, now: Instant) {
        if self.state == State::Configured && !self.routers.has_default() {
            self.step(Input::RoutersLost, now);
        }
        self.finish(now);
    }

    /// Lists that rarely grow keep no room to grow: there are thousands of hosts, each with a router or two.
    fn give_room_back(&mut self) {
        for prefix in &mut self.prefixes {
            prefix.own.shrink_to_fit();
        }
        self.prefixes.shrink_to_fit();
        self.on_link.shrink_to_fit();
        self.routers.give_room_back();
        self.standing.give_room_back();
        self.servers.give_room_back();
        self.search.give_room_back();
        self.pref64.give_room_back();
        self.encrypted.give_room_back();
    }

    /// Tells what is new, sends what is to be sent, and sets the clock.
    pub(super) fn finish(&mut self, now: Instant) {
        self.tell_lists();
        self.tell_flags(now);
        if self.link != self.told.link {
            self.told.link = self.link;
            self.outputs
                .push_back(Output::Configure(Change::SetLink(self.link)));
        }
        let addresses = self.wanted_addresses();
        let mut routes = Vec::new();
        for (prefix, valid) in &self.on_link {
            routes.push(Route {
                prefix: *prefix,
                gateway: None,
                preference: crate::Preference::Medium,
                metric: ON_LINK_METRIC,
                valid: *valid,
            });
        }
        self.routers.standing(self.config.host_type, &mut routes);
        self.standing
            .tell(&addresses, &routes, now, &mut self.outputs);
        let to_send = mem::take(&mut self.to_send)
            .into_iter()
            .map(Output::Transmit);
        self.outputs.extend(to_send);
        self.give_room_back();
        let refresh = self.standing.deadline(&addresses, &routes, now);
        let all = [
            self.state.deadline(),
            self.routers.deadline(),
            self.routers.flags_deadline(now),
            self.prefixes_deadline(now),
            self.on_link.iter().filter_map(|(_, it)| it.moment()).min(),
            self.servers.deadline(),
            self.search.deadline(),
            self.pref64.deadline(),
            self.encrypted.deadline(),
            refresh,
        ];
        self.deadline = all.into_iter().flatten().min();
    }

    fn prefixes_deadline(&self, now: Instant) -> Option<Instant> {
        let policy = self.config.temporary;
        let of_prefix = |at: usize| {
            let prefix = &self.prefixes[at];
            let mut all: Vec<Instant> = prefix.valid.moment().into_iter().collect();
            all.extend(prefix.forming.iter().map(|forming| forming.at));
            for own in &prefix.own {
                let (valid, preferred) = prefix.lifetimes(own, policy);
                all.extend(valid.moment());
                all.extend(preferred.moment().filter(|_| !own.is_deprecated));
                all.extend(own.verifying.filter(|it| !it.1).map(|it| it.0));
            }
            if let Some(policy) = policy.filter(|_| at > 0) {
                all.extend(prefix.temporary_due(policy, now).filter(|due| *due > now));
            }
            all.into_iter().min()
        };
        (0..self.prefixes.len()).filter_map(of_prefix).min()
    }

    fn tell_lists(&mut self) {
        let (servers, search) = (self.servers.changed(), self.search.changed());
        if servers.is_some() || search.is_some() {
            let (known, searched) = &mut self.told.resolvers;
            *known = servers.unwrap_or_else(|| mem::take(known));
            *searched = search.unwrap_or_else(|| mem::take(searched));
            let (servers, search) = self.told.resolvers.clone();
            self.event(Event::ResolversChanged { servers, search });
        }
        if let Some(pref64) = self.pref64.changed() {
            self.event(Event::Pref64Changed(pref64));
        }
        if let Some(encrypted) = self.encrypted.changed() {
            self.event(Event::EncryptedDnsChanged(encrypted));
        }
        let naming = self.routers.all.iter().filter(|it| it.portal.is_some());
        let latest = naming.max_by_key(|router| router.heard_at);
        let portal = latest.and_then(|router| router.portal.clone());
        if portal != self.told.portal {
            self.told.portal.clone_from(&portal);
            self.event(Event::CaptivePortalChanged(portal));
        }
    }

    fn tell_flags(&mut self, now: Instant) {
        let flags = self.routers.flags(now);
        if flags != self.told.flags {
            self.told.flags = flags;
            let (managed, other) = flags;
            let wanted = self.dhcp_wanted();
            self.event(Event::FlagsChanged {
                managed,
                other,
                wanted,
            });
        }
    }
}
