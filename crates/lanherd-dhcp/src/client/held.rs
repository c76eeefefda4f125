//! A lease in use, and what goes on beside its timers: its address is announced and watched (RFC 5227, 2.3 and 2.4), and
//! a server is asked for parameters (RFC 2131, 4.4.3).

use std::mem;
use std::time::Instant;

use super::conflict::{Guard, Verdict};
use super::event::{Event, Output, Unanswered};
use super::state::Sent;
use super::{Client, has_come};
use crate::{Arp, Ignored, Lease, Message, lease};
use lanherd_types::identity::Mac;

/// How often an INFORM is sent (RFC 2131, 4.4.3: "60 seconds or 4 tries").
const MAX_INFORMS: u32 = 4;

/// A lease in use. What goes on beside it ends with it.
#[derive(Debug, Clone)]
pub struct Held {
    pub(super) lease: Lease,
    /// `None`: without conflict detection.
    pub(super) guard: Option<Guard>,
    /// The INFORM that waits for its answer.
    pub(super) informing: Option<Sent>,
}

impl Held {
    /// When something beside the lease's own timers is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let announce = self.guard.as_ref().and_then(Guard::deadline);
        let inform = self.informing.map(|sent| sent.again_at);
        announce.into_iter().chain(inform).min()
    }
}

impl Client {
    /// What is due beside the state.
    pub(super) fn tend(&mut self, now: Instant) {
        self.beside(|client, held| {
            client.announce(held, now);
            if held
                .informing
                .is_some_and(|sent| has_come(Some(sent.again_at), now))
            {
                client.inform_again(held, now);
            }
        });
    }

    /// Asks the lease's server for parameters: it is known, so the message is unicast (RFC 2131, 4.4.3). An INFORM that
    /// still waits for its answer is given up for the new one.
    pub(super) fn begin_informing(&mut self, now: Instant) {
        self.beside(|client, held| {
            let sent = Sent::first(client.rng.u32(..), now, now, &mut client.rng);
            client.send_inform(&held.lease, &sent);
            held.informing = Some(sent);
        });
    }

    /// The answer to the INFORM. Its option 51, which should not be there (RFC 2131, 4.3.5), grants nothing.
    // RFC 2131, 4.3.5: the ACK to an INFORM needs no lease time, and grants nothing.
    pub(super) fn informed(&mut self, ack: &Message) {
        let Some(server_id) = lease::server_id(ack) else {
            return self.ignore(Ignored::NoServerId);
        };
        self.beside(|client, held| {
            held.informing = None;
            client.event(Event::Informed {
                server_id,
                options: ack.options.clone(),
            });
        });
    }

    /// Whether the address is defended against `rival`; `false`: it must be given up, or none is in use.
    pub(super) fn defend(&mut self, rival: Mac, now: Instant) -> bool {
        let mut is_defended = false;
        self.beside(|client, held| {
            let verdict = held.guard.as_mut().map(|guard| guard.judge(now));
            if verdict == Some(Verdict::Defend) {
                is_defended = true;
                let address = held.lease.address;
                client.conflicts.note(now);
                client.arp(Arp::announcement(client.config.mac, address));
                client.event(Event::Defended {
                    address,
                    against: rival,
                });
            }
        });
        is_defended
    }

    fn announce(&mut self, held: &mut Held, now: Instant) {
        let address = held.lease.address;
        if held
            .guard
            .as_mut()
            .is_some_and(|guard| guard.announces(now))
        {
            self.arp(Arp::announcement(self.config.mac, address));
        }
    }

    fn inform_again(&mut self, held: &mut Held, now: Instant) {
        let Some(mut sent) = held.informing.take() else {
            return;
        };
        // RFC 2131, 4.4.3: INFORM is sent four times at most.
        if sent.count >= MAX_INFORMS {
            return self.event(Event::Unanswered(Unanswered::Informing));
        }
        sent.again(now, &mut self.rng);
        self.send_inform(&held.lease, &sent);
        held.informing = Some(sent);
    }

    fn send_inform(&mut self, lease: &Lease, sent: &Sent) {
        let message = self.config.inform(sent, lease.address);
        self.transmit(message, lease.address, lease.server_id);
    }

    /// Does `what` with the lease in use, where there is one; the state stays.
    fn beside(&mut self, what: impl FnOnce(&mut Self, &mut Held)) {
        let mut state = mem::take(&mut self.state);
        if let Some(held) = state.held_mut() {
            what(self, held);
        }
        self.state = state;
    }

    pub(super) fn arp(&mut self, arp: Arp) {
        self.outputs.push_back(Output::Arp(arp));
    }
}
