//! A running herd as it is followed: what the live page, the JSON API and the terminal show of it is learned once.
//!
//! Who owns what: one task hears the pool's events, another looks at the herd once a second; both belong to the [`Watch`], and
//! end with it. So whoever asks a [`Live`], and however often, the pool is asked no more than it would be by one.
//! Followers are told how far the feed has come ([`FeedPosition`]), and fetch what they do not have yet; so a slow follower blocks
//! nobody, and nothing comes twice.

mod memory;
mod picture;
mod ready;
mod timeline;
mod words;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use self::memory::Memory;
pub use self::memory::Replay;
pub use self::picture::{
    ActivitySum, ApiVersion, Cell, ClientList, Herd, KindWords, LiveHistory, Mark, One, Point,
    RouterList, Work,
};
pub use self::ready::Ready;
pub use self::words::{EventLevel, Occurrence};
use crate::identity::{ClientNumber, PoolName};
use crate::pool::{Event, Figures, HerdStatus, Pool, PoolError};

/// How often the herd is looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long what every client is doing may be told again, before the pool is asked anew.
const FRESH: Duration = Duration::from_millis(250);
/// How many events are written down at one go.
const BATCH: usize = 128;

/// A herd that is followed.
#[derive(Debug)]
pub struct Live {
    pool: Pool,
    name: PoolName,
    began: Instant,
    /// The same moment by the wall clock, as RFC 3339 has it.
    began_at: String,
    state: Mutex<State>,
    status: tokio::sync::Mutex<Option<(Instant, u64, Arc<HerdStatus>)>>,
}

#[derive(Debug)]
struct State {
    memory: Memory,
    herd: Option<Herd>,
    looks: u64,
    earlier: Figures,
    /// How far the feed has come, for those who follow; `None` when nothing more will come.
    position: Option<watch::Sender<FeedPosition>>,
}

/// How far the feed of events and looks has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FeedPosition {
    /// The number of the latest event.
    pub sequence: u64,
    /// How often the herd was looked at: [`Live::herd`] is another when this is.
    pub looks: u64,
}

/// The tasks that keep a [`Live`] up to date.
#[derive(Debug)]
pub struct Watch {
    live: Arc<Live>,
    tasks: [JoinHandle<()>; 2],
}

impl Watch {
    /// The herd that they keep up to date.
    pub fn live(&self) -> &Arc<Live> {
        &self.live
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        self.live.end();
    }
}

impl Live {
    /// Begins to watch. Must be called within a Tokio runtime.
    pub fn watch(pool: Pool, name: PoolName) -> Result<Watch, PoolError> {
        let events = pool.events()?;
        let live = Arc::new(Self {
            pool,
            name,
            began: Instant::now(),
            began_at: humantime::format_rfc3339_millis(SystemTime::now()).to_string(),
            state: Mutex::new(State {
                memory: Memory::default(),
                herd: None,
                looks: 0,
                earlier: Figures::default(),
                position: Some(watch::Sender::default()),
            }),
            status: tokio::sync::Mutex::default(),
        });
        let tasks = [
            tokio::spawn(Arc::clone(&live).hear(events)),
            tokio::spawn(Arc::clone(&live).look_on()),
        ];
        Ok(Watch { live, tasks })
    }

    /// The position of the feed as it changes; closed when nothing more will come.
    ///
    /// # Errors
    /// [`PoolError::Ended`]: nothing more will come.
    pub fn positions(&self) -> Result<watch::Receiver<FeedPosition>, PoolError> {
        let state = self.state();
        let position = state.position.as_ref().ok_or(PoolError::Ended)?;
        Ok(position.subscribe())
    }

    /// How far the feed has come.
    pub fn position(&self) -> FeedPosition {
        let state = self.state();
        FeedPosition {
            sequence: state.memory.latest(),
            looks: state.looks,
        }
    }

    /// What happened after event `after`, as far as it is remembered. A number that is not reached yet is of another run:
    /// then all is new.
    pub fn since(&self, after: u64) -> Replay {
        self.state().memory.since(after)
    }

    /// When the run began, by the wall clock.
    pub fn began_at(&self) -> Option<SystemTime> {
        humantime::parse_rfc3339(&self.began_at).ok()
    }

    /// The herd at a glance.
    pub async fn herd(&self) -> Result<Herd, PoolError> {
        let known = self.state().herd.clone();
        match known {
            Some(herd) => Ok(herd),
            None => self.look().await,
        }
    }

    /// How the herd was.
    pub fn history(&self) -> LiveHistory {
        let state = self.state();
        let timeline = state.memory.timeline();
        LiveHistory {
            schema: ApiVersion::One,
            began: self.began_at.clone(),
            points: timeline.latest().cloned().collect(),
            whole: timeline.whole().to_vec(),
            marks: timeline.marks().cloned().collect(),
            kinds: KindWords::all(),
        }
    }

    /// How the herd was in the latest ten minutes, or since its beginning, with the outages and faults that lie there.
    pub fn course(&self, whole: bool) -> (Vec<Point>, Vec<Mark>) {
        let state = self.state();
        let timeline = state.memory.timeline();
        let points = if whole {
            timeline.whole().to_vec()
        } else {
            timeline.latest().cloned().collect()
        };
        (points, timeline.marks().cloned().collect())
    }

    /// What every client is doing.
    pub async fn clients(&self) -> Result<ClientList, PoolError> {
        let (sequence, herd) = self.status().await?;
        Ok(ClientList::new(&self.name, sequence, &herd))
    }

    /// All about one client; `None`: there is none of that number.
    pub async fn client(&self, number: ClientNumber) -> Result<Option<One>, PoolError> {
        let (_, herd) = self.status().await?;
        let status = herd.clients.iter().find(|c| c.identity.number == number);
        Ok(status.map(|status| One::new(status, self.state().memory.of(number))))
    }

    /// The routers of IPv6 that clients have heard, and what of it breaks an RFC. It is put together when it is asked for.
    pub async fn routers(&self) -> Result<RouterList, PoolError> {
        let heard = self.pool.routers().await?;
        Ok(RouterList::new(&self.name, heard.findings))
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
            let mut state = self.state();
            for _ in 0..BATCH {
                match next {
                    Ok(event) => state.memory.remember(&event),
                    // The numbers of the next ones tell how many.
                    Err(RecvError::Lagged(_)) => {}
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
            state.announce();
        }
    }

    /// Looks at the herd once a second, until the pool ends.
    async fn look_on(self: Arc<Self>) {
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            match self.look().await {
                Ok(_) => {}
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
        let latest = state.memory.latest();
        let herd = Herd::new(&self.name, &self.began_at, latest, &census, &figures, point);
        state.herd = Some(herd.clone());
        state.looks += 1;
        state.announce();
        Ok(herd)
    }

    /// Ends the feed.
    fn end(&self) {
        self.state().position = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked with it had not begun to change it, or had done.
        self.state.lock()
    }
}

impl State {
    /// Tells followers how far the feed has come.
    fn announce(&self) {
        if let Some(position) = &self.position {
            position.send_replace(FeedPosition {
                sequence: self.memory.latest(),
                looks: self.looks,
            });
        }
    }
}

#[cfg(test)]
mod tests;
