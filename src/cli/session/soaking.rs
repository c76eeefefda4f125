//! The course of a soak once its herd has joined: clients come and go, the herd is looked at, the report is renewed.

use std::time::{Instant, SystemTime};

use lanherd::Pool;
use lanherd::identity::{ClientNumber, Seed};
use lanherd::objective::{Judgement, Objective};
use lanherd::phase::Phase;
use lanherd::pool::{self, ClientStatus, HerdStatus, PoolError, Selection, TearDownReport};
use lanherd::report::{self, Ended, Report};
use lanherd::soak::{Footprint, Recorder, Roll, Schedule, Settings, Turn, TurnKind};
use lanherd::tester::Figures;
use tokio::task::{JoinSet, spawn_blocking};
use tokio::time::{MissedTickBehavior, interval, interval_at};

use super::course::{Course, GLANCE, LOOK, SLACK, Then, at, is_lost};
use super::rolling::Rolling;

/// When the run began, by both clocks, and what its reports say of its settings.
#[derive(Debug, Clone)]
pub struct Origin {
    pub at: SystemTime,
    pub started: Instant,
    pub seed: Seed,
    pub parameters: serde_json::Value,
    pub tester: Figures,
    pub objectives: Vec<Objective>,
}

impl Origin {
    /// What a report says of the run: how it ended, or that it has not.
    pub fn run(
        &self,
        ended: Option<Ended>,
        leaked_objects: u64,
        soak: Option<report::Soak>,
        figures: &pool::Figures,
    ) -> report::Run {
        let complete = match ended {
            None => false,
            // A herd that is held until somebody has seen enough has come to its end by that; a soak has not.
            Some(Ended::Interrupted) => soak.is_none(),
            Some(Ended::TimeOver | Ended::Stopped | Ended::EveryClientFailed) => true,
        };
        report::Run {
            parameters: self.parameters.clone(),
            seed: self.seed,
            started: self.at,
            duration: self.started.elapsed(),
            leaked_objects,
            ended,
            complete,
            lag: self.tester.now(),
            objectives: self.judge(figures),
            soak,
        }
    }
}

impl Origin {
    /// What became of the objectives.
    fn judge(&self, figures: &pool::Figures) -> Vec<Judgement> {
        let objectives = self.objectives.iter();
        objectives
            .map(|objective| objective.judge(figures))
            .collect()
    }
}

/// What a soak leaves.
pub struct Soaked {
    pub soak: report::Soak,
    pub figures: pool::Figures,
    pub rolling: Rolling,
}

/// Clients of one turn that have left, and those that came in their place.
struct Turned {
    turn: Turn,
    victims: u32,
    left: Result<TearDownReport, PoolError>,
    came: Result<Vec<ClientNumber>, PoolError>,
}

/// A soak on its way.
struct Soaking<'a> {
    course: &'a mut Course,
    settings: Settings,
    origin: Origin,
    /// From which moment on its times are counted.
    joined: Instant,
    schedule: Schedule,
    roll: Roll,
    rng: fastrand::Rng,
    turns: JoinSet<Turned>,
    recorder: Recorder,
    rolling: Rolling,
}

/// Soaks a herd that has joined, until its time is over or the run is interrupted.
pub async fn soak(
    course: &mut Course,
    settings: Settings,
    origin: Origin,
    clients: Vec<ClientNumber>,
) -> Result<Soaked, PoolError> {
    let mut roll = Roll::default();
    roll.enter(clients);
    let rolling = Rolling::new(
        course.scenario.report.clone(),
        course.scenario.html.clone(),
        &course.screen,
    );
    let mut soaking = Soaking {
        joined: Instant::now(),
        schedule: Schedule::new(&settings, origin.seed),
        rng: Settings::choices(origin.seed),
        roll,
        turns: JoinSet::new(),
        recorder: Recorder::new(course.pool.figures().await?),
        rolling,
        course,
        settings,
        origin,
    };
    let then = soaking.run().await?;
    soaking.course.end_chaos();
    if then == Then::GoOn {
        soaking.come_to_rest().await?;
        if let Some(figures) = in_time(soaking.course.pool.figures().await)? {
            soaking.recorder.end(figures);
        }
    }
    let soak = soaking.report();
    Ok(Soaked {
        soak,
        figures: soaking.recorder.record().figures,
        rolling: soaking.rolling,
    })
}

impl Soaking<'_> {
    async fn run(&mut self) -> Result<Then, PoolError> {
        let end = self.course.scenario.hold.map(|hold| self.joined + hold.0);
        let first = tokio::time::Instant::from_std(self.joined) + self.settings.interval;
        let mut news = interval_at(first, self.settings.interval);
        let mut look = interval(LOOK);
        news.set_missed_tick_behavior(MissedTickBehavior::Skip);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next_turn = self
                .schedule
                .next_at()
                .and_then(|at| self.joined.checked_add(at));
            let next_bar = self.course.progress.next_bar();
            tokio::select! {
                () = self.course.interrupt.comes() => {
                    self.look().await?;
                    return Ok(Then::Leave);
                }
                () = at(end) => {
                    self.look().await?;
                    return Ok(Then::GoOn);
                }
                () = self.course.stop.comes() => {
                    self.course.ended = Ended::Stopped;
                    self.look().await?;
                    return Ok(Then::GoOn);
                }
                () = at(next_turn) => {
                    while let Some(turn) = self.schedule.due(self.joined.elapsed()) {
                        self.begin(turn);
                    }
                }
                Some(turned) = self.turns.join_next() => self.turned(turned),
                () = self.rolling.written() => {}
                _ = news.tick() => {
                    if let Some(herd) = self.look().await? {
                        let (origin, soak) = (&self.origin, self.report());
                        let figures = self.recorder.figures();
                        let run = || origin.run(None, 0, Some(soak), figures);
                        self.rolling.write(|| Report::new(&herd, figures, run()));
                    }
                }
                () = at(next_bar) => {
                    let census = in_time(self.course.pool.census().await)?;
                    let done = in_time(self.course.pool.figures().await)?;
                    if let (Some(census), Some(done)) = (census, done) {
                        self.course.progress.holding(&census, &done);
                    }
                }
                _ = look.tick() => {
                    let census = in_time(self.course.pool.census().await)?;
                    if census.as_ref().is_some_and(is_lost) {
                        self.course.screen.complain("every client has failed for good: leaving");
                        self.course.ended = Ended::EveryClientFailed;
                        self.look().await?;
                        return Ok(Then::Leave);
                    }
                }
            }
        }
    }

    /// Lets the clients of a turn leave; those that come in their place are made when they have gone.
    fn begin(&mut self, turn: Turn) {
        let victims = self.roll.strike(turn.clients, &mut self.rng);
        let count = u32::try_from(victims.len()).unwrap_or(u32::MAX);
        self.recorder.turnover.skipped += u64::from(turn.clients - count);
        if turn.kind == TurnKind::Storm {
            self.recorder.storm_begins();
            let screen = &self.course.screen;
            screen.say(&format!("storm: {count} clients leave at once"));
        }
        let pool = self.course.pool.clone();
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
            let came = come(&pool, replaced).await;
            Turned {
                turn,
                victims: count,
                left,
                came,
            }
        });
    }

    fn turned(&mut self, turned: Result<Turned, tokio::task::JoinError>) {
        let Turned {
            turn,
            victims,
            left,
            came,
        } = match turned {
            Ok(turned) => turned,
            Err(panic) => {
                let screen = &self.course.screen;
                screen.complain(&format!("error: clients were not exchanged: {panic}"));
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
        self.roll.enter(came);
    }

    /// Looks at the herd for the record, and says how it stands; returns it without those that have left.
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
        let herd = in_time(self.course.pool.status().await)?.map(present);
        let figures = in_time(self.course.pool.figures().await)?;
        let (Some(herd), Some(figures)) = (herd, figures) else {
            return Ok(None);
        };
        let now = self.joined.elapsed();
        let availability = figures.availability();
        let line = self.recorder.look(now, &herd, figures, footprint);
        self.course.progress.soaking(&line, availability);
        Ok(Some(herd))
    }

    fn report(&self) -> report::Soak {
        let joined = self.joined.duration_since(self.origin.started);
        report::Soak::new(&self.recorder.record(), self.settings.interval, joined)
    }

    /// Nobody leaves any more. Waits until those who left last have others in their place, and every client is as well
    /// as it will be: online with an answer, or failed for good.
    async fn come_to_rest(&mut self) -> Result<(), PoolError> {
        let scenario = &self.course.scenario;
        let standing = &scenario.standing;
        let patience =
            scenario.lease_timeout.0 + 3 * (standing.every.0 + standing.patience()) + SLACK;
        let chores = standing.count();
        let deadline = Instant::now() + patience;
        let mut glance = interval(GLANCE);
        glance.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.course.interrupt.comes() => return Ok(()),
                () = at(Some(deadline)) => return Ok(()),
                Some(turned) = self.turns.join_next() => self.turned(turned),
                () = self.rolling.written() => {}
                _ = glance.tick() => {
                    let herd = in_time(self.course.pool.status().await)?.map(present);
                    let rests = |client: &ClientStatus| is_at_rest(client, chores);
                    if self.turns.is_empty() && herd.is_some_and(|h| h.clients.iter().all(rests)) {
                        return Ok(());
                    }
                }
            }
        }
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
pub async fn left_by(pool: &Pool) -> Result<HerdStatus, PoolError> {
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
async fn come(pool: &Pool, those: Vec<ClientNumber>) -> Result<Vec<ClientNumber>, PoolError> {
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

/// Attempts at what never succeeds, until it is plain that it does not.
const PLAIN: u64 = 3;

/// Whether waiting longer for this client tells nothing new.
fn is_at_rest(client: &ClientStatus, chores: usize) -> bool {
    match client.phase {
        Phase::Online => {
            client.outcomes().count() >= chores
                && client
                    .outcomes()
                    .all(|stats| stats.successes() > 0 || stats.failures() >= PLAIN)
        }
        Phase::Released | Phase::V6Only | Phase::Failed => true,
        Phase::Queued
        | Phase::Namespace
        | Phase::Link
        | Phase::Dhcp
        | Phase::Configure
        | Phase::NoCarrier
        | Phase::Leaving
        | Phase::Backoff
        | Phase::Gone => false,
    }
}
