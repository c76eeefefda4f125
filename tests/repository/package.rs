//! What is published, of each crate: every file that its code includes is in the package, and nothing big that nobody needs.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::links::plain;
use super::{cargo, metadata, shown};

/// The largest file that is published, in bytes, but for Cargo.lock.
const MAX_FILE: u64 = 128 * 1024;

/// The workspace's packages: each with its folder, and the files that it is published with.
fn packages() -> Vec<(String, PathBuf, BTreeSet<PathBuf>)> {
    let metadata = metadata(&["--no-deps"]);
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let mut packages = Vec::new();
    for package in metadata["packages"].as_array().expect("packages") {
        // `publish = false` is an empty list of registries.
        if package["publish"].as_array().is_some_and(Vec::is_empty) {
            continue;
        }
        let name = text(&package["name"]);
        let manifest = PathBuf::from(text(&package["manifest_path"]));
        let mut list = cargo();
        list.args([
            "package",
            "--list",
            "--offline",
            "--allow-dirty",
            "-p",
            &name,
        ]);
        let list = list.output().expect("cargo runs");
        assert!(
            list.status.success(),
            "{}",
            String::from_utf8_lossy(&list.stderr)
        );
        let files = String::from_utf8(list.stdout).expect("text");
        let folder = manifest.parent().expect("a folder").to_owned();
        packages.push((name, folder, files.lines().map(PathBuf::from).collect()));
    }
    packages
}

#[test]
fn every_file_that_the_code_includes_is_published() {
    let (mut missing, mut found) = (Vec::new(), 0);
    for (name, folder, listed) in packages() {
        assert!(
            listed.contains(Path::new("src/lib.rs")),
            "{name}: {listed:?}"
        );
        for file in listed
            .iter()
            .filter(|file| file.extension().is_some_and(|e| e == "rs"))
        {
            let Ok(source) = fs::read_to_string(folder.join(file)) else {
                continue;
            };
            let beside = file.parent().expect("a folder");
            for opening in ["include_str!(\"", "include_bytes!(\"", "#[path = \""] {
                for rest in source.split(opening).skip(1) {
                    let Some((path, _)) = rest.split_once('"') else {
                        continue;
                    };
                    found += 1;
                    let included = plain(&beside.join(path));
                    if !listed.contains(&included) {
                        missing.push(format!("{name}: {}: {path}", file.display()));
                    }
                }
            }
        }
    }
    assert!(found > 10, "{found}");
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
fn nothing_big_is_published_that_nobody_needs() {
    for (name, folder, listed) in packages() {
        for file in listed.iter().filter(|file| !file.ends_with("Cargo.lock")) {
            let path = folder.join(file);
            // Two files are made while packaging.
            let Ok(length) = fs::metadata(&path).map(|data| data.len()) else {
                continue;
            };
            assert!(
                length <= MAX_FILE,
                "{name}: {} has {length} bytes: exclude it",
                shown(&path)
            );
            let is_picture = file.extension().is_some_and(|ending| ending == "png");
            assert!(!is_picture, "{name}: {}: a picture", shown(&path));
        }
    }
}

#[test]
fn nothing_that_is_published_needs_the_test_kit_which_is_not() {
    let mut read = 0;
    for (name, folder, listed) in packages() {
        let is_code = |file: &&PathBuf| file.extension().is_some_and(|e| e == "rs");
        for file in listed.iter().filter(is_code) {
            let source = fs::read_to_string(folder.join(file)).expect("a file");
            read += 1;
            let shown = file.display();
            assert!(
                !source.contains("lanherd_testkit"),
                "{name}: {shown} needs the test kit: leave it out of the package (exclude in Cargo.toml)"
            );
        }
    }
    assert!(read > 100, "{read} files");
}
