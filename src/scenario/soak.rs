//! The part of a scenario that makes it a soak.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::Deserialize;

use super::{ClientCount, Mistake, Timespan};
use crate::soak::{SoakSettings, Storm};
use crate::units::Rate;

/// What a soak is told beside the rest of a [`Draft`](super::Draft): each field is an option of `lanherd soak` and,
/// without the dashes in front, a key below `[soak]` in a scenario file. What is left out has a default.
///
/// The comments of the fields are what `--help` prints.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::Args))]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
#[cfg_attr(feature = "cli", command(next_help_heading = "Soak"))]
pub struct SoakDraft {
    /// How often to look at the herd, say how it stands, and write the report anew [default: 1m]
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME"))]
    pub interval: Option<Timespan>,
    /// How many clients leave in a time, as 10/m, each with a new one to take its place [default: none]
    ///
    /// At random moments, one at a time: each releases its lease and goes, and when it has gone a client with a new
    /// number and MAC joins.
    #[cfg_attr(feature = "cli", arg(long, value_name = "RATE"))]
    pub churn: Option<Rate>,
    /// So many clients leave at once, and as many new ones join together when they have gone [default: none]
    #[cfg_attr(feature = "cli", arg(long, value_name = "N"))]
    pub storm: Option<NonZeroU32>,
    /// The time from one storm to the next [default: 10m]
    #[cfg_attr(feature = "cli", arg(long, value_name = "TIME", requires = "storm"))]
    pub storm_every: Option<Timespan>,
    /// How many clients fall silent in a time, as 2/m, each with a new one to take its place [default: none]
    ///
    /// As if their plugs were pulled: the server goes on thinking that they hold their leases, so it needs addresses for
    /// as many as vanish in a lease's time.
    #[cfg_attr(feature = "cli", arg(long, value_name = "RATE"))]
    pub vanish: Option<Rate>,
    /// Fail (exit code 1) if a figure of the last hour is worse than in the first by more than chance
    #[cfg_attr(feature = "cli", arg(long))]
    pub fail_on_drift: bool,
}

/// A look takes a status of every client and a file, so it is not for every moment.
const SHORTEST: Timespan = Timespan(Duration::from_secs(1));
const STORM_EVERY: Duration = Duration::from_secs(600);

impl SoakDraft {
    /// Checks what one value alone cannot tell, and fills in the defaults; for a herd of so many clients.
    pub fn check(&self, clients: ClientCount) -> Result<SoakSettings, Mistake> {
        for (key, span) in [
            ("soak.interval", self.interval),
            ("soak.storm-every", self.storm_every),
        ] {
            if span.is_some_and(|span| span < SHORTEST) {
                return Err(Mistake::TooShort(key, SHORTEST));
            }
        }
        if self.storm.is_none() && self.storm_every.is_some() {
            return Err(Mistake::NoStorm);
        }
        if let Some(storm) = self.storm.filter(|storm| storm.get() > clients.get()) {
            return Err(Mistake::StormTooLarge { storm, clients });
        }
        let every = self.storm_every.map_or(STORM_EVERY, |every| every.0);
        Ok(SoakSettings {
            interval: self
                .interval
                .map_or(SoakSettings::INTERVAL, |interval| interval.0),
            churn: self.churn,
            storm: self.storm.map(|clients| Storm { clients, every }),
            vanish: self.vanish,
            fail_on_drift: self.fail_on_drift,
        })
    }
}
