//! What is remembered of faults that were made on purpose. Pure.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::fault::Fault;

/// One fault that was made on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InjectedFault {
    /// The kind of fault.
    pub fault: Fault,
    /// When it began, counted from the beginning of the pool.
    pub began: Duration,
    /// For how long it was to last; zero: it happens at one moment.
    pub lasts: Duration,
    /// How many clients were online that it could take offline.
    pub clients: usize,
    /// How many of them it has taken offline, those that have left the herd since not counted. A client that went offline
    /// for another reason meanwhile is among them: the two cannot be told apart.
    pub offline: usize,
    /// How long after its beginning all of these were back; `None`: they are not, or it has taken nobody offline.
    pub recovered: Option<Duration>,
}

impl InjectedFault {
    /// So many are remembered; earlier ones are only counted.
    pub const KEPT: usize = 200;
}

/// Names a fault for as long as the pool lives: how many were made before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FaultNumber(u64);

/// The latest faults, oldest first.
#[derive(Debug, Default)]
pub(super) struct FaultLog {
    /// How many were made before the oldest that is remembered.
    forgotten: u64,
    entries: VecDeque<InjectedFaultEntry>,
}

#[derive(Debug)]
struct InjectedFaultEntry {
    fault: Fault,
    began: Instant,
    lasts: Duration,
    clients: usize,
    offline: usize,
    recovered: Option<Duration>,
}

impl FaultLog {
    /// A fault begins, lasts so long, and can take so many clients offline.
    pub(super) fn begin(
        &mut self,
        fault: Fault,
        lasts: Duration,
        clients: usize,
        began: Instant,
    ) -> FaultNumber {
        if self.entries.len() == InjectedFault::KEPT {
            self.entries.pop_front();
            self.forgotten += 1;
        }
        let number = FaultNumber(self.forgotten + self.entries.len() as u64);
        self.entries.push_back(InjectedFaultEntry {
            fault,
            began,
            lasts,
            clients,
            offline: 0,
            recovered: None,
        });
        number
    }

    /// A fault has taken so many clients offline; `recovered`: all of them were back so long after its beginning. Nothing
    /// comes of it where the fault is forgotten.
    pub(super) fn felt(
        &mut self,
        FaultNumber(number): FaultNumber,
        offline: usize,
        recovered: Option<Duration>,
    ) {
        let index = number.checked_sub(self.forgotten);
        let index = index.and_then(|index| usize::try_from(index).ok());
        if let Some(entry) = index.and_then(|index| self.entries.get_mut(index)) {
            (entry.offline, entry.recovered) = (offline, recovered);
        }
    }

    pub(super) fn latest(&self, origin: Instant) -> Vec<InjectedFault> {
        let told = |entry: &InjectedFaultEntry| InjectedFault {
            fault: entry.fault,
            began: entry.began.saturating_duration_since(origin),
            lasts: entry.lasts,
            clients: entry.clients,
            offline: entry.offline,
            recovered: entry.recovered,
        };
        self.entries.iter().map(told).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_remembered_is_bounded_and_what_comes_of_a_forgotten_fault_is_nobody_elses() {
        let (mut log, start) = (FaultLog::default(), Instant::now());
        let second = |second: usize| Duration::from_secs(second as u64);
        let made = InjectedFault::KEPT + 3;
        let numbers: Vec<_> = (0..made)
            .map(|n| log.begin(Fault::Crash, Duration::ZERO, n, start + second(n)))
            .collect();
        log.felt(numbers[2], 7, Some(second(9)));
        log.felt(numbers[3], 1, Some(second(1)));
        let latest = log.latest(start);
        assert_eq!(latest.len(), InjectedFault::KEPT);
        assert_eq!((latest[0].began, latest[0].clients), (second(3), 3));
        assert_eq!(latest[0].recovered, Some(second(1)));
        assert!(latest[1..].iter().all(|fault| fault.offline == 0));
    }
}
