//! What a report says of lookups, fetches and commands.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4};

use serde::{Deserialize, Serialize};

use super::{Client, Pings};
use crate::host_name::HostName;
use crate::stats::{CommandStats, Distribution, DnsStats, HttpStats, Outcomes, milliseconds};
use crate::url::Url;
use crate::workload::command::CommandCause;
use crate::workload::dns::{DnsCause, Rcode};
use crate::workload::http::{HttpCause, HttpPhase};

/// How long things took, in milliseconds; `None` of nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Times {
    /// The shortest.
    pub min: Option<f64>,
    /// The median.
    pub median: Option<f64>,
    /// What 99 of 100 do not exceed.
    pub p99: Option<f64>,
    /// The longest.
    pub max: Option<f64>,
}

impl From<&Distribution> for Times {
    fn from(times: &Distribution) -> Self {
        Self {
            min: times.min().map(milliseconds),
            median: times.quantile(0.5).map(milliseconds),
            p99: times.quantile(0.99).map(milliseconds),
            max: times.max().map(milliseconds),
        }
    }
}

/// One client's lookups of one name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lookups {
    /// The name.
    pub name: HostName,
    /// The resolver that was asked last.
    pub server: Option<Ipv4Addr>,
    /// The addresses that were found last.
    pub addresses: Vec<Ipv4Addr>,
    /// Lookups that were wanted.
    pub attempts: u64,
    /// Queries handed to the kernel.
    pub asked: u64,
    /// Lookups that found an address.
    pub succeeded: u64,
    /// Answers by what the server said.
    pub rcodes: BTreeMap<Rcode, u64>,
    /// Lookups without an answer by cause, those that were never sent among them.
    pub failed: BTreeMap<DnsCause, u64>,
    /// From just before the query was sent until the answer was read.
    pub time_ms: Times,
    /// The particulars of the latest that failed.
    pub last_failure: Option<String>,
}

impl From<&DnsStats> for Lookups {
    fn from(stats: &DnsStats) -> Self {
        Self {
            name: stats.name.clone(),
            server: stats.server,
            addresses: stats.addresses.clone(),
            attempts: stats.attempts(),
            asked: stats.asked,
            succeeded: stats.successes(),
            rcodes: stats.rcodes.clone(),
            failed: stats.failed.clone(),
            time_ms: Times::from(&stats.time),
            last_failure: stats.last_failure(),
        }
    }
}

/// One client's fetches of one URL.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fetches {
    /// The URL.
    pub url: Url,
    /// The server that was asked last, with its port.
    pub server: Option<SocketAddrV4>,
    /// Fetches that were wanted.
    pub attempts: u64,
    /// Fetches that came to their end with a status below 400.
    pub succeeded: u64,
    /// Fetches that came to their end by status.
    pub statuses: BTreeMap<String, u64>,
    /// Fetches that did not by cause, those that were never begun among them.
    pub failed: BTreeMap<HttpCause, u64>,
    /// How long each phase took, where it came to its end.
    pub phases_ms: BTreeMap<HttpPhase, Times>,
    /// All phases together, of fetches that came to their end.
    pub time_ms: Times,
    /// Bytes of bodies that came.
    pub bytes: u64,
    /// The particulars of the latest that failed.
    pub last_failure: Option<String>,
}

impl From<&HttpStats> for Fetches {
    fn from(stats: &HttpStats) -> Self {
        let phases = stats.phases.iter();
        Self {
            url: stats.url.clone(),
            server: stats.server,
            attempts: stats.attempts(),
            succeeded: stats.successes(),
            statuses: by_number(&stats.statuses),
            failed: stats.failed.clone(),
            phases_ms: phases
                .map(|(phase, times)| (*phase, Times::from(times)))
                .collect(),
            time_ms: Times::from(&stats.time),
            bytes: stats.bytes,
            last_failure: stats.last_failure(),
        }
    }
}

/// One client's runs of one command line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Commands {
    /// The command line.
    pub line: String,
    /// Runs that were wanted.
    pub attempts: u64,
    /// Runs with exit code 0.
    pub succeeded: u64,
    /// Runs that ended by exit code, as a shell tells it.
    pub exits: BTreeMap<String, u64>,
    /// Runs without an exit code by cause, those that never began among them.
    pub failed: BTreeMap<CommandCause, u64>,
    /// From start to end, of runs that ended by themselves.
    pub time_ms: Times,
    /// The end of what the latest has written, 2 KiB at most.
    pub output: String,
    /// The particulars of the latest that failed.
    pub last_failure: Option<String>,
}

impl From<&CommandStats> for Commands {
    fn from(stats: &CommandStats) -> Self {
        Self {
            line: stats.line.clone(),
            attempts: stats.attempts(),
            succeeded: stats.successes(),
            exits: by_number(&stats.exits),
            failed: stats.failed.clone(),
            time_ms: Times::from(&stats.time),
            output: stats.output.clone(),
            last_failure: stats.last_failure(),
        }
    }
}

/// JSON's keys are texts.
fn by_number<N: ToString>(counts: &BTreeMap<N, u64>) -> BTreeMap<String, u64> {
    let texts = counts
        .iter()
        .map(|(number, count)| (number.to_string(), *count));
    texts.collect()
}

/// What all that a client does has in common.
#[derive(Debug, Clone, PartialEq)]
pub struct Chore<'a> {
    /// What it is, as the options name it: `ping router`, `resolve www.lab.test`.
    pub what: String,
    /// How often it was wanted.
    pub attempts: u64,
    /// How often it succeeded.
    pub succeeded: u64,
    /// How long it usually took, in milliseconds.
    pub median_ms: Option<f64>,
    /// The particulars of the latest that failed, where they are told.
    pub last_failure: Option<&'a str>,
}

impl Chore<'_> {
    /// Whether it was wanted, and did not succeed once.
    pub fn never_succeeded(&self) -> bool {
        self.attempts > 0 && self.succeeded == 0
    }
}

impl Client {
    /// All that it does.
    pub fn chores(&self) -> impl Iterator<Item = Chore<'_>> {
        let pings = self.pings.iter().map(|pings: &Pings| Chore {
            what: format!("ping {}", pings.target),
            attempts: pings.received + pings.lost.values().sum::<u64>(),
            succeeded: pings.received,
            median_ms: pings.median_ms,
            last_failure: None,
        });
        let lookups = self.lookups.iter().map(|lookups| Chore {
            what: format!("resolve {}", lookups.name),
            attempts: lookups.attempts,
            succeeded: lookups.succeeded,
            median_ms: lookups.time_ms.median,
            last_failure: lookups.last_failure.as_deref(),
        });
        let fetches = self.fetches.iter().map(|fetches| Chore {
            what: format!("fetch {}", fetches.url),
            attempts: fetches.attempts,
            succeeded: fetches.succeeded,
            median_ms: fetches.time_ms.median,
            last_failure: fetches.last_failure.as_deref(),
        });
        let commands = self.commands.iter().map(|commands| Chore {
            what: format!("run {}", commands.line),
            attempts: commands.attempts,
            succeeded: commands.succeeded,
            median_ms: commands.time_ms.median,
            last_failure: commands.last_failure.as_deref(),
        });
        pings.chain(lookups).chain(fetches).chain(commands)
    }
}
