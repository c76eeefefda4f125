//! How long clients take to recover from a fault that was made on purpose. Pure.
//!
//! The time runs from the fault's beginning until the last of the clients that it took offline is online again. A client
//! that goes down for another reason meanwhile is waited for, too: the two cannot be told apart.

mod log;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

pub use self::log::InjectedFault;
use self::log::{FaultLog, FaultNumber};
use crate::fault::{Aim, Fault};
use crate::identity::ClientNumber;

/// A fault that aims at clients and has taken none of them offline by then had no effect.
const PATIENCE: Duration = Duration::from_secs(30);

/// Faults whose clients are not all back yet, and what is remembered of all.
#[derive(Debug, Default)]
pub(super) struct Recoveries {
    trials: Vec<PendingRecovery>,
    log: FaultLog,
}

#[derive(Debug)]
struct PendingRecovery {
    number: FaultNumber,
    fault: Fault,
    began: Instant,
    /// Before, it may still take clients offline.
    not_before: Instant,
    /// Those that it can take offline.
    clients: BTreeSet<ClientNumber>,
    /// Those that it has taken offline.
    taken: BTreeSet<ClientNumber>,
    /// Those of them that are not back.
    down: BTreeSet<ClientNumber>,
    /// When the last one came back.
    back: Option<Instant>,
}

/// A fault that is behind us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Recovered {
    pub(super) fault: Fault,
    /// `None`: no client went offline.
    pub(super) took: Option<Duration>,
}

impl Recoveries {
    /// The fault begins, lasts so long, and can take these clients offline, which are online.
    pub(super) fn begin(
        &mut self,
        fault: Fault,
        lasts: Duration,
        clients: BTreeSet<ClientNumber>,
        now: Instant,
    ) {
        let effect = match fault.aim() {
            Aim::Client => PATIENCE,
            Aim::Parent | Aim::Router => lasts,
        };
        let number = self.log.begin(fault, lasts, clients.len(), now);
        self.trials.push(PendingRecovery {
            number,
            fault,
            began: now,
            not_before: now + effect,
            clients,
            taken: BTreeSet::new(),
            down: BTreeSet::new(),
            back: None,
        });
    }

    /// The fault that can have taken a client offline, if it goes down now; of several, the latest.
    pub(super) fn fault_of(&self, number: ClientNumber) -> Option<Fault> {
        let mut trials = self.trials.iter().rev();
        trials
            .find(|trial| trial.clients.contains(&number))
            .map(|trial| trial.fault)
    }

    /// The client is not online any more.
    pub(super) fn went_down(&mut self, number: ClientNumber) {
        for trial in &mut self.trials {
            if trial.clients.contains(&number) {
                trial.down.insert(number);
                trial.taken.insert(number);
            }
        }
    }

    /// The client is online.
    pub(super) fn came_up(&mut self, number: ClientNumber, now: Instant) {
        for trial in &mut self.trials {
            if trial.down.remove(&number) {
                trial.back = Some(now);
            }
        }
    }

    /// The client is not wanted online any more.
    pub(super) fn remove(&mut self, number: ClientNumber) {
        for trial in &mut self.trials {
            trial.clients.remove(&number);
            trial.taken.remove(&number);
            trial.down.remove(&number);
        }
    }

    /// Takes those that are behind us.
    pub(super) fn take(&mut self, now: Instant) -> Vec<Recovered> {
        self.trials
            .extract_if(.., |trial| trial.is_over(now))
            .map(|trial| {
                let took = trial.back.map(|back| back - trial.began);
                self.log.felt(trial.number, trial.taken.len(), took);
                Recovered {
                    fault: trial.fault,
                    took,
                }
            })
            .collect()
    }

    /// The latest [`InjectedFault::KEPT`] faults, the oldest first; their times are counted from `origin`.
    pub(super) fn latest(&mut self, origin: Instant) -> Vec<InjectedFault> {
        for trial in &self.trials {
            self.log.felt(trial.number, trial.taken.len(), None);
        }
        self.log.latest(origin)
    }

    /// When [`Recoveries::take`] may find something without anything having happened.
    pub(super) fn next_look(&self, now: Instant) -> Option<Instant> {
        let looks = self.trials.iter().map(|trial| trial.not_before);
        looks.filter(|look| *look > now).min()
    }
}

impl PendingRecovery {
    fn is_over(&self, now: Instant) -> bool {
        let has_struck = self.fault.aim() == Aim::Client && self.back.is_some();
        self.down.is_empty() && (has_struck || now >= self.not_before)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clients(numbers: impl IntoIterator<Item = u32>) -> BTreeSet<ClientNumber> {
        numbers.into_iter().map(ClientNumber).collect()
    }

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_crash_is_over_when_its_client_is_back() {
        let (mut recoveries, start) = (Recoveries::default(), Instant::now());
        recoveries.begin(Fault::Crash, Duration::ZERO, clients([7]), start);
        assert_eq!(recoveries.take(start), []);
        let faults = [7, 8].map(|number| recoveries.fault_of(ClientNumber(number)));
        assert_eq!(faults, [Some(Fault::Crash), None]);
        recoveries.went_down(ClientNumber(7));
        recoveries.went_down(ClientNumber(8));
        assert_eq!(recoveries.take(start + seconds(60)), [], "it is not back");
        recoveries.came_up(ClientNumber(7), start + seconds(61));
        let took = Some(seconds(61));
        let fault = Fault::Crash;
        assert_eq!(
            recoveries.take(start + seconds(62)),
            [Recovered { fault, took }]
        );
        assert_eq!(recoveries.take(start + seconds(63)), [], "told once");
    }

    #[test]
    fn a_mute_server_is_over_when_it_speaks_and_the_last_is_back() {
        let (mut recoveries, start) = (Recoveries::default(), Instant::now());
        let fault = Fault::DhcpMute;
        recoveries.begin(fault, seconds(20), clients(1..=3), start);
        recoveries.went_down(ClientNumber(1));
        recoveries.came_up(ClientNumber(1), start + seconds(5));
        assert_eq!(recoveries.take(start + seconds(5)), [], "it may take more");
        recoveries.went_down(ClientNumber(2));
        assert_eq!(recoveries.next_look(start), Some(start + seconds(20)));
        assert_eq!(recoveries.take(start + seconds(20)), []);
        recoveries.came_up(ClientNumber(2), start + seconds(25));
        let took = Some(seconds(25));
        assert_eq!(
            recoveries.take(start + seconds(25)),
            [Recovered { fault, took }]
        );
    }

    #[test]
    fn a_fault_that_nobody_felt_took_nobody() {
        let (mut recoveries, start) = (Recoveries::default(), Instant::now());
        recoveries.begin(Fault::DhcpSlow, seconds(5), clients(1..=3), start);
        recoveries.begin(Fault::KillSockets, seconds(0), clients([1]), start);
        let took = None;
        let fault = Fault::DhcpSlow;
        assert_eq!(
            recoveries.take(start + seconds(5)),
            [Recovered { fault, took }]
        );
        let fault = Fault::KillSockets;
        assert_eq!(
            recoveries.take(start + PATIENCE),
            [Recovered { fault, took }]
        );
    }

    #[test]
    fn who_leaves_is_not_waited_for() {
        let (mut recoveries, start) = (Recoveries::default(), Instant::now());
        recoveries.begin(Fault::FlapParent, seconds(1), clients(1..=2), start);
        recoveries.went_down(ClientNumber(1));
        recoveries.went_down(ClientNumber(2));
        recoveries.came_up(ClientNumber(1), start + seconds(2));
        recoveries.remove(ClientNumber(2));
        let (fault, took) = (Fault::FlapParent, Some(seconds(2)));
        assert_eq!(
            recoveries.take(start + seconds(3)),
            [Recovered { fault, took }]
        );
    }

    #[test]
    fn each_fault_is_remembered_with_what_came_of_it() {
        let (mut recoveries, start) = (Recoveries::default(), Instant::now());
        let told = |recoveries: &mut Recoveries| {
            let latest = recoveries.latest(start).into_iter();
            latest
                .map(|fault| (fault.clients, fault.offline, fault.recovered))
                .collect::<Vec<_>>()
        };
        recoveries.begin(Fault::RouterReboot, seconds(2), clients(1..=3), start);
        recoveries.begin(Fault::Crash, seconds(0), clients([2]), start + seconds(60));
        for number in [1, 2] {
            recoveries.went_down(ClientNumber(number));
        }
        assert_eq!(told(&mut recoveries), [(3, 2, None), (1, 1, None)]);
        for (number, at) in [(1, 62), (2, 65)] {
            recoveries.came_up(ClientNumber(number), start + seconds(at));
        }
        assert_eq!(recoveries.take(start + seconds(65)).len(), 2);
        assert_eq!(
            told(&mut recoveries),
            [(3, 2, Some(seconds(65))), (1, 1, Some(seconds(5)))]
        );
        let crash = recoveries.latest(start)[1];
        assert_eq!((crash.fault, crash.began), (Fault::Crash, seconds(60)));
        // One that took nobody, and one whose only victim left the herd.
        recoveries.begin(Fault::DhcpSlow, seconds(1), clients([1]), start);
        recoveries.begin(Fault::Vanish, seconds(0), clients([3]), start);
        recoveries.went_down(ClientNumber(3));
        recoveries.remove(ClientNumber(3));
        assert_eq!(recoveries.take(start + PATIENCE).len(), 2);
        assert_eq!(told(&mut recoveries)[2..], [(1, 0, None), (1, 0, None)]);
    }
}
