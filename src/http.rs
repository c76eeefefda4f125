//! What is told over HTTP: to a monitoring system (`/metrics`, `/healthz`, `/readyz`), to programs ([`api`], `/api/v1/...`)
//! and to people (the live page, `/`). Nothing can be changed over it. With TLS or without, as the [`Guard`] says.
//!
//! Who owns what: one task owns the listener and the tasks of all connections; [`Server`] owns that task, and the one that
//! tells those who follow of the herd; whoever watches the herd ([`live`](crate::live)) is not its business. Nobody can keep
//! a scrape from being answered by being slow: when there are too many connections the oldest is closed, a request must
//! arrive within seconds, and a connection ends after a minute, a stream of events among them (whoever follows comes back and
//! says where he was). Ending the server takes less than a second, whatever clients do; dropping it ends it as well,
//! unwaited.

pub mod api;
mod guard;
mod pages;
mod panels;
mod stream;
#[cfg(not(feature = "tls"))]
mod without_tls;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

#[cfg(feature = "tls")]
use prometheus_web_config::{self as tls, Tls, TlsStream};
use tokio::net::TcpStream;

pub use self::guard::{Guard, GuardError};
use self::pages::Pages;
pub use self::pages::Readiness;
use self::stream::{Broadcaster, Streams};
#[cfg(not(feature = "tls"))]
use self::without_tls::{self as tls, Tls};
use crate::live::Live;
pub use crate::live::Ready;
use crate::metrics::Metrics;
use crate::pool::{Pool, PoolError};
use lanherd_connections::{self as connections, Handshake, Http, Opened, Plain};

/// How many connections may be open at one time: few, for the herd needs the descriptors.
const MOST_CONNECTIONS: usize = 64;
/// How long a connection may last: a scrape is short.
const LIFETIME: Duration = Duration::from_secs(60);

/// Why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address cannot be listened on.
    #[error("metrics cannot be served on {address}: {error}; {}", remedy(.error, *.address))]
    Bind {
        /// The address and port that were asked for.
        address: SocketAddr,
        /// Why the kernel refused it.
        #[source]
        error: io::Error,
    },
    /// Others than this machine could ask, and nothing keeps them from it.
    #[error(
        "{0} is reached from beyond this machine: say who may ask, with --metrics-token-file or --web-config, or serve on 127.0.0.1"
    )]
    Unguarded(SocketAddr),
    /// There is no herd to tell of.
    #[error("the herd cannot be followed: {0}")]
    Pool(#[from] PoolError),
}

fn remedy(error: &io::Error, address: SocketAddr) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => "choose another port, or 0 for any that is free".to_owned(),
        io::ErrorKind::PermissionDenied => "choose a port of 1024 or above".to_owned(),
        io::ErrorKind::AddrNotAvailable => format!(
            "{} is no address of this machine: choose one that is, such as 127.0.0.1",
            address.ip()
        ),
        _ => "choose another address or port".to_owned(),
    }
}

/// A socket that listens, and is not yet served.
///
/// It stays in the network namespace in which it was made. So it is made before the program enters its sandbox, and
/// serves the host from inside.
#[derive(Debug)]
pub struct BoundServer {
    listener: TcpListener,
    address: SocketAddr,
    guard: Guard,
}

/// Listens on `address`, for whom `guard` admits; port 0 takes any that is free. Needs no runtime.
///
/// # Errors
/// [`HttpError::Unguarded`] for an address beyond the loopback where everybody is admitted, and not even TLS is asked for.
pub fn bind(address: SocketAddr, guard: Guard) -> Result<BoundServer, HttpError> {
    if !address.ip().is_loopback() && guard.is_open() && guard.tls().is_none() {
        return Err(HttpError::Unguarded(address));
    }
    let failed = |error| HttpError::Bind { address, error };
    let listener = TcpListener::bind(address).map_err(failed)?;
    listener.set_nonblocking(true).map_err(failed)?;
    let address = listener.local_addr().map_err(failed)?;
    if !address.ip().is_loopback() {
        if guard.tls().is_none() {
            tracing::warn!(
                %address,
                "metrics and the live page are served beyond this machine without encryption: who listens on the way reads along"
            );
        } else if guard.is_open() {
            tracing::warn!(
                %address,
                "everybody who can reach this may ask for metrics and the live page: say who may, with basic_auth_users in the \
                 --web-config, a --metrics-token-file, or client_auth_type: RequireAndVerifyClientCert"
            );
        }
    }
    Ok(BoundServer {
        listener,
        address,
        guard,
    })
}

/// A connection over TLS.
#[cfg(feature = "tls")]
type TlsConnection = Box<TlsStream<TcpStream>>;
#[cfg(not(feature = "tls"))]
type TlsConnection = without_tls::Stream;

/// TLS before HTTP.
struct OverTls(Arc<Tls>);

impl Handshake<TcpStream> for OverTls {
    type Stream = TlsConnection;

    async fn open(&self, stream: TcpStream) -> io::Result<Opened<Self::Stream, TcpStream>> {
        Ok(match self.0.open(stream).await? {
            tls::Opened::Tls(stream) => Opened::Ready(stream),
            tls::Opened::Plain(stream) => Opened::Plain(stream),
        })
    }
}

impl BoundServer {
    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Begins to answer. Must be called within a Tokio runtime.
    pub fn serve<R: Readiness>(self, metrics: Metrics, readiness: R) -> Result<Server, HttpError> {
        self.answer(metrics, readiness, None)
    }

    /// The same, with the live page and the API of a herd. Must be called within a Tokio runtime.
    pub fn serve_herd(
        self,
        metrics: Metrics,
        pool: Pool,
        live: Arc<Live>,
    ) -> Result<Server, HttpError> {
        let broadcaster = Streams::of(live)?;
        self.answer(metrics, pool, Some(broadcaster))
    }

    fn answer<R: Readiness>(
        self,
        metrics: Metrics,
        readiness: R,
        broadcaster: Option<Broadcaster>,
    ) -> Result<Server, HttpError> {
        let address = self.address;
        let listener = tokio::net::TcpListener::from_std(self.listener)
            .map_err(|error| HttpError::Bind { address, error })?;
        let tls = self.guard.tls().cloned();
        let scheme = if tls.is_some() { "https" } else { "http" };
        let streams = broadcaster
            .as_ref()
            .map(|broadcaster| Arc::clone(broadcaster.streams()));
        let site = Pages {
            metrics,
            readiness,
            streams,
            panels: Arc::default(),
            guard: self.guard,
            is_local: address.ip().is_loopback(),
        };
        let connections = match tls {
            Some(tls) => start(listener, OverTls(tls), site),
            None => start(listener, Plain, site),
        };
        Ok(Server {
            address,
            scheme,
            broadcaster,
            connections,
        })
    }
}

fn start<R: Readiness>(
    listener: tokio::net::TcpListener,
    handshake: impl Handshake<TcpStream>,
    site: Pages<R>,
) -> connections::Server {
    let http = Http {
        handshake,
        site,
        lifetime: LIFETIME,
    };
    connections::Server::start(listener, Arc::new(http), MOST_CONNECTIONS)
}

/// Listens on `address`, of this machine only, and answers at once: [`bind`], then [`BoundServer::serve`].
pub fn serve<R: Readiness>(
    address: SocketAddr,
    metrics: Metrics,
    readiness: R,
) -> Result<Server, HttpError> {
    bind(address, Guard::open())?.serve(metrics, readiness)
}

/// A server that answers.
#[derive(Debug)]
pub struct Server {
    address: SocketAddr,
    scheme: &'static str,
    broadcaster: Option<Broadcaster>,
    connections: connections::Server,
}

impl Server {
    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of its pages, without a slash at the end.
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// Stops listening, lets requests in progress end, and closes what is still open half a second later.
    pub async fn shut_down(self) {
        // Streams end with it, in order.
        drop(self.broadcaster);
        self.connections.shut_down().await;
    }
}

#[cfg(test)]
mod tests;
