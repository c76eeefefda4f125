#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

use std::collections::VecDeque;
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
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

/// What is done on a connection before HTTP is spoken on it.
pub trait Handshake: Send + Sync + 'static {
    /// A connection on which it is over.
    type Stream: AsyncRead + AsyncWrite + Send + Unpin + 'static;

    /// Does it. It may take for ever: the server says how long it may.
    fn open(
        &self,
        stream: TcpStream,
    ) -> impl Future<Output = io::Result<Opened<Self::Stream>>> + Send;
}

/// A connection after its first bytes.
#[derive(Debug)]
pub enum Opened<S> {
    /// The handshake is over.
    Ready(S),
    /// The client speaks HTTP without a handshake; nothing has been read of it. It is told to speak HTTPS.
    Plain(TcpStream),
}

/// No handshake: HTTP as it is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Plain;

impl Handshake for Plain {
    type Stream = TcpStream;

    async fn open(&self, stream: TcpStream) -> io::Result<Opened<TcpStream>> {
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

/// What a server allows.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// How many connections may be open at one time: each costs a descriptor, and the herd needs those. Where there are more,
    /// the oldest is closed.
    pub most: usize,
    /// How long a connection may last, so that one that does not read its answer ends.
    pub lifetime: Duration,
}

/// How long the head of a request may take to arrive, the handshake included; an idle connection is closed after so
/// long, too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection that is told to end may take.
const GRACE: Duration = Duration::from_millis(500);
/// The largest head of a request, in bytes.
const MOST_HEAD: usize = 16 * 1024;
/// The pause after `accept` failed, usually for want of descriptors, which trying at once would not bring back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers on `listener`, after that handshake, until `stopped` resolves.
pub async fn serve<H: Handshake, S: Site>(
    listener: TcpListener,
    handshake: H,
    site: Arc<S>,
    limits: Limits,
    mut stopped: oneshot::Receiver<()>,
) {
    let handshake = Arc::new(handshake);
    let (leave, leaving) = watch::channel(());
    let mut open = Open::default();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let visit = Visit {
                        site: Arc::clone(&site),
                        ends: Instant::now() + limits.lifetime,
                        asks_by: Instant::now() + HEAD_TIMEOUT,
                        leaving: leaving.clone(),
                    };
                    open.admit(visit.receive(stream, Arc::clone(&handshake)), limits.most);
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection over http could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = open.tasks.join_next() => {}
        }
    }
    drop((listener, leave));
    let all_ended = async { while open.tasks.join_next().await.is_some() {} };
    if timeout(GRACE, all_ended).await.is_err() {
        open.tasks.shutdown().await;
    }
}

/// The open connections.
#[derive(Default)]
struct Open {
    tasks: JoinSet<()>,
    by_age: VecDeque<AbortHandle>,
}

impl Open {
    /// Takes one more; closes the oldest where there are too many, because that is the least likely to be at work.
    fn admit(&mut self, conversation: impl Future<Output = ()> + Send + 'static, most: usize) {
        self.by_age.retain(|task| !task.is_finished());
        if self.by_age.len() >= most
            && let Some(oldest) = self.by_age.pop_front()
        {
            oldest.abort();
        }
        self.by_age.push_back(self.tasks.spawn(conversation));
    }
}

/// One connection, from its first byte to its last.
struct Visit<S> {
    site: Arc<S>,
    ends: Instant,
    /// When the first request must have arrived.
    asks_by: Instant,
    leaving: watch::Receiver<()>,
}

impl<S: Site> Visit<S> {
    async fn receive<H: Handshake>(mut self, stream: TcpStream, handshake: Arc<H>) {
        let opened = tokio::select! {
            opened = timeout_at(self.asks_by, handshake.open(stream)) => opened,
            _ = self.leaving.changed() => return,
        };
        match opened {
            Ok(Ok(Opened::Ready(stream))) => self.converse(stream).await,
            Ok(Ok(Opened::Plain(stream))) => {
                let visit = Visit {
                    site: Arc::new(OnlyOverTls),
                    ends: self.ends,
                    asks_by: self.asks_by,
                    leaving: self.leaving,
                };
                visit.converse(stream).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, "a handshake failed"),
            Err(_) => tracing::debug!("a handshake took too long"),
        }
    }

    async fn converse(mut self, stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) {
        let has_asked = AtomicBool::new(false);
        let service = service_fn(|request| {
            has_asked.store(true, Ordering::Relaxed);
            let site = Arc::clone(&self.site);
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
            _ = self.leaving.changed() => {}
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
