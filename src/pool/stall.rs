//! When the tester itself stood still: stopped, suspended, or kept from running for seconds. Pure.
//!
//! The pool is woken at least once each [`PULSE`]. When it wakes much later than that, nothing of the tester ran meanwhile:
//! no lease was renewed, no answer heard, and what ran out is not the router's doing.

use std::time::{Duration, Instant};

/// From one waking of an idle pool to the next.
pub(super) const PULSE: Duration = Duration::from_secs(3);

/// Later than this, the pool did not merely wait for its turn on a busy machine.
const LIMIT: Duration = Duration::from_secs(5);

/// So long after it stood still, what takes a client down is taken for a consequence: a client whose lease is about to end
/// asks at once when it runs again, and has to be answered before it is the router that is to blame.
const GRACE: Duration = Duration::from_secs(5);

/// Who is not back so long after it stood still has another reason.
const PATIENCE: Duration = Duration::from_secs(30);

/// A time that the tester stood still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stall {
    /// On the clock that stands still while the machine is suspended.
    pub(super) from: Instant,
    pub(super) to: Instant,
    /// On the one that does not.
    pub(super) lasted: Duration,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Stalls {
    /// By both clocks.
    seen: Option<(Instant, Duration)>,
    latest: Option<Instant>,
    is_patient: bool,
}

impl Stalls {
    /// The pool is awake: by the clock that its timers go by, and by the one that goes on while the machine is suspended.
    pub(super) fn awake(&mut self, now: Instant, boot: Duration) -> Option<Stall> {
        let (from, boot_then) = self.seen.replace((now, boot))?;
        let gone_by = now.saturating_duration_since(from);
        let lasted = boot.saturating_sub(boot_then).max(gone_by);
        if lasted <= LIMIT {
            return None;
        }
        self.latest = Some(now);
        self.is_patient = true;
        Some(Stall {
            from,
            to: now,
            lasted,
        })
    }

    /// Whether what befalls clients now may be a consequence.
    pub(super) fn excuse(&self, now: Instant) -> bool {
        self.latest
            .is_some_and(|end| now.saturating_duration_since(end) <= GRACE)
    }

    /// Whether its consequences are over; says so once.
    pub(super) fn patience_ends(&mut self, now: Instant) -> bool {
        let ends = self.is_patient
            && self
                .latest
                .is_some_and(|end| now.saturating_duration_since(end) > PATIENCE);
        self.is_patient &= !ends;
        ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn a_pool_that_wakes_in_time_did_not_stand_still() {
        let (mut stalls, start) = (Stalls::default(), Instant::now());
        for n in 0..100 {
            assert_eq!(stalls.awake(start + LIMIT * n, LIMIT * n), None);
        }
        assert!(!stalls.excuse(start + LIMIT * 100));
    }

    #[test]
    fn one_that_was_stopped_or_suspended_did_and_is_excused_for_a_while() {
        for suspended in [false, true] {
            let (mut stalls, start) = (Stalls::default(), Instant::now());
            assert_eq!(stalls.awake(start, seconds(70)), None);
            // While the machine is suspended, the clock of timers stands still.
            let to = start + seconds(if suspended { 1 } else { 60 });
            let stall = Stall {
                from: start,
                to,
                lasted: seconds(60),
            };
            assert_eq!(stalls.awake(to, seconds(130)), Some(stall));
            assert!(stalls.excuse(to + GRACE));
            assert!(!stalls.excuse(to + GRACE + seconds(1)));
            assert_eq!(stalls.awake(to + seconds(1), seconds(131)), None, "once");
            assert!(!stalls.patience_ends(to + PATIENCE));
            assert!(stalls.patience_ends(to + PATIENCE + seconds(1)));
            assert!(!stalls.patience_ends(to + PATIENCE + seconds(2)), "once");
        }
    }
}
