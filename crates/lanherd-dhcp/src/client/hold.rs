//! A lease from its ACK to its end: granted, extended, run out or given back (RFC 2131, 4.4.5).

use std::net::Ipv4Addr;
use std::time::Instant;

use super::conflict::Guard;
use super::event::{Event, Extension, LossReason};
use super::held::Held;
use super::state::{Acquisition, Extending, Init, State};
use super::{Client, has_come, timers};
use crate::lease::Grant;
use crate::{Ignored, Lease, Message};

impl Client {
    /// What `ack` grants, if it is for the address that was `asked` for and lasts beyond `now`.
    ///
    /// A server that wants the client to have another address must say so with an OFFER or a NAK; an ACK that changes it
    /// on the way would pull the address away under everything that runs on it.
    pub(super) fn grant(
        &mut self,
        ack: &Message,
        asked: Ipv4Addr,
        requested_at: Instant,
        now: Instant,
    ) -> Result<Lease, Ignored> {
        let Grant { lease, remarks } = Lease::from_ack(ack, requested_at, &mut self.rng)?;
        // Field practice: an ACK for another address than was asked for grants nothing.
        if lease.address != asked {
            return Err(Ignored::OtherAddress);
        }
        // RFC 2131, 4.4.5: a lease that has run out when its ACK comes is not taken.
        if has_come(lease.expires_at(), now) {
            return Err(Ignored::LeaseRunOut);
        }
        self.remark(&remarks);
        Ok(lease)
    }

    /// From here on the lease is held.
    pub(super) fn bind(&mut self, lease: Lease, reboot: bool, guard: Option<Guard>) -> State {
        self.event(Event::Bound {
            lease: lease.clone(),
            reboot,
        });
        State::Bound(Held {
            lease,
            guard,
            informing: None,
        })
    }

    /// Asks the lease's server for more time.
    // RFC 2131, 4.4.5: RENEWING asks the lease's server, with ciaddr and neither 50 nor 54.
    pub(super) fn renew_lease(&mut self, held: Held, began: Instant, now: Instant) -> State {
        let (server_id, limit) = (held.lease.server_id, held.lease.rebind_at());
        State::Renewing(self.ask_for_more(held, server_id, limit, began, now))
    }

    /// Asks any server for more time.
    // RFC 2131, 4.4.5: REBINDING asks everybody, with ciaddr and neither 50 nor 54.
    pub(super) fn rebind_lease(&mut self, held: Held, began: Instant, now: Instant) -> State {
        let limit = held.lease.expires_at();
        State::Rebinding(self.ask_for_more(held, Ipv4Addr::BROADCAST, limit, began, now))
    }

    /// Each REQUEST has an xid of its own, so that an ACK tells which one it answers, and the lease counts from that one.
    fn ask_for_more(
        &mut self,
        held: Held,
        destination: Ipv4Addr,
        limit: Option<Instant>,
        began: Instant,
        now: Instant,
    ) -> Extending {
        let (xid, address) = (self.rng.u32(..), held.lease.address);
        let message = self.config.extend(xid, timers::secs(began, now), address);
        self.transmit(message, address, destination);
        Extending {
            held,
            began,
            xid,
            sent_at: now,
            again_at: now + timers::half_of_what_remains(limit, now),
        }
    }

    /// The ACK of any server extends the lease, and makes it that server's.
    pub(super) fn renewed(&mut self, extending: Extending, ack: &Message, now: Instant) -> State {
        match self.grant_more(&extending.held, extending.sent_at, ack, now) {
            Some(lease) => self.extended(extending.held, lease, Extension::Renew),
            None => State::Renewing(extending),
        }
    }

    /// The same while REBINDING.
    // RFC 2131, 4.4.5: while REBINDING any server may extend the lease.
    pub(super) fn rebound(&mut self, extending: Extending, ack: &Message, now: Instant) -> State {
        match self.grant_more(&extending.held, extending.sent_at, ack, now) {
            Some(lease) => self.extended(extending.held, lease, Extension::Rebind),
            None => State::Rebinding(extending),
        }
    }

    /// What `ack` makes of the lease in use, if it can be used.
    pub(super) fn grant_more(
        &mut self,
        held: &Held,
        requested_at: Instant,
        ack: &Message,
        now: Instant,
    ) -> Option<Lease> {
        self.grant(ack, held.lease.address, requested_at, now)
            .map_err(|reason| self.ignore(reason))
            .ok()
    }

    pub(super) fn extended(&mut self, held: Held, lease: Lease, by: Extension) -> State {
        self.naks = 0;
        self.event(Event::Renewed {
            lease: lease.clone(),
            by,
        });
        State::Bound(Held { lease, ..held })
    }

    /// Ends a lease whose time has come (RFC 2131, 4.4.5), and asks for its address again.
    // RFC 2131, 4.4.5: a lease that ends is used no more, and all begins anew.
    pub(super) fn expire(&mut self, now: Instant) {
        let (lease, end) = match (&self.state, self.state.lease()) {
            (_, Some(lease)) => (lease, Event::Lost(LossReason::Expired)),
            (State::Probing(probing), None) => {
                let (reason, message) = (Ignored::LeaseRunOut, None);
                (&probing.lease, Event::Ignored { reason, message })
            }
            (_, None) => return,
        };
        if !has_come(lease.expires_at(), now) {
            return;
        }
        let hint = Some(lease.address);
        self.event(end);
        self.state = State::Init(Init {
            acquisition: Acquisition { began: now, hint },
            at: now,
        });
    }

    // RFC 2131, 4.4.6: a client that leaves gives its lease back.
    pub(super) fn give_back(&mut self, lease: &Lease) -> State {
        self.send_release(lease.address, lease.server_id);
        self.event(Event::Lost(LossReason::Released));
        State::Stopped
    }

    /// The server may have granted what was requested, and its ACK be on the way: without a RELEASE the address would
    /// stay taken for the whole lease time. A server that has not granted it ignores this.
    pub(super) fn give_back_unused(&mut self, address: Ipv4Addr, server_id: Ipv4Addr) -> State {
        self.send_release(address, server_id);
        State::Stopped
    }

    pub(super) fn send_release(&mut self, address: Ipv4Addr, server_id: Ipv4Addr) {
        let message = self.config.release(self.rng.u32(..), address, server_id);
        self.transmit(message, address, server_id);
    }
}
