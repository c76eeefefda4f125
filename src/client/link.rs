//! What the client does about what befalls its link and what is set on it.

use super::{ClientEvent, ClientState, FamilyPhase, Stack6, now};
use crate::dhcp::State as DhcpState;
use crate::family::Family;
use crate::lan::Lan;
use crate::phase::{Cause, Failure, Phase, Stage};

/// Whether the link carries anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    Present,
    Lost,
    /// It is back, and the pool has not said yet that it is this client's turn: a herd that speaks up all at once would
    /// storm a router that has just come up.
    Back,
}

impl<L: Lan> ClientState<L> {
    /// No failure: a lease outlives a pulled cable. Only that nothing can be had until the carrier is back.
    pub(super) fn carrier_lost(&mut self) {
        match self.carrier {
            Carrier::Lost => return,
            Carrier::Present | Carrier::Back => self.carrier = Carrier::Lost,
        }
        self.deadline = None;
        self.activities.go_offline();
        self.trouble(self.stage(), Cause::NoCarrier, "the parent has no carrier");
        if self.stack6.is_some() {
            self.aggregator.may_have_missed_routers();
        }
        self.with_stack6(Stack6::carrier_lost);
        self.enter(Phase::NoCarrier);
    }

    pub(super) fn carrier_back(&mut self) {
        if self.carrier == Carrier::Lost {
            self.carrier = Carrier::Back;
            self.enter(Phase::Queued);
        }
    }

    /// It is this client's turn: it confirms what it holds, as the network may be another one (RFC 2131, 3.7), or asks.
    pub(super) fn resume(&mut self) {
        if self.carrier != Carrier::Back {
            return;
        }
        self.carrier = Carrier::Present;
        self.with_stack6(Stack6::reconnect);
        match (self.ipv4, self.machine.state()) {
            (FamilyPhase::Unwanted, _) => {}
            (_, DhcpState::Stopped) => self.ipv4 = FamilyPhase::Resting(Phase::Released),
            _ => {
                self.ipv4 = FamilyPhase::Joining(Phase::Dhcp);
                self.expect_lease();
                self.machine.reconnect(now());
            }
        }
        self.show_at_once();
    }

    /// Sets what the lease says once more, as the link can carry more, or less, than before.
    pub(super) async fn fit_to_link(&mut self) -> Result<(), Failure> {
        if let Some(lease) = self.machine.lease().cloned()
            && self.uses_ipv4()
        {
            self.configure(&lease).await?;
        }
        self.follow_link_mtu();
        Ok(())
    }

    /// Somebody removed what was set.
    pub(super) async fn configure_again(&mut self, what: String) -> Result<(), Failure> {
        let Some(lease) = self.machine.lease().cloned() else {
            return Ok(());
        };
        let failure = Failure::new(Stage::Online, Cause::AddressLost, what);
        if self.stack6.is_some() {
            // Of two families it is one that is lost for a moment, and its coming back is told.
            self.tell(ClientEvent::Troubled(failure.of(Family::Ipv4)));
            self.ipv4 = self.ipv4.seeking(Phase::Configure);
            self.show();
        } else {
            self.tell(ClientEvent::Troubled(failure));
        }
        self.put_to_use(&lease).await
    }

    /// Without a carrier a client is in [`Phase::NoCarrier`], whatever its lease is doing.
    pub(super) fn enter_unless_cut_off(&mut self, phase: Phase) {
        if self.carrier == Carrier::Present {
            self.enter(phase);
        }
    }
}
