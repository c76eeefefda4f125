//! A lease from its first use to its end: extended, confirmed, run out (RFC 9915, 18.2.3 to 18.2.5, 18.2.12).

use std::net::Ipv6Addr;
use std::time::Instant;

use super::event::{Event, LossReason, Means, Unanswered};
use super::exchange::{Exchange, Retransmission, SeenWaits};
use super::state::{Confirming, Declining, Delaying, Extending, Held, Next, Requesting, State};
use super::{Client, has_come};
use crate::grant::{Grant, Refusal};
use crate::lease::{Gone, Lease, Leased};
use crate::{Duid, Message, StatusCode};

impl Held {
    pub(super) fn has(&self, address: Ipv6Addr) -> bool {
        self.lease
            .addresses()
            .any(|leased| leased.address == address)
    }
}

impl Client {
    /// Asks the lease's server for more time.
    pub(super) fn renew_lease(&mut self, held: Held, now: Instant) -> State {
        let exchange = Exchange::new(self.xid(), Retransmission::RENEW, now);
        self.renew_again(Extending { held, exchange }, now)
    }

    pub(super) fn renew_again(&mut self, mut renewing: Extending, now: Instant) -> State {
        let lease = &renewing.held.lease;
        self.send(&mut renewing.exchange, now, |config, exchange| {
            config.renew(exchange, lease)
        });
        State::Renewing(renewing)
    }

    /// Asks any server for more time.
    pub(super) fn rebind_lease(&mut self, held: Held, now: Instant) -> State {
        let exchange = Exchange::new(self.xid(), Retransmission::REBIND, now);
        self.rebind_again(Extending { held, exchange }, now)
    }

    pub(super) fn rebind_again(&mut self, mut rebinding: Extending, now: Instant) -> State {
        let lease = &rebinding.held.lease;
        self.send(&mut rebinding.exchange, now, |config, exchange| {
            config.rebind(exchange, lease)
        });
        State::Rebinding(rebinding)
    }

    pub(super) fn renewed(
        &mut self,
        renewing: Extending,
        message: &Message,
        server: &Duid,
        now: Instant,
    ) -> State {
        let held = &renewing.held.lease;
        let Some(grant) = self.read_reply(Some(held), message, server, now) else {
            return State::Renewing(renewing);
        };
        self.extended(renewing, grant, Means::Renew, State::Renewing, now)
    }

    // RFC 9915, 18.2.5: while REBINDING any server may extend the lease, which is then its own.
    pub(super) fn rebound(
        &mut self,
        rebinding: Extending,
        message: &Message,
        server: &Duid,
        now: Instant,
    ) -> State {
        let held = &rebinding.held.lease;
        let Some(grant) = self.read_reply(Some(held), message, server, now) else {
            return State::Rebinding(rebinding);
        };
        self.extended(rebinding, grant, Means::Rebind, State::Rebinding, now)
    }

    /// What the REPLY to a RENEW or REBIND makes of the lease; `again` is the state in which it is asked for again.
    fn extended(
        &mut self,
        extending: Extending,
        grant: Grant,
        by: Means,
        again: fn(Extending) -> State,
        now: Instant,
    ) -> State {
        let Extending { held, exchange } = extending;
        let before = held.lease.clone();
        let knows_none = grant.refuses(StatusCode::NoBinding);
        let held = match self.withdraw(held, &grant) {
            Ok(held) => held,
            // RFC 9915, 18.2.10.1: what a server has no binding for is used no more, and requested anew.
            Err(LossReason::NoBinding) => {
                return self.request_of(grant.lease.server, Some(before), Vec::new(), None, now);
            }
            Err(_) => return self.begin_anew(None, now),
        };
        let is_extended = grant.served > 0;
        let is_whole = is_extended && !grant.is_missing && !knows_none;
        let has_new = !self.to_probe(&grant.lease, Some(&held)).is_empty();
        // What is new has to be probed; what is still missing is asked for after that.
        if is_whole || (is_extended && (has_new || !held.is_in_use)) {
            return self.take(grant.lease, Some(held), by, now);
        }
        let server = grant.lease.server.clone();
        let held = if is_extended {
            self.renew_in_use(held, grant.lease, by)
        } else {
            held
        };
        if knows_none {
            let held = held.is_in_use.then_some(held);
            return self.request_of(server, Some(before), Vec::new(), held, now);
        }
        // As if nobody had answered: it is sent again when it would have been.
        again(Extending { held, exchange })
    }

    /// The lease as it is now, which is told, while it is asked for the rest of it.
    fn renew_in_use(&mut self, held: Held, lease: Lease, by: Means) -> Held {
        self.setbacks = 0;
        self.event(Event::Renewed {
            lease: lease.clone(),
            by,
        });
        Held { lease, ..held }
    }

    /// Takes from what is held what `grant` took away, and tells it; `Err`: that is all, and why.
    pub(super) fn withdraw(&mut self, mut held: Held, grant: &Grant) -> Result<Held, LossReason> {
        let reason = if grant.refuses(StatusCode::NoBinding) {
            LossReason::NoBinding
        } else if grant.refuses(StatusCode::NotOnLink) {
            LossReason::NotOnLink
        } else {
            LossReason::Withdrawn
        };
        let Gone {
            addresses,
            prefixes,
        } = &grant.withdrawn;
        let what = held.lease.take(|_, _, leased, _| match leased {
            Leased::Address(address) => addresses.contains(&address),
            Leased::Prefix(prefix) => prefixes.contains(&prefix),
        });
        if what.is_empty() {
            return Ok(held);
        }
        // Where the server leases something else in its place the lease goes on.
        let is_all = held.lease.is_empty() && grant.lease.is_empty();
        if held.is_in_use {
            self.tell_gone(is_all, what, reason);
        }
        if is_all { Err(reason) } else { Ok(held) }
    }

    /// The first message after the link was away waits a moment, as those of all the others do.
    pub(super) fn wait_to_confirm(&mut self, held: Held, now: Instant) -> State {
        if held.lease.is_empty() {
            return self.solicit_afresh(None, now);
        }
        let at = self.after_start_delay(now);
        let next = Next::Confirm(held);
        State::Delaying(Delaying { next, at })
    }

    /// The same with a lease of before, which is not in use.
    // RFC 9915, 18.2.12: a client begins again with the lease of before, and uses it when it is confirmed.
    pub(super) fn wait_to_confirm_stored(&mut self, mut lease: Lease, now: Instant) -> State {
        lease.take_ended(now);
        // What nobody wants any more would be asked about for ever, and never renewed.
        lease.ias.retain(|ia| {
            let mut wanted = self.config.ias.iter();
            wanted.any(|wanted| wanted.name() == (ia.kind, ia.iaid))
        });
        if lease.is_empty() {
            return self.wait_to_solicit(now);
        }
        self.wait_to_confirm(Held::unused(lease), now)
    }

    // RFC 9915, 18.2.12: after the link was away addresses are confirmed; with prefixes all is rebound, in the same time.
    pub(super) fn ask_for_confirmation(&mut self, held: Held, now: Instant) -> State {
        let is_rebind = held.lease.prefixes().next().is_some();
        let exchange = Exchange::new(self.xid(), Retransmission::CONFIRM, now);
        self.send_confirmation(
            Confirming {
                held,
                exchange,
                is_rebind,
                is_off_link: false,
            },
            now,
        )
    }

    fn send_confirmation(&mut self, mut confirming: Confirming, now: Instant) -> State {
        let (lease, is_rebind) = (&confirming.held.lease, confirming.is_rebind);
        self.send(&mut confirming.exchange, now, |config, exchange| {
            if is_rebind {
                config.rebind(exchange, lease)
            } else {
                config.confirm(exchange, lease)
            }
        });
        State::Confirming(confirming)
    }

    pub(super) fn confirm_again(&mut self, confirming: Confirming, now: Instant) -> State {
        // RFC 9915, 18.2.10.3: a lease is lost when all that answer say NotOnLink; one Success is enough.
        if confirming.is_off_link {
            if confirming.held.is_in_use {
                self.event(Event::Lost(LossReason::NotOnLink));
            }
            return self.begin_anew(None, now);
        }
        if confirming.exchange.is_over(now) {
            // RFC 9915, 18.2.3: a lease that nobody confirms is used on.
            self.event(Event::Unanswered(Unanswered::Confirming));
            return self.resume(confirming.held, Means::Silence, now);
        }
        self.send_confirmation(confirming, now)
    }

    pub(super) fn confirmed(
        &mut self,
        mut confirming: Confirming,
        message: &Message,
        server: &Duid,
        now: Instant,
    ) -> State {
        if confirming.is_rebind {
            let held = &confirming.held.lease;
            let Some(grant) = self.read_reply(Some(held), message, server, now) else {
                return State::Confirming(confirming);
            };
            let Confirming { held, exchange, .. } = confirming;
            let again = |extending: Extending| {
                State::Confirming(Confirming {
                    held: extending.held,
                    exchange: extending.exchange,
                    is_rebind: true,
                    is_off_link: false,
                })
            };
            return self.extended(
                Extending { held, exchange },
                grant,
                Means::Rebind,
                again,
                now,
            );
        }
        self.waits.take(message, &mut SeenWaits::default());
        let status = message.options.status();
        let code = status.code;
        if code != StatusCode::Success {
            self.refused(Refusal { ia: None, status }, server);
        }
        match code {
            StatusCode::Success => self.resume(confirming.held, Means::Confirm, now),
            StatusCode::NotOnLink => {
                confirming.is_off_link = true;
                State::Confirming(confirming)
            }
            // It says nothing of the link.
            StatusCode::UnspecFail
            | StatusCode::NoAddrsAvail
            | StatusCode::NoBinding
            | StatusCode::UseMulticast
            | StatusCode::NoPrefixAvail
            | StatusCode::Other(_) => State::Confirming(confirming),
        }
    }

    /// A lease that is right on this link: one that is in use goes on, one of before begins to be used.
    fn resume(&mut self, held: Held, by: Means, now: Instant) -> State {
        if held.is_in_use {
            if by == Means::Silence {
                return State::Bound(held);
            }
            return self.use_lease(held, by);
        }
        let lease = held.lease.clone();
        self.take(lease, Some(held), by, now)
    }

    /// Ends what has run out, and asks for it again where all has.
    pub(super) fn expire(&mut self, now: Instant) {
        // Before every message, order and timeout: as long as nothing ends nothing is copied.
        let Some(held) = self.state.get_mut().and_then(State::held_mut) else {
            return;
        };
        if !has_come(held.lease.next_end(), now) {
            return;
        }
        let before = held.lease.clone();
        let what = held.lease.take_ended(now);
        let (is_all, is_in_use) = (held.lease.is_empty(), held.is_in_use);
        if is_in_use {
            self.tell_gone(is_all, what, LossReason::Expired);
        }
        let state = match self.state.take() {
            State::Probing(mut probing) if !is_all => {
                let held = &probing.held;
                probing.waiting.retain(|address| held.has(*address));
                probing.duplicates.retain(|address| held.has(*address));
                // The rest waits no longer than it would have.
                if probing.waiting.is_empty() {
                    self.probed_all(probing, now)
                } else {
                    State::Probing(probing)
                }
            }
            // RFC 9915, 18.2.5: when all has run out all begins anew.
            State::Probing(_)
            | State::Bound(_)
            | State::Renewing(_)
            | State::Rebinding(_)
            | State::Confirming(_)
            | State::Delaying(_)
                if is_all =>
            {
                let next = Next::Solicit(Some(before));
                State::Delaying(Delaying { next, at: now })
            }
            State::Requesting(requesting) if is_all => State::Requesting(Requesting {
                held: None,
                ..requesting
            }),
            State::Declining(declining) if is_all => State::Declining(Declining {
                held: None,
                ..declining
            }),
            state => state,
        };
        self.state.set(state);
    }
}
