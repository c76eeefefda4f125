//! The pool: supervises a herd of clients, and is talked to in messages only.
//!
//! Who owns what: the pool keeps the record of every slot (a client's number, what it owns, its history); a client's
//! actor owns its sockets; the [`Lan`] owns namespaces, links and files by name. When an actor ends,
//! however it ends, the pool awaits its task, so that nothing of it is left running, then detaches by name, and only
//! then restarts it or gives it up. The pool itself never fails: no handler returns an error.

mod actor;
mod admission;
mod departure;
mod herd;
pub mod restart;
mod run;
mod slot;
pub mod status;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ractor::rpc::CallResult;
use ractor::{Actor, ActorRef, RpcReplyPort};
use tokio::task::JoinHandle;

use self::actor::{PoolActor, PoolArgs, PoolMsg};
pub use self::restart::{Restart, RestartPolicy};
pub use self::status::{Census, ClientStatus, HerdStatus, PingReport, TearDownReport};
use crate::dhcp::client::{ClientId, OfferPolicy};
use crate::identity::{ClientNumber, PoolName, Seed};
use crate::lan::Lan;
use crate::metrics::Metrics;
use crate::units::Rate;
use crate::workload::ping::PingSpec;

/// How a pool runs its herd.
#[derive(Debug, Clone)]
pub struct PoolConfig {
    /// Its name, from which the clients' names are derived.
    pub name: PoolName,
    /// From which MACs and all random choices are derived.
    pub seed: Seed,
    /// How many clients may begin to join per second; `None`: as many as `outstanding` lets in.
    pub join_rate: Option<Rate>,
    /// How many clients may be joining at one time. More than about 150 exchanges in flight overrun the socket of a
    /// usual server.
    pub outstanding: NonZeroU32,
    /// How failures are answered.
    pub restart: RestartPolicy,
    /// How long a client may take to acquire a lease before it fails. A dnsmasq that pings every address before it
    /// offers it keeps 200 clients waiting for up to 50 s, so it should be generous.
    pub lease_deadline: Duration,
    /// How a client that is told to leave may take until it is killed.
    pub leave_deadline: Duration,
    /// How clients behave towards servers.
    pub dhcp: DhcpSettings,
    /// What every client does whenever it is online.
    pub workloads: Vec<PingSpec>,
}

impl PoolConfig {
    /// The defaults, for a pool of that name.
    pub fn new(name: PoolName) -> Self {
        Self {
            name,
            seed: Seed::default(),
            join_rate: None,
            outstanding: const { NonZeroU32::new(64).unwrap() },
            restart: RestartPolicy::default(),
            lease_deadline: Duration::from_secs(120),
            leave_deadline: Duration::from_secs(10),
            dhcp: DhcpSettings::default(),
            workloads: Vec::new(),
        }
    }
}

/// How the clients of a pool behave as DHCP clients.
#[derive(Debug, Clone)]
pub struct DhcpSettings {
    /// The longest random wait before a client's first message. RFC 2131 (4.4.1) wants 1 to 10 s, so that machines
    /// that were switched on together do not ask together; here the pool's admission does that, so it is 0 by default.
    pub start_delay: Duration,
    /// Whether replies are asked for as broadcasts (4.1).
    pub broadcast: bool,
    /// Which offer is taken (4.4.1).
    pub offers: OfferPolicy,
    /// What identifies the client to the server (option 61).
    pub client_id: ClientId,
}

impl Default for DhcpSettings {
    fn default() -> Self {
        Self {
            start_delay: Duration::ZERO,
            broadcast: false,
            offers: OfferPolicy::First,
            client_id: ClientId::Mac,
        }
    }
}

/// Which clients a message is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    All,
    /// Those of these numbers that exist.
    Numbers(Vec<ClientNumber>),
}

/// Why a pool did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    /// The pool has ended.
    #[error("the pool has ended")]
    Ended,
    /// The pool did not answer in time.
    #[error("the pool did not answer within {}", humantime::format_duration(*.0))]
    Timeout(Duration),
    /// The pool's actor could not be started.
    #[error("the pool could not be started: {0}")]
    NotStarted(String),
    /// A herd needs somebody.
    #[error("0 clients were asked for: ask for at least 1")]
    NoClients,
    /// The herd would be larger than numbers reach.
    #[error("{0} clients are too many: the most is {MAX_CLIENTS}")]
    TooManyClients(u64),
    /// The pool is being torn down and takes no more clients.
    #[error("the pool is being torn down")]
    Closing,
}

/// The most clients of one pool: more than any parent interface can carry, and small enough for every counter.
pub const MAX_CLIENTS: u32 = 65_000;

/// How long the pool may take to answer what needs no waiting.
const PROMPT: Duration = Duration::from_secs(10);

/// A running pool. Clones talk to the same one.
///
/// Dropping the last handle does not end it: call [`Pool::tear_down`].
#[derive(Debug, Clone)]
pub struct Pool {
    actor: ActorRef<PoolMsg>,
    task: Arc<tokio::sync::Mutex<Option<JoinHandle<()>>>>,
    leave_deadline: Duration,
}

impl Pool {
    /// Starts a pool without clients on `lan`.
    pub async fn start<L: Lan>(
        lan: Arc<L>,
        config: PoolConfig,
        metrics: Metrics,
    ) -> Result<Self, PoolError> {
        let leave_deadline = config.leave_deadline;
        let args = PoolArgs {
            lan,
            config,
            metrics,
        };
        let (actor, task) = PoolActor::spawn(None, PoolActor::default(), args)
            .await
            .map_err(|error| PoolError::NotStarted(error.to_string()))?;
        Ok(Self {
            actor,
            task: Arc::new(Some(task).into()),
            leave_deadline,
        })
    }

    /// Adds `count` clients with the next free numbers, and returns them at once: they join by and by.
    pub async fn create(&self, count: u32) -> Result<Vec<ClientNumber>, PoolError> {
        self.ask(PROMPT, |reply| PoolMsg::Create(count, reply))
            .await?
    }

    /// Lets clients leave: each releases its lease and is torn down. Returns when all of it is done; the numbers are
    /// not used again.
    pub async fn remove(&self, which: Selection) -> Result<TearDownReport, PoolError> {
        let timeout = self.departure_timeout();
        self.ask(timeout, |reply| PoolMsg::Remove(which, reply))
            .await
    }

    /// Lets clients ping, all at the same time, and returns when each has its results.
    ///
    /// An unreachable target is a result with a cause. A client that is not online is reported as that. A `spec`
    /// without a count is run once.
    pub async fn ping(&self, which: Selection, spec: PingSpec) -> Result<PingReport, PoolError> {
        let spec = PingSpec {
            count: Some(spec.count.unwrap_or(1)),
            ..spec
        };
        let timeout = run::deadline(&spec).saturating_add(PROMPT);
        self.ask(timeout, |reply| PoolMsg::Ping(which, spec, reply))
            .await
    }

    /// Tells clients to extend their leases now, or to ask for one if they have none; returns how many were told.
    pub async fn renew(&self, which: Selection) -> Result<u32, PoolError> {
        self.ask(PROMPT, |reply| PoolMsg::Renew(which, reply)).await
    }

    /// Tells clients to release their leases and to stay without; returns how many were told.
    pub async fn release(&self, which: Selection) -> Result<u32, PoolError> {
        self.ask(PROMPT, |reply| PoolMsg::Release(which, reply))
            .await
    }

    /// How many clients are in each phase.
    pub async fn census(&self) -> Result<Census, PoolError> {
        self.ask(PROMPT, PoolMsg::Census).await
    }

    /// Everything about every client.
    pub async fn status(&self) -> Result<HerdStatus, PoolError> {
        self.ask(PROMPT, PoolMsg::Status).await
    }

    /// Waits until no client is on its way: each is online, released, failed or gone.
    ///
    /// # Errors
    /// [`PoolError::Timeout`] when that takes longer than `timeout`.
    pub async fn settled(&self, timeout: Duration) -> Result<Census, PoolError> {
        self.ask(timeout, PoolMsg::Settled).await
    }

    /// Lets all clients leave, then ends the pool. Every step is tried; the report names those that failed.
    pub async fn tear_down(&self) -> Result<TearDownReport, PoolError> {
        let timeout = self.departure_timeout();
        let report = self.ask(timeout, PoolMsg::TearDown).await;
        // Whatever the answer: the actor's own end cleans up what is left.
        self.actor.stop(None);
        if let Some(task) = self.task.lock().await.take() {
            // The task cannot fail: a panic in the pool is caught by the actor's loop.
            let _ = task.await;
        }
        report
    }

    /// Leaving is done a few at a time, so the whole takes longer than one.
    fn departure_timeout(&self) -> Duration {
        self.leave_deadline.saturating_mul(12)
    }

    async fn ask<T: Send + 'static>(
        &self,
        timeout: Duration,
        message: impl FnOnce(RpcReplyPort<T>) -> PoolMsg,
    ) -> Result<T, PoolError> {
        match self.actor.call(message, Some(timeout)).await {
            Ok(CallResult::Success(answer)) => Ok(answer),
            Ok(CallResult::Timeout) => Err(PoolError::Timeout(timeout)),
            Ok(CallResult::SenderError) | Err(_) => Err(PoolError::Ended),
        }
    }
}

#[cfg(test)]
mod tests;
