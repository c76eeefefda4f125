//! The feature files of a run: read as a whole before anything begins, and what of them is to run.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use cucumber::feature::Ext as _;
use cucumber::gherkin::{Feature, GherkinEnv, Rule, Scenario, tagexpr::TagOperation};
use cucumber::tag::Ext as _;
use regex::Regex;

use super::estate::Ground;
use super::vocabulary;

/// Feature files.
#[derive(Debug, Clone, Default)]
pub struct Suite {
    /// Outlines are expanded: one scenario for each row of examples.
    pub features: Vec<Feature>,
}

/// Why feature files cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// It is not there, or not readable.
    #[error("{} cannot be read: {error}", .path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        error: io::Error,
    },
    /// It is no Gherkin.
    #[error("{}: {why}", .path.display())]
    Parse {
        /// Which.
        path: PathBuf,
        /// Where, and what was expected there.
        why: String,
    },
    /// A folder without a feature file.
    #[error("there is no feature file (*.feature) in {}; `lanherd bdd --init DIR` writes one to begin with", .0.display())]
    NoFiles(PathBuf),
    /// A scenario that cannot fail.
    #[error("{}:{line}: the scenario {name:?} has no steps", .path.display())]
    NoSteps {
        /// In which file.
        path: PathBuf,
        /// On which line.
        line: usize,
        /// Which.
        name: String,
    },
}

/// What of a suite is to run.
#[derive(Debug, Clone, Default)]
pub struct Choice {
    /// Only what these tags are on.
    pub tags: Option<TagOperation>,
    /// Only what is called so.
    pub name: Option<Regex>,
}

/// Why a scenario does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeftOut {
    /// It needs a real router or the internet, and the run is on the lab.
    NeedsRouter,
    /// It needs the lab, and the run is on a real router.
    NeedsLab,
    /// It takes days, or destroys something, and nobody has asked for it by its tag.
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
        match self {
            Self::NeedsRouter => format!(
                "{count} scenario{s} {verb} for a real router (@router, @internet): run with --parent NAME"
            ),
            Self::NeedsLab => {
                format!("{count} scenario{s} {verb} for the lab (@lab): run with --lab")
            }
            Self::OnRequest => format!(
                "{count} scenario{s} {verb} run on request only (@soak, @destructive): ask with --tags"
            ),
            Self::Tags => format!("{count} scenario{s} {verb} not what --tags asks for"),
            Self::Name => format!("{count} scenario{s} {verb} not what --name asks for"),
        }
    }
}

/// One scenario of a suite, with where it stands.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Its feature.
    pub feature: &'a Feature,
    /// Its rule, if it is below one.
    pub rule: Option<&'a Rule>,
    /// It.
    pub scenario: &'a Scenario,
}

impl<'a> Entry<'a> {
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

    /// `features/joins.feature:7`.
    pub fn place(&self) -> String {
        let path = self.feature.path.as_deref().unwrap_or(Path::new("?"));
        format!("{}:{}", path.display(), self.scenario.position.line)
    }

    /// Whether it has been said that unknown steps are no failure.
    pub fn may_be_undefined(&self) -> bool {
        self.tags().any(|tag| tag == "allow.skipped")
    }

    fn left_out(&self, choice: &Choice, ground: &Ground) -> Option<LeftOut> {
        let has = |names: &[&str]| self.tags().any(|tag| names.contains(&tag));
        match ground {
            Ground::Lab(_) if has(&["router", "internet"]) => return Some(LeftOut::NeedsRouter),
            Ground::Parent(_) if has(&["lab"]) => return Some(LeftOut::NeedsLab),
            Ground::Lab(_) | Ground::Parent(_) => {}
        }
        let is_named =
            |name: &Regex| name.is_match(&self.scenario.name) || name.is_match(&self.feature.name);
        if choice.name.as_ref().is_some_and(|name| !is_named(name)) {
            return Some(LeftOut::Name);
        }
        match &choice.tags {
            Some(wanted) if !wanted.eval(self.tags()) => Some(LeftOut::Tags),
            None if choice.name.is_none() && has(&["soak", "destructive"]) => {
                Some(LeftOut::OnRequest)
            }
            Some(_) | None => None,
        }
    }
}

impl Suite {
    /// Reads feature files, and all that folders and the folders in them hold, in the order of their names.
    pub fn read(paths: &[PathBuf]) -> Result<Self, SuiteError> {
        let mut features = Vec::new();
        for path in paths {
            let mut files = Vec::new();
            gather(path, &mut files)?;
            if files.is_empty() {
                return Err(SuiteError::NoFiles(path.clone()));
            }
            for file in files {
                features.push(read_one(&file)?);
            }
        }
        let suite = Self { features };
        for entry in suite.scenarios() {
            if entry.scenario.steps.is_empty() {
                return Err(SuiteError::NoSteps {
                    path: entry.feature.path.clone().unwrap_or_default(),
                    line: entry.scenario.position.line,
                    name: entry.scenario.name.clone(),
                });
            }
        }
        Ok(suite)
    }

    /// All scenarios, in order.
    pub fn scenarios(&self) -> impl Iterator<Item = Entry<'_>> {
        self.features.iter().flat_map(|feature| {
            let own = feature.scenarios.iter().map(move |scenario| Entry {
                feature,
                rule: None,
                scenario,
            });
            let of_rules = feature.rules.iter().flat_map(move |rule| {
                rule.scenarios.iter().map(move |scenario| Entry {
                    feature,
                    rule: Some(rule),
                    scenario,
                })
            });
            own.chain(of_rules)
        })
    }

    /// What of it is to run there, and how many scenarios are left out for which reason.
    #[must_use]
    pub fn choose(&self, choice: &Choice, ground: &Ground) -> (Self, BTreeMap<LeftOut, usize>) {
        let mut left: BTreeMap<LeftOut, usize> = BTreeMap::new();
        for reason in self
            .scenarios()
            .filter_map(|entry| entry.left_out(choice, ground))
        {
            *left.entry(reason).or_default() += 1;
        }
        let mut features = self.features.clone();
        for feature in &mut features {
            let whole = feature.clone();
            let stays = |rule: Option<&Rule>, scenario: &Scenario| {
                let entry = Entry {
                    feature: &whole,
                    rule,
                    scenario,
                };
                entry.left_out(choice, ground).is_none()
            };
            feature.scenarios.retain(|scenario| stays(None, scenario));
            for (rule, whole) in feature.rules.iter_mut().zip(&whole.rules) {
                rule.scenarios
                    .retain(|scenario| stays(Some(whole), scenario));
            }
            feature.rules.retain(|rule| !rule.scenarios.is_empty());
        }
        features.retain(|feature| !feature.scenarios.is_empty() || !feature.rules.is_empty());
        (Self { features }, left)
    }

    /// Every step that is unknown, with where it stands.
    pub fn unknown_steps(&self) -> Vec<UnknownStep> {
        let mut unknown = Vec::new();
        for entry in self.scenarios() {
            let before = [
                &entry.feature.background,
                &entry.rule.and_then(|rule| rule.background.clone()),
            ]
            .into_iter()
            .flatten()
            .flat_map(|background| background.steps.clone())
            .collect::<Vec<_>>();
            for step in before.iter().chain(&entry.scenario.steps) {
                if vocabulary::find(step).is_none() {
                    let path = entry.feature.path.as_deref().unwrap_or(Path::new("?"));
                    unknown.push(UnknownStep {
                        place: format!("{}:{}", path.display(), step.position.line),
                        text: format!("{} {}", step.keyword.trim(), step.value),
                        suggestion: vocabulary::suggestion(&step.value),
                    });
                }
            }
        }
        unknown.sort_by(|one, other| one.place.cmp(&other.place));
        unknown.dedup_by(|one, other| one.place == other.place);
        unknown
    }
}

/// A step that no definition matches.
#[derive(Debug, Clone)]
pub struct UnknownStep {
    /// `features/joins.feature:9`.
    pub place: String,
    /// With its keyword.
    pub text: String,
    /// What to write instead.
    pub suggestion: String,
}

fn gather(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), SuiteError> {
    let unreadable = |error| SuiteError::Read {
        path: path.to_owned(),
        error,
    };
    if !fs::metadata(path).map_err(unreadable)?.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries = fs::read_dir(path).map_err(unreadable)?;
    let mut entries: Vec<_> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()
        .map_err(unreadable)?;
    entries.sort();
    for entry in entries {
        let is_feature = entry
            .extension()
            .is_some_and(|extension| extension == "feature");
        // A link to a folder above would go round in circles.
        let is_folder = fs::symlink_metadata(&entry).is_ok_and(|data| data.is_dir());
        if is_folder {
            gather(&entry, files)?;
        } else if is_feature {
            files.push(entry);
        }
    }
    Ok(())
}

fn read_one(path: &Path) -> Result<Feature, SuiteError> {
    let text = fs::read_to_string(path).map_err(|error| SuiteError::Read {
        path: path.to_owned(),
        error,
    })?;
    let wrong = |why: String| SuiteError::Parse {
        path: path.to_owned(),
        why,
    };
    let text = text.trim_start_matches('\u{feff}');
    let mut feature = parse(text).ok_or_else(|| wrong(first_bad_line(text)))?;
    feature.path = Some(path.to_owned());
    feature
        .expand_examples()
        .map_err(|error| wrong(error.to_string()))
}

fn parse(text: &str) -> Option<Feature> {
    // The parser wants an end of the last line.
    Feature::parse(format!("{text}\n"), GherkinEnv::default()).ok()
}

/// Where a text stops being Gherkin, for people: the parser itself says where it gave up, which may be far below.
fn first_bad_line(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let good = (1..lines.len())
        .rev()
        .find(|n| parse(&lines[..*n].join("\n")).is_some());
    let good = good.unwrap_or_default();
    let line = lines.get(good).copied().unwrap_or_default().trim();
    format!(
        "line {}, {line:?}: this is no Gherkin: a file begins with 'Feature: NAME', below it come 'Scenario: NAME' and steps \
         that begin with Given, When, Then, And or But",
        good + 1
    )
}
