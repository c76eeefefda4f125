//! What the herd learns from its clients.

use std::time::Duration;

use tracing::{debug, warn};

use super::{PoolState, now};
use crate::client::ClientEvent;
use crate::dhcp::{Lease, LossReason};
use crate::family::Family;
use crate::identity::ClientNumber;
use crate::lan::Lan;
use crate::phase::{Cause, Failure, Phase, Stage};
use crate::pool::event::EventKind;
use crate::pool::slot::LeaseRecord;
use crate::stats::Signal;

impl<L: Lan> PoolState<L> {
    pub(super) fn apply(&mut self, number: ClientNumber, event: ClientEvent) {
        match event {
            ClientEvent::Entered(phase) => self.entered(number, phase),
            ClientEvent::Bound(lease, took) => self.bound(number, lease, took),
            ClientEvent::Renewed(lease) => {
                let address = lease.address;
                if let Some(slot) = self.slots.get_mut(&number) {
                    slot.lease = LeaseRecord::Held(lease);
                }
                self.emit(Some(number), EventKind::Renewed { address });
            }
            ClientEvent::Released(sent) => {
                if let (Err(why), Some(slot)) = (&sent, self.slots.get(&number)) {
                    warn!(client = %slot.identity.namespace, %why, "its RELEASE could not be sent");
                }
                self.departures.released(number, sent.is_ok());
            }
            ClientEvent::Lost(reason, detail) => self.lost(number, reason, detail),
            ClientEvent::Unanswered(asked, detail) => {
                self.emit(Some(number), EventKind::Unanswered { asked, detail });
            }
            ClientEvent::Flawed { flaw, detail } => {
                let flawed = EventKind::FlawedMessage {
                    option: flaw.option(),
                    reason: flaw.reason().to_owned(),
                    detail,
                };
                self.emit(Some(number), flawed);
            }
            ClientEvent::Informed(server, codes) => {
                let mut options = Vec::new();
                for (code, _) in codes.iter() {
                    // Each once: a message of nothing but one code would make a list of hundreds.
                    if !options.contains(&code) {
                        options.push(code);
                    }
                }
                self.emit(Some(number), EventKind::Informed { server, options });
            }
            ClientEvent::Troubled(failure) => self.troubled(number, failure),
            ClientEvent::RunEnded(run) => self.runs.ended(run, number),
            ClientEvent::FamilyUp(family, took) => self.family_up(number, family, took),
            ClientEvent::FamilyRests(family) => self.family_rests(number, family),
            ClientEvent::FamilyDown(failure) => self.family_down(number, failure),
            ClientEvent::Ipv6State(state) => self.ipv6_state(number, state),
            ClientEvent::Ipv6Event(event) => self.ipv6_event(number, &event),
        }
    }

    fn entered(&mut self, number: ClientNumber, phase: Phase) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        if phase == Phase::Online {
            slot.outage_tries = 0;
            if slot.join.is_none() {
                let took = slot
                    .admitted
                    .map_or(Duration::ZERO, |admitted| now() - admitted);
                slot.join = Some(took);
                slot.group.metrics.joined(took);
                self.figures.join.record(took);
                let worst = self.config.tester.worst_of(took);
                // Of one that failed before, the lease is not all that the router had part in.
                let dhcp = slot.dhcp.filter(|_| slot.restarts == 0);
                self.aggregator.lock().doubt.joined(took, dhcp, worst);
            }
        }
        self.enter(number, phase);
        // The carrier is back: it speaks when it is its turn.
        if phase == Phase::Queued {
            self.admission.enqueue(number);
        }
    }

    fn bound(&mut self, number: ClientNumber, lease: Lease, took: Duration) {
        let (address, server) = (lease.address, lease.server_id);
        if let Some(slot) = self.slots.get_mut(&number) {
            debug!(client = %slot.identity.namespace, %address, "bound");
            slot.dhcp = Some(took);
            slot.lease = LeaseRecord::Held(lease);
        }
        self.figures.dhcp.record(took);
        let worst = self.config.tester.worst_of(took);
        self.aggregator.lock().doubt.took(Signal::Dhcp, took, worst);
        let bound = EventKind::Bound {
            address,
            server,
            took,
        };
        self.emit(Some(number), bound);
    }

    fn lost(&mut self, number: ClientNumber, reason: LossReason, detail: Option<String>) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        let client = &slot.identity.namespace;
        slot.lease.end();
        // A client that is to have IPv6 has told of its failure in IPv4 before.
        let is_told = slot.group.families.include(Family::Ipv6);
        match reason {
            LossReason::Released => {
                debug!(%client, "lease given back");
            }
            LossReason::Declined | LossReason::V6Only => {
                warn!(%client, %reason, detail, "lease lost");
                self.figures.leases_lost += 1;
            }
            LossReason::Conflict | LossReason::Expired | LossReason::Nak => {
                let client = client.clone();
                let cause = match reason {
                    LossReason::Conflict => Cause::AddressConflict,
                    LossReason::Nak => Cause::Nak,
                    _ => Cause::LeaseExpired,
                };
                let is_told_already = cause.is_of_the_router() && self.outages.is_on();
                if self.is_down(number, cause, Some(Family::Ipv4)) {
                    debug!(%client, %reason, detail, "lease lost, as the tester stood still");
                    self.figures.leases_lost_by_tester += 1;
                } else {
                    self.figures.leases_lost += 1;
                    if is_told_already {
                        debug!(%client, %reason, detail, "lease lost");
                    } else {
                        warn!(%client, %reason, detail, "lease lost");
                    }
                    // A conflict has been told as trouble.
                    if cause != Cause::AddressConflict && !is_told {
                        self.lost_to_the_router(number, cause, reason, detail.as_deref());
                    }
                }
            }
        }
        self.emit(Some(number), EventKind::Lost { reason, detail });
    }

    /// A lease that is lost is a failure, with a story.
    fn lost_to_the_router(
        &mut self,
        number: ClientNumber,
        cause: Cause,
        reason: LossReason,
        detail: Option<&str>,
    ) {
        let what = detail.unwrap_or("nobody was asked to extend it");
        let detail = format!("lease lost: {reason}; {what}");
        let failure = Failure::new(Stage::Online, cause, detail);
        if let Some(slot) = self.slots.get_mut(&number) {
            slot.group.metrics.failed(&failure);
            slot.failure = Some(failure);
        }
        self.figures.failed(cause);
    }

    /// Something befell a client that it mends by itself.
    fn troubled(&mut self, number: ClientNumber, failure: Failure) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        let client = &slot.identity.namespace;
        if self.outages.is_on() {
            debug!(%client, %failure, "in trouble");
        } else {
            warn!(%client, %failure, "in trouble");
        }
        slot.group.metrics.failed(&failure);
        if failure.cause == Cause::AddressConflict {
            let family = failure.of_family().unwrap_or(Family::Ipv4);
            slot.group.metrics.address_conflict(family);
        }
        slot.failure = Some(failure.clone());
        // What somebody removed of IPv6 is set again at once, and nothing more is told of it.
        let is_set_again =
            failure.cause == Cause::AddressLost && failure.of_family() == Some(Family::Ipv6);
        let interrupts =
            !is_set_again && (slot.phase != Phase::Online || interrupts(failure.cause));
        self.figures.failed(failure.cause);
        if interrupts {
            self.is_down(number, failure.cause, failure.of_family());
        }
        let troubled = EventKind::Troubled {
            stage: failure.stage,
            cause: failure.cause,
            family: failure.family,
            detail: failure.detail,
        };
        self.emit(Some(number), troubled);
    }

    /// Changes a client's phase, and with it the census, the metrics and what the herd's watches know.
    pub(super) fn enter(&mut self, number: ClientNumber, phase: Phase) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        let from = std::mem::replace(&mut slot.phase, phase);
        if from == phase {
            return;
        }
        debug!(client = %slot.identity.namespace, %from, to = %phase, "phase");
        if let Some(counts) = self.counts.get_mut(&slot.group.name) {
            match (from, phase) {
                (_, Phase::Gone) => counts.wanted -= 1,
                (Phase::Gone, _) => counts.wanted += 1,
                _ => {}
            }
        }
        self.census.leave(from);
        self.census.enter(phase);
        slot.group.metrics.transition(from, phase);
        let client = &slot.identity.namespace;
        slot.group
            .metrics
            .client_is_up(client, phase == Phase::Online);
        match phase {
            Phase::Queued
            | Phase::Namespace
            | Phase::Link
            | Phase::Dhcp
            | Phase::Configure
            | Phase::Router
            | Phase::Dhcp6
            | Phase::Dad => {}
            // Not even waiting for its turn: that has to come again.
            Phase::NoCarrier => self.admission.withdraw(number),
            Phase::Online
            | Phase::Partial
            | Phase::Released
            | Phase::V6Only
            | Phase::Leaving
            | Phase::Backoff
            | Phase::Failed
            | Phase::Gone => self.admission.done(number),
        }
        self.emit(Some(number), EventKind::Phase { from, to: phase });
        self.watch_phase(number, from, phase);
    }
}

/// Whether a client that is online and has this trouble is not usable until it is mended. A conflict about its address it
/// may win; one that it loses costs it the lease, which is told.
const fn interrupts(trouble: Cause) -> bool {
    matches!(
        trouble,
        Cause::NoCarrier | Cause::ParentGone | Cause::AddressLost
    )
}
