//! The files of a pool's folder: JSON, with the version of their format. They may have been cut short by a kill, be somebody
//! else's, or be written by another lanherd; each of these is told, and none is taken for a file that says less.
//!
//! Fields that are not known are passed over, so a field may be added within a version as long as whoever does not know it
//! still does right: cleans up, releases and takes over what there is. Otherwise [`VERSION`] goes up, and an older lanherd
//! leaves the file alone.

use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::folder::Folder;

/// The version of the format that is written, and the latest that is read.
const VERSION: u64 = 1;

/// The content of a state file.
pub(crate) trait Content: Serialize + DeserializeOwned {
    /// What such a file is, for messages: `record of a lease`.
    const KIND: &'static str;

    /// What to do about one that cannot be read, with what that costs, for messages.
    const REMEDY: &'static str;

    /// The first key of such a file in the text format that was written before JSON.
    const FIRST_KEY: &'static str;

    /// Parses a file in the text format that was written before JSON; `None` where the text is not a whole one.
    fn parse_text_format(text: &str) -> Option<Self>;
}

/// Why a state file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unusable {
    /// It ends before its content does, or is empty.
    #[error("is cut short: {remedy}")]
    CutShort {
        /// What to do about it.
        remedy: &'static str,
    },
    /// It says what no lanherd has written.
    #[error("is no {kind} that lanherd wrote ({why}): {remedy}")]
    Damaged {
        /// What it should be.
        kind: &'static str,
        /// What is wrong with it.
        why: String,
        /// What to do about it.
        remedy: &'static str,
    },
    /// Its format is a later one.
    #[error(
        "was written by a newer lanherd, in version {version} of its format, and this one knows versions up to {VERSION}: \
         use the newer one"
    )]
    Newer {
        /// The version of its format.
        version: u64,
    },
}

impl Unusable {
    /// Returns the one that an error stands for, if it does.
    pub fn of(error: &io::Error) -> Option<&Self> {
        error
            .get_ref()?
            .downcast_ref::<InFile>()
            .map(|in_file| &in_file.why)
    }
}

/// Why the file of this path cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{path} {why}")]
struct InFile {
    path: String,
    why: Unusable,
}

/// A content with the version before it.
#[derive(Serialize)]
struct Versioned<'a, C> {
    version: u64,
    #[serde(flatten)]
    content: &'a C,
}

/// The version alone, whatever else there is.
#[derive(Deserialize)]
struct VersionOnly {
    version: u64,
}

/// Returns the text of a file with this content.
pub(crate) fn to_text<C: Content>(content: &C) -> io::Result<String> {
    let version = VERSION;
    let mut text = serde_json::to_string(&Versioned { version, content })?;
    text.push('\n');
    Ok(text)
}

/// Parses the text of a file, in whichever format.
pub(crate) fn parse<C: Content>(text: &str) -> Result<C, Unusable> {
    if !text.trim_start().starts_with('{') {
        return parse_text_format(text);
    }
    // The version first: a later format may differ in anything else.
    let VersionOnly { version } = from_json::<C, _>(text)?;
    match version {
        VERSION => from_json::<C, _>(text),
        0 => Err(damaged::<C>(
            "there is no version 0 of its format".to_owned(),
        )),
        version => Err(Unusable::Newer { version }),
    }
}

fn from_json<C: Content, T: DeserializeOwned>(text: &str) -> Result<T, Unusable> {
    serde_json::from_str(text).map_err(|error| {
        if error.is_eof() {
            cut_short::<C>()
        } else {
            damaged::<C>(error.to_string())
        }
    })
}

fn parse_text_format<C: Content>(text: &str) -> Result<C, Unusable> {
    C::parse_text_format(text).ok_or_else(|| {
        if text.starts_with(C::FIRST_KEY) || C::FIRST_KEY.starts_with(text) {
            cut_short::<C>()
        } else {
            damaged::<C>("it is no JSON object".to_owned())
        }
    })
}

fn cut_short<C: Content>() -> Unusable {
    Unusable::CutShort { remedy: C::REMEDY }
}

fn damaged<C: Content>(why: String) -> Unusable {
    Unusable::Damaged {
        kind: C::KIND,
        why,
        remedy: C::REMEDY,
    }
}

/// Reads a file; `None` where there is none, and an error that names the file where it cannot be used.
pub(crate) fn read<C: Content>(folder: &Folder, name: &str) -> io::Result<Option<C>> {
    read_as(folder, name, |content: C| Ok(content))
}

/// Reads a file of which `convert` makes what is wanted; its error says what is wrong with the content.
pub(crate) fn read_as<C: Content, T>(
    folder: &Folder,
    name: &str,
    convert: impl FnOnce(C) -> Result<T, String>,
) -> io::Result<Option<T>> {
    let Some(text) = folder.read(name)? else {
        return Ok(None);
    };
    parse(&text)
        .and_then(|content| convert(content).map_err(damaged::<C>))
        .map(Some)
        .map_err(|why| {
            let path = folder.join(name).display().to_string();
            io::Error::new(io::ErrorKind::InvalidData, InFile { path, why })
        })
}

/// Puts a file in place of another, for the owner only: whoever reads it, at whatever instant this process is killed,
/// finds the old one or the whole new one.
pub(crate) fn replace<C: Content>(folder: &Folder, name: &str, content: &C) -> io::Result<()> {
    folder.replace(name, &draft_of(name), &to_text(content)?)
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

/// Bytes as hexadecimal digits, in JSON a string.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Hex(pub Vec<u8>);

impl From<Hex> for String {
    fn from(Hex(bytes): Hex) -> Self {
        use std::fmt::Write as _;
        bytes.iter().fold(Self::new(), |mut text, byte| {
            // Writing to a String does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
    }
}

impl TryFrom<String> for Hex {
    type Error = &'static str;

    fn try_from(digits: String) -> Result<Self, Self::Error> {
        let refused = "bytes are an even number of hexadecimal digits";
        let pair = |pair: &[u8]| {
            // Not "+1", which is a number as well.
            if !pair.iter().all(u8::is_ascii_hexdigit) {
                return None;
            }
            u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()
        };
        if !digits.len().is_multiple_of(2) {
            return Err(refused);
        }
        let bytes: Option<Vec<u8>> = digits.as_bytes().chunks(2).map(pair).collect();
        bytes.map(Self).ok_or(refused)
    }
}

#[cfg(test)]
mod tests;
