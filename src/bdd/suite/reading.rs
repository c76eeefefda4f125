//! Reading feature files: each apart, so that one that is no Gherkin keeps no other from being run.
//!
//! The parser looks through all line ends that it has met for each step, so that its time grows with the square of a file's
//! lines: files are bounded, and what is done here takes a time in proportion to their size.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use cucumber::feature::Ext as _;
use cucumber::gherkin::{Feature, GherkinEnv, Scenario};

use super::paths::{NamedPath, named};
use super::syntax::{mistake, without_media_types};
use super::{Broken, Suite, SuiteError};

/// The largest feature file, in bytes: thousands of scenarios.
pub const MOST_BYTES: u64 = 1024 * 1024;
/// So many steps the scenarios of one file may have, after its outlines are expanded.
const MOST_STEPS: usize = 100_000;
/// So many bytes their texts may have then.
const MOST_TEXT: usize = 64 * 1024 * 1024;
/// So many rows the examples of one outline may have: each is expanded from a copy of all of them.
const MOST_ROWS: usize = 1_000;

/// Reads what is named; see [`Suite::read`].
pub(super) fn read(paths: &[PathBuf]) -> Result<Suite, SuiteError> {
    let mut wanted: Vec<NamedPath> = Vec::new();
    for one in named(paths)? {
        let mut files = Vec::new();
        gather(&one.path, &mut files)?;
        if files.is_empty() {
            return Err(SuiteError::NoFiles(one.path));
        }
        for path in files {
            // A file that is named twice runs once: as a whole, if it is once named as a whole.
            match wanted.iter_mut().find(|known| known.path == path) {
                Some(known) if known.lines.is_empty() || one.lines.is_empty() => {
                    known.lines.clear();
                }
                Some(known) => known.lines.extend(&one.lines),
                None => wanted.push(NamedPath {
                    path,
                    lines: one.lines.clone(),
                }),
            }
        }
    }
    let mut suite = Suite::default();
    for NamedPath { path, lines } in wanted {
        match read_one(&path, &lines) {
            Ok(file) => {
                suite.broken.extend(file.broken);
                suite
                    .named
                    .extend(file.named.into_iter().map(|line| (path.clone(), line)));
                suite.features.push(file.feature);
            }
            Err(OneError::Broken(broken)) => suite.broken.push(broken),
            Err(OneError::Line(error)) => return Err(error),
        }
    }
    Ok(suite)
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

/// The text of a file, if it is not too large.
pub(super) fn read_text(path: &Path) -> Result<String, SuiteError> {
    let reading = || {
        let mut text = String::new();
        File::open(path)?
            .take(MOST_BYTES + 1)
            .read_to_string(&mut text)?;
        if text.len() as u64 > MOST_BYTES {
            let why = format!(
                "it is larger than {} KiB, which is the most that is read: split it into several files",
                MOST_BYTES / 1024
            );
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        Ok(text)
    };
    reading().map_err(|error| SuiteError::Read {
        path: path.to_owned(),
        error,
    })
}

/// What was read of one file.
struct Read {
    feature: Feature,
    broken: Vec<Broken>,
    /// The lines on which scenarios begin that were named by their line.
    named: Vec<usize>,
}

/// Why there is nothing of a file.
enum OneError {
    Broken(Broken),
    Line(SuiteError),
}

fn read_one(path: &Path, lines: &BTreeSet<usize>) -> Result<Read, OneError> {
    let broken = |line: usize, why: String| Broken {
        path: path.to_owned(),
        line,
        why,
    };
    let text = read_text(path).map_err(|error| {
        let why = match error {
            SuiteError::Read { error, .. } => format!("the file cannot be read: {error}"),
            other => other.to_string(),
        };
        OneError::Broken(broken(1, why))
    })?;
    let text = text.trim_start_matches('\u{feff}');
    let text = without_media_types(text);
    let source = Source::of(&text);
    // The parser wants an end of the last line.
    let parsed = Feature::parse(format!("{text}\n"), GherkinEnv::default());
    let mut feature = parsed.map_err(|error| {
        let (line, why) = match mistake(&text) {
            Some(found) => (found.line, found.why),
            None => gave_up(&error.to_string()),
        };
        OneError::Broken(broken(line, why))
    })?;
    feature.path = Some(path.to_owned());
    if let Some((line, why)) = too_much(&feature) {
        return Err(OneError::Broken(broken(line, why)));
    }
    let mut feature = feature.expand_examples().map_err(|error| {
        let why = format!(
            "<{}> is no column of the Examples of this outline",
            error.name
        );
        OneError::Broken(broken(error.pos.line, why))
    })?;
    for scenario in all_scenarios_mut(&mut feature) {
        if !scenario.examples.is_empty() {
            scenario.position.line = source.line_of_row(scenario);
        }
    }
    let mut named = Vec::new();
    if !lines.is_empty() {
        named = keep(&mut feature, &source, lines).map_err(|line| {
            OneError::Line(SuiteError::NoLine {
                path: path.to_owned(),
                line,
                lines: source.lines(),
            })
        })?;
    }
    let mut hollow = Vec::new();
    let mut has_steps = |scenario: &Scenario| {
        if scenario.steps.is_empty() {
            let why = format!("the scenario {:?} has no steps", scenario.name);
            hollow.push(broken(scenario.position.line, why));
        }
        !scenario.steps.is_empty()
    };
    feature.scenarios.retain(&mut has_steps);
    for rule in &mut feature.rules {
        rule.scenarios.retain(&mut has_steps);
    }
    Ok(Read {
        feature,
        broken: hollow,
        named,
    })
}

fn all_scenarios(feature: &Feature) -> impl Iterator<Item = &Scenario> {
    let of_rules = feature.rules.iter().flat_map(|rule| &rule.scenarios);
    feature.scenarios.iter().chain(of_rules)
}

fn all_scenarios_mut(feature: &mut Feature) -> impl Iterator<Item = &mut Scenario> {
    let of_rules = feature
        .rules
        .iter_mut()
        .flat_map(|rule| &mut rule.scenarios);
    feature.scenarios.iter_mut().chain(of_rules)
}

/// What of a file's outlines is more than is expanded, and on which line.
fn too_much(feature: &Feature) -> Option<(usize, String)> {
    let (mut steps, mut text) = (0_usize, 0_usize);
    for scenario in all_scenarios(feature) {
        let rows = rows(scenario);
        if rows > MOST_ROWS {
            let why = format!(
                "this outline has {rows} rows of examples, and {MOST_ROWS} at most are expanded: split it"
            );
            return Some((scenario.position.line, why));
        }
        let times = if scenario.examples.is_empty() {
            1
        } else {
            rows
        };
        steps = steps.saturating_add(scenario.steps.len().max(1).saturating_mul(times));
        text = text.saturating_add(text_of_a_row(scenario).saturating_mul(times));
    }
    if steps > MOST_STEPS {
        let why = format!(
            "its outlines come to {steps} steps, and {MOST_STEPS} at most are run from one file: split it"
        );
        return Some((1, why));
    }
    (text > MOST_TEXT).then(|| {
        let most = MOST_TEXT / 1024 / 1024;
        let why = format!(
            "its outlines come to more than {most} MiB of text, which is the most that is run from one file: split it"
        );
        (1, why)
    })
}

/// How many rows the examples of a scenario have, their headers left out.
fn rows(scenario: &Scenario) -> usize {
    let tables = scenario
        .examples
        .iter()
        .filter_map(|one| one.table.as_ref());
    tables.map(|table| table.rows.len().saturating_sub(1)).sum()
}

/// So many bytes the texts of a scenario have at most once a row of its examples is put into them.
fn text_of_a_row(scenario: &Scenario) -> usize {
    let tables = scenario
        .examples
        .iter()
        .filter_map(|one| one.table.as_ref());
    let cells = tables.flat_map(|table| table.rows.iter().flatten());
    let longest = cells.map(String::len).max().unwrap_or_default();
    let of_steps = scenario.steps.iter().flat_map(|step| {
        let cells = step
            .table
            .iter()
            .flat_map(|table| table.rows.iter().flatten());
        std::iter::once(&step.value)
            .chain(&step.docstring)
            .chain(cells)
    });
    let texts = of_steps.chain(std::iter::once(&scenario.name));
    let lengths = texts.map(|text| text.len() + text.matches('<').count().saturating_mul(longest));
    lengths.fold(0, usize::saturating_add)
}

/// Where the parser gave up, from its words: `Error at 5:3: {…}`.
fn gave_up(words: &str) -> (usize, String) {
    let place = words
        .strip_prefix("Error at ")
        .and_then(|rest| rest.split_once(':'));
    let line = place.and_then(|(line, _)| line.parse().ok()).unwrap_or(1);
    (line, "this is no Gherkin".to_owned())
}

/// The lines of a text.
struct Source<'a> {
    text: &'a str,
    /// Where each begins, in bytes.
    begins: Vec<usize>,
}

impl<'a> Source<'a> {
    fn of(text: &'a str) -> Self {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            text,
            begins: std::iter::once(0).chain(ends).collect(),
        }
    }

    fn lines(&self) -> usize {
        self.text.lines().count()
    }

    /// The line of a place, in bytes; the first is 1.
    fn line_at(&self, place: usize) -> usize {
        self.begins.partition_point(|begin| *begin <= place)
    }

    /// What stands on a line.
    fn line(&self, number: usize) -> &'a str {
        let Some(begin) = number.checked_sub(1).and_then(|n| self.begins.get(n)) else {
            return "";
        };
        self.text[*begin..]
            .lines()
            .next()
            .unwrap_or_default()
            .trim()
    }

    /// The line of the row of examples that an expanded scenario came from. Cucumber counts from the word 'Examples' and takes
    /// no account of what stands between.
    fn line_of_row(&self, scenario: &Scenario) -> usize {
        let counted = scenario.position.line;
        let Some(head) = scenario
            .examples
            .first()
            .map(|examples| examples.position.line)
        else {
            return counted;
        };
        // The first row is the header.
        let row = counted.saturating_sub(head + 1);
        let rows = (head + 1..=self.begins.len()).filter(|line| self.line(*line).starts_with('|'));
        rows.into_iter().nth(row).unwrap_or(counted)
    }

    /// The first line from this one on that says something: tags and comments belong to what follows them.
    fn meant(&self, line: usize) -> usize {
        let says = |line: &usize| {
            let text = self.line(*line);
            !text.is_empty() && !text.starts_with(['@', '#'])
        };
        (line..=self.begins.len()).find(says).unwrap_or(line)
    }
}

/// Keeps the scenarios that these lines name, and returns the lines on which those begin that are named themselves, not with
/// the whole feature or rule. Fails with a line that the file does not have.
fn keep(
    feature: &mut Feature,
    source: &Source<'_>,
    lines: &BTreeSet<usize>,
) -> Result<Vec<usize>, usize> {
    /// A heading, and what it is the beginning of.
    #[derive(Clone, Copy)]
    enum Head {
        Feature,
        Rule(usize),
        Scenario,
    }
    let mut heads = vec![(feature.position.line, Head::Feature)];
    for scenario in &feature.scenarios {
        heads.push((source.line_at(scenario.span.start), Head::Scenario));
    }
    for (number, rule) in feature.rules.iter().enumerate() {
        heads.push((rule.position.line, Head::Rule(number)));
        for scenario in &rule.scenarios {
            heads.push((source.line_at(scenario.span.start), Head::Scenario));
        }
    }
    let rows: BTreeSet<usize> = all_scenarios(feature)
        .filter(|scenario| !scenario.examples.is_empty())
        .map(|scenario| scenario.position.line)
        .collect();
    let (mut whole, mut rules, mut outlines, mut single) =
        (false, BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for line in lines {
        if *line == 0 || *line > source.lines() {
            return Err(*line);
        }
        let meant = source.meant(*line);
        let at = heads.partition_point(|(head, _)| *head <= meant);
        match at.checked_sub(1).and_then(|at| heads.get(at)) {
            _ if rows.contains(&meant) => {
                single.insert(meant);
            }
            Some((_, Head::Rule(number))) => {
                rules.insert(*number);
            }
            Some((head, Head::Scenario)) => {
                outlines.insert(*head);
            }
            Some((_, Head::Feature)) | None => whole = true,
        }
    }
    let mut named = Vec::new();
    let mut stays = |scenario: &Scenario, with_all: bool| {
        let is_named = outlines.contains(&source.line_at(scenario.span.start))
            || single.contains(&scenario.position.line);
        if is_named {
            named.push(scenario.position.line);
        }
        is_named || with_all
    };
    feature.scenarios.retain(|scenario| stays(scenario, whole));
    for (number, rule) in feature.rules.iter_mut().enumerate() {
        let with_all = whole || rules.contains(&number);
        rule.scenarios.retain(|scenario| stays(scenario, with_all));
    }
    feature.rules.retain(|rule| !rule.scenarios.is_empty());
    Ok(named)
}
