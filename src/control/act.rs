//! What a request does to the pool.

use std::time::Duration;

use super::protocol::{Answer, FaultOutcome, HerdListing, Removed, Request, Row};
use super::{ClientSelector, NotThere};
use crate::fault::{Aim, Fault};
use crate::identity::{ClientNumber, PoolName};
use crate::phase::Phase;
use crate::pool::{HerdStatus, Pool, PoolError, Selection};
use crate::report::BreachEntry;
use lanherd_audit::RouterFindings;

/// How long a fault lasts where nobody has said.
const LASTS: Duration = Duration::from_secs(20);
/// The longest that a fault may last: whoever asked waits for a parent to come back.
const LONGEST: Duration = Duration::from_secs(3_600);

/// What only the run as a whole can do: what a pool does not know of.
pub trait RunControl: Send + Sync + 'static {
    /// Ends the run in order, as if its time were over.
    fn stop(&self);

    /// Makes a fault that aims at the router, for so long; returns once it is made.
    fn inject(
        &self,
        fault: Fault,
        lasts: Duration,
    ) -> impl Future<Output = Result<(), String>> + Send;
}

/// What all connections act on.
pub(super) struct Dispatcher<R> {
    pub pool: Pool,
    pub name: PoolName,
    pub run: R,
}

/// Why a request was not met.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error(transparent)]
    NotThere(#[from] NotThere),
    #[error("{0}")]
    Other(String),
}

impl<R: RunControl> Dispatcher<R> {
    /// Does what is asked, following events apart: that is the connection's.
    pub async fn act(&self, request: Request) -> Answer {
        self.attempt(request)
            .await
            .unwrap_or_else(|refusal| Answer::Error(refusal.to_string()))
    }

    async fn attempt(&self, request: Request) -> Result<Answer, Refusal> {
        let pool = &self.pool;
        Ok(match request {
            Request::Ps {} => self.herd(&pool.status().await?, pool.routers().await?.findings),
            Request::Restart { clients } => {
                let which = self.select(&clients).await?;
                Answer::Told(pool.restart(which).await?)
            }
            Request::Order { order, clients } => {
                let which = self.select(&clients).await?;
                Answer::Told(pool.order(which, order).await?)
            }
            Request::Add { count, group } => Answer::Added(match group {
                Some(group) => pool.create_in(group, count).await?,
                None => pool.create(count).await?,
            }),
            Request::Remove { clients } => {
                let which = self.select(&clients).await?;
                let report = pool.remove(which).await?;
                Answer::Removed(Removed {
                    clients: report.clients,
                    released: report.releases_sent,
                    unreleased: report.releases_unsent,
                    errors: report
                        .errors
                        .iter()
                        .map(|(number, error)| format!("client {number}: {error}"))
                        .collect(),
                })
            }
            Request::Chaos {
                fault,
                clients,
                lasts,
            } => Answer::Faults(self.inject_fault(fault, clients, lasts).await?),
            Request::Place { client } => self.place(client, &pool.status().await?)?,
            Request::Stop {} => {
                self.run.stop();
                Answer::Stopping {}
            }
            Request::Events {} => Answer::Following {},
        })
    }

    fn herd(&self, status: &HerdStatus, heard: RouterFindings) -> Answer {
        Answer::Herd(HerdListing {
            pool: self.name.clone(),
            pid: std::process::id(),
            clients: status.clients.iter().map(Row::from).collect(),
            breaches: heard.breaches.iter().map(BreachEntry::from).collect(),
            routers: heard.routers,
        })
    }

    async fn select(&self, clients: &ClientSelector) -> Result<Selection, Refusal> {
        Ok(clients.select(&self.pool.status().await?)?)
    }

    async fn inject_fault(
        &self,
        fault: Fault,
        clients: Option<ClientSelector>,
        lasts: Option<Duration>,
    ) -> Result<Vec<FaultOutcome>, Refusal> {
        let refuse = |why: &str| Err(Refusal::Other(format!("{fault} {why}")));
        match fault.aim() {
            Aim::Client if lasts.is_some() => {
                return refuse("happens at one moment: leave out how long it is to last");
            }
            Aim::Parent | Aim::Router if clients.is_some() => {
                return refuse("happens to everybody: leave out the clients");
            }
            Aim::Client | Aim::Parent | Aim::Router => {}
        }
        let lasts = lasts.unwrap_or(LASTS);
        if lasts > LONGEST {
            return refuse("may last for an hour at most");
        }
        let everybody = |error: Option<String>| {
            vec![FaultOutcome {
                client: None,
                error,
            }]
        };
        Ok(match fault.aim() {
            Aim::Client => {
                let which = self.select(&clients.unwrap_or(ClientSelector::All)).await?;
                let outcomes = self.pool.inject_fault(which, fault).await?;
                outcomes
                    .into_iter()
                    .map(|(number, outcome)| FaultOutcome {
                        client: Some(number),
                        error: outcome.err().map(|error| error.to_string()),
                    })
                    .collect()
            }
            Aim::Parent => {
                let flapped = self.pool.flap(lasts).await?;
                everybody(flapped.err().map(|error| error.to_string()))
            }
            Aim::Router => match self.run.inject(fault, lasts).await {
                Ok(()) => {
                    self.pool.fault_injected(fault, lasts).await?;
                    everybody(None)
                }
                Err(why) => return Err(Refusal::Other(why)),
            },
        })
    }

    fn place(&self, number: ClientNumber, status: &HerdStatus) -> Result<Answer, Refusal> {
        // It says why, if there is none.
        ClientSelector::Numbers(vec![number.0..=number.0]).select(status)?;
        let phase = status
            .clients
            .iter()
            .find(|client| client.identity.number == number)
            .map_or(Phase::Gone, |client| client.phase);
        if !phase.takes_commands() {
            return Err(Refusal::Other(format!(
                "client {number} has no namespace now: its phase is {phase}"
            )));
        }
        Ok(Answer::Place {
            namespace: self.name.namespace(number),
            phase,
        })
    }
}
