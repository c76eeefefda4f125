//! The table of figure 5 (RFC 2131, 4.4): what each state makes of each input.

use std::mem;
use std::net::Ipv4Addr;
use std::time::Instant;

use super::accept::Reply;
use super::event::{Event, LossReason};
use super::state::{
    Confirming, Extending, Init, InitReboot, Probing, Rebooting, Requesting, Selecting, State,
};
use super::{Client, has_come, is_foreign};
use crate::{Ignored, Lease};
use lanherd_types::identity::Mac;

/// What a client is told, or meets, that may change its state.
pub(super) enum Input<'a> {
    Start,
    Reboot(Ipv4Addr),
    Timeout,
    Renew,
    Rebind,
    Release,
    Decline,
    Reconnect,
    /// Somebody else has the address, and it is not to be defended.
    Conflict(Mac),
    Reply(Reply<'a>),
}

impl Client {
    /// Where the state changes, but for the end of a lease by its time: every pair of state and input stands here.
    #[allow(
        clippy::too_many_lines,
        reason = "the whole table, so that the compiler sees it whole"
    )]
    pub(super) fn step(&mut self, input: Input<'_>, now: Instant) {
        // First of all, or an answer that comes after the end would extend what no longer exists.
        self.expire(now);
        self.state = match (mem::take(&mut self.state), input) {
            (State::Stopped, Input::Start) => self.wait_to_discover(now),
            (State::Stopped, Input::Reboot(address)) => self.wait_to_reboot(address, now),

            (State::Init(init), Input::Timeout) => self.discover(init.acquisition, now),

            (State::Selecting(selecting), Input::Timeout) => self.select(selecting, now),
            // RFC 4039, 3.1: a server without rapid commit offers as ever.
            (State::Selecting(selecting), Input::Reply(Reply::Offer(offer))) => {
                self.collect(selecting, offer, now)
            }
            (State::Selecting(selecting), Input::Reply(Reply::Ack(ack))) => {
                self.commit(selecting, ack, now)
            }

            (State::Requesting(requesting), Input::Timeout) => self.request_again(requesting, now),
            (State::Requesting(requesting), Input::Reply(Reply::Ack(ack))) => {
                self.acknowledge(requesting, ack, now)
            }
            (State::Requesting(requesting), Input::Reply(Reply::Nak(nak))) => {
                self.refuse(requesting, nak, now)
            }

            (State::InitReboot(waiting), Input::Timeout) => {
                self.request_remembered(waiting.address, now)
            }

            (State::Rebooting(rebooting), Input::Timeout) => {
                self.request_remembered_again(rebooting, now)
            }
            (State::Rebooting(rebooting), Input::Reply(Reply::Ack(ack))) => {
                self.acknowledge_remembered(rebooting, ack, now)
            }
            // Any server may know that the address is wrong on this network (RFC 2131, 4.3.2).
            (State::Rebooting(rebooting), Input::Reply(Reply::Nak(nak))) => {
                self.report_refusal(nak);
                self.wait_after_nak(rebooting.sent.began, now)
            }

            (State::Probing(probing), Input::Timeout) => self.probe(probing, now),
            (State::Probing(probing), Input::Conflict(holder)) => {
                self.report_conflict(&probing.lease, holder);
                self.decline_lease(&probing.lease, now)
            }

            // T2 has come too, when nobody was there to handle T1: straight to any server.
            (State::Bound(held), Input::Timeout) if has_come(held.lease.rebind_at(), now) => {
                self.rebind_lease(held, now, now)
            }
            (State::Bound(held), Input::Timeout) => self.renew_lease(held, now, now),

            (State::Renewing(Extending { held, began, .. }), Input::Timeout)
                if has_come(held.lease.rebind_at(), now) =>
            {
                self.rebind_lease(held, began, now)
            }
            (State::Renewing(Extending { held, began, .. }), Input::Timeout | Input::Renew) => {
                self.renew_lease(held, began, now)
            }
            (State::Renewing(renewing), Input::Reply(Reply::Ack(ack))) => {
                self.renewed(renewing, ack, now)
            }
            // Only the lease's server was asked.
            // Field practice: a NAK counts from the server that was asked, and from any where all were.
            (State::Renewing(renewing), Input::Reply(Reply::Nak(nak)))
                if is_foreign(nak, renewing.held.lease.server_id) =>
            {
                self.ignore(Ignored::ForeignServer);
                State::Renewing(renewing)
            }

            (
                State::Rebinding(Extending { held, began, .. }),
                Input::Timeout | Input::Renew | Input::Rebind,
            )
            | (State::Renewing(Extending { held, began, .. }), Input::Rebind) => {
                self.rebind_lease(held, began, now)
            }
            (State::Rebinding(rebinding), Input::Reply(Reply::Ack(ack))) => {
                self.rebound(rebinding, ack, now)
            }

            (State::Confirming(confirming), Input::Timeout) => self.confirm_again(confirming, now),
            (State::Confirming(confirming), Input::Reply(Reply::Ack(ack))) => {
                self.confirmed(confirming, ack, now)
            }

            (State::Bound(held) | State::Confirming(Confirming { held, .. }), Input::Renew) => {
                self.renew_lease(held, now, now)
            }
            (State::Bound(held) | State::Confirming(Confirming { held, .. }), Input::Rebind) => {
                self.rebind_lease(held, now, now)
            }

            // While REBINDING, and after the link was away, all servers were asked, and any may know better.
            (
                State::Renewing(_) | State::Rebinding(_) | State::Confirming(_),
                Input::Reply(Reply::Nak(nak)),
            ) => {
                self.report_refusal(nak);
                self.event(Event::Lost(LossReason::Nak));
                self.wait_after_nak(now, now)
            }

            (
                State::Bound(held)
                | State::Renewing(Extending { held, .. })
                | State::Rebinding(Extending { held, .. })
                | State::Confirming(Confirming { held, .. }),
                Input::Conflict(holder),
            ) => {
                self.report_conflict(&held.lease, holder);
                self.abandon(&held.lease, LossReason::Conflict, now)
            }
            (
                State::Bound(held)
                | State::Renewing(Extending { held, .. })
                | State::Rebinding(Extending { held, .. })
                | State::Confirming(Confirming { held, .. }),
                Input::Decline,
            ) => self.abandon(&held.lease, LossReason::Declined, now),
            (State::Probing(probing), Input::Decline) => self.decline_lease(&probing.lease, now),

            (
                State::Bound(held)
                | State::Renewing(Extending { held, .. })
                | State::Rebinding(Extending { held, .. })
                | State::Confirming(Confirming { held, .. }),
                Input::Reconnect,
            ) => self.confirm(held, now),
            (
                State::Init(Init { acquisition, .. })
                | State::Selecting(Selecting { acquisition, .. })
                | State::Requesting(Requesting { acquisition, .. }),
                Input::Reconnect,
            ) => self.discover_afresh(acquisition.hint, now),
            (State::V6Only(_), Input::Timeout | Input::Reconnect) => {
                self.discover_afresh(None, now)
            }
            (
                State::InitReboot(InitReboot { address, .. })
                | State::Rebooting(Rebooting { address, .. })
                | State::Probing(Probing {
                    lease: Lease { address, .. },
                    ..
                }),
                Input::Reconnect,
            ) => self.request_remembered(address, now),

            (
                State::Bound(held)
                | State::Renewing(Extending { held, .. })
                | State::Rebinding(Extending { held, .. })
                | State::Confirming(Confirming { held, .. }),
                Input::Release,
            ) => self.give_back(&held.lease),
            (State::Requesting(Requesting { offer, .. }), Input::Release) => {
                self.give_back_unused(offer.address, offer.server_id)
            }
            (State::Probing(Probing { lease, .. }), Input::Release) => {
                self.give_back_unused(lease.address, lease.server_id)
            }
            (
                State::Stopped
                | State::Init(_)
                | State::Selecting(_)
                | State::InitReboot(_)
                | State::Rebooting(_)
                | State::V6Only(_),
                Input::Release,
            ) => State::Stopped,

            // Nothing of the kind is awaited: no transaction; nothing to refuse yet; another server's OFFER after the choice.
            (
                state @ (State::Stopped
                | State::Init(_)
                | State::InitReboot(_)
                | State::Probing(_)
                | State::Bound(_)
                | State::V6Only(_)),
                Input::Reply(Reply::Offer(_) | Reply::Ack(_) | Reply::Nak(_)),
            )
            | (state @ State::Selecting(_), Input::Reply(Reply::Nak(_)))
            | (
                state @ (State::Requesting(_)
                | State::Rebooting(_)
                | State::Renewing(_)
                | State::Rebinding(_)
                | State::Confirming(_)),
                Input::Reply(Reply::Offer(_)),
            ) => {
                self.ignore(Ignored::Unexpected);
                state
            }

            // Nothing to do: already started; no lease to extend or to decline, and no address to be in conflict about;
            // no timer to run out.
            (
                state @ (State::Init(_)
                | State::Selecting(_)
                | State::Requesting(_)
                | State::InitReboot(_)
                | State::Rebooting(_)
                | State::V6Only(_)),
                Input::Start
                | Input::Reboot(_)
                | Input::Renew
                | Input::Rebind
                | Input::Decline
                | Input::Conflict(_),
            )
            | (
                state @ State::Probing(_),
                Input::Start | Input::Reboot(_) | Input::Renew | Input::Rebind,
            )
            | (
                state @ (State::Bound(_)
                | State::Renewing(_)
                | State::Rebinding(_)
                | State::Confirming(_)),
                Input::Start | Input::Reboot(_),
            )
            | (
                state @ State::Stopped,
                Input::Timeout
                | Input::Renew
                | Input::Rebind
                | Input::Decline
                | Input::Conflict(_)
                | Input::Reconnect,
            ) => state,
        };
    }
}
