//! From the end of an actor to the end of its client, or to its next life; and letting clients go.

use std::sync::Arc;

use ractor::{ActorId, RpcReplyPort};
use tokio::task::JoinHandle;
use tracing::{error, info, warn};

use super::{Herd, dhcp_config, now};
use crate::client::ClientMsg;
use crate::identity::ClientNumber;
use crate::lan::{CleanupError, Lan};
use crate::phase::{Cause, Failure, Phase};
use crate::pool::Selection;
use crate::pool::actor::PoolMsg;
use crate::pool::restart::{Decision, End};
use crate::pool::slot::{After, Ending, Incarnation, Life};
use crate::pool::status::TearDownReport;

impl<L: Lan> Herd<L> {
    pub(super) fn actor_ended(&mut self, actor: ActorId, ending: Ending) {
        let Some(number) = self.by_actor.remove(&actor) else {
            return;
        };
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        let stage = slot.stage();
        match std::mem::replace(&mut slot.life, Life::Ended) {
            Life::Running(running) => {
                let failure = match ending {
                    Ending::Stopped => None,
                    Ending::Killed => {
                        Some(Failure::new(stage, Cause::Crashed, "its actor was killed"))
                    }
                    Ending::Failed(failure) => Some(failure),
                };
                self.ended(number, Some(running.task), failure);
            }
            Life::Leaving(running) => {
                match ending {
                    Ending::Stopped => {}
                    Ending::Killed => {
                        let detail = format!(
                            "it did not leave within {}",
                            humantime::format_duration(self.config.leave_deadline)
                        );
                        self.failed(number, Failure::new(stage, Cause::Unresponsive, detail));
                    }
                    Ending::Failed(failure) => self.failed(number, failure),
                }
                self.clean(number, Some(running.task), After::Gone);
            }
            other @ (Life::Queued | Life::Cleaning(_) | Life::Backoff | Life::Ended) => {
                slot.life = other;
            }
        }
    }

    /// An actor that was not told to leave has ended: decides what follows, and cleans up first.
    pub(super) fn ended(
        &mut self,
        number: ClientNumber,
        task: Option<JoinHandle<()>>,
        failure: Option<Failure>,
    ) {
        let end = failure
            .as_ref()
            .map_or(End::Normal, |failure| End::Failed(failure.cause));
        if let Some(failure) = failure {
            self.failed(number, failure);
        }
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        let client = &slot.identity.namespace;
        let after = match slot
            .history
            .decide(&self.config.restart, end, now(), &mut slot.rng)
        {
            Decision::Restart(wait) => After::Restart(wait),
            Decision::Finish => After::Gone,
            Decision::GiveUp(why) => {
                warn!(%client, restarts = slot.restarts, %why, "given up");
                self.metrics.gave_up();
                After::GiveUp
            }
        };
        self.clean(number, task, after);
    }

    fn failed(&mut self, number: ClientNumber, failure: Failure) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        warn!(client = %slot.identity.namespace, %failure, "client failed");
        self.metrics.failed(&failure);
        slot.failure = Some(failure);
        self.runs.lose(number);
    }

    /// Waits until nothing of the actor runs, then removes what it owned; [`PoolMsg::Cleaned`] says when.
    fn clean(&mut self, number: ClientNumber, task: Option<JoinHandle<()>>, after: After) {
        self.admission.withdraw(number);
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        slot.life = Life::Cleaning(after);
        let release = match after {
            // It will ask for the same address again.
            After::Restart(_) => None,
            After::GiveUp | After::Gone => slot.lease.held().map(|lease| {
                let config = dhcp_config(&self.config.dhcp, &slot.identity);
                config.release_of(lease, &mut slot.rng)
            }),
        };
        if release.is_some() {
            self.departures.released(number);
        }
        let (lan, pool, identity) = (
            Arc::clone(&self.lan),
            self.myself.clone(),
            slot.identity.clone(),
        );
        tokio::spawn(async move {
            if let Some(task) = task {
                // A task that was killed or panicked has ended too.
                let _ = task.await;
            }
            if let Some(Err(error)) = release.map(|release| lan.transmit_for(&identity, &release)) {
                warn!(client = %identity.namespace, %error, "could not release the lease");
            }
            let errors = lan.detach(&identity).await;
            // A pool that has ended has detached it itself.
            drop(pool.cast(PoolMsg::Cleaned(number, errors)));
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
        let Life::Cleaning(after) = slot.life else {
            return;
        };
        let departing = self.exit.expects(number);
        match after {
            After::Restart(wait) if !departing => {
                slot.life = Life::Backoff;
                let incarnation = slot.incarnation;
                self.enter(number, Phase::Backoff);
                drop(self.after(wait, PoolMsg::BackoffOver(number, incarnation)));
            }
            After::Restart(_) => {
                slot.life = Life::Backoff;
                self.leave_without_actor(number);
            }
            After::GiveUp => self.end(number, Phase::Failed, errors),
            After::Gone => self.end(number, Phase::Gone, errors),
        }
    }

    pub(super) fn backoff_over(&mut self, number: ClientNumber, incarnation: Incarnation) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        // One that was asked to leave meanwhile has no next life.
        let is_due = matches!(slot.life, Life::Backoff) && slot.incarnation == incarnation;
        if !is_due || self.exit.expects(number) {
            return;
        }
        slot.life = Life::Queued;
        slot.restarts += 1;
        let cause = slot
            .failure
            .as_ref()
            .map_or(Cause::Crashed, |failure| failure.cause);
        info!(client = %slot.identity.namespace, restarts = slot.restarts, %cause, "restarting");
        self.metrics.restarted(cause);
        self.count_budgets();
        drop(self.after(self.config.restart.period, PoolMsg::BudgetsAged));
        self.enter(number, Phase::Queued);
        self.admission.enqueue(number);
    }

    /// The last word on a client.
    fn end(&mut self, number: ClientNumber, phase: Phase, errors: &[CleanupError]) {
        if let Some(slot) = self.slots.get_mut(&number) {
            slot.life = Life::Ended;
            slot.lease.end();
        }
        self.enter(number, phase);
        self.exit.left(number);
        self.departures.left(number, errors);
        self.count_wanted();
    }

    pub(super) fn depart(&mut self, which: &Selection, reply: RpcReplyPort<TearDownReport>) {
        let numbers: Vec<_> = self
            .select(which)
            .filter(|(_, slot)| !matches!(slot.life, Life::Ended))
            .map(|(number, _)| number)
            .collect();
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
        match std::mem::replace(&mut slot.life, Life::Ended) {
            Life::Running(running) => {
                // An actor that has just ended is about to be reported.
                drop(running.actor.cast(ClientMsg::Leave));
                slot.life = Life::Leaving(running);
                let incarnation = slot.incarnation;
                let deadline = self.config.leave_deadline;
                drop(self.after(deadline, PoolMsg::LeaveDeadline(number, incarnation)));
            }
            life @ (Life::Queued | Life::Backoff) => {
                slot.life = life;
                self.leave_without_actor(number);
            }
            // Already on its way; it is asked again when it is clean.
            life @ (Life::Leaving(_) | Life::Cleaning(_)) => slot.life = life,
            Life::Ended => self.exit.left(number),
        }
    }

    /// A client between two lives leaves; a lease of the earlier one is released in its name.
    fn leave_without_actor(&mut self, number: ClientNumber) {
        self.clean(number, None, After::Gone);
    }

    /// Ends what still lives when the pool is stopped without a tear-down, and removes what it owned.
    pub(in crate::pool) async fn abandon(&mut self) {
        for slot in self.slots.values_mut() {
            if let Life::Running(running) | Life::Leaving(running) =
                std::mem::replace(&mut slot.life, Life::Ended)
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

    pub(super) fn leave_deadline(&mut self, number: ClientNumber, incarnation: Incarnation) {
        let Some(slot) = self.slots.get(&number) else {
            return;
        };
        if let Life::Leaving(running) = &slot.life
            && slot.incarnation == incarnation
        {
            warn!(client = %slot.identity.namespace, "did not leave in time: killed");
            running.actor.kill();
        }
    }
}
