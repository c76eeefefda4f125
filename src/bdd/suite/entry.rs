//! One scenario of a suite, and what of one is not as it should be.

use std::fmt;
use std::path::{Path, PathBuf};

use cucumber::gherkin::{self, Feature, Rule, Scenario, StepType};

/// A file, or a scenario of one, that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The path of the file.
    pub path: PathBuf,
    /// The first line that is wrong.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path.display(), self.line, self.why)
    }
}

/// One scenario of a suite, with where it stands.
#[derive(Debug, Clone, Copy)]
pub struct ScenarioEntry<'a> {
    /// The feature that it belongs to.
    pub feature: &'a Feature,
    /// Its rule, if it is below one.
    pub rule: Option<&'a Rule>,
    /// The scenario itself.
    pub scenario: &'a Scenario,
}

impl<'a> ScenarioEntry<'a> {
    /// Its own tags, its rule's and its feature's.
    pub fn tags(&self) -> impl Iterator<Item = &'a str> + Clone + use<'a> {
        let of_rule = self.rule.into_iter().flat_map(|rule| rule.tags.iter());
        let all = self
            .feature
            .tags
            .iter()
            .chain(of_rule)
            .chain(&self.scenario.tags);
        all.map(String::as_str)
    }

    /// Where it stands: `features/joins.feature:7`.
    pub fn place(&self) -> String {
        let path = self.feature.path.as_deref().unwrap_or(Path::new("?"));
        format!("{}:{}", path.display(), self.scenario.position.line)
    }

    /// The row of examples that it is made of, if it is of an outline: `count=5, fault=crash`.
    pub fn example(&self) -> Option<String> {
        let table = self.scenario.examples.first()?.table.as_ref()?;
        let [header, row, ..] = table.rows.as_slice() else {
            return None;
        };
        let cells = header.iter().zip(row);
        let cells: Vec<_> = cells
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        Some(cells.join(", "))
    }

    /// Whether it has been said that unknown steps are no failure.
    pub fn may_be_undefined(&self) -> bool {
        self.tags().any(|tag| tag == "allow.skipped")
    }

    /// Whether something is asked for that could be otherwise: without a Then, a scenario passes whatever its Whens come to.
    pub(super) fn has_then(&self) -> bool {
        let mut steps = self.steps();
        steps.any(|step| step.ty == StepType::Then)
    }

    /// Its steps, those of backgrounds first.
    pub(super) fn steps(&self) -> impl Iterator<Item = &'a gherkin::Step> + use<'a> {
        let of_rule = self.rule.and_then(|rule| rule.background.as_ref());
        let backgrounds = self.feature.background.iter().chain(of_rule);
        backgrounds
            .flat_map(|background| &background.steps)
            .chain(&self.scenario.steps)
    }
}
