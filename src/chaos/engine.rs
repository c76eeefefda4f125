//! Does to a pool and its lab what a schedule says.

use tokio::task::{JoinHandle, JoinSet};
use tracing::{debug, warn};

use super::{ChaosSchedule, Injection};
use crate::clock::now;
use crate::fault::Aim;
use crate::lab::LabHandle;
use crate::phase::Phase;
use crate::pool::{Pool, PoolError, Selection};

/// What can be broken, and when.
#[derive(Debug)]
pub struct Engine {
    pool: Pool,
    lab: Option<LabHandle>,
    schedule: ChaosSchedule,
}

/// An engine at work. Dropping it makes no more faults; those that last go on until their time is over.
#[derive(Debug)]
pub struct RunningEngine {
    task: JoinHandle<()>,
    lab: Option<LabHandle>,
}

impl Engine {
    /// Breaks the pool's clients and its parent and, if there is one, the lab's router.
    pub const fn new(pool: Pool, lab: Option<LabHandle>, schedule: ChaosSchedule) -> Self {
        Self {
            pool,
            lab,
            schedule,
        }
    }

    /// Begins: the schedule's times count from now.
    pub fn start(self) -> RunningEngine {
        let lab = self.lab.clone();
        RunningEngine {
            task: tokio::spawn(self.run()),
            lab,
        }
    }

    async fn run(self) {
        let began = now();
        // Each on its own: one that takes long does not put off the next.
        let mut injections = JoinSet::new();
        for injection in self.schedule {
            let Some(at) = began.checked_add(injection.at) else {
                break;
            };
            tokio::time::sleep_until(at.into()).await;
            while injections.try_join_next().is_some() {}
            injections.spawn(do_it(self.pool.clone(), self.lab.clone(), injection));
        }
        injections.join_all().await;
    }
}

impl RunningEngine {
    /// Makes no more faults, and ends those of the lab that would end later.
    pub fn stop(self) {
        self.task.abort();
        if let Some(lab) = &self.lab {
            lab.calm();
        }
    }
}

impl Drop for RunningEngine {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn do_it(pool: Pool, lab: Option<LabHandle>, injection: Injection) {
    match inject_once(&pool, lab.as_ref(), &injection).await {
        Ok(()) => debug!(%injection, "a fault was made"),
        // Nobody is left to be struck.
        Err(InjectionError::Pool(PoolError::Ended)) => {}
        Err(error) => warn!(%injection, %error, "a fault was not made"),
    }
}

/// Why an injection was not carried out, or not on everybody.
#[derive(Debug, thiserror::Error)]
pub enum InjectionError {
    /// The pool did not take it.
    #[error(transparent)]
    Pool(#[from] PoolError),
    /// It was refused, for the reason that is named.
    #[error("{0}")]
    Refused(String),
}

/// Carries out one injection, now.
///
/// # Errors
/// Where the fault is the lab's and there is none, and where somebody refuses.
pub async fn inject_once(
    pool: &Pool,
    lab: Option<&LabHandle>,
    injection: &Injection,
) -> Result<(), InjectionError> {
    let refused = |error: &dyn std::fmt::Display| InjectionError::Refused(error.to_string());
    let (fault, lasts) = (injection.fault, injection.lasts);
    match fault.aim() {
        Aim::Client => {
            let status = pool.status().await?;
            let online = status
                .clients
                .iter()
                .filter(|client| client.phase == Phase::Online);
            let online: Vec<_> = online.map(|client| client.identity.number).collect();
            let victims = Selection::Numbers(injection.choose(&online));
            let results = pool.inject_fault(victims, fault).await?;
            match results
                .into_iter()
                .find_map(|(number, result)| Some((number, result.err()?)))
            {
                Some((number, error)) => {
                    Err(InjectionError::Refused(format!("client {number}: {error}")))
                }
                None => Ok(()),
            }
        }
        Aim::Parent => pool.flap(lasts).await?.map_err(|error| refused(&error)),
        Aim::Router => {
            let lab = lab.ok_or_else(|| refused(&"this router is not the lab's"))?;
            lab.inject(fault, lasts).map_err(|error| refused(&error))?;
            Ok(pool.fault_injected(fault, lasts).await?)
        }
    }
}
