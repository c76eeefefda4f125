//! The herd as a whole: outages, recoveries, and what is told of both.

use std::collections::BTreeSet;
use std::time::Duration;

use tracing::{info, warn};

use super::{PoolState, now};
use crate::client::ClientMsg;
use crate::client::ipv6::Ipv6EventKind;
use crate::family::{Families, Family};
use crate::fault::Fault;
use crate::identity::ClientNumber;
use crate::lan::Lan;
use crate::phase::{Cause, Phase};
use crate::pool::actor::PoolMsg;
use crate::pool::event::{Event, EventKind};
use crate::pool::outage::{Notice, Share};
use crate::pool::slot::{ChildState, RestartReason, Slot};

/// The label of outages among the faults of `recovery_duration_seconds`.
const OUTAGE: &str = "outage";

impl<L: Lan> PoolState<L> {
    /// Tells whoever follows.
    pub(super) fn emit(&mut self, client: Option<ClientNumber>, what: EventKind) {
        self.sequence += 1;
        // Nobody follows: nothing is lost.
        let _ = self.events.send(Event {
            sequence: self.sequence,
            after: now() - self.began,
            client,
            what: what.bounded(),
        });
    }

    pub(super) fn watch_phase(&mut self, number: ClientNumber, from: Phase, to: Phase) {
        self.availability.entered(number, to, now());
        if from == Phase::Online {
            self.recoveries.went_down(number);
        }
        match to {
            Phase::Online => self.recoveries.came_up(number, now()),
            Phase::Released | Phase::V6Only | Phase::Leaving | Phase::Failed | Phase::Gone => {
                self.recoveries.remove(number);
            }
            Phase::Queued
            | Phase::Namespace
            | Phase::Link
            | Phase::Dhcp
            | Phase::Configure
            | Phase::Router
            | Phase::Dhcp6
            | Phase::Dad
            | Phase::Partial
            | Phase::NoCarrier
            | Phase::Backoff => {}
        }
        let notices = self.families_by_phase(number, from, to);
        self.take_notice(notices);
        self.look_at_recoveries();
    }

    /// A client is down in those families, and it is the router's doing.
    pub(super) fn router_failed(&mut self, number: ClientNumber, families: Families, cause: Cause) {
        let fault = self.recoveries.fault_of(number);
        let outages = &mut self.outages;
        let notices = outages.went_down(number, families, cause, fault, now());
        self.take_notice(notices);
    }

    pub(super) fn take_notice(&mut self, notices: Vec<Notice>) {
        for notice in notices {
            match notice {
                Notice::Began { taken, of, family } => {
                    let clients = taken.len();
                    match family {
                        None => warn!(clients, of, "outage: most of the herd is down at once"),
                        Some(family) => {
                            warn!(clients, of, %family, "outage of one family: most of the herd is down in it at once");
                        }
                    }
                    for family in self.families_out() {
                        self.note_family_outage(family);
                    }
                    self.advise_without_ipv6();
                    self.metrics.outage();
                    for share in Share::ALL {
                        self.metrics.expect_recovery(OUTAGE, share.as_str());
                    }
                    self.figures.outages += 1;
                    for (number, since) in taken {
                        if let Some(slot) = self.slots.get_mut(&number) {
                            slot.history.forgive(since);
                        }
                        self.note_restarts(number);
                    }
                    self.count_budgets();
                    let began = EventKind::OutageBegan {
                        clients,
                        of,
                        family,
                    };
                    self.emit(None, began);
                }
                Notice::Spread {
                    family,
                    clients,
                    of,
                } => {
                    warn!(clients, of, %family, "outage: most of the herd is down in this family as well");
                    self.note_family_outage(family);
                    self.advise_without_ipv6();
                    let spread = EventKind::OutageSpread {
                        family,
                        clients,
                        of,
                    };
                    self.emit(None, spread);
                }
                Notice::FirstBack(family) => self.wake_up(family),
                Notice::Back { share, took } => {
                    self.metrics.recovered(OUTAGE, share.as_str(), took);
                    self.figures.back(share, took);
                    self.emit(None, EventKind::OutageBack { share, took });
                }
                Notice::Ended {
                    took,
                    clients,
                    family,
                } => {
                    info!(clients, ?took, "outage over");
                    let ended = EventKind::OutageEnded {
                        clients,
                        took,
                        family,
                    };
                    self.emit(None, ended);
                }
            }
        }
    }

    /// In which families most of the herd is down.
    fn families_out(&self) -> Vec<Family> {
        let mut families = Families::Dual.each().collect::<Vec<_>>();
        families.retain(|family| self.outages.is_on_in(Some(*family)));
        families
    }

    /// Counts an outage by family, where there is more than IPv4.
    fn note_family_outage(&mut self, family: Family) {
        if self.has_ipv6() {
            self.metrics.family_outage(family);
            let count = self.figures.outages_by_family.entry(family);
            *count.or_default() += 1;
        }
    }

    /// Most of the herd is down in IPv6: says what to do where no client has ever had a router of it.
    fn advise_without_ipv6(&self) {
        let found = self.figures.ipv6_events.get(&Ipv6EventKind::RouterFound);
        let is_alone = self.families_out() == [Family::Ipv6];
        if is_alone && found.is_none_or(|count| *count == 0) {
            warn!(
                "no router on this LAN advertises itself as a default router of IPv6; if it is meant to have IPv4 alone, run with \
                 --family ipv4"
            );
        }
    }

    /// The router is back: nobody waits any longer than their turn. Who has a place asks at once, rather than at the end
    /// of a backoff of up to 64 s; that are no more than may be outstanding.
    fn wake_up(&mut self, family: Family) {
        let asks = |slot: &Slot| match (slot.phase, family) {
            (Phase::Dhcp, Family::Ipv4) | (Phase::Router | Phase::Dhcp6, Family::Ipv6) => true,
            (Phase::Partial, family) => !slot.is_up_in(family),
            _ => false,
        };
        let all = self.slots.iter();
        let partial = all.filter(|(_, slot)| slot.phase == Phase::Partial);
        let partial = partial.map(|(number, _)| *number);
        for number in self.admission.joining().chain(partial).collect::<Vec<_>>() {
            let slot = self.slots.get(&number);
            if let Some(actor) = slot.filter(|slot| asks(slot)).and_then(|slot| slot.actor()) {
                // One that has just ended is about to be reported.
                drop(actor.cast(ClientMsg::AskAgain));
            }
        }
        let waiting: Vec<_> = self
            .slots
            .iter()
            .filter(|(_, slot)| match slot.child {
                ChildState::Backoff(RestartReason::Failed(cause)) => cause.is_of_the_router(),
                _ => false,
            })
            .map(|(number, slot)| (*number, slot.incarnation))
            .collect();
        for (number, incarnation) in waiting {
            self.backoff_over(number, incarnation);
        }
    }

    /// Notes that a fault begins, which may take its victims offline; `None`: everybody may be one.
    pub(super) fn note_fault(
        &mut self,
        fault: Fault,
        lasts: Duration,
        victims: Option<&BTreeSet<ClientNumber>>,
    ) {
        let online: BTreeSet<_> = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.phase == Phase::Online)
            .map(|(number, _)| *number)
            .filter(|number| victims.is_none_or(|victims| victims.contains(number)))
            .collect();
        let clients = online.len();
        info!(%fault, ?lasts, clients, "fault made on purpose");
        self.metrics.fault_injected(fault);
        self.figures.fault_injected(fault);
        self.emit(
            None,
            EventKind::FaultBegan {
                fault,
                lasts,
                clients,
            },
        );
        self.metrics
            .expect_recovery(fault.as_str(), Share::All.as_str());
        self.recoveries.begin(fault, lasts, online, now());
        self.remind_of_recoveries();
    }

    pub(super) fn look_at_recoveries(&mut self) {
        for recovered in self.recoveries.take(now()) {
            let (fault, took) = (recovered.fault, recovered.took);
            if let Some(took) = took {
                self.metrics
                    .recovered(fault.as_str(), Share::All.as_str(), took);
                self.figures.recovered(fault, took);
            }
            self.emit(None, EventKind::FaultRecovered { fault, took });
        }
    }

    pub(super) fn remind_of_recoveries(&self) {
        if let Some(at) = self.recoveries.next_look(now()) {
            drop(self.after(at - now(), PoolMsg::LookAtRecoveries));
        }
    }
}
