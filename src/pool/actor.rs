//! The pool's actor: messages in, one change each, then whatever follows from it.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent};
use tokio::sync::broadcast;

use super::event::Event;
use super::figures::Figures;
use super::group::GroupName;
use super::mailbox::{Envelope, Mailbox};
use super::run::Collected;
use super::slot::{ActorEnd, Incarnation};
use super::state::PoolState;
use super::status::{Census, HerdStatus, InjectionResult, TearDownReport};
use super::{PoolConfig, PoolError, Selection};
use crate::activity::Activity;
use crate::client::{ClientEvent, Order, RouterReport, RunId};
use crate::fault::Fault;
use crate::identity::ClientNumber;
use crate::lan::{CleanupError, InjectError, Lan};
use crate::metrics::Metrics;
use crate::phase::{Cause, Failure, Stage};

/// What the pool is told: by its users above the line, by itself and its clients below.
#[derive(Debug)]
pub(super) enum PoolMsg {
    Create(
        Option<GroupName>,
        u32,
        RpcReplyPort<Result<Vec<ClientNumber>, PoolError>>,
    ),
    Replace(
        Vec<ClientNumber>,
        RpcReplyPort<Result<Vec<ClientNumber>, PoolError>>,
    ),
    Remove(Selection, RpcReplyPort<TearDownReport>),
    Run(Selection, Arc<Activity>, RpcReplyPort<Collected>),
    Vanish(Selection, RpcReplyPort<TearDownReport>),
    Extra(Vec<Activity>, RpcReplyPort<()>),
    Order(Selection, Order, RpcReplyPort<u32>),
    Restart(Selection, RpcReplyPort<u32>),
    InjectFault(Selection, Fault, RpcReplyPort<Vec<InjectionResult>>),
    Flap(Duration, RpcReplyPort<Result<(), InjectError>>),
    FaultInjected(Fault, Duration, RpcReplyPort<()>),
    Figures(RpcReplyPort<Figures>),
    /// What there is to say of the routers that clients have heard.
    Routers(RpcReplyPort<RouterReport>),
    Census(RpcReplyPort<Census>),
    Status(RpcReplyPort<HerdStatus>),
    Settled(RpcReplyPort<Census>),
    TearDown(RpcReplyPort<TearDownReport>),
    // ---
    Client(ClientNumber, Incarnation, ClientEvent),
    ActorEnded(ActorId, ActorEnd),
    AdmissionOpens,
    Cleaned(ClientNumber, Vec<CleanupError>, Vec<bool>),
    BackoffOver(ClientNumber, Incarnation),
    StopDeadline(ClientNumber, Incarnation),
    RunDeadline(RunId),
    /// A restart no longer counts.
    BudgetsAged,
    /// A fault may be behind us.
    LookAtRecoveries,
    /// Time has gone by.
    Pulse,
}

/// What a pool is made of.
pub(super) struct PoolArgs<L> {
    pub(super) lan: Arc<L>,
    pub(super) config: PoolConfig,
    pub(super) metrics: Metrics,
    /// The pool's is the only strong one: whoever follows its events sees its end.
    pub(super) events: broadcast::Sender<Event>,
}

/// The actor. Its state is in [`PoolState`].
pub(super) struct PoolActor<L>(PhantomData<fn() -> L>);

impl<L> Default for PoolActor<L> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<L: Lan> Actor for PoolActor<L> {
    type Msg = Envelope;
    type State = PoolState<L>;
    type Arguments = PoolArgs<L>;

    async fn pre_start(
        &self,
        myself: ActorRef<Envelope>,
        PoolArgs {
            lan,
            config,
            metrics,
            events,
        }: PoolArgs<L>,
    ) -> Result<PoolState<L>, ActorProcessingErr> {
        let mailbox = Mailbox {
            actor: myself,
            metrics: metrics.mailbox().clone(),
        };
        Ok(PoolState::new(mailbox, lan, config, metrics, events))
    }

    async fn handle(
        &self,
        _myself: ActorRef<Envelope>,
        message: Envelope,
        herd: &mut PoolState<L>,
    ) -> Result<(), ActorProcessingErr> {
        herd.handle(message.open());
        herd.follow_up().await;
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        _myself: ActorRef<Envelope>,
        event: SupervisionEvent,
        herd: &mut PoolState<L>,
    ) -> Result<(), ActorProcessingErr> {
        let (who, ending) = match event {
            // ractor's word for an actor that was killed; one that stops by itself gives no reason.
            SupervisionEvent::ActorTerminated(who, _, Some(_)) => (who, ActorEnd::Killed),
            SupervisionEvent::ActorTerminated(who, _, None) => (who, ActorEnd::Stopped),
            SupervisionEvent::ActorFailed(who, error) => (who, ActorEnd::Failed(failure_of(error))),
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {
                return Ok(());
            }
        };
        // Supervision events overtake messages. Behind the events that the actor told before, its end is in its place.
        // A pool that has ended cleans up in post_stop.
        drop(herd.myself.cast(PoolMsg::ActorEnded(who.get_id(), ending)));
        Ok(())
    }

    /// Reached by a pool that is stopped without a tear-down: nothing may be left then either.
    async fn post_stop(
        &self,
        _myself: ActorRef<Envelope>,
        herd: &mut PoolState<L>,
    ) -> Result<(), ActorProcessingErr> {
        herd.tell_left_out();
        herd.tell_uptime();
        herd.abandon().await;
        Ok(())
    }
}

/// The failure that an actor's error stands for; a panic is one without a cause of its own.
fn failure_of(error: ActorProcessingErr) -> Failure {
    match error.downcast::<Failure>() {
        Ok(failure) => *failure,
        Err(panic) => Failure::new(
            Stage::Online,
            Cause::Crashed,
            format!("its actor panicked: {panic}"),
        ),
    }
}
