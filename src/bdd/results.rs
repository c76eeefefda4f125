//! What came of a run of feature files.

mod outcome;
mod scenario;
mod sums;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

pub use self::outcome::{Outcome, OutcomeCounts};
pub use self::scenario::{FeatureResult, Notes, ScenarioFinding, ScenarioResult, StepResult};
pub use self::sums::{Lateness, ScenarioSums, Timing};
use super::suite::{Broken, ScenarioEntry};

/// The JSON schema (draft 2020-12) of [`Results`].
pub const SCHEMA: &str = include_str!("../../schemas/lanherd.features-1.schema.json");

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
