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
mod tests {
    use parking_lot::Mutex;

    use super::*;
    use crate::Ipv6Config;
    use lanherd_ndp::slaac::{
        AddressKind, Change, Config, Event as SlaacEvent, Output, Secret, Verification,
    };
    use lanherd_ndp::{Host, Packet as NdPacket};
    use lanherd_net::frame6::{Ends6, discovery_frame};
    use lanherd_net::lan::ipv6::Address6;
    use lanherd_net::lan::{Lan, Port};
    use lanherd_types::identity::{PoolName, Seed};

    const ONE: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    const OTHER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 2);

    fn client(number: u32) -> Identity {
        Identity::derive(&PoolName::default(), ClientNumber(number), Seed(7))
    }

    fn with(addresses: &[Ipv6Addr]) -> Addressing6 {
        let addresses = addresses.iter();
        Addressing6 {
            addresses: addresses
                .map(|address| Address6::link_local(*address, true))
                .collect(),
            ..Addressing6::default()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_are_asked_for_and_siblings_never_have_the_same() {
        let lan = FakeLan::new(&LabConfig::default());
        let told = Arc::new(Mutex::new(Vec::new()));
        let attach = async |number: u32| {
            let told = Arc::clone(&told);
            let inbox = move |event| told.lock().push((number, event));
            let identity = client(number);
            let attached = lan.attach_speaking(Families::Dual, &identity, Box::new(inbox));
            attached.await.expect("attached")
        };
        let (one, other) = (attach(1).await, attach(2).await);
        told.lock().clear();
        let stranger = Mac([2, 0, 0, 0, 0, 9]);
        lan.squat6(OTHER, stranger);
        one.configure6(with(&[ONE, OTHER])).await.expect("set");
        other.configure6(with(&[ONE])).await.expect("set");
        tokio::time::sleep(2 * DETECTION).await;
        let duplicate = |holder| DadOutcome::Duplicate {
            holder: Some(holder),
        };
        let expected = [
            (2, PortEvent::Address6(ONE, duplicate(client(1).mac))),
            (1, PortEvent::Address6(ONE, DadOutcome::Unique)),
            (1, PortEvent::Address6(OTHER, duplicate(stranger))),
        ];
        assert_eq!(*told.lock(), expected);
        assert_eq!(lan.addressing6(client(1).mac), Some(with(&[ONE])));
        assert_eq!(lan.addressing6(client(2).mac), Some(with(&[])));
    }

    #[tokio::test(start_paused = true)]
    async fn frames_are_answered_and_advertisements_reach_who_speaks_ipv6() {
        let lan = FakeLan::new(&LabConfig::default());
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let inbox = |number: u32| {
            let tell = tell.clone();
            Box::new(move |event| drop(tell.send((number, event))))
        };
        let dual = lan
            .attach_speaking(Families::Dual, &client(1), inbox(1))
            .await;
        let dual = dual.expect("attached");
        let ipv4 = lan.attach(&client(2), inbox(2)).await.expect("attached");
        while told.try_recv().is_ok() {}
        let router = Ends6::to_group(
            Mac([2, 0, 0, 0, 0, 1]),
            ONE,
            Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1),
        );
        let advertisement = discovery_frame(&router, &[134, 0, 0, 0, 0, 0, 0, 0]).expect("fits");
        let packet = Packet6::from_frame(&advertisement, Instant::now()).expect("one");
        lan.discover6(packet.clone());
        let advertised = PortEvent::Icmp6(Arc::new(packet.clone()));
        assert_eq!(told.try_recv().ok(), Some((1, advertised.clone())));

        lan.serve6(move |_, _| vec![PortEvent::Icmp6(Arc::new(packet.clone()))]);
        let routers = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
        let ends = Ends6::to_group(client(1).mac, OTHER, routers);
        let solicitation = discovery_frame(&ends, &[133, 0, 0, 0, 0, 0, 0, 0]).expect("fits");
        dual.transmit6(&solicitation).expect("sent");
        assert_eq!(told.recv().await, Some((1, advertised)));
        assert_eq!(
            lan.frames_of(client(1).mac),
            std::slice::from_ref(&solicitation)
        );
        ipv4.transmit6(&solicitation).expect_err("another's");
        ipv4.configure6(with(&[ONE])).await.expect_err("IPv4 only");
        assert_eq!(told.try_recv().ok(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_labs_router_answers_solicitations_advertises_and_renumbers() {
        let lan = FakeLan::new(&LabConfig {
            ipv6: Some(Ipv6Config::default()),
            ..LabConfig::default()
        });
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        let identity = client(1);
        let inbox = Box::new(move |event| drop(tell.send(event)));
        let attached = lan.attach_speaking(Families::Dual, &identity, inbox);
        let port = attached.await.expect("attached");
        let mut host = Host::new(
            Config::new(client(1).mac, Secret([7; 16])),
            fastrand::Rng::with_seed(1),
        );
        host.start(now());
        let mut prefixes = Vec::new();
        let began = tokio::time::Instant::now();
        let mut is_renumbered = false;
        while prefixes.len() < 3 {
            assert!(began.elapsed() < Duration::from_secs(3600), "{prefixes:?}");
            host.handle_timeout(now());
            while let Some(output) = host.poll_output() {
                match output {
                    Output::Transmit(packet) => {
                        port.transmit6(&packet.to_frame().expect("a frame"))
                            .expect("sent");
                    }
                    Output::Configure(Change::SetAddress(it)) if it.is_tentative => {
                        host.handle_verification(it.address, Verification::Unique, now());
                    }
                    Output::Event(SlaacEvent::AddressFormed {
                        address,
                        kind: AddressKind::Stable,
                    }) => {
                        prefixes.push(address.segments()[2]);
                    }
                    Output::Configure(_) | Output::Event(_) => {}
                }
            }
            if prefixes.len() == 2 && !is_renumbered {
                is_renumbered = true;
                lan.renumber6();
            }
            let until = host
                .poll_timeout()
                .unwrap_or(now() + Duration::from_secs(1));
            if let Ok(Some(PortEvent::Icmp6(packet))) =
                tokio::time::timeout_at(until.into(), told.recv()).await
            {
                host.handle_packet(&NdPacket::from_frame(&packet.frame).expect("valid"), now());
            }
        }
        assert_eq!(
            prefixes,
            [0x77, 0, 0x78],
            "the provider's, the site's, and the new one"
        );
    }
}
