//! The client's end of a stream: opens it, carries it out, and compares what both ends have counted.

use std::io;
use std::pin::pin;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::time::{Instant, sleep, timeout};

use crate::limiter::{Limiter, Work};
use crate::protocol::{
    Accepted, Counted, Data, DecodeError, Direction, DirectionEnd, Message, MessageReader, Open,
    ReadError, Refused, StreamResult,
};
use crate::transfer::{self, Receiving, Sending, Sent, TransferEnd};
use lanherd_net::bulk::{Bulk, Shape, TcpFigures};

/// How often it is looked whether what was sent arrives.
const LOOK: Duration = Duration::from_millis(250);
/// How long the sink's account of a connection that broke is waited for.
const ACCOUNT: Duration = Duration::from_secs(1);

/// What came of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Streamed {
    /// What the client sent; `None`, where it was not to.
    pub up: Option<DirectionStreamed>,
    /// What it received.
    pub down: Option<DirectionStreamed>,
}

/// What came of one direction of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct DirectionStreamed {
    /// Bytes that had arrived when the time was over, by the count of whoever received.
    pub measured: u64,
    /// How long that time was.
    pub took: Duration,
    /// All bytes, as the client has counted them; the sink has counted as many.
    pub bytes: u64,
    /// The longest time in which nothing came to whoever received.
    pub longest_gap: Duration,
    /// What the kernel of whoever sent says.
    pub tcp: TcpFigures,
    /// The congestion control of whoever sent.
    pub congestion_control: String,
    /// Whose limit the speed was.
    pub limiter: Limiter,
}

impl DirectionStreamed {
    /// In bits a second.
    pub fn goodput(&self) -> f64 {
        self.measured as f64 * 8.0 / self.took.as_secs_f64().max(1e-6)
    }
}

/// Why a stream came to no end.
#[derive(Debug, thiserror::Error)]
pub enum StreamFailure<E> {
    /// A data connection did not come about.
    #[error("a data connection did not come about")]
    Connect(E),
    /// The sink does not serve it.
    #[error("the sink refuses it ({}): {}", .0.reason, .0.words)]
    Refused(Refused),
    /// The sink's limit of bytes ended it.
    #[error("the sink ended it at its limit of {0} bytes")]
    Limit(u64),
    /// What came is none of the protocol.
    #[error("{0}")]
    Malformed(#[from] DecodeError),
    /// A message that has no place there.
    #[error("what the sink said has no place here")]
    OutOfPlace,
    /// Both ends have counted differently: something between them ends connections and makes others.
    #[error("{direction}: the client counted {client} bytes, and the sink {sink}")]
    Miscounted {
        /// Of which direction.
        direction: Direction,
        /// By the client.
        client: u64,
        /// By the sink.
        sink: u64,
    },
    /// Nothing went on for so long.
    #[error("{direction}: nothing arrived for {} s", patience.as_secs_f64())]
    Stalled {
        /// In which direction.
        direction: Direction,
        /// For how long.
        patience: Duration,
    },
    /// The sink said nothing for so long.
    #[error("the sink said nothing for {} s {when}", patience.as_secs_f64())]
    Silent {
        /// For how long.
        patience: Duration,
        /// To what, or after what.
        when: &'static str,
    },
    /// A connection broke.
    #[error("{1}: {0}")]
    Broken(#[source] io::Error, &'static str),
    /// The tester's own kernel cannot send so.
    #[error("{0}")]
    Shape(io::Error),
}

impl<E> StreamFailure<E> {
    const fn stalled(direction: Direction, patience: Duration) -> Self {
        Self::Stalled {
            direction,
            patience,
        }
    }
}

/// Has `open` over `control`, a connection to the sink, and further ones that `connect` makes. Where nothing goes on for `patience`
/// it is given up.
///
/// # Errors
/// Why it came to no end.
pub async fn stream<S: Bulk, E, C: Future<Output = Result<S, E>>>(
    mut control: S,
    open: &Open,
    patience: Duration,
    mut connect: impl FnMut() -> C,
) -> Result<Streamed, StreamFailure<E>> {
    let mut reader = MessageReader::default();
    // It is dropped where a client leaves, and is not to outlive its namespace.
    control
        .shape(&Shape::default())
        .map_err(StreamFailure::Shape)?;
    let accepted = begin(&mut control, &mut reader, open, patience).await?;
    let (mut up, mut down) = (None, None);
    let mut used = String::new();
    if open.directions.include(Direction::Up) {
        let attached = attach(connect().await, open, &accepted, Direction::Up).await?;
        used = attached.1;
        up = Some(attached.0);
    }
    if open.directions.include(Direction::Down) {
        down = Some(
            attach(connect().await, open, &accepted, Direction::Down)
                .await?
                .0,
        );
    }
    let sending = async {
        // Kept until the sink has told what it counted: what is dropped sends its end no second time, if that was lost.
        match up.as_mut() {
            Some(stream) => send(stream, open, patience).await.map(Some),
            None => Ok(None),
        }
    };
    let receiving = async {
        match down.as_mut() {
            Some(stream) => receive(stream, open, patience).await.map(Some),
            None => Ok(None),
        }
    };
    let mut both = pin!(async { tokio::try_join!(sending, receiving) });
    let mut result = None;
    let ended = loop {
        tokio::select! {
            biased;
            ended = both.as_mut() => break ended,
            said = reader.next(&mut control), if result.is_none() => {
                result = Some(said.map_err(|error| of_reading(error, "the control connection"))?);
            }
        }
    };
    let (sent, received) = match ended {
        Ok(ended) => ended,
        Err(failure @ StreamFailure::Stalled { .. }) => return Err(failure),
        Err(failure) => {
            let said = match result {
                Some(said) => Some(said),
                None => hear::<S, E>(&mut control, &mut reader, ACCOUNT, "")
                    .await
                    .ok(),
            };
            return Err(blamed(failure, said, &accepted));
        }
    };
    let result = match result {
        Some(result) => result,
        None => hear(&mut control, &mut reader, patience, "after the stream").await?,
    };
    // The sink knows that it was heard.
    let _ = control.shutdown().await;
    compared(open, accepted, (sent, received), used, result)
}

/// Why a stream broke: the sink may say that it was its limit.
fn blamed<E>(
    failure: StreamFailure<E>,
    said: Option<Message>,
    accepted: &Accepted,
) -> StreamFailure<E> {
    let Some(Message::Result(result)) = said else {
        return failure;
    };
    let mut counted = [result.up, result.down].into_iter().flatten();
    if counted.any(|counted| counted.end == DirectionEnd::Limit) {
        StreamFailure::Limit(accepted.most_bytes)
    } else {
        failure
    }
}

/// What both ends say of each direction.
fn compared<E>(
    open: &Open,
    accepted: Accepted,
    (sent, received): (Option<(Sent, TcpFigures)>, Option<DirectionStreamed>),
    used: String,
    result: Message,
) -> Result<Streamed, StreamFailure<E>> {
    let Message::Result(result) = result else {
        return Err(StreamFailure::OutOfPlace);
    };
    let StreamResult { up, down } = *result;
    let most = accepted.most_bytes;
    let up = match sent {
        Some((sent, tcp)) => {
            let counted = checked(Direction::Up, up, sent.bytes, most)?;
            let (measured, time) = counted.measured;
            // A sink that says more than it can have is not believed.
            let own = own(measured.min(sent.bytes), time.max(open.lasts), sent.bytes);
            let work = Work {
                tcp,
                took: sent.took,
                late: sent.late,
            };
            Some(DirectionStreamed {
                longest_gap: counted.longest_gap,
                limiter: Limiter::of(&work, own.goodput(), open.rate),
                congestion_control: used,
                tcp,
                ..own
            })
        }
        None => None,
    };
    let down = match received {
        Some(received) => {
            let Counted {
                tcp, took, late, ..
            } = checked(Direction::Down, down, received.bytes, most)?;
            let work = Work { tcp, took, late };
            Some(DirectionStreamed {
                tcp,
                congestion_control: accepted.congestion_control,
                limiter: Limiter::of(&work, received.goodput(), open.rate),
                ..received
            })
        }
        None => None,
    };
    Ok(Streamed { up, down })
}

/// Says what is wanted, and hears whether it can be had.
async fn begin<S: Bulk, E>(
    control: &mut S,
    reader: &mut MessageReader,
    open: &Open,
    patience: Duration,
) -> Result<Accepted, StreamFailure<E>> {
    let bytes = Message::Open(open.clone()).encode();
    control
        .write_all(&bytes)
        .await
        .map_err(|error| StreamFailure::Broken(error, "the control connection"))?;
    match hear(control, reader, patience, "to what it was asked for").await? {
        Message::Accepted(accepted) => Ok(accepted),
        Message::Refused(refused) => Err(StreamFailure::Refused(refused)),
        _ => Err(StreamFailure::OutOfPlace),
    }
}

async fn hear<S: Bulk, E>(
    control: &mut S,
    reader: &mut MessageReader,
    patience: Duration,
    when: &'static str,
) -> Result<Message, StreamFailure<E>> {
    match timeout(patience, reader.next(control)).await {
        Ok(heard) => heard.map_err(|error| of_reading(error, "the control connection")),
        Err(_) => Err(StreamFailure::Silent { patience, when }),
    }
}

fn of_reading<E>(error: ReadError, what: &'static str) -> StreamFailure<E> {
    match error {
        ReadError::Io(error) => StreamFailure::Broken(error, what),
        ReadError::Malformed(error) => StreamFailure::Malformed(error),
    }
}

/// Makes a connection that of a direction; returns it with its congestion control.
async fn attach<S: Bulk, E>(
    connected: Result<S, E>,
    open: &Open,
    accepted: &Accepted,
    direction: Direction,
) -> Result<(S, String), StreamFailure<E>> {
    let mut stream = connected.map_err(StreamFailure::Connect)?;
    let shape = match direction {
        Direction::Up => Shape {
            congestion_control: open.congestion_control.clone(),
            rate: open.rate,
        },
        Direction::Down => Shape::default(),
    };
    let used = stream.shape(&shape).map_err(StreamFailure::Shape)?;
    let data = Message::Data(Data {
        cookie: accepted.cookie,
        direction,
    });
    stream
        .write_all(&data.encode())
        .await
        .map_err(|error| StreamFailure::Broken(error, "a data connection"))?;
    Ok((stream, used))
}

/// What the client knows of a direction by itself.
fn own(measured: u64, took: Duration, bytes: u64) -> DirectionStreamed {
    DirectionStreamed {
        measured,
        took,
        bytes,
        longest_gap: Duration::ZERO,
        tcp: TcpFigures::default(),
        congestion_control: String::new(),
        limiter: Limiter::Network,
    }
}

async fn send<S: Bulk, E>(
    stream: &mut S,
    open: &Open,
    patience: Duration,
) -> Result<(Sent, TcpFigures), StreamFailure<E>> {
    let broken = |error| StreamFailure::Broken(error, "up");
    let sending = Sending {
        rate: open.rate,
        lasts: open.lasts,
        most: u64::MAX,
    };
    let sent = tokio::select! {
        biased;
        sent = transfer::send(&*stream, sending) => sent,
        looked = until_stalled(&*stream, patience) => {
            looked.map_err(broken)?;
            return Err(StreamFailure::stalled(Direction::Up, patience));
        }
    };
    if let TransferEnd::Broken(error) = sent.end {
        return Err(broken(error));
    }
    // As they stand when the time is over: what comes then is no part of it.
    let tcp = stream.tcp_figures().map_err(broken)?;
    stream.shutdown().await.map_err(broken)?;
    // The sink ends its side when it has read all; what is in the queues between both has that time.
    let drained = tokio::select! {
        biased;
        drained = stream.discard(1) => drained,
        looked = until_stalled(&*stream, patience) => {
            looked.map_err(broken)?;
            return Err(StreamFailure::stalled(Direction::Up, patience));
        }
    };
    drained.map_err(broken)?;
    Ok((sent, tcp))
}

/// Waits until nothing of what was sent has been acknowledged for so long.
async fn until_stalled<S: Bulk>(stream: &S, patience: Duration) -> io::Result<()> {
    let (mut acknowledged, mut last) = (stream.tcp_figures()?.acknowledged, Instant::now());
    loop {
        sleep(LOOK.min(patience)).await;
        let now = stream.tcp_figures()?.acknowledged;
        if now != acknowledged {
            (acknowledged, last) = (now, Instant::now());
        } else if last.elapsed() >= patience {
            return Ok(());
        }
    }
}

async fn receive<S: Bulk, E>(
    stream: &mut S,
    open: &Open,
    patience: Duration,
) -> Result<DirectionStreamed, StreamFailure<E>> {
    let receiving = Receiving {
        measured: open.lasts,
        patience,
        most: u64::MAX,
    };
    let received = transfer::receive(&*stream, receiving).await;
    let broken = |error| StreamFailure::Broken(error, "down");
    match received.end {
        TransferEnd::Stalled(time) => return Err(StreamFailure::stalled(Direction::Down, time)),
        TransferEnd::Broken(error) => return Err(broken(error)),
        TransferEnd::Whole | TransferEnd::Limit => {}
    }
    // So that the sink knows that all was read.
    stream.shutdown().await.map_err(broken)?;
    let (measured, took) = received.measured;
    Ok(DirectionStreamed {
        longest_gap: received.longest_gap,
        ..own(measured, took, received.bytes)
    })
}

/// That the sink has counted the same.
fn checked<E>(
    direction: Direction,
    counted: Option<Counted>,
    bytes: u64,
    most: u64,
) -> Result<Counted, StreamFailure<E>> {
    let counted = counted.ok_or(StreamFailure::OutOfPlace)?;
    match counted.end {
        DirectionEnd::Whole if counted.bytes == bytes => Ok(counted),
        DirectionEnd::Limit => Err(StreamFailure::Limit(most)),
        DirectionEnd::Whole => Err(StreamFailure::Miscounted {
            direction,
            client: bytes,
            sink: counted.bytes,
        }),
        DirectionEnd::Broken | DirectionEnd::Missing | DirectionEnd::Late => {
            let error = io::ErrorKind::ConnectionReset.into();
            Err(StreamFailure::Broken(error, "at the sink"))
        }
    }
}
