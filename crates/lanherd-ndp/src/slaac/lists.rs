//! Lists whose entries have lifetimes of their own: resolvers, names, prefixes of the NAT64, resolvers over encrypted
//! connections.

use std::time::Instant;

use super::until::Until;
use crate::Lifetime;

/// Entries in the order in which they are preferred, each with its end; of bounded length.
#[derive(Debug, Clone)]
pub(super) struct Expiring<T> {
    entries: Vec<(T, Until)>,
    limit: usize,
    is_changed: bool,
}

impl<T: Clone + PartialEq> Expiring<T> {
    pub(super) const fn new(limit: usize) -> Self {
        Self {
            entries: Vec::new(),
            limit,
            is_changed: false,
        }
    }

    pub(super) fn give_room_back(&mut self) {
        self.entries.shrink_to_fit();
    }

    /// What is in it, best first.
    pub(super) fn values(&self) -> Vec<T> {
        self.entries
            .iter()
            .map(|(value, _)| value.clone())
            .collect()
    }

    /// What is in it, where that may be something else than the last time that this was asked.
    pub(super) fn changed(&mut self) -> Option<Vec<T>> {
        std::mem::take(&mut self.is_changed).then(|| self.values())
    }

    /// When the next entry ends.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.entries
            .iter()
            .filter_map(|(_, end)| end.moment())
            .min()
    }

    /// Takes the entries of one option, best first. What is new stands before what is old, and where the list is full that entry goes which would end first.
    // RFC 8106, 6.2: new resolvers stand first, in the order of the option, and a full list loses what ends first.
    pub(super) fn update(&mut self, values: &[T], lifetime: Lifetime, now: Instant) {
        let end = Until::after(now, lifetime);
        let mut place = 0;
        for value in values {
            let found = self.entries.iter().position(|(known, _)| known == value);
            match found {
                // RFC 8106, 6.2: a lifetime of 0 removes a resolver at once.
                Some(at) if lifetime.is_zero() => {
                    self.entries.remove(at);
                    self.is_changed = true;
                }
                Some(at) => self.entries[at].1 = end,
                None if lifetime.is_zero() => {}
                None => {
                    self.entries
                        .insert(place.min(self.entries.len()), (value.clone(), end));
                    place += 1;
                    self.is_changed = true;
                    if self.entries.len() > self.limit {
                        self.drop_earliest();
                    }
                }
            }
        }
    }

    fn drop_earliest(&mut self) {
        let ends = self.entries.iter().enumerate();
        // Of several the last.
        let earliest = ends.min_by_key(|(at, (_, end))| (*end, std::cmp::Reverse(*at)));
        if let Some((at, _)) = earliest {
            self.entries.remove(at);
        }
    }

    /// Drops what has ended.
    pub(super) fn expire(&mut self, now: Instant) {
        let before = self.entries.len();
        self.entries.retain(|(_, end)| !end.has_come(now));
        self.is_changed |= self.entries.len() < before;
    }

    /// Drops all entries, and notes whether that is a change.
    pub(super) fn clear(&mut self) {
        self.is_changed |= !self.entries.is_empty();
        self.entries.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn seconds(seconds: u32) -> Lifetime {
        Lifetime::from_secs(seconds)
    }

    // RFC 8106, 6.2: new resolvers stand first, in the order of the option, and a full list loses what ends first.
    #[test]
    fn what_is_new_stands_first_and_what_ends_first_goes() {
        let now = Instant::now();
        let mut list = Expiring::new(3);
        list.update(&["a", "b"], seconds(100), now);
        list.update(&["c"], seconds(50), now);
        assert_eq!(list.changed(), Some(vec!["c", "a", "b"]));
        list.update(&["a"], seconds(200), now);
        assert_eq!(list.changed(), None);
        list.update(&["d"], seconds(300), now);
        assert_eq!(list.changed(), Some(vec!["d", "a", "b"]));
        let later = now + Duration::from_secs(100);
        assert_eq!(list.deadline(), Some(later));
        list.expire(later);
        assert_eq!(list.changed(), Some(vec!["d", "a"]));
    }

    // RFC 8106, 6.2: a lifetime of 0 removes a resolver at once.
    #[test]
    fn a_lifetime_of_0_removes_what_is_there_and_adds_nothing() {
        let now = Instant::now();
        let mut list = Expiring::new(3);
        list.update(&["a"], Lifetime::ZERO, now);
        assert_eq!(list.changed(), None);
        list.update(&["a", "b"], Lifetime::INFINITE, now);
        assert_eq!(list.deadline(), None);
        list.update(&["a"], Lifetime::ZERO, now);
        assert_eq!(list.changed(), Some(vec!["b"]));
    }
}
