//! Why a name on the host could not be taken, or given back.

use std::fmt;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use crate::lan::CleanupError;

/// Why a client's name could not be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClaimError {
    #[error(
        "{0} exists already and was not made by lanherd; remove it, or choose another --pool name"
    )]
    Taken(PathBuf),
    #[error("{doing} {path}: {error}")]
    Io {
        doing: &'static str,
        path: PathBuf,
        error: io::Error,
    },
}

pub(crate) fn cleanup(what: impl fmt::Display) -> impl FnOnce(io::Error) -> CleanupError {
    move |error| CleanupError {
        what: what.to_string(),
        why: error.to_string(),
    }
}

pub(super) fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ClaimError {
    move |error| ClaimError::Io {
        doing,
        path: path.to_owned(),
        error,
    }
}

pub(super) fn taken_or_failed(
    doing: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> ClaimError {
    move |error| match error.kind() {
        ErrorKind::AlreadyExists => ClaimError::Taken(path.to_owned()),
        _ => ClaimError::Io {
            doing,
            path: path.to_owned(),
            error,
        },
    }
}
