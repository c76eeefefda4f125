//! What the thread that draws is told: the herd, as it is followed, and the signals that are its own.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use lanherd::identity::ClientNumber;
use lanherd::live::Live;
use lanherd::report::TesterEntry;
use lanherd::tester::TesterFigures;
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::model::Update;
use super::roster::Roster;
use super::terminal;

/// Between two looks at what is new.
const GAP: Duration = Duration::from_millis(200);

/// What is told.
#[derive(Debug)]
pub enum FeedMessage {
    Update(Update),
    /// The program is to stop (SIGTSTP).
    Stop,
    /// It was let go on (SIGCONT).
    GoOn,
}

/// The thread has ended.
struct Ended;

/// Follows the herd until there is nothing more to hear, or nobody who would.
pub async fn follow(
    live: Arc<Live>,
    tester: TesterFigures,
    mut opened: watch::Receiver<Option<ClientNumber>>,
    to: mpsc::Sender<FeedMessage>,
) {
    let Ok(mut positions) = live.positions() else {
        return;
    };
    let mut following = FeedFollower {
        live,
        tester,
        to,
        roster: Roster::default(),
        sequence: 0,
        looks: 0,
    };
    let mut is_last = false;
    loop {
        let client = *opened.borrow_and_update();
        if following.tell(client).await.is_err() || is_last {
            return;
        }
        let news = async {
            sleep(GAP).await;
            positions.changed().await
        };
        tokio::select! {
            changed = opened.changed() => if changed.is_err() { return },
            // What was said last is heard, too.
            moved = news => is_last = moved.is_err(),
        }
    }
}

/// As far as it was told.
struct FeedFollower {
    live: Arc<Live>,
    tester: TesterFigures,
    to: mpsc::Sender<FeedMessage>,
    roster: Roster,
    sequence: u64,
    looks: u64,
}

impl FeedFollower {
    /// Tells what is new, and of this client what there is.
    async fn tell(&mut self, client: Option<ClientNumber>) -> Result<(), Ended> {
        let looks = self.live.position().looks;
        let replay = self.live.since(self.sequence);
        let mut is_changed = !replay.events.is_empty();
        if replay.missed > 0 {
            self.roster.miss();
            self.say(Update::Missed(replay.missed)).await?;
        }
        if let Some(last) = replay.events.last() {
            self.sequence = last.sequence;
            for event in &replay.events {
                self.roster.apply(event);
            }
            self.say(Update::Events(replay.events)).await?;
        }
        if std::mem::replace(&mut self.looks, looks) != looks {
            is_changed |= self.look().await?;
        }
        if is_changed {
            self.say(Update::Cells(self.roster.cells())).await?;
        }
        if let Some(number) = client
            && let Ok(one) = self.live.client(number).await
        {
            self.say(Update::Opened(one.map(Box::new))).await?;
        }
        Ok(())
    }

    /// The herd at a glance, and all clients where they are not known; returns whether they were asked for.
    async fn look(&mut self) -> Result<bool, Ended> {
        let Ok(herd) = self.live.herd().await else {
            return Ok(false);
        };
        let is_stale = self.roster.is_stale(&herd);
        let lag = self.tester.now();
        self.say(Update::Look {
            herd: Box::new(herd),
            points: self.live.history().points,
            tester: TesterEntry::of(&lag),
            is_saturated: lag.is_saturated(),
        })
        .await?;
        if is_stale && let Ok(clients) = self.live.clients().await {
            self.roster.replace(clients);
            return Ok(true);
        }
        Ok(false)
    }

    async fn say(&self, update: Update) -> Result<(), Ended> {
        self.to
            .send(FeedMessage::Update(update))
            .await
            .map_err(|_| Ended)
    }
}

/// Hears the signals that stop the program and let it go on. Where the screen has ended, stopping is what it would be
/// without. Listens from now on; within a runtime.
pub fn signals(to: mpsc::Sender<FeedMessage>) -> io::Result<impl Future<Output = ()>> {
    let listen = |which: Signal| signal(SignalKind::from_raw(which as i32));
    let (mut stop, mut go_on) = (listen(Signal::SIGTSTP)?, listen(Signal::SIGCONT)?);
    Ok(async move {
        loop {
            tokio::select! {
                Some(()) = stop.recv() => {
                    if to.send(FeedMessage::Stop).await.is_err() && terminal::can_be_resumed() {
                        terminal::stop();
                    }
                }
                Some(()) = go_on.recv() => {
                    let _ = to.send(FeedMessage::GoOn).await;
                }
                else => return,
            }
        }
    })
}
