//! What the pool is told to do with its clients.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ractor::RpcReplyPort;

use super::PoolState;
use crate::activity::{Activity, FamilyChoice};
use crate::client::{ClientMsg, ClientRun, Order};
use crate::fault::{Aim, Fault};
use crate::identity::ClientNumber;
use crate::lan::{InjectError, Lan};
use crate::phase::Phase;
use crate::pool::Selection;
use crate::pool::actor::PoolMsg;
use crate::pool::restart::RestartHistory;
use crate::pool::run::{self, Collected};
use crate::pool::slot::{AfterCleanup, ChildState, RestartReason, RunningChild};
use crate::pool::status::{InjectionResult, TearDownReport};

impl<L: Lan> PoolState<L> {
    pub(super) fn start_run(
        &mut self,
        which: &Selection,
        activity: &Arc<Activity>,
        reply: RpcReplyPort<Collected>,
    ) {
        let id = self.runs.next_id();
        let mut deadline = run::deadline(activity);
        // What goes over all families waits until none may come any more.
        let mut choices = self
            .groups
            .iter()
            .map(|group| activity.subject.family_choice(group.families));
        if choices.any(|choice| choice == FamilyChoice::All) {
            deadline = deadline.saturating_add(self.config.lease_deadline);
        }
        for group in &self.groups {
            self.metrics.expect(activity, group.families);
        }
        let mut run = run::FanOut::new(reply);
        for (number, slot) in self.select(which) {
            let part = Arc::new(ClientRun::new(id, Arc::clone(activity)));
            let told = slot
                .actor()
                .map(|actor| actor.cast(ClientMsg::Run(Arc::clone(&part))));
            run.expect(number, part);
            if !matches!(told, Some(Ok(()))) {
                run.lose(number);
            }
        }
        self.runs.insert(id, run);
        drop(self.after(deadline, PoolMsg::RunDeadline(id)));
    }

    /// Sets what every client does beside the activities of its group.
    pub(super) fn set_extra_activities(&mut self, activities: Vec<Activity>) {
        self.extra_activities = activities.into_iter().map(Arc::new).collect();
        for group in &self.groups {
            for activity in &self.extra_activities {
                group.metrics.expect(activity, group.families);
            }
        }
        for slot in self.slots.values() {
            if let Some(actor) = slot.actor() {
                let activities = slot.group.activities_with(&self.extra_activities);
                // One that has just ended is told when it begins again.
                drop(actor.cast(ClientMsg::Standing(activities)));
            }
        }
    }

    pub(super) fn tell(&self, which: &Selection, message: impl Fn() -> ClientMsg) -> u32 {
        let told = self
            .select(which)
            .filter_map(|(_, slot)| slot.actor())
            .filter(|actor| actor.cast(message()).is_ok())
            .count();
        u32::try_from(told).unwrap_or(u32::MAX)
    }

    /// Has clients give their leases back, one after the other; returns how many.
    pub(super) fn release(&self, which: &Selection) -> u32 {
        let actors: Vec<_> = self
            .select(which)
            .filter_map(|(_, slot)| slot.actor().cloned())
            .collect();
        let told = u32::try_from(actors.len()).unwrap_or(u32::MAX);
        let releases = Arc::clone(&self.releases);
        tokio::spawn(async move {
            for actor in actors {
                releases.turn().await;
                // It may have ended meanwhile.
                drop(actor.cast(ClientMsg::Order(Order::Release)));
            }
        });
        told
    }

    /// Ends clients and starts them again, at nobody's cost; those that were given up, too. Returns how many.
    pub(super) fn restart(&mut self, which: &Selection) -> u32 {
        let numbers: Vec<_> = self.select(which).map(|(number, _)| number).collect();
        let mut restarted = 0;
        for number in numbers {
            restarted += u32::from(self.restart_one(number));
        }
        restarted
    }

    fn restart_one(&mut self, number: ClientNumber) -> bool {
        if self.exit.expects(number) {
            return false;
        }
        let Some(slot) = self.slots.get_mut(&number) else {
            return false;
        };
        match std::mem::replace(&mut slot.child, ChildState::Ended) {
            ChildState::Running(running) => {
                self.stop(
                    number,
                    running,
                    AfterCleanup::Restart(RestartReason::Ordered, Duration::ZERO),
                );
            }
            life @ ChildState::Backoff(_) => {
                let incarnation = slot.incarnation;
                slot.child = life;
                self.backoff_over(number, incarnation);
            }
            ChildState::Ended if slot.phase == Phase::Failed => {
                slot.history = RestartHistory::default();
                if let Some(counts) = self.counts.get_mut(&slot.group.name) {
                    counts.budgets.forget(number);
                }
                slot.child = ChildState::Backoff(RestartReason::Ordered);
                let incarnation = slot.incarnation;
                for family in slot.group.families.each() {
                    self.outages.add(number, family);
                }
                self.backoff_over(number, incarnation);
            }
            // It is about to begin a life, or has left.
            life @ (ChildState::Queued
            | ChildState::Stopping(..)
            | ChildState::Cleaning(_)
            | ChildState::Ended) => {
                slot.child = life;
                return false;
            }
        }
        true
    }

    /// Stops an actor without its doing anything more; one that does not stop in time is killed.
    fn stop(&mut self, number: ClientNumber, running: RunningChild, after: AfterCleanup) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        running.actor.stop(None);
        slot.child = ChildState::Stopping(running, after);
        let incarnation = slot.incarnation;
        let deadline = self.config.leave_deadline;
        drop(self.after(deadline, PoolMsg::StopDeadline(number, incarnation)));
    }

    /// Lets clients go without a word to the server, as if their plugs were pulled; their leases stay with it.
    pub(super) fn vanish(&mut self, which: &Selection, reply: RpcReplyPort<TearDownReport>) {
        let numbers = self.leaving(which);
        self.admission.withdraw_all(&numbers);
        for number in &numbers {
            self.unplug(*number, AfterCleanup::Gone);
        }
        self.departures.begin(numbers, reply);
    }

    /// Ends a client's life, and forgets its lease.
    fn unplug(&mut self, number: ClientNumber, after: AfterCleanup) {
        self.end_lease(number);
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        match std::mem::replace(&mut slot.child, ChildState::Ended) {
            ChildState::Running(running) => self.stop(number, running, after),
            ChildState::Stopping(running, _) => slot.child = ChildState::Stopping(running, after),
            ChildState::Cleaning(_) => slot.child = ChildState::Cleaning(after),
            ChildState::Queued | ChildState::Backoff(_) => self.clean(number, None, after),
            ChildState::Ended => {}
        }
    }

    /// Injects a fault into clients, and answers what came of it for each.
    pub(super) fn inject_fault(
        &mut self,
        which: &Selection,
        fault: Fault,
        reply: RpcReplyPort<Vec<InjectionResult>>,
    ) {
        if fault.aim() != Aim::Client {
            let words = format!("{fault} does not aim at clients");
            let refused = |number| (number, Err(InjectError(words.clone())));
            let numbers = self.select(which).map(|(number, _)| number);
            // Whoever asked may have gone.
            let _ = reply.send(numbers.map(refused).collect());
            return;
        }
        let (living, others): (Vec<_>, Vec<_>) = self
            .select(which)
            .map(|(number, slot)| (number, slot.actor().is_some()))
            .partition(|(_, lives)| *lives);
        let living: BTreeSet<_> = living.into_iter().map(|(number, _)| number).collect();
        if !living.is_empty() {
            self.note_fault(fault, Duration::ZERO, Some(&living));
        }
        let mut results: Vec<InjectionResult> = others
            .into_iter()
            .map(|(number, _)| (number, Err(InjectError("it is not running".to_owned()))))
            .collect();
        let mut victims = Vec::new();
        for number in living {
            match fault {
                Fault::Crash => {
                    if let Some(actor) = self.slots.get(&number).and_then(|slot| slot.actor()) {
                        actor.kill();
                    }
                    results.push((number, Ok(())));
                }
                Fault::Vanish => {
                    self.unplug(
                        number,
                        AfterCleanup::Restart(RestartReason::Ordered, Duration::ZERO),
                    );
                    results.push((number, Ok(())));
                }
                _ => victims.extend(self.slots.get(&number).map(|slot| slot.identity.clone())),
            }
        }
        let lan = Arc::clone(&self.lan);
        tokio::spawn(async move {
            for identity in victims {
                results.push((identity.number, lan.inject_fault(&identity, fault).await));
            }
            results.sort_by_key(|(number, _)| *number);
            let _ = reply.send(results);
        });
    }

    /// Takes the parent down for a while.
    pub(super) fn flap(&mut self, pause: Duration, reply: RpcReplyPort<Result<(), InjectError>>) {
        self.note_fault(Fault::FlapParent, pause, None);
        let lan = Arc::clone(&self.lan);
        tokio::spawn(async move {
            // Whoever asked may have gone.
            let _ = reply.send(lan.flap(pause).await);
        });
    }

    /// Those of a selection that have not left.
    pub(super) fn leaving(&self, which: &Selection) -> Vec<ClientNumber> {
        self.select(which)
            .filter(|(_, slot)| !matches!(slot.child, ChildState::Ended))
            .map(|(number, _)| number)
            .collect()
    }

    /// The server has, or may give away, what the client held.
    pub(super) fn end_lease(&mut self, number: ClientNumber) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        if let Some(lease) = slot.lease.held() {
            self.addresses.give_up(lease.address, number);
        }
        slot.lease.end();
        slot.end_lease6();
        self.addresses.keep6(number, |_| false);
    }
}
