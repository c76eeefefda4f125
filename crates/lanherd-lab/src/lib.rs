#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod config;
pub mod dhcp;
mod dhcp6;
mod dns;
mod draft;
mod echo;
#[cfg(feature = "fake")]
pub mod fake;
mod faults;
mod http;
mod ipv6;
mod neighbours;
mod pings;
mod queue;
mod range;
mod router;
mod sockets;
mod state;
mod topology;

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::{Mutex, MutexGuard};
use tokio::runtime;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use config::{LabConfig, LeaseTime, LeaseTimeError};
pub use dhcp6::{Dhcp6Config, Dhcp6Counters, Dhcp6Leased, HostRange, HostRangeError};
pub use dns::Zone;
pub use faults::overload::{DNS_UNDER_WAY, DNS_UPSTREAM, LEAK_CEILING, LEAK_STEP};
pub use faults::{EARLY, LabFaultError, PING_LOSS_PERCENT, SHORT_POOL, SLOW};
pub use ipv6::{Ipv6Config, Ipv6ConfigError};
pub use range::{AddressRange, AddressRangeError, Subnet};

use dhcp::{Counters, Leased};
use ipv6::Ipv6Router;
use lanherd_dhcp6::ReconfigureKind;
use lanherd_ndp::Prefix;
use lanherd_net::netlink::RTNL_LIMIT;
use lanherd_net::netns::NetNs;
use lanherd_types::fault::Fault;
use lanherd_types::identity::Mac;
use router::Router;
pub use router::SLOW_LINK_RATE;
use state::State;
use topology::Uplink;

/// Why there is no lab, or why it did not end well.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The uplink's name is none that an interface can have.
    #[error("{0:?} is no interface name: use 1 to 15 letters, digits, - or _")]
    UplinkName(String),
    /// An interface of that name exists. It is never taken over.
    #[error(
        "an interface {0} exists already: choose another name for the lab's uplink, or remove it first"
    )]
    UplinkTaken(String),
    /// An alias lies in the lab's own subnet.
    #[error(
        "the alias {alias} lies in the subnet of the lab's range {range}: choose another range"
    )]
    AliasInside {
        /// The alias that was asked for.
        alias: Ipv4Addr,
        /// The range whose subnet it lies in.
        range: AddressRange,
    },
    /// The MTU is below what a host must accept (RFC 791, 3.1).
    #[error("an mtu of {0} is too small: use 576 to 65535")]
    Mtu(u16),
    /// Its IPv6 cannot be so.
    #[error(transparent)]
    Ipv6(#[from] Ipv6ConfigError),
    /// It cannot be broken in that way from the beginning.
    #[error(transparent)]
    Fault(#[from] LabFaultError),
    /// The process may not make namespaces or interfaces.
    #[error(
        "no privilege to make the lab's namespace and links: run as root, or in a sandbox: {0}"
    )]
    NoPrivilege(#[source] io::Error),
    /// The kernel makes no veth pairs.
    #[error("this kernel makes no veth pairs, and the lab's uplink is one; {remedy}")]
    NoVeth {
        /// What to do about it.
        remedy: String,
    },
    /// Something that should have worked did not.
    #[error("cannot {step}: {source}")]
    Step {
        /// What was being done.
        step: String,
        /// What the kernel said.
        source: io::Error,
    },
    /// The lab's thread panicked; what it owned is gone with it.
    #[error("the lab's thread died: this is a bug in lanherd")]
    Died,
    /// The kernel has not finished a call of the lab's thread in time.
    #[error(
        "the kernel has not finished a call of the lab's for {} s: something on this machine holds its lock of network \
         settings; dmesg may say what", RTNL_LIMIT.as_secs()
    )]
    Stuck,
}

/// A running lab. Dropping it stops it, and waits the few milliseconds that this takes.
#[derive(Debug)]
pub struct Lab {
    config: LabConfig,
    handle: LabHandle,
    running: Option<Running>,
}

/// A way to a lab's faults that outlives it, and can be given away.
#[derive(Debug, Clone)]
pub struct LabHandle {
    shared: Arc<Shared>,
}

/// What the lab's thread and everybody else have in common.
#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    changed: watch::Sender<()>,
}

impl Shared {
    /// A message whose handling panicked leaves it whole: it is locked for one change at a time.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    /// Tells of every change from outside, from now on.
    fn changes(&self) -> watch::Receiver<()> {
        self.changed.subscribe()
    }

    /// Changes the state from outside.
    fn change<T>(&self, change: impl FnOnce(&mut State, Instant) -> T) -> T {
        let changed = change(&mut self.state(), Instant::now());
        self.changed.send_replace(());
        changed
    }
}

impl LabHandle {
    /// Breaks the router in that way from now on, for so long; if it is broken so already, for longer. Cheap: the router's
    /// thread does the rest at once.
    ///
    /// # Errors
    /// [`LabFaultError`], if the fault is none of the router's ([`Aim::Router`](lanherd_types::fault::Aim)), its time is none, or
    /// the lab has ended.
    pub fn inject(&self, fault: Fault, lasts: Duration) -> Result<(), LabFaultError> {
        self.shared
            .change(|state, now| state.inject(fault, Some(lasts), now))
    }

    /// Breaks the router in that way from now on, until it is ended.
    ///
    /// # Errors
    /// As [`Self::inject`].
    pub fn begin(&self, fault: Fault) -> Result<(), LabFaultError> {
        self.shared
            .change(|state, now| state.inject(fault, None, now))
    }

    /// Gives the LAN another IPv6 prefix from now on, as a provider does, in place of all that are not unique local; the former one is
    /// withdrawn in each advertisement for as long as hosts may have addresses of it (RFC 9096, 3.5). Without IPv6 nothing happens.
    pub fn renumber(&self) {
        self.shared.change(State::renumber);
    }

    /// The router's line goes down: of IPv6 nothing beyond the LAN is within reach any more, and it says that it is no default router
    /// (RFC 7084, G-5), until [`Self::wan_up`]. Without IPv6 nothing happens.
    pub fn wan_down(&self) {
        self.shared.change(|state, now| state.set_wan(true, now));
    }

    /// The router's line is up again.
    pub fn wan_up(&self) {
        self.shared.change(|state, now| state.set_wan(false, now));
    }

    /// Tells every `DHCPv6` client that accepts it (RECONFIGURE) to send a message of that kind.
    pub fn reconfigure(&self, kind: ReconfigureKind) {
        self.shared
            .change(|state, now| state.reconfigure(kind, now));
    }

    /// Whether the router speaks IPv6.
    pub fn speaks_ipv6(&self) -> bool {
        self.shared.state().ipv6().is_some()
    }

    /// The IPv6 prefixes that the LAN has now.
    pub fn prefixes(&self) -> Vec<Prefix> {
        let state = self.shared.state();
        state.ipv6().map_or_else(Vec::new, Ipv6Router::prefixes)
    }

    /// Ends that fault now, if there is one.
    pub fn end(&self, fault: Fault) {
        self.shared
            .change(|state, now| state.end_faults(now, |other, _| other == fault));
    }

    /// Ends those faults now that would end by themselves.
    pub fn calm(&self) {
        self.shared
            .change(|state, now| state.end_faults(now, |_, until| until.is_some()));
    }

    /// Ends all faults now.
    pub fn heal(&self) {
        self.shared
            .change(|state, now| state.end_faults(now, |_, _| true));
    }

    /// The faults there are now, and how long each still lasts; `None`: until it is ended.
    pub fn faults(&self) -> Vec<(Fault, Option<Duration>)> {
        self.shared.state().faults(Instant::now())
    }

    /// How often each fault changed something since the lab began; one that never did is not there.
    ///
    /// For [`Fault::RouterReboot`] and [`Fault::RouterReset`]: how often the router went down, or lost its leases. For
    /// [`Fault::DhcpExpireEarly`]: how many leases were forgotten. For the others: how many messages fared otherwise than
    /// they should.
    pub fn fault_effects(&self) -> BTreeMap<Fault, u64> {
        self.shared.state().effects()
    }
}

#[derive(Debug)]
struct Running {
    /// Ends the lab's thread when it is dropped.
    stop: DropGuard,
    /// Where the thread's result comes; nothing, if it panicked. The lock lets a lab be looked at from several threads.
    ended: Mutex<mpsc::Receiver<Result<(), LabError>>>,
}

impl Lab {
    /// Starts a lab whose uplink is in the calling thread's namespace. Blocks until the router answers, some milliseconds.
    pub fn start(config: LabConfig) -> Result<Self, LabError> {
        config.check()?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State::new(&config, Instant::now())?),
            changed: watch::Sender::new(()),
        });
        let stopped = CancellationToken::new();
        let stop = stopped.clone().drop_guard();
        let (ready, readiness) = mpsc::sync_channel(1);
        let (end, ended) = mpsc::channel();
        {
            let (config, shared) = (config.clone(), Arc::clone(&shared));
            thread::Builder::new()
                .name("lanherd-lab".to_owned())
                .spawn(move || {
                    // Who has waited for too long has gone.
                    let _ = end.send(live(&config, shared, &ready, &stopped));
                })
                .map_err(|source| LabError::Step {
                    step: "start the lab's thread".to_owned(),
                    source,
                })?
        };
        match readiness.recv_timeout(RTNL_LIMIT) {
            Ok(()) => Ok(Self {
                config,
                handle: LabHandle { shared },
                running: Some(Running {
                    stop,
                    ended: Mutex::new(ended),
                }),
            }),
            Err(RecvTimeoutError::Timeout) => Err(LabError::Stuck),
            // It ended before it was ready: its result says why.
            Err(RecvTimeoutError::Disconnected) => {
                Err(result(&ended).err().unwrap_or(LabError::Died))
            }
        }
    }

    /// The name of the near end: the parent for clients.
    pub fn uplink(&self) -> &str {
        &self.config.uplink
    }

    /// The subnet of the LAN, in which the range lies.
    pub fn subnet(&self) -> Subnet {
        self.config.subnet()
    }

    /// The router's address on the LAN.
    pub fn router(&self) -> Ipv4Addr {
        self.config.subnet().router()
    }

    /// The router's hardware address on the LAN.
    pub fn router_mac(&self) -> Mac {
        topology::ROUTER_MAC
    }

    /// The router's link-local address on the LAN; `None`: it has no IPv6.
    pub fn router6(&self) -> Option<Ipv6Addr> {
        self.config.ipv6.as_ref().map(Ipv6Config::router)
    }

    /// What is leased now, in no order.
    pub fn leases(&self) -> Vec<Leased> {
        self.handle.shared.state().dhcp().leases().collect()
    }

    /// How many leases there are now.
    pub fn active(&self) -> usize {
        self.handle.shared.state().dhcp().active()
    }

    /// What its DHCP server has seen and done.
    pub fn counters(&self) -> Counters {
        self.handle.shared.state().server().counters()
    }

    /// What is leased by `DHCPv6` now, in no order.
    pub fn leases6(&self) -> Vec<Dhcp6Leased> {
        let state = self.handle.shared.state();
        state.ipv6().map_or_else(Vec::new, Ipv6Router::leases)
    }

    /// What its `DHCPv6` server has seen and done; without IPv6, nothing.
    pub fn counters6(&self) -> Dhcp6Counters {
        let state = self.handle.shared.state();
        state
            .ipv6()
            .map_or_else(Dhcp6Counters::default, Ipv6Router::counters)
    }

    /// A way to its faults that can be given away.
    pub fn handle(&self) -> LabHandle {
        self.handle.clone()
    }

    /// Breaks the router ([`LabHandle::inject`]).
    pub fn inject(&self, fault: Fault, lasts: Duration) -> Result<(), LabFaultError> {
        self.handle.inject(fault, lasts)
    }

    /// The faults there are now, and how long each still lasts; `None`: until it is ended.
    pub fn faults(&self) -> Vec<(Fault, Option<Duration>)> {
        self.handle.faults()
    }

    /// How often each fault changed something ([`LabHandle::fault_effects`]).
    pub fn fault_effects(&self) -> BTreeMap<Fault, u64> {
        self.handle.fault_effects()
    }

    /// Ends all faults now.
    pub fn heal(&self) {
        self.handle.heal();
    }

    /// Stops it: its links are gone when this returns.
    pub fn stop(mut self) -> Result<(), LabError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), LabError> {
        let Some(Running { stop, ended }) = self.running.take() else {
            return Ok(());
        };
        drop(stop);
        result(&ended.into_inner())
    }
}

/// What the lab's thread says in the end.
fn result(ended: &mpsc::Receiver<Result<(), LabError>>) -> Result<(), LabError> {
    match ended.recv_timeout(RTNL_LIMIT) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => Err(LabError::Stuck),
        // It panicked.
        Err(RecvTimeoutError::Disconnected) => Err(LabError::Died),
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::warn!(%error, "the lab did not stop well");
        }
    }
}

/// Says at the end of the lab's thread, however that comes, that it has come.
struct End(Arc<Shared>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.state().end();
    }
}

/// The life of the lab's thread. `ready` is answered when the router is, and dropped unanswered when there will be none.
fn live(
    config: &LabConfig,
    shared: Arc<Shared>,
    ready: &mpsc::SyncSender<()>,
    stop: &CancellationToken,
) -> Result<(), LabError> {
    let _end = End(Arc::clone(&shared));
    let namespace = NetNs::create().map_err(|error| match error.kind() {
        io::ErrorKind::PermissionDenied => LabError::NoPrivilege(error),
        _ => failed_to("make the lab's namespace")(error),
    })?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(failed_to("start the lab's runtime"))?;
    runtime.block_on(async {
        let mut uplink = Uplink::create(config, &namespace).await?;
        let lived = async {
            namespace
                .enter()
                .map_err(failed_to("enter the lab's namespace"))?;
            let end = uplink.take_end().ok_or(LabError::Died)?;
            let router = Router::open(config, shared, end).await?;
            uplink
                .wait_until_sending()
                .await
                .map_err(failed_to("bring the uplink up"))?;
            // Nobody waits any more only if the starting thread is gone; then `stop` is cancelled.
            let _ = ready.send(());
            router.serve(stop).await;
            Ok(())
        }
        .await;
        lived.and(uplink.remove().await)
    })
}

fn failed_to(step: &str) -> impl FnOnce(io::Error) -> LabError {
    move |source| LabError::Step {
        step: step.to_owned(),
        source,
    }
}
