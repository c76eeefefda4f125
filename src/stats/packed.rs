//! A distribution that is only kept.

use super::Tally;

/// A tally to be kept and not to be added to: two or three bytes a value that occurred.
///
/// Each value as its distance from the one before, and how often it occurred; both in groups of seven binary digits, the
/// lowest first, of which all but the last are marked by the eighth.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Packed(Box<[u8]>);

impl Packed {
    /// As it was before it was packed.
    pub fn tally(&self) -> Tally {
        let (mut all, mut micros) = (Tally::default(), 0);
        let mut bytes = self.0.iter().copied();
        while let (Some(distance), Some(count)) = (take(&mut bytes), take(&mut bytes)) {
            micros += distance;
            all.count_in(micros, count);
        }
        all
    }
}

impl From<Tally> for Packed {
    fn from(tally: Tally) -> Self {
        let (mut bytes, mut before) = (Vec::new(), 0);
        for bucket in tally.buckets {
            put(&mut bytes, bucket.micros - before);
            put(&mut bytes, bucket.count);
            before = bucket.micros;
        }
        Self(bytes.into())
    }
}

const DIGITS: u32 = 7;
const MORE: u8 = 1 << DIGITS;

fn put(bytes: &mut Vec<u8>, mut number: u32) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= DIGITS;
        if number == 0 {
            return bytes.push(low);
        }
        bytes.push(low | MORE);
    }
}

/// `None`: there is no further number.
fn take(bytes: &mut impl Iterator<Item = u8>) -> Option<u32> {
    let mut number = 0;
    for place in 0.. {
        let byte = bytes.next()?;
        number |= u32::from(byte & !MORE) << (place * DIGITS);
        if byte & MORE == 0 {
            break;
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::Precision;

    #[test]
    fn what_was_packed_is_what_is_unpacked_to_the_longest_and_the_most() {
        let edges = (0..32).flat_map(|n| [(1_u32 << n) - 1, 1 << n]);
        let mut all = Tally::of(
            &edges.chain([u32::MAX]).collect::<Vec<_>>(),
            Precision::Ample,
        );
        all.count_in(300, u32::MAX);
        all.count_in(301, 127);
        all.count_in(5_000, 128);
        assert_eq!(Packed::from(all.clone()).tally(), all);
        let nothing = Packed::from(Tally::default());
        assert_eq!(
            (nothing.tally(), nothing),
            (Tally::default(), Packed::default())
        );
    }

    #[test]
    fn round_trips_on_a_lan_take_a_third_of_the_room_of_a_tally() {
        let mut rng = fastrand::Rng::with_seed(7);
        let micros: Vec<_> = (0..4_000)
            .map(|_| 16 + rng.u32(0..40) * rng.u32(0..40))
            .collect();
        let all = Tally::of(&micros, Precision::Ample);
        let values = all.values().count();
        let packed = Packed::from(all).0.len();
        assert!(
            values > 100 && packed <= values * 8 / 3,
            "{packed} {values}"
        );
    }
}
