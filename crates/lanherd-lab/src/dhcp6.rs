//! A `DHCPv6` server (RFC 9915, 18.3) without a socket or a clock: a message in, at most one out.
//!
//! What it leases it keeps by number, the host's in the LAN's first prefix or the part's of what is delegated, so that another prefix
//! from the provider changes what its clients are told, and not who holds what.

mod answer;
mod config;
mod exchanges;
mod leases;
mod reconfigure;
mod trouble;

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

pub use config::{Dhcp6Config, HostRange, HostRangeError};

use exchanges::status;
use lanherd_dhcp6::{Duid, IaKind, Message, MessageType, Prefix, StatusCode, code};
use lanherd_types::identity::Mac;
use leases::{IaKey, Leases};
use reconfigure::Contacts;

/// What the addresses and prefixes are made of that are leased by number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkNumbers {
    /// The LAN's prefixes; addresses are of the first.
    pub(crate) prefixes: Vec<Prefix>,
    /// Whether addresses are leased at all: where the router says so.
    pub(crate) has_addresses: bool,
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

#[cfg(test)]
mod tests;
