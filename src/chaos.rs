//! Chaos on purpose: a plan of faults, and the schedule that follows from it.
//!
//! All but the engine is pure. A schedule is a function of plan, uplink and seed, and every injection of it a function of the seed and
//! its own place in the schedule: the same seed gives the same faults at the same times, and to the same herd the same
//! victims. To add an entry with a time of its own changes nothing else.
//!
//! ```
//! use lanherd::chaos::{ChaosPlan, UplinkKind};
//! use lanherd::identity::Seed;
//!
//! let plan: ChaosPlan = "every 10s: crash, delete-link; at 2m, lasts 20s: router-reboot".parse()?;
//! let injections: Vec<_> = plan.schedule(UplinkKind::Lab, Seed(7))?.take(20).collect();
//! assert_eq!(injections[11].to_string(), "router_reboot at 2m for 20s");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod engine;
#[cfg(test)]
mod tests;
mod text;
mod values;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::engine::{Engine, InjectionError, RunningEngine, inject_once};
pub use self::text::PlanTextError;
pub use self::values::{
    DurationRange, DurationRangeError, FaultChoice, FaultChoiceError, Victims, VictimsError,
};
use crate::family::Family;
use crate::fault::{Aim, Fault};
use crate::identity::{ClientNumber, Seed};
use crate::units::{serde_duration, serde_optional_duration};

/// What is to be broken, and when: the table `chaos` of a scenario file, or the text of an option.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ChaosPlan {
    /// From one random fault to the next; the first comes after as long. `None`: only those of [`Self::at`].
    #[serde(
        with = "serde_optional_duration",
        skip_serializing_if = "Option::is_none"
    )]
    pub every: Option<Duration>,
    /// The longest time by which a random fault comes late; not above `every`, so that they stay in order.
    #[serde(with = "serde_duration")]
    pub jitter: Duration,
    /// From which a random fault is drawn; empty: all that fit the uplink, each as likely as another
    /// ([`UplinkKind::faults`]).
    pub faults: Vec<FaultChoice>,
    /// How long those last that are not over at once.
    pub lasts: DurationRange,
    /// How many clients a fault is done to that aims at clients.
    pub victims: Victims,
    /// Faults at times of their own.
    pub at: Vec<TimedFault>,
}

/// A fault with a time of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct TimedFault {
    /// When, from the beginning of the schedule.
    #[serde(with = "serde_duration")]
    pub time: Duration,
    /// The fault to inject.
    #[serde(deserialize_with = "crate::fault::as_written")]
    pub fault: Fault,
    /// How long it lasts; `None`: as the plan says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lasts: Option<DurationRange>,
    /// How many clients it is done to; `None`: as the plan says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub victims: Option<Victims>,
}

/// What the herd stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UplinkKind {
    /// The lab, all of which is ours to break, and which speaks IPv4 only.
    Lab,
    /// The lab, which speaks IPv6, too.
    Ipv6Lab,
    /// A real parent interface, and somebody else's router behind it.
    Parent,
}

impl UplinkKind {
    /// Whether a fault can be done there at all: those of the router need the lab.
    pub const fn fits(self, fault: Fault) -> bool {
        match (self, fault.aim()) {
            (Self::Lab | Self::Ipv6Lab, _) | (Self::Parent, Aim::Client | Aim::Parent) => true,
            (Self::Parent, Aim::Router) => false,
        }
    }

    /// The faults that are done where none are named. A real parent is only flapped if that is named: others may need it. A lab
    /// without IPv6 has none of IPv6.
    pub fn faults(self) -> impl Iterator<Item = Fault> {
        let is_meant = move |fault: &Fault| match (self, fault.aim()) {
            (Self::Parent, Aim::Parent) => false,
            (Self::Lab, _) => fault.family() != Some(Family::Ipv6),
            (Self::Parent | Self::Ipv6Lab, _) => self.fits(*fault),
        };
        Fault::ALL.iter().copied().filter(is_meant)
    }
}

/// Why a plan makes no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Neither random faults nor timed ones.
    #[error("chaos without a time does nothing: say every, or at least one at")]
    Nothing,
    /// The key is that of random faults, and there are none.
    #[error("{0} is for random faults, and there are none: say every, or leave {0} out")]
    RandomOnly(&'static str),
    /// Faults come faster than they can be done.
    #[error("a fault every {} is too often: write 100ms at least", humantime::format_duration(*.0))]
    TooOften(Duration),
    /// Random faults would overtake each other.
    #[error(
        "a jitter of {} is more than the {} between two faults: write a shorter one",
        humantime::format_duration(*.jitter), humantime::format_duration(*.every)
    )]
    Jitter {
        /// The jitter, which is not below the interval.
        jitter: Duration,
        /// The time between two faults.
        every: Duration,
    },
    /// The fault is the lab's router's.
    #[error(
        "{0} can only be done to the lab's router: leave it out, or choose the lab as the place"
    )]
    NeedsLab(Fault),
}

impl PlanError {
    /// The key of the table `chaos` that is most to blame.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::Nothing | Self::TooOften(_) => "every",
            Self::RandomOnly(key) => key,
            Self::Jitter { .. } => "jitter",
            Self::NeedsLab(_) => "faults",
        }
    }
}

impl ChaosPlan {
    /// The shortest time between two random faults.
    pub const SHORTEST: Duration = Duration::from_millis(100);

    /// Whether it makes sense on that uplink.
    pub fn check(&self, uplink: UplinkKind) -> Result<(), PlanError> {
        match self.every {
            None if !self.faults.is_empty() => return Err(PlanError::RandomOnly("faults")),
            None if !self.jitter.is_zero() => return Err(PlanError::RandomOnly("jitter")),
            None if self.at.is_empty() => return Err(PlanError::Nothing),
            Some(every) if every < Self::SHORTEST => return Err(PlanError::TooOften(every)),
            Some(every) if self.jitter > every => {
                return Err(PlanError::Jitter {
                    jitter: self.jitter,
                    every,
                });
            }
            None | Some(_) => {}
        }
        let random = self.faults.iter().map(|choice| choice.fault);
        match random
            .chain(self.at.iter().map(|timed| timed.fault))
            .find(|fault| !uplink.fits(*fault))
        {
            Some(fault) => Err(PlanError::NeedsLab(fault)),
            None => Ok(()),
        }
    }

    /// Its schedule on that uplink under `seed`: without an end where there are random faults.
    pub fn schedule(&self, uplink: UplinkKind, seed: Seed) -> Result<ChaosSchedule, PlanError> {
        self.check(uplink)?;
        let choices = if self.faults.is_empty() {
            uplink.faults().map(FaultChoice::from).collect()
        } else {
            self.faults.clone()
        };
        let mut timed: Vec<Injection> = (0..)
            .zip(&self.at)
            .map(|(index, timed)| {
                let mut rng = seed.rng(CHAOS, TIMED ^ index);
                let lasts = timed.lasts.unwrap_or(self.lasts);
                let victims = timed.victims.unwrap_or(self.victims);
                Injection::draw(timed.time, timed.fault, lasts, victims, &mut rng)
            })
            .collect();
        // The next is the last; of two at one time, the first in the plan comes first.
        timed.reverse();
        timed.sort_by_key(|injection| std::cmp::Reverse(injection.at));
        let mut schedule = ChaosSchedule {
            plan: self.clone(),
            choices,
            seed,
            drawn: 0,
            random: None,
            timed,
        };
        schedule.random = schedule.draw();
        Ok(schedule)
    }
}

/// No client has this number, so its streams of random numbers are free.
const CHAOS: ClientNumber = ClientNumber(0);
/// The streams of random and of timed faults begin here: "chaosr" and "chaost", and two octets for the index.
const RANDOM: u64 = 0x6368_616f_7372_0000;
const TIMED: u64 = 0x6368_616f_7374_0000;

/// The injections of a plan, in the order of their times.
#[derive(Debug, Clone)]
pub struct ChaosSchedule {
    plan: ChaosPlan,
    choices: Vec<FaultChoice>,
    seed: Seed,
    /// How many random ones were drawn.
    drawn: u32,
    random: Option<Injection>,
    /// The timed ones to come, the next one last.
    timed: Vec<Injection>,
}

impl ChaosSchedule {
    /// The next random injection; `None`: there are none, or it would be later than a clock can tell.
    fn draw(&mut self) -> Option<Injection> {
        let mut rng = self.seed.rng(CHAOS, RANDOM ^ u64::from(self.drawn));
        self.drawn = self.drawn.checked_add(1)?;
        let tick = self.plan.every?.checked_mul(self.drawn)?;
        let late = DurationRange {
            least: Duration::ZERO,
            most: self.plan.jitter,
        };
        let at = tick.checked_add(late.draw(&mut rng))?;
        let fault = FaultChoice::draw(&self.choices, &mut rng)?;
        let ChaosPlan { lasts, victims, .. } = self.plan;
        Some(Injection::draw(at, fault, lasts, victims, &mut rng))
    }
}

impl Iterator for ChaosSchedule {
    type Item = Injection;

    fn next(&mut self) -> Option<Injection> {
        let timed = self.timed.last().map(|injection| injection.at);
        match (timed, self.random.as_ref()) {
            (Some(timed), Some(random)) if timed > random.at => {
                let next = self.draw();
                std::mem::replace(&mut self.random, next)
            }
            (Some(_), _) => self.timed.pop(),
            (None, Some(_)) => {
                let next = self.draw();
                std::mem::replace(&mut self.random, next)
            }
            (None, None) => None,
        }
    }
}

/// One fault, at one time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injection {
    /// When, from the beginning of the schedule.
    pub at: Duration,
    /// The fault to inject.
    pub fault: Fault,
    /// How long it lasts; zero where it is over at once ([`Aim::Client`]).
    pub lasts: Duration,
    /// How many clients it is done to, if it aims at clients.
    pub victims: Victims,
    /// From which the victims are drawn.
    key: u64,
}

impl Injection {
    /// One that is in no schedule, and comes at once.
    pub fn once(fault: Fault, lasts: Duration, victims: Victims, seed: Seed) -> Self {
        let mut rng = seed.rng(CHAOS, TIMED);
        let lasts = DurationRange {
            least: lasts,
            most: lasts,
        };
        Self::draw(Duration::ZERO, fault, lasts, victims, &mut rng)
    }

    fn draw(
        at: Duration,
        fault: Fault,
        lasts: DurationRange,
        victims: Victims,
        rng: &mut fastrand::Rng,
    ) -> Self {
        let lasts = match fault.aim() {
            Aim::Client => Duration::ZERO,
            Aim::Parent | Aim::Router => lasts.draw(rng),
        };
        Self {
            at,
            fault,
            lasts,
            victims,
            key: rng.u64(..),
        }
    }

    /// The clients of those online that it is done to, by number; nobody where it aims at no client. In what order they
    /// are named does not matter.
    pub fn choose(&self, online: &[ClientNumber]) -> Vec<ClientNumber> {
        if self.fault.aim() != Aim::Client {
            return Vec::new();
        }
        let mut clients = online.to_vec();
        clients.sort_unstable();
        clients.dedup();
        let mut rng = fastrand::Rng::with_seed(self.key);
        let mut victims =
            rng.choose_multiple(clients.iter().copied(), self.victims.of(clients.len()));
        victims.sort_unstable();
        victims
    }
}

impl fmt::Display for Injection {
    /// `router_reboot at 2m for 20s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = humantime::format_duration(self.at);
        write!(f, "{} at {at}", self.fault)?;
        if !self.lasts.is_zero() {
            write!(f, " for {}", humantime::format_duration(self.lasts))?;
        }
        Ok(())
    }
}
