//! A client's families beside each other: where it stands in each, and what follows for the whole client.

use super::{Carrier, ClientEvent, ClientState};
use crate::family::{Families, Family};
use crate::lan::Lan;
use crate::phase::{Failure, Phase};

/// Where a client stands in one family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FamilyPhase {
    /// It is not to have it.
    Unwanted,
    /// On its way to be usable: in this phase, were it the only one.
    Joining(Phase),
    /// It is usable.
    Usable,
    /// It was usable, and is not any more; it is on its way again.
    Gone(Phase),
    /// It was not usable in time; it is tried on and on.
    Overdue,
    /// The client was told to do without, by an order or by a server.
    Resting(Phase),
}

impl FamilyPhase {
    /// At its beginning.
    pub(super) const fn first(families: Families, family: Family) -> Self {
        if families.include(family) {
            Self::Joining(Phase::Namespace)
        } else {
            Self::Unwanted
        }
    }

    /// On its way in this phase; again, where it was usable before.
    pub(super) const fn seeking(self, phase: Phase) -> Self {
        match self {
            Self::Usable | Self::Gone(_) | Self::Overdue => Self::Gone(phase),
            Self::Unwanted | Self::Joining(_) | Self::Resting(_) => Self::Joining(phase),
        }
    }

    /// Whether the client need not give up: it can be used, or may be before its deadline.
    pub(super) const fn is_hopeful(self) -> bool {
        match self {
            Self::Joining(_) | Self::Usable | Self::Gone(_) => true,
            Self::Unwanted | Self::Overdue | Self::Resting(_) => false,
        }
    }

    /// Whether it may become usable before its deadline.
    const fn is_awaited(self) -> bool {
        match self {
            Self::Joining(_) | Self::Gone(_) => true,
            Self::Unwanted | Self::Usable | Self::Overdue | Self::Resting(_) => false,
        }
    }

    /// The phase of a client that is to have nothing else.
    const fn alone(self) -> Phase {
        match self {
            Self::Joining(phase) | Self::Gone(phase) | Self::Resting(phase) => phase,
            Self::Usable => Phase::Online,
            Self::Unwanted => Phase::Released,
            // Told, and about to end this life.
            Self::Overdue => Phase::Backoff,
        }
    }
}

/// The phase of the whole client.
pub(super) const fn overall(ipv4: FamilyPhase, ipv6: FamilyPhase) -> Phase {
    use FamilyPhase::{Gone, Joining, Overdue, Resting, Unwanted, Usable};
    match (ipv4, ipv6) {
        (one, Unwanted) | (Unwanted, one) => one.alone(),
        (Usable, Usable | Resting(_)) => Phase::Online,
        // It does without IPv4 where IPv6 is enough (RFC 8925, 3.2).
        (Resting(Phase::V6Only), other) => other.alone(),
        (Usable, Gone(_) | Overdue) | (Gone(_) | Overdue, Usable) => Phase::Partial,
        // IPv4 is shown first, and then what IPv6 still waits for.
        (Resting(phase) | Joining(phase), _)
        | (Gone(phase), Joining(_) | Gone(_) | Overdue | Resting(_))
        | (Usable | Overdue, Joining(phase))
        | (Overdue, Gone(phase) | Resting(phase)) => phase,
        (Overdue, Overdue) => Phase::Backoff,
    }
}

impl<L: Lan> ClientState<L> {
    fn overall(&self) -> Phase {
        let ipv6 = self.stack6.as_ref();
        let ipv6 = ipv6.map_or(FamilyPhase::Unwanted, |stack| stack.lock().family_phase());
        overall(self.ipv4, ipv6)
    }

    /// Tells activities, once nothing is left that may become usable in its time.
    pub(super) fn settle_activities(&mut self) {
        let ipv6 = self.stack6.as_ref();
        let ipv6 = ipv6.map(|stack| stack.lock().family_phase());
        if !self.ipv4.is_awaited() && !ipv6.is_some_and(FamilyPhase::is_awaited) {
            self.activities.has_joined();
        }
    }

    /// Tells the phase that follows from both families.
    pub(super) fn show(&mut self) {
        let phase = self.overall();
        self.enter_unless_cut_off(phase);
    }

    /// As [`ClientState::show`], also while the link carries nothing.
    pub(super) fn show_at_once(&mut self) {
        let phase = self.overall();
        self.enter(phase);
    }

    /// IPv4 is on its way, in this phase.
    pub(super) fn seek_ipv4(&mut self, phase: Phase) {
        // What is only set again goes on being usable; of a client without IPv6 that is told.
        let is_set_again = phase == Phase::Configure && self.ipv4 == FamilyPhase::Usable;
        if is_set_again && self.stack6.is_some() {
            return;
        }
        self.ipv4 = self.ipv4.seeking(phase);
        self.show();
    }

    /// IPv4 can be used.
    pub(super) fn ipv4_is_usable(&mut self) {
        let before = std::mem::replace(&mut self.ipv4, FamilyPhase::Usable);
        if before != FamilyPhase::Usable && self.stack6.is_some() {
            let took = self.acquisition.elapsed(super::now());
            self.tell(ClientEvent::FamilyUp(Family::Ipv4, took));
        }
        self.show();
    }

    /// Whether IPv4 is used: its lease is there and set, and the link carries it.
    pub(super) fn uses_ipv4(&self) -> bool {
        self.ipv4 == FamilyPhase::Usable && self.carrier == Carrier::Present
    }

    /// Of a client that is to have both, IPv4 is no more what it was.
    pub(super) fn ipv4_is_down(&self, failure: Failure) {
        if self.stack6.is_some() {
            self.tell(ClientEvent::FamilyDown(failure.of(Family::Ipv4)));
        }
    }

    /// There is no IPv4 lease in time: that ends this life, unless there is IPv6, or may yet be.
    pub(super) fn ipv4_is_overdue(&mut self, failure: Failure) -> Result<(), Failure> {
        let Some(stack) = &self.stack6 else {
            return Err(failure);
        };
        let failure = failure.of(Family::Ipv4);
        if !stack.lock().family_phase().is_hopeful() {
            return Err(failure);
        }
        let before = std::mem::replace(&mut self.ipv4, FamilyPhase::Overdue);
        if !matches!(before, FamilyPhase::Gone(_)) {
            self.tell(ClientEvent::FamilyDown(failure));
        }
        self.show();
        Ok(())
    }

    /// The same of IPv6; `was_usable`: that it is gone was told.
    pub(super) fn ipv6_is_overdue(
        &mut self,
        failure: Failure,
        was_usable: bool,
    ) -> Result<(), Failure> {
        let is_released = self.ipv4 == FamilyPhase::Resting(Phase::Released);
        if !self.ipv4.is_hopeful() && !is_released {
            return Err(failure);
        }
        if !was_usable {
            self.tell(ClientEvent::FamilyDown(failure));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::FamilyPhase::{Gone, Joining, Overdue, Resting, Unwanted, Usable};
    use super::*;

    #[test]
    fn a_client_of_one_family_shows_what_that_does() {
        for (one, phase) in [
            (Joining(Phase::Dhcp), Phase::Dhcp),
            (Gone(Phase::Router), Phase::Router),
            (Usable, Phase::Online),
            (Resting(Phase::V6Only), Phase::V6Only),
        ] {
            assert_eq!(overall(one, Unwanted), phase);
            assert_eq!(overall(Unwanted, one), phase);
        }
    }

    #[test]
    fn a_dual_client_is_online_with_both_and_partial_where_one_has_gone_or_not_come() {
        assert_eq!(overall(Usable, Usable), Phase::Online);
        for down in [Gone(Phase::Dhcp), Overdue] {
            assert_eq!(overall(Usable, down), Phase::Partial);
            assert_eq!(overall(down, Usable), Phase::Partial);
        }
        // Joining it shows IPv4 first.
        assert_eq!(overall(Joining(Phase::Dhcp), Usable), Phase::Dhcp);
        assert_eq!(
            overall(Joining(Phase::Dhcp), Joining(Phase::Dad)),
            Phase::Dhcp
        );
        assert_eq!(overall(Usable, Joining(Phase::Router)), Phase::Router);
        assert_eq!(overall(Overdue, Joining(Phase::Router)), Phase::Router);
        assert_eq!(overall(Gone(Phase::Dhcp), Gone(Phase::Router)), Phase::Dhcp);
    }

    // A client that is told to do without IPv4 does so where IPv6 is enough (RFC 8925, 3.2).
    #[test]
    fn a_client_that_does_without_ipv4_is_online_by_ipv6() {
        let without = Resting(Phase::V6Only);
        assert_eq!(overall(without, Usable), Phase::Online);
        assert_eq!(overall(without, Joining(Phase::Router)), Phase::Router);
        assert_eq!(overall(without, Gone(Phase::Dhcp6)), Phase::Dhcp6);
        // An order is another matter.
        assert_eq!(overall(Resting(Phase::Released), Usable), Phase::Released);
    }

    #[test]
    fn what_was_usable_is_sought_again() {
        assert_eq!(Usable.seeking(Phase::Dhcp), Gone(Phase::Dhcp));
        assert_eq!(Overdue.seeking(Phase::Configure), Gone(Phase::Configure));
        assert_eq!(
            Joining(Phase::Dhcp).seeking(Phase::Configure),
            Joining(Phase::Configure)
        );
        assert_eq!(
            Resting(Phase::V6Only).seeking(Phase::Dhcp),
            Joining(Phase::Dhcp)
        );
    }
}
