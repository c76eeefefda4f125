//! A step, written down once: what it matches, an example, what it means, and what it does.

use std::collections::HashMap;
use std::str::FromStr;

use cucumber::gherkin::{self, StepType};
use cucumber::step::{Context, Step};

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
    pub(super) act: Step<World>,
}

/// With what a step begins. `And` and `But` repeat the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Keyword {
    /// What is so, or made so, before.
    Given,
    /// What happens, or is done.
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

/// What a step does, as a step function of cucumber's: `act!(|world, said| create(world, said).await)`. What stands behind the names
/// may await, and leave by `?`; it comes to a `Result<(), Complaint>`.
macro_rules! act {
    (|$world:pat_param, $said:pat_param| $does:expr) => {
        |world, context| {
            Box::pin(async move {
                let $world = world;
                let $said = $crate::bdd::definition::StepArguments::of(context);
                $crate::bdd::definition::end(async move { $does }.await);
            })
        }
    };
}
pub(super) use act;

/// Ends a step. Cucumber takes a step for passed unless it unwinds, and passes on with what: the complaint itself, since a text could
/// not say that it is inconclusive. Nothing has panicked, so that no hook of panics hears of it.
pub(super) fn end(came_to: Result<(), Complaint>) {
    if let Err(complaint) = came_to {
        std::panic::resume_unwind(Box::new(complaint));
    }
}

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
    /// What the step says that cucumber has found.
    pub fn of(context: Context) -> Self {
        Self {
            words: words(&context).into_iter(),
            table: context.step.table.as_ref().map(StepTable::of),
            docstring: context.step.docstring,
        }
    }

    /// The next of what varies in the pattern, in its order.
    pub fn next<T: FromStr<Err = Complaint>>(&mut self) -> Result<T, Complaint> {
        self.text()?.parse()
    }

    /// The next one as it is.
    pub fn text(&mut self) -> Result<String, Complaint> {
        let word = self.words.next();
        word.ok_or_else(|| Complaint::new("too few words: this is a bug in lanherd"))
    }

    /// All that varies in the pattern, as it is.
    pub fn texts<const COUNT: usize>(self) -> Result<[String; COUNT], Complaint> {
        let words: Vec<_> = self.words.collect();
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
