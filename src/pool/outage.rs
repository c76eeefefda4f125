//! When it is the router that is down, and not its clients one by one. Pure.
//!
//! An outage is recognised when more than half of the clients that have been online are down at one time for a reason
//! that is the router's ([`Cause::is_of_the_router`](crate::phase::Cause::is_of_the_router)), and at least
//! [`LEAST`] of them. Clients that were never online do not count, or a pool of addresses that is too small for the herd
//! would be taken for an outage; only while nobody has ever been online do those that failed count instead.
//!
//! Each family is looked at by itself: an IPv6 outage while IPv4 is well is one, of IPv6. An outage that is on takes whoever else
//! goes down, so that of a router that is down there is one, and not one of each family.
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
use crate::family::{ByFamily, Families, Family};
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
        /// 95 % of the clients.
        Most = "0.95",
        /// Every client that was taken.
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
        /// The family that it is of, where the herd has two and the other is well.
        family: Option<Family>,
    },
    /// Most of the herd is down in another family as well.
    Spread {
        family: Family,
        clients: usize,
        of: usize,
    },
    /// The first client is usable again in that family: the router is there.
    FirstBack(Family),
    /// So much is back, this long after the beginning.
    Back { share: Share, took: Duration },
    /// It is over, this long after the beginning; it took so many clients.
    Ended {
        took: Duration,
        clients: usize,
        /// The only family that it was of, where the herd has two.
        family: Option<Family>,
    },
}

/// All clients in each family and, if there is one, the outage.
#[derive(Debug, Default)]
pub(super) struct OutageWatch {
    clients: BTreeMap<(ClientNumber, Family), OutageStanding>,
    tallies: ByFamily<OutageTally>,
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

    const fn all(&self) -> usize {
        self.waiting + self.failing + self.up + self.down
    }

    /// Whether nobody has ever been usable.
    const fn is_new(&self) -> bool {
        self.up + self.down == 0
    }

    /// How many are down, of how many that count.
    const fn down_of(&self) -> (usize, usize) {
        if self.is_new() {
            (self.failing, self.waiting + self.failing)
        } else {
            (self.down, self.up + self.down)
        }
    }

    /// Whether most are down.
    const fn is_out(&self) -> bool {
        let (down, of) = self.down_of();
        down >= LEAST && down * 2 > of
    }
}

/// The outage that is on, or of whose clients some are not back yet.
#[derive(Debug)]
struct CurrentOutage {
    began: Instant,
    /// In which families most of the herd was down.
    families: ByFamily<bool>,
    /// Whom it took.
    taken: BTreeMap<ClientNumber, TakenClient>,
    back: usize,
    somebody_was_back: ByFamily<bool>,
    /// What share is waited for; all before it were told.
    awaited: Share,
    is_over: bool,
}

/// In which families an outage took a client, and whether it is back in them.
#[derive(Debug, Clone, Copy, Default)]
struct TakenClient(ByFamily<Option<bool>>);

impl TakenClient {
    fn is_back(self) -> bool {
        self.0.iter().all(|(_, is_back)| *is_back != Some(false))
    }
}

impl CurrentOutage {
    /// It has taken a client in a family; tells whether it had not taken it before.
    fn take(&mut self, number: ClientNumber, family: Family) -> bool {
        let is_new = !self.taken.contains_key(&number);
        let taken = self.taken.entry(number).or_default();
        if !is_new && taken.is_back() {
            self.back -= 1;
        }
        *taken.0.get_mut(family) = Some(false);
        is_new
    }

    /// The family that it is of, if it is of one.
    fn family(&self) -> Option<Family> {
        match (self.families.ipv4, self.families.ipv6) {
            (true, false) => Some(Family::Ipv4),
            (false, true) => Some(Family::Ipv6),
            _ => None,
        }
    }
}

impl OutageWatch {
    /// A client that should come online in that family.
    pub(super) fn add(&mut self, number: ClientNumber, family: Family) {
        self.set(number, family, OutageStanding::Waiting);
    }

    /// A client that need not be online any more in those families.
    pub(super) fn remove(
        &mut self,
        number: ClientNumber,
        families: Families,
        now: Instant,
    ) -> Vec<Notice> {
        for family in families.each() {
            if let Some(standing) = self.clients.remove(&(number, family)) {
                *self.tallies.get_mut(family).of(standing) -= 1;
            }
        }
        let Some(current) = &mut self.current else {
            return Vec::new();
        };
        if let Some(taken) = current.taken.get_mut(&number) {
            let was_back = taken.is_back();
            for family in families.each() {
                *taken.0.get_mut(family) = None;
            }
            let is_gone = taken.0.iter().all(|(_, taken)| taken.is_none());
            let is_back = !is_gone && taken.is_back();
            if is_gone {
                current.taken.remove(&number);
            }
            current.back = current.back + usize::from(is_back) - usize::from(was_back);
        }
        self.look(now)
    }

    /// A client failed, or lost its lease, in those families, for a reason that is the router's.
    pub(super) fn went_down(
        &mut self,
        number: ClientNumber,
        families: Families,
        cause: Cause,
        fault: Option<Fault>,
        now: Instant,
    ) -> Vec<Notice> {
        let loss = Loss { cause, fault };
        let all = families.each();
        let known: Vec<_> = all
            .filter(|family| self.clients.contains_key(&(number, *family)))
            .collect();
        for family in known.iter().copied() {
            match self.clients.get(&(number, family)) {
                Some(OutageStanding::Waiting) => {
                    self.set(number, family, OutageStanding::Failing(now, loss));
                }
                Some(OutageStanding::Up) => {
                    self.set(number, family, OutageStanding::Down(now, loss));
                }
                None | Some(OutageStanding::Failing(..) | OutageStanding::Down(..)) => {}
            }
        }
        if self
            .current
            .as_ref()
            .is_some_and(|current| !current.is_over)
        {
            return known
                .into_iter()
                .filter_map(|family| self.is_taken(number, family, loss))
                .collect();
        }
        let out: Vec<_> = known
            .into_iter()
            .filter(|family| self.tallies.get(*family).is_out())
            .collect();
        if out.is_empty() {
            return Vec::new();
        }
        let mut taken = BTreeMap::new();
        for family in out.iter().copied() {
            for (number, since, loss) in self.down_in(family) {
                let (earliest, _) = taken.entry(number).or_insert((since, loss));
                *earliest = since.min(*earliest);
            }
        }
        let sizes = out
            .iter()
            .map(|family| self.tallies.get(*family).down_of().1);
        let of = sizes.max().unwrap_or_default();
        let began = taken.values().map(|(since, _)| *since).min().unwrap_or(now);
        let losses = taken.values().map(|(_, loss)| *loss);
        self.log.begin(began, of, losses.collect());
        let mut current = CurrentOutage {
            began,
            families: ByFamily::of(|family| out.contains(&family)),
            taken: BTreeMap::new(),
            back: 0,
            somebody_was_back: ByFamily::default(),
            awaited: Share::Half,
            is_over: false,
        };
        for family in out {
            for (number, ..) in self.down_in(family) {
                current.take(number, family);
            }
        }
        self.current = Some(current);
        let family = self.family();
        self.log.is_of(family);
        let taken = taken.into_iter();
        let taken = taken.map(|(number, (since, _))| (number, since)).collect();
        vec![Notice::Began { taken, of, family }]
    }

    /// The outage that is on takes a client more, and with it perhaps most of a family.
    fn is_taken(&mut self, number: ClientNumber, family: Family, loss: Loss) -> Option<Notice> {
        let (clients, of) = self.tallies.get(family).down_of();
        let has_spread = self.tallies.get(family).is_out();
        let in_family = self.down_in(family);
        let current = self.current.as_mut()?;
        if current.take(number, family) {
            self.log.took(loss);
        }
        self.log.herd(of);
        if !has_spread || std::mem::replace(current.families.get_mut(family), true) {
            return None;
        }
        for (number, _, loss) in in_family {
            if current.take(number, family) {
                self.log.took(loss);
            }
        }
        let told = self.family();
        self.log.is_of(told);
        Some(Notice::Spread {
            family,
            clients,
            of,
        })
    }

    /// Who is down in a family, since when and why: of those that were up ever, or while nobody was, of those that failed.
    fn down_in(&self, family: Family) -> Vec<(ClientNumber, Instant, Loss)> {
        let is_new = self.tallies.get(family).is_new();
        let all = self.clients.iter().filter(|((_, of), _)| *of == family);
        all.filter_map(|((number, _), standing)| match standing {
            OutageStanding::Down(since, loss) => Some((*number, *since, *loss)),
            OutageStanding::Failing(since, loss) if is_new => Some((*number, *since, *loss)),
            OutageStanding::Waiting | OutageStanding::Failing(..) | OutageStanding::Up => None,
        })
        .collect()
    }

    /// The family that the outage is of; `None` where it is of both, or the herd has only one.
    fn family(&self) -> Option<Family> {
        let has_both = self.tallies.iter().all(|(_, tally)| tally.all() > 0);
        self.current.as_ref()?.family().filter(|_| has_both)
    }

    /// A client is usable in a family.
    pub(super) fn came_up(
        &mut self,
        number: ClientNumber,
        family: Family,
        now: Instant,
    ) -> Vec<Notice> {
        if !self.clients.contains_key(&(number, family)) {
            return Vec::new();
        }
        self.set(number, family, OutageStanding::Up);
        let Some(current) = &mut self.current else {
            return Vec::new();
        };
        let mut notices = Vec::new();
        if *current.families.get(family)
            && !std::mem::replace(current.somebody_was_back.get_mut(family), true)
        {
            notices.push(Notice::FirstBack(family));
        }
        if let Some(taken) = current.taken.get_mut(&number) {
            let was_back = taken.is_back();
            if let Some(is_back) = taken.0.get_mut(family) {
                *is_back = true;
            }
            current.back += usize::from(taken.is_back() && !was_back);
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

    /// Whether there is one that what fails in that family may be part of; `None`: in no family in particular.
    pub(super) fn is_on_in(&self, family: Option<Family>) -> bool {
        let is_of =
            |current: &CurrentOutage| family.is_none_or(|family| *current.families.get(family));
        self.is_on() && self.current.as_ref().is_some_and(is_of)
    }

    /// The latest outages, oldest first; times are told as counted from `origin`.
    pub(super) fn latest(&self, origin: Instant) -> Vec<Outage> {
        self.log.latest(origin)
    }

    /// What the outage has come to.
    fn look(&mut self, now: Instant) -> Vec<Notice> {
        let mut notices = Vec::new();
        let family = self.family();
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
                notices.push(Notice::Ended {
                    took,
                    clients: all,
                    family,
                });
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

    fn set(&mut self, number: ClientNumber, family: Family, standing: OutageStanding) {
        let tally = self.tallies.get_mut(family);
        if let Some(before) = self.clients.insert((number, family), standing) {
            *tally.of(before) -= 1;
        }
        *tally.of(standing) += 1;
    }
}

#[cfg(test)]
mod tests;
