//! What is published compiles: every file that its code includes is in the package.

#![allow(clippy::expect_used, reason = "this is how a test fails")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

/// A path without `.` and `..` in it.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

#[test]
fn every_file_that_the_code_includes_is_published() {
    let list = Command::new(env!("CARGO"))
        .args(["package", "--list", "--offline", "--allow-dirty"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let text = String::from_utf8(list.stdout).expect("text");
    let listed: BTreeSet<PathBuf> = text.lines().map(PathBuf::from).collect();
    assert!(listed.contains(Path::new("src/lib.rs")), "{text}");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut missing, mut found) = (Vec::new(), 0);
    for file in listed
        .iter()
        .filter(|file| file.extension().is_some_and(|e| e == "rs"))
    {
        let Ok(source) = fs::read_to_string(root.join(file)) else {
            continue;
        };
        let folder = file.parent().expect("a folder");
        for opening in ["include_str!(\"", "include_bytes!(\"", "#[path = \""] {
            for rest in source.split(opening).skip(1) {
                let Some((path, _)) = rest.split_once('"') else {
                    continue;
                };
                // Those of this test itself.
                if path.len() < 3 {
                    continue;
                }
                found += 1;
                let included = plain(&folder.join(path));
                if !listed.contains(&included) {
                    missing.push(format!("{}: {}", file.display(), included.display()));
                }
            }
        }
    }
    assert!(found > 10, "{found}");
    assert_eq!(missing, Vec::<String>::new());
}
