//! That the name of a type stands for one thing.
//!
//! A *part* is what is compiled as one and read as one: the sources of a crate; its unit tests; each program of tests, each
//! benchmark. Within a part no two types have one name. Tests stand apart from what they test, since nothing but themselves
//! can name their types.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path};

use super::{files, root, shown};

/// Names that may stand for more than one type of a part: the crate, the name, and why.
const ALLOWED: [(&str, &str, &str); 1] = [(
    "lanherd",
    "Args",
    "the arguments of one subcommand, clap's word, always named with its module: `up::Args`",
)];

/// What is compiled as one, for people: `lanherd`, `the tests of lanherd`, `tests/e2e`.
fn part(path: &Path, is_test: bool) -> String {
    let below = path.strip_prefix(root()).unwrap_or(path);
    let names: Vec<_> = below
        .components()
        .map(|one| match one {
            Component::Normal(name) => name.to_str().expect("a name in UTF-8"),
            _ => "",
        })
        .collect();
    let (package, rest) = match names.as_slice() {
        ["crates", package, rest @ ..] => (*package, rest),
        ["fuzz", rest @ ..] => ("fuzz", rest),
        rest => ("lanherd", rest),
    };
    match rest {
        ["src", ..] if is_test => format!("the tests of {package}"),
        ["src", ..] => package.to_owned(),
        [folder, target, ..] => format!("{package}: {folder}/{}", target.trim_end_matches(".rs")),
        _ => format!("{package}: {}", rest.join("/")),
    }
}

/// Whether a file of `src` is one of tests alone.
fn is_of_tests(path: &Path) -> bool {
    let is_tests = |one: Component| one.as_os_str() == "tests" || one.as_os_str() == "tests.rs";
    let below = path.strip_prefix(root()).unwrap_or(path);
    below
        .components()
        .skip_while(|one| one.as_os_str() != "src")
        .any(is_tests)
}

/// The name of the type that a line defines, if it does; a type that belongs to a trait is none of its own.
fn defined(line: &str) -> Option<&str> {
    let code = line.trim_start();
    let is_inner = code.len() < line.len();
    let code = match code.strip_prefix("pub") {
        Some(rest) if rest.starts_with('(') => rest.split_once(')')?.1,
        Some(rest) => rest,
        None => code,
    };
    let code = code.trim_start();
    let code = code.strip_prefix("unsafe ").unwrap_or(code);
    let (kind, rest) = code.split_once(' ')?;
    let is_kind =
        matches!(kind, "struct" | "enum" | "trait" | "union") || kind == "type" && !is_inner;
    let end = rest
        .find(|c: char| !c.is_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    let is_name = rest.starts_with(|c: char| c.is_ascii_uppercase());
    (is_kind && is_name).then(|| &rest[..end])
}

/// The types that a file defines, each with whether it is of a test. One that a file defines twice, for two configurations, is
/// one to whoever reads it.
fn types(text: &str, is_test: bool) -> BTreeSet<(bool, &str)> {
    let mut is_test = is_test;
    let mut types = BTreeSet::new();
    for line in text.lines() {
        // Tests stand at the end of a file.
        is_test = is_test || line == "mod tests {";
        types.extend(defined(line).map(|name| (is_test, name)));
    }
    types
}

/// The files that define each name, by part and name.
fn all() -> BTreeMap<(String, String), Vec<String>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for path in files("", ".rs") {
        let text =
            fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", shown(&path)));
        for (is_test, name) in types(&text, is_of_tests(&path)) {
            let key = (part(&path, is_test), name.to_owned());
            all.entry(key).or_default().push(shown(&path));
        }
    }
    all
}

#[test]
fn the_name_of_a_type_stands_for_one_thing_in_a_crate() {
    let all = all();
    assert!(all.len() > 500, "only {} types were found", all.len());
    let is_double = |(part, name): (&str, &str)| {
        all.get(&(part.to_owned(), name.to_owned()))
            .is_some_and(|files| files.len() > 1)
    };
    let mut wrong = Vec::new();
    for ((part, name), files) in all.iter().filter(|(_, files)| files.len() > 1) {
        let key = (part.as_str(), name.as_str());
        if !ALLOWED.iter().any(|(part, name, _)| (*part, *name) == key) {
            wrong.push(format!(
                "{name} stands for more than one type of {part}; rename all but one: {}",
                files.join(", ")
            ));
        }
    }
    for (part, name, _) in ALLOWED {
        if !is_double((part, name)) {
            wrong.push(format!(
                "{name} is not double in {part}: strike it from ALLOWED"
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn types_are_found_however_they_are_written() {
    let text = "pub struct One(u8);\npub(in crate::a) enum Two<T> {\n    type Inner = u8;\n    pub(super) struct Three;\n\
                type Four = u8;\nimpl One {}\n// a struct Five\nunsafe trait Six {}\nmod tests {\n    struct One;\n";
    let found: Vec<_> = types(text, false).into_iter().collect();
    assert_eq!(
        found,
        [
            (false, "Four"),
            (false, "One"),
            (false, "Six"),
            (false, "Three"),
            (false, "Two"),
            (true, "One")
        ]
    );
}

#[test]
fn unit_tests_and_programs_of_tests_are_parts_of_their_own() {
    let of = |path: &str| {
        let path = root().join(path);
        part(&path, is_of_tests(&path))
    };
    assert_eq!(of("src/pool/state.rs"), "lanherd");
    assert_eq!(of("src/pool/tests/storms.rs"), "the tests of lanherd");
    assert_eq!(
        of("crates/lanherd-dhcp/src/client/tests.rs"),
        "the tests of lanherd-dhcp"
    );
    assert_eq!(of("tests/e2e/tui.rs"), "lanherd: tests/e2e");
    assert_eq!(of("tests/features.rs"), "lanherd: tests/features");
    assert_eq!(
        of("crates/lanherd-net/tests/arp.rs"),
        "lanherd-net: tests/arp"
    );
}
