//! A LAN in memory with the lab's DHCP server and scripted faults, for tests of actors on a paused clock.

#![allow(
    clippy::expect_used,
    clippy::missing_panics_doc,
    clippy::panic,
    reason = "it is for tests, which end by it"
)]

mod ipv6;
mod port;
mod server;
mod services;
mod stream;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use self::ipv6::Ipv6State;
pub use self::port::FakePort;
pub use self::server::Behaviour;
use self::services::Services;
pub use self::stream::FakeStream;
use crate::dhcp::Server;
use crate::{LabConfig, Zone};
use lanherd_dhcp::options::MessageType;
use lanherd_dhcp::{Lease, Message, Transmit};
use lanherd_net::lan::ipv6::Held6;
use lanherd_net::lan::{CleanupError, Inbox, InjectError, Lan, PortEvent};
use lanherd_types::family::{Families, Family};
use lanherd_types::fault::Fault;
use lanherd_types::identity::{ClientNumber, Identity, Mac};
use lanherd_types::phase::{Cause, Failure, Stage};

/// How long the fake kernel takes to attach.
const ATTACHING: Duration = Duration::from_millis(5);
/// How long a message takes each way.
const LATENCY: Duration = Duration::from_millis(1);
/// The round trip time of every ping.
pub const RTT: Duration = Duration::from_micros(80);
/// Nobody answers a ping to this address.
pub const SILENT: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
/// The same of IPv6.
pub const SILENT6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0xffff, 0, 0, 0, 0, 1);
/// Every ping to this address is answered twice.
pub const DOUBLE: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 2);

/// What goes wrong with one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// A namespace of its name stands there already, and is somebody else's.
    NameTaken,
    /// Its actor panics, once, when it configures its lease.
    PanicsOnce,
    /// Configuring its lease never ends.
    HangsWhenConfigured,
    /// Its namespace cannot be removed.
    CannotBeRemoved,
}

#[derive(Default)]
struct Inner {
    behaviour: Behaviour,
    troubles: HashMap<ClientNumber, Trouble>,
    /// By name: what exists.
    namespaces: BTreeMap<String, Option<Ipv4Addr>>,
    inboxes: HashMap<Mac, Arc<Inbox>>,
    /// Every message that a client sent, in order.
    sent: Vec<(Mac, MessageType, Message)>,
    attaching: usize,
    most_attaching: usize,
    attached: usize,
    /// Between the wire and the clients: whether the parent exists, and has a carrier.
    parent: Parent,
    /// By client: which address's ARP packets it wants to hear.
    listeners: HashMap<Mac, Ipv4Addr>,
    /// Hosts that are not of the herd.
    squatters: HashMap<Ipv4Addr, Mac>,
    /// What a process that was killed left of clients.
    remembered: HashMap<ClientNumber, Lease>,
    /// The DHCPv6 leases that are written down.
    remembered6: HashMap<ClientNumber, Held6>,
    /// Who ended for good, in order.
    forgotten: Vec<ClientNumber>,
    /// Who answers on which port.
    services: Services,
    ipv6: Ipv6State,
    /// What must never happen, and did: a panic would only end the client in which it is noticed.
    violations: Vec<String>,
}

/// How the parent stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Parent {
    #[default]
    Up,
    Down,
    Gone,
}

/// Whether nobody answers at that address.
fn is_silent(address: IpAddr) -> bool {
    address == SILENT || address == SILENT6
}

/// The LAN. Clones are the same one.
#[derive(Clone)]
pub struct FakeLan {
    inner: Arc<Mutex<Inner>>,
    server: Arc<Mutex<Server>>,
    zone: Arc<Zone>,
}

impl FakeLan {
    /// One whose server and resolver are those of a lab with this configuration.
    pub fn new(config: &LabConfig) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner {
                ipv6: Ipv6State::new(config),
                ..Inner::default()
            })),
            zone: Arc::new(Zone::new(config)),
            server: Arc::new(Mutex::new(Server::new(config.server()))),
        }
    }

    /// How the server behaves from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.inner().behaviour = behaviour;
    }

    /// What goes wrong with the client of that number.
    pub fn trouble(&self, number: u32, trouble: Trouble) {
        self.inner().troubles.insert(ClientNumber(number), trouble);
    }

    /// The namespaces that exist, with the address configured in each.
    pub fn namespaces(&self) -> BTreeMap<String, Option<Ipv4Addr>> {
        self.inner().namespaces.clone()
    }

    /// How many leases the server counts.
    pub fn leases(&self) -> usize {
        let mut server = self.server.lock();
        server.expire(tokio::time::Instant::now().into_std());
        server.active()
    }

    /// The messages that the client of that MAC sent, in order.
    pub fn sent_by(&self, mac: Mac) -> Vec<(MessageType, Message)> {
        let inner = self.inner();
        let own = inner.sent.iter().filter(|(sender, ..)| *sender == mac);
        own.map(|(_, kind, message)| (*kind, message.clone()))
            .collect()
    }

    /// The most clients that were ever attaching at the same time.
    pub fn most_attaching(&self) -> usize {
        self.inner().most_attaching
    }

    /// Who ended for good, in order.
    pub fn forgotten(&self) -> Vec<ClientNumber> {
        self.inner().forgotten.clone()
    }

    /// How often a client was attached.
    pub fn attached(&self) -> usize {
        self.inner().attached
    }

    /// How many clients hear what is on the LAN.
    pub fn inboxes(&self) -> usize {
        self.inner().inboxes.len()
    }

    /// What must never happen, and did.
    pub fn violations(&self) -> Vec<String> {
        self.inner().violations.clone()
    }

    /// Tells every client that the parent has gone.
    pub fn cut(&self, why: &str) {
        self.tell_all(&PortEvent::Gone(Cause::ParentGone, why.to_owned()));
    }

    /// The parent is gone until [`FakeLan::restore`].
    pub fn remove_parent(&self) {
        self.inner().parent = Parent::Gone;
        self.cut("the parent lan0 was deleted");
    }

    /// The parent loses its carrier until [`FakeLan::restore`].
    pub fn unplug(&self) {
        self.inner().parent = Parent::Down;
        self.tell_all(&PortEvent::CarrierLost);
    }

    /// The parent is there, with a carrier.
    pub fn restore(&self) {
        let before = std::mem::take(&mut self.inner().parent);
        if before == Parent::Down {
            self.tell_all(&PortEvent::CarrierBack);
        }
    }

    /// A host that is not of the herd uses the address from now on.
    pub fn squat(&self, address: Ipv4Addr, mac: Mac) {
        self.inner().squatters.insert(address, mac);
    }

    /// A process that was killed left this lease of a client.
    pub fn remember(&self, number: u32, lease: Lease) {
        self.inner().remembered.insert(ClientNumber(number), lease);
    }

    /// Writes a DHCPv6 lease down, as a process does that may be killed; `None`: forgets it.
    pub fn remember6(&self, number: ClientNumber, held: Option<Held6>) {
        let remembered = &mut self.inner().remembered6;
        match held {
            Some(held) => remembered.insert(number, held),
            None => remembered.remove(&number),
        };
    }

    /// Loses all leases, as a router without a memory does when it is switched off.
    pub fn reset_server(&self, config: &LabConfig) {
        *self.server.lock() = Server::new(config.server());
    }

    /// Has every client receive this DHCP message, whatever it is.
    pub fn send_all(&self, bytes: &[u8]) {
        self.tell_all(&PortEvent::Dhcp(bytes.into()));
    }

    fn tell_all(&self, event: &PortEvent) {
        // In an order of their own, as a storm must be the same for the same seed.
        let mut inboxes: Vec<_> = {
            let inner = self.inner();
            inner
                .inboxes
                .iter()
                .map(|(mac, inbox)| (*mac, Arc::clone(inbox)))
                .collect()
        };
        inboxes.sort_by_key(|(mac, _)| *mac);
        for (_, inbox) in inboxes {
            inbox(event.clone());
        }
    }

    fn downgrade(&self) -> WeakLan {
        WeakLan {
            inner: Arc::downgrade(&self.inner),
            server: Arc::clone(&self.server),
            zone: Arc::clone(&self.zone),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // A client's panic is part of the tests, and never happens while the lock is held.
        self.inner.lock()
    }
}

/// A LAN that may be gone.
struct WeakLan {
    inner: Weak<Mutex<Inner>>,
    server: Arc<Mutex<Server>>,
    zone: Arc<Zone>,
}

impl WeakLan {
    fn upgrade(&self) -> Option<FakeLan> {
        Some(FakeLan {
            inner: self.inner.upgrade()?,
            server: Arc::clone(&self.server),
            zone: Arc::clone(&self.zone),
        })
    }
}

impl Lan for FakeLan {
    type Port = FakePort;

    async fn attach_speaking(
        &self,
        families: Families,
        identity: &Identity,
        inbox: Inbox,
    ) -> Result<FakePort, Failure> {
        {
            let mut inner = self.inner();
            inner.attaching += 1;
            inner.attached += 1;
            inner.most_attaching = inner.most_attaching.max(inner.attaching);
            if inner.troubles.get(&identity.number) == Some(&Trouble::NameTaken) {
                inner.attaching -= 1;
                let detail = format!("the namespace {} exists", identity.namespace);
                return Err(Failure::new(Stage::Namespace, Cause::NameTaken, detail));
            }
            if inner.parent == Parent::Gone {
                inner.attaching -= 1;
                return Err(Failure::new(
                    Stage::Link,
                    Cause::ParentGone,
                    "there is no lan0",
                ));
            }
            let before = inner.namespaces.insert(identity.namespace.clone(), None);
            if before.is_some() {
                let words = format!("{} was attached twice", identity.namespace);
                inner.violations.push(words);
            }
        }
        inbox(PortEvent::NamespaceReady);
        tokio::time::sleep(ATTACHING).await;
        let mut inner = self.inner();
        inner.attaching -= 1;
        if inner.parent == Parent::Down {
            inbox(PortEvent::CarrierLost);
        }
        inner.inboxes.insert(identity.mac, Arc::new(inbox));
        inner.ipv6.attach(identity.mac, families);
        drop(inner);
        if families.include(Family::Ipv6) {
            self.run_router();
        }
        Ok(FakePort {
            lan: self.clone(),
            identity: identity.clone(),
        })
    }

    async fn detach(&self, identity: &Identity) -> Vec<CleanupError> {
        let mut inner = self.inner();
        inner.inboxes.remove(&identity.mac);
        inner.listeners.remove(&identity.mac);
        inner.ipv6.detach(identity.mac);
        inner.namespaces.remove(&identity.namespace);
        match inner.troubles.get(&identity.number) {
            Some(Trouble::CannotBeRemoved) => vec![CleanupError {
                what: format!("namespace {}", identity.namespace),
                why: "it is scripted so".to_owned(),
            }],
            _ => Vec::new(),
        }
    }

    fn transmit_for(&self, identity: &Identity, transmit: &Transmit) -> io::Result<()> {
        let message = transmit.message.clone();
        let kind = message
            .options
            .message_type()
            .ok_or(io::ErrorKind::InvalidInput)?;
        if self.inner().parent != Parent::Up {
            return Err(io::ErrorKind::NetworkDown.into());
        }
        self.inner()
            .sent
            .push((identity.mac, kind, message.clone()));
        let lan = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(LATENCY).await;
            let Some((mac, bytes)) = lan.answer(&message) else {
                return;
            };
            tokio::time::sleep(LATENCY).await;
            let inbox = lan.inner().inboxes.get(&mac).cloned();
            if let Some(inbox) = inbox {
                inbox(PortEvent::Dhcp(bytes));
            }
        });
        Ok(())
    }

    fn transmit6_for(&self, identity: &Identity, frame: &[u8]) -> io::Result<()> {
        self.send6(identity.mac, frame)
    }

    fn remembered6(&self, identity: &Identity) -> Option<Held6> {
        self.inner().remembered6.get(&identity.number).cloned()
    }

    fn forget(&self, identity: &Identity) {
        self.inner().forgotten.push(identity.number);
    }

    fn remembered(&self, identity: &Identity) -> Option<Lease> {
        self.inner().remembered.remove(&identity.number)
    }

    async fn inject_fault(&self, identity: &Identity, fault: Fault) -> Result<(), InjectError> {
        let inbox = self.inner().inboxes.get(&identity.mac).cloned();
        let inbox = inbox.ok_or_else(|| InjectError("it is not there".to_owned()))?;
        let name = identity.namespace.clone();
        inbox(match fault {
            Fault::KillSockets => PortEvent::Gone(Cause::SocketLost, format!("{name}: closed")),
            Fault::DeleteLink => PortEvent::Gone(Cause::LinkLost, format!("{name}: deleted")),
            Fault::DeleteNamespace => {
                PortEvent::Gone(Cause::NamespaceGone, format!("{name} was removed"))
            }
            Fault::RemoveAddress => {
                self.inner().namespaces.insert(name, None);
                PortEvent::Unconfigured("its address was removed".to_owned())
            }
            other => return Err(InjectError(format!("{other} is not made by a lan"))),
        });
        Ok(())
    }

    async fn flap(&self, pause: Duration) -> Result<(), InjectError> {
        self.unplug();
        tokio::time::sleep(pause).await;
        self.restore();
        Ok(())
    }
}
