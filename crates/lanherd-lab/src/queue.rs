//! What waits to be sent, in the order of its times, and bounded: clients may be many, and hostile.

use std::collections::BTreeMap;
use std::time::Instant;

/// More answers than a herd can be waiting for; what a flood brings beyond it is dropped.
const MOST: usize = 1 << 16;
/// How many bytes all of them may have.
const MOST_BYTES: usize = 64 << 20;

/// Answers, each with the time at which it is to be sent.
#[derive(Debug)]
pub(super) struct Queue<T> {
    /// By time and, of one time, in the order in which they came.
    waiting: BTreeMap<(Instant, u64), (usize, T)>,
    came: u64,
    bytes: usize,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            came: 0,
            bytes: 0,
        }
    }
}

impl<T> Queue<T> {
    /// Takes in an answer of so many bytes; drops it where there are too many.
    pub(super) fn push(&mut self, due: Instant, bytes: usize, answer: T) {
        if self.waiting.len() < MOST && self.bytes + bytes <= MOST_BYTES {
            self.waiting.insert((due, self.came), (bytes, answer));
            self.came += 1;
            self.bytes += bytes;
        }
    }

    /// The next that is due.
    pub(super) fn pop(&mut self, now: Instant) -> Option<T> {
        self.due().filter(|due| *due <= now)?;
        let (_, (bytes, answer)) = self.waiting.pop_first()?;
        self.bytes -= bytes;
        Some(answer)
    }

    /// When the next is due.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.keys().next().map(|(due, _)| *due)
    }

    /// Makes all due at `latest` that would be due later.
    pub(super) fn hasten(&mut self, latest: Instant) {
        for ((_, came), answer) in self.waiting.split_off(&(latest, u64::MAX)) {
            self.waiting.insert((latest, came), answer);
        }
    }

    /// Drops all that still waits.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn all<T>(queue: &mut Queue<T>, now: Instant) -> Vec<T> {
        std::iter::from_fn(|| queue.pop(now)).collect()
    }

    #[test]
    fn what_waits_goes_in_the_order_of_its_times_and_then_of_its_coming() {
        let (mut queue, start) = (Queue::default(), Instant::now());
        for (after, answer) in [(2, 'c'), (1, 'a'), (2, 'd'), (1, 'b')] {
            queue.push(start + after * SECOND, 1, answer);
        }
        assert!(all(&mut queue, start).is_empty());
        assert_eq!(queue.due(), Some(start + SECOND));
        assert_eq!(all(&mut queue, start + SECOND), ['a', 'b']);
        assert_eq!(all(&mut queue, start + 9 * SECOND), ['c', 'd']);
        assert_eq!(queue.due(), None);
    }

    #[test]
    fn what_is_hastened_goes_before_anything_new_and_what_was_due_before_stays_first() {
        let (mut queue, start) = (Queue::default(), Instant::now());
        for (after, answer) in [(9, 'c'), (5, 'b'), (1, 'a')] {
            queue.push(start + after * SECOND, 1, answer);
        }
        queue.hasten(start + 2 * SECOND);
        queue.push(start + 2 * SECOND, 1, 'd');
        assert_eq!(all(&mut queue, start + SECOND), ['a']);
        assert_eq!(all(&mut queue, start + 2 * SECOND), ['c', 'b', 'd']);
    }

    #[test]
    fn a_flood_fills_neither_places_nor_memory() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        for _ in 0..2 * MOST {
            queue.push(now, 1, ());
        }
        assert_eq!(all(&mut queue, now).len(), MOST);
        for _ in 0..100 {
            queue.push(now, MOST_BYTES / 10, ());
        }
        assert_eq!(all(&mut queue, now).len(), 10);
        queue.push(now, MOST_BYTES, ());
        queue.clear();
        queue.push(now, MOST_BYTES, ());
        assert_eq!(all(&mut queue, now).len(), 1, "room was not given back");
    }
}
