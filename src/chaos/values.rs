//! The values of a plan: which fault, how long, how many.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::fault::{Fault, FaultError};
use crate::units::{self, DurationError};

/// A fault that may be drawn, and how likely it is beside the others; written `crash`, or `crash*3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultChoice {
    /// The fault that may be drawn.
    pub fault: Fault,
    /// How many times as likely as one of weight 1.
    pub weight: NonZeroU32,
}

impl FaultChoice {
    /// One of them; `None`: there are none.
    pub(super) fn draw(choices: &[Self], rng: &mut fastrand::Rng) -> Option<Fault> {
        let weight = |choice: &Self| u64::from(choice.weight.get());
        let total: u64 = choices.iter().map(weight).sum();
        let mut rest = rng.u64(0..total.max(1));
        let drawn = choices.iter().find(|choice| {
            let is_it = rest < weight(choice);
            rest = rest.saturating_sub(weight(choice));
            is_it
        });
        drawn.map(|choice| choice.fault)
    }
}

impl From<Fault> for FaultChoice {
    fn from(fault: Fault) -> Self {
        Self {
            fault,
            weight: NonZeroU32::MIN,
        }
    }
}

/// Why a text is no choice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultChoiceError {
    /// It names no fault.
    #[error(transparent)]
    Fault(#[from] FaultError),
    /// What follows the star is no weight.
    #[error("{0:?} is no weight: write a whole number above 0, as in crash*3")]
    Weight(String),
}

lanherd_types::serde_as_text!(FaultChoice, DurationRange);

impl FromStr for FaultChoice {
    type Err = FaultChoiceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((fault, weight)) = text.split_once('*') else {
            return Ok(text.trim().parse::<Fault>()?.into());
        };
        let weight = weight.trim();
        Ok(Self {
            fault: fault.trim().parse()?,
            weight: weight
                .parse()
                .map_err(|_| FaultChoiceError::Weight(weight.to_owned()))?,
        })
    }
}

impl fmt::Display for FaultChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)?;
        if self.weight > NonZeroU32::MIN {
            write!(f, "*{}", self.weight)?;
        }
        Ok(())
    }
}

/// How long something lasts: a time, or one at random between two, both included; written `5s`, or `2s-10s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DurationRange {
    /// The shortest time of the range.
    pub least: Duration,
    /// The longest; not below `least`.
    pub most: Duration,
}

impl DurationRange {
    /// A time within it, whole milliseconds above the shortest.
    pub(super) fn draw(self, rng: &mut fastrand::Rng) -> Duration {
        let room = self.most.saturating_sub(self.least).as_millis();
        let room = u64::try_from(room).unwrap_or(u64::MAX);
        self.least + Duration::from_millis(rng.u64(0..=room))
    }
}

impl Default for DurationRange {
    /// Faults last for five seconds where nothing is said.
    fn default() -> Self {
        let five = Duration::from_secs(5);
        Self {
            least: five,
            most: five,
        }
    }
}

/// Why a text is no span.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DurationRangeError {
    /// A part of it is no duration.
    #[error(transparent)]
    Duration(#[from] DurationError),
    /// It would be over before it began.
    #[error(
        "a fault cannot last {0}: write a time above 0, or two with the shorter first, as 2s-10s"
    )]
    Empty(String),
}

impl FromStr for DurationRange {
    type Err = DurationRangeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (least, most) = text.split_once('-').unwrap_or((text, text));
        let (least, most) = (
            units::duration(least.trim())?,
            units::duration(most.trim())?,
        );
        if least.is_zero() || most < least {
            return Err(DurationRangeError::Empty(text.to_owned()));
        }
        Ok(Self { least, most })
    }
}

impl fmt::Display for DurationRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_duration(self.least).fmt(f)?;
        if self.most > self.least {
            write!(f, "-{}", humantime::format_duration(self.most))?;
        }
        Ok(())
    }
}

/// How many clients a fault is done to; written `3`, or `5%`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Victims {
    /// So many, or all where there are fewer.
    Count(NonZeroU32),
    /// So many of a hundred that are online, 1 to 100; rounded up.
    Percent(u8),
}

impl Victims {
    /// How many of `online` clients.
    pub(super) fn of(self, online: usize) -> usize {
        match self {
            Self::Count(count) => {
                usize::try_from(count.get()).map_or(online, |count| count.min(online))
            }
            Self::Percent(percent) => (online * usize::from(percent)).div_ceil(100),
        }
    }
}

impl Default for Victims {
    /// One client, where nothing is said.
    fn default() -> Self {
        Self::Count(NonZeroU32::MIN)
    }
}

/// Why a text is no number of victims.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no number of victims: write a number above 0, or 1% to 100%")]
pub struct VictimsError(String);

impl FromStr for Victims {
    type Err = VictimsError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let victims = match text.strip_suffix('%') {
            Some(percent) => percent.parse().ok().map(Self::Percent),
            None => text.parse().ok().map(Self::Count),
        };
        victims
            .filter(|victims| !matches!(victims, Self::Percent(percent) if !(1..=100).contains(percent)))
            .ok_or_else(|| VictimsError(format!("{text:?}")))
    }
}

impl fmt::Display for Victims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

impl Serialize for Victims {
    /// A number, or a text.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => count.serialize(serializer),
            Self::Percent(_) => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Victims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberOrText)
    }
}

struct NumberOrText;

impl de::Visitor<'_> for NumberOrText {
    type Value = Victims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of clients, or a text as \"5%\"")
    }

    fn visit_i64<E: de::Error>(self, count: i64) -> Result<Victims, E> {
        count.to_string().parse().map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, count: u64) -> Result<Victims, E> {
        count.to_string().parse().map_err(E::custom)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Victims, E> {
        text.parse().map_err(E::custom)
    }
}
