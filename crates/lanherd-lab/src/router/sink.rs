//! The lab's sink for streams of traffic, on port [`lanherd_stream::PORT`] of each of the router's addresses.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

use lanherd_connections::{self as connections, CancellationToken};
use lanherd_stream::sink::{self, Sink, SinkLimits};
use lanherd_types::family::Family;

/// As many streams as the largest herds have clients.
const STREAMS: usize = 10_000;
/// A day, for soaks.
const LASTS: Duration = Duration::from_secs(86_400);

/// Listens on every address of that family of the calling thread's namespace.
pub(super) fn listen(family: Family) -> io::Result<TcpListener> {
    let every: IpAddr = match family {
        Family::Ipv4 => Ipv4Addr::UNSPECIFIED.into(),
        Family::Ipv6 => Ipv6Addr::UNSPECIFIED.into(),
    };
    sink::listen((every, lanherd_stream::PORT).into())
}

/// The sink; `None`, where there are no random numbers: the lab works without.
pub(super) fn start() -> Option<Arc<Sink>> {
    let limits = SinkLimits {
        streams: STREAMS,
        lasts: LASTS,
        bytes: u64::MAX,
    };
    match Sink::new(limits) {
        Ok(sink) => Some(Arc::new(sink)),
        Err(error) => {
            tracing::warn!(%error, "the lab has no sink: /dev/urandom cannot be read");
            None
        }
    }
}

/// Serves streams for ever.
pub(super) async fn serve(listener: TcpListener, sink: Arc<Sink>) {
    let never = CancellationToken::new();
    let most = sink.limits().connections();
    connections::serve(listener, sink, most, never).await;
}
