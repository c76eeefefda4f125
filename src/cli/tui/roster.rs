//! Every client in few words, kept by events: the pool is asked anew only where they do not tell enough.

use std::collections::BTreeMap;

use lanherd::identity::ClientNumber;
use lanherd::live::{Cell, ClientList, Herd};
use lanherd::phase::Phase;
use lanherd::pool::Event;

/// What is known of each.
#[derive(Debug, Default)]
pub struct Roster {
    sequence: u64,
    cells: BTreeMap<ClientNumber, Cell>,
    is_stale: bool,
}

impl Roster {
    /// The pool was asked.
    pub fn replace(&mut self, clients: ClientList) {
        let cells = clients.clients.into_iter();
        self.sequence = clients.sequence;
        self.cells = cells.map(|cell| (cell.number, cell)).collect();
        self.is_stale = false;
    }

    /// Takes in what happened.
    pub fn apply(&mut self, event: &Event) {
        // What the pool was asked after is in what it said.
        if event.sequence <= self.sequence {
            return;
        }
        let Some(number) = event.client else { return };
        let Some(cell) = self.cells.get_mut(&number) else {
            // Somebody new, whose group the event does not say; or one that left and is forgotten.
            self.is_stale = true;
            return;
        };
        self.is_stale |= cell.apply(&event.what);
    }

    /// Some events were not heard.
    pub fn miss(&mut self) {
        self.is_stale = true;
    }

    /// Whether the pool should be asked, the herd being this at a glance.
    pub fn is_stale(&self, herd: &Herd) -> bool {
        let there = |phase: Phase| phase != Phase::Gone;
        let known = self.cells.values().filter(|cell| there(cell.phase));
        let counted = herd.phases.iter().filter(|(phase, _)| there(**phase));
        let counted: u64 = counted.map(|(_, count)| u64::from(*count)).sum();
        self.is_stale || known.count() as u64 != counted
    }

    /// All, by number.
    pub fn cells(&self) -> Vec<Cell> {
        self.cells.values().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use lanherd::family::Family;
    use lanherd::phase::{Cause, Stage};
    use lanherd::pool::EventKind;

    use super::super::sample;
    use super::*;

    fn event(sequence: u64, client: u32, what: EventKind) -> Event {
        Event {
            sequence,
            after: Duration::ZERO,
            client: Some(ClientNumber(client)),
            what,
        }
    }

    fn to(phase: Phase) -> EventKind {
        EventKind::Phase {
            from: Phase::Online,
            to: phase,
        }
    }

    #[test]
    fn events_change_what_is_known_and_those_that_are_in_it_already_do_not() {
        let mut roster = Roster::default();
        roster.replace(sample::clients(10, 3));
        roster.apply(&event(10, 1, to(Phase::Failed)));
        roster.apply(&event(11, 2, to(Phase::Backoff)));
        let failed = EventKind::Failed {
            stage: Stage::Online,
            cause: Cause::Crashed,
            family: None,
            detail: String::new(),
        };
        roster.apply(&event(12, 2, failed));
        let cells = roster.cells();
        let told: Vec<_> = cells.iter().map(|c| (c.phase, c.last_cause)).collect();
        let online = (Phase::Online, None);
        assert_eq!(
            told,
            [online, (Phase::Backoff, Some(Cause::Crashed)), online]
        );
    }

    #[test]
    fn how_a_client_stands_in_each_family_follows_from_events_and_is_asked_where_it_does_not() {
        let mut roster = Roster::default();
        let mut clients = sample::clients(10, 1);
        clients.clients[0].up = [(Family::Ipv4, true), (Family::Ipv6, true)].into();
        roster.replace(clients);
        let herd = |phase| sample::herd(&[(phase, 1)]);
        let down = EventKind::FamilyDown {
            family: Family::Ipv6,
            stage: Stage::Router,
            cause: Cause::RouterLost,
            detail: String::new(),
        };
        roster.apply(&event(11, 1, down));
        roster.apply(&event(12, 1, to(Phase::Partial)));
        let cell = &roster.cells()[0];
        assert_eq!(cell.only_family(), Some(Family::Ipv4));
        assert_eq!(cell.families().as_deref(), Some(" (IPv4 up, IPv6 down)"));
        assert_eq!(cell.last_cause, Some(Cause::RouterLost));
        assert!(!roster.is_stale(&herd(Phase::Partial)));
        let up = EventKind::FamilyUp {
            family: Family::Ipv6,
            took: Duration::from_secs(1),
        };
        roster.apply(&event(13, 1, up));
        roster.apply(&event(14, 1, to(Phase::Online)));
        assert!(!roster.is_stale(&herd(Phase::Online)));
        roster.apply(&event(15, 1, to(Phase::NoCarrier)));
        assert_eq!(
            roster.cells()[0].families().as_deref(),
            Some(" (IPv4 down, IPv6 down)")
        );
        assert!(!roster.is_stale(&herd(Phase::NoCarrier)));
        // What it kept meanwhile is usable without a word.
        roster.apply(&event(16, 1, to(Phase::Online)));
        assert!(roster.is_stale(&herd(Phase::Online)));
    }

    #[test]
    fn the_pool_is_asked_when_somebody_is_new_or_missing_and_not_otherwise() {
        let mut roster = Roster::default();
        let herd = sample::herd(&[(Phase::Online, 3), (Phase::Gone, 7)]);
        assert!(roster.is_stale(&herd), "nothing is known yet");
        roster.replace(sample::clients(10, 3));
        assert!(!roster.is_stale(&herd));
        roster.apply(&event(11, 4, to(Phase::Link)));
        assert!(roster.is_stale(&herd));
        roster.replace(sample::clients(11, 3));
        assert!(!roster.is_stale(&herd));
        roster.miss();
        assert!(roster.is_stale(&herd));
        roster.replace(sample::clients(11, 3));
        roster.apply(&event(12, 3, to(Phase::Gone)));
        assert!(roster.is_stale(&herd), "one more has left than was counted");
    }
}
