//! Rates of bits and numbers of bytes as people write them: `2 Mbit/s`, `500kbit/s`, `10 GB`. Thousands, as networks count.

use std::fmt;
use std::str::FromStr;

/// So many bits a second, one at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BitRate(u64);

/// The units, the largest first.
const UNITS: [(&str, u64); 4] = [
    ("Gbit/s", 1_000_000_000),
    ("Mbit/s", 1_000_000),
    ("kbit/s", 1_000),
    ("bit/s", 1),
];
/// What is more is a slip: a terabit a second.
const MOST: f64 = 1e12;

impl BitRate {
    /// Of so many bits a second; `None`: of none.
    pub const fn new(bits_per_second: u64) -> Option<Self> {
        match bits_per_second {
            0 => None,
            bits => Some(Self(bits)),
        }
    }

    /// In bits a second.
    pub const fn bits_per_second(self) -> u64 {
        self.0
    }
}

/// Why a text is no rate of bits.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no rate of bits: write a number above 0 with its unit, as 500 kbit/s, 2 Mbit/s or 1 Gbit/s"
)]
pub struct BitRateError(String);

impl FromStr for BitRate {
    type Err = BitRateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || BitRateError(text.to_owned());
        let unit_at = text.find(|c: char| c.is_alphabetic()).ok_or_else(refuse)?;
        let (number, unit) = text.split_at(unit_at);
        let unit = unit.trim();
        let mut units = UNITS.iter();
        let (_, unit) = units
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .ok_or_else(refuse)?;
        let number: f64 = number.trim().parse().map_err(|_| refuse())?;
        let bits = number * *unit as f64;
        if !(1.0..=MOST).contains(&bits) {
            return Err(refuse());
        }
        // Between 1 and MOST.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let bits = bits.round() as u64;
        Ok(Self(bits))
    }
}

impl fmt::Display for BitRate {
    /// In the largest unit of which it is a thousandth at least, exactly: it reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut units = UNITS.iter();
        let unit =
            units.find(|(_, unit)| self.0 >= *unit && (self.0 * 1_000).is_multiple_of(*unit));
        let (name, unit) = unit.unwrap_or(&UNITS[3]);
        let (whole, thousandths) = (self.0 / unit, self.0 % unit * 1_000 / unit);
        if thousandths == 0 {
            return write!(f, "{whole} {name}");
        }
        let digits = format!("{thousandths:03}");
        write!(f, "{whole}.{} {name}", digits.trim_end_matches('0'))
    }
}

/// A rate that was measured, in bits a second, as people read it: `94.1 Mbit/s`.
pub fn told(bits_per_second: f64) -> String {
    let mut units = UNITS.iter();
    let unit = units.find(|(_, unit)| bits_per_second >= *unit as f64);
    let (name, unit) = unit.unwrap_or(&UNITS[3]);
    let number = bits_per_second / *unit as f64;
    let digits = match number {
        100.0.. => 0,
        10.0.. => 1,
        _ => 2,
    };
    let number = format!("{number:.digits$}");
    let number = if number.contains('.') {
        number.trim_end_matches('0').trim_end_matches('.')
    } else {
        &number
    };
    format!("{number} {name}")
}

/// So many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteCount(pub u64);

/// The units, the largest first.
const BYTES: [(&str, u64); 5] = [
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("B", 1),
];

/// Why a text is no number of bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no number of bytes: write a whole number above 0 with its unit, as 500 MB, 10 GB or 1 TB"
)]
pub struct ByteCountError(String);

impl FromStr for ByteCount {
    type Err = ByteCountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || ByteCountError(text.to_owned());
        let unit_at = text.find(|c: char| c.is_alphabetic()).ok_or_else(refuse)?;
        let (number, unit) = text.split_at(unit_at);
        let unit = unit.trim();
        let mut units = BYTES.iter();
        let (_, unit) = units
            .find(|(name, _)| name.eq_ignore_ascii_case(unit))
            .ok_or_else(refuse)?;
        let number: u64 = number.trim().parse().map_err(|_| refuse())?;
        let bytes = number.checked_mul(*unit).filter(|bytes| *bytes > 0);
        bytes.map(Self).ok_or_else(refuse)
    }
}

impl fmt::Display for ByteCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut units = BYTES.iter();
        let unit = units.find(|(_, unit)| self.0 >= *unit && self.0.is_multiple_of(*unit));
        let (name, unit) = unit.unwrap_or(&BYTES[4]);
        write!(f, "{} {name}", self.0 / unit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_reads_back_as_it_is_told() {
        for (text, bits, told) in [
            ("2Mbit/s", 2_000_000, "2 Mbit/s"),
            ("2 mbit/s", 2_000_000, "2 Mbit/s"),
            ("1.5 Gbit/s", 1_500_000_000, "1.5 Gbit/s"),
            ("64kbit/s", 64_000, "64 kbit/s"),
            ("1234567 bit/s", 1_234_567, "1234.567 kbit/s"),
            ("0.5 kbit/s", 500, "500 bit/s"),
            ("1 bit/s", 1, "1 bit/s"),
        ] {
            let rate: BitRate = text.parse().expect(text);
            assert_eq!(
                (rate.bits_per_second(), rate.to_string().as_str()),
                (bits, told)
            );
            assert_eq!(told.parse(), Ok(rate));
        }
        for bad in [
            "",
            "2",
            "0 Mbit/s",
            "-1 Mbit/s",
            "2 MB/s",
            "nan Mbit/s",
            "2 Tbit/s",
            "5000 Gbit/s",
        ] {
            assert!(bad.parse::<BitRate>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_was_measured_is_told_with_three_digits() {
        for (bits, is) in [
            (94_123_456.0, "94.1 Mbit/s"),
            (941_234_567.0, "941 Mbit/s"),
            (9_412_345_678.0, "9.41 Gbit/s"),
            (2_000_000.0, "2 Mbit/s"),
            (999.0, "999 bit/s"),
            (0.0, "0 bit/s"),
            (100_000.0, "100 kbit/s"),
        ] {
            assert_eq!(told(bits), is);
        }
    }

    #[test]
    fn a_number_of_bytes_reads_back_as_it_is_told() {
        for (text, told) in [("10GB", "10 GB"), ("1500 mb", "1500 MB"), ("7 B", "7 B")] {
            let bytes: ByteCount = text.parse().expect(text);
            assert_eq!(bytes.to_string(), told);
            assert_eq!(told.parse(), Ok(bytes));
        }
        for bad in ["", "10", "0 GB", "1.5 GB", "99999999 TB", "1 GiB"] {
            assert!(bad.parse::<ByteCount>().is_err(), "{bad:?}");
        }
    }
}
