//! What came of a run of feature files.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::suite::{Broken, ScenarioEntry};
use crate::activity::ByKind;
use crate::activity::kind::TimeLayout;
use crate::pool::Figures;
use crate::stats::{ActivityStats, Distribution};
use lanherd_types::words;

/// The JSON schema (draft 2020-12) of [`Results`].
pub const SCHEMA: &str = include_str!("../../schemas/lanherd.features-1.schema.json");

words! {
    /// What became of a scenario, or of a step.
    Outcome {
        /// As it should be.
        Passed = "passed",
        /// Something is not as it should be.
        Failed = "failed",
        /// What was measured may be the tester's own doing: nothing is said of the router.
        Inconclusive = "inconclusive",
        /// A step that nobody knows.
        Undefined = "undefined",
        /// It was not come to.
        Skipped = "skipped",
        /// The run was ended while it was under way.
        Interrupted = "interrupted",
    }
}

/// With what a run was made: what whoever reads its results has to know of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SuiteInfo {
    /// The version of lanherd.
    pub version: String,
    /// On what its clients stood: `lab`, the name of the parent, or nothing where each scenario names its own.
    pub place: String,
    /// The name of the pool.
    pub pool: String,
    /// From what MACs and random choices were derived, where a scenario does not say.
    pub seed: u64,
    /// What the user says of the run.
    pub labels: BTreeMap<String, String>,
    /// In what ways the lab was bad from the beginning to the end.
    pub lab_faults: Vec<String>,
    /// How long a client could take to get a lease, where a scenario does not say.
    pub lease_timeout: Option<String>,
}

impl SuiteInfo {
    /// As pairs of a name and a value, for people and for build servers.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut pairs = vec![pair("lanherd", &self.version)];
        match self.place.as_str() {
            "" => {}
            "lab" => pairs.push(pair("on", "the lab")),
            parent => pairs.push(pair("parent", parent)),
        }
        pairs.push(pair("pool", &self.pool));
        pairs.push(pair("seed", &self.seed.to_string()));
        if !self.lab_faults.is_empty() {
            pairs.push(pair("faults of the lab", &self.lab_faults.join(", ")));
        }
        if let Some(timeout) = &self.lease_timeout {
            pairs.push(pair("lease timeout", timeout));
        }
        pairs.extend(self.labels.iter().map(|(name, value)| pair(name, value)));
        pairs
    }
}

/// What came of a run of feature files.
#[derive(Debug, Clone, Serialize)]
pub struct Results {
    /// The name and version of this format: [`SCHEMA`].
    pub schema: &'static str,
    /// When it began.
    #[serde(serialize_with = "rfc3339")]
    pub started: SystemTime,
    /// How long it lasted.
    #[serde(serialize_with = "milliseconds", rename = "duration_ms")]
    pub duration: Duration,
    /// With what it was made.
    pub about: SuiteInfo,
    /// The features of which something ran, in order.
    pub features: Vec<FeatureResult>,
    /// Scenarios that did not run, and why.
    pub left_out: Vec<LeftOutResult>,
    /// What could not be removed at the end, and steps of the end that failed, beside those of scenarios.
    pub troubles: Vec<String>,
}

/// A scenario that did not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOutResult {
    /// The file of its feature.
    pub path: String,
    /// The name of its feature.
    pub feature: String,
    /// The name of this one.
    pub name: String,
    /// The row of examples that it is made of: `count=5, fault=crash`.
    pub example: Option<String>,
    /// The line on which it begins.
    pub line: usize,
    /// Why it did not run.
    pub reason: String,
    /// Whether it was to run, and was not come to.
    pub was_chosen: bool,
}

impl LeftOutResult {
    /// This scenario, for this reason.
    pub fn new(entry: &ScenarioEntry<'_>, reason: impl Into<String>, was_chosen: bool) -> Self {
        let path = entry.feature.path.as_deref();
        Self {
            path: path
                .map(|path| path.display().to_string())
                .unwrap_or_default(),
            feature: entry.feature.name.clone(),
            name: entry.scenario.name.clone(),
            example: entry.example(),
            line: entry.scenario.position.line,
            reason: reason.into(),
            was_chosen,
        }
    }
}

/// Something that a scenario has found out, beside whether it passed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScenarioFinding {
    /// What, in one word, as a property is called: `capacity`.
    pub name: &'static str,
    /// How many there were of it.
    pub value: u64,
    /// The same as a sentence.
    pub text: String,
}

/// How late the tester itself was in a scenario: what it measured is the router's only where this is little.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lateness {
    /// The median of its wakings.
    #[serde(serialize_with = "milliseconds", rename = "p50_ms")]
    pub p50: Duration,
    /// What 99 of 100 do not exceed.
    #[serde(serialize_with = "milliseconds", rename = "p99_ms")]
    pub p99: Duration,
    /// The latest waking of all.
    #[serde(serialize_with = "milliseconds", rename = "max_ms")]
    pub max: Duration,
}

/// What its clients did in a scenario, in all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ScenarioSums {
    /// Clients that came online for the first time, and how long that took.
    pub joins: Timing,
    /// Acquisitions of leases.
    pub dhcp: Timing,
    /// What clients did, by kind: attempts that came to an answer, and how many failed.
    #[serde(flatten, serialize_with = "by_kind")]
    pub activities: ByKind<(Timing, u64)>,
    /// Restarts of clients.
    pub restarts: u64,
    /// Failures of clients, by cause.
    pub failures: BTreeMap<&'static str, u64>,
}

/// Each kind under the name of several; of those that lie flat in reports, how many failed stands beside.
fn by_kind<S: Serializer>(all: &ByKind<(Timing, u64)>, to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(None)?;
    for (kind, (timing, failed)) in all.iter() {
        let about = kind.about();
        map.serialize_entry(about.many, timing)?;
        if let TimeLayout::Beside(_) = about.layout.times {
            map.serialize_entry(&format!("{}_{}", about.many, about.layout.failed), failed)?;
        }
    }
    map.end()
}

/// How often something happened, and how long it took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timing {
    /// How often it happened.
    pub count: u64,
    /// The median, where there is one.
    #[serde(serialize_with = "some_milliseconds", rename = "p50_ms")]
    pub p50: Option<Duration>,
    /// What 95 of 100 do not exceed.
    #[serde(serialize_with = "some_milliseconds", rename = "p95_ms")]
    pub p95: Option<Duration>,
    /// What 99 of 100 do not exceed.
    #[serde(serialize_with = "some_milliseconds", rename = "p99_ms")]
    pub p99: Option<Duration>,
    /// The longest time of all.
    #[serde(serialize_with = "some_milliseconds", rename = "max_ms")]
    pub max: Option<Duration>,
}

impl From<&Distribution> for Timing {
    fn from(all: &Distribution) -> Self {
        Self {
            count: all.count(),
            p50: all.quantile(0.5),
            p95: all.quantile(0.95),
            p99: all.quantile(0.99),
            max: all.quantile(1.0),
        }
    }
}

impl From<&Figures> for ScenarioSums {
    fn from(figures: &Figures) -> Self {
        let failures = figures.failures.iter();
        Self {
            joins: Timing::from(&figures.join),
            dhcp: Timing::from(&figures.dhcp),
            activities: ByKind::new(|kind| {
                let times: Distribution = figures.of(kind).map(|stats| &stats.time).sum();
                let failed = figures.of(kind).map(ActivityStats::failures).sum();
                (Timing::from(&times), failed)
            }),
            restarts: figures.restarts,
            failures: failures
                .map(|(cause, count)| (cause.as_str(), *count))
                .collect(),
        }
    }
}

/// What the machinery knows of a scenario when it is closed.
#[derive(Debug, Clone, Default)]
pub struct Notes {
    /// What it has found out.
    pub findings: Vec<ScenarioFinding>,
    /// How late the tester was.
    pub lateness: Option<Lateness>,
    /// What its clients did.
    pub sums: Option<ScenarioSums>,
}

/// What came of one feature.
#[derive(Debug, Clone, Serialize)]
pub struct FeatureResult {
    /// The path of its file.
    pub path: String,
    /// The name of this one.
    pub name: String,
    /// What is written below its name.
    pub description: String,
    /// Its scenarios, in order.
    pub scenarios: Vec<ScenarioResult>,
}

/// What came of one scenario.
#[derive(Debug, Clone, Serialize)]
pub struct ScenarioResult {
    /// The name of this one.
    pub name: String,
    /// The name of its rule.
    pub rule: Option<String>,
    /// The line on which it begins.
    pub line: usize,
    /// The row of examples that it is made of: `count=5, fault=crash`.
    pub example: Option<String>,
    /// Its tags, with those of its rule and its feature.
    pub tags: Vec<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// How long it took, tear-down included.
    #[serde(serialize_with = "milliseconds", rename = "duration_ms")]
    pub duration: Duration,
    /// How often it was tried; the steps are those of the last time.
    pub tries: usize,
    /// Its steps, those of the background first.
    pub steps: Vec<StepResult>,
    /// What went wrong when it was torn down.
    pub troubles: Vec<String>,
    /// What it has found out, beside whether it passed.
    pub findings: Vec<ScenarioFinding>,
    /// How late the tester was meanwhile.
    pub lateness: Option<Lateness>,
    /// What its clients did.
    pub sums: Option<ScenarioSums>,
}

/// What came of one step.
#[derive(Debug, Clone, Serialize)]
pub struct StepResult {
    /// `Given`, `And`, …
    pub keyword: String,
    /// What follows the keyword.
    pub text: String,
    /// The line on which it stands.
    pub line: usize,
    /// The table below the step.
    pub table: Vec<Vec<String>>,
    /// Its text in quotes of three.
    pub docstring: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// How long it took.
    #[serde(serialize_with = "milliseconds", rename = "duration_ms")]
    pub duration: Duration,
    /// Why it failed.
    pub message: Option<String>,
}

/// How many scenarios or steps came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OutcomeCounts {
    /// Those that passed.
    pub passed: usize,
    /// Those that failed.
    pub failed: usize,
    /// Those that were inconclusive.
    pub inconclusive: usize,
    /// Those that nobody knew.
    pub undefined: usize,
    /// Those that were skipped.
    pub skipped: usize,
    /// Those that were interrupted.
    pub interrupted: usize,
}

impl OutcomeCounts {
    fn of(outcomes: impl Iterator<Item = Outcome>) -> Self {
        let mut counts = Self::default();
        for outcome in outcomes {
            *match outcome {
                Outcome::Passed => &mut counts.passed,
                Outcome::Failed => &mut counts.failed,
                Outcome::Inconclusive => &mut counts.inconclusive,
                Outcome::Undefined => &mut counts.undefined,
                Outcome::Skipped => &mut counts.skipped,
                Outcome::Interrupted => &mut counts.interrupted,
            } += 1;
        }
        counts
    }

    /// All of them.
    pub const fn total(&self) -> usize {
        self.passed
            + self.failed
            + self.inconclusive
            + self.undefined
            + self.skipped
            + self.interrupted
    }

    /// `12 passed, 1 failed`: what there is none of is not said, but passed always is.
    pub fn words(&self) -> String {
        let more = [
            (self.failed, "failed"),
            (self.inconclusive, "inconclusive"),
            (self.undefined, "undefined"),
            (self.skipped, "skipped"),
            (self.interrupted, "interrupted"),
        ];
        let more = more.into_iter().filter(|(count, _)| *count > 0);
        let more = more.map(|(count, word)| format!(", {count} {word}"));
        format!("{} passed{}", self.passed, more.collect::<String>())
    }
}

impl Results {
    /// Of a run that begins.
    pub fn begin(now: SystemTime) -> Self {
        Self {
            schema: "lanherd.features/1",
            started: now,
            duration: Duration::ZERO,
            about: SuiteInfo::default(),
            features: Vec::new(),
            left_out: Vec::new(),
            troubles: Vec::new(),
        }
    }

    /// Notes what could not be read, as a scenario that failed: whoever reads the results alone is to miss nothing.
    pub fn add_broken(&mut self, broken: &[Broken]) {
        for one in broken {
            self.add_one_broken(one);
        }
    }

    fn add_one_broken(&mut self, broken: &Broken) {
        self.add_failed("the file can be read", "File", broken);
    }

    /// Notes that no DHCP server answers on the parent: that is what failed, and none of the scenarios `all` was come to.
    pub fn add_silence<'a>(
        &mut self,
        parent: &str,
        why: &str,
        all: impl Iterator<Item = ScenarioEntry<'a>>,
    ) {
        let failed = Broken {
            path: PathBuf::from(format!("lanherd bdd --parent {parent}")),
            line: 1,
            why: why.to_owned(),
        };
        self.add_failed("a DHCP server answers", "Given", &failed);
        let reason = format!("not come to: no DHCP server answers on {parent}");
        self.left_out
            .extend(all.map(|entry| LeftOutResult::new(&entry, reason.as_str(), true)));
    }

    fn add_failed(&mut self, name: &str, keyword: &str, broken: &Broken) {
        let path = broken.path.display().to_string();
        let known = self
            .features
            .iter()
            .position(|feature| feature.path == path);
        let feature = known.unwrap_or_else(|| {
            self.features.push(FeatureResult {
                name: path.clone(),
                path: path.clone(),
                description: String::new(),
                scenarios: Vec::new(),
            });
            self.features.len() - 1
        });
        self.features[feature].scenarios.push(ScenarioResult {
            name: name.to_owned(),
            rule: None,
            line: broken.line,
            example: None,
            tags: Vec::new(),
            outcome: Outcome::Failed,
            duration: Duration::ZERO,
            tries: 1,
            steps: vec![StepResult {
                keyword: keyword.to_owned(),
                text: path,
                line: broken.line,
                table: Vec::new(),
                docstring: None,
                outcome: Outcome::Failed,
                duration: Duration::ZERO,
                message: Some(broken.why.clone()),
            }],
            troubles: Vec::new(),
            findings: Vec::new(),
            lateness: None,
            sums: None,
        });
    }

    /// Puts scenarios in the order of their files: side by side they end in another one in each run.
    pub fn arrange(&mut self) {
        for feature in &mut self.features {
            feature.scenarios.sort_by_key(|scenario| scenario.line);
        }
    }

    /// Whether a scenario has begun.
    pub fn knows(&self, path: &str, line: usize) -> bool {
        let mut features = self.features.iter().filter(|feature| feature.path == path);
        features.any(|feature| {
            feature
                .scenarios
                .iter()
                .any(|scenario| scenario.line == line)
        })
    }

    /// All scenarios, in order.
    pub fn scenarios(&self) -> impl Iterator<Item = &ScenarioResult> {
        self.features.iter().flat_map(|feature| &feature.scenarios)
    }

    /// What became of the scenarios.
    pub fn counts(&self) -> OutcomeCounts {
        OutcomeCounts::of(self.scenarios().map(|scenario| scenario.outcome))
    }

    /// What became of the steps.
    pub fn step_counts(&self) -> OutcomeCounts {
        let steps = self.scenarios().flat_map(|scenario| &scenario.steps);
        OutcomeCounts::of(steps.map(|step| step.outcome))
    }

    /// Whether something passed, and nothing else happened but what was said to be allowed.
    pub fn is_success(&self) -> bool {
        let counts = self.counts();
        counts.passed > 0 && counts.inconclusive == 0 && self.nothing_failed()
    }

    /// Whether nothing failed, but something was inconclusive: the router may be well, and it has not been shown.
    pub fn is_inconclusive(&self) -> bool {
        self.counts().inconclusive > 0 && self.nothing_failed()
    }

    fn nothing_failed(&self) -> bool {
        let counts = self.counts();
        counts.failed + counts.undefined + counts.interrupted == 0 && self.troubles.is_empty()
    }
}

impl ScenarioResult {
    /// Whether it passed, or was left out as was allowed.
    pub const fn is_well(&self) -> bool {
        matches!(self.outcome, Outcome::Passed | Outcome::Skipped)
    }

    /// The step that failed, was inconclusive, or nobody knew.
    pub fn culprit(&self) -> Option<&StepResult> {
        let is_culprit = |step: &&StepResult| {
            matches!(
                step.outcome,
                Outcome::Failed | Outcome::Inconclusive | Outcome::Undefined | Outcome::Interrupted
            )
        };
        self.steps.iter().find(is_culprit)
    }

    /// Why it did not pass, in one line: the first of what the step says, or of what went wrong afterwards.
    pub fn short_complaint(&self) -> Option<String> {
        let culprit = self.culprit();
        let of_step = culprit.map(|step| match &step.message {
            Some(message) => message.as_str(),
            None => step.outcome.as_str(),
        });
        let text = of_step.or(self.troubles.first().map(String::as_str))?;
        Some(
            text.lines()
                .next()
                .unwrap_or_default()
                .trim_end_matches(':')
                .to_owned(),
        )
    }

    /// Why it did not pass, in words: the step, and what it says.
    pub fn complaint(&self) -> Option<String> {
        let of_step = self.culprit().map(|step| {
            let what = match (&step.message, step.outcome) {
                (Some(message), _) => message.clone(),
                (None, outcome) => outcome.to_string(),
            };
            format!(
                "{} {} (line {}): {what}",
                step.keyword, step.text, step.line
            )
        });
        let lines: Vec<_> = of_step.into_iter().chain(self.troubles.clone()).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }
}

fn milliseconds<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e3)
}

#[allow(clippy::ref_option, reason = "so serde calls it")]
fn some_milliseconds<S: Serializer>(duration: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    match duration {
        Some(duration) => milliseconds(duration, to),
        None => to.serialize_none(),
    }
}

fn rfc3339<S: Serializer>(at: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&humantime::format_rfc3339_millis(*at))
}
