//! When it is the router that is down, and not its clients one by one. Pure.
//!
//! An outage is recognised when more than half of the clients that have been online are down at one time for a reason
//! that is the router's ([`Cause::is_of_the_router`](crate::phase::Cause::is_of_the_router)), and at least
//! [`LEAST`] of them. Clients that were never online do not count, or a pool of addresses that is too small for the herd
//! would be taken for an outage; only while nobody has ever been online do those that failed count instead.
//!
//! It is over when 95 % of those that it took are back. So a few that stay away for reasons of their own do not make it
//! last for ever, and spend budgets of their own from then on.
//!
//! What is remembered of the latest of them is in [`log`].

mod log;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

pub use self::log::Outage;
use self::log::{Loss, OutageLog};
use crate::fault::Fault;
use crate::identity::ClientNumber;
use crate::phase::Cause;
use lanherd_types::words;

/// Fewer than these are never an outage.
const LEAST: usize = 3;

words! {
    /// How much of what an outage took is back.
    Share {
        /// Half of the clients.
        Half = "0.5",
        /// 95 %.
        Most = "0.95",
        /// Every client.
        All = "1",
    }
}

impl Share {
    /// Whether `back` of `all` clients are this share.
    const fn is_reached(self, back: usize, all: usize) -> bool {
        let percent = match self {
            Self::Half => 50,
            Self::Most => 95,
            Self::All => 100,
        };
        back * 100 >= all * percent
    }
}

/// How a client stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum OutageStanding {
    /// Never online, and never failed.
    Waiting,
    /// Never online, failed since.
    Failing(Instant, Loss),
    Up,
    /// Was online, and is down since.
    Down(Instant, Loss),
}

/// Something that is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Notice {
    /// An outage was recognised. It had taken these clients, each since its moment.
    Began {
        taken: Vec<(ClientNumber, Instant)>,
        of: usize,
    },
    /// The first client is online again: the router is there.
    FirstBack,
    /// So much is back, this long after the beginning.
    Back { share: Share, took: Duration },
    /// It is over, this long after the beginning; it took so many clients.
    Ended { took: Duration, clients: usize },
}

/// All clients and, if there is one, the outage.
#[derive(Debug, Default)]
pub(super) struct OutageWatch {
    clients: BTreeMap<ClientNumber, OutageStanding>,
    tally: OutageTally,
    current: Option<CurrentOutage>,
    log: OutageLog,
}

#[derive(Debug, Default)]
struct OutageTally {
    waiting: usize,
    failing: usize,
    up: usize,
    down: usize,
}

impl OutageTally {
    fn of(&mut self, standing: OutageStanding) -> &mut usize {
        match standing {
            OutageStanding::Waiting => &mut self.waiting,
            OutageStanding::Failing(..) => &mut self.failing,
            OutageStanding::Up => &mut self.up,
            OutageStanding::Down(..) => &mut self.down,
        }
    }

    /// How many are down, of how many that count.
    const fn down_of(&self) -> (usize, usize) {
        if self.up + self.down > 0 {
            (self.down, self.up + self.down)
        } else {
            (self.failing, self.waiting + self.failing)
        }
    }
}

/// The outage that is on, or of whose clients some are not back yet.
#[derive(Debug)]
struct CurrentOutage {
    began: Instant,
    /// Whom it took, and whether they are back.
    taken: BTreeMap<ClientNumber, bool>,
    back: usize,
    somebody_was_back: bool,
    /// What share is waited for; all before it were told.
    awaited: Share,
    is_over: bool,
}

impl OutageWatch {
    /// A client that should come online.
    pub(super) fn add(&mut self, number: ClientNumber) {
        self.set(number, OutageStanding::Waiting);
    }

    /// A client that need not be online any more.
    pub(super) fn remove(&mut self, number: ClientNumber, now: Instant) -> Vec<Notice> {
        if let Some(standing) = self.clients.remove(&number) {
            *self.tally.of(standing) -= 1;
        }
        let Some(current) = &mut self.current else {
            return Vec::new();
        };
        if current.taken.remove(&number) == Some(true) {
            current.back -= 1;
        }
        self.look(now)
    }

    /// A client failed, or lost its lease, for a reason that is the router's.
    pub(super) fn went_down(
        &mut self,
        number: ClientNumber,
        cause: Cause,
        fault: Option<Fault>,
        now: Instant,
    ) -> Vec<Notice> {
        let loss = Loss { cause, fault };
        match self.clients.get(&number) {
            None => return Vec::new(),
            Some(OutageStanding::Waiting) => self.set(number, OutageStanding::Failing(now, loss)),
            Some(OutageStanding::Up) => self.set(number, OutageStanding::Down(now, loss)),
            Some(OutageStanding::Failing(..) | OutageStanding::Down(..)) => {}
        }
        if let Some(current) = self.current.as_mut().filter(|current| !current.is_over) {
            match current.taken.insert(number, false) {
                Some(true) => current.back -= 1,
                Some(false) => {}
                None => self.log.took(loss),
            }
            self.log.herd(self.tally.down_of().1);
            return Vec::new();
        }
        let (down, of) = self.tally.down_of();
        if down < LEAST || down * 2 <= of {
            return Vec::new();
        }
        let nobody_was_up = self.tally.up + self.tally.down == 0;
        let (mut taken, mut losses) = (Vec::new(), Vec::new());
        for (number, standing) in &self.clients {
            if let OutageStanding::Down(since, loss) | OutageStanding::Failing(since, loss) =
                standing
                && (nobody_was_up || matches!(standing, OutageStanding::Down(..)))
            {
                taken.push((*number, *since));
                losses.push(*loss);
            }
        }
        let began = taken.iter().map(|(_, since)| *since).min().unwrap_or(now);
        self.log.begin(began, of, losses);
        self.current = Some(CurrentOutage {
            began,
            taken: taken.iter().map(|(number, _)| (*number, false)).collect(),
            back: 0,
            somebody_was_back: false,
            awaited: Share::Half,
            is_over: false,
        });
        vec![Notice::Began { taken, of }]
    }

    /// A client is online.
    pub(super) fn came_up(&mut self, number: ClientNumber, now: Instant) -> Vec<Notice> {
        if !self.clients.contains_key(&number) {
            return Vec::new();
        }
        self.set(number, OutageStanding::Up);
        let Some(current) = &mut self.current else {
            return Vec::new();
        };
        let mut notices = Vec::new();
        if !std::mem::replace(&mut current.somebody_was_back, true) {
            notices.push(Notice::FirstBack);
        }
        if let Some(is_back) = current.taken.get_mut(&number)
            && !std::mem::replace(is_back, true)
        {
            current.back += 1;
        }
        notices.extend(self.look(now));
        notices
    }

    /// Whether there is an outage that is not over.
    pub(super) fn is_on(&self) -> bool {
        self.current
            .as_ref()
            .is_some_and(|current| !current.is_over)
    }

    /// The latest outages, oldest first; times are told as counted from `origin`.
    pub(super) fn latest(&self, origin: Instant) -> Vec<Outage> {
        self.log.latest(origin)
    }

    /// What the outage has come to.
    fn look(&mut self, now: Instant) -> Vec<Notice> {
        let mut notices = Vec::new();
        let Some(current) = &mut self.current else {
            return notices;
        };
        let took = now.saturating_duration_since(current.began);
        let all = current.taken.len();
        loop {
            let share = current.awaited;
            if all > 0 && !share.is_reached(current.back, all) {
                return notices;
            }
            if all > 0 {
                self.log.back(share, took);
                notices.push(Notice::Back { share, took });
            }
            if share == Share::Most {
                current.is_over = true;
                self.log.end(took);
                notices.push(Notice::Ended { took, clients: all });
            }
            current.awaited = match share {
                Share::Half => Share::Most,
                Share::Most => Share::All,
                Share::All => {
                    self.current = None;
                    return notices;
                }
            };
        }
    }

    fn set(&mut self, number: ClientNumber, standing: OutageStanding) {
        if let Some(before) = self.clients.insert(number, standing) {
            *self.tally.of(before) -= 1;
        }
        *self.tally.of(standing) += 1;
    }
}

#[cfg(test)]
mod tests;
