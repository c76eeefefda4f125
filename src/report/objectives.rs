//! What became of the objectives of a run.

use serde::{Deserialize, Serialize};

use super::Percentiles;
use crate::objective::{Judgement, Value, Verdict};
use crate::stats::milliseconds;
use lanherd_types::words;

words! {
    /// What a figure is counted in.
    Unit {
        /// The figure is a time in milliseconds.
        Milliseconds = "ms",
        /// A share, 0 to 1.
        Share = "share",
        /// A number without a unit.
        Number = "number",
        /// The figure is a rate, in bits a second.
        BitsPerSecond = "bit/s",
    }
}

/// An objective, and what became of it ([`objective`](crate::objective)).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ObjectiveEntry {
    /// As it was written.
    pub text: String,
    /// What became of it.
    pub verdict: Verdict,
    /// What the figure came to; `None` where there was nothing to judge by.
    pub value: Option<f64>,
    /// The bound that the figure is held against.
    pub bound: f64,
    /// What both are counted in.
    pub unit: Unit,
    /// How late the tester was: of a time, at worst while each of them was taken; of all else, whenever it woke.
    #[serde(with = "super::empty_object")]
    pub tester_late_ms: Option<Percentiles>,
    /// What is so and what should be, for people; and what the tester did, where it is inconclusive.
    pub words: String,
}

impl From<&Judgement> for ObjectiveEntry {
    fn from(judgement: &Judgement) -> Self {
        let number = |value: &Value| match value {
            Value::Time(time) => milliseconds(*time),
            Value::Share(share) => *share,
            Value::Number(number) => *number as f64,
            Value::Rate(rate) => *rate,
        };
        Self {
            text: judgement.text.clone(),
            verdict: judgement.verdict,
            value: judgement.value.as_ref().map(number),
            bound: number(&judgement.bound),
            unit: match judgement.bound {
                Value::Time(_) => Unit::Milliseconds,
                Value::Share(_) => Unit::Share,
                Value::Number(_) => Unit::Number,
                Value::Rate(_) => Unit::BitsPerSecond,
            },
            tester_late_ms: Percentiles::of_distribution(&judgement.tester),
            words: judgement.words.clone(),
        }
    }
}
