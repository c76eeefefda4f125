//! What GitHub's runners read: annotations on standard output, and a summary in a file.

use std::env;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use lanherd::bdd::results::{Outcome, Results};

use crate::cli::screen::Screen;

/// More annotations of one step are not shown.
const SHOWN: usize = 10;

/// Tells them, where the run is one of theirs; returns what could not be told.
pub fn tell(results: &Results, screen: &Screen) -> Option<anyhow::Error> {
    if env::var_os("GITHUB_ACTIONS").is_none_or(|value| value != "true") {
        return None;
    }
    let lines = annotations(results);
    if !lines.is_empty() {
        screen.result(&lines.join("\n"));
    }
    let path = env::var_os("GITHUB_STEP_SUMMARY")?;
    append(Path::new(&path), &summary(results)).err()
}

fn append(path: &Path, text: &str) -> anyhow::Result<()> {
    let mut options = OpenOptions::new();
    let file = options.append(true).create(true).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("the summary could not be added to {}", path.display()))
}

/// One for each scenario that did not pass, at the line of its step.
fn annotations(results: &Results) -> Vec<String> {
    let mut lines = Vec::new();
    for feature in &results.features {
        for scenario in feature.scenarios.iter().filter(|one| !one.is_well()) {
            let line = scenario.culprit().map_or(scenario.line, |step| step.line);
            let command = match scenario.outcome {
                Outcome::Inconclusive => "warning",
                _ => "error",
            };
            lines.push(format!(
                "::{command} file={},line={line},title={}::{}",
                property(feature.path.trim_start_matches("./")),
                property(&format!("{}: {}", scenario.outcome, scenario.name)),
                data(&scenario.complaint().unwrap_or_default()),
            ));
        }
    }
    if lines.len() > SHOWN {
        let more = lines.len() - (SHOWN - 1);
        lines.truncate(SHOWN - 1);
        lines.push(format!(
            "::error ::{more} more scenarios did not pass: see the results"
        ));
    }
    lines
}

/// As the runner reads what follows the two colons.
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// As it reads a property, which also ends at a comma or a colon.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// A table of what did not pass, in Markdown.
fn summary(results: &Results) -> String {
    let mut text = format!("### lanherd features: {}\n\n", results.counts().words());
    let about: Vec<_> = results
        .about
        .pairs()
        .into_iter()
        .map(|(name, value)| format!("{} {}", cell(&name), cell(&value)))
        .collect();
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{}\n", about.join(", "));
    let bad = results.features.iter().flat_map(|feature| {
        let bad = feature.scenarios.iter().filter(|one| !one.is_well());
        bad.map(move |scenario| (feature, scenario))
    });
    let rows: Vec<_> = bad
        .map(|(feature, scenario)| {
            format!(
                "| {} | {} | {}:{} | {} |",
                scenario.outcome,
                cell(&scenario.name),
                cell(&feature.path),
                scenario.line,
                cell(&scenario.short_complaint().unwrap_or_default())
            )
        })
        .collect();
    if !rows.is_empty() {
        let _ = writeln!(
            text,
            "| outcome | scenario | where | why |\n|---|---|---|---|\n{}\n",
            rows.join("\n")
        );
    }
    for finding in results.scenarios().flat_map(|scenario| &scenario.findings) {
        let _ = writeln!(text, "- {}", cell(&finding.text));
    }
    text
}

/// On one line, without what would end a cell or become markup.
fn cell(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    let mut safe = String::new();
    for c in words.join(" ").chars() {
        match c {
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' => {
                safe.push('\\');
                safe.push(c);
            }
            '<' => safe.push_str("&lt;"),
            '&' => safe.push_str("&amp;"),
            c if c.is_control() => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;
    use std::time::SystemTime;

    use lanherd::bdd::suite::Broken;

    use super::*;

    fn results(count: usize) -> Results {
        let mut results = Results::begin(SystemTime::UNIX_EPOCH);
        let broken: Vec<_> = (1..=count)
            .map(|line| Broken {
                path: PathBuf::from("a,b/x.feature"),
                line,
                why: "100% wrong:\n  a | b, <c>".to_owned(),
            })
            .collect();
        results.add_broken(&broken);
        results
    }

    #[test]
    fn an_annotation_is_one_line_whatever_it_says() {
        assert_eq!(
            annotations(&results(1)),
            [
                "::error file=a%2Cb/x.feature,line=1,title=failed%3A the file can be read::File a,b/x.feature (line 1): 100%25 wrong:%0A  a | b, <c>"
            ]
        );
        let many = annotations(&results(30));
        assert_eq!(many.len(), SHOWN);
        assert!(many[SHOWN - 1].contains("21 more"), "{many:?}");
        assert!(annotations(&results(0)).is_empty());
    }

    #[test]
    fn a_summary_is_a_table_with_a_row_for_what_did_not_pass() {
        let text = summary(&results(1));
        assert!(text.contains("0 passed, 1 failed"), "{text}");
        assert!(
            text.contains("| failed | the file can be read | a,b/x.feature:1 | 100% wrong |"),
            "{text}"
        );
    }
}
