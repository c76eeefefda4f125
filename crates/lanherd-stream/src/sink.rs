//! The other end of streams: counts what clients send, and sends what they ask for, within limits.

mod session;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use socket2::{Domain, Socket, Type};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use self::session::Session;
use crate::protocol::{
    Accepted, Cookie, Counted, Data, DecodeError, Direction, DirectionEnd, Message, MessageReader,
    Open, ReadError, RefusalReason, Refused, VERSION,
};
use crate::transfer::{self, Receiving, Sending, TransferEnd};
use lanherd_connections::Protocol;
use lanherd_net::bulk::{Bulk, Shape};

/// How many connections wait to be accepted while a herd comes all at once.
const BACKLOG: i32 = 4096;
/// How long a connection may take to say what it is.
const HELLO: Duration = Duration::from_secs(5);
/// How long after its time a stream may yet be under way: what is in the queues between both ends then has to arrive. So long may one
/// also keep its place while nothing comes of it.
const DRAIN: Duration = Duration::from_secs(60);
/// How long an end may take that both sides know of.
const FAREWELL: Duration = Duration::from_secs(5);
/// A stream has a control connection and one for each direction; a fourth is for those that are refused in words.
const CONNECTIONS_OF_A_STREAM: usize = 4;
/// Some more, for as long as they have said nothing yet.
const STRANGERS: usize = 64;

/// What a sink lets clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkLimits {
    /// So many streams at a time; more are refused.
    pub streams: usize,
    /// The longest that a stream may last.
    pub lasts: Duration,
    /// The most bytes of a stream in each direction; it is ended there.
    pub bytes: u64,
}

impl Default for SinkLimits {
    /// A thousand streams, of an hour and a terabyte at most.
    fn default() -> Self {
        Self {
            streams: 1_000,
            lasts: Duration::from_secs(3_600),
            bytes: 1_000_000_000_000,
        }
    }
}

impl SinkLimits {
    /// How many connections may be open at a time.
    pub const fn connections(&self) -> usize {
        self.streams
            .saturating_mul(CONNECTIONS_OF_A_STREAM)
            .saturating_add(STRANGERS)
    }
}

/// What a sink has done since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SinkCounters {
    /// Streams that it has accepted.
    pub accepted: u64,
    /// Clients that it has told that it does not serve them.
    pub refused: u64,
    /// Connections of others, which it has closed without a word.
    pub ignored: u64,
    /// Bytes that it received in streams that have ended.
    pub received: u64,
    /// Bytes that it sent in streams that have ended.
    pub sent: u64,
}

/// A sink: a [`Protocol`] for [`lanherd_connections::serve`], which is to be told of [`SinkLimits::connections`].
#[derive(Debug)]
pub struct Sink {
    limits: SinkLimits,
    /// Where cookies come from: nobody can guess what the kernel draws.
    random: Mutex<File>,
    sessions: Mutex<HashMap<Cookie, Arc<Session>>>,
    counters: Mutex<SinkCounters>,
}

impl Sink {
    /// With these limits.
    ///
    /// # Errors
    /// If the kernel's random numbers cannot be read.
    pub fn new(limits: SinkLimits) -> io::Result<Self> {
        Ok(Self {
            limits,
            random: Mutex::new(File::open("/dev/urandom")?),
            sessions: Mutex::default(),
            counters: Mutex::default(),
        })
    }

    /// What it lets clients do.
    pub const fn limits(&self) -> &SinkLimits {
        &self.limits
    }

    /// What it has done.
    pub fn counters(&self) -> SinkCounters {
        *self.counters.lock()
    }

    /// How many streams there are now.
    pub fn streams(&self) -> usize {
        self.sessions.lock().len()
    }

    fn count(&self, change: impl FnOnce(&mut SinkCounters)) {
        change(&mut self.counters.lock());
    }

    async fn serve<S: Bulk>(&self, mut stream: S, leaving: &CancellationToken) {
        let mut reader = MessageReader::default();
        let Ok(first) = timeout(HELLO, reader.next(&mut stream)).await else {
            // Whoever says nothing is told nothing.
            return self.count(|counters| counters.ignored += 1);
        };
        match first {
            Ok(Message::Open(open)) => self.control(stream, reader, open, leaving).await,
            Ok(Message::Data(data)) => self.data(stream, data, leaving).await,
            Err(ReadError::Malformed(DecodeError::Version(version))) => {
                let words = format!(
                    "this sink speaks version {VERSION} of the protocol, and not {version}: use the same release of lanherd at both ends"
                );
                self.refuse(&mut stream, RefusalReason::Version, words)
                    .await;
            }
            Ok(Message::Accepted(_) | Message::Refused(_) | Message::Result(_)) | Err(_) => {
                self.count(|counters| counters.ignored += 1);
            }
        }
    }

    async fn refuse<S: Bulk>(&self, stream: &mut S, reason: RefusalReason, words: String) {
        self.count(|counters| counters.refused += 1);
        say(stream, &Message::Refused(Refused { reason, words })).await;
        // What the client has yet to say would have the kernel break the connection off, and the words be lost.
        let _ = stream.shutdown().await;
        let rest = async {
            while stream
                .discard(usize::MAX)
                .await
                .is_ok_and(|count| count > 0)
            {}
        };
        let _ = timeout(FAREWELL, rest).await;
    }

    /// Why that stream is not served.
    fn refusal(&self, open: &Open) -> Option<(RefusalReason, String)> {
        let limit = self.limits.lasts;
        if open.lasts > limit {
            let words = format!(
                "a stream may last {} s here at most, and not {} s",
                limit.as_secs_f64(),
                open.lasts.as_secs_f64()
            );
            return Some((RefusalReason::TooLong, words));
        }
        if self.streams() >= self.limits.streams {
            let most = self.limits.streams;
            let words =
                format!("there are {most} streams here already, which is as many as may be");
            return Some((RefusalReason::Busy, words));
        }
        None
    }

    /// A control connection, to its end.
    async fn control<S: Bulk>(
        &self,
        mut stream: S,
        mut reader: MessageReader,
        open: Open,
        leaving: &CancellationToken,
    ) {
        if let Some((reason, words)) = self.refusal(&open) {
            return self.refuse(&mut stream, reason, words).await;
        }
        let shape = Shape {
            congestion_control: open.congestion_control.clone(),
            rate: None,
        };
        // Tried here, where there is somebody to tell.
        let used = match stream.shape(&shape) {
            Ok(used) => used,
            Err(error) => {
                let reason = match error.kind() {
                    io::ErrorKind::NotFound => RefusalReason::CongestionControl,
                    _ => RefusalReason::Failed,
                };
                let words = format!("at the sink: {error}");
                return self.refuse(&mut stream, reason, words).await;
            }
        };
        let registered = match self.register(&open) {
            Ok(registered) => registered,
            Err(error) => {
                let words = format!("the sink has no random numbers: {error}");
                return self.refuse(&mut stream, RefusalReason::Failed, words).await;
            }
        };
        let _telling = registered.session.telling();
        self.count(|counters| counters.accepted += 1);
        let sends = open.directions.include(Direction::Down);
        let accepted = Message::Accepted(Accepted {
            cookie: registered.cookie,
            most_bytes: self.limits.bytes,
            congestion_control: if sends { used } else { String::new() },
        });
        if !say(&mut stream, &accepted).await {
            return;
        }
        let session = Arc::clone(&registered.session);
        let time = open.lasts + DRAIN;
        let is_over = tokio::select! {
            () = session.all_ended() => true,
            () = sleep(time) => true,
            () = session.is_missed(DRAIN) => true,
            // The client says nothing more: it has gone, or is none.
            _ = reader.next(&mut stream) => false,
            () = leaving.cancelled() => false,
        };
        drop(registered);
        if is_over {
            let result = session.result();
            self.count(|counters| {
                counters.received += result.up.map_or(0, |up| up.bytes);
                counters.sent += result.down.map_or(0, |down| down.bytes);
            });
            if say(&mut stream, &Message::Result(Box::new(result))).await {
                let _ = stream.shutdown().await;
                let _ = timeout(FAREWELL, stream.discard(1)).await;
            }
        }
    }

    fn register(&self, open: &Open) -> io::Result<Registered<'_>> {
        let mut cookie = Cookie([0; 16]);
        self.random.lock().read_exact(&mut cookie.0)?;
        let session = Arc::new(Session::new(open.clone()));
        self.sessions.lock().insert(cookie, Arc::clone(&session));
        Ok(Registered {
            sink: self,
            cookie,
            session,
        })
    }

    /// A data connection, to its end.
    async fn data<S: Bulk>(&self, mut stream: S, data: Data, leaving: &CancellationToken) {
        let session = self.sessions.lock().get(&data.cookie).cloned();
        let begun = session.as_deref().and_then(|all| all.begin(data.direction));
        let (Some(session), Some(mut begun)) = (session.clone(), begun) else {
            // Nobody's, or the second of its direction.
            return self.count(|counters| counters.ignored += 1);
        };
        let transfer = pin!(self.transfer(&mut stream, &session.open, data.direction));
        begun.counted = tokio::select! {
            counted = transfer => counted,
            () = session.given_up() => Counted::nothing(DirectionEnd::Late),
            () = leaving.cancelled() => Counted::nothing(DirectionEnd::Broken),
        };
        let is_whole = begun.counted.end == DirectionEnd::Whole;
        drop(begun);
        if is_whole {
            // What is dropped sends its end no second time, if that was lost: it is kept until the client has heard what was counted.
            let _ = timeout(FAREWELL, session.told()).await;
        }
    }

    async fn transfer<S: Bulk>(
        &self,
        stream: &mut S,
        open: &Open,
        direction: Direction,
    ) -> Counted {
        let shape = Shape {
            congestion_control: open.congestion_control.clone(),
            rate: open.rate,
        };
        if let Err(error) = stream.shape(&shape) {
            tracing::debug!(%error, "a data connection cannot be shaped");
            return Counted::nothing(DirectionEnd::Broken);
        }
        match direction {
            Direction::Up => {
                let receiving = Receiving {
                    measured: open.lasts,
                    patience: DRAIN,
                    most: self.limits.bytes,
                };
                let received = transfer::receive(&*stream, receiving).await;
                let _ = stream.shutdown().await;
                Counted {
                    bytes: received.bytes,
                    took: received.took,
                    longest_gap: received.longest_gap,
                    measured: received.measured,
                    ..Counted::nothing(end_of(&received.end))
                }
            }
            Direction::Down => {
                let sending = Sending {
                    rate: open.rate,
                    lasts: open.lasts,
                    most: self.limits.bytes,
                };
                let sent = transfer::send(&*stream, sending).await;
                // As they stand when the time is over: what comes then is no part of it.
                let tcp = stream.tcp_figures().unwrap_or_default();
                let mut end = end_of(&sent.end);
                // The client ends its side when it has read all.
                let has_ended = async {
                    stream.shutdown().await?;
                    stream.discard(1).await
                };
                if end == DirectionEnd::Whole && has_ended.await.is_err() {
                    end = DirectionEnd::Broken;
                }
                Counted {
                    bytes: sent.bytes,
                    took: sent.took,
                    late: sent.late,
                    tcp,
                    ..Counted::nothing(end)
                }
            }
        }
    }
}

/// Listens on an address of the calling thread's namespace; of IPv6 not for IPv4 as well, which has a socket of its own.
///
/// # Errors
/// If it is no address of this host, or the port is taken.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let domain = Domain::for_address(address);
    let socket = Socket::new(domain, Type::STREAM.nonblocking(), None)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

const fn end_of(end: &TransferEnd) -> DirectionEnd {
    match end {
        TransferEnd::Whole => DirectionEnd::Whole,
        TransferEnd::Limit => DirectionEnd::Limit,
        TransferEnd::Stalled(_) => DirectionEnd::Late,
        TransferEnd::Broken(_) => DirectionEnd::Broken,
    }
}

/// Says it, and whether it could be said in time.
async fn say<S: Bulk>(stream: &mut S, message: &Message) -> bool {
    let bytes = message.encode();
    let said = timeout(FAREWELL, stream.write_all(&bytes)).await;
    matches!(said, Ok(Ok(())))
}

/// A stream that data connections can come for, for as long as this lives.
struct Registered<'a> {
    sink: &'a Sink,
    cookie: Cookie,
    session: Arc<Session>,
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        self.sink.sessions.lock().remove(&self.cookie);
        self.session.give_up();
    }
}

impl<S: Bulk> Protocol<S> for Sink {
    /// Whoever is served goes on being served.
    fn admits(&self, _: &S, open: usize) -> bool {
        open < self.limits.connections()
    }

    async fn converse(self: Arc<Self>, stream: S, leaving: CancellationToken) {
        self.serve(stream, &leaving).await;
    }
}
