//! The files of a pool's folder: one thing a line, a key and what it is. They may have been cut short by a kill, or be
//! somebody else's.

use std::fmt;
use std::io;
use std::str::FromStr;

use super::folder::Folder;

/// The word for a value that is not there.
pub(crate) const NONE: &str = "none";

/// The last line of a file that is of no use unless it is whole.
pub(crate) const END: &str = "end\n";

/// Returns the values of `key`, one for each of its lines.
pub(crate) fn fields<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter_map(move |line| line.strip_prefix(key)?.strip_prefix(' '))
}

/// Returns the value of `key` in its first line.
pub(crate) fn field<'a>(text: &'a str, key: &'a str) -> Option<&'a str> {
    fields(text, key).next()
}

/// A value or the word for none; an error where it is neither.
pub(crate) fn optional<T: FromStr>(text: &str) -> Result<Option<T>, T::Err> {
    match text {
        NONE => Ok(None),
        value => value.parse().map(Some),
    }
}

/// A value as [`optional`] reads it.
pub(crate) fn or_none<T: fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| value.to_string())
}

/// Puts a file in place of another, for the owner only: whoever reads it, at whatever instant this process is killed,
/// finds the old one or the whole new one.
pub(crate) fn replace(folder: &Folder, name: &str, text: &str) -> io::Result<()> {
    folder.replace(name, &draft_of(name), text)
}

/// Removes a file and its draft; where there are none that is fine.
pub(crate) fn remove(folder: &Folder, name: &str) -> io::Result<()> {
    folder
        .remove(&draft_of(name))
        .and_then(|()| folder.remove(name))
}

/// The end of a draft's name.
pub(crate) const DRAFT: &str = ".new";

/// Where a new file is written before it is put in place.
fn draft_of(name: &str) -> String {
    format!("{name}{DRAFT}")
}
