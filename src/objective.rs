//! What a run should come to, and the three verdicts on it. Pure.
//!
//! An [`Objective`] is one figure of the herd and a bound: `packet loss > 0.1 %` is when a run is to fail (`--fail-if`), `the p99
//! ping round trip should be below 20ms` what a feature file wants. Both are read here, with the same words for figures and
//! bounds, and judged by the same rule:
//!
//! - What holds its bound has *passed*: whatever the tester does wrong makes times longer and losses more.
//! - What does not is looked at once more without all that the tester may have had part in. If the bound would hold then, it is
//!   *inconclusive*: nothing is said of the router. Of a time, as much is taken away as the tester may have been late while that
//!   very time was taken ([`Doubt`](crate::pool::Doubt)), or was late in all ([`Signal::waits`] times, each as late as no more
//!   wakings were than may exceed the bound); of losses those that the tester failed, or slept through.
//! - What does not hold then either has *failed*, and so has what there is nothing to judge by.
//!
//! A [`Wait`](wait::Wait) that has run out is judged by the same rule.

mod judge;
#[cfg(test)]
mod tests;
pub mod wait;
mod words;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

pub use self::judge::{Judgement, Value};
use crate::activity::Kind;
use crate::activity::kind::{CountObjective, RateFigure};
use crate::family::Family;
use crate::stats::Signal;
use lanherd_types::bit_rate::BitRate;
use lanherd_types::words;

words! {
    /// What became of an objective.
    Verdict {
        /// The objective holds.
        Passed = "passed",
        /// It does not, and that is not the tester's doing.
        Failed = "failed",
        /// It does not, and that may be the tester's doing.
        Inconclusive = "inconclusive",
    }
}

/// A figure of a herd, and its bound.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    figure: Figure,
    should: Should,
    bound: Bound,
    text: String,
}

/// Why a text is no objective, with the remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ObjectiveError(String);

/// What is judged.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Figure {
    Time(Quantile, Signal),
    /// The share of the time that clients should have been usable in which they were.
    Availability,
    /// The same of one family.
    FamilyAvailability(Family),
    /// The longest time that a client used a prefix that its router had replaced.
    StalePrefix,
    /// Attempts of a kind without success, by share, or where it says so by number.
    Failed(Kind),
    /// A rate of a kind: its mean, or this value of many.
    Rate(Option<Quantile>, Kind, &'static RateFigure),
    /// What a kind counts beside.
    Counted(Kind, &'static CountObjective),
    Restarts,
    /// DHCP messages of servers, and options in them, that are malformed.
    MalformedMessages,
    Outages,
}

/// Which value of a distribution.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Quantile {
    /// The share of all that does not exceed it.
    share: f64,
    name: &'static str,
}

/// How a figure should stand to its bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Should {
    /// Less than it.
    BeBelow,
    /// The figure should be the bound, or less.
    BeAtMost,
    /// The figure should be the bound, or more.
    BeAtLeast,
    /// The figure should be more than the bound.
    BeAbove,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Bound {
    Time(Duration),
    /// 0 to 1.
    Share(f64),
    Number(u64),
    /// In bits a second.
    Rate(BitRate),
}

impl Objective {
    /// The figure that these words name should stand so to this bound; of `text` is told as what it was written.
    ///
    /// # Errors
    /// If there is no such figure, its bound is another kind of value, or the whole says nothing.
    pub fn new(figure: &str, should: Should, bound: &str) -> Result<Self, ObjectiveError> {
        let (figure, of) = (words::figure(figure)?, bound.trim().trim_matches('"'));
        let bound = words::bound(figure, of)?;
        // Less than nothing is impossible: a bound of 0 means that there should be none.
        let should = match (should, bound) {
            (Should::BeBelow, Bound::Share(0.0) | Bound::Number(0)) => Should::BeAtMost,
            (should, _) => should,
        };
        let text = format!("{figure} should be {should} {bound}");
        Self {
            figure,
            should,
            bound,
            text,
        }
        .sensible()
    }

    /// Refuses what is so, or is not, whatever happens.
    fn sensible(self) -> Result<Self, ObjectiveError> {
        let (nothing, all) = match self.bound {
            Bound::Time(bound) => (bound.is_zero(), false),
            Bound::Share(share) => (share <= 0.0, share >= 1.0),
            Bound::Number(number) => (number == 0, false),
            Bound::Rate(_) => (false, false),
        };
        let why = match self.should {
            Should::BeBelow if nothing => "never",
            Should::BeAtLeast if nothing => "always",
            Should::BeAbove if all => "never",
            Should::BeAtMost if all => "always",
            _ => return Ok(self),
        };
        Err(ObjectiveError(format!(
            "{:?}: this holds {why}, whatever happens: use another bound",
            self.text
        )))
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

lanherd_types::serde_as_text!(Objective);

/// Reads when a run is to fail: `packet loss > 0.1 %`, `p95 dns > 50 ms`.
impl FromStr for Objective {
    type Err = ObjectiveError;

    fn from_str(text: &str) -> Result<Self, ObjectiveError> {
        let (figure, should, bound) = words::failure(text)?;
        let (figure, text) = (words::figure(figure)?, text.trim().to_owned());
        let bound = words::bound(figure, bound)?;
        Self {
            figure,
            should,
            bound,
            text,
        }
        .sensible()
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Should {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BeBelow => "below",
            Self::BeAtMost => "at most",
            Self::BeAtLeast => "at least",
            Self::BeAbove => "above",
        })
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(quantile, signal) => write!(f, "{} {signal}", quantile.name),
            Self::Availability => f.write_str("availability"),
            Self::FamilyAvailability(Family::Ipv4) => f.write_str("ipv4 availability"),
            Self::FamilyAvailability(Family::Ipv6) => f.write_str("ipv6 availability"),
            Self::StalePrefix => f.write_str("stale prefix time"),
            Self::Failed(kind) => f.write_str(kind.about().failures.objective),
            Self::Rate(None, _, rate) => f.write_str(rate.name),
            Self::Rate(Some(quantile), _, rate) => write!(f, "{} {}", quantile.name, rate.name),
            Self::Counted(_, count) => f.write_str(count.name),
            Self::Restarts => f.write_str("restarts"),
            Self::MalformedMessages => f.write_str("malformed messages"),
            Self::Outages => f.write_str("outages"),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(time) => f.write_str(&words::time(*time)),
            Self::Share(share) => f.write_str(&words::share(*share)),
            Self::Number(number) => number.fmt(f),
            Self::Rate(rate) => rate.fmt(f),
        }
    }
}
