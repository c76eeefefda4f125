//! A running herd as it is followed over HTTP.
//!
//! Who owns what: one task hears the pool's events, another looks at the herd once a second; both end with the server. What
//! they learn is written down once, however many follow it. So whoever asks, and however often, the pool is asked no more
//! than it would be by one; and whoever does not read falls behind, and is let go.

use std::fmt::Write;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::stream::{self, Stream};
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use serde::Serialize;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout_at};

use super::api::{Clients, Herd, History, One, Point, Version};
use super::memory::Memory;
use crate::identity::{ClientNumber, PoolName};
use crate::pool::{Event, Figures, HerdStatus, Pool, PoolError};

/// How often the herd is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long what every client is doing may be told again, before the pool is asked anew.
const FRESH: Duration = Duration::from_millis(250);
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

/// Events as they happen, in the form that a browser reads (`text/event-stream`).
pub(super) type Events =
    StreamBody<Pin<Box<dyn Stream<Item = Result<Frame<Bytes>, std::convert::Infallible>> + Send>>>;

/// A herd that is followed.
#[derive(Debug)]
pub(super) struct Live {
    pool: Pool,
    name: PoolName,
    began: Instant,
    state: Mutex<State>,
    places: Arc<Semaphore>,
    status: tokio::sync::Mutex<Option<(Instant, u64, Arc<HerdStatus>)>>,
}

#[derive(Debug)]
struct State {
    memory: Memory,
    herd: Option<Herd>,
    earlier: Figures,
    /// `None` when nobody may follow any more.
    frames: Option<broadcast::Sender<Bytes>>,
}

/// The tasks that keep a [`Live`] up to date.
#[derive(Debug)]
pub(super) struct Watch {
    live: Arc<Live>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Watch {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        self.live.end();
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

impl Live {
    /// Begins to watch. Must be called within a Tokio runtime.
    pub fn watch(pool: Pool, name: PoolName) -> Result<(Arc<Self>, Watch), PoolError> {
        let events = pool.events()?;
        let (frames, _) = broadcast::channel(BEHIND);
        let live = Arc::new(Self {
            pool,
            name,
            began: Instant::now(),
            state: Mutex::new(State {
                memory: Memory::default(),
                herd: None,
                earlier: Figures::default(),
                frames: Some(frames),
            }),
            places: Arc::new(Semaphore::new(STREAMS)),
            status: tokio::sync::Mutex::default(),
        });
        let tasks = [
            tokio::spawn(Arc::clone(&live).hear(events)),
            tokio::spawn(Arc::clone(&live).look_on()),
        ];
        let watch = Watch {
            live: Arc::clone(&live),
            tasks,
        };
        Ok((live, watch))
    }

    /// The herd at a glance.
    pub async fn herd(&self) -> Result<Herd, PoolError> {
        let known = self.state().herd.clone();
        match known {
            Some(herd) => Ok(herd),
            None => self.look().await,
        }
    }

    /// How it was.
    pub fn history(&self) -> History {
        History {
            schema: Version::One,
            points: self.state().memory.points(),
        }
    }

    /// What every client is doing.
    pub async fn clients(&self) -> Result<Clients, PoolError> {
        let (sequence, herd) = self.status().await?;
        Ok(Clients::new(&self.name, sequence, &herd))
    }

    /// All about one client; `None`: there is none of that number.
    pub async fn client(&self, number: ClientNumber) -> Result<Option<One>, PoolError> {
        let (_, herd) = self.status().await?;
        let status = herd.clients.iter().find(|c| c.identity.number == number);
        Ok(status.map(|status| One::new(status, self.state().memory.of(number))))
    }

    /// Events from now on, or from the one after `after`.
    pub async fn follow(&self, after: Option<u64>) -> Result<Events, Refused> {
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| Refused::Full)?;
        let herd = self.herd().await?;
        let mut first = format!("retry: {RETRY}\n\n");
        let state = self.state();
        // Under one lock: what is not in the memory yet comes by the channel, and nothing comes twice.
        let frames = state.frames.as_ref().ok_or(PoolError::Ended)?.subscribe();
        if let Some(after) = after {
            let replay = state.memory.since(after);
            if replay.missed > 0 || after > state.memory.latest() {
                say(&mut first, "missed", &Missed(replay.missed));
            }
            for event in replay.events {
                say_event(&mut first, event);
            }
        }
        drop(state);
        say(&mut first, "herd", &herd);
        let following = Following {
            first: Some(first.into()),
            frames,
            until: Instant::now() + STREAM_LIFETIME,
            _place: place,
        };
        let frames = stream::unfold(following, Following::next);
        Ok(StreamBody::new(Box::pin(frames)))
    }

    /// What every client is doing, and the number of the latest event before the pool was asked. Those who ask at one
    /// time wait for one answer.
    async fn status(&self) -> Result<(u64, Arc<HerdStatus>), PoolError> {
        let mut known = self.status.lock().await;
        if let Some((at, sequence, herd)) = known.as_ref()
            && at.elapsed() < FRESH
        {
            return Ok((*sequence, Arc::clone(herd)));
        }
        let sequence = self.state().memory.latest();
        let herd = Arc::new(self.pool.status().await?);
        *known = Some((Instant::now(), sequence, Arc::clone(&herd)));
        Ok((sequence, herd))
    }

    /// Hears all events, until the pool ends.
    async fn hear(self: Arc<Self>, mut events: broadcast::Receiver<Event>) {
        loop {
            let mut next = events.recv().await;
            let mut said = String::new();
            let mut state = self.state();
            for _ in 0..BATCH {
                match next {
                    Ok(event) => {
                        state.memory.remember(&event);
                        say_event(&mut said, &event);
                    }
                    Err(RecvError::Lagged(missed)) => say(&mut said, "missed", &Missed(missed)),
                    Err(RecvError::Closed) => {
                        drop(state);
                        return self.end();
                    }
                }
                next = match events.try_recv() {
                    Ok(event) => Ok(event),
                    Err(TryRecvError::Lagged(missed)) => Err(RecvError::Lagged(missed)),
                    Err(TryRecvError::Closed | TryRecvError::Empty) => break,
                };
            }
            state.tell(said);
        }
    }

    /// Looks at the herd once a second, until the pool ends.
    async fn look_on(self: Arc<Self>) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.look().await {
                Ok(herd) => {
                    let mut said = String::new();
                    say(&mut said, "herd", &herd);
                    self.state().tell(said);
                }
                Err(PoolError::Ended) => return,
                Err(error) => tracing::debug!(%error, "the herd could not be looked at"),
            }
        }
    }

    async fn look(&self) -> Result<Herd, PoolError> {
        let (census, figures) = (self.pool.census().await?, self.pool.figures().await?);
        let mut state = self.state();
        let after = self.began.elapsed().as_secs_f64();
        let point = Point::new(after, &census, &figures, &state.earlier);
        state.earlier = figures.clone();
        state.memory.mark(point.clone());
        let herd = Herd::new(&self.name, state.memory.latest(), &census, &figures, point);
        state.herd = Some(herd.clone());
        Ok(herd)
    }

    /// Ends all streams; nobody may follow any more.
    fn end(&self) {
        self.state().frames = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked with it had not begun to change it, or had done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn tell(&self, said: String) {
        if let Some(frames) = &self.frames {
            // Nobody may be following.
            let _ = frames.send(said.into());
        }
    }
}

/// So many events are not told.
#[derive(Serialize)]
struct Missed(u64);

fn say_event(to: &mut String, event: &Event) {
    // Writing to a String cannot fail.
    let _ = writeln!(to, "id: {}", event.sequence);
    say(to, "event", event);
}

/// One message. JSON has no line breaks of its own, so it is one line.
fn say(to: &mut String, kind: &str, what: &impl Serialize) {
    let json = serde_json::to_string(what).unwrap_or_else(|_| "null".to_owned());
    let _ = write!(to, "event: {kind}\ndata: {json}\n\n");
}

/// Where somebody who follows has come to.
struct Following {
    first: Option<Bytes>,
    frames: broadcast::Receiver<Bytes>,
    until: Instant,
    _place: OwnedSemaphorePermit,
}

impl Following {
    /// The next message; `None`, so the end, when the time is over, the reader too far behind, or the herd gone.
    async fn next(mut self) -> Option<(Result<Frame<Bytes>, std::convert::Infallible>, Self)> {
        let bytes = match self.first.take() {
            Some(first) => first,
            None => timeout_at(self.until, self.frames.recv())
                .await
                .ok()?
                .ok()?,
        };
        Some((Ok(Frame::data(bytes)), self))
    }
}
