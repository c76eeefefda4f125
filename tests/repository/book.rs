//! The pages below docs/ are a book (book.toml, docs/SUMMARY.md): each has its place in it, and none leads out of it, since what
//! is outside is not there when the book is read.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::links::{is_outside, links, plain};
use super::{files, root, shown};

/// The chapters that docs/SUMMARY.md lists, in order.
fn chapters() -> Vec<PathBuf> {
    let summary = fs::read_to_string(root().join("docs/SUMMARY.md")).expect("docs/SUMMARY.md");
    links(&summary)
        .iter()
        .map(|link| root().join("docs").join(link))
        .collect()
}

#[test]
fn every_page_has_its_one_place_in_the_book() {
    let listed = chapters();
    let chapters: BTreeSet<PathBuf> = listed.iter().cloned().collect();
    assert_eq!(
        listed.len(),
        chapters.len(),
        "a chapter stands twice in docs/SUMMARY.md"
    );
    let pages: BTreeSet<PathBuf> = files("docs", ".md")
        .into_iter()
        .filter(|page| !page.ends_with("SUMMARY.md"))
        .collect();
    let missing: Vec<String> = pages
        .difference(&chapters)
        .map(|page| shown(page))
        .collect();
    assert_eq!(
        missing,
        Vec::<String>::new(),
        "pages without a line in docs/SUMMARY.md"
    );
    let absent: Vec<String> = chapters
        .difference(&pages)
        .map(|page| shown(page))
        .collect();
    assert_eq!(
        absent,
        Vec::<String>::new(),
        "lines of docs/SUMMARY.md without a page"
    );
}

#[test]
fn no_page_of_the_book_leads_out_of_it() {
    let book = root().join("docs");
    let mut wrong = Vec::new();
    for page in chapters() {
        let text = fs::read_to_string(&page).expect("a page");
        for link in links(&text) {
            let path = link.split('#').next().unwrap_or_default();
            let folder = page.parent().expect("a folder");
            if !is_outside(&link) && !plain(&folder.join(path)).starts_with(&book) {
                wrong.push(format!("{}: ({link})", shown(&page)));
            }
        }
    }
    let remedy = "name the file without a link: the book has only what is below docs/";
    assert!(wrong.is_empty(), "\n{}\n{remedy}", wrong.join("\n"));
}

#[test]
fn every_decision_is_listed_once_under_its_number() {
    let list =
        fs::read_to_string(root().join("docs/decisions/README.md")).expect("the list of decisions");
    let decisions: Vec<PathBuf> = files("docs/decisions", ".md")
        .into_iter()
        .filter(|page| !page.ends_with("README.md"))
        .collect();
    assert!(decisions.len() > 20, "{decisions:?}");
    for (number, page) in (1..).zip(&decisions) {
        let name = page.file_name().expect("a name").to_string_lossy();
        assert!(
            name.starts_with(&format!("{number:04}-")),
            "{name} should have number {number}"
        );
        let text = fs::read_to_string(page).expect("a page");
        let title = text.lines().next().unwrap_or_default();
        assert!(
            title.starts_with(&format!("# {number}. ")),
            "{name}: {title}"
        );
        for part in ["**Context.**", "**Decision.**", "**Consequence.**"] {
            assert!(text.contains(part), "{name} has no {part}");
        }
        assert_eq!(
            links(&list).iter().filter(|link| **link == name).count(),
            1,
            "{name} in the list"
        );
    }
}
