//! What came of a run of feature files.

use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use super::suite::Broken;
use crate::phase::words;

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

/// A run.
#[derive(Debug, Clone, Serialize)]
pub struct Results {
    /// When it began.
    #[serde(serialize_with = "rfc3339")]
    pub started: SystemTime,
    /// How long it lasted.
    #[serde(serialize_with = "seconds", rename = "duration_seconds")]
    pub duration: Duration,
    /// The features of which something ran, in order.
    pub features: Vec<FeatureResult>,
    /// What could not be removed at the end, and steps of the end that failed, beside those of scenarios.
    pub troubles: Vec<String>,
}

/// One feature.
#[derive(Debug, Clone, Serialize)]
pub struct FeatureResult {
    /// Its file.
    pub path: String,
    /// Its name.
    pub name: String,
    /// What is written below its name.
    pub description: String,
    /// Its scenarios, in order.
    pub scenarios: Vec<ScenarioResult>,
}

/// One scenario.
#[derive(Debug, Clone, Serialize)]
pub struct ScenarioResult {
    /// Its name.
    pub name: String,
    /// The name of its rule.
    pub rule: Option<String>,
    /// The line on which it begins.
    pub line: usize,
    /// Its tags, with those of its rule and its feature.
    pub tags: Vec<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// How long it took, tear-down included.
    #[serde(serialize_with = "seconds", rename = "duration_seconds")]
    pub duration: Duration,
    /// How often it was tried; the steps are those of the last time.
    pub tries: usize,
    /// Its steps, those of the background first.
    pub steps: Vec<StepResult>,
    /// What went wrong when it was torn down.
    pub troubles: Vec<String>,
}

/// One step.
#[derive(Debug, Clone, Serialize)]
pub struct StepResult {
    /// `Given`, `And`, …
    pub keyword: String,
    /// What follows.
    pub text: String,
    /// The line on which it stands.
    pub line: usize,
    /// Its table.
    pub table: Vec<Vec<String>>,
    /// Its text in quotes of three.
    pub docstring: Option<String>,
    /// What became of it.
    pub outcome: Outcome,
    /// How long it took.
    #[serde(serialize_with = "seconds", rename = "duration_seconds")]
    pub duration: Duration,
    /// Why it failed.
    pub message: Option<String>,
}

/// How many scenarios or steps came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Passed.
    pub passed: usize,
    /// Failed.
    pub failed: usize,
    /// Inconclusive.
    pub inconclusive: usize,
    /// Undefined.
    pub undefined: usize,
    /// Skipped.
    pub skipped: usize,
    /// Interrupted.
    pub interrupted: usize,
}

impl Counts {
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
            started: now,
            duration: Duration::ZERO,
            features: Vec::new(),
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
            name: "the file can be read".to_owned(),
            rule: None,
            line: broken.line,
            tags: Vec::new(),
            outcome: Outcome::Failed,
            duration: Duration::ZERO,
            tries: 1,
            steps: vec![StepResult {
                keyword: "File".to_owned(),
                text: path,
                line: broken.line,
                table: Vec::new(),
                docstring: None,
                outcome: Outcome::Failed,
                duration: Duration::ZERO,
                message: Some(broken.why.clone()),
            }],
            troubles: Vec::new(),
        });
    }

    /// All scenarios, in order.
    pub fn scenarios(&self) -> impl Iterator<Item = &ScenarioResult> {
        self.features.iter().flat_map(|feature| &feature.scenarios)
    }

    /// What became of the scenarios.
    pub fn counts(&self) -> Counts {
        Counts::of(self.scenarios().map(|scenario| scenario.outcome))
    }

    /// What became of the steps.
    pub fn step_counts(&self) -> Counts {
        let steps = self.scenarios().flat_map(|scenario| &scenario.steps);
        Counts::of(steps.map(|step| step.outcome))
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

fn seconds<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e6)
}

fn rfc3339<S: Serializer>(at: &SystemTime, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&humantime::format_rfc3339_millis(*at))
}
