//! The figures of a herd from its status, also of clients that have left since.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::identity::ClientNumber;
use crate::phase::Phase;
use crate::pool::{ClientStatus, HerdStatus};
use crate::stats::{Figures, PingStats};
use crate::target::Target;

/// Adds up what a herd's statuses tell, one after the other. What happens between two looks and leaves no trace in
/// the second is not seen: of several acquisitions of one client, the last counts.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Of everybody, but for the pings of those in `present`.
    figures: Figures,
    present: BTreeMap<ClientNumber, Seen>,
    /// Whose status may still be told, and who was counted to the end.
    gone: BTreeSet<ClientNumber>,
}

/// A client as it was seen last.
#[derive(Debug, Default)]
struct Seen {
    joined: bool,
    given_up: bool,
    dhcp: Option<Duration>,
    restarts: u32,
    pings: BTreeMap<Target, PingStats>,
}

impl Ledger {
    /// Takes in what the herd is like now, and returns its figures since the beginning.
    pub fn enter(&mut self, herd: &HerdStatus) -> Figures {
        let told: BTreeSet<_> = herd.clients.iter().map(|c| c.identity.number).collect();
        self.gone.retain(|number| told.contains(number));
        for client in &herd.clients {
            let number = client.identity.number;
            if !self.gone.contains(&number) {
                self.present
                    .entry(number)
                    .or_default()
                    .see(client, &mut self.figures);
                if client.phase == Phase::Gone {
                    self.gone.insert(number);
                }
            }
        }
        let (gone, figures) = (&self.gone, &mut self.figures);
        self.present.retain(|number, seen| {
            let stays = told.contains(number) && !gone.contains(number);
            if !stays {
                seen.pings_into(figures);
            }
            stays
        });
        let mut figures = self.figures.clone();
        for seen in self.present.values() {
            seen.pings_into(&mut figures);
        }
        figures
    }
}

impl Seen {
    fn see(&mut self, client: &ClientStatus, figures: &mut Figures) {
        if let Some(join) = client.join.filter(|_| !self.joined) {
            self.joined = true;
            figures.joined(join);
        }
        if let Some(dhcp) = client.dhcp.filter(|dhcp| self.dhcp != Some(*dhcp)) {
            figures.bound(dhcp);
        }
        let given_up = client.phase == Phase::Failed;
        figures.give_ups += u64::from(given_up && !self.given_up);
        figures.restarts += u64::from(client.restarts.saturating_sub(self.restarts));
        self.dhcp = client.dhcp;
        self.given_up = given_up;
        self.restarts = client.restarts;
        self.pings.clone_from(&client.pings);
    }

    fn pings_into(&self, figures: &mut Figures) {
        for (target, stats) in &self.pings {
            figures.pings_of(*target).add(stats);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{Identity, PoolName, Seed};
    use crate::lan::PingOutcome;

    fn client(number: u32, phase: Phase, pings: u64) -> ClientStatus {
        let mut stats = PingStats::new(Target::Router, None);
        for _ in 0..pings {
            stats.record(PingOutcome::Reply(Duration::from_micros(80)));
        }
        ClientStatus {
            identity: Identity::derive(&PoolName::default(), ClientNumber(number), Seed(7)),
            phase,
            failure: None,
            lease: None,
            join: Some(Duration::from_millis(5)),
            dhcp: Some(Duration::from_millis(3)),
            restarts: 0,
            pings: [(Target::Router, stats)].into(),
        }
    }

    #[test]
    fn a_client_that_left_stays_counted_once_whether_or_not_it_is_still_told_of() {
        let mut ledger = Ledger::default();
        let mut look = |clients| {
            let figures = ledger.enter(&HerdStatus { clients });
            (
                figures.joins.count(),
                figures.pings[&Target::Router].received,
            )
        };
        assert_eq!(
            look(vec![
                client(1, Phase::Online, 5),
                client(2, Phase::Online, 5)
            ]),
            (2, 10)
        );
        assert_eq!(
            look(vec![client(1, Phase::Gone, 7), client(2, Phase::Online, 6)]),
            (2, 13)
        );
        assert_eq!(
            look(vec![client(1, Phase::Gone, 7), client(2, Phase::Online, 6)]),
            (2, 13)
        );
        // Forgotten by the pool; and one that is forgotten without having been seen gone.
        assert_eq!(look(vec![client(2, Phase::Online, 8)]), (2, 15));
        assert_eq!(look(vec![client(3, Phase::Online, 1)]), (3, 16));
        assert_eq!(look(vec![]), (3, 16));
    }

    #[test]
    fn restarts_give_ups_and_new_leases_are_counted_when_they_happen() {
        let mut ledger = Ledger::default();
        let mut one = client(1, Phase::Online, 0);
        let mut look = |one: &ClientStatus| {
            let clients = vec![one.clone()];
            let figures = ledger.enter(&HerdStatus { clients });
            (figures.restarts, figures.give_ups, figures.dhcp.count())
        };
        assert_eq!(look(&one), (0, 0, 1));
        one.restarts = 3;
        one.dhcp = Some(Duration::from_millis(4));
        assert_eq!(look(&one), (3, 0, 2));
        one.phase = Phase::Failed;
        assert_eq!(look(&one), (3, 1, 2));
        assert_eq!(look(&one), (3, 1, 2));
    }
}
