//! What a genuine RECONFIGURE makes of a client (RFC 9915, 18.2.11).

use std::time::Instant;

use super::Client;
use super::event::{Event, Information, ReconfigureKind};
use super::state::{Held, State};
use crate::{Duid, Ignored};

impl Client {
    // RFC 9915, 18.2.11: a RECONFIGURE makes the client renew, rebind, or ask that server for information.
    pub(super) fn reconfigure(
        &mut self,
        held: Held,
        kind: ReconfigureKind,
        server: Duid,
        now: Instant,
    ) -> State {
        // The INFORMATION-REQUEST of an earlier one is an exchange under way.
        if held.informing.is_some() {
            self.ignore(Ignored::Busy);
            return State::Bound(held);
        }
        self.event(Event::Reconfigured {
            kind,
            server: server.clone(),
        });
        match kind {
            ReconfigureKind::Renew => self.renew_lease(held, now),
            ReconfigureKind::Rebind => self.rebind_lease(held, now),
            ReconfigureKind::InformationRequest => {
                self.inform_beside(State::Bound(held), Some(server), now)
            }
        }
    }

    /// The same for a client without a lease, which has nothing to renew.
    pub(super) fn reconfigure_information(
        &mut self,
        known: Information,
        kind: ReconfigureKind,
        server: Duid,
        now: Instant,
    ) -> State {
        match kind {
            ReconfigureKind::InformationRequest => {
                self.event(Event::Reconfigured {
                    kind,
                    server: server.clone(),
                });
                self.ask_for_information(Some(known), Some(server), now)
            }
            ReconfigureKind::Renew | ReconfigureKind::Rebind => {
                self.ignore(Ignored::Unexpected);
                State::Informed(known)
            }
        }
    }
}
