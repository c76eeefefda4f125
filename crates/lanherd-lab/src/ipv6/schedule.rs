//! When the router advertises without being asked (RFC 4861, 6.2.4 to 6.2.6).

use std::time::{Duration, Instant};

/// How many of the first advertisements follow each other sooner (`MAX_INITIAL_RTR_ADVERTISEMENTS`), and how soon
/// (`MAX_INITIAL_RTR_ADVERT_INTERVAL`).
const FIRST: u32 = 3;
const FIRST_INTERVAL: Duration = Duration::from_secs(16);
/// The least time between two advertisements to all (`MIN_DELAY_BETWEEN_RAS`).
const LEAST: Duration = Duration::from_secs(3);

/// When the next advertisement to all is due.
#[derive(Debug, Default)]
pub(super) struct Schedule {
    /// `None`: the router does not advertise.
    next: Option<Instant>,
    /// How many have been sent since it began.
    sent: u32,
    last: Option<Instant>,
}

impl Schedule {
    /// Begins anew: the first is due at once.
    pub(super) fn start(&mut self, now: Instant) {
        *self = Self {
            next: Some(now),
            sent: 0,
            last: None,
        };
    }

    /// Nothing is sent any more.
    pub(super) fn stop(&mut self) {
        self.next = None;
    }

    /// Whether the router advertises.
    pub(super) const fn is_running(&self) -> bool {
        self.next.is_some()
    }

    /// When the next is due.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.next
    }

    /// What is advertised has changed, or somebody asks who has no address yet: as soon as may be.
    // By RFC 4861 (6.2.6): advertisements to all are 3 s apart at least.
    pub(super) fn hasten(&mut self, now: Instant) {
        let soonest = self.last.map_or(now, |last| (last + LEAST).max(now));
        self.next = self.next.map(|next| next.min(soonest));
    }

    /// The next is due then, whatever the rules are.
    pub(super) fn set(&mut self, due: Instant) {
        self.next = self.next.map(|_| due);
    }

    /// One is sent now; the next comes within the interval, and in a third of it at least.
    // By RFC 4861 (6.2.4): the time between advertisements is random, so that routers do not speak together.
    pub(super) fn sent(&mut self, interval: Duration, now: Instant, rng: &mut fastrand::Rng) {
        self.sent = self.sent.saturating_add(1);
        self.last = Some(now);
        let least = (interval / 3).max(LEAST);
        let mut wait = least + interval.saturating_sub(least).mul_f64(rng.f64());
        if self.sent < FIRST {
            wait = wait.min(FIRST_INTERVAL);
        }
        self.next = self.next.map(|_| now + wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(600);

    // By RFC 4861 (6.2.4): the time between advertisements is random, so that routers do not speak together.
    #[test]
    fn the_first_three_come_soon_and_the_others_at_random_within_the_interval() {
        let (mut schedule, mut rng) = (Schedule::default(), fastrand::Rng::with_seed(7));
        let mut now = Instant::now();
        assert_eq!(schedule.due(), None);
        schedule.start(now);
        let mut gaps = Vec::new();
        for _ in 0..50 {
            assert_eq!(schedule.due(), Some(now));
            schedule.sent(INTERVAL, now, &mut rng);
            let next = schedule.due().expect("the next");
            gaps.push(next - now);
            now = next;
        }
        assert_eq!(gaps[..2], [FIRST_INTERVAL; 2]);
        assert!(
            gaps[2..]
                .iter()
                .all(|gap| (INTERVAL / 3..=INTERVAL).contains(gap)),
            "{gaps:?}"
        );
        assert!(gaps[2..].iter().any(|gap| *gap > INTERVAL / 2));
    }

    // By RFC 4861 (6.2.6): advertisements to all are 3 s apart at least.
    #[test]
    fn what_is_hastened_keeps_its_distance() {
        let (mut schedule, mut rng) = (Schedule::default(), fastrand::Rng::with_seed(7));
        let now = Instant::now();
        schedule.hasten(now);
        assert_eq!(schedule.due(), None, "it has not begun");
        schedule.start(now);
        schedule.sent(INTERVAL, now, &mut rng);
        schedule.hasten(now + Duration::from_secs(1));
        assert_eq!(schedule.due(), Some(now + LEAST));
        schedule.hasten(now + Duration::from_secs(9));
        assert_eq!(schedule.due(), Some(now + LEAST), "it is not put off");
        schedule.stop();
        assert!(!schedule.is_running());
        schedule.sent(INTERVAL, now, &mut rng);
        assert_eq!(schedule.due(), None);
    }
}
