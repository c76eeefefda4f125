//! A `DHCPv6` server (RFC 9915, 18.3) without a socket or a clock: a message in, at most one out.
//!
//! What it leases it keeps by number, the host's in the LAN's first prefix or the part's of what is delegated, so that another prefix
//! from the provider changes what its clients are told, and not who holds what.

mod answer;
mod config;
mod leases;
mod reconfigure;
mod trouble;

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

pub use config::{Dhcp6Config, HostRange, HostRangeError};

use lanherd_dhcp6::{Duid, Ia, IaKind, Message, MessageType, Prefix, Status, StatusCode, code};
use lanherd_types::identity::Mac;
use leases::{IaKey, Leases};
use reconfigure::Contacts;

/// What the addresses and prefixes are made of that are leased by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkNumbers {
    /// The LAN's prefixes; addresses are of the first.
    pub(crate) prefixes: Vec<Prefix>,
    /// Of what parts are delegated.
    pub(crate) delegated: Option<Prefix>,
    /// The resolvers to name.
    pub(crate) resolvers: Vec<Ipv6Addr>,
}

/// Where a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) mac: Mac,
    pub(crate) source: Ipv6Addr,
    /// Whether it was sent to all servers.
    pub(crate) is_to_all: bool,
}

/// What a server has seen and done since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dhcp6Counters {
    /// How many SOLICITs were received.
    pub solicits: u64,
    /// How many REQUESTs were received.
    pub requests: u64,
    /// How many CONFIRMs were received.
    pub confirms: u64,
    /// How many RENEWs were received.
    pub renews: u64,
    /// How many REBINDs were received.
    pub rebinds: u64,
    /// How many RELEASEs were received.
    pub releases: u64,
    /// How many DECLINEs were received.
    pub declines: u64,
    /// How many INFORMATION-REQUESTs were received.
    pub information_requests: u64,
    /// How many ADVERTISEs were made.
    pub advertises: u64,
    /// How many REPLYs were made.
    pub replies: u64,
    /// How many RECONFIGUREs were made.
    pub reconfigures: u64,
    /// Identity associations that got nothing because nothing was free.
    pub exhausted: u64,
    /// Messages that a server does not answer.
    pub ignored: u64,
}

/// An address or a prefix that is leased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dhcp6Leased {
    /// The prefix; of an address all 128 bits.
    pub leased: Prefix,
    /// Who holds it.
    pub duid: Duid,
    /// For which of its identity associations.
    pub iaid: u32,
    /// The hardware address that asked for it.
    pub mac: Mac,
    /// The client's link-local address.
    pub link_local: Ipv6Addr,
    /// When the lease ends.
    pub expires_at: Instant,
}

/// The lab's DHCPv6 server: what it has leased to whom, and what it has counted.
#[derive(Debug)]
pub(crate) struct Dhcp6Server {
    config: Dhcp6Config,
    duid: Duid,
    /// How long what is leased is preferred and valid.
    lifetimes: (Duration, Duration),
    search: Option<String>,
    addresses: Leases,
    prefixes: Leases,
    contacts: Contacts,
    counters: Dhcp6Counters,
}

impl Dhcp6Server {
    /// A server at that hardware address that knows nobody yet.
    pub(crate) fn new(
        config: Dhcp6Config,
        mac: Mac,
        lifetimes: (Duration, Duration),
        search: Option<String>,
    ) -> Self {
        Self {
            duid: Duid::link_layer(mac),
            addresses: Leases::new(config.range.len()),
            prefixes: Leases::new(config.parts()),
            config,
            lifetimes,
            search,
            contacts: Contacts::default(),
            counters: Dhcp6Counters::default(),
        }
    }

    /// Takes in a client's message; gives the answer, if there is to be one.
    pub(crate) fn handle(
        &mut self,
        message: &Message,
        origin: Origin,
        numbers: &LinkNumbers,
        rng: &mut fastrand::Rng,
        now: Instant,
    ) -> Option<Message> {
        self.expire(now);
        let count = match message.message_type {
            MessageType::Solicit => &mut self.counters.solicits,
            MessageType::Request => &mut self.counters.requests,
            MessageType::Confirm => &mut self.counters.confirms,
            MessageType::Renew => &mut self.counters.renews,
            MessageType::Rebind => &mut self.counters.rebinds,
            MessageType::Release => &mut self.counters.releases,
            MessageType::Decline => &mut self.counters.declines,
            MessageType::InformationRequest => &mut self.counters.information_requests,
            MessageType::Advertise | MessageType::Reply | MessageType::Reconfigure => {
                return self.ignore();
            }
        };
        *count += 1;
        if !self.is_well_addressed(message) {
            return self.ignore();
        }
        if !origin.is_to_all {
            return self.refuse_unicast(message);
        }
        let Some(duid) = message.options.duid(code::CLIENT_ID) else {
            // By RFC 9915 (16.12): only this one may come without.
            if message.message_type != MessageType::InformationRequest {
                return self.ignore();
            }
            self.counters.replies += 1;
            return Some(self.inform(message, numbers));
        };
        let client = (&duid, origin);
        let answer = match message.message_type {
            MessageType::Solicit => Some(self.solicited(message, client, numbers, now)),
            MessageType::Request => Some(self.requested(message, client, numbers, now)),
            MessageType::Confirm => self.confirm(message, numbers),
            MessageType::Renew | MessageType::Rebind => {
                Some(self.extend(message, client, numbers, now))
            }
            MessageType::Release => Some(self.end(message, &duid, None, numbers)),
            MessageType::Decline => {
                let until = now + self.config.decline_hold;
                Some(self.end(message, &duid, Some(until), numbers))
            }
            MessageType::InformationRequest => Some(self.inform(message, numbers)),
            MessageType::Advertise | MessageType::Reply | MessageType::Reconfigure => None,
        };
        let Some(mut answer) = answer else {
            return self.ignore();
        };
        self.add_reconfiguration(&mut answer, message, client, rng);
        match answer.message_type {
            MessageType::Advertise => self.counters.advertises += 1,
            _ => self.counters.replies += 1,
        }
        Some(answer)
    }

    /// Whether a message has a server's identifier where it must have one, and this one's; and none where it may not.
    // By RFC 9915 (16): messages with identifiers that do not belong there are discarded.
    fn is_well_addressed(&self, message: &Message) -> bool {
        let named = message.options.duid(code::SERVER_ID);
        let is_named = named.as_ref() == Some(&self.duid);
        match message.message_type {
            MessageType::Solicit | MessageType::Confirm | MessageType::Rebind => {
                !message.options.contains(code::SERVER_ID)
            }
            MessageType::InformationRequest => {
                let has_ia = message.options.ias().next().is_some();
                !has_ia && (is_named || !message.options.contains(code::SERVER_ID))
            }
            _ => is_named,
        }
    }

    /// What is sent to this server alone is refused where its sender should know better, and else is not heard (RFC 8415, 18.4).
    fn refuse_unicast(&mut self, message: &Message) -> Option<Message> {
        match message.message_type {
            MessageType::Request
            | MessageType::Renew
            | MessageType::Release
            | MessageType::Decline => {
                let mut answer = self.answer(MessageType::Reply, message);
                let words = "ask all servers";
                answer
                    .options
                    .push_status(&status(StatusCode::UseMulticast, words));
                self.counters.replies += 1;
                Some(answer)
            }
            _ => self.ignore(),
        }
    }

    // By RFC 9915 (18.3.1): a SOLICIT with rapid commit may be answered by a REPLY; otherwise what is offered is kept for a while.
    fn solicited(
        &mut self,
        message: &Message,
        client: (&Duid, Origin),
        numbers: &LinkNumbers,
        now: Instant,
    ) -> Message {
        let is_rapid = self.config.rapid_commit && message.options.contains(code::RAPID_COMMIT);
        let kind = if is_rapid {
            MessageType::Reply
        } else {
            MessageType::Advertise
        };
        let mut answer = self.answer(kind, message);
        if is_rapid {
            answer.options.push(code::RAPID_COMMIT, []);
        }
        if self.config.preference > 0 {
            answer
                .options
                .push(code::PREFERENCE, [self.config.preference]);
        }
        for ia in asked(message) {
            let given = self.give(&ia, client, is_rapid, numbers, now);
            answer.options.push_ia(&given);
        }
        self.add_parameters(&mut answer, message, numbers);
        answer
    }

    // By RFC 9915 (18.3.2): what is not of this link is refused by NotOnLink.
    fn requested(
        &mut self,
        message: &Message,
        client: (&Duid, Origin),
        numbers: &LinkNumbers,
        now: Instant,
    ) -> Message {
        let mut answer = self.answer(MessageType::Reply, message);
        for ia in asked(message) {
            let given = if is_on_link(&ia, numbers) {
                self.give(&ia, client, true, numbers, now)
            } else {
                refused(&ia, StatusCode::NotOnLink, "that is another link's")
            };
            answer.options.push_ia(&given);
        }
        self.add_parameters(&mut answer, message, numbers);
        answer
    }

    // By RFC 9915 (18.3.3): a CONFIRM without an address is not answered.
    fn confirm(&self, message: &Message, numbers: &LinkNumbers) -> Option<Message> {
        let ias: Vec<Ia> = asked(message)
            .filter(|ia| ia.kind == IaKind::Addresses)
            .collect();
        ias.iter().flat_map(Ia::addresses).next()?;
        let is_right = ias.iter().all(|ia| is_on_link(ia, numbers));
        let mut answer = self.answer(MessageType::Reply, message);
        let (code, words) = if is_right {
            (StatusCode::Success, "all of them are of this link")
        } else {
            (StatusCode::NotOnLink, "not all of them are of this link")
        };
        answer.options.push_status(&status(code, words));
        Some(answer)
    }

    // By RFC 9915 (18.3.4 and 18.3.5): what is held is extended, what is not of the binding any more is ended with lifetimes of 0, and
    // who is not known is told so.
    fn extend(
        &mut self,
        message: &Message,
        client: (&Duid, Origin),
        numbers: &LinkNumbers,
        now: Instant,
    ) -> Message {
        let mut answer = self.answer(MessageType::Reply, message);
        for ia in asked(message) {
            let key = IaKey::of(client.0, &ia);
            let mut given = if self.leases(ia.kind).is_bound(&key) {
                self.give(&ia, client, true, numbers, now)
            } else if ia.kind != IaKind::TemporaryAddresses && !is_on_link(&ia, numbers) {
                Ia::new(ia.kind, ia.iaid)
            } else {
                answer.options.push_ia(&refused(
                    &ia,
                    StatusCode::NoBinding,
                    "that is not known here",
                ));
                continue;
            };
            end_others(&mut given, &ia);
            answer.options.push_ia(&given);
        }
        self.add_parameters(&mut answer, message, numbers);
        answer
    }

    // By RFC 9915 (18.3.7 and 18.3.8): what is released or declined is answered by Success; what is not the client's, by NoBinding.
    fn end(
        &mut self,
        message: &Message,
        duid: &Duid,
        declined_until: Option<Instant>,
        numbers: &LinkNumbers,
    ) -> Message {
        let mut answer = self.answer(MessageType::Reply, message);
        for ia in asked(message) {
            let key = IaKey::of(duid, &ia);
            let held = self.held(&key, numbers);
            let names: Vec<Prefix> = named(&ia).collect();
            let is_own = held.is_some_and(|held| names.contains(&held));
            if is_own {
                self.leases_mut(ia.kind).end(&key, declined_until);
            } else {
                answer.options.push_ia(&refused(
                    &ia,
                    StatusCode::NoBinding,
                    "that is not known here",
                ));
            }
        }
        let words = if declined_until.is_some() {
            "declined"
        } else {
            "released"
        };
        answer
            .options
            .push_status(&status(StatusCode::Success, words));
        answer
    }

    // By RFC 9915 (18.3.6): parameters, and no lease.
    fn inform(&self, message: &Message, numbers: &LinkNumbers) -> Message {
        let mut answer = self.answer(MessageType::Reply, message);
        self.add_parameters(&mut answer, message, numbers);
        answer
    }

    /// Gives an identity association what it has, or something that is free; `is_bound`: it is leased, and not only offered.
    fn give(
        &mut self,
        ia: &Ia,
        (duid, origin): (&Duid, Origin),
        is_bound: bool,
        numbers: &LinkNumbers,
        now: Instant,
    ) -> Ia {
        let (none, words) = match ia.kind {
            IaKind::Addresses => (StatusCode::NoAddrsAvail, "no address is free"),
            IaKind::Prefixes => (StatusCode::NoPrefixAvail, "no prefix is free"),
            // RFC 9915 has done away with them.
            IaKind::TemporaryAddresses => {
                return refused(ia, StatusCode::NoAddrsAvail, "there are none of that kind");
            }
        };
        let key = IaKey::of(duid, ia);
        let hint = named(ia).find_map(|wanted| self.number_of(wanted, numbers));
        let until = now
            + if is_bound {
                self.lifetimes.1
            } else {
                self.config.offer_hold
            };
        let given =
            self.leases_mut(ia.kind)
                .give(&key, hint, (origin.mac, origin.source), is_bound, until);
        let leased = given.and_then(|number| self.numbered(ia.kind, number, numbers));
        if let Some(leased) = leased {
            return self.granted(ia, leased);
        }
        self.counters.exhausted += 1;
        refused(ia, none, words)
    }

    fn leases(&self, kind: IaKind) -> &Leases {
        match kind {
            IaKind::Addresses | IaKind::TemporaryAddresses => &self.addresses,
            IaKind::Prefixes => &self.prefixes,
        }
    }

    fn leases_mut(&mut self, kind: IaKind) -> &mut Leases {
        match kind {
            IaKind::Addresses | IaKind::TemporaryAddresses => &mut self.addresses,
            IaKind::Prefixes => &mut self.prefixes,
        }
    }

    /// What an identity association holds.
    fn held(&self, key: &IaKey, numbers: &LinkNumbers) -> Option<Prefix> {
        let number = self.leases(key.kind).number_of(key)?;
        self.numbered(key.kind, number, numbers)
    }

    /// The address or the prefix of that number.
    fn numbered(&self, kind: IaKind, number: u64, numbers: &LinkNumbers) -> Option<Prefix> {
        match kind {
            IaKind::Addresses | IaKind::TemporaryAddresses => {
                let link = numbers.prefixes.first()?.address().to_bits();
                let host = u128::from(self.config.range.first().checked_add(number)?);
                Prefix::new(Ipv6Addr::from_bits(link | host), 128)
            }
            IaKind::Prefixes => numbers
                .delegated?
                .part(self.config.delegated_length, number.into()),
        }
    }

    /// The number of an address or a prefix that is leased here.
    fn number_of(&self, wanted: Prefix, numbers: &LinkNumbers) -> Option<u64> {
        if wanted.length() == 128 {
            let link = numbers.prefixes.first()?;
            let host = u64::try_from(wanted.address().to_bits() & u128::from(u64::MAX)).ok()?;
            let number = host.checked_sub(self.config.range.first())?;
            return link.contains(wanted.address()).then_some(number);
        }
        let all = numbers.delegated?;
        let is_part =
            wanted.length() == self.config.delegated_length && all.contains(wanted.address());
        let offset = wanted.address().to_bits() ^ all.address().to_bits();
        let shift = u32::from(128 - wanted.length());
        is_part
            .then(|| offset.checked_shr(shift))
            .flatten()
            .and_then(|number| u64::try_from(number).ok())
    }

    /// Frees what has run out.
    pub(crate) fn expire(&mut self, now: Instant) {
        self.addresses.expire(now);
        self.prefixes.expire(now);
    }

    /// When [`Self::expire`] next has something to do.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        let deadlines = [self.addresses.next_end(), self.prefixes.next_end()];
        deadlines.into_iter().flatten().min()
    }

    /// What is leased, in no order.
    pub(crate) fn leased<'a>(
        &'a self,
        numbers: &'a LinkNumbers,
    ) -> impl Iterator<Item = Dhcp6Leased> + 'a {
        let all = self.addresses.bound().chain(self.prefixes.bound());
        all.filter_map(|(key, lease)| {
            Some(Dhcp6Leased {
                leased: self.numbered(key.kind, lease.number, numbers)?,
                duid: key.duid.clone(),
                iaid: key.iaid,
                mac: lease.mac,
                link_local: lease.link_local,
                expires_at: lease.until,
            })
        })
    }

    /// The prefixes that are delegated, and through whom they are reached.
    pub(crate) fn delegations(&self, numbers: &LinkNumbers) -> Vec<(Prefix, Ipv6Addr)> {
        let bound = self.prefixes.bound();
        bound
            .filter_map(|(key, lease)| {
                let prefix = self.numbered(key.kind, lease.number, numbers)?;
                Some((prefix, lease.link_local))
            })
            .collect()
    }

    /// What was seen and done so far.
    pub(crate) const fn counters(&self) -> Dhcp6Counters {
        self.counters
    }

    fn ignore(&mut self) -> Option<Message> {
        self.counters.ignored += 1;
        None
    }
}

/// How many identity associations of one message are looked at: more than any client has.
const MOST_IAS: usize = 16;

/// The identity associations that a client asks about.
fn asked(message: &Message) -> impl Iterator<Item = Ia> {
    message.options.ias().take(MOST_IAS)
}

/// What stands in an identity association; an address as a prefix of 128 bits.
fn named(ia: &Ia) -> impl Iterator<Item = Prefix> {
    let addresses = ia.addresses().filter_map(|it| Prefix::new(it.address, 128));
    let prefixes = ia.prefixes().map(|it| it.prefix);
    addresses.chain(prefixes.collect::<Vec<_>>())
}

/// Whether all that stands in an identity association could be of this link. A hint without a prefix is of any.
fn is_on_link(ia: &Ia, numbers: &LinkNumbers) -> bool {
    named(ia).all(|named| {
        let is_hint = named.address().is_unspecified();
        let within = |prefix: &Prefix| prefix.contains(named.address());
        is_hint
            || match ia.kind {
                IaKind::Prefixes => numbers.delegated.as_ref().is_some_and(within),
                IaKind::Addresses | IaKind::TemporaryAddresses => {
                    numbers.prefixes.iter().any(within)
                }
            }
    })
}

/// Ends what the client names and was not given.
// By RFC 9096 (3.5; RFC 9915, 18.3.4): what is none any more is told with lifetimes of 0, so that it goes at once.
fn end_others(given: &mut Ia, asked: &Ia) {
    let kept: Vec<Prefix> = named(given).collect();
    for address in asked.addresses() {
        if Prefix::new(address.address, 128).is_some_and(|it| !kept.contains(&it)) {
            let ended = lanherd_dhcp6::IaAddress::new(address.address, 0, 0);
            given.options.push_address(&ended);
        }
    }
    for prefix in asked.prefixes() {
        if !kept.contains(&prefix.prefix) && !prefix.prefix.address().is_unspecified() {
            let ended = lanherd_dhcp6::IaPrefix::new(prefix.prefix, 0, 0);
            given.options.push_prefix(&ended);
        }
    }
}

/// The identity association with a status, and nothing else.
fn refused(ia: &Ia, code: StatusCode, words: &str) -> Ia {
    let mut refused = Ia::new(ia.kind, ia.iaid);
    refused.options.push_status(&status(code, words));
    refused
}

fn status(code: StatusCode, words: &str) -> Status {
    Status {
        code,
        message: Some(words.to_owned()),
    }
}

#[cfg(test)]
mod tests;
