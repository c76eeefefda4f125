//! What the Gherkin parser does not do: docstrings with a media type, and saying which line is wrong, and why.
//!
//! The parser says where it gave up, which may be far below the mistake; here each line is looked at once, in order. Nothing
//! is refused here that the parser takes.

use std::borrow::Cow;

use cucumber::gherkin::is_language_supported;

/// Where a text stops being Gherkin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SyntaxError {
    /// The first line is 1.
    pub line: usize,
    /// What is wrong, and what belongs there.
    pub why: String,
}

/// The marks between which a text of several lines stands.
const FENCES: [&str; 2] = ["\"\"\"", "```"];
/// With what a step begins in English.
const STEPS: [&str; 6] = ["Given ", "When ", "Then ", "And ", "But ", "* "];
const FEATURES: [&str; 3] = ["Feature:", "Business Need:", "Ability:"];
const SCENARIOS: [&str; 4] = [
    "Scenario:",
    "Example:",
    "Scenario Outline:",
    "Scenario Template:",
];
const EXAMPLES: [&str; 2] = ["Examples:", "Scenarios:"];
const FORM: &str = "a file begins with 'Feature: NAME', below it come 'Scenario: NAME' and steps that begin with Given, \
                    When, Then, And or But";

fn fence(line: &str) -> Option<&'static str> {
    FENCES
        .into_iter()
        .find(|fence| line.trim_start().starts_with(fence))
}

/// The text without the media types of docstrings (```` ```toml ````), which the parser would take for their content. No line
/// is added or removed.
pub(super) fn without_media_types(text: &str) -> Cow<'_, str> {
    let mut open = None;
    let mut changed = String::new();
    // Up to here the text is in `changed`, where anything has changed.
    let mut copied = 0;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        match (open, fence(line)) {
            (None, Some(fence)) => {
                let indent = line.len() - line.trim_start().len();
                let rest = &line[indent + fence.len()..];
                // A text that ends on the line on which it begins has no media type.
                if !rest.contains(fence) {
                    open = Some(fence);
                    let word = rest.trim();
                    if !word.is_empty() {
                        let begin = at + indent + fence.len();
                        changed.push_str(&text[copied..begin]);
                        copied = begin + rest.trim_end().len();
                    }
                }
            }
            (Some(opened), Some(fence)) if opened == fence => open = None,
            _ => {}
        }
        at += line.len();
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    changed.push_str(&text[copied..]);
    Cow::Owned(changed)
}

/// What a line may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Within no feature yet.
    File,
    /// The name of a feature or a rule, or what is written below it.
    Heading,
    /// The name of a scenario or a background, or what is written below it.
    Block,
    /// Within the steps of a scenario.
    Steps,
    /// The word 'Examples', or what is written below it.
    Examples,
    /// A row of examples.
    Rows,
}

/// What has been read of a text so far.
struct Reader {
    within: Within,
    /// With what the docstring began that is not closed, and on which line.
    docstring: Option<(&'static str, usize)>,
    /// How many cells the first row of the table has.
    cells: Option<usize>,
}

/// The first line at which a text that the parser does not take is no Gherkin; `None` where nothing is found, or where it is
/// written in another language than English.
pub(super) fn mistake(text: &str) -> Option<SyntaxError> {
    let mut reader = Reader {
        within: Within::File,
        docstring: None,
        cells: None,
    };
    let mut last = 1;
    for (at, line) in text.lines().enumerate() {
        last = at + 1;
        let line = line.trim();
        if reader.docstring.is_none()
            && let Some(language) = language(line)
        {
            match language {
                "en" => {}
                known if is_language_supported(known) => return None,
                _ => {
                    let why = format!(
                        "there is no language {language:?}: write '# language: en', or leave the line out"
                    );
                    return Some(SyntaxError { line: last, why });
                }
            }
        }
        if let Err(why) = reader.read(line, last) {
            return Some(SyntaxError { line: last, why });
        }
    }
    if let Some((fence, line)) = reader.docstring {
        let why = format!(
            "the text that begins with {fence} has no end: close it with {fence} on a line of its own"
        );
        return Some(SyntaxError { line, why });
    }
    (reader.within == Within::File).then(|| SyntaxError {
        line: last,
        why: format!("there is no feature in it: {FORM}"),
    })
}

impl Reader {
    /// Reads a line; says why it cannot stand here.
    fn read(&mut self, line: &str, number: usize) -> Result<(), String> {
        if let Some((open, _)) = self.docstring {
            if fence(line) == Some(open) {
                self.docstring = None;
            }
            return Ok(());
        }
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if line.starts_with('|') && !matches!(self.within, Within::Heading | Within::Block) {
            return self.row(line);
        }
        self.cells = None;
        if let (Within::Steps, Some(fence)) = (self.within, fence(line)) {
            if !line[fence.len()..].contains(fence) {
                self.docstring = Some((fence, number));
            }
            return Ok(());
        }
        self.within = self.after(line)?;
        Ok(())
    }

    /// Within what the next line stands.
    fn after(&self, line: &str) -> Result<Within, String> {
        let within = self.within;
        let begins = |words: &[&str]| words.iter().any(|word| line.starts_with(word));
        if begins(&FEATURES) {
            return match within {
                Within::File => Ok(Within::Heading),
                _ => Err(format!(
                    "{line:?}: a file has one feature; write another file"
                )),
            };
        }
        match within {
            _ if line.starts_with('@') => Ok(within),
            Within::File => Err(format!("{line:?}: this is no Gherkin: {FORM}")),
            _ if line.starts_with("Rule:") => Ok(Within::Heading),
            _ if begins(&SCENARIOS) => Ok(Within::Block),
            Within::Heading if line.starts_with("Background:") => Ok(Within::Block),
            _ if line.starts_with("Background:") => Err(
                "a Background stands before the first scenario of its feature or rule, and there is one of it"
                    .to_owned(),
            ),
            Within::Heading if begins(&EXAMPLES) => {
                Err("Examples belong below a Scenario Outline".to_owned())
            }
            _ if begins(&EXAMPLES) => Ok(Within::Examples),
            // Whatever else stands there is a description.
            Within::Heading => Ok(within),
            _ if STEPS.iter().any(|step| line == step.trim_end()) => {
                Err(format!("{line:?}: after the keyword says what is so, is done, or must be so"))
            }
            Within::Examples | Within::Rows if begins(&STEPS) => {
                Err(format!("{line:?}: steps stand before the Examples of their scenario"))
            }
            _ if begins(&STEPS) => Ok(Within::Steps),
            Within::Block | Within::Examples => Ok(within),
            Within::Steps | Within::Rows => Err(format!(
                "{line:?}: this is no step: steps begin with Given, When, Then, And or But; {FORM}"
            )),
        }
    }

    fn row(&mut self, line: &str) -> Result<(), String> {
        if self.within == Within::File {
            return Err(format!("{line:?}: this is no Gherkin: {FORM}"));
        }
        if !line.ends_with('|') || line.len() < 2 {
            return Err(format!("{line:?}: a row of a table ends with |"));
        }
        let (escaped, count) = count_cells(line);
        if let Some(other) = escaped {
            return Err(format!(
                "{line:?}: \\{other} means nothing in a table: write \\\\, \\| or \\n"
            ));
        }
        match self.cells {
            Some(first) if first != count => {
                return Err(format!(
                    "{line:?}: this row has {count} cells, and the first of its table {first}"
                ));
            }
            _ => self.cells = Some(count),
        }
        if self.within == Within::Examples {
            self.within = Within::Rows;
        }
        Ok(())
    }
}

/// The language that a comment asks for.
fn language(line: &str) -> Option<&str> {
    let comment = line.strip_prefix('#')?.trim_start();
    let rest = comment.strip_prefix("language")?.trim_start();
    Some(rest.strip_prefix(':')?.trim())
}

/// What follows a backslash and should not, and how many cells a row has.
fn count_cells(line: &str) -> (Option<char>, usize) {
    let (mut wrong, mut bars) = (None, 0_usize);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '|' => bars += 1,
            '\\' => match chars.next() {
                Some('n' | '|' | '\\') => {}
                other => wrong = wrong.or(other),
            },
            _ => {}
        }
    }
    (wrong, bars.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_is_taken_away_and_nothing_else() {
        for (text, plain) in [
            ("  ```toml\n  a\n  ```\n", "  ```\n  a\n  ```\n"),
            (
                "\"\"\" json \n```toml\n\"\"\"\n",
                "\"\"\" \n```toml\n\"\"\"\n",
            ),
            ("\"\"\"a\"\"\"\n```x\n```", "\"\"\"a\"\"\"\n```\n```"),
            (
                "```\n```\n\"\"\"toml\r\nb\r\n\"\"\"\r\n",
                "```\n```\n\"\"\"\r\nb\r\n\"\"\"\r\n",
            ),
            ("no\nfence\n", "no\nfence\n"),
        ] {
            // What follows the media type on its line is white space, of which nothing depends.
            let is = without_media_types(text);
            assert_eq!(
                is.replace(" \n", "\n"),
                plain.replace(" \n", "\n"),
                "{text:?}"
            );
            assert_eq!(is.lines().count(), text.lines().count());
        }
    }

    #[test]
    fn the_first_line_that_is_wrong_is_named_with_what_belongs_there() {
        for (text, line, says) in [
            ("", 1, "no feature"),
            ("# nothing\n\n@tag\n", 3, "no feature"),
            ("hello\n", 1, "begins with 'Feature"),
            ("Feature: f\nFeature: g\n", 2, "one feature"),
            (
                "Feature: f\n text\n Scenario: s\n  When 1s pass\n  Foo bar\n",
                5,
                "no step",
            ),
            (
                "Feature: f\n Scenario: s\n  When a\n | a | b |\n | c |\n",
                5,
                "1 cells, and the first of its table 2",
            ),
            (
                "Feature: f\n Scenario: s\n  When a\n | a | b\n",
                4,
                "ends with |",
            ),
            (
                "Feature: f\n Scenario: s\n  When a\n | a\\d |\n",
                4,
                "means nothing",
            ),
            (
                "Feature: f\n Scenario: s\n  When a\n  \"\"\"\n x\n\n",
                4,
                "has no end",
            ),
            (
                "Feature: f\n Scenario: s\n  When a\n Background:\n",
                4,
                "before the first scenario",
            ),
            ("Feature: f\n Examples:\n", 2, "below a Scenario Outline"),
            (
                "Feature: f\n Scenario: s\n  When a\n  Then\n",
                4,
                "after the keyword",
            ),
            ("# language: xx\nFeature: f\n", 1, "no language"),
            (
                "Feature: f\n Scenario Outline: s\n  When <a>\n Examples:\n | a |\n | 1 |\n  Then b\n",
                7,
                "before the Examples",
            ),
        ] {
            let found = mistake(text).unwrap_or_else(|| panic!("{text:?} has a mistake"));
            assert_eq!(found.line, line, "{text:?}: {}", found.why);
            assert!(found.why.contains(says), "{text:?}: {}", found.why);
        }
        assert_eq!(mistake("# language: de\nFunktion: f\n"), None);
    }
}
