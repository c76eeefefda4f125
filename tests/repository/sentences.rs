//! That doc comments say something: a word or two only repeat the name of what stands below.

use std::fs;

use super::{files, shown};

/// The doc comments of a text that end with a full stop, each in one line with the number of its first; what ends without one is
/// told to users as it stands, by the command line.
fn doc_comments(text: &str) -> Vec<(usize, String)> {
    let mut all: Vec<(usize, String)> = Vec::new();
    let mut last = None;
    for (index, line) in text.lines().enumerate() {
        let Some(said) = line.trim_start().strip_prefix("/// ") else {
            // An empty line of a comment is a part of it.
            if line.trim() == "///" && last.is_some() {
                last = Some(index);
            }
            continue;
        };
        match all.last_mut() {
            Some((_, comment)) if last.is_some_and(|last| last + 1 == index) => {
                comment.push(' ');
                comment.push_str(said);
            }
            _ => all.push((index + 1, said.to_owned())),
        }
        last = Some(index);
    }
    all.retain(|(_, comment)| comment.ends_with('.'));
    all
}

#[test]
fn no_doc_comment_is_a_word_or_two() {
    let (mut seen, mut short) = (0, Vec::new());
    for path in files("src", ".rs")
        .into_iter()
        .chain(files("crates", ".rs"))
    {
        let text = fs::read_to_string(&path).expect("a source");
        for (line, comment) in doc_comments(&text) {
            seen += 1;
            if comment.split_whitespace().count() <= 2 {
                short.push(format!("{}:{line}: {comment}", shown(&path)));
            }
        }
    }
    assert!(seen > 4_000, "only {seen} doc comments were found");
    assert!(
        short.is_empty(),
        "say in a sentence what these are:\n{}",
        short.join("\n")
    );
}

#[test]
fn doc_comments_are_found_as_a_whole() {
    let text = "/// It.\nstruct One;\n    /// The first\n    ///\n    /// and the rest.\n    two: u8,\n/// For users\nthree: u8,\n";
    let found = doc_comments(text);
    let expected = [(1, "It."), (3, "The first and the rest.")];
    assert_eq!(
        found,
        expected.map(|(line, comment)| (line, comment.to_owned()))
    );
}
