//! IPv6 on the fake LAN: what clients set and send, and what a test tells them.

use std::collections::HashMap;
use std::io;
use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::{FakeLan, LATENCY, Parent};
use crate::faults::Faults;
use crate::ipv6::Ipv6Router;
use crate::{LabConfig, LabFaultError};
use lanherd_net::frame6;
use lanherd_net::lan::PortEvent;
use lanherd_net::lan::ipv6::{Addressing6, Configured6, DadOutcome, Packet6};
use lanherd_types::family::{Families, Family};
use lanherd_types::fault::Fault;
use lanherd_types::identity::{ClientNumber, Identity, Mac};
use lanherd_types::phase::{Cause, Failure, Stage};

/// How long the kernel asks whether somebody has an address (RFC 4861, 10: `RETRANS_TIMER`).
pub const DETECTION: Duration = Duration::from_secs(1);

/// How often it is looked whether the LAN is still there.
const LOOKED_AFTER: Duration = Duration::from_secs(3600);

/// What comes back for a frame of a client's.
type Answers6 = Arc<dyn Fn(Mac, &[u8]) -> Vec<PortEvent> + Send + Sync>;

/// What is known of IPv6.
#[derive(Default)]
pub(super) struct Ipv6State {
    /// What each client that speaks it has set.
    standing: HashMap<Mac, Addressing6>,
    /// Every frame that a client sent, in order.
    sent: Vec<(Mac, Vec<u8>)>,
    /// Hosts that are not of the herd.
    squatters: HashMap<Ipv6Addr, Mac>,
    answers: Option<Answers6>,
    /// The lab's router, where the lab has IPv6.
    router: Option<Ipv6Router>,
    faults: Faults,
    /// Whether the router runs.
    is_running: bool,
    /// The router may have something to say sooner.
    changed: Arc<Notify>,
}

impl Ipv6State {
    pub(super) fn new(config: &LabConfig) -> Self {
        Self {
            router: Ipv6Router::new(config, config.seed.rng(ClientNumber(0), 0)),
            ..Self::default()
        }
    }

    /// What the router has to send now.
    fn frames(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let Some(router) = &mut self.router else {
            return Vec::new();
        };
        for ended in self.faults.take_ended(now) {
            router.fault_ended(ended, now);
        }
        router.tick(&mut self.faults, now);
        std::iter::from_fn(|| router.next_frame(now)).collect()
    }

    /// Who hears a frame to that MAC: the client whose it is, or all that speak IPv6.
    fn hearers(&self, to: Mac) -> Vec<Mac> {
        let is_group = to.0[0] & 1 == 1;
        let meant = self.standing.keys().filter(|mac| is_group || **mac == to);
        let mut meant: Vec<_> = meant.copied().collect();
        // In an order of their own, as a storm must be the same for the same seed.
        meant.sort();
        meant
    }

    pub(super) fn attach(&mut self, mac: Mac, families: Families) {
        if families.include(Family::Ipv6) {
            self.standing.insert(mac, Addressing6::default());
        }
    }

    pub(super) fn detach(&mut self, mac: Mac) {
        self.standing.remove(&mac);
    }

    fn has(&self, mac: Mac, address: Ipv6Addr) -> bool {
        self.standing
            .get(&mac)
            .is_some_and(|standing| has(standing, address))
    }

    fn remove(&mut self, mac: Mac, address: Ipv6Addr) {
        if let Some(standing) = self.standing.get_mut(&mac) {
            standing
                .addresses
                .retain(|standing| standing.address != address);
        }
    }
}

/// The paused clock's time.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

fn has(standing: &Addressing6, address: Ipv6Addr) -> bool {
    standing
        .addresses
        .iter()
        .any(|standing| standing.address == address)
}

impl FakeLan {
    /// What of IPv6 the client of that MAC has set; `None`: it does not speak it.
    pub fn addressing6(&self, mac: Mac) -> Option<Addressing6> {
        self.inner().ipv6.standing.get(&mac).cloned()
    }

    /// The frames that the client of that MAC sent, in order.
    pub fn frames_of(&self, mac: Mac) -> Vec<Vec<u8>> {
        let inner = self.inner();
        let own = inner.ipv6.sent.iter().filter(|(sender, _)| *sender == mac);
        own.map(|(_, frame)| frame.clone()).collect()
    }

    /// From now on this is told to a client that sends a frame.
    pub fn serve6(&self, answers: impl Fn(Mac, &[u8]) -> Vec<PortEvent> + Send + Sync + 'static) {
        self.inner().ipv6.answers = Some(Arc::new(answers));
    }

    /// A message of neighbour discovery comes in: to the client that its frame is for, or to all that speak IPv6.
    pub fn discover6(&self, packet: Packet6) {
        let hearers = self.inner().ipv6.hearers(packet.link_destination);
        let packet = Arc::new(packet);
        for mac in hearers {
            self.tell(mac, PortEvent::Icmp6(Arc::clone(&packet)));
        }
    }

    /// How many DHCPv6 leases the router has given.
    pub fn leases6(&self) -> usize {
        let inner = self.inner();
        let router = inner.ipv6.router.as_ref();
        router.map_or(0, |router| router.leases().len())
    }

    /// The provider gives the LAN another number; the router withdraws the former one.
    pub fn renumber6(&self) {
        let mut inner = self.inner();
        if let Some(router) = &mut inner.ipv6.router {
            router.renumber(now());
        }
        inner.ipv6.changed.notify_one();
    }

    /// The router's line goes down, or comes up again.
    pub fn set_wan6(&self, is_down: bool) {
        let mut inner = self.inner();
        if let Some(router) = &mut inner.ipv6.router {
            router.set_wan(is_down, now());
        }
        inner.ipv6.changed.notify_one();
    }

    /// The router goes without a word, and is there again at once.
    pub fn reboot6(&self) {
        let mut inner = self.inner();
        let ipv6 = &mut inner.ipv6;
        if let Some(router) = &mut ipv6.router {
            router.link_is_down();
            router.link_is_up(&mut ipv6.faults, now());
        }
        ipv6.changed.notify_one();
    }

    /// Breaks the router's IPv6 in that way from now on, for so long.
    pub fn inject6(&self, fault: Fault, lasts: Duration) -> Result<(), LabFaultError> {
        let mut inner = self.inner();
        let ipv6 = &mut inner.ipv6;
        let Some(router) = ipv6.router.as_mut() else {
            return Err(LabFaultError::NoIpv6(fault));
        };
        let is_new = !ipv6.faults.is_on(fault, now());
        ipv6.faults.inject(fault, Some(lasts), now())?;
        if is_new {
            router.fault_began(fault, &mut ipv6.faults, now());
        }
        ipv6.changed.notify_one();
        Ok(())
    }

    /// Has the router advertise, from when the first client speaks IPv6.
    pub(super) fn run_router(&self) {
        {
            let mut inner = self.inner();
            let ipv6 = &mut inner.ipv6;
            let Some(router) = ipv6.router.as_mut().filter(|_| !ipv6.is_running) else {
                return;
            };
            router.link_is_up(&mut ipv6.faults, now());
            ipv6.is_running = true;
        }
        // The task ends with the LAN.
        let (lan, changed) = (self.downgrade(), Arc::clone(&self.inner().ipv6.changed));
        tokio::spawn(async move {
            loop {
                let deadline = {
                    let Some(lan) = lan.upgrade() else { return };
                    lan.say_what_is_due();
                    let inner = lan.inner();
                    inner
                        .ipv6
                        .router
                        .as_ref()
                        .and_then(Ipv6Router::next_deadline)
                };
                tokio::select! {
                    () = crate::router::sleep_until(deadline) => {}
                    () = changed.notified() => {}
                    () = tokio::time::sleep(LOOKED_AFTER) => {}
                }
            }
        });
    }

    /// Hands on what the router says now, after the time that it takes.
    fn say_what_is_due(&self) {
        let frames = self.inner().ipv6.frames(now());
        if frames.is_empty() {
            return;
        }
        let lan = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(LATENCY).await;
            for frame in frames {
                lan.hand_on(&frame);
            }
        });
    }

    /// A frame of the router's comes to whom it is for.
    fn hand_on(&self, frame: &[u8]) {
        if self.inner().parent != Parent::Up {
            return;
        }
        let Some(packet) = Packet6::from_frame(frame, now()) else {
            return;
        };
        let hearers = self.inner().ipv6.hearers(packet.link_destination);
        // The next header (RFC 8200, 3).
        let is_datagram = frame.get(20) == Some(&17);
        let packet = Arc::new(packet);
        for mac in hearers {
            let packet = Arc::clone(&packet);
            self.tell(
                mac,
                if is_datagram {
                    PortEvent::Dhcp6(packet)
                } else {
                    PortEvent::Icmp6(packet)
                },
            );
        }
    }

    /// A host that is not of the herd uses the address from now on.
    pub fn squat6(&self, address: Ipv6Addr, mac: Mac) {
        self.inner().ipv6.squatters.insert(address, mac);
    }

    pub(super) fn send6(&self, mac: Mac, frame: &[u8]) -> io::Result<()> {
        frame6::check_frame(mac, frame)?;
        let answers = {
            let mut inner = self.inner();
            if inner.parent != Parent::Up {
                return Err(io::ErrorKind::NetworkDown.into());
            }
            let ipv6 = &mut inner.ipv6;
            ipv6.sent.push((mac, frame.to_vec()));
            if let Some(router) = &mut ipv6.router {
                router.hear(frame, &mut ipv6.faults, now());
            }
            ipv6.changed.notify_one();
            ipv6.answers.clone()
        };
        let events = answers.map_or_else(Vec::new, |answers| answers(mac, frame));
        if !events.is_empty() {
            let lan = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(2 * LATENCY).await;
                for event in events {
                    lan.tell(mac, event);
                }
            });
        }
        Ok(())
    }

    pub(super) fn configure6(
        &self,
        identity: &Identity,
        mut addressing: Addressing6,
    ) -> Result<Configured6, Failure> {
        let mac = identity.mac;
        let (mut held, mut asked) = (Vec::new(), Vec::new());
        {
            let mut inner = self.inner();
            let ipv6 = &mut inner.ipv6;
            let Some(before) = ipv6.standing.get(&mac).cloned() else {
                let detail = format!("client {} speaks IPv4 only", identity.number);
                return Err(Failure::new(Stage::Configure, Cause::Kernel, detail));
            };
            addressing.addresses.retain(|wanted| {
                let mut others = ipv6.standing.iter().filter(|(other, _)| **other != mac);
                let holder = others.find(|(_, standing)| has(standing, wanted.address));
                held.extend(holder.map(|(holder, _)| (wanted.address, *holder)));
                holder.is_none()
            });
            let new = addressing.addresses.iter();
            let new =
                new.filter(|wanted| wanted.detects_duplicates && !has(&before, wanted.address));
            asked.extend(new.map(|wanted| wanted.address));
            ipv6.standing.insert(mac, addressing);
        }
        for (address, holder) in held {
            let holder = Some(holder);
            self.tell(
                mac,
                PortEvent::Address6(address, DadOutcome::Duplicate { holder }),
            );
        }
        if !asked.is_empty() {
            let lan = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(DETECTION).await;
                for address in asked {
                    lan.detected(mac, address);
                }
            });
        }
        Ok(Configured6::default())
    }

    /// It is known whether somebody has the address.
    fn detected(&self, mac: Mac, address: Ipv6Addr) {
        let outcome = {
            let mut inner = self.inner();
            if !inner.ipv6.has(mac, address) {
                return;
            }
            match inner.ipv6.squatters.get(&address).copied() {
                Some(holder) => {
                    inner.ipv6.remove(mac, address);
                    DadOutcome::Duplicate {
                        holder: Some(holder),
                    }
                }
                None => DadOutcome::Unique,
            }
        };
        self.tell(mac, PortEvent::Address6(address, outcome));
    }

    fn tell(&self, mac: Mac, event: PortEvent) {
        let inbox = self.inner().inboxes.get(&mac).cloned();
        if let Some(inbox) = inbox {
            inbox(event);
        }
    }
}

#[cfg(test)]
mod tests;
