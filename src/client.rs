//! The client actor: one whole LAN client, from its namespace to its end.
//!
//! It owns its [`Port`] (sockets only), its DHCP state machine and its running activities. It owns nothing that outlives
//! it: namespace, link and files belong to the [`Lan`] by name, and the pool removes them after the actor's end,
//! however it ended. A failure is the `Err` of a handler, so the pool learns of it as of a panic: as a supervision event.
//!
//! Every handler is one change, then `ClientState::drive`.

mod acquisition;
mod activities;
mod actor;
mod address_book;
mod advertisements;
pub mod aggregate;
mod backlog;
mod decoded;
mod families;
mod flaw_log;
mod heard_routers;
pub mod ipv6;
mod link;
mod message;
mod packets;
mod reaction;
mod release_pace;
mod timer;
mod useless_replies;

use std::net::Ipv4Addr;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ractor::ActorRef;

use self::acquisition::Acquisition;
use self::activities::ActivityRunner;
pub use self::actor::{ClientActor, ClientArgs};
pub use self::address_book::AddressBook;
use self::aggregate::RouterListener;
pub use self::aggregate::{Aggregate, Aggregator, ClientRun, ClientRunResults, FlawSum, RunId};
use self::backlog::Backlog;
pub use self::backlog::MOST_WAITING;
use self::families::FamilyPhase;
use self::flaw_log::FlawLog;
pub use self::flaw_log::MOST_FLAWS;
pub use self::heard_routers::{RouterReport, SolicitationAnswer};
use self::ipv6::{SharedStack6, Stack6};
use self::link::Carrier;
pub use self::message::{ClientEvent, ClientMsg, EventSink, Order};
use self::packets::is_release;
pub use self::release_pace::ReleasePace;
use self::timer::Timer;
use self::useless_replies::{ExtensionAttempt, UselessReplies};
use crate::clock::now;
use crate::dhcp::{self, Event, Lease, MessageType, Output, Transmit};
use crate::dhcp6;
use crate::identity::Identity;
use crate::lan::ipv6::Packet6;
use crate::lan::{Inbox, Lan, Port, PortEvent};
use crate::metrics::{Acquired, Metrics};
use crate::phase::{Failure, Phase, Stage};
use lanherd_types::family::Families;

/// What is logged of what servers send has this target, or one below it.
#[cfg(feature = "bdd")]
pub(crate) const LOGS_AS: &str = module_path!();

/// The state of a client.
pub struct ClientState<L: Lan> {
    myself: ActorRef<ClientMsg>,
    identity: Arc<Identity>,
    lan: Arc<L>,
    families: Families,
    /// Where it stands in IPv4.
    ipv4: FamilyPhase,
    machine: dhcp::Client,
    /// Its IPv6, where it is to have that.
    stack6: Option<Arc<SharedStack6>>,
    /// While it hears of routers.
    listens6: Option<RouterListener>,
    /// The router advertisement that is being heeded: what of it is passed over counts once for all clients.
    advertisement: Option<Arc<Packet6>>,
    remembered6: Option<Box<dhcp6::Lease>>,
    remembered: Option<Ipv4Addr>,
    lease_deadline: Duration,
    addresses: Arc<AddressBook>,
    releases: Arc<ReleasePace>,
    metrics: Arc<Metrics>,
    aggregator: Arc<Aggregator>,
    events: EventSink,
    /// What the pool was told last.
    phase: Phase,
    carrier: Carrier,
    port: Option<Arc<L::Port>>,
    acquisition: Acquisition,
    /// How the lease in use is being extended, since it was last granted.
    extending: ExtensionAttempt,
    /// The flaws that servers' messages had in this life, and that were told.
    flaws: FlawLog,
    /// How many packets wait in the mailbox.
    backlog: Backlog,
    /// The address that the herd's book has for this client.
    configured: Option<Ipv4Addr>,
    /// Whose ARP packets the port hands on.
    listens_for: Option<Ipv4Addr>,
    /// When the first request of the running RENEWING or REBINDING was sent.
    extension_began: Option<Instant>,
    /// The one timer of the state machines of both families.
    timer: Option<Timer>,
    /// Runs while a lease is being acquired.
    deadline: Option<Timer>,
    activities: ActivityRunner<L::Port>,
}

impl<L: Lan> ClientState<L> {
    async fn handle(&mut self, message: ClientMsg) -> Result<(), Failure> {
        if let Some(stack) = &self.stack6 {
            stack.engage();
        }
        match message {
            ClientMsg::Begin => self.begin().await?,
            ClientMsg::Port(PortEvent::Dhcp(bytes)) => {
                self.backlog.taken();
                self.receive(&bytes);
            }
            ClientMsg::Port(PortEvent::Gone(cause, why)) => {
                return Err(Failure::new(self.stage(), cause, why));
            }
            ClientMsg::Timer(at) => {
                if self.timer.take_if(|timer| timer.at == at).is_some() {
                    // Neither does anything before its own time.
                    self.machine.handle_timeout(now());
                    self.with_stack6(Stack6::handle_timeout);
                }
            }
            ClientMsg::LeaseDeadline => {
                if self.deadline.take().is_some() {
                    let failure = self.lease_deadline_passed();
                    self.ipv4_is_overdue(failure)?;
                }
            }
            ClientMsg::Run(run) => self.activities.start_run(run),
            ClientMsg::Standing(activities) => self.activities.set_standing(activities),
            ClientMsg::Order(order) => self.obey(order),
            ClientMsg::AskAgain => {
                if self.machine.lease().is_none() {
                    self.machine.reconnect(now());
                }
                self.with_stack6(Stack6::ask_again);
            }
            ClientMsg::Resume => self.resume(),
            ClientMsg::Port(PortEvent::CarrierLost) => self.carrier_lost(),
            ClientMsg::Port(PortEvent::CarrierBack) => self.carrier_back(),
            ClientMsg::Port(PortEvent::MtuChanged) => self.fit_to_link().await?,
            ClientMsg::Port(PortEvent::Unconfigured(what)) => self.configure_again(what).await?,
            // Of its namespace the inbox tells the pool at once; here that would only be late.
            ClientMsg::Port(PortEvent::NamespaceReady) => {}
            ClientMsg::Port(
                event @ (PortEvent::Icmp6(_)
                | PortEvent::Dhcp6(_)
                | PortEvent::Address6(..)
                | PortEvent::Router6(..)
                | PortEvent::Unconfigured6(_)),
            ) => self.heard6(&event),
            ClientMsg::Port(PortEvent::Arp(arp)) => {
                self.backlog.taken();
                self.machine.handle_arp(&arp, now());
            }
            ClientMsg::Advertised(packet) => {
                self.advertisement = Some(packet);
                if let Some(stack) = &self.stack6 {
                    stack.disengage();
                }
            }
            ClientMsg::Panicked(panic) => resume_unwind(panic),
            ClientMsg::Leave => self.shut_down().await,
        }
        self.drive().await?;
        self.drive6().await?;
        self.arm();
        if let Some(stack) = &self.stack6 {
            stack.disengage();
        }
        Ok(())
    }

    /// Sets the timer for what is due first, of either family.
    fn arm(&mut self) {
        let ipv6 = self.stack6.as_ref();
        let of_ipv6 = ipv6.and_then(|stack| stack.lock().poll_timeout());
        let wanted = self.machine.poll_timeout().into_iter().chain(of_ipv6).min();
        Timer::rearm(&mut self.timer, wanted, &self.myself, ClientMsg::Timer);
        if let Some(stack) = ipv6 {
            stack.wakes_at(self.timer.as_ref().map(|timer| timer.at));
        }
    }

    fn obey(&mut self, order: Order) {
        match (order, self.machine.lease().is_some()) {
            (Order::Renew, true) => self.machine.renew(now()),
            (Order::Renew, false)
                if matches!(self.machine.state(), dhcp::State::Stopped)
                    && self.ipv4 != FamilyPhase::Unwanted =>
            {
                self.acquire();
            }
            (Order::Rebind, true) => self.machine.rebind(now()),
            (Order::Release, true) => self.machine.release(now()),
            (Order::Decline, true) => self.machine.decline(now()),
            (Order::Inform, true) => self.machine.inform(now()),
            // It is asking already, and a lease that is being asked for is wanted; or there is nothing to be done about.
            // Of the last two IPv4 knows nothing.
            (
                Order::Renew
                | Order::Rebind
                | Order::Release
                | Order::Decline
                | Order::Inform
                | Order::Confirm
                | Order::Solicit,
                _,
            ) => {}
        }
        self.obey6(order);
    }

    /// Releases the lease and ends. Address and routes go with the namespace, so nothing is deconfigured.
    async fn shut_down(&mut self) {
        self.enter(Phase::Leaving);
        self.activities.go_offline();
        // The kernel forgets it with the namespace, milliseconds from now; the herd's book has to before the server does.
        self.give_address_up();
        self.machine.release(now());
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    if is_release(&transmit) {
                        self.releases.turn().await;
                    }
                    self.transmit(&transmit);
                }
                Output::Event(Event::Lost(reason)) => self.tell(ClientEvent::Lost(reason, None)),
                Output::Arp(_) | Output::Event(_) => {}
            }
        }
        self.leave6().await;
        self.myself.stop(None);
    }

    /// Makes namespace, link and sockets, then asks for a lease.
    ///
    /// It is awaited inside the handler, so that no part of it outlives the actor: the pool detaches by name as soon as
    /// the actor has ended.
    async fn begin(&mut self) -> Result<(), Failure> {
        self.enter(Phase::Namespace);
        let inbox = self.inbox();
        let attached = self
            .lan
            .attach_speaking(self.families, &self.identity, inbox);
        let port = attached.await?;
        let port = Arc::new(port);
        self.activities.plug_in(Arc::clone(&port));
        self.port = Some(port);
        if self.ipv4 != FamilyPhase::Unwanted {
            self.acquire();
        }
        self.start_ipv6();
        Ok(())
    }

    fn inbox(&self) -> Inbox {
        let (myself, events) = (self.myself.clone(), Arc::clone(&self.events));
        let (backlog, aggregator) = (self.backlog.clone(), Arc::clone(&self.aggregator));
        let stack6 = self.stack6.clone();
        Box::new(move |event| match event {
            PortEvent::Icmp6(ref packet)
                if ipv6::is_taken(packet, stack6.as_ref(), &backlog, &aggregator, &myself) => {}
            PortEvent::NamespaceReady => events(ClientEvent::Entered(Phase::Link)),
            PortEvent::Dhcp(_) | PortEvent::Arp(_) | PortEvent::Icmp6(_) | PortEvent::Dhcp6(_)
                if !backlog.admit() =>
            {
                aggregator.packet_dropped();
            }
            // An actor that has ended needs no mail.
            other => drop(myself.cast(ClientMsg::Port(other))),
        })
    }

    /// Begins to ask for a lease: for the remembered address first, if there is one.
    fn acquire(&mut self) {
        self.ipv4 = FamilyPhase::Joining(Phase::Dhcp);
        self.show_at_once();
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
        self.deadline = Some(Timer::set(&self.myself, at, ClientMsg::LeaseDeadline));
    }

    /// Does what the state machine wants done.
    async fn drive(&mut self) -> Result<(), Failure> {
        while let Some(output) = self.machine.poll_output() {
            match output {
                Output::Transmit(transmit) => {
                    if gives_address_back(&transmit) {
                        self.stop_using_address().await?;
                    }
                    self.transmit(&transmit);
                }
                Output::Arp(arp) => self.transmit_arp(&arp),
                Output::Event(event) => self.react(event).await?,
            }
        }
        self.listen();
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

    /// Where it is written down what servers answer that is of no use.
    fn replies(&mut self) -> &mut UselessReplies {
        match self.machine.lease() {
            Some(_) => self.extending.replies(),
            None => self.acquisition.replies(),
        }
    }

    fn lease_deadline_passed(&self) -> Failure {
        self.metrics
            .dhcp_acquired(Acquired::Failed, self.acquisition.elapsed(now()));
        self.acquisition.failure(self.lease_deadline)
    }

    fn stage(&self) -> Stage {
        let has_ipv6 = self
            .stack6
            .as_ref()
            .is_some_and(|stack| stack.lock().is_usable());
        match (&self.port, self.machine.lease()) {
            (None, _) => Stage::Link,
            (Some(_), Some(_)) => Stage::Online,
            (Some(_), None) if has_ipv6 => Stage::Online,
            (Some(_), None) if self.ipv4 == FamilyPhase::Unwanted => Stage::Router,
            (Some(_), None) => Stage::Dhcp,
        }
    }

    fn enter(&mut self, phase: Phase) {
        if std::mem::replace(&mut self.phase, phase) != phase {
            self.tell(ClientEvent::Entered(phase));
        }
    }

    fn tell(&self, event: ClientEvent) {
        (self.events)(event);
    }
}

/// Whether the server may give the address to somebody else as soon as it has read this.
fn gives_address_back(transmit: &Transmit) -> bool {
    matches!(
        transmit.message.options.message_type(),
        Some(MessageType::Release | MessageType::Decline)
    )
}
