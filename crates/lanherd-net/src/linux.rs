//! The real LAN: clients are network namespaces with a macvlan each on a parent interface of this host.
//!
//! Who owns what. A [`LinuxLan`] owns the pool's lock and folder, the raw socket on the parent, two threads that enter
//! namespaces and one that watches parent and namespaces. A client's visible things (namespace, resolver folder, record) belong to
//! whoever holds the lock, and are undone by name. A [`LinuxPort`] owns three or four sockets inside the namespace; the kernel
//! destroys the namespace, and the macvlan with it, once the name is unbound and these are closed.
//!
//! What others do. The kernel notifies of a link, an address or a route that is removed in a client's namespace, of a name
//! that is removed, and of each change of the parent; the present state is then read, and the client is told. Nothing is
//! polled.
//!
//! On abort. When [`Lan::attach`] fails or is dropped, whatever it had made has a record, and [`Lan::detach`] removes it;
//! a job that was already queued runs first, because both go through the same thread. When the process is killed, the
//! kernel drops the lock, and the records tell the next run, or `lanherd clean`, what was left.

mod addressing;
mod addressing6;
mod adopt;
mod adopted;
mod arp;
mod attach;
mod capabilities;
mod carry_out;
mod close;
mod command_gate;
mod commands;
mod configure6;
mod dhcp_sockets;
mod dialing;
mod endpoint;
mod endpoint_table;
mod error;
pub(crate) mod filter;
mod flap;
mod inject_fault;
mod leases;
mod ledger;
mod losses;
mod namespace_registry;
mod netlink_monitor;
mod netlink_monitors;
mod open;
mod parent;
mod parent_error;
mod parent_trial;
mod pending_attach;
mod ping_reader;
mod pinger;
mod port;
mod port_calls;
mod raw_socket;
mod resolver;
mod resolver_writing;
mod scope;
mod shared;
mod sockets;
mod speakers6;
pub(crate) mod stamp;
mod sysctl;
mod upkeep;
mod watch;
mod worker;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;

use crate::lan::ipv6::Held6;
use crate::lan::{CleanupError, Inbox, InjectError, Lan};
use crate::rundir::lease_record::Clock;
use lanherd_dhcp::{Lease, Transmit};
use lanherd_types::family::Families;
use lanherd_types::fault::Fault;
use lanherd_types::identity::Identity;
use lanherd_types::phase::Failure;

pub use crate::config::{LINK, LanConfig, MacvlanMode, MacvlanModeError};
pub use capabilities::missing_capabilities;
pub use error::{Fate, Foreign, Leak, OpenError};
pub use parent::{candidates, check};
pub use parent_error::ParentError;
pub use port::LinuxPort;
pub use shared::LinuxLan;

use worker::WorkerContext;

impl LinuxLan {
    /// Which of these clients' names are borne by something that is not ours. Looks at a few files for each.
    pub fn foreign(&self, identities: &[Identity]) -> Vec<Foreign> {
        identities
            .iter()
            .filter_map(|identity| {
                let entries = self.shared.host_entries(identity);
                let path = entries.foreign().ok().flatten()?;
                Some(Foreign {
                    number: identity.number,
                    path,
                })
            })
            .collect()
    }

    /// For how many leases no RELEASE could be sent. They stay written down, for the next start of the pool and for
    /// `lanherd clean`.
    pub fn unreleased(&self) -> usize {
        self.shared.unreleased.lock().len()
    }

    /// The parent's MTU, in bytes.
    pub fn parent_mtu(&self) -> u32 {
        self.shared.parent.mtu()
    }
}

impl Lan for LinuxLan {
    type Port = LinuxPort;

    async fn attach_speaking(
        &self,
        families: Families,
        identity: &Identity,
        inbox: Inbox,
    ) -> Result<LinuxPort, Failure> {
        attach::attach(&self.shared, families, identity, inbox).await
    }

    async fn detach(&self, identity: &Identity) -> Vec<CleanupError> {
        if let Some(endpoint) = self.shared.endpoints.find(identity.mac) {
            endpoint.leave();
        }
        // A process in the namespace would keep it alive.
        if !self.shared.commands.close(identity.number).await {
            tracing::warn!(client = %identity.namespace, "a command that was killed has not ended");
        }
        let (shared, entries) = (Arc::clone(&self.shared), self.shared.host_entries(identity));
        let remove = move |_: &mut WorkerContext| {
            let errors = shared.remove_client(&entries);
            shared.namespaces.leave(entries.namespace());
            shared.namespaces.tidy(&shared.config.paths.netns);
            errors
        };
        let removed = self.shared.workers.run(identity.number, remove).await;
        self.shared.look_later(&Handle::current());
        removed.unwrap_or_else(|gone| {
            vec![CleanupError {
                what: format!("namespace {}", identity.namespace),
                why: gone.to_string(),
            }]
        })
    }

    fn transmit_for(&self, identity: &Identity, transmit: &Transmit) -> io::Result<()> {
        let send = || self.shared.send_raw(identity, transmit);
        self.shared.give_back(identity, transmit, send)
    }

    fn transmit6_for(&self, identity: &Identity, frame: &[u8]) -> io::Result<()> {
        self.shared.give_back6(identity, frame)
    }

    fn remembered6(&self, identity: &Identity) -> Option<Held6> {
        let adopted = self.shared.adopted.lock();
        let held = adopted.leases6.get(&identity.mac)?.held(Clock::now())?;
        (!held.is_requested).then_some(held)
    }

    fn forget(&self, identity: &Identity) {
        let (shared, identity) = (Arc::clone(&self.shared), identity.clone());
        // After all that the client's thread has to do still.
        self.shared.workers.post(identity.number, move |_| {
            // What was taken over and never asked for is given back when the LAN is closed.
            if shared.adopted.lock().has_lease_of(identity.mac)
                || shared.unreleased.lock().contains(&identity.namespace)
            {
                return;
            }
            shared.endpoints.forget_server(identity.mac);
            shared.forget_or_warn(&identity);
            shared.forget6_or_warn(&identity);
        });
    }

    fn remembered(&self, identity: &Identity) -> Option<Lease> {
        let adopted = self.shared.adopted.lock();
        let held = adopted.leases.get(&identity.mac)?;
        let is_usable = !held.is_requested && !held.is_expired(Clock::now());
        is_usable.then(|| held.lease.clone())
    }

    async fn inject_fault(&self, identity: &Identity, fault: Fault) -> Result<(), InjectError> {
        inject_fault::inject_fault(&self.shared, identity, fault).await
    }

    async fn flap(&self, pause: Duration) -> Result<(), InjectError> {
        flap::flap(&self.shared, pause).await
    }
}
