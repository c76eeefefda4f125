//! One stream at the sink: what has become of each of its directions.

use std::future::pending;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::protocol::{Counted, Direction, DirectionEnd, Open, StreamResult};

/// Where a direction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Its data connection has yet to come.
    Awaited,
    UnderWay,
    Ended(Counted),
}

/// One stream, each direction of which has a data connection.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) open: Open,
    /// Of those that it has.
    progress: Mutex<Vec<(Direction, Progress)>>,
    /// How many have ended.
    ended: watch::Sender<usize>,
    given_up: CancellationToken,
    told: CancellationToken,
}

impl Session {
    pub(super) fn new(open: Open) -> Self {
        let all = Direction::ALL.iter().copied();
        let own = all.filter(|direction| open.directions.include(*direction));
        Self {
            progress: Mutex::new(own.map(|one| (one, Progress::Awaited)).collect()),
            open,
            ended: watch::Sender::new(0),
            given_up: CancellationToken::new(),
            told: CancellationToken::new(),
        }
    }

    /// Its data connection has come; `None`, where none is awaited.
    pub(super) fn begin(&self, direction: Direction) -> Option<Begun<'_>> {
        let mut progress = self.progress.lock();
        let (_, own) = progress.iter_mut().find(|(one, _)| *one == direction)?;
        if *own != Progress::Awaited {
            return None;
        }
        *own = Progress::UnderWay;
        Some(Begun {
            session: self,
            direction,
            counted: Counted::nothing(DirectionEnd::Broken),
        })
    }

    fn end(&self, direction: Direction, counted: Counted) {
        let mut progress = self.progress.lock();
        if let Some((_, own)) = progress.iter_mut().find(|(one, _)| *one == direction) {
            *own = Progress::Ended(counted);
        }
        drop(progress);
        self.ended.send_modify(|ended| *ended += 1);
    }

    /// Waits until all directions have ended.
    pub(super) async fn all_ended(&self) {
        let all = self.progress.lock().len();
        // The sender is in what is waited for.
        let _ = self.ended.subscribe().wait_for(|ended| *ended >= all).await;
    }

    /// Waits until a data connection has not come in so long a time; for ever, where all have.
    pub(super) async fn is_missed(&self, patience: Duration) {
        sleep(patience).await;
        let is_awaited = |(_, progress): &(Direction, Progress)| *progress == Progress::Awaited;
        if !self.progress.lock().iter().any(is_awaited) {
            pending::<()>().await;
        }
    }

    /// Nobody waits for it any more.
    pub(super) fn give_up(&self) {
        self.given_up.cancel();
    }

    /// Waits for that.
    pub(super) async fn given_up(&self) {
        self.given_up.cancelled().await;
    }

    /// Dropped when the client has been told what was counted, or never will be.
    pub(super) fn telling(&self) -> DropGuard {
        self.told.clone().drop_guard()
    }

    /// Waits for that.
    pub(super) async fn told(&self) {
        self.told.cancelled().await;
    }

    /// What has become of each direction.
    pub(super) fn result(&self) -> StreamResult {
        let progress = self.progress.lock();
        let of = |direction| {
            let (_, own) = progress.iter().find(|(one, _)| *one == direction)?;
            Some(match own {
                Progress::Awaited => Counted::nothing(DirectionEnd::Missing),
                Progress::UnderWay => Counted::nothing(DirectionEnd::Late),
                Progress::Ended(counted) => *counted,
            })
        };
        StreamResult {
            up: of(Direction::Up),
            down: of(Direction::Down),
        }
    }
}

/// A direction that is under way, and ends with this: as broken, unless something else was counted.
pub(super) struct Begun<'a> {
    session: &'a Session,
    direction: Direction,
    pub(super) counted: Counted,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        self.session.end(self.direction, self.counted);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;
    use crate::protocol::Directions;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn it_is_missed_where_one_of_its_data_connections_has_not_come_in_time() {
        let session = Session::new(Open {
            directions: Directions::Both,
            rate: None,
            lasts: 60 * MINUTE,
            congestion_control: None,
        });
        let started = Instant::now();
        let up = session.begin(Direction::Up).expect("awaited");
        session.is_missed(MINUTE).await;
        assert_eq!(started.elapsed(), MINUTE);
        let down = session.begin(Direction::Down).expect("awaited");
        let missed = timeout(60 * MINUTE, session.is_missed(MINUTE)).await;
        assert!(missed.is_err(), "both are there");
        drop((up, down));
    }
}
