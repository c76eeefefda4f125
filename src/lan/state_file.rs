//! The files of a pool's folder: one thing a line, a key and what it is. They may have been cut short by a kill, or be
//! somebody else's.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The word for a value that is not there.
pub(super) const NONE: &str = "none";

/// The last line of a file that is of no use unless it is whole.
pub(super) const END: &str = "end\n";

/// What stands behind `key` in each of its lines.
pub(super) fn fields<'a>(text: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter_map(move |line| line.strip_prefix(key)?.strip_prefix(' '))
}

/// What stands behind `key` in its first line.
pub(super) fn field<'a>(text: &'a str, key: &'a str) -> Option<&'a str> {
    fields(text, key).next()
}

/// A value or the word for none; an error where it is neither.
pub(super) fn optional<T: FromStr>(text: &str) -> Result<Option<T>, T::Err> {
    match text {
        NONE => Ok(None),
        value => value.parse().map(Some),
    }
}

/// A value as [`optional`] reads it.
pub(super) fn or_none<T: fmt::Display>(value: Option<T>) -> String {
    value.map_or_else(|| NONE.to_owned(), |value| value.to_string())
}

/// The text of a file, if it exists.
pub(super) fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Puts a file in place of another, for the owner only: whoever reads it, at whatever instant this process is killed,
/// finds the old one or the whole new one.
pub(super) fn replace(path: &Path, text: &str) -> io::Result<()> {
    let draft = draft_of(path);
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)
        .and_then(|mut file| file.write_all(text.as_bytes()))
        .and_then(|()| fs::rename(&draft, path))
}

/// Removes a file and its draft; where there are none that is fine.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    absent_is_fine(fs::remove_file(draft_of(path)))
        .and_then(|()| absent_is_fine(fs::remove_file(path)))
}

/// The end of a draft's name.
pub(super) const DRAFT: &str = ".new";

/// Where a new file is written before it is put in place.
fn draft_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(DRAFT);
    name.into()
}

/// Whether what was to be removed is not there any more.
pub(super) fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
