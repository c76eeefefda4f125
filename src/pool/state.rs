//! The herd: every slot and what follows from every change, the supervisor's whole knowledge.

mod client_events;
mod ending;
mod families;
mod joining;
mod orders;
mod time;
mod watch;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use ractor::{ActorId, RpcReplyPort};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use super::actor::PoolMsg;
use super::admission::Admission;
use super::availability::AvailabilityTracker;
use super::budgets::GroupCounts;
use super::departure::{Departures, ExitQueue};
use super::event::Event;
use super::figures::Figures;
use super::group::{Group, GroupName, RunningGroup};
use super::mailbox::Mailbox;
use super::outage::OutageWatch;
use super::recovery::Recoveries;
use super::run::FanOuts;
use super::slot::Slot;
use super::stale::StalePrefixes;
use super::stall::Stalls;
use super::status::Census;
use super::{PoolConfig, Selection};
use crate::activity::Activity;
use crate::client::{AddressBook, Aggregator, ClientMsg, Order, ReleasePace};
use crate::clock::now;
use crate::family::{ByFamily, Family};
use crate::identity::ClientNumber;
use crate::lan::{self, Lan};
use crate::metrics::Metrics;
#[cfg(debug_assertions)]
use crate::phase::Phase;
use crate::stats::Uptime;

/// What is logged of clients that fail has this target, or one below it.
#[cfg(feature = "bdd")]
pub(crate) const LOGS_AS: &str = module_path!();

/// Whether the pool takes new clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Intake {
    Open,
    Closing,
}

/// Of clients that have left, the status keeps so many: a herd with churn would grow for ever.
const KEPT: usize = 20;

/// So many lives that began before the herd came to rest are a storm, and so many clients' parts of a run.
const STORM: usize = 100;
/// Until then whoever asked for a run has done with what came of it.
const RESULTS_ARE_READ: Duration = Duration::from_secs(1);

/// The pool's state.
pub(super) struct PoolState<L> {
    pub(super) myself: Mailbox,
    lan: Arc<L>,
    config: PoolConfig,
    metrics: Metrics,
    began: Instant,
    began_at: SystemTime,
    events: broadcast::Sender<Event>,
    sequence: u64,
    figures: Figures,
    aggregator: Arc<Aggregator>,
    /// Of the flawed messages that no client tells, and of the packets that were dropped, how many have been told as a number.
    told_flaws: u64,
    told_dropped: u64,
    /// The first is the pool's own.
    groups: Vec<Arc<RunningGroup>>,
    addresses: Arc<AddressBook>,
    releases: Arc<ReleasePace>,
    /// Boxed: a tree whose keys come in order leaves half of each node's room empty.
    slots: BTreeMap<ClientNumber, Box<Slot>>,
    /// Those that have left, oldest first.
    gone: VecDeque<ClientNumber>,
    /// What is counted of the slots, by group.
    counts: BTreeMap<GroupName, GroupCounts>,
    /// How many messages have come since the counts were compared with the slots.
    #[cfg(debug_assertions)]
    unchecked: usize,
    /// Living actors only.
    by_actor: HashMap<ActorId, ClientNumber>,
    census: Census,
    admission: Admission,
    admission_timer: Option<JoinHandle<()>>,
    exit: ExitQueue,
    departures: Departures,
    runs: FanOuts,
    outages: OutageWatch,
    recoveries: Recoveries,
    availability: AvailabilityTracker,
    /// The time of clients that are to have both families, in each.
    availability_by_family: ByFamily<AvailabilityTracker>,
    stale: StalePrefixes,
    /// What of it the metrics have been told, by group.
    told_uptime: BTreeMap<GroupName, Uptime>,
    told_by_family: BTreeMap<(GroupName, Family), Uptime>,
    told_stale: Duration,
    stalls: Stalls,
    /// What every client does beside the activities of its group.
    extra_activities: Vec<Arc<Activity>>,
    next_number: u32,
    /// Lives that have begun since memory was last given back.
    begun: usize,
    settling: Vec<RpcReplyPort<Census>>,
    intake: Intake,
}

impl<L: Lan> PoolState<L> {
    pub(super) fn new(
        myself: Mailbox,
        lan: Arc<L>,
        config: PoolConfig,
        metrics: Metrics,
        events: broadcast::Sender<Event>,
    ) -> Self {
        let width = usize::try_from(config.outstanding.get()).unwrap_or(usize::MAX);
        let own = Group {
            name: GroupName::from(&config.name),
            restart: config.restart.clone(),
            families: config.families,
            dhcp: config.dhcp.clone(),
            activities: config.activities.clone(),
        };
        let groups = std::iter::once(&own).chain(&config.groups);
        let herd = Self {
            began: now(),
            began_at: SystemTime::now(),
            events,
            sequence: 0,
            figures: Figures::default(),
            aggregator: Arc::new(Aggregator::new(metrics.clone(), config.tester.clone())),
            told_flaws: 0,
            told_dropped: 0,
            groups: groups
                .map(|group| Arc::new(RunningGroup::new(group, &metrics)))
                .collect(),
            addresses: Arc::default(),
            releases: Arc::default(),
            admission: Admission::new(config.join_rate, config.outstanding),
            exit: ExitQueue::new(width),
            slots: BTreeMap::new(),
            gone: VecDeque::new(),
            counts: BTreeMap::new(),
            #[cfg(debug_assertions)]
            unchecked: 0,
            by_actor: HashMap::new(),
            census: Census::default(),
            runs: FanOuts::default(),
            outages: OutageWatch::default(),
            recoveries: Recoveries::default(),
            availability: AvailabilityTracker::default(),
            availability_by_family: ByFamily::default(),
            stale: StalePrefixes::default(),
            told_by_family: BTreeMap::new(),
            told_stale: Duration::ZERO,
            told_uptime: BTreeMap::new(),
            stalls: Stalls::default(),
            extra_activities: Vec::new(),
            next_number: 1,
            begun: 0,
            departures: Departures::default(),
            settling: Vec::new(),
            admission_timer: None,
            intake: Intake::Open,
            myself,
            lan,
            config,
            metrics,
        };
        herd.remind_of_time();
        herd
    }

    pub(super) fn handle(&mut self, message: PoolMsg) {
        self.look_at_clock();
        // An answer that nobody waits for any more is not an error.
        match message {
            PoolMsg::Create(group, count, reply) => {
                let created = self.create(group.as_ref(), count);
                let _ = reply.send(created);
            }
            PoolMsg::Replace(those, reply) => {
                let created = self.replace(&those);
                let _ = reply.send(created);
            }
            PoolMsg::Remove(which, reply) => self.depart(&which, reply),
            PoolMsg::Vanish(which, reply) => self.vanish(&which, reply),
            PoolMsg::TearDown(reply) => {
                self.intake = Intake::Closing;
                self.depart(&Selection::All, reply);
            }
            PoolMsg::Extra(activities, reply) => {
                self.set_extra_activities(activities);
                let _ = reply.send(());
            }
            PoolMsg::Run(which, activity, reply) => self.start_run(&which, &activity, reply),
            PoolMsg::Order(which, Order::Release, reply) => {
                let _ = reply.send(self.release(&which));
            }
            PoolMsg::Order(which, order, reply) => {
                let _ = reply.send(self.tell(&which, || ClientMsg::Order(order)));
            }
            PoolMsg::Restart(which, reply) => {
                let _ = reply.send(self.restart(&which));
            }
            PoolMsg::InjectFault(which, fault, reply) => self.inject_fault(&which, fault, reply),
            PoolMsg::Flap(pause, reply) => self.flap(pause, reply),
            PoolMsg::FaultInjected(fault, lasts, reply) => {
                self.note_fault(fault, lasts, None);
                let _ = reply.send(());
            }
            PoolMsg::Census(reply) => {
                let _ = reply.send(self.census.clone());
            }
            PoolMsg::Status(reply) => {
                let _ = reply.send(self.status());
            }
            PoolMsg::Figures(reply) => {
                let _ = reply.send(self.told_figures());
            }
            PoolMsg::Routers(reply) => {
                let _ = reply.send(self.aggregator.routers());
            }
            PoolMsg::Settled(reply) => self.settling.push(reply),
            PoolMsg::Client(number, incarnation, event) => {
                if self
                    .slots
                    .get(&number)
                    .is_some_and(|slot| slot.incarnation == incarnation)
                {
                    self.apply(number, event);
                }
            }
            PoolMsg::ActorEnded(actor, ending) => self.actor_ended(actor, ending),
            PoolMsg::AdmissionOpens => self.admission_timer = None,
            PoolMsg::Cleaned(number, errors, released) => {
                for was_sent in released {
                    self.departures.released(number, was_sent);
                }
                self.cleaned(number, &errors);
            }
            PoolMsg::BackoffOver(number, incarnation) => self.backoff_over(number, incarnation),
            PoolMsg::StopDeadline(number, incarnation) => self.stop_deadline(number, incarnation),
            PoolMsg::RunDeadline(run) => give_back_after(self.runs.answer(run)),
            PoolMsg::BudgetsAged => self.count_budgets(),
            PoolMsg::LookAtRecoveries => {
                self.look_at_recoveries();
                self.remind_of_recoveries();
            }
            PoolMsg::Pulse => self.pulse(),
        }
    }

    /// What any change may make possible: somebody may join, somebody may leave, somebody may be answered.
    pub(super) async fn follow_up(&mut self) {
        self.admit().await;
        while let Some(number) = self.exit.next() {
            self.let_go(number);
        }
        self.departures.answer_complete();
        give_back_after(self.runs.answer_complete());
        #[cfg(debug_assertions)]
        self.check_counts();
        if self.census.is_settled() {
            if std::mem::take(&mut self.begun) >= STORM {
                // What many took at once on their way, the C library would keep for the next storm.
                tokio::task::spawn_blocking(lan::give_memory_back);
            }
            for reply in self.settling.drain(..) {
                let _ = reply.send(self.census.clone());
            }
        }
    }

    fn select<'a>(
        &'a self,
        which: &'a Selection,
    ) -> impl Iterator<Item = (ClientNumber, &'a Slot)> {
        self.slots
            .iter()
            .map(|(number, slot)| (*number, &**slot))
            .filter(move |(number, slot)| match which {
                Selection::All => true,
                Selection::Numbers(numbers) => numbers.contains(number),
                Selection::Group(name) => slot.group.name == *name,
            })
    }

    /// What is counted of a group.
    fn counts_of(&mut self, group: &GroupName) -> &mut GroupCounts {
        self.counts.entry(group.clone()).or_default()
    }

    fn count_wanted(&self) {
        for group in &self.groups {
            let wanted = match self.intake {
                Intake::Closing => 0,
                Intake::Open => self.counts.get(&group.name).map_or(0, |it| it.wanted),
            };
            group.metrics.wanted(wanted);
        }
    }

    fn count_budgets(&mut self) {
        let now = now();
        for group in &self.groups {
            let used = match self.counts.get_mut(&group.name) {
                Some(counts) if counts.clients > 0 => {
                    let most = counts.budgets.most(group.restart.period, now);
                    group.restart.used_ratio(most)
                }
                Some(_) | None => 0.0,
            };
            group.metrics.budget_used(used);
        }
    }

    /// The restarts of a client that count are others.
    fn note_restarts(&mut self, number: ClientNumber) {
        if let Some(slot) = self.slots.get(&number) {
            let counts = self.counts.entry(slot.group.name.clone()).or_default();
            counts.budgets.set(number, slot.history.restarts());
        }
    }

    /// What is counted is what a look at all slots says: what was counted wrong once stays so. Builds with debug assertions look once in
    /// as many messages as there are slots, so that a large herd is as quick as a small one; unit tests of up to 32 clients look after
    /// every message, and of more as much more often.
    #[cfg(debug_assertions)]
    fn check_counts(&mut self) {
        self.unchecked += 1;
        let pause = self.slots.len() / if cfg!(test) { 32 } else { 1 };
        if self.unchecked < pause {
            return;
        }
        self.unchecked = 0;
        let now = now();
        for group in &self.groups {
            let counts = self.counts.entry(group.name.clone()).or_default();
            let kept = counts.budgets.most(group.restart.period, now);
            let counted = (counts.clients, counts.wanted, kept);
            let (mut clients, mut wanted, mut most) = (0, 0, 0);
            for slot in self.slots.values() {
                if Arc::ptr_eq(&slot.group, group) {
                    clients += 1;
                    wanted += u32::from(slot.phase != Phase::Gone);
                    most = most.max(slot.history.counting(group.restart.period, now));
                }
            }
            assert_eq!(counted, (clients, wanted, most), "{}", group.name);
        }
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

/// The tasks of a run, and what came of it, are gone once it was read: what many took at once, the C library would keep.
fn give_back_after(parts: usize) {
    if parts < STORM {
        return;
    }
    tokio::spawn(async {
        tokio::time::sleep(RESULTS_ARE_READ).await;
        tokio::task::spawn_blocking(lan::give_memory_back);
    });
}
