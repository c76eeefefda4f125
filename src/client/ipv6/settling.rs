//! What follows from whatever has happened: what the machines say is taken, and what is new is told, in its order.

use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::addressing::dhcp6_frame;
use super::reach::{Input, Reach, Said, Verdict};
use super::seen::Missing;
use super::{AddressState, Ipv6Event, LeftBehind, Output6, Retry, Sent6, Stack6, Wish, Written};
use crate::dhcp6;
use crate::ndp::Body;
use crate::ndp::slaac;

impl Stack6 {
    /// After whatever has happened: takes what the machines say, and says what follows.
    pub(super) fn settle(&mut self, now: Instant) {
        let (mut frames, mut events) = (Vec::new(), Vec::new());
        loop {
            self.drain(&mut frames, &mut events, now);
            if !self.follow_flags(now) {
                break;
            }
        }
        // What an advertisement says is mostly what the one before said.
        let is_dirty = mem::take(&mut self.is_dirty);
        if !is_dirty && events.is_empty() && frames.is_empty() && !self.is_due(now) {
            return;
        }
        if !matches!(self.dhcp.get().state(), dhcp6::State::Probing(_)) {
            self.probing = None;
        }
        let before = Arc::clone(&self.told);
        let mut state = self.machines().state(now);
        state.is_usable = before.is_usable;
        if state != *before {
            self.told = Arc::new(state);
        }
        let up = self.judge(now);
        self.try_again(now);
        if self.told.is_usable != self.is_usable() {
            let is_usable = self.is_usable();
            Arc::make_mut(&mut self.told).is_usable = is_usable;
        }
        let is_given_back = self.remember();
        let was_any = self.left_behind == LeftBehind::Kept { is_any: true };
        if !matches!(self.reach, Reach::Seeking { .. } | Reach::CutOff) {
            self.left_behind = LeftBehind::Dropped;
        }
        let mut addressing = self.machines().addressing();
        // Where nothing was found it makes no difference, and nothing is to be set anew.
        let is_kept = self.left_behind != LeftBehind::Dropped;
        addressing.keeps_found = is_kept || (self.set.keeps_found && !was_any);
        if addressing != self.set {
            self.set = addressing.clone();
            self.set_again_by = None;
            self.outputs.push_back(Output6::Configure(addressing));
        }
        self.outputs.extend(frames);
        if is_given_back {
            self.outputs.push_back(Output6::Remember(None));
        }
        self.outputs.extend(events.into_iter().map(Output6::Event));
        if !Arc::ptr_eq(&before, &self.told) {
            let state = Arc::clone(&self.told);
            self.outputs.push_back(Output6::State(state));
        }
        self.outputs.extend(up.map(Output6::Up));
    }

    /// Has a lease written down that is to be used; whether one that was has gone.
    fn remember(&mut self) -> bool {
        let granted = self.probing.as_deref().or_else(|| self.dhcp.get().lease());
        let requested = self.dhcp.get().state().requested();
        let lease = granted.or(requested);
        let is_requested = granted.is_none();
        let written = self.written.as_deref();
        if lease == written.map(|it| &it.lease)
            && written.is_none_or(|it| it.is_requested == is_requested)
        {
            return false;
        }
        self.written = lease.cloned().map(|lease| {
            Box::new(Written {
                lease,
                is_requested,
            })
        });
        if let Some(written) = &self.written {
            self.outputs
                .push_back(Output6::Remember(Some(Written::clone(written))));
        }
        self.written.is_none()
    }

    /// Says whether it can be used, where that has changed; gives how long it took, where it can.
    fn judge(&mut self, now: Instant) -> Option<Duration> {
        let missing = self.missing();
        let verdict = match missing {
            None => Verdict::Usable,
            // Nothing more is done on the link (RFC 4862, 5.4.5).
            Some(Missing::Disabled) => Verdict::Hopeless,
            Some(Missing::LinkLocal | Missing::Address) if self.is_verifying() => {
                Verdict::Verifying
            }
            Some(Missing::LinkLocal | Missing::Router | Missing::Address | Missing::Prefix) => {
                Verdict::Missing
            }
        };
        if matches!(missing, Some(Missing::Address | Missing::Prefix)) && self.wish == Wish::NoLease
        {
            self.advance(Input::Rest, now);
        } else if missing.is_none() && self.reach == Reach::Resting && self.wish != Wish::Nothing {
            // It was given back, and something else has come that can be used.
            self.advance(Input::Seek(self.limit), now);
        }
        let mut said = self.advance(Input::Judged(verdict, self.limit), now);
        let missing = missing.unwrap_or(Missing::Address);
        if said == Said::Lost {
            let lost = self.seen.lost(missing);
            self.outputs.push_back(Output6::Lost(lost));
            self.seen.forget();
            // What is hopeless is known at once.
            said = self.advance(Input::Judged(verdict, self.limit), now);
        }
        if said == Said::Overdue {
            let asks = self.asks_for_leases();
            let overdue = self.seen.overdue(missing, &self.told, asks, self.limit);
            self.outputs.push_back(Output6::Overdue(overdue));
        }
        match said {
            Said::Up(took) => Some(took),
            Said::None | Said::Lost | Said::Overdue => None,
        }
    }

    fn is_verifying(&self) -> bool {
        let mut all = self.told.addresses.iter();
        let is_tentative = all.any(|it| it.state == AddressState::Tentative);
        is_tentative && self.seen.may_be_verified()
    }

    /// A host whose link-local address is somebody else's tries again, ever less often: whoever has it may go, or may have answered
    /// for all there are.
    fn try_again(&mut self, now: Instant) {
        if *self.host.state() != slaac::State::Disabled {
            if self.is_usable() {
                self.retry = Retry::default();
            }
            self.retry.at = None;
            return;
        }
        if self.retry.at.is_none() {
            self.retry.at = Some(now + self.retry.wait);
            self.retry.wait = (self.retry.wait * 2).min(Retry::LONGEST);
        }
    }

    /// Takes what the machines have to say.
    fn drain(&mut self, frames: &mut Vec<Output6>, events: &mut Vec<Ipv6Event>, now: Instant) {
        while let Some(output) = self.host.poll_output() {
            match output {
                slaac::Output::Transmit(packet) => {
                    let is_solicitation = matches!(packet.message.body, Body::RouterSolicitation);
                    let sent = if is_solicitation {
                        Sent6::RouterSolicitation
                    } else {
                        Sent6::NeighbourDiscovery
                    };
                    self.sent(sent, now);
                    let frame = packet.to_frame();
                    frames.extend(frame.map(|frame| Output6::Transmit(sent, frame)));
                }
                // All that stands is looked at together.
                slaac::Output::Configure(_) => self.is_dirty = true,
                slaac::Output::Event(event) => self.happened(Ipv6Event::Host(event), events),
            }
        }
        while let Some(output) = self.dhcp.made().and_then(dhcp6::Client::poll_output) {
            match output {
                dhcp6::Output::Transmit(message) => self.send(&message, frames, now),
                dhcp6::Output::Event(event) => {
                    if let dhcp6::Event::Probe { lease, .. } = &event {
                        self.probing = Some(Box::new(lease.clone()));
                    }
                    self.happened(Ipv6Event::Dhcp6(event), events);
                }
            }
        }
    }

    /// A message without an address to send it from is lost; it is sent again.
    fn send(&mut self, message: &dhcp6::Message, frames: &mut Vec<Output6>, now: Instant) {
        let sent = Sent6::Dhcp6(message.message_type);
        self.sent(sent, now);
        let link_local = self.machines().link_local();
        let frame = link_local.and_then(|from| dhcp6_frame(self.mac, from, message));
        let Some(frame) = frame else {
            return;
        };
        if !mem::replace(&mut self.is_heard, true) {
            frames.push(Output6::HearDhcp6);
        }
        frames.push(Output6::Transmit(sent, frame));
    }

    fn sent(&mut self, sent: Sent6, now: Instant) {
        self.seen.sent(sent);
        self.advance(Input::Sent, now);
    }

    fn happened(&mut self, event: Ipv6Event, events: &mut Vec<Ipv6Event>) {
        self.seen.happened(&event);
        events.push(event);
    }
}
