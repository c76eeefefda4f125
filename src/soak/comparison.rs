//! The first hour against the last.

mod rows;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::rows::rows;
use super::spans::{SoakSpan, SoakSpans};
use super::verdict::{self, By, Rule, SampleCounts, Verdict};
use crate::activity::Kind;
use crate::stats::{Signal, milliseconds};

/// What is compared. For all of them but availability, less is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "&'static str")]
pub enum ComparedFigure {
    /// The share of the time in which clients should have been usable that they were, 0 to 1, span by span.
    Availability,
    /// From a new client's admission to its first time online, in milliseconds.
    JoinTime,
    /// The same in a storm, where many join together.
    StormJoinTime,
    /// From the first DHCP message of an acquisition to the acknowledgement, in milliseconds.
    DhcpTime,
    /// The same in a storm.
    StormDhcpTime,
    /// How long one activity of a kind took that came to an answer, in milliseconds.
    Time(Kind),
    /// The share of its attempts that did not succeed, 0 to 1, span by span.
    Failures(Kind),
    /// Restarts of clients in an hour, span by span.
    Restarts,
    /// The tester's own resident memory in bytes, at the end of each span.
    ResidentMemory,
    /// The tester's own open file descriptors, at the end of each span.
    Descriptors,
}

impl ComparedFigure {
    /// Every value, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        let acquisitions = [
            Self::Availability,
            Self::JoinTime,
            Self::StormJoinTime,
            Self::DhcpTime,
            Self::StormDhcpTime,
        ];
        let kinds = Kind::ALL.iter().copied();
        let of_kinds = kinds.flat_map(|kind| [Self::Time(kind), Self::Failures(kind)]);
        let of_all = [Self::Restarts, Self::ResidentMemory, Self::Descriptors];
        acquisitions.into_iter().chain(of_kinds).chain(of_all)
    }

    /// The word itself.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Availability => "availability",
            Self::JoinTime => "join_time",
            Self::StormJoinTime => "storm_join_time",
            Self::DhcpTime => "dhcp_time",
            Self::StormDhcpTime => "storm_dhcp_time",
            Self::Time(kind) => kind.about().time.figure,
            Self::Failures(kind) => kind.about().failures.figure,
            Self::Restarts => "restarts",
            Self::ResidentMemory => "resident_memory",
            Self::Descriptors => "descriptors",
        }
    }
}

impl From<ComparedFigure> for &'static str {
    fn from(figure: ComparedFigure) -> Self {
        figure.as_str()
    }
}

impl TryFrom<String> for ComparedFigure {
    type Error = String;

    fn try_from(word: String) -> Result<Self, String> {
        let known = Self::all().find(|figure| figure.as_str() == word);
        known.ok_or_else(|| format!("there is no figure {word:?}"))
    }
}

impl fmt::Display for ComparedFigure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a figure is measured in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// The figure is a time in milliseconds.
    Milliseconds,
    /// A share, 0 to 1.
    Share,
    /// So many an hour.
    AnHour,
    /// The figure is a size in bytes.
    Bytes,
    /// The figure is a number of things.
    Count,
}

impl ComparedFigure {
    /// What it is measured in.
    pub const fn unit(self) -> Unit {
        match self {
            Self::JoinTime
            | Self::StormJoinTime
            | Self::DhcpTime
            | Self::StormDhcpTime
            | Self::Time(_) => Unit::Milliseconds,
            Self::Availability | Self::Failures(_) => Unit::Share,
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
            Self::Time(kind) => Signal::Activity(kind),
            Self::Availability
            | Self::Failures(_)
            | Self::Restarts
            | Self::ResidentMemory
            | Self::Descriptors => return None,
        })
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
            Self::Time(kind) => time(kind.about().time.drift_floor_ms),
            // Availability is judged by what it lacks.
            Self::Availability | Self::Failures(_) => rate(0.002),
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
    pub rows: Vec<ComparisonRow>,
}

/// One figure in both windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparisonRow {
    /// The figure that is compared.
    pub figure: ComparedFigure,
    /// Of an activity, what it was done to.
    pub target: Option<String>,
    /// In the first window.
    pub first: Side,
    /// In the last.
    pub last: Side,
    /// What became of it.
    pub verdict: Verdict,
}

impl ComparisonRow {
    /// Of what it tells, for people: `lost pings the router`.
    pub fn label(&self) -> String {
        let name = match self.figure {
            ComparedFigure::Availability => "availability",
            ComparedFigure::JoinTime => "time to join",
            ComparedFigure::StormJoinTime => "time to join in a storm",
            ComparedFigure::DhcpTime => "time to lease",
            ComparedFigure::StormDhcpTime => "time to lease in a storm",
            ComparedFigure::Time(kind) => kind.about().one,
            ComparedFigure::Failures(kind) => kind.about().failures.label,
            ComparedFigure::Restarts => "restarts an hour",
            ComparedFigure::ResidentMemory => "the tester's memory",
            ComparedFigure::Descriptors => "the tester's open files",
        };
        match &self.target {
            Some(target) => format!("{name} {target}"),
            None => name.to_owned(),
        }
    }
}

/// `ping_rtt of the router: median 0.10 ms, then 1.20 ms`.
impl fmt::Display for ComparisonRow {
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
    /// The median of the samples.
    pub p50: Option<f64>,
    /// What 95 of 100 do not exceed.
    pub p95: Option<f64>,
    /// What 99 of 100 do not exceed.
    pub p99: Option<f64>,
}

impl Side {
    fn of(samples: &SampleCounts) -> Self {
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
    pub fn of(spans: &SoakSpans) -> Option<Self> {
        let windows = spans.windows()?;
        let begin = |window: &[SoakSpan]| window.first().map_or(Duration::ZERO, |span| span.from);
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
        // A report that was edited may say what is no time.
        let window = Duration::try_from_secs_f64(self.window_ms / 1_000.0).unwrap_or_default();
        let seconds = window.as_secs();
        humantime::format_duration(Duration::from_secs(seconds))
    }

    /// What may have drifted, or may be the tester's own doing.
    pub fn inconclusive(&self) -> impl Iterator<Item = &ComparisonRow> {
        self.rows
            .iter()
            .filter(|row| row.verdict == Verdict::Inconclusive)
    }

    /// The rows whose figures drifted.
    pub fn drifts(&self) -> impl Iterator<Item = &ComparisonRow> {
        self.rows
            .iter()
            .filter(|row| row.verdict == Verdict::Drifted)
    }
}

#[cfg(test)]
mod tests;
