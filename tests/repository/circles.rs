//! That no files import each other in a circle, where that has been brought about.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use regex::Regex;

use super::{files, root, shown};

/// Folders of which no two files know each other, not even by way of others. Elsewhere the file of a module and those of its parts may:
/// there a part is a piece of the module's own type.
const FREE: [&str; 1] = ["crates/lanherd-net/src/linux"];

/// A module, by its names from the crate's root.
type Module = Vec<String>;

/// The module that a file is, and the crate's folder of sources.
fn module(sources: &Path, file: &Path) -> Module {
    let below = file.strip_prefix(sources).expect("a file of the crate");
    let below = below.with_extension("");
    let names = below
        .iter()
        .map(|name| name.to_str().expect("a name").to_owned());
    names.filter(|name| name != "lib").collect()
}

/// The paths that a `use` names, those of its groups included.
fn spread(prefix: &str, tree: &str, paths: &mut Vec<String>) {
    let tree = tree.trim();
    let Some((head, group)) = tree.split_once('{') else {
        let name = tree.split(" as ").next().unwrap_or_default().trim();
        if !name.is_empty() {
            paths.push(format!("{prefix}{name}"));
        }
        return;
    };
    let prefix = format!("{prefix}{}", head.trim());
    let group = group.strip_suffix('}').unwrap_or(group);
    let (mut depth, mut start) = (0, 0);
    for (at, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                spread(&prefix, &group[start..at], paths);
                start = at + 1;
            }
            _ => {}
        }
    }
    spread(&prefix, &group[start..], paths);
}

/// The paths within its crate that a file imports or names, without those of its tests.
fn named(text: &str) -> Vec<String> {
    static USE: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?m)^\s*(?:pub(?:\([^)]*\))? )?use ([^;]+);").expect("a pattern")
    });
    static PATH: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?:^|[^\w:])((?:crate|super|self)(?:::\w+)+)").expect("a pattern")
    });
    let code = text.split("\nmod tests {").next().unwrap_or_default();
    let is_code = |line: &&str| {
        let line = line.trim_start();
        !line.starts_with("//") && !line.contains("pub(in ")
    };
    let code: Vec<_> = code.lines().filter(is_code).collect();
    let code = code.join("\n");
    let mut paths = Vec::new();
    for found in USE.captures_iter(&code) {
        spread(
            "",
            &found[1].split_whitespace().collect::<Vec<_>>().join(" "),
            &mut paths,
        );
    }
    paths.extend(PATH.captures_iter(&code).map(|found| found[1].to_owned()));
    paths
}

/// The module that holds what `path` names, seen from `own`; `None`: another crate's.
fn holder(modules: &BTreeMap<Module, String>, own: &Module, path: &str) -> Option<Module> {
    let mut names = path.split("::").map(str::trim).peekable();
    let mut at = match names.peek().copied()? {
        "crate" => Module::new(),
        "self" | "super" => own.clone(),
        first => {
            let mut child = own.clone();
            child.push(first.to_owned());
            modules.contains_key(&child).then(|| own.clone())?
        }
    };
    for name in names {
        match name {
            "crate" | "self" => {}
            "super" => drop(at.pop()),
            name => at.push(name.to_owned()),
        }
    }
    while !modules.contains_key(&at) {
        at.pop()?;
    }
    Some(at)
}

/// Which modules each module knows.
fn knowledge(modules: &BTreeMap<Module, String>) -> BTreeMap<&Module, BTreeSet<Module>> {
    let known = modules.iter().map(|(own, text)| {
        let named = named(text);
        let others = named.iter().filter_map(|path| holder(modules, own, path));
        (own, others.filter(|other| other != own).collect())
    });
    known.collect()
}

/// The modules that know themselves by way of others, each with a neighbour through which it does.
fn circling(modules: &BTreeMap<Module, String>) -> Vec<String> {
    let knowledge = knowledge(modules);
    let mut circling = Vec::new();
    for own in modules.keys() {
        for first in &knowledge[own] {
            let (mut seen, mut open) = (BTreeSet::new(), vec![first]);
            while let Some(next) = open.pop() {
                if seen.insert(next) {
                    open.extend(&knowledge[next]);
                }
            }
            if seen.contains(own) {
                circling.push(format!("{} -> {}", own.join("::"), first.join("::")));
            }
        }
    }
    circling
}

#[test]
fn no_file_knows_itself_by_way_of_others() {
    for folder in FREE {
        let sources = root().join(folder.split_inclusive("src").next().unwrap_or_default());
        let mut modules = BTreeMap::new();
        for path in files(folder, ".rs")
            .into_iter()
            .chain([root().join(format!("{folder}.rs"))])
        {
            let name = shown(&path);
            if !name.contains("/tests") {
                let text = fs::read_to_string(&path).expect("a source");
                modules.insert(module(&sources, &path), text);
            }
        }
        let arrows: usize = knowledge(&modules).values().map(BTreeSet::len).sum();
        assert!(arrows > 100, "{folder}: only {arrows} imports were found");
        let circling = circling(&modules);
        assert!(circling.is_empty(), "{}", circling.join("\n"));
    }
}

#[test]
fn a_circle_is_found_however_it_is_written() {
    let module = |name: &str| name.split("::").map(str::to_owned).collect::<Module>();
    let mut modules = BTreeMap::from([
        (module("net"), "mod arp;\nuse arp::Table;\n".to_owned()),
        (
            module("net::arp"),
            "use std::io;\nuse super::{wire::{self, Frame}, seat};\n".to_owned(),
        ),
        (
            module("net::wire"),
            "// use super::arp::Table;\nfn f(of: crate::net::seat::Seat) {}\nmod tests {\n    use super::arp;\n}\n".to_owned(),
        ),
        (module("net::seat"), String::new()),
    ]);
    assert_eq!(circling(&modules), Vec::<String>::new());
    modules.insert(
        module("net::seat"),
        "pub(super) use super::arp::{\n    Table,\n};\n".to_owned(),
    );
    assert_eq!(
        circling(&modules),
        [
            "net::arp -> net::seat",
            "net::arp -> net::wire",
            "net::seat -> net::arp",
            "net::wire -> net::seat"
        ]
    );
}
