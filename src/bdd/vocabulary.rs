//! All steps there are: what each matches, an example, what it means, and what it does.

use std::collections::HashMap;
use std::pin::Pin;
use std::str::FromStr;
use std::sync::LazyLock;

use cucumber::gherkin::{self, StepType};
use cucumber::step::{Collection, Context};
use cucumber_expressions::Expression;
use regex::Regex;

use super::parameters::PARAMETERS;
use super::steps;
use super::{Complaint, World};

/// A step, written down once.
#[derive(Debug, Clone, Copy)]
pub struct Definition {
    /// Given, When or Then.
    pub keyword: Keyword,
    /// What it matches: a cucumber expression.
    pub pattern: &'static str,
    /// A text that it matches.
    pub example: &'static str,
    /// What it means, in a line.
    pub meaning: &'static str,
    /// What it does.
    pub(super) act: Act,
}

/// With what a step begins. `And` and `But` repeat the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keyword {
    /// What is so, or made so, before.
    Given,
    /// What happens.
    When,
    /// What must be so then.
    Then,
}

impl Keyword {
    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Given => "Given",
            Self::When => "When",
            Self::Then => "Then",
        }
    }
}

impl From<StepType> for Keyword {
    fn from(kind: StepType) -> Self {
        match kind {
            StepType::Given => Self::Given,
            StepType::When => Self::When,
            StepType::Then => Self::Then,
        }
    }
}

pub(super) type Doing<'a> = Pin<Box<dyn Future<Output = Result<(), Complaint>> + 'a>>;
pub(super) type Act = for<'a> fn(&'a mut World, StepArguments) -> Doing<'a>;

/// What a step was told.
#[derive(Debug, Clone)]
pub(super) struct StepArguments {
    words: std::vec::IntoIter<String>,
    /// Its table, without the header, and the header.
    pub table: Option<StepTable>,
    /// Its text in quotes of three.
    pub docstring: Option<String>,
}

impl StepArguments {
    /// The next of what varies in the pattern, in its order.
    pub fn next<T: FromStr<Err = Complaint>>(&mut self) -> Result<T, Complaint> {
        let word = self.words.next();
        word.ok_or_else(|| Complaint::new("too few words: this is a bug in lanherd"))?
            .parse()
    }

    /// The next one as it is.
    pub fn text(&mut self) -> Result<String, Complaint> {
        let word = self.words.next();
        word.ok_or_else(|| Complaint::new("too few words: this is a bug in lanherd"))
    }

    /// All that varies in the pattern, as it is.
    pub fn texts<const COUNT: usize>(mut self) -> Result<[String; COUNT], Complaint> {
        let words: Vec<_> = self.words.by_ref().collect();
        <[String; COUNT]>::try_from(words)
            .map_err(|_| Complaint::new("not so many words: this is a bug in lanherd"))
    }

    /// The table below the step.
    pub fn rows(&self) -> Result<&StepTable, Complaint> {
        self.table
            .as_ref()
            .ok_or_else(|| Complaint::new("this step wants a table below it: see `lanherd steps`"))
    }
}

/// A table with a header.
#[derive(Debug, Clone, Default)]
pub(super) struct StepTable {
    pub header: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

impl StepTable {
    fn of(table: &gherkin::Table) -> Self {
        let trimmed = |row: &Vec<String>| row.iter().map(|cell| cell.trim().to_owned()).collect();
        let mut rows = table.rows.iter().map(trimmed);
        Self {
            header: rows.next().unwrap_or_default(),
            rows: rows.collect(),
        }
    }

    /// Each row by column; every column must be one of `known`, and those of `needed` must be there.
    pub fn by_column(
        &self,
        needed: &[&str],
        known: &[&str],
    ) -> Result<Vec<HashMap<&str, &str>>, Complaint> {
        let columns = || [needed, known].concat().join(", ");
        for name in &self.header {
            if !needed.contains(&name.as_str()) && !known.contains(&name.as_str()) {
                return Err(Complaint::of_word(
                    name,
                    format!("the columns are {}", columns()),
                ));
            }
        }
        if let Some(missing) = needed
            .iter()
            .find(|name| !self.header.iter().any(|h| h == *name))
        {
            let why = format!(
                "the table has no column {missing:?}; the columns are {}",
                columns()
            );
            return Err(Complaint::new(why));
        }
        if self.rows.is_empty() {
            return Err(Complaint::new("the table has a header and no row"));
        }
        Ok(self
            .rows
            .iter()
            .map(|row| {
                let cells = self
                    .header
                    .iter()
                    .map(String::as_str)
                    .zip(row.iter().map(String::as_str));
                cells.filter(|(_, cell)| !cell.is_empty()).collect()
            })
            .collect())
    }
}

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
        let regex = known.regex.clone();
        match known.definition.keyword {
            Keyword::Given => all.given(None, regex, perform),
            Keyword::When => all.when(None, regex, perform),
            Keyword::Then => all.then(None, regex, perform),
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

/// Does what the step that was recognised says. A step fails by a panic: so cucumber wants it.
fn perform(world: &mut World, context: Context) -> Pin<Box<dyn Future<Output = ()> + '_>> {
    Box::pin(async move {
        let Some(definition) = find(&context.step) else {
            fail(Complaint::new(
                "no step of this text: this is a bug in lanherd",
            ));
        };
        let said = StepArguments {
            words: words(&context).into_iter(),
            table: context.step.table.as_ref().map(StepTable::of),
            docstring: context.step.docstring.clone(),
        };
        if let Err(complaint) = (definition.act)(world, said).await {
            fail(complaint);
        }
    })
}

/// Ends a step that does not pass. What cucumber hears is the complaint itself, which the recording takes
/// out again: a text alone could not say that it is inconclusive.
#[allow(
    clippy::panic,
    reason = "so cucumber wants to hear of a step that does not pass"
)]
pub(super) fn fail(complaint: Complaint) -> ! {
    std::panic::panic_any(complaint)
}

/// What varies, in order. A parameter with several groups (as `{string}`, for its two kinds of quotes) gives them names
/// that begin alike, and only one of them has matched.
fn words(context: &Context) -> Vec<String> {
    let mut words: Vec<(Option<&str>, String)> = Vec::new();
    for (name, word) in context.matches.iter().skip(1) {
        let family = name
            .as_deref()
            .and_then(|name| name.rsplit_once('_'))
            .map(|(family, _)| family);
        match words.last_mut() {
            Some((last, value)) if family.is_some() && *last == family => {
                if value.is_empty() {
                    value.clone_from(word);
                }
            }
            _ => words.push((family, word.clone())),
        }
    }
    words.into_iter().map(|(_, word)| word).collect()
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
