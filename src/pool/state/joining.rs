//! How clients come into the herd: their numbers, their turn, and each life's beginning.

use std::sync::Arc;

use ractor::Actor;

use super::{Intake, PoolState, now};
use crate::client::{ClientActor, ClientArgs, ClientMsg};
use crate::family::Family;
use crate::identity::{ClientNumber, Identity};
use crate::lan::Lan;
use crate::phase::{Cause, Failure, Phase, Stage};
use crate::pool::actor::PoolMsg;
use crate::pool::admission::Admit;
use crate::pool::group::{GroupName, RunningGroup};
use crate::pool::slot::{ChildState, LeaseRecord, RunningChild, Slot};
use crate::pool::{MAX_CLIENTS, PoolError};

/// The random stream of a client's supervision; its lives use their incarnation's number.
const SUPERVISION: u64 = u64::MAX;

impl<L: Lan> PoolState<L> {
    pub(super) fn create(
        &mut self,
        group: Option<&GroupName>,
        count: u32,
    ) -> Result<Vec<ClientNumber>, PoolError> {
        let group = match group {
            None => self.groups.first(),
            Some(name) => self.groups.iter().find(|group| group.name == *name),
        };
        let group = group.map(Arc::clone).ok_or_else(|| {
            let names = self.groups.iter().map(|group| group.name.to_string());
            PoolError::NoSuchGroup(names.collect::<Vec<_>>().join(", "))
        })?;
        let numbers = self.take_numbers(count)?;
        for number in &numbers {
            self.add(*number, Arc::clone(&group));
        }
        self.count_wanted();
        Ok(numbers)
    }

    pub(super) fn replace(
        &mut self,
        those: &[ClientNumber],
    ) -> Result<Vec<ClientNumber>, PoolError> {
        let count = u32::try_from(those.len()).unwrap_or(u32::MAX);
        let numbers = self.take_numbers(count)?;
        for (old, new) in those.iter().zip(&numbers) {
            let group = match self.slots.get(old) {
                Some(slot) => Some(&slot.group),
                None => self.groups.first(),
            };
            if let Some(group) = group.map(Arc::clone) {
                self.add(*new, group);
            }
        }
        self.count_wanted();
        Ok(numbers)
    }

    /// The next free numbers, if there may be so many clients more.
    fn take_numbers(&mut self, count: u32) -> Result<Vec<ClientNumber>, PoolError> {
        if self.intake == Intake::Closing {
            return Err(PoolError::Closing);
        }
        if count == 0 {
            return Err(PoolError::NoClients);
        }
        let living = self.census.total() - self.census.of(Phase::Gone);
        let wanted = u64::from(living) + u64::from(count);
        let end = self.next_number.checked_add(count);
        let Some(end) = end.filter(|_| wanted <= u64::from(MAX_CLIENTS)) else {
            return Err(PoolError::TooManyClients(wanted));
        };
        let numbers = (self.next_number..end).map(ClientNumber).collect();
        self.next_number = end;
        Ok(numbers)
    }

    fn add(&mut self, number: ClientNumber, group: Arc<RunningGroup>) {
        let identity = Identity::derive(&self.config.name, number, self.config.seed);
        let remembered = self.lan.remembered(&identity);
        let rng = self.config.seed.rng(number, SUPERVISION);
        group.metrics.entered(Phase::Queued);
        group.metrics.client_is_up(&identity.namespace, false);
        let mut slot = Slot::new(identity, group, rng);
        if slot.group.families.include(Family::Ipv6) {
            slot.remembered6 = self.lan.remembered6(&slot.identity).map(Box::new);
        }
        let metrics = &slot.group.metrics;
        metrics.client_stats(&slot.identity.namespace, &slot.stats);
        if let Some(lease) = remembered {
            let until = lease.expires_at();
            // Two records of one address: the second client is refused it, and asks for another one.
            if self
                .addresses
                .claim(lease.address, number, until, now())
                .is_ok()
            {
                slot.lease = LeaseRecord::Held(lease);
            }
        }
        self.watch_time_of(number, &slot);
        for family in slot.group.families.each() {
            self.outages.add(number, family);
        }
        let counts = self.counts_of(&slot.group.name);
        counts.clients += 1;
        counts.wanted += 1;
        self.slots.insert(number, Box::new(slot));
        self.census.enter(Phase::Queued);
        self.admission.enqueue(number);
    }

    pub(super) async fn admit(&mut self) {
        if self.admission_timer.is_some() {
            return;
        }
        loop {
            match self.admission.admit(now()) {
                Admit::Now(number) => match self.slots.get(&number).and_then(|slot| slot.actor()) {
                    // It lives, and has waited for its turn after the carrier came back. One that has just ended is
                    // about to be reported.
                    Some(actor) => drop(actor.cast(ClientMsg::Resume)),
                    None => self.spawn(number).await,
                },
                Admit::At(at) => {
                    let wait = at.saturating_duration_since(now());
                    self.admission_timer = Some(self.after(wait, PoolMsg::AdmissionOpens));
                    return;
                }
                Admit::Nobody => return,
            }
        }
    }

    /// Begins a life of a client.
    async fn spawn(&mut self, number: ClientNumber) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        self.begun = self.begun.saturating_add(1);
        slot.incarnation.0 += 1;
        // What it says first of IPv6 has no lease yet.
        slot.remembered6 = slot.lease6(now()).map(Box::new);
        slot.admitted.get_or_insert_with(now);
        let incarnation = slot.incarnation;
        let events = {
            let pool = self.myself.clone();
            // A pool that has ended needs no events.
            Arc::new(move |event| drop(pool.cast(PoolMsg::Client(number, incarnation, event))))
        };
        let args = ClientArgs {
            lan: Arc::clone(&self.lan),
            families: slot.group.families,
            dhcp: slot.group.dhcp.config(&slot.identity),
            ipv6: slot.group.ipv6_config(&slot.identity, &self.config),
            remembered6: slot.remembered6.as_ref().map(|held| held.lease.clone()),
            rng: self.config.seed.rng(number, u64::from(incarnation.0)),
            remembered: slot.lease.held().map(|lease| lease.address),
            lease_deadline: self.config.lease_deadline,
            activities: slot.group.activities_with(&self.extra_activities),
            addresses: Arc::clone(&self.addresses),
            releases: Arc::clone(&self.releases),
            metrics: Arc::clone(&slot.group.metrics),
            aggregator: Arc::clone(&self.aggregator),
            stats: Arc::clone(&slot.stats),
            events,
            identity: Arc::clone(&slot.identity),
        };
        let supervisor = self.myself.actor.get_cell();
        match ClientActor::spawn_linked(None, ClientActor::default(), args, supervisor).await {
            Ok((actor, task)) => {
                self.by_actor.insert(actor.get_id(), number);
                slot.child = ChildState::Running(RunningChild { actor, task });
            }
            // No supervision event comes of this. Only a pool that is ending can see it.
            Err(error) => {
                let failure = Failure::new(Stage::Namespace, Cause::Crashed, error.to_string());
                self.ended(number, None, Some(failure));
            }
        }
    }
}
