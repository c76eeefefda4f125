//! The pool: supervises a herd of clients, and is talked to in messages only.
//!
//! Who owns what: the pool keeps the record of every slot (a client's number, what it owns, its history); a client's
//! actor owns its sockets; the [`Lan`] owns namespaces, links and files by name. When an actor ends,
//! however it ends, the pool awaits its task, so that nothing of it is left running, then detaches by name, and only
//! then restarts it or gives it up. The pool itself never fails: no handler returns an error.

mod actor;
mod admission;
mod availability;
mod budgets;
mod departure;
pub mod event;
mod figures;
mod group;
mod mailbox;
mod outage;
mod recovery;
pub mod restart;
mod run;
mod slot;
mod stale;
mod stall;
mod state;
pub mod status;

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, RpcReplyPort};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use self::actor::{PoolActor, PoolArgs, PoolMsg};
pub use self::event::{Event, EventKind};
pub use self::figures::Figures;
pub use self::group::{Group, GroupName, GroupNameError};
use self::mailbox::Mailbox;
pub use self::outage::{Outage, Share};
pub use self::recovery::InjectedFault;
pub use self::restart::{Restart, RestartPolicy};
pub use self::stale::StaleTime;
#[cfg(feature = "bdd")]
pub(crate) use self::state::LOGS_AS;
pub use self::status::{
    Census, ClientStatus, FamilyStatus, HerdStatus, InjectionResult, RunReport, TearDownReport,
};
use crate::activity::Activity;
pub use crate::client::FlawSum;
use crate::client::{Order, RouterReport, ipv6};
use crate::dhcp::client::{ClientId, OfferPolicy};
use crate::dhcp::{self, Persona};
use crate::family::Families;
use crate::fault::Fault;
use crate::identity::{ClientNumber, Identity, PoolName, Seed};
use crate::lan::{InjectError, Lan};
use crate::metrics::{Metrics, RunLabels};
pub use crate::stats::Uptime;
use crate::tester;
pub use crate::tester::{Doubt, DoubtfulTimes};
use crate::units::Rate;
use lanherd_types::ipv6::{AddressFormation, WantedPrefix};

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
    /// Which families clients are to have addresses of.
    pub families: Families,
    /// How clients behave towards servers.
    pub dhcp: DhcpSettings,
    /// What every client does whenever it is online.
    pub activities: Vec<Activity>,
    /// What the metrics say of the run.
    pub labels: RunLabels,
    /// Whether the metrics have gauges of each client.
    pub metrics_per_client: bool,
    /// How late the tester itself is, beside which all that is measured is looked at; that of [`Default`] never is.
    pub tester: tester::TesterFigures,
    /// Further groups, whose clients are supervised and behave in ways of their own; all above is that of the group that
    /// bears the pool's name.
    pub groups: Vec<Group>,
}

impl PoolConfig {
    /// Longer than the whole schedule of retransmissions lasts (RFC 2131, 4.1: 4 + 8 + 16 + 32 + 64 s, each ±1 s), so that
    /// nobody is restarted who would have asked once more.
    pub const LEASE_DEADLINE: Duration = Duration::from_secs(150);

    /// New metrics of such a pool.
    ///
    /// # Errors
    /// Only if two families had one name.
    pub fn metrics(&self) -> prometheus::Result<Metrics> {
        let metrics = Metrics::of_run(&self.name, self.seed, &self.labels)?;
        if self.metrics_per_client {
            metrics.per_client()
        } else {
            Ok(metrics)
        }
    }

    /// The defaults, for a pool of that name.
    pub fn new(name: PoolName) -> Self {
        Self {
            name,
            seed: Seed::default(),
            join_rate: None,
            outstanding: const { NonZeroU32::new(64).unwrap() },
            restart: RestartPolicy::default(),
            lease_deadline: Self::LEASE_DEADLINE,
            leave_deadline: Duration::from_secs(10),
            families: Families::default(),
            dhcp: DhcpSettings::default(),
            activities: Vec::new(),
            labels: RunLabels::default(),
            metrics_per_client: false,
            tester: tester::TesterFigures::default(),
            groups: Vec::new(),
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
    /// Whether it is made sure that nobody else has an address before it is used, and it is defended (RFC 5227). That
    /// takes 4 to 7 s for each lease, so it is off by default; that no two clients of the herd have one address is
    /// always made sure.
    pub conflict_detection: bool,
    /// Whether IPv6 addresses are verified before they are used, formed ones and leased ones (RFC 4862, 5.4). That takes a second
    /// for the link-local address and a second for the others; on by default, as in every host.
    pub verifies_ipv6: bool,
    /// Which addresses are formed of advertised prefixes; `None`: as the personas say, and else stable ones.
    pub ipv6_addresses: Option<AddressFormation>,
    /// The prefix that each wants to have delegated by DHCPv6, as the router of a link of its own; `None`: it is no router.
    pub delegated_prefix: Option<WantedPrefix>,
    /// What clients say of themselves, applied in this order.
    pub personas: Vec<Persona>,
}

impl Default for DhcpSettings {
    fn default() -> Self {
        Self {
            start_delay: Duration::ZERO,
            broadcast: false,
            offers: OfferPolicy::First,
            client_id: ClientId::Mac,
            conflict_detection: false,
            verifies_ipv6: true,
            ipv6_addresses: None,
            delegated_prefix: None,
            personas: Vec::new(),
        }
    }
}

impl DhcpSettings {
    /// How the client of that identity behaves towards servers.
    fn config(&self, identity: &Identity) -> dhcp::Config {
        let own = dhcp::Config {
            start_delay: Duration::ZERO..=self.start_delay,
            broadcast: self.broadcast,
            offers: self.offers,
            client_id: self.client_id.clone(),
            conflict_detection: self.conflict_detection,
            hostname: Some(identity.namespace.clone()),
            ..dhcp::Config::new(identity.mac)
        };
        self.personas.iter().fold(own, |config, persona| {
            persona
                .apply(config.clone(), identity)
                .unwrap_or_else(|error| {
                    // It was looked at when the pool began: only a name that grows with the number can have become too long.
                    tracing::warn!(client = %identity.namespace, %error, "a persona is left out");
                    config
                })
        })
    }
}

/// Which clients a message is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All of them.
    All,
    /// Those of these numbers that exist.
    Numbers(Vec<ClientNumber>),
    /// Those of this group.
    Group(GroupName),
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
    /// There is no group of that name; these are there.
    #[error("there is no such group; the pool has {0}")]
    NoSuchGroup(String),
    /// The pool is being torn down and takes no more clients.
    #[error("the pool is being torn down")]
    Closing,
}

/// The most clients of one pool: more than any parent interface can carry, and small enough for every counter.
pub const MAX_CLIENTS: u32 = 65_000;

/// How long the pool may take to answer what needs no waiting.
const PROMPT: Duration = Duration::from_secs(10);

/// How long the injection of faults may take: the kernel is slow to take links down.
const INJECTION: Duration = Duration::from_secs(60);

/// How many events are kept for a reader that is slow.
pub const EVENTS: usize = 4_096;

/// A running pool. Clones talk to the same one.
///
/// Dropping the last handle does not end it: call [`Pool::tear_down`].
#[derive(Debug, Clone)]
pub struct Pool {
    mailbox: Mailbox,
    task: Arc<tokio::sync::Mutex<Option<JoinHandle<()>>>>,
    events: broadcast::WeakSender<Event>,
    leave_deadline: Duration,
    outstanding: NonZeroU32,
}

impl Pool {
    /// Starts a pool without clients on `lan`.
    pub async fn start<L: Lan>(
        lan: Arc<L>,
        config: PoolConfig,
        metrics: Metrics,
    ) -> Result<Self, PoolError> {
        for settings in std::iter::once(&config.dhcp).chain(config.groups.iter().map(|g| &g.dhcp)) {
            let first = Identity::derive(&config.name, ClientNumber(1), config.seed);
            for persona in &settings.personas {
                persona
                    .config(&first)
                    .map_err(|error| PoolError::NotStarted(error.to_string()))?;
                if let Some(ipv6) = &persona.ipv6 {
                    ipv6::Config::check(ipv6, first.mac)
                        .map_err(|error| PoolError::NotStarted(error.to_string()))?;
                }
            }
        }
        let (leave_deadline, outstanding) = (config.leave_deadline, config.outstanding);
        let (events, _) = broadcast::channel(EVENTS);
        let weak = events.downgrade();
        let mailbox = metrics.mailbox().clone();
        let args = PoolArgs {
            lan,
            config,
            metrics,
            events,
        };
        let (actor, task) = PoolActor::spawn(None, PoolActor::default(), args)
            .await
            .map_err(|error| PoolError::NotStarted(error.to_string()))?;
        Ok(Self {
            mailbox: Mailbox {
                actor,
                metrics: mailbox,
            },
            task: Arc::new(Some(task).into()),
            events: weak,
            leave_deadline,
            outstanding,
        })
    }

    /// Adds `count` clients with the next free numbers, and returns them at once: they join by and by.
    pub async fn create(&self, count: u32) -> Result<Vec<ClientNumber>, PoolError> {
        self.ask(PROMPT, |reply| PoolMsg::Create(None, count, reply))
            .await?
    }

    /// The same, for clients of one of the groups of [`PoolConfig::groups`], or of the one that bears the pool's name.
    pub async fn create_in(
        &self,
        group: GroupName,
        count: u32,
    ) -> Result<Vec<ClientNumber>, PoolError> {
        self.ask(PROMPT, |reply| PoolMsg::Create(Some(group), count, reply))
            .await?
    }

    /// Adds a new client for each of those, in the same group as that one; in the pool's own, where it was forgotten.
    pub async fn replace(&self, those: Vec<ClientNumber>) -> Result<Vec<ClientNumber>, PoolError> {
        self.ask(PROMPT, |reply| PoolMsg::Replace(those, reply))
            .await?
    }

    /// Lets clients leave: each releases its lease and is torn down. Returns when all of it is done; the numbers are
    /// not used again.
    pub async fn remove(&self, which: Selection) -> Result<TearDownReport, PoolError> {
        let timeout = self.departure_timeout().await?;
        self.ask(timeout, |reply| PoolMsg::Remove(which, reply))
            .await
    }

    /// Sets what every client does whenever it is online beside the activities of its group, those that join later included;
    /// replaces what was set before, and an empty list ends it.
    pub async fn set_extra_activities(&self, activities: Vec<Activity>) -> Result<(), PoolError> {
        self.ask(PROMPT, |reply| PoolMsg::Extra(activities, reply))
            .await
    }

    /// Lets clients do something, all at the same time, and returns when each has its results.
    ///
    /// What cannot be reached is a result with a cause. A client that is not online is reported as that. An `activity` without
    /// a count is done once.
    ///
    /// # Errors
    /// If the pool has ended, or does not answer in time.
    pub async fn run(
        &self,
        which: Selection,
        activity: impl Into<Activity>,
    ) -> Result<RunReport, PoolError> {
        let activity = Arc::new(activity.into().with_an_end());
        let timeout = run::deadline(&activity).saturating_add(PROMPT);
        let collected = self
            .ask(timeout, |reply| PoolMsg::Run(which, activity, reply))
            .await?;
        Ok(RunReport {
            clients: collected.clients,
            testers: collected.testers,
        })
    }

    /// Lets clients go without a word to the server, as if their plugs were pulled: the server goes on thinking that they
    /// hold their leases. Returns when all is torn down; the numbers are not used again.
    pub async fn vanish(&self, which: Selection) -> Result<TearDownReport, PoolError> {
        let timeout = self.departure_timeout().await?;
        self.ask(timeout, |reply| PoolMsg::Vanish(which, reply))
            .await
    }

    /// Tells clients to do something about their leases at once; returns how many were told. What each has to do that
    /// for (a lease, say) and has not, it does nothing about.
    pub async fn order(&self, which: Selection, order: Order) -> Result<u32, PoolError> {
        self.ask(PROMPT, |reply| PoolMsg::Order(which, order, reply))
            .await
    }

    /// Tells clients to extend their leases now, or to ask for one if they have none; returns how many were told.
    pub async fn renew(&self, which: Selection) -> Result<u32, PoolError> {
        self.order(which, Order::Renew).await
    }

    /// Tells clients to release their leases and to stay without; returns how many were told.
    pub async fn release(&self, which: Selection) -> Result<u32, PoolError> {
        self.order(which, Order::Release).await
    }

    /// Ends clients and starts them again, which costs no budget; those that were given up, too. Each keeps its identity
    /// and asks for its address again. Returns how many.
    pub async fn restart(&self, which: Selection) -> Result<u32, PoolError> {
        self.ask(PROMPT, |reply| PoolMsg::Restart(which, reply))
            .await
    }

    /// Injects a fault that aims at clients ([`Aim::Client`](crate::fault::Aim)), and returns what came of it for each.
    pub async fn inject_fault(
        &self,
        which: Selection,
        fault: Fault,
    ) -> Result<Vec<InjectionResult>, PoolError> {
        self.ask(INJECTION, |reply| PoolMsg::InjectFault(which, fault, reply))
            .await
    }

    /// Takes the parent down, and after `pause` up again; returns when it is up.
    pub async fn flap(&self, pause: Duration) -> Result<Result<(), InjectError>, PoolError> {
        self.ask(pause.saturating_add(INJECTION), |reply| {
            PoolMsg::Flap(pause, reply)
        })
        .await
    }

    /// Notes that a fault was injected elsewhere than by the pool, and lasts so long: it is counted, told, and the recovery
    /// from it measured.
    pub async fn fault_injected(&self, fault: Fault, lasts: Duration) -> Result<(), PoolError> {
        self.ask(PROMPT, |reply| PoolMsg::FaultInjected(fault, lasts, reply))
            .await
    }

    /// All that happens from now on. The stream ends with the pool; a reader that is more than [`EVENTS`] behind is told
    /// how many it missed.
    pub fn events(&self) -> Result<broadcast::Receiver<Event>, PoolError> {
        let events = self.events.upgrade().ok_or(PoolError::Ended)?;
        Ok(events.subscribe())
    }

    /// What was counted since the pool began.
    pub async fn figures(&self) -> Result<Figures, PoolError> {
        self.ask(PROMPT, PoolMsg::Figures).await
    }

    /// What there is to say of the routers that clients have heard. It is put together when it is asked for.
    pub async fn routers(&self) -> Result<RouterReport, PoolError> {
        self.ask(PROMPT, PoolMsg::Routers).await
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
        let report = match self.departure_timeout().await {
            Ok(timeout) => self.ask(timeout, PoolMsg::TearDown).await,
            Err(error) => Err(error),
        };
        // Whatever the answer: the actor's own end cleans up what is left.
        self.mailbox.actor.stop(None);
        if let Some(task) = self.task.lock().await.take() {
            // The task cannot fail: a panic in the pool is caught by the actor's loop.
            let _ = task.await;
        }
        report
    }

    /// Leaving is done a few at a time, and in the worst case each has to be killed in the end.
    async fn departure_timeout(&self) -> Result<Duration, PoolError> {
        let clients = self.census().await?.total();
        let turns = clients.div_ceil(self.outstanding.get());
        Ok(self.leave_deadline.saturating_mul(turns.saturating_add(2)) + PROMPT)
    }

    async fn ask<T: Send + 'static>(
        &self,
        timeout: Duration,
        message: impl FnOnce(RpcReplyPort<T>) -> PoolMsg,
    ) -> Result<T, PoolError> {
        self.mailbox.ask(timeout, message).await
    }
}

#[cfg(test)]
mod tests;
