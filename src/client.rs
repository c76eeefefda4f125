//! The client actor: one whole LAN client, from its namespace to its goodbye.
//!
//! It owns its [`Port`] (sockets only), its DHCP state machine and its running workloads. It owns nothing that outlives
//! it: namespace, link and files belong to the [`Lan`] by name, and the pool removes them after the actor's end,
//! however it ended. A failure is the `Err` of a handler, so the pool learns of it as of a panic: as a supervision event.
//!
//! Every handler is one change, then `State::drive`.

mod acquisition;
mod workloads;

use std::marker::PhantomData;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::JoinHandle;
use tracing::{debug, trace};

use self::acquisition::Acquisition;
use self::workloads::Workloads;
use crate::dhcp::{self, Event, Extension, Lease, LossReason, Message, Output, Transmit};
use crate::identity::Identity;
use crate::lan::{Inbox, Lan, PingOutcome, Port, PortEvent};
use crate::metrics::{Acquired, Direction, Metrics, RenewKind};
use crate::phase::{Failure, Phase, Stage};
use crate::target::Target;
use crate::workload::ping::PingSpec;

/// One fan-out of a ping over many clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RunId(pub(crate) u64);

/// What a client is told.
#[derive(Debug)]
pub enum ClientMsg {
    /// Bring yourself up: sent by the actor to itself.
    Begin,
    /// The port has something.
    Port(PortEvent),
    /// The timer armed for this instant fired.
    Timer(Instant),
    /// The lease should be there by now.
    LeaseDeadline,
    /// Ping, and tell each outcome under this run.
    Ping(RunId, PingSpec),
    /// A counted run of pings has told its last outcome: sent by the run.
    PingRunEnded(RunId),
    /// Extend the lease now, or ask for one if there is none.
    Renew,
    /// Give the lease back, and stay without.
    Release,
    /// Give the lease back, and end.
    Leave,
}

/// What a client tells its pool.
#[derive(Debug)]
pub enum Fact {
    /// It entered a phase.
    Entered(Phase),
    /// It holds a lease, acquired in this time.
    Bound(Lease, Duration),
    /// It extended its lease.
    Renewed(Lease),
    /// It no longer holds a lease.
    Lost(LossReason),
    /// One ping came to its end; `None`: of a standing workload.
    Pinged(Option<RunId>, Target, Option<Ipv4Addr>, PingOutcome),
    /// It will tell no more of this run.
    PingRunEnded(RunId),
}

/// Where a client's facts go.
pub type FactSink = Arc<dyn Fn(Fact) + Send + Sync>;

/// What a client is made of.
pub struct ClientArgs<L> {
    /// Who it is.
    pub identity: Identity,
    /// Where it is plugged in.
    pub lan: Arc<L>,
    /// How it behaves towards servers.
    pub dhcp: dhcp::Config,
    /// Its randomness.
    pub rng: fastrand::Rng,
    /// The address it held in an earlier life, to be asked for again (INIT-REBOOT).
    pub remembered: Option<Ipv4Addr>,
    /// How long acquiring a lease may take before the client fails.
    pub lease_deadline: Duration,
    /// What it does whenever it is online.
    pub workloads: Arc<[PingSpec]>,
    /// Where it counts.
    pub metrics: Metrics,
    /// Whom it tells.
    pub facts: FactSink,
}

/// The actor. Its state is in [`State`].
pub struct ClientActor<L>(PhantomData<fn() -> L>);

impl<L> Default for ClientActor<L> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<L: Lan> Actor for ClientActor<L> {
    type Msg = ClientMsg;
    type State = State<L>;
    type Arguments = ClientArgs<L>;

    async fn pre_start(
        &self,
        myself: ActorRef<ClientMsg>,
        args: ClientArgs<L>,
    ) -> Result<State<L>, ActorProcessingErr> {
        // Only state: a failure here would be no supervision event.
        myself.cast(ClientMsg::Begin)?;
        Ok(State {
            machine: dhcp::Client::new(args.dhcp, args.rng.clone()),
            workloads: Workloads::new(
                myself.clone(),
                Arc::clone(&args.facts),
                args.workloads,
                args.rng,
            ),
            identity: args.identity,
            lan: args.lan,
            remembered: args.remembered,
            lease_deadline: args.lease_deadline,
            metrics: args.metrics,
            facts: args.facts,
            port: None,
            acquisition: Acquisition::default(),
            extension_began: None,
            timer: None,
            deadline: None,
            myself,
        })
    }

    async fn handle(
        &self,
        _myself: ActorRef<ClientMsg>,
        message: ClientMsg,
        state: &mut State<L>,
    ) -> Result<(), ActorProcessingErr> {
        // On the heap, and only while it runs: ractor keeps room for the future for as long as the actor lives.
        Box::pin(state.handle(message)).await?;
        Ok(())
    }
}

/// The state of a client.
pub struct State<L: Lan> {
    myself: ActorRef<ClientMsg>,
    identity: Identity,
    lan: Arc<L>,
    machine: dhcp::Client,
    remembered: Option<Ipv4Addr>,
    lease_deadline: Duration,
    metrics: Metrics,
    facts: FactSink,
    port: Option<Arc<L::Port>>,
    acquisition: Acquisition,
    /// When the first request of the running RENEWING or REBINDING was sent.
    extension_began: Option<Instant>,
    /// The one timer of the state machine.
    timer: Option<Alarm>,
    /// Runs while a lease is being acquired.
    deadline: Option<Alarm>,
    workloads: Workloads<L::Port>,
}

impl<L: Lan> State<L> {
    async fn handle(&mut self, message: ClientMsg) -> Result<(), Failure> {
        match message {
            ClientMsg::Begin => self.begin().await?,
            ClientMsg::Port(PortEvent::Dhcp(bytes)) => self.receive(&bytes),
            ClientMsg::Port(PortEvent::Gone(cause, why)) => {
                return Err(Failure::new(self.stage(), cause, why));
            }
            ClientMsg::Timer(at) => {
                if self.timer.take_if(|timer| timer.at == at).is_some() {
                    self.machine.handle_timeout(now());
                }
            }
            ClientMsg::LeaseDeadline => {
                if self.deadline.take().is_some() {
                    return Err(self.lease_deadline_passed());
                }
            }
            ClientMsg::Ping(run, spec) => self.workloads.start_run(run, spec),
            ClientMsg::PingRunEnded(run) => self.workloads.run_ended(run),
            ClientMsg::Renew => match (self.machine.lease(), &self.deadline) {
                (Some(_), _) => self.machine.renew(now()),
                (None, None) => self.acquire(),
                // It is asking already.
                (None, Some(_)) => {}
            },
            ClientMsg::Release if self.machine.lease().is_some() => self.machine.release(now()),
            // Nothing to give back, and a lease that is being asked for is wanted. Of its namespace the inbox tells the
            // pool at once; here that would only be late.
            ClientMsg::Release
            | ClientMsg::Port(
                PortEvent::NamespaceReady
                | PortEvent::Arp(_)
                | PortEvent::CarrierLost
                | PortEvent::CarrierBack
                | PortEvent::MtuChanged
                | PortEvent::Unconfigured(_),
            ) => {}
            ClientMsg::Leave => self.say_goodbye(),
        }
        self.drive().await
    }

    /// Releases the lease and ends. Address and routes go with the namespace, so nothing is deconfigured.
    fn say_goodbye(&mut self) {
        self.tell(Fact::Entered(Phase::Leaving));
        self.workloads.go_offline();
        self.machine.release(now());
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Transmit(transmit) => self.transmit(&transmit),
                Output::Event(Event::Lost(reason)) => self.tell(Fact::Lost(reason)),
                Output::Arp(_) | Output::Event(_) => {}
            }
        }
        self.myself.stop(None);
    }

    /// Makes namespace, link and sockets, then asks for a lease.
    ///
    /// It is awaited inside the handler, so that no part of it outlives the actor: the pool detaches by name as soon as
    /// the actor has ended.
    async fn begin(&mut self) -> Result<(), Failure> {
        self.tell(Fact::Entered(Phase::Namespace));
        let inbox = self.inbox();
        let port = self.lan.attach(&self.identity, inbox).await?;
        let port = Arc::new(port);
        self.workloads.plug_in(Arc::clone(&port));
        self.port = Some(port);
        self.acquire();
        Ok(())
    }

    fn inbox(&self) -> Inbox {
        let (myself, facts) = (self.myself.clone(), Arc::clone(&self.facts));
        Box::new(move |event| match event {
            PortEvent::NamespaceReady => facts(Fact::Entered(Phase::Link)),
            // An actor that has ended needs no mail.
            other => drop(myself.cast(ClientMsg::Port(other))),
        })
    }

    /// Begins to ask for a lease: for the remembered address first, if there is one.
    fn acquire(&mut self) {
        self.tell(Fact::Entered(Phase::Dhcp));
        self.expect_lease();
        match self.remembered.take() {
            Some(address) => self.machine.reboot(address, now()),
            None => self.machine.start(now()),
        }
    }

    /// Gives the acquisition that begins now its deadline.
    fn expect_lease(&mut self) {
        self.acquisition = Acquisition::default();
        let at = now() + self.lease_deadline;
        self.deadline = Some(Alarm::set(&self.myself, at, ClientMsg::LeaseDeadline));
    }

    fn receive(&mut self, bytes: &[u8]) {
        match Message::decode(bytes) {
            Ok(message) => {
                trace!(client = %self.identity.namespace, ?message, "received");
                self.metrics
                    .dhcp_message(Direction::Received, message.options.message_type());
                self.machine.handle_message(&message, now());
            }
            Err(error) => {
                debug!(client = %self.identity.namespace, %error, "dropped a malformed DHCP message");
                self.metrics.dhcp_message(Direction::Received, None);
                self.acquisition.malformed(error);
            }
        }
    }

    /// Does what the state machine wants done, and arms its timer.
    async fn drive(&mut self) -> Result<(), Failure> {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Transmit(transmit) => self.transmit(&transmit),
                Output::Arp(_) => {}
                Output::Event(event) => self.react(event).await?,
            }
        }
        let wanted = self.machine.poll_timeout();
        if self.timer.as_ref().map(|timer| timer.at) != wanted {
            self.timer = wanted.map(|at| Alarm::set(&self.myself, at, ClientMsg::Timer(at)));
        }
        Ok(())
    }

    fn transmit(&mut self, transmit: &Transmit) {
        let Some(port) = &self.port else { return };
        let kind = transmit.message.options.message_type();
        trace!(client = %self.identity.namespace, message = ?transmit.message, to = %transmit.destination, "sending");
        match port.transmit(transmit) {
            Ok(()) => self.metrics.dhcp_message(Direction::Sent, kind),
            // The state machine sends again by the RFC's schedule; the failure at the deadline names the error.
            Err(error) => {
                debug!(client = %self.identity.namespace, %error, "could not send a DHCP message");
                self.acquisition.not_sent(&error);
            }
        }
        if self.machine.lease().is_some() {
            self.extension_began.get_or_insert_with(now);
        } else {
            self.acquisition.sent(kind, now());
        }
    }

    async fn react(&mut self, event: Event) -> Result<(), Failure> {
        match event {
            Event::Bound { lease, reboot } => {
                self.deadline = None;
                self.extension_began = None;
                let took = self.acquisition.elapsed(now());
                self.metrics.dhcp_acquired(Acquired::Bound, took);
                if reboot {
                    self.metrics.dhcp_renewed(RenewKind::Reboot, took);
                }
                self.tell(Fact::Bound(lease.clone(), took));
                self.tell(Fact::Entered(Phase::Configure));
                self.configure(&lease).await?;
                self.tell(Fact::Entered(Phase::Online));
                self.workloads.go_online(lease.router());
            }
            Event::Renewed { lease, by } => {
                let kind = match by {
                    Extension::Renew => RenewKind::Renew,
                    Extension::Rebind => RenewKind::Rebind,
                    Extension::Reboot => RenewKind::Reboot,
                };
                if let Some(began) = self.extension_began.take() {
                    self.metrics.dhcp_renewed(kind, now() - began);
                }
                self.configure(&lease).await?;
                self.workloads.go_online(lease.router());
                self.tell(Fact::Renewed(lease));
            }
            Event::Lost(reason) => {
                self.extension_began = None;
                self.workloads.go_offline();
                self.deconfigure().await?;
                self.tell(Fact::Lost(reason));
                match reason {
                    LossReason::Released => self.tell(Fact::Entered(Phase::Released)),
                    LossReason::Expired => {
                        self.metrics.lease_expired();
                        self.tell(Fact::Entered(Phase::Dhcp));
                        self.expect_lease();
                    }
                    LossReason::Nak
                    | LossReason::Conflict
                    | LossReason::Declined
                    | LossReason::V6Only => {
                        self.tell(Fact::Entered(Phase::Dhcp));
                        self.expect_lease();
                    }
                }
            }
            Event::Refused { server_id, message } => {
                debug!(client = %self.identity.namespace, ?server_id, ?message, "a server refused (DHCPNAK)");
                self.acquisition.refused(server_id, message);
            }
            // The acquisition counts the requests itself.
            Event::Unanswered(_)
            | Event::Conflict { .. }
            | Event::Defended { .. }
            | Event::Informed { .. }
            | Event::V6Only { .. } => {}
            Event::Ignored(reason) => {
                debug!(client = %self.identity.namespace, %reason, "ignored a DHCP message");
                self.acquisition.ignored(reason);
            }
        }
        Ok(())
    }

    async fn configure(&self, lease: &Lease) -> Result<(), Failure> {
        match &self.port {
            Some(port) => port.configure(lease).await,
            None => Ok(()),
        }
    }

    async fn deconfigure(&self) -> Result<(), Failure> {
        match &self.port {
            Some(port) => port.deconfigure().await,
            None => Ok(()),
        }
    }

    fn lease_deadline_passed(&self) -> Failure {
        self.metrics
            .dhcp_acquired(Acquired::Failed, self.acquisition.elapsed(now()));
        self.acquisition.failure(self.lease_deadline)
    }

    fn stage(&self) -> Stage {
        match (&self.port, self.machine.lease()) {
            (None, _) => Stage::Link,
            (Some(_), None) => Stage::Dhcp,
            (Some(_), Some(_)) => Stage::Online,
        }
    }

    fn tell(&self, fact: Fact) {
        (self.facts)(fact);
    }
}

/// A message to oneself at an instant; dropping it calls it off.
struct Alarm {
    at: Instant,
    task: JoinHandle<()>,
}

impl Alarm {
    fn set(myself: &ActorRef<ClientMsg>, at: Instant, message: ClientMsg) -> Self {
        let myself = myself.clone();
        let task = tokio::spawn(async move {
            tokio::time::sleep_until(at.into()).await;
            // An actor that has ended needs no alarm.
            drop(myself.cast(message));
        });
        Self { at, task }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The clock: tokio's, so that it stands still where a test pauses it.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}
