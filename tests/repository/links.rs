//! Links between the repository's pages lead somewhere: to files that exist, and to headings that they have.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;

use super::{files, root, shown};

static INLINE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#"\]\(<?([^)>\s]+)>?(?:\s+"[^"]*")?\)|(?:src|href)="([^"]+)""#).expect("a pattern")
});
static REFERENCE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^\[[^\]]+\]:\s+(\S+)").expect("a pattern"));

/// The lines of a page that are no code, with what stands between backticks blanked.
fn prose(page: &str) -> Vec<String> {
    static SPAN: LazyLock<Regex> = LazyLock::new(|| Regex::new("`[^`]*`").expect("a pattern"));
    let mut fence: Option<String> = None;
    let mut lines = Vec::new();
    for line in page.lines() {
        let mark: String = line
            .trim_start()
            .chars()
            .take_while(|c| matches!(c, '`' | '~'))
            .collect();
        match &fence {
            Some(open) if mark.len() >= open.len() && mark.starts_with(open.as_str()) => {
                fence = None;
            }
            Some(_) => {}
            None if mark.len() >= 3 => fence = Some(mark),
            None => lines.push(SPAN.replace_all(line, "").into_owned()),
        }
    }
    lines
}

/// Where the links of a page lead.
pub fn links(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in prose(page) {
        for captures in INLINE.captures_iter(&line) {
            let target = captures
                .get(1)
                .or_else(|| captures.get(2))
                .expect("one of both");
            found.push(target.as_str().to_owned());
        }
        found.extend(
            REFERENCE
                .captures(&line)
                .map(|captures| captures[1].to_owned()),
        );
    }
    found
}

/// The anchors of a page's headings, as GitHub and mdBook make them.
fn anchors(page: &str) -> BTreeSet<String> {
    static LINK: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\[([^\]]*)\]\([^)]*\)").expect("a pattern"));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut anchors = BTreeSet::new();
    let mut is_code = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        }
        let text = line.trim_start_matches('#');
        let depth = line.len() - text.len();
        if is_code || !(1..=6).contains(&depth) || !text.starts_with(' ') {
            continue;
        }
        let text = LINK.replace_all(text.trim(), "$1");
        let words = text.to_lowercase();
        let kept = words
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | ' '));
        let anchor: String = kept.map(|c| if c == ' ' { '-' } else { c }).collect();
        let count = counts.entry(anchor.clone()).or_default();
        anchors.insert(if *count == 0 {
            anchor
        } else {
            format!("{anchor}-{count}")
        });
        *count += 1;
    }
    anchors
}

/// Whether a link leaves the repository.
pub fn is_outside(link: &str) -> bool {
    link.contains("://") || link.starts_with("mailto:")
}

/// `path` without `.` and `..` in it.
pub fn plain(path: &Path) -> PathBuf {
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

/// What is wrong with a link on the page at `from`; `None`: nothing.
fn dead(from: &Path, link: &str) -> Option<String> {
    if is_outside(link) {
        return None;
    }
    let (path, anchor) = link
        .split_once('#')
        .map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let target = match path {
        "" => from.to_owned(),
        path => plain(&from.parent()?.join(path)),
    };
    if !target.exists() {
        return Some(format!("there is no {}", shown(&target)));
    }
    let anchor = anchor?;
    if target.extension().is_none_or(|extension| extension != "md") {
        return None;
    }
    let page = fs::read_to_string(&target).ok()?;
    (!anchors(&page).contains(anchor))
        .then(|| format!("{} has no heading #{anchor}", shown(&target)))
}

#[test]
fn every_link_of_every_page_leads_somewhere() {
    let (mut wrong, mut found) = (Vec::new(), 0);
    for file in files("", ".md") {
        let page = fs::read_to_string(&file).expect("a page");
        for link in links(&page) {
            found += 1;
            if let Some(problem) = dead(&file, &link) {
                wrong.push(format!("{}: ({link}): {problem}", shown(&file)));
            }
        }
    }
    assert!(found > 100, "only {found} links found");
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

/// The files and folders of the repository that a page names between backticks.
fn named(page: &str) -> Vec<String> {
    static PATH: LazyLock<Regex> = LazyLock::new(|| {
        let folders = "benches|crates|dashboards|docs|examples|features|fuzz|packaging|schemas|scripts|src|tests";
        Regex::new(&format!("`((?:{folders})/[A-Za-z0-9_./@-]*)`")).expect("a pattern")
    });
    PATH.captures_iter(page)
        .map(|captures| captures[1].to_owned())
        .collect()
}

#[test]
fn every_file_that_a_page_names_is_there() {
    let mut pages = files("docs", ".md");
    pages.extend(
        [
            "README.md",
            "ARCHITECTURE.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
        ]
        .map(|page| root().join(page)),
    );
    let (mut wrong, mut found) = (Vec::new(), 0);
    for file in pages {
        let page = fs::read_to_string(&file).expect("a page");
        for path in named(&page) {
            found += 1;
            if !root().join(&path).exists() {
                wrong.push(format!("{}: there is no {path}", shown(&file)));
            }
        }
    }
    assert!(found > 20, "only {found} paths found");
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
    assert_eq!(
        named("`src/lib.rs`, `src/**/a.rs`, [`docs/`](docs), `/run/x`"),
        ["src/lib.rs", "docs/"]
    );
}

#[test]
fn links_are_found_in_prose_only_and_anchors_are_made_as_they_are_shown() {
    let page = "\
# A `--tui` page, and *more*
A [link](a.md#b), ![an image](c.png \"with a title\"), `[no](link)`.

```
[nor](here)
# nor a heading
```
[![both](d.svg)](e.md) and [by name][name]

## More
## More
[name]: f.md
";
    assert_eq!(links(page), ["a.md#b", "c.png", "d.svg", "e.md", "f.md"]);
    let expected = ["a---tui-page-and-more", "more", "more-1"];
    assert_eq!(anchors(page), expected.map(str::to_owned).into());
}

#[test]
fn a_link_to_nothing_or_to_no_heading_is_dead() {
    let readme = root().join("README.md");
    assert_eq!(dead(&readme, "https://example.org/#x"), None);
    assert_eq!(dead(&readme, "docs/steps.md#steps"), None);
    assert_eq!(
        dead(&readme, "docs/steps.md#no"),
        Some("docs/steps.md has no heading #no".into())
    );
    assert_eq!(
        dead(&readme, "docs/no.md"),
        Some("there is no docs/no.md".into())
    );
}
