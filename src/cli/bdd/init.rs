//! `lanherd bdd --init`: something to begin with.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;

use anyhow::Context as _;

use crate::cli::exit::{Exit, UsageError};
use crate::cli::screen::Screen;

const FILES: [(&str, &str); 2] = [
    ("first.feature", include_str!("init/first.feature")),
    ("README.md", include_str!("init/README.md")),
];

/// Writes the files; none that exists is touched.
pub fn init(folder: &Path, screen: &Screen) -> anyhow::Result<Exit> {
    for (name, _) in FILES {
        let path = folder.join(name);
        if path.exists() {
            return Err(UsageError::because(format!(
                "{} exists already: name another folder",
                path.display()
            )));
        }
    }
    let failed = || {
        format!(
            "{} cannot be written to; name a folder that you may write to",
            folder.display()
        )
    };
    fs::create_dir_all(folder).with_context(failed)?;
    for (name, text) in FILES {
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(folder.join(name));
        match file {
            Ok(mut file) => file.write_all(text.as_bytes()).with_context(failed)?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error).with_context(failed),
        }
    }
    let name = folder.display();
    screen.result(&format!(
        "wrote {name}/first.feature and {name}/README.md\ntry it:  lanherd bdd {name} --lab"
    ));
    Ok(Exit::Well)
}
