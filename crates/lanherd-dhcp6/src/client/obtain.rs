//! From nothing to a lease: SOLICIT, the ADVERTISEs, REQUEST, and the look for others with the addresses (RFC 9915, 18.2.1, 18.2.2,
//! 18.2.9, 18.2.10.1).

use std::net::Ipv6Addr;
use std::time::{Duration, Instant};

use super::event::{DadOutcome, Event, LossReason, Means, Unanswered};
use super::exchange::{Exchange, Retransmission, SeenWaits};
use super::offers::{self, Offer};
use super::state::{Delaying, Held, Next, Probing, Requesting, Soliciting, State};
use super::{Client, has_come};
use crate::grant::{Grant, Refusal};
use crate::lease::{Lease, Leased};
use crate::options::code;
use crate::{Duid, Ignored, Message, StatusCode};

/// How long the caller may take to find out whether somebody else has an address: duplicate address detection takes a second, after
/// a random delay of another (RFC 4862, 5.4), and the tester may be busy.
const PROBE_LIMIT: Duration = Duration::from_secs(10);

impl Client {
    /// Where nothing is wanted to be leased, only the rest is asked for.
    pub(super) fn wait_to_solicit(&mut self, now: Instant) -> State {
        if self.config.ias.is_empty() {
            return self.wait_to_inform(None, now);
        }
        self.solicit_afresh(None, now)
    }

    /// After the delay that desynchronises.
    pub(super) fn solicit_afresh(&mut self, hint: Option<Lease>, now: Instant) -> State {
        let at = self.after_start_delay(now);
        let next = Next::Solicit(hint);
        State::Delaying(Delaying { next, at })
    }

    /// All begins anew, later each time.
    pub(super) fn begin_anew(&mut self, hint: Option<Lease>, now: Instant) -> State {
        let at = self.after_setback(now);
        let next = Next::Solicit(hint);
        State::Delaying(Delaying { next, at })
    }

    pub(super) fn solicit(&mut self, hint: Option<Lease>, now: Instant) -> State {
        let retransmission = Retransmission::solicit(self.waits);
        let mut exchange = Exchange::new(self.xid(), retransmission, now);
        self.send(&mut exchange, now, |config, exchange| {
            config.solicit(exchange, hint.as_ref())
        });
        State::Soliciting(Soliciting {
            exchange,
            hint,
            offers: Vec::new(),
            seen_waits: SeenWaits::default(),
        })
    }

    /// The end of the first wait, or of one without an ADVERTISE.
    pub(super) fn select(&mut self, mut soliciting: Soliciting, now: Instant) -> State {
        if let Some(offer) = offers::take_best(&mut soliciting.offers) {
            return self.request(offer, soliciting.offers, now);
        }
        soliciting.exchange.retransmission = Retransmission::solicit(self.waits);
        let hint = soliciting.hint.as_ref();
        self.send(&mut soliciting.exchange, now, |config, exchange| {
            config.solicit(exchange, hint)
        });
        State::Soliciting(soliciting)
    }

    // RFC 9915, 18.2.1: ADVERTISEs are collected for the first wait, unless one has the preference 255; then the first is taken.
    pub(super) fn collect(
        &mut self,
        mut soliciting: Soliciting,
        message: &Message,
        server: &Duid,
        now: Instant,
    ) -> State {
        self.waits.take(message, &mut soliciting.seen_waits);
        let grant = self.grant(None, message, server, now);
        // RFC 9915, 18.2.9: an ADVERTISE without any address or prefix is ignored, and does not change when SOLICIT is sent again.
        if grant.served == 0 {
            self.ignore(Ignored::NothingOffered);
            return State::Soliciting(soliciting);
        }
        let offer = Offer {
            preference: message.options.byte(code::PREFERENCE).unwrap_or(0),
            served: grant.served,
            lease: grant.lease,
        };
        let is_first_wait = soliciting.exchange.count <= 1;
        if !is_first_wait || offer.preference == offers::HIGHEST_PREFERENCE {
            return self.request(offer, soliciting.offers, now);
        }
        if soliciting.offers.len() >= offers::MAX_OFFERS {
            self.ignore(Ignored::TooManyOffers);
        } else {
            soliciting.offers.push(offer);
        }
        State::Soliciting(soliciting)
    }

    // RFC 9915, 18.2.1: a REPLY to SOLICIT counts with option 14, where that was asked for.
    pub(super) fn commit(
        &mut self,
        mut soliciting: Soliciting,
        message: &Message,
        server: &Duid,
        now: Instant,
    ) -> State {
        if !self.config.rapid_commit || !message.options.contains(code::RAPID_COMMIT) {
            self.ignore(Ignored::NoRapidCommit);
            return State::Soliciting(soliciting);
        }
        self.waits.take(message, &mut soliciting.seen_waits);
        let grant = self.grant(None, message, server, now);
        // It was not asked for by name, so it is no more than an ADVERTISE that offers nothing.
        if grant.lease.is_empty() {
            if grant.refuses(StatusCode::NotOnLink) {
                soliciting.hint = None;
            }
            self.ignore(Ignored::NothingOffered);
            return State::Soliciting(soliciting);
        }
        self.take(grant.lease, None, Means::RapidCommit, now)
    }

    fn request(&mut self, offer: Offer, offers: Vec<Offer>, now: Instant) -> State {
        let server = offer.lease.server.clone();
        self.request_of(server, Some(offer.lease), offers, None, now)
    }

    pub(super) fn request_of(
        &mut self,
        server: Duid,
        wish: Option<Lease>,
        offers: Vec<Offer>,
        held: Option<Held>,
        now: Instant,
    ) -> State {
        let mut exchange = Exchange::new(self.xid(), Retransmission::REQUEST, now);
        self.send(&mut exchange, now, |config, exchange| {
            config.request(exchange, &server, wish.as_ref())
        });
        State::Requesting(Requesting {
            exchange,
            server,
            wish,
            offers,
            held,
        })
    }

    pub(super) fn request_again(&mut self, mut requesting: Requesting, now: Instant) -> State {
        if requesting.exchange.is_over(now) {
            self.event(Event::Unanswered(Unanswered::Requesting));
            return self.ask_another(requesting, now);
        }
        let (server, wish) = (&requesting.server, requesting.wish.as_ref());
        self.send(&mut requesting.exchange, now, |config, exchange| {
            config.request(exchange, server, wish)
        });
        State::Requesting(requesting)
    }

    /// The server that was asked has nothing: the next, or what is held, or all anew.
    // RFC 9915, 18.2.2: where the chosen server does not answer, or has nothing, the next is asked, and then all begins anew.
    fn ask_another(&mut self, mut requesting: Requesting, now: Instant) -> State {
        if let Some(held) = requesting.held {
            return State::Bound(held);
        }
        match offers::take_best(&mut requesting.offers) {
            Some(offer) => self.request(offer, requesting.offers, now),
            None => self.begin_anew(None, now),
        }
    }

    pub(super) fn requested(
        &mut self,
        mut requesting: Requesting,
        message: &Message,
        server: &Duid,
        now: Instant,
    ) -> State {
        let held = requesting.held.as_ref().map(|held| &held.lease);
        let Some(grant) = self.read_reply(held, message, server, now) else {
            return State::Requesting(requesting);
        };
        requesting.held = requesting
            .held
            .and_then(|held| self.withdraw(held, &grant).ok());
        if grant.served > 0 {
            return self.take(grant.lease, requesting.held, Means::Request, now);
        }
        // RFC 9915, 18.2.10.1: after NotOnLink the REQUEST is sent again without addresses, and then all begins anew.
        if grant.refuses(StatusCode::NotOnLink) && requesting.wish.is_some() {
            let Requesting {
                server,
                offers,
                held,
                ..
            } = requesting;
            return self.request_of(server, None, offers, held, now);
        }
        self.ask_another(requesting, now)
    }

    /// What a REPLY makes of what is held; `None`: it is as if it had not come, for the server could not do what was asked
    /// (`UnspecFail`), wants what no client does (`UseMulticast`), or says what nobody knows. The message is sent again when it would
    /// have been, so that a server that fails on and on is asked ever less often.
    // RFC 9915, 18.2.10: after UnspecFail the message is sent again when it would have been without an answer.
    pub(super) fn read_reply(
        &mut self,
        held: Option<&Lease>,
        message: &Message,
        server: &Duid,
        now: Instant,
    ) -> Option<Grant> {
        self.waits.take(message, &mut SeenWaits::default());
        let status = message.options.status();
        match status.code {
            StatusCode::UnspecFail | StatusCode::UseMulticast | StatusCode::Other(_) => {
                self.refused(Refusal { ia: None, status }, server);
                None
            }
            StatusCode::Success
            | StatusCode::NoAddrsAvail
            | StatusCode::NoBinding
            | StatusCode::NotOnLink
            | StatusCode::NoPrefixAvail => Some(self.grant(held, message, server, now)),
        }
    }

    /// Takes `lease`, which was got or extended in place of `held`, once its new addresses are found to be nobody else's.
    // RFC 9915, 18.2.10.1: an address is used when nobody else on the link is found to have it.
    pub(super) fn take(
        &mut self,
        lease: Lease,
        held: Option<Held>,
        by: Means,
        now: Instant,
    ) -> State {
        let waiting = self.to_probe(&lease, held.as_ref());
        let held = Held {
            lease,
            is_in_use: held.as_ref().is_some_and(|held| held.is_in_use),
            informing: held.and_then(|held| held.informing),
        };
        if waiting.is_empty() {
            return self.use_lease(held, by);
        }
        self.event(Event::Probe {
            lease: held.lease.clone(),
            addresses: waiting.clone(),
        });
        State::Probing(Probing {
            held,
            by,
            waiting,
            duplicates: Vec::new(),
            until: now + PROBE_LIMIT,
        })
    }

    /// The addresses of `lease` that were not in use before, and have to be probed.
    pub(super) fn to_probe(&self, lease: &Lease, held: Option<&Held>) -> Vec<Ipv6Addr> {
        let is_used = |address| held.is_some_and(|held| held.is_in_use && held.has(address));
        lease
            .addresses()
            .map(|leased| leased.address)
            .filter(|address| self.config.duplicate_detection && !is_used(*address))
            .collect()
    }

    /// From here on the lease is in use.
    pub(super) fn use_lease(&mut self, mut held: Held, by: Means) -> State {
        self.setbacks = 0;
        let lease = held.lease.clone();
        self.event(if held.is_in_use {
            Event::Renewed { lease, by }
        } else {
            Event::Bound { lease, by }
        });
        held.is_in_use = true;
        State::Bound(held)
    }

    pub(super) fn probed(
        &mut self,
        mut probing: Probing,
        address: Ipv6Addr,
        outcome: DadOutcome,
        now: Instant,
    ) -> State {
        if !probing.waiting.contains(&address) {
            return match outcome {
                DadOutcome::Duplicate { holder } if probing.held.has(address) => {
                    self.event(Event::Conflict { address, holder });
                    probing.duplicates.push(address);
                    State::Probing(probing)
                }
                DadOutcome::Unique | DadOutcome::Duplicate { .. } => State::Probing(probing),
            };
        }
        probing.waiting.retain(|waiting| *waiting != address);
        if let DadOutcome::Duplicate { holder } = outcome {
            self.event(Event::Conflict { address, holder });
            probing.duplicates.push(address);
        }
        if probing.waiting.is_empty() {
            self.probed_all(probing, now)
        } else {
            State::Probing(probing)
        }
    }

    /// The caller has not said what came of it: the addresses are used, and that is told.
    pub(super) fn probed_in_vain(&mut self, probing: Probing, now: Instant) -> State {
        if !has_come(Some(probing.until), now) {
            return State::Probing(probing);
        }
        self.event(Event::Unanswered(Unanswered::Probing));
        self.probed_all(probing, now)
    }

    pub(super) fn probed_all(&mut self, probing: Probing, now: Instant) -> State {
        let Probing {
            held,
            by,
            duplicates,
            ..
        } = probing;
        if duplicates.is_empty() {
            return self.use_lease(held, by);
        }
        self.decline_addresses(held, &duplicates, Some(by), LossReason::Conflict, now)
    }

    /// The link was away while addresses were probed: of a lease in use, those of which nothing is known are as if they had not come.
    pub(super) fn break_off(&mut self, probing: Probing) -> Held {
        let Probing {
            mut held,
            by,
            waiting,
            duplicates,
            ..
        } = probing;
        let is_one_of = |addresses: &[Ipv6Addr], leased| match leased {
            Leased::Address(address) => addresses.contains(&address),
            Leased::Prefix(_) => false,
        };
        let what = held
            .lease
            .take(|_, _, leased, _| is_one_of(&duplicates, leased));
        if !held.is_in_use {
            return held;
        }
        let all = held.lease.clone();
        held.lease
            .take(|_, _, leased, _| is_one_of(&waiting, leased));
        if held.lease.is_empty() {
            // Nothing of what was in use is left.
            self.event(Event::Lost(LossReason::Withdrawn));
            return Held::unused(all);
        }
        if !what.is_empty() {
            let reason = LossReason::Conflict;
            self.event(Event::Gone { what, reason });
        }
        let lease = held.lease.clone();
        self.event(Event::Renewed { lease, by });
        held
    }

    /// All addresses are declined while they are probed.
    pub(super) fn decline_probed(&mut self, probing: Probing, now: Instant) -> State {
        let Probing { held, by, .. } = probing;
        if held.is_in_use {
            let lease = held.lease.clone();
            self.event(Event::Renewed { lease, by });
        }
        self.decline_all(held, now)
    }
}
