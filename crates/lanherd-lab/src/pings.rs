//! Who answers pings: the kernel, but under faults of theirs the router itself.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Shared;
use super::sockets::Sockets;
use super::state::{Service, State};

/// Whether the kernel leaves pings to others (`ip-sysctl`): in the namespace of the thread that opens it.
const IGNORE: [&str; 2] = [
    "/proc/sys/net/ipv4/icmp_echo_ignore_all",
    "/proc/sys/net/ipv6/icmp/echo_ignore_all",
];
/// How long until what was refused is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Answers pings to the router's addresses whenever the kernel is not to.
pub(super) struct Pings {
    shared: Arc<Shared>,
    /// The index of the LAN interface.
    lan: u32,
    /// There while the kernel does not answer.
    sockets: Option<Sockets>,
}

impl Pings {
    /// Takes over at once where that is wanted from the beginning.
    pub(super) fn open(lan: u32, shared: &Arc<Shared>) -> io::Result<Self> {
        let mut pings = Self {
            shared: Arc::clone(shared),
            lan,
            sockets: None,
        };
        if shared.state().answers_pings(Instant::now()) {
            pings.take_over()?;
        }
        Ok(pings)
    }

    /// Takes over and gives back, for ever.
    pub(super) async fn serve(mut self, shared: Arc<Shared>, mut changes: watch::Receiver<()>) {
        loop {
            let is_wanted = shared.state().answers_pings(Instant::now());
            match &mut self.sockets {
                Some(sockets) if is_wanted => {
                    sockets
                        .serve_while(&shared, &mut changes, State::answers_pings)
                        .await;
                }
                Some(sockets) => {
                    sockets.finish(&shared);
                    self.give_back(&mut changes).await;
                }
                None if is_wanted => {
                    if let Err(error) = self.take_over() {
                        tracing::warn!(%error, "pings are answered by the kernel, and so all of them at once");
                        pause(&mut changes).await;
                    }
                }
                // Nothing begins by itself.
                None => drop(changes.changed().await),
            }
        }
    }

    /// In between, one ping more may be lost, and none is answered twice.
    fn take_over(&mut self) -> io::Result<()> {
        let served = self.shared.state().served();
        let has_ipv6 = served.iter().any(IpAddr::is_ipv6);
        ignore(true, has_ipv6)?;
        match Sockets::open(Service::Echo, &served, self.lan) {
            Ok(sockets) => {
                self.sockets = Some(sockets);
                Ok(())
            }
            Err(error) => {
                ignore(false, has_ipv6)?;
                Err(error)
            }
        }
    }

    async fn give_back(&mut self, changes: &mut watch::Receiver<()>) {
        let has_ipv6 = self.shared.state().ipv6().is_some();
        match ignore(false, has_ipv6) {
            Ok(()) => self.sockets = None,
            Err(error) => {
                tracing::warn!(%error, "the kernel cannot be told to answer pings again");
                pause(changes).await;
            }
        }
    }
}

/// Has the kernel leave pings to others, or not: of both families where the router has both.
fn ignore(wanted: bool, has_ipv6: bool) -> io::Result<()> {
    let families = if has_ipv6 { 2 } else { 1 };
    for file in &IGNORE[..families] {
        std::fs::write(file, if wanted { "1" } else { "0" })?;
    }
    Ok(())
}

async fn pause(changes: &mut watch::Receiver<()>) {
    // Too long a wait is as well as a change.
    let _ = tokio::time::timeout(RETRY, changes.changed()).await;
}
