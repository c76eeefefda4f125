//! Leases given back, and addresses that somebody else has (RFC 9915, 18.2.7, 18.2.8).

use std::net::Ipv6Addr;
use std::time::Instant;

use super::Client;
use super::event::{Event, LossReason, Means, Unanswered};
use super::exchange::{Exchange, Retransmission};
use super::state::{Declining, Held, Releasing, Requesting, State};
use crate::MessageType;
use crate::lease::{Gone, Lease, Leased};
use lanherd_types::identity::Mac;

impl Client {
    /// Stops using the lease, then tells its server.
    // RFC 9915, 18.2.7: a lease is used no more before its RELEASE is sent.
    pub(super) fn give_back(&mut self, held: Held, now: Instant) -> State {
        if held.is_in_use {
            self.event(Event::Lost(LossReason::Released));
        }
        self.release_lease(held.lease, now)
    }

    /// The server may have granted what was requested, and its REPLY be on the way: without a RELEASE it would stay taken.
    pub(super) fn give_back_requested(&mut self, requesting: Requesting, now: Instant) -> State {
        let Requesting {
            server, wish, held, ..
        } = requesting;
        if held.as_ref().is_some_and(|held| held.is_in_use) {
            self.event(Event::Lost(LossReason::Released));
        }
        let wish = wish.filter(|wish| !wish.is_empty());
        match (wish, held) {
            (Some(mut wish), held) => {
                // What is held was a part of the wish, or of another server's.
                if let Some(held) = held {
                    for ia in held.lease.ias {
                        if wish.ia(ia.kind, ia.iaid).is_none() {
                            wish.ias.push(ia);
                        }
                    }
                }
                wish.server = server;
                self.release_lease(wish, now)
            }
            (None, Some(held)) => self.release_lease(held.lease, now),
            (None, None) => State::Stopped,
        }
    }

    fn release_lease(&mut self, lease: Lease, now: Instant) -> State {
        let exchange = Exchange::new(self.xid(), Retransmission::RELEASE, now);
        self.send_release(Releasing { exchange, lease }, now)
    }

    fn send_release(&mut self, mut releasing: Releasing, now: Instant) -> State {
        let lease = &releasing.lease;
        self.send(&mut releasing.exchange, now, |config, exchange| {
            config.release(exchange, lease)
        });
        State::Releasing(releasing)
    }

    pub(super) fn release_again(&mut self, releasing: Releasing, now: Instant) -> State {
        if releasing.exchange.is_over(now) {
            self.event(Event::Unanswered(Unanswered::Releasing));
            return State::Stopped;
        }
        self.send_release(releasing, now)
    }

    // RFC 9915, 18.2.10.2: any REPLY ends a RELEASE or a DECLINE, whatever its status.
    pub(super) fn released(&mut self) -> State {
        self.event(Event::Answered(MessageType::Release));
        State::Stopped
    }

    /// Somebody else has an address of the lease.
    pub(super) fn conflict(
        &mut self,
        held: Held,
        address: Ipv6Addr,
        holder: Option<Mac>,
        now: Instant,
    ) -> State {
        self.event(Event::Conflict { address, holder });
        self.decline_addresses(held, &[address], None, LossReason::Conflict, now)
    }

    /// All addresses are to be declined.
    pub(super) fn decline_all(&mut self, held: Held, now: Instant) -> State {
        let addresses: Vec<Ipv6Addr> = held.lease.addresses().map(|it| it.address).collect();
        self.decline_addresses(held, &addresses, None, LossReason::Declined, now)
    }

    // RFC 9915, 18.2.8: what nobody else has is kept when addresses are declined, and they are asked for anew.
    pub(super) fn decline_addresses(
        &mut self,
        mut held: Held,
        declined: &[Ipv6Addr],
        by: Option<Means>,
        reason: LossReason,
        now: Instant,
    ) -> State {
        let server = held.lease.server.clone();
        let ias = held.lease.ias.iter();
        let numbered = ias.flat_map(|ia| ia.addresses.iter().map(|it| (ia.iaid, it.address)));
        let addresses: Vec<(u32, Ipv6Addr)> = numbered
            .filter(|(_, address)| declined.contains(address))
            .collect();
        let what = held.lease.take(|_, _, leased, _| match leased {
            Leased::Address(address) => declined.contains(&address),
            Leased::Prefix(_) => false,
        });
        if held.is_in_use {
            self.tell_gone(held.lease.is_empty(), what, reason);
        }
        let exchange = Exchange::new(self.xid(), Retransmission::DECLINE, now);
        self.send_decline(
            Declining {
                exchange,
                server,
                addresses,
                held: (!held.lease.is_empty()).then_some(held),
                by,
            },
            now,
        )
    }

    /// Of a lease in use, `what` is gone, which may be all of it.
    pub(super) fn tell_gone(&mut self, is_all: bool, what: Gone, reason: LossReason) {
        self.event(if is_all {
            Event::Lost(reason)
        } else {
            Event::Gone { what, reason }
        });
    }

    fn send_decline(&mut self, mut declining: Declining, now: Instant) -> State {
        let (server, addresses) = (&declining.server, &declining.addresses);
        self.send(&mut declining.exchange, now, |config, exchange| {
            config.decline(exchange, server, addresses)
        });
        State::Declining(declining)
    }

    pub(super) fn decline_again(&mut self, declining: Declining, now: Instant) -> State {
        if declining.exchange.is_over(now) {
            self.event(Event::Unanswered(Unanswered::Declining));
            return self.go_on(declining, now);
        }
        self.send_decline(declining, now)
    }

    pub(super) fn declined(&mut self, declining: Declining, now: Instant) -> State {
        self.event(Event::Answered(MessageType::Decline));
        self.go_on(declining, now)
    }

    /// After a DECLINE: with what is kept, or from the beginning.
    fn go_on(&mut self, declining: Declining, now: Instant) -> State {
        match (declining.held, declining.by) {
            (Some(held), Some(by)) => self.use_lease(held, by),
            (Some(held), None) if held.is_in_use => State::Bound(held),
            // An address that was never used was declined by the caller, with prefixes beside it.
            (Some(held), None) => self.use_lease(held, Means::Request),
            (None, _) => self.begin_anew(None, now),
        }
    }

    /// The link was away: what is kept is confirmed, and what is new in it has been probed.
    pub(super) fn confirm_what_is_kept(&mut self, declining: Declining, now: Instant) -> State {
        let Some(held) = declining.held else {
            return self.solicit_afresh(None, now);
        };
        if let (true, Some(by)) = (held.is_in_use, declining.by) {
            let lease = held.lease.clone();
            self.event(Event::Renewed { lease, by });
        }
        self.wait_to_confirm(held, now)
    }
}
