//! What a command line says of feature files: a file, a folder, lines of a file (`x.feature:10:20`), or a list of these
//! (`@rerun.txt`), as Cucumber has it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::reading::read_text;
use super::{Suite, SuiteError};
use crate::bdd::results::Results;

/// A file or a folder, and which lines of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedPath {
    pub path: PathBuf,
    /// Without any: the whole.
    pub lines: BTreeSet<usize>,
}

impl NamedPath {
    /// Reads `x.feature:10:20`. What is there under the whole name is taken by the whole name.
    fn of(path: &Path) -> Self {
        let whole = || Self {
            path: path.to_owned(),
            lines: BTreeSet::new(),
        };
        let Some(mut text) = path.to_str().filter(|_| !path.exists()) else {
            return whole();
        };
        let mut lines = BTreeSet::new();
        while let Some((before, Ok(line))) = text
            .rsplit_once(':')
            .map(|(before, line)| (before, line.parse()))
        {
            lines.insert(line);
            text = before;
        }
        Self {
            path: PathBuf::from(text),
            lines,
        }
    }
}

/// All that is named, lists (`@FILE`) replaced by what stands in them.
pub(super) fn named(paths: &[PathBuf]) -> Result<Vec<NamedPath>, SuiteError> {
    let mut all = Vec::new();
    for path in paths {
        let list = path.to_str().and_then(|text| text.strip_prefix('@'));
        match list.filter(|_| !path.exists()) {
            None => all.push(NamedPath::of(path)),
            Some(list) => {
                let text = read_text(Path::new(list))?;
                let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
                all.extend(lines.map(|line| NamedPath::of(Path::new(line))));
            }
        }
    }
    Ok(all)
}

/// What is to be run again, in the form that `@FILE` reads: each file with scenarios that did not pass, or were not come to, and
/// their lines; a file with something that cannot be read, as a whole.
pub fn rerun(results: &Results, suite: &Suite) -> String {
    let mut text = String::new();
    let broken: BTreeSet<_> = suite.broken.iter().map(|broken| &broken.path).collect();
    for path in broken {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", path.display());
    }
    let failed = results.features.iter().flat_map(|feature| {
        let failed = feature
            .scenarios
            .iter()
            .filter(|scenario| !scenario.is_well());
        failed.map(|scenario| (feature.path.as_str(), scenario.line))
    });
    let unbegun = results.left_out.iter().filter(|one| one.was_chosen);
    let unbegun = unbegun.map(|one| (one.path.as_str(), one.line));
    let mut lines: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for (path, line) in failed.chain(unbegun) {
        lines.entry(path).or_default().insert(line);
    }
    let paths = suite
        .features
        .iter()
        .filter_map(|feature| feature.path.as_ref());
    for path in paths.filter(|path| !suite.broken.iter().any(|broken| broken.path == **path)) {
        let name = path.display().to_string();
        if let Some(lines) = lines.get(name.as_str()) {
            let lines: Vec<_> = lines.iter().map(|line| format!(":{line}")).collect();
            let _ = writeln!(text, "{name}{}", lines.concat());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_stand_behind_the_file_and_a_name_that_is_there_is_taken_as_it_is() {
        for (text, path, lines) in [
            ("a/x.feature", "a/x.feature", &[][..]),
            ("a/x.feature:23", "a/x.feature", &[23]),
            ("a/x.feature:40:7:7", "a/x.feature", &[7, 40]),
            ("a/x:y.feature", "a/x:y.feature", &[]),
            ("a/x.feature:", "a/x.feature:", &[]),
            (env!("CARGO_MANIFEST_DIR"), env!("CARGO_MANIFEST_DIR"), &[]),
        ] {
            let named = NamedPath::of(Path::new(text));
            assert_eq!(named.path, Path::new(path), "{text}");
            assert_eq!(named.lines.into_iter().collect::<Vec<_>>(), lines, "{text}");
        }
    }
}
