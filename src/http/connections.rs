//! Connections: how many, how long, and how they end.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};

use super::pages::{Pages, Readiness};

/// How many may be open at one time: each costs a descriptor, and the herd needs those.
const MOST: usize = 64;
/// How long the head of a request may take to arrive; an idle connection is closed after so long, too.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection may last, so that one that does not read its answer ends.
const LIFETIME: Duration = Duration::from_secs(60);
/// How long a connection that is told to end may take.
const GRACE: Duration = Duration::from_millis(500);
/// The largest head of a request, in bytes.
const MOST_HEAD: usize = 16 * 1024;
/// The pause after `accept` failed, usually for want of descriptors, which trying at once would not bring back.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers on `listener` until `stopped` resolves.
pub(super) async fn serve<R: Readiness>(
    listener: TcpListener,
    pages: Arc<Pages<R>>,
    mut stopped: oneshot::Receiver<()>,
) {
    let (leave, leaving) = watch::channel(());
    let mut open = Open::default();
    loop {
        tokio::select! {
            _ = &mut stopped => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => open.admit(converse(stream, Arc::clone(&pages), leaving.clone())),
                Err(error) => {
                    tracing::warn!(%error, "a connection for metrics could not be accepted");
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
    /// Takes one more; closes the oldest where there are too many, because that is the least likely to be a scrape.
    fn admit(&mut self, conversation: impl Future<Output = ()> + Send + 'static) {
        self.by_age.retain(|task| !task.is_finished());
        if self.by_age.len() >= MOST
            && let Some(oldest) = self.by_age.pop_front()
        {
            oldest.abort();
        }
        self.by_age.push_back(self.tasks.spawn(conversation));
    }
}

/// One connection, from its first byte to its last.
async fn converse<R: Readiness>(
    stream: TcpStream,
    pages: Arc<Pages<R>>,
    mut leaving: watch::Receiver<()>,
) {
    let service = service_fn(|request| {
        let pages = Arc::clone(&pages);
        async move { pages.answer(&request).await }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MOST_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    tokio::select! {
        ended = connection.as_mut() => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection for metrics broke off");
            }
            return;
        }
        _ = leaving.changed() => {}
        () = sleep(LIFETIME) => {}
    }
    connection.as_mut().graceful_shutdown();
    // What does not end by itself is dropped, and so closed.
    let _ = timeout(GRACE, connection).await;
}
