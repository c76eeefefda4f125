//! The table: what each state makes of each input.

use std::net::Ipv6Addr;
use std::time::Instant;

use super::event::{DadOutcome, ReconfigureKind};
use super::state::{
    Confirming, Declining, Delaying, Extending, Informing, Next, Requesting, State, keeping,
};
use super::{Client, has_come};
use crate::lease::Lease;
use crate::{Duid, Ignored, Message};

/// What a client is told, or meets, that may change its state.
pub(super) enum Input<'a> {
    Start,
    Restore(Lease),
    Timeout,
    Renew,
    Rebind,
    Confirm,
    Release,
    Decline,
    Inform,
    Reconnect,
    /// What came of looking for others with an address.
    DadOutcome(Ipv6Addr, DadOutcome),
    /// A server's answers to the exchange under way.
    Advertise(&'a Message, Duid),
    Reply(&'a Message, Duid),
    /// A RECONFIGURE that is genuine.
    Reconfigure(ReconfigureKind, Duid),
}

impl Client {
    /// Where the state changes, but for the end of a lease by its time: every pair of state and input stands here.
    #[allow(
        clippy::too_many_lines,
        clippy::unnested_or_patterns,
        reason = "the whole table, so that the compiler sees it whole, and people a group of states beside what each makes of it"
    )]
    pub(super) fn step(&mut self, input: Input<'_>, now: Instant) {
        // First of all, or an answer that comes after the end would extend what no longer exists.
        self.expire(now);
        let state = match (self.state.take(), input) {
            // What needs no lease is what a server told before; with the M flag set it is leased addresses that are wanted.
            (
                State::Stopped
                | State::Informing(_)
                | State::Informed(_)
                | State::Delaying(Delaying {
                    next: Next::Inform(_),
                    ..
                }),
                Input::Start,
            ) => self.wait_to_solicit(now),
            (State::Stopped, Input::Restore(lease)) => self.wait_to_confirm_stored(lease, now),
            (State::Stopped, Input::Inform) => self.wait_to_inform(None, now),

            (State::Delaying(Delaying { next, .. }), Input::Timeout) => match next {
                Next::Solicit(hint) => self.solicit(hint, now),
                Next::Confirm(held) => self.ask_for_confirmation(held, now),
                Next::Inform(known) => self.ask_for_information(known, None, now),
            },

            (State::Soliciting(soliciting), Input::Timeout) => self.select(soliciting, now),
            (State::Soliciting(soliciting), Input::Advertise(message, server)) => {
                self.collect(soliciting, message, &server, now)
            }
            (State::Soliciting(soliciting), Input::Reply(message, server)) => {
                self.commit(soliciting, message, &server, now)
            }

            (State::Requesting(requesting), Input::Timeout) => self.request_again(requesting, now),
            (State::Requesting(requesting), Input::Reply(message, server)) => {
                self.requested(requesting, message, &server, now)
            }

            (State::Probing(probing), Input::Timeout) => self.probed_in_vain(probing, now),
            (State::Probing(probing), Input::DadOutcome(address, outcome)) => {
                self.probed(probing, address, outcome, now)
            }

            // T2 has come, perhaps with T1, when nobody was there to handle that: straight to any server.
            // RFC 9915, 18.2.4: at T2 the RENEW gives way to a REBIND.
            (State::Bound(held) | State::Renewing(Extending { held, .. }), Input::Timeout)
                if has_come(held.lease.rebind_at(), now) =>
            {
                self.rebind_lease(held, now)
            }
            (State::Bound(held), Input::Timeout | Input::Renew) => self.renew_lease(held, now),

            (State::Renewing(renewing), Input::Timeout) => self.renew_again(renewing, now),
            (State::Renewing(renewing), Input::Reply(message, server)) => {
                self.renewed(renewing, message, &server, now)
            }
            (State::Bound(held) | State::Renewing(Extending { held, .. }), Input::Rebind) => {
                self.rebind_lease(held, now)
            }

            (State::Rebinding(rebinding), Input::Timeout) => self.rebind_again(rebinding, now),
            (State::Rebinding(rebinding), Input::Reply(message, server)) => {
                self.rebound(rebinding, message, &server, now)
            }

            (State::Confirming(confirming), Input::Timeout) => self.confirm_again(confirming, now),
            (State::Confirming(confirming), Input::Reply(message, server)) => {
                self.confirmed(confirming, message, &server, now)
            }

            (State::Confirming(Confirming { held, .. }), Input::Renew) if held.is_in_use => {
                self.renew_lease(held, now)
            }
            (State::Confirming(Confirming { held, .. }), Input::Rebind) if held.is_in_use => {
                self.rebind_lease(held, now)
            }

            (
                State::Bound(held)
                | State::Renewing(Extending { held, .. })
                | State::Rebinding(Extending { held, .. }),
                Input::Confirm,
            )
            | (
                keeping!(held)
                | State::Requesting(Requesting {
                    held: Some(held), ..
                }),
                Input::Reconnect,
            ) => self.wait_to_confirm(held, now),
            (State::Probing(probing), Input::Reconnect) => {
                let held = self.break_off(probing);
                self.wait_to_confirm(held, now)
            }
            (
                State::Delaying(Delaying {
                    next: Next::Solicit(hint),
                    ..
                }),
                Input::Reconnect,
            ) => self.solicit_afresh(hint, now),
            (State::Soliciting(soliciting), Input::Reconnect) => {
                self.solicit_afresh(soliciting.hint, now)
            }
            (State::Requesting(requesting), Input::Reconnect) => {
                self.solicit_afresh(requesting.wish, now)
            }
            (State::Declining(declining), Input::Reconnect) => {
                self.confirm_what_is_kept(declining, now)
            }
            (
                State::Informing(Informing { known, .. })
                | State::Delaying(Delaying {
                    next: Next::Inform(known),
                    ..
                }),
                Input::Reconnect,
            ) => self.wait_to_inform(known, now),
            // RFC 9915, 18.2.12: a client with only information asks for it again when the link was away.
            (State::Informed(known), Input::Reconnect | Input::Timeout) => {
                self.wait_to_inform(Some(known), now)
            }
            (State::Informed(known), Input::Inform) => {
                self.ask_for_information(Some(known), None, now)
            }
            (State::Informing(informing), Input::Timeout) => self.inform_again(informing, now),
            (State::Informing(informing), Input::Reply(message, server)) => {
                self.informed(informing, message, server, now)
            }
            (
                state @ (State::Probing(_)
                | State::Bound(_)
                | State::Renewing(_)
                | State::Rebinding(_)
                | State::Confirming(_)
                | State::Declining(_)
                | State::Requesting(_)),
                Input::Inform,
            ) => self.inform_beside(state, None, now),

            (keeping!(held), Input::DadOutcome(address, DadOutcome::Duplicate { holder }))
                if held.has(address) =>
            {
                self.conflict(held, address, holder, now)
            }
            (keeping!(held), Input::Decline) if held.lease.addresses().next().is_some() => {
                self.decline_all(held, now)
            }
            (State::Probing(probing), Input::Decline) => self.decline_probed(probing, now),
            (State::Declining(declining), Input::Timeout) => self.decline_again(declining, now),
            (State::Declining(declining), Input::Reply(..)) => self.declined(declining, now),

            (
                keeping!(held)
                | State::Declining(Declining {
                    held: Some(held), ..
                }),
                Input::Release,
            ) => self.give_back(held, now),
            (State::Probing(probing), Input::Release) => self.give_back(probing.held, now),
            (State::Requesting(requesting), Input::Release) => {
                self.give_back_requested(requesting, now)
            }
            (State::Releasing(releasing), Input::Timeout) => self.release_again(releasing, now),
            (State::Releasing(_), Input::Reply(..)) => self.released(),
            (
                State::Stopped
                | State::Delaying(_)
                | State::Soliciting(_)
                | State::Informing(_)
                | State::Informed(_)
                | State::Declining(_),
                Input::Release,
            ) => State::Stopped,

            (State::Bound(held), Input::Reconfigure(kind, server)) => {
                self.reconfigure(held, kind, server, now)
            }
            (State::Informed(known), Input::Reconfigure(kind, server)) => {
                self.reconfigure_information(known, kind, server, now)
            }
            // RFC 9915, 18.2.11: while an exchange is under way a RECONFIGURE is dropped.
            (
                state @ (State::Stopped
                | State::Delaying(_)
                | State::Soliciting(_)
                | State::Requesting(_)
                | State::Probing(_)
                | State::Renewing(_)
                | State::Rebinding(_)
                | State::Confirming(_)
                | State::Informing(_)
                | State::Declining(_)
                | State::Releasing(_)),
                Input::Reconfigure(..),
            ) => {
                self.ignore(Ignored::Busy);
                state
            }

            // Nothing of the kind is awaited: no exchange; another server's ADVERTISE after the choice.
            (
                state @ (State::Stopped
                | State::Delaying(_)
                | State::Probing(_)
                | State::Bound(_)
                | State::Informed(_)),
                Input::Advertise(..) | Input::Reply(..),
            )
            | (
                state @ (State::Requesting(_)
                | State::Renewing(_)
                | State::Rebinding(_)
                | State::Confirming(_)
                | State::Informing(_)
                | State::Declining(_)
                | State::Releasing(_)),
                Input::Advertise(..),
            ) => {
                self.ignore(Ignored::Unexpected);
                state
            }

            // Nothing to do: already started; no lease to extend, to confirm or to decline; already asked; an address that is
            // nobody else's.
            (
                state @ (State::Delaying(_)
                | State::Soliciting(_)
                | State::Requesting(_)
                | State::Probing(_)
                | State::Bound(_)
                | State::Renewing(_)
                | State::Rebinding(_)
                | State::Confirming(_)
                | State::Declining(_)
                | State::Releasing(_)),
                Input::Start | Input::Restore(_),
            )
            | (state @ (State::Informing(_) | State::Informed(_)), Input::Restore(_))
            | (
                state @ (State::Stopped
                | State::Delaying(_)
                | State::Soliciting(_)
                | State::Requesting(_)
                | State::Probing(_)
                | State::Informing(_)
                | State::Informed(_)
                | State::Declining(_)
                | State::Releasing(_)),
                Input::Renew | Input::Rebind | Input::Confirm,
            )
            | (state @ State::Confirming(_), Input::Renew | Input::Rebind | Input::Confirm)
            | (state @ State::Renewing(_), Input::Renew)
            | (state @ State::Rebinding(_), Input::Renew | Input::Rebind)
            | (
                state @ (State::Stopped
                | State::Delaying(_)
                | State::Soliciting(_)
                | State::Requesting(_)
                | State::Bound(_)
                | State::Renewing(_)
                | State::Rebinding(_)
                | State::Confirming(_)
                | State::Informing(_)
                | State::Informed(_)
                | State::Declining(_)
                | State::Releasing(_)),
                Input::Decline | Input::DadOutcome(..),
            )
            | (
                state @ (State::Delaying(_)
                | State::Soliciting(_)
                | State::Informing(_)
                | State::Releasing(_)),
                Input::Inform,
            )
            | (state @ State::Stopped, Input::Timeout | Input::Reconnect)
            | (state @ State::Releasing(_), Input::Release | Input::Reconnect) => state,
        };
        self.state.set(state);
    }
}
