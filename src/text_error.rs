//! What is wrong with a text in TOML that a person wrote, and where: its line, with the place marked.

use std::fmt::{self, Write as _};
use std::ops::Range;

use toml::de::DeTable;

/// What is wrong with a text, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextError {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// What is wrong, and what to do about it.
    pub message: String,
    /// The line itself.
    text: String,
    /// How many of its characters are meant.
    width: usize,
}

impl TextError {
    /// What `toml` or a value's own type found wrong.
    pub(crate) fn of_toml(error: &toml::de::Error, text: &str) -> Self {
        Self::at(text, error.span(), error.message().to_owned())
    }

    /// A mistake, found at the key that is most to blame, with its table's name in front where it is in one; at the
    /// beginning where that is left out.
    pub(crate) fn of_key(key: &str, mistake: &dyn fmt::Display, text: &str) -> Self {
        let span = DeTable::parse(text).ok().and_then(|table| {
            let mut within = Some(table.get_ref());
            let mut found = None;
            for name in key.split('.') {
                let (key, value) = within?.get_key_value(name)?;
                found = Some(key.span());
                within = value.get_ref().as_table();
            }
            found
        });
        Self::at(text, span, mistake.to_string())
    }

    fn at(text: &str, span: Option<Range<usize>>, message: String) -> Self {
        let span = span.unwrap_or(0..0);
        let before = text.get(..span.start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = text.get(line_start..).unwrap_or_default();
        let line = line.lines().next().unwrap_or_default();
        let column = before.get(line_start..).unwrap_or_default().chars().count() + 1;
        let marked = text.get(span).unwrap_or_default();
        let width = marked.lines().next().unwrap_or_default().chars().count();
        Self {
            line: before.matches('\n').count() + 1,
            column,
            message,
            text: line.to_owned(),
            width: width.max(1),
        }
    }
}

impl std::error::Error for TextError {}

impl fmt::Display for TextError {
    /// The place and what is wrong, then the line with the place marked.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            message,
            ..
        } = self;
        write!(f, "line {line}, column {column}: {message}")?;
        if self.text.trim().is_empty() {
            return Ok(());
        }
        let margin = line.to_string().len();
        // A tab stays one, so that the mark stands below what it marks. Control characters do not reach the terminal.
        let visible = |c: char| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        };
        let shown: String = self.text.chars().map(visible).collect();
        let indent: String = shown
            .chars()
            .take(column - 1)
            .map(|c| if c == '\t' { c } else { ' ' })
            .collect();
        let mut mark = String::new();
        write!(
            mark,
            "{:margin$} | {indent}{:^<width$}",
            "",
            "",
            width = self.width
        )?;
        write!(f, "\n{:margin$} |\n{line} | {shown}\n{mark}", "")
    }
}
