//! Figures of echo requests.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::{Distribution, Outcomes, Room, add_counts};
use crate::lan::{PingCause, PingOutcome};
use crate::target::Target;
use crate::workload::ping::Echo;

/// What became of one client's echo requests to one target.
#[derive(Debug, Clone)]
pub struct PingStats {
    /// What was pinged.
    pub target: Target,
    /// Its latest address, where there was one to send to.
    pub address: Option<Ipv4Addr>,
    /// Requests that were handed to the kernel.
    pub sent: u64,
    /// Requests that were answered in time.
    pub received: u64,
    /// The others, by cause; those that were never sent among them.
    pub lost: BTreeMap<PingCause, u64>,
    /// Answers to requests that had been answered already, as far as they came before the next was over.
    pub duplicates: u64,
    /// Round trip times of the answered ones.
    pub rtt: Distribution,
    last_failure: Option<String>,
}

impl PingStats {
    /// Nothing counted yet, of many clients together.
    pub fn new(target: Target, address: Option<Ipv4Addr>) -> Self {
        Self::with_room(target, address, Room::Ample)
    }

    /// Nothing counted yet, of one client: a herd has as many of these as clients.
    pub fn of_client(target: Target, address: Option<Ipv4Addr>) -> Self {
        Self::with_room(target, address, Room::Fixed)
    }

    fn with_room(target: Target, address: Option<Ipv4Addr>, room: Room) -> Self {
        Self {
            target,
            address,
            sent: 0,
            received: 0,
            lost: BTreeMap::new(),
            duplicates: 0,
            rtt: Distribution::new(room),
            last_failure: None,
        }
    }

    /// Counts one outcome.
    pub fn record(&mut self, outcome: PingOutcome) {
        match outcome {
            PingOutcome::Reply(rtt) => {
                self.sent += 1;
                self.received += 1;
                self.rtt.record(rtt);
            }
            PingOutcome::Lost(cause) => {
                self.sent += u64::from(cause.was_sent());
                *self.lost.entry(cause).or_default() += 1;
                self.last_failure = Some(self.particulars(cause, None));
            }
        }
    }

    /// The same, with what is known besides.
    pub fn record_echo(&mut self, echo: &Echo) {
        self.address = echo.address.or(self.address);
        self.duplicates += echo.duplicates;
        self.record(echo.outcome);
        if let (PingOutcome::Lost(cause), Some(why)) = (echo.outcome, &echo.why) {
            self.last_failure = Some(self.particulars(cause, Some(why)));
        }
    }

    fn particulars(&self, cause: PingCause, why: Option<&str>) -> String {
        let target = &self.target;
        match (why, self.address) {
            (Some(why), _) => format!("{target}: {cause}: {why}"),
            (None, Some(address)) if target.to_string() != address.to_string() => {
                format!("{target} ({address}): {cause}")
            }
            (None, _) => format!("{target}: {cause}"),
        }
    }

    /// Adds all of `other`, of any client.
    pub fn add(&mut self, other: &Self) {
        self.address = self.address.or(other.address);
        self.sent += other.sent;
        self.received += other.received;
        add_counts(&mut self.lost, &other.lost);
        self.duplicates += other.duplicates;
        self.rtt.add(&other.rtt);
        if other.last_failure.is_some() {
            self.last_failure.clone_from(&other.last_failure);
        }
    }

    /// Requests that were not answered, those never sent included.
    pub fn unanswered(&self) -> u64 {
        self.lost.values().sum()
    }

    /// The share of requests that was not answered, those never sent included; `None` where none was wanted.
    pub fn loss(&self) -> Option<f64> {
        let lost = self.unanswered();
        let wanted = self.received + lost;
        (wanted > 0).then(|| lost as f64 / wanted as f64)
    }

    /// Whether every request, and at least one, was answered.
    pub fn is_lossless(&self) -> bool {
        self.is_success()
    }

    /// The cause that occurred most.
    pub fn main_cause(&self) -> Option<PingCause> {
        self.lost
            .iter()
            .max_by_key(|(_, count)| **count)
            .map(|(cause, _)| *cause)
    }
}

impl Outcomes for PingStats {
    fn attempts(&self) -> u64 {
        self.received + self.unanswered()
    }

    fn successes(&self) -> u64 {
        self.received
    }

    fn time(&self) -> &Distribution {
        &self.rtt
    }

    fn last_failure(&self) -> Option<String> {
        self.last_failure.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn what_was_never_sent_is_loss_but_not_sent() {
        let mut stats = PingStats::new(Target::Router, None);
        stats.record(PingOutcome::Reply(Duration::from_micros(80)));
        stats.record(PingOutcome::Lost(PingCause::Timeout));
        stats.record(PingOutcome::Lost(PingCause::Offline));
        stats.record(PingOutcome::Lost(PingCause::Offline));
        assert_eq!((stats.sent, stats.received), (2, 1));
        assert_eq!(stats.loss(), Some(0.75));
        assert_eq!(stats.main_cause(), Some(PingCause::Offline));
        assert!(!stats.is_lossless());
    }

    #[test]
    fn the_latest_failure_names_target_address_and_cause() {
        let mut stats = PingStats::new(Target::Router, None);
        assert_eq!(stats.last_failure(), None);
        let mut echo = Echo {
            address: Some(Ipv4Addr::new(10, 77, 0, 1)),
            outcome: PingOutcome::Lost(PingCause::Timeout),
            duplicates: 2,
            why: None,
        };
        stats.record_echo(&echo);
        let said = stats.last_failure().expect("one");
        assert_eq!(said, "the router (10.77.0.1): timeout");
        echo.outcome = PingOutcome::Reply(Duration::from_micros(80));
        stats.record_echo(&echo);
        assert_eq!(
            stats.last_failure(),
            Some(said),
            "a success takes nothing back"
        );
        echo.outcome = PingOutcome::Lost(PingCause::NoTarget);
        echo.why = Some("the lease names no router".to_owned());
        stats.record_echo(&echo);
        assert_eq!(
            stats.last_failure().expect("one"),
            "the router: no_target: the lease names no router"
        );
        assert_eq!((stats.duplicates, stats.received), (6, 1));
    }
}
