//! The herd as a whole: outages, recoveries, and what is told of both.

use std::collections::BTreeSet;
use std::time::Duration;

use tracing::{info, warn};

use super::{PoolState, now};
use crate::client::ClientMsg;
use crate::fault::Fault;
use crate::identity::ClientNumber;
use crate::lan::Lan;
use crate::phase::{Cause, Phase};
use crate::pool::actor::PoolMsg;
use crate::pool::event::{Event, EventKind};
use crate::pool::outage::{Notice, Share};
use crate::pool::slot::{ChildState, RestartReason};

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
        let notices = match to {
            Phase::Online => {
                self.recoveries.came_up(number, now());
                self.outages.came_up(number, now())
            }
            Phase::Released | Phase::V6Only | Phase::Leaving | Phase::Failed | Phase::Gone => {
                self.recoveries.remove(number);
                self.outages.remove(number, now())
            }
            Phase::Dhcp | Phase::Router if matches!(from, Phase::Released | Phase::V6Only) => {
                self.outages.add(number);
                Vec::new()
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
            | Phase::Backoff => Vec::new(),
        };
        self.take_notice(notices);
        self.look_at_recoveries();
    }

    /// A client is down, and it is the router's doing.
    pub(super) fn router_failed(&mut self, number: ClientNumber, cause: Cause) {
        let fault = self.recoveries.fault_of(number);
        let notices = self.outages.went_down(number, cause, fault, now());
        self.take_notice(notices);
    }

    fn take_notice(&mut self, notices: Vec<Notice>) {
        for notice in notices {
            match notice {
                Notice::Began { taken, of } => {
                    let clients = taken.len();
                    warn!(clients, of, "outage: most of the herd is down at once");
                    self.metrics.outage();
                    for share in Share::ALL {
                        self.metrics.expect_recovery(OUTAGE, share.as_str());
                    }
                    self.figures.outages += 1;
                    for (number, since) in taken {
                        if let Some(slot) = self.slots.get_mut(&number) {
                            slot.history.forgive(since);
                        }
                    }
                    self.count_budgets();
                    self.emit(None, EventKind::OutageBegan { clients, of });
                }
                Notice::FirstBack => self.wake_up(),
                Notice::Back { share, took } => {
                    self.metrics.recovered(OUTAGE, share.as_str(), took);
                    self.figures.back(share, took);
                    self.emit(None, EventKind::OutageBack { share, took });
                }
                Notice::Ended { took, clients } => {
                    info!(clients, ?took, "outage over");
                    self.emit(None, EventKind::OutageEnded { clients, took });
                }
            }
        }
    }

    /// The router is back: nobody waits any longer than their turn. Who has a place asks at once, rather than at the end
    /// of a backoff of up to 64 s; that are no more than may be outstanding.
    fn wake_up(&mut self) {
        for number in self.admission.joining().collect::<Vec<_>>() {
            let slot = self.slots.get(&number);
            if let Some(actor) = slot
                .filter(|slot| slot.phase == Phase::Dhcp)
                .and_then(|slot| slot.actor())
            {
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
