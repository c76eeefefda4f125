//! The client actor's half of IPv6: does what the machine says, and tells it what comes.

use std::sync::Arc;
use std::time::Instant;

use ractor::ActorRef;
use tracing::{debug, trace};

use super::{
    Ipv6Event, Ipv6EventKind, Ipv6State, Offered, Output6, Sent6, SharedStack6, Stack6, Written,
};
use crate::activity::Ipv6Config;
use crate::client::decoded::Decoded;
use crate::client::families::FamilyPhase;
use crate::client::{Aggregator, Backlog, ClientEvent, ClientMsg, ClientState, Order, now};
use crate::dhcp6::{self, MessageType};
use crate::family::Family;
use crate::lan::ipv6::{Addressing6, DadOutcome, Packet6};
use crate::lan::{Lan, Port, PortEvent};
use crate::metrics::{Direction, PassedOver6};
use crate::ndp::slaac;
use crate::phase::{Cause, Failure, Phase, Stage};

/// The type of a router advertisement among ICMPv6 messages (RFC 4861, 4.2).
const ROUTER_ADVERTISEMENT: u8 = 134;

impl<L: Lan> ClientState<L> {
    /// Begins with IPv6, where the client is to have it.
    pub(in crate::client) fn start_ipv6(&mut self) {
        self.follow_link_mtu();
        let remembered = self.remembered6.take();
        if self.stack6.is_some() {
            self.listens6 = Some(self.aggregator.listen_for_routers());
        }
        self.with_stack6(|stack, now| stack.start(remembered.map(|lease| *lease), now));
    }

    /// Tells the machine what the link carries.
    pub(in crate::client) fn follow_link_mtu(&mut self) {
        if self.stack6.is_none() {
            return;
        }
        if let Some(mtu) = self.port.as_ref().map(|port| port.link_mtu()) {
            self.aggregator.link_carries(mtu);
            self.with_stack6(|stack, now| stack.set_link_mtu(mtu, now));
        }
    }

    /// Tells the machine something, where there is one.
    pub(in crate::client) fn with_stack6(&self, tell: impl FnOnce(&mut Stack6, Instant)) {
        if let Some(stack) = &self.stack6 {
            tell(&mut stack.lock(), now());
        }
    }

    /// Something of IPv6 came from the port.
    pub(in crate::client) fn heard6(&mut self, event: &PortEvent) {
        match event {
            PortEvent::Icmp6(packet) => {
                self.backlog.taken();
                let decoded = self.aggregator.decode(packet);
                self.heard_advertisement(packet, &decoded);
                self.with_stack6(|stack, now| stack.handle_discovery(&decoded, now));
            }
            PortEvent::Dhcp6(packet) => {
                self.backlog.taken();
                let kind = packet.content().first().copied();
                let kind = kind.and_then(MessageType::from_number);
                self.metrics.dhcp6_message(Direction::Received, kind);
                self.with_stack6(|stack, now| stack.handle_dhcp6(packet, now));
            }
            PortEvent::Address6(address, outcome) => {
                self.with_stack6(|stack, now| stack.handle_dad(*address, *outcome, now));
            }
            PortEvent::Router6(router, reachability) => {
                self.with_stack6(|stack, now| stack.handle_router(*router, *reachability, now));
            }
            PortEvent::Unconfigured6(what) => {
                self.trouble6(Stage::Online, Cause::AddressLost, what.clone());
                self.with_stack6(Stack6::unconfigured);
            }
            PortEvent::NamespaceReady
            | PortEvent::Dhcp(_)
            | PortEvent::Arp(_)
            | PortEvent::CarrierLost
            | PortEvent::CarrierBack
            | PortEvent::MtuChanged
            | PortEvent::Unconfigured(_)
            | PortEvent::Gone(..) => {}
        }
    }

    /// Does something about IPv6 at once.
    pub(in crate::client) fn obey6(&mut self, order: Order) {
        let act: fn(&mut Stack6, Instant) = match order {
            Order::Renew => Stack6::renew,
            Order::Rebind => Stack6::rebind,
            Order::Confirm => Stack6::confirm,
            Order::Release => Stack6::release,
            Order::Decline => Stack6::decline,
            Order::Inform => Stack6::inform,
            Order::Solicit => Stack6::solicit,
        };
        self.with_stack6(act);
    }

    /// Does what the machine wants done.
    pub(in crate::client) async fn drive6(&mut self) -> Result<(), Failure> {
        if self.stack6.is_none() {
            return Ok(());
        }
        while let Some(output) = self.poll_output6() {
            self.act6(output).await?;
        }
        self.advertisement = None;
        self.judge_nat64();
        self.show();
        self.settle_activities();
        Ok(())
    }

    /// Who does without IPv4 reaches hosts that have nothing else by a NAT64 alone: tells once that there is none.
    fn judge_nat64(&mut self) {
        let is_without = self.ipv4 == FamilyPhase::Resting(Phase::V6Only);
        let Some(stack) = &self.stack6 else {
            return;
        };
        let mut stack = stack.lock();
        let has_none = is_without && stack.is_usable() && stack.state().pref64.is_empty();
        let was_told = std::mem::replace(&mut stack.is_without_nat64, has_none);
        drop(stack);
        if has_none && !was_told {
            self.happened6(Ipv6Event::NoNat64);
        }
    }

    fn poll_output6(&self) -> Option<Output6> {
        self.stack6.as_ref()?.lock().poll_output()
    }

    async fn act6(&mut self, output: Output6) -> Result<(), Failure> {
        match output {
            Output6::Lost(failure) => {
                self.activities.set_ipv6(None);
                self.tell(ClientEvent::FamilyDown(failure));
            }
            Output6::Overdue(failure) => {
                let gone = self.stack6.as_ref().map(|stack| stack.lock().was_usable());
                self.ipv6_is_overdue(failure, gone.unwrap_or_default())?;
            }
            Output6::Configure(addressing) => self.configure6(addressing).await?,
            Output6::Remember(lease) => self.remember6(lease).await?,
            Output6::HearDhcp6 => {
                if let Some(port) = &self.port {
                    let heard = port.hear_dhcp6().await;
                    heard.map_err(|failure| failure.of(Family::Ipv6))?;
                }
            }
            Output6::Transmit(sent, frame) => {
                self.transmit6(sent, &frame);
            }
            Output6::Event(event) => self.happened6(event),
            Output6::State(state) => self.has6(&state),
            Output6::Up(took) => self.tell(ClientEvent::FamilyUp(Family::Ipv6, took)),
        }
        Ok(())
    }

    /// Sets what the link is to have, but for addresses that a sibling has.
    // No two clients of one herd use one address, link-local ones included.
    async fn configure6(&mut self, mut addressing: Addressing6) -> Result<(), Failure> {
        let Some(port) = self.port.clone() else {
            return Ok(());
        };
        let (book, number) = (Arc::clone(&self.addresses), self.identity.number);
        let mut held = Vec::new();
        addressing.addresses.retain(|wanted| {
            let claim = book.claim6(wanted.address, number, wanted.valid_until, now());
            held.extend(claim.is_err().then_some(wanted.address));
            claim.is_ok()
        });
        addressing.delegated.retain(|wanted| {
            let claim = wanted
                .address
                .map(|address| book.claim6(address, number, wanted.valid_until, now()));
            let Some(Err(holder)) = claim else {
                return true;
            };
            let detail = format!(
                "{} is delegated to {}, and to {} as well",
                wanted.prefix,
                self.identity.sibling(holder),
                self.identity.namespace
            );
            self.trouble6(Stage::Configure, Cause::AddressConflict, detail);
            false
        });
        book.keep6(number, |address| {
            let mut kept = addressing.addresses.iter();
            let mut behind = addressing.delegated.iter();
            kept.any(|it| it.address == address) || behind.any(|it| it.address == Some(address))
        });
        let configured = port.configure6(addressing).await;
        let configured = configured.map_err(|failure| failure.of(Family::Ipv6))?;
        self.with_stack6(|stack, now| {
            stack.configured(configured);
            for address in held {
                let nobody_of_the_link = DadOutcome::Duplicate { holder: None };
                stack.handle_dad(address, nobody_of_the_link, now);
            }
        });
        Ok(())
    }

    /// Writes the lease down, or forgets it.
    async fn remember6(&self, lease: Option<Written>) -> Result<(), Failure> {
        let (Some(port), Some(stack)) = (&self.port, &self.stack6) else {
            return Ok(());
        };
        let held = lease.and_then(|written| stack.lock().held(written));
        let written = port.remember6(held).await;
        written.map_err(|failure| failure.of(Family::Ipv6))
    }

    /// Counts an advertisement, whatever becomes of it: of a herd it is one.
    fn heard_advertisement(&mut self, packet: &Arc<Packet6>, decoded: &Decoded) {
        if is_advertisement(packet) {
            self.aggregator.heard_advertisement(packet, decoded);
            self.advertisement = Some(Arc::clone(packet));
        }
    }

    fn count_passed_over(&self, what: PassedOver6) {
        match (what, &self.advertisement) {
            (
                PassedOver6::Advertisement(_) | PassedOver6::AdvertisementOption(..),
                Some(advertisement),
            ) => self
                .aggregator
                .passed_over_of_advertisement(advertisement, what),
            // What was refused is no advertisement.
            (PassedOver6::Advertisement(_) | PassedOver6::AdvertisementOption(..), None) => {}
            (PassedOver6::Dhcp6(_) | PassedOver6::Dhcp6Option(..), _) => {
                self.metrics.passed_over6(what);
            }
        }
    }

    /// Whether that was possible.
    fn transmit6(&self, sent: Sent6, frame: &[u8]) -> bool {
        let Some(port) = &self.port else { return false };
        trace!(client = %self.identity.namespace, ?sent, "sending");
        // The machine sends again by the RFC's schedule.
        let outcome = port.transmit6(frame);
        if let Err(error) = &outcome {
            debug!(client = %self.identity.namespace, ?sent, %error, "could not send");
        } else if let Sent6::Dhcp6(kind) = sent {
            self.metrics.dhcp6_message(Direction::Sent, Some(kind));
        }
        outcome.is_ok()
    }

    fn happened6(&mut self, event: Ipv6Event) {
        debug!(client = %self.identity.namespace, kind = %event.kind(), "{event}");
        if let Some(what) = event.passed_over() {
            self.count_passed_over(what);
        }
        match &event {
            Ipv6Event::Host(slaac::Event::AddressDuplicate { address, .. })
            | Ipv6Event::Dhcp6(dhcp6::Event::Conflict { address, .. }) => {
                let own = self.identity.number;
                let holder = self.addresses.holder6(*address, now());
                let detail = match holder.filter(|holder| *holder != own) {
                    Some(holder) => format!(
                        "{address} is held by {}, and {} was to have it",
                        self.identity.sibling(holder),
                        self.identity.namespace
                    ),
                    None => event.to_string(),
                };
                self.trouble6(Stage::Configure, Cause::AddressConflict, detail);
            }
            Ipv6Event::Host(slaac::Event::Answered { after, .. }) => {
                self.aggregator.solicitation_answered(*after);
            }
            _ => {}
        }
        if self.is_news6(&event) {
            self.tell(ClientEvent::Ipv6Event(event));
        }
    }

    /// Whether it is to be told: of what is wrong with messages each kind once, and not too many, as there may be thousands of
    /// messages a second.
    fn is_news6(&mut self, event: &Ipv6Event) -> bool {
        match event.kind() {
            Ipv6EventKind::Malformed
            | Ipv6EventKind::Ignored
            | Ipv6EventKind::Remarked
            | Ipv6EventKind::FromAfar
            | Ipv6EventKind::RateLimited => {
                let stack = self.stack6.as_ref();
                stack.is_some_and(|stack| stack.lock().noted.note(event))
            }
            _ => true,
        }
    }

    fn has6(&mut self, state: &Arc<Ipv6State>) {
        self.activities.set_ipv6(config_of(state));
        self.tell(ClientEvent::Ipv6State(Arc::clone(state)));
    }

    fn trouble6(&self, stage: Stage, cause: Cause, detail: String) {
        let failure = Failure::new(stage, cause, detail).of(Family::Ipv6);
        self.tell(ClientEvent::Troubled(failure));
    }

    /// Gives the DHCPv6 lease back, at its turn.
    pub(in crate::client) async fn leave6(&mut self) {
        self.addresses.keep6(self.identity.number, |_| false);
        self.with_stack6(Stack6::leave);
        // Of what could not be given back the pool has to know, and tries it once more in the client's name.
        let mut is_given_back = true;
        while let Some(output) = self.poll_output6() {
            match output {
                Output6::Transmit(sent, frame) => {
                    let is_release = sent == Sent6::Dhcp6(MessageType::Release);
                    if is_release {
                        self.releases.turn().await;
                    }
                    let was_sent = self.transmit6(sent, &frame);
                    is_given_back &= was_sent;
                    if is_release && was_sent {
                        self.tell(ClientEvent::Released(Ok(())));
                    }
                }
                Output6::Event(event) => self.happened6(event),
                Output6::State(state) if is_given_back => {
                    self.tell(ClientEvent::Ipv6State(state));
                }
                Output6::Remember(lease) if is_given_back => {
                    if let Err(failure) = self.remember6(lease).await {
                        debug!(client = %self.identity.namespace, %failure, "still written down");
                    }
                }
                // The kernel forgets it with the namespace, milliseconds from now.
                Output6::State(_)
                | Output6::Remember(_)
                | Output6::Configure(_)
                | Output6::HearDhcp6
                | Output6::Lost(_)
                | Output6::Overdue(_)
                | Output6::Up(_) => {}
            }
        }
    }
}

fn is_advertisement(packet: &Packet6) -> bool {
    packet.content().first() == Some(&ROUTER_ADVERTISEMENT)
}

/// Hands an advertisement to all nodes to the client's machine past its actor, where that has nothing to do about it; whether nothing
/// is left of it for the actor's mailbox.
pub(in crate::client) fn is_taken(
    packet: &Arc<Packet6>,
    stack: Option<&Arc<SharedStack6>>,
    backlog: &Backlog,
    aggregator: &Aggregator,
    actor: &ActorRef<ClientMsg>,
) -> bool {
    let is_to_all = packet.destination.is_multicast() && is_advertisement(packet);
    // What came before it is not overtaken.
    let Some(stack) = stack.filter(|_| is_to_all && backlog.is_empty()) else {
        return false;
    };
    let decode = || {
        let decoded = aggregator.decode(packet);
        aggregator.heard_advertisement(packet, &decoded);
        decoded
    };
    match stack.offer(decode, now()) {
        Ok(Offered::Taken) => true,
        // An actor that has ended needs no mail.
        Ok(Offered::Follows) => {
            drop(actor.cast(ClientMsg::Advertised(Arc::clone(packet))));
            true
        }
        Ok(Offered::Refused) => false,
        // Whoever reads for all clients goes on.
        Err(panic) => {
            drop(actor.cast(ClientMsg::Panicked(panic)));
            true
        }
    }
}

/// What activities need of it; `None`: it cannot be used.
fn config_of(state: &Ipv6State) -> Option<Ipv6Config> {
    if !state.is_usable {
        return None;
    }
    let global = state.global().map(|it| it.address);
    Some(Ipv6Config {
        addresses: global.chain(state.link_local()).collect(),
        router: state.router(),
        resolvers: state.resolvers.clone(),
        delegated: state.delegated().map(|it| it.prefix).collect(),
        behind: state.behind().map(|it| it.address).collect(),
    })
}

impl Stack6 {
    /// Where the client stands in IPv6.
    pub(in crate::client) fn family_phase(&self) -> FamilyPhase {
        use super::reach::Reach;
        match self.reach {
            Reach::Usable => FamilyPhase::Usable,
            Reach::Seeking { is_again, .. } if is_again => FamilyPhase::Gone(self.phase()),
            Reach::Seeking { .. } | Reach::CutOff => FamilyPhase::Joining(self.phase()),
            Reach::Overdue { .. } => FamilyPhase::Overdue,
            Reach::Resting => FamilyPhase::Resting(Phase::Released),
        }
    }
}
