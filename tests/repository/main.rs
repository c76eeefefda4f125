//! What must hold of the repository itself: its pages, its links, its dependencies, what is published.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "this is how a test fails"
)]

mod book;
mod circles;
mod conformance;
mod dependencies;
mod layers;
mod links;
mod names;
mod package;
mod sentences;
mod widths;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The folder of the workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder` of the repository whose names end with `ending`, sorted; without what is built or downloaded.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    const NOT_OURS: [&str; 5] = ["target", "node_modules", "book", "corpus", "artifacts"];
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let entry = entry.expect("an entry");
            let name = entry.file_name().into_string().expect("a name in UTF-8");
            let kind = entry.file_type().expect("its type");
            if kind.is_dir() && !name.starts_with('.') && !NOT_OURS.contains(&name.as_str()) {
                folders.push(entry.path());
            } else if kind.is_file() && name.ends_with(ending) {
                found.push(entry.path());
            }
        }
    }
    found.sort();
    found
}

/// The path below the repository's root, for messages.
fn shown(path: &Path) -> String {
    path.strip_prefix(root())
        .unwrap_or(path)
        .display()
        .to_string()
}

/// Cargo as it was when this was compiled, whoever runs this: the tests of a person who uses sudo are run by root, whose own
/// cargo, if there is one, knows other crates.
fn cargo() -> Command {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .current_dir(root())
        .env("RUSTC", Path::new(env!("CARGO")).with_file_name("rustc"));
    let home = option_env!("CARGO_HOME").map(PathBuf::from);
    if let Some(home) = home.or(option_env!("HOME").map(|home| Path::new(home).join(".cargo"))) {
        cargo.env("CARGO_HOME", home);
    }
    cargo
}

/// What cargo knows of the workspace.
fn metadata(more: &[&str]) -> Value {
    let mut command = cargo();
    command.args(["metadata", "--offline", "--locked", "--format-version=1"]);
    let output = command.args(more).output().expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// Asserts that the page at `path` says `expected`; or writes it there, when the environment asks for that.
fn assert_page(path: &str, expected: &str) {
    let file = root().join(path);
    if env::var_os("LANHERD_WRITE_PAGES").is_some() {
        fs::write(&file, expected).unwrap_or_else(|error| panic!("{path}: {error}"));
    }
    let page = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{path}: {error}"));
    let line = page
        .lines()
        .zip(expected.lines())
        .position(|(stands, wanted)| stands != wanted);
    let line = line.map_or(page.lines().count().min(expected.lines().count()), |line| {
        line
    }) + 1;
    assert!(
        page == expected,
        "{path} is not what its sources say (from line {line} on); write it anew and commit it:\n    \
         LANHERD_WRITE_PAGES=1 cargo test --test repository"
    );
}
