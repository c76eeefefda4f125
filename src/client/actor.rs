//! The actor as its pool starts it, and as ractor calls it.

use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::acquisition::Acquisition;
use super::activities::{ActivityRunner, Counts, RunnerContext};
use super::backlog::Backlog;
use super::families::FamilyPhase;
use super::flaw_log::FlawLog;
use super::ipv6::{self, SharedStack6, Stack6};
use super::link::Carrier;
use super::useless_replies::ExtensionAttempt;
use super::{AddressBook, Aggregator, ClientMsg, ClientState, EventSink, ReleasePace};
use crate::activity::{Activity, Siblings};
use crate::clock::now;
use crate::dhcp;
use crate::dhcp6;
use crate::family::Family;
use crate::identity::Identity;
use crate::lan::Lan;
use crate::metrics::Metrics;
use crate::phase::Phase;
use crate::stats::ClientStats;
use lanherd_types::family::Families;

/// What a client is made of.
pub struct ClientArgs<L> {
    /// Who the client is.
    pub identity: Arc<Identity>,
    /// Where it is plugged in.
    pub lan: Arc<L>,
    /// Which families it is to have addresses of.
    pub families: Families,
    /// How it behaves towards servers.
    pub dhcp: dhcp::Config,
    /// How its IPv6 behaves, where it is to have that.
    pub ipv6: Option<ipv6::Config>,
    /// The DHCPv6 lease that it held in an earlier life, to be confirmed.
    pub remembered6: Option<dhcp6::Lease>,
    /// Its source of random numbers.
    pub rng: fastrand::Rng,
    /// The address it held in an earlier life, to be asked for again (INIT-REBOOT).
    pub remembered: Option<Ipv4Addr>,
    /// How long acquiring a lease may take before the client fails.
    pub lease_deadline: Duration,
    /// What it does whenever it is online.
    pub activities: Arc<[Arc<Activity>]>,
    /// The addresses of the whole herd.
    pub addresses: Arc<AddressBook>,
    /// When it may send a RELEASE.
    pub releases: Arc<ReleasePace>,
    /// Where it counts what becomes of leases.
    pub metrics: Arc<Metrics>,
    /// Where all clients count what they do.
    pub aggregator: Arc<Aggregator>,
    /// Where it counts what it does itself, over all its lives.
    pub stats: Arc<ClientStats>,
    /// Whom it tells.
    pub events: EventSink,
}

/// The actor. Its state is in [`ClientState`].
pub struct ClientActor<L>(PhantomData<fn() -> L>);

impl<L> Default for ClientActor<L> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<L: Lan> Actor for ClientActor<L> {
    type Msg = ClientMsg;
    type State = ClientState<L>;
    type Arguments = ClientArgs<L>;

    async fn pre_start(
        &self,
        myself: ActorRef<ClientMsg>,
        args: ClientArgs<L>,
    ) -> Result<ClientState<L>, ActorProcessingErr> {
        // Only state: a failure here would be no supervision event.
        myself.cast(ClientMsg::Begin)?;
        // Of a clone, so that IPv4 goes as it does without IPv6.
        let stack6 = args
            .ipv6
            .map(|config| SharedStack6::new(Stack6::new(config, &mut args.rng.clone())));
        Ok(ClientState {
            machine: dhcp::Client::new(args.dhcp, args.rng.clone()),
            activities: ActivityRunner::new(RunnerContext {
                events: Arc::clone(&args.events),
                counts: Counts {
                    aggregator: Arc::clone(&args.aggregator),
                    stats: args.stats,
                },
                standing: args.activities,
                rng: args.rng,
                identity: Arc::clone(&args.identity),
                families: args.families,
                siblings: siblings(&args.addresses),
            }),
            identity: args.identity,
            lan: args.lan,
            families: args.families,
            ipv4: FamilyPhase::first(args.families, Family::Ipv4),
            stack6,
            listens6: None,
            advertisement: None,
            remembered6: args.remembered6.map(Box::new),
            remembered: args.remembered,
            lease_deadline: args.lease_deadline,
            addresses: args.addresses,
            releases: args.releases,
            metrics: args.metrics,
            aggregator: args.aggregator,
            events: args.events,
            phase: Phase::Queued,
            carrier: Carrier::Present,
            configured: None,
            listens_for: None,
            port: None,
            acquisition: Acquisition::default(),
            extending: ExtensionAttempt::default(),
            flaws: FlawLog::default(),
            backlog: Backlog::default(),
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
        state: &mut ClientState<L>,
    ) -> Result<(), ActorProcessingErr> {
        // On the heap, and only while it runs: ractor keeps room for the future for as long as the actor lives.
        Box::pin(state.handle(message)).await?;
        Ok(())
    }
}

/// Tells activities who of the herd holds which address.
fn siblings(addresses: &Arc<AddressBook>) -> Siblings {
    let addresses = Arc::clone(addresses);
    Arc::new(move |number, family| match family {
        Family::Ipv4 => addresses.address_of(number, now()).map(IpAddr::from),
        Family::Ipv6 => addresses.address6_of(number, now()).map(IpAddr::from),
    })
}
