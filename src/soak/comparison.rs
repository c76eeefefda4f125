//! The first hour against the last.

mod rows;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::rows::rows;
use super::spans::{Span, Spans};
use super::verdict::{self, By, Rule, Samples, Verdict};
use super::work::WorkKind;
use crate::phase::words;
use crate::stats::{Signal, milliseconds};

words! {
    /// What is compared. For all of them but availability, less is better.
    Figure {
        /// The share of the time in which clients should have been usable that they were, 0 to 1, span by span.
        Availability = "availability",
        /// From a new client's admission to its first time online, in milliseconds.
        JoinTime = "join_time",
        /// The same in a storm, where many join together.
        StormJoinTime = "storm_join_time",
        /// From the first DHCP message of an acquisition to the acknowledgement, in milliseconds.
        DhcpTime = "dhcp_time",
        /// The same in a storm.
        StormDhcpTime = "storm_dhcp_time",
        /// Round trips of answered pings to one target, in milliseconds.
        PingRtt = "ping_rtt",
        /// The share of pings to one target without an answer, 0 to 1, span by span.
        PingLoss = "ping_loss",
        /// Until lookups of one name were answered, in milliseconds.
        DnsTime = "dns_time",
        /// The share of lookups of one name that found no address, 0 to 1, span by span.
        DnsFailures = "dns_failures",
        /// From the beginning to the end of fetches of one URL that came to their end, in milliseconds.
        HttpTime = "http_time",
        /// The share of fetches of one URL that failed, 0 to 1, span by span.
        HttpFailures = "http_failures",
        /// From the start to the end of runs of one command line, in milliseconds.
        CommandTime = "command_time",
        /// The share of runs of one command line without exit code 0, 0 to 1, span by span.
        CommandFailures = "command_failures",
        /// Restarts of clients in an hour, span by span.
        Restarts = "restarts",
        /// The tester's own resident memory in bytes, at the end of each span.
        ResidentMemory = "resident_memory",
        /// The tester's own open file descriptors, at the end of each span.
        Descriptors = "descriptors",
    }
}

/// What a figure is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Milliseconds,
    /// A share, 0 to 1.
    Share,
    /// So many an hour.
    AnHour,
    /// Bytes.
    Bytes,
    /// So many.
    Count,
}

impl Figure {
    /// What it is measured in.
    pub const fn unit(self) -> Unit {
        match self {
            Self::JoinTime
            | Self::StormJoinTime
            | Self::DhcpTime
            | Self::StormDhcpTime
            | Self::PingRtt
            | Self::DnsTime
            | Self::HttpTime
            | Self::CommandTime => Unit::Milliseconds,
            Self::Availability
            | Self::PingLoss
            | Self::DnsFailures
            | Self::HttpFailures
            | Self::CommandFailures => Unit::Share,
            Self::Restarts => Unit::AnHour,
            Self::ResidentMemory => Unit::Bytes,
            Self::Descriptors => Unit::Count,
        }
    }

    /// What takes the time, where it is one.
    const fn signal(self) -> Option<Signal> {
        Some(match self {
            Self::JoinTime | Self::StormJoinTime => Signal::Join,
            Self::DhcpTime | Self::StormDhcpTime => Signal::Dhcp,
            Self::PingRtt => Signal::Ping,
            Self::DnsTime => Signal::Dns,
            Self::HttpTime => Signal::Http,
            Self::CommandTime => Signal::Command,
            Self::Availability
            | Self::PingLoss
            | Self::DnsFailures
            | Self::HttpFailures
            | Self::CommandFailures
            | Self::Restarts
            | Self::ResidentMemory
            | Self::Descriptors => return None,
        })
    }

    /// How long work of a kind takes, and how much of it fails.
    const fn of(kind: WorkKind) -> (Self, Self) {
        match kind {
            WorkKind::Ping => (Self::PingRtt, Self::PingLoss),
            WorkKind::Dns => (Self::DnsTime, Self::DnsFailures),
            WorkKind::Http => (Self::HttpTime, Self::HttpFailures),
            WorkKind::Command => (Self::CommandTime, Self::CommandFailures),
        }
    }

    /// When it counts as changed.
    pub fn rule(self) -> Rule {
        let time = |floor| Rule {
            least: 30,
            ratio: 1.25,
            floor,
            by: By::Quantiles,
        };
        let rate = |floor| Rule {
            least: 8,
            ratio: 1.25,
            floor,
            by: By::Mean,
        };
        let level = |ratio, floor| Rule {
            least: 8,
            ratio,
            floor,
            by: By::Quantiles,
        };
        match self {
            Self::JoinTime | Self::StormJoinTime | Self::DhcpTime | Self::StormDhcpTime => {
                time(10.0)
            }
            Self::PingRtt => time(0.1),
            Self::DnsTime | Self::HttpTime => time(1.0),
            Self::CommandTime => time(10.0),
            // Availability is judged by what it lacks.
            Self::Availability
            | Self::PingLoss
            | Self::DnsFailures
            | Self::HttpFailures
            | Self::CommandFailures => rate(0.002),
            Self::Restarts => rate(10.0),
            Self::ResidentMemory => level(1.10, 2_097_152.0),
            Self::Descriptors => level(1.05, 16.0),
        }
    }
}

/// The first window of a soak beside its last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// How long each window is: an hour, or a third of the soak where that is shorter.
    pub window_ms: f64,
    /// When the first began, counted from the moment at which the herd had joined: how it joined is in neither.
    pub first_at_ms: f64,
    /// When the last began.
    pub last_at_ms: f64,
    /// Whether anything drifted.
    pub drifted: bool,
    /// Every figure of which there were samples.
    pub rows: Vec<Row>,
}

/// One figure in both windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Which.
    pub figure: Figure,
    /// Of pings to whom, lookups of what name, fetches of what URL, runs of what command line.
    pub target: Option<String>,
    /// In the first window.
    pub first: Side,
    /// In the last.
    pub last: Side,
    /// What became of it.
    pub verdict: Verdict,
}

impl Row {
    /// Of what it tells, for people: `lost pings the router`.
    pub fn label(&self) -> String {
        let name = match self.figure {
            Figure::Availability => "availability",
            Figure::JoinTime => "time to join",
            Figure::StormJoinTime => "time to join in a storm",
            Figure::DhcpTime => "time to lease",
            Figure::StormDhcpTime => "time to lease in a storm",
            Figure::PingRtt => "ping",
            Figure::PingLoss => "lost pings",
            Figure::DnsTime => "lookup",
            Figure::DnsFailures => "failed lookups",
            Figure::HttpTime => "fetch",
            Figure::HttpFailures => "failed fetches",
            Figure::CommandTime => "command",
            Figure::CommandFailures => "failed commands",
            Figure::Restarts => "restarts an hour",
            Figure::ResidentMemory => "the tester's memory",
            Figure::Descriptors => "the tester's open files",
        };
        match &self.target {
            Some(target) => format!("{name} {target}"),
            None => name.to_owned(),
        }
    }
}

/// `ping_rtt of the router: median 0.10 ms, then 1.20 ms`.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.figure)?;
        if let Some(target) = &self.target {
            write!(f, " of {target}")?;
        }
        let side = |side: &Side| {
            let (mean, median) = (side.mean.unwrap_or_default(), side.p50.unwrap_or_default());
            match self.figure.unit() {
                Unit::Milliseconds => format!("median {median:.2} ms"),
                Unit::Share => format!("mean {:.2} %", mean * 100.0),
                Unit::AnHour => format!("{mean:.1} an hour"),
                Unit::Bytes => format!("median {:.1} MiB", median / 1_048_576.0),
                Unit::Count => format!("median {median:.0}"),
            }
        };
        write!(f, ": {}, then {}", side(&self.first), side(&self.last))
    }
}

/// One figure in one window, in the figure's own unit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Side {
    /// How many samples.
    pub samples: u64,
    /// Their mean; `None` of no samples, as the rest.
    pub mean: Option<f64>,
    /// Their median.
    pub p50: Option<f64>,
    /// What 95 of 100 do not exceed.
    pub p95: Option<f64>,
    /// What 99 of 100 do not exceed.
    pub p99: Option<f64>,
}

impl Side {
    fn of(samples: &Samples) -> Self {
        let count = verdict::count(samples);
        let at = |quantile| (count > 0).then(|| verdict::quantile(samples, quantile));
        Self {
            samples: count,
            mean: (count > 0).then(|| verdict::mean(samples)),
            p50: at(0.50),
            p95: at(0.95),
            p99: at(0.99),
        }
    }
}

impl Comparison {
    /// Compares the first and the last window; `None` as long as they cannot be told apart.
    pub fn of(spans: &Spans) -> Option<Self> {
        let windows = spans.windows()?;
        let begin = |window: &[Span]| window.first().map_or(Duration::ZERO, |span| span.from);
        let rows = rows(&windows);
        Some(Self {
            window_ms: milliseconds(windows.length),
            first_at_ms: milliseconds(begin(windows.first)),
            last_at_ms: milliseconds(begin(windows.last)),
            drifted: rows.iter().any(|row| row.verdict == Verdict::Drifted),
            rows,
        })
    }

    /// How long each window is, in whole seconds.
    pub fn window(&self) -> humantime::FormattedDuration {
        let seconds = Duration::from_secs_f64(self.window_ms / 1_000.0).as_secs();
        humantime::format_duration(Duration::from_secs(seconds))
    }

    /// What may have drifted, or may be the tester's own doing.
    pub fn inconclusive(&self) -> impl Iterator<Item = &Row> {
        self.rows
            .iter()
            .filter(|row| row.verdict == Verdict::Inconclusive)
    }

    /// What drifted.
    pub fn drifts(&self) -> impl Iterator<Item = &Row> {
        self.rows
            .iter()
            .filter(|row| row.verdict == Verdict::Drifted)
    }
}

#[cfg(test)]
mod tests;
