//! A lease from its ACK to its end: granted, extended, run out or given back (RFC 2131, 4.4.5).

use std::net::Ipv4Addr;
use std::time::Instant;

use super::event::{Event, Extension, LossReason};
use super::offers::Offer;
use super::state::{Acquisition, Extending, Init, State};
use super::{Client, has_come, timers};
use crate::dhcp::lease::Grant;
use crate::dhcp::{Ignored, Lease, Message};

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
        let Grant { lease, dropped } = Lease::from_ack(ack, requested_at, &mut self.rng)?;
        if lease.address != asked {
            return Err(Ignored::OtherAddress);
        }
        if has_come(lease.expires_at(), now) {
            return Err(Ignored::LeaseRunOut);
        }
        for reason in dropped {
            self.ignore(reason);
        }
        Ok(lease)
    }

    /// From a granted address to a used one. Conflict detection (RFC 5227) and with it DECLINE have their place here,
    /// between the ACK and BOUND.
    pub(super) fn bind(&mut self, lease: Lease, reboot: bool) -> State {
        self.naks = 0;
        self.event(Event::Bound {
            lease: lease.clone(),
            reboot,
        });
        State::Bound(lease)
    }

    /// Asks for more time. Each REQUEST has an xid of its own, so that an ACK tells which one it answers, and the lease
    /// counts from that one.
    pub(super) fn extend(
        &mut self,
        lease: Lease,
        by: Extension,
        began: Instant,
        now: Instant,
    ) -> State {
        let xid = self.rng.u32(..);
        let message = self
            .config
            .extend(xid, timers::secs(began, now), lease.address);
        let (destination, limit) = match by {
            Extension::Renew => (lease.server_id, lease.rebind_at()),
            Extension::Rebind => (Ipv4Addr::BROADCAST, lease.expires_at()),
        };
        self.transmit(message, lease.address, destination);
        let again_at = now + timers::half_of_what_remains(limit, now);
        let extending = Extending {
            lease,
            began,
            xid,
            sent_at: now,
            again_at,
        };
        match by {
            Extension::Renew => State::Renewing(extending),
            Extension::Rebind => State::Rebinding(extending),
        }
    }

    /// The ACK of any server extends the lease, and makes it that server's.
    pub(super) fn extended(
        &mut self,
        extending: Extending,
        by: Extension,
        ack: &Message,
        now: Instant,
    ) -> State {
        match self.grant(ack, extending.lease.address, extending.sent_at, now) {
            Ok(lease) => {
                self.naks = 0;
                self.event(Event::Renewed {
                    lease: lease.clone(),
                    by,
                });
                State::Bound(lease)
            }
            Err(reason) => {
                self.ignore(reason);
                match by {
                    Extension::Renew => State::Renewing(extending),
                    Extension::Rebind => State::Rebinding(extending),
                }
            }
        }
    }

    /// Ends a lease whose time has come (RFC 2131, 4.4.5), and asks for its address again.
    pub(super) fn expire(&mut self, now: Instant) {
        let Some(lease) = self
            .state
            .lease()
            .filter(|lease| has_come(lease.expires_at(), now))
        else {
            return;
        };
        let hint = Some(lease.address);
        self.event(Event::Lost(LossReason::Expired));
        self.state = State::Init(Init {
            acquisition: Acquisition { began: now, hint },
            at: now,
        });
    }

    pub(super) fn give_back(&mut self, lease: &Lease) -> State {
        self.send_release(lease.address, lease.server_id);
        self.event(Event::Lost(LossReason::Released));
        State::Stopped
    }

    /// The server may have granted what was requested, and its ACK be on the way: without a RELEASE the address would
    /// stay taken for the whole lease time. A server that has not granted it ignores this.
    pub(super) fn give_back_requested(&mut self, offer: Offer) -> State {
        self.send_release(offer.address, offer.server_id);
        State::Stopped
    }

    fn send_release(&mut self, address: Ipv4Addr, server_id: Ipv4Addr) {
        let message = self.config.release(self.rng.u32(..), address, server_id);
        self.transmit(message, address, server_id);
    }
}
