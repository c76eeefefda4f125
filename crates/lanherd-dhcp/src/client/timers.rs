//! How long to wait: retransmission, refusals, extension.

use std::time::{Duration, Instant};

/// The first retransmission delay (RFC 2131, 4.1), which then doubles.
const FIRST_BACKOFF: Duration = Duration::from_secs(4);
/// The longest delay (RFC 2131, 4.1).
const MAX_BACKOFF: Duration = Duration::from_secs(64);
/// How far each delay is randomly off, to either side (RFC 2131, 4.1).
const BACKOFF_FUZZ: Duration = Duration::from_secs(1);
/// The delay after the second refusal in a row, which then doubles up to [`MAX_BACKOFF`]; the first has none.
const FIRST_NAK_DELAY: Duration = Duration::from_secs(1);
/// The shortest wait before a lease's extension is asked for again (RFC 2131, 4.4.5).
const MIN_EXTENSION_WAIT: Duration = Duration::from_secs(60);

/// After the `count`th time that a message was sent, counted from 1: 4, 8, 16, 32, 64, 64, ... seconds, each off by up to
/// one second.
// RFC 2131, 4.1: a message is sent again after 4, 8, 16, 32, 64 s, each off by up to 1 s.
pub(super) fn backoff(count: u32, rng: &mut fastrand::Rng) -> Duration {
    let least = doubled(FIRST_BACKOFF, count.saturating_sub(1)).saturating_sub(BACKOFF_FUZZ);
    least + BACKOFF_FUZZ.mul_f64(2.0 * rng.f64())
}

/// After the `naks`th refusal in a row, counted from 1: 0, 1, 2, 4, ... 64 seconds, each off by up to a quarter.
///
/// RFC 2131 has no word on a server that offers and then refuses, on and on; without a delay the two would fill the
/// network.
// Field practice: after NAKs in a row there is a delay that doubles.
pub(super) fn delay_after_naks(naks: u32, rng: &mut fastrand::Rng) -> Duration {
    match naks.checked_sub(2) {
        None => Duration::ZERO,
        Some(doublings) => doubled(FIRST_NAK_DELAY, doublings).mul_f64(0.75 + 0.5 * rng.f64()),
    }
}

/// Before a lease's extension is asked for again: half of what remains until `limit`, at least 60 s (RFC 2131, 4.4.5);
/// 60 s where there is no limit.
// RFC 2131, 4.4.5: more is asked for again after half of what remains, and not under 60 s.
pub(super) fn half_of_what_remains(limit: Option<Instant>, now: Instant) -> Duration {
    let remaining = limit.map_or(Duration::ZERO, |limit| limit.saturating_duration_since(now));
    (remaining / 2).max(MIN_EXTENSION_WAIT)
}

/// The field `secs`: whole seconds since `began`, as far as they fit.
// RFC 2131, table 5: secs is the time since the client began, and 0 in RELEASE and DECLINE.
pub(super) fn secs(began: Instant, now: Instant) -> u16 {
    u16::try_from(now.saturating_duration_since(began).as_secs()).unwrap_or(u16::MAX)
}

fn doubled(first: Duration, times: u32) -> Duration {
    // Ten doublings pass the limit from either first delay.
    (first * (1 << times.min(10))).min(MAX_BACKOFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 2131, 4.1: a message is sent again after 4, 8, 16, 32, 64 s, each off by up to 1 s.
    #[test]
    fn each_backoff_is_within_a_second_of_its_power_of_two_and_spread_over_all_of_it() {
        let mut rng = fastrand::Rng::with_seed(1);
        for (count, base) in [
            (1, 4.0),
            (2, 8.0),
            (3, 16.0),
            (4, 32.0),
            (5, 64.0),
            (6, 64.0),
            (u32::MAX, 64.0),
        ] {
            let off: Vec<f64> = (0..1000)
                .map(|_| backoff(count, &mut rng).as_secs_f64() - base)
                .collect();
            assert!(off.iter().all(|off| (-1.0..=1.0).contains(off)));
            assert!(off.iter().any(|off| *off < -0.9) && off.iter().any(|off| *off > 0.9));
        }
    }

    // Field practice: after NAKs in a row there is a delay that doubles.
    #[test]
    fn the_delay_after_refusals_begins_at_nothing_and_doubles_up_to_64_seconds() {
        let mut rng = fastrand::Rng::with_seed(1);
        assert_eq!(delay_after_naks(1, &mut rng), Duration::ZERO);
        for (naks, base) in [
            (2, 1.0),
            (3, 2.0),
            (4, 4.0),
            (7, 32.0),
            (8, 64.0),
            (9, 64.0),
            (u32::MAX, 64.0),
        ] {
            let delay = delay_after_naks(naks, &mut rng).as_secs_f64();
            assert!(
                (0.75 * base..=1.25 * base).contains(&delay),
                "{naks}: {delay}"
            );
        }
    }

    #[test]
    fn secs_stays_at_its_highest_value() {
        let began = Instant::now();
        assert_eq!(secs(began, began + Duration::from_millis(1999)), 1);
        assert_eq!(secs(began, began + Duration::from_secs(70_000)), u16::MAX);
        assert_eq!(secs(began + Duration::from_secs(1), began), 0);
    }
}
