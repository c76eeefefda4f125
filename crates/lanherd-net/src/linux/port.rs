//! One client's place on the LAN: its sockets, and its jobs in its namespace. What it is asked to do is in `port_calls`.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::command_gate::Gate;
use super::endpoint::Endpoint;
use super::endpoint_table::Registration;
use super::error::{is_lost, no_result, refused};
use super::losses::{examine_name, socket_lost};
use super::pinger::{PingSocket, Pinger};
use super::shared::Shared;
use super::sockets::Sockets;
use super::sysctl::Sysctls;
use super::worker::{WorkerContext, WorkerError};
use crate::netns::NetNs;
use lanherd_types::family::Family;
use lanherd_types::phase::{Failure, Stage};

/// The real [`Port`](crate::lan::Port).
pub struct LinuxPort {
    pub(super) shared: Arc<Shared>,
    pub(super) registration: Registration,
    pub(super) sockets: Arc<Sockets>,
    gate: Arc<Gate>,
}

impl LinuxPort {
    /// From here on the client is told of what somebody else removes from its namespace.
    pub(super) fn new(
        shared: Arc<Shared>,
        registration: Registration,
        sockets: Sockets,
    ) -> Result<Self, Failure> {
        let sockets = Arc::new(sockets);
        let endpoint = &registration.endpoint;
        endpoint.plug_in(&sockets);
        if endpoint.speaks_ipv6() {
            let heard = sockets.monitor.hear_neighbours();
            heard.map_err(|error| refused(Stage::Socket, "listening to the neighbours", &error))?;
        }
        shared
            .monitors
            .add(endpoint.identity.mac, &sockets)
            .map_err(|error| refused(Stage::Socket, "listening to the namespace", &error))?;
        // It may have been taken away while nobody could know whose it was.
        examine_name(&shared.config.paths.netns, endpoint, &sockets);
        let gate = shared.commands.open(endpoint.identity.number);
        Ok(Self {
            shared,
            registration,
            sockets,
            gate,
        })
    }

    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.registration.endpoint
    }

    /// The path on which the client's namespace is bound.
    pub(super) fn binding(&self) -> PathBuf {
        self.shared
            .host_entries(&self.endpoint().identity)
            .binding()
            .to_owned()
    }

    /// The inode of the client's namespace.
    pub(super) fn namespace(&self) -> u64 {
        self.sockets.namespace
    }

    /// The gate that the client's commands pass.
    pub(super) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// The folder with a folder for each client, whose files lie over those of `/etc` for its commands, where there is one.
    pub(super) fn resolver_folder(&self) -> Option<PathBuf> {
        let folder = self.shared.folders.resolver_folders();
        folder.map(ToOwned::to_owned)
    }

    /// The name of the client's namespace.
    pub(super) fn name(&self) -> String {
        self.endpoint().identity.namespace.clone()
    }

    /// Runs a job on the client's thread.
    pub(super) async fn run<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut WorkerContext) -> R + Send + 'static,
    ) -> Result<R, WorkerError> {
        let number = self.endpoint().identity.number;
        self.shared.workers.run(number, job).await
    }

    /// Tells the client where an error means that one of its sockets is lost.
    pub(super) fn heed(&self, error: &io::Error) {
        if is_lost(error) {
            socket_lost(self.endpoint(), &self.sockets, &error.to_string());
        }
    }

    /// Runs a job inside the client's namespace, on the client's thread.
    pub(super) async fn inside<R: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Sysctls, &Sockets) -> io::Result<R> + Send + 'static,
    ) -> io::Result<R> {
        let (binding, inode) = (self.binding(), self.namespace());
        let sockets = Arc::clone(&self.sockets);
        let visit = move |context: &mut WorkerContext| {
            let namespace = NetNs::open_own(&binding, inode)?;
            let WorkerContext {
                home,
                sysctls,
                runtime,
                ..
            } = context;
            let _context = runtime.enter();
            home.visit(&namespace, || job(sysctls, &sockets))?
        };
        self.run(visit).await.map_err(io::Error::other)?
    }

    /// What sends pings of this family. The socket for IPv6 is opened when the first one is sent.
    pub(super) async fn pinger(&self, family: Family) -> io::Result<Arc<Pinger>> {
        if family == Family::Ipv4 {
            return self.sockets.icmp();
        }
        if !self.endpoint().speaks_ipv6() {
            return Err(io::Error::from_raw_os_error(libc::ENETUNREACH));
        }
        if let Some(pinger) = self.sockets.icmp6()? {
            return Ok(pinger);
        }
        let reader = Arc::clone(&self.shared.ping_reader);
        let opened = self.inside(move |_, sockets| {
            sockets.keep_icmp6(|| PingSocket::open(Family::Ipv6, &reader))
        });
        // On the heap: once in a client's life.
        Box::pin(opened).await
    }

    /// Runs a job about the client's addressing on the client's thread.
    pub(super) async fn on_thread<R: Send + 'static>(
        &self,
        job: impl FnOnce(&Shared, &Endpoint, &Sockets) -> Result<R, Failure> + Send + 'static,
    ) -> Result<R, Failure> {
        let endpoint = Arc::clone(&self.registration.endpoint);
        let (shared, sockets) = (Arc::clone(&self.shared), Arc::clone(&self.sockets));
        self.shared
            .workers
            .run(endpoint.identity.number, move |_| {
                job(&shared, &endpoint, &sockets)
            })
            .await
            .unwrap_or_else(|gone| Err(no_result(Stage::Configure, gone)))
    }
}
