//! The course of a run between opening and tear-down: the herd joins, does what it is there for, and is looked at for
//! the last time.

use std::time::{Duration, Instant};

use lanherd::Pool;
use lanherd::chaos::{Engine, Running};
use lanherd::identity::ClientNumber;
use lanherd::phase::Phase;
use lanherd::pool::{Census, ClientStatus, Figures, HerdStatus, PoolError, Selection};
use lanherd::report::Ended;
use lanherd::scenario::Scenario;
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use super::Errand;
use super::soaking::{self, Origin, Soaked};
use super::steering::Stop;
use crate::cli::interrupt::Interrupt;
use crate::cli::progress::Progress;
use crate::cli::screen::Screen;

/// How often a herd that joins is looked at.
pub(super) const GLANCE: Duration = Duration::from_millis(100);
/// How often it is looked at more closely.
pub(super) const LOOK: Duration = Duration::from_secs(1);
/// What a loaded tester may add to the time that an answer takes.
pub(super) const SLACK: Duration = Duration::from_millis(500);
/// Longer than any run.
const EVER: Duration = Duration::from_secs(u32::MAX as u64);

/// All that a run needs.
pub struct Course {
    pub pool: Pool,
    pub scenario: Scenario,
    pub errand: Errand,
    pub interrupt: Interrupt,
    pub stop: Stop,
    pub screen: Screen,
    pub progress: Progress,
    pub origin: Origin,
    pub chaos: Option<Chaos>,
    /// How it ended, once it has; the time that it was to last is over unless something else is said.
    pub ended: Ended,
}

/// What breaks things on purpose.
pub enum Chaos {
    /// Until the herd has joined.
    Waiting(Box<Engine>),
    Running(Running),
}

/// What it leaves.
pub struct Ran {
    /// The herd before its tear-down.
    pub status: HerdStatus,
    /// What it had done by then.
    pub figures: Figures,
    /// How the run ended, if nobody interrupted it.
    pub ended: Ended,
    /// What more there is of a soak that has begun.
    pub soaked: Option<Soaked>,
}

/// What follows a part of the course.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    GoOn,
    Leave,
}

impl Course {
    pub async fn run(mut self) -> Result<Ran, PoolError> {
        let clients = self.create().await?;
        let mut soaked = None;
        if self.join().await? == Then::GoOn {
            self.begin_chaos();
            match self.errand.clone() {
                Errand::PingOnce(spec) => {
                    let pool = self.pool.clone();
                    tokio::select! {
                        () = self.interrupt.comes() => {}
                        // The status tells of it, too.
                        pinged = pool.ping(Selection::All, spec) => drop(pinged?),
                    }
                }
                Errand::Hold => {
                    if self.hold().await? == Then::GoOn {
                        self.outlive_chaos().await?;
                        self.hear_out().await?;
                    }
                }
                Errand::Soak(settings) => {
                    let origin = self.origin.clone();
                    soaked = Some(soaking::soak(&mut self, settings, origin, clients).await?);
                }
            }
        }
        let status = match &soaked {
            Some(_) => soaking::left_by(&self.pool).await?,
            None => self.pool.status().await?,
        };
        let figures = match &soaked {
            // The same that its own part of the report is made of.
            Some(soaked) => soaked.figures.clone(),
            None => self.pool.figures().await?,
        };
        let ended = self.ended;
        Ok(Ran {
            status,
            figures,
            ended,
            soaked,
        })
    }

    async fn create(&self) -> Result<Vec<ClientNumber>, PoolError> {
        let mut clients = match self.scenario.ungrouped() {
            0 => Vec::new(),
            own => self.pool.create(own).await?,
        };
        for group in &self.scenario.groups {
            let name = group.name.clone();
            clients.extend(self.pool.create_in(name, group.clients.get()).await?);
        }
        Ok(clients)
    }

    /// Returns when each client has come online or failed, if only to try again.
    async fn join(&mut self) -> Result<Then, PoolError> {
        let pool = self.pool.clone();
        let mut settled = std::pin::pin!(pool.settled(EVER));
        let mut glance = interval(GLANCE);
        let mut look = interval(LOOK);
        glance.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.interrupt.comes() => return Ok(Then::Leave),
                () = self.stop.comes() => {
                    self.ended = Ended::Stopped;
                    return Ok(Then::Leave);
                }
                census = &mut settled => {
                    self.progress.joined(&census?);
                    return Ok(Then::GoOn);
                }
                _ = glance.tick() => self.progress.joining(&self.pool.census().await?),
                _ = look.tick() => {
                    let status = self.pool.status().await?;
                    if !status.clients.is_empty() && status.clients.iter().all(has_shown_itself) {
                        self.progress.joined(&self.pool.census().await?);
                        return Ok(Then::GoOn);
                    }
                }
            }
        }
    }

    fn begin_chaos(&mut self) {
        self.chaos = match self.chaos.take() {
            Some(Chaos::Waiting(engine)) => Some(Chaos::Running(engine.start())),
            other => other,
        };
    }

    /// Makes no more faults; returns whether there were any.
    pub(super) fn end_chaos(&mut self) -> bool {
        match self.chaos.take() {
            Some(Chaos::Running(running)) => {
                running.stop();
                true
            }
            Some(Chaos::Waiting(_)) | None => false,
        }
    }

    /// After the last fault clients have as long to recover as they have to join.
    async fn outlive_chaos(&mut self) -> Result<(), PoolError> {
        if !self.end_chaos() {
            return Ok(());
        }
        let patience = self.scenario.lease_timeout.0 + SLACK;
        tokio::select! {
            () = self.interrupt.comes() => Ok(()),
            settled = self.pool.settled(patience) => match settled {
                // Who has not recovered by then is told of at the end.
                Ok(_) | Err(PoolError::Timeout(_)) => Ok(()),
                Err(error) => Err(error),
            },
        }
    }

    /// Returns when the time is over, or nobody is left to wait for.
    async fn hold(&mut self) -> Result<Then, PoolError> {
        let end = self.scenario.hold.map(|hold| Instant::now() + hold.0);
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next_news = self.progress.next();
            tokio::select! {
                () = self.interrupt.comes() => return Ok(Then::Leave),
                () = self.stop.comes() => {
                    self.ended = Ended::Stopped;
                    return Ok(Then::GoOn);
                }
                () = at(end) => return Ok(Then::GoOn),
                () = at(next_news) => {
                    let (census, done) = (self.pool.census().await?, self.pool.figures().await?);
                    self.progress.holding(&census, &done);
                }
                _ = look.tick() => {
                    if is_lost(&self.pool.census().await?) {
                        self.screen.complain("every client has failed for good: leaving");
                        self.ended = Ended::EveryClientFailed;
                        return Ok(Then::Leave);
                    }
                }
            }
        }
    }

    /// Waits for the first outcome of all that was begun at the last moment.
    async fn hear_out(&mut self) -> Result<(), PoolError> {
        let standing = &self.scenario.standing;
        let end = Instant::now() + standing.patience() + SLACK;
        let mut glance = interval(GLANCE);
        while standing.count() > 0 && Instant::now() < end {
            let status = self.pool.status().await?;
            let heard = |client: &ClientStatus| {
                client.phase != Phase::Online || client.outcomes().count() >= standing.count()
            };
            if status.clients.iter().all(heard) {
                break;
            }
            tokio::select! {
                () = self.interrupt.comes() => break,
                _ = glance.tick() => {}
            }
        }
        Ok(())
    }
}

/// Whether a client has come online or failed at least once.
fn has_shown_itself(client: &ClientStatus) -> bool {
    match client.phase {
        Phase::Online
        | Phase::Released
        | Phase::V6Only
        | Phase::NoCarrier
        | Phase::Leaving
        | Phase::Backoff
        | Phase::Failed
        | Phase::Gone => true,
        Phase::Queued | Phase::Namespace | Phase::Link | Phase::Dhcp | Phase::Configure => {
            client.join.is_some() || client.failure.is_some()
        }
    }
}

/// Whether some clients have failed, and none will ever be online again. A herd of which all were told to go is not lost:
/// whoever told them may add others.
pub(super) fn is_lost(census: &Census) -> bool {
    let failed = census.of(Phase::Failed);
    failed > 0 && failed + census.of(Phase::Gone) == census.total()
}

pub(super) async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment.into()).await,
        None => std::future::pending().await,
    }
}
