//! From INIT to a lease: DISCOVER, the offers, REQUEST, and the shorter way of INIT-REBOOT (RFC 2131, 3.1 and 3.2).

use std::net::Ipv4Addr;
use std::time::Instant;

use super::event::{Event, Unanswered};
use super::offers::{self, Offer};
use super::state::{Acquisition, Init, InitReboot, Rebooting, Requesting, Selecting, Sent, State};
use super::{Client, OfferPolicy, is_foreign, timers};
use crate::options::{MAX_MESSAGE_CHARS, code};
use crate::{Ignored, Message, Remark, RemarkReason, lease};

/// How often a REQUEST for an offered address is sent: once and four times again (RFC 2131, 3.1(5)).
const MAX_REQUESTS: u32 = 5;
/// How often a REQUEST for a remembered address is sent. Servers that do not know the client must stay silent (RFC 2131,
/// 4.3.2), so silence is common here and not worth a minute; two survive the loss of one, and then DISCOVER asks for the
/// same address anyway.
pub(super) const MAX_REBOOT_REQUESTS: u32 = 2;

impl Client {
    pub(super) fn wait_to_discover(&mut self, now: Instant) -> State {
        let at = now + self.config.random_start_delay(&mut self.rng);
        State::Init(Init {
            acquisition: Acquisition {
                began: at,
                hint: None,
            },
            at,
        })
    }

    pub(super) fn wait_to_reboot(&mut self, address: Ipv4Addr, now: Instant) -> State {
        let at = now + self.config.random_start_delay(&mut self.rng);
        State::InitReboot(InitReboot { address, at })
    }

    /// After a refusal the address is not asked for again, and a server that refuses on and on is asked ever less often.
    // RFC 2131, 3.1(5): a NAK returns to INIT from every state that has asked.
    pub(super) fn wait_after_nak(&mut self, began: Instant, now: Instant) -> State {
        self.naks = self.naks.saturating_add(1);
        let at = now + timers::delay_after_naks(self.naks, &mut self.rng);
        State::Init(Init {
            acquisition: Acquisition { began, hint: None },
            at,
        })
    }

    pub(super) fn discover(&mut self, acquisition: Acquisition, now: Instant) -> State {
        // RFC 2131, 4.4.1: each transaction has a random xid.
        let sent = Sent::first(self.rng.u32(..), acquisition.began, now, &mut self.rng);
        self.broadcast(self.config.discover(&sent, acquisition.hint));
        State::Selecting(Selecting {
            acquisition,
            sent,
            offers: Vec::new(),
            choose_at: sent.again_at,
        })
    }

    /// The end of the window, or of a wait without an offer.
    pub(super) fn select(&mut self, mut selecting: Selecting, now: Instant) -> State {
        let hint = selecting.acquisition.hint;
        if let Some(offer) = offers::choose(&selecting.offers, hint) {
            return self.request(&selecting, offer, now);
        }
        selecting.sent.again(now, &mut self.rng);
        selecting.choose_at = selecting.sent.again_at;
        self.broadcast(self.config.discover(&selecting.sent, hint));
        State::Selecting(selecting)
    }

    pub(super) fn collect(
        &mut self,
        mut selecting: Selecting,
        message: &Message,
        now: Instant,
    ) -> State {
        // Whatever the address is, and even if there is none: it is not to be requested (RFC 8925, 3.2).
        // RFC 8925, 3.2: an OFFER with option 108 is not requested by a client that asked for it.
        if let Some(wait) = self.config.v6_only_wait(message) {
            return self.wait_without_v4(wait, now);
        }
        let is_first = selecting.offers.is_empty();
        match Offer::from_message(message) {
            Err(reason) => self.ignore(reason),
            Ok(_) if selecting.offers.len() >= offers::MAX_OFFERS => {
                self.ignore(Ignored::TooManyOffers);
            }
            Ok(offer) => match self.config.offers {
                OfferPolicy::First => return self.request(&selecting, offer, now),
                OfferPolicy::Window(window) => {
                    selecting.offers.push(offer);
                    if is_first {
                        selecting.choose_at = now + window;
                    }
                }
            },
        }
        State::Selecting(selecting)
    }

    /// Asks for what was offered, with the secs of the DISCOVER, so that relays pass it to the same servers (RFC 2131,
    /// 3.1(3)), and with its xid (table 5).
    pub(super) fn request(&mut self, selecting: &Selecting, offer: Offer, now: Instant) -> State {
        let sent = selecting.sent.answered(now, &mut self.rng);
        self.broadcast(self.config.request_offered(&sent, &offer));
        State::Requesting(Requesting {
            acquisition: selecting.acquisition,
            sent,
            offer,
        })
    }

    pub(super) fn request_again(&mut self, mut requesting: Requesting, now: Instant) -> State {
        // RFC 2131, 3.1(5): a REQUEST for an offer is sent again four times, then all begins anew.
        if requesting.sent.count >= MAX_REQUESTS {
            self.event(Event::Unanswered(Unanswered::Requesting));
            return requesting.give_up(now);
        }
        requesting.sent.again_with_same_secs(now, &mut self.rng);
        self.broadcast(
            self.config
                .request_offered(&requesting.sent, &requesting.offer),
        );
        State::Requesting(requesting)
    }

    /// Option 108 does not count here: with it in the OFFER there would have been no REQUEST. Nor does it in an extension
    /// ("continue to use the assigned IPv4 address", RFC 8925, 3.2).
    // RFC 8925, 3.2: an address that was requested already, or is being extended, is used on.
    pub(super) fn acknowledge(
        &mut self,
        requesting: Requesting,
        ack: &Message,
        now: Instant,
    ) -> State {
        let granted = match lease::server_id(ack) {
            None => Err(Ignored::NoServerId),
            // RFC 2131, 3.1(4): an ACK counts only from the server that was chosen.
            Some(server_id) if server_id != requesting.offer.server_id => {
                Err(Ignored::ForeignServer)
            }
            // RFC 2131, 4.4.1: the lease counts from when its REQUEST was first sent.
            Some(_) => self.grant(ack, requesting.offer.address, requesting.sent.first_at, now),
        };
        match granted {
            Ok(lease) => self.granted(lease, false, now),
            Err(reason) => {
                self.ignore(reason);
                if reason == Ignored::LeaseRunOut {
                    return requesting.give_up(now);
                }
                State::Requesting(requesting)
            }
        }
    }

    /// A NAK counts from the chosen server only: the REQUEST told all others that they were not chosen. One without a
    /// server identifier breaks RFC 2131 (table 3) and is obeyed all the same: it knows xid and hardware address, and
    /// to ignore it would be to ask a server for minutes that has already refused.
    pub(super) fn refuse(&mut self, requesting: Requesting, nak: &Message, now: Instant) -> State {
        // Field practice: a NAK counts from the server that was asked, and from any where all were.
        if is_foreign(nak, requesting.offer.server_id) {
            self.ignore(Ignored::ForeignServer);
            return State::Requesting(requesting);
        }
        self.report_refusal(nak);
        self.wait_after_nak(requesting.acquisition.began, now)
    }

    pub(super) fn request_remembered(&mut self, address: Ipv4Addr, now: Instant) -> State {
        let sent = Sent::first(self.rng.u32(..), now, now, &mut self.rng);
        self.broadcast(self.config.request_remembered(&sent, address));
        State::Rebooting(Rebooting { address, sent })
    }

    pub(super) fn request_remembered_again(
        &mut self,
        mut rebooting: Rebooting,
        now: Instant,
    ) -> State {
        // RFC 2131, 3.2(3): a remembered address that nobody confirms is asked for by DISCOVER.
        if rebooting.sent.count >= MAX_REBOOT_REQUESTS {
            self.event(Event::Unanswered(Unanswered::Rebooting));
            return rebooting.give_up(now);
        }
        rebooting.sent.again(now, &mut self.rng);
        self.broadcast(
            self.config
                .request_remembered(&rebooting.sent, rebooting.address),
        );
        State::Rebooting(rebooting)
    }

    pub(super) fn acknowledge_remembered(
        &mut self,
        rebooting: Rebooting,
        ack: &Message,
        now: Instant,
    ) -> State {
        match self.grant(ack, rebooting.address, rebooting.sent.first_at, now) {
            Ok(lease) => match self.config.v6_only_wait(ack) {
                Some(wait) => self.return_unused(&lease, wait, now),
                None => self.granted(lease, true, now),
            },
            Err(reason) => {
                self.ignore(reason);
                if reason == Ignored::LeaseRunOut {
                    return rebooting.give_up(now);
                }
                State::Rebooting(rebooting)
            }
        }
    }

    pub(super) fn report_refusal(&mut self, nak: &Message) {
        let server_id = nak.options.address(code::SERVER_ID);
        let text = nak.options.text(code::MESSAGE).unwrap_or_default();
        if text.chars().count() > MAX_MESSAGE_CHARS {
            self.remark(&[Remark {
                option: code::MESSAGE,
                offset: nak.notes.offset(code::MESSAGE),
                length: text.len(),
                reason: RemarkReason::OverLimit,
            }]);
        }
        let message = nak.options.message();
        self.event(Event::Refused { server_id, message });
    }
}
