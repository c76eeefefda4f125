//! A run between the opening of its testbed and the tear-down: the herd joins, does what it is there for, and is looked at
//! for the last time.

use std::time::{Duration, Instant};

use tokio::time::{MissedTickBehavior, interval};

use super::RunMode;
use super::info::RunInfo;
use super::observer::{Announcer, RunEvent};
use super::rolling::RollingReport;
use super::soak_loop::{self, Rest, SoakLoop, SoakPlan};
use super::wait::{GLANCE, LOOK, SLACK, Signals, is_lost, until};
use lanherd_audit::RouterFindings;

use crate::Pool;
use crate::chaos::{Engine, RunningEngine};
use crate::identity::ClientNumber;
use crate::phase::Phase;
use crate::pool::{ClientStatus, Figures, HerdStatus, PoolError, Selection};
use crate::report::{self, Ended};
use crate::scenario::Scenario;
use crate::soak::SoakSettings;

/// Longer than any run.
const EVER: Duration = Duration::from_secs(u32::MAX as u64);

/// A run whose testbed is open.
pub(super) struct RunLoop {
    pub(super) pool: Pool,
    pub(super) scenario: Scenario,
    pub(super) mode: RunMode,
    pub(super) signals: Signals,
    pub(super) announcer: Announcer,
    pub(super) info: RunInfo,
    /// What makes faults, once the herd has joined.
    pub(super) chaos: Option<Engine>,
}

/// What a run leaves before its tear-down.
pub(super) struct Ran {
    /// The herd as it was last.
    pub(super) status: HerdStatus,
    /// What it had done by then.
    pub(super) figures: Figures,
    /// The routers that it had heard.
    pub(super) routers: RouterFindings,
    /// How the run ended.
    pub(super) ended: Ended,
    /// What more there is to say of a soak that has begun.
    pub(super) soak: Option<report::Soak>,
    /// The report that was renewed meanwhile.
    pub(super) rolling: Option<RollingReport>,
}

impl RunLoop {
    pub(super) async fn run(mut self) -> Result<Ran, PoolError> {
        let clients = self.create().await?;
        let early = self.join().await?;
        let ended = match (early, self.mode.clone()) {
            (Some(early), _) => early,
            (None, RunMode::Soak(settings)) => return self.soak(settings, clients).await,
            (None, RunMode::Hold) => self.hold_with_chaos().await?,
            (None, RunMode::PingOnce(specs)) => {
                let _chaos = self.begin_chaos();
                let pool = self.pool.clone();
                let ping_all = async {
                    for spec in specs {
                        // The status tells of it, too.
                        pool.ping(Selection::All, spec).await?;
                    }
                    Ok::<_, PoolError>(())
                };
                tokio::select! {
                    () = self.signals.interrupt.cancelled() => Ended::Interrupted,
                    pinged = ping_all => {
                        pinged?;
                        Ended::TimeOver
                    }
                }
            }
        };
        Ok(Ran {
            status: self.pool.status().await?,
            figures: self.pool.figures().await?,
            ended,
            routers: self.pool.routers().await?.findings,
            soak: None,
            rolling: None,
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

    /// Returns when each client has come online or failed, if only to try again; or how the run ended before.
    async fn join(&mut self) -> Result<Option<Ended>, PoolError> {
        let pool = self.pool.clone();
        let mut settled = std::pin::pin!(pool.settled(EVER));
        let mut glance = interval(GLANCE);
        let mut look = interval(LOOK);
        glance.set_missed_tick_behavior(MissedTickBehavior::Delay);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let census = loop {
            tokio::select! {
                () = self.signals.interrupt.cancelled() => return Ok(Some(Ended::Interrupted)),
                () = self.signals.stop.cancelled() => return Ok(Some(Ended::Stopped)),
                census = &mut settled => break census?,
                _ = glance.tick() => {
                    let census = self.pool.census().await?;
                    self.announcer.tell(&RunEvent::Joining(&census));
                }
                _ = look.tick() => {
                    let status = self.pool.status().await?;
                    if !status.clients.is_empty() && status.clients.iter().all(has_shown_itself) {
                        break self.pool.census().await?;
                    }
                }
            }
        };
        self.announcer.tell(&RunEvent::Joined(&census));
        Ok(None)
    }

    fn begin_chaos(&mut self) -> Option<RunningEngine> {
        self.chaos.take().map(Engine::start)
    }

    async fn soak(
        mut self,
        settings: SoakSettings,
        clients: Vec<ClientNumber>,
    ) -> Result<Ran, PoolError> {
        let chaos = self.begin_chaos();
        let standing = &self.scenario.workload;
        let plan = SoakPlan {
            settings,
            seed: self.info.seed,
            lasts: self.scenario.hold.map(|hold| hold.0),
            rest: Rest::of(
                self.scenario.lease_timeout.0,
                standing.activities.len(),
                standing.every.0,
                standing.patience(),
            ),
            started: self.info.started,
        };
        let rolling = RollingReport::new(
            self.scenario.report.clone(),
            self.scenario.html.clone(),
            self.info.clone(),
            self.announcer.clone(),
        );
        let soak = SoakLoop::new(
            self.pool.clone(),
            plan,
            clients,
            self.signals.clone(),
            self.announcer.clone(),
        );
        let soaked = soak
            .await?
            .with_chaos(chaos)
            .with_report(rolling)
            .run()
            .await?;
        Ok(Ran {
            status: soak_loop::left_by(&self.pool).await?,
            // The same that the soak's own part of the report is made of.
            figures: soaked.record.figures,
            ended: soaked.ended,
            routers: self.pool.routers().await?.findings,
            soak: Some(soaked.soak),
            rolling: soaked.rolling,
        })
    }

    /// Holds the herd beside its faults, if there are any, until all has come to its end.
    async fn hold_with_chaos(&mut self) -> Result<Ended, PoolError> {
        let chaos = self.begin_chaos();
        let ended = self.hold().await?;
        match ended {
            Ended::TimeOver | Ended::Stopped => {
                if let Some(chaos) = chaos {
                    chaos.stop();
                    self.recover().await?;
                }
                self.hear_out().await?;
            }
            // Faults end with the engine, which is dropped here.
            Ended::Interrupted | Ended::EveryClientFailed => {}
        }
        Ok(ended)
    }

    /// After the last fault clients have as long to recover as they have to join.
    async fn recover(&self) -> Result<(), PoolError> {
        let patience = self.scenario.lease_timeout.0 + SLACK;
        tokio::select! {
            () = self.signals.interrupt.cancelled() => Ok(()),
            settled = self.pool.settled(patience) => match settled {
                // Who has not recovered by then is told of at the end.
                Ok(_) | Err(PoolError::Timeout(_)) => Ok(()),
                Err(error) => Err(error),
            },
        }
    }

    /// Returns when the time is over, or nobody is left to wait for.
    async fn hold(&self) -> Result<Ended, PoolError> {
        let end = self.scenario.hold.map(|hold| Instant::now() + hold.0);
        let mut look = interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let next_look = self.announcer.next_look();
            tokio::select! {
                () = self.signals.interrupt.cancelled() => return Ok(Ended::Interrupted),
                () = self.signals.stop.cancelled() => return Ok(Ended::Stopped),
                () = until(end) => return Ok(Ended::TimeOver),
                () = until(next_look) => {
                    let (census, figures) = (self.pool.census().await?, self.pool.figures().await?);
                    self.announcer.tell(&RunEvent::Holding {
                        census: &census,
                        figures: &figures,
                    });
                }
                _ = look.tick() => {
                    if is_lost(&self.pool.census().await?) {
                        self.announcer.tell(&RunEvent::EveryClientFailed);
                        return Ok(Ended::EveryClientFailed);
                    }
                }
            }
        }
    }

    /// Waits for the first outcome of all that was begun at the last moment.
    async fn hear_out(&self) -> Result<(), PoolError> {
        let standing = &self.scenario.workload;
        let end = Instant::now() + standing.patience() + SLACK;
        let mut glance = interval(GLANCE);
        while !standing.activities.is_empty() && Instant::now() < end {
            let status = self.pool.status().await?;
            let heard = |client: &ClientStatus| {
                client.phase != Phase::Online
                    || client.activities.len() >= standing.activities.len()
            };
            if status.clients.iter().all(heard) {
                break;
            }
            tokio::select! {
                () = self.signals.interrupt.cancelled() => break,
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
        | Phase::Partial
        | Phase::Released
        | Phase::V6Only
        | Phase::NoCarrier
        | Phase::Leaving
        | Phase::Backoff
        | Phase::Failed
        | Phase::Gone => true,
        Phase::Queued
        | Phase::Namespace
        | Phase::Link
        | Phase::Dhcp
        | Phase::Configure
        | Phase::Router
        | Phase::Dhcp6
        | Phase::Dad => client.join.is_some() || client.failure.is_some(),
    }
}
