//! What came of a feature, its scenarios and their steps.

use std::time::Duration;

use serde::Serialize;

use super::{Lateness, Outcome, ScenarioSums, milliseconds};

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
