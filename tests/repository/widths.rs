//! That what the C library has as wide as the machine is read as the same number on machines of 32 bits.
//!
//! `./scripts/test 32-bit` has a compiler look at it, which takes a minute; this looks at the few words by which it came about.

use std::fs;

use super::{files, root, shown};

/// Words for numbers that have 32 bits on some machines, and 64 on others.
const WORDS: [&str; 10] = [
    ".st_ino",
    ".st_nlink",
    ".st_blksize",
    ".st_mtime",
    ".tv_sec()",
    ".tv_nsec()",
    "c_long",
    "getrlimit(",
    "rlim_t",
    "time_t",
];

/// Where they stand, and how both widths are read there.
const READ: [(&str, &str, &str); 8] = [
    (
        ".st_ino",
        "crates/lanherd-net/src/rundir/folder.rs",
        "widened, with a test of 32 bits",
    ),
    (".st_ino", "src/cli/journal.rs", "written as text"),
    (
        ".tv_sec()",
        "crates/lanherd-net/src/linux/stamp.rs",
        "by TryFrom; of 2038 and after, read there in 32 bits, it is no stamp",
    ),
    (
        ".tv_nsec()",
        "crates/lanherd-net/src/linux/stamp.rs",
        "by TryFrom",
    ),
    (
        "c_long",
        "crates/lanherd-net/src/sys.rs",
        "a descriptor, by TryFrom",
    ),
    (
        "getrlimit(",
        "src/doctor/facts.rs",
        "widened, with a test of 32 bits",
    ),
    ("getrlimit(", "src/metrics/process.rs", "by TryFrom"),
    (
        "getrlimit(",
        "src/run/limits.rs",
        "compared and set as they are",
    ),
];

#[test]
fn numbers_as_wide_as_the_machine_are_read_where_that_is_seen_to() {
    let mut found = Vec::new();
    for folder in ["src", "crates"] {
        for path in files(folder, ".rs") {
            let name = shown(&path);
            if !name.contains("src/") || name.contains("tests") || name.contains("testkit") {
                continue;
            }
            let text = fs::read_to_string(root().join(&path)).expect("readable");
            let code = text
                .lines()
                .filter(|line| !line.trim_start().starts_with("//"));
            let code: Vec<_> = code.collect();
            for word in WORDS {
                if code.iter().any(|line| has_word(line, word)) {
                    found.push((word, name.clone()));
                }
            }
        }
    }
    let unseen: Vec<_> = found
        .iter()
        .filter(|(word, name)| {
            !READ
                .iter()
                .any(|(known, file, _)| known == word && file == name)
        })
        .collect();
    assert!(
        unseen.is_empty(),
        "numbers of 32 bits on some machines, of 64 on others: read them as both, try ./scripts/test 32-bit, and say here how: {unseen:#?}"
    );
    for (word, file, _) in READ {
        assert!(
            found
                .iter()
                .any(|(known, name)| *known == word && name == file),
            "{word} stands in {file} no more"
        );
    }
}

/// Whether the word stands in the line by itself, and not within a longer one.
fn has_word(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let is_part =
            |one: Option<char>| one.is_some_and(|one| one.is_alphanumeric() || one == '_');
        let begins = word.starts_with('.') || !is_part(line[..at].chars().next_back());
        let ends = word.ends_with(['(', ')']) || !is_part(line[at + word.len()..].chars().next());
        begins && ends
    })
}

#[test]
fn a_word_within_another_is_none() {
    assert!(has_word("let n = found.st_ino;", ".st_ino"));
    assert!(!has_word("fn outstanding_at_one_time_than_may()", "time_t"));
    assert!(has_word("let t: libc::time_t = 0;", "time_t"));
    assert!(!has_word("fn mygetrlimit()", "getrlimit("));
}
