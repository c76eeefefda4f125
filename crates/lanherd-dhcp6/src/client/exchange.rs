//! A message that is sent again until it is answered (RFC 9915, 15), and how often and for how long each is (7.6).

use std::time::{Duration, Instant};

use crate::options::code;
use crate::{Message, MessageType};

/// `SOL_MAX_RT` and `INF_MAX_RT` where no server has set them.
const MAX_RT: Duration = Duration::from_secs(3600);
/// What servers may set them to, in seconds (RFC 9915, 21.24, 21.25).
const MAX_RT_RANGE: std::ops::RangeInclusive<u32> = 60..=86_400;
/// RAND lies between minus this and this.
const RAND: f64 = 0.1;
/// The value of option 8 for more than it can say.
const LONGEST_ELAPSED: u16 = u16::MAX;

/// How a message is sent again (RFC 9915, 15).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Retransmission {
    /// The first wait.
    pub irt: Duration,
    /// The longest wait, to a tenth more; `None`: waits grow on and on.
    pub mrt: Option<Duration>,
    /// How often it is sent; `None`: on and on.
    pub mrc: Option<u32>,
    /// For how long it is sent, from the first one on; `None`: on and on.
    pub mrd: Option<Duration>,
    /// Whether the first wait is longer than `irt`, never shorter (RFC 9915, 18.2.1).
    pub first_is_longer: bool,
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl Retransmission {
    const fn of(irt: u64) -> Self {
        Self {
            irt: seconds(irt),
            mrt: None,
            mrc: None,
            mrd: None,
            first_is_longer: false,
        }
    }

    const fn up_to(self, mrt: Duration) -> Self {
        Self {
            mrt: Some(mrt),
            ..self
        }
    }

    const fn times(self, mrc: u32) -> Self {
        Self {
            mrc: Some(mrc),
            ..self
        }
    }

    // RFC 9915, 18.2.1: SOLICIT is sent again after 1 s and a little more, then doubled up to SOL_MAX_RT, without an end.
    pub(super) const fn solicit(waits: LongestWaits) -> Self {
        Self {
            first_is_longer: true,
            ..Self::of(1).up_to(waits.solicit)
        }
    }

    // RFC 9915, 18.2.2: REQUEST is sent 10 times, after 1 s, doubled up to 30 s.
    pub(super) const REQUEST: Self = Self::of(1).up_to(seconds(30)).times(10);

    // RFC 9915, 18.2.3: CONFIRM is sent for 10 s, after 1 s, doubled up to 4 s.
    pub(super) const CONFIRM: Self = Self {
        mrd: Some(seconds(10)),
        ..Self::of(1).up_to(seconds(4))
    };

    // RFC 9915, 18.2.4: RENEW is sent until T2, after 10 s, doubled up to 600 s.
    pub(super) const RENEW: Self = Self::of(10).up_to(seconds(600));

    // RFC 9915, 18.2.5: REBIND is sent until all has run out, after 10 s, doubled up to 600 s.
    pub(super) const REBIND: Self = Self::of(10).up_to(seconds(600));

    // RFC 9915, 18.2.6: INFORMATION-REQUEST is sent again after 1 s, doubled up to INF_MAX_RT, without an end.
    pub(super) const fn inform(waits: LongestWaits) -> Self {
        Self::of(1).up_to(waits.inform)
    }

    // RFC 9915, 18.2.7: RELEASE is sent 4 times, after 1 s, doubled.
    pub(super) const RELEASE: Self = Self::of(1).times(4);

    // RFC 9915, 18.2.8: DECLINE is sent 4 times, after 1 s, doubled.
    pub(super) const DECLINE: Self = Self::of(1).times(4);

    /// The wait after a message, from the one before it.
    // RFC 9915, 15: each wait is twice the one before, and each is off by up to a tenth, drawn anew.
    fn wait(&self, previous: Option<Duration>, rng: &mut fastrand::Rng) -> Duration {
        let mut rand = || RAND * (2.0 * rng.f64() - 1.0);
        let wait = match previous {
            // Strictly more than 0, and no more than RAND.
            None if self.first_is_longer => self.irt.mul_f64(1.0 + RAND * (1.0 - rng.f64())),
            None => self.irt.mul_f64(1.0 + rand()),
            Some(previous) => previous.mul_f64(2.0 + rand()),
        };
        match self.mrt {
            Some(mrt) if wait > mrt => mrt.mul_f64(1.0 + RAND * (2.0 * rng.f64() - 1.0)),
            Some(_) | None => wait,
        }
    }
}

/// A message and all that are sent again in its place, with one transaction id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Exchange {
    pub(super) xid: u32,
    pub(super) retransmission: Retransmission,
    /// How often it has been sent.
    pub(super) count: u32,
    /// How long ago it was first sent when it was sent last.
    pub(super) elapsed: Duration,
    first_at: Option<Instant>,
    wait: Option<Duration>,
    again_at: Instant,
}

impl Exchange {
    /// One of which nothing has been sent.
    pub(super) const fn new(xid: u32, retransmission: Retransmission, now: Instant) -> Self {
        Self {
            xid,
            retransmission,
            count: 0,
            elapsed: Duration::ZERO,
            first_at: None,
            wait: None,
            again_at: now,
        }
    }

    /// A message is sent now.
    pub(super) fn note_sent(&mut self, now: Instant, rng: &mut fastrand::Rng) {
        let first_at = *self.first_at.get_or_insert(now);
        self.elapsed = now.saturating_duration_since(first_at);
        self.count = self.count.saturating_add(1);
        let wait = self.retransmission.wait(self.wait, rng);
        self.wait = Some(wait);
        self.again_at = now + wait;
    }

    /// Nothing may be sent before then.
    pub(super) const fn wait(&mut self, until: Instant) {
        self.again_at = until;
    }

    /// When it is sent again, or ends.
    pub(super) fn deadline(&self) -> Instant {
        self.end()
            .map_or(self.again_at, |end| end.min(self.again_at))
    }

    fn end(&self) -> Option<Instant> {
        Some(self.first_at? + self.retransmission.mrd?)
    }

    /// Whether it has failed: it was sent as often, or for as long, as it is, and its last wait is over.
    // RFC 9915, 15: an exchange fails when its message was sent MRC times, or MRD after it was sent first.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        let is_sent_out = self.retransmission.mrc.is_some_and(|mrc| self.count >= mrc);
        (is_sent_out && self.again_at <= now) || self.end().is_some_and(|end| end <= now)
    }

    /// Option 8: hundredths of a second since it was first sent.
    // RFC 9915, 21.9: the elapsed time is 0 in the first message, counts hundredths of a second, and ends at 0xffff.
    pub(super) fn elapsed_time(&self) -> u16 {
        u16::try_from(self.elapsed.as_millis() / 10).unwrap_or(LONGEST_ELAPSED)
    }
}

/// The longest times between messages, which servers can set (RFC 9915, 21.24, 21.25).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LongestWaits {
    /// The longest time between SOLICITs (`SOL_MAX_RT`).
    pub(super) solicit: Duration,
    /// The longest time between INFORMATION-REQUESTs (`INF_MAX_RT`).
    pub(super) inform: Duration,
}

impl LongestWaits {
    pub(super) const DEFAULT: Self = Self {
        solicit: MAX_RT,
        inform: MAX_RT,
    };

    /// Takes what `message` sets; what `earlier` ADVERTISEs of the same exchange set, it must not contradict: else what is usual
    /// counts.
    // RFC 9915, 21.24: SOL_MAX_RT and INF_MAX_RT count within 60 to 86400 s, and from a message that is ignored, too.
    // RFC 9915, 18.2.9: where ADVERTISEs set different times, those that are usual count.
    pub(super) fn take(&mut self, message: &Message, earlier: &mut SeenWaits) {
        let set = |code| {
            let seconds = message.options.seconds(code)?;
            MAX_RT_RANGE
                .contains(&seconds)
                .then(|| Duration::from_secs(seconds.into()))
        };
        let is_advertise = message.message_type == MessageType::Advertise;
        let settle = |value: &mut Duration, wait: Duration, seen: &mut Option<Duration>| {
            let is_other = is_advertise && seen.is_some_and(|seen| seen != wait);
            *value = if is_other { MAX_RT } else { wait };
            if is_advertise {
                *seen = Some(*value);
            }
        };
        if let Some(wait) = set(code::SOL_MAX_RT) {
            settle(&mut self.solicit, wait, &mut earlier.solicit);
        }
        if let Some(wait) = set(code::INF_MAX_RT) {
            settle(&mut self.inform, wait, &mut earlier.inform);
        }
    }
}

/// What the ADVERTISEs of one exchange have set.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SeenWaits {
    solicit: Option<Duration>,
    inform: Option<Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The waits of a message that nobody answers, in seconds, until it ends or was sent `most` times.
    fn waits(retransmission: Retransmission, most: usize, seed: u64) -> Vec<f64> {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut exchange = Exchange::new(1, retransmission, Instant::now());
        let mut now = exchange.deadline();
        let mut waits = Vec::new();
        while waits.len() < most && !exchange.is_over(now) {
            exchange.note_sent(now, &mut rng);
            let due = exchange.deadline();
            waits.push((due - now).as_secs_f64());
            now = due;
        }
        waits
    }

    /// Holds many runs to the rule, and to the waits in seconds that there would be without chance.
    #[track_caller]
    fn assert_table(retransmission: Retransmission, most: usize, expected: &[f64]) {
        let mut off = Vec::new();
        for seed in 0..300 {
            let waits = waits(retransmission, most, seed);
            assert_eq!(waits.len(), expected.len(), "{waits:?}");
            let is_near = |wait: f64, base: f64, least: f64, most: f64| {
                (least * base - 1e-6..=most * base + 1e-6).contains(&wait)
            };
            let least = if retransmission.first_is_longer {
                1.0
            } else {
                0.9
            };
            assert!(is_near(waits[0], expected[0], least, 1.1), "{waits:?}");
            for pair in waits.windows(2) {
                // What is doubled is the wait that was, with what it was off.
                let is_doubled = is_near(pair[1], pair[0], 1.9, 2.1);
                let mrt = retransmission.mrt.map(|mrt| mrt.as_secs_f64());
                let is_longest =
                    mrt.is_some_and(|mrt| 2.1 * pair[0] > mrt && is_near(pair[1], mrt, 0.9, 1.1));
                assert!(is_doubled || is_longest, "{waits:?}");
                off.push(pair[1] / pair[0]);
            }
            // Chance adds up over the doublings, to either side.
            for (wait, expected) in waits.iter().zip(expected) {
                assert!(is_near(*wait, *expected, 0.5, 2.0), "{waits:?}");
            }
        }
        assert!(off.iter().any(|off| *off < 1.92) && off.iter().any(|off| *off > 2.08));
    }

    // RFC 9915, 15: each wait is twice the one before, and each is off by up to a tenth, drawn anew.
    // RFC 9915, 18.2.1: SOLICIT is sent again after 1 s and a little more, then doubled up to SOL_MAX_RT, without an end.
    #[test]
    fn solicit_waits_longer_than_a_second_and_doubles_to_an_hour() {
        let solicit = Retransmission::solicit(LongestWaits::DEFAULT);
        let mut expected: Vec<f64> = (0..12).map(|doublings| f64::from(1 << doublings)).collect();
        expected.extend([3600.0; 4]);
        assert_table(solicit, 16, &expected);
        for seed in 0..1000 {
            assert!(waits(solicit, 1, seed)[0] > 1.0);
        }
    }

    // RFC 9915, 18.2.2: REQUEST is sent 10 times, after 1 s, doubled up to 30 s.
    // RFC 9915, 15: an exchange fails when its message was sent MRC times, or MRD after it was sent first.
    #[test]
    fn request_is_sent_ten_times() {
        let expected = [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0, 30.0, 30.0];
        assert_table(Retransmission::REQUEST, 100, &expected);
    }

    // RFC 9915, 18.2.3: CONFIRM is sent for 10 s, after 1 s, doubled up to 4 s.
    #[test]
    fn confirm_is_sent_for_ten_seconds() {
        for seed in 0..300 {
            let waits = waits(Retransmission::CONFIRM, 100, seed);
            assert!((4..=5).contains(&waits.len()), "{waits:?}");
            assert!((waits.iter().sum::<f64>() - 10.0).abs() < 1e-6, "{waits:?}");
            assert!((0.9..=1.1).contains(&waits[0]), "{waits:?}");
            assert!((3.2..=4.4).contains(&waits[2]), "{waits:?}");
            assert!(waits[1..].iter().all(|wait| *wait <= 4.4), "{waits:?}");
        }
    }

    // RFC 9915, 18.2.4: RENEW is sent until T2, after 10 s, doubled up to 600 s.
    // RFC 9915, 18.2.5: REBIND is sent until all has run out, after 10 s, doubled up to 600 s.
    #[test]
    fn renew_and_rebind_double_to_ten_minutes() {
        let expected = [10.0, 20.0, 40.0, 80.0, 160.0, 320.0, 600.0, 600.0, 600.0];
        assert_table(Retransmission::RENEW, 9, &expected);
        assert_table(Retransmission::REBIND, 9, &expected);
    }

    // RFC 9915, 18.2.6: INFORMATION-REQUEST is sent again after 1 s, doubled up to INF_MAX_RT, without an end.
    #[test]
    fn information_request_doubles_to_an_hour() {
        let mut expected: Vec<f64> = (0..12).map(|doublings| f64::from(1 << doublings)).collect();
        expected.extend([3600.0; 4]);
        assert_table(Retransmission::inform(LongestWaits::DEFAULT), 16, &expected);
    }

    // RFC 9915, 18.2.7: RELEASE is sent 4 times, after 1 s, doubled.
    // RFC 9915, 18.2.8: DECLINE is sent 4 times, after 1 s, doubled.
    #[test]
    fn release_and_decline_are_sent_four_times() {
        let expected = [1.0, 2.0, 4.0, 8.0];
        assert_table(Retransmission::RELEASE, 100, &expected);
        assert_table(Retransmission::DECLINE, 100, &expected);
    }

    // RFC 9915, 21.9: the elapsed time is 0 in the first message, counts hundredths of a second, and ends at 0xffff.
    #[test]
    fn elapsed_time_counts_hundredths_and_stays_at_its_highest_value() {
        let mut rng = fastrand::Rng::with_seed(1);
        let start = Instant::now();
        let mut exchange = Exchange::new(1, Retransmission::RENEW, start);
        for (millis, expected) in [
            (0, 0),
            (9, 0),
            (1_050, 105),
            (655_349, 65_534),
            (655_350, 65_535),
            (9_999_999, 65_535),
        ] {
            exchange.note_sent(start + Duration::from_millis(millis), &mut rng);
            assert_eq!(exchange.elapsed_time(), expected);
        }
    }

    fn advertise(code: u16, seconds: u32) -> Message {
        let mut message = Message::new(MessageType::Advertise, 1);
        message.options.push(code, seconds.to_be_bytes());
        message
    }

    // RFC 9915, 21.24: SOL_MAX_RT and INF_MAX_RT count within 60 to 86400 s, and from a message that is ignored, too.
    // RFC 9915, 18.2.9: where ADVERTISEs set different times, those that are usual count.
    #[test]
    fn servers_set_the_longest_waits_within_limits_and_only_if_they_agree() {
        let mut waits = LongestWaits::DEFAULT;
        let mut solicit = |seconds, seen: &mut SeenWaits| {
            waits.take(&advertise(code::SOL_MAX_RT, seconds), seen);
            waits.solicit.as_secs()
        };
        let mut seen = SeenWaits::default();
        for (set, expected) in [(59, 3600), (60, 60), (60, 60), (0, 60), (86_401, 60)] {
            assert_eq!(solicit(set, &mut seen), expected, "{set}");
        }
        assert_eq!(solicit(120, &mut seen), 3600, "another server");
        let mut seen = SeenWaits::default();
        assert_eq!(solicit(86_400, &mut seen), 86_400, "another exchange");
        waits.take(&advertise(code::INF_MAX_RT, 61), &mut seen);
        assert_eq!(waits.inform, seconds(61));
    }
}
