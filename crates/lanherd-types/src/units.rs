//! Durations and rates as people write them: `500ms`, `10m`, `50/s`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    per_second: f64,
}

impl Rate {
    /// The time from one to the next.
    pub fn interval(self) -> Duration {
        Duration::from_secs_f64(self.per_second.recip())
    }
}

/// Why a text is no rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no rate: write a number above 0 per second or per minute, with the unit, as 50/s or 10/m"
)]
pub struct RateError(String);

crate::serde_as_text!(Rate);

impl FromStr for Rate {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || RateError(text.to_owned());
        let (number, unit) = text.split_once('/').ok_or_else(refuse)?;
        let number: f64 = number.trim().parse().map_err(|_| refuse())?;
        let per_second = match unit.trim() {
            "s" => number,
            "m" | "min" => number / 60.0,
            _ => return Err(refuse()),
        };
        // One in a month to a million a second: what a timer can keep, and what 1/x can express.
        if (3e-7..=1e6).contains(&per_second) {
            Ok(Self { per_second })
        } else {
            Err(refuse())
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.per_second < 1.0 {
            write!(f, "{}/m", self.per_second * 60.0)
        } else {
            write!(f, "{}/s", self.per_second)
        }
    }
}

/// Durations as text in files: `#[serde(with = "serde_duration")]`.
pub mod serde_duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    /// Writes `1m 30s`.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(*duration))
    }

    /// Reads `90s`, `1m 30s`, `250ms`.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        let text = String::deserialize(deserializer)?;
        super::duration(&text).map_err(D::Error::custom)
    }

    /// The same where there may be none: `#[serde(default, with = "serde_duration::option")]`.
    pub mod option {
        use std::time::Duration;

        use serde::{Deserialize as _, Deserializer, Serializer, de::Error};

        /// Writes `1m 30s`, or null.
        #[allow(clippy::ref_option, reason = "serde's signature")]
        pub fn serialize<S: Serializer>(
            duration: &Option<Duration>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match duration {
                Some(duration) => super::serialize(duration, serializer),
                None => serializer.serialize_none(),
            }
        }

        /// Reads what the other reads, or null.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Duration>, D::Error> {
            Option::<String>::deserialize(deserializer)?
                .map(|text| crate::units::duration(&text))
                .transpose()
                .map_err(D::Error::custom)
        }
    }
}

/// Durations that may be missing, as text in files: `#[serde(default, with = "serde_optional_duration")]`.
pub mod serde_optional_duration {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    /// One that is there, written as the others.
    #[derive(Serialize, Deserialize)]
    struct There(#[serde(with = "super::serde_duration")] Duration);

    /// Writes `1m 30s`, or nothing.
    pub fn serialize<S: Serializer>(
        duration: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        duration.map(There).serialize(serializer)
    }

    /// Reads `90s`, `1m 30s`, `250ms`, or nothing.
    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<There>::deserialize(deserializer)?.map(|there| there.0))
    }
}

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no duration: use a number and a unit, as 500ms, 30s, 10m, 24h")]
pub struct DurationError(String);

/// Reads a duration: `500ms`, `30s`, `1h 30m`; at most 100 years, so that adding one to a clock cannot overflow.
pub fn duration(text: &str) -> Result<Duration, DurationError> {
    humantime::parse_duration(text)
        .ok()
        .filter(|duration| duration.as_secs() <= 100 * 366 * 86_400)
        .ok_or_else(|| DurationError(text.to_owned()))
}

/// A share, from 0 to 1, in percent: with as many digits as tell it from none and from all, of which it is neither unless it is
/// exactly that.
pub fn percent(share: f64) -> String {
    let percent = (share * 100.0).clamp(0.0, 100.0);
    let margin = percent.min(100.0 - percent);
    let decimals = match margin {
        margin if margin >= 1.0 => 1,
        margin if margin >= 0.1 => 2,
        _ => 3,
    };
    let unit = 10_f64.powi(-decimals);
    let shown = if margin > 0.0 {
        ((percent / unit).round() * unit).clamp(unit, 100.0 - unit)
    } else {
        percent
    };
    let text = format!("{shown:.*}", usize::try_from(decimals).unwrap_or_default());
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{} %", if text.is_empty() { "0" } else { text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_bounded() {
        assert_eq!(
            "50/s".parse::<Rate>().map(Rate::interval),
            Ok(Duration::from_millis(20))
        );
        assert_eq!(
            "30/m".parse::<Rate>().map(Rate::interval),
            Ok(Duration::from_secs(2))
        );
        for text in ["50/s", "10/m", "7/m", "0.5/m"] {
            let rate: Rate = text.parse().expect("a rate");
            assert_eq!(rate.to_string(), text);
        }
        for bad in [
            "", "10", "0/s", "-1/s", "50/h", "NaN/s", "inf/s", "1e9/s", "fast",
        ] {
            assert!(bad.parse::<Rate>().is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn durations_need_a_unit_and_an_end() {
        assert_eq!(duration("1h 30m"), Ok(Duration::from_secs(5_400)));
        for bad in ["", "10", "-1s", "500years", "soon"] {
            assert!(duration(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn a_share_is_neither_none_nor_all_unless_it_is() {
        for (share, text) in [
            (0.0, "0 %"),
            (1.0, "100 %"),
            (0.25, "25 %"),
            (0.932, "93.2 %"),
            (0.1, "10 %"),
            (1.0 / 3.0, "33.3 %"),
            (0.9999, "99.99 %"),
            (0.999_999_9, "99.999 %"),
            (1e-9, "0.001 %"),
            (0.000_02, "0.002 %"),
        ] {
            assert_eq!(percent(share), text);
        }
    }
}
