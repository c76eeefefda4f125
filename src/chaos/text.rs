//! A plan as a line of text: `every 10s: crash, delete-link; at 2m, lasts 20s: router-reboot`.

use std::str::FromStr;

use super::{
    ChaosPlan, DurationRange, DurationRangeError, FaultChoice, FaultChoiceError, TimedFault,
    Victims, VictimsError,
};
use crate::units::{self, DurationError};

/// Why a text is no plan.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanTextError {
    /// A part of it is of none of the known kinds.
    #[error(
        "{0:?} is no part of a plan: write \"every 10s: crash, delete-link\" or \"at 2m, lasts 20s: router-reboot\", with ; \
         between them; the words before the colon are every or at, lasts, victims and jitter"
    )]
    Part(String),
    /// The part begins with neither `every` nor `at`.
    #[error("{0:?} has no time: begin it with every 10s, or at 2m")]
    NoTime(String),
    /// There are two with `every`.
    #[error("there can be only one every: write all of its faults behind one colon")]
    TwoEvery,
    /// A timed part names no fault.
    #[error("{0:?} names no fault: write it behind a colon, as in at 2m: crash")]
    NoFault(String),
    /// A timed part has a jitter.
    #[error("{0:?} has a time of its own, and so no jitter: leave it out")]
    Jitter(String),
    /// A time is none.
    #[error(transparent)]
    Duration(#[from] DurationError),
    /// A span is none.
    #[error(transparent)]
    DurationRange(#[from] DurationRangeError),
    /// A number of victims is none.
    #[error(transparent)]
    Victims(#[from] VictimsError),
    /// A fault is none.
    #[error(transparent)]
    FaultChoice(#[from] FaultChoiceError),
}

impl FromStr for ChaosPlan {
    type Err = PlanTextError;

    /// Parts with `;` between them, each `WORD VALUE, WORD VALUE: FAULT, FAULT`; lasts and victims of an `every` are those
    /// of the whole plan.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut plan = Self::default();
        for part in text
            .split(';')
            .map(str::trim)
            .filter(|part| !part.is_empty())
        {
            Part::read(part)?.add_to(&mut plan, part)?;
        }
        Ok(plan)
    }
}

#[derive(Default)]
struct Part<'a> {
    every: Option<&'a str>,
    at: Option<&'a str>,
    lasts: Option<DurationRange>,
    victims: Option<Victims>,
    jitter: Option<&'a str>,
    faults: Vec<FaultChoice>,
}

impl<'a> Part<'a> {
    fn read(text: &'a str) -> Result<Self, PlanTextError> {
        let (head, faults) = match text.split_once(':') {
            Some((head, faults)) => (head, Some(faults)),
            None => (text, None),
        };
        let mut part = Self::default();
        for clause in head.split(',').map(str::trim) {
            match clause.split_once(char::is_whitespace) {
                Some(("every", value)) => part.every = Some(value),
                Some(("at", value)) => part.at = Some(value),
                Some(("lasts", value)) => part.lasts = Some(value.trim().parse()?),
                Some(("victims", value)) => part.victims = Some(value.parse()?),
                Some(("jitter", value)) => part.jitter = Some(value),
                Some(_) | None => return Err(PlanTextError::Part(clause.to_owned())),
            }
        }
        for fault in faults.into_iter().flat_map(|faults| faults.split(',')) {
            part.faults.push(fault.parse()?);
        }
        Ok(part)
    }

    fn add_to(self, plan: &mut ChaosPlan, text: &str) -> Result<(), PlanTextError> {
        match (self.every, self.at) {
            (Some(_), None) if plan.every.is_some() => return Err(PlanTextError::TwoEvery),
            (Some(every), None) => {
                plan.every = Some(units::duration(every.trim())?);
                plan.faults = self.faults;
                plan.lasts = self.lasts.unwrap_or_default();
                plan.victims = self.victims.unwrap_or_default();
                if let Some(jitter) = self.jitter {
                    plan.jitter = units::duration(jitter.trim())?;
                }
            }
            (None, Some(_)) if self.jitter.is_some() => {
                return Err(PlanTextError::Jitter(text.to_owned()));
            }
            (None, Some(_)) if self.faults.is_empty() => {
                return Err(PlanTextError::NoFault(text.to_owned()));
            }
            (None, Some(at)) => {
                let time = units::duration(at.trim())?;
                plan.at.extend(self.faults.iter().map(|choice| TimedFault {
                    time,
                    fault: choice.fault,
                    lasts: self.lasts,
                    victims: self.victims,
                }));
            }
            (Some(_), Some(_)) => return Err(PlanTextError::Part(text.to_owned())),
            (None, None) => return Err(PlanTextError::NoTime(text.to_owned())),
        }
        Ok(())
    }
}
