//! What clients do once they are online: one file each, and what they have in common.

pub mod command;
pub mod dns;
mod driver;
mod hitch;
pub mod http;
pub mod ping;
mod place;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::command::{CommandSpec, Executed};
use self::dns::{DnsSpec, Lookup};
pub use self::driver::{Pace, run};
use self::http::{Fetch, HttpSpec};
use self::ping::{Echo, PingSpec};
pub use self::place::{Place, Sequence, Siblings, Uplink};
use crate::lan::Port;
use crate::target::Target;

/// Something that a client does once, or over and over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Workload {
    /// Echo requests.
    Ping(PingSpec),
    /// Lookups of a name.
    Dns(DnsSpec),
    /// Fetches of a URL.
    Http(HttpSpec),
    /// Runs of a command line.
    Command(CommandSpec),
}

/// What became of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Of an echo request.
    Ping(Echo),
    /// Of a lookup.
    Dns(Lookup),
    /// Of a fetch.
    Http(Fetch),
    /// Of a run.
    Command(Executed),
}

/// Why an attempt was not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excuse {
    /// The client was not online.
    Offline,
    /// The tester itself failed.
    Tester,
}

impl Pace {
    /// One attempt per second where nothing else is said.
    pub const DEFAULT_INTERVAL: Duration = Duration::from_secs(1);
}

impl Workload {
    /// How often it is attempted.
    pub fn pace(&self) -> Pace {
        let (count, interval) = match self {
            Self::Ping(spec) => (spec.count, spec.interval),
            Self::Dns(spec) => (spec.count, spec.interval),
            Self::Http(spec) => (spec.count, spec.interval),
            Self::Command(spec) => (spec.count, spec.interval),
        };
        Pace { count, interval }
    }

    /// The same with an end: after one attempt where no count is given.
    #[must_use]
    pub fn with_an_end(mut self) -> Self {
        let count = match &mut self {
            Self::Ping(spec) => &mut spec.count,
            Self::Dns(spec) => &mut spec.count,
            Self::Http(spec) => &mut spec.count,
            Self::Command(spec) => &mut spec.count,
        };
        count.get_or_insert(1);
        self
    }

    /// The longest that a run of a given count can last; `None` for one without end.
    pub fn duration(&self) -> Option<Duration> {
        let pace = self.pace();
        let gaps = pace.count?.saturating_sub(1);
        Some(
            pace.interval
                .saturating_mul(gaps)
                .saturating_add(self.patience()),
        )
    }

    /// The longest that one attempt can last.
    pub fn patience(&self) -> Duration {
        match self {
            // Each resolver has as long as the target itself.
            Self::Ping(spec) if matches!(spec.target, Target::Name(_)) => {
                spec.timeout.saturating_mul(1 + dns::RESOLVERS)
            }
            Self::Ping(spec) => spec.timeout,
            Self::Dns(spec) => spec.timeout,
            Self::Command(spec) => spec.timeout,
            // Likewise where there is a name to look up.
            Self::Http(spec) => spec.timeout.saturating_mul(1 + dns::RESOLVERS),
        }
    }

    /// How many attempts of one client may be in flight: commands are processes, all else is a socket at most.
    const fn most_in_flight(&self) -> usize {
        match self {
            Self::Ping(_) => 10_000,
            Self::Dns(_) | Self::Http(_) => 100,
            Self::Command(_) => 16,
        }
    }

    /// Does it once.
    async fn attempt<P: Port>(&self, place: &Place<P>) -> Outcome {
        match self {
            Self::Ping(spec) => Outcome::Ping(ping::attempt(spec, place).await),
            Self::Dns(spec) => Outcome::Dns(dns::attempt(spec, place).await),
            Self::Http(spec) => Outcome::Http(http::attempt(spec, place).await),
            Self::Command(spec) => Outcome::Command(command::attempt(spec, place).await),
        }
    }

    /// What is told of an attempt that could not be made.
    pub fn excused(&self, excuse: Excuse) -> Outcome {
        match self {
            Self::Ping(_) => Outcome::Ping(Echo::excused(excuse)),
            Self::Dns(_) => Outcome::Dns(Lookup::excused(excuse)),
            Self::Http(_) => Outcome::Http(Fetch::excused(excuse)),
            Self::Command(_) => Outcome::Command(Executed::excused(excuse)),
        }
    }
}

impl From<PingSpec> for Workload {
    fn from(spec: PingSpec) -> Self {
        Self::Ping(spec)
    }
}

impl From<DnsSpec> for Workload {
    fn from(spec: DnsSpec) -> Self {
        Self::Dns(spec)
    }
}

impl From<HttpSpec> for Workload {
    fn from(spec: HttpSpec) -> Self {
        Self::Http(spec)
    }
}

impl From<CommandSpec> for Workload {
    fn from(spec: CommandSpec) -> Self {
        Self::Command(spec)
    }
}
