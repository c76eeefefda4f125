//! Who may join, and when: a queue, a rate and a bounded number outstanding. Pure.

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroU32;
use std::time::Instant;

use crate::identity::ClientNumber;
use crate::units::Rate;

/// The door of the herd.
#[derive(Debug)]
pub(super) struct Admission {
    rate: Option<Rate>,
    outstanding: NonZeroU32,
    queue: VecDeque<ClientNumber>,
    /// Admitted, and neither online nor ended yet.
    joining: BTreeSet<ClientNumber>,
    /// The rate lets nobody in before.
    not_before: Option<Instant>,
}

/// The answer of the door.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Admit {
    /// This one may join now.
    Now(ClientNumber),
    /// The next one may join then.
    At(Instant),
    /// Nobody waits, or all places are taken.
    Nobody,
}

impl Admission {
    pub(super) fn new(rate: Option<Rate>, outstanding: NonZeroU32) -> Self {
        Self {
            rate,
            outstanding,
            queue: VecDeque::new(),
            joining: BTreeSet::new(),
            not_before: None,
        }
    }

    pub(super) fn enqueue(&mut self, number: ClientNumber) {
        self.queue.push_back(number);
    }

    /// Takes a client out of the queue, or frees its place: it is online, or it ended.
    pub(super) fn done(&mut self, number: ClientNumber) {
        self.joining.remove(&number);
    }

    /// Who was admitted, and is neither online nor ended yet.
    pub(super) fn joining(&self) -> impl Iterator<Item = ClientNumber> {
        self.joining.iter().copied()
    }

    pub(super) fn withdraw(&mut self, number: ClientNumber) {
        self.queue.retain(|queued| *queued != number);
        self.done(number);
    }

    /// Takes many out of the queue; those that are joining already go on.
    pub(super) fn withdraw_all(&mut self, numbers: &[ClientNumber]) {
        let numbers: BTreeSet<_> = numbers.iter().collect();
        self.queue.retain(|queued| !numbers.contains(queued));
    }

    /// Lets one in, if one may come in at `now`.
    pub(super) fn admit(&mut self, now: Instant) -> Admit {
        let taken = u32::try_from(self.joining.len()).unwrap_or(u32::MAX);
        if taken >= self.outstanding.get() || self.queue.is_empty() {
            return Admit::Nobody;
        }
        if let Some(at) = self.not_before.filter(|at| *at > now) {
            return Admit::At(at);
        }
        let Some(number) = self.queue.pop_front() else {
            return Admit::Nobody;
        };
        self.joining.insert(number);
        if let Some(rate) = self.rate {
            // From the planned time, not from now: a late timer does not lower the rate. After a pause it begins anew.
            let planned = self
                .not_before
                .filter(|at| *at + rate.interval() > now)
                .unwrap_or(now);
            self.not_before = Some(planned + rate.interval());
        }
        Admit::Now(number)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn door(rate: Option<&str>, outstanding: u32, queued: u32) -> Admission {
        let rate = rate.map(|rate| rate.parse().expect("a rate"));
        let outstanding = NonZeroU32::new(outstanding).expect("above 0");
        let mut door = Admission::new(rate, outstanding);
        (1..=queued).for_each(|n| door.enqueue(ClientNumber(n)));
        door
    }

    #[test]
    fn no_more_than_the_outstanding_are_let_in_until_one_is_done() {
        let (now, mut door) = (Instant::now(), door(None, 2, 3));
        assert_eq!(door.admit(now), Admit::Now(ClientNumber(1)));
        assert_eq!(door.admit(now), Admit::Now(ClientNumber(2)));
        assert_eq!(door.admit(now), Admit::Nobody);
        door.done(ClientNumber(1));
        assert_eq!(door.admit(now), Admit::Now(ClientNumber(3)));
        door.done(ClientNumber(2));
        assert_eq!(door.admit(now), Admit::Nobody);
    }

    #[test]
    fn the_rate_is_kept_even_when_the_timer_is_late_and_does_not_burst_after_a_pause() {
        let (start, mut door) = (Instant::now(), door(Some("10/s"), 100, 100));
        let at = |millis| start + Duration::from_millis(millis);
        assert_eq!(door.admit(start), Admit::Now(ClientNumber(1)));
        assert_eq!(door.admit(start), Admit::At(at(100)));
        assert_eq!(door.admit(at(130)), Admit::Now(ClientNumber(2)));
        assert_eq!(door.admit(at(130)), Admit::At(at(200)));
        assert_eq!(door.admit(at(5_000)), Admit::Now(ClientNumber(3)));
        assert_eq!(door.admit(at(5_000)), Admit::At(at(5_100)));
    }

    #[test]
    fn who_withdraws_is_not_let_in_and_frees_its_place() {
        let (now, mut door) = (Instant::now(), door(None, 1, 3));
        assert_eq!(door.admit(now), Admit::Now(ClientNumber(1)));
        door.withdraw(ClientNumber(2));
        door.withdraw(ClientNumber(1));
        assert_eq!(door.admit(now), Admit::Now(ClientNumber(3)));
    }
}
