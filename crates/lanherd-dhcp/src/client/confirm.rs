//! The link came back: is it the same network? (RFC 2131, 3.7 and 4.4.2.)

use std::net::Ipv4Addr;
use std::time::Instant;

use super::Client;
use super::acquire::MAX_REBOOT_REQUESTS;
use super::event::{Event, Extension, Unanswered};
use super::held::Held;
use super::state::{Acquisition, Confirming, Sent, State};
use crate::Message;

impl Client {
    /// Asks whether the lease in use is still good, in the words of INIT-REBOOT. Any server may know.
    // RFC 2131, 3.7: a lease is confirmed when the link was away, and used meanwhile.
    pub(super) fn confirm(&mut self, held: Held, now: Instant) -> State {
        let sent = Sent::first(self.rng.u32(..), now, now, &mut self.rng);
        self.send_confirm(&held, &sent);
        State::Confirming(Confirming { held, sent })
    }

    /// Without an answer the client may use the lease as before (RFC 2131, 3.2(3)), and goes by its timers again.
    // RFC 2131, 3.2(3): without an answer the lease is used until its timers come.
    pub(super) fn confirm_again(&mut self, mut confirming: Confirming, now: Instant) -> State {
        if confirming.sent.count >= MAX_REBOOT_REQUESTS {
            self.event(Event::Unanswered(Unanswered::Rebooting));
            return State::Bound(confirming.held);
        }
        confirming.sent.again(now, &mut self.rng);
        self.send_confirm(&confirming.held, &confirming.sent);
        State::Confirming(confirming)
    }

    /// The address was in use all the time, so it is not probed again; with conflict detection it is announced anew, which
    /// tells switches and neighbours where it is, and finds out whoever took it meanwhile.
    pub(super) fn confirmed(
        &mut self,
        mut confirming: Confirming,
        ack: &Message,
        now: Instant,
    ) -> State {
        let Some(lease) = self.grant_more(&confirming.held, confirming.sent.first_at, ack, now)
        else {
            return State::Confirming(confirming);
        };
        if let Some(wait) = self.config.v6_only_wait(ack) {
            return self.stop_using(&lease, wait, now);
        }
        if let Some(guard) = &mut confirming.held.guard {
            guard.announce_anew(now);
        }
        self.extended(confirming.held, lease, Extension::Reboot)
    }

    /// Begins afresh at once.
    // RFC 8925, 3.2: a new link ends the wait.
    pub(super) fn discover_afresh(&mut self, hint: Option<Ipv4Addr>, now: Instant) -> State {
        self.discover(Acquisition { began: now, hint }, now)
    }

    fn send_confirm(&mut self, held: &Held, sent: &Sent) {
        self.broadcast(self.config.request_remembered(sent, held.lease.address));
    }
}
