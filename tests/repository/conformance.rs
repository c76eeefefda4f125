//! Holds each page of [`LISTS`] to its list of requirements, and both to the citations in the code.
//!
//! A citation is a comment of one line, `// SOURCE: RULE.`, in the words of a requirement. One that stands above a test, with
//! nothing but attributes between, says that the test holds the rule; any other says that the code after it, or around it,
//! keeps the rule.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;
use serde::Deserialize;

use super::{assert_page, files, root, shown};

/// The lists of requirements below docs, one for each protocol, each with the page that is made of it.
const LISTS: [(&str, &str); 3] = [
    ("docs/conformance.toml", "docs/conformance.md"),
    ("docs/conformance-dhcp6.toml", "docs/conformance-dhcp6.md"),
    ("docs/conformance-ndp.toml", "docs/conformance-ndp.md"),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Requirements {
    /// The page's title.
    title: String,
    /// Whose requirements they are, as the page says it.
    subject: String,
    topic: Vec<Topic>,
    /// What lanherd decides otherwise.
    departure: Vec<Departure>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Topic {
    title: String,
    requirement: Vec<Requirement>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Requirement {
    rule: String,
    source: String,
    /// Why the rule could not be compared with the text of its source, where it could not.
    unchecked: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Departure {
    /// What the source asks for.
    rule: String,
    source: String,
    /// What lanherd does, and why.
    instead: String,
}

impl Requirements {
    fn parse(path: &str, text: &str) -> Self {
        toml::from_str(text).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn all(&self) -> impl Iterator<Item = &Requirement> {
        self.topic.iter().flat_map(|topic| &topic.requirement)
    }
}

/// A citation, where it stands.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Citation {
    text: String,
    /// The file's path in the repository, with the line.
    place: String,
    /// As the page names it: the function or type, and the file.
    name: String,
    is_test: bool,
}

fn text_of(source: &str, rule: &str) -> String {
    format!("{source}: {rule}.")
}

static CITATION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^\s*// ((?:RFC [0-9]+(?:, [0-9a-z.() ]+)?|Field practice): .+\.)$")
        .expect("a pattern")
});
static ITEM: LazyLock<Regex> = LazyLock::new(|| {
    let item = r"^\s*(?:pub(?:\([a-z: ]+\))? )?(?:async |unsafe |const )*(?:fn|struct|enum|trait|const|static) (\w+)";
    Regex::new(item).expect("a pattern")
});

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Whether a line stands between a comment and its item: more comments, and attributes.
fn is_between(line: &str) -> bool {
    let line = line.trim_start();
    line.starts_with("//") || line.starts_with("#[")
}

/// The citations in the file `path`, whose code is `code`; `Err`: one stands in tests, but at none.
fn citations(path: &Path, code: &str) -> Result<Vec<Citation>, String> {
    let lines: Vec<&str> = code.lines().collect();
    let of_tests =
        path.components().any(|part| part.as_os_str() == "tests") || path.ends_with("tests.rs");
    // Unit tests stand at the end of a file.
    let tests_from = if of_tests {
        0
    } else {
        let module = |line: &&str| line.starts_with("mod tests {");
        lines.iter().position(module).unwrap_or(lines.len())
    };
    let mut found = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let Some(captures) = CITATION.captures(line) else {
            continue;
        };
        let text = captures[1].to_owned();
        let place = format!("{}:{}", path.display(), number + 1);
        let is_test = number >= tests_from;
        let mut after = lines[number + 1..].iter();
        let between: Vec<&&str> = after.by_ref().take_while(|line| is_between(line)).collect();
        let next = lines.get(number + 1 + between.len());
        let next = next
            .and_then(|line| ITEM.captures(line))
            .map(|item| item[1].to_owned());
        let has_attribute = between.iter().any(|line| line.contains("test]"));
        let name = if is_test {
            // A program of tests without libtest's harness names its tests in a list.
            let is_listed = next
                .as_ref()
                .is_some_and(|name| code.matches(name.as_str()).count() > 1);
            next.filter(|_| has_attribute || is_listed).ok_or_else(|| {
                format!("{place}: a citation in tests stands directly above a test: {text}")
            })?
        } else {
            let around = || {
                let before = lines[..number].iter().rev();
                let mut outer =
                    before.filter(|outer| !outer.trim().is_empty() && indent(outer) < indent(line));
                outer
                    .find_map(|outer| ITEM.captures(outer))
                    .map(|item| item[1].to_owned())
            };
            next.or_else(around).ok_or_else(|| {
                format!("{place}: a citation that no function or type is around or after: {text}")
            })?
        };
        found.push(Citation {
            text,
            place,
            name: format!("`{name}` in {}", file_name(path)),
            is_test,
        });
    }
    Ok(found)
}

/// The file's name, with its folder's where the name alone says nothing.
fn file_name(path: &Path) -> String {
    let name = |path: &Path| {
        path.file_name()
            .map_or(String::new(), |name| name.to_string_lossy().into_owned())
    };
    match (name(path), path.parent().map(name)) {
        (file, Some(folder))
            if matches!(file.as_str(), "tests.rs" | "mod.rs" | "main.rs" | "lib.rs") =>
        {
            format!("{folder}/{file}")
        }
        (file, _) => file,
    }
}

/// What is wrong: citations of no requirement, requirements that nothing keeps or nothing tests, the same twice.
fn problems(lists: &[Requirements], citations: &[Citation]) -> Vec<String> {
    let mut problems = Vec::new();
    let mut known = BTreeSet::new();
    for requirement in lists.iter().flat_map(Requirements::all) {
        let text = text_of(&requirement.source, &requirement.rule);
        let cited = |is_test| {
            citations
                .iter()
                .any(|citation| citation.is_test == is_test && citation.text == text)
        };
        for (is_test, what) in [(false, "no code"), (true, "no test")] {
            if !cited(is_test) {
                problems.push(format!("{what} cites this requirement: // {text}"));
            }
        }
        if !CITATION.is_match(&format!("// {text}")) {
            problems.push(format!(
                "this requirement's source is none that a citation can have: {text}"
            ));
        }
        if !known.insert(text.clone()) {
            problems.push(format!("this requirement stands twice below docs: {text}"));
        }
    }
    for departure in lists.iter().flat_map(|list| &list.departure) {
        known.insert(text_of(&departure.source, &departure.rule));
    }
    for citation in citations {
        if !known.contains(&citation.text) {
            let nearest = known.iter().max_by(|one, other| {
                let like = |text: &str| strsim::jaro_winkler(text, &citation.text);
                like(one).total_cmp(&like(other))
            });
            problems.push(format!(
                "{}: this cites no requirement of any list below docs: // {}\n    the nearest is: // {}",
                citation.place,
                citation.text,
                nearest.map_or("none", String::as_str)
            ));
        }
    }
    problems
}

fn names(citations: &[Citation], text: &str, is_test: bool) -> String {
    let matching = citations
        .iter()
        .filter(|citation| citation.text == text && citation.is_test == is_test);
    let names: BTreeSet<&str> = matching.map(|citation| citation.name.as_str()).collect();
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// The RFC of a source, or all of it where it is none.
fn document(source: &str) -> &str {
    source
        .split_once(", ")
        .map_or(source, |(document, _)| document)
}

fn page(path: &str, requirements: &Requirements, citations: &[Citation]) -> String {
    let mut page = introduction(path, requirements);
    let mut counts: BTreeMap<&str, (usize, usize, usize)> = BTreeMap::new();
    for requirement in requirements.all() {
        let text = text_of(&requirement.source, &requirement.rule);
        let count = |is_test| {
            citations
                .iter()
                .filter(|it| it.text == text && it.is_test == is_test)
                .count()
        };
        let entry = counts.entry(document(&requirement.source)).or_default();
        entry.0 += 1;
        entry.1 += count(false);
        entry.2 += count(true);
    }
    page.push_str("| document | requirements | places in the code | tests |\n|---|--:|--:|--:|\n");
    for (document, (rules, code, tests)) in counts {
        _ = writeln!(page, "| {document} | {rules} | {code} | {tests} |");
    }
    for topic in &requirements.topic {
        _ = writeln!(page, "\n## {}\n", topic.title);
        for Requirement {
            rule,
            source,
            unchecked,
        } in &topic.requirement
        {
            let text = text_of(source, rule);
            let unchecked = unchecked.as_ref().map_or(String::new(), |why| {
                format!("; not compared with its text: {why}")
            });
            _ = writeln!(page, "- **{rule}** ({source}{unchecked})");
            _ = writeln!(page, "  - code: {}", names(citations, &text, false));
            _ = writeln!(page, "  - tests: {}", names(citations, &text, true));
        }
    }
    page.push_str("\n## Decided otherwise\n\n");
    page.push_str(
        "| what the document asks for | document | what lanherd does, and why |\n|---|---|---|\n",
    );
    for Departure {
        rule,
        source,
        instead,
    } in &requirements.departure
    {
        _ = writeln!(page, "| {rule} | {source} | {instead} |");
    }
    page
}

/// The page's title, and what it is.
fn introduction(path: &str, requirements: &Requirements) -> String {
    let Requirements { title, subject, .. } = requirements;
    let first = requirements.all().next().expect("a requirement");
    let example = text_of(&first.source, &first.rule);
    format!(
        "\
<!-- Generated: LANHERD_WRITE_PAGES=1 cargo test --test repository -->

# {title}

What {subject} keeps of the standards, in our own words, with the code that keeps it and the tests that hold it. The
requirements stand in `{path}`; each is cited at its code and at its tests by a comment of one line, such as

```rust
// {example}
```

A test fails when a requirement has no code or no test, when a comment cites none, and when this page is not what they say. A
citation says where to look; whether the code is right is for its tests to say. What the documents ask for and lanherd does not do
stands [at the end](#decided-otherwise). \u{201c}Field practice\u{201d} is what no RFC says and routers in the field make necessary.

"
    )
}

fn of_the_repository() -> (Vec<Requirements>, Vec<Citation>) {
    let list = |(path, _)| {
        let text =
            fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
        Requirements::parse(path, &text)
    };
    let mut found = Vec::new();
    for folder in ["src", "crates", "tests"] {
        // The crates are a folder of the repository, not of the package.
        if !root().join(folder).exists() {
            continue;
        }
        for file in files(folder, ".rs") {
            // The tests of this have citations of nothing.
            if file.ends_with("repository/conformance.rs") {
                continue;
            }
            let code = fs::read_to_string(&file).expect("code");
            let of_file = citations(Path::new(&shown(&file)), &code);
            found.extend(of_file.unwrap_or_else(|problem| panic!("{problem}")));
        }
    }
    found.sort();
    (LISTS.map(list).into(), found)
}

#[test]
fn every_requirement_has_code_and_tests_and_the_page_says_which() {
    let (lists, citations) = of_the_repository();
    let problems = problems(&lists, &citations);
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
    for ((path, written), requirements) in LISTS.into_iter().zip(&lists) {
        assert_page(written, &page(path, requirements, &citations));
    }
}

const TWO: &str = "
title = 'Two'
subject = 'a test'
[[topic]]
title = 'T'
requirement = [
    { rule = 'a lease ends', source = 'RFC 2131, 4.4.5' },
    { rule = 'it is told', source = 'Field practice', unchecked = 'there is none' },
]
[[departure]]
rule = 'a probe is sent'
source = 'RFC 5227, 2.1'
instead = 'Off.'
";

fn read(path: &str, code: &str) -> Vec<Citation> {
    citations(Path::new(path), code).expect("citations")
}

#[test]
fn what_has_no_code_or_no_test_and_what_cites_nothing_is_a_problem() {
    let requirements = [Requirements::parse("two.toml", TWO)];
    let code = "// RFC 2131, 4.4.5: a lease ends.\nfn end() {}\n// Field practice: it is told.\nfn tell() {}\n";
    let tests = "// RFC 2131, 4.4.5: a lease ends.\n#[test]\nfn it_ends() {}\n";
    let mut all = read("src/lease.rs", code);
    all.extend(read("src/lease/tests.rs", tests));
    assert_eq!(
        problems(&requirements, &all),
        ["no test cites this requirement: // Field practice: it is told."]
    );
    all.extend(read(
        "tests/told.rs",
        "// Field practice: it is told.\n#[test]\nfn told() {}\n",
    ));
    assert_eq!(problems(&requirements, &all), Vec::<String>::new());
    all.retain(|citation| citation.is_test || citation.text.starts_with("Field"));
    assert_eq!(
        problems(&requirements, &all),
        ["no code cites this requirement: // RFC 2131, 4.4.5: a lease ends."]
    );

    all.extend(read(
        "src/a.rs",
        "// RFC 2131, 4.4.5: a lease ends.\n// RFC 2131, 4.4.6: a lease ends.\nfn end() {}",
    ));
    let problems = problems(&requirements, &all);
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(
        problems[0].starts_with("src/a.rs:2: this cites no requirement"),
        "{problems:?}"
    );
    assert!(
        problems[0].ends_with("the nearest is: // RFC 2131, 4.4.5: a lease ends."),
        "{problems:?}"
    );
}

#[test]
fn a_citation_is_of_the_item_that_follows_or_of_the_one_around_it() {
    let code = "\
impl Client {
    /// Ends.
    // RFC 1, 2: one.
    #[must_use]
    pub(super) const fn end(&self) {}

    fn tell(&self) {
        let it = 1;
        // RFC 1, 3(4) and 5: two.
        if it == 1 {}
    }
}

// RFC 1: prose that goes on
// and ends here.
#[cfg(test)]
mod tests {
    // Field practice: three.
    #[tokio::test]
    async fn three() {}
}
";
    let found = read("src/dhcp/client.rs", code);
    let short: Vec<(&str, &str, bool)> = found
        .iter()
        .map(|it| (it.text.as_str(), it.name.as_str(), it.is_test))
        .collect();
    assert_eq!(
        short,
        [
            ("RFC 1, 2: one.", "`end` in client.rs", false),
            ("RFC 1, 3(4) and 5: two.", "`tell` in client.rs", false),
            ("Field practice: three.", "`three` in client.rs", true),
        ]
    );
}

#[test]
fn a_citation_in_tests_that_stands_at_no_test_is_refused() {
    let helper = "// RFC 1, 2: one.\nfn helper() {}\n";
    let problem = citations(Path::new("tests/a.rs"), helper).expect_err("a problem");
    assert!(
        problem.starts_with("tests/a.rs:1: a citation in tests stands directly above a test"),
        "{problem}"
    );
    let listed = format!("{helper}const ALL: [fn(); 1] = [helper];\n");
    assert_eq!(read("tests/lab_router/a.rs", &listed).len(), 1);
}

#[test]
fn the_page_names_each_place_once_and_counts_by_document() {
    let requirements = Requirements::parse("two.toml", TWO);
    let code = "fn end() {\n    // RFC 2131, 4.4.5: a lease ends.\n    // RFC 2131, 4.4.5: a lease ends.\n}\n";
    let page = page("two.toml", &requirements, &read("src/lease.rs", code));
    assert!(page.contains("| RFC 2131 | 1 | 2 | 0 |\n"), "{page}");
    assert!(
        page.contains("- **a lease ends** (RFC 2131, 4.4.5)\n  - code: `end` in lease.rs\n"),
        "{page}"
    );
    assert!(
        page.contains(
            "- **it is told** (Field practice; not compared with its text: there is none)\n"
        ),
        "{page}"
    );
    assert!(
        page.ends_with("| a probe is sent | RFC 5227, 2.1 | Off. |\n"),
        "{page}"
    );
}
