//! What each message of a client's is answered with (RFC 9915, 18.3).

use std::time::Instant;

use lanherd_dhcp6::{Duid, Ia, IaKind, Message, MessageType, Status, StatusCode, code};

use super::leases::IaKey;
use super::{Dhcp6Server, LinkNumbers, Origin, Prefix};

impl Dhcp6Server {
    // By RFC 9915 (18.3.1): a SOLICIT with rapid commit may be answered by a REPLY; otherwise what is offered is kept for a while.
    pub(super) fn solicited(
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
    pub(super) fn requested(
        &mut self,
        message: &Message,
        client: (&Duid, Origin),
        numbers: &LinkNumbers,
        now: Instant,
    ) -> Message {
        self.answer_each(message, numbers, |server, ia| {
            if is_on_link(ia, numbers) {
                server.give(ia, client, true, numbers, now)
            } else {
                refused(ia, StatusCode::NotOnLink, "that is another link's")
            }
        })
    }

    // By RFC 9915 (18.3.3): a CONFIRM without an address is not answered.
    pub(super) fn confirm(&self, message: &Message, numbers: &LinkNumbers) -> Option<Message> {
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
    pub(super) fn extend(
        &mut self,
        message: &Message,
        client: (&Duid, Origin),
        numbers: &LinkNumbers,
        now: Instant,
    ) -> Message {
        self.answer_each(message, numbers, |server, ia| {
            let key = IaKey::of(client.0, ia);
            let mut given = if server.leases(ia.kind).is_bound(&key) {
                server.give(ia, client, true, numbers, now)
            } else if ia.kind != IaKind::TemporaryAddresses && !is_on_link(ia, numbers) {
                Ia::new(ia.kind, ia.iaid)
            } else {
                return not_known(ia);
            };
            end_others(&mut given, ia);
            given
        })
    }

    /// A REPLY that says of each identity association what becomes of it, and the parameters.
    fn answer_each(
        &mut self,
        message: &Message,
        numbers: &LinkNumbers,
        mut each: impl FnMut(&mut Self, &Ia) -> Ia,
    ) -> Message {
        let mut answer = self.answer(MessageType::Reply, message);
        for ia in asked(message) {
            answer.options.push_ia(&each(self, &ia));
        }
        self.add_parameters(&mut answer, message, numbers);
        answer
    }

    // By RFC 9915 (18.3.7 and 18.3.8): what is released or declined is answered by Success; what is not the client's, by NoBinding.
    pub(super) fn end(
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
                answer.options.push_ia(&not_known(&ia));
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
    pub(super) fn inform(&self, message: &Message, numbers: &LinkNumbers) -> Message {
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
            IaKind::Addresses if !numbers.has_addresses => {
                let words = "addresses are not leased here: the M flag is 0";
                return refused(ia, StatusCode::NoAddrsAvail, words);
            }
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
}

/// How many identity associations of one message are looked at: more than any client has.
const MOST_IAS: usize = 16;

/// The identity associations that a client asks about.
pub(super) fn asked(message: &Message) -> impl Iterator<Item = Ia> {
    message.options.ias().take(MOST_IAS)
}

/// What stands in an identity association; an address as a prefix of 128 bits.
pub(super) fn named(ia: &Ia) -> impl Iterator<Item = Prefix> {
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
pub(super) fn refused(ia: &Ia, code: StatusCode, words: &str) -> Ia {
    let mut refused = Ia::new(ia.kind, ia.iaid);
    refused.options.push_status(&status(code, words));
    refused
}

pub(super) fn status(code: StatusCode, words: &str) -> Status {
    Status {
        code,
        message: Some(words.to_owned()),
    }
}

fn not_known(ia: &Ia) -> Ia {
    refused(ia, StatusCode::NoBinding, "that is not known here")
}
