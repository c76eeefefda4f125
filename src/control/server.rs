//! The pool's end of the socket: who may connect, and what is said on a connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use nix::unistd::geteuid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::timeout;

use super::act::{Dispatcher, RunControl};
use super::protocol::{Answer, MOST_REQUEST, Request, parse};
use crate::identity::PoolName;
use crate::pool::Pool;
use lanherd_connections::{CancellationToken, Protocol, Server};

/// How many may be open at one time: each costs a descriptor, and the herd needs those.
const MOST: usize = 32;
/// How long the next request may take to arrive.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the other side may take to read one line.
const READER_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest complaint, in characters: it may quote what was sent.
const MOST_COMPLAINT: usize = 1_000;

/// Begins to answer for `pool` on a socket that listens. Must be called within a Tokio runtime.
///
/// # Errors
/// The socket cannot be waited on.
pub fn serve<R: RunControl>(
    listener: std::os::unix::net::UnixListener,
    name: PoolName,
    pool: Pool,
    run: R,
) -> io::Result<Server> {
    let listener = UnixListener::from_std(listener)?;
    let dispatcher = Arc::new(Dispatcher { pool, name, run });
    Ok(Server::start(listener, dispatcher, MOST))
}

impl<R: RunControl> Protocol<UnixStream> for Dispatcher<R> {
    /// Whoever owns the pool, and root; as long as there is room. Others are told why not: unlike whoever asks for metrics, whoever
    /// controls a pool waits for what he has asked, and is not cut off for another.
    fn admits(&self, stream: &UnixStream, open: usize) -> bool {
        let refusal = match stream.peer_cred() {
            Ok(peer) if peer.uid() == geteuid().as_raw() || peer.uid() == 0 => None,
            Ok(peer) => Some(format!("the pool is not yours (user {})", peer.uid())),
            Err(error) => Some(format!("who you are could not be found out: {error}")),
        };
        let refusal = refusal.or_else(|| {
            (open >= MOST).then(|| format!("{MOST} connections are open already: close one"))
        });
        if let Some(why) = &refusal {
            // Not waited for: a fresh connection's buffer takes a line, and who has no room gets none.
            let _ = stream.try_write(line(&Answer::Error(why.clone())).as_bytes());
        }
        refusal.is_none()
    }

    async fn converse(self: Arc<Self>, stream: UnixStream, leaving: CancellationToken) {
        converse(stream, &self, &leaving).await;
    }
}

/// One connection, from its first request to its last.
async fn converse<R: RunControl>(
    stream: UnixStream,
    dispatcher: &Dispatcher<R>,
    leaving: &CancellationToken,
) {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let next = tokio::select! {
            next = timeout(REQUEST_TIMEOUT, next_line(&mut reader)) => next,
            () = leaving.cancelled() => return,
        };
        let (answer, then) = match next {
            Ok(Ok(Next::Line(line))) => match parse(&line) {
                Ok(Request::Events {}) => {
                    follow(&dispatcher.pool, reader, writer).await;
                    return;
                }
                Ok(request) => (dispatcher.act(request).await, Then::GoOn),
                Err(error) => (complain(&error.to_string()), Then::GoOn),
            },
            Ok(Ok(Next::TooLong)) => {
                let why = format!("a request has at most {MOST_REQUEST} bytes");
                (complain(&why), Then::End)
            }
            Ok(Ok(Next::End) | Err(_)) => return,
            Err(_) => {
                let patience = humantime::format_duration(REQUEST_TIMEOUT);
                let why = format!("no request came within {patience}");
                (complain(&why), Then::End)
            }
        };
        if tell(&mut writer, &answer).await.is_err() || then == Then::End {
            return;
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    End,
}

/// What came over a connection.
enum Next {
    Line(Vec<u8>),
    TooLong,
    End,
}

/// The next line, without ever keeping more than a request may have. The last one needs no newline.
async fn next_line(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Next> {
    let mut line = Vec::new();
    let most = MOST_REQUEST as u64 + 1;
    reader.take(most).read_until(b'\n', &mut line).await?;
    Ok(match line.last() {
        None => Next::End,
        Some(b'\n') => {
            line.pop();
            Next::Line(line)
        }
        Some(_) if line.len() > MOST_REQUEST => Next::TooLong,
        Some(_) => Next::Line(line),
    })
}

/// Tells all that happens, until the pool ends or the other side does.
async fn follow(pool: &Pool, mut reader: BufReader<OwnedReadHalf>, mut writer: OwnedWriteHalf) {
    let mut events = match pool.events() {
        Ok(events) => events,
        Err(error) => {
            let _ = tell(&mut writer, &Answer::Error(error.to_string())).await;
            return;
        }
    };
    let mut answer = Answer::Following {};
    let mut ignored = [0; 256];
    while tell(&mut writer, &answer).await.is_ok() {
        answer = tokio::select! {
            event = events.recv() => match event {
                Ok(event) => Answer::Event(event),
                Err(RecvError::Lagged(missed)) => Answer::Missed(missed),
                Err(RecvError::Closed) => return,
            },
            gone = hung_up(&mut reader, &mut ignored) => return gone,
        };
    }
}

/// Returns when the other side has gone; what it says until then is not heard.
async fn hung_up(reader: &mut BufReader<OwnedReadHalf>, ignored: &mut [u8]) {
    while let Ok(1..) = reader.read(ignored).await {}
}

fn complain(why: &str) -> Answer {
    Answer::Error(why.chars().take(MOST_COMPLAINT).collect())
}

/// Writes one line, to a reader who reads.
async fn tell(writer: &mut OwnedWriteHalf, answer: &Answer) -> io::Result<()> {
    timeout(READER_TIMEOUT, writer.write_all(line(answer).as_bytes())).await?
}

fn line(answer: &Answer) -> String {
    let text = serde_json::to_string(answer)
        .unwrap_or_else(|error| format!("{{\"error\":\"the answer cannot be written: {error}\"}}"));
    text + "\n"
}
