//! What is remembered of a herd for those who come later: its latest events, those of each client, and how it was in the
//! latest minutes. All of it is bounded.

use std::collections::{BTreeMap, VecDeque};

use super::picture::{Mark, OUTAGE, Point};
use super::timeline::Timeline;
use crate::identity::ClientNumber;
use crate::phase::Phase;
use crate::pool::{Event, EventKind};

/// How many events of the herd are remembered.
pub(super) const EVENTS: usize = 4_096;
/// How many events of each client are.
pub(super) const OF_EACH: usize = 16;
/// How many clients that have left are remembered: as many as the pool does.
const DEPARTED: usize = 20;

/// What is remembered.
#[derive(Debug, Default)]
pub(super) struct Memory {
    latest: u64,
    events: VecDeque<Event>,
    clients: BTreeMap<ClientNumber, VecDeque<Event>>,
    departed: VecDeque<ClientNumber>,
    timeline: Timeline,
}

/// What happened after an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    /// So many events are forgotten, or were never heard of.
    pub missed: u64,
    /// The others, the oldest first.
    pub events: Vec<Event>,
}

impl Memory {
    /// The number of the latest event; 0 before the first.
    pub fn latest(&self) -> u64 {
        self.latest
    }

    /// Remembers one more, whose number is above all before.
    pub fn remember(&mut self, event: &Event) {
        self.latest = event.sequence;
        push(&mut self.events, event.clone(), EVENTS);
        self.note(event);
        let Some(number) = event.client else { return };
        push(
            self.clients.entry(number).or_default(),
            event.clone(),
            OF_EACH,
        );
        if matches!(
            event.what,
            EventKind::Phase {
                to: Phase::Gone,
                ..
            }
        ) && let Some(forgotten) = push(&mut self.departed, number, DEPARTED)
        {
            self.clients.remove(&forgotten);
        }
    }

    /// What happened after event `after`. A number that is not reached yet is of another run: then all is new.
    pub fn since(&self, after: u64) -> Replay {
        let after = if after > self.latest { 0 } else { after };
        let first = self.events.partition_point(|event| event.sequence <= after);
        let events: Vec<_> = self.events.range(first..).cloned().collect();
        Replay {
            missed: self.latest - after - events.len() as u64,
            events,
        }
    }

    /// The latest events of one client, the oldest first.
    pub fn of(&self, client: ClientNumber) -> Vec<Event> {
        let events = self.clients.get(&client).into_iter().flatten();
        events.cloned().collect()
    }

    /// Notes where in time an outage or a fault lies.
    fn note(&mut self, event: &Event) {
        let after = event.after.as_secs_f64();
        match &event.what {
            EventKind::OutageBegan { .. } => self.timeline.mark(Mark::begun(OUTAGE, after)),
            EventKind::OutageEnded { took, .. } => {
                self.timeline.end_mark(after, Mark::is_outage);
                // When it began is known better at its end than when it was recognised.
                let began = (after - took.as_secs_f64()).max(0.0);
                self.timeline.date_latest(OUTAGE, began);
            }
            EventKind::FaultBegan { fault, lasts, .. } => {
                let until = after + lasts.as_secs_f64();
                let mark = Mark::begun(fault.as_str(), after);
                self.timeline.mark(Mark {
                    to: Some(until),
                    ..mark
                });
            }
            _ => {}
        }
    }

    /// Remembers how the herd is.
    pub fn mark(&mut self, point: Point) {
        self.timeline.add(point);
    }

    /// How the herd was.
    pub const fn timeline(&self) -> &Timeline {
        &self.timeline
    }
}

/// Appends, and returns what there is no room for any more.
fn push<T>(queue: &mut VecDeque<T>, item: T, most: usize) -> Option<T> {
    let oldest = (queue.len() >= most).then(|| queue.pop_front()).flatten();
    queue.push_back(item);
    oldest
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn event(sequence: u64, client: u32, to: Phase) -> Event {
        Event {
            sequence,
            after: Duration::from_secs(sequence),
            client: Some(ClientNumber(client)),
            what: EventKind::Phase {
                from: Phase::Queued,
                to,
            },
        }
    }

    fn sequences(replay: &Replay) -> Vec<u64> {
        replay.events.iter().map(|event| event.sequence).collect()
    }

    #[test]
    fn whoever_names_an_event_gets_those_after_it() {
        let mut memory = Memory::default();
        for sequence in 1..=5 {
            memory.remember(&event(sequence, 1, Phase::Online));
        }
        let replay = memory.since(3);
        assert_eq!((replay.missed, sequences(&replay)), (0, vec![4, 5]));
        assert_eq!(sequences(&memory.since(5)), Vec::<u64>::new());
    }

    #[test]
    fn what_is_forgotten_or_was_never_heard_is_counted() {
        let mut memory = Memory::default();
        let last = EVENTS as u64 + 10;
        for sequence in (1..=last).filter(|sequence| *sequence != last - 1) {
            memory.remember(&event(sequence, 1, Phase::Online));
        }
        assert_eq!(memory.since(last - 2).missed, 1);
        let all = memory.since(0);
        assert_eq!((all.missed, all.events.len()), (10, EVENTS));
    }

    #[test]
    fn a_number_of_another_run_gets_everything() {
        let mut memory = Memory::default();
        memory.remember(&event(1, 1, Phase::Online));
        assert_eq!(sequences(&memory.since(1_000)), vec![1]);
    }

    #[test]
    fn of_each_client_the_latest_are_remembered_and_of_those_that_left_only_some() {
        let mut memory = Memory::default();
        for sequence in 1..=30 {
            memory.remember(&event(sequence, 7, Phase::Dhcp));
        }
        let own = memory.of(ClientNumber(7));
        assert_eq!(own.len(), OF_EACH);
        assert_eq!(own.last().map(|event| event.sequence), Some(30));
        for client in 100..200 {
            memory.remember(&event(u64::from(client), client, Phase::Gone));
        }
        assert!(memory.of(ClientNumber(100)).is_empty());
        assert!(!memory.of(ClientNumber(199)).is_empty());
        assert_eq!(memory.clients.len(), 1 + DEPARTED);
    }
}
