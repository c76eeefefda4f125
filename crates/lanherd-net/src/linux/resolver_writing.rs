//! Writes a client's resolver file.

use std::io;

use super::endpoint::Endpoint;
use super::error::refused;
use super::resolver::ResolverFile;
use super::shared::Shared;
use lanherd_types::phase::{Failure, Stage};

/// Writes the client's resolver file.
pub(super) fn write_resolver(
    shared: &Shared,
    endpoint: &Endpoint,
    file: ResolverFile,
) -> Result<(), Failure> {
    let entries = shared.host_entries(&endpoint.identity);
    let (comment, lines) = (file.comment(), file.lines());
    let written = match entries.write_resolver(comment, &lines) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            shared.tell_loss(&error);
            entries
                .make_folder()
                .map_err(io::Error::other)
                .and_then(|()| entries.write_resolver(comment, &lines))
        }
        written => written,
    };
    written.map_err(|error| refused(Stage::Configure, "writing the resolver file", &error))?;
    endpoint.set_resolver(file);
    Ok(())
}
