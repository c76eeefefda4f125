//! What the figures of all workloads have in common.

use std::sync::Arc;

use super::{CommandStats, Distribution, DnsStats, HttpStats, PingStats};
use crate::workload::{Outcome, Workload};

/// What can be asked of the figures of any workload.
pub trait Outcomes {
    /// Attempts that were wanted, those that were never made included.
    fn attempts(&self) -> u64;

    /// Attempts that succeeded.
    fn successes(&self) -> u64;

    /// Attempts that did not, those that were never made included.
    fn failures(&self) -> u64 {
        self.attempts() - self.successes()
    }

    /// Whether all attempts, and at least one, succeeded.
    fn is_success(&self) -> bool {
        self.successes() > 0 && self.failures() == 0
    }

    /// How long those took that came to an answer.
    fn time(&self) -> &Distribution;

    /// The particulars of the latest that failed, for a person to read.
    fn last_failure(&self) -> Option<String>;
}

/// The figures of one client and one workload: shared with whoever reads a status, and copied only while somebody does.
#[derive(Debug, Clone)]
pub enum Stats {
    /// Of echo requests.
    Ping(Arc<PingStats>),
    /// Of lookups.
    Dns(Arc<DnsStats>),
    /// Of fetches.
    Http(Arc<HttpStats>),
    /// Of commands.
    Command(Arc<CommandStats>),
}

impl Stats {
    /// Nothing counted yet, of one client.
    pub fn new(workload: &Workload) -> Self {
        match workload {
            Workload::Ping(spec) => {
                let address = spec.target.address();
                Self::Ping(Arc::new(PingStats::of_client(spec.target.clone(), address)))
            }
            Workload::Http(spec) => Self::Http(Arc::new(HttpStats::of_client(spec.url.clone()))),
            Workload::Dns(spec) => Self::Dns(Arc::new(DnsStats::of_client(spec.name.clone()))),
            Workload::Command(spec) => {
                Self::Command(Arc::new(CommandStats::of_client(spec.line.clone())))
            }
        }
    }

    /// Whether these are the figures of that workload; how often it is attempted makes no difference.
    pub fn is_of(&self, workload: &Workload) -> bool {
        match (self, workload) {
            (Self::Ping(stats), Workload::Ping(spec)) => stats.target == spec.target,
            (Self::Dns(stats), Workload::Dns(spec)) => stats.name == spec.name,
            (Self::Http(stats), Workload::Http(spec)) => stats.url == spec.url,
            (Self::Command(stats), Workload::Command(spec)) => stats.line == spec.line,
            (Self::Ping(_) | Self::Dns(_) | Self::Http(_) | Self::Command(_), _) => false,
        }
    }

    /// Counts one outcome of the same workload; one of another kind is none of it.
    pub fn record(&mut self, outcome: &Outcome) {
        match (self, outcome) {
            (Self::Ping(stats), Outcome::Ping(echo)) => Arc::make_mut(stats).record_echo(echo),
            (Self::Dns(stats), Outcome::Dns(lookup)) => Arc::make_mut(stats).record(lookup),
            (Self::Http(stats), Outcome::Http(fetch)) => Arc::make_mut(stats).record(fetch),
            (Self::Command(stats), Outcome::Command(executed)) => {
                Arc::make_mut(stats).record(executed);
            }
            (Self::Ping(_) | Self::Dns(_) | Self::Http(_) | Self::Command(_), _) => {}
        }
    }
}

/// The figures of the one kind, where they are of it.
macro_rules! kind {
    ($variant:ident, $stats:ty) => {
        impl TryFrom<Stats> for $stats {
            type Error = Stats;

            fn try_from(stats: Stats) -> Result<Self, Stats> {
                match stats {
                    Stats::$variant(stats) => Ok(Arc::unwrap_or_clone(stats)),
                    other => Err(other),
                }
            }
        }
    };
}

kind!(Ping, PingStats);
kind!(Dns, DnsStats);
kind!(Http, HttpStats);
kind!(Command, CommandStats);
