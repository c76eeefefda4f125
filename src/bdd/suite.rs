//! The feature files of a run: read as a whole before anything begins, and what of them is to run.

mod entry;
mod paths;
mod reading;
mod syntax;
mod tags;

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use cucumber::gherkin::{Feature, Rule, Scenario};
use regex::Regex;

pub use self::entry::{Broken, ScenarioEntry};
pub use self::paths::rerun;
pub use self::reading::MOST_BYTES;
pub use self::tags::{TagError, TagExpression};
use super::testbeds::SuiteUplink;
use super::vocabulary;

/// All feature files of a run.
#[derive(Debug, Clone, Default)]
pub struct Suite {
    /// Outlines are expanded: one scenario for each row of examples.
    pub features: Vec<Feature>,
    /// What could not be read, and so does not run.
    pub broken: Vec<Broken>,
    /// File and line of each scenario that was named by its line.
    named: BTreeSet<(PathBuf, usize)>,
}

/// Why there are no feature files to run.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// It is not there, or not readable.
    #[error("{} cannot be read: {error}", .path.display())]
    Read {
        /// The path that was named.
        path: PathBuf,
        /// Why it cannot be read.
        #[source]
        error: io::Error,
    },
    /// A folder without a feature file.
    #[error("there is no feature file (*.feature) in {}; `lanherd bdd --init DIR` writes one to begin with", .0.display())]
    NoFiles(PathBuf),
    /// A line was named that the file does not have.
    #[error("{} has no line {line}, but {lines}", .path.display())]
    NoLine {
        /// The path of the file.
        path: PathBuf,
        /// The line that was named.
        line: usize,
        /// How many it has.
        lines: usize,
    },
}

/// What of a suite is to run.
#[derive(Debug, Clone, Default)]
pub struct SuiteFilter {
    /// Only what these tags are on.
    pub tags: Option<TagExpression>,
    /// Only what is called so.
    pub name: Option<Regex>,
}

/// Scenarios with one of these tags run only where somebody asks for it.
const ON_REQUEST: [&str; 2] = ["soak", "destructive"];

/// Why a scenario does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeftOut {
    /// It needs a real router or the internet, and the run is on the lab.
    NeedsRouter,
    /// It needs the lab, and the run is on a real router.
    NeedsLab,
    /// It takes days, or destroys something, and nobody has asked for it by its tag or its line.
    OnRequest,
    /// Its tags are not those that were asked for.
    Tags,
    /// It is not called as was asked for.
    Name,
}

impl LeftOut {
    /// How many of them, and why, for people.
    pub fn words(self, count: usize) -> String {
        let (s, verb) = if count == 1 { ("", "is") } else { ("s", "are") };
        format!("{count} scenario{s} {verb} {}", self.reason())
    }

    /// Why, as it follows 'it is'.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::NeedsRouter => "for a real router (@router, @internet): run with --parent NAME",
            Self::NeedsLab => "for the lab (@lab): run with --lab",
            Self::OnRequest => {
                "run on request only (@soak, @destructive): ask with --tags @soak or --tags @destructive, or by file and line"
            }
            Self::Tags => "not what --tags asks for",
            Self::Name => "not what --name asks for",
        }
    }
}

impl ScenarioEntry<'_> {
    /// Whether it is in this set of files and lines.
    fn is_in(&self, named: &BTreeSet<(PathBuf, usize)>) -> bool {
        let path = self.feature.path.clone().unwrap_or_default();
        named.contains(&(path, self.scenario.position.line))
    }

    fn left_out(
        &self,
        choice: &SuiteFilter,
        uplink: &SuiteUplink,
        is_named: bool,
    ) -> Option<LeftOut> {
        let has = |names: &[&str]| self.tags().any(|tag| names.contains(&tag));
        match uplink {
            SuiteUplink::Lab(_) if has(&["router", "internet"]) => {
                return Some(LeftOut::NeedsRouter);
            }
            SuiteUplink::Parent(_) if has(&["lab"]) => return Some(LeftOut::NeedsLab),
            SuiteUplink::Lab(_) | SuiteUplink::Parent(_) => {}
        }
        let is_called =
            |name: &Regex| name.is_match(&self.scenario.name) || name.is_match(&self.feature.name);
        if choice.name.as_ref().is_some_and(|name| !is_called(name)) {
            return Some(LeftOut::Name);
        }
        let tags = choice.tags.as_ref();
        if tags.is_some_and(|tags| !tags.matches(self.tags())) {
            return Some(LeftOut::Tags);
        }
        // Of a scenario that takes days and reboots the router both have to be asked for.
        let is_asked_for = |tag: &&str| is_named || tags.is_some_and(|tags| tags.asks_for(tag));
        let mut on_request = ON_REQUEST.iter().filter(|tag| has(&[tag]));
        on_request
            .any(|tag| !is_asked_for(tag))
            .then_some(LeftOut::OnRequest)
    }
}

impl Suite {
    /// Reads feature files, and all that folders and the folders in them hold, in the order of their names. A path may name
    /// lines of a file, `x.feature:10:20`, or a list of paths, `@FILE`. What is no Gherkin is in [`Suite::broken`].
    pub fn read(paths: &[PathBuf]) -> Result<Self, SuiteError> {
        reading::read(paths)
    }

    /// All scenarios, in order.
    pub fn scenarios(&self) -> impl Iterator<Item = ScenarioEntry<'_>> {
        self.features.iter().flat_map(|feature| {
            let own = feature.scenarios.iter().map(move |scenario| ScenarioEntry {
                feature,
                rule: None,
                scenario,
            });
            let of_rules = feature.rules.iter().flat_map(move |rule| {
                rule.scenarios.iter().map(move |scenario| ScenarioEntry {
                    feature,
                    rule: Some(rule),
                    scenario,
                })
            });
            own.chain(of_rules)
        })
    }

    /// What of it is to run there, and which scenarios are left out, each with the reason.
    #[must_use]
    pub fn choose(
        &self,
        choice: &SuiteFilter,
        uplink: &SuiteUplink,
    ) -> (Self, Vec<(ScenarioEntry<'_>, LeftOut)>) {
        let reason =
            |entry: &ScenarioEntry<'_>| entry.left_out(choice, uplink, entry.is_in(&self.named));
        let left = self.scenarios().filter_map(|entry| {
            let reason = reason(&entry)?;
            Some((entry, reason))
        });
        let left: Vec<_> = left.collect();
        let mut chosen = self.clone();
        for (feature, whole) in chosen.features.iter_mut().zip(&self.features) {
            let stays = |rule: Option<&Rule>, scenario: &Scenario| {
                let entry = ScenarioEntry {
                    feature: whole,
                    rule,
                    scenario,
                };
                entry
                    .left_out(choice, uplink, entry.is_in(&self.named))
                    .is_none()
            };
            feature.scenarios.retain(|scenario| stays(None, scenario));
            for (rule, whole) in feature.rules.iter_mut().zip(&whole.rules) {
                rule.scenarios
                    .retain(|scenario| stays(Some(whole), scenario));
            }
            feature.rules.retain(|rule| !rule.scenarios.is_empty());
        }
        chosen
            .features
            .retain(|feature| !feature.scenarios.is_empty() || !feature.rules.is_empty());
        (chosen, left)
    }

    /// What does not keep it from running, and is hardly meant: scenarios without a Then, features without a scenario.
    pub fn warnings(&self) -> Vec<String> {
        let without_then = self
            .scenarios()
            .filter(|entry| !entry.has_then())
            .map(|entry| {
                format!(
                    "{}: the scenario {:?} has no Then: it passes whatever comes of its Whens",
                    entry.place(),
                    entry.scenario.name
                )
            });
        let hollow = |feature: &&Feature| feature.scenarios.is_empty() && feature.rules.is_empty();
        let without_scenario = self.features.iter().filter(hollow).map(|feature| {
            let path = feature.path.as_deref().unwrap_or(Path::new("?"));
            format!(
                "{}:{}: the feature {:?} has no scenario",
                path.display(),
                feature.position.line,
                feature.name
            )
        });
        without_scenario.chain(without_then).collect()
    }

    /// Every step that is unknown, with where it stands, each once.
    pub fn unknown_steps(&self) -> Vec<UnknownStep> {
        let mut unknown = Vec::new();
        for feature in &self.features {
            let path = feature.path.as_deref().unwrap_or(Path::new("?"));
            let backgrounds = feature
                .rules
                .iter()
                .filter_map(|rule| rule.background.as_ref());
            let backgrounds = feature.background.iter().chain(backgrounds);
            let of_backgrounds = backgrounds.flat_map(|background| &background.steps);
            let of_rules = feature.rules.iter().flat_map(|rule| &rule.scenarios);
            let scenarios = feature.scenarios.iter().chain(of_rules);
            let mut lines = BTreeSet::new();
            let all = of_backgrounds.chain(scenarios.flat_map(|scenario| &scenario.steps));
            for step in all.filter(|step| vocabulary::find(step).is_none()) {
                // The rows of an outline have their steps in common.
                if lines.insert(step.position.line) {
                    unknown.push(UnknownStep {
                        path: path.to_owned(),
                        line: step.position.line,
                        text: format!("{} {}", step.keyword.trim(), step.value),
                        why: vocabulary::why_unknown(step),
                    });
                }
            }
        }
        unknown.sort_by(|one, other| (&one.path, one.line).cmp(&(&other.path, other.line)));
        unknown
    }
}

/// A step that no definition matches.
#[derive(Debug, Clone)]
pub struct UnknownStep {
    /// The path of the file.
    pub path: PathBuf,
    /// The line on which it stands.
    pub line: usize,
    /// With its keyword.
    pub text: String,
    /// What is wrong with it, and what to write instead.
    pub why: String,
}

impl fmt::Display for UnknownStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (path, line) = (self.path.display(), self.line);
        write!(
            f,
            "{path}:{line}: there is no step {:?}; {}",
            self.text, self.why
        )
    }
}
