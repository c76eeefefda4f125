//! The steps as Cucumber's official extensions of editors read them: definitions in JavaScript that nothing runs.
//!
//! Those extensions look for step definitions in source files; lanherd's are compiled into it. So it writes a file that has each step's
//! expression, and the types of what varies in it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::parameters::PARAMETERS;
use super::vocabulary;

/// What the file is called: where it lies beside feature files, extensions find it without a setting.
pub const FILE_NAME: &str = "lanherd.steps.js";

/// What the file begins with. One that does not is not ours.
pub const FIRST_LINE: &str = "// Made by `lanherd steps --glue`, for editors: lanherd has these steps itself, and nothing runs this file.";

/// The file as a text: types, then steps in the order in which they are listed.
pub fn javascript() -> String {
    let mut text = format!(
        "{FIRST_LINE}\n// It is of lanherd {}: make it anew with the next, and change nothing here.\n/* eslint-disable */\n\n",
        env!("CARGO_PKG_VERSION")
    );
    for one in PARAMETERS.iter() {
        let accepts = one.accepts.replace('\n', " ");
        let regex = in_javascript(&one.regex);
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "// {accepts}\ndefineParameterType({{ name: '{}', regexp: /{regex}/ }})\n",
            one.name
        );
    }
    // Editors do not tell keywords apart: the same words under two of them would be found twice.
    let mut written = BTreeSet::new();
    for one in vocabulary::definitions() {
        if !written.insert(one.pattern) {
            continue;
        }
        let keyword = one.keyword.as_str();
        let _ = writeln!(
            text,
            "// {}\n// {keyword} {}\n{keyword}('{}', () => {{}})\n",
            one.meaning.replace('\n', " "),
            one.example,
            one.pattern.replace('\'', "\\'"),
        );
    }
    text
}

/// The same regular expression as JavaScript reads it between slashes: it has no `(?i:...)` before ECMAScript 2025, so letters of such a
/// group stand there in both cases.
fn in_javascript(regex: &str) -> String {
    let mut text = String::new();
    let mut rest = regex.chars().peekable();
    // How deep in parentheses, where a group without cases began, and whether in brackets.
    let (mut depth, mut any_case, mut is_class) = (0_u32, None, false);
    while let Some(c) = rest.next() {
        match c {
            '\\' => {
                text.push(c);
                text.extend(rest.next());
                continue;
            }
            '[' => is_class = true,
            ']' => is_class = false,
            '(' if !is_class => {
                depth += 1;
                let mut ahead = rest.clone();
                if ahead.by_ref().take(3).eq("?i:".chars()) {
                    any_case = Some(depth);
                    rest = ahead;
                    text.push_str("(?:");
                    continue;
                }
            }
            ')' if !is_class => {
                if any_case == Some(depth) {
                    any_case = None;
                }
                depth = depth.saturating_sub(1);
            }
            '/' => text.push('\\'),
            _ => {}
        }
        if any_case.is_some() && !is_class && c.is_ascii_alphabetic() {
            let _ = write!(
                text,
                "[{}{}]",
                c.to_ascii_uppercase(),
                c.to_ascii_lowercase()
            );
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn a_group_without_cases_has_letters_in_both_and_a_slash_is_escaped() {
        for (rust, javascript) in [
            ("a|b", "a|b"),
            (
                r"(?i:ab[ _-]c|\d(?:e))f",
                r"(?:[Aa][Bb][ _-][Cc]|\d(?:[Ee]))f",
            ),
            (r" ?/ ?\w[(]/", r" ?\/ ?\w[(]\/"),
        ] {
            assert_eq!(in_javascript(rust), javascript);
        }
    }

    #[test]
    fn every_parameter_means_the_same_without_what_javascript_lacks() {
        for one in PARAMETERS.iter() {
            let written = in_javascript(&one.regex);
            let groups = written.matches("(?").count();
            assert_eq!(
                groups,
                written.matches("(?:").count(),
                "{}: {written}",
                one.name
            );
            assert!(
                !written.contains(r"\p") && !written.contains(r"\A") && !written.contains(r"\z"),
                "{written}"
            );
        }
        let target = PARAMETERS.iter().find(|one| one.name == "target");
        let target = in_javascript(&target.expect("targets").regex);
        let target = Regex::new(&format!("^(?:{target})$")).expect("a regular expression");
        for word in [
            "Google DNS",
            "GOOGLE_dns",
            "the Router",
            "client 3",
            "\"x y\"",
            "8.8.8.8",
        ] {
            assert!(target.is_match(word), "{word}: {target}");
        }
    }

    #[test]
    fn every_step_and_type_is_in_the_file_once() {
        let text = javascript();
        assert!(text.starts_with(FIRST_LINE));
        for one in vocabulary::definitions() {
            // Extensions read a backslash as it stands, and JavaScript would not.
            assert!(!one.pattern.contains(['\\', '\'', '\n']), "{}", one.pattern);
            let line = format!("('{}', () => {{}})\n", one.pattern);
            assert_eq!(text.matches(&line).count(), 1, "{line}");
        }
        for one in PARAMETERS.iter() {
            let begins = format!("defineParameterType({{ name: '{}', regexp: /", one.name);
            assert_eq!(text.matches(&begins).count(), 1, "{begins}");
        }
        assert!(text.is_ascii() || text.lines().all(|line| !line.contains('\r')));
    }
}
