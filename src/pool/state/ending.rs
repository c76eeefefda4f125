//! From the end of an actor to the end of its client, or to its next life; and letting clients go.

use std::sync::Arc;

use ractor::{ActorId, RpcReplyPort};
use tokio::task::JoinHandle;
use tracing::{debug, error, info, warn};

use super::{KEPT, PoolState, now};
use crate::client::ClientMsg;
use crate::identity::ClientNumber;
use crate::lan::{CleanupError, Lan};
use crate::phase::{Cause, Failure, Phase};
use crate::pool::Selection;
use crate::pool::actor::PoolMsg;
use crate::pool::event::EventKind;
use crate::pool::restart::{Decision, End, Restart};
use crate::pool::slot::{ActorEnd, AfterCleanup, ChildState, Incarnation, RestartReason};
use crate::pool::status::TearDownReport;

impl<L: Lan> PoolState<L> {
    pub(super) fn actor_ended(&mut self, actor: ActorId, ending: ActorEnd) {
        let Some(number) = self.by_actor.remove(&actor) else {
            return;
        };
        self.runs.lose(number);
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        let stage = slot.stage();
        match std::mem::replace(&mut slot.child, ChildState::Ended) {
            ChildState::Running(running) => {
                let failure = match ending {
                    ActorEnd::Stopped => None,
                    ActorEnd::Killed => {
                        Some(Failure::new(stage, Cause::Crashed, "its actor was killed"))
                    }
                    ActorEnd::Failed(failure) => Some(failure),
                };
                self.ended(number, Some(running.task), failure);
            }
            ChildState::Stopping(running, after) => {
                match ending {
                    ActorEnd::Stopped => {}
                    ActorEnd::Killed => {
                        let detail = format!(
                            "it did not stop within {}",
                            humantime::format_duration(self.config.leave_deadline)
                        );
                        self.failed(number, Failure::new(stage, Cause::Unresponsive, detail));
                    }
                    ActorEnd::Failed(failure) => self.failed(number, failure),
                }
                self.clean(number, Some(running.task), after);
            }
            other @ (ChildState::Queued
            | ChildState::Cleaning(_)
            | ChildState::Backoff(_)
            | ChildState::Ended) => {
                slot.child = other;
            }
        }
    }

    /// An actor that was not told to stop has ended: decides what follows, and cleans up first.
    pub(super) fn ended(
        &mut self,
        number: ClientNumber,
        task: Option<JoinHandle<()>>,
        failure: Option<Failure>,
    ) {
        let cause = failure.as_ref().map(|failure| failure.cause);
        if let Some(failure) = failure {
            self.failed(number, failure);
        }
        let is_outage = self.outages.is_on();
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        let policy = &slot.group.restart;
        let reason = cause.map_or(RestartReason::Ended, RestartReason::Failed);
        let decision = match cause {
            // It is the router that failed.
            Some(cause)
                if is_outage
                    && cause.is_of_the_router()
                    && policy.restart != Restart::Temporary =>
            {
                slot.outage_tries += 1;
                Decision::Restart(policy.backoff(slot.outage_tries - 1, &mut slot.rng))
            }
            _ => {
                let end = cause.map_or(End::Normal, End::Failed);
                slot.history.decide(policy, end, now(), &mut slot.rng)
            }
        };
        let counts = self.counts.entry(slot.group.name.clone()).or_default();
        counts.budgets.set(number, slot.history.restarts());
        let after = match decision {
            Decision::Restart(wait) => {
                let cause = reason.cause();
                self.emit(Some(number), EventKind::Restarting { cause, wait });
                AfterCleanup::Restart(reason, wait)
            }
            Decision::Finish => AfterCleanup::Gone,
            Decision::GiveUp(why) => {
                let client = &slot.identity.namespace;
                warn!(%client, restarts = slot.restarts, %why, "given up");
                slot.group.metrics.gave_up();
                self.figures.give_ups += 1;
                self.emit(Some(number), EventKind::GivenUp { why });
                AfterCleanup::GiveUp
            }
        };
        self.clean(number, task, after);
    }

    fn failed(&mut self, number: ClientNumber, failure: Failure) {
        // Its life is over, in whichever family it failed.
        self.is_down(number, failure.cause, None);
        let is_outage = self.outages.is_on();
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        // An outage is told once, and not for each client.
        if is_outage {
            debug!(client = %slot.identity.namespace, %failure, "client failed");
        } else {
            warn!(client = %slot.identity.namespace, %failure, "client failed");
        }
        slot.group.metrics.failed(&failure);
        slot.failure = Some(failure.clone());
        if let Some(family) = failure.of_family() {
            slot.families.get_mut(family).failure = Some(failure.clone());
        }
        self.figures.failed(failure.cause);
        let failed = EventKind::Failed {
            stage: failure.stage,
            cause: failure.cause,
            family: failure.family,
            detail: failure.detail,
        };
        self.emit(Some(number), failed);
    }

    /// Waits until nothing of the actor runs, then removes what it owned; [`PoolMsg::Cleaned`] says when.
    pub(super) fn clean(
        &mut self,
        number: ClientNumber,
        task: Option<JoinHandle<()>>,
        after: AfterCleanup,
    ) {
        self.admission.withdraw(number);
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        slot.child = ChildState::Cleaning(after);
        self.stale.ended(number, now());
        let back6 = match after {
            AfterCleanup::Restart(..) => None,
            AfterCleanup::GiveUp | AfterCleanup::Gone => {
                let held = slot.lease6(now());
                held.and_then(|held| held.release(slot.identity.mac, &mut slot.rng))
            }
        };
        let is_over = !matches!(after, AfterCleanup::Restart(..));
        let release = match after {
            // It will ask for the same address again.
            AfterCleanup::Restart(..) => None,
            AfterCleanup::GiveUp | AfterCleanup::Gone => slot.lease.held().map(|lease| {
                let config = slot.group.dhcp.config(&slot.identity);
                (lease.address, config.release_of(lease, &mut slot.rng))
            }),
        };
        let (lan, pool, addresses, identity) = (
            Arc::clone(&self.lan),
            self.myself.clone(),
            Arc::clone(&self.addresses),
            slot.identity.clone(),
        );
        let releases = Arc::clone(&self.releases);
        tokio::spawn(async move {
            if let Some(task) = task {
                // A task that was killed or panicked has ended too.
                let _ = task.await;
            }
            let errors = lan.detach(&identity).await;
            let mut were_sent = Vec::new();
            if let Some((address, release)) = release {
                releases.turn().await;
                // From the next line on the server may give it to a sibling.
                addresses.give_up(address, identity.number);
                let sent = lan.transmit_for(&identity, &release);
                if let Err(error) = &sent {
                    warn!(client = %identity.namespace, %error, "its RELEASE could not be sent");
                }
                were_sent.push(sent.is_ok());
            }
            if is_over {
                addresses.keep6(identity.number, |_| false);
            }
            if let Some(frame) = back6 {
                releases.turn().await;
                let sent = lan.transmit6_for(&identity, &frame);
                if let Err(error) = &sent {
                    warn!(client = %identity.namespace, %error, "its DHCPv6 RELEASE could not be sent");
                }
                were_sent.push(sent.is_ok());
            }
            // A pool that has ended has detached it itself.
            drop(pool.cast(PoolMsg::Cleaned(number, errors, were_sent)));
        });
    }

    pub(super) fn cleaned(&mut self, number: ClientNumber, errors: &[CleanupError]) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        for error in errors {
            error!(client = %slot.identity.namespace, %error, "clean-up failed");
            self.metrics.leaked(error.kind());
        }
        let ChildState::Cleaning(after) = slot.child else {
            return;
        };
        let departing = self.exit.expects(number);
        match after {
            AfterCleanup::Restart(reason, wait) if !departing => {
                slot.child = ChildState::Backoff(reason);
                let incarnation = slot.incarnation;
                self.enter(number, Phase::Backoff);
                drop(self.after(wait, PoolMsg::BackoffOver(number, incarnation)));
            }
            AfterCleanup::Restart(reason, _) => {
                slot.child = ChildState::Backoff(reason);
                self.leave_without_actor(number);
            }
            AfterCleanup::GiveUp => self.end(number, Phase::Failed, errors),
            AfterCleanup::Gone => self.end(number, Phase::Gone, errors),
        }
    }

    pub(super) fn backoff_over(&mut self, number: ClientNumber, incarnation: Incarnation) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        let ChildState::Backoff(reason) = slot.child else {
            return;
        };
        // One that was asked to leave meanwhile has no next life.
        if slot.incarnation != incarnation || self.exit.expects(number) {
            return;
        }
        slot.child = ChildState::Queued;
        slot.restarts += 1;
        let (client, restarts) = (&slot.identity.namespace, slot.restarts);
        if self.outages.is_on() {
            debug!(%client, restarts, after = reason.as_str(), "restarting");
        } else {
            info!(%client, restarts, after = reason.as_str(), "restarting");
        }
        slot.group.metrics.restarted(reason.as_str());
        slot.group.metrics.client_restarted(client, restarts);
        self.figures.restarts += 1;
        if let Some(failure) = &slot.failure {
            self.aggregator.lock().doubt.restarted(failure.cause);
        }
        let period = slot.group.restart.period;
        self.count_budgets();
        drop(self.after(period, PoolMsg::BudgetsAged));
        self.enter(number, Phase::Queued);
        self.admission.enqueue(number);
    }

    /// The last word on a client.
    fn end(&mut self, number: ClientNumber, phase: Phase, errors: &[CleanupError]) {
        self.end_lease(number);
        if let Some(slot) = self.slots.get_mut(&number) {
            slot.child = ChildState::Ended;
            self.lan.forget(&slot.identity);
        }
        self.enter(number, phase);
        self.exit.left(number);
        self.departures.left(number, errors);
        if phase == Phase::Gone {
            self.gone.push_back(number);
        }
        if self.gone.len() > KEPT
            && let Some(oldest) = self.gone.pop_front()
            && let Some(slot) = self.slots.remove(&oldest)
        {
            slot.group.metrics.forgotten(Phase::Gone);
            slot.group
                .metrics
                .client_forgotten(&slot.identity.namespace);
            let counts = self.counts_of(&slot.group.name);
            counts.clients -= 1;
            counts.budgets.forget(oldest);
            self.census.leave(Phase::Gone);
            self.forget_time_of(oldest);
        }
        self.count_wanted();
    }

    pub(super) fn depart(&mut self, which: &Selection, reply: RpcReplyPort<TearDownReport>) {
        let numbers = self.leaving(which);
        // Those that wait to join need not join first.
        self.admission.withdraw_all(&numbers);
        for number in &numbers {
            self.exit.enqueue(*number);
        }
        self.departures.begin(numbers, reply);
    }

    /// Tells one client to leave, as it is its turn.
    pub(super) fn let_go(&mut self, number: ClientNumber) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        match std::mem::replace(&mut slot.child, ChildState::Ended) {
            ChildState::Running(running) => {
                // An actor that has just ended is about to be reported.
                drop(running.actor.cast(ClientMsg::Leave));
                slot.child = ChildState::Stopping(running, AfterCleanup::Gone);
                let incarnation = slot.incarnation;
                let deadline = self.config.leave_deadline;
                drop(self.after(deadline, PoolMsg::StopDeadline(number, incarnation)));
            }
            life @ (ChildState::Queued | ChildState::Backoff(_)) => {
                slot.child = life;
                self.leave_without_actor(number);
            }
            // Already on its way; it is asked again when it is clean.
            life @ (ChildState::Stopping(..) | ChildState::Cleaning(_)) => slot.child = life,
            ChildState::Ended => self.exit.left(number),
        }
    }

    /// A client between two lives leaves; a lease of the earlier one is released in its name.
    fn leave_without_actor(&mut self, number: ClientNumber) {
        self.clean(number, None, AfterCleanup::Gone);
    }

    /// Ends what still lives when the pool is stopped without a tear-down, and removes what it owned.
    pub(in crate::pool) async fn abandon(&mut self) {
        for slot in self.slots.values_mut() {
            if let ChildState::Running(running) | ChildState::Stopping(running, _) =
                std::mem::replace(&mut slot.child, ChildState::Ended)
            {
                running.actor.kill();
                // A task that was killed has ended too.
                let _ = running.task.await;
                for error in self.lan.detach(&slot.identity).await {
                    error!(client = %slot.identity.namespace, %error, "clean-up failed");
                    self.metrics.leaked(error.kind());
                }
            }
        }
    }

    pub(super) fn stop_deadline(&mut self, number: ClientNumber, incarnation: Incarnation) {
        let Some(slot) = self.slots.get(&number) else {
            return;
        };
        if let ChildState::Stopping(running, _) = &slot.child
            && slot.incarnation == incarnation
        {
            warn!(client = %slot.identity.namespace, "did not stop in time: killed");
            running.actor.kill();
        }
    }
}
