//! That dependencies between the modules of lanherd run one way, as the picture in ARCHITECTURE.md draws them.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::{files, root, shown};

/// Arrows upward that are there with a reason: whose files, what they know, and why.
const ALLOWED: [(&str, [&str; 2], &str); 1] = [(
    "src/activity/",
    ["pool", "run"],
    "each kind of activity adds its own method to `Pool` and to `RunBuilder`, so that one file says all of a kind",
)];

/// Names at the top of the crate, and the modules that they are of.
const EXPORTED: [(&str, &str); 3] = [("Pool", "pool"), ("PoolConfig", "pool"), ("Run", "run")];

/// The modules of lanherd as the picture draws them, from the bottom of what is known to what knows it. Those of a row stand in
/// order, too.
fn picture() -> Vec<String> {
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).expect("the page");
    let lines = page.lines().skip_while(|line| !line.contains("lanherd: "));
    let rows = lines.take_while(|line| !line.starts_with("```"));
    let mut modules = Vec::new();
    for row in rows {
        let row = row.trim_start().trim_start_matches("lanherd: ");
        // What stands behind the modules says what they are.
        let names = row.split("  ").next().unwrap_or_default();
        let names = names
            .split(", ")
            .filter(|name| !name.is_empty() && *name != "│");
        modules.extend(names.map(str::to_owned));
    }
    modules
}

/// The module that a file below src/ belongs to.
fn module(path: &Path) -> Option<String> {
    let below = path.strip_prefix(root().join("src")).ok()?;
    let first = below.components().next()?.as_os_str().to_str()?;
    let name = first.trim_end_matches(".rs").to_owned();
    (name != "lib" && name != "main").then_some(name)
}

/// What a file imports or names of its crate: the first names behind `crate::` or `lanherd::`, without those of tests.
fn known(text: &str) -> Vec<String> {
    static PATH: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\b(?:crate|lanherd)::(\w+|\{[^;]*\})").expect("a pattern"));
    static INNER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\{[^{}]*\}").expect("a pattern"));
    let code = text.split("\nmod tests {").next().unwrap_or_default();
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    let code: Vec<_> = code.lines().filter(is_code).collect();
    let code = code.join("\n");
    let mut names = Vec::new();
    for found in PATH.captures_iter(&code) {
        let mut what = found[1].trim_start_matches('{').to_owned();
        // Of a group within a group only what stands before it counts.
        while INNER.is_match(&what) {
            what = INNER.replace_all(&what, "").into_owned();
        }
        for one in what.split(',') {
            let name = one.trim().split("::").next().unwrap_or_default();
            let name = name.trim_end_matches('}');
            let module = EXPORTED.iter().find(|(exported, _)| *exported == name);
            names.push(module.map_or(name, |(_, module)| module).to_owned());
        }
    }
    names
}

#[test]
fn no_module_knows_one_that_stands_below_it_in_the_picture() {
    let picture = picture();
    let floor = |name: &str| picture.iter().position(|one| one == name);
    let (mut arrows, mut upward, mut used) = (0, Vec::new(), 0);
    for path in files("src", ".rs") {
        let (Some(own), name) = (module(&path), shown(&path)) else {
            continue;
        };
        if name.contains("/tests") {
            continue;
        }
        let own_floor =
            floor(&own).unwrap_or_else(|| panic!("{own} is not in ARCHITECTURE.md's picture"));
        let text = fs::read_to_string(&path).expect("a source");
        for other in known(&text) {
            let Some(other_floor) = floor(&other).filter(|_| other != own) else {
                continue;
            };
            arrows += 1;
            let is_allowed = |(from, to, _): &(&str, [&str; 2], &str)| {
                name.starts_with(from) && to.contains(&other.as_str())
            };
            if ALLOWED.iter().any(is_allowed) {
                used += 1;
            } else if other_floor > own_floor {
                upward.push(format!("{name} knows {other}"));
            }
        }
    }
    assert!(arrows > 300, "only {arrows} imports were found");
    assert!(used > 0, "nothing needs what ALLOWED allows");
    assert!(upward.is_empty(), "{}", upward.join("\n"));
}

#[test]
fn imports_are_read_however_they_are_grouped() {
    let text = "use crate::pool::Pool;\nuse crate::{Run, stats::{self, Room}, units};\n// crate::no\n\
                fn f(x: lanherd::report::Report) {}\n#[cfg(test)]\nmod tests {\n    use crate::bdd;\n}\n";
    assert_eq!(known(text), ["pool", "run", "stats", "units", "report"]);
}
