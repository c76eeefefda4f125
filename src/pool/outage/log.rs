//! What is remembered of outages. Pure.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::Share;
use crate::family::Family;
use crate::fault::Fault;
use crate::phase::Cause;

/// One outage: most of a herd was down at one time, for a reason that is the router's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outage {
    /// When the first of the clients that it took went down, counted from the beginning of the pool.
    pub began: Duration,
    /// When 95 % of them were back, likewise; `None`: it is still on.
    pub ended: Option<Duration>,
    /// How many clients it took in all.
    pub clients: usize,
    /// How many clients there were to be taken.
    pub of: usize,
    /// Why most of them went down.
    pub cause: Cause,
    /// The fault that was made on purpose, and took most of them.
    pub fault: Option<Fault>,
    /// The family that it was of, where the herd has two and the other was well.
    pub family: Option<Family>,
    /// How long after its beginning so much of what it took was back.
    pub back: BTreeMap<Share, Duration>,
}

impl Outage {
    /// So many are remembered; earlier ones are only counted.
    pub const KEPT: usize = 100;

    /// Which share of the herd it took, from 0 to 1.
    pub fn share(&self) -> f64 {
        self.clients as f64 / self.of.max(1) as f64
    }
}

/// Why a client went down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) cause: Cause,
    pub(super) fault: Option<Fault>,
}

/// The latest outages, oldest first.
#[derive(Debug, Default)]
pub(super) struct OutageLog(VecDeque<LoggedOutage>);

#[derive(Debug)]
struct LoggedOutage {
    began: Instant,
    lasted: Option<Duration>,
    of: usize,
    clients: usize,
    causes: BTreeMap<Cause, usize>,
    faults: BTreeMap<Fault, usize>,
    family: Option<Family>,
    back: BTreeMap<Share, Duration>,
}

impl OutageLog {
    /// A new one, of a herd of so many clients, that has taken some already.
    pub(super) fn begin(&mut self, began: Instant, of: usize, losses: Vec<Loss>) {
        if self.0.len() == Outage::KEPT {
            self.0.pop_front();
        }
        self.0.push_back(LoggedOutage {
            began,
            lasted: None,
            of,
            clients: 0,
            causes: BTreeMap::new(),
            faults: BTreeMap::new(),
            family: None,
            back: BTreeMap::new(),
        });
        for loss in losses {
            self.took(loss);
        }
    }

    /// The latest took one client more.
    pub(super) fn took(&mut self, loss: Loss) {
        if let Some(entry) = self.0.back_mut() {
            entry.clients += 1;
            entry.of = entry.of.max(entry.clients);
            *entry.causes.entry(loss.cause).or_default() += 1;
            if let Some(fault) = loss.fault {
                *entry.faults.entry(fault).or_default() += 1;
            }
        }
    }

    /// The latest is of that family alone; `None`: of all that the herd has.
    pub(super) fn is_of(&mut self, family: Option<Family>) {
        if let Some(entry) = self.0.back_mut() {
            entry.family = family;
        }
    }

    /// There are so many clients to be taken by now.
    pub(super) fn herd(&mut self, of: usize) {
        if let Some(entry) = self.0.back_mut() {
            entry.of = entry.of.max(of);
        }
    }

    /// So much of what the latest took is back, so long after its beginning.
    pub(super) fn back(&mut self, share: Share, took: Duration) {
        if let Some(entry) = self.0.back_mut() {
            entry.back.insert(share, took);
        }
    }

    /// The latest is over, so long after its beginning.
    pub(super) fn end(&mut self, took: Duration) {
        if let Some(entry) = self.0.back_mut() {
            entry.lasted = Some(took);
        }
    }

    pub(super) fn latest(&self, origin: Instant) -> Vec<Outage> {
        self.0.iter().map(|entry| entry.told(origin)).collect()
    }
}

impl LoggedOutage {
    fn told(&self, origin: Instant) -> Outage {
        let began = self.began.saturating_duration_since(origin);
        let fault = most(&self.faults).filter(|(_, count)| count * 2 > self.clients);
        Outage {
            began,
            ended: self.lasted.map(|lasted| began + lasted),
            clients: self.clients,
            of: self.of,
            // One that took nobody was never begun.
            cause: most(&self.causes).map_or(Cause::NoCarrier, |(cause, _)| cause),
            fault: fault.map(|(fault, _)| fault),
            family: self.family,
            back: self.back.clone(),
        }
    }
}

/// The most frequent; of several, the first of the list.
fn most<K: Ord + Copy>(counts: &BTreeMap<K, usize>) -> Option<(K, usize)> {
    let mut most = None;
    for (key, count) in counts {
        if most.is_none_or(|(_, highest)| *count > highest) {
            most = Some((*key, *count));
        }
    }
    most
}
