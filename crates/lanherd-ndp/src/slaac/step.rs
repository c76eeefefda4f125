//! The table: what each state makes of each input. What is learnt from advertisements, and what ends by its time, stands beside
//! the states, and is the same in all that hear.

use std::mem;
use std::net::Ipv6Addr;
use std::time::Instant;

use lanherd_types::ipv6::Prefix;

use super::addresses::AutoPrefix;
use super::event::{AddressKind, AddressLoss, Event, RouterLoss};
use super::ignored::Ignored;
use super::state::{Sent, State};
use super::until::Until;
use super::{Host, LinkParameters};
use crate::message::RouterAdvertisement;
use crate::packet::Packet;

/// What a host is told, or meets, that may change its state.
#[derive(Debug, Clone, Copy)]
pub(super) enum Input<'a> {
    Start,
    Stop,
    Timeout,
    Solicit,
    Reconnect,
    /// Its link-local address can be used.
    Verified,
    /// Nobody has said in time whether its link-local address can be used.
    Unverified,
    /// Its link-local address is somebody else's, and there is no other.
    Duplicate,
    Advertisement(&'a Packet, &'a RouterAdvertisement),
    /// The last default router is gone.
    RoutersLost,
}

impl Host {
    /// Where the state changes: every pair of state and input stands here.
    #[allow(
        clippy::too_many_lines,
        reason = "the whole table, so that the compiler sees it whole"
    )]
    pub(super) fn step(&mut self, input: Input<'_>, now: Instant) {
        self.state = match (mem::take(&mut self.state), input) {
            (State::Stopped, Input::Start) => {
                self.know_link_local();
                let at = now + self.config.random_start_delay(&mut self.rng);
                State::Delaying { at }
            }

            (State::Delaying { .. }, Input::Timeout | Input::Reconnect)
            | (State::Disabled, Input::Reconnect) => self.begin(now),

            // The random delay is over already: there is no other before the first solicitation.
            (State::Tentative { sent: None }, Input::Verified) => {
                // RFC 4861, 6.3.7: a host that knows a router already asks at least once.
                let is_last = self.routers.has_default();
                self.solicit_first(is_last, now)
            }
            (State::Tentative { sent: Some(sent) }, Input::Verified) if sent.is_last => self.rest(),
            (State::Tentative { sent: Some(sent) }, Input::Verified) => State::Soliciting(sent),
            (State::Tentative { sent: None }, Input::Unverified) => self.solicit_early(now),
            (State::Tentative { sent: Some(sent) }, Input::Timeout) => {
                self.solicit_early_again(sent, now)
            }
            (State::Tentative { mut sent }, Input::Advertisement(packet, body)) => {
                self.answer(sent.as_mut(), packet, now);
                self.learn(packet, body, now);
                if let Some(sent) = &mut sent {
                    sent.is_last |= self.routers.has_default() && body.lifetime != 0;
                }
                State::Tentative { sent }
            }

            (State::Soliciting(sent), Input::Timeout) => self.solicit_again(sent, now),
            (State::Soliciting(mut sent), Input::Advertisement(packet, body)) => {
                self.answer(Some(&mut sent), packet, now);
                self.learn(packet, body, now);
                // RFC 4861, 6.3.7: once it has asked, a host stops asking when a default router answers.
                // RFC 7559, 2.1: an advertisement of a router that is no default router stops nothing.
                if self.routers.has_default() && body.lifetime != 0 {
                    State::Configured
                } else {
                    State::Soliciting(sent)
                }
            }

            (state @ State::Delaying { .. }, Input::Advertisement(packet, body)) => {
                self.learn(packet, body, now);
                state
            }
            (State::Listening | State::Configured, Input::Advertisement(packet, body)) => {
                self.learn(packet, body, now);
                self.rest()
            }
            (State::Configured, Input::RoutersLost) => State::Listening,

            (State::Soliciting(_) | State::Listening | State::Configured, Input::Solicit) => {
                self.solicit_first(false, now)
            }
            // RFC 6059, 5.5.1: when the link is back routers are asked at once, without a delay.
            (State::Soliciting(_) | State::Listening | State::Configured, Input::Reconnect) => {
                self.is_unattached = true;
                self.solicit_first(false, now)
            }
            (state @ State::Tentative { .. }, Input::Reconnect) => {
                self.is_unattached = true;
                state
            }

            (
                State::Delaying { .. }
                | State::Tentative { .. }
                | State::Soliciting(_)
                | State::Listening
                | State::Configured,
                Input::Duplicate,
            ) => {
                self.event(Event::Disabled);
                self.withdraw(RouterLoss::Stopped, AddressLoss::Stopped);
                State::Disabled
            }
            (
                State::Delaying { .. }
                | State::Tentative { .. }
                | State::Soliciting(_)
                | State::Listening
                | State::Configured
                | State::Disabled,
                Input::Stop,
            ) => {
                self.withdraw(RouterLoss::Stopped, AddressLoss::Stopped);
                State::Stopped
            }

            (state @ (State::Stopped | State::Disabled), Input::Advertisement(packet, _)) => {
                self.ignore(Ignored::NotStarted, packet.source, None);
                state
            }

            // Nothing to do: already started, or not at all; nothing to verify, and no timer to run out; no router to lose.
            (
                state @ State::Stopped,
                Input::Stop
                | Input::Timeout
                | Input::Solicit
                | Input::Reconnect
                | Input::Verified
                | Input::Unverified
                | Input::Duplicate
                | Input::RoutersLost,
            )
            | (
                state @ State::Delaying { .. },
                Input::Start
                | Input::Solicit
                | Input::Verified
                | Input::Unverified
                | Input::RoutersLost,
            )
            | (
                state @ State::Tentative { .. },
                Input::Start | Input::Solicit | Input::RoutersLost,
            )
            | (state @ State::Tentative { sent: None }, Input::Timeout)
            | (state @ State::Tentative { sent: Some(_) }, Input::Unverified)
            | (
                state @ State::Soliciting(_),
                Input::Start | Input::Verified | Input::Unverified | Input::RoutersLost,
            )
            | (
                state @ (State::Listening | State::Configured),
                Input::Start | Input::Timeout | Input::Verified | Input::Unverified,
            )
            | (state @ State::Listening, Input::RoutersLost)
            | (
                state @ State::Disabled,
                Input::Start
                | Input::Timeout
                | Input::Solicit
                | Input::Verified
                | Input::Unverified
                | Input::Duplicate
                | Input::RoutersLost,
            ) => state,
        };
    }

    /// Forms the link-local address (RFC 4862, 5.3), and asks for routers as soon as it may.
    fn begin(&mut self, now: Instant) -> State {
        self.know_link_local();
        // RFC 4862, 5.3: a host forms a link-local address, which does not end, when it starts.
        self.form(0, AddressKind::LinkLocal, 0, now);
        if !self.config.verifies {
            return self.solicit_first(self.routers.has_default(), now);
        }
        if self.config.solicits_early {
            return self.solicit_early(now);
        }
        State::Tentative { sent: None }
    }

    /// The prefix of link-local addresses is the first of all for as long as the host is started.
    fn know_link_local(&mut self) {
        if self.prefixes.is_empty() {
            let prefix = AutoPrefix::new(Prefix::LINK_LOCAL_64, Until::NEVER, Until::NEVER, 0);
            self.prefixes.push(prefix);
        }
    }

    /// Asks for routers, from the link-local address; `is_last`: once and not again.
    fn solicit_first(&mut self, is_last: bool, now: Instant) -> State {
        let mut sent = Sent::first(self.config.solicitations, now, &mut self.rng);
        sent.is_last = is_last;
        self.send_solicitation();
        State::Soliciting(sent)
    }

    fn solicit_again(&mut self, mut sent: Sent, now: Instant) -> State {
        // Who asks on and on says once that there is none, too.
        if sent.conclude(now) {
            self.tell_unanswered(sent);
            return State::Soliciting(sent);
        }
        // RFC 4861, 6.3.7: three solicitations at most are sent, 4 s apart, where a persona says so.
        if sent.has_another(self.config.solicitations) {
            sent.again(self.config.solicitations, now, &mut self.rng);
            self.send_solicitation();
            return State::Soliciting(sent);
        }
        self.tell_unanswered(sent);
        self.rest()
    }

    // RFC 4861, 6.3.7: a host that is not answered concludes that there is no router, and goes on listening.
    fn tell_unanswered(&mut self, sent: Sent) {
        if !sent.is_answered {
            self.event(Event::Unanswered {
                solicitations: sent.count,
            });
        }
    }

    /// Asks from `::`, while the link-local address is not verified.
    fn solicit_early(&mut self, now: Instant) -> State {
        let sent = Sent::first(self.config.solicitations, now, &mut self.rng);
        self.send_solicitation();
        State::Tentative { sent: Some(sent) }
    }

    fn solicit_early_again(&mut self, mut sent: Sent, now: Instant) -> State {
        if sent.conclude(now) {
            self.tell_unanswered(sent);
        } else if sent.has_another(self.config.solicitations) {
            sent.again(self.config.solicitations, now, &mut self.rng);
            self.send_solicitation();
        } else {
            self.tell_unanswered(sent);
            sent.is_last = true;
        }
        State::Tentative { sent: Some(sent) }
    }

    fn send_solicitation(&mut self) {
        let source = self.link_local().unwrap_or(Ipv6Addr::UNSPECIFIED);
        let packet = Packet::router_solicitation(self.config.mac, source);
        self.to_send.push(packet);
    }

    /// An advertisement came while solicitations were out: the first is their answer.
    fn answer(&mut self, sent: Option<&mut Sent>, packet: &Packet, now: Instant) {
        if let Some(sent) = sent
            && !sent.is_answered
        {
            sent.is_answered = true;
            let after = now.saturating_duration_since(sent.first_at);
            self.event(Event::Answered {
                router: packet.source,
                after,
                unicast: !packet.destination.is_multicast(),
            });
        }
    }

    /// The state of a host that asks no more.
    fn rest(&self) -> State {
        if self.routers.has_default() {
            State::Configured
        } else {
            State::Listening
        }
    }

    /// Forgets everything: whatever stands is to go.
    fn withdraw(&mut self, router_loss: RouterLoss, address_loss: AddressLoss) {
        self.forget_routers(router_loss);
        for at in (0..self.prefixes.len()).rev() {
            self.lose_prefix(at, address_loss);
        }
        self.is_unattached = false;
        self.link = LinkParameters::default();
        self.told.link = LinkParameters::default();
    }

    /// Forgets what routers have said, but for addresses.
    pub(super) fn forget_routers(&mut self, why: RouterLoss) {
        let routers = mem::take(&mut self.routers);
        for router in routers.all {
            if router.default.is_some() {
                let router = router.address;
                self.event(Event::RouterLost { router, why });
            }
        }
        self.on_link.clear();
        self.servers.clear();
        self.search.clear();
        self.pref64.clear();
        self.encrypted.clear();
    }
}
