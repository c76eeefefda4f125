#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod http;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::task::{AbortHandle, JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};
pub use tokio_util::sync::CancellationToken;

pub use self::http::{Handshake, Http, Opened, Plain, Site};

/// How long connections may take that are told to end.
pub const GRACE: Duration = Duration::from_millis(500);
/// The pause after `accept` failed, usually for want of descriptors, which trying at once would not bring back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A socket that listens, of whatever family.
pub trait Listener: Send + 'static {
    /// A connection to it.
    type Stream: Send + 'static;

    /// Accepts the next connection. Nothing is lost if this is dropped before it has returned.
    fn accept(&self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&self) -> io::Result<TcpStream> {
        Ok(Self::accept(self).await?.0)
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    async fn accept(&self) -> io::Result<UnixStream> {
        Ok(Self::accept(self).await?.0)
    }
}

/// What is spoken on connections: [`Http`], or a protocol of one's own.
pub trait Protocol<S>: Send + Sync + 'static {
    /// Whether a new connection is served, beside so many that are open; a protocol that refuses one may say why on it, but not
    /// wait for it. All are served where this is not said: for one too many the oldest is closed.
    fn admits(&self, stream: &S, open: usize) -> bool {
        let _ = (stream, open);
        true
    }

    /// Serves one connection, from its first byte to its last. Once `leaving` is cancelled it has [`GRACE`] to end.
    fn converse(
        self: Arc<Self>,
        stream: S,
        leaving: CancellationToken,
    ) -> impl Future<Output = ()> + Send;
}

/// A server that accepts connections; dropped, it ends unwaited.
#[derive(Debug)]
pub struct Server {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Server {
    /// Begins to accept, as [`serve`] does. Must be called within a Tokio runtime.
    pub fn start<L: Listener>(
        listener: L,
        protocol: Arc<impl Protocol<L::Stream>>,
        most: usize,
    ) -> Self {
        let stop = CancellationToken::new();
        let task = tokio::spawn(serve(listener, protocol, most, stop.clone()));
        Self { stop, task }
    }

    /// Stops listening, lets requests in progress end, and closes what is still open after [`GRACE`].
    pub async fn shut_down(mut self) {
        self.stop.cancel();
        // It fails only if the runtime is ending, and then nobody is served any more either.
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Serves what connects to `listener` until `stop` is cancelled, at most so many connections at one time: each costs a descriptor.
/// Where there are more, the oldest is closed, unless the protocol [admits](Protocol::admits) no more.
pub async fn serve<L: Listener>(
    listener: L,
    protocol: Arc<impl Protocol<L::Stream>>,
    most: usize,
    stop: CancellationToken,
) {
    let mut open = Open::default();
    loop {
        tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(stream) => {
                    if protocol.admits(&stream, open.count()) {
                        let protocol = Arc::clone(&protocol);
                        open.admit(protocol.converse(stream, stop.clone()), most);
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    sleep(ACCEPT_PAUSE).await;
                }
            },
            Some(_) = open.tasks.join_next() => {}
        }
    }
    drop(listener);
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
    /// How many there are.
    fn count(&mut self) -> usize {
        self.by_age.retain(|task| !task.is_finished());
        self.by_age.len()
    }

    /// Takes one more; closes the oldest where there are too many, because that is the least likely to be at work.
    fn admit(&mut self, conversation: impl Future<Output = ()> + Send + 'static, most: usize) {
        if self.count() >= most
            && let Some(oldest) = self.by_age.pop_front()
        {
            oldest.abort();
        }
        self.by_age.push_back(self.tasks.spawn(conversation));
    }
}
