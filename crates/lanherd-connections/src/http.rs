//! HTTP/1.1 on a connection, after a handshake.

use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until, timeout, timeout_at};

use super::{CancellationToken, GRACE, Protocol};

/// How long the head of a request may take to arrive, the handshake included; an idle connection is closed after so
/// long, too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// The largest head of a request, in bytes.
const MOST_HEAD: usize = 16 * 1024;

/// What is done on a connection before HTTP is spoken on it.
pub trait Handshake<S>: Send + Sync + 'static {
    /// A connection on which it is over.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Does it. It may take for ever: the server says how long it may.
    fn open(&self, stream: S) -> impl Future<Output = io::Result<Opened<Self::Stream, S>>> + Send;
}

/// A connection after its first bytes.
#[derive(Debug)]
pub enum Opened<T, S> {
    /// The handshake is over.
    Ready(T),
    /// The client speaks HTTP without a handshake; nothing has been read of it. It is told to speak HTTPS.
    Plain(S),
}

/// No handshake: HTTP as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Handshake<S> for Plain {
    type Stream = S;

    async fn open(&self, stream: S) -> io::Result<Opened<S, S>> {
        Ok(Opened::Ready(stream))
    }
}

/// What is answered.
pub trait Site: Send + Sync + 'static {
    /// What an answer has to say.
    type Content: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static;

    /// Answers one request, whose body is not read.
    fn answer(
        &self,
        request: &Request<Incoming>,
    ) -> impl Future<Output = Response<Self::Content>> + Send;
}

/// HTTP/1.1 as a [`Protocol`].
#[derive(Debug)]
pub struct Http<H, T> {
    /// What comes before it.
    pub handshake: H,
    /// What is answered.
    pub site: T,
    /// How long a connection may last, so that one that does not read its answer ends.
    pub lifetime: Duration,
}

impl<S, H, T> Protocol<S> for Http<H, T>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    H: Handshake<S>,
    T: Site,
{
    async fn converse(self: Arc<Self>, stream: S, leaving: CancellationToken) {
        let visit = Visit {
            ends: Instant::now() + self.lifetime,
            asks_by: Instant::now() + HEAD_TIMEOUT,
            leaving,
        };
        let opened = tokio::select! {
            opened = timeout_at(visit.asks_by, self.handshake.open(stream)) => opened,
            () = visit.leaving.cancelled() => return,
        };
        match opened {
            Ok(Ok(Opened::Ready(stream))) => visit.converse(stream, &self.site).await,
            Ok(Ok(Opened::Plain(stream))) => visit.converse(stream, &OnlyOverTls).await,
            Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
            Err(_) => tracing::debug!("a handshake took too long"),
        }
    }
}

/// One connection, from its first byte to its last.
struct Visit {
    ends: Instant,
    /// When the first request must have arrived.
    asks_by: Instant,
    leaving: CancellationToken,
}

impl Visit {
    async fn converse(
        self,
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        site: &impl Site,
    ) {
        let has_asked = AtomicBool::new(false);
        let service = service_fn(|request| {
            has_asked.store(true, Ordering::Relaxed);
            async move { Ok::<_, Infallible>(site.answer(&request).await) }
        });
        // What the handshake has taken, hyper does not know.
        let is_late = async {
            sleep_until(self.asks_by).await;
            if has_asked.load(Ordering::Relaxed) {
                std::future::pending::<()>().await;
            }
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(MOST_HEAD)
            .serve_connection(TokioIo::new(stream), service);
        let mut connection = pin!(connection);
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection over http broke off");
                }
                return;
            }
            () = is_late => return,
            () = self.leaving.cancelled() => {}
            () = sleep_until(self.ends) => {}
        }
        connection.as_mut().graceful_shutdown();
        // What does not end by itself is dropped, and so closed.
        let _ = timeout(GRACE, connection).await;
    }
}

/// What is said, without TLS, to whoever asks without TLS where it is spoken.
struct OnlyOverTls;

impl Site for OnlyOverTls {
    type Content = Full<Bytes>;

    async fn answer(&self, _: &Request<Incoming>) -> Response<Full<Bytes>> {
        let why = "this is HTTPS: begin the address with https://\n";
        let mut answer = Response::new(Full::from(why));
        *answer.status_mut() = StatusCode::BAD_REQUEST;
        for (name, value) in [
            (CONTENT_TYPE, "text/plain; charset=utf-8"),
            (CONNECTION, "close"),
        ] {
            let value = HeaderValue::from_static(value);
            answer.headers_mut().insert(name, value);
        }
        answer
    }
}
