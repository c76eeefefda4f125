//! How clients stand in each family that they are to have.
//!
//! Of a client that is to have one family its phase says it all. One that is to have both is usable in one family or in both: what is
//! told of it by family is kept in its slot, and its time in each is counted beside that of the client as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tracing::{debug, warn};

use super::{PoolState, now};
use crate::client::ipv6::{AddressState, Ipv6Event, Ipv6State};
use crate::family::{ByFamily, Families, Family};
use crate::identity::ClientNumber;
use crate::lan::Lan;
use crate::metrics::Ipv6Census;
use crate::ndp::slaac;
use crate::phase::{Failure, Phase};
use crate::pool::event::EventKind;
use crate::pool::outage::Notice;
use crate::pool::slot::{FamilyStanding, Slot};
use crate::stats::Uptime;

impl<L: Lan> PoolState<L> {
    /// A client that waits for admission.
    pub(super) fn watch_time_of(&mut self, number: ClientNumber, slot: &Slot) {
        let group = &slot.group;
        self.availability.add(number, group.name.clone(), now());
        if group.families == Families::Dual {
            for family in group.families.each() {
                let tracker = self.availability_by_family.get_mut(family);
                tracker.add(number, group.name.clone(), now());
            }
        }
    }

    /// A client that is forgotten.
    pub(super) fn forget_time_of(&mut self, number: ClientNumber) {
        self.availability.forget(number, now());
        for family in Families::Dual.each() {
            let tracker = self.availability_by_family.get_mut(family);
            tracker.forget(number, now());
        }
        self.stale.forget(number);
    }

    /// A client is usable in a family. Of one that is to have only IPv4, that it is bound has said so.
    pub(super) fn family_up(&mut self, number: ClientNumber, family: Family, took: Duration) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        if !slot.group.families.include(Family::Ipv6) || !slot.group.families.include(family) {
            return;
        }
        slot.families.get_mut(family).took = Some(took);
        slot.group.metrics.family_acquired(family, true, took);
        let notices = self.is_up_in(number, family);
        self.take_notice(notices);
        self.emit(Some(number), EventKind::FamilyUp { family, took });
    }

    fn is_up_in(&mut self, number: ClientNumber, family: Family) -> Vec<Notice> {
        let Some(slot) = self.slots.get_mut(&number) else {
            return Vec::new();
        };
        let record = slot.families.get_mut(family);
        match std::mem::replace(&mut record.standing, FamilyStanding::Up) {
            FamilyStanding::Up => return Vec::new(),
            FamilyStanding::Resting => self.outages.add(number, family),
            FamilyStanding::Joining | FamilyStanding::Down => {}
        }
        let tracker = self.availability_by_family.get_mut(family);
        tracker.entered(number, Phase::Online, now());
        self.outages.came_up(number, family, now())
    }

    /// A client does without a family, as it was told to: nobody waits for it there.
    pub(super) fn family_rests(&mut self, number: ClientNumber, family: Family) {
        let rests = self.families_of(number, Some(family));
        self.stand(number, rests, FamilyStanding::Resting, Phase::V6Only);
        let notices = self.outages.remove(number, rests, now());
        self.take_notice(notices);
    }

    /// A client is not usable any more, or not in time, in the family of that failure.
    pub(super) fn family_down(&mut self, number: ClientNumber, failure: Failure) {
        let (Some(slot), Some(family)) = (self.slots.get_mut(&number), failure.of_family()) else {
            return;
        };
        let client = &slot.identity.namespace;
        if self.outages.is_on_in(Some(family)) {
            debug!(%client, %failure, "not usable in a family");
        } else {
            warn!(%client, %failure, "not usable in a family");
        }
        // One that was down already has been counted: it goes on failing.
        let is_new = slot.families.get(family).standing != FamilyStanding::Down;
        if is_new {
            slot.group.metrics.failed(&failure);
            self.figures.failed(failure.cause);
        }
        slot.failure = Some(failure.clone());
        slot.families.get_mut(family).failure = Some(failure.clone());
        self.is_down(number, failure.cause, Some(family));
        let down = EventKind::FamilyDown {
            family,
            stage: failure.stage,
            cause: failure.cause,
            detail: failure.detail,
        };
        self.emit(Some(number), down);
    }

    /// A client is down in a family; one that rests in it is not.
    pub(super) fn note_family_down(&mut self, number: ClientNumber, family: Family) {
        if let Some(slot) = self.slots.get_mut(&number) {
            let record = slot.families.get_mut(family);
            if record.standing != FamilyStanding::Resting {
                record.standing = FamilyStanding::Down;
            }
        }
    }

    /// Which of the families that a client is to have a failure of `family` is about.
    pub(super) fn families_of(&self, number: ClientNumber, family: Option<Family>) -> Families {
        let slot = self.slots.get(&number);
        let wanted = slot.map_or(Families::Ipv4, |slot| slot.group.families);
        match (wanted, family) {
            (Families::Dual, Some(Family::Ipv4)) => Families::Ipv4,
            (Families::Dual, Some(Family::Ipv6)) => Families::Ipv6,
            (wanted, _) => wanted,
        }
    }

    /// What the phase of a client says of its families.
    pub(super) fn families_by_phase(
        &mut self,
        number: ClientNumber,
        from: Phase,
        to: Phase,
    ) -> Vec<Notice> {
        let Some(slot) = self.slots.get(&number) else {
            return Vec::new();
        };
        let wanted = slot.group.families;
        match to {
            // One that does without IPv4, as it was told to, is online by IPv6.
            Phase::Online => wanted
                .each()
                .filter(|family| {
                    wanted != Families::Dual
                        || self.standing_in(number, *family) != FamilyStanding::Resting
                })
                .collect::<Vec<_>>()
                .into_iter()
                .flat_map(|family| self.is_up_in(number, family))
                .collect(),
            Phase::Released | Phase::Leaving | Phase::Gone | Phase::Failed => {
                self.stand(number, wanted, FamilyStanding::Resting, to);
                self.outages.remove(number, wanted, now())
            }
            // It does without IPv4, and IPv6 is none of that (RFC 8925).
            Phase::V6Only => {
                self.stand(number, Families::Ipv4, FamilyStanding::Resting, to);
                self.outages.remove(number, Families::Ipv4, now())
            }
            Phase::Queued | Phase::Namespace | Phase::Link | Phase::NoCarrier | Phase::Backoff => {
                self.stand(number, wanted, FamilyStanding::Joining, to);
                Vec::new()
            }
            Phase::Dhcp
            | Phase::Configure
            | Phase::Router
            | Phase::Dhcp6
            | Phase::Dad
            | Phase::Partial => {
                if matches!(from, Phase::Released | Phase::V6Only) {
                    for family in wanted.each() {
                        if self.standing_in(number, family) == FamilyStanding::Resting {
                            self.outages.add(number, family);
                        }
                    }
                }
                for family in wanted.each() {
                    if self.standing_in(number, family) != FamilyStanding::Up {
                        let tracker = self.availability_by_family.get_mut(family);
                        tracker.entered(number, to, now());
                    }
                }
                Vec::new()
            }
        }
    }

    fn standing_in(&self, number: ClientNumber, family: Family) -> FamilyStanding {
        let slot = self.slots.get(&number);
        slot.map_or(FamilyStanding::Resting, |slot| {
            slot.families.get(family).standing
        })
    }

    /// It is not usable in those families, whatever it was; one that is down stays so unless it rests.
    fn stand(
        &mut self,
        number: ClientNumber,
        families: Families,
        standing: FamilyStanding,
        phase: Phase,
    ) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        for family in families.each() {
            let record = slot.families.get_mut(family);
            if standing == FamilyStanding::Resting || record.standing != FamilyStanding::Down {
                record.standing = standing;
            }
            let tracker = self.availability_by_family.get_mut(family);
            tracker.entered(number, phase, now());
        }
    }

    /// All that a client has of IPv6 now.
    pub(super) fn ipv6_state(&mut self, number: ClientNumber, state: Arc<Ipv6State>) {
        self.stale.told(number, &state, now());
        if let Some(slot) = self.slots.get_mut(&number) {
            if state.lease.is_some() {
                slot.remembered6 = None;
            }
            slot.ipv6 = Some(state);
        }
    }

    /// Something happened in a client's IPv6.
    pub(super) fn ipv6_event(&mut self, number: ClientNumber, event: &Ipv6Event) {
        let Some(slot) = self.slots.get(&number) else {
            return;
        };
        let kind = event.kind();
        slot.group.metrics.ipv6_event(kind);
        *self.figures.ipv6_events.entry(kind).or_default() += 1;
        if let Ipv6Event::Host(slaac::Event::PrefixRenumbered { old, new, .. }) = event {
            let state = slot.ipv6.as_deref();
            self.stale.renumbered(number, *old, *new, state, now());
        }
        let detail = event.to_string();
        if let Some(reason) = event.advertisement_flaw() {
            let flaw = self.figures.advertisement_flaws.entry(reason).or_default();
            flaw.count += 1;
            flaw.last.clone_from(&detail);
        }
        self.emit(Some(number), EventKind::Ipv6 { kind, detail });
    }

    /// The time of each family, where there are clients that are to have IPv6.
    pub(super) fn uptime_by_family(&self) -> BTreeMap<Family, Uptime> {
        let mut all = BTreeMap::new();
        if !self.has_ipv6() {
            return all;
        }
        for group in &self.groups {
            for family in group.families.each() {
                let tracker = self.time_in(group.families, family);
                if let Some(uptime) = tracker.group(&group.name) {
                    all.entry(family)
                        .or_insert_with(Uptime::default)
                        .add(uptime);
                }
            }
        }
        all
    }

    /// Where the time in `family` is counted of clients that are to have these families.
    fn time_in(
        &self,
        families: Families,
        family: Family,
    ) -> &crate::pool::availability::AvailabilityTracker {
        match families {
            Families::Dual => self.availability_by_family.get(family),
            Families::Ipv4 | Families::Ipv6 => &self.availability,
        }
    }

    /// Whether some clients are to have IPv6.
    pub(super) fn has_ipv6(&self) -> bool {
        let mut groups = self.groups.iter();
        groups.any(|group| group.families.include(Family::Ipv6))
    }

    /// Brings the time by family up to now.
    pub(super) fn settle_families(&mut self) {
        for family in Families::Dual.each() {
            self.availability_by_family.get_mut(family).settle(now());
        }
    }

    /// For how long a client was wanted, and usable, in each family.
    pub(super) fn time_by_family(&self, number: ClientNumber) -> ByFamily<(Duration, Duration)> {
        let slot = self.slots.get(&number);
        let families = slot.map_or(Families::Ipv4, |slot| slot.group.families);
        ByFamily::of(|family| self.time_in(families, family).of(number, now()))
    }

    /// Brings the metrics by family up to date.
    pub(super) fn tell_families(&mut self) {
        if !self.has_ipv6() {
            return;
        }
        self.settle_families();
        for group in &self.groups {
            for family in group.families.each() {
                let tracker = self.time_in(group.families, family);
                let Some(uptime) = tracker.group(&group.name).cloned() else {
                    continue;
                };
                let told = self.told_by_family.entry((group.name.clone(), family));
                let told = told.or_default();
                group.metrics.family_uptime(family, &uptime.since(told));
                *told = uptime;
                let slots = self
                    .slots
                    .values()
                    .filter(|slot| slot.group.name == group.name && slot.is_up_in(family));
                group.metrics.family_usable(family, slots.count());
            }
        }
        let mut census = Ipv6Census::default();
        let now = now();
        for slot in self.slots.values().filter(|slot| slot.phase.has_address()) {
            census.leases += usize::from(slot.lease.held().is_some());
            let Some(state) = &slot.ipv6 else { continue };
            for held in &state.addresses {
                *census.addresses.entry(held.state).or_default() += 1;
            }
            let beyond = state.global();
            for held in beyond {
                let prefix = lanherd_types::ipv6::Prefix::new(held.address, 64);
                let Some(prefix) = prefix else { continue };
                let is_preferred = held.state == AddressState::Preferred;
                *census.prefixes.entry(prefix).or_default() |= is_preferred;
            }
            for router in &state.routers {
                let left = router.valid_until;
                let left = left.map(|until| until.saturating_duration_since(now));
                census.router_lifetime = match (census.router_lifetime, left) {
                    (Some(least), Some(left)) => Some(left.min(least)),
                    (least, left) => least.or(left),
                };
            }
        }
        self.metrics.ipv6_census(&census);
    }
}
