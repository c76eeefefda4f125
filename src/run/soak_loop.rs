//! A soak once its herd has joined: clients come and go, faults are made, the herd is looked at, the report is renewed.
//!
//! The loop is the same for `lanherd soak`, for a [`Run`](super::Run) of a program, and for a step of a feature file.

use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, interval_at};

use super::observer::{Announcer, RunEvent};
use super::rolling::RollingReport;
use super::wait::{GLANCE, LOOK, SLACK, Signals, is_lost, until};
use lanherd_audit::RouterFindings;

use crate::Pool;
use crate::chaos::RunningEngine;
use crate::identity::{ClientNumber, Seed};
use crate::phase::Phase;
use crate::pool::{ClientStatus, HerdStatus, PoolError, Selection, TearDownReport};
use crate::report::{self, Ended};
use crate::soak::{
    ChurnSchedule, Footprint, Membership, SoakRecord, SoakRecorder, SoakSettings, Turn, TurnKind,
};

/// What a soak is to do.
#[derive(Debug, Clone)]
pub(crate) struct SoakPlan {
    /// Churn, storms, and how often the herd is looked at.
    pub(crate) settings: SoakSettings,
    /// From which is drawn who leaves, and when.
    pub(crate) seed: Seed,
    /// How long the soak lasts; `None`: until it is stopped.
    pub(crate) lasts: Option<Duration>,
    /// How long the last clients that came may take to be as well as they will be.
    pub(crate) rest: Rest,
    /// When the run began: the report says how long after that the herd had joined.
    pub(crate) started: Instant,
}

/// When a herd has come to rest after its last clients came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rest {
    /// How many different things each client does whenever it is online.
    pub(crate) activities: usize,
    /// How long the herd is waited for.
    pub(crate) patience: Duration,
}

impl Rest {
    /// For clients that may take `lease_timeout` to get a lease, and do so many things, each once in `every`, each of which
    /// takes `longest` at most.
    pub(crate) fn of(
        lease_timeout: Duration,
        activities: usize,
        every: Duration,
        longest: Duration,
    ) -> Self {
        Self {
            activities,
            patience: lease_timeout + 3 * (every + longest) + SLACK,
        }
    }
}

/// What a soak leaves.
pub(crate) struct Soaked {
    /// Why the soak ended.
    pub(crate) ended: Ended,
    /// What was recorded.
    pub(crate) record: SoakRecord,
    /// The same, as the report tells it.
    pub(super) soak: report::Soak,
    /// The report that was renewed meanwhile, if one was.
    pub(super) rolling: Option<RollingReport>,
}

/// Clients of one turn that have left, and those that came in their place.
struct Turned {
    turn: Turn,
    victims: u32,
    left: Result<TearDownReport, PoolError>,
    came: Result<Vec<ClientNumber>, PoolError>,
}

/// A soak on its way.
pub(crate) struct SoakLoop {
    pool: Pool,
    plan: SoakPlan,
    signals: Signals,
    announcer: Announcer,
    chaos: Option<RunningEngine>,
    rolling: Option<RollingReport>,
    /// From which moment on the times of the soak are counted.
    joined: Instant,
    schedule: ChurnSchedule,
    /// The clients that are there and were not told to leave.
    members: Membership,
    rng: fastrand::Rng,
    turns: JoinSet<Turned>,
    recorder: SoakRecorder,
}

impl SoakLoop {
    /// A soak, from now on, of these clients, which have joined.
    pub(crate) async fn new(
        pool: Pool,
        plan: SoakPlan,
        clients: Vec<ClientNumber>,
        signals: Signals,
        announcer: Announcer,
    ) -> Result<Self, PoolError> {
        let mut members = Membership::default();
        members.add(clients);
        Ok(Self {
            joined: Instant::now(),
            schedule: ChurnSchedule::new(&plan.settings, plan.seed),
            rng: SoakSettings::choices(plan.seed),
            members,
            turns: JoinSet::new(),
            recorder: SoakRecorder::new(pool.figures().await?),
            chaos: None,
            rolling: None,
            pool,
            plan,
            signals,
            announcer,
        })
    }

    /// Beside faults that are being made; no more of them are made when the soak is over.
    pub(crate) fn with_chaos(self, chaos: Option<RunningEngine>) -> Self {
        Self { chaos, ..self }
    }

    /// With a report that is renewed at each look.
    pub(super) fn with_report(self, rolling: RollingReport) -> Self {
        Self {
            rolling: Some(rolling),
            ..self
        }
    }

    /// Soaks until the time is over or a signal comes, then waits until the last clients that came are at rest.
    pub(crate) async fn run(mut self) -> Result<Soaked, PoolError> {
        let ended = self.soak().await?;
        if let Some(chaos) = self.chaos.take() {
            chaos.stop();
        }
        match ended {
            Ended::TimeOver | Ended::Stopped => {
                self.come_to_rest().await?;
                if let Some(figures) = in_time(self.pool.figures().await)? {
                    self.recorder.end(figures);
                }
            }
            Ended::Interrupted | Ended::EveryClientFailed => {}
        }
        Ok(Soaked {
            ended,
            soak: self.report(),
            record: self.recorder.record(),
            rolling: self.rolling,
        })
    }

    async fn soak(&mut self) -> Result<Ended, PoolError> {
        let every = self.plan.settings.interval;
        let end = self.plan.lasts.map(|lasts| self.joined + lasts);
        let first = tokio::time::Instant::from_std(self.joined) + every;
        let mut record = interval_at(first, every);
        let mut look = interval(LOOK);
        record.set_missed_tick_behavior(MissedTickBehavior::Skip);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let ended = loop {
            let next_turn = self
                .schedule
                .next_at()
                .and_then(|at| self.joined.checked_add(at));
            let next_look = self.announcer.next_look();
            tokio::select! {
                () = self.signals.interrupt.cancelled() => break Ended::Interrupted,
                () = until(end) => break Ended::TimeOver,
                () = self.signals.stop.cancelled() => break Ended::Stopped,
                () = until(next_turn) => {
                    while let Some(turn) = self.schedule.due(self.joined.elapsed()) {
                        self.begin(turn);
                    }
                }
                Some(turned) = self.turns.join_next() => self.turned(turned),
                () = written(&mut self.rolling) => {}
                _ = record.tick() => {
                    if let Some(herd) = self.look().await? {
                        let routers = in_time(self.pool.routers().await)?;
                        self.renew_report(&herd, &routers.map(|routers| routers.findings).unwrap_or_default());
                    }
                }
                () = until(next_look) => {
                    let census = in_time(self.pool.census().await)?;
                    let figures = in_time(self.pool.figures().await)?;
                    if let (Some(census), Some(figures)) = (&census, &figures) {
                        self.announcer.tell(&RunEvent::Holding { census, figures });
                    }
                }
                _ = look.tick() => {
                    let census = in_time(self.pool.census().await)?;
                    if census.as_ref().is_some_and(is_lost) {
                        self.announcer.tell(&RunEvent::EveryClientFailed);
                        break Ended::EveryClientFailed;
                    }
                }
            }
        };
        self.look().await?;
        Ok(ended)
    }

    /// Lets the clients of a turn leave; those that come in their place are made when they have gone.
    fn begin(&mut self, turn: Turn) {
        let victims = self.members.draw(turn.clients, &mut self.rng);
        let count = u32::try_from(victims.len()).unwrap_or(u32::MAX);
        self.recorder.turnover.skipped += u64::from(turn.clients - count);
        if turn.kind == TurnKind::Storm {
            self.recorder.storm_begins();
            self.announcer
                .tell(&RunEvent::StormBegan { clients: count });
        }
        let pool = self.pool.clone();
        self.turns.spawn(async move {
            let which = Selection::Numbers(victims.clone());
            let left = match turn.kind {
                TurnKind::Churn | TurnKind::Storm => pool.remove(which).await,
                TurnKind::Vanish => pool.vanish(which).await,
            };
            // Those that did not leave in time are being killed: they leave all the same.
            let room = left.as_ref().map_or(count, |report| report.clients);
            let mut replaced = victims;
            replaced.truncate(usize::try_from(room).unwrap_or(usize::MAX));
            let came = replace(&pool, replaced).await;
            Turned {
                turn,
                victims: count,
                left,
                came,
            }
        });
    }

    fn turned(&mut self, turned: Result<Turned, JoinError>) {
        let Turned {
            turn,
            victims,
            left,
            came,
        } = match turned {
            Ok(turned) => turned,
            Err(panic) => {
                let why = panic.to_string();
                self.announcer.tell(&RunEvent::NotReplaced { why });
                return;
            }
        };
        for error in [left.as_ref().err(), came.as_ref().err()]
            .into_iter()
            .flatten()
        {
            let kind = turn.kind;
            tracing::warn!(%kind, victims, %error, "clients were not exchanged in order");
        }
        let left = left.map_or(victims, |report| report.clients);
        let came = came.unwrap_or_default();
        let turnover = &mut self.recorder.turnover;
        turnover.skipped += u64::from(victims.saturating_sub(left));
        turnover.came += came.len() as u64;
        match turn.kind {
            TurnKind::Churn => turnover.left += u64::from(left),
            TurnKind::Vanish => turnover.vanished += u64::from(left),
            TurnKind::Storm => {
                turnover.left += u64::from(left);
                self.recorder.storm_returns(&came);
            }
        }
        self.members.add(came);
    }

    /// Looks at the herd for the record, and tells the observer; returns the herd without those that have left.
    async fn look(&mut self) -> Result<Option<HerdStatus>, PoolError> {
        // Before the herd is looked at: what that takes for the moment is not the herd's.
        let footprint = match spawn_blocking(Footprint::of_self).await {
            Ok(Ok(footprint)) => footprint,
            Ok(Err(error)) => {
                tracing::warn!(%error, "what this process takes cannot be read");
                Footprint::default()
            }
            Err(panic) => {
                tracing::warn!(%panic, "what this process takes was not read");
                Footprint::default()
            }
        };
        let herd = in_time(self.pool.status().await)?.map(present);
        let figures = in_time(self.pool.figures().await)?;
        let (Some(herd), Some(figures)) = (herd, figures) else {
            return Ok(None);
        };
        let now = self.joined.elapsed();
        let availability = figures.availability();
        let line = self.recorder.look(now, &herd, figures, footprint);
        self.announcer.tell(&RunEvent::Looked {
            line: &line,
            availability,
        });
        Ok(Some(herd))
    }

    fn renew_report(&mut self, herd: &HerdStatus, routers: &RouterFindings) {
        let soak = self.report();
        if let Some(rolling) = &mut self.rolling {
            rolling.renew(herd, self.recorder.figures(), routers, soak);
        }
    }

    fn report(&self) -> report::Soak {
        let joined = self.joined.duration_since(self.plan.started);
        report::Soak::new(&self.recorder.record(), self.plan.settings.interval, joined)
    }

    /// Nobody leaves any more. Waits until those who left last have others in their place, and every client is as well
    /// as it will be: online with a success of each activity, or failed for good.
    async fn come_to_rest(&mut self) -> Result<(), PoolError> {
        let Rest {
            activities,
            patience,
        } = self.plan.rest;
        let deadline = Instant::now() + patience;
        let mut glance = interval(GLANCE);
        glance.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.signals.interrupt.cancelled() => return Ok(()),
                () = until(Some(deadline)) => return Ok(()),
                Some(turned) = self.turns.join_next() => self.turned(turned),
                () = written(&mut self.rolling) => {}
                _ = glance.tick() => {
                    let herd = in_time(self.pool.status().await)?.map(present);
                    let rests = |client: &ClientStatus| is_at_rest(client, activities);
                    if self.turns.is_empty() && herd.is_some_and(|h| h.clients.iter().all(rests)) {
                        return Ok(());
                    }
                }
            }
        }
    }
}

async fn written(rolling: &mut Option<RollingReport>) {
    match rolling {
        Some(rolling) => rolling.written().await,
        None => std::future::pending().await,
    }
}

/// What the pool answered, or nothing if it took too long: a machine that slept, or is overloaded for a while, is no
/// reason to end a soak of days.
fn in_time<T>(answer: Result<T, PoolError>) -> Result<Option<T>, PoolError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error @ PoolError::Timeout(_)) => {
            tracing::warn!(%error, "a look at the herd is left out");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The herd that a soak leaves; asked for again where the pool takes too long, as long as it lives.
pub(super) async fn left_by(pool: &Pool) -> Result<HerdStatus, PoolError> {
    for _ in 0..ATTEMPTS {
        if let Some(herd) = in_time(pool.status().await)? {
            return Ok(present(herd));
        }
    }
    pool.status().await.map(present)
}

/// How often the last state of the herd is asked for before the run has none.
const ATTEMPTS: u32 = 5;

/// Makes a client for each of those that left, in the same group.
async fn replace(pool: &Pool, those: Vec<ClientNumber>) -> Result<Vec<ClientNumber>, PoolError> {
    if those.is_empty() {
        return Ok(Vec::new());
    }
    pool.replace(those).await
}

/// The herd without those that have left: in a long soak they are many, and its sums tell of them.
fn present(mut herd: HerdStatus) -> HerdStatus {
    herd.clients.retain(|client| client.phase != Phase::Gone);
    herd
}

/// After so many attempts without a success it is plain that an activity does not succeed.
const PLAIN: u64 = 3;

/// Whether waiting longer for this client tells nothing new.
fn is_at_rest(client: &ClientStatus, activities: usize) -> bool {
    match client.phase {
        Phase::Online => {
            client.activities.len() >= activities
                && client
                    .activities
                    .iter()
                    .all(|stats| stats.successes() > 0 || stats.failures() >= PLAIN)
        }
        Phase::Released | Phase::V6Only | Phase::Failed => true,
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
        | Phase::Leaving
        | Phase::Backoff
        | Phase::Gone => false,
    }
}
