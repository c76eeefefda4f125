//! What is wrong with a text in TOML that a person wrote, and where: its line, with the place marked.

use std::fmt;
use std::ops::Range;

use toml::de::DeTable;

use crate::closest;

/// So many characters of a line are shown at most.
const SHOWN: usize = 100;
/// So many of them stand before the place that is meant.
const BEFORE: usize = 40;
/// So many characters are said of what is wrong.
const SAID: usize = 1_000;

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
    pub fn of_toml(error: &toml::de::Error, text: &str) -> Self {
        Self::at(text, error.span(), plain(error.message()))
    }

    /// A mistake, found at the key that is most to blame, with its table's name in front where it is in one; at the
    /// beginning where that is left out.
    pub fn of_key(key: &str, mistake: &dyn fmt::Display, text: &str) -> Self {
        Self::of_keys(&[key.to_owned()], mistake, text)
    }

    /// The same, found at the first of these keys that is there. A number in a key is a place in a list, counted from 0: `group.1.ping`
    /// is the key `ping` of the second table `[[group]]`.
    pub fn of_keys(keys: &[String], mistake: &dyn fmt::Display, text: &str) -> Self {
        let table = DeTable::parse(text).ok();
        let table = table.as_ref().map(toml::Spanned::get_ref);
        let span = table.and_then(|table| keys.iter().find_map(|key| place(table, key)));
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

/// Where a key stands.
fn place(table: &DeTable<'_>, key: &str) -> Option<Range<usize>> {
    let mut names = key.split('.');
    let (mut found, mut value) = table
        .get_key_value(names.next()?)
        .map(|(k, v)| (k.span(), v))?;
    for name in names {
        (found, value) = if let Some(list) = value.get_ref().as_array() {
            let one = list.get(name.parse::<usize>().ok()?)?;
            (one.span(), one)
        } else {
            let (key, value) = value.get_ref().as_table()?.get_key_value(name)?;
            (key.span(), value)
        };
    }
    Some(found)
}

impl std::error::Error for TextError {}

impl fmt::Display for TextError {
    /// The place and what is wrong, then the line with the place marked; of a long line what is around it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            line,
            column,
            message,
            ..
        } = self;
        let message = shortened(message, SAID);
        write!(f, "line {line}, column {column}: {message}")?;
        if self.text.trim().is_empty() {
            return Ok(());
        }
        let length = self.text.chars().count();
        let first = if length > SHOWN {
            (column - 1).saturating_sub(BEFORE)
        } else {
            0
        };
        // A tab stays one, so that the mark stands below what it marks. Control characters do not reach the terminal.
        let visible = |c: char| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        };
        let mut shown: String = self
            .text
            .chars()
            .skip(first)
            .take(SHOWN)
            .map(visible)
            .collect();
        let ahead = column - 1 - first;
        let mut indent: String = shown
            .chars()
            .take(ahead)
            .map(|c| if c == '\t' { c } else { ' ' })
            .collect();
        let mark = "^".repeat(self.width.min(SHOWN.saturating_sub(ahead)).max(1));
        if first > 0 {
            shown.insert(0, '…');
            indent.insert(0, ' ');
        }
        if first + SHOWN < length {
            shown.push('…');
        }
        let margin = " ".repeat(line.to_string().len());
        write!(
            f,
            "\n{margin} |\n{line} | {shown}\n{margin} | {indent}{mark}"
        )
    }
}

fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// What serde says in the words of its own language, in those of people who write TOML.
fn plain(message: &str) -> String {
    if let Some((found, wanted)) = message
        .strip_prefix("invalid type: ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        return format!(
            "this is {}, and it must be {}",
            kind(found),
            wanted_kind(wanted)
        );
    }
    if let Some((found, wanted)) = message
        .strip_prefix("invalid value: ")
        .and_then(|rest| rest.split_once(", expected "))
    {
        return format!(
            "this is {}, and it must be {}",
            kind(found),
            wanted_kind(wanted)
        );
    }
    if let Some((unknown, known)) = message
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split_once("`, expected "))
    {
        let choice = choice_of(known);
        return match closest(unknown, choice.iter().copied()) {
            Some(meant) => format!("there is no key {unknown}: did you mean {meant}?"),
            None => format!(
                "there is no key {unknown}; the keys are {}",
                choice.join(", ")
            ),
        };
    }
    if let Some((unknown, known)) = message
        .strip_prefix("unknown variant `")
        .and_then(|rest| rest.split_once("`, expected "))
    {
        let choice = choice_of(known);
        let meant = closest(unknown, choice.iter().copied());
        let meant = meant.map(|meant| format!("; did you mean {meant}?"));
        return format!(
            "{unknown:?} is none of {}{}",
            choice.join(", "),
            meant.unwrap_or_default()
        );
    }
    if let Some(key) = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        return format!("the key {key} is missing");
    }
    message.to_owned()
}

/// The words of a choice, as serde lists them.
fn choice_of(known: &str) -> Vec<&str> {
    let known = known.strip_prefix("one of ").unwrap_or(known);
    let words = known.split(['`', ',', ' ']);
    words
        .filter(|word| !word.is_empty() && *word != "or")
        .collect()
}

/// What was found, as serde's `Unexpected` prints it.
fn kind(found: &str) -> String {
    let after = |kind: &str| {
        let value = found.strip_prefix(kind)?.trim().trim_matches('`');
        Some(value.to_owned())
    };
    if let Some(text) = after("string ") {
        format!("the text {text}")
    } else if let Some(number) = after("integer ").or_else(|| after("floating point ")) {
        format!("the number {number}")
    } else if let Some(value) = after("boolean ") {
        value
    } else {
        match found {
            "sequence" => "a list".to_owned(),
            "map" => "a table".to_owned(),
            other => other.to_owned(),
        }
    }
}

/// What must stand there, as serde's visitors say it.
fn wanted_kind(wanted: &str) -> String {
    match wanted {
        "i8" | "i16" | "i32" | "i64" | "u8" | "u16" | "u32" | "u64" | "usize" => {
            "a whole number, without quotes".to_owned()
        }
        "f32" | "f64" => "a number, without quotes".to_owned(),
        "a nonzero u32" => "a whole number above 0, without quotes".to_owned(),
        "a boolean" => "true or false, without quotes".to_owned(),
        "a string" | "str" | "path string" => "a text in quotes".to_owned(),
        "socket address" => "an address and a port in quotes, as \"127.0.0.1:4373\"".to_owned(),
        "a sequence" => "a list, as [\"one\", \"two\"]".to_owned(),
        "a map" => "a table".to_owned(),
        other if other.starts_with("struct ") => "a table".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only what is wrong with it matters")]
    struct Small {
        clients: u32,
        lab: Option<bool>,
        pool: Option<String>,
        restart: Option<Restart>,
    }

    #[derive(Debug, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Restart {
        Permanent,
        Temporary,
    }

    fn said(text: &str) -> String {
        let error = toml::from_str::<Small>(text).expect_err("it is wrong");
        TextError::of_toml(&error, text).to_string()
    }

    #[test]
    fn what_is_wrong_is_said_in_the_words_of_toml() {
        for (text, words) in [
            (
                "clients = 'ten'",
                "this is the text \"ten\", and it must be a whole number",
            ),
            (
                "clients = -1",
                "this is the number -1, and it must be a whole number",
            ),
            (
                "clients = 1\nlab = 1",
                "this is the number 1, and it must be true or false",
            ),
            (
                "clients = 1\npool = 7",
                "this is the number 7, and it must be a text in quotes",
            ),
            (
                "clients = 1\npool = ['a']",
                "this is a list, and it must be a text in quotes",
            ),
            (
                "clinets = 1",
                "there is no key clinets: did you mean clients?",
            ),
            (
                "clients = 1\nothers = 1",
                "there is no key others; the keys are clients, lab, pool, restart",
            ),
            ("lab = true", "the key clients is missing"),
            (
                "clients = 1\nrestart = 'sometimes'",
                "\"sometimes\" is none of permanent, temporary\n",
            ),
            (
                "clients = 1\nrestart = 'permanant'",
                "is none of permanent, temporary; did you mean permanent?",
            ),
        ] {
            let said = said(text);
            assert!(said.contains(words), "{words:?} is not in {said}");
        }
    }

    #[test]
    fn of_a_line_without_an_end_the_place_is_shown() {
        let text = format!("clients = 1\npool = {}", "0".repeat(70_000));
        let long = said(&text);
        assert!(long.len() < 1_500, "{} bytes", long.len());
        let text = format!(
            "pool = '{}'; wrong{}",
            "a".repeat(70_000),
            "b".repeat(70_000)
        );
        let long = said(&text);
        assert!(
            long.len() < 1_500 && long.contains("…aaa") && long.contains("wrongbbb"),
            "{long}"
        );
    }
}
