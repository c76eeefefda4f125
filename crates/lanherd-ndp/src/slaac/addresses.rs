//! Addresses: how they are formed, verified, and what becomes of those that somebody else has.

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use lanherd_types::identity::Mac;
use lanherd_types::ipv6::Prefix;

use super::config::TemporaryPolicy;
use super::event::{AddressKind, AddressLoss, Event, InterfaceAddress};
use super::identifier;
use super::step::Input;
use super::until::Until;
use super::{Host, Verification};
use crate::packet::Packet;

/// How many others are tried in the place of an address that somebody else has (RFC 7217, 7: `IDGEN_RETRIES`; RFC 8981, 3.8:
/// `TEMP_IDGEN_RETRIES`).
const RETRIES: u32 = 3;
/// The longest wait before another is tried (RFC 7217, 7: `IDGEN_DELAY`).
const RETRY_DELAY: Duration = Duration::from_secs(1);
/// How long before a temporary address is deprecated the next is formed (RFC 8981, 3.8: `REGEN_ADVANCE`): 2 s, and as long as
/// verifying three in a row takes with one question each and a second between them.
pub(super) const REGEN_ADVANCE: Duration = Duration::from_secs(2 + RETRIES as u64);
/// Within what time the caller should tell whether an address can be used: one question takes up to 1 s of delay and 1 s of
/// waiting.
const VERIFICATION_LIMIT: Duration = Duration::from_secs(10);
/// How many temporary addresses of one prefix are kept. Three overlap with the times of RFC 8981.
const MAX_TEMPORARY: usize = 8;

/// A prefix that addresses are formed with.
#[derive(Debug, Clone)]
pub(super) struct AutoPrefix {
    pub(super) prefix: Prefix,
    /// As the host counts them, which is not always as they were advertised.
    pub(super) valid: Until,
    pub(super) preferred: Until,
    /// The order in which prefixes were first advertised.
    pub(super) number: u64,
    pub(super) own: Vec<Own>,
    /// Addresses that are to be formed after a wait.
    pub(super) forming: Vec<Forming>,
    /// Whether no more temporary ones are tried: too many of them were somebody else's.
    pub(super) is_without_temporary: bool,
}

/// An address of the host's own.
#[derive(Debug, Clone)]
pub(super) struct Own {
    pub(super) address: Ipv6Addr,
    pub(super) kind: AddressKind,
    /// How many were tried before.
    pub(super) attempt: u32,
    /// `None`: it can be used. Else when an answer should have come, and whether it was told that none has.
    pub(super) verifying: Option<(Instant, bool)>,
    pub(super) created: Instant,
    /// By how much a temporary address is preferred for less than it might be (RFC 8981, 3.8: `DESYNC_FACTOR`).
    pub(super) desync: Duration,
    /// Whether it was told to be deprecated.
    pub(super) is_deprecated: bool,
    /// Who was heard to have it.
    rival: Option<Mac>,
}

/// An address that is to be formed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forming {
    pub(super) at: Instant,
    pub(super) kind: AddressKind,
    pub(super) attempt: u32,
}

/// By how much a temporary address is preferred for less than it might be.
// RFC 8981, 3.8: a temporary address is preferred for up to two fifths less than a day, by chance.
fn random_desync(policy: TemporaryPolicy, rng: &mut fastrand::Rng) -> Duration {
    // Below the whole less what the next one needs to be formed in time.
    let room = policy.preferred.saturating_sub(2 * REGEN_ADVANCE);
    policy.preferred.mul_f64(0.4).min(room).mul_f64(rng.f64())
}

impl Own {
    pub(super) const fn is_usable(&self) -> bool {
        self.verifying.is_none()
    }
}

impl AutoPrefix {
    pub(super) fn new(prefix: Prefix, valid: Until, preferred: Until, number: u64) -> Self {
        Self {
            prefix,
            valid,
            preferred,
            number,
            own: Vec::new(),
            forming: Vec::new(),
            is_without_temporary: false,
        }
    }

    /// Until when one of its addresses is valid and preferred.
    // RFC 8981, 3.4: a temporary address is valid and preferred as its prefix, but for so long since it was formed at most.
    pub(super) fn lifetimes(&self, own: &Own, policy: Option<TemporaryPolicy>) -> (Until, Until) {
        match (own.kind, policy) {
            (AddressKind::Temporary, Some(policy)) => {
                let valid = self.valid.min(Until::at(own.created + policy.valid));
                let preferred = own.created + policy.preferred.saturating_sub(own.desync);
                let preferred = self.preferred.min(Until::at(preferred));
                (valid, preferred.min(valid))
            }
            _ => (self.valid, self.preferred),
        }
    }

    /// When the next temporary address is to be formed; `None`: not as things are.
    // RFC 8981, 3.5: the next temporary address is formed before the last one is deprecated.
    pub(super) fn temporary_due(&self, policy: TemporaryPolicy, now: Instant) -> Option<Instant> {
        let is_temporary = |kind| kind == AddressKind::Temporary;
        let is_forming = self.forming.iter().any(|it| is_temporary(it.kind));
        if self.is_without_temporary || is_forming {
            return None;
        }
        let newest = self.own.iter().filter(|own| is_temporary(own.kind));
        let due = newest.map(|own| own.created + policy.preferred.saturating_sub(own.desync));
        let due = due
            .max()
            .map(|end| end.checked_sub(REGEN_ADVANCE).unwrap_or(end));
        let due = due.unwrap_or(now).max(now);
        // RFC 8981, 3.4: none is formed that would be preferred for less than REGEN_ADVANCE.
        self.preferred.is_beyond(due, REGEN_ADVANCE).then_some(due)
    }
}

impl Host {
    /// Whether it has the address, verified or not.
    pub(super) fn has(&self, address: Ipv6Addr) -> bool {
        let mut all = self.prefixes.iter().flat_map(|prefix| &prefix.own);
        all.any(|own| own.address == address)
    }

    /// The addresses as they are to stand.
    pub(super) fn wanted_addresses(&self) -> Vec<InterfaceAddress> {
        let mut wanted = Vec::new();
        for prefix in &self.prefixes {
            for own in &prefix.own {
                let (valid, preferred) = prefix.lifetimes(own, self.config.temporary);
                wanted.push(InterfaceAddress {
                    address: own.address,
                    kind: own.kind,
                    valid,
                    preferred,
                    is_tentative: !own.is_usable(),
                });
            }
        }
        wanted
    }

    /// Forms an address with the prefix number `at`.
    pub(super) fn form(&mut self, at: usize, kind: AddressKind, attempt: u32, now: Instant) {
        let prefix = self.prefixes[at].prefix;
        let policy = self.config.temporary;
        let (address, desync) =
            if let Some(policy) = policy.filter(|_| kind == AddressKind::Temporary) {
                (
                    self.random_address(prefix),
                    random_desync(policy, &mut self.rng),
                )
            } else {
                let identifiers = &self.config.identifiers;
                (
                    identifiers.address(prefix, self.config.mac, attempt),
                    Duration::ZERO,
                )
            };
        let limit = now + VERIFICATION_LIMIT;
        let is_deprecated = self.prefixes[at].preferred.has_come(now);
        self.prefixes[at].own.push(Own {
            address,
            kind,
            attempt,
            verifying: self.config.verifies.then_some((limit, false)),
            created: now,
            desync,
            is_deprecated,
            rival: None,
        });
        self.event(Event::AddressFormed { address, kind });
        // RFC 4862, 5.4: each address is verified before it is used, unless that is turned off.
        if !self.config.verifies {
            self.usable(address, kind);
        }
    }

    /// One that it does not have.
    fn random_address(&mut self, prefix: Prefix) -> Ipv6Addr {
        loop {
            let address = identifier::join(prefix, identifier::temporary(&mut self.rng));
            if !self.has(address) {
                return address;
            }
        }
    }

    /// Forms the temporary address of the prefix number `at`, where one is due.
    pub(super) fn form_temporary(&mut self, at: usize, now: Instant) {
        let Some(policy) = self.config.temporary else {
            return;
        };
        let prefix = &mut self.prefixes[at];
        if prefix
            .temporary_due(policy, now)
            .is_none_or(|due| due > now)
        {
            return;
        }
        let is_temporary = |own: &&Own| own.kind == AddressKind::Temporary;
        if prefix.own.iter().filter(is_temporary).count() < MAX_TEMPORARY {
            self.form(at, AddressKind::Temporary, 0, now);
        }
    }

    fn usable(&mut self, address: Ipv6Addr, kind: AddressKind) {
        self.event(Event::AddressUsable { address, kind });
        // RFC 9131, 4.1: a new address is told to all routers, without the override flag.
        if self.config.gratuitous_advertisements && kind != AddressKind::LinkLocal {
            let told = Packet::gratuitous_advertisement(self.config.mac, address);
            self.to_send.push(told);
        }
    }

    /// The caller says what came of verifying an address.
    pub(super) fn verified(&mut self, address: Ipv6Addr, outcome: Verification, now: Instant) {
        let mut all = self.prefixes.iter_mut().enumerate();
        let found = all.find_map(|(at, prefix)| {
            let own = prefix.own.iter().position(|own| own.address == address)?;
            Some((at, own))
        });
        let Some((at, index)) = found else {
            return;
        };
        match outcome {
            Verification::Unique => {
                let own = &mut self.prefixes[at].own[index];
                let kind = own.kind;
                if own.verifying.take().is_some() {
                    self.usable(address, kind);
                    if kind == AddressKind::LinkLocal {
                        self.step(Input::Verified, now);
                    }
                }
            }
            Verification::Duplicate(holder) => self.duplicate(at, index, holder, now),
        }
    }

    /// Somebody else has the address: another is tried, where there is one.
    fn duplicate(&mut self, at: usize, index: usize, holder: Option<Mac>, now: Instant) {
        let own = self.prefixes[at].own.remove(index);
        let has_others = match own.kind {
            AddressKind::Temporary => true,
            AddressKind::LinkLocal | AddressKind::Stable => self.config.identifiers.has_others(),
        };
        // RFC 7217, 6: an address that somebody else has is replaced by the next, three times, after up to 1 s.
        // RFC 8981, 3.4: a temporary address that somebody else has is replaced, three times, and then given up.
        let retried = has_others && own.attempt < RETRIES;
        self.event(Event::AddressDuplicate {
            address: own.address,
            holder: holder.or(own.rival),
            retried,
        });
        let delay = RETRY_DELAY.mul_f64(self.rng.f64());
        let prefix = &mut self.prefixes[at];
        if retried {
            prefix.forming.push(Forming {
                at: now + delay,
                kind: own.kind,
                attempt: own.attempt + 1,
            });
            return;
        }
        match own.kind {
            AddressKind::Temporary => prefix.is_without_temporary = true,
            AddressKind::Stable => {}
            // RFC 4862, 5.4.5: a host whose link-local address of its hardware address is another's stops.
            AddressKind::LinkLocal => self.step(Input::Duplicate, now),
        }
    }

    /// Somebody speaks of an address as of its own: if it is one of this host's, the speaker is remembered.
    pub(super) fn hear_rival(&mut self, packet: &Packet, target: Ipv6Addr) {
        let Some(mac) = packet.source_mac.filter(|mac| *mac != self.config.mac) else {
            return;
        };
        let own = self.prefixes.iter_mut().flat_map(|prefix| &mut prefix.own);
        for own in own.filter(|own| own.address == target) {
            own.rival = Some(mac);
        }
    }

    /// Drops the addresses of the prefix number `at`, and the prefix.
    pub(super) fn lose_prefix(&mut self, at: usize, why: AddressLoss) {
        let prefix = self.prefixes.remove(at);
        for own in prefix.own {
            let address = own.address;
            self.event(Event::AddressLost { address, why });
        }
    }
}
