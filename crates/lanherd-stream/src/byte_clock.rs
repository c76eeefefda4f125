//! How many bytes are due at a rate. Pure.

use std::time::Duration;

/// The longest time that is sent for in one go.
const QUANTUM: Duration = Duration::from_millis(5);
/// The least that is worth a call, in bytes: a segment of Ethernet.
const LEAST: u64 = 1448;
/// Of what is slower than that in such a time, less is sent in one go, so that it is slow and does not look as if it stood still.
const SLOW: Duration = Duration::from_millis(20);

/// A clock that counts bytes: so many bits a second from the beginning on, however late whoever asks it comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ByteClock {
    /// In bits a second; above 0.
    rate: u64,
}

impl ByteClock {
    pub(crate) const fn new(rate: u64) -> Self {
        Self {
            rate: if rate == 0 { 1 } else { rate },
        }
    }

    /// How many bytes are due so long after the beginning.
    pub(crate) fn due(self, elapsed: Duration) -> u64 {
        let bits = u128::from(self.rate) * elapsed.as_nanos() / 1_000_000_000;
        u64::try_from(bits / 8).unwrap_or(u64::MAX)
    }

    /// When so many are.
    pub(crate) fn when(self, bytes: u64) -> Duration {
        let nanos = u128::from(bytes) * 8 * 1_000_000_000;
        let nanos = nanos.div_ceil(u128::from(self.rate));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    /// How many are sent in one go.
    pub(crate) fn quantum(self) -> u64 {
        self.due(QUANTUM).max(LEAST.min(self.due(SLOW))).max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn at_a_megabit_a_second_125_kilobytes_are_due_after_a_second() {
        let clock = ByteClock::new(1_000_000);
        assert_eq!(clock.due(Duration::from_secs(1)), 125_000);
        assert_eq!(clock.when(125_000), Duration::from_secs(1));
        assert_eq!(clock.quantum(), LEAST);
        assert_eq!(ByteClock::new(1_000_000_000).quantum(), 625_000);
        // Fifty times a second.
        assert_eq!(ByteClock::new(8_000).quantum(), 20);
        assert_eq!(ByteClock::new(1).quantum(), 1);
    }

    proptest! {
        #[test]
        fn so_many_are_due_when_it_says_so(rate in 0_u64.., bytes in 0_u64..1 << 50) {
            let clock = ByteClock::new(rate);
            let when = clock.when(bytes);
            prop_assert!(when == Duration::from_nanos(u64::MAX) || clock.due(when) >= bytes);
        }
    }
}
