//! The herd: every slot and what follows from every change, the supervisor's whole knowledge.

mod ending;

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorId, ActorRef, RpcReplyPort};
use tokio::task::JoinHandle;
use tracing::{debug, warn};

use super::actor::PoolMsg;
use super::admission::{Admission, Admit};
use super::departure::{Departures, Exit};
use super::run::{self, Runs};
use super::slot::{LeaseRecord, Life, Running, Slot};
use super::status::{Census, HerdStatus, PingReport};
use super::{DhcpSettings, MAX_CLIENTS, PoolConfig, PoolError, Selection};
use crate::client::{ClientActor, ClientArgs, ClientMsg, Fact, RunId};
use crate::dhcp;
use crate::identity::{ClientNumber, Identity};
use crate::lan::{Lan, PingOutcome};
use crate::metrics::Metrics;
use crate::phase::{Cause, Failure, Phase, Stage};
use crate::target::Target;
use crate::workload::ping::PingSpec;

/// Whether the pool takes new clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stance {
    Open,
    Closing,
}

/// The pool's state.
pub(super) struct Herd<L> {
    myself: ActorRef<PoolMsg>,
    lan: Arc<L>,
    config: PoolConfig,
    metrics: Metrics,
    workloads: Arc<[PingSpec]>,
    slots: BTreeMap<ClientNumber, Slot>,
    /// Living actors only.
    by_actor: HashMap<ActorId, ClientNumber>,
    census: Census,
    admission: Admission,
    admission_timer: Option<JoinHandle<()>>,
    exit: Exit,
    departures: Departures,
    runs: Runs,
    next_number: u32,
    settling: Vec<RpcReplyPort<Census>>,
    stance: Stance,
}

impl<L: Lan> Herd<L> {
    pub(super) fn new(
        myself: ActorRef<PoolMsg>,
        lan: Arc<L>,
        config: PoolConfig,
        metrics: Metrics,
    ) -> Self {
        let width = usize::try_from(config.outstanding.get()).unwrap_or(usize::MAX);
        Self {
            admission: Admission::new(config.join_rate, config.outstanding),
            exit: Exit::new(width),
            workloads: config.workloads.clone().into(),
            slots: BTreeMap::new(),
            by_actor: HashMap::new(),
            census: Census::default(),
            runs: Runs::default(),
            next_number: 1,
            departures: Departures::default(),
            settling: Vec::new(),
            admission_timer: None,
            stance: Stance::Open,
            myself,
            lan,
            config,
            metrics,
        }
    }

    pub(super) fn handle(&mut self, message: PoolMsg) {
        // An answer that nobody waits for any more is not an error.
        match message {
            PoolMsg::Create(count, reply) => {
                let created = self.create(count);
                let _ = reply.send(created);
            }
            PoolMsg::Remove(which, reply) => self.depart(&which, reply),
            PoolMsg::TearDown(reply) => {
                self.stance = Stance::Closing;
                self.depart(&Selection::All, reply);
            }
            PoolMsg::Ping(which, spec, reply) => self.start_run(&which, &spec, reply),
            PoolMsg::Renew(which, reply) => {
                let _ = reply.send(self.tell(&which, || ClientMsg::Renew));
            }
            PoolMsg::Release(which, reply) => {
                let _ = reply.send(self.tell(&which, || ClientMsg::Release));
            }
            PoolMsg::Census(reply) => {
                let _ = reply.send(self.census.clone());
            }
            PoolMsg::Status(reply) => {
                let clients = self.slots.values().map(Slot::status).collect();
                let _ = reply.send(HerdStatus { clients });
            }
            PoolMsg::Settled(reply) => self.settling.push(reply),
            PoolMsg::Fact(number, incarnation, fact) => {
                if self
                    .slots
                    .get(&number)
                    .is_some_and(|slot| slot.incarnation == incarnation)
                {
                    self.learn(number, fact);
                }
            }
            PoolMsg::ActorEnded(actor, ending) => self.actor_ended(actor, ending),
            PoolMsg::AdmissionOpens => self.admission_timer = None,
            PoolMsg::Cleaned(number, errors) => self.cleaned(number, &errors),
            PoolMsg::BackoffOver(number, incarnation) => self.backoff_over(number, incarnation),
            PoolMsg::LeaveDeadline(number, incarnation) => self.leave_deadline(number, incarnation),
            PoolMsg::RunDeadline(run) => self.runs.answer(run),
            PoolMsg::BudgetsAged => self.count_budgets(),
        }
    }

    /// What any change may make possible: somebody may join, somebody may leave, somebody may be answered.
    pub(super) async fn follow_up(&mut self) {
        self.admit().await;
        while let Some(number) = self.exit.next() {
            self.let_go(number);
        }
        self.departures.answer_complete();
        self.runs.answer_complete();
        if self.census.is_settled() {
            for reply in self.settling.drain(..) {
                let _ = reply.send(self.census.clone());
            }
        }
    }

    fn create(&mut self, count: u32) -> Result<Vec<ClientNumber>, PoolError> {
        if self.stance == Stance::Closing {
            return Err(PoolError::Closing);
        }
        if count == 0 {
            return Err(PoolError::NoClients);
        }
        let end = u64::from(self.next_number) + u64::from(count);
        if end > u64::from(MAX_CLIENTS) + 1 {
            return Err(PoolError::TooManyClients(end - 1));
        }
        let numbers: Vec<_> = (self.next_number..self.next_number + count)
            .map(ClientNumber)
            .collect();
        self.next_number += count;
        for number in &numbers {
            let identity = Identity::derive(&self.config.name, *number, self.config.seed);
            let slot = Slot::new(identity, self.config.seed.rng(*number, SUPERVISION));
            self.slots.insert(*number, slot);
            self.census.enter(Phase::Queued);
            self.metrics.entered(Phase::Queued);
            self.admission.enqueue(*number);
        }
        self.count_wanted();
        Ok(numbers)
    }

    async fn admit(&mut self) {
        if self.admission_timer.is_some() {
            return;
        }
        loop {
            match self.admission.admit(now()) {
                Admit::Now(number) => self.spawn(number).await,
                Admit::At(at) => {
                    self.admission_timer = Some(
                        self.after(at.saturating_duration_since(now()), PoolMsg::AdmissionOpens),
                    );
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
        slot.incarnation.0 += 1;
        slot.admitted.get_or_insert_with(now);
        let incarnation = slot.incarnation;
        let facts = {
            let pool = self.myself.clone();
            // A pool that has ended needs no facts.
            Arc::new(move |fact| drop(pool.cast(PoolMsg::Fact(number, incarnation, fact))))
        };
        let args = ClientArgs {
            lan: Arc::clone(&self.lan),
            dhcp: dhcp_config(&self.config.dhcp, &slot.identity),
            rng: self.config.seed.rng(number, u64::from(incarnation.0)),
            remembered: slot.lease.held().map(|lease| lease.address),
            lease_deadline: self.config.lease_deadline,
            workloads: Arc::clone(&self.workloads),
            metrics: self.metrics.clone(),
            facts,
            identity: slot.identity.clone(),
        };
        let supervisor = self.myself.get_cell();
        match ClientActor::spawn_linked(None, ClientActor::default(), args, supervisor).await {
            Ok((actor, task)) => {
                self.by_actor.insert(actor.get_id(), number);
                slot.life = Life::Running(Running { actor, task });
            }
            // No supervision event comes of this. Only a pool that is ending can see it.
            Err(error) => {
                let failure = Failure::new(Stage::Namespace, Cause::Crashed, error.to_string());
                self.ended(number, None, Some(failure));
            }
        }
    }

    fn learn(&mut self, number: ClientNumber, fact: Fact) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        match fact {
            Fact::Entered(phase) => {
                if phase == Phase::Online && slot.join.is_none() {
                    let took = slot
                        .admitted
                        .map_or(Duration::ZERO, |admitted| now() - admitted);
                    slot.join = Some(took);
                    self.metrics.joined(took);
                }
                self.enter(number, phase);
            }
            Fact::Bound(lease, took) => {
                debug!(client = %slot.identity.namespace, address = %lease.address, "bound");
                slot.dhcp = Some(took);
                slot.lease = LeaseRecord::Held(lease);
            }
            Fact::Renewed(lease) => slot.lease = LeaseRecord::Held(lease),
            Fact::Lost(reason) => {
                let client = &slot.identity.namespace;
                slot.lease.end();
                match reason {
                    dhcp::LossReason::Released => {
                        debug!(%client, "lease released");
                        self.departures.released(number);
                    }
                    dhcp::LossReason::Expired
                    | dhcp::LossReason::Nak
                    | dhcp::LossReason::Conflict
                    | dhcp::LossReason::Declined
                    | dhcp::LossReason::V6Only => {
                        warn!(%client, %reason, "lease lost");
                    }
                }
            }
            Fact::Pinged(run, target, address, outcome) => {
                self.pinged(number, run, target, address, outcome);
            }
            Fact::PingRunEnded(run) => {
                if let Some(run) = self.runs.get_mut(run) {
                    run.ended(number);
                }
            }
        }
    }

    fn pinged(
        &mut self,
        number: ClientNumber,
        run: Option<RunId>,
        target: Target,
        address: Option<Ipv4Addr>,
        outcome: PingOutcome,
    ) {
        self.metrics.pinged(target, outcome);
        if let Some(slot) = self.slots.get_mut(&number) {
            let stats = slot.pings_of(target);
            stats.address = address.or(stats.address);
            stats.record(outcome);
        }
        if let Some(run) = run.and_then(|run| self.runs.get_mut(run)) {
            run.record(number, address, outcome);
        }
    }

    /// Changes a client's phase, the census and the metrics with it.
    fn enter(&mut self, number: ClientNumber, phase: Phase) {
        let Some(slot) = self.slots.get_mut(&number) else {
            return;
        };
        let from = std::mem::replace(&mut slot.phase, phase);
        if from == phase {
            return;
        }
        debug!(client = %slot.identity.namespace, %from, to = %phase, "phase");
        self.census.leave(from);
        self.census.enter(phase);
        self.metrics.transition(from, phase);
        if !phase.is_joining() && phase != Phase::Queued {
            self.admission.done(number);
        }
    }

    fn start_run(&mut self, which: &Selection, spec: &PingSpec, reply: RpcReplyPort<PingReport>) {
        let id = self.runs.next_id();
        let mut run = run::Run::new(spec.target, reply);
        for (number, slot) in self.select(which) {
            match slot
                .actor()
                .map(|actor| actor.cast(ClientMsg::Ping(id, spec.clone())))
            {
                Some(Ok(())) => run.expect(number),
                Some(Err(_)) | None => run.missing(number),
            }
        }
        self.runs.insert(id, run);
        drop(self.after(run::deadline(spec), PoolMsg::RunDeadline(id)));
    }

    fn tell(&self, which: &Selection, message: impl Fn() -> ClientMsg) -> u32 {
        let told = self
            .select(which)
            .filter_map(|(_, slot)| slot.actor())
            .filter(|actor| actor.cast(message()).is_ok())
            .count();
        u32::try_from(told).unwrap_or(u32::MAX)
    }

    fn select<'a>(
        &'a self,
        which: &'a Selection,
    ) -> impl Iterator<Item = (ClientNumber, &'a Slot)> {
        self.slots
            .iter()
            .map(|(number, slot)| (*number, slot))
            .filter(move |(number, _)| match which {
                Selection::All => true,
                Selection::Numbers(numbers) => numbers.contains(number),
            })
    }

    fn count_wanted(&self) {
        let wanted = match self.stance {
            Stance::Open => self.census.total() - self.census.of(Phase::Gone),
            Stance::Closing => 0,
        };
        self.metrics.wanted(wanted);
    }

    fn count_budgets(&self) {
        let (policy, now) = (&self.config.restart, now());
        let used = self
            .slots
            .values()
            .map(|slot| slot.history.used_ratio(policy, now));
        self.metrics.budget_used(used.fold(0.0, f64::max));
    }

    /// A message to oneself after a while.
    fn after(&self, wait: Duration, message: PoolMsg) -> JoinHandle<()> {
        let myself = self.myself.clone();
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            // A pool that has ended needs no reminder.
            drop(myself.cast(message));
        })
    }
}

/// How the client of that identity behaves towards servers.
fn dhcp_config(settings: &DhcpSettings, identity: &Identity) -> dhcp::Config {
    dhcp::Config {
        start_delay: Duration::ZERO..=settings.start_delay,
        broadcast: settings.broadcast,
        offers: settings.offers,
        client_id: settings.client_id.clone(),
        hostname: Some(identity.namespace.clone()),
        ..dhcp::Config::new(identity.mac)
    }
}

/// The random stream of a client's supervision; its lives use their incarnation's number.
const SUPERVISION: u64 = u64::MAX;

fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
