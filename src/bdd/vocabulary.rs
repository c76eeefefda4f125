//! All steps there are: how each is found, and how they are listed.

use std::collections::HashMap;
use std::sync::LazyLock;

use cucumber::gherkin;
use cucumber::step::Collection;
use cucumber_expressions::Expression;
use regex::Regex;

pub use super::definition::{Definition, Keyword};
use super::parameters::PARAMETERS;
use super::{World, steps};

/// A definition, and how it is recognised.
struct Known {
    regex: Regex,
    definition: &'static Definition,
}

/// Every step, in the order in which they are listed.
static VOCABULARY: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let parameters: HashMap<&str, &str> = PARAMETERS
        .iter()
        .map(|one| (one.name, &*one.regex))
        .collect();
    steps::ALL
        .iter()
        .flat_map(|some| some.iter())
        .filter_map(|definition| {
            // A test sees to it that none is left out here.
            let regex = Expression::regex_with_parameters(definition.pattern, &parameters).ok()?;
            Some(Known { regex, definition })
        })
        .collect()
});

/// Every step, in the order in which they are listed.
pub fn definitions() -> impl Iterator<Item = &'static Definition> {
    VOCABULARY.iter().map(|known| known.definition)
}

/// What cucumber is to recognise.
pub(super) fn collection() -> Collection<World> {
    VOCABULARY.iter().fold(Collection::new(), |all, known| {
        let (regex, act) = (known.regex.clone(), known.definition.act);
        match known.definition.keyword {
            Keyword::Given => all.given(None, regex, act),
            Keyword::When => all.when(None, regex, act),
            Keyword::Then => all.then(None, regex, act),
        }
    })
}

/// The definition that a step matches.
pub fn find(step: &gherkin::Step) -> Option<&'static Definition> {
    let keyword = Keyword::from(step.ty);
    VOCABULARY
        .iter()
        .find(|known| known.definition.keyword == keyword && known.regex.is_match(&step.value))
        .map(|known| known.definition)
}

/// Why a step is not known, and what to write instead.
pub fn why_unknown(step: &gherkin::Step) -> String {
    const ENGLISH: [&str; 6] = ["Given", "When", "Then", "And", "But", "*"];
    let mut other = VOCABULARY
        .iter()
        .filter(|known| known.regex.is_match(&step.value));
    if let Some(known) = other.next() {
        let keyword = known.definition.keyword.as_str();
        let is = Keyword::from(step.ty).as_str();
        let written = step.keyword.trim();
        let because = match written {
            "*" => "'*' stands for Given".to_owned(),
            "And" | "But" => format!("{written:?} repeats the keyword before it, which is {is}"),
            _ => format!("it is written as a {is}"),
        };
        return format!(
            "these words are a {keyword}, and {because}: begin the line with {keyword}"
        );
    }
    let suggestion = suggestion(&step.value);
    if ENGLISH.contains(&step.keyword.trim()) {
        return suggestion;
    }
    format!("only keywords are translated: write the rest of the step in English; {suggestion}")
}

/// The steps that are most like a text that is none, best first; those under the other keywords, too.
pub fn nearest(text: &str) -> Vec<&'static Definition> {
    /// More would be no suggestion.
    const SUGGESTED: usize = 3;
    let likeness = |definition: &Definition| {
        let like = |other: &str| strsim::sorensen_dice(&plain(text), &plain(other));
        like(definition.example).max(like(definition.pattern))
    };
    let mut all: Vec<_> = definitions().map(|one| (likeness(one), one)).collect();
    all.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    all.truncate(SUGGESTED);
    let best = all
        .first()
        .map(|(likeness, _)| *likeness)
        .unwrap_or_default();
    all.retain(|(likeness, _)| *likeness > 0.4 && *likeness > best * 0.8);
    all.into_iter().map(|(_, one)| one).collect()
}

/// What to write instead of a text that is no step.
pub fn suggestion(text: &str) -> String {
    let nearest = nearest(text);
    if nearest.is_empty() {
        return "`lanherd steps` lists all there are".to_owned();
    }
    let lines = nearest
        .iter()
        .map(|one| format!("\n  {} {}", one.keyword.as_str(), one.example));
    let lines: Vec<_> = lines.collect();
    format!("the nearest are{}", lines.concat())
}

/// Without what varies most.
fn plain(text: &str) -> String {
    let kept = |c: &char| c.is_alphabetic() || *c == ' ';
    text.to_lowercase().chars().filter(kept).collect()
}

/// The list as a page of Markdown.
pub fn markdown() -> String {
    use std::fmt::Write as _;
    let mut text = String::from(
        "<!-- Generated: lanherd steps --markdown > docs/steps.md -->\n\n# Steps\n\nEvery step that a feature file can use. \
         What stands in braces varies; its types are listed at the end. A word in parentheses may be left out, and of \
         words with a slash between them one is written. `And` and `But` repeat the keyword before them.\n",
    );
    for keyword in [Keyword::Given, Keyword::When, Keyword::Then] {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n## {}\n", keyword.as_str());
        for one in definitions().filter(|one| one.keyword == keyword) {
            let _ = write!(
                text,
                "\n**`{}`**  \n{}\n\n```gherkin\n{} {}\n```\n",
                one.pattern,
                one.meaning,
                keyword.as_str(),
                one.example,
            );
        }
    }
    text.push_str("\n## What varies\n\n| type | what may be written |\n|---|---|\n");
    for one in PARAMETERS.iter() {
        let accepts = one.accepts.replace('|', "\\|");
        let _ = writeln!(text, "| `{{{}}}` | {accepts} |", one.name);
    }
    text.push_str("| `{string}` | anything in double or single quotes |\n");
    text
}
