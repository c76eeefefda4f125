//! Events over HTTP, as they happen, in the form that a browser reads (`text/event-stream`).
//!
//! Who owns what: one task follows the feed and writes it down once, however many read; it ends with the server. Whoever
//! does not read falls behind, and is let go.

use std::fmt::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::{self, Stream};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use parking_lot::{Mutex, MutexGuard};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

use crate::live::{EventLevel, FeedPosition, Live};
use crate::pool::{Event, PoolError};

/// How many may follow at one time.
pub(super) const STREAMS: usize = 32;
/// A stream ends by itself before its connection would be ended; whoever follows comes back and loses nothing.
const STREAM_LIFETIME: Duration = Duration::from_secs(50);
/// How many messages a reader may be behind.
const BEHIND: usize = 256;
/// How many events one message holds at most.
const BATCH: usize = 128;
/// After so many milliseconds whoever was cut off comes back.
const RETRY: u32 = 500;

/// What one reader is sent.
pub(super) type Events =
    StreamBody<Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, std::convert::Infallible>> + Send>>>;

/// The streams of one herd.
#[derive(Debug)]
pub(super) struct Streams {
    live: Arc<Live>,
    state: Mutex<BroadcastState>,
    places: Arc<Semaphore>,
}

/// What readers were sent, and who they are.
#[derive(Debug)]
struct BroadcastState {
    /// How far they were told of the feed.
    position: FeedPosition,
    /// The readers; `None` when nobody may follow any more.
    readers: Option<broadcast::Sender<Bytes>>,
}

/// The task that keeps [`Streams`] going.
#[derive(Debug)]
pub(super) struct Broadcaster {
    streams: Arc<Streams>,
    task: JoinHandle<()>,
}

impl Drop for Broadcaster {
    fn drop(&mut self) {
        self.task.abort();
        self.streams.end();
    }
}

/// Why somebody may not follow.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refused {
    #[error("{STREAMS} follow already: close one, or come back later")]
    Full,
    #[error(transparent)]
    Pool(#[from] PoolError),
}

impl Streams {
    /// Begins to tell. Must be called within a Tokio runtime.
    pub fn of(live: Arc<Live>) -> Result<Broadcaster, PoolError> {
        let positions = live.positions()?;
        let (readers, _) = broadcast::channel(BEHIND);
        let position = live.position();
        let streams = Arc::new(Self {
            live,
            state: Mutex::new(BroadcastState {
                position,
                readers: Some(readers),
            }),
            places: Arc::new(Semaphore::new(STREAMS)),
        });
        let task = tokio::spawn(Arc::clone(&streams).tell_on(positions));
        Ok(Broadcaster { streams, task })
    }

    /// The herd that they tell of.
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// Events from now on, or from the one after `after`.
    pub async fn follow(&self, after: Option<u64>) -> Result<Events, Refused> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Refused::Full)?;
        let herd = self.live.herd().await?;
        let mut first = format!("retry: {RETRY}\n\n");
        let mut state = self.state();
        // Under one lock: what the others were told is replayed, what they were not comes by the channel, and nothing twice.
        state.catch_up(&self.live);
        let readers = state.readers.as_ref().ok_or(PoolError::Ended)?.subscribe();
        if let Some(after) = after {
            let replay = self.live.since(after);
            if replay.missed > 0 || after > state.position.sequence {
                say(&mut first, "missed", &Missed(replay.missed));
            }
            for event in &replay.events {
                if event.sequence <= state.position.sequence {
                    say_event(&mut first, event);
                }
            }
        }
        drop(state);
        say(&mut first, "herd", &herd);
        let following = Following {
            first: Some(first.into()),
            readers,
            until: Instant::now() + STREAM_LIFETIME,
            _place: place,
        };
        let frames = stream::unfold(following, Following::next);
        Ok(StreamBody::new(Box::pin(frames)))
    }

    /// Tells what is new as it comes, until the herd is no longer watched.
    async fn tell_on(self: Arc<Self>, mut positions: watch::Receiver<FeedPosition>) {
        while positions.changed().await.is_ok() {
            let looks = positions.borrow_and_update().looks;
            let (is_heard, is_seen) = {
                let mut state = self.state();
                state.catch_up(&self.live);
                let before = std::mem::replace(&mut state.position.looks, looks);
                (state.is_heard(), before == looks)
            };
            if is_heard
                && !is_seen
                && let Ok(herd) = self.live.herd().await
            {
                let mut said = String::new();
                say(&mut said, "herd", &herd);
                self.state().tell(said);
            }
        }
        self.end();
    }

    /// Ends all streams; nobody may follow any more.
    fn end(&self) {
        self.state().readers = None;
    }

    fn state(&self) -> MutexGuard<'_, BroadcastState> {
        self.state.lock()
    }
}

impl BroadcastState {
    /// Whether anybody follows: for nobody, nothing is written down.
    fn is_heard(&self) -> bool {
        let mut readers = self.readers.iter();
        readers.any(|readers| readers.receiver_count() > 0)
    }

    /// Tells all events that were not told yet.
    fn catch_up(&mut self, live: &Live) {
        if !self.is_heard() {
            self.position.sequence = live.position().sequence;
            return;
        }
        let replay = live.since(self.position.sequence);
        let Some(latest) = replay.events.last() else {
            return;
        };
        self.position.sequence = latest.sequence;
        if replay.missed > 0 {
            let mut said = String::new();
            say(&mut said, "missed", &Missed(replay.missed));
            self.tell(said);
        }
        for batch in replay.events.chunks(BATCH) {
            let mut said = String::new();
            for event in batch {
                say_event(&mut said, event);
            }
            self.tell(said);
        }
    }

    fn tell(&self, said: String) {
        if let Some(readers) = &self.readers {
            // Nobody may be following.
            let _ = readers.send(said.into());
        }
    }
}

impl Broadcaster {
    /// The streams that it keeps going.
    pub fn streams(&self) -> &Arc<Streams> {
        &self.streams
    }
}

/// So many events are not told.
#[derive(Serialize)]
struct Missed(u64);

/// An event, with what makes it readable without knowing its kind.
#[derive(Serialize)]
struct ToldEvent<'a> {
    #[serde(flatten)]
    event: &'a Event,
    /// What happened, for people.
    text: String,
    /// How much it matters.
    level: EventLevel,
}

fn say_event(to: &mut String, event: &Event) {
    // Writing to a String cannot fail.
    let _ = writeln!(to, "id: {}", event.sequence);
    let told = ToldEvent {
        event,
        text: event.what.to_string(),
        level: EventLevel::of(&event.what),
    };
    say(to, "event", &told);
}

/// One message. JSON has no line breaks of its own, so it is one line.
fn say(to: &mut String, kind: &str, what: &impl Serialize) {
    let json = serde_json::to_string(what).unwrap_or_else(|_| "null".to_owned());
    let _ = write!(to, "event: {kind}\ndata: {json}\n\n");
}

/// Where somebody who follows has come to.
struct Following {
    first: Option<Bytes>,
    readers: broadcast::Receiver<Bytes>,
    until: Instant,
    _place: OwnedSemaphorePermit,
}

impl Following {
    /// The next message; `None`, so the end, when the time is over, the reader too far behind, or the herd gone.
    async fn next(mut self) -> Option<(Result<Frame<Bytes>, std::convert::Infallible>, Self)> {
        let bytes = match self.first.take() {
            Some(first) => first,
            None => timeout_at(self.until, self.readers.recv())
                .await
                .ok()?
                .ok()?,
        };
        Some((Ok(Frame::data(bytes)), self))
    }
}
